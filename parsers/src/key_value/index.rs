//! Where keys and values are among many fields: a walk through all of them for each pair would take the square of their
//! number.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::fields::{Field, Value};

/// From so many pairs on, what is looked for is looked up.
pub(super) const MANY: usize = 32;

/// Places by hashes; the fields themselves say whether it is the right one.
#[derive(Default)]
pub(super) struct Index {
    hasher: RandomState,
    keys: HashMap<u64, usize>,
    /// The field, and which of its values.
    values: HashMap<u64, (usize, usize)>,
}

impl Index {
    pub fn of(fields: &[Field<'_>]) -> Self {
        let mut index = Self::default();
        for (place, field) in fields.iter().enumerate() {
            for number in 0..field.values().count() {
                index.note(fields, place, number);
            }
        }
        index
    }

    /// Takes note of a value that was added to a field.
    pub fn note(&mut self, fields: &[Field<'_>], place: usize, number: usize) {
        let Some(field) = fields.get(place) else {
            return;
        };
        let key = self.hasher.hash_one(field.key());
        self.keys.entry(key).or_insert(place);
        if let Some(Value::Text(text)) = field.value(number) {
            let value = self.hasher.hash_one((place, &**text));
            self.values.entry(value).or_insert((place, number));
        }
    }

    /// The place of a key's field.
    pub fn place(&self, fields: &[Field<'_>], key: &[u8]) -> Option<usize> {
        let place = *self.keys.get(&self.hasher.hash_one(key))?;
        match fields.get(place).is_some_and(|field| field.key() == key) {
            true => Some(place),
            // Two keys have one hash.
            false => fields.iter().position(|field| field.key() == key),
        }
    }

    /// Whether a field has a text among its values.
    pub fn has(&self, fields: &[Field<'_>], place: usize, text: &[u8]) -> bool {
        let hash = self.hasher.hash_one((place, text));
        let Some((found, number)) = self.values.get(&hash) else {
            return false;
        };
        let is_it = |value: Option<&Value<'_>>| value.is_some_and(|value| value.is_text(text));
        let value_at = |place: usize, number| fields.get(place)?.value(number);
        *found == place && is_it(value_at(place, *number))
            || fields
                .get(place)
                .is_some_and(|field| field.values().any(|value| value.is_text(text)))
    }
}
