//! What stands between keys, values and pairs: sets of characters or expressions, compiled. A place in a line comes in,
//! the next separator comes out. Which of them count is the scan's.

use std::ops::Range;

use memchr::memchr;

use crate::error::Error;

use super::pattern::{self, Regex};
use super::set::Set;
use super::{Options, Whitespace};

/// Bytes of a separator that an expression finds at most, or little more; so an expression that looks for the end of the
/// line at every place does not make the time quadratic.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, SEPARATOR_BYTES_MAX};
///
/// let dashes = Options { field_split_pattern: Some("-+".to_owned()), ..Options::default() };
/// let kv = KeyValue::compile(&dashes)?;
/// let line = format!("a=1{}b=2", "-".repeat(3 * SEPARATOR_BYTES_MAX));
/// assert_eq!(kv.pairs(line.as_bytes()).count(), 2);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
pub const SEPARATOR_BYTES_MAX: usize = 128;

/// The separators of a filter.
#[derive(Debug, Clone)]
pub(super) struct Separators {
    pub kind: Kind,
    pub include_brackets: bool,
    /// Lines end values, since the point of an expression does not take a line break.
    pub breaks_end_values: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Sets(Sets),
    Patterns(Patterns),
}

#[derive(Debug, Clone)]
pub(super) struct Sets {
    pub field: Set,
    value: Set,
    /// Either of them ends a key.
    either: Set,
    whitespace: Whitespace,
}

/// With one expression the other separators become one, too.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    pub field: Regex,
    pub value: Regex,
}

impl Separators {
    pub(super) fn compile(options: &Options) -> Result<Self, Error> {
        let set = |option: &str, text: &str| {
            let set = Set::parse(option, text)?;
            if set.contains('\\') {
                let message = "a backslash protects what follows it and separates nothing";
                return Err(Error::new(format!("{option}: {message}")));
            }
            Ok(set)
        };
        let field_pattern = options.field_split_pattern.as_deref();
        let value_pattern = options.value_split_pattern.as_deref();
        let kind = if field_pattern.is_none() && value_pattern.is_none() {
            let field = set("field_split", &options.field_split)?;
            let value = set("value_split", &options.value_split)?;
            Kind::Sets(Sets {
                either: field.union(&value),
                field,
                value,
                whitespace: options.whitespace,
            })
        } else {
            let source = |names: [&str; 2], pattern: Option<&str>, text: &str| match pattern {
                Some(pattern) => pattern::translate(names[1], pattern),
                None => set(names[0], text).map(|set| set.as_class()),
            };
            let field = source(
                ["field_split", "field_split_pattern"],
                field_pattern,
                &options.field_split,
            )?;
            let value = source(
                ["value_split", "value_split_pattern"],
                value_pattern,
                &options.value_split,
            )?;
            let value = match options.whitespace {
                Whitespace::Lenient => format!(" *(?:{value}) *"),
                Whitespace::Strict => value,
            };
            let compile = |pattern: &str| pattern::compile(pattern).map_err(Error::new);
            Kind::Patterns(Patterns {
                field: compile(&field)?,
                value: compile(&value)?,
            })
        };
        Ok(Self {
            kind,
            include_brackets: options.include_brackets,
            breaks_end_values: field_pattern.is_some(),
        })
    }
}

impl Sets {
    /// The next place from which a key may not go on.
    #[inline]
    pub(super) fn stop(&self, text: &[u8], from: usize) -> Option<usize> {
        self.either.find(text, from)
    }

    /// Where the value begins, if a value separator stands here.
    pub(super) fn value_from(&self, text: &[u8], at: usize) -> Option<usize> {
        if self.whitespace == Whitespace::Strict {
            return Some(at + self.value.length_at(text, at)?);
        }
        let separator = blanks_end(text, at);
        match self.value.length_at(text, separator) {
            Some(length) => Some(blanks_end(text, separator + length)),
            // Of blanks alone one is the separator, if it may be.
            None => (at < separator && self.value.contains(' ')).then_some(separator),
        }
    }
}

fn blanks_end(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let is_text = |byte: &u8| *byte != b' ';
    from + rest.iter().position(is_text).unwrap_or(rest.len())
}

/// What a search found last, so that asking for places that follow each other does not search the same bytes again.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    /// From where the search was made, and what it found.
    last: Option<(usize, Option<Range<usize>>)>,
}

impl Cursor {
    pub(super) fn find(&mut self, regex: &Regex, text: &[u8], from: usize) -> Option<Range<usize>> {
        self.seek(from, || search(regex, text, from))
    }

    /// The next line break.
    pub(super) fn find_break(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let found = self.seek(from, || {
            let at = from + memchr(b'\n', text.get(from..)?)?;
            Some(at..at + 1)
        });
        found.map(|range| range.start)
    }

    fn seek(
        &mut self,
        from: usize,
        search: impl FnOnce() -> Option<Range<usize>>,
    ) -> Option<Range<usize>> {
        if let Some((since, found)) = &self.last {
            let still_ahead = found.as_ref().is_none_or(|range| from <= range.start);
            if *since <= from && still_ahead {
                return found.clone();
            }
        }
        let found = search();
        self.last = Some((from, found.clone()));
        found
    }
}

/// Searches piece by piece, so that one search costs the bytes up to its match and no more than a piece besides.
fn search(regex: &Regex, text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut from = from;
    while from <= text.len() {
        let end = text.len().min(from + 2 * SEPARATOR_BYTES_MAX);
        let is_whole = end == text.len();
        match regex.find_at(text.get(..end)?, from) {
            // One that begins late in the piece may be cut off by its end.
            Some(found) if is_whole || found.start <= from + SEPARATOR_BYTES_MAX => {
                return Some(found);
            }
            Some(found) => from = found.start,
            None if is_whole => return None,
            None => from += SEPARATOR_BYTES_MAX,
        }
    }
    None
}
