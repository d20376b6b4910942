//! The texts of a configuration and places in them. Files come in as they were read; a `Span` names a range of bytes in
//! one of them, and `Sources` turns it into file, line and column. Nothing here knows the grammar.

use std::ops::Range;

/// A range of bytes in one source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Index into `Sources`.
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One configuration text and the name it is reported under.
#[derive(Clone, Debug)]
pub struct Source {
    /// A path as the user wrote it, or `-e` for text of the command line.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// All texts of one pipeline, in the order in which they are joined.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub all: Vec<Source>,
}

impl Sources {
    /// The source that a span lies in.
    pub fn source(&self, span: Span) -> Option<&Source> {
        self.all.get(span.source as usize)
    }

    /// The bytes of the line that a span begins in, without its end.
    pub fn line_of(&self, span: Span) -> Option<Range<usize>> {
        let text = &self.source(span)?.text;
        let mut at = (span.start as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let (before, after) = text.split_at(at);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').map_or(text.len(), |newline| at + newline);
        let end = if text.get(start..end)?.ends_with('\r') {
            end - 1
        } else {
            end
        };
        Some(start..end)
    }

    /// Adds a text; gives its index.
    pub fn push(&mut self, name: impl Into<String>, text: impl Into<String>) -> u32 {
        self.all.push(Source {
            name: name.into(),
            text: text.into(),
        });
        u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
    }

    /// Line and column of a span's start, both from 1; the column counts characters.
    pub fn line_and_column(&self, span: Span) -> (usize, usize) {
        let Some(source) = self.source(span) else {
            return (1, 1);
        };
        let before = source
            .text
            .get(..span.start as usize)
            .unwrap_or(&source.text);
        // Editors do not count a byte order mark.
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            line,
            before.get(line_start..).unwrap_or("").chars().count() + 1,
        )
    }
}
