//! Cuts a stream of bytes into pieces of whole records. What an input read comes in, a piece for a batch goes out; the
//! beginning of the record that is not complete yet waits here. A record without an end is cut at the limit.

use crate::codecs::framing::Framing;
use crate::limits;

/// The state of one stream between two reads.
#[derive(Debug, Default)]
pub struct Cutter {
    /// The beginning of a record.
    carry: Vec<u8>,
    /// The record was cut at the limit, and the rest of it is skipped.
    skipping: bool,
    /// Bytes that were read behind the end of the last piece.
    behind: usize,
}

/// A buffer to read into.
#[derive(Debug)]
pub struct Room {
    /// Becomes the batch's bytes. Half as much again is reserved for what filters append.
    pub bytes: Vec<u8>,
    /// Where to read to: before it stands what was left of the last read.
    pub start: usize,
}

impl Cutter {
    /// A stream that begins inside a record that was cut at the limit.
    pub fn skipping() -> Self {
        Self {
            skipping: true,
            ..Self::default()
        }
    }

    /// Whether the stream stands inside a record that was cut at the limit.
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Bytes that were read and are in no piece yet.
    pub fn waiting(&self) -> usize {
        self.carry.len()
    }

    /// Bytes that were read behind the end of the last piece, be they kept or skipped.
    pub fn behind(&self) -> usize {
        self.behind
    }

    /// A buffer with room for so many bytes. It has to come back in `cut`.
    pub fn room(&mut self, count: usize) -> Room {
        let start = self.carry.len();
        let mut bytes = Vec::with_capacity((start + count) * 3 / 2);
        // Its memory goes with it: thousands of streams have had a long record some time.
        bytes.extend_from_slice(&std::mem::take(&mut self.carry));
        bytes.resize(start + count, 0);
        Room { bytes, start }
    }

    /// Takes a buffer into which `count` bytes were read, and gives its whole records: nothing, if there is none.
    pub fn cut(&mut self, room: Room, count: usize, framing: &Framing) -> Vec<u8> {
        let mut bytes = room.bytes;
        bytes.truncate(room.start + count);
        if self.skipping {
            let Some(end) = framing.first_end(&bytes) else {
                self.keep_from(&bytes, framing.undecided(&bytes));
                return Vec::new();
            };
            bytes.drain(..end);
            self.skipping = false;
        }
        let whole = framing.cut(&bytes);
        if whole == 0 && limits::LINE_BYTES_MAX < bytes.len() {
            self.skipping = true;
            self.keep_from(&bytes, framing.undecided(&bytes));
            self.behind = bytes.len() - (limits::LINE_BYTES_MAX + 1);
            // One byte more than the limit, by which the codec sees that the record goes on.
            bytes.truncate(limits::LINE_BYTES_MAX + 1);
            return bytes;
        }
        self.keep_from(&bytes, whole);
        self.behind = bytes.len() - whole;
        bytes.truncate(whole);
        bytes
    }

    fn keep_from(&mut self, bytes: &[u8], start: usize) {
        self.carry
            .extend_from_slice(bytes.get(start..).unwrap_or(b""));
    }

    /// The stream has ended: the record without an end.
    pub fn rest(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.carry);
        self.behind = 0;
        match std::mem::take(&mut self.skipping) {
            true => Vec::new(),
            false => rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use sawlog_parsers::lines::Delimiter;

    use super::Cutter;
    use crate::codecs::framing::Framing;
    use crate::limits;

    /// Feeds pieces of a stream and joins what comes out, `|` between the batches.
    fn feed<'a>(framing: &Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut cutter = Cutter::default();
        let mut out = Vec::new();
        for piece in pieces {
            let mut room = cutter.room(piece.len() + 7);
            room.bytes[room.start..room.start + piece.len()].copy_from_slice(piece);
            let whole = cutter.cut(room, piece.len(), framing);
            if !whole.is_empty() {
                out.extend_from_slice(&whole);
                out.push(b'|');
            }
        }
        out.extend_from_slice(&cutter.rest());
        out
    }

    fn lines(delimiter: &[u8]) -> Framing {
        Framing::Lines(Delimiter::new(delimiter).expect("it is not empty"))
    }

    #[track_caller]
    fn check(delimiter: &[u8], pieces: &[&[u8]], want: &[u8]) {
        let got = feed(&lines(delimiter), pieces.iter().copied());
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(want));
    }

    #[test]
    fn pieces_end_behind_a_delimiter() {
        check(b"\n", &[b"a\nb", b"", b"c\n", b"d"], b"a\n|bc\n|d");
        check(b"\n", &[b"a", b"b", b"c"], b"abc");
        check(b"\r\n", &[b"a\r", b"\nb\r\n"], b"a\r\nb\r\n|");
    }

    #[test]
    fn records_do_not_depend_on_how_the_stream_was_read() {
        // The first two dashes end a record, and the third begins the next one.
        check(b"--", &[b"a---b--"], b"a---b--|");
        check(b"--", &[b"a---", b"b--"], b"a--|-b--|");
    }

    #[test]
    fn it_is_known_how_many_bytes_are_behind_a_piece() {
        let framing = lines(b"\n");
        let mut cutter = Cutter::default();
        let mut feed = |piece: &[u8]| {
            let mut room = cutter.room(piece.len());
            room.bytes[room.start..].copy_from_slice(piece);
            let whole = cutter.cut(room, piece.len(), &framing).len();
            (whole, cutter.behind())
        };
        assert_eq!(feed(b"ab\ncd"), (3, 2));
        assert_eq!(feed(b"e\n"), (4, 0));
        let long = vec![b'x'; limits::LINE_BYTES_MAX + 5];
        assert_eq!(feed(&long), (limits::LINE_BYTES_MAX + 1, 4));
        assert_eq!(feed(b"yz\nab\nc"), (3, 1));
    }

    #[test]
    fn a_record_without_end_is_cut_at_the_limit_and_the_rest_skipped() {
        let piece = vec![b'x'; 300 << 10];
        for delimiter in [&b"\n"[..], b"--"] {
            let mut pieces = vec![&piece[..]; 9];
            pieces.extend([&b"y-"[..], b"-next--", b"\nlast\n"]);
            let got = feed(&lines(delimiter), pieces);
            let cut = limits::LINE_BYTES_MAX + 1;
            assert_eq!(got[..cut], vec![b'x'; cut]);
            let rest = String::from_utf8_lossy(&got[cut..]).into_owned();
            match delimiter {
                b"\n" => assert_eq!(rest, "|last\n|"),
                _ => assert_eq!(rest, "|next--|\nlast\n"),
            }
        }
    }
}
