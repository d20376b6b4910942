//! Events that filters make of others: copies that share their texts, how much may be copied, and the order of events when
//! some are made. Which events are copied, and what becomes of the originals, is the filters' business.

use crate::event::batch::{Batch, EventId};
use crate::event::provenance::Maker;
use crate::event::value::{Chain, NONE, Value};
use crate::limits;

/// What copies cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Fields, members of maps and items of lists.
    nodes: usize,
    /// Of their texts, which are not copied but written with each.
    bytes: usize,
}

impl Batch {
    /// A copy of an event, which goes on behind it. It shares nothing with the original but texts and what is shared already;
    /// its identifier follows from the original's. `number` counts what `maker` makes of this event.
    pub fn copy_event(&mut self, origin: EventId, maker: Maker, number: u32) -> EventId {
        let id = self.push_bare_event();
        let fields = self.copy_unshared(self.fields(origin));
        let spot = self.events.get(origin.0 as usize);
        let spot = spot.and_then(|event| event.spot);
        if let Some(event) = self.events.get_mut(id.0 as usize) {
            event.fields = fields;
            event.spot = spot.map(|spot| spot.of_made(maker, number));
            event.origin = origin.0;
        }
        id
    }

    /// A copy of a chain that goes on sharing what is shared.
    fn copy_unshared(&mut self, chain: Chain) -> Chain {
        let mut copy = Chain::EMPTY;
        let mut place = chain.first;
        while let Some(&node) = self.nodes.get(place as usize) {
            let value = match node.value {
                Value::Map(members) if !self.is_frozen(members) => {
                    Value::Map(self.copy_unshared(members))
                }
                Value::List(items) => Value::List(self.copy_unshared(items)),
                flat_or_shared => flat_or_shared,
            };
            self.push_member(&mut copy, node.name, value);
            place = node.next;
        }
        copy
    }

    /// Takes room for so many copies of an event and for copies of `besides`; there may be none.
    #[must_use]
    pub fn reserve_copies(&mut self, id: EventId, copies: usize, besides: Option<Value>) -> bool {
        // What is shared counts as well: events that change it get it for themselves.
        let mut each = self.cost_of(Value::Map(self.fields(id)));
        each.nodes = each.nodes.saturating_add(limits::COPY_NODES);
        let besides = besides.map_or(Cost::default(), |value| self.cost_of(value));
        let sum = |so_far: usize, each: usize, besides: usize| {
            let all = each.saturating_mul(copies).saturating_add(besides);
            so_far.saturating_add(all)
        };
        let copied = Cost {
            nodes: sum(self.copied.nodes, each.nodes, besides.nodes),
            bytes: sum(self.copied.bytes, each.bytes, besides.bytes),
        };
        let has_room = copied.nodes <= limits::BATCH_COPIES_MAX
            && copied.bytes <= limits::BATCH_COPIED_BYTES_MAX;
        if has_room {
            self.copied = copied;
        }
        has_room
    }

    /// What copies cost so far, for `set_copied`.
    pub fn copied(&self) -> Cost {
        self.copied
    }

    /// Gives room back that was taken since for copies which were not made after all.
    pub fn set_copied(&mut self, cost: Cost) {
        self.copied = cost;
    }

    /// What a copy of a value costs, without the node that holds it.
    fn cost_of(&self, value: Value) -> Cost {
        match value {
            Value::Map(chain) | Value::List(chain) => {
                let members = self.members(chain);
                let cost = |sum: Cost, (_, value)| {
                    let one = self.cost_of(value);
                    Cost {
                        nodes: sum.nodes + 1 + one.nodes,
                        bytes: sum.bytes + one.bytes,
                    }
                };
                members.fold(Cost::default(), cost)
            }
            Value::Text(text) => Cost {
                nodes: 0,
                bytes: text.len(),
            },
            _ => Cost::default(),
        }
    }

    /// The event that a filter made this one of.
    pub fn origin(&self, id: EventId) -> Option<EventId> {
        let origin = self.events.get(id.0 as usize)?.origin;
        (origin != NONE).then_some(EventId(origin))
    }

    fn has_copies(&self) -> bool {
        0 < self.copied.nodes
    }
}

