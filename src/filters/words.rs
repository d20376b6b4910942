//! Words of a text, as Ruby's `split(" ")` tells them, which stands behind every option that takes a separator: between two is
//! any number of blanks, tabs and line ends.

/// Whether a byte stands between words.
pub fn is_blank(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || *byte == b'\x0b'
}

/// The words of a text, none of which is empty.
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(is_blank).filter(|word| !word.is_empty())
}
