//! Which file is which. A path can lead to another file tomorrow, and an inode's number is used again, so a file is known
//! by fingerprints over its first bytes and over those before the place where reading stands, with device and inode as a hint.
//! Positions carry all of it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::limits;

/// Where the kernel keeps a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub device: u64,
    pub inode: u64,
}

impl Place {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// A hash over some bytes of a file, at its beginning or before an offset: as many as there were, up to
/// `limits::FINGERPRINT_BYTES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    bytes: usize,
    hash: u64,
}

impl Fingerprint {
    /// The fingerprint of a file that begins like this, or of the bytes themselves if they are no more.
    pub fn of(head: &[u8]) -> Self {
        let head = head.get(..limits::FINGERPRINT_BYTES).unwrap_or(head);
        Self {
            bytes: head.len(),
            hash: hash(head),
        }
    }

    /// Whether a file that begins like this can be the one, grown since.
    pub fn fits(&self, head: &[u8]) -> bool {
        head.get(..self.bytes)
            .is_some_and(|same| hash(same) == self.hash)
    }

    /// Whether it covers nothing: the file was empty.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// How many bytes it covers.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are as many bytes in it as there can be.
    pub fn is_full(&self) -> bool {
        self.bytes == limits::FINGERPRINT_BYTES
    }

    fn to_json(self) -> Value {
        json!({
            "bytes": self.bytes,
            "hash": format!("{:016x}", self.hash),
        })
    }

    fn from_json(json: &Value) -> Option<Self> {
        let bytes = json.get("bytes")?.as_u64()?;
        Some(Self {
            bytes: usize::try_from(bytes).ok()?,
            hash: u64::from_str_radix(json.get("hash")?.as_str()?, 16).ok()?,
        })
    }
}

/// FNV-1a with 64 bits: short, and the same in every version of the agent.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where an earlier run, or this one, stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The path in the events; what is not UTF-8 in it is replaced.
    pub path: String,
    pub place: Place,
    pub fingerprint: Fingerprint,
    /// Everything before it is safe.
    pub offset: u64,
    /// Of the bytes before the offset; of nothing if they are not known, as earlier versions kept it.
    pub last: Fingerprint,
    /// The offset lies inside a line that was cut at the limit.
    pub skipping: bool,
    /// When it was read, in seconds since 1970.
    pub time: i64,
    /// When its content began, in nanoseconds since 1970, as far as we know: the file was found then, or found emptied.
    pub began: i64,
    /// When the file was made, where the file system tells. Earlier versions kept nothing of it.
    pub born: Option<SystemTime>,
    /// When it was last written to, in nanoseconds since 1970, as far as we know; 0 if not, as earlier versions kept it.
    pub modified: i64,
    /// Bytes that were there behind the offset, as far as we looked.
    pub left: u64,
    /// Everything of a removed file is before the offset.
    pub is_over: bool,
    /// It was told that the file is gone.
    pub is_told: bool,
    /// In mode `read`: its path was logged.
    pub is_logged: bool,
}

impl Position {
    /// Whether a file with the same inode can be the one by its age: an inode's number is used again.
    pub fn is_as_old(&self, born: Option<SystemTime>) -> bool {
        match (self.born, born) {
            (Some(own), Some(born)) => own == born,
            (None, Some(_)) => !self.is_before(born),
            (_, None) => true,
        }
    }

    /// Whether a file can have been made after this one was found. Another machine's clock may tell so in error.
    fn is_before(&self, born: Option<SystemTime>) -> bool {
        let found = Duration::from_nanos(u64::try_from(self.began).unwrap_or(0));
        born.is_none_or(|born| UNIX_EPOCH + found < born)
    }

    /// Whether there are bytes by which a copy is known: those before the offset, or the first if nothing was read.
    pub fn is_told_by_bytes(&self) -> bool {
        match self.offset {
            0 => !self.fingerprint.is_empty(),
            _ => !self.last.is_empty(),
        }
    }

    /// Whether two files that both have what was read are the same, or one a copy of the other: enough of it is known.
    pub fn is_sure(&self) -> bool {
        self.fingerprint.is_full() && self.last.is_full()
    }

