//! JSON to fields. serde_json reads, and what it reads goes straight into the batch's nodes: no tree in between, and a
//! text without escapes stays where it is, as a span.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::event::batch::Batch;
use crate::event::names::Name;
use crate::event::value::{Chain, Text, Value};

impl Batch {
    /// Parses one JSON value from a text of this batch; `scratch` is reused. An error says what is wrong and where.
    pub fn parse_json(&mut self, text: Text, scratch: &mut Vec<u8>) -> Result<Value, String> {
        scratch.clear();
        scratch.extend_from_slice(self.text(text));
        let mut reader = serde_json::Deserializer::from_slice(scratch);
        let seed = Seed {
            batch: self,
            original: Some((text, scratch.as_slice())),
        };
        let value = seed
            .deserialize(&mut reader)
            .map_err(|error| error.to_string())?;
        reader.end().map_err(|error| error.to_string())?;
        Ok(value)
    }

    /// Parses one JSON value from bytes outside the batch.
    #[cfg(test)]
    pub fn parse_json_bytes(&mut self, bytes: &[u8]) -> Result<Value, String> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let seed = Seed {
            batch: self,
            original: None,
        };
        let value = seed
            .deserialize(&mut reader)
            .map_err(|error| error.to_string())?;
        reader.end().map_err(|error| error.to_string())?;
        Ok(value)
    }
}

/// Reads one value into a batch. `original` is the text as it lies in the batch, and the copy that serde_json reads.
struct Seed<'b, 'a> {
    batch: &'b mut Batch,
    original: Option<(Text, &'a [u8])>,
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
        while let Some(item) = items.next_element_seed(Seed {
            batch: &mut *self.batch,
            original: self.original,
        })? {
            self.batch.push_member(&mut list, Name::ITEM, item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Chain::EMPTY;
        while let Some(name) = entries.next_key_seed(NameSeed {
            batch: &mut *self.batch,
        })? {
            let value = entries.next_value_seed(Seed {
                batch: &mut *self.batch,
                original: self.original,
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

    use crate::event::{Batch, Names};
    use crate::queue::ack::Ack;

    #[track_caller]
    fn check(json: &str, want: Result<&str, &str>) {
        let bytes = json.as_bytes().to_vec();
        let mut batch = Batch::new(bytes, Arc::new(Names::default()), 0, Ack::none());
        let text = batch.text_at(0..json.len());
        let mut out = Vec::new();
        let got = batch.parse_json(text, &mut Vec::new()).map(|value| {
            batch.write_json_value(value, &mut out);
            String::from_utf8(out).expect("JSON is UTF-8")
        });
        match (got, want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want),
            (Err(got), Err(want)) => assert!(got.contains(want), "{got}"),
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
        check(&"[".repeat(200), Err("recursion"));
    }
}
