//! The choice in which a line failed: where it lies in the tree, and the tree with one of its alternatives in its place.

use crate::grok::Capture;
use crate::grok::program::{Level, Program};
use crate::grok::tree::{Assert, Look, Node, Repeat};

/// A choice that the way to the failed piece leads through.
pub struct Choice<'a> {
    tree: &'a Node,
    /// The nodes around it: which of each sequence's nodes it lies in.
    place: Vec<usize>,
    pub alternatives: &'a [Node],
}

impl<'a> Choice<'a> {
    /// The outermost choice in which the piece lies, as [`Program::pieces`] counts pieces from 1. Where all of a tree but a
    /// choice is anchors, that choice, whatever failed: it is the whole expression. References without captures, such as
    /// `%{IP}`, are one piece.
    pub fn around(tree: &'a Node, piece: u32, captures: &[Capture]) -> Option<Self> {
        let mut place = Vec::new();
        match descend(tree, piece as usize, captures, &mut place)? {
            (Node::Alternate(alternatives), _) => Some(Self {
                tree,
                place,
                alternatives,
            }),
            _ => None,
        }
    }

    /// Whether it lies in the alternative that the other one was narrowed to.
    pub fn is_within(&self, other: &Self) -> bool {
        self.place.starts_with(&other.place)
    }

    /// The tree with this node instead of the choice. A line that does not match the tree matches that only where the choice
    /// is in an atomic group, whose first way is final.
    pub fn narrowed(&self, alternative: &Node) -> Node {
        replaced(self.tree, &self.place, alternative)
    }
}

/// A choice in a group that is repeated: each round takes one of its alternatives.
pub struct Round<'a> {
    tree: &'a Node,
    /// Where the repetition lies, as for a choice.
    place: Vec<usize>,
    repeat: &'a Repeat,
    /// Where the choice lies in what is repeated.
    inside: Vec<usize>,
    pub alternatives: &'a [Node],
}

impl<'a> Round<'a> {
    /// The outermost repetition in which the piece lies, if that lies in a choice there.
    pub fn around(tree: &'a Node, piece: u32, captures: &[Capture]) -> Option<Self> {
        let mut place = Vec::new();
        let (node, piece) = descend(tree, piece as usize, captures, &mut place)?;
        let Node::Repeat(repeat) = node else {
            return None;
        };
        let pieces = Program::compile(&repeat.body, captures, Level::Plain)
            .ok()?
            .pieces;
        // Rounds are written out one behind the other.
        let piece = piece.checked_sub(1)?.checked_rem(pieces.len())? + 1;
        let mut inside = Vec::new();
        match descend(&repeat.body, piece, captures, &mut inside)? {
            (Node::Alternate(alternatives), _) => Some(Self {
                tree,
                place,
                repeat,
                inside,
                alternatives,
            }),
            _ => None,
        }
    }

    /// What a text has to match so that a round may begin behind it.
    pub fn before(&self) -> Node {
        let rounds = Node::Repeat(Repeat {
            min: 0,
            ..self.repeat.clone()
        });
        let before = truncated(self.tree, &self.place, &rounds);
        Node::Concat(vec![before, Node::Assert(Assert::TextEnd)])
    }

    /// A round with this node instead of the choice.
    pub fn narrowed(&self, alternative: &Node) -> Node {
        replaced(&self.repeat.body, &self.inside, alternative)
    }
}

/// Goes down to the choice, or to a repetition that holds it. A place in a sequence is kept; in other nodes there is one way.
fn descend<'a>(
    node: &'a Node,
    piece: usize,
    captures: &[Capture],
    place: &mut Vec<usize>,
) -> Option<(&'a Node, usize)> {
    match node {
        Node::Alternate(_) => Some((node, piece)),
        Node::Named { body, .. } if body.has_captures() => descend(body, piece, captures, place),
        Node::Capture { body, .. } | Node::Atomic(body) => descend(body, piece, captures, place),
        Node::Repeat(repeat) if repeat.body.as_class().is_some() => None,
        Node::Repeat(Repeat {
            body,
            min: 0 | 1,
            max: Some(1),
            ..
        }) => descend(body, piece, captures, place),
        Node::Repeat(_) => Some((node, piece)),
        Node::Concat(nodes) => {
            let (index, piece) = match only_open(nodes) {
                Some(index) => (index, piece),
                None => holder(nodes, piece, captures)?,
            };
            place.push(index);
            descend(nodes.get(index)?, piece, captures, place)
        }
        _ => None,
    }
}

/// The node of a sequence that can take text, if there is one only.
fn only_open(nodes: &[Node]) -> Option<usize> {
    let is_open = |node: &Node| {
        !matches!(
            node,
            Node::Empty | Node::Assert(_) | Node::Look(Look { .. })
        )
    };
    let mut open = nodes.iter().enumerate().filter(|(_, node)| is_open(node));
    match (open.next(), open.next()) {
        (Some((index, _)), None) => Some(index),
        _ => None,
    }
}

/// The node of a sequence in which a piece lies, and which of its own pieces that is.
fn holder(nodes: &[Node], mut piece: usize, captures: &[Capture]) -> Option<(usize, usize)> {
    if piece == 0 {
        return None;
    }
    for (index, node) in nodes.iter().enumerate() {
        let pieces = Program::compile(node, captures, Level::Plain).ok()?.pieces;
        match piece.checked_sub(pieces.len()) {
            None | Some(0) => return Some((index, piece)),
            Some(behind) => piece = behind,
        }
    }
    None
}

fn replaced(node: &Node, place: &[usize], with: &Node) -> Node {
    let within = |body: &Node| Box::new(replaced(body, place, with));
    match node {
        Node::Named { name, body } => Node::Named {
            name: name.clone(),
            body: within(body),
        },
        Node::Capture { slot, body } => Node::Capture {
            slot: *slot,
            body: within(body),
        },
        Node::Atomic(body) => Node::Atomic(within(body)),
        Node::Repeat(repeat) => Node::Repeat(Repeat {
            body: within(&repeat.body),
            ..repeat.clone()
        }),
        Node::Concat(nodes) => {
            let mut nodes = nodes.clone();
            if let Some((index, rest)) = place.split_first()
                && let Some(node) = nodes.get_mut(*index)
            {
                *node = replaced(node, rest, with);
            }
            Node::Concat(nodes)
        }
        _ => with.clone(),
    }
}

/// The tree up to a place, with this node there and nothing behind it.
fn truncated(node: &Node, place: &[usize], with: &Node) -> Node {
    match node {
        Node::Concat(nodes) => {
            let Some((index, rest)) = place.split_first() else {
                return with.clone();
            };
            let mut nodes: Vec<Node> = nodes.iter().take(index + 1).cloned().collect();
            if let Some(node) = nodes.last_mut() {
                *node = truncated(node, rest, with);
            }
            Node::Concat(nodes)
        }
        Node::Named { body, .. } | Node::Capture { body, .. } | Node::Atomic(body) => {
            truncated(body, place, with)
        }
        Node::Repeat(Repeat {
            body, max: Some(1), ..
        }) => truncated(body, place, with),
        _ => with.clone(),
    }
}
