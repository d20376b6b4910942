//! What a field can hold. Values are small and `Copy`: texts are spans of their batch's bytes, maps and lists are chains
//! through their batch's nodes. They mean nothing without that batch.

/// A text: a range of the batch's bytes. Usually UTF-8; whoever writes it out replaces what is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Text {
    /// The text of no bytes.
    pub const EMPTY: Self = Self { start: 0, len: 0 };

    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    pub fn len(self) -> usize {
        self.len as usize
    }

    /// A part of this text; clamped to it.
    pub fn slice(self, range: std::ops::Range<usize>) -> Self {
        let len = self.len as usize;
        let (start, end) = (range.start.min(len), range.end.min(len));
        Self {
            start: self.start + start as u32,
            len: end.saturating_sub(start) as u32,
        }
    }

    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// The members of a map or list, or the fields of an event: first and last node, `NONE` when empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// No node.
pub(super) const NONE: u32 = u32::MAX;

impl Chain {
    pub const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };

    pub fn is_empty(self) -> bool {
        self.first == NONE
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Text),
    /// Nanoseconds since 1970, UTC.
    Time(i64),
    Map(Chain),
    List(Chain),
}
