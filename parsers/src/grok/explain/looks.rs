//! An expression without its look-around: a line that it matches is stopped by nothing else.

use crate::grok::tree::{Node, Repeat};

/// The tree without look-around, but for that in references such as `%{IP}`, which are told as a whole.
pub fn without_looks(node: &Node) -> Node {
    let boxed = |body: &Node| Box::new(without_looks(body));
    match node {
        Node::Look(_) => Node::Empty,
        Node::Concat(nodes) => Node::Concat(nodes.iter().map(without_looks).collect()),
        Node::Alternate(nodes) => Node::Alternate(nodes.iter().map(without_looks).collect()),
        Node::Repeat(repeat) => Node::Repeat(Repeat {
            body: boxed(&repeat.body),
            ..repeat.clone()
        }),
        Node::Atomic(body) => Node::Atomic(boxed(body)),
        Node::Capture { slot, body } => Node::Capture {
            slot: *slot,
            body: boxed(body),
        },
        Node::Named { name, body } if body.has_captures() => Node::Named {
            name: name.clone(),
            body: boxed(body),
        },
        Node::Empty
        | Node::Literal(_)
        | Node::Class(_)
        | Node::Assert(_)
        | Node::Named { .. }
        | Node::Back { .. } => node.clone(),
    }
}
