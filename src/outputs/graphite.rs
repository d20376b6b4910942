//! `graphite`: events become samples in the workers; a task adds them up by path and interval, writes points to carbon and
//! keeps the sums over a restart. Tags are not here.

mod config;
mod connection;
mod encode;
mod ledger;
mod outside;
mod path;
mod points;
mod sender;
#[cfg(test)]
mod simulation;
mod slots;
mod state;
mod store;
mod succession;
mod timer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::limits;
use crate::metrics::PluginMetrics;
use crate::outputs::{Opening, Output, OutputPlugin, Started};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use config::Config;
use connection::Connection;
use encode::SampleEncoder;
use outside::Real;
use sender::State;
use slots::Slots;
pub use store::all as states_in;
pub use succession::Writers;

pub const PLUGIN: OutputPlugin = OutputPlugin {
    plugin: &Plugin {
        section: Section::Output,
        name: "graphite",
        summary: "Sends metrics to Graphite's carbon, one value for each path and interval. Counters, gauges and timers \
                  are aggregated; what a field puts into a path is made safe: anything but letters, digits, `_` and `-` \
                  becomes `_`, and an event that lacks the field gives no sample.",
        options: OPTIONS,
        absent: &[],
    },
    build,
};

const OPTIONS: &[Opt] = &[
    Opt::new("host", Kind::Text, "Where carbon listens.").default("localhost"),
    Opt::new(
        "port",
        Kind::Integer,
        "Carbon's port. Without it 2003, or 2004 where `protocol` is `pickle`.",
    ),
    Opt::new(
        "protocol",
        Kind::Text,
        "How points are written: as lines of text, or as pickles of up to 500 points.",
    )
    .default("plaintext")
    .allowed(&["plaintext", "pickle"]),
    Opt::new(
        "interval",
        Kind::Duration,
        "The time that one point stands for; a multiple of the finest retention in carbon's storage-schemas.conf.",
    )
    .default("10"),
    Opt::new("prefix", Kind::Text, "Stands before every path, with a `.` behind it; `%{field}` is filled in."),
    Opt::new(
        "counters",
        Kind::Hash,
        "Path => increment. The sum of an interval is sent under the path itself, and 0 for an hour when nothing comes: \
         `\"nginx.status.%{response_code}\" => 1`.",
    ),
    Opt::new("gauges", Kind::Hash, "Path => value. The last value of an interval is sent under the path itself."),
    Opt::new(
        "timers",
        Kind::Hash,
        "Path => value. Sent are `count`, `rate` (by second), `mean`, `min`, `max` and the percentiles, below the path: \
         `\"nginx.response_time\" => \"%{response_time}\"` gives `nginx.response_time.p95`.",
    ),
    Opt::new(
        "percentiles",
        Kind::List,
        "Percentiles of timers: 95 is sent as `p95`, 99.9 as `p99_9`. Exact up to 4096 values in an interval, beyond it \
         right to one in a hundred.",
    )
    .default("[\"50\", \"95\", \"99\"]"),
    Opt::new(
        "metrics",
        Kind::Hash,
        "Name => value, as in Logstash. The last value of an interval is sent. A value that is no number is 0; a field \
         with an object gives a metric for each number in it.",
    ),
    Opt::new(
        "fields_are_metrics",
        Kind::Boolean,
        "Every field of an event with a number is a metric.",
    )
    .default("false"),
    Opt::new("include_metrics", Kind::List, "Regular expressions; only names that match one are sent. For `metrics` and \
             `fields_are_metrics`.")
    .default("[\".*\"]"),
    Opt::new("exclude_metrics", Kind::List, "Regular expressions; names that match one are not sent. For `metrics` and \
             `fields_are_metrics`.")
    .default("[\"%\\{[^}]+\\}\"]"),
    Opt::new("metrics_format", Kind::Text, "The path for `metrics` and `fields_are_metrics`; `*` stands for the name.")
        .default("*"),
    Opt::new("timestamp_field", Kind::Field, "The field with the time of a value.").default("@timestamp"),
    Opt::new("nested_object_separator", Kind::Text, "Joins the names of an object's fields.").default("."),
    Opt::new("reconnect_interval", Kind::Duration, "The wait before carbon is asked again.").default("2"),
    Opt::new("resend_on_failure", Kind::Boolean, "Whether points are sent again after a fault.")
        .without_effect("they always are"),
];

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Output>> {
    let metrics = building.metrics.plugin(options);
    let state = store::path(&building.surroundings.path_data, &options.id);
    let config = config::check(options, building)?;
    Some(Box::new(Graphite {
        config,
        state: Some(state),
        metrics,
    }))
}

struct Graphite {
    config: Config,
    state: Option<PathBuf>,
    metrics: Arc<PluginMetrics>,
}

impl Output for Graphite {
    fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    fn keep_nothing(&mut self) {
        self.state = None;
    }

    fn start(self: Box<Self>, opening: &Opening<'_>) -> Started {
        let Self {
            config,
            state,
            metrics,
        } = *self;
        let (queue, samples) = mpsc::channel(limits::SAMPLE_BLOCKS_WAITING_MAX);
        let seconds = i64::try_from(config.interval.as_secs()).unwrap_or(i64::MAX);
        let slots = Slots::new(seconds, &config.percentiles);
        let connection = Connection::<Real>::new(config.host, config.port);
        let settings = sender::Settings {
            interval: config.interval,
            reconnect: config.reconnect,
            protocol: config.protocol,
        };
        let state = state.map(|path| State {
            place: opening.successions.writers.succeed(&path),
            path,
        });
        let task = sender::run(
            settings,
            state,
            slots,
            connection,
            Arc::clone(&metrics),
            samples,
        );
        let encoder = SampleEncoder::new(Arc::new(config.plan), queue, metrics);
        Started {
            encoder: Box::new(encoder),
            task: tokio::spawn(task),
        }
    }
}

#[cfg(test)]
mod tests;
