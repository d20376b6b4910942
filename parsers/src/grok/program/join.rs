//! The tree made flat: groups and references that are no more than their content give way to it, and texts
//! that touch become one, which is compared at once.

use crate::grok::token::Token;
use crate::grok::tree::{Node, Repeat};

/// References that may become a token stay when `keeps_tokens`.
pub(super) fn join(node: &Node, keeps_tokens: bool) -> Node {
    let inner = |node: &Node| Box::new(join(node, keeps_tokens));
    match node {
        Node::Named { name, body } if keeps_tokens && Token::is_name(name, body) => node.clone(),
        Node::Named { body, .. } => join(body, keeps_tokens),
        Node::Concat(nodes) => {
            let mut flat = Vec::with_capacity(nodes.len());
            nodes
                .iter()
                .for_each(|node| add(&mut flat, join(node, keeps_tokens)));
            match flat.len() {
                1 => flat.remove(0),
                _ => Node::Concat(flat),
            }
        }
        Node::Alternate(nodes) => {
            Node::Alternate(nodes.iter().map(|node| join(node, keeps_tokens)).collect())
        }
        Node::Repeat(repeat) => Node::Repeat(Repeat {
            body: inner(&repeat.body),
            ..*repeat
        }),
        Node::Atomic(body) => Node::Atomic(inner(body)),
        Node::Capture { slot, body } => Node::Capture {
            slot: *slot,
            body: inner(body),
        },
        Node::Empty
        | Node::Literal(_)
        | Node::Class(_)
        | Node::Assert(_)
        | Node::Look(_)
        | Node::Back { .. } => node.clone(),
    }
}

fn add(flat: &mut Vec<Node>, node: Node) {
    match (flat.last_mut(), node) {
        (_, Node::Empty) => {}
        (_, Node::Concat(nodes)) => nodes.into_iter().for_each(|node| add(flat, node)),
        (Some(Node::Literal(text)), Node::Literal(more)) => text.extend(more),
        (_, node) => flat.push(node),
    }
}
