//! Moulds for new events. An input sets up once per batch what all its events have, and each event is cast from that:
//! its nodes come out one behind the other, and no field is searched for.

use crate::event::batch::{Batch, EventId};
use crate::event::names::Name;
use crate::event::reference::{Part, Reference};
use crate::event::value::{Chain, Text, Value};

/// The fields of events to be made, in order.
#[derive(Clone, Debug, Default)]
pub struct Mould {
    fields: Vec<(Name, Cast)>,
    /// The map that all events share, once it was made, if it is the same in all.
    shared: Option<Chain>,
}

/// What a field of a new event gets.
#[derive(Clone, Debug)]
pub enum Cast {
    /// The same value in every event.
    Fixed(Value),
    /// The text that the event is made of.
    Message,
    /// The time of receipt, as the batch has it when the event is cast.
    Received,
    Map(Mould),
}

impl Mould {
    /// Sets a field; maps on the way are made. A field that would have to be inside a fixed value takes its place.
    pub fn set(&mut self, reference: &Reference, cast: Cast) {
        self.set_parts(&reference.parts, cast);
    }

    fn set_parts(&mut self, parts: &[Part], cast: Cast) {
        let Some((first, rest)) = parts.split_first() else {
            return;
        };
        self.shared = None;
        let place = match self.fields.iter().position(|(name, _)| *name == first.name) {
            Some(place) => place,
            None => {
                self.fields.push((first.name, Cast::Map(Self::default())));
                self.fields.len() - 1
            }
        };
        let Some((_, found)) = self.fields.get_mut(place) else {
            return;
        };
        if rest.is_empty() {
            *found = cast;
            return;
        }
        if !matches!(found, Cast::Map(_)) {
            *found = Cast::Map(Self::default());
        }
        if let Cast::Map(inner) = found {
            inner.set_parts(rest, cast);
        }
    }

    fn cast(&mut self, batch: &mut Batch, message: Text) -> Chain {
        let mut chain = Chain::EMPTY;
        for (name, cast) in &mut self.fields {
            let value = match cast {
                Cast::Fixed(value) => batch.copy(*value),
                Cast::Message => Value::Text(message),
                Cast::Received => Value::Time(batch.received),
                Cast::Map(inner) => Value::Map(inner.cast_map(batch, message)),
            };
            batch.push_member(&mut chain, *name, value);
        }
        chain
    }

    /// A map that is the same in all events is made once and shared.
    fn cast_map(&mut self, batch: &mut Batch, message: Text) -> Chain {
        if let Some(shared) = self.shared {
            return shared;
        }
        let members = self.cast(batch, message);
        if !self.is_constant() || !batch.can_freeze() {
            return members;
        }
        let shared = batch.freeze(members);
        self.shared = Some(shared);
        shared
    }

    fn is_constant(&self) -> bool {
        self.fields.iter().all(|(_, cast)| match cast {
            Cast::Fixed(_) => true,
            Cast::Message | Cast::Received => false,
            Cast::Map(inner) => inner.is_constant(),
        })
    }
}

impl Batch {
    /// A new event with the fields of a mould.
    pub fn push_cast(&mut self, mould: &mut Mould, message: Text) -> EventId {
        let fields = mould.cast(self, message);
        let id = self.push_bare_event();
        self.set_fields(id, fields);
        id
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Cast, Mould, Text};
    use crate::event::{Batch, Names, Reference, Value};
    use crate::queue::ack::Ack;

    #[test]
    fn fields_with_a_common_beginning_share_their_map() {
        let mut names = Names::default();
        let mut reference =
            |text: &str| Reference::compile(text, &mut names).expect("the reference is good");
        let mut mould = Mould::default();
        mould.set(&reference("message"), Cast::Message);
        mould.set(&reference("[event][original]"), Cast::Message);
        mould.set(
            &reference("[event][sequence]"),
            Cast::Fixed(Value::Integer(7)),
        );
        mould.set(&reference("[host]"), Cast::Fixed(Value::Null));
        mould.set(
            &reference("[host][name]"),
            Cast::Fixed(Value::Boolean(true)),
        );
        let mut batch = Batch::new(b"one".to_vec(), Arc::new(names), 0, Ack::none());
        let message = batch.text_at(0..3);
        let mut out = Vec::new();
        for _ in 0..2 {
            let id = batch.push_cast(&mut mould, message);
            out.clear();
            batch.write_json(id, &mut out);
        }
        let want =
            r#"{"message":"one","event":{"original":"one","sequence":7},"host":{"name":true}}"#;
        assert_eq!(String::from_utf8_lossy(&out), want);
    }

    #[test]
    fn a_change_of_a_shared_map_is_one_events_own() {
        let mut names = Names::default();
        let mut reference =
            |text: &str| Reference::compile(text, &mut names).expect("the reference is good");
        let (name, image) = (reference("[c][name]"), reference("[c][image][name]"));
        let (label, other) = (reference("[c][labels][x]"), reference("[c][labels][y]"));
        let labels = reference("[c][labels]");
        let mut batch = Batch::new(b"one".to_vec(), Arc::new(names), 0, Ack::none());
        let map = batch.parse_json_bytes(br#"{"x":1}"#).expect("this is JSON");
        let mut mould = Mould::default();
        mould.set(&name, Cast::Fixed(Value::Integer(1)));
        mould.set(&image, Cast::Fixed(Value::Integer(2)));
        mould.set(&labels, Cast::Fixed(map));
        let ids: Vec<_> = (0..5)
            .map(|_| batch.push_cast(&mut mould, Text::EMPTY))
            .collect();
        batch
            .set(ids[1], &label, Value::Integer(9))
            .expect("it is a map");
        batch
            .set(ids[2], &other, Value::Integer(8))
            .expect("it is a map");
        batch.remove(ids[3], &image);
        batch
            .add(ids[4], &name, Value::Integer(7))
            .expect("it is a map");
        let got = ids.iter().map(|&id| {
            let mut out = Vec::new();
            batch.write_json(id, &mut out);
            String::from_utf8(out).expect("JSON is UTF-8")
        });
        let want = [
            r#"{"c":{"name":1,"image":{"name":2},"labels":{"x":1}}}"#,
            r#"{"c":{"name":1,"image":{"name":2},"labels":{"x":9}}}"#,
            r#"{"c":{"name":1,"image":{"name":2},"labels":{"x":1,"y":8}}}"#,
            r#"{"c":{"name":1,"image":{},"labels":{"x":1}}}"#,
            r#"{"c":{"name":[1,7],"image":{"name":2},"labels":{"x":1}}}"#,
        ];
        assert_eq!(got.collect::<Vec<_>>(), want);
    }
}
