//! The word before a message's text: `program[pid]:`.
//!
//! A program may hold colons, slashes and brackets of its own, as a container's tag does; what
//! counts is where the word ends. A word that is no program is the caller's to name.

use memchr::memchr_iter;

use super::without_mark;
use crate::near;

/// A program and the text after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tagged<'a> {
    pub(super) program: &'a [u8],
    pub(super) pid: Option<&'a [u8]>,
    pub(super) message: &'a [u8],
}

/// A text up to its first blank, and what follows that blank.
#[inline]
pub(super) fn word(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match near::find(*b" ", text).and_then(|blank| text.split_at_checked(blank)) {
        Some((word, rest)) => (word, rest.get(1..)),
        None => (text, None),
    }
}

/// The program that a text begins with.
///
/// The word ends with a colon, whatever colons are inside; or the text follows `[pid]:` at once.
#[inline]
pub(super) fn tagged(text: &[u8]) -> Option<Tagged<'_>> {
    usual(text).or_else(|| unusual(text))
}

/// What ends a word that is nothing but a program or a host, or makes the word an unusual one.
pub(super) const ENDS: [u8; 4] = *b" [:\"";

/// `program[pid]: ` or `program: ` with nothing more in it, which nearly every line has: then the
/// first bracket or colon tells all.
#[inline]
pub(super) fn usual(text: &[u8]) -> Option<Tagged<'_>> {
    let (program, rest) = text.split_at_checked(near::find(ENDS, text)?)?;
    usual_after(program, rest)
}

/// The same of a program and what follows it, from the first of [`ENDS`].
#[inline]
pub(super) fn usual_after<'a>(program: &'a [u8], rest: &'a [u8]) -> Option<Tagged<'a>> {
    if matches!(program.first(), None | Some(b'{')) {
        return None;
    }
    let (pid, message) = match rest {
        [b':', b' ', message @ ..] => (None, message),
        [b'[', inside @ ..] => {
            let digits = inside.iter().take_while(|byte| byte.is_ascii_digit());
            let (pid, after) = inside.split_at_checked(digits.count())?;
            if pid.is_empty() {
                return None;
            }
            (Some(pid), after.strip_prefix(b"]: ")?)
        }
        _ => return None,
    };
    Some(Tagged {
        program,
        pid,
        message: without_mark(message),
    })
}

/// Any other form, the whole word being looked at.
#[cold]
fn unusual(text: &[u8]) -> Option<Tagged<'_>> {
    let (word, rest) = word(text);
    if let Some(tag) = word.strip_suffix(b":") {
        let (program, pid) = split_pid(tag);
        let message = without_mark(rest.unwrap_or_default());
        return is_program(program).then_some(Tagged {
            program,
            pid,
            message,
        });
    }
    glued(text, word)
}

/// `program[pid]:text` without a blank.
fn glued<'a>(text: &'a [u8], word: &'a [u8]) -> Option<Tagged<'a>> {
    for end in memchr_iter(b']', word).filter(|end| word.get(end + 1) == Some(&b':')) {
        if let (program, Some(pid)) = split_pid(word.get(..end + 1)?) {
            let message = text.get(end + 2..)?;
            return is_program(program).then_some(Tagged {
                program,
                pid: Some(pid),
                message,
            });
        }
    }
    None
}

/// `program[pid] text` without a colon.
pub(super) fn without_colon(text: &[u8]) -> Option<Tagged<'_>> {
    let (word, rest) = word(text);
    let (program, pid) = split_pid(word);
    let message = without_mark(rest.unwrap_or_default());
    (pid.is_some() && is_program(program)).then_some(Tagged {
        program,
        pid,
        message,
    })
}

/// Takes `[digits]` off the end of a tag; other brackets are part of the program.
///
/// Only the digits are walked, so a word of nothing but brackets costs no more than its length.
#[inline]
fn split_pid(tag: &[u8]) -> (&[u8], Option<&[u8]>) {
    let cut = || {
        let inner = tag.strip_suffix(b"]")?;
        let digits = inner
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (head, pid) = inner.split_at_checked(inner.len() - digits)?;
        let program = head.strip_suffix(b"[")?;
        (!pid.is_empty()).then_some((program, pid))
    };
    match cut() {
        Some((program, pid)) => (program, Some(pid)),
        None => (tag, None),
    }
}

/// A word with a quote or a brace before the rest is the beginning of JSON, not a program.
#[inline]
fn is_program(program: &[u8]) -> bool {
    !matches!(program.first(), None | Some(b'{' | b'[' | b'"')) && !program.contains(&b'"')
}

#[cfg(test)]
mod tests {
    use super::{unusual, usual};

    #[test]
    fn what_is_usual_is_read_as_by_the_long_way() {
        let parts: [&[u8]; 12] = [
            b"a", b":", b"[", b"]", b" ", b"7", b"{", b"\"", b"/", b"ab", b"12", b": ",
        ];
        let mut taken = 0;
        for number in 0..12_usize.pow(5) {
            let mut text = Vec::new();
            let mut left = number;
            for _ in 0..5 {
                text.extend_from_slice(parts[left % 12]);
                left /= 12;
            }
            if let Some(tagged) = usual(&text) {
                assert_eq!(Some(tagged), unusual(&text), "in {text:?}");
                taken += 1;
            }
        }
        assert!(1000 < taken, "only {taken} texts were usual");
    }
}
