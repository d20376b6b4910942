//! Adopting a parsed JSON object into an event, as Logstash's event does it: its members become fields, a given
//! `@timestamp` is read, and what cannot stand in `@timestamp` or `tags` is kept beside them under a tag.

use sawlog_parsers::timestamp;

use crate::event::batch::{Batch, EventId};
use crate::event::names::Name;
use crate::event::value::{Chain, Value};

/// Kept beside `@timestamp`.
const BAD_TIMESTAMP: &[u8] = b"_@timestamp";
const BAD_TIMESTAMP_TAG: &[u8] = b"_timestampparsefailure";
/// Kept beside `tags`.
const BAD_TAGS: &[u8] = b"_tags";
const BAD_TAGS_TAG: &[u8] = b"_tagsparsefailure";

/// Sets each member of an object as a field of an event that is there; fields of the same name are replaced.
pub fn adopt(batch: &mut Batch, id: EventId, object: Chain) {
    let members: Vec<(Name, Value)> = batch.members(object).collect();
    for (name, value) in members {
        match name {
            Name::TIMESTAMP if matches!(value, Value::Null) => {}
            Name::TIMESTAMP => {
                batch.set_top(id, name, value);
                batch.check_timestamp(id);
            }
            Name::TAGS => {
                batch.set_top(id, name, value);
                batch.check_tags(id);
            }
            Name::METADATA if !matches!(value, Value::Map(_)) => {}
            name => batch.set_top(id, name, value),
        }
    }
}

impl Batch {
    /// A new event whose fields are the members of an object. What lacks of `@timestamp` and `@version` is added, the
    /// time of receipt being the timestamp.
    pub fn push_adopted(&mut self, object: Chain) -> EventId {
        let id = self.push_bare_event();
        self.set_fields(id, object);
        self.check_timestamp(id);
        self.check_tags(id);
        if self.top(id, Name::VERSION).is_none() {
            let version = self.value_of(b"1");
            self.append_field(id, Name::VERSION, version);
        }
        if let Some(value) = self.top(id, Name::METADATA)
            && !matches!(value, Value::Map(_))
        {
            self.set_top(id, Name::METADATA, Value::Map(Chain::EMPTY));
        }
        id
    }

    /// Puts a time in the place of `@timestamp`.
    fn check_timestamp(&mut self, id: EventId) {
        let now = Value::Time(self.received);
        let given = match self.top(id, Name::TIMESTAMP) {
            Some(Value::Time(_)) => return,
            None | Some(Value::Null) => return self.set_top(id, Name::TIMESTAMP, now),
            Some(given) => given,
        };
        let parsed = match given {
            Value::Text(text) => timestamp::iso8601(self.text(text), 0),
            _ => None,
        };
        if let Some(nanos) = parsed {
            return self.set_top(id, Name::TIMESTAMP, Value::Time(nanos));
        }
        self.set_top(id, Name::TIMESTAMP, now);
        let kept = Value::Text(self.text_for(given));
        let name = self.name(BAD_TIMESTAMP);
        self.set_top(id, name, kept);
        self.tag(id, BAD_TIMESTAMP_TAG);
    }

    /// Leaves nothing in `tags` but a text or a list of texts.
    fn check_tags(&mut self, id: EventId) {
        let Some(given) = self.top(id, Name::TAGS) else {
            return;
        };
        let good = match given {
            Value::Null | Value::Text(_) => true,
            Value::List(items) => self
                .members(items)
                .all(|(_, item)| matches!(item, Value::Text(_))),
            _ => false,
        };
        if good {
            return;
        }
        self.set_top(id, Name::TAGS, Value::List(Chain::EMPTY));
        let name = self.name(BAD_TAGS);
        self.set_top(id, name, given);
        self.tag(id, BAD_TAGS_TAG);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::adopt;
    use crate::event::{Batch, EventId, Names, Value};
    use crate::queue::ack::Ack;

    fn batch() -> Batch {
        Batch::new(Vec::new(), Arc::new(Names::default()), 0, Ack::none())
    }

    fn parse(batch: &mut Batch, json: &str) -> crate::event::value::Chain {
        match batch.parse_json_bytes(json.as_bytes()) {
            Ok(Value::Map(object)) => object,
            other => panic!("{json} is no object: {other:?}"),
        }
    }

    fn written(batch: &Batch, id: EventId) -> serde_json::Value {
        let mut out = Vec::new();
        batch.write_json(id, &mut out);
        serde_json::from_slice(&out).expect("what is written is JSON")
    }

    #[track_caller]
    fn check_new(json: &str, want: serde_json::Value) {
        let mut batch = batch();
        let object = parse(&mut batch, json);
        let id = batch.push_adopted(object);
        assert_eq!(written(&batch, id), want, "{json}");
    }

    #[track_caller]
    fn check_old(json: &str, want: serde_json::Value) {
        let mut batch = batch();
        let id = batch.push_event(1_000_000_000);
        let object = parse(&mut batch, json);
        adopt(&mut batch, id, object);
        assert_eq!(written(&batch, id), want, "{json}");
    }

    const EPOCH: &str = "1970-01-01T00:00:00.000Z";

    #[test]
    fn members_become_fields() {
        check_new(
            r#"{"a":{"b":1},"tags":["x"],"@version":"7"}"#,
            serde_json::json!({"a": {"b": 1}, "tags": ["x"], "@version": "7", "@timestamp": EPOCH}),
        );
    }

    #[test]
    fn a_given_timestamp_is_read() {
        check_new(
            r#"{"@timestamp":"2026-11-20T16:46:09.929Z","tags":"x"}"#,
            serde_json::json!({"@timestamp": "2026-11-20T16:46:09.929Z", "@version": "1", "tags": "x"}),
        );
        check_old(
            r#"{"@timestamp":"2026-11-20T16:46:09.929Z"}"#,
            serde_json::json!({"@timestamp": "2026-11-20T16:46:09.929Z", "@version": "1"}),
        );
    }

    #[test]
    fn a_bad_timestamp_is_kept_beside_the_present_time() {
        for (given, kept) in [("\"soon\"", "soon"), ("7", "7")] {
            check_new(
                &format!(r#"{{"@timestamp":{given}}}"#),
                serde_json::json!({
                    "@timestamp": EPOCH, "@version": "1", "_@timestamp": kept,
                    "tags": ["_timestampparsefailure"],
                }),
            );
        }
    }

    #[test]
    fn no_timestamp_is_the_present_time_or_the_old_one() {
        check_new(
            r#"{"@timestamp":null}"#,
            serde_json::json!({"@timestamp": EPOCH, "@version": "1"}),
        );
        check_old(
            r#"{"@timestamp":null,"@metadata":1}"#,
            serde_json::json!({"@timestamp": "1970-01-01T00:00:01.000Z", "@version": "1"}),
        );
    }

    #[test]
    fn bad_tags_are_kept_beside_the_tags() {
        check_new(
            r#"{"tags":[1,"x"]}"#,
            serde_json::json!({
                "@timestamp": EPOCH, "@version": "1", "_tags": [1, "x"], "tags": ["_tagsparsefailure"],
            }),
        );
        check_old(
            r#"{"tags":{"a":1}}"#,
            serde_json::json!({
                "@timestamp": "1970-01-01T00:00:01.000Z", "@version": "1",
                "_tags": {"a": 1}, "tags": ["_tagsparsefailure"],
            }),
        );
    }
}
