//! Searches for a byte that usually stands near the start of a text, or near its end: a text in, the byte's place out.
//!
//! The fields of a header are shorter than what the call of a vectorised search costs, so the first
//! bytes are looked at eight at a time in a register. Beyond them the search is `memchr`'s.

/// Words of eight bytes that are looked at before the search is handed on.
const WORDS_MAX: usize = 4;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The place of the first of these bytes. It is always inlined, since a call of it costs as much as
/// it does.
#[inline(always)]
pub(crate) fn find<const N: usize>(bytes: [u8; N], text: &[u8]) -> Option<usize> {
    let mut rest = text;
    for _ in 0..WORDS_MAX {
        let Some((word, after)) = rest.split_first_chunk::<8>() else {
            let more = rest.iter().position(|byte| bytes.contains(byte))?;
            return Some(text.len() - rest.len() + more);
        };
        let word = u64::from_le_bytes(*word);
        let found = bytes.iter().fold(0, |found, byte| {
            found | zeros(word ^ (u64::from(*byte) * ONES))
        });
        if found != 0 {
            return Some(text.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = after;
    }
    Some(text.len() - rest.len() + far(bytes, rest)?)
}

/// The place of the last one.
#[inline]
pub(crate) fn find_last(byte: u8, text: &[u8]) -> Option<usize> {
    let mut rest = text;
    for _ in 0..WORDS_MAX {
        let Some((before, word)) = rest.split_last_chunk::<8>() else {
            return rest.iter().rposition(|other| *other == byte);
        };
        // The last byte becomes the lowest one.
        let found = zeros(u64::from_be_bytes(*word) ^ (u64::from(byte) * ONES));
        if found != 0 {
            return Some(rest.len() - 1 - found.trailing_zeros() as usize / 8);
        }
        rest = before;
    }
    memchr::memrchr(byte, rest)
}

/// The high bit of each byte that is zero; bits above the lowest one may be wrong.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

#[cold]
fn far<const N: usize>(bytes: [u8; N], text: &[u8]) -> Option<usize> {
    match bytes.as_slice() {
        [byte] => memchr::memchr(*byte, text),
        [one, two] => memchr::memchr2(*one, *two, text),
        [one, two, three] => memchr::memchr3(*one, *two, *three, text),
        _ => text.iter().position(|byte| bytes.contains(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_last_byte_is_found_at_every_place() {
        for length in 0..60 {
            let mut line = vec![b'\x80'; length];
            assert_eq!(super::find_last(b'"', &line), None, "{length}");
            for place in 0..length {
                line[place] = b'"';
                assert_eq!(super::find_last(b'"', &line), Some(place), "{length}");
                line[place] = b'#';
            }
        }
    }

    #[track_caller]
    fn check<const N: usize>(bytes: [u8; N], text: &[u8]) {
        let plainly = text.iter().position(|byte| bytes.contains(byte));
        assert_eq!(find(bytes, text), plainly, "in {text:?}");
    }

    #[test]
    fn every_place_is_found() {
        for length in 0..80 {
            for at in 0..length {
                for filler in [0, b'!', 0x1F, 0xA0, 0xFF] {
                    let mut text = vec![filler; length];
                    text[at] = b' ';
                    check(*b" ", &text);
                    check(*b"x ", &text);
                    check(*b"xy ", &text);
                    check(*b"x yz", &text);
                }
            }
        }
    }

    #[test]
    fn an_absent_byte_is_not_found() {
        for length in 0..80 {
            check(*b" ", &vec![b'!'; length]);
            check(*b" :[\"", &vec![0xA0; length]);
        }
    }
}
