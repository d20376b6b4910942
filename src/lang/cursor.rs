//! A place in a text, moving forward: characters and words come out, with their spans. Knows blanks, comments and quotes;
//! the grammar is in `parse`.

use crate::lang::source::Span;

/// A reading position.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    source: u32,
    at: usize,
}

/// Characters of a plugin's or option's name.
pub fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

impl<'a> Cursor<'a> {
    pub fn new(source: usize, text: &'a str) -> Self {
        Self {
            text,
            source: u32::try_from(source).unwrap_or(u32::MAX),
            at: 0,
        }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place it has been at.
    pub fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// The text up to a place.
    pub fn before(&self, at: usize) -> &'a str {
        self.text.get(..at).unwrap_or(self.text)
    }

    /// The text from a place to here.
    pub fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or("")
    }

    /// Goes to the end.
    pub fn finish(&mut self) {
        self.at = self.text.len();
    }

    pub fn is_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Everything from here on.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// From `start` to here.
    pub fn span_from(&self, start: usize) -> Span {
        self.span(start, self.at)
    }

    pub fn span(&self, start: usize, end: usize) -> Span {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            source: self.source,
            start: clamp(start),
            end: clamp(end),
        }
    }

    /// The next character, or an empty span at the end of the text.
    pub fn here(&self) -> Span {
        let width = self.peek().map_or(0, char::len_utf8);
        self.span(self.at, self.at + width)
    }

    pub fn advance(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// Takes `expected` if it stands here.
    pub fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    pub fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> (&'a str, Span) {
        let rest = self.rest();
        let length = rest
            .find(|character| !wanted(character))
            .unwrap_or(rest.len());
        let start = self.at;
        self.at += length;
        (rest.get(..length).unwrap_or(""), self.span_from(start))
    }

    /// A run of name characters, possibly empty.
    pub fn name(&mut self) -> (&'a str, Span) {
        self.take_while(is_name)
    }

    /// Skips white space and comments; says whether there was any.
    pub fn skip_blank(&mut self) -> bool {
        let start = self.at;
        loop {
            self.take_while(is_blank);
            if self.peek() != Some('#') {
                return start < self.at;
            }
            self.take_while(|character| character != '\n');
        }
    }

    /// Takes everything up to an unescaped `close`, and that too. `None`, with the cursor where it was, when the text
    /// ends before. A backslash keeps the next `close` from counting and stays in what comes out.
    pub fn until_unescaped(&mut self, close: char) -> Option<&'a str> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut from = 0;
        loop {
            let end = from + rest.get(from..)?.find(close)?;
            if 0 < end && bytes.get(end - 1) == Some(&b'\\') {
                from = end + 1;
                continue;
            }
            self.at += end + close.len_utf8();
            return rest.get(..end);
        }
    }

    /// Whether `name {` stands here.
    pub fn sees_block(mut self) -> bool {
        let (name, _) = self.name();
        self.skip_blank();
        !name.is_empty() && self.peek() == Some('{')
    }

    /// Whether `name =>` stands here, the name possibly in quotes.
    pub fn sees_attribute(mut self) -> bool {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => {
                self.advance();
                let (_, span) =
                    self.take_while(|character| character != quote && character != '\n');
                if span.start == span.end || !self.eat(&quote.to_string()) {
                    return false;
                }
            }
            _ => {
                if self.name().0.is_empty() {
                    return false;
                }
            }
        }
        self.skip_blank();
        self.rest().starts_with("=>")
    }

    /// Whether `input {`, `filter {` or `output {` stands here.
    pub fn sees_section(self) -> bool {
        let mut probe = self;
        matches!(probe.name().0, "input" | "filter" | "output") && self.sees_block()
    }
}
