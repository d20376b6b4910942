//! Dissect: a line is cut at fixed delimiters, `%{client} %{} [%{time}] %{message}`, without any expression. A
//! mapping and lines come in, names and slices of the line come out.
//!
//! The language is that of Logstash's dissect filter (its documentation, chapter "Dissect filter plugin"), with
//! Elasticsearch's `%{*key}` besides:
//!
//! | in a mapping | meaning |
//! |---|---|
//! | `%{name}`, `%{[a][b]}` | the text up to the next delimiter becomes the field |
//! | `%{}`, `%{?name}` | is skipped; a name serves `%{&name}` |
//! | `%{+name}`, `%{+name/2}` | is appended to the field, in the order of the numbers |
//! | `%{&name}` | becomes the field whose name is the value of `name` |
//! | `%{*name}` | names the field of `%{&name}` and is not kept itself |
//! | `%{name->}` | the delimiter behind it may be repeated, as padding is |
//!
//! Text before the first field must begin the line (repeats of it are skipped); the last field takes the rest, or ends
//! at the text behind it, and what follows that text is skipped. A value may be empty. Either every delimiter is found,
//! or the line does not match and nothing is cut: [`Dissect::explain`] tells which one is missing. Time is linear in
//! the line, whatever the mapping.
//!
//! Not here: reading and setting an event's fields, which of them is cut, `tag_on_failure`. `convert_datatype` is
//! [`parse_int`] and [`parse_float`], which are stricter than grok's.
//!
//! ```
//! use sawlog_parsers::dissect::{Cuts, Dissect, Name};
//!
//! let dissect = Dissect::compile("%{time} %{+time} %{host} %{program}[%{pid}]: %{text}")?;
//! let mut cuts = Cuts::new();
//! let line = b"Nov 20 web-17 shop[4711]: ready";
//! let found = dissect.parse(line, &mut cuts).expect("all delimiters are there");
//! let fields: Vec<_> = found.fields().map(|field| (field.name(), field.value())).collect();
//! assert_eq!(fields[0], (Name::Fixed("time"), b"Nov 20".as_slice().into()));
//! assert_eq!(fields[3], (Name::Fixed("pid"), b"4711".as_slice().into()));
//! assert!(dissect.parse(b"no such line", &mut cuts).is_none());
//! # Ok::<(), sawlog_parsers::Error>(())
//! ```

mod convert;
mod found;
mod mapping;
mod target;

#[cfg(test)]
mod tests;

use std::ops::Range;

use memchr::memchr;
use memchr::memmem::Finder;

pub use self::convert::{Conversion, parse_float, parse_int};
pub use self::found::{Field, Match, Name};
pub use self::mapping::{FIELDS_MAX, MAPPING_BYTES_MAX};
pub use self::target::{Naming, Target};

use crate::error::Error;

use self::mapping::Mapping;

/// A compiled mapping; it can be used from many threads at once.
///
/// ```
/// use sawlog_parsers::dissect::{Cuts, Dissect};
///
/// let dissect = Dissect::compile("%{host} %{status}")?;
/// std::thread::scope(|scope| {
///     for line in [b"web-17 200", b"web-18 404"] {
///         let dissect = &dissect;
///         scope.spawn(move || assert!(dissect.parse(line, &mut Cuts::new()).is_some()));
///     }
/// });
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dissect {
    /// What a line must begin with.
    start: Box<[u8]>,
    /// Behind each value but the last one.
    delimiters: Vec<Delimiter>,
    targets: Vec<Target>,
}

/// Memory for the places at which a line is cut. It grows to the largest mapping it served and is used again without
/// allocation.
///
/// ```
/// use sawlog_parsers::dissect::{Cuts, Dissect};
///
/// let dissect = Dissect::compile("%{host} %{status}")?;
/// let mut cuts = Cuts::default();
/// for line in ["web-17 200", "web-18 404"] {
///     assert!(dissect.parse(line.as_bytes(), &mut cuts).is_some());
/// }
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cuts {
    values: Vec<Range<usize>>,
}

impl Cuts {
    /// Empty memory, for any mapping.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Cuts, Dissect};
    ///
    /// let mut cuts = Cuts::new();
    /// for (mapping, fields) in [("%{host} %{status}", 2), ("%{host} %{} %{took}", 2)] {
    ///     let found = Dissect::compile(mapping)?;
    ///     assert_eq!(found.parse(b"web-17 200 3ms", &mut cuts).map(|found| found.fields().count()), Some(fields));
    /// }
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }
}

impl Dissect {
    /// Compiles a mapping: `%{client} %{?zone->} %{message}`.
    ///
    /// # Errors
    /// A mapping without any field, a `%{` that is not closed, a prefix without a name, `%{+&name}`, an order that is
    /// no number, `%{*name}` without its `%{&name}`, more than [`FIELDS_MAX`] fields or [`MAPPING_BYTES_MAX`] bytes.
    ///
    /// ```
    /// use sawlog_parsers::dissect::Dissect;
    ///
    /// let error = Dissect::compile("%{client} %{message").err().expect("it is not closed");
    /// assert_eq!(error.to_string(), "column 11: %{ opens a field that no } closes");
    /// ```
    pub fn compile(mapping: &str) -> Result<Self, Error> {
        let Mapping { start, fields, end } = Mapping::parse(mapping)?;
        let targets = target::of(&fields, mapping)?;
        let mut delimiters: Vec<Delimiter> = Vec::with_capacity(fields.len());
        for pair in fields.windows(2) {
            if let [left, right] = pair {
                delimiters.push(Delimiter::new(right.before, left.padded));
            }
        }
        if let (Some(last), false) = (fields.last(), end.is_empty()) {
            delimiters.push(Delimiter::new(end, last.padded));
        }
        Ok(Self {
            start: start.as_bytes().into(),
            delimiters,
            targets,
        })
    }

