//! What the settings say of an output's queue: where it is kept, how much it may hold, and what happens when it is full.

use std::path::{Path, PathBuf};

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
    /// For tests: nothing waits on disk.
    #[cfg(test)]
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
        self.folder.join(file_name(output))
    }

    /// Whether anything can ever wait on disk.
    pub fn keeps(&self, is_any_pushed: bool) -> bool {
        match self.kind {
            Kind::Auto => is_any_pushed,
            Kind::Memory => false,
            Kind::Persisted => true,
        }
    }
}

/// The folder of all queues below a data folder.
pub fn root(path_queue: Option<&Path>, path_data: &Path) -> PathBuf {
    path_queue.map_or_else(|| path_data.join("queue"), Path::to_owned)
}

/// An id as the name of a folder: whatever a file system or a shell could take amiss is written as `%` and its code.
pub fn file_name(id: &str) -> String {
    let mut name = String::new();
    for (place, byte) in id.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-')
            || (byte == b'.' && place != 0);
        match is_plain {
            true => name.push(char::from(byte)),
            false => name.push_str(&format!("%{byte:02x}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn an_id_becomes_a_harmless_name() {
        assert_eq!(
            file_name("output_elasticsearch_1"),
            "output_elasticsearch_1"
        );
        assert_eq!(file_name("../etc"), "%2e.%2fetc");
        assert_eq!(file_name("a b%"), "a%20b%25");
    }
}
