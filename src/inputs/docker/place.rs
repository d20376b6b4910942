//! Where a container's log was read to: a file, known by its content, and an offset in it. Names change with every rotation
//! and inodes are used again at once, so neither identifies a file.

use sawlog_parsers::docker_json;
use sawlog_parsers::lines::Delimiter;
use serde_json::{Map, Value, json};

use crate::limits::FINGERPRINT_BYTES;

/// What a log file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Time of the first record, nanoseconds since 1970, if it is known yet.
    pub first: Option<i64>,
    length: u64,
    hash: u64,
}

impl Identity {
    /// The identity of a file with that beginning. A file may still grow, so what exists counts.
    pub fn of(head: &[u8], first: Option<i64>) -> Self {
        let head = head.get(..FINGERPRINT_BYTES).unwrap_or(head);
        Self {
            first,
            length: head.len() as u64,
            hash: hash(head),
        }
    }

    /// Whether nothing of the file was there yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether the beginning can still be known better.
    pub fn is_short(&self) -> bool {
        self.length < FINGERPRINT_BYTES as u64
    }

    /// Whether a file with that beginning is this one, perhaps grown since.
    pub fn matches(&self, head: &[u8]) -> bool {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let Some(same) = head.get(..length) else {
            return false;
        };
        if self.is_empty() || hash(same) != self.hash {
            return false;
        }
        match (self.first, first_time(head)) {
            (Some(known), Some(found)) => known == found,
            _ => true,
        }
    }
}

/// The time of the first record in a file's beginning, if that is long enough to hold it.
pub fn first_time(head: &[u8]) -> Option<i64> {
    let end = Delimiter::newline().first_end(head)?;
    docker_json::parse(head.get(..end)?)?.time
}

/// FNV-1a with 64 bits: short, and the same in every version of the agent.
pub fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A place in a log file; the offset counts uncompressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: Identity,
    pub offset: u64,
}

impl Place {
    fn to_json(self) -> Value {
        let Self { file, offset } = self;
        json!({"first": file.first, "length": file.length, "hash": file.hash, "offset": offset})
    }

    fn from_json(value: &Value) -> Option<Self> {
        let file = Identity {
            first: value.get("first").and_then(Value::as_i64),
            length: value.get("length")?.as_u64()?,
            hash: value.get("hash")?.as_u64()?,
        };
        Some(Self {
            file,
            offset: value.get("offset")?.as_u64()?,
        })
    }
}

/// What was last handed over of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// Time of the last line.
    pub time: i64,
    /// How many lines with that time were handed over.
    pub count: u64,
    /// Hashes of the lines with that time.
    pub lines: Vec<u64>,
}

/// Where a container stands: its place in the files or, read through the Engine, the last line of each stream. Files' places
/// come with the times too, so that the way of reading can change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub at: Option<Place>,
    /// Where the line begins that a stream is in the middle of; `at` lies behind it.
    pub open: [Option<Place>; 2],
    /// Of standard output and standard error.
    pub last: [Option<Last>; 2],
    /// The time of the earliest line that is not finished yet.
    pub open_time: Option<i64>,
}

const STREAMS: [&str; 2] = ["stdout", "stderr"];

impl Position {
    pub fn to_json(&self) -> Value {
        let mut all = Map::new();
        if let Some(at) = self.at {
            all.insert("at".to_owned(), at.to_json());
        }
        if let Some(time) = self.open_time {
            all.insert("open_time".to_owned(), time.into());
        }
        for ((stream, open), last) in STREAMS.iter().zip(&self.open).zip(&self.last) {
            let mut one = Map::new();
            if let Some(open) = open {
                one.insert("open".to_owned(), open.to_json());
            }
            if let Some(last) = last {
                one.insert("time".to_owned(), last.time.into());
                one.insert("count".to_owned(), last.count.into());
                one.insert("lines".to_owned(), json!(last.lines));
            }
            if !one.is_empty() {
                all.insert((*stream).to_owned(), one.into());
            }
        }
        all.into()
    }

    pub fn from_json(value: &Value) -> Self {
        let mut position = Self {
            at: value.get("at").and_then(Place::from_json),
            open_time: value.get("open_time").and_then(Value::as_i64),
            ..Self::default()
        };
        let slots = position.open.iter_mut().zip(&mut position.last);
        for (stream, (open, last)) in STREAMS.iter().zip(slots) {
            let Some(one) = value.get(stream) else {
                continue;
            };
            *open = one.get("open").and_then(Place::from_json);
            let lines: Vec<u64> = one
                .get("lines")
                .and_then(Value::as_array)
                .map(|lines| lines.iter().filter_map(Value::as_u64).collect())
                .unwrap_or_default();
            let count = one.get("count").and_then(Value::as_u64);
            *last = one.get("time").and_then(Value::as_i64).map(|time| Last {
                time,
                count: count.unwrap_or(lines.len() as u64),
                lines,
            });
        }
        position
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, Last, Place, Position};

    const RECORD: &[u8] =
        b"{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-20T16:46:09.5Z\"}\n";

    #[test]
    fn a_file_that_grew_is_the_same() {
        let identity = Identity::of(RECORD, super::first_time(RECORD));
        let grown = [RECORD, RECORD, RECORD, RECORD, RECORD].concat();
        assert!(identity.matches(RECORD));
        assert!(identity.matches(&grown));
    }

    #[test]
    fn a_file_that_begins_otherwise_is_another() {
        let identity = Identity::of(RECORD, super::first_time(RECORD));
        let other = String::from_utf8_lossy(RECORD).replace("09.5", "09.6");
        assert!(!identity.matches(other.as_bytes()));
        assert!(!identity.matches(b""));
        assert!(!identity.matches(&RECORD[..10]));
    }

    #[test]
    fn the_first_records_time_tells_apart_what_begins_alike() {
        let long = |time: &str| {
            format!(
                "{{\"log\":\"{}\\n\",\"stream\":\"stdout\",\"time\":\"{time}\"}}\n",
                "x".repeat(500)
            )
        };
        let (one, other) = (long("2026-11-20T16:46:09Z"), long("2026-11-20T16:46:10Z"));
        let identity = Identity::of(one.as_bytes(), super::first_time(one.as_bytes()));
        assert!(identity.matches(one.as_bytes()));
        assert!(!identity.matches(other.as_bytes()));
    }

    #[test]
    fn an_empty_beginning_identifies_nothing() {
        assert!(!Identity::of(b"", None).matches(RECORD));
    }

    #[test]
    fn a_position_comes_back_from_its_json() {
        let place = |offset| Place {
            file: Identity::of(RECORD, Some(7)),
            offset,
        };
        let position = Position {
            at: Some(place(300)),
            open: [None, Some(place(100))],
            last: [
                Some(Last {
                    time: 5,
                    count: 3,
                    lines: vec![u64::MAX, 1],
                }),
                None,
            ],
            open_time: Some(4),
        };
        assert_eq!(Position::from_json(&position.to_json()), position);
        assert_eq!(
            Position::from_json(&serde_json::json!([1])),
            Position::default()
        );
    }
}
