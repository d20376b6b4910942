//! The options that every filter has for the events it succeeded on: `add_field`, `remove_field`, `add_tag` and
//! `remove_tag`, in that order. Inputs use the first and the tags for their new events.

use crate::event::{Batch, EventId, Reference, Template};
use crate::pipeline::Building;
use crate::plugin::{Arg, ArgValue, Options, Word};

/// Compiled common options.
#[derive(Clone, Default)]
pub struct Decoration {
    add_field: Vec<(NameTemplate, Vec<Template>)>,
    remove_field: Vec<NameTemplate>,
    add_tag: Vec<Template>,
    remove_tag: Vec<Template>,
}

/// A field's name, usually fixed, sometimes with a template in it.
#[derive(Clone, Debug)]
pub enum NameTemplate {
    Fixed(Reference),
    Rendered(Template),
}

impl NameTemplate {
    /// Compiles a field name that may hold `%{...}`.
    pub fn compile(word: &Word, building: &mut Building<'_>) -> Option<Self> {
        if word.text.contains("%{") {
            return building.template(word).map(Self::Rendered);
        }
        building.reference(word).map(Self::Fixed)
    }

    /// The reference for an event. A rendered name that is no reference is taken as one name.
    pub fn reference(&self, batch: &mut Batch, id: EventId) -> Reference {
        match self {
            Self::Fixed(reference) => reference.clone(),
            Self::Rendered(template) => {
                let mut text = Vec::new();
                template.write(batch, id, &mut text);
                batch.reference(&text)
            }
        }
    }

    /// Runs `work` with the reference, without a copy where it is fixed.
    pub fn with<R>(
        &self,
        batch: &mut Batch,
        id: EventId,
        work: impl FnOnce(&mut Batch, &Reference) -> R,
    ) -> R {
        match self {
            Self::Fixed(reference) => work(batch, reference),
            Self::Rendered(_) => {
                let reference = self.reference(batch, id);
                work(batch, &reference)
            }
        }
    }
}

impl Decoration {
    /// Compiles a plugin's common options.
    pub fn compile(options: &Options, building: &mut Building<'_>) -> Self {
        Self {
            add_field: options
                .hash("add_field")
                .iter()
                .filter_map(|(name, value)| {
                    let name = NameTemplate::compile(name, building)?;
                    Some((name, templates_of(value, building)))
                })
                .collect(),
            remove_field: options
                .list("remove_field")
                .iter()
                .filter_map(|word| NameTemplate::compile(word, building))
                .collect(),
            add_tag: templates(options.list("add_tag"), building),
            remove_tag: templates(options.list("remove_tag"), building),
        }
    }

    /// An input's `add_field` and `tags`.
    pub fn of_input(options: &Options, building: &mut Building<'_>) -> Self {
        let mut decoration = Self::compile(options, building);
        decoration.add_tag = templates(options.list("tags"), building);
        decoration
    }

    pub fn is_empty(&self) -> bool {
        self.add_field.is_empty()
            && self.remove_field.is_empty()
            && self.add_tag.is_empty()
            && self.remove_tag.is_empty()
    }

    /// Applies the options to some events.
    pub fn apply(&self, batch: &mut Batch, events: &[EventId]) {
        let mut scratch = Vec::new();
        for &id in events {
            self.apply_one(batch, id, &mut scratch);
        }
    }

    fn apply_one(&self, batch: &mut Batch, id: EventId, scratch: &mut Vec<u8>) {
        for (name, values) in &self.add_field {
            for template in values {
                let value = crate::event::Value::Text(template.render(batch, id, scratch));
                let added = name.with(batch, id, |batch, field| batch.add(id, field, value));
                if added.is_err() {
                    batch.tag(id, b"_add_field_failure");
                }
            }
        }
        for name in &self.remove_field {
            name.with(batch, id, |batch, field| batch.remove(id, field));
        }
        for template in &self.add_tag {
            scratch.clear();
            template.write(batch, id, scratch);
            batch.add_tag(id, scratch);
        }
        for template in &self.remove_tag {
            scratch.clear();
            template.write(batch, id, scratch);
            batch.remove_tag(id, scratch);
        }
    }
}

fn templates(words: &[Word], building: &mut Building<'_>) -> Vec<Template> {
    words
        .iter()
        .filter_map(|word| building.template(word))
        .collect()
}

fn templates_of(value: &Arg, building: &mut Building<'_>) -> Vec<Template> {
    if let ArgValue::Hash(_) = value.value {
        building.refuse(
            value.span,
            "a field's value is a text, a number or a list of them",
        );
    }
    templates(&value.words(), building)
}
