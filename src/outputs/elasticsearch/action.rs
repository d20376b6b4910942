//! The action line in front of each document: `{"index":{"_index":"…"}}`. Templates are rendered per event, checked, and
//! written as JSON strings, so that no field's value can add a key or a line.

use crate::event::provenance::IDENTIFIER_BYTES;
use crate::event::{Batch, EventId, Name, Reference, Template, Value, encode};
use crate::limits;
use crate::outputs::elasticsearch::verdict::{Refusal, RefusalKind};

/// What is done with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Index,
    Create,
    Update,
    Delete,
}

impl Action {
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"index" => Some(Self::Index),
            b"create" => Some(Self::Create),
            b"update" => Some(Self::Update),
            b"delete" => Some(Self::Delete),
            _ => None,
        }
    }

    fn word(self) -> &'static [u8] {
        match self {
            Self::Index => b"{\"index\":{",
            Self::Create => b"{\"create\":{",
            Self::Update => b"{\"update\":{",
            Self::Delete => b"{\"delete\":{",
        }
    }
}

#[derive(Clone, Debug)]
pub enum ActionSource {
    Fixed(Action),
    Rendered(Template),
}

/// Where a document goes.
#[derive(Clone, Debug)]
pub enum Target {
    Index(Template),
    DataStream(DataStream),
}

/// The parts of a data stream's name, and whether an event may choose others.
#[derive(Clone, Debug)]
pub struct DataStream {
    pub parts: [String; 3],
    pub auto_routing: bool,
    pub sync_fields: bool,
    /// `[data_stream][type]`, `[dataset]` and `[namespace]`.
    pub fields: [Reference; 3],
}

/// Who names documents.
#[derive(Clone, Debug)]
pub enum Naming {
    Server,
    /// The place of the event in its stream: a document that is sent again is known by it.
    Place,
    User(Template),
}

/// Everything an action line is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    pub action: ActionSource,
    pub target: Target,
    pub naming: Naming,
    pub routing: Option<Template>,
    pub pipeline: Option<Template>,
    pub version: Option<Template>,
    pub version_type: Option<String>,
    pub retry_on_conflict: i64,
    pub doc_as_upsert: bool,
}

impl Plan {
    /// Whether all events of a day have the same action line.
    pub fn is_daily(&self) -> bool {
        let fixed = matches!(self.action, ActionSource::Fixed(_));
        let target = match &self.target {
            Target::Index(index) => index.is_literal_or_date(),
            Target::DataStream(_) => false,
        };
        let naming = match &self.naming {
            Naming::Server | Naming::Place => true,
            Naming::User(template) => template.is_literal_or_date(),
        };
        let others = [&self.routing, &self.pipeline, &self.version];
        let daily = |template: &&Option<Template>| {
            template
                .as_ref()
                .is_none_or(|template| template.is_literal_or_date())
        };
        fixed && target && naming && others.iter().all(daily)
    }

    /// The document's id, if it is ours to give.
    pub fn identifier(&self, batch: &Batch, id: EventId) -> Option<[u8; IDENTIFIER_BYTES]> {
        match self.naming {
            Naming::Place => batch.identifier(id),
            Naming::Server | Naming::User(_) => None,
        }
    }

