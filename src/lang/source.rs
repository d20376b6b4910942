//! The texts of a configuration and places in them. Files come in as they were read; a `Span` names a range of bytes in
//! one of them, and `Sources` turns it into file, line and column. Nothing here knows the grammar.

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

    /// Line and column of a span's start, both from 1; the column counts characters.
    pub fn line_and_column(&self, span: Span) -> (usize, usize) {
        let Some(source) = self.source(span) else {
            return (1, 1);
        };
        let before = source
            .text
            .get(..span.start as usize)
            .unwrap_or(&source.text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            line,
            before.get(line_start..).unwrap_or("").chars().count() + 1,
        )
    }
}
