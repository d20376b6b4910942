//! Points of the write path at which a test kills the agent, to see that nothing acknowledged is lost there. Without the
//! feature `failpoints` a point is nothing at all.
//!
//! `FAILPOINTS="queue-commit-written=3*off->return"` dies when that point is reached for the fourth time.

/// A point of the way to disk: of the queue's log, of a small file that is replaced as a whole, of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A record was taken into memory.
    Append,
    /// A group is about to be written.
    Commit,
    /// A group is written and not yet synced.
    CommitWritten,
    /// A group is on disk; nobody knows yet.
    CommitSynced,
    /// A new segment has its header and its temporary name.
    SegmentWritten,
    /// A new segment has its name; the folder is not synced.
    SegmentRenamed,
    /// A new segment is there for good.
    SegmentCreated,
    /// The state is about to be written.
    StateWrite,
    /// A slot of the state is written and not yet synced.
    StateWritten,
    /// The state is on disk; what it needs no longer is still there.
    BeforeUnlink,
    /// A segment is removed.
    AfterUnlink,
    /// Positions or sums are written under a temporary name.
    FileWritten,
    /// They are synced.
    FileSynced,
    /// They have their name; the folder is not synced.
    FileRenamed,
    /// Dead letters are written and not yet synced.
    LettersWritten,
    /// They are on disk; their documents are not yet done with.
    LettersSynced,
}

/// Every point, so that a test can walk them.
#[cfg(any(test, feature = "failpoints"))]
pub const ALL: [Point; 16] = [
    Point::Append,
    Point::Commit,
    Point::CommitWritten,
    Point::CommitSynced,
    Point::SegmentWritten,
    Point::SegmentRenamed,
    Point::SegmentCreated,
    Point::StateWrite,
    Point::StateWritten,
    Point::BeforeUnlink,
    Point::AfterUnlink,
    Point::FileWritten,
    Point::FileSynced,
    Point::FileRenamed,
    Point::LettersWritten,
    Point::LettersSynced,
];

#[cfg(any(test, feature = "failpoints"))]
impl Point {
    /// What `FAILPOINTS` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "queue-append",
            Self::Commit => "queue-commit",
            Self::CommitWritten => "queue-commit-written",
            Self::CommitSynced => "queue-commit-synced",
            Self::SegmentWritten => "queue-segment-written",
            Self::SegmentRenamed => "queue-segment-renamed",
            Self::SegmentCreated => "queue-segment-created",
            Self::StateWrite => "queue-state-write",
            Self::StateWritten => "queue-state-written",
            Self::BeforeUnlink => "queue-before-unlink",
            Self::AfterUnlink => "queue-after-unlink",
            Self::FileWritten => "file-written",
            Self::FileSynced => "file-synced",
            Self::FileRenamed => "file-renamed",
            Self::LettersWritten => "letters-written",
            Self::LettersSynced => "letters-synced",
        }
    }
}

/// Reads which point is to kill the process.
#[cfg(feature = "failpoints")]
pub fn arm() {
    // Kept for ever: its end would disarm the points.
    std::mem::forget(fail::FailScenario::setup());
    for (name, action) in fail::list() {
        let known = ALL.iter().any(|point| point.name() == name);
        eprintln!("sawlog: crash point {name}={action}, known: {known}");
    }
}

#[cfg(not(feature = "failpoints"))]
pub fn arm() {}

/// Dies here, as by `kill -9`, if a test wants it.
#[cfg(feature = "failpoints")]
pub fn point(point: Point) {
    if fail::eval(point.name(), |_| ()).is_some() {
        let own = rustix::process::getpid();
        if let Err(error) = rustix::process::kill_process(own, rustix::process::Signal::KILL) {
            eprintln!("sawlog: cannot kill itself: {error}");
        }
        std::process::abort();
    }
}

#[cfg(not(feature = "failpoints"))]
pub fn point(_: Point) {}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ALL.iter().map(|point| point.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        let rooms = ["queue-", "file-", "letters-"];
        assert!(
            names
                .iter()
                .all(|name| rooms.iter().any(|room| name.starts_with(room)))
        );
    }
}
