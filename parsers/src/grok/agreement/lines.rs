//! Lines made out of an expression: at each choice one way, in each set one of its characters. Look-around is passed
//! over, so most of them match and some nearly.

use crate::grok::class::Class;
use crate::grok::tree::{Node, Repeat};

/// Numbers that look random and are the same at every run (Marsaglia's xorshift).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// Lines grow no longer than this.
const LINE_BYTES_MAX: usize = 300;

/// Appends a text that the node may match.
pub fn line(node: &Node, numbers: &mut Numbers, out: &mut Vec<u8>) {
    if LINE_BYTES_MAX < out.len() {
        return;
    }
    match node {
        Node::Empty | Node::Assert(_) | Node::Look(_) | Node::Back { .. } => {}
        Node::Literal(text) => out.extend_from_slice(text),
        Node::Class(class) => member(class, numbers, out),
        Node::Concat(nodes) => nodes.iter().for_each(|node| line(node, numbers, out)),
        Node::Alternate(nodes) => {
            if let Some(node) = nodes.get(numbers.next(nodes.len())) {
                line(node, numbers, out);
            }
        }
        Node::Repeat(repeat) => rounds(repeat, numbers, out),
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
            line(body, numbers, out);
        }
    }
}

fn rounds(repeat: &Repeat, numbers: &mut Numbers, out: &mut Vec<u8>) {
    let most = repeat.max.unwrap_or(repeat.min + 6).min(repeat.min + 6);
    let count = repeat.min as usize + numbers.next((most - repeat.min) as usize + 1);
    for _ in 0..count.min(LINE_BYTES_MAX) {
        line(&repeat.body, numbers, out);
    }
}

/// Mostly letters, digits and signs, as in logs; now and then anything.
fn member(class: &Class, numbers: &mut Numbers, out: &mut Vec<u8>) {
    let usual: Vec<u8> = (b' '..=b'~')
        .filter(|byte| class.contains((*byte).into()))
        .collect();
    let letter = match usual.get(numbers.next(usual.len())) {
        Some(byte) if numbers.next(30) != 0 => Some(char::from(*byte)),
        _ => {
            let ranges = class.ranges();
            let range = ranges.get(numbers.next(ranges.len()));
            range.and_then(|&(low, high)| {
                char::from_u32(low + numbers.next((high - low) as usize + 1) as u32)
            })
        }
    };
    if let Some(letter) = letter {
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
