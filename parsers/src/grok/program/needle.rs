//! Texts: short ones that are compared at once, and those to look for, forwards and backwards.

use memchr::memmem::{Finder, FinderRev};

use crate::near;

/// A text of up to eight bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::grok) struct Short {
    bytes: [u8; 8],
    length: u8,
}

impl Short {
    /// Of no length; it is everywhere.
    pub const NONE: Self = Self {
        bytes: [0; 8],
        length: 0,
    };

    /// `None` when the text is longer.
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 8];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let length = u8::try_from(text.len()).ok()?;
        Some(Self { bytes, length })
    }

    pub fn text(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }

    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// The place behind the text, if it is at the place. It must not be empty.
    #[inline]
    pub fn end(self, line: &[u8], at: usize) -> Option<usize> {
        let rest = line.get(at..)?;
        let found = match rest.first_chunk::<8>() {
            Some(chunk) => {
                let differing = u64::from_le_bytes(*chunk) ^ u64::from_le_bytes(self.bytes);
                // The bytes behind the text are shifted out.
                differing << (((8 - self.length) * 8) & 63) == 0
            }
            None => self.is_start_of(rest),
        };
        found.then_some(at + usize::from(self.length))
    }

    /// The same near the end of the line.
    fn is_start_of(self, rest: &[u8]) -> bool {
        let text = self.text();
        text.len() <= rest.len() && text.iter().zip(rest).all(|(byte, other)| byte == other)
    }
}

/// A text, ready to be found.
#[derive(Debug)]
pub(in crate::grok) struct Needle {
    kind: Kind,
    length: usize,
}

#[derive(Debug)]
enum Kind {
    /// By its rarest byte, and the offset of that.
    Short {
        text: Short,
        rare: u8,
        offset: usize,
    },
    /// By the general algorithms, whose time is linear whatever the line.
    Long {
        next: Box<Finder<'static>>,
        last: Box<FinderRev<'static>>,
    },
}

impl Needle {
    pub fn new(text: &[u8]) -> Self {
        let offsets = 0..text.len();
        let rarest = offsets.max_by_key(|at| text.get(*at).map_or(0, |byte| rarity(*byte)));
        let kind = match (Short::new(text), rarest) {
            (Some(short), Some(offset)) => Kind::Short {
                text: short,
                rare: text.get(offset).copied().unwrap_or_default(),
                offset,
            },
            _ => Kind::Long {
                next: Box::new(Finder::new(text).into_owned()),
                last: Box::new(FinderRev::new(text).into_owned()),
            },
        };
        Self {
            kind,
            length: text.len(),
        }
    }

    /// How seldom a line holds the text, by a rough count.
    pub fn rarity(&self) -> u32 {
        match &self.kind {
            Kind::Short { text, .. } => text.text().iter().map(|byte| rarity(*byte)).sum(),
            Kind::Long { .. } => u32::MAX,
        }
    }

    pub fn len(&self) -> usize {
        self.length
    }

    /// The first place.
    #[inline]
    pub fn next(&self, line: &[u8]) -> Option<usize> {
        let (text, rare, offset) = match &self.kind {
            Kind::Long { next, .. } => return next.find(line),
            Kind::Short { text, rare, offset } => (*text, *rare, *offset),
        };
        let mut from = offset;
        loop {
            let found = from + memchr::memchr(rare, line.get(from..)?)?;
            if text.end(line, found - offset).is_some() {
                return Some(found - offset);
            }
            from = found + 1;
        }
    }

    /// The last place, which is most often near.
    #[inline]
    pub fn last(&self, line: &[u8]) -> Option<usize> {
        self.last_by(line, near::find_last)
    }

    /// The same where it is not near, if it is there at all.
    #[inline]
    pub fn last_far(&self, line: &[u8]) -> Option<usize> {
        self.last_by(line, memchr::memrchr)
    }

    #[inline]
    fn last_by(&self, line: &[u8], last: fn(u8, &[u8]) -> Option<usize>) -> Option<usize> {
        let (text, rare, offset) = match &self.kind {
            Kind::Long { last, .. } => return last.rfind(line),
            Kind::Short { text, rare, offset } => (*text, *rare, *offset),
        };
        // The rarest byte stands before this place.
        let mut high = (line.len() + offset + 1).checked_sub(self.length)?;
        high = last(rare, line.get(..high)?)?;
        loop {
            let start = high.checked_sub(offset)?;
            if text.end(line, start).is_some() {
                return Some(start);
            }
            high = memchr::memrchr(rare, line.get(..high)?)?;
        }
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
        for last in [Needle::last, Needle::last_far] {
            let found = last(&needle, line.as_bytes());
            assert_eq!(found, line.rfind(text), "{text} in {line}");
        }
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
