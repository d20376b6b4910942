//! Reading and writing fields by reference, with the rules of Logstash's event: nested maps are made on the way, text
//! does not turn into a map, a second value makes a list.

use crate::event::batch::{Batch, EventId};
use crate::event::names::Name;
use crate::event::reference::{self, Part, Reference};
use crate::event::value::{Chain, Text, Value};

/// A value cannot be put there: something on the way is neither map nor list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMap;

impl Batch {
    /// The value of a field.
    pub fn get(&self, id: EventId, reference: &Reference) -> Option<Value> {
        let (first, rest) = reference.parts.split_first()?;
        let mut place = self.find_node(self.fields(id), first.name)?;
        for part in rest {
            place = self.child(self.nodes.get(place as usize)?.value, *part)?;
        }
        Some(self.nodes.get(place as usize)?.value)
    }

    /// The value of a field at the top level.
    pub fn top(&self, id: EventId, name: Name) -> Option<Value> {
        let place = self.find_node(self.fields(id), name)?;
        Some(self.nodes.get(place as usize)?.value)
    }

    /// The bytes of a field that is a text.
    pub fn text_in(&self, id: EventId, reference: &Reference) -> Option<&[u8]> {
        match self.get(id, reference)? {
            Value::Text(text) => Some(self.text(text)),
            _ => None,
        }
    }

    fn child(&self, value: Value, part: Part) -> Option<u32> {
        match value {
            Value::Map(chain) => self.find_node(chain, part.name),
            Value::List(chain) => self.find_item(chain, part.index?),
            _ => None,
        }
    }

    /// Sets a field, in place if it is there, else at the end. Maps on the way are made.
    pub fn set(&mut self, id: EventId, reference: &Reference, value: Value) -> Result<(), NotAMap> {
        let mut fields = self.fields(id);
        let before = fields;
        let done = self.set_in(&mut fields, &reference.parts, value);
        if fields != before {
            self.set_fields(id, fields);
        }
        done
    }

    /// Sets a field at the top level.
    pub fn set_top(&mut self, id: EventId, name: Name, value: Value) {
        match self.find_node(self.fields(id), name) {
            Some(place) => self.nodes[place as usize].value = value,
            None => self.append_field(id, name, value),
        }
    }

    fn set_in(&mut self, chain: &mut Chain, parts: &[Part], value: Value) -> Result<(), NotAMap> {
        let Some((first, rest)) = parts.split_first() else {
            return Ok(());
        };
        self.thaw(chain);
        let found = self.find_node(*chain, first.name);
        match (found, rest.is_empty()) {
            (Some(place), true) => self.nodes[place as usize].value = value,
            (None, true) => self.push_member(chain, first.name, value),
            (Some(place), false) => return self.set_below(place, rest, value),
            (None, false) => {
                let mut inner = Chain::EMPTY;
                self.set_in(&mut inner, rest, value)?;
                self.push_member(chain, first.name, Value::Map(inner));
            }
        }
        Ok(())
    }

    fn set_below(&mut self, place: u32, parts: &[Part], value: Value) -> Result<(), NotAMap> {
        match self.nodes[place as usize].value {
            Value::Map(mut inner) => {
                let done = self.set_in(&mut inner, parts, value);
                self.nodes[place as usize].value = Value::Map(inner);
                done
            }
            Value::List(mut inner) => {
                let done = self.set_item(&mut inner, parts, value);
                self.nodes[place as usize].value = Value::List(inner);
                done
            }
            _ => Err(NotAMap),
        }
    }

    /// An index of the list, or the place just behind its end.
    fn set_item(&mut self, chain: &mut Chain, parts: &[Part], value: Value) -> Result<(), NotAMap> {
        let Some((first, rest)) = parts.split_first() else {
            return Ok(());
        };
        let index = first.index.ok_or(NotAMap)?;
        self.thaw(chain);
        match self.find_item(*chain, index) {
            Some(place) if rest.is_empty() => self.nodes[place as usize].value = value,
            Some(place) => return self.set_below(place, rest, value),
            None if rest.is_empty() && self.members(*chain).count() == index as usize => {
                self.push_member(chain, Name::ITEM, value);
            }
            None => return Err(NotAMap),
        }
        Ok(())
    }

