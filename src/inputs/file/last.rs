//! The bytes of a file before the place where reading stands. Two files can begin alike, as those with a header do; by these
//! bytes it is known whether what was read is what stands there now.

use std::fs::File;

use crate::inputs::file::identity::Fingerprint;
use crate::inputs::file::opened::read_at;
use crate::limits;

/// The end of what was handed over, at most `limits::FINGERPRINT_BYTES`.
#[derive(Debug, Default)]
pub struct Last {
    bytes: Vec<u8>,
    /// The offset behind them.
    end: u64,
}

impl Last {
    /// What stands before an offset of a file, at most so many bytes; nothing, if it cannot be read.
    pub fn before(file: &File, end: u64, bytes_max: usize) -> Self {
        let begin = end.saturating_sub(bytes_max as u64);
        let mut bytes = vec![0; usize::try_from(end - begin).unwrap_or(0)];
        match read_at(file, &mut bytes, begin) {
            Ok(count) if count == bytes.len() => Self { bytes, end },
            Ok(_) | Err(_) => Self::default(),
        }
    }

    /// A piece was handed over that begins at an offset. Bytes that were skipped before it are not known.
    pub fn push(&mut self, piece: &[u8], begin: u64) {
        if begin != self.end {
            self.bytes.clear();
        }
        self.end = begin + piece.len() as u64;
        let unneeded = piece.len().saturating_sub(limits::FINGERPRINT_BYTES);
        let piece = piece.get(unneeded..).unwrap_or_default();
        let excess = (self.bytes.len() + piece.len()).saturating_sub(limits::FINGERPRINT_BYTES);
        self.bytes.drain(..excess);
        self.bytes.extend_from_slice(piece);
    }

    /// The fingerprint of what stands before an offset: of nothing, if that is not known.
    pub fn fingerprint(&self, offset: u64) -> Fingerprint {
        match self.end == offset {
            true => Fingerprint::of(&self.bytes),
            false => Fingerprint::of(b""),
        }
    }

    /// Whether a file still has these bytes where they were.
    pub fn is_in(&self, file: &File) -> bool {
        Self::before(file, self.end, self.bytes.len()).bytes == self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Last;
    use crate::inputs::file::identity::Fingerprint;
    use crate::limits;

    #[test]
    fn the_last_bytes_of_all_pieces_are_kept() {
        let mut last = Last::default();
        last.push(b"one\n", 0);
        assert_eq!(last.fingerprint(4), Fingerprint::of(b"one\n"));
        assert!(last.fingerprint(5).is_empty());
        last.push(b"two\n", 4);
        assert_eq!(last.fingerprint(8), Fingerprint::of(b"one\ntwo\n"));
        let long = vec![b'x'; limits::FINGERPRINT_BYTES - 1];
        last.push(&long, 8);
        let want = [b"\n", &*long].concat();
        let end = 8 + long.len() as u64;
        assert_eq!(last.fingerprint(end), Fingerprint::of(&want));
        last.push(&[long, b"yz".to_vec()].concat(), end);
        let want = [&want[2..], b"yz"].concat();
        let end = end + want.len() as u64 + 1;
        assert_eq!(last.fingerprint(end), Fingerprint::of(&want));
    }

    #[test]
    fn what_was_skipped_is_not_known() {
        let mut last = Last::default();
        last.push(b"one\n", 0);
        last.push(b"two\n", 100);
        assert_eq!(last.fingerprint(104), Fingerprint::of(b"two\n"));
    }
}
