//! `clone`: copies of an event, each with a name of its own; the event itself goes on as it is.

use std::sync::Arc;

use crate::event::{Batch, EventId, Maker, Name, Text, Value};
use crate::filters::{Filter, FilterPlugin, Outcome};
use crate::lang::diagnostic::Diagnostic;
use crate::metrics::Counter;
use crate::pipeline::Building;
use crate::pipeline::building::Ecs;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};

pub const PLUGIN: FilterPlugin = FilterPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Filter,
    name: "clone",
    summary: "Makes copies of an event, one for each name. The event itself goes on unchanged, and its copies behind it; the \
              filters that follow get both.",
    options: &[Opt::new(
        "clones",
        Kind::List,
        "The names of the copies. A copy has its name in `type`, with `ecs_compatibility` of `v1` or `v8` as one more of \
         `tags`.",
    )
    .required()],
    absent: &[],
};

/// Marks an event of which there was no room for copies.
const TOO_MANY_TAG: &[u8] = b"_clone_too_many";

#[derive(Clone)]
struct Clones {
    names: Vec<Vec<u8>>,
    ecs: Ecs,
    maker: Maker,
    created: Arc<Counter>,
    refused: Arc<Counter>,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Filter>> {
    let names = options.list("clones").iter();
    let names: Vec<_> = names.map(|name| name.text.as_bytes().to_vec()).collect();
    if names.is_empty() && options.setting("clones").is_some() {
        let span = options.span_of("clones");
        let empty = Diagnostic::warning(span, "`clones` is empty: there will be no copies");
        building.report(empty.help("name each copy, as in `clones => [\"audit\"]`"));
    }
    let metrics = building.metrics.plugin(options);
    Some(Box::new(Clones {
        names,
        ecs: building.ecs(options),
        maker: Maker::of(&options.id),
        created: metrics.counter("events_created"),
        refused: metrics.counter("copies_refused"),
    }))
}

impl Clones {
    fn name(&self, batch: &mut Batch, copy: EventId, name: Text) {
        match self.ecs {
            Ecs::Disabled => batch.set_top(copy, Name::TYPE, Value::Text(name)),
            Ecs::Enabled => batch.push_tag(copy, name),
        }
    }
}

impl Filter for Clones {
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome) {
        let names: Vec<Text> = self.names.iter().map(|name| batch.append(name)).collect();
        for &id in selected {
            if !batch.reserve_copies(id, names.len(), None) {
                batch.tag(id, TOO_MANY_TAG);
                self.refused.add(1);
                outcome.failed += 1;
                continue;
            }
            for (number, &name) in (0..).zip(&names) {
                let copy = batch.copy_event(id, self.maker, number);
                self.name(batch, copy, name);
                outcome.matched.push(copy);
                outcome.created.push(copy);
            }
        }
        self.created.add(outcome.created.len() as u64);
    }

    fn fork(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