/// The order of some events at one moment. Those that are made of them later stand behind them.
pub struct Order {
    /// Events that there were; the numbers of later ones are higher.
    events: usize,
    /// Each event's place; empty where that is its number.
    places: Vec<u32>,
}

impl Order {
    pub fn of(batch: &Batch, selected: &[EventId]) -> Self {
        let events = batch.event_count();
        let mut places = Vec::new();
        if batch.has_copies() {
            places.resize(events, u32::MAX);
            for (place, id) in (0..).zip(selected) {
                if let Some(slot) = places.get_mut(id.0 as usize) {
                    *slot = place;
                }
            }
        }
        Self { events, places }
    }

    /// Puts events back into this order. Of those that were made of one event the order is kept.
    pub fn restore(&self, batch: &Batch, events: &mut [EventId]) {
        if batch.has_copies() {
            events.sort_by_key(|&id| self.place(batch, id));
        } else {
            events.sort_unstable();
        }
    }

    fn place(&self, batch: &Batch, mut id: EventId) -> u32 {
        while self.events <= id.0 as usize {
            match batch.origin(id) {
                Some(origin) => id = origin,
                None => return u32::MAX,
            }
        }
        self.places.get(id.0 as usize).copied().unwrap_or(id.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::event::mould::{Cast, Mould};
    use crate::event::{Batch, EventId, Maker, Name, Names, Reference, Text, Value};
    use crate::limits;
    use crate::queue::ack::Ack;

    fn written(batch: &Batch, id: EventId) -> String {
        let mut out = Vec::new();
        batch.write_json(id, &mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn a_map_that_all_events_share_is_changed_for_one_alone() {
        let mut names = Names::default();
        let name = Reference::compile("[c][name]", &mut names).expect("it is one");
        let mut batch = Batch::new(Vec::new(), Arc::new(names), 0, Ack::none());
        let mut mould = Mould::default();
        mould.set(&name, Cast::Fixed(Value::Integer(1)));
        let event = batch.push_cast(&mut mould, Text::EMPTY);
        let other = batch.push_cast(&mut mould, Text::EMPTY);
        let copies = [0, 1].map(|number| batch.copy_event(event, Maker::of("m"), number));
        for (id, value) in [(copies[0], 2), (event, 3)] {
            let set = batch.set(id, &name, Value::Integer(value));
            set.expect("it is a map");
        }
        let got = [event, other, copies[0], copies[1]].map(|id| written(&batch, id));
        let want = [3, 1, 2, 1].map(|value| format!(r#"{{"c":{{"name":{value}}}}}"#));
        assert_eq!(got, want);
        assert_eq!(batch.origin(copies[1]), Some(event));
        assert_eq!(batch.origin(event), None);
    }

    #[test]
    fn room_for_copies_ends() {
        let mut batch = Batch::new(Vec::new(), Arc::default(), 0, Ack::none());
        let id = batch.push_event(0);
        let nodes = limits::COPY_NODES + 2;
        let most = limits::BATCH_COPIES_MAX / nodes;
        assert!(!batch.reserve_copies(id, most + 1, None));
        assert!(!batch.reserve_copies(id, usize::MAX, None));
        let before = batch.copied();
        assert!(batch.reserve_copies(id, most, None));
        assert!(!batch.reserve_copies(id, 1, None));
        batch.set_copied(before);
        let list = batch.list(&vec![Value::Null; nodes]);
        assert!(!batch.reserve_copies(id, most, Some(list)));
        assert!(batch.reserve_copies(id, most - 1, Some(list)));
    }

    #[test]
    fn long_texts_are_not_written_without_end() {
        let text = vec![b'x'; 1 << 20];
        let mut batch = Batch::new(text, Arc::default(), 0, Ack::none());
        let id = batch.push_bare_event();
        let text = batch.text_at(0..1 << 20);
        batch.append_field(id, Name::TAGS, Value::Text(text));
        let most = limits::BATCH_COPIED_BYTES_MAX >> 20;
        assert!(!batch.reserve_copies(id, most + 1, None));
        assert!(batch.reserve_copies(id, most, None));
    }
}
