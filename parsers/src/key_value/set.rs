//! Sets of characters, written as between the brackets of a Ruby expression. Text in, a set out that finds its members
//! in bytes; a byte that is no part of a character is a member of none.

use crate::error::Error;

/// A set of characters.
#[derive(Debug, Clone)]
pub(super) struct Set {
    /// Whether a member begins with this byte; for those beyond ASCII, whether one may.
    bytes: Box<[bool; 256]>,
    /// First and last character of each range.
    ranges: Vec<(char, char)>,
}

impl Set {
    /// Reads a set; the option's name goes into the message.
    pub(super) fn parse(option: &str, text: &str) -> Result<Self, Error> {
        let refuse = |unread: &str, message: &str| {
            Err(Error::new(format!("{option}: {message}"))
                .at_offset(text, text.len() - unread.len()))
        };
        if text.is_empty() {
            return refuse(text, "it is empty; write the characters of the set");
        }
        if text.starts_with('^') {
            return refuse(
                text,
                r"^ at the beginning turns a set around; write \^ for the character",
            );
        }
        let mut ranges: Vec<(char, char)> = Vec::new();
        let mut unread = text;
        while !unread.is_empty() {
            match members(unread) {
                Ok((Members::One(first, last), length)) => {
                    ranges.push((first, last));
                    unread = unread.get(length..).unwrap_or_default();
                }
                Ok((Members::Many(several), length)) => {
                    ranges.extend_from_slice(several);
                    unread = unread.get(length..).unwrap_or_default();
                }
                Err(message) => return refuse(unread, message),
            }
        }
        Ok(Self::of(ranges))
    }

    fn of(ranges: Vec<(char, char)>) -> Self {
        let mut bytes = Box::new([false; 256]);
        for (first, last) in &ranges {
            let (first, last) = (u32::from(*first), u32::from(*last));
            for (byte, is_member) in (0..).zip(bytes.iter_mut()) {
                let in_range = byte < 0x80 && first <= byte && byte <= last;
                *is_member |= in_range || (0x80 <= last && 0xC2 <= byte);
            }
        }
        Self { bytes, ranges }
    }

    /// Both sets as one.
    pub(super) fn union(&self, other: &Set) -> Set {
        Set::of([self.ranges.as_slice(), &other.ranges].concat())
    }

    pub(super) fn contains(&self, letter: char) -> bool {
        let is_in = |(first, last): &(char, char)| (*first..=*last).contains(&letter);
        self.ranges.iter().any(is_in)
    }

    /// The bytes of the member that stands here.
    #[inline]
    pub(super) fn length_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let byte = *text.get(at)?;
        if self.bytes.get(usize::from(byte)) != Some(&true) {
            return None;
        }
        if byte < 0x80 {
            return Some(1);
        }
        let letter = letter_at(text, at)?;
        self.contains(letter).then_some(letter.len_utf8())
    }

    /// Where the next member stands.
    #[inline]
    pub(super) fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let may_begin = |byte: &u8| self.bytes.get(usize::from(*byte)) == Some(&true);
            at += text.get(at..)?.iter().position(may_begin)?;
            if self.length_at(text, at).is_some() {
                return Some(at);
            }
            at += 1;
        }
    }

    /// The text without members at its ends.
    pub(super) fn trim<'l>(&self, text: &'l [u8]) -> &'l [u8] {
        let mut begin = 0;
        while let Some(length) = self.length_at(text, begin) {
            begin += length;
        }
        let mut text = text.get(begin..).unwrap_or_default();
        while let Some(rest) = self.without_last(text) {
            text = rest;
        }
        text
    }

    fn without_last<'l>(&self, text: &'l [u8]) -> Option<&'l [u8]> {
        let is_first = |byte: &u8| !(0x80..0xC0).contains(byte);
        // A character has four bytes at most.
        let back = text.iter().rev().take(4).position(is_first)?;
        let begin = text.len() - 1 - back;
        let length = self.length_at(text, begin)?;
        (begin + length == text.len()).then(|| text.get(..begin))?
    }

    /// The set as a class in the syntax of regex-automata.
    pub(super) fn as_class(&self) -> String {
        let mut class = "[".to_owned();
        for (first, last) in &self.ranges {
            class += &format!(
                "\\x{{{:X}}}-\\x{{{:X}}}",
                u32::from(*first),
                u32::from(*last)
            );
        }
        class + "]"
    }
}

/// What a part of a set stands for.
enum Members {
    /// A range, of one character perhaps.
    One(char, char),
    Many(&'static [(char, char)]),
}

/// What a set begins with, and how many bytes that is.
fn members(text: &str) -> Result<(Members, usize), &'static str> {
    let (members, length) = one(text)?;
    let Members::One(first, _) = members else {
        return Ok((members, length));
    };
    // A minus between two characters makes a range; at either end it is one itself.
    let behind = text.get(length..).unwrap_or_default();
    let Some(behind) = behind.strip_prefix('-').filter(|text| !text.is_empty()) else {
        return Ok((members, length));
    };
    match one(behind)? {
        (Members::One(last, _), _) if last < first => Err("a range runs upwards, as a-z does"),
        (Members::One(last, _), more) => Ok((Members::One(first, last), length + 1 + more)),
        (Members::Many(_), _) => Err("a range ends in a single character"),
    }
}

/// One character or escape.
fn one(text: &str) -> Result<(Members, usize), &'static str> {
    let mut letters = text.chars();
    match letters.next() {
        Some('[') => Err(r"[ opens a set within the set; write \["),
        Some(']') => Err(r"] closes the set; write \]"),
        Some('&') if text.starts_with("&&") => Err("&& is an intersection; write & once"),
        Some('\\') => {
            let escaped = letters.next().ok_or(r"a backslash alone; write \\")?;
            let members = meant(escaped)
                .ok_or(r"this escape is not known in a set; write \\ for a backslash")?;
            Ok((members, 1 + escaped.len_utf8()))
        }
        Some(letter) => Ok((Members::One(letter, letter), letter.len_utf8())),
        None => Err("it ends too early"),
    }
}

/// What a letter means behind a backslash.
fn meant(escaped: char) -> Option<Members> {
    let letter = match escaped {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'f' => '\u{C}',
        'v' => '\u{B}',
        'a' => '\u{7}',
        'e' => '\u{1B}',
        '0' => '\0',
        's' => return Some(Members::Many(&[('\t', '\r'), (' ', ' ')])),
        'd' => return Some(Members::Many(&[('0', '9')])),
        'w' => {
            return Some(Members::Many(&[
                ('0', '9'),
                ('A', 'Z'),
                ('a', 'z'),
                ('_', '_'),
            ]));
        }
        'h' => return Some(Members::Many(&[('0', '9'), ('A', 'F'), ('a', 'f')])),
        letter if letter.is_ascii_alphanumeric() => return None,
        letter => letter,
    };
    Some(Members::One(letter, letter))
}

/// The character that begins here; `None` in the midst of one and where there is none.
pub(super) fn letter_at(text: &[u8], at: usize) -> Option<char> {
    let length = match *text.get(at)? {
        0..0x80 => 1,
        0xC2..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF5 => 4,
        _ => return None,
    };
    let bytes = text.get(at..at + length)?;
    std::str::from_utf8(bytes).ok()?.chars().next()
}

/// The bytes of the character that begins here, 1 where there is none.
pub(super) fn letter_length(text: &[u8], at: usize) -> usize {
    letter_at(text, at).map_or(1, char::len_utf8)
}