    /// The fields that a match gives, in the order of [`Match::fields`]: plain ones first, then those that are only
    /// appended to, then those named by a value. Two fields of one name are one target; of two plain ones the later
    /// counts.
    ///
    /// ```
    /// use sawlog_parsers::dissect::Dissect;
    ///
    /// let dissect = Dissect::compile("%{+text} %{host} %{+text}")?;
    /// let names: Vec<_> = dissect.targets().iter().map(|target| target.name()).collect();
    /// assert_eq!(names, ["host", "text"]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Cuts a line. `None` if a delimiter is missing or the line is empty; nothing is cut then.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Cuts, Dissect, Name};
    ///
    /// let dissect = Dissect::compile("%{?key}=%{&key}")?;
    /// let mut cuts = Cuts::new();
    /// let found = dissect.parse(b"user=root", &mut cuts).expect("it has its delimiter");
    /// let field = found.fields().next().expect("one field");
    /// assert_eq!(field.name(), Name::OfLine(b"user".as_slice().into()));
    /// assert_eq!(field.value(), b"root".as_slice());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn parse<'m, 'l>(&'m self, line: &'l [u8], cuts: &'m mut Cuts) -> Option<Match<'m, 'l>> {
        self.cut(line, cuts).ok()?;
        Some(Match {
            dissect: self,
            line,
            cuts,
        })
    }

    /// Why a line does not match; `None` if it does.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Dissect, Fault};
    ///
    /// let dissect = Dissect::compile("%{client} - %{user} [%{time}]")?;
    /// let fault = dissect.explain(b"10.0.0.1 - jane");
    /// assert_eq!(fault, Some(Fault::NoDelimiter { delimiter: b" [", from: 11 }));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn explain(&self, line: &[u8]) -> Option<Fault<'_>> {
        self.cut(line, &mut Cuts::new()).err()
    }

    /// Each delimiter is searched from the end of the one before it, so every byte is looked at once.
    fn cut(&self, line: &[u8], cuts: &mut Cuts) -> Result<(), Fault<'_>> {
        cuts.values.clear();
        if line.is_empty() {
            return Err(Fault::EmptyLine);
        }
        if !line.starts_with(&self.start) {
            return Err(Fault::OtherStart { start: &self.start });
        }
        let mut at = repeats_end(line, 0, &self.start);
        for delimiter in &self.delimiters {
            let rest = line.get(at..).unwrap_or_default();
            let Some(length) = delimiter.find(rest) else {
                return Err(Fault::NoDelimiter {
                    delimiter: &delimiter.text,
                    from: at,
                });
            };
            let end = at + length;
            cuts.values.push(at..end);
            at = end + delimiter.text.len();
            if delimiter.padded {
                at = repeats_end(line, at, &delimiter.text);
            }
        }
        cuts.values.push(at..line.len());
        Ok(())
    }
}

/// The end of a text's repetitions from a place on.
fn repeats_end(line: &[u8], from: usize, text: &[u8]) -> usize {
    let mut at = from;
    while !text.is_empty() && line.get(at..).is_some_and(|rest| rest.starts_with(text)) {
        at += text.len();
    }
    at
}

/// Why a line does not match.
///
/// ```
/// use sawlog_parsers::dissect::{Dissect, Fault};
///
/// let dissect = Dissect::compile("<%{priority}>%{text}")?;
/// assert_eq!(dissect.explain(b""), Some(Fault::EmptyLine));
/// assert_eq!(dissect.explain(b"13 up"), Some(Fault::OtherStart { start: b"<" }));
/// assert_eq!(dissect.explain(b"<13 up"), Some(Fault::NoDelimiter { delimiter: b">", from: 1 }));
/// assert_eq!(dissect.explain(b"<13>up"), None);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault<'m> {
    /// The line has no byte at all.
    EmptyLine,
    /// The line does not begin as the mapping does.
    OtherStart {
        /// The text before the mapping's first field.
        start: &'m [u8],
    },
    /// A delimiter does not occur.
    NoDelimiter {
        /// The delimiter.
        delimiter: &'m [u8],
        /// The byte of the line from which it was searched: all before it was found.
        from: usize,
    },
}

/// What stands between two values.
#[derive(Debug, Clone)]
struct Delimiter {
    text: Box<[u8]>,
    finder: Finder<'static>,
    /// Repetitions belong to it.
    padded: bool,
}

impl Delimiter {
    fn new(text: &str, padded: bool) -> Self {
        Self {
            text: text.as_bytes().into(),
            finder: Finder::new(text).into_owned(),
            padded,
        }
    }

    /// Where it begins. One without text, between two fields side by side, is found at once.
    #[inline]
    fn find(&self, text: &[u8]) -> Option<usize> {
        match &*self.text {
            [] => Some(0),
            [byte] => memchr(*byte, text),
            _ => self.finder.find(text),
        }
    }
}
