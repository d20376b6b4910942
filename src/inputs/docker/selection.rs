//! Which containers are read: globs over names, images and labels. Every kind of include that is given must match, no
//! exclude may; a label `sawlog.exclude=true` and the agent's own container are never read.

use crate::docker::container::Container;
use crate::plugin::Options;

/// The checked options.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    names: Globs,
    images: Globs,
    labels: Globs,
    own_id: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct Globs {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Globs {
    fn of(options: &Options, include: &str, exclude: &str) -> Self {
        let texts = |name| {
            options
                .list(name)
                .iter()
                .map(|word| word.text.clone())
                .collect()
        };
        Self {
            include: texts(include),
            exclude: texts(exclude),
        }
    }

    fn allow(&self, matches: impl Fn(&str) -> bool) -> bool {
        (self.include.is_empty() || self.include.iter().any(|glob| matches(glob)))
            && !self.exclude.iter().any(|glob| matches(glob))
    }
}

impl Selection {
    pub fn of(options: &Options) -> Self {
        Self {
            names: Globs::of(options, "include_names", "exclude_names"),
            images: Globs::of(options, "include_images", "exclude_images"),
            labels: Globs::of(options, "include_labels", "exclude_labels"),
            own_id: None,
        }
    }

    /// Leaves out the container that the agent runs in.
    pub fn without(mut self, own_id: Option<String>) -> Self {
        self.own_id = own_id;
        self
    }

    /// Whether a container is to be read.
    pub fn takes(&self, container: &Container) -> bool {
        self.own_id.as_deref() != Some(&*container.id)
            && !has_label(container, "sawlog.exclude=true")
            && self.names.allow(|glob| glob_matches(glob, &container.name))
            && self
                .images
                .allow(|glob| glob_matches(glob, &container.image))
            && self.labels.allow(|glob| has_label(container, glob))
    }
}

/// Whether a container has a label: `key` or `key=value`, both globs.
fn has_label(container: &Container, glob: &str) -> bool {
    let (key, value) = match glob.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (glob, None),
    };
    container.labels.iter().any(|label| {
        glob_matches(key, &label.key) && value.is_none_or(|value| glob_matches(value, &label.value))
    })
}

/// Whether a text is like a glob, where `*` stands for any text and `?` for one character. Takes time in proportion to both
/// lengths multiplied, at most.
fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while place < text.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || Some(&wanted) == text.get(place) => {
                at += 1;
                place += 1;
            }
            _ => {
                // The last star takes one character more.
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                place = taken + 1;
            }
        }
    }
    glob.iter().skip(at).all(|&rest| rest == '*')
}

/// The id of the container that this process runs in. Docker mounts three files of its own into every container, from the
/// container's folder.
pub fn own_id() -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(container_of_mount)
}

fn container_of_mount(line: &str) -> Option<String> {
    let mut columns = line.split(' ').skip(3);
    let (source, target) = (columns.next()?, columns.next()?);
    if !matches!(target, "/etc/hostname" | "/etc/hosts" | "/etc/resolv.conf") {
        return None;
    }
    source
        .split('/')
        .find(|part| crate::docker::container::is_id(part))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Globs, Selection, container_of_mount, glob_matches};
    use crate::docker::container::{Container, Label};

    fn container(name: &str, labels: &[(&str, &str)]) -> Container {
        let label = |&(key, value): &(&str, &str)| Label {
            key: key.to_owned(),
            field: key.replace('.', "_"),
            value: value.to_owned(),
        };
        Container {
            id: "ab".repeat(32),
            name: name.to_owned(),
            image: "nginx:1.25".to_owned(),
            labels: labels.iter().map(label).collect(),
            ..Container::default()
        }
    }

    fn globs(include: &[&str], exclude: &[&str]) -> Globs {
        let texts = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect();
        Globs {
            include: texts(include),
            exclude: texts(exclude),
        }
    }

    #[track_caller]
    fn check(glob: &str, text: &str, want: bool) {
        assert_eq!(glob_matches(glob, text), want, "{glob} {text}");
    }

    #[test]
    fn globs_match_the_whole_text() {
        check("web", "web", true);
        check("web", "web1", false);
        check("web*", "web1", true);
        check("*web*", "my-web-1", true);
        check("w?b", "wäb", true);
        check("w?b", "wb", false);
        check("*", "", true);
        check("a*b*c", "abbbc", true);
        check("a*b*c", "abbbd", false);
        check("", "a", false);
    }

    #[test]
    fn an_exclude_is_stronger_than_an_include() {
        let selection = Selection {
            names: globs(&["web*"], &["*-test"]),
            ..Selection::default()
        };
        assert!(selection.takes(&container("web-1", &[])));
        assert!(!selection.takes(&container("web-test", &[])));
        assert!(!selection.takes(&container("db", &[])));
    }

    #[test]
    fn labels_match_by_key_or_by_key_and_value() {
        let selection = Selection {
            labels: globs(&["app", "com.x=1*"], &[]),
            ..Selection::default()
        };
        assert!(selection.takes(&container("a", &[("app", "")])));
        assert!(selection.takes(&container("a", &[("com.x", "12")])));
        assert!(!selection.takes(&container("a", &[("com.x", "2")])));
        assert!(!selection.takes(&container("a", &[])));
    }

    #[test]
    fn the_agent_never_reads_itself_nor_what_asks_to_be_left_out() {
        let other = container("a", &[]);
        assert!(Selection::default().takes(&other));
        assert!(
            !Selection::default()
                .without(Some("ab".repeat(32)))
                .takes(&other)
        );
        assert!(!Selection::default().takes(&container("a", &[("sawlog.exclude", "true")])));
        assert!(Selection::default().takes(&container("a", &[("sawlog.exclude", "false")])));
    }

    #[test]
    fn the_own_container_is_found_by_dockers_mounts() {
        let id = "0a".repeat(32);
        let line = format!(
            "609 588 254:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw - ext4 /dev/vda1 rw"
        );
        assert_eq!(container_of_mount(&line), Some(id.clone()));
        let foreign =
            format!("609 588 0:49 / /var/lib/docker/containers/{id}/mounts/shm rw - tmpfs shm rw");
        assert_eq!(container_of_mount(&foreign), None);
    }
}
