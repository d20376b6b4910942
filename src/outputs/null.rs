//! `null`: takes events and discards them, which is their delivery.

use std::sync::Arc;

use crate::event::{Batch, EventId};
use crate::metrics::PluginMetrics;
use crate::outputs::{Encoder, Opening, Output, OutputPlugin, Started};
use crate::pipeline::Building;
use crate::plugin::{Options, Plugin, Section};

pub const PLUGIN: OutputPlugin = OutputPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Output,
    name: "null",
    summary: "Discards events: for measuring, and for trying out inputs and filters.",
    options: &[],
    absent: &[],
};

#[derive(Clone)]
struct Null {
    metrics: Arc<PluginMetrics>,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Output>> {
    Some(Box::new(Null {
        metrics: building.metrics.plugin(options),
    }))
}

impl Output for Null {
    fn start(self: Box<Self>, _: &Opening<'_>) -> Started {
        Started {
            encoder: self,
            task: tokio::spawn(std::future::ready(())),
        }
    }
}

impl Encoder for Null {
    fn encode(&mut self, _batch: &mut Batch, selected: &[EventId]) {
        self.metrics.events_out.add(selected.len() as u64);
    }

    fn flush(&mut self) {}

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(self.clone())
    }
}