    /// Whether there was more than what was read.
    pub fn is_short(&self) -> bool {
        0 < self.left || self.offset < self.fingerprint.len() as u64
    }

    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "path": self.path,
            "device": self.place.device,
            "inode": self.place.inode,
            "fingerprint": self.fingerprint.to_json(),
            "offset": self.offset,
            "time": self.time,
            "began": self.began,
        });
        if !self.last.is_empty() {
            json["last"] = self.last.to_json();
        }
        if self.skipping {
            json["skipping"] = Value::Bool(true);
        }
        if self.is_over {
            json["over"] = Value::Bool(true);
        }
        if self.is_logged {
            json["logged"] = Value::Bool(true);
        }
        if self.is_told {
            json["told"] = Value::Bool(true);
        }
        if self.modified != 0 {
            json["modified"] = self.modified.into();
        }
        if self.left != 0 {
            json["left"] = self.left.into();
        }
        let since_1970 = self
            .born
            .and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        if let Some(born) = since_1970.and_then(|born| u64::try_from(born.as_nanos()).ok()) {
            json["born"] = born.into();
        }
        json
    }

    /// Nothing if a part is missing.
    pub fn from_json(json: &Value) -> Option<Self> {
        let last = json.get("last").and_then(Fingerprint::from_json);
        let is_set = |name: &str| json.get(name).is_some_and(|value| value == true);
        Some(Self {
            path: json.get("path")?.as_str()?.to_owned(),
            place: Place {
                device: json.get("device")?.as_u64()?,
                inode: json.get("inode")?.as_u64()?,
            },
            fingerprint: Fingerprint::from_json(json.get("fingerprint")?)?,
            offset: json.get("offset")?.as_u64()?,
            last: last.unwrap_or(Fingerprint::of(b"")),
            skipping: is_set("skipping"),
            time: json.get("time")?.as_i64()?,
            began: json.get("began").and_then(Value::as_i64).unwrap_or(0),
            born: json
                .get("born")
                .and_then(Value::as_u64)
                .map(|born| UNIX_EPOCH + Duration::from_nanos(born)),
            is_over: is_set("over"),
            is_logged: is_set("logged"),
            is_told: is_set("told"),
            modified: json.get("modified").and_then(Value::as_i64).unwrap_or(0),
            left: json.get("left").and_then(Value::as_u64).unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{Fingerprint, Place, Position};
    use crate::limits;

    #[test]
    fn a_fingerprint_fits_a_file_that_grew() {
        let fingerprint = Fingerprint::of(b"one\n");
        assert!(fingerprint.fits(b"one\ntwo\n"));
        assert!(!fingerprint.fits(b"one"));
        assert!(!fingerprint.fits(b"two\none\n"));
        assert!(Fingerprint::of(b"").fits(b"anything"));
    }

    #[test]
    fn a_fingerprint_takes_the_first_bytes_only() {
        let long = vec![b'x'; limits::FINGERPRINT_BYTES + 50];
        assert!(Fingerprint::of(&long).is_full());
        assert_eq!(
            Fingerprint::of(&long),
            Fingerprint::of(&long[..limits::FINGERPRINT_BYTES])
        );
    }

    #[test]
    fn a_position_comes_back_from_json() {
        let mut position = Position {
            path: "/var/log/x".to_owned(),
            place: Place {
                device: 7,
                inode: u64::MAX,
            },
            fingerprint: Fingerprint::of(b"abc"),
            offset: 12,
            last: Fingerprint::of(b"xyz"),
            skipping: false,
            time: 1_790_000_000,
            began: 1_780_000_000_123_456_789,
            born: Some(UNIX_EPOCH + Duration::from_nanos(1_780_000_000_012_345_678)),
            is_over: false,
            is_logged: false,
            is_told: false,
            modified: 1_789_000_000_123_456_789,
            left: 0,
        };
        assert_eq!(
            Position::from_json(&position.to_json()),
            Some(position.clone())
        );
        position.skipping = true;
        position.born = None;
        position.last = Fingerprint::of(b"");
        position.is_over = true;
        position.is_logged = true;
        position.is_told = true;
        position.modified = 0;
        position.left = 3;
        assert_eq!(Position::from_json(&position.to_json()), Some(position));
        assert_eq!(Position::from_json(&serde_json::json!({"offset": 7})), None);
    }
}
