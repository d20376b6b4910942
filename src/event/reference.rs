//! Field references as written: `message`, `[message]`, `[a][b][0]`, `[[a][b]][c]`. Text comes in, the path's parts go
//! out. What a part means in an event is decided by the batch.

use crate::event::names::{Name, Names};
use crate::limits;

/// One part of a reference: a name and, if it is a number, the list index that it may also mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: Name,
    pub index: Option<i32>,
}

/// A compiled field reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub(super) parts: Box<[Part]>,
}

impl Reference {
    /// Compiles a reference; its names are interned.
    pub fn compile(text: &str, names: &mut Names) -> Result<Self, String> {
        Ok(Self::from_parts(&parse(text)?, names))
    }

    /// A reference to a name at the top level, whatever characters it has.
    pub fn top(name: Name) -> Self {
        Self {
            parts: Box::new([Part { name, index: None }]),
        }
    }

    /// A reference from parts that were parsed before.
    pub fn from_parts<S: AsRef<str>>(parts: &[S], names: &mut Names) -> Self {
        let part = |text: &S| Part {
            name: names.intern(text.as_ref().as_bytes()),
            index: text.as_ref().parse().ok(),
        };
        Self {
            parts: parts.iter().map(part).collect(),
        }
    }

    /// This reference below another one, as an option `target` has it.
    pub fn below(&self, outer: &Self) -> Self {
        Self {
            parts: outer.parts.iter().chain(&self.parts).copied().collect(),
        }
    }

    /// The name, if it is one at the top level.
    pub fn as_top(&self) -> Option<Name> {
        match &*self.parts {
            [part] => Some(part.name),
            _ => None,
        }
    }
}

/// The parts of a reference, outermost first. An error says what is wrong with the text.
pub fn parse(text: &str) -> Result<Vec<String>, String> {
    if !text.contains(['[', ']']) {
        return match text {
            "" => Err("a field reference must not be empty".to_owned()),
            name => Ok(vec![name.to_owned()]),
        };
    }
    let mut parts = Vec::new();
    let rest = bracketed(text, &mut parts, 0)?;
    if rest.is_empty() {
        Ok(parts)
    } else {
        Err(malformed(text))
    }
}

/// Takes `[part]` groups from the front; a group may itself hold groups. Gives back what is left.
fn bracketed<'a>(
    mut rest: &'a str,
    parts: &mut Vec<String>,
    depth: usize,
) -> Result<&'a str, String> {
    if limits::REFERENCE_DEPTH_MAX < depth {
        return Err(malformed(rest));
    }
    let whole = rest;
    while let Some(inner) = rest.strip_prefix('[') {
        if inner.starts_with('[') {
            let after = bracketed(inner, parts, depth + 1)?;
            rest = after.strip_prefix(']').ok_or_else(|| malformed(whole))?;
            continue;
        }
        let end = inner.find(['[', ']']).ok_or_else(|| malformed(whole))?;
        let (part, after) = inner.split_at(end);
        rest = after.strip_prefix(']').ok_or_else(|| malformed(whole))?;
        if part.is_empty() {
            return Err(malformed(whole));
        }
        parts.push(part.to_owned());
    }
    if parts.is_empty() {
        Err(malformed(whole))
    } else {
        Ok(rest)
    }
}

fn malformed(text: &str) -> String {
    let text: String = text.chars().take(80).collect();
    format!("`{text}` is not a field reference; write `name`, `[name]` or `[outer][inner]`")
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[track_caller]
    fn check(text: &str, want: Option<&[&str]>) {
        let got = parse(text).ok();
        let want = want.map(|parts| {
            parts
                .iter()
                .map(|&part| part.to_owned())
                .collect::<Vec<_>>()
        });
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn plain_and_bracketed_names_are_the_same() {
        check("message", Some(&["message"]));
        check("[message]", Some(&["message"]));
        check("a.b", Some(&["a.b"]));
    }

    #[test]
    fn nested_references_have_parts() {
        check("[a][b][0]", Some(&["a", "b", "0"]));
        check("[[a][b]][c]", Some(&["a", "b", "c"]));
        check("[@metadata][x y]", Some(&["@metadata", "x y"]));
    }

    #[test]
    fn bad_forms_are_refused() {
        check(&"[".repeat(200_000), None);
        for text in ["", "a[b]", "[a", "[a]b", "[]", "[a][]", "]", "[[a]", "[a]]"] {
            check(text, None);
        }
    }
}
