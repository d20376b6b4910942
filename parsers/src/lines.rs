//! Records of a stream that end with a delimiter, lines above all: bytes in, ranges of records out.
//!
//! A [`Delimiter`] is a newline or any other text, searched for from the beginning: where two could overlap, the first one
//! counts, so that records do not depend on the pieces in which a stream is read. [`Delimiter::records`] gives what stands
//! between delimiters, [`Delimiter::lines`] the same without the carriage return of a line that was written for Windows or
//! for a terminal. Reading, and keeping the beginning of a record until its end has come, are the caller's;
//! [`Delimiter::whole`] says how much can be taken now.
//!
//! ```
//! use sawlog_parsers::lines::Delimiter;
//!
//! let newline = Delimiter::newline();
//! let (mut buffer, mut lines) = (Vec::new(), Vec::new());
//! for piece in [&b"GET /\r\nGET /ca"[..], b"rt\nGET", b" /shop"] {
//!     buffer.extend_from_slice(piece);
//!     let whole = newline.whole(&buffer);
//!     lines.extend(newline.lines(&buffer[..whole]).map(|line| buffer[line].to_vec()));
//!     buffer.drain(..whole);
//! }
//! assert_eq!(lines, [&b"GET /"[..], b"GET /cart"]);
//! assert_eq!(buffer, b"GET /shop");
//! ```
//!
//! The framing is the "Non-Transparent-Framing" of RFC 6587, section 3.4.2, and what Logstash's codec `line` and its input
//! `file` mean by their option `delimiter`. A connection of syslog, where counted messages may stand between lines, is
//! [`framing`](crate::framing)'s.

use std::fmt;
use std::ops::Range;

use memchr::Memchr;
use memchr::memmem::{Finder, FinderRev};

use crate::Error;

/// What ends a record. Made once, it is searched for by any number of threads.
///
/// ```
/// use sawlog_parsers::lines::Delimiter;
///
/// let blank_line = Delimiter::new(b"\n\n")?;
/// let text = b"at main\nat run\n\nat exit\n\nat ";
/// let records: Vec<&[u8]> = blank_line.records(text).map(|record| &text[record]).collect();
/// assert_eq!(records, [&b"at main\nat run"[..], b"at exit", b"at "]);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Clone)]
pub struct Delimiter(Search);

#[derive(Clone)]
enum Search {
    Byte([u8; 1]),
    Several(Box<Several>),
}

#[derive(Clone)]
struct Several {
    first: Finder<'static>,
    /// Absent where one delimiter could begin inside of another: the last such bytes are then not always a delimiter.
    last: Option<FinderRev<'static>>,
}

