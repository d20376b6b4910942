//! What can be known of a match before looking for it: where it may begin, what text it must hold.

use super::{Op, Start};
use crate::grok::class::Class;
use crate::grok::token::Token;
use crate::grok::tree::{Assert, Node, Repeat};

/// Where a match can begin.
pub(super) fn start(tree: &Node) -> Start {
    if has_back(tree) {
        anchor(tree, Leading::Anchors)
    } else {
        anchor(tree, Leading::AnchorsAndAnything)
    }
    .unwrap_or(Start::Anywhere)
}

#[derive(Clone, Copy)]
enum Leading {
    Anchors,
    /// An expression that begins with `.*` matches from the start of the text or not at all. With a back
    /// reference this does not hold, since the text in front may matter.
    AnchorsAndAnything,
}

/// `None` when the node says nothing about the start.
fn anchor(node: &Node, leading: Leading) -> Option<Start> {
    match node {
        Node::Assert(Assert::TextStart) => Some(Start::Text),
        Node::Assert(Assert::LineStart) => Some(Start::Line),
        Node::Concat(nodes) => nodes.first().and_then(|node| anchor(node, leading)),
        Node::Capture { body, .. } | Node::Named { body, .. } => anchor(body, leading),
        Node::Alternate(nodes) => {
            let mut starts = nodes.iter().map(|node| anchor(node, leading));
            let start = starts.next()??;
            starts.all(|other| other == Some(start)).then_some(start)
        }
        Node::Repeat(Repeat {
            body,
            min: 0 | 1,
            max: None,
            ..
        }) => match leading {
            Leading::AnchorsAndAnything if is_any(body) => Some(Start::Text),
            _ => None,
        },
        _ => None,
    }
}

fn is_any(node: &Node) -> bool {
    node.as_class().is_some_and(|class| *class == Class::any())
}

pub(super) fn has_back(node: &Node) -> bool {
    match node {
        Node::Back { .. } => true,
        Node::Empty | Node::Literal(_) | Node::Class(_) | Node::Assert(_) => false,
        Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().any(has_back),
        Node::Look(look) => has_back(&look.body),
        Node::Repeat(repeat) => has_back(&repeat.body),
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
            has_back(body)
        }
    }
}

/// Whether a capture can be set more than once on one way.
pub(super) fn repeats_captures(node: &Node) -> bool {
    match node {
        Node::Repeat(repeat) => match repeat.max {
            Some(0 | 1) => repeats_captures(&repeat.body),
            _ => repeat.body.has_captures(),
        },
        Node::Empty | Node::Back { .. } | Node::Literal(_) | Node::Class(_) | Node::Assert(_) => {
            false
        }
        Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().any(repeats_captures),
        Node::Look(look) => repeats_captures(&look.body),
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
            repeats_captures(body)
        }
    }
}

/// The longest text that every match holds.
pub(super) fn required(node: &Node) -> Option<&[u8]> {
    match node {
        Node::Literal(bytes) => Some(bytes),
        Node::Concat(nodes) => {
            // Of equals the first one: `max_by_key` would take the last.
            nodes
                .iter()
                .rev()
                .filter_map(required)
                .max_by_key(|text| text.len())
        }
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
            required(body)
        }
        Node::Repeat(repeat) if 1 <= repeat.min => required(&repeat.body),
        _ => None,
    }
}

/// More leads than this cost more to ask than they save.
const LEADS_MAX: usize = 4;

/// The tokens that a match begins with, one of them each; none when it can begin otherwise too.
pub(super) fn leads(ops: &[Op]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut open = vec![0_u32];
    while let Some(address) = open.pop() {
        match ops.get(address as usize) {
            Some(Op::Save(_)) => open.push(address + 1),
            Some(Op::Split { first, second, .. }) => open.extend([*second, *first]),
            Some(Op::Token { token, .. } | Op::CapturedToken { token, .. })
                if tokens.len() < LEADS_MAX =>
            {
                tokens.push(*token);
            }
            _ => return Vec::new(),
        }
    }
    tokens
}
