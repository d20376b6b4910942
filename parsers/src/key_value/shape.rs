//! What the options make of a key or a value: characters taken off its ends, out of it, another case. Text comes in,
//! text goes out, borrowed as long as nothing in its midst changes.

use std::borrow::Cow;

use crate::error::Error;

use super::set::{Set, letter_length};

/// The case that a text gets; of text that is no UTF-8 only ASCII letters change.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, Transform};
///
/// for (transform, want) in [
///     (Transform::Lowercase, "jane doe"),
///     (Transform::Uppercase, "JANE DOE"),
///     (Transform::Capitalize, "Jane doe"),
/// ] {
///     let kv = KeyValue::compile(&Options { transform_value: Some(transform), ..Options::default() })?;
///     let pair = kv.pairs(br#"user="jane DOE""#).next().expect("a pair");
///     assert_eq!(pair.value, want.as_bytes());
/// }
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// All letters small.
    Lowercase,
    /// All letters capital.
    Uppercase,
    /// The first letter capital, the others small.
    Capitalize,
}

/// Compiled options of one side of a pair.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    trim: Option<Set>,
    remove: Option<Set>,
    transform: Option<Transform>,
}

impl Shape {
    /// The names are those of the options for trimming and removing.
    pub(super) fn compile(
        names: [&str; 2],
        trim: Option<&str>,
        remove: Option<&str>,
        transform: Option<Transform>,
    ) -> Result<Self, Error> {
        let [trim_name, remove_name] = names;
        let set = |name, text: Option<&str>| text.map(|text| Set::parse(name, text)).transpose();
        Ok(Self {
            trim: set(trim_name, trim)?,
            remove: set(remove_name, remove)?,
            transform,
        })
    }

    #[inline]
    pub(super) fn apply<'l>(&self, text: &'l [u8]) -> Cow<'l, [u8]> {
        let text = self.trim.as_ref().map_or(text, |set| set.trim(text));
        let text = match &self.remove {
            Some(set) => without(set, text),
            None => Cow::Borrowed(text),
        };
        match self.transform {
            Some(transform) => transformed(transform, text),
            None => text,
        }
    }
}

fn without<'l>(set: &Set, text: &'l [u8]) -> Cow<'l, [u8]> {
    let Some(first) = set.find(text, 0) else {
        return Cow::Borrowed(text);
    };
    let mut kept = Vec::with_capacity(text.len());
    let mut from = 0;
    let mut next = Some(first);
    while let Some(at) = next {
        kept.extend_from_slice(text.get(from..at).unwrap_or_default());
        from = at + letter_length(text, at);
        next = set.find(text, from);
    }
    kept.extend_from_slice(text.get(from..).unwrap_or_default());
    Cow::Owned(kept)
}

fn transformed(transform: Transform, text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let has_capitals = !text.is_ascii() || text.iter().any(u8::is_ascii_uppercase);
    match transform {
        Transform::Lowercase if has_capitals => Cow::Owned(lowercase(&text)),
        Transform::Lowercase => text,
        Transform::Uppercase => Cow::Owned(uppercase(&text)),
        Transform::Capitalize => {
            let (first, rest) = text
                .split_at_checked(letter_length(&text, 0))
                .unwrap_or_default();
            Cow::Owned([uppercase(first), lowercase(rest)].concat())
        }
    }
}

fn lowercase(text: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => text.to_ascii_lowercase(),
    }
}

fn uppercase(text: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_uppercase().into_bytes(),
        Err(_) => text.to_ascii_uppercase(),
    }
}
