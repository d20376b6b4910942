//! `gsub` of `mutate`: a regular expression and what takes the place of its matches.

use regex::bytes::{Captures, Regex};

use crate::event::{Batch, EventId, Template, Value};
use crate::lang::ruby_regex;
use crate::pipeline::Building;
use crate::plugin::Word;

/// A compiled triple, but for its field.
#[derive(Clone)]
pub struct Substitution {
    pattern: Regex,
    replacement: Template,
}

impl Substitution {
    pub fn compile(
        pattern: &Word,
        replacement: &Word,
        building: &mut Building<'_>,
    ) -> Option<Self> {
        let translated = ruby_regex::translate(&pattern.text).map_err(|refusal| refusal.message);
        let compiled = translated.and_then(|text| Regex::new(&text).map_err(|e| e.to_string()));
        match compiled {
            Ok(compiled) => {
                let replacement = building.template(replacement)?;
                Some(Self {
                    pattern: compiled,
                    replacement,
                })
            }
            Err(error) => {
                let message = format!("the regular expression does not work here: {error}");
                building.refuse(pattern.span, message);
                None
            }
        }
    }

    /// Replaces every match in a text; other values stay.
    pub fn apply(&self, batch: &mut Batch, id: EventId, value: Value) -> Value {
        let Value::Text(text) = value else {
            return value;
        };
        if !self.pattern.is_match(batch.text(text)) {
            return value;
        }
        let mut replacement = Vec::new();
        self.replacement.write(batch, id, &mut replacement);
        let replaced = self
            .pattern
            .replace_all(batch.text(text), |groups: &Captures<'_>| {
                expand(&replacement, groups)
            })
            .into_owned();
        batch.value_of(&replaced)
    }
}

/// Puts groups in for `\1`; `\0` is the whole match, `\\` a backslash.
fn expand(replacement: &[u8], groups: &Captures<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(replacement.len());
    let mut bytes = replacement.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(digit) if digit.is_ascii_digit() => {
                let group = groups.get(usize::from(digit - b'0'));
                out.extend_from_slice(group.map_or(b"", |group| group.as_bytes()));
            }
            Some(b'\\') => out.push(b'\\'),
            Some(other) => out.extend_from_slice(&[b'\\', other]),
            None => out.push(b'\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn groups_are_put_in() {
        let pattern = regex::bytes::Regex::new("(a)(b)").expect("the pattern is good");
        let groups = pattern.captures(b"ab").expect("it matches");
        assert_eq!(expand(br"<\2\1\0\\\x>", &groups), br"<baab\\x>");
    }
}
