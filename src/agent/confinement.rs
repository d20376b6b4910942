//! What the agent may change of the file system, once it runs: the folders that its configuration writes to, and nothing else;
//! and it may execute nothing. The kernel's landlock holds that, where there is one, and it cannot be undone: a reload
//! that would write elsewhere needs a restart.
//!
//! Reading is not confined: logs lie behind links that appear while the agent runs and lead anywhere.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    path_beneath_rules,
};

use crate::settings::Landlock;

/// The folders and files that may be changed; `None` if all may.
#[derive(Debug, Default)]
pub struct Confinement(Option<Vec<PathBuf>>);

/// Writing of every kind that Linux 6.2 knows; an older kernel holds what it knows.
const KNOWN: ABI = ABI::V3;

impl Confinement {
    /// Confines this thread, and all that it starts from now on, to changes at or below these paths. One that does not exist
    /// stands for the nearest folder above it that does, since it may have to be made.
    pub fn enforce(landlock: Landlock, written: &[PathBuf]) -> Self {
        if landlock == Landlock::Off {
            return Self(None);
        }
        let mut granted: Vec<PathBuf> = written.iter().filter_map(|path| existing(path)).collect();
        granted.sort();
        granted.dedup();
        match restrict(&granted) {
            Ok(RulesetStatus::NotEnforced) => {
                tracing::debug!("this kernel has no landlock: the agent is not confined");
                Self(None)
            }
            Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {
                tracing::debug!("confined: nothing is changed but at or below {granted:?}");
                Self(Some(granted))
            }
            Err(error) => {
                tracing::warn!("the agent is not confined: {error}");
                Self(None)
            }
        }
    }

    /// Whether all of these may be changed; an error names the one that may not and says what helps.
    pub fn check(&self, written: &[PathBuf]) -> Result<(), String> {
        let Some(granted) = &self.0 else {
            return Ok(());
        };
        let is_granted = |path: &PathBuf| {
            let Some(place) = existing(path) else {
                return false;
            };
            granted.iter().any(|granted| place.starts_with(granted))
        };
        match written.iter().find(|path| !is_granted(path)) {
            None => Ok(()),
            Some(path) => Err(format!(
                "{} is written to by the new configuration and was not at the start, and landlock allows no more than \
                 then: restart the agent, or start it with `security.landlock: off`",
                path.display()
            )),
        }
    }
}

fn restrict(granted: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let writing = AccessFs::from_write(KNOWN);
    let status = Ruleset::default()
        .handle_access(writing | AccessFs::Execute)?
        .create()?
        .add_rules(path_beneath_rules(granted, writing))?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// The path with its links followed, or the nearest one above it that exists.
fn existing(path: &Path) -> Option<PathBuf> {
    // A file without a folder lies in the present one.
    let path = match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    };
    let absolute = std::path::absolute(path).ok()?;
    absolute
        .ancestors()
        .find_map(|place| place.canonicalize().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::TcpListener;
    use std::path::{Path, PathBuf};

    use super::{Confinement, existing};
    use crate::settings::Landlock;

    #[test]
    fn a_path_that_is_not_there_stands_for_the_folder_above_it() {
        let folder = std::env::temp_dir().canonicalize().expect("it exists");
        let deep = folder.join("sawlog-none/such/folder");
        assert_eq!(existing(&deep), Some(folder));
        assert_eq!(existing(Path::new("/")), Some(PathBuf::from("/")));
    }

    #[test]
    fn what_lies_below_a_granted_folder_passes_and_the_rest_is_named() {
        let folder = std::env::temp_dir().canonicalize().expect("it exists");
        let confinement = Confinement(Some(vec![folder.clone()]));
        assert_eq!(confinement.check(&[folder.join("a/b")]), Ok(()));
        let error = confinement.check(&[folder.join("a"), PathBuf::from("/nowhere/b")]);
        let error = error.expect_err("it lies elsewhere");
        assert!(error.starts_with("/nowhere/b is written to"), "{error}");
        assert_eq!(Confinement(None).check(&[PathBuf::from("/")]), Ok(()));
    }

    /// It holds for a thread, so a test has one of its own; this kernel must have landlock.
    #[test]
    fn a_confined_thread_writes_below_its_folders_reads_everything_and_executes_nothing() {
        let name = format!("sawlog-confined-{}", std::process::id());
        let (inside, outside) = (
            std::env::temp_dir().join(&name),
            std::env::temp_dir().join(format!("{name}-outside")),
        );
        for folder in [&inside, &outside] {
            fs::create_dir_all(folder).expect("the temporary folder is writable");
        }
        let file = outside.join("old");
        fs::write(&file, "text").expect("the folder is ours");
        let (granted, forbidden) = (inside.clone(), outside.clone());
        let confined = std::thread::spawn(move || {
            let confinement = Confinement::enforce(Landlock::Auto, std::slice::from_ref(&granted));
            assert!(confinement.0.is_some(), "this kernel has no landlock");
            let deep = granted.join("deep");
            fs::create_dir(&deep).expect("it lies inside");
            fs::write(deep.join("a"), "x").expect("it lies inside");
            fs::rename(deep.join("a"), granted.join("b")).expect("both lie inside");
            fs::remove_file(granted.join("b")).expect("it lies inside");
            let denied = |tried: std::io::Result<()>| {
                let kind = tried.expect_err("it lies outside").kind();
                assert_eq!(kind, std::io::ErrorKind::PermissionDenied);
            };
            denied(fs::write(forbidden.join("new"), "x"));
            denied(fs::write(forbidden.join("old"), "x"));
            denied(fs::remove_file(forbidden.join("old")));
            denied(fs::create_dir(forbidden.join("folder")));
            denied(std::process::Command::new("/bin/true").status().map(|_| ()));
            let text = fs::read_to_string(forbidden.join("old"));
            assert_eq!(text.expect("reading is free"), "text");
            assert!(TcpListener::bind("127.0.0.1:0").is_ok());
        });
        confined.join().expect("what it asserts holds");
        for folder in [inside, outside] {
            fs::remove_dir_all(folder).expect("it is ours");
        }
    }
}
