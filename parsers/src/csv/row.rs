//! A row that was cut: its columns, their text and their names. Places in a line come in, slices go out.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use super::Csv;

/// Memory for the places at which a line is cut. It grows to the longest row it served and is used again without
/// allocation.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
///
/// let csv = Csv::compile(Options::default())?;
/// let mut cuts = Cuts::default();
/// for line in ["web-17,200", "web-18,404,slow"] {
///     assert!(matches!(csv.parse(line.as_bytes(), &mut cuts), Parsed::Row(_)));
/// }
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cuts {
    pub(super) columns: Vec<Cut>,
}

impl Cuts {
    /// Empty memory, for any options.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let mut cuts = Cuts::new();
    /// for separator in [",", ";"] {
    ///     let csv = Csv::compile(Options { separator: separator.to_owned(), ..Options::default() })?;
    ///     assert!(matches!(csv.parse(b"a,b;c", &mut cuts), Parsed::Row(row) if row.columns().len() == 2));
    /// }
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }
}

/// A column's place.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    /// Without the quotes around it.
    pub range: Range<usize>,
    pub quoted: bool,
    /// Quotes in it are doubled.
    pub doubled: bool,
}

/// The columns of a line.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
///
/// let names = vec!["host".to_owned(), "status".to_owned()];
/// let csv = Csv::compile(Options { columns: names, ..Options::default() })?;
/// let mut text = &b"host,status\n,\nweb-17,200\n"[..];
/// let mut told = Vec::new();
/// while !text.is_empty() {
///     let mut cuts = Cuts::new();
///     let Parsed::Row(row) = csv.parse(text, &mut cuts) else { panic!("all rows are sound") };
///     told.push((row.is_header(), row.is_blank(), row.length()));
///     text = &text[row.length()..];
/// }
/// assert_eq!(told, [(true, false, 12), (false, true, 2), (false, false, 11)]);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Row<'m, 'l> {
    pub(super) csv: &'m Csv,
    pub(super) line: &'l [u8],
    pub(super) cuts: &'m Cuts,
    pub(super) length: usize,
}

impl<'m, 'l> Row<'m, 'l> {
    /// The columns in their order.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options { separator: ";".to_owned(), ..Options::default() })?;
    /// let mut cuts = Cuts::new();
    /// if let Parsed::Row(row) = csv.parse(b"a; b ;\"\";", &mut cuts) {
    ///     let texts: Vec<_> = row.columns().map(|column| column.text()).collect();
    ///     assert_eq!(texts, [b"a".as_slice(), b" b ", b"", b""]);
    ///     let missing: Vec<_> = row.columns().map(|column| column.is_missing()).collect();
    ///     assert_eq!(missing, [false, false, false, true]);
    /// }
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn columns(&self) -> impl ExactSizeIterator<Item = Column<'m, 'l>> + use<'m, 'l> {
        let Self {
            csv, line, cuts, ..
        } = *self;
        cuts.columns.iter().map(move |cut| Column {
            raw: line.get(cut.range.clone()).unwrap_or_default(),
            quoted: cut.quoted,
            doubled: cut.doubled.then_some(&*csv.quote),
        })
    }

    /// The columns with their names, without those that are to be left out.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options { columns: vec!["host".to_owned()], ..Options::default() })?;
    /// let mut cuts = Cuts::new();
    /// if let Parsed::Row(row) = csv.parse(b"web-17,200", &mut cuts) {
    ///     let names: Vec<_> = row.named().map(|(name, _)| name).collect();
    ///     assert_eq!(names, ["host", "column2"]);
    /// }
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn named(&self) -> impl Iterator<Item = (Cow<'m, str>, Column<'m, 'l>)> + use<'m, 'l> {
        let csv = self.csv;
        let numbered = self.columns().enumerate();
        numbered.filter_map(|(index, column)| Some((csv.name(index)?, column)))
    }

    /// Whether no column has any text; `skip_empty_rows` is about these.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options::default())?;
    /// let mut cuts = Cuts::new();
    /// let Parsed::Row(row) = csv.parse(b",,", &mut cuts) else { panic!("a sound row") };
    /// assert!(row.is_blank());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_blank(&self) -> bool {
        self.columns().all(|column| column.raw.is_empty())
    }

    /// Whether the columns' texts are the names given at compilation; `skip_header` is about these.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options { columns: vec!["host".to_owned(), "status".to_owned()], ..Options::default() })?;
    /// let mut cuts = Cuts::new();
    /// let Parsed::Row(row) = csv.parse(b"host,status", &mut cuts) else { panic!("a sound row") };
    /// assert!(row.is_header());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_header(&self) -> bool {
        let names = self.csv.names.get(..self.csv.named).unwrap_or_default();
        let texts = self.columns().map(|column| column.text());
        names.len() == texts.len()
            && !names.is_empty()
            && names
                .iter()
                .zip(texts)
                .all(|(name, text)| name.as_bytes() == &*text)
    }

    /// Bytes of the row with the line break that ends it. What follows belongs to other rows.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options::default())?;
    /// let mut cuts = Cuts::new();
    /// let Parsed::Row(row) = csv.parse(b"a,b\r\nc,d", &mut cuts) else { panic!("a sound row") };
    /// assert_eq!(row.length(), 5);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn length(&self) -> usize {
        self.length
    }
}

