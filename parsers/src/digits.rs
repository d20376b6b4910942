//! Hexadecimal digits of escapes: two digits in, the byte that they write out.

/// The byte of `%2F` or `\x2F`; `None` when one of the two is no digit.
pub(crate) fn hexadecimal_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::hexadecimal_pair;

    #[test]
    fn both_must_be_digits() {
        assert_eq!(hexadecimal_pair(b'f', b'F'), Some(255));
        assert_eq!(hexadecimal_pair(b'0', b'g'), None);
        assert_eq!(hexadecimal_pair(b'+', b'1'), None);
    }
}
