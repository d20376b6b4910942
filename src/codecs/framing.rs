//! How the records of a stream are told apart, as a codec has it: what an input hands over is one, or each ends with a
//! delimiter. Finding delimiters is the library's.

use sawlog_parsers::lines::Delimiter;

use crate::pipeline::Building;
use crate::plugin::Options;

/// How records are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// What the input hands over is one record: a datagram, a message.
    Whole,
    /// Each record ends with a delimiter.
    Lines(Delimiter),
}

impl Framing {
    /// Records that end as the option `delimiter` says; with an empty one nothing stands between what is written, and what
    /// is read is one record.
    pub fn of(options: &Options) -> Self {
        let delimiter = options.text("delimiter").unwrap_or("\n");
        Delimiter::new(delimiter.as_bytes()).map_or(Self::Whole, Self::Lines)
    }

    /// How many of these bytes are whole records.
    pub fn cut(&self, bytes: &[u8]) -> usize {
        match self {
            Self::Whole => bytes.len(),
            Self::Lines(delimiter) => delimiter.whole(bytes),
        }
    }

    /// Where the first record that begins in these bytes, or before them, ends.
    pub fn first_end(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Whole => Some(bytes.len()),
            Self::Lines(delimiter) => delimiter.first_end(bytes),
        }
    }

    /// From where on these bytes, which hold no end of a record, could be the beginning of one.
    pub fn undecided(&self, bytes: &[u8]) -> usize {
        match self {
            Self::Whole => bytes.len(),
            Self::Lines(delimiter) => delimiter.undecided(bytes),
        }
    }

    /// How many bytes before a place can belong to a delimiter that ends behind it.
    pub fn overlap(&self) -> usize {
        match self {
            Self::Whole => 0,
            Self::Lines(delimiter) => delimiter.bytes().len() - 1,
        }
    }
}

/// What the option `delimiter` says, a newline if it is not written; nothing after it was reported why.
pub fn delimiter(options: &Options, building: &mut Building<'_>) -> Option<Delimiter> {
    let Some(text) = options.text("delimiter") else {
        return Some(Delimiter::newline());
    };
    match Delimiter::new(text.as_bytes()) {
        Ok(delimiter) => Some(delimiter),
        Err(error) => {
            building.refuse(options.span_of("delimiter"), error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use sawlog_parsers::lines::Delimiter;

    use super::Framing;

    #[test]
    fn the_cut_is_behind_the_last_delimiter() {
        assert_eq!(Framing::Lines(Delimiter::newline()).cut(b"a\nb\nc"), 4);
        assert_eq!(Framing::Whole.cut(b"abc"), 3);
    }
}
