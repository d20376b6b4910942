//! CSV: one row of separated columns, cut as Logstash's csv filter cuts it, which is Ruby's CSV library: RFC 4180 with
//! any text as separator and any character as quote. A line comes in, its columns come out as slices of it.
//!
//! - A column that begins with the quote ends at the next quote that is not doubled; separators, line breaks and
//!   doubled quotes may stand in it. Behind it only a separator or the end of the row may follow.
//! - Any other column is taken as it is, blanks included, and must hold no quote.
//! - An empty column without quotes is missing ([`Column::is_missing`]: null in Logstash); one with quotes is empty text.
//! - The row ends at the first line break outside of quotes; what follows it is not looked at ([`Row::length`]).
//! - A line that breaks these rules is kept whole, with the place and the fault: Logstash tags `_csvparsefailure`.
//!
//! Time is linear in the line, and nothing is allocated but for the text of a column with doubled quotes.
//!
//! Not here: `source`, `target`, tags, `convert`; `autodetect_column_names`, `skip_header`, `skip_empty_columns` and
//! `skip_empty_rows` are decisions of the caller, who finds what they need in [`Row::is_header`],
//! [`Column::is_missing`] and [`Row::is_blank`].
//!
//! ```
//! use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
//!
//! let csv = Csv::compile(Options { columns: vec!["user".to_owned()], ..Options::default() })?;
//! let mut cuts = Cuts::new();
//! let Parsed::Row(row) = csv.parse(br#"root,"said ""no""",,17"#, &mut cuts) else {
//!     panic!("a well-formed row");
//! };
//! let named: Vec<_> = row.named().map(|(name, column)| (name, column.text())).collect();
//! assert_eq!(named[0], ("user".into(), b"root".as_slice().into()));
//! assert_eq!(named[1], ("column2".into(), br#"said "no""#.as_slice().into()));
//! assert_eq!(named[2], ("column3".into(), b"".as_slice().into()));
//! # Ok::<(), sawlog_parsers::Error>(())
//! ```

mod row;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use memchr::memmem::Finder;

pub use self::row::{Column, Cuts, Row};

use crate::error::Error;

use self::row::Cut;

/// Columns of a row at most: ten times the fields that Elasticsearch allows an index by default.
///
/// ```
/// use sawlog_parsers::csv::{COLUMNS_MAX, Csv, Cuts, Fault, Options, Parsed};
///
/// let csv = Csv::compile(Options::default())?;
/// // One separator makes two columns.
/// let line = vec![b','; COLUMNS_MAX];
/// let mut cuts = Cuts::new();
/// assert!(matches!(csv.parse(&line[1..], &mut cuts), Parsed::Row(_)));
/// assert!(matches!(csv.parse(&line, &mut cuts), Parsed::Whole(line) if line.fault == Fault::TooManyColumns));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
pub const COLUMNS_MAX: usize = 10_000;

/// Bytes of a separator at most. It is compared at every place where its first byte stands, so that its length is a
/// factor of the time in the worst case.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Options, SEPARATOR_BYTES_MAX};
///
/// let of_bytes = |bytes| Csv::compile(Options { separator: "-".repeat(bytes), ..Options::default() });
/// assert!(of_bytes(SEPARATOR_BYTES_MAX).is_ok());
/// let error = of_bytes(SEPARATOR_BYTES_MAX + 1).expect_err("it is too long");
/// assert_eq!(error.message(), "separator: it has more than 32 bytes");
/// ```
pub const SEPARATOR_BYTES_MAX: usize = 32;

/// How many generated names are kept ready; those of later columns are made when they are asked for.
const NAMES_READY: usize = 64;

