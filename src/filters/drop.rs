//! `drop`: takes events out of the flow, all of those selected or a share of them.

use crate::event::{Batch, EventId};
use crate::filters::{Filter, FilterPlugin, Outcome};
use crate::lang::diagnostic::Diagnostic;
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};

pub const PLUGIN: FilterPlugin = FilterPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Filter,
    name: "drop",
    summary: "Drops the events that reach it. They are counted, and what they were read from is acknowledged.",
    options: &[Opt::new(
        "percentage",
        Kind::Number,
        "The share of events to drop. It is kept exactly over any run of events, not by chance.",
    )
    .default("100")],
    absent: &[],
};

#[derive(Clone)]
struct Drop {
    percentage: f64,
    /// Share of an event that is due to be dropped.
    due: f64,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Filter>> {
    let percentage = options.number("percentage").unwrap_or(100.0);
    if !(0.0..=100.0).contains(&percentage) {
        let message = format!("`percentage` is {percentage}");
        let span = options.span_of("percentage");
        building.report(Diagnostic::error(span, message).help("give a number from 0 to 100"));
        return None;
    }
    Some(Box::new(Drop {
        percentage,
        due: 0.0,
    }))
}

impl Filter for Drop {
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome) {
        for &id in selected {
            self.due += self.percentage;
            if 100.0 <= self.due {
                self.due -= 100.0;
                batch.drop_event(id);
            } else {
                outcome.matched.push(id);
            }
        }
    }

    fn fork(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
