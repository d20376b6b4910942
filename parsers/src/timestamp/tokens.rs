//! Cuts a date format into runs of one letter and the text between them, as Joda-Time and Java
//! agree to do, and words what is wrong with one.
//!
//! What a letter means is not here.

use super::{Dialect, Error};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A letter and how often it stands in a row.
    Letters(char, usize),
    /// Text that stands for itself, quotes removed.
    Literal(String),
    /// Where an optional part begins; only in Java's formats.
    Open,
    /// Where it ends.
    Close,
}

/// Longest format taken: no date format of use comes near, and the work of parsing grows with it.
const FORMAT_BYTES_MAX: usize = 1024;

/// Cuts a format that is not empty into tokens and their places; quotes protect letters, two quotes
/// are one.
pub(crate) fn cut(format: &str, dialect: Dialect) -> Result<Vec<(usize, Token)>, Error> {
    if format.is_empty() {
        return Err(Error::new("the date format is empty"));
    }
    if FORMAT_BYTES_MAX < format.len() {
        return Err(Error::new(format!(
            "the date format has {} bytes; {FORMAT_BYTES_MAX} are allowed",
            format.len()
        )));
    }
    let mut tokens: Vec<(usize, Token)> = Vec::new();
    let mut open_quote = None;
    let mut chars = format.char_indices().peekable();
    while let Some((at, letter)) = chars.next() {
        let token = match letter {
            '\'' if chars.next_if(|(_, next)| *next == '\'').is_some() => {
                Token::Literal("'".into())
            }
            '\'' => {
                open_quote = match open_quote {
                    None => Some(at),
                    Some(_) => None,
                };
                continue;
            }
            '[' if dialect == Dialect::Java && open_quote.is_none() => Token::Open,
            ']' if dialect == Dialect::Java && open_quote.is_none() => Token::Close,
            _ if letter.is_ascii_alphabetic() && open_quote.is_none() => {
                let mut count = 1;
                while chars.next_if(|(_, next)| *next == letter).is_some() {
                    count += 1;
                }
                Token::Letters(letter, count)
            }
            _ => Token::Literal(letter.into()),
        };
        match (tokens.last_mut(), token) {
            (Some((_, Token::Literal(text))), Token::Literal(more)) => text.push_str(&more),
            (_, token) => tokens.push((at, token)),
        }
    }
    match open_quote {
        Some(at) => {
            let message = "a quote that does not end; as text it is written twice, ''";
            Err(Error::new(message).at_offset(format, at))
        }
        None => Ok(tokens),
    }
}

/// Letters that mean nothing here, or nothing so many times, and what comes nearest to them.
pub(crate) fn unknown(letter: char, count: usize, dialect: Dialect) -> Error {
    let name = match dialect {
        Dialect::Joda => "a date format of Joda-Time",
        Dialect::Java => "a date format of Java",
    };
    let what = match count {
        1 => format!("the letter {letter}"),
        _ => String::from_iter(std::iter::repeat_n(letter, count)),
    };
    Error::new(match nearest(letter, dialect) {
        Some(nearest) => format!("{what} is not supported in {name}; {nearest}"),
        None => {
            format!("{what} is not supported in {name}; text stands in quotes, as in '{letter}'")
        }
    })
}

/// What other formats' users mean by a letter.
fn nearest(letter: char, dialect: Dialect) -> Option<&'static str> {
    Some(match (dialect, letter) {
        (Dialect::Joda, 'u') => "the year is yyyy",
        (Dialect::Joda, 'L') => "the month is MM, its name MMM",
        (Dialect::Joda, 'X' | 'O') => "an offset such as +01:00 or Z is ZZ",
        (Dialect::Joda, 'V') => "the name of a zone such as Europe/Berlin is ZZZ",
        (Dialect::Joda, 'z') => {
            "the full name of a zone (zzzz) cannot be read; ZZZ reads names like Europe/Berlin"
        }
        (Dialect::Joda, 'n' | 'N' | 'A' | 'f') => "the fraction of a second is SSS",
        (Dialect::Joda, 'c') => "the number of the weekday is e, its name EEE",
        (Dialect::Joda, 'W' | 'F') => "the week of the year is ww",
        (Dialect::Java, 'Y' | 'w' | 'W' | 'e' | 'c' | 'C') => {
            "the year is uuuu, the weekday's name EEE"
        }
        (Dialect::Java, 'z') => "PST is z, Europe/Berlin VV, +01:00 XXX",
        (Dialect::Java, 'V') => "the name of a zone such as Europe/Berlin is VV",
        (Dialect::Java, 'X' | 'x' | 'Z' | 'O') => "an offset such as +01:00 or Z is XXX",
        (Dialect::Java, 'A' | 'N' | 'S' | 'f') => "the fraction of a second is SSS to SSSSSSSSS",
        (_, 'p' | 'P' | 'b' | 'B' | 'a') => "AM and PM are a",
        (_, 'j' | 'J' | 'D') => "the day of the year is DDD",
        (_, 'Q' | 'q' | 'M') => "the month is MM, its name MMM",
        (_, 'i' | 'I') => "the hour is HH, of half a day hh",
        (_, 'd') => "the day of the month is dd",
        (_, 'H' | 'h' | 'k' | 'K') => "the hour is HH, of half a day hh",
        (_, 'm') => "the minute is mm",
        (_, 's') => "the second is ss",
        (_, 'E') => "the weekday's name is EEE or EEEE",
        _ => return None,
    })
}