    /// Sets a member of a map.
    pub fn set_member(&mut self, members: &mut Chain, name: Name, value: Value) {
        self.thaw(members);
        match self.find_node(*members, name) {
            Some(place) => self.nodes[place as usize].value = value,
            None => self.push_member(members, name, value),
        }
    }

    /// Takes a field out and gives its value.
    pub fn remove(&mut self, id: EventId, reference: &Reference) -> Option<Value> {
        let mut fields = self.fields(id);
        let removed = self.remove_in(&mut fields, &reference.parts)?;
        self.set_fields(id, fields);
        Some(removed)
    }

    fn remove_in(&mut self, chain: &mut Chain, parts: &[Part]) -> Option<Value> {
        let (first, rest) = parts.split_first()?;
        self.thaw(chain);
        let place = self.find_node(*chain, first.name)?;
        self.remove_node(chain, place, rest)
    }

    fn remove_node(&mut self, chain: &mut Chain, place: u32, rest: &[Part]) -> Option<Value> {
        let value = self.nodes.get(place as usize)?.value;
        let Some((next, below)) = rest.split_first() else {
            self.unlink(chain, place);
            return Some(value);
        };
        match value {
            Value::Map(mut inner) => {
                let removed = self.remove_in(&mut inner, rest);
                self.nodes[place as usize].value = Value::Map(inner);
                removed
            }
            Value::List(mut inner) => {
                self.thaw(&mut inner);
                let item = self.find_item(inner, next.index?)?;
                let removed = self.remove_node(&mut inner, item, below);
                self.nodes[place as usize].value = Value::List(inner);
                removed
            }
            _ => None,
        }
    }

    /// Adds a value as `add_field` does: a field that is there becomes a list, or a longer one.
    pub fn add(&mut self, id: EventId, reference: &Reference, value: Value) -> Result<(), NotAMap> {
        let sum = match self.get(id, reference) {
            None => value,
            Some(Value::List(mut items)) => {
                self.thaw(&mut items);
                self.push_member(&mut items, Name::ITEM, value);
                Value::List(items)
            }
            Some(old) => self.list(&[old, value]),
        };
        self.set(id, reference, sum)
    }

    /// A list of some values.
    pub fn list(&mut self, values: &[Value]) -> Value {
        let mut items = Chain::EMPTY;
        for &value in values {
            self.push_member(&mut items, Name::ITEM, value);
        }
        Value::List(items)
    }

    /// Adds a tag even if it is there, as `add_tag` does.
    pub fn add_tag(&mut self, id: EventId, tag: &[u8]) {
        let tag = self.append(tag);
        self.push_tag(id, tag);
    }

    /// Tags these events if texts found no room in the batch since this was last asked, and gives how many: which of the
    /// events they were for is not known.
    pub fn take_refused(&mut self, events: &[EventId], tag: &[u8]) -> u64 {
        let refused = std::mem::take(&mut self.refused);
        if 0 < refused {
            let text = self.append_beyond(tag);
            for &id in events {
                if !self.has_tag(id, tag) {
                    self.push_tag(id, text);
                }
            }
        }
        refused
    }

    /// Adds a text of this batch as a tag, even if it is there.
    pub fn push_tag(&mut self, id: EventId, tag: Text) {
        let tag = Value::Text(tag);
        let tags = match self.top(id, Name::TAGS) {
            None | Some(Value::Null) => self.list(&[tag]),
            Some(Value::List(mut items)) => {
                self.push_member(&mut items, Name::ITEM, tag);
                Value::List(items)
            }
            Some(single) => self.list(&[single, tag]),
        };
        self.set_top(id, Name::TAGS, tags);
    }

    /// Adds a tag unless it is there, as filters mark their failures.
    pub fn tag(&mut self, id: EventId, tag: &[u8]) {
        if !self.has_tag(id, tag) {
            self.add_tag(id, tag);
        }
    }

