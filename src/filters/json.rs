//! `json`: parses a field that holds JSON into fields.

use crate::event::adopt;
use crate::event::json::{Counted, JsonFault, TOO_LARGE_TAG};
use crate::event::{Batch, EventId, Reference, Value};
use crate::filters::{Filter, FilterPlugin, Outcome};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};

pub const PLUGIN: FilterPlugin = FilterPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Filter,
    name: "json",
    summary: "Parses JSON text in a field. Without `target` the members of the object become fields at the top level. A \
              text of more than 10,000 members or 128 levels stays as it is and gets the tag `_jsontoolarge` besides.",
    options: &[
        Opt::new("source", Kind::Field, "The field that holds the JSON text.").required(),
        Opt::new(
            "target",
            Kind::Field,
            "The field that gets the parsed value.",
        ),
        Opt::new(
            "skip_on_invalid_json",
            Kind::Boolean,
            "Leave events with invalid JSON alone, without tag.",
        )
        .default("false"),
        Opt::new(
            "tag_on_failure",
            Kind::List,
            "Tags of events whose text could not be parsed.",
        )
        .default("[\"_jsonparsefailure\"]"),
    ],
    absent: &[],
};

#[derive(Clone)]
struct Json {
    source: Reference,
    target: Option<Reference>,
    skip_on_invalid_json: bool,
    tags_on_failure: Vec<Vec<u8>>,
    scratch: Vec<u8>,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Filter>> {
    let target = match options.word("target") {
        Some(word) => Some(building.reference(&word)?),
        None => None,
    };
    let tags = options
        .list("tag_on_failure")
        .iter()
        .map(|tag| tag.text.as_bytes().to_vec());
    Some(Box::new(Json {
        source: building.option_reference(options, "source")?,
        target,
        skip_on_invalid_json: options.boolean("skip_on_invalid_json"),
        tags_on_failure: tags.collect(),
        scratch: Vec::new(),
    }))
}

/// Why an event was not parsed.
enum Problem {
    /// The text is no JSON.
    Invalid,
    /// It is, but is too large or does not fit where it should go.
    Unfit,
}

impl Json {
    /// Parses one event's field; an event without it is left alone.
    fn parse(&mut self, batch: &mut Batch, id: EventId) -> Option<Result<(), Problem>> {
        let text = match batch.get(id, &self.source)? {
            Value::Text(text) => text,
            Value::Null => return None,
            _ => return Some(Err(Problem::Unfit)),
        };
        let parsed = match batch.parse_json(text, Counted::Whole, &mut self.scratch) {
            Ok(parsed) => parsed,
            Err(JsonFault::Broken(_)) => return Some(Err(Problem::Invalid)),
            Err(JsonFault::TooLarge) => {
                batch.tag(id, TOO_LARGE_TAG);
                return Some(Err(Problem::Unfit));
            }
        };
        let stored = match (&self.target, parsed) {
            (Some(target), value) => batch.set(id, target, value).is_ok(),
            (None, Value::Map(members)) => {
                adopt::adopt(batch, id, members);
                true
            }
            (None, _) => false,
        };
        Some(if stored { Ok(()) } else { Err(Problem::Unfit) })
    }
}

impl Filter for Json {
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome) {
        for &id in selected {
            match self.parse(batch, id) {
                Some(Ok(())) => outcome.matched.push(id),
                None => {}
                Some(Err(Problem::Invalid)) if self.skip_on_invalid_json => {}
                Some(Err(_)) => {
                    self.tags_on_failure
                        .iter()
                        .for_each(|tag| batch.tag(id, tag));
                    outcome.failed += 1;
                }
            }
        }
    }

    fn fork(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