/// How rows are written and what their columns are called.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed, Unnamed};
///
/// let csv = Csv::compile(Options {
///     separator: "|".to_owned(),
///     quote: None,
///     columns: vec!["user".to_owned(), "city".to_owned()],
///     unnamed: Unnamed::LeftOut,
/// })?;
/// let mut cuts = Cuts::new();
/// let Parsed::Row(row) = csv.parse(br#"jane|"Bern|7"#, &mut cuts) else { panic!("no quote encloses here") };
/// let fields: Vec<_> = row.named().map(|(name, column)| (name, column.raw())).collect();
/// assert_eq!(fields, [("user".into(), &b"jane"[..]), ("city".into(), &b"\"Bern"[..])]);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What stands between two columns; Logstash's `separator`.
    pub separator: String,
    /// What encloses a column; Logstash's `quote_char`. With `None` no character does.
    pub quote: Option<char>,
    /// The names of the first columns; Logstash's `columns`.
    pub columns: Vec<String>,
    /// What becomes of columns beyond these; Logstash's `autogenerate_column_names`.
    pub unnamed: Unnamed,
}

impl Default for Options {
    /// Logstash's: a comma, double quotes, all names generated.
    fn default() -> Self {
        Self {
            separator: ",".to_owned(),
            quote: Some('"'),
            columns: Vec::new(),
            unnamed: Unnamed::Numbered,
        }
    }
}

/// What becomes of a column that has no name.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Options, Unnamed};
///
/// let numbered = Csv::compile(Options { unnamed: Unnamed::Numbered, ..Options::default() })?;
/// assert_eq!(numbered.name(2).as_deref(), Some("column3"));
/// let without = Csv::compile(Options { unnamed: Unnamed::LeftOut, ..Options::default() })?;
/// assert_eq!(without.name(2), None);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    /// It is called by its number, counted from 1: `column3`.
    Numbered,
    /// It is left out.
    LeftOut,
}

/// Checked options; they can be used from many threads at once.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
///
/// let csv = Csv::compile(Options::default())?;
/// std::thread::scope(|scope| {
///     for line in [b"web-17,200", b"web-18,404"] {
///         let csv = &csv;
///         scope.spawn(move || assert!(matches!(csv.parse(line, &mut Cuts::new()), Parsed::Row(_))));
///     }
/// });
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Csv {
    separator: Box<[u8]>,
    /// Empty if no character quotes.
    quote: Box<[u8]>,
    quotes: Finder<'static>,
    /// Bytes at which a column without quotes may end or be at fault.
    stops: Box<[bool; 256]>,
    /// The given names, then generated ones.
    names: Vec<String>,
    named: usize,
    unnamed: Unnamed,
}

/// What a line turned out to be.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
///
/// let csv = Csv::compile(Options::default())?;
/// let mut cuts = Cuts::new();
/// let told = match csv.parse(br#"web-17,"open"#, &mut cuts) {
///     Parsed::Row(row) => format!("{} columns", row.columns().len()),
///     Parsed::Whole(malformed) => format!("kept: {}", String::from_utf8_lossy(malformed.line)),
/// };
/// assert_eq!(told, "kept: web-17,\"open");
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Parsed<'m, 'l> {
    /// A row.
    Row(Row<'m, 'l>),
    /// No row: the line is kept whole.
    Whole(Malformed<'l>),
}

/// A line that is no row.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Cuts, Fault, Malformed, Options, Parsed};
///
/// let csv = Csv::compile(Options::default())?;
/// let line = br#"17,3" disk"#;
/// let Parsed::Whole(malformed) = csv.parse(line, &mut Cuts::new()) else { panic!("a quote inside") };
/// assert_eq!(malformed, Malformed { line, fault: Fault::QuoteInside, at: 4, column: 1 });
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed<'l> {
    /// The line as it was given.
    pub line: &'l [u8],
    /// What is wrong with it.
    pub fault: Fault,
    /// The byte of the line at which that is seen.
    pub at: usize,
    /// Which column it is in, counted from 0.
    pub column: usize,
}

