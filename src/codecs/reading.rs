//! What one record means: a text for `message`, or a JSON document whose members become fields. A record that cannot be
//! read becomes an event with its text and a tag. Telling records apart is not done here.

use crate::event::json::{Counted, JsonFault, TOO_LARGE_TAG};
use crate::event::mould::{Cast, Mould};
use crate::event::value::Chain;
use crate::event::{Batch, EventId, Name, Reference, Text, Value};
use crate::limits;

/// Marks a record of more than `limits::LINE_BYTES_MAX`.
pub const TRUNCATED_TAG: &[u8] = b"_linetruncated";
const JSON_TAG: &[u8] = b"_jsonparsefailure";

/// What a record means.
#[derive(Clone, Debug)]
pub enum Reading {
    /// The record is the event's `message`.
    Text {
        /// Where the text is kept a second time.
        original: Option<Reference>,
    },
    /// The record is a JSON object, or an array of such.
    Json {
        /// Where the object goes, if not to the top.
        target: Option<Reference>,
        /// Where the text of an object is kept.
        original: Option<Reference>,
    },
}

impl Reading {
    /// Makes the events of one record.
    pub fn read(&self, batch: &mut Batch, record: Text, newborn: &mut Newborn) {
        let whole = record.len() <= limits::LINE_BYTES_MAX;
        let record = record.slice(0..limits::LINE_BYTES_MAX);
        let before = batch.event_count();
        batch.note_record(record);
        match self {
            Self::Text { .. } => {
                batch.push_cast(&mut newborn.mould, record);
            }
            Self::Json { target, original } => {
                read_json(batch, record, target.as_ref(), original.as_ref(), newborn);
            }
        }
        if !whole {
            newborn.truncated += 1;
            for index in before..batch.event_count() {
                batch.tag(EventId(index as u32), TRUNCATED_TAG);
            }
        }
    }
}

/// What all events of one batch get at birth, and how many records were cut.
#[derive(Debug)]
pub struct Newborn {
    /// For events that are a text: everything, `message` included.
    mould: Mould,
    /// For events that have fields of their own: set where they are absent.
    fixed: Vec<(Reference, Value)>,
    scratch: Vec<u8>,
    /// Records of more than `limits::LINE_BYTES_MAX`.
    pub truncated: u64,
}

impl Newborn {
    /// Events of this batch get `@timestamp`, `@version`, `message`, and the fixed fields in order.
    pub fn new(batch: &mut Batch, reading: &Reading, fixed: Vec<(Reference, Value)>) -> Self {
        let mut mould = Mould::default();
        let version = batch.value_of(b"1");
        mould.set(&Reference::top(Name::TIMESTAMP), Cast::Received);
        mould.set(&Reference::top(Name::VERSION), Cast::Fixed(version));
        mould.set(&Reference::top(Name::MESSAGE), Cast::Message);
        if let Reading::Text {
            original: Some(original),
        } = reading
        {
            mould.set(original, Cast::Message);
        }
        for (reference, value) in &fixed {
            mould.set(reference, Cast::Fixed(*value));
        }
        Self {
            mould,
            fixed,
            scratch: Vec::new(),
            truncated: 0,
        }
    }

    /// Gives a fixed field another value, for the events that follow.
    pub fn fix(&mut self, field: &Reference, value: Value) {
        self.mould.set(field, Cast::Fixed(value));
        match self.fixed.iter_mut().find(|(known, _)| known == field) {
            Some((_, fixed)) => *fixed = value,
            None => self.fixed.push((field.clone(), value)),
        }
    }
}

fn read_json(
    batch: &mut Batch,
    record: Text,
    target: Option<&Reference>,
    original: Option<&Reference>,
    newborn: &mut Newborn,
) {
    if batch.text(record).trim_ascii().is_empty() {
        return;
    }
    let parsed = batch.parse_json(record, Counted::EachElement, &mut newborn.scratch);
    let is_too_large = matches!(parsed, Err(JsonFault::TooLarge));
    let objects = parsed.ok().and_then(|value| objects(batch, value));
    let Some(objects) = objects else {
        let id = batch.push_cast(&mut newborn.mould, record);
        batch.tag(id, JSON_TAG);
        if is_too_large {
            batch.tag(id, TOO_LARGE_TAG);
        }
        return;
    };
    let original = original.filter(|_| objects.len() == 1);
    for object in objects {
        let id = push_object(batch, object, target);
        if let Some(original) = original {
            set_if_absent(batch, id, original, Value::Text(record));
        }
        for (reference, value) in &newborn.fixed {
            set_if_absent(batch, id, reference, *value);
        }
    }
}

/// The object, or each of an array; nothing if anything else is among them.
fn objects(batch: &Batch, value: Value) -> Option<Vec<Chain>> {
    match value {
        Value::Map(object) => Some(vec![object]),
        Value::List(items) => batch
            .members(items)
            .map(|(_, item)| match item {
                Value::Map(object) => Some(object),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn push_object(batch: &mut Batch, object: Chain, target: Option<&Reference>) -> EventId {
    let Some(target) = target else {
        return batch.push_adopted(object);
    };
    let id = batch.push_event(batch.received);
    // A new event has nothing on the way to the target that is no map, except where the target names a fixed field.
    if batch.set(id, target, Value::Map(object)).is_err() {
        batch.tag(id, JSON_TAG);
    }
    id
}

/// A field inside something that is no map counts as present.
fn set_if_absent(batch: &mut Batch, id: EventId, reference: &Reference, value: Value) {
    if batch.get(id, reference).is_none() {
        // Where a field of the record is in the way, it is the record's word that counts.
        batch.set(id, reference, value).unwrap_or(());
    }
}
