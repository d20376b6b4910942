//! The fields that events carry of a container: the same names in every mode, the Elastic Common Schema's.

use crate::docker::container::Container;
use crate::event::{Batch, Names, Reference, Value};

/// Says that a container's name, image or labels were longer than allowed.
pub const CUT_TAG: &[u8] = b"_docker_metadata_cut";

/// References to a container's fields.
#[derive(Clone, Debug)]
pub struct Fields {
    id: Reference,
    name: Reference,
    image: Reference,
    labels: Reference,
}

impl Fields {
    pub fn intern(names: &mut Names) -> Self {
        let mut reference = |parts: &[&str]| Reference::from_parts(parts, names);
        Self {
            id: reference(&["container", "id"]),
            name: reference(&["container", "name"]),
            image: reference(&["container", "image", "name"]),
            labels: reference(&["container", "labels"]),
        }
    }

    /// All fields of a container with their values, whose texts are kept in the batch once for all its events.
    pub fn values(&self, batch: &mut Batch, container: &Container) -> Vec<(Reference, Value)> {
        let mut fields = vec![(self.id.clone(), batch.value_of(container.id.as_bytes()))];
        let texts = [
            (&self.name, &container.name),
            (&self.image, &container.image),
        ];
        for (reference, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            fields.push((reference.clone(), batch.value_of(text.as_bytes())));
        }
        for label in &container.labels {
            let name = batch.name(label.field.as_bytes());
            let value = batch.value_of(label.value.as_bytes());
            fields.push((Reference::top(name).below(&self.labels), value));
        }
        fields
    }
}