/// What is wrong with a line.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Cuts, Fault, Options, Parsed};
///
/// let csv = Csv::compile(Options::default())?;
/// let fault = |line: &[u8]| match csv.parse(line, &mut Cuts::new()) {
///     Parsed::Row(_) => None,
///     Parsed::Whole(malformed) => Some(malformed.fault),
/// };
/// assert_eq!(fault(br#"a,b"c""#), Some(Fault::QuoteInside));
/// assert_eq!(fault(br#"a,"b"c"#), Some(Fault::TextBehindQuote));
/// assert_eq!(fault(br#"a,"b"#), Some(Fault::QuoteOpen));
/// assert_eq!(fault(br#"a,"b""#), None);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A quote inside a column that does not begin with one: `a"b`, ` "a"`.
    QuoteInside,
    /// Text between a closing quote and the next separator: `"a"b`, `"a" ,b`.
    TextBehindQuote,
    /// No quote closes a column: `"a`. The place is that of the opening one.
    QuoteOpen,
    /// There are more than [`COLUMNS_MAX`] columns.
    TooManyColumns,
}

impl Csv {
    /// Checks the options.
    ///
    /// # Errors
    /// A separator that is empty, longer than [`SEPARATOR_BYTES_MAX`], or holds the quote or a line break; a line break
    /// as quote.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Options};
    ///
    /// let tabs = Csv::compile(Options { separator: "\t".to_owned(), ..Options::default() });
    /// assert!(tabs.is_ok());
    /// let none = Csv::compile(Options { separator: String::new(), ..Options::default() });
    /// let error = none.expect_err("it separates nothing");
    /// assert_eq!(error.to_string(), "separator: it is empty; write the text between two columns, such as \",\"");
    /// ```
    pub fn compile(options: Options) -> Result<Self, Error> {
        let Options {
            separator,
            quote,
            columns,
            unnamed,
        } = options;
        let refuse = |message: &str| Err(Error::new(message));
        if separator.is_empty() {
            return refuse(
                "separator: it is empty; write the text between two columns, such as \",\"",
            );
        }
        if SEPARATOR_BYTES_MAX < separator.len() {
            return Err(Error::new(format!(
                "separator: it has more than {SEPARATOR_BYTES_MAX} bytes"
            )));
        }
        let is_break = |letter: char| letter == '\n' || letter == '\r';
        if separator.contains(is_break) {
            return refuse("separator: it holds a line break, which ends a row");
        }
        if quote.is_some_and(is_break) {
            return refuse("quote_char: a line break ends a row; write a character such as '\"'");
        }
        if quote.is_some_and(|quote| separator.contains(quote)) {
            return refuse("separator: it holds the quote_char; write one that differs from it");
        }
        let quote = quote.map(String::from).unwrap_or_default();
        let mut stops = Box::new([false; 256]);
        let first_bytes = [separator.as_bytes().first(), quote.as_bytes().first()];
        for byte in b"\r\n".iter().chain(first_bytes.into_iter().flatten()) {
            if let Some(stop) = stops.get_mut(usize::from(*byte)) {
                *stop = true;
            }
        }
        let named = columns.len();
        let mut names = columns;
        if unnamed == Unnamed::Numbered {
            names.extend((named..NAMES_READY).map(generated));
        }
        Ok(Self {
            quotes: Finder::new(&quote).into_owned(),
            separator: separator.into_bytes().into(),
            quote: quote.into_bytes().into(),
            stops,
            names,
            named,
            unnamed,
        })
    }

