//! Which bytes a piece of an expression can begin with, what follows it taken into account. A choice
//! whose sides begin with different bytes is decided by one look at the line.

use super::class::Class;
use super::tree::{Assert, Node, Repeat};

/// A set of next bytes, one of which may be the end of the text. It may say too much, never too little.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct First {
    bytes: [u64; 4],
    end: bool,
}

impl First {
    pub const NONE: Self = Self {
        bytes: [0; 4],
        end: false,
    };
    pub const ALL: Self = Self {
        bytes: [u64::MAX; 4],
        end: true,
    };

    pub fn of_class(class: &Class) -> Self {
        let mut first = Self::NONE;
        for &(low, high) in class.ranges() {
            for (begin, word) in [0, 64].into_iter().zip(&mut first.bytes) {
                let (low, high) = (low.max(begin), high.min(begin + 63));
                if low <= high {
                    *word |= (u64::MAX >> (63 - (high - low))) << (low - begin);
                }
            }
        }
        if !class.is_ascii() {
            // Any byte beyond ASCII may begin a character there, or be a stray that counts as one.
            first.bytes[2] = u64::MAX;
            first.bytes[3] = u64::MAX;
        }
        first
    }

    pub fn of_byte(byte: u8) -> Self {
        let mut first = Self::NONE;
        first.add(byte.into());
        first
    }

    fn add(&mut self, byte: u32) {
        if let Some(word) = self.bytes.get_mut(byte as usize / 64) {
            *word |= 1 << (byte % 64);
        }
    }

    #[inline]
    pub fn admits(&self, next: Option<&u8>) -> bool {
        match next {
            Some(byte) => self.bytes[usize::from(*byte) / 64] >> (byte % 64) & 1 == 1,
            None => self.end,
        }
    }

    /// The first place that may be next; the start itself where a byte beyond ASCII may, since those that follow a first
    /// one are no places.
    pub fn next(&self, line: &[u8]) -> Option<usize> {
        if !self.is_ascii() {
            return Some(0);
        }
        match self.only_byte() {
            Some(byte) => memchr::memchr(byte, line),
            None => line.iter().position(|byte| self.admits(Some(byte))),
        }
        .or_else(|| self.end.then_some(line.len()))
    }

    /// The byte, when there is one alone.
    fn only_byte(&self) -> Option<u8> {
        let count: u32 = self.bytes.iter().map(|word| word.count_ones()).sum();
        let word = self.bytes.iter().position(|word| *word != 0)?;
        let bit = self.bytes.get(word)?.trailing_zeros();
        u8::try_from(64 * word as u32 + bit)
            .ok()
            .filter(|_| count == 1)
    }

    /// Whether no byte beyond ASCII may come next.
    pub fn is_ascii(&self) -> bool {
        self.bytes[2] == 0 && self.bytes[3] == 0
    }

    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.intersection(other) == Self::NONE
    }

    pub fn union(&self, other: &Self) -> Self {
        let bytes = std::array::from_fn(|index| self.bytes[index] | other.bytes[index]);
        Self {
            bytes,
            end: self.end || other.end,
        }
    }

    fn intersection(&self, other: &Self) -> Self {
        let bytes = std::array::from_fn(|index| self.bytes[index] & other.bytes[index]);
        Self {
            bytes,
            end: self.end && other.end,
        }
    }
}

/// The end of a line: a newline or the end of the text.
fn line_end() -> First {
    First {
        end: true,
        ..First::of_byte(b'\n')
    }
}

/// What the node, and then what follows it, can begin with.
pub(super) fn first(node: &Node, follow: &First) -> First {
    match node {
        Node::Empty | Node::Look(_) => *follow,
        Node::Literal(bytes) => match bytes.first() {
            Some(byte) => First::of_byte(*byte),
            None => *follow,
        },
        Node::Class(class) => First::of_class(class),
        Node::Assert(Assert::LineEnd | Assert::TextEndOrNewline) => {
            follow.intersection(&line_end())
        }
        Node::Assert(Assert::TextEnd) => First {
            end: follow.end,
            ..First::NONE
        },
        Node::Assert(_) => *follow,
        Node::Concat(nodes) => {
            // What stands behind a piece that takes a byte is not seen; asking it made long expressions slow to
            // compile.
            let taking = nodes.iter().position(|node| !node.is_nullable());
            let leading = taking.map_or(nodes.len(), |taking| taking + 1);
            let leading = nodes.iter().take(leading).rev();
            leading.fold(*follow, |follow, node| first(node, &follow))
        }
        Node::Alternate(nodes) => nodes
            .iter()
            .fold(First::NONE, |all, node| all.union(&first(node, follow))),
        Node::Repeat(repeat) => first_of_repeat(repeat, follow),
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
            first(body, follow)
        }
        Node::Back { .. } => First::ALL,
    }
}

fn first_of_repeat(Repeat { body, min, max, .. }: &Repeat, follow: &First) -> First {
    if *max == Some(0) {
        return *follow;
    }
    let once = first(body, follow);
    if *min == 0 { once.union(follow) } else { once }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_class_are_those_of_its_ranges() {
        for ranges in [
            &[(0, 0x7F)][..],
            &[(0, 0)],
            &[(63, 64)],
            &[(0x7F, 0x7F)],
            &[(0, 63)],
            &[(64, 0x7F)],
            &[(48, 57), (65, 90), (95, 95), (97, 122)],
            &[(0x41, 0x10_FFFF)],
            &[(0x80, 0xFF)],
            &[],
        ] {
            let class = Class::from_ranges(ranges);
            let first = First::of_class(&class);
            for byte in 0..=u8::MAX {
                let want = match byte.is_ascii() {
                    true => class.contains(byte.into()),
                    false => !class.is_ascii(),
                };
                assert_eq!(first.admits(Some(&byte)), want, "{ranges:?} {byte}");
            }
            assert!(!first.admits(None));
        }
    }
}
