//! JSON to fields. serde_json reads, and what it reads goes straight into the batch's nodes: no tree in between, and a
//! text without escapes stays where it is, as a span.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::event::batch::Batch;
use crate::event::names::Name;
use crate::event::value::{Chain, Text, Value};
use crate::limits;

/// Marks an event whose JSON goes beyond a limit.
pub const TOO_LARGE_TAG: &[u8] = b"_jsontoolarge";

/// Why a text was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// It is no JSON; what is wrong and where.
    Broken(String),
    /// It is, or begins as such, and goes beyond `limits::JSON_DEPTH_MAX` or `limits::FIELDS_MAX`.
    TooLarge,
}

/// What is counted against `limits::FIELDS_MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Everything in the document.
    Whole,
    /// Each element of a list at the top for itself, since each becomes an event.
    EachElement,
}

impl Batch {
    /// Parses one JSON value from a text of this batch; `scratch` is reused.
    pub fn parse_json(
        &mut self,
        text: Text,
        counted: Counted,
        scratch: &mut Vec<u8>,
    ) -> Result<Value, JsonFault> {
        scratch.clear();
        scratch.extend_from_slice(self.text(text));
        self.read_json(scratch, Some(text), counted)
    }

    /// Parses one JSON value from bytes outside the batch.
    #[cfg(test)]
    pub fn parse_json_bytes(&mut self, bytes: &[u8]) -> Result<Value, JsonFault> {
        self.read_json(bytes, None, Counted::Whole)
    }

