//! Cuts a date format into runs of one letter and the text between them, as Joda-Time and Java
//! agree to do.
//!
//! What a letter means is not here.

use super::Error;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A letter and how often it stands in a row.
    Letters(char, usize),
    /// Text that stands for itself, quotes removed.
    Literal(String),
}

/// Longest format taken: no date format of use comes near, and the work of parsing grows with it.
const FORMAT_BYTES_MAX: usize = 1024;

/// Cuts a format; quotes protect letters, two quotes are one.
pub(crate) fn cut(format: &str) -> Result<Vec<Token>, Error> {
    if FORMAT_BYTES_MAX < format.len() {
        return Err(Error::new(format!(
            "the date format has {} bytes; {FORMAT_BYTES_MAX} are allowed",
            format.len()
        )));
    }
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut quoted = false;
    let mut chars = format.chars().peekable();
    while let Some(letter) = chars.next() {
        if letter == '\'' {
            if chars.next_if_eq(&'\'').is_some() {
                literal.push('\'');
            } else {
                quoted = !quoted;
            }
        } else if quoted || !letter.is_ascii_alphabetic() {
            literal.push(letter);
        } else {
            if !literal.is_empty() {
                tokens.push(Token::Literal(std::mem::take(&mut literal)));
            }
            let mut count = 1;
            while chars.next_if_eq(&letter).is_some() {
                count += 1;
            }
            tokens.push(Token::Letters(letter, count));
        }
    }
    if quoted {
        return Err(Error::new(format!(
            "the date format {format:?} has a quote that does not end"
        )));
    }
    if !literal.is_empty() {
        tokens.push(Token::Literal(literal));
    }
    Ok(tokens)
}
