//! The state's file: read at the start, written while the output runs. A damaged file is set aside and told.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::outputs::graphite::ledger::{Commit, Share};
use crate::outputs::graphite::slots::Slots;
use crate::outputs::graphite::state;
use crate::queue::ack::PatientAck;
use crate::queue::in_step::{self, Step};
use crate::queue::whole_file;

/// Below the folder of a pipeline.
const FOLDER: &str = "graphite";

const ENDING: &str = "state";

/// Where the state of an output lies.
pub fn path(folder: &Path, id: &str) -> PathBuf {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let mut name = String::new();
    for letter in id.chars() {
        match is_plain(letter) {
            true => name.push(letter),
            false => name.push_str(&format!("%{:x}", u32::from(letter))),
        }
    }
    folder.join(FOLDER).join(format!("{name}.{ENDING}"))
}

/// The states of all outputs that a pipeline with this folder ever had, in order. None if there is no folder.
pub fn all(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join(FOLDER)).into_iter().flatten();
    let paths = entries.flatten().map(|entry| entry.path());
    let is_state = |path: &PathBuf| path.extension().is_some_and(|ending| ending == ENDING);
    let mut states: Vec<_> = paths.filter(is_state).collect();
    states.sort();
    states
}

/// Fills empty slots with what an earlier run left. What cannot be read is set aside, and the slots are empty: `true` then.
pub fn load(path: &Path, empty: Slots) -> (Slots, bool) {
    let fault = match std::fs::read_to_string(path) {
        Ok(text) => match state::decode(&text, empty.clone()) {
            Ok(slots) => return (slots, false),
            Err(fault) => fault.to_string(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (empty, false),
        Err(error) => error.to_string(),
    };
    let aside = path.with_extension("damaged");
    let place = match std::fs::rename(path, &aside) {
        Ok(()) => format!("it lies in {} now", aside.display()),
        Err(error) => format!("it cannot be set aside: {error}"),
    };
    let path = path.display();
    tracing::error!(
        "the sums in {path} cannot be read ({fault}); {place}. Open intervals begin at zero"
    );
    (empty, true)
}

/// What became of a commit.
pub struct Saved {
    /// The number of events that are safe now, or why none is, and what waits for the next try.
    pub result: Result<u64, (io::Error, Vec<Share>)>,
    /// See `Commit::pushed_since`.
    pub pushed_since: Option<i64>,
    /// Of the file.
    pub bytes: usize,
    /// From the making of the text on.
    pub took: Duration,
}

/// Writes a commit and the moves of positions that go with it; once it is durable, acknowledges its batches and saves the
/// positions. A crash between the two is made good by `catch_up`.
pub fn save(path: &Path, commit: Commit, started: Instant) -> Saved {
    let Commit {
        mut text,
        shares,
        pushed_since,
    } = commit;
    let events = shares.iter().map(|share| share.events).sum();
    let step = Step::of(shares.iter().flat_map(|share| &share.acks));
    let mut shares = Some(shares);
    let written = step.take(
        |moves| {
            state::finish(&mut text, moves);
            whole_file::replace(path, text.as_bytes())
        },
        || {
            let acks = shares.take().into_iter().flatten();
            acks.flat_map(|share| share.acks)
                .for_each(PatientAck::settle);
        },
    );
    let result = match written {
        Ok(()) => Ok(events),
        Err(error) => Err((error, shares.unwrap_or_default())),
    };
    Saved {
        result,
        pushed_since,
        bytes: text.len(),
        took: started.elapsed(),
    }
}

/// Has the positions that the last run did not save catch up with its sums. Before any input begins.
pub fn catch_up(path: &Path) {
    // A file that cannot be read is told when it is loaded.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // Positions must not outlive the sums that they go with.
    let durable = whole_file::make_durable(path);
    if let Err(error) = durable.and_then(|()| in_step::catch_up(&state::moves(&text))) {
        let path = path.display();
        tracing::error!(
            "positions cannot be brought in step with the sums in {path}: {error}; events may be counted twice"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{load, path};
    use crate::outputs::graphite::slots::Slots;
    use std::path::Path;

    #[test]
    fn an_id_is_one_name_in_the_folder() {
        let folder = Path::new("data");
        let name = |id| path(folder, id).display().to_string();
        assert_eq!(
            name("output_graphite_1"),
            "data/graphite/output_graphite_1.state"
        );
        assert_eq!(name("../a b"), "data/graphite/%2e%2e%2fa%20b.state");
    }

    #[test]
    fn a_damaged_state_is_set_aside() {
        let folder = std::env::temp_dir().join(format!("sawlog-store-{}", std::process::id()));
        let path = path(&folder, "a");
        let empty = || Slots::new(10, &[]);
        assert!(!load(&path, empty()).1);
        std::fs::create_dir_all(folder.join("graphite")).expect("the folder is ours");
        std::fs::write(&path, "sawlog graphite 1\nslot").expect("the folder is ours");
        assert!(load(&path, empty()).1);
        assert!(!load(&path, empty()).1);
        let kept = std::fs::read_to_string(folder.join("graphite/a.damaged"));
        assert_eq!(kept.expect("it was set aside"), "sawlog graphite 1\nslot");
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }
}
