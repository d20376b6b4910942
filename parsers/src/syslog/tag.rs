//! The word before a message's text: `program[pid]:`.
//!
//! A program may hold colons, slashes and brackets of its own, as a container's tag does; what
//! counts is where the word ends. A word that is no program is the caller's to name.

use memchr::{memchr, memchr_iter};

use super::without_mark;

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
    match memchr(b' ', text).and_then(|blank| text.split_at_checked(blank)) {
        Some((word, rest)) => (word, rest.get(1..)),
        None => (text, None),
    }
}

/// The program that a text begins with.
///
/// The word ends with a colon, whatever colons are inside; or the text follows `[pid]:` at once.
#[inline]
pub(super) fn tagged(text: &[u8]) -> Option<Tagged<'_>> {
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
