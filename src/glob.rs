//! Patterns of paths, as Ruby's `Dir.glob` has them: `*` and `?` within a name, `**` for any folders, sets `[a-z]`,
//! alternatives `{a,b}`. Paths come in, yes or no goes out; folders are walked elsewhere.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::limits;

/// A pattern of absolute paths, without alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
}

/// What one name of a path, or any row of names, has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Exactly this name.
    Name(Box<[u8]>),
    /// A name that fits.
    Pattern(Box<[u8]>),
    /// `**`: any number of folders whose names do not begin with a dot.
    Folders,
}

impl Glob {
    /// Compiles a pattern; alternatives give one each. An error says what is wrong with it.
    pub fn compile(text: &str) -> Result<Vec<Self>, String> {
        if !text.starts_with('/') {
            return Err(format!("`{text}` is not an absolute path"));
        }
        let all = alternatives(text.as_bytes())?;
        Ok(all.iter().map(|text| Self::of(text)).collect())
    }

    fn of(text: &[u8]) -> Self {
        let mut parts: Vec<Part> = text
            .split(|&byte| byte == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .map(Part::of)
            .collect();
        // At the end there is a file's name, and two stars mean what one does.
        if let Some(last @ Part::Folders) = parts.last_mut() {
            *last = Part::of(b"*");
        }
        Self { parts }
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The folder below which everything that fits lies.
    pub fn fixed_folder(&self) -> PathBuf {
        let folders = self
            .parts
            .split_last()
            .map_or(&[][..], |(_, folders)| folders);
        let mut folder = PathBuf::from("/");
        for part in folders {
            match part {
                Part::Name(name) => folder.push(OsStr::from_bytes(name)),
                Part::Pattern(_) | Part::Folders => break,
            }
        }
        folder
    }

    /// Whether a path fits.
    pub fn fits(&self, path: &Path) -> bool {
        let names: Vec<&OsStr> = path.iter().skip(1).collect();
        parts_fit(&self.parts, &names)
    }
}

impl Part {
    fn of(text: &[u8]) -> Self {
        match text {
            b"**" => Self::Folders,
            text if is_pattern(text) => Self::Pattern(text.into()),
            text => Self::Name(text.into()),
        }
    }
}

fn parts_fit(parts: &[Part], names: &[&OsStr]) -> bool {
    let Some((part, parts_left)) = parts.split_first() else {
        return names.is_empty();
    };
    let Some((name, names_left)) = names.split_first() else {
        return matches!(part, Part::Folders) && parts_fit(parts_left, names);
    };
    match part {
        Part::Name(want) => name.as_bytes() == &**want && parts_fit(parts_left, names_left),
        Part::Pattern(pattern) => {
            name_fits(pattern, name.as_bytes()) && parts_fit(parts_left, names_left)
        }
        Part::Folders => {
            parts_fit(parts_left, names)
                || (!name.as_bytes().starts_with(b".") && parts_fit(parts, names_left))
        }
    }
}

/// Whether a text holds anything that is not taken literally.
pub fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[{\\".contains(byte))
}

/// Whether a file name fits a pattern without `{a,b}`. A leading dot has to be written.
pub fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    let (mut pattern_at, mut name_at) = (0, 0);
    // Where to go on if what follows the last star does not fit: one byte further in the name.
    let mut retry: Option<(usize, usize)> = None;
    while name_at < name.len() {
        if pattern.get(pattern_at) == Some(&b'*') {
            retry = Some((pattern_at + 1, name_at));
            pattern_at += 1;
            continue;
        }
        let byte = name.get(name_at).copied().unwrap_or(0);
        if let Some(length) = one_fits(pattern.get(pattern_at..).unwrap_or(b""), byte) {
            pattern_at += length;
            name_at += 1;
            continue;
        }
        let Some((behind_star, tried)) = retry else {
            return false;
        };
        retry = Some((behind_star, tried + 1));
        (pattern_at, name_at) = (behind_star, tried + 1);
    }
    let left = pattern.get(pattern_at..).unwrap_or(b"");
    left.iter().all(|byte| *byte == b'*')
}

/// Whether a file name fits one of a pattern's alternatives. A pattern of too many fits nothing.
pub fn matches(pattern: &str, name: &str) -> bool {
    let fits = |one: &Vec<u8>| name_fits(one, name.as_bytes());
    alternatives(pattern.as_bytes()).is_ok_and(|all| all.iter().any(fits))
}

/// Whether a byte fits the beginning of a pattern; gives how much of the pattern that was.
fn one_fits(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => match set_end(rest) {
            Some(end) => {
                let set = rest.get(..end)?;
                set_holds(set, byte).then_some(end + 2)
            }
            None => (byte == b'[').then_some(1),
        },
        [b'\\', escaped, ..] => (byte == *escaped).then_some(2),
        [plain, ..] => (byte == *plain).then_some(1),
        [] => None,
    }
}

/// Where the `]` of a set stands; one that comes first belongs to the set.
fn set_end(rest: &[u8]) -> Option<usize> {
    let negated = usize::from(matches!(rest.first(), Some(b'^' | b'!')));
    let from = negated + 1;
    let place = rest.get(from..)?.iter().position(|byte| *byte == b']')?;
    Some(from + place)
}

fn set_holds(set: &[u8], byte: u8) -> bool {
    let (members, negated) = match set {
        [b'^' | b'!', members @ ..] => (members, true),
        members => (members, false),
    };
    let mut rest = members;
    let mut found = false;
    while let Some((&first, after)) = rest.split_first() {
        if let [b'-', last, behind @ ..] = after {
            found |= (first..=*last).contains(&byte);
            rest = behind;
        } else {
            found |= first == byte;
            rest = after;
        }
    }
    found != negated
}

/// Writes out `{a,b}`, outermost first.
pub fn alternatives(text: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut done = Vec::new();
    let mut open = vec![text.to_vec()];
    while let Some(text) = open.pop() {
        match first_braces(&text) {
            None => done.push(text),
            Some((start, commas, end)) => {
                let (before, after) = (text.get(..start), text.get(end + 1..));
                let mut from = start + 1;
                for to in commas.into_iter().chain([end]) {
                    let chosen = text.get(from..to).unwrap_or(b"");
                    open.push([before.unwrap_or(b""), chosen, after.unwrap_or(b"")].concat());
                    from = to + 1;
                }
            }
        }
        if limits::GLOB_ALTERNATIVES_MAX < open.len() + done.len() {
            let most = limits::GLOB_ALTERNATIVES_MAX;
            return Err(format!("a pattern stands for at most {most} alternatives"));
        }
    }
    done.reverse();
    Ok(done)
}

/// Places of the first `{`, of the commas at its level and of its `}`.
fn first_braces(text: &[u8]) -> Option<(usize, Vec<usize>, usize)> {
    let start = text.iter().position(|byte| *byte == b'{')?;
    let (mut depth, mut commas) = (0, Vec::new());
    for (place, byte) in text.iter().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some((start, commas, place)),
            b'}' => depth -= 1,
            b',' if depth == 1 => commas.push(place),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Glob, name_fits};