    pub fn has_tag(&self, id: EventId, tag: &[u8]) -> bool {
        match self.top(id, Name::TAGS) {
            Some(Value::List(items)) => {
                self.members(items).any(|(_, item)| self.is_text(item, tag))
            }
            Some(single) => self.is_text(single, tag),
            None => false,
        }
    }

    /// Removes every tag of that text.
    pub fn remove_tag(&mut self, id: EventId, tag: &[u8]) {
        let Some(Value::List(items)) = self.top(id, Name::TAGS) else {
            if self.has_tag(id, tag) {
                self.set_top(id, Name::TAGS, Value::List(Chain::EMPTY));
            }
            return;
        };
        let kept: Vec<Value> = self
            .members(items)
            .map(|(_, item)| item)
            .filter(|&item| !self.is_text(item, tag))
            .collect();
        let kept = self.list(&kept);
        self.set_top(id, Name::TAGS, kept);
    }

    pub fn is_text(&self, value: Value, want: &[u8]) -> bool {
        matches!(value, Value::Text(text) if self.text(text) == want)
    }

    /// Whether two values are equal in type and content.
    pub fn equal(&self, left: Value, right: Value) -> bool {
        match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(left), Value::Boolean(right)) => left == right,
            (Value::Integer(left), Value::Integer(right)) => left == right,
            (Value::Integer(whole), Value::Float(float))
            | (Value::Float(float), Value::Integer(whole)) => whole as f64 == float,
            (Value::Float(left), Value::Float(right)) => left == right,
            (Value::Time(left), Value::Time(right)) => left == right,
            (Value::Text(left), Value::Text(right)) => self.text(left) == self.text(right),
            (Value::List(left), Value::List(right)) => {
                let (mut left, mut right) = (self.members(left), self.members(right));
                loop {
                    match (left.next(), right.next()) {
                        (None, None) => return true,
                        (Some((_, one)), Some((_, other))) if self.equal(one, other) => {}
                        _ => return false,
                    }
                }
            }
            (Value::Map(left), Value::Map(right)) => {
                self.members(left).count() == self.members(right).count()
                    && self.members(left).all(|(name, value)| {
                        self.members(right)
                            .any(|(other, same)| other == name && self.equal(value, same))
                    })
            }
            _ => false,
        }
    }

    /// A reference made of data: what is not well-formed is taken as one name.
    pub fn reference(&mut self, text: &[u8]) -> Reference {
        let parts = std::str::from_utf8(text)
            .ok()
            .and_then(|text| reference::parse(text).ok());
        let Some(parts) = parts else {
            return Reference::top(self.name(text));
        };
        let part = |text: String| Part {
            name: self.name(text.as_bytes()),
            index: text.parse().ok(),
        };
        Reference {
            parts: parts.into_iter().map(part).collect(),
        }
    }

    /// A text, kept in this batch.
    pub fn value_of(&mut self, text: &[u8]) -> Value {
        Value::Text(self.append(text))
    }

    /// The value as a text of this batch, written as templates write it.
    pub fn text_for(&mut self, value: Value) -> Text {
        match value {
            Value::Text(text) => text,
            other => {
                let mut out = Vec::new();
                self.write_text(other, &mut out);
                self.append(&out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Batch;
    use crate::event::Names;
    use crate::limits;
    use crate::queue::ack::Ack;

    #[test]
    fn texts_without_room_are_counted_and_their_events_tagged() {
        let bytes = vec![0; limits::BATCH_BYTES_MAX];
        let mut batch = Batch::new(bytes, Arc::new(Names::default()), 0, Ack::none());
        let events = [batch.push_bare_event(), batch.push_bare_event()];
        assert_eq!(batch.take_refused(&events, b"_full"), 0);
        assert!(!batch.has_tag(events[0], b"_full"));
        batch.add_tag(events[0], b"slow");
        batch.append(b"more");
        assert_eq!(batch.take_refused(&events, b"_full"), 2);
        assert_eq!(batch.take_refused(&events, b"_full"), 0);
        assert!(events.iter().all(|&id| batch.has_tag(id, b"_full")));
    }
}
