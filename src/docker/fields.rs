//! The fields that events carry of a container: the same names in every mode, the Elastic Common Schema's.

use crate::docker::container::Container;
use crate::event::value::Chain;
use crate::event::{Batch, Name, Names, Value};

/// Says that a container's name, image or labels were longer than allowed.
pub const CUT_TAG: &[u8] = b"_docker_metadata_cut";

/// The interned names of a container's fields.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    pub container: Name,
    id: Name,
    name: Name,
    image: Name,
    labels: Name,
}

impl Fields {
    pub fn intern(names: &mut Names) -> Self {
        Self {
            container: names.intern(b"container"),
            id: names.intern(b"id"),
            name: names.intern(b"name"),
            image: names.intern(b"image"),
            labels: names.intern(b"labels"),
        }
    }

    /// The members of `[container]`, made once per batch. An event takes a copy of them: the texts are shared, the chain
    /// is its own, since a filter may change it.
    pub fn value(&self, batch: &mut Batch, container: &Container) -> Value {
        let mut members = Chain::EMPTY;
        let id = batch.value_of(container.id.as_bytes());
        batch.push_member(&mut members, self.id, id);
        if !container.name.is_empty() {
            let name = batch.value_of(container.name.as_bytes());
            batch.push_member(&mut members, self.name, name);
        }
        if !container.image.is_empty() {
            let name = batch.value_of(container.image.as_bytes());
            let mut image = Chain::EMPTY;
            batch.push_member(&mut image, self.name, name);
            batch.push_member(&mut members, self.image, Value::Map(image));
        }
        if !container.labels.is_empty() {
            let mut labels = Chain::EMPTY;
            for label in &container.labels {
                let name = batch.name(label.field.as_bytes());
                let value = batch.value_of(label.value.as_bytes());
                batch.push_member(&mut labels, name, value);
            }
            batch.push_member(&mut members, self.labels, Value::Map(labels));
        }
        Value::Map(members)
    }
}