    #[track_caller]
    fn check(pattern: &str, path: &str, want: bool) {
        let globs = Glob::compile(pattern).expect("the pattern is good");
        let got = globs.iter().any(|glob| glob.fits(Path::new(path)));
        assert_eq!(got, want, "{pattern} and {path}");
    }

    #[test]
    fn names_fit_stars_and_question_marks() {
        check("/var/log/*.log", "/var/log/a.log", true);
        check("/var/log/*.log", "/var/log/a.log.1", false);
        check("/var/log/*.log", "/var/log/b/a.log", false);
        check("/var/log/*.log", "/var/log/.log", false);
        check("/var/log/a?c", "/var/log/abc", true);
        check("/var/log/a?c", "/var/log/ac", false);
        check("/a*b*c", "/axxbyybzc", true);
        check("/a*b*c", "/axxbyybz", false);
        check("//a/./b", "/a/b", true);
    }

    #[test]
    fn two_stars_are_any_folders() {
        check("/var/**/x.log", "/var/x.log", true);
        check("/var/**/x.log", "/var/a/b/x.log", true);
        check("/var/**/x.log", "/var/.git/x.log", false);
        check("/var/**/*.log", "/var/a/b", false);
        check("/var/**", "/var/a", true);
        check("/var/**", "/var/a/b", false);
    }

    #[test]
    fn sets_and_alternatives() {
        check("/x[0-9].log", "/x7.log", true);
        check("/x[0-9].log", "/xa.log", false);
        check("/x[^0-9].log", "/xa.log", true);
        check("/x[]a].log", "/x].log", true);
        check("/x[", "/x[", true);
        check("/{a,b{c,d}}.log", "/a.log", true);
        check("/{a,b{c,d}}.log", "/bd.log", true);
        check("/{a,b{c,d}}.log", "/b.log", false);
        check("/{a", "/{a", true);
        check(r"/\*", "/*", true);
        check(r"/\*", "/a", false);
    }

    #[test]
    fn what_cannot_be_watched_is_refused() {
        assert!(Glob::compile("var/log/x").is_err());
        assert!(Glob::compile(&format!("/{}", "{a,b}".repeat(20))).is_err());
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let pattern = b"*a".repeat(60);
        assert!(!name_fits(&pattern, &b"a".repeat(59)));
        assert!(name_fits(&pattern, &b"a".repeat(60)));
    }
}
