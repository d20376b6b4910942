//! Interned field names. A pipeline's names are collected while it is compiled and frozen before it runs, so that events
//! of all workers share them without a lock; names that only the data knows live in their batch.

use hashbrown::HashMap;

use crate::event::encode;

/// A field name: an index into the pipeline's names or, with `LOCAL` set, into the batch's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(super) u32);

/// Marks a name of the batch.
pub(super) const LOCAL: u32 = 1 << 31;

impl Name {
    pub const TIMESTAMP: Self = Self(0);
    pub const VERSION: Self = Self(1);
    pub const METADATA: Self = Self(2);
    pub const MESSAGE: Self = Self(3);
    pub const TAGS: Self = Self(4);
    pub const TYPE: Self = Self(6);
    /// The name's bit in a set of 64.
    pub fn bit(self) -> u64 {
        1 << (self.0 & 63)
    }

    /// What list items carry in place of a name.
    pub const ITEM: Self = Self(u32::MAX);
}

const WELL_KNOWN: [&str; 7] = [
    "@timestamp",
    "@version",
    "@metadata",
    "message",
    "tags",
    "host",
    "type",
];

struct Interned {
    text: Box<[u8]>,
    /// `,"text":`, escaped.
    encoded: Box<[u8]>,
    /// The same with zeros behind it, if it is short enough: a copy of fixed length costs next to nothing.
    short: Option<[u8; SHORT]>,
}

/// The length of most names with their punctuation.
const SHORT: usize = 16;

/// The names that a pipeline mentions.
pub struct Names {
    by_text: HashMap<Box<[u8]>, Name, foldhash::fast::RandomState>,
    all: Vec<Interned>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self {
            by_text: HashMap::default(),
            all: Vec::new(),
        };
        for name in WELL_KNOWN {
            names.intern(name.as_bytes());
        }
        names
    }
}

impl Names {
    /// The name for a text, made if it is new.
    pub fn intern(&mut self, text: &[u8]) -> Name {
        if let Some(&name) = self.by_text.get(text) {
            return name;
        }
        let name = Name(self.all.len() as u32);
        let mut encoded = Vec::with_capacity(text.len() + 4);
        encoded.push(b',');
        encode::text(text, &mut encoded);
        encoded.push(b':');
        let mut short = [0; SHORT];
        let fits = short.get_mut(..encoded.len());
        self.all.push(Interned {
            text: text.into(),
            short: fits
                .map(|part| part.copy_from_slice(&encoded))
                .map(|()| short),
            encoded: encoded.into(),
        });
        self.by_text.insert(text.into(), name);
        name
    }

    /// The name for a text, if the pipeline mentions it.
    pub fn find(&self, text: &[u8]) -> Option<Name> {
        self.by_text.get(text).copied()
    }

    pub(super) fn text(&self, name: Name) -> &[u8] {
        self.all
            .get(name.0 as usize)
            .map_or(b"", |interned| &interned.text)
    }

    /// Appends `,"name":`.
    pub(super) fn write_encoded(&self, name: Name, out: &mut Vec<u8>) {
        match self.all.get(name.0 as usize) {
            Some(Interned {
                short: Some(short),
                encoded,
                ..
            }) => {
                out.extend_from_slice(short);
                out.truncate(out.len() + encoded.len() - SHORT);
            }
            Some(interned) => out.extend_from_slice(&interned.encoded),
            None => out.extend_from_slice(b",\"\":"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, Names};

    #[test]
    fn a_name_is_interned_once() {
        let mut names = Names::default();
        let client = names.intern(b"client");
        assert_eq!(names.intern(b"client"), client);
        assert_eq!(names.find(b"client"), Some(client));
        assert_eq!(names.text(client), b"client");
        let long = names.intern(b"a_name_of_more_bytes");
        let mut out = Vec::new();
        names.write_encoded(client, &mut out);
        names.write_encoded(long, &mut out);
        assert_eq!(out, b",\"client\":,\"a_name_of_more_bytes\":");
    }

    #[test]
    fn well_known_names_have_fixed_places() {
        let names = Names::default();
        assert_eq!(names.find(b"@timestamp"), Some(Name::TIMESTAMP));
        assert_eq!(names.find(b"type"), Some(Name::TYPE));
    }
}