impl Delimiter {
    /// Records that end with these bytes.
    ///
    /// # Errors
    ///
    /// It is empty, so that nothing would end a record.
    ///
    /// ```
    /// use sawlog_parsers::lines::Delimiter;
    ///
    /// assert_eq!(Delimiter::new(b"\r\n")?.whole(b"one\r\ntwo\r"), 5);
    /// let error = Delimiter::new(b"").expect_err("nothing ends a record");
    /// assert_eq!(error.to_string(), "delimiter: it is empty; it has to hold the bytes that end a record");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn new(bytes: &[u8]) -> Result<Delimiter, Error> {
        match bytes {
            [] => Err(Error::new(
                "delimiter: it is empty; it has to hold the bytes that end a record",
            )),
            [byte] => Ok(Delimiter(Search::Byte([*byte]))),
            several => Ok(Delimiter(Search::Several(Box::new(Several {
                first: Finder::new(several).into_owned(),
                last: (!overlaps_itself(several)).then(|| FinderRev::new(several).into_owned()),
            })))),
        }
    }

    /// Lines: records that end with a newline. It costs nothing to make.
    ///
    /// ```
    /// use sawlog_parsers::lines::Delimiter;
    ///
    /// static NEWLINE: Delimiter = Delimiter::newline();
    /// assert_eq!(NEWLINE, Delimiter::default());
    /// assert_eq!(NEWLINE.lines(b"one\ntwo").count(), 2);
    /// ```
    #[inline]
    pub const fn newline() -> Delimiter {
        Delimiter(Search::Byte([b'\n']))
    }

    /// The delimiter itself, which an output writes behind each record.
    ///
    /// ```
    /// use sawlog_parsers::lines::Delimiter;
    ///
    /// let mut out = b"a record".to_vec();
    /// out.extend_from_slice(Delimiter::newline().bytes());
    /// assert_eq!(out, b"a record\n");
    /// ```
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Search::Byte(byte) => byte,
            Search::Several(several) => several.first.needle(),
        }
    }

    /// How many of these bytes, which begin where a record does, are whole records with their delimiters. The rest waits
    /// for more of the stream.
    ///
    /// ```
    /// use sawlog_parsers::lines::Delimiter;
    ///
    /// assert_eq!(Delimiter::newline().whole(b"one\ntwo\nth"), 8);
    /// assert_eq!(Delimiter::newline().whole(b"on"), 0);
    /// // The first two bars end the record, and the third begins the next one.
    /// assert_eq!(Delimiter::new(b"||")?.whole(b"one|||"), 5);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    #[inline]
    pub fn whole(&self, bytes: &[u8]) -> usize {
        let last = match &self.0 {
            Search::Byte([byte]) => memchr::memrchr(*byte, bytes),
            Search::Several(several) => match &several.last {
                Some(finder) => finder.rfind(bytes),
                None => several.first.find_iter(bytes).last(),
            },
        };
        last.map_or(0, |place| place + self.bytes().len())
    }

    /// Where the record that is under way at the beginning of these bytes ends, its delimiter included; `None` if it goes
    /// on behind them.
    ///
    /// ```
    /// use sawlog_parsers::lines::Delimiter;
    ///
    /// // The rest of a line whose beginning was too long is passed over.
    /// let buffer = b"of a long line\nthe next line\n";
    /// let end = Delimiter::newline().first_end(buffer).expect("the line ends");
    /// assert_eq!(&buffer[end..], b"the next line\n");
    /// assert_eq!(Delimiter::newline().first_end(b"of a long l"), None);
    /// ```
    #[inline]
    pub fn first_end(&self, bytes: &[u8]) -> Option<usize> {
        Some(self.find(bytes)? + self.bytes().len())
    }

    /// From where on these bytes, in which no record ends, have to be kept since a delimiter could begin there: one byte
    /// less than it has at most. With a newline nothing has to be.
    ///
    /// ```
    /// use sawlog_parsers::lines::Delimiter;
    ///
    /// let end = Delimiter::new(b"--\n")?;
    /// let mut kept = b"a record that is passed over--".to_vec();
    /// kept.drain(..end.undecided(&kept));
    /// kept.extend_from_slice(b"\nthe next");
    /// let next = end.first_end(&kept).expect("the delimiter is whole");
    /// assert_eq!(&kept[next..], b"the next");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    #[inline]
    pub fn undecided(&self, bytes: &[u8]) -> usize {
        bytes.len().saturating_sub(self.bytes().len() - 1)
    }

    /// The records, each without its delimiter and otherwise as it stands. The bytes begin where a record does; what is
    /// behind the last delimiter is a record too unless it is empty, and then ends where the bytes do.
    ///
    /// ```
    /// use sawlog_parsers::lines::Delimiter;
    ///
    /// let text = b"one\r\n\ntwo";
    /// let records: Vec<_> = Delimiter::newline().records(text).collect();
    /// assert_eq!(records, [0..4, 5..5, 6..9]);
    /// ```
    #[inline]
    pub fn records<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Range<usize>> + Clone + 'a {
        let width = self.bytes().len();
        let mut places = self.places(bytes);
        let mut start = 0;
        std::iter::from_fn(move || {
            let last = || Some(bytes.len()).filter(|end| start < *end);
            let end = places.next().or_else(last)?;
            let record = start..end;
            start = end + width;
            Some(record)
        })
    }

    /// The same as [`Delimiter::records`], and where the delimiter is a newline, without one carriage return before it.
    ///
    /// ```
    /// use sawlog_parsers::lines::Delimiter;
    ///
    /// let text = b"one\r\ntwo\nthree";
    /// let lines: Vec<&[u8]> = Delimiter::newline().lines(text).map(|line| &text[line]).collect();
    /// assert_eq!(lines, [&b"one"[..], b"two", b"three"]);
    /// // A delimiter of one's own leaves the record as it was written.
    /// assert!(Delimiter::new(b";")?.lines(b"one\r;two").eq([0..4, 5..8]));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    #[inline]
    pub fn lines<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> + Clone + 'a {
        let strips = matches!(self.0, Search::Byte([b'\n']));
        self.records(bytes).map(move |record| {
            let text = bytes.get(record.clone()).unwrap_or_default();
            let is_stripped = strips && text.last() == Some(&b'\r');
            record.start..record.end - usize::from(is_stripped)
        })
    }

    #[inline]
    fn places<'a>(&'a self, bytes: &'a [u8]) -> Places<'a> {
        match &self.0 {
            Search::Byte([byte]) => Places::Byte(memchr::memchr_iter(*byte, bytes)),
            Search::Several(several) => Places::Several {
                finder: &several.first,
                bytes,
                searched: 0,
            },
        }
    }

    #[inline]
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match &self.0 {
            Search::Byte([byte]) => memchr::memchr(*byte, bytes),
            Search::Several(several) => several.first.find(bytes),
        }
    }
}

