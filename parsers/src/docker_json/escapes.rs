//! JSON's escapes in a text: the bytes between the quotes in, the text itself out.

use crate::near;

/// What stands for a code that is no character.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Appends what an escaped text means.
///
/// Half a surrogate pair becomes U+FFFD. What is no escape of JSON stays as it is, so nothing is
/// lost of a record that was cut short. The escapes are those of RFC 8259, section 7.
///
/// ```
/// let mut text = Vec::new();
/// sawlog_parsers::docker_json::unescape(br"a\tb \u003c \ud83d\ude00", &mut text);
/// assert_eq!(text, "a\tb < \u{1F600}".as_bytes());
/// ```
pub fn unescape(escaped: &[u8], out: &mut Vec<u8>) {
    // What an escape means is never longer than the escape.
    out.reserve(escaped.len());
    let mut rest = escaped;
    // In JSON within JSON the next escape is a word away.
    while let Some(at) = near::find(*b"\\", rest) {
        let Some((plain, escape)) = rest.split_at_checked(at) else {
            break;
        };
        out.extend_from_slice(plain);
        rest = one(escape, out);
    }
    out.extend_from_slice(rest);
}

/// Appends the escape that a text begins with; returns what follows it.
fn one<'a>(escape: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let [backslash, letter, rest @ ..] = escape else {
        out.extend_from_slice(escape);
        return b"";
    };
    let byte = match letter {
        b'n' => b'\n',
        b'"' | b'\\' | b'/' => *letter,
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        b'u' => {
            if let Some(rest) = unicode(rest, out) {
                return rest;
            }
            out.extend_from_slice(br"\u");
            return rest;
        }
        _ => {
            out.extend_from_slice(&[*backslash, *letter]);
            return rest;
        }
    };
    out.push(byte);
    rest
}

/// The four digits after `\u`, with the second half of a surrogate pair if one follows.
fn unicode<'a>(digits: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (first, rest) = code(digits)?;
    let second = match rest {
        [b'\\', b'u', digits @ ..] if (0xD800..0xDC00).contains(&first) => code(digits),
        _ => None,
    };
    if let Some((low, after)) = second
        && (0xDC00..0xE000).contains(&low)
    {
        let joined = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
        push(joined, out);
        return Some(after);
    }
    push(first, out);
    Some(rest)
}

fn code(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = digits.split_at_checked(4)?;
    let value = digits.iter().try_fold(0, |sum, byte| {
        Some(sum * 16 + char::from(*byte).to_digit(16)?)
    })?;
    Some((value, rest))
}

fn push(code: u32, out: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(character) => {
            let mut buffer = [0; 4];
            out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
        None => out.extend_from_slice(REPLACEMENT),
    }
}
