//! The batch: many events over one shared buffer. `bytes` holds what the input read and, behind it, what filters made;
//! `nodes` holds all fields of all events, chained in order of insertion. An event is the chain of its fields. Giving a
//! batch back frees everything at once, so no event allocates.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::event::copies::Cost;
use crate::event::names::{LOCAL, Name, Names};
use crate::event::provenance::{self, IDENTIFIER_BYTES, Provenance, Spot};
use crate::event::value::{Chain, NONE, Text, Value};
use crate::limits;
use crate::queue::ack::Ack;

/// An event's place in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId(pub u32);

#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) fields: Chain,
    pub(super) spot: Option<Spot>,
    /// The event that a filter made this one of; `NONE` for those that an input made.
    pub(super) origin: u32,
    dropped: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) name: Name,
    pub(super) next: u32,
    pub(super) value: Value,
}

/// A map that several events share, with its JSON: nobody changes its nodes, who wants to takes a copy.
struct Frozen {
    nodes: std::ops::Range<u32>,
    first: u32,
    json: Text,
}

/// What a batch decodes its bytes with once it has reached a worker: the input's codec and fixed fields.
pub trait Decode: Send + Sync {
    /// Turns the bytes of the batch, or the ranges marked in it, into events.
    fn decode(&self, batch: &mut Batch);

    /// How many messages these are, as far as that can be told before.
    fn count(&self, batch: &Batch) -> u64 {
        memchr::memchr_iter(b'\n', batch.bytes()).count() as u64
    }
}

/// Events that travel together.
pub struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) nodes: Vec<Node>,
    pub(super) events: Vec<Event>,
    /// What copies of events cost so far, see `copies`.
    pub(super) copied: Cost,
    names: Arc<Names>,
    local_names: Vec<Text>,
    local_by_text: HashMap<Box<[u8]>, Name, foldhash::fast::RandomState>,
    version: Option<Text>,
    frozen: Vec<Frozen>,
    /// The stream that the bytes were read from, if its events can be told apart.
    provenance: Option<Provenance>,
    /// The place in the stream of the next event to be made.
    spot: Option<Spot>,
    /// Texts that found no room.
    pub(super) refused: u64,
    /// Time of receipt, nanoseconds since 1970.
    pub received: i64,
    /// Batches of one stream are worked on in order, by one worker.
    pub stream: u64,
    /// The news for the input, once every output is done with this batch.
    pub ack: Ack,
    /// How many messages it brings that nobody can send again, counted when it is handed to the workers.
    pub alone: u64,
    /// Still to be run over `bytes`, if the input left that to the worker.
    pub decode: Option<Arc<dyn Decode>>,
}

impl Batch {
    /// A batch over bytes that an input read.
    pub fn new(bytes: Vec<u8>, names: Arc<Names>, received: i64, ack: Ack) -> Self {
        Self {
            bytes,
            nodes: Vec::new(),
            events: Vec::new(),
            copied: Cost::default(),
            names,
            local_names: Vec::new(),
            local_by_text: HashMap::default(),
            version: None,
            frozen: Vec::new(),
            provenance: None,
            spot: None,
            refused: 0,
            received,
            stream: 0,
            ack,
            alone: 0,
            decode: None,
        }
    }

    /// Makes room for that many more events of about ten fields.
    pub fn reserve_events(&mut self, events: usize) {
        self.events.reserve(events);
        self.nodes.reserve(events * 12);
    }

