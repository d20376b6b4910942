//! Logstash's own file of positions, taken over when it stands at `sincedb_path`: a line for each file, with inode, major
//! and minor number of the device, offset, and in newer ones a time and the path. It is read and left as it is; this
//! agent's positions go into a file beside it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::inputs::file::identity::Place;

/// Where Logstash stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    inode: u64,
    major: u32,
    minor: u32,
    pub offset: u64,
}

impl Entry {
    /// Whether a file is the one. Logstash writes the whole number of a device as the minor one at times.
    pub fn is_at(&self, place: Place) -> bool {
        let device = rustix::fs::makedev(self.major, self.minor);
        let whole = self.major == 0 && u64::from(self.minor) == place.device;
        self.inode == place.inode && (device == place.device || whole)
    }
}

/// Parses the file. Nothing if it is not what Logstash writes.
pub fn parse(text: &[u8]) -> Option<Vec<Entry>> {
    let text = std::str::from_utf8(text).ok()?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace();
    Some(Entry {
        inode: words.next()?.parse().ok()?,
        major: words.next()?.parse().ok()?,
        minor: words.next()?.parse().ok()?,
        offset: words.next()?.parse().ok()?,
    })
}

/// Where this agent's positions go when Logstash's are at `path`.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".sawlog");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::inputs::file::identity::Place;

    #[track_caller]
    fn check(line: &str, device: u64, want: Option<u64>) {
        let entries = parse(line.as_bytes()).expect("the line is good");
        let place = Place {
            device,
            inode: 271013,
        };
        let found = entries.iter().find(|entry| entry.is_at(place));
        assert_eq!(found.map(|entry| entry.offset), want, "{line}");
    }

    #[test]
    fn inode_and_device_name_the_file() {
        check("271013 253 1 4096", 0xfd01, Some(4096));
        check(
            "271013 0 64769 4096 1790000000.5 /var/log/a b.log",
            0xfd01,
            Some(4096),
        );
        check("271013 253 2 4096\n\n", 0xfd01, None);
        check("271014 253 1 4096", 0xfd01, None);
    }

    #[test]
    fn other_files_are_told_apart() {
        assert_eq!(parse(b"{\"a\":1}"), None);
        assert_eq!(parse(b"1 2 3"), None);
        assert_eq!(parse(b""), Some(Vec::new()));
    }
}
