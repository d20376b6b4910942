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
        let refuse = |offset: usize, message: &str| {
            Err(Error::new(format!("{option}: {message}")).at_offset(text, offset))
        };
        if text.is_empty() {
            return refuse(0, "it is empty; write the characters of the set");
        }
        if text.starts_with('^') {
            return refuse(
                0,
                r"^ at the beginning turns a set around; write \^ for the character",
            );
        }
        let mut ranges: Vec<(char, char)> = Vec::new();
        let mut unread = text.char_indices().peekable();
        while let Some((offset, letter)) = unread.next() {
            let first = match letter {
                '[' => return refuse(offset, r"[ opens a set within the set; write \["),
                ']' => return refuse(offset, r"] closes the set; write \]"),
                '&' if text
                    .get(offset..)
                    .is_some_and(|rest| rest.starts_with("&&")) =>
                {
                    return refuse(offset, r"&& is an intersection; write & once");
                }
                '\\' => match unread.next() {
                    Some((_, escaped)) => match named(escaped) {
                        Some(Named::Many(several)) => {
                            ranges.extend_from_slice(several);
                            continue;
                        }
                        Some(Named::One(one)) => one,
                        None => {
                            return refuse(
                                offset,
                                r"this escape is not known in a set; write \\ for a backslash",
                            );
                        }
                    },
                    None => return refuse(offset, r"a backslash alone; write \\"),
                },
                letter => letter,
            };
            // A minus between two characters makes a range; at either end it is one itself.
            let mut ahead = unread.clone();
            let is_range =
                ahead.next().is_some_and(|(_, letter)| letter == '-') && ahead.peek().is_some();
            if !is_range {
                ranges.push((first, first));
                continue;
            }
            let last = match ahead.next() {
                Some((_, '\\')) => match ahead.next().and_then(|(_, escaped)| named(escaped)) {
                    Some(Named::One(last)) => last,
                    _ => return refuse(offset, "a range ends in a single character"),
                },
                Some((_, last)) => last,
                None => first,
            };
            if last < first {
                return refuse(offset, "a range runs upwards, as a-z does");
            }
            ranges.push((first, last));
            unread = ahead;
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

    /// The set as a class of the `regex` crate.
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

/// What a backslash and a letter mean in a set.
enum Named {
    One(char),
    Many(&'static [(char, char)]),
}

fn named(escaped: char) -> Option<Named> {
    Some(match escaped {
        't' => Named::One('\t'),
        'n' => Named::One('\n'),
        'r' => Named::One('\r'),
        'f' => Named::One('\u{C}'),
        'v' => Named::One('\u{B}'),
        'a' => Named::One('\u{7}'),
        'e' => Named::One('\u{1B}'),
        '0' => Named::One('\0'),
        's' => Named::Many(&[('\t', '\r'), (' ', ' ')]),
        'd' => Named::Many(&[('0', '9')]),
        'w' => Named::Many(&[('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_')]),
        'h' => Named::Many(&[('0', '9'), ('A', 'F'), ('a', 'f')]),
        letter if letter.is_ascii_alphanumeric() => return None,
        letter => Named::One(letter),
    })
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
