//! What is wrong, or doubtful, in a configuration: where, what, and what would be right. Printing lives here too.

use crate::lang::source::Span;

/// Whether a configuration with this remark still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Refused: nothing is started.
    Error,
    /// Runs, but probably not as meant.
    Warning,
    /// Runs as meant; an old spelling, say.
    Notice,
}

/// One remark on a configuration.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    pub span: Span,
    /// What is wrong, one sentence without a final period.
    pub message: String,
    /// What would be right, if known.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span,
            message: message.into(),
            help: None,
        }
    }

    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    pub fn notice(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Notice,
            ..Self::error(span, message)
        }
    }

    /// Adds what would be right.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
