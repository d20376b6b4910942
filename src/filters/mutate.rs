//! `mutate`: changes fields. Whatever the order in the text, the operations run in Logstash's: coerce, rename, update,
//! replace, convert, gsub, uppercase, capitalize, lowercase, strip, split, join, merge, copy. A failure ends the event's
//! operations and tags it.

mod convert;
mod operation;
mod substitute;

use crate::event::{Batch, EventId};
use crate::filters::{Filter, FilterPlugin, Outcome};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use operation::Operation;

pub const PLUGIN: FilterPlugin = FilterPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Filter,
    name: "mutate",
    summary: "Renames, converts and rewrites fields. The operations run in the order of this table, whatever the order \
              in the text; two `mutate` blocks give another order.",
    options: &[
        Opt::new(
            "coerce",
            Kind::Hash,
            "Field to the value it gets if it is there and null.",
        ),
        Opt::new("rename", Kind::Hash, "Old name to new name."),
        Opt::new(
            "update",
            Kind::Hash,
            "Field to new value, for fields that are there.",
        ),
        Opt::new(
            "replace",
            Kind::Hash,
            "Field to new value, whether it is there or not.",
        ),
        Opt::new(
            "convert",
            Kind::Hash,
            "Field to `integer`, `float`, `string`, `boolean`, `integer_eu` or `float_eu`; of a list, each item.",
        ),
        Opt::new(
            "gsub",
            Kind::List,
            "Triples of field, regular expression and replacement (`\\1` is a group), for texts and lists of texts.",
        ),
        Opt::new("uppercase", Kind::List, "Fields to write in upper case."),
        Opt::new(
            "capitalize",
            Kind::List,
            "Fields whose first letter alone is to be upper case.",
        ),
        Opt::new("lowercase", Kind::List, "Fields to write in lower case."),
        Opt::new(
            "strip",
            Kind::List,
            "Fields to rid of white space at both ends.",
        ),
        Opt::new(
            "split",
            Kind::Hash,
            "Field to the separator at which its text becomes a list. A single blank stands for any number of blanks, tabs and \
             line ends.",
        ),
        Opt::new(
            "join",
            Kind::Hash,
            "Field to the separator with which its list becomes a text.",
        ),
        Opt::new(
            "merge",
            Kind::Hash,
            "Field to the field whose items are added to it.",
        ),
        Opt::new("copy", Kind::Hash, "Field to the name of a copy."),
        Opt::new(
            "tag_on_failure",
            Kind::Text,
            "Tag of events on which an operation failed.",
        )
        .default("_mutate_error"),
    ],
    absent: &[],
};

#[derive(Clone)]
struct Mutate {
    operations: Vec<Operation>,
    tag_on_failure: Vec<u8>,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Filter>> {
    Some(Box::new(Mutate {
        operations: operation::compile(options, building),
        tag_on_failure: options.text("tag_on_failure").unwrap_or_default().into(),
    }))
}

impl Filter for Mutate {
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome) {
        for &id in selected {
            let done = self
                .operations
                .iter()
                .try_for_each(|operation| operation.run(batch, id));
            match done {
                Ok(()) => outcome.matched.push(id),
                Err(operation::Failed) => {
                    batch.tag(id, &self.tag_on_failure);
                    outcome.failed += 1;
                }
            }
        }
    }

    fn fork(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
