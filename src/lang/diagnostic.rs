//! What is wrong, or doubtful, in a configuration: where, what, and what would be right. Printing lives here too.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::lang::source::{Sources, Span};
use crate::lang::{limits, mask};
use crate::printable::{Printable, marked_lines};

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
    /// Places in the line around that must not be printed.
    pub secrets: Vec<Span>,
}

impl Diagnostic {
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span,
            message: message.into(),
            help: None,
            secrets: Vec::new(),
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

impl Severity {
    /// The word in the first line of a diagnostic.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }

    fn level(self) -> Level<'static> {
        match self {
            Self::Error => Level::ERROR,
            Self::Warning => Level::WARNING,
            Self::Notice => Level::NOTE,
        }
    }
}

/// A diagnostic as it is printed, without a last line end: `FILE:LINE:COLUMN: severity: message`, which programs may read,
/// then an excerpt with a caret, then `help: ...`. Secrets are masked and control characters written out.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let (line, column) = sources.line_and_column(diagnostic.span);
    let name = sources
        .source(diagnostic.span)
        .map_or("-", |source| source.name.as_str());
    let mut text = format!(
        "{}:{line}:{column}: {}: {}",
        printable(name),
        diagnostic.severity.name(),
        printable(&without_secrets(&diagnostic.message, diagnostic, sources))
    );
    if let Some(excerpt) = excerpt(diagnostic, sources, line, colour) {
        text.push('\n');
        text.push_str(&excerpt);
    }
    if let Some(help) = &diagnostic.help {
        text.push_str("\nhelp: ");
        text.push_str(&printable(&without_secrets(help, diagnostic, sources)));
    }
    text
}

/// A message without the secrets that its place holds: what is refused may be one.
fn without_secrets(message: &str, diagnostic: &Diagnostic, sources: &Sources) -> String {
    const PART_BYTES_MIN: usize = 3;
    let mut message = message.to_owned();
    if let Some(shown) = shown_line(diagnostic, sources) {
        for secret in mask::secrets_in(shown.text, &shown.known) {
            let (start, end) = (
                secret.start.max(shown.span.start),
                secret.end.min(shown.span.end),
            );
            if end <= start {
                continue;
            }
            // A quote in a password cuts it in two, and the message may name the one part. A letter or two tell nothing.
            let part = Some(start..end).filter(|part| PART_BYTES_MIN <= part.len());
            for hidden in [Some(secret), part].into_iter().flatten() {
                if let Some(hidden) = shown.text.get(hidden) {
                    message = message.replace(hidden, mask::MASK);
                }
            }
        }
    }
    message
}

/// The line that a diagnostic shows, or the part of a very long one around its place, and places in it.
struct ShownLine<'a> {
    text: &'a str,
    /// What is known to be secret.
    known: Vec<Range<usize>>,
    /// Where the caret goes.
    span: Range<usize>,
}

fn shown_line<'a>(diagnostic: &Diagnostic, sources: &'a Sources) -> Option<ShownLine<'a>> {
    let source = sources.source(diagnostic.span)?;
    let line = part_around(
        &source.text,
        sources.line_of(diagnostic.span)?,
        diagnostic.span,
    );
    let text = source.text.get(line.clone())?;
    let within = |at: u32| (at as usize).clamp(line.start, line.end) - line.start;
    let known = diagnostic
        .secrets
        .iter()
        .filter(|secret| secret.source == diagnostic.span.source)
        .map(|secret| within(secret.start)..within(secret.end))
        .collect();
    let span = within(diagnostic.span.start)..within(diagnostic.span.end);
    Some(ShownLine { text, known, span })
}

/// The line with a caret under the span; only the first line of a longer span.
fn excerpt(
    diagnostic: &Diagnostic,
    sources: &Sources,
    number: usize,
    colour: bool,
) -> Option<String> {
    let shown = shown_line(diagnostic, sources)?;
    let (text, span) = mask::masked(shown.text, &shown.known, shown.span);
    let (text, span) = marked_lines(&text, &span);
    let snippet = Snippet::source(text)
        .line_start(number)
        .annotation(AnnotationKind::Primary.span(span));
    let group = Group::with_level(diagnostic.severity.level()).element(snippet);
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    Some(renderer.render(&[group]).to_string())
}

/// The part of a line that is near a place.
fn part_around(text: &str, line: Range<usize>, span: Span) -> Range<usize> {
    let place = (span.start as usize).clamp(line.start, line.end);
    let mut start = line
        .start
        .max(place.saturating_sub(limits::EXCERPT_BYTES_MAX));
    let mut end = line.end.min(place + limits::EXCERPT_BYTES_MAX);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    start..end
}

/// A text, cut to a length that can be read, with its control characters written out, so that a name cannot move the cursor of a terminal.
pub fn printable(text: &str) -> String {
    let mut places = text.char_indices();
    let end = places
        .nth(limits::MESSAGE_CHARACTERS_MAX)
        .map(|(end, _)| end);
    let shown = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let dots = if end.is_some() { "..." } else { "" };
    format!("{}{dots}", Printable(shown))
}
