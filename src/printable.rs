//! Text of others as a terminal may see it: what would move the cursor, change colours or turn the direction is written out.

use std::fmt;

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
    use super::Printable;

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