    /// The name of a column, counted from 0; `None` if it has none and is to be left out.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Options};
    ///
    /// let csv = Csv::compile(Options { columns: vec!["user".to_owned()], ..Options::default() })?;
    /// assert_eq!(csv.name(0).as_deref(), Some("user"));
    /// assert_eq!(csv.name(1).as_deref(), Some("column2"));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn name(&self, column: usize) -> Option<Cow<'_, str>> {
        match self.names.get(column) {
            Some(name) => Some(Cow::Borrowed(name)),
            None if self.unnamed == Unnamed::Numbered => Some(Cow::Owned(generated(column))),
            None => None,
        }
    }

    /// Cuts the first row of a line, or says why there is none. A line without any byte is a row without columns.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Fault, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options::default())?;
    /// let Parsed::Whole(malformed) = csv.parse(br#"a,"b" c"#, &mut Cuts::new()) else {
    ///     panic!("text behind a quote");
    /// };
    /// assert_eq!((malformed.fault, malformed.at), (Fault::TextBehindQuote, 5));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn parse<'m, 'l>(&'m self, line: &'l [u8], cuts: &'m mut Cuts) -> Parsed<'m, 'l> {
        cuts.columns.clear();
        match self.cut(line, &mut cuts.columns) {
            Ok(length) => Parsed::Row(Row {
                csv: self,
                line,
                cuts,
                length,
            }),
            Err((fault, at)) => Parsed::Whole(Malformed {
                line,
                fault,
                at,
                column: cuts.columns.len(),
            }),
        }
    }

    /// The bytes up to the end of the row with its line break, or what is wrong and where.
    fn cut(&self, line: &[u8], columns: &mut Vec<Cut>) -> Result<usize, (Fault, usize)> {
        if let Some(end) = row_end(line, 0) {
            return Ok(end);
        }
        let mut at = 0;
        loop {
            if columns.len() == COLUMNS_MAX {
                return Err((Fault::TooManyColumns, at));
            }
            let rest = line.get(at..).unwrap_or_default();
            let (cut, end) = if !self.quote.is_empty() && rest.starts_with(&self.quote) {
                self.quoted(line, at)?
            } else {
                self.plain(line, at)?
            };
            columns.push(cut);
            if self.is_separator(line, end) {
                at = end + self.separator.len();
            } else {
                return Ok(row_end(line, end).unwrap_or(line.len()));
            }
        }
    }

    /// A column that begins with a quote, and where its closing one ends.
    fn quoted(&self, line: &[u8], from: usize) -> Result<(Cut, usize), (Fault, usize)> {
        let begin = from + self.quote.len();
        let mut at = begin;
        let mut doubled = false;
        loop {
            let rest = line.get(at..).unwrap_or_default();
            let close = at + self.quotes.find(rest).ok_or((Fault::QuoteOpen, from))?;
            let end = close + self.quote.len();
            let behind = line.get(end..).unwrap_or_default();
            if behind.starts_with(&self.quote) {
                doubled = true;
                at = end + self.quote.len();
                continue;
            }
            if !self.is_separator(line, end) && row_end(line, end).is_none() {
                return Err((Fault::TextBehindQuote, end));
            }
            let cut = Cut {
                range: begin..close,
                quoted: true,
                doubled,
            };
            return Ok((cut, end));
        }
    }

    /// A column without quotes, and where it ends.
    fn plain(&self, line: &[u8], from: usize) -> Result<(Cut, usize), (Fault, usize)> {
        let mut at = from;
        loop {
            let rest = line.get(at..).unwrap_or_default();
            let is_stop = |byte: &u8| self.stops.get(usize::from(*byte)) == Some(&true);
            at += rest.iter().position(is_stop).unwrap_or(rest.len());
            if self.is_separator(line, at) || row_end(line, at).is_some() {
                let cut = Cut {
                    range: from..at,
                    quoted: false,
                    doubled: false,
                };
                return Ok((cut, at));
            }
            let rest = line.get(at..).unwrap_or_default();
            if !self.quote.is_empty() && rest.starts_with(&self.quote) {
                return Err((Fault::QuoteInside, at));
            }
            at += 1;
        }
    }

    #[inline]
    fn is_separator(&self, line: &[u8], at: usize) -> bool {
        line.get(at..)
            .is_some_and(|rest| rest.starts_with(&self.separator))
    }
}

/// The end of a line break, or of the line, if one is here.
fn row_end(line: &[u8], at: usize) -> Option<usize> {
    match line.get(at..)? {
        [] => Some(at),
        [b'\r', b'\n', ..] => Some(at + 2),
        [b'\r' | b'\n', ..] => Some(at + 1),
        _ => None,
    }
}

fn generated(column: usize) -> String {
    format!("column{}", column + 1)
}