impl Default for Delimiter {
    /// A newline.
    fn default() -> Self {
        Self::newline()
    }
}

impl PartialEq for Delimiter {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Delimiter {}

impl fmt::Debug for Delimiter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Delimiter(\"{}\")", self.bytes().escape_ascii())
    }
}

/// Where delimiters stand, one after the other.
#[derive(Clone)]
enum Places<'a> {
    Byte(Memchr<'a>),
    Several {
        finder: &'a Finder<'static>,
        bytes: &'a [u8],
        searched: usize,
    },
}

impl Iterator for Places<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        match self {
            Self::Byte(places) => places.next(),
            Self::Several {
                finder,
                bytes,
                searched,
            } => {
                let place = *searched + finder.find(bytes.get(*searched..)?)?;
                *searched = place + finder.needle().len();
                Some(place)
            }
        }
    }
}

/// Whether a text ends with what it begins with, as `||` and `abcab` do.
fn overlaps_itself(text: &[u8]) -> bool {
    let begins = |tail: &[u8]| text.starts_with(tail);
    (1..text.len()).any(|start| text.get(start..).is_some_and(begins))
}

#[cfg(test)]
mod tests {
    use super::Delimiter;

    fn delimiter(bytes: &[u8]) -> Delimiter {
        Delimiter::new(bytes).expect("it is not empty")
    }

    #[track_caller]
    fn check(bytes: &[u8], text: &[u8], want: &[&[u8]]) {
        let delimiter = delimiter(bytes);
        let lines = delimiter.lines(text).map(|line| &text[line]);
        assert_eq!(lines.collect::<Vec<_>>(), want);
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
        check(b"\n", b"cut \r", &[b"cut "]);
    }

    #[test]
    fn other_delimiters_leave_carriage_returns() {
        check(b"\0", b"a\r\0b", &[b"a\r", b"b"]);
        check(b"||", b"a|b||c\n||", &[b"a|b", b"c\n"]);
        check(b"\r\n", b"a\r\r\nb\r", &[b"a\r", b"b\r"]);
    }

    #[test]
    fn records_keep_what_lines_strip() {
        let text = b"a\r\nb\r";
        assert!(Delimiter::newline().records(text).eq([0..2, 3..5]));
        assert!(Delimiter::newline().lines(text).eq([0..1, 3..4]));
    }

    #[test]
    fn the_cut_is_behind_the_last_delimiter() {
        assert_eq!(delimiter(b"\n").whole(b"a\nb\nc"), 4);
        assert_eq!(delimiter(b"||").whole(b"a||b|"), 3);
        assert_eq!(delimiter(b"\r\n").whole(b"a\r\nb\r\nc\r"), 6);
        assert_eq!(delimiter(b"\n").whole(b"abc"), 0);
        assert_eq!(delimiter(b"\n").whole(b""), 0);
    }

    #[test]
    fn of_delimiters_that_overlap_the_first_counts() {
        assert_eq!(delimiter(b"||").whole(b"a|||"), 3);
        check(b"||", b"a|||b||", &[b"a", b"|b"]);
        assert_eq!(delimiter(b"abab").whole(b"xababab"), 5);
        check(b"abab", b"xabababy", &[b"x", b"aby"]);
    }

    #[test]
    fn what_has_to_be_kept_is_less_than_a_delimiter() {
        assert_eq!(delimiter(b"\n").undecided(b"abc"), 3);
        assert_eq!(delimiter(b"-->").undecided(b"abc"), 1);
        assert_eq!(delimiter(b"-->").undecided(b"a"), 0);
        assert_eq!(delimiter(b"-->").undecided(b""), 0);
    }

    #[test]
    fn delimiters_are_the_same_when_their_bytes_are() {
        assert_eq!(delimiter(b"\n"), Delimiter::newline());
        assert_eq!(delimiter(b"||"), delimiter(b"||").clone());
        assert_ne!(delimiter(b"|"), delimiter(b"||"));
        assert_eq!(format!("{:?}", delimiter(b"\r\n")), r#"Delimiter("\r\n")"#);
    }
}