/// One column of a row.
///
/// ```
/// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
///
/// let csv = Csv::compile(Options::default())?;
/// let mut cuts = Cuts::new();
/// let Parsed::Row(row) = csv.parse(br#""a 4"" disk",,web-17"#, &mut cuts) else { panic!("a sound row") };
/// let columns: Vec<_> = row.columns().collect();
/// assert_eq!(columns[0].text(), br#"a 4" disk"#.as_slice());
/// assert_eq!((columns[0].raw(), columns[0].is_quoted()), (&br#"a 4"" disk"#[..], true));
/// assert_eq!((columns[1].is_missing(), columns[2].is_missing()), (true, false));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Column<'m, 'l> {
    raw: &'l [u8],
    quoted: bool,
    /// The quote, if it is doubled inside.
    doubled: Option<&'m [u8]>,
}

impl<'l> Column<'_, 'l> {
    /// The text: a slice of the line, unless quotes in it are doubled.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options::default())?;
    /// let mut cuts = Cuts::new();
    /// let Parsed::Row(row) = csv.parse(br#""a 4"" disk",sda"#, &mut cuts) else { panic!("a sound row") };
    /// let texts: Vec<_> = row.columns().map(|column| column.text()).collect();
    /// assert_eq!(texts, [&b"a 4\" disk"[..], b"sda"]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn text(&self) -> Cow<'l, [u8]> {
        if self.doubled.is_none() {
            return Cow::Borrowed(self.raw);
        }
        let mut text = Vec::with_capacity(self.raw.len());
        self.write_text(&mut text);
        Cow::Owned(text)
    }

    /// Appends the text to a buffer, for callers that collect texts and want no allocation.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options::default())?;
    /// let mut cuts = Cuts::new();
    /// let mut texts = Vec::new();
    /// if let Parsed::Row(row) = csv.parse(br#""say ""hi""",now"#, &mut cuts) {
    ///     row.columns().for_each(|column| column.write_text(&mut texts));
    /// }
    /// assert_eq!(texts, br#"say "hi"now"#);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn write_text(&self, out: &mut Vec<u8>) {
        let mut rest = self.raw;
        if let Some(quote) = self.doubled {
            // All quotes inside come in pairs, side by side.
            while let Some(at) = memmem::find(rest, quote) {
                let (head, tail) = rest
                    .split_at_checked(at + quote.len())
                    .unwrap_or((rest, b""));
                out.extend_from_slice(head);
                rest = tail.get(quote.len()..).unwrap_or_default();
            }
        }
        out.extend_from_slice(rest);
    }

    /// The bytes as they stand in the line, without the quotes around them; quotes inside are still doubled.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options::default())?;
    /// let mut cuts = Cuts::new();
    /// let Parsed::Row(row) = csv.parse(br#""a 4"" disk",sda"#, &mut cuts) else { panic!("a sound row") };
    /// let raw: Vec<_> = row.columns().map(|column| column.raw()).collect();
    /// assert_eq!(raw, [&br#"a 4"" disk"#[..], b"sda"]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn raw(&self) -> &'l [u8] {
        self.raw
    }

    /// Whether quotes stand around it.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options::default())?;
    /// let mut cuts = Cuts::new();
    /// let Parsed::Row(row) = csv.parse(br#""a",b"#, &mut cuts) else { panic!("a sound row") };
    /// let quoted: Vec<_> = row.columns().map(|column| column.is_quoted()).collect();
    /// assert_eq!(quoted, [true, false]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_quoted(&self) -> bool {
        self.quoted
    }

    /// Whether nothing stands between the separators, not even quotes; `skip_empty_columns` is about these and about
    /// empty text.
    ///
    /// ```
    /// use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};
    ///
    /// let csv = Csv::compile(Options::default())?;
    /// let mut cuts = Cuts::new();
    /// let Parsed::Row(row) = csv.parse(b",\"\",a", &mut cuts) else { panic!("a sound row") };
    /// let missing: Vec<_> = row.columns().map(|column| column.is_missing()).collect();
    /// assert_eq!(missing, [true, false, false]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_missing(&self) -> bool {
        !self.quoted && self.raw.is_empty()
    }
}
