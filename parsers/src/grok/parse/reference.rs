//! `%{NAME}`, `%{NAME:field:type}`, `%{NAME:field=definition}`: looks the definition up and parses it
//! in place.

use std::sync::Arc;

use super::{EXPANSION_BYTES_MAX, Flags, Parser, REFERENCES_MAX, Scope};
use crate::error::{Error, Place};
use crate::grok::Kind;
use crate::grok::tree::Node;

/// Characters of an expression that a warning shows.
const SHOWN: usize = 40;

/// A reference as written.
struct Reference<'t> {
    name: &'t str,
    field: Option<&'t str>,
    kind: Option<&'t str>,
    definition: Option<&'t str>,
    /// What stands before the brace and belongs to none of these.
    passed_over: &'t str,
    length: usize,
}

impl Parser<'_, '_, '_> {
    /// `None` when the text is not a reference: then it stands for itself.
    pub(super) fn reference(&mut self) -> Result<Option<Node>, Error> {
        let Some(reference) = read(self.rest()) else {
            self.warn_of_text();
            return Ok(None);
        };
        self.warn_of_passed_over(&reference);
        if let Some(definition) = reference.definition {
            self.scope
                .inline
                .insert(reference.name.to_owned(), definition.to_owned());
        }
        let field = match reference.field {
            Some(field) => Some(field),
            None if self.scope.named_only => None,
            None => Some(reference.name),
        };
        let slot = field.map(|field| {
            let kind = reference
                .kind
                .map_or(Kind::Text, |kind| self.kind(field, kind));
            self.scope.new_slot(field, kind)
        });
        let body = Box::new(self.scope.definition(&reference, self.flags)?);
        self.at += reference.length;
        let named = Node::Named {
            name: Arc::from(reference.name),
            body,
        };
        Ok(Some(match slot {
            Some(slot) => Node::Capture {
                slot,
                body: Box::new(named),
            },
            None => named,
        }))
    }

    /// What looks like a reference and is none is matched as it stands, as in Logstash.
    fn warn_of_text(&mut self) {
        let rest = self.rest();
        if rest.starts_with("%{") {
            let shown: String = rest.chars().take(SHOWN).collect();
            self.scope.warnings.push(format!(
                "`{shown}` is no reference to a pattern and is matched as it stands; a reference is %{{NAME}} or %{{NAME:field}}"
            ));
        }
    }

    /// So does Logstash: but likely a brace is missing, and with it a field.
    fn warn_of_passed_over(&mut self, reference: &Reference<'_>) {
        let Reference {
            name, passed_over, ..
        } = reference;
        if !passed_over.is_empty() {
            let shown: String = passed_over.chars().take(SHOWN).collect();
            self.scope.warnings.push(format!(
                "`{shown}` in the reference to {name} has no meaning and is passed over; is a `}}` missing before it?"
            ));
        }
    }

    /// An unknown type is text, as in Logstash; the warning is ours.
    pub(super) fn kind(&mut self, field: &str, written: &str) -> Kind {
        match written {
            "int" => Kind::Int,
            "float" => Kind::Float,
            "long" => Kind::Long,
            "double" => Kind::Double,
            "boolean" => Kind::Boolean,
            "string" => Kind::Text,
            _ => {
                let what = match written {
                    "" => "no type behind the colon",
                    _ => &format!("unknown type {written}"),
                };
                self.scope.warnings.push(format!(
                    "field {field}: {what}, kept as text; known are int, float, long, double, boolean"
                ));
                Kind::Text
            }
        }
    }
}

impl Scope<'_> {
    /// Parses the definition in force of a name, under the flags where it is referred to: Logstash puts its text there.
    fn definition(&mut self, reference: &Reference<'_>, flags: Flags) -> Result<Node, Error> {
        let name = reference.name;
        self.references += 1;
        if REFERENCES_MAX < self.references {
            return Err(Error::new(format!(
                "more than {REFERENCES_MAX} references to patterns"
            )));
        }
        if let Some(start) = self.open.iter().position(|open| open == name) {
            let circle = self.open[start..].join(" -> ");
            return Err(Error::new(format!(
                "pattern {name} refers to itself: {circle} -> {name}"
            )));
        }
        let (text, place) = match self.inline.get(name) {
            Some(text) => (text.clone(), Place::default()),
            None => match self.patterns.definition(name) {
                Some(definition) => (definition.text.to_string(), definition.place.clone()),
                None => return Err(self.unknown(reference)),
            },
        };
        self.bytes += text.len();
        if EXPANSION_BYTES_MAX < self.bytes {
            return Err(Error::new(format!(
                "the expression has more than {EXPANSION_BYTES_MAX} bytes with all the patterns it refers to"
            )));
        }
        self.enter()?;
        self.open.push(name.to_owned());
        let node = Parser::new(&text, flags, self)
            .parse_whole()
            .map_err(|error| error.within(name, &place))?;
        self.open.pop();
        self.leave();
        Ok(node)
    }

    fn unknown(&self, reference: &Reference<'_>) -> Error {
        let name = reference.name;
        let meant = match (reference.field, reference.definition) {
            (None, None) => reference.passed_over.split(':').next().unwrap_or_default(),
            _ => "",
        };
        let nearest = self.patterns.nearest(&format!("{name}{meant}"));
        let mut message = format!("unknown pattern %{{{name}}}");
        if let Some(known) = nearest.or_else(|| self.patterns.nearest(name)) {
            message.push_str(&format!("; did you mean %{{{known}}}?"));
        }
        if !meant.is_empty() {
            let shown: String = meant.chars().take(SHOWN).collect();
            message.push_str(&format!(
                " (names consist of letters, digits and `_`: this one ends before `{shown}`)"
            ));
        }
        Error::new(message)
    }
}

/// Reads a reference at the start of the text.
fn read(text: &str) -> Option<Reference<'_>> {
    let rest = text.strip_prefix("%{")?;
    let name_length = span(rest, is_name);
    let (name, mut rest) = rest.split_at(name_length);
    if name.is_empty() {
        return None;
    }
    let mut written = None;
    if let Some(after) = rest.strip_prefix(':') {
        let (field, after) = after.split_at(span(after, is_field));
        if !field.is_empty() {
            written = Some(field);
            rest = after;
        }
    }
    let mut definition = None;
    if let Some(after) = rest.strip_prefix('=')
        && let Some(length) = definition_length(after)
    {
        definition = Some(&after[..length]);
        rest = &after[length..];
    }
    // What else stands before the brace is passed over, as in Logstash.
    let (passed_over, rest) = rest.split_once('}')?;
    let (field, kind) = match written.and_then(|written| written.split_once(':')) {
        Some((field, kind)) => (Some(field), Some(kind)),
        None => (written, None),
    };
    let field = field.filter(|field| !field.is_empty());
    Some(Reference {
        name,
        field,
        kind,
        definition,
        passed_over,
        length: text.len() - rest.len(),
    })
}

fn span(text: &str, is_part: fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| is_part(*byte)).count()
}

/// Logstash's `[A-z0-9]`, which takes the signs between the cases along.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'A'..=b'z').contains(&byte)
}

fn is_field(byte: u8) -> bool {
    is_name(byte) || matches!(byte, b'@' | b':' | b'.' | b'-')
}

/// The length of a definition: up to the closing brace; inner braces come in pairs, escaped ones do not count.
fn definition_length(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' if depth == 0 => return (at != 0).then_some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}
