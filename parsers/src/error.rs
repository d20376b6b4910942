//! What can be wrong with an expression, a format or a pattern file, told so that a user can mend it: the
//! place, the thing, the fix. Lines of logs are never an error: a parser says that it does not know them.

use std::fmt;
use std::sync::Arc;

/// Why an expression, a format or a pattern file was refused.
///
/// It prints as `my-patterns:5:13: unknown pattern %{NGINXSORCE}; did you mean %{NGINXSOURCE}? (in the
/// definition of NGINXACCESS)`; without a file only the column in the expression comes first. There is one type for all
/// that is compiled, and it is opaque: what can be told of a fault are the place and the words.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Patterns};
///
/// let error = Grok::compile("a %{NUMBR:n}", &Patterns::legacy(), Options::default()).expect_err("a misspelt name");
/// assert_eq!(error.to_string(), "column 3: unknown pattern %{NUMBR}; did you mean %{NUMBER}?");
/// assert_eq!(error.column(), Some(3));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    file: Option<Arc<str>>,
    line: Option<usize>,
    definition: Option<String>,
    column: Option<usize>,
    message: String,
}

/// Where a text begins: in a file of definitions, or in the configuration, of which nothing is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub file: Option<Arc<str>>,
    /// Counted from 1.
    pub line: Option<usize>,
    /// How many characters of the line stand before the text.
    pub characters_before: usize,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            definition: None,
            column: None,
            message: message.into(),
        }
    }

    /// Where in the text the fault lies: behind so many bytes. The innermost place wins.
    pub(crate) fn at_offset(mut self, text: &str, offset: usize) -> Self {
        let before = text.char_indices().take_while(|(at, _)| *at < offset);
        self.column.get_or_insert(before.count() + 1);
        self
    }

    /// In which text the fault lies, if that is not known yet.
    pub(crate) fn at_place(mut self, place: &Place) -> Self {
        if self.line.is_none() && self.file.is_none() {
            self.file.clone_from(&place.file);
            self.line = place.line;
            let column = self.column.map(|column| column + place.characters_before);
            self.column = column;
        }
        self
    }

    /// The innermost definition wins: it is the one to mend.
    pub(crate) fn within(mut self, name: &str, place: &Place) -> Self {
        if self.definition.is_none() {
            self.definition = Some(name.to_owned());
            self = self.at_place(place);
        }
        self
    }

    /// The name that the pattern file was given, when the fault lies in one.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let mut patterns = Patterns::new();
    /// patterns.add_file("shop", b"# Ours.\nORDER A-(x\n")?;
    /// let error = Grok::compile("%{ORDER}", &patterns, Options::default()).expect_err("a group without its end");
    /// assert_eq!(error.file(), Some("shop"));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line of the pattern file, counted from 1, when the fault lies in one.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let mut patterns = Patterns::new();
    /// patterns.add_file("shop", b"# Ours.\nORDER A-(x\n")?;
    /// let error = Grok::compile("%{ORDER}", &patterns, Options::default()).expect_err("a group without its end");
    /// assert_eq!(error.line(), Some(2));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The character at which the fault lies, counted from 1: in the line of the file when there is one, else in
    /// the expression or in the definition that [`Error::definition`] names.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let mut patterns = Patterns::new();
    /// patterns.add_file("shop", b"# Ours.\nORDER A-(x\n")?;
    /// let error = Grok::compile("%{ORDER}", &patterns, Options::default()).expect_err("a group without its end");
    /// assert_eq!(error.column(), Some(9));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn column(&self) -> Option<usize> {
        self.column
    }

    /// The name of the definition that holds the fault; `None` when it is the expression itself.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let mut patterns = Patterns::new();
    /// patterns.add_file("shop", b"# Ours.\nORDER A-(x\n")?;
    /// let error = Grok::compile("%{ORDER}", &patterns, Options::default()).expect_err("a group without its end");
    /// assert_eq!(error.definition(), Some("ORDER"));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }

    /// What is wrong and what would be right, without the place.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let mut patterns = Patterns::new();
    /// patterns.add_file("shop", b"# Ours.\nORDER A-(x\n")?;
    /// let error = Grok::compile("%{ORDER}", &patterns, Options::default()).expect_err("a group without its end");
    /// assert_eq!(error.message(), r"( without its ) ; write \( for a parenthesis");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line, self.column) {
            (Some(file), Some(line), Some(column)) => write!(out, "{file}:{line}:{column}: ")?,
            (Some(file), Some(line), None) => write!(out, "{file}:{line}: ")?,
            (_, _, Some(column)) if self.definition.is_none() => write!(out, "column {column}: ")?,
            _ => {}
        }
        out.write_str(&self.message)?;
        match (&self.definition, self.column) {
            (Some(name), Some(column)) if self.line.is_none() => {
                write!(out, " (in the definition of {name}, column {column})")
            }
            (Some(name), _) => write!(out, " (in the definition of {name})"),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl std::error::Error for Error {}
