//! A text to look for, forwards and backwards.

use memchr::memmem::Finder;

/// A text, ready to be found.
#[derive(Debug)]
pub(in crate::grok) struct Needle {
    text: Box<[u8]>,
    /// The offset of its rarest byte.
    rare: usize,
    /// For long texts, where the look for one byte could take long.
    finder: Option<Finder<'static>>,
}

/// Longer texts are found by the general algorithm, whose time is linear whatever the line.
const SHORT_BYTES_MAX: usize = 8;

impl Needle {
    pub fn new(text: &[u8]) -> Self {
        let rare = (0..text.len()).max_by_key(|at| text.get(*at).map_or(0, |byte| rarity(*byte)));
        let is_long = SHORT_BYTES_MAX < text.len();
        Self {
            text: text.into(),
            rare: rare.unwrap_or(0),
            finder: is_long.then(|| Finder::new(text).into_owned()),
        }
    }

    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The first place.
    #[inline]
    pub fn next(&self, line: &[u8]) -> Option<usize> {
        if let Some(finder) = &self.finder {
            return finder.find(line);
        }
        let Some(rare) = self.text.get(self.rare) else {
            return Some(0);
        };
        let mut from = self.rare;
        loop {
            let found = from + memchr::memchr(*rare, line.get(from..)?)?;
            let start = found - self.rare;
            if line.get(start..)?.starts_with(&self.text) {
                return Some(start);
            }
            from = found + 1;
        }
    }

    /// The last place.
    #[inline]
    pub fn last(&self, line: &[u8]) -> Option<usize> {
        let Some(rare) = self.text.get(self.rare) else {
            return Some(line.len());
        };
        let behind = self.text.len() - self.rare - 1;
        let mut high = line.len().checked_sub(behind)?;
        loop {
            high = memchr::memrchr(*rare, line.get(..high)?)?;
            if let Some(start) = high.checked_sub(self.rare)
                && line.get(start..)?.starts_with(&self.text)
            {
                return Some(start);
            }
        }
    }

    /// How seldom a line holds the text, by a rough count.
    pub fn rarity(&self) -> u32 {
        self.text.iter().map(|byte| rarity(*byte)).sum()
    }
}

/// Blanks, digits and small letters are everywhere, brackets are not.
fn rarity(byte: u8) -> u32 {
    match byte {
        b' ' => 0,
        b'a'..=b'z' | b'0'..=b'9' => 1,
        b'/' | b'.' | b'-' | b':' | b'=' | b',' | b'A'..=b'Z' => 2,
        b'"' | b'_' | b'(' | b')' => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, line: &str) {
        let needle = Needle::new(text.as_bytes());
        assert_eq!(
            needle.next(line.as_bytes()),
            line.find(text),
            "{text} in {line}"
        );
        assert_eq!(
            needle.last(line.as_bytes()),
            line.rfind(text),
            "{text} in {line}"
        );
    }

    #[test]
    fn texts_are_found_first_and_last() {
        for text in [
            "",
            " ",
            "\"",
            "\" ",
            " [",
            "] \"",
            "ab]",
            "]]",
            "a longer text",
            "aaaaaaaaaa",
        ] {
            for line in [
                "",
                " ",
                "] \"x] \" \"",
                "[ [ab] ]]]",
                " a longer text, a longer text",
                "aaaaaaaaaaaaa",
            ] {
                check(text, line);
            }
        }
    }
}
