//! `\d`, `\b`, `\x41`, `\k<name>`: everything that begins with a backslash.

use std::sync::Arc;

use super::Parser;
use crate::error::Error;
use crate::grok::class::Class;
use crate::grok::tree::{Assert, Node};

impl Parser<'_, '_, '_> {
    /// The piece behind a backslash that was taken already.
    pub(super) fn escape(&mut self) -> Result<Node, Error> {
        if let Some(class) = self.class_escape()? {
            return Ok(self.class(class));
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
            Some(letter @ ('G' | 'K' | 'X' | 'g')) => {
                return Err(Error::new(format!("\\{letter} is not supported")));
            }
            Some('1'..='9') => {
                return Err(Error::new(
                    "a numbered back reference; name the group and write \\k<name>",
                ));
            }
            _ => return self.letter_escape().map(|letter| self.literal(letter)),
        };
        self.at += 1;
        Ok(Node::Assert(assert))
    }

    fn back_reference(&mut self) -> Result<Node, Error> {
        self.at += 1;
        if !self.eat("<") {
            return Err(Error::new("\\k without <name>"));
        }
        let name = self.take_until('>', "\\k<name>")?.to_owned();
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
            .ok_or_else(|| Error::new(format!("unknown property \\p{{{name}}}")))?;
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
                code_point(digits, 16)?
            }
            'x' => self.digits(16, 2)?,
            'u' => self.digits(16, 4)?,
            '0' => self.digits(8, 2)?,
            _ => letter,
        })
    }

    /// Up to so many digits; none is zero, as in Ruby.
    fn digits(&mut self, radix: u32, most: usize) -> Result<char, Error> {
        let rest = self.rest();
        let count = rest
            .chars()
            .take(most)
            .take_while(|letter| letter.is_digit(radix))
            .count();
        self.at += count;
        match count {
            0 => Ok('\0'),
            _ => code_point(&rest[..count], radix),
        }
    }
}

fn code_point(digits: &str, radix: u32) -> Result<char, Error> {
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .ok_or_else(|| Error::new(format!("{digits} is not the code of a character")))
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
