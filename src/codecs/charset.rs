//! The characters that a codec's bytes are written in. Everything becomes UTF-8; UTF-8 itself stays as it is, broken
//! bytes included, for whoever writes it as JSON replaces them there.

use crate::event::{Batch, Text};
use crate::plugin::{Kind, Opt, Options};

/// A supported character set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Also ASCII and bytes of no known meaning.
    #[default]
    Utf8,
    Latin1,
    Latin9,
    Windows1252,
}

/// The option `charset`.
pub const OPTION: Opt = Opt::new(
    "charset",
    Kind::Text,
    "The characters that the bytes are written in. With `UTF-8`, `US-ASCII` and `BINARY` bytes that are not UTF-8 are \
     kept, and replaced only where they are written as JSON.",
)
.default("UTF-8")
.allowed(&[
    "UTF-8",
    "US-ASCII",
    "ASCII",
    "ASCII-8BIT",
    "BINARY",
    "ISO-8859-1",
    "ISO8859-1",
    "ISO-8859-15",
    "ISO8859-15",
    "Windows-1252",
    "CP1252",
]);

/// What Windows-1252 has from 0x80 to 0x9F; the five unused places stay control characters.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Charset {
    /// The character set that a codec's options name.
    pub fn of(options: &Options) -> Self {
        match options.text("charset") {
            Some("ISO-8859-1" | "ISO8859-1") => Self::Latin1,
            Some("ISO-8859-15" | "ISO8859-15") => Self::Latin9,
            Some("Windows-1252" | "CP1252") => Self::Windows1252,
            _ => Self::Utf8,
        }
    }

    /// The same text in UTF-8: itself where nothing has to change.
    pub fn to_utf8(self, batch: &mut Batch, text: Text) -> Text {
        if self == Self::Utf8 || batch.text(text).is_ascii() {
            return text;
        }
        let mut utf8 = String::with_capacity(text.len() * 2);
        utf8.extend(batch.text(text).iter().map(|&byte| self.character(byte)));
        batch.append(utf8.as_bytes())
    }

    fn character(self, byte: u8) -> char {
        match (self, byte) {
            (Self::Windows1252, 0x80..=0x9f) => WINDOWS_1252
                .get(usize::from(byte - 0x80))
                .copied()
                .unwrap_or(char::REPLACEMENT_CHARACTER),
            (Self::Latin9, 0xa4) => '€',
            (Self::Latin9, 0xa6) => 'Š',
            (Self::Latin9, 0xa8) => 'š',
            (Self::Latin9, 0xb4) => 'Ž',
            (Self::Latin9, 0xb8) => 'ž',
            (Self::Latin9, 0xbc) => 'Œ',
            (Self::Latin9, 0xbd) => 'œ',
            (Self::Latin9, 0xbe) => 'Ÿ',
            _ => char::from(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Charset;
    use crate::event::{Batch, Names};
    use crate::queue::ack::Ack;

    #[track_caller]
    fn check(charset: Charset, bytes: &[u8], want: &[u8]) {
        let mut batch = Batch::new(bytes.to_vec(), Arc::new(Names::default()), 0, Ack::none());
        let text = batch.text_at(0..bytes.len());
        let text = charset.to_utf8(&mut batch, text);
        assert_eq!(batch.text(text), want);
    }

    #[test]
    fn single_bytes_become_characters() {
        check(Charset::Latin1, b"f\xfcr \xa4", "für ¤".as_bytes());
        check(Charset::Latin9, b"f\xfcr \xa4", "für €".as_bytes());
        check(Charset::Windows1252, b"\x80 \x93x\x94", "€ “x”".as_bytes());
    }

    #[test]
    fn broken_utf8_stays() {
        check(Charset::Utf8, b"f\xfcr", b"f\xfcr");
    }
}
