//! `%{...}` templates, Logstash's sprintf: compiled once, rendered per event into the batch. A reference that is missing
//! stays as it was written.

use sawlog_parsers::timestamp::{self, Dialect, Pattern};

use crate::event::batch::{Batch, EventId};
use crate::event::names::{Name, Names};
use crate::event::reference::Reference;
use crate::event::value::{Text, Value};

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Box<[Part]>,
}

#[derive(Clone, Debug)]
enum Part {
    Literal(Box<[u8]>),
    Field {
        reference: Reference,
        written: Box<[u8]>,
    },
    /// A pattern applied to `@timestamp`, always in UTC.
    Date(Pattern),
    /// The present time, as the batch has it.
    Now,
}

impl Template {
    /// Compiles a text. An error says which `%{...}` is wrong.
    pub fn compile(text: &str, names: &mut Names) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("%{") {
            let Some(part) = Found::at(rest, start) else {
                break;
            };
            push_literal(&mut parts, &rest[..start]);
            parts.push(part.compile(names)?);
            rest = part.rest;
        }
        push_literal(&mut parts, rest);
        Ok(Self {
            parts: parts.into(),
        })
    }

    /// The text, if the template has no `%{...}`.
    pub fn as_literal(&self) -> Option<&[u8]> {
        match &*self.parts {
            [] => Some(b""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether the text is the same for all events of one day: literals, and dates without a time.
    pub fn is_literal_or_date(&self) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Literal(_) => true,
            Part::Date(pattern) => is_daily(pattern),
            Part::Field { .. } | Part::Now => false,
        })
    }

    /// Whether the result begins with a text that no event can choose.
    pub fn has_literal_prefix(&self) -> bool {
        matches!(self.parts.first(), Some(Part::Literal(_)) | None)
    }

    /// Appends the rendered text. True if every reference was found.
    pub fn write(&self, batch: &Batch, id: EventId, out: &mut Vec<u8>) -> bool {
        let mut complete = true;
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Field { reference, written } => match batch.get(id, reference) {
                    Some(value) if !matches!(value, Value::Null) => batch.write_text(value, out),
                    _ => {
                        complete = false;
                        out.extend_from_slice(written);
                    }
                },
                Part::Date(pattern) => match batch.top(id, Name::TIMESTAMP) {
                    Some(Value::Time(nanos)) => pattern.write(nanos, out),
                    _ => complete = false,
                },
                Part::Now => timestamp::write_iso8601_nanos(batch.received, out),
            }
        }
        complete
    }

    /// Renders into the batch. A template of one text field gives that field's own span.
    pub fn render(&self, batch: &mut Batch, id: EventId, scratch: &mut Vec<u8>) -> Text {
        if let [Part::Field { reference, .. }] = &*self.parts
            && let Some(Value::Text(text)) = batch.get(id, reference)
        {
            return text;
        }
        scratch.clear();
        self.write(batch, id, scratch);
        batch.append(scratch)
    }
}

/// Whether a pattern writes the same text all day: times that differ in every part of the clock show it.
fn is_daily(pattern: &Pattern) -> bool {
    const DAY: i64 = 1_447_200_000_000_000_000;
    let write = |nanos: i64| {
        let mut text = Vec::new();
        pattern.write(DAY + nanos, &mut text);
        text
    };
    let midnight = write(0);
    [50_828_123_456_789, 86_399_999_999_999, 3_600_000_000_000]
        .into_iter()
        .all(|nanos| write(nanos) == midnight)
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Literal(text.as_bytes().into()));
    }
}

/// One `%{...}` in a text.
struct Found<'t> {
    written: &'t str,
    inner: &'t str,
    /// The text behind it.
    rest: &'t str,
    java: bool,
}

impl<'t> Found<'t> {
    /// The one that starts at `start`; `None` if it has no end, for then it is plain text.
    fn at(text: &'t str, start: usize) -> Option<Self> {
        let from = &text[start..];
        let (open, close, java) = if from.starts_with("%{{") {
            ("%{{", "}}", true)
        } else {
            ("%{", "}", false)
        };
        let end = from.find(close)?;
        let (written, rest) = from.split_at(end + close.len());
        Some(Self {
            written,
            inner: &written[open.len()..end],
            rest,
            java,
        })
    }

    fn compile(&self, names: &mut Names) -> Result<Part, String> {
        let wrong = |error: String| format!("in `{}`: {error}", self.written);
        if self.java {
            return match self.inner {
                "TIME_NOW" => Ok(Part::Now),
                pattern => Pattern::compile(pattern, Dialect::Java)
                    .map(Part::Date)
                    .map_err(|error| wrong(error.to_string())),
            };
        }
        if let Some(pattern) = self.inner.strip_prefix('+') {
            return Pattern::compile(pattern, Dialect::Joda)
                .map(Part::Date)
                .map_err(|error| wrong(error.to_string()));
        }
        match Reference::compile(self.inner, names) {
            Ok(reference) => Ok(Part::Field {
                reference,
                written: self.written.as_bytes().into(),
            }),
            Err(_) if self.inner.is_empty() => Ok(Part::Literal(self.written.as_bytes().into())),
            Err(error) => Err(wrong(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Template;
    use crate::event::{Batch, Names, Reference};
    use crate::queue::ack::Ack;

    #[track_caller]
    fn check(template: &str, want: &str) {
        let mut names = Names::default();
        let compiled = Template::compile(template, &mut names).expect("the template is good");
        let nested = Reference::compile("[a][b]", &mut names).expect("the reference is good");
        let top = Reference::compile("client", &mut names).expect("the reference is good");
        let mut batch = Batch::new(Vec::new(), Arc::new(names), 0, Ack::none());
        let id = batch.push_event(1_447_200_000_000_000_000);
        let value = batch.value_of(b"::1");
        batch.set(id, &top, value).expect("there is room");
        let list = batch
            .parse_json_bytes(br#"["x",2,{"k":1.5}]"#)
            .expect("this is JSON");
        batch.set(id, &nested, list).expect("there is room");
        let text = compiled.render(&mut batch, id, &mut Vec::new());
        assert_eq!(String::from_utf8_lossy(batch.text(text)), want);
    }

    #[test]
    fn fields_and_dates_are_put_in() {
        check("from %{client}!", "from ::1!");
        check("%{client}", "::1");
        check("%{[a][b]}", r#"x,2,{"k":1.5}"#);
        check("%{[a][b][1]}", "2");
        check("logs-%{+YYYY.MM.dd}", "logs-2015.11.11");
        check("logs-%{{yyyy-MM-dd}}", "logs-2015-11-11");
        check("%{+%s}", "1447200000");
        check("%{@timestamp}", "2015-11-11T00:00:00.000Z");
    }

    #[test]
    fn what_is_the_same_all_day_is_known() {
        let is_daily = |text| {
            let template = Template::compile(text, &mut Names::default());
            template.expect("the template is good").is_literal_or_date()
        };
        assert!(is_daily("logs") && is_daily("logs-%{+yyyy.MM.dd}") && is_daily("l-%{+xxxx.ww}"));
        assert!(!is_daily("logs-%{+HH}") && !is_daily("logs-%{+mm}") && !is_daily("%{+%s}"));
        assert!(!is_daily("logs-%{type}") && !is_daily("logs-%{+a}"));
    }

    #[test]
    fn what_is_missing_stays_as_written() {
        check("%{nothing} %{[a][x]}", "%{nothing} %{[a][x]}");
        check("50%{ and {}", "50%{ and {}");
        check("open %{client", "open %{client");
    }
}
