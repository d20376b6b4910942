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

/// Control characters, and those that nobody sees: they break the line, turn the direction, or carry text in secret.
pub fn is_harmful(letter: char) -> bool {
    // Most text is ASCII.
    letter.is_control() || (!letter.is_ascii() && is_unseen(letter))
}

/// What Unicode 16 calls formats (general category Cf), line and paragraph separators (Zl, Zp), and whatever else it says is
/// not shown (Default_Ignorable_Code_Point): fillers, and selectors of variants with the joiner of emoji. An emoji of several
/// parts is spelt out in part, for selectors can carry bytes.
fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{AD}' // A hyphen that is shown where a line ends.
        | '\u{34F}' // Joins marks.
        | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' // Arabic and Syriac: signs, a direction.
        | '\u{890}'..='\u{891}' | '\u{8E2}'
        | '\u{115F}'..='\u{1160}' | '\u{3164}' | '\u{FFA0}' // Fillers of Korean.
        | '\u{17B4}'..='\u{17B5}' // Vowels of Khmer that are not written.
        | '\u{180B}'..='\u{180F}' // Variants of Mongolian.
        | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' // Without width, ends of lines, directions.
        | '\u{2060}'..='\u{206F}' // Joiners, what mathematics does not write, directions.
        | '\u{FE00}'..='\u{FE0F}' // Variants.
        | '\u{FEFF}' // A mark of the byte order.
        | '\u{FFF0}'..='\u{FFFB}' // Notes between the lines, and room for more.
        | '\u{110BD}' | '\u{110CD}' // Signs of Kaithi.
        | '\u{13430}'..='\u{1343F}' // Hieroglyphs are put together by them.
        | '\u{1BCA0}'..='\u{1BCA3}' // Shorthand.
        | '\u{1D173}'..='\u{1D17A}' // Music.
        | '\u{E0000}'..='\u{E0FFF}' // Tags, which are letters in secret; variants, and room for more.
    )
}

#[cfg(test)]
mod tests {
    use super::{Printable, Reader, is_harmful, marked_lines};

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

    /// First and last of each range; what stands beside them is shown.
    const UNSEEN: [(u32, u32); 28] = [
        (0x00, 0x1F),
        (0x7F, 0x9F),
        (0xAD, 0xAD),
        (0x34F, 0x34F),
        (0x600, 0x605),
        (0x61C, 0x61C),
        (0x6DD, 0x6DD),
        (0x70F, 0x70F),
        (0x890, 0x891),
        (0x8E2, 0x8E2),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x200B, 0x200F),
        (0x2028, 0x202E),
        (0x2060, 0x206F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFFB),
        (0x110BD, 0x110BD),
        (0x110CD, 0x110CD),
        (0x13430, 0x1343F),
        (0x1BCA0, 0x1BCA3),
        (0x1D173, 0x1D17A),
        (0xE0000, 0xE0FFF),
        (0x110000, 0x110000),
    ];

    #[test]
    fn what_nobody_sees_is_harmful_and_all_else_is_not() {
        let mut shown_from = 0;
        for (first, last) in UNSEEN {
            let is_shown = |letter: u32| !char::from_u32(letter).is_some_and(is_harmful);
            let bad = (shown_from..first).find(|letter| !is_shown(*letter));
            assert_eq!(bad, None, "below {first:x}");
            let bad = (first..=last).find(|letter| *letter < 0x110000 && is_shown(*letter));
            assert_eq!(bad, None, "from {first:x}");
            shown_from = last + 1;
        }
    }

    #[test]
    fn text_in_secret_is_written_out() {
        for (text, want) in [
            ("a\u{e0001}\u{e0041}", r"a\u{e0001}\u{e0041}"),
            ("\u{61c}\u{2064}\u{206a}", r"\u{61c}\u{2064}\u{206a}"),
            ("pass\u{ad}word\u{180e}", r"pass\u{ad}word\u{180e}"),
            ("\u{fff9}\u{3164}", r"\u{fff9}\u{3164}"),
            ("\u{2764}\u{fe0f}", "\u{2764}\\u{fe0f}"),
            ("e\u{301}", "e\u{301}"),
        ] {
            assert_eq!(Printable(text).to_string(), want);
            assert_eq!(*Reader::Terminal.shown(text.as_bytes()), *want.as_bytes());
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