    /// Appends the action line of an event, and gives the action; on a refusal nothing of use is appended. `chosen` is the
    /// field in which an event may name its ingest pipeline.
    pub fn write(
        &self,
        batch: &mut Batch,
        id: EventId,
        chosen: Option<&Reference>,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Action, Refusal> {
        let action = self.action(batch, id, scratch)?;
        out.extend_from_slice(action.word());
        scratch.clear();
        match &self.target {
            Target::Index(index) => {
                if !index.write(batch, id, scratch) {
                    return Err(unresolved("index", scratch));
                }
            }
            Target::DataStream(stream) => stream.write(batch, id, scratch)?,
        }
        check_index(scratch).map_err(|why| confined("index", scratch, why))?;
        out.extend_from_slice(b"\"_index\":");
        encode::text(scratch, out);
        if let Some(identifier) = self.identifier(batch, id)
            && !(self.is_stream() && scratch.starts_with(OWN_NAMES))
        {
            write_member(b"_id", &identifier, out);
        }
        if let Some(field) = chosen.filter(|_| self.pipeline.is_none())
            && let Some(Value::Text(name)) = batch.get(id, field)
            && !name.is_empty()
        {
            write_member(b"pipeline", batch.text(name), out);
        }
        self.write_rest(batch, id, action, scratch, out)?;
        out.extend_from_slice(b"}}\n");
        Ok(action)
    }

    fn is_stream(&self) -> bool {
        matches!(self.target, Target::DataStream(_))
    }

    fn action(&self, batch: &Batch, id: EventId, scratch: &mut Vec<u8>) -> Result<Action, Refusal> {
        match &self.action {
            ActionSource::Fixed(action) => Ok(*action),
            ActionSource::Rendered(template) => {
                scratch.clear();
                template.write(batch, id, scratch);
                Action::parse(scratch)
                    .ok_or_else(|| confined("action", scratch, "no action has this name"))
            }
        }
    }

    fn write_rest(
        &self,
        batch: &Batch,
        id: EventId,
        action: Action,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        if let Naming::User(template) = &self.naming {
            render("document_id", template, batch, id, scratch)?;
            if limits::DOCUMENT_ID_BYTES_MAX < scratch.len() {
                return Err(confined(
                    "document_id",
                    scratch,
                    "an id has at most 512 bytes",
                ));
            }
            write_member(b"_id", scratch, out);
        } else if matches!(action, Action::Update | Action::Delete) {
            return Err(confined(
                "action",
                b"",
                "update and delete need a `document_id`",
            ));
        }
        if let Some(template) = &self.routing {
            render("routing", template, batch, id, scratch)?;
            write_member(b"routing", scratch, out);
        }
        if let Some(template) = &self.pipeline {
            // An empty name means none.
            scratch.clear();
            if !template.write(batch, id, scratch) {
                return Err(unresolved("pipeline", scratch));
            }
            if !scratch.is_empty() {
                write_member(b"pipeline", scratch, out);
            }
        }
        if let Some(template) = &self.version {
            render("version", template, batch, id, scratch)?;
            let number = std::str::from_utf8(scratch)
                .ok()
                .and_then(|text| text.parse().ok());
            let number: i64 = number
                .ok_or_else(|| confined("version", scratch, "a version is a whole number"))?;
            out.extend_from_slice(b",\"version\":");
            encode::write_integer(number, out);
        }
        if let Some(version_type) = &self.version_type {
            write_member(b"version_type", version_type.as_bytes(), out);
        }
        if action == Action::Update {
            out.extend_from_slice(b",\"retry_on_conflict\":");
            encode::write_integer(self.retry_on_conflict, out);
        }
        Ok(())
    }
}

/// First parts of data streams' names. An event that could choose another one would leave what a login for data streams may
/// write to.
pub const STREAM_TYPES: &[&str] = &["logs", "metrics", "synthetics", "traces"];

/// Data streams of time series take no ids but those that the server makes of the dimensions.
const OWN_NAMES: &[u8] = b"metrics-";

fn write_member(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key);
    out.extend_from_slice(b"\":");
    encode::text(value, out);
}

/// Renders what must not be empty.
fn render(
    option: &str,
    template: &Template,
    batch: &Batch,
    id: EventId,
    scratch: &mut Vec<u8>,
) -> Result<(), Refusal> {
    scratch.clear();
    if !template.write(batch, id, scratch) {
        return Err(unresolved(option, scratch));
    }
    if scratch.is_empty() {
        return Err(confined(option, scratch, "it is empty"));
    }
    if scratch.iter().any(u8::is_ascii_control) {
        return Err(confined(option, scratch, "it has control characters"));
    }
    Ok(())
}

fn unresolved(option: &str, text: &[u8]) -> Refusal {
    confined(option, text, "the event has no such field")
}

fn confined(option: &str, text: &[u8], why: &str) -> Refusal {
    const SHOWN: usize = 100;
    let text = String::from_utf8_lossy(text.get(..SHOWN).unwrap_or(text));
    let reason = format!("`{option}` came out as `{text}`: {why}");
    Refusal::of(RefusalKind::Confinement, None, reason)
}

