//! What servers escape in their logs, and back.
//!
//! Apache writes `\"`, `\\`, `\b`, `\n`, `\r`, `\t`, `\v` and `\x1B` (mod_log_config), Nginx `\x22` for whatever
//! it escapes (ngx_http_log_module).

use memchr::memchr;

use crate::digits::hexadecimal_pair;

/// Appends a field as the client sent it.
///
/// A backslash that begins none of the escapes stands for itself. The result may be no UTF-8.
///
/// ```
/// use sawlog_parsers::access_log::unescape;
///
/// let mut out = Vec::new();
/// unescape(br#"\"a\"\tb\x22\xe9 \q"#, &mut out);
/// assert_eq!(out, b"\"a\"\tb\"\xE9 \\q");
/// ```
pub fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (byte, used) = escaped(escape).unwrap_or((b'\\', 1));
        out.push(byte);
        rest = escape.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// The byte that an escape stands for, and how long the escape is.
fn escaped(escape: &[u8]) -> Option<(u8, usize)> {
    let byte = match escape.get(1)? {
        byte @ (b'"' | b'\\') => *byte,
        b'b' => 0x08,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        b'x' => {
            let byte = hexadecimal_pair(*escape.get(2)?, *escape.get(3)?)?;
            return Some((byte, 4));
        }
        _ => return None,
    };
    Some((byte, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], want: &[u8]) {
        let mut out = b"before ".to_vec();
        unescape(text, &mut out);
        assert_eq!(out, [b"before ", want].concat());
    }

    #[test]
    fn plain_text_stays() {
        check(b"", b"");
        check(b"Mozilla/5.0 (X11)", b"Mozilla/5.0 (X11)");
    }

    #[test]
    fn apache_s_escapes_become_bytes() {
        check(br#"\"a\\b\n\r\t\b\v"#, b"\"a\\b\n\r\t\x08\x0B");
    }

    #[test]
    fn hexadecimal_escapes_become_bytes() {
        check(br"\x16\x03\xfF\x5C", b"\x16\x03\xFF\\");
        check(br"\x22x\x22", br#""x""#);
    }

    #[test]
    fn what_is_no_escape_stays() {
        check(br"\q\x1\xZZ\", br"\q\x1\xZZ\");
    }

    #[test]
    fn an_escaped_backslash_begins_no_escape() {
        check(br"\\x41", br"\x41");
    }
}
