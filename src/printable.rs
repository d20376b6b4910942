//! Text of others as a terminal may see it: what would move the cursor, change colours or turn the direction is written out.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::IsTerminal;
use std::ops::Range;

/// Who reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person at a terminal, which obeys some characters.
    Terminal,
    /// A file, or another program, which takes every byte as it is.
    Program,
}

impl Reader {
    /// Who is at the other end of a stream.
    pub fn of(stream: &impl IsTerminal) -> Self {
        match stream.is_terminal() {
            true => Self::Terminal,
            false => Self::Program,
        }
    }

    /// Bytes as this reader may have them. For a terminal everything is spelt out that it would obey, but for ends of lines
    /// and tabs, and what is no text.
    pub fn shown(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Terminal => Cow::Owned(spelt_out(bytes).into_bytes()),
            Self::Program => Cow::Borrowed(bytes),
        }
    }
}

/// A message of several lines for people.
pub fn lines(text: &str) -> String {
    spelt_out(text.as_bytes())
}

/// The same of a text with a mark, which stays at its place. The mark begins and ends between two characters.
pub fn marked_lines(text: &str, mark: &Range<usize>) -> (String, Range<usize>) {
    let part = |range: Range<usize>| lines(text.get(range).unwrap_or_default());
    let mut shown = part(0..mark.start);
    let start = shown.len();
    shown.push_str(&part(mark.clone()));
    let end = shown.len();
    shown.push_str(&part(mark.end..text.len()));
    (shown, start..end)
}

fn spelt_out(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match is_harmful(letter) && !matches!(letter, '\n' | '\t') {
                true => text.extend(letter.escape_default()),
                false => text.push(letter),
            }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02X}").expect("a String takes all text");
        }
    }
    text
}

/// Prints a text with such characters escaped.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(place) = rest.find(is_harmful) {
            let (good, from) = rest.split_at(place);
            formatter.write_str(good)?;
            let mut letters = from.chars();
            if let Some(harmful) = letters.next() {
                write!(formatter, "{}", harmful.escape_default())?;
            }
            rest = letters.as_str();
        }
        formatter.write_str(rest)
    }
}

/// Control characters, those without width, and those that turn the direction of what follows.
pub fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::{Printable, Reader, marked_lines};

    #[test]
    fn a_terminal_gets_lines_and_nothing_else_to_obey() {
        for (bytes, want) in [
            (&b"one\ttwo\nthree\r\n"[..], "one\ttwo\nthree\\r\n"),
            (b"\x1b[31mred\x07\x7f", r"\u{1b}[31mred\u{7}\u{7f}"),
            (
                "\u{9b}31m \u{202e}\u{200b}".as_bytes(),
                r"\u{9b}31m \u{202e}\u{200b}",
            ),
            (b"\x9b31m \xFF", r"\x9B31m \xFF"),
            (
                "f\u{fc}r uns \u{1f980}".as_bytes(),
                "f\u{fc}r uns \u{1f980}",
            ),
        ] {
            assert_eq!(*Reader::Terminal.shown(bytes), *want.as_bytes());
            assert_eq!(*Reader::Program.shown(bytes), *bytes);
        }
    }

    #[test]
    fn a_mark_stays_at_its_place() {
        let text = "a\u{9b}b\u{200b}\u{1b}c\td";
        let start = text.find('b').expect("it is there");
        let end = text.find('c').expect("it is there");
        let (shown, mark) = marked_lines(text, &(start..end));
        assert_eq!(shown, "a\\u{9b}b\\u{200b}\\u{1b}c\td");
        assert_eq!(shown.get(mark), Some("b\\u{200b}\\u{1b}"));
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, want) in [
            ("plain, für uns", "plain, für uns"),
            ("\u{1b}[31mred\u{7}", r"\u{1b}[31mred\u{7}"),
            ("two\nlines\r", r"two\nlines\r"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("user\u{202e}gpj.exe", r"user\u{202e}gpj.exe"),
            ("", ""),
        ] {
            assert_eq!(Printable(text).to_string(), want);
        }
    }
}
