//! Filters: plain functions on the selected events of a batch. Each plugin is one file and one line of `ALL`.

pub mod clone;
pub mod date;
pub mod docker;
pub mod drop;
pub mod grok;
pub mod json;
pub mod mutate;
pub mod split;
mod words;

use crate::event::{Batch, EventId};
use crate::lang::source::Span;
use crate::pipeline::Building;
use crate::plugin::{Options, Plugin};

/// Every filter of the agent.
pub const ALL: &[FilterPlugin] = &[
    clone::PLUGIN,
    date::PLUGIN,
    docker::PLUGIN,
    drop::PLUGIN,
    grok::PLUGIN,
    json::PLUGIN,
    mutate::PLUGIN,
    split::PLUGIN,
];

/// A filter's description and how it is built. `build` gives nothing after it has reported why.
pub struct FilterPlugin {
    pub plugin: &'static Plugin,
    pub build: fn(&Options, &mut Building<'_>) -> Option<Box<dyn Filter>>,
}

/// A filter as one worker runs it.
pub trait Filter: Send {
    /// Works on the selected events, none of which is dropped.
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome);

    /// What `sawlog check` has to say of it, and of which place of the configuration.
    fn remarks(&self) -> Vec<(Span, String)> {
        Vec::new()
    }

    /// The same filter for another worker; compiled parts are shared.
    fn fork(&self) -> Box<dyn Filter>;
}

/// What a filter tells of a run.
#[derive(Default)]
pub struct Outcome {
    /// Events on which the filter succeeded: they get its common options.
    pub matched: Vec<EventId>,
    /// Events that the filter made of others, in the order of those: they go on behind it.
    pub created: Vec<EventId>,
    /// How many events it failed on.
    pub failed: u64,
}

impl Outcome {
    pub fn clear(&mut self) {
        self.matched.clear();
        self.created.clear();
        self.failed = 0;
    }
}
