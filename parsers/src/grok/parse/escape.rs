//! `\d`, `\b`, `\x41`, `\k<name>`: everything that begins with a backslash.

use std::sync::Arc;

use super::Parser;
use crate::error::Error;
use crate::grok::class::{Class, POSIX_NAMES, PROPERTY_NAMES};
use crate::grok::tree::{Assert, Node};
use crate::spelling;

impl Parser<'_, '_, '_> {
    /// The piece behind a backslash that was taken already.
    pub(super) fn escape(&mut self) -> Result<Node, Error> {
        if let Some(class) = self.class_escape()? {
            return Ok(self.class(class, &Class::default()));
        }
        let assert = match self.peek() {
            Some('b') => Assert::WordEdge,
            Some('B') => Assert::NoWordEdge,
            Some('A') => Assert::TextStart,
            Some('z') => Assert::TextEnd,
            Some('Z') => Assert::TextEndOrNewline,
            Some('k') => return self.back_reference(),
            Some('R') => {
                self.at += 1;
                return Ok(line_break());
            }
            Some(letter @ ('G' | 'K' | 'X' | 'g')) => return Err(unsupported(letter)),
            Some('1'..='9') => return self.octal_or_numbered(),
            _ => return self.letter_escape().map(|letter| self.literal(letter)),
        };
        self.at += 1;
        Ok(Node::Assert(assert))
    }

    /// `\101`: three octal digits are a character, as in Ruby; all other numbers mean a group.
    fn octal_or_numbered(&mut self) -> Result<Node, Error> {
        let is_octal = matches!(
            self.rest().as_bytes(),
            [b'1'..=b'3', b'0'..=b'7', b'0'..=b'7', ..]
        );
        if is_octal {
            return self.octal().map(|letter| self.literal(letter));
        }
        Err(Error::new(
            "a numbered back reference; name the group and write \\k<name>",
        ))
    }

    /// `\k<name>`, `\k'name'`
    fn back_reference(&mut self) -> Result<Node, Error> {
        self.at += 1;
        let name = if self.eat("<") {
            self.take_until('>', "\\k<name>")?
        } else if self.eat("'") {
            self.take_until('\'', "\\k'name'")?
        } else {
            return Err(Error::new("\\k without <name>"));
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number(name.strip_prefix('-').unwrap_or(name)) {
            return Err(Error::new(
                "a numbered back reference; name the group and write \\k<name>",
            ));
        }
        self.scope.note_back_reference(name)?;
        let name = name.to_owned();
        Ok(Node::Back { name })
    }

    /// `\d`, `\W`, `\p{Alpha}`: escapes that stand for a set, in and out of brackets.
    pub(super) fn class_escape(&mut self) -> Result<Option<Class>, Error> {
        let class = match self.peek() {
            Some('d') => Class::digit(),
            Some('D') => Class::digit().negated(),
            Some('w') => Class::word(),
            Some('W') => Class::word().negated(),
            Some('s') => Class::space(),
            Some('S') => Class::space().negated(),
            Some('h') => Class::hex(),
            Some('H') => Class::hex().negated(),
            Some('p' | 'P') => return self.property().map(Some),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(class))
    }

    /// `\p{Alpha}`, `\p{^Alpha}`, `\P{Alpha}`: the POSIX names, and Unicode's.
    fn property(&mut self) -> Result<Class, Error> {
        let inverted = self.bump() == Some('P');
        if !self.eat("{") {
            return Err(Error::new("\\p without {Name}"));
        }
        let inner = self.take_until('}', "\\p{Name}")?;
        let name = inner.strip_prefix('^').unwrap_or(inner);
        let find = || Class::posix(&name.to_ascii_lowercase()).or_else(|| Class::property(name));
        let class = self
            .scope
            .unicode(&format!("\\p{name}"), find)
            .ok_or_else(|| unknown_property(name))?;
        Ok(if inverted != (name.len() < inner.len()) {
            class.negated()
        } else {
            class
        })
    }

    /// Escapes that stand for one character; an unknown letter stands for itself.
    pub(super) fn letter_escape(&mut self) -> Result<char, Error> {
        let letter = self
            .bump()
            .ok_or_else(|| Error::new("a backslash at the very end"))?;
        Ok(match letter {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'f' => '\u{C}',
            'v' => '\u{B}',
            'a' => '\u{7}',
            'e' => '\u{1B}',
            'x' if self.eat("{") => {
                let digits = self.take_until('}', "\\x{...}")?;
                code_point(digits)?
            }
            'x' => self.hex_byte()?,
            'u' if self.eat("{") => {
                let digits = self.take_until('}', "\\u{...}")?;
                self.only_one(digits.trim_ascii())?
            }
            'u' => self.four_digits()?,
            '0' => {
                self.at -= 1;
                self.octal()?
            }
            'c' => self.control()?,
            'C' if self.eat("-") => self.control()?,
            'C' => {
                return Err(Error::new(
                    "\\C without - ; write \\C-a or \\ca for a control character",
                ));
            }
            'M' => {
                return Err(Error::new(
                    "\\M is not supported: it means a byte and no character",
                ));
            }
            _ => letter,
        })
    }

    /// `\x41`: up to two digits; none is zero, as in Ruby's engine. A character beyond ASCII is written byte by byte,
    /// `\xC3\xA9`.
    fn hex_byte(&mut self) -> Result<char, Error> {
        let start = self.at;
        let mut bytes = Vec::new();
        loop {
            let digits = self.digits(16, 2);
            bytes.push(u8::from_str_radix(digits, 16).unwrap_or(0));
            let text = std::str::from_utf8(&bytes);
            if let Some(letter) = text.ok().and_then(|text| text.chars().next()) {
                return Ok(letter);
            }
            if bytes.len() == 4 || !self.eat("\\x") {
                break;
            }
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        Err(Error::new(format!(
            "\\x{written} is no character in UTF-8; write \\u0041 with the character's code"
        )))
    }

    /// `\u0041`
    fn four_digits(&mut self) -> Result<char, Error> {
        match self.digits(16, 4) {
            digits if digits.len() == 4 => code_point(digits),
            _ => Err(Error::new(
                "\\u without four digits; write \\u0041 or \\u{41}",
            )),
        }
    }

    /// `\u{41}`; Ruby has `\u{41 42}` for several characters, which nobody writes in a pattern.
    fn only_one(&self, digits: &str) -> Result<char, Error> {
        match digits.contains(|letter: char| letter.is_ascii_whitespace()) {
            true => Err(Error::new(
                "\\u{...} with several characters; write \\u{41}\\u{42}",
            )),
            false => code_point(digits),
        }
    }

    /// `\0`, `\012`, `\101`: up to three digits.
    pub(super) fn octal(&mut self) -> Result<char, Error> {
        let digits = self.digits(8, 3);
        match u8::from_str_radix(digits, 8) {
            Ok(byte) if byte.is_ascii() => Ok(byte.into()),
            _ => Err(Error::new(format!(
                "\\{digits} is a byte beyond ASCII and no character; write \\u0041 with the character's code"
            ))),
        }
    }

    /// What stands behind `\c` and `\C-`.
    fn control(&mut self) -> Result<char, Error> {
        match self.bump() {
            Some('?') => Ok('\u{7F}'),
            Some(letter @ ('@'..='[' | ']'..='_' | 'a'..='z')) => {
                Ok(char::from(letter as u8 & 0x1F))
            }
            _ => Err(Error::new(
                "a control character is \\c with a letter, as \\ca ; write others as \\x1C",
            )),
        }
    }

    /// Up to so many digits.
    fn digits(&mut self, radix: u32, most: usize) -> &str {
        let rest = self.rest();
        let count = rest
            .chars()
            .take(most)
            .take_while(|letter| letter.is_digit(radix))
            .count();
        self.at += count;
        &rest[..count]
    }
}

fn unsupported(letter: char) -> Error {
    let instead = match letter {
        'G' => "write \\A for the start of the text",
        'K' => "name the part that you want, as (?<name>...), or write a look-behind, (?<=...)",
        'X' => "write . for a character",
        _ => "write the group out, or define it as a pattern and refer to it as %{NAME}",
    };
    Error::new(format!("\\{letter} is not supported; {instead}"))
}

fn unknown_property(name: &str) -> Error {
    let names = POSIX_NAMES.into_iter().chain(PROPERTY_NAMES);
    let advice = match spelling::nearest(name, names) {
        Some(near) => format!("did you mean \\p{{{near}}}?"),
        None => "known are Unicode's general categories, properties and scripts, such as L, Letter, Alphabetic, Han, \
                 and the names of [:alpha:] and its like"
            .to_owned(),
    };
    Error::new(format!("unknown property \\p{{{name}}}; {advice}"))
}

/// The character of a code in hexadecimal digits.
fn code_point(digits: &str) -> Result<char, Error> {
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16)
        .ok()
        .filter(|_| is_hex)
        .and_then(char::from_u32)
        .ok_or_else(|| {
            Error::new(format!(
                "{digits:?} is not the hexadecimal code of a character"
            ))
        })
}

/// `\R`: any line break, of which carriage return and newline are one.
fn line_break() -> Node {
    let single = Class::from_ranges(&[(0xA, 0xD), (0x85, 0x85), (0x2028, 0x2029)]);
    let either = Node::Alternate(vec![
        Node::Literal(b"\r\n".to_vec()),
        Node::Class(Arc::new(single)),
    ]);
    Node::Atomic(Box::new(either))
}