    fn read_json(
        &mut self,
        bytes: &[u8],
        original: Option<Text>,
        counted: Counted,
    ) -> Result<Value, JsonFault> {
        let bounds = Bounds::new(counted);
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        reader.disable_recursion_limit();
        let seed = Seed {
            batch: self,
            original: original.map(|text| (text, bytes)),
            bounds: &bounds,
            depth: 0,
        };
        let read = seed.deserialize(&mut reader);
        let read = read.and_then(|value| reader.end().map(|()| value));
        read.map_err(|error| match bounds.exceeded.get() {
            true => JsonFault::TooLarge,
            false => JsonFault::Broken(error.to_string()),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Element,
    Member,
}

/// How much more of a document may come.
struct Bounds {
    counted: Counted,
    left: Cell<usize>,
    exceeded: Cell<bool>,
}

impl Bounds {
    fn new(counted: Counted) -> Self {
        Self {
            counted,
            left: Cell::new(limits::FIELDS_MAX),
            exceeded: Cell::new(false),
        }
    }

    /// A list or an object begins.
    fn enter<E: Error>(&self, depth: usize) -> Result<(), E> {
        match depth < limits::JSON_DEPTH_MAX {
            true => Ok(()),
            false => Err(self.exceed()),
        }
    }

    /// A member of an object or an element of a list that has `depth` others around it.
    fn count<E: Error>(&self, place: Place, depth: usize) -> Result<(), E> {
        if place == Place::Element && depth == 0 && self.counted == Counted::EachElement {
            self.left.set(limits::FIELDS_MAX);
            return Ok(());
        }
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.exceed()),
        }
    }

    fn exceed<E: Error>(&self) -> E {
        self.exceeded.set(true);
        E::custom("beyond a limit")
    }
}

/// Reads one value into a batch. `original` is the text as it lies in the batch, and the copy that serde_json reads.
struct Seed<'b, 'a> {
    batch: &'b mut Batch,
    original: Option<(Text, &'a [u8])>,
    bounds: &'a Bounds,
    /// Lists and objects around it.
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Seed<'_, '_> {
    /// Where in the batch a part of the copy lies.
    fn span_of(&self, part: &str) -> Option<Text> {
        let (text, copy) = self.original?;
        let start = (part.as_ptr() as usize).checked_sub(copy.as_ptr() as usize)?;
        (start + part.len() <= text.len()).then(|| text.slice(start..start + part.len()))
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value, E> {
        let span = self.span_of(value);
        Ok(Value::Text(
            span.unwrap_or_else(|| self.batch.append(value.as_bytes())),
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(self.batch.value_of(value.as_bytes()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Chain::EMPTY;
        self.bounds.enter(self.depth)?;
        while let Some(item) = items.next_element_seed(Seed {
            batch: &mut *self.batch,
            original: self.original,
            bounds: self.bounds,
            depth: self.depth + 1,
        })? {
            self.bounds.count(Place::Element, self.depth)?;
            self.batch.push_member(&mut list, Name::ITEM, item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Chain::EMPTY;
        self.bounds.enter(self.depth)?;
        while let Some(name) = entries.next_key_seed(NameSeed {
            batch: &mut *self.batch,
        })? {
            self.bounds.count(Place::Member, self.depth)?;
            let value = entries.next_value_seed(Seed {
                batch: &mut *self.batch,
                original: self.original,
                bounds: self.bounds,
                depth: self.depth + 1,
            })?;
            match self.batch.find_node(map, name) {
                Some(place) => self.batch.nodes[place as usize].value = value,
                None => self.batch.push_member(&mut map, name, value),
            }
        }
        Ok(Value::Map(map))
    }
}

/// Reads a key.
struct NameSeed<'b> {
    batch: &'b mut Batch,
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Name;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Name, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Name, E> {
        Ok(self.batch.name(key.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Counted, JsonFault};
    use crate::event::{Batch, Names};
    use crate::limits;
    use crate::queue::ack::Ack;

    #[track_caller]
    fn check(json: &str, want: Result<&str, &str>) {
        let bytes = json.as_bytes().to_vec();
        let mut batch = Batch::new(bytes, Arc::new(Names::default()), 0, Ack::none());
        let text = batch.text_at(0..json.len());
        let mut out = Vec::new();
        let parsed = batch.parse_json(text, Counted::Whole, &mut Vec::new());
        let got = parsed.map(|value| {
            batch.write_json_value(value, &mut out);
            String::from_utf8(out).expect("JSON is UTF-8")
        });
        match (got, want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want),
            (Err(JsonFault::Broken(got)), Err(want)) => assert!(got.contains(want), "{got}"),
            (got, want) => panic!("{got:?} instead of {want:?}"),
        }
    }

    #[test]
    fn what_is_read_is_written() {
        for json in [
            r#"{"a":1,"b":[true,null,-2.5,"x"],"c":{"d":{"e":"\" \\ \n é"}}}"#,
            "[]",
            "{}",
            r#""text""#,
        ] {
            check(json, Ok(json));
        }
    }

    #[test]
    fn the_last_of_equal_keys_wins() {
        check(r#"{"a":1,"b":2,"a":3}"#, Ok(r#"{"a":3,"b":2}"#));
    }

    #[test]
    fn broken_json_is_told() {
        check(r#"{"a":"#, Err("EOF"));
        check(r#"{"a":1} x"#, Err("trailing"));
    }

    #[track_caller]
    fn is_too_large(json: &str, counted: Counted) -> bool {
        let bytes = json.as_bytes().to_vec();
        let mut batch = Batch::new(bytes, Arc::new(Names::default()), 0, Ack::none());
        let text = batch.text_at(0..json.len());
        match batch.parse_json(text, counted, &mut Vec::new()) {
            Ok(_) => false,
            Err(JsonFault::TooLarge) => true,
            Err(JsonFault::Broken(why)) => panic!("{why}"),
        }
    }

    #[test]
    fn nesting_ends_at_its_limit() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_too_large(
            &nested(limits::JSON_DEPTH_MAX),
            Counted::Whole
        ));
        assert!(is_too_large(
            &nested(limits::JSON_DEPTH_MAX + 1),
            Counted::Whole
        ));
        assert!(is_too_large(&"[".repeat(1_000_000), Counted::Whole));
        assert!(is_too_large(&"{\"a\":".repeat(200_000), Counted::Whole));
    }

    #[test]
    fn fields_end_at_their_limit() {
        let object = |count: usize| {
            let members: Vec<_> = (0..count)
                .map(|number| format!("\"f{number}\":1"))
                .collect();
            format!("{{{}}}", members.join(","))
        };
        let full = object(limits::FIELDS_MAX);
        assert!(!is_too_large(&full, Counted::Whole));
        assert!(is_too_large(
            &object(limits::FIELDS_MAX + 1),
            Counted::Whole
        ));
        let zeros = vec!["0"; limits::FIELDS_MAX + 1].join(",");
        assert!(is_too_large(&format!("[{zeros}]"), Counted::Whole));
        assert!(is_too_large(&format!("[[{zeros}]]"), Counted::EachElement));
    }

    #[test]
    fn events_of_one_list_are_counted_each() {
        let many = vec!["{\"a\":1}"; limits::FIELDS_MAX].join(",");
        assert!(is_too_large(&format!("[{many}]"), Counted::Whole));
        assert!(!is_too_large(&format!("[{many}]"), Counted::EachElement));
    }
}
