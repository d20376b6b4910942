//! The choice in which a line failed: where it lies in the tree, and the tree with one of its alternatives in its place.

use crate::grok::Capture;
use crate::grok::program::{Level, Program};
use crate::grok::tree::{Look, Node, Repeat};

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
        let alternatives = descend(tree, piece as usize, captures, &mut place)?;
        Some(Self {
            tree,
            place,
            alternatives,
        })
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

/// Goes down to the choice. A place in a sequence is kept; in other nodes there is one way.
fn descend<'a>(
    node: &'a Node,
    piece: usize,
    captures: &[Capture],
    place: &mut Vec<usize>,
) -> Option<&'a [Node]> {
    match node {
        Node::Alternate(nodes) => Some(nodes),
        Node::Named { body, .. } if body.has_captures() => descend(body, piece, captures, place),
        Node::Capture { body, .. } | Node::Atomic(body) => descend(body, piece, captures, place),
        Node::Repeat(Repeat {
            body,
            min: 0 | 1,
            max: Some(1),
            ..
        }) if body.as_class().is_none() => descend(body, piece, captures, place),
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
