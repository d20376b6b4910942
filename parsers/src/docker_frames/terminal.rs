//! The bare lines of a container with a terminal.
//!
//! They end with a carriage return and a newline, and the daemon puts the time before each of its
//! records, so it stands in the middle of a line wherever 16 384 bytes of it have passed. A time
//! counts only there: what looks like one elsewhere is text.

use super::{CHUNK_BYTES, Decoder, Rest, Step, TIME_BYTES_MAX, time_before};
use crate::Stream;

/// Whether the stream goes on behind the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    Follows,
    Ended,
}

impl Decoder {
    pub(super) fn terminal(&mut self, rest: &[u8], skipped: usize, more: More) -> Step {
        let wait = Step::NeedMore { consumed: skipped };
        if more == More::Follows && rest.len() < TIME_BYTES_MAX && !rest.contains(&b'\n') {
            return wait;
        }
        let (time, begin) = time_before(rest);
        let text = rest.get(begin..).unwrap_or_default();
        let record =
            |length: usize, partial: bool, truncated: bool, consumed: usize| Step::Record {
                stream: Stream::Stdout,
                time,
                payload: skipped + begin..skipped + begin + length,
                partial,
                truncated,
                consumed: skipped + begin + consumed,
            };
        let most = self.record_bytes_max.max(CHUNK_BYTES);
        let from = self.searched.min(text.len());
        let chunk = if time.is_some() {
            self.chunk_end(text, from)
        } else {
            Chunk::None
        };
        if chunk == Chunk::Unknown && more == More::Follows {
            return wait;
        }
        let window = text.get(from..text.len().min(most + 1)).unwrap_or_default();
        let newline = memchr::memchr(b'\n', window).map(|at| from + at);
        let step = match (newline, chunk) {
            (newline, Chunk::At(end)) if newline.is_none_or(|at| CHUNK_BYTES <= at) => {
                record(end, true, false, CHUNK_BYTES)
            }
            (Some(at), _) => {
                let line = text.get(..at).unwrap_or_default();
                record(
                    line.strip_suffix(b"\r").unwrap_or(line).len(),
                    false,
                    false,
                    at + 1,
                )
            }
            (None, _) if most < text.len() => {
                self.rest = Rest::Line;
                record(most, false, true, most)
            }
            (None, _) if more == More::Ended => record(text.len(), true, false, text.len()),
            (None, _) => {
                self.searched = text.len();
                return wait;
            }
        };
        self.searched = 0;
        step
    }

    /// Whether the daemon's buffer was full here and the next record begins with a time.
    fn chunk_end(&self, text: &[u8], searched: usize) -> Chunk {
        let head = text
            .get(searched..text.len().min(CHUNK_BYTES))
            .unwrap_or_default();
        if memchr::memchr(b'\n', head).is_some() || text.len() < CHUNK_BYTES {
            return Chunk::None;
        }
        let next = text.get(CHUNK_BYTES..).unwrap_or_default();
        let (time, begin) = time_before(next);
        if time.is_none() {
            let short = next.len() < TIME_BYTES_MAX && !next.contains(&b'\n');
            return if short { Chunk::Unknown } else { Chunk::None };
        }
        // The carriage return of the line's end may be the chunk's last byte, its newline the next
        // chunk's first.
        let returned = text.get(CHUNK_BYTES - 1) == Some(&b'\r');
        match next.get(begin) {
            None if returned => Chunk::Unknown,
            Some(b'\n') if returned => Chunk::At(CHUNK_BYTES - 1),
            _ => Chunk::At(CHUNK_BYTES),
        }
    }
}

/// What lies where the daemon's buffer would be full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// Text, or nothing yet.
    None,
    /// Another record; this one's text has so many bytes.
    At(usize),
    /// More bytes must tell.
    Unknown,
}
