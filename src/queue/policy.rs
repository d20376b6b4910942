//! What the settings say of an output's queue: where it is kept, how much it may hold, and what happens when it is full.

use std::path::PathBuf;

use crate::queue::folders;

/// Which blocks wait on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those that nobody could send again, such as syslog; files and containers are read again instead.
    Auto,
    /// None.
    Memory,
    /// All.
    Persisted,
}

impl Kind {
    /// Whether this waits on disk. `is_pushed`: nobody could send it again.
    pub fn keeps(self, is_pushed: bool) -> bool {
        match self {
            Self::Auto => is_pushed,
            Self::Memory => false,
            Self::Persisted => true,
        }
    }
}

/// What becomes of a block for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// It waits, and so do the workers and the inputs.
    Block,
    /// The oldest make room for it; they are counted.
    DropOldest,
    /// It is dropped and counted.
    DropNewest,
}

/// The policy of a pipeline's queues.
#[derive(Clone, Debug)]
pub struct Policy {
    pub kind: Kind,
    pub full: Full,
    pub bytes_max: u64,
    pub segment_bytes: u64,
    /// The folder of this pipeline's queues; each output has one of its own in it.
    pub folder: PathBuf,
}

impl Policy {
    /// Nothing waits on disk.
    pub fn in_memory() -> Self {
        Self {
            kind: Kind::Memory,
            full: Full::Block,
            bytes_max: 0,
            segment_bytes: 0,
            folder: PathBuf::new(),
        }
    }

    /// Where the queue of the output with this id lies.
    pub fn folder_of(&self, output: &str) -> PathBuf {
        folders::folder(&self.folder, output)
    }
}