    /// All events that were not dropped.
    pub fn live_events(&self) -> impl Iterator<Item = EventId> + '_ {
        let live =
            |(index, event): (usize, &Event)| (!event.dropped).then_some(EventId(index as u32));
        self.events.iter().enumerate().filter_map(live)
    }

    /// How many events were ever made in this batch.
    pub fn event_count(&self) -> usize {
        self.events.len()
    }

    /// A new event with `@timestamp` and `@version`.
    pub fn push_event(&mut self, timestamp: i64) -> EventId {
        let id = self.push_bare_event();
        self.append_field(id, Name::TIMESTAMP, Value::Time(timestamp));
        let version = match self.version {
            Some(version) => version,
            None => {
                let version = self.append(b"1");
                self.version = Some(version);
                version
            }
        };
        self.append_field(id, Name::VERSION, Value::Text(version));
        id
    }

    /// A new event without any field.
    pub fn push_bare_event(&mut self) -> EventId {
        let id = EventId(self.events.len() as u32);
        self.events.push(Event {
            fields: Chain::EMPTY,
            spot: self.spot,
            origin: NONE,
            dropped: false,
        });
        // A record can hold several events, and is longer than they are many: no place is given twice.
        self.spot = self.spot.map(Spot::next);
        id
    }

    /// Says where the bytes come from: a stream, and the offset of the first record in it.
    pub fn come_from(&mut self, provenance: Provenance, offset: u64) {
        self.provenance = Some(provenance);
        self.spot = Some(Spot::at(offset));
    }

    /// The offset of the next event, if the stream is known.
    pub fn offset(&self) -> Option<u64> {
        self.spot.map(|spot| spot.offset)
    }

    /// Says where the next record stands in the stream; nothing, if that is not the same whenever it is read.
    pub fn go_to(&mut self, offset: Option<u64>) {
        self.spot = offset.filter(|_| self.provenance.is_some()).map(Spot::at);
    }

    /// Says what the next events are made of.
    pub fn note_record(&mut self, record: Text) {
        self.spot = self.spot.map(|spot| spot.with_record(self.text(record)));
    }

    /// The input's events are made. What filters make has no place in the stream of its own, but one that follows from the
    /// event that it was made of, see `copies`.
    pub fn end_of_input(&mut self) {
        self.spot = None;
    }

    /// What names an event, and is the same whenever it is read. Its time counts if the event brought one: the time at
    /// which it was read is another one each time.
    pub fn identifier(&self, id: EventId) -> Option<[u8; IDENTIFIER_BYTES]> {
        let spot = self.events.get(id.0 as usize)?.spot?;
        let time = match self.top(id, Name::TIMESTAMP) {
            Some(Value::Time(nanos)) if nanos != self.received => Some(nanos),
            _ => None,
        };
        Some(provenance::identifier(self.provenance?, spot, time))
    }

    /// Takes an event out of the flow.
    pub fn drop_event(&mut self, id: EventId) {
        if let Some(event) = self.events.get_mut(id.0 as usize) {
            event.dropped = true;
        }
    }

    pub fn is_dropped(&self, id: EventId) -> bool {
        self.events
            .get(id.0 as usize)
            .is_none_or(|event| event.dropped)
    }

    /// The whole buffer: the input's bytes and, behind them, what filters made.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of a text.
    pub fn text(&self, text: Text) -> &[u8] {
        self.bytes.get(text.range()).unwrap_or(b"")
    }

    /// A text over a range of the buffer; clamped to it.
    pub fn text_at(&self, range: std::ops::Range<usize>) -> Text {
        Text {
            start: 0,
            len: self.bytes.len() as u32,
        }
        .slice(range)
    }

    /// The text that a part of the buffer is; empty if it is none.
    pub fn text_of(&self, part: &[u8]) -> Text {
        let start = (part.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize);
        match start {
            Some(start) if start + part.len() <= self.bytes.len() => Text {
                start: start as u32,
                len: part.len() as u32,
            },
            _ => Text::EMPTY,
        }
    }

    /// Keeps a copy of some bytes in the batch. Past the limit of a batch the text comes out empty, and is counted.
    pub fn append(&mut self, text: &[u8]) -> Text {
        if limits::BATCH_BYTES_MAX < self.bytes.len() + text.len() {
            self.refused += 1;
            return Text::EMPTY;
        }
        self.append_beyond(text)
    }

    /// Whether so many more fields, members or items have room; if not, that is counted.
    pub fn has_room_for(&mut self, nodes: usize) -> bool {
        let has_room = self.nodes.len().saturating_add(nodes) <= limits::BATCH_NODES_MAX;
        self.refused += u64::from(!has_room);
        has_room
    }

    /// The same without a limit, for a few bytes.
    pub(super) fn append_beyond(&mut self, text: &[u8]) -> Text {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        Text {
            start: start as u32,
            len: text.len() as u32,
        }
    }

    /// Keeps what `write` makes of a text of this batch; `scratch` is reused.
    pub fn append_from(
        &mut self,
        text: Text,
        scratch: &mut Vec<u8>,
        write: impl FnOnce(&[u8], &mut Vec<u8>),
    ) -> Text {
        scratch.clear();
        write(self.text(text), scratch);
        self.append(scratch)
    }

    /// The names of the pipeline that this batch goes through.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// The name for a text: one of the pipeline's or, made if need be, one of this batch.
    pub fn name(&mut self, text: &[u8]) -> Name {
        if let Some(name) = self.names.find(text) {
            return name;
        }
        if let Some(&name) = self.local_by_text.get(text) {
            return name;
        }
        let kept = self.append(text);
        let name = Name(LOCAL | self.local_names.len() as u32);
        self.local_names.push(kept);
        self.local_by_text.insert(text.into(), name);
        name
    }

    pub fn name_text(&self, name: Name) -> &[u8] {
        if name.0 & LOCAL == 0 {
            return self.names.text(name);
        }
        let local = self.local_names.get((name.0 & !LOCAL) as usize);
        local.map_or(b"", |&text| self.text(text))
    }

    /// The fields of an event, in order.
    pub fn fields(&self, id: EventId) -> Chain {
        self.events
            .get(id.0 as usize)
            .map_or(Chain::EMPTY, |event| event.fields)
    }

    /// Gives an event other fields.
    pub fn set_fields(&mut self, id: EventId, fields: Chain) {
        if let Some(event) = self.events.get_mut(id.0 as usize) {
            event.fields = fields;
        }
    }

    /// The members of a chain: names and values of fields, or values of a list.
    pub fn members(&self, chain: Chain) -> Members<'_> {
        Members {
            nodes: &self.nodes,
            next: chain.first,
        }
    }

    /// Adds a field that the event does not have yet; nothing is searched.
    pub fn append_field(&mut self, id: EventId, name: Name, value: Value) {
        let mut fields = self.fields(id);
        self.push_member(&mut fields, name, value);
        self.set_fields(id, fields);
    }

    /// Adds a member at the end of a chain.
    pub fn push_member(&mut self, chain: &mut Chain, name: Name, value: Value) {
        let place = self.nodes.len() as u32;
        self.nodes.push(Node {
            name,
            next: NONE,
            value,
        });
        match self.nodes.get_mut(chain.last as usize) {
            Some(last) => last.next = place,
            None => chain.first = place,
        }
        chain.last = place;
    }

    /// Which names a chain has, as a set of 64 bits: where two sets have no bit in common, no name is.
    pub fn name_bits(&self, chain: Chain) -> u64 {
        self.members(chain)
            .fold(0, |bits, (name, _)| bits | name.bit())
    }

    /// The node of a member, by name.
    pub(super) fn find_node(&self, chain: Chain, name: Name) -> Option<u32> {
        let mut place = chain.first;
        while let Some(node) = self.nodes.get(place as usize) {
            if node.name == name {
                return Some(place);
            }
            place = node.next;
        }
        None
    }

    /// The node of a list's item; a negative index counts from the end.
    pub(super) fn find_item(&self, chain: Chain, index: i32) -> Option<u32> {
        let index = match usize::try_from(index) {
            Ok(index) => index,
            Err(_) => {
                let from_end = index.unsigned_abs() as usize;
                self.members(chain).count().checked_sub(from_end)?
            }
        };
        let mut place = chain.first;
        for _ in 0..index {
            place = self.nodes.get(place as usize)?.next;
        }
        (place != NONE).then_some(place)
    }

    /// Takes a node out of a chain.
    pub(super) fn unlink(&mut self, chain: &mut Chain, target: u32) {
        let Some(after) = self.nodes.get(target as usize).map(|node| node.next) else {
            return;
        };
        if chain.first == target {
            chain.first = after;
            if after == NONE {
                chain.last = NONE;
            }
            return;
        }
        let mut place = chain.first;
        while let Some(node) = self.nodes.get_mut(place as usize) {
            if node.next == target {
                node.next = after;
                if after == NONE {
                    chain.last = place;
                }
                return;
            }
            place = node.next;
        }
    }

    /// A copy that shares nothing with the original but its texts.
    pub fn copy(&mut self, value: Value) -> Value {
        match value {
            Value::Map(chain) => Value::Map(self.copy_chain(chain)),
            Value::List(chain) => Value::List(self.copy_chain(chain)),
            flat => flat,
        }
    }

    /// Whether one more map may be shared: they are searched one by one, so they have to be few.
    pub(super) fn can_freeze(&self) -> bool {
        self.frozen.len() < limits::SHARED_MAPS_MAX
    }

    /// Makes a map that many events can share. Its JSON is written once; an event that changes it gets a copy.
    pub fn freeze(&mut self, members: Chain) -> Chain {
        let start = self.nodes.len() as u32;
        let copy = self.copy_chain(members);
        let mut json = Vec::new();
        self.write_json_value(Value::Map(copy), &mut json);
        let json = self.append(&json);
        if !copy.is_empty() && !json.is_empty() {
            let nodes = start..self.nodes.len() as u32;
            self.frozen.push(Frozen {
                nodes,
                first: copy.first,
                json,
            });
        }
        copy
    }

    /// Whether a map is shared as a whole.
    pub(super) fn is_frozen(&self, members: Chain) -> bool {
        let mut shared = self.frozen.iter();
        shared.any(|frozen| frozen.first == members.first)
    }

    /// The JSON of a map that is shared as a whole.
    pub(super) fn frozen_json(&self, members: Chain) -> Option<&[u8]> {
        let frozen = self
            .frozen
            .iter()
            .find(|frozen| frozen.first == members.first)?;
        Some(self.text(frozen.json))
    }

    /// Turns a shared chain into one of its own, before a change.
    pub(super) fn thaw(&mut self, chain: &mut Chain) {
        let shares = |frozen: &Frozen| frozen.nodes.contains(&chain.first);
        if self.frozen.iter().any(shares) {
            *chain = self.copy_chain(*chain);
        }
    }

    fn copy_chain(&mut self, chain: Chain) -> Chain {
        let mut copy = Chain::EMPTY;
        let mut place = chain.first;
        while let Some(&node) = self.nodes.get(place as usize) {
            let value = self.copy(node.value);
            self.push_member(&mut copy, node.name, value);
            place = node.next;
        }
        copy
    }
}

/// Iterates over a chain's members.
pub struct Members<'a> {
    nodes: &'a [Node],
    next: u32,
}

impl Iterator for Members<'_> {
    type Item = (Name, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.nodes.get(self.next as usize)?;
        self.next = node.next;
        Some((node.name, node.value))
    }
}
