//! How the records of a stream are told apart. Bytes come in, ranges of records go out; what a record means is not asked
//! here.

use std::ops::Range;

use memchr::memmem;

/// How records are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// What the input hands over is one record: a datagram, a message.
    Whole,
    /// Each record ends with a delimiter.
    Lines(Delimiter),
}

impl Framing {
    /// Records that end with these bytes.
    pub fn lines(delimiter: &[u8]) -> Self {
        Self::Lines(Delimiter(delimiter.into()))
    }

    /// How many of these bytes are whole records.
    pub fn cut(&self, bytes: &[u8]) -> usize {
        match self {
            Self::Whole => bytes.len(),
            Self::Lines(delimiter) => delimiter.cut(bytes),
        }
    }

    /// Where the first record that begins in these bytes, or before them, ends.
    pub fn first_end(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Whole => Some(bytes.len()),
            Self::Lines(Delimiter(delimiter)) => {
                memmem::find(bytes, delimiter).map(|place| place + delimiter.len())
            }
        }
    }

    /// From where on these bytes, which hold no end of a record, could be the beginning of one.
    pub fn undecided(&self, bytes: &[u8]) -> usize {
        match self {
            Self::Whole => bytes.len(),
            Self::Lines(Delimiter(delimiter)) => {
                bytes.len() - delimiter.len().saturating_sub(1).min(bytes.len())
            }
        }
    }
}

/// What ends a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delimiter(Box<[u8]>);

/// The delimiter unless another one is written.
pub const NEWLINE: &[u8] = b"\n";

impl Delimiter {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn cut(&self, bytes: &[u8]) -> usize {
        let last = match &*self.0 {
            [] => return bytes.len(),
            [byte] => memchr::memrchr(*byte, bytes),
            several => memmem::rfind(bytes, several),
        };
        last.map_or(0, |place| place + self.0.len())
    }

    /// The lines of a text, without their ends: the delimiter and, where that is a newline, one carriage return before it.
    /// What is behind the last delimiter is a line too, unless it is empty.
    pub fn lines(&self, text: &[u8]) -> Vec<Range<usize>> {
        let width = self.0.len();
        let mut lines = Vec::with_capacity(text.len() / 100 + 1);
        let mut start = 0;
        let mut push = |end: usize| {
            lines.push(start..end);
            start = end + width;
        };
        match &*self.0 {
            [] => {}
            [byte] => memchr::memchr_iter(*byte, text).for_each(&mut push),
            several => memmem::find_iter(text, several).for_each(&mut push),
        }
        if start < text.len() {
            lines.push(start..text.len());
        }
        if &*self.0 == NEWLINE {
            for line in &mut lines {
                if line.start < line.end && text.get(line.end - 1) == Some(&b'\r') {
                    line.end -= 1;
                }
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::{Delimiter, Framing};

    #[track_caller]
    fn check(delimiter: &[u8], text: &[u8], want: &[&[u8]]) {
        let lines = Delimiter(delimiter.into()).lines(text);
        let got: Vec<&[u8]> = lines
            .into_iter()
            .map(|line| text.get(line).expect("a line lies in its text"))
            .collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_newline_and_one_carriage_return_are_stripped() {
        check(
            b"\n",
            b"a\nb\r\n\r\r\n\nlast",
            &[b"a", b"b", b"\r", b"", b"last"],
        );
        check(b"\n", b"", &[]);
        check(b"\n", b"\n", &[b""]);
        check(b"\n", b"a\0b\n", &[b"a\0b"]);
    }

    #[test]
    fn other_delimiters_leave_carriage_returns() {
        check(b"\0", b"a\r\0b", &[b"a\r", b"b"]);
        check(b"||", b"a|b||c\n||", &[b"a|b", b"c\n"]);
        check(b"", b"a\nb", &[b"a\nb"]);
    }

    #[test]
    fn the_cut_is_behind_the_last_delimiter() {
        assert_eq!(Framing::lines(b"\n").cut(b"a\nb\nc"), 4);
        assert_eq!(Framing::lines(b"||").cut(b"a||b|"), 3);
        assert_eq!(Framing::lines(b"\n").cut(b"abc"), 0);
        assert_eq!(Framing::Whole.cut(b"abc"), 3);
    }
}
