//! What can be wrong with a pattern, told so that a user can mend it: the thing, the place, the fix.

use std::fmt;

/// Why a pattern file or an expression was refused.
///
/// It prints as `line 5: unknown pattern %{NGINXSORCE}; did you mean %{NGINXSOURCE}?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    line: Option<usize>,
    definition: Option<String>,
    offset: Option<usize>,
    message: String,
}

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            line: None,
            definition: None,
            offset: None,
            message: message.into(),
        }
    }

    pub(super) fn at_line(mut self, line: usize) -> Self {
        self.line.get_or_insert(line);
        self
    }

    /// Where in the expression, or in the named definition, the fault lies, in bytes.
    pub(super) fn at_offset(mut self, offset: usize) -> Self {
        self.offset.get_or_insert(offset);
        self
    }

    /// The innermost definition wins: it is the one to mend.
    pub(super) fn within(mut self, name: &str, line: Option<usize>) -> Self {
        if self.definition.is_none() {
            self.definition = Some(name.to_owned());
            self.line = self.line.or(line);
        }
        self
    }

    /// The line of the pattern file, counted from 1, when the fault lies in a definition from a file.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The name of the definition that holds the fault; `None` when it is the expression itself.
    pub fn definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }

    /// The byte offset of the fault in the expression or the definition.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(out, "line {line}: ")?;
        }
        out.write_str(&self.message)?;
        match &self.definition {
            Some(name) => write!(out, " (in the definition of {name})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
