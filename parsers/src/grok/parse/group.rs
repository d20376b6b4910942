//! `(...)` in all its forms: plain, atomic, look-around, captures and inline flags.

use super::{Flags, Parser};
use crate::error::Error;
use crate::grok::Kind;
use crate::grok::tree::{Direction, Look, Node};

impl Parser<'_, '_, '_> {
    /// The group behind an opening parenthesis that was taken already.
    pub(super) fn group(&mut self) -> Result<Node, Error> {
        self.scope.enter()?;
        let start = self.at - 1;
        let node = self
            .group_inside()
            .map_err(|error| error.at_offset(self.text, start))?;
        self.scope.leave();
        Ok(node)
    }

    fn group_inside(&mut self) -> Result<Node, Error> {
        let look = |direction, negative, body| {
            Node::Look(Look {
                direction,
                negative,
                body: Box::new(body),
            })
        };
        if !self.eat("?") {
            return self.body();
        }
        if self.eat(":") {
            self.body()
        } else if self.eat(">") {
            Ok(Node::Atomic(Box::new(self.body()?)))
        } else if self.eat("=") {
            Ok(look(Direction::Ahead, false, self.body()?))
        } else if self.eat("!") {
            Ok(look(Direction::Ahead, true, self.body()?))
        } else if self.eat("<=") {
            self.behind(false)
        } else if self.eat("<!") {
            self.behind(true)
        } else if self.eat("<") || self.eat("P<") {
            self.capture('>')
        } else if self.eat("'") {
            self.capture('\'')
        } else if let Some(flags) = self.flags_until(':') {
            self.with_flags(flags, Self::body)
        } else {
            Err(self.unknown_group())
        }
    }

    /// What is wrong behind `(?`.
    fn unknown_group(&self) -> Error {
        let is_known = |letter: &char| matches!(letter, 'i' | 'm' | 'x' | '-');
        match self.rest().chars().find(|letter| !is_known(letter)) {
            Some('s') => Error::new(
                "the flag s is not known; leave it out, since . takes line breaks here anyway",
            ),
            Some(flag) if flag.is_ascii_alphabetic() && !"PR".contains(flag) => Error::new(
                format!("the flag {flag} is not supported; known are i, m and x"),
            ),
            Some('~') => Error::new(
                "an absent operator (?~...) is not supported; write a look-ahead for each character, (?:(?!...).)*",
            ),
            Some('(') => Error::new("a conditional (?(...)) is not supported; write alternatives"),
            _ => Error::new("unknown kind of group; write \\( for a parenthesis"),
        }
    }

    /// What is inside, and the closing parenthesis.
    fn body(&mut self) -> Result<Node, Error> {
        let node = self.alternation()?;
        match self.eat(")") {
            // A group keeps its bounds: a quantifier behind it takes all of a literal.
            true => Ok(match node {
                Node::Literal(_) => Node::Concat(vec![node]),
                node => node,
            }),
            false => Err(Error::new("( without its ) ; write \\( for a parenthesis")),
        }
    }

    fn behind(&mut self, negative: bool) -> Result<Node, Error> {
        let body = self.body()?;
        let known = match &body {
            Node::Alternate(alternatives) => {
                alternatives.iter().all(|node| node.fixed_width().is_some())
            }
            node => node.fixed_width().is_some(),
        };
        match known {
            true => Ok(Node::Look(Look {
                direction: Direction::Behind,
                negative,
                body: Box::new(body),
            })),
            false => Err(Error::new(
                "a look-behind must have a fixed length; write alternatives of one length each",
            )),
        }
    }

    /// `(?<name>...)`, `(?<[a][b]>...)`, `(?<name:int>...)`
    fn capture(&mut self, end: char) -> Result<Node, Error> {
        let written = self.take_until(end, "the name of a group")?;
        let (field, kind) = match written.rsplit_once(':') {
            Some((field, kind)) => (field, self.kind(field, kind)),
            None => (written, Kind::Text),
        };
        if field.is_empty() {
            return Err(Error::new("a group without a name"));
        }
        let slot = self.scope.new_slot(field, kind);
        let body = Box::new(self.body()?);
        Ok(Node::Capture { slot, body })
    }

    /// `(?i)`: flags for the rest of the group.
    pub(super) fn isolated_flags(&mut self) -> Result<Option<Flags>, Error> {
        let start = self.at;
        if !self.eat("(?") {
            return Ok(None);
        }
        let flags = self.flags_until(')');
        if flags.is_none() {
            self.at = start;
        }
        Ok(flags)
    }

    fn flags_until(&mut self, end: char) -> Option<Flags> {
        let mut flags = self.flags;
        let mut on = true;
        for (length, letter) in self.rest().char_indices() {
            match letter {
                'i' => flags.ignore_case = on,
                'm' => flags.dot_all = on,
                'x' => flags.extended = on,
                '-' if on => on = false,
                _ if letter == end && length != 0 => {
                    self.at += length + end.len_utf8();
                    return Some(flags);
                }
                _ => return None,
            }
        }
        None
    }
}
