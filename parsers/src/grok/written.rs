//! A piece of an expression as people write it, made from the tree: for messages. It means the same, but need not have the
//! same letters: what `[[:digit:]]` or `[0-9]` stands for may be told as `\d`, and a long one is cut.

use std::fmt::{self, Write as _};

use super::Capture;
use super::tree::{Direction, Look, Node, Repeat};

/// So many letters are read at a glance; a piece may be as long as its definition.
const LETTERS_MAX: usize = 60;

/// The expression of a node; `captures` has the names of its groups.
pub(super) fn written(node: &Node, captures: &[Capture]) -> String {
    let mut writer = Writer {
        captures,
        text: String::new(),
        letters_left: LETTERS_MAX,
    };
    // It stops where it is full.
    if writer.node(node).is_err() {
        writer.text.push_str("...");
    }
    writer.text
}

struct Writer<'a> {
    captures: &'a [Capture],
    text: String,
    letters_left: usize,
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            self.letters_left = self.letters_left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(letter);
        }
        Ok(())
    }
}

impl Writer<'_> {
    fn node(&mut self, node: &Node) -> fmt::Result {
        match node {
            Node::Empty => Ok(()),
            Node::Literal(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                text.chars().try_for_each(|letter| self.letter(letter))
            }
            Node::Class(class) => write!(self, "{class}"),
            Node::Assert(assert) => write!(self, "{assert}"),
            Node::Look(Look {
                direction,
                negative,
                body,
            }) => {
                let direction = match direction {
                    Direction::Ahead => "",
                    Direction::Behind => "<",
                };
                let sign = if *negative { '!' } else { '=' };
                self.group(format_args!("?{direction}{sign}"), body)
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node)),
            Node::Alternate(_) => self.group(format_args!("?:"), node),
            Node::Repeat(repeat) => self.repeat(repeat),
            Node::Atomic(body) => self.group(format_args!("?>"), body),
            Node::Capture { slot, body } => self.capture(*slot, body),
            Node::Named { name, .. } => write!(self, "%{{{name}}}"),
            Node::Back { name } => write!(self, "\\k<{name}>"),
        }
    }

    fn letter(&mut self, letter: char) -> fmt::Result {
        match letter {
            '\'' | '"' => self.write_char(letter),
            '.' | '[' | ']' | '{' | '}' | '(' | ')' | '*' | '+' | '?' | '^' | '$' | '|' => {
                write!(self, "\\{letter}")
            }
            _ => write!(self, "{}", letter.escape_debug()),
        }
    }

    /// A group, which needs no other one around its alternatives.
    fn group(&mut self, kind: fmt::Arguments<'_>, body: &Node) -> fmt::Result {
        write!(self, "({kind}")?;
        match body {
            Node::Alternate(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    if index != 0 {
                        self.write_char('|')?;
                    }
                    self.node(node)?;
                }
            }
            node => self.node(node)?,
        }
        self.write_char(')')
    }

    fn capture(&mut self, slot: usize, body: &Node) -> fmt::Result {
        let field = self
            .captures
            .get(slot)
            .map_or("", |capture| capture.field.as_str());
        match body {
            Node::Named { name, .. } => write!(self, "%{{{name}:{field}}}"),
            body => self.group(format_args!("?<{field}>"), body),
        }
    }

    fn repeat(&mut self, repeat: &Repeat) -> fmt::Result {
        self.repeated(&repeat.body)?;
        match (repeat.min, repeat.max) {
            (0, None) => self.write_char('*')?,
            (1, None) => self.write_char('+')?,
            (0, Some(1)) => self.write_char('?')?,
            (min, None) => write!(self, "{{{min},}}")?,
            (min, Some(max)) if min == max => write!(self, "{{{min}}}")?,
            (min, Some(max)) => write!(self, "{{{min},{max}}}")?,
        }
        match repeat.lazy {
            true => self.write_char('?'),
            false => Ok(()),
        }
    }

    /// What a quantifier can stand behind.
    fn repeated(&mut self, body: &Node) -> fmt::Result {
        match body {
            // A blank alone is not seen.
            Node::Literal(bytes) if bytes == b" " => self.write_str("[ ]"),
            Node::Literal(_) if body.as_class().is_some() => self.node(body),
            Node::Concat(nodes) if nodes.len() == 1 => {
                nodes.iter().try_for_each(|node| self.repeated(node))
            }
            Node::Literal(_) | Node::Concat(_) | Node::Repeat(_) => {
                self.group(format_args!("?:"), body)
            }
            _ => self.node(body),
        }
    }
}