impl DataStream {
    /// Appends `type-dataset-namespace`, the event's own where it may choose; what the event lacks is written into it.
    fn write(&self, batch: &mut Batch, id: EventId, out: &mut Vec<u8>) -> Result<(), Refusal> {
        for (place, (part, field)) in self.parts.iter().zip(&self.fields).enumerate() {
            if 0 < place {
                out.push(b'-');
            }
            let start = out.len();
            let chosen = match batch.get(id, field) {
                Some(Value::Text(text)) if self.auto_routing => Some(text),
                _ => None,
            };
            match chosen {
                Some(text) => {
                    out.extend_from_slice(batch.text(text));
                    let written = out.get(start..).unwrap_or(b"");
                    check_part(place, written)
                        .map_err(|why| confined("data_stream", written, why))?;
                }
                None => {
                    out.extend_from_slice(part.as_bytes());
                    if self.sync_fields {
                        let value = batch.value_of(part.as_bytes());
                        if batch.set(id, field, value).is_err() {
                            let why = "the event's `data_stream` is no object";
                            return Err(confined("data_stream", b"", why));
                        }
                    }
                }
            }
        }
        match batch.top(id, Name::TIMESTAMP) {
            Some(_) => Ok(()),
            None => Err(confined(
                "data_stream",
                out,
                "it takes no event without @timestamp",
            )),
        }
    }
}

/// Whether a text can be that part of a data stream's name.
fn check_part(place: usize, text: &[u8]) -> Result<(), &'static str> {
    let is_type = STREAM_TYPES.iter().any(|known| known.as_bytes() == text);
    match place {
        0 if !is_type => Err("a data stream's type is logs, metrics, synthetics or traces"),
        1 if text.is_empty() || text.contains(&b'-') => {
            Err("a data stream's dataset has no `-` and is not empty")
        }
        _ => Ok(()),
    }
}

/// Whether a text can name an index, by Elasticsearch's rules; hidden indices are out of reach.
pub fn check_index(name: &[u8]) -> Result<(), &'static str> {
    const FORBIDDEN: &[u8] = b"\\/*?\"<>| ,#:";
    match name {
        [] => return Err("an index has a name"),
        [b'.' | b'-' | b'_' | b'+', ..] => {
            return Err("an index's name does not start with `.`, `-`, `_` or `+`");
        }
        _ if limits::INDEX_NAME_BYTES_MAX < name.len() => {
            return Err("an index's name has at most 255 bytes");
        }
        _ => {}
    }
    let Ok(text) = std::str::from_utf8(name) else {
        return Err("an index's name is UTF-8");
    };
    if text.chars().any(char::is_control) || name.iter().any(|byte| FORBIDDEN.contains(byte)) {
        return Err("an index's name has no blanks, control characters or any of \\/*?\"<>|,#:");
    }
    if text.contains("%{") {
        return Err("a `%{...}` was left in it");
    }
    if text.chars().any(char::is_uppercase) {
        return Err("an index's name is in lower case");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_index;

    #[test]
    fn legal_names_pass() {
        for name in [
            "logs",
            "logstash-2026.11.20",
            "a",
            "für-uns",
            "a_b+c",
            "x.y",
        ] {
            assert_eq!(check_index(name.as_bytes()), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_could_leave_their_place_are_refused() {
        for name in [
            "",
            ".",
            "..",
            ".kibana",
            "-a",
            "_bulk",
            "+a",
            "a/b",
            "a?b",
            "a#b",
            "a b",
            "a\nb",
            "a\"b",
            "a,b",
            "*",
            "logs-%{type}",
            "Logs",
            "LOGS-é",
            "a:b",
            "a|b",
            "a\u{0}b",
        ] {
            assert!(check_index(name.as_bytes()).is_err(), "{name:?}");
        }
        assert!(check_index(&[b'a'; 256]).is_err());
        assert_eq!(check_index(&[b'a'; 255]), Ok(()));
        assert!(check_index(b"a\xff").is_err());
    }
}
