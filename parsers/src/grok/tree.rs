//! The typed tree of an expression: what the parser makes and every engine is compiled from. It keeps
//! the `%{NAME}` nodes, so that an engine can put a parser of its own in the place of a definition.

use std::fmt;
use std::sync::Arc;

use super::class::Class;

/// One piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Empty,
    /// Bytes that stand for themselves; always valid UTF-8.
    Literal(Vec<u8>),
    /// One character of a set.
    Class(Arc<Class>),
    Assert(Assert),
    Look(Look),
    Concat(Vec<Node>),
    /// The first alternative that lets the rest succeed wins.
    Alternate(Vec<Node>),
    Repeat(Repeat),
    /// Once left, its inner choices are final.
    Atomic(Box<Node>),
    Capture {
        slot: usize,
        body: Box<Node>,
    },
    /// `%{NAME}`: the definition in force.
    Named {
        name: Arc<str>,
        body: Box<Node>,
    },
    /// `\k<name>`: the text that a capture of this name holds.
    Back {
        name: String,
    },
}

/// A condition on a place, without width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assert {
    /// `^`: the start of the text or behind a newline.
    LineStart,
    /// `$`: the end of the text or before a newline.
    LineEnd,
    /// `\A`
    TextStart,
    /// `\z`
    TextEnd,
    /// `\Z`: the end of the text, or before its last newline.
    TextEndOrNewline,
    /// `\b`
    WordEdge,
    /// `\B`
    NoWordEdge,
}

impl fmt::Display for Assert {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Assert::LineStart => "^",
            Assert::LineEnd => "$",
            Assert::TextStart => "\\A",
            Assert::TextEnd => "\\z",
            Assert::TextEndOrNewline => "\\Z",
            Assert::WordEdge => "\\b",
            Assert::NoWordEdge => "\\B",
        })
    }
}

/// Look-ahead and look-behind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    pub direction: Direction,
    pub negative: bool,
    pub body: Box<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ahead,
    Behind,
}

/// `*`, `+`, `?`, `{2,5}` and their lazy forms.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Repeat {
    pub body: Box<Node>,
    pub min: u32,
    pub max: Option<u32>,
    pub lazy: bool,
}

impl Node {
    /// Whether it can match without taking a byte.
    pub fn is_nullable(&self) -> bool {
        match self {
            Node::Empty | Node::Assert(_) | Node::Look(_) | Node::Back { .. } => true,
            Node::Literal(bytes) => bytes.is_empty(),
            Node::Class(_) => false,
            Node::Concat(nodes) => nodes.iter().all(Node::is_nullable),
            Node::Alternate(nodes) => nodes.iter().any(Node::is_nullable),
            Node::Repeat(repeat) => repeat.min == 0 || repeat.body.is_nullable(),
            Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
                body.is_nullable()
            }
        }
    }

    /// How many nodes lie in each other at most.
    pub fn height(&self) -> usize {
        let highest = |nodes: &[Node]| nodes.iter().map(Node::height).max().unwrap_or(0);
        1 + match self {
            Node::Empty
            | Node::Literal(_)
            | Node::Class(_)
            | Node::Assert(_)
            | Node::Back { .. } => 0,
            Node::Concat(nodes) | Node::Alternate(nodes) => highest(nodes),
            Node::Look(Look { body, .. })
            | Node::Repeat(Repeat { body, .. })
            | Node::Atomic(body)
            | Node::Capture { body, .. }
            | Node::Named { body, .. } => body.height(),
        }
    }

    /// Whether a capture lies within.
    pub fn has_captures(&self) -> bool {
        match self {
            Node::Capture { .. } => true,
            Node::Empty
            | Node::Literal(_)
            | Node::Class(_)
            | Node::Assert(_)
            | Node::Back { .. } => false,
            Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().any(Node::has_captures),
            Node::Look(Look { body, .. })
            | Node::Repeat(Repeat { body, .. })
            | Node::Atomic(body)
            | Node::Named { body, .. } => body.has_captures(),
        }
    }

    /// Whether there is one way at most to match at a place, so that atomic or not is the same.
    pub fn is_choiceless(&self) -> bool {
        match self {
            Node::Empty | Node::Literal(_) | Node::Class(_) | Node::Assert(_) => true,
            Node::Concat(nodes) => nodes.iter().all(Node::is_choiceless),
            Node::Repeat(repeat) => Some(repeat.min) == repeat.max && repeat.body.is_choiceless(),
            Node::Atomic(_) => true,
            Node::Look(look) => !look.body.has_captures(),
            Node::Capture { body, .. } | Node::Named { body, .. } => body.is_choiceless(),
            Node::Alternate(_) | Node::Back { .. } => false,
        }
    }

    /// The number of characters that every match has, if it is the same for all.
    pub fn fixed_width(&self) -> Option<usize> {
        match self {
            Node::Empty | Node::Assert(_) | Node::Look(_) => Some(0),
            Node::Literal(bytes) => std::str::from_utf8(bytes)
                .ok()
                .map(|text| text.chars().count()),
            Node::Class(_) => Some(1),
            Node::Concat(nodes) => nodes
                .iter()
                .try_fold(0_usize, |sum, node| sum.checked_add(node.fixed_width()?)),
            Node::Alternate(nodes) => {
                let mut widths = nodes.iter().map(Node::fixed_width);
                let first = widths.next()??;
                widths.all(|width| width == Some(first)).then_some(first)
            }
            Node::Repeat(Repeat { body, min, max, .. }) => {
                let times = usize::try_from(*min).ok().filter(|_| *max == Some(*min))?;
                body.fixed_width()?.checked_mul(times)
            }
            Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
                body.fixed_width()
            }
            Node::Back { .. } => None,
        }
    }

    /// The set, when the node is exactly one character out of it.
    pub fn as_class(&self) -> Option<Arc<Class>> {
        match self {
            Node::Class(class) => Some(class.clone()),
            Node::Literal(bytes) => {
                let mut letters = std::str::from_utf8(bytes).ok()?.chars();
                let letter = letters.next().filter(|_| letters.next().is_none())?;
                Some(Arc::new(Class::single(letter.into())))
            }
            Node::Concat(nodes) => match &nodes[..] {
                [node] => node.as_class(),
                _ => None,
            },
            Node::Named { body, .. } => body.as_class(),
            Node::Alternate(nodes) => {
                let classes: Option<Vec<_>> = nodes.iter().map(Node::as_class).collect();
                let ranges = classes?
                    .iter()
                    .flat_map(|class| class.ranges().to_vec())
                    .collect::<Vec<_>>();
                (!nodes.is_empty()).then(|| Arc::new(Class::from_ranges(&ranges)))
            }
            _ => None,
        }
    }
}
