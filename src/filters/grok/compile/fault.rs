//! A fault in an expression and the place of the configuration that it stands in: the character itself where the string is
//! written as it is meant, the whole string where escapes or variables have changed it. A fault in a pattern file keeps
//! the file's own place in its message.

use sawlog_parsers::Error;

use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Span;
use crate::plugin::{Arg, Word};

/// What is wrong with an expression of `match`, or with a definition of the same block that it uses.
pub fn in_expression(error: &Error, word: &Word, definitions: &[(Word, Arg)]) -> Diagnostic {
    if error.file().is_some() {
        return Diagnostic::error(word.span, error.to_string());
    }
    let Some(definition) = error.definition() else {
        return pointing(error, &word.text, word.span, error.message().to_owned());
    };
    // As with the library's table, the later definition of a name is the one in force.
    let written = definitions
        .iter()
        .rev()
        .find(|(name, _)| name.text == definition);
    match written.and_then(|(_, arg)| Some((arg.text()?, arg.span))) {
        Some((text, span)) => {
            let message = format!("{} (in the definition of {definition})", error.message());
            pointing(error, text, span, message)
        }
        None => Diagnostic::error(word.span, error.to_string()),
    }
}

/// At the character of the string, or at the string with the character's number.
fn pointing(error: &Error, text: &str, span: Span, message: String) -> Diagnostic {
    let Some(column) = error.column() else {
        return Diagnostic::error(span, message);
    };
    match character(text, span, column) {
        Some(place) => Diagnostic::error(place, message),
        None => Diagnostic::error(span, format!("column {column}: {message}")),
    }
}

/// The span of one character of a text, counted from 1, if the text is written as it is meant: then the source has its
/// bytes, and two quotes if any.
fn character(text: &str, span: Span, column: usize) -> Option<Span> {
    let quotes = (span.end as usize)
        .checked_sub(span.start as usize)?
        .checked_sub(text.len())?;
    if quotes != 0 && quotes != 2 {
        return None;
    }
    let at = text
        .char_indices()
        .nth(column.checked_sub(1)?)
        .map_or(text.len(), |(at, _)| at);
    let length = text
        .get(at..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, char::len_utf8);
    let start = span.start + u32::try_from(quotes / 2 + at).ok()?;
    Some(Span {
        source: span.source,
        start,
        end: start + u32::try_from(length).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, length: u32, column: usize, want: Option<(u32, u32)>) {
        let span = Span {
            source: 0,
            start: 10,
            end: 10 + length,
        };
        let found = character(text, span, column).map(|place| (place.start, place.end));
        assert_eq!(found, want);
    }

    #[test]
    fn a_character_of_a_quoted_string_lies_behind_the_quote() {
        check("%{A}", 6, 1, Some((11, 12)));
        check("\u{e9}%{A}", 8, 2, Some((13, 14)));
    }

    #[test]
    fn a_bare_word_has_no_quote() {
        check("abc", 3, 3, Some((12, 13)));
    }

    #[test]
    fn the_end_of_the_text_is_a_place() {
        check("(a", 4, 3, Some((13, 13)));
    }

    #[test]
    fn a_string_with_escapes_has_no_places() {
        check("a\"b", 6, 2, None);
    }
}
