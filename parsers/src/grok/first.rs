//! Which bytes a piece of an expression can begin with, what follows it taken into account. A choice
//! whose sides begin with different bytes is decided by one look at the line.

use super::class::Class;
use super::tree::{Assert, Node, Repeat};

/// A set of next bytes; index 256 is the end of the text. It may say too much, never too little.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct First(Box<[bool; 257]>);

/// The index that stands for the end of the text.
const END: usize = 256;

impl First {
    pub fn none() -> Self {
        Self(Box::new([false; 257]))
    }

    pub fn all() -> Self {
        Self(Box::new([true; 257]))
    }

    pub fn of_class(class: &Class) -> Self {
        let mut first = Self::none();
        for (byte, entry) in (0_u32..256).zip(first.0.iter_mut()) {
            // Any byte beyond ASCII may begin a character there, or be a stray that counts as one.
            *entry = if byte < 0x80 {
                class.contains(byte)
            } else {
                !class.is_ascii()
            };
        }
        first
    }

    fn of_byte(byte: u8) -> Self {
        let mut first = Self::none();
        first.0[usize::from(byte)] = true;
        first
    }

    fn at_end() -> Self {
        let mut first = Self::none();
        first.0[END] = true;
        first
    }

    #[inline]
    pub fn admits(&self, next: Option<&u8>) -> bool {
        match next {
            Some(byte) => self.0[usize::from(*byte)],
            None => self.0[END],
        }
    }

    /// Whether no byte beyond ASCII may come next.
    pub fn is_ascii(&self) -> bool {
        !self.0[0x80..END].contains(&true)
    }

    pub fn is_disjoint(&self, other: &Self) -> bool {
        !self
            .0
            .iter()
            .zip(other.0.iter())
            .any(|(ours, theirs)| *ours && *theirs)
    }

    pub fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (entry, theirs) in both.0.iter_mut().zip(other.0.iter()) {
            *entry |= theirs;
        }
        both
    }

    fn intersection(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (entry, theirs) in both.0.iter_mut().zip(other.0.iter()) {
            *entry &= theirs;
        }
        both
    }
}

/// What the node, and then what follows it, can begin with.
pub(super) fn first(node: &Node, follow: &First) -> First {
    match node {
        Node::Empty | Node::Look(_) => follow.clone(),
        Node::Literal(bytes) => match bytes.first() {
            Some(byte) => First::of_byte(*byte),
            None => follow.clone(),
        },
        Node::Class(class) => First::of_class(class),
        Node::Assert(Assert::LineEnd | Assert::TextEndOrNewline) => {
            follow.intersection(&First::of_byte(b'\n').union(&First::at_end()))
        }
        Node::Assert(Assert::TextEnd) => follow.intersection(&First::at_end()),
        Node::Assert(_) => follow.clone(),
        Node::Concat(nodes) => nodes
            .iter()
            .rev()
            .fold(follow.clone(), |follow, node| first(node, &follow)),
        Node::Alternate(nodes) => nodes
            .iter()
            .fold(First::none(), |all, node| all.union(&first(node, follow))),
        Node::Repeat(repeat) => first_of_repeat(repeat, follow),
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
            first(body, follow)
        }
        Node::Back { .. } => First::all(),
    }
}

fn first_of_repeat(Repeat { body, min, max, .. }: &Repeat, follow: &First) -> First {
    if *max == Some(0) {
        return follow.clone();
    }
    let once = first(body, follow);
    if *min == 0 { once.union(follow) } else { once }
}
