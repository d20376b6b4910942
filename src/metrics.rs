//! Counters of the running agent: per plugin and for the whole. Workers add once per batch; readers see sums at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::plugin::{Options, Section};

/// The counter of documents that were not delivered before the agent's end, nor kept, and that nobody could send again.
pub const DOCUMENTS_LOST: &str = "documents_lost";

/// A sum that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A figure that is set.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Sets it where it was lower: the highest value so far.
    pub fn raise(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One plugin's work.
#[derive(Debug)]
pub struct PluginMetrics {
    pub section: Section,
    pub name: &'static str,
    pub id: String,
    pub events_in: Counter,
    pub events_out: Counter,
    /// Events on which a filter failed, or which an output's server refused.
    pub failed: Counter,
    nanos: Counter,
    named: Mutex<Vec<(&'static str, Arc<Counter>)>>,
    gauges: Mutex<Vec<(&'static str, Arc<Gauge>)>>,
}

impl PluginMetrics {
    /// Adds to the time that the plugin worked.
    pub fn worked(&self, time: Duration) {
        self.nanos
            .add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn seconds(&self) -> f64 {
        self.nanos.value() as f64 / 1e9
    }

    /// A further counter of this plugin, such as `udp_drops`; the same name gives the same counter.
    pub fn counter(&self, name: &'static str) -> Arc<Counter> {
        named(&self.named, name)
    }

    /// A further gauge of this plugin, such as `queue_blocks`.
    pub fn gauge(&self, name: &'static str) -> Arc<Gauge> {
        named(&self.gauges, name)
    }

    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let named = self.named.lock().expect("no holder of this lock panics");
        named
            .iter()
            .map(|(name, counter)| (*name, counter.value()))
            .collect()
    }

    pub fn gauges(&self) -> Vec<(&'static str, u64)> {
        let named = self.gauges.lock().expect("no holder of this lock panics");
        named
            .iter()
            .map(|(name, gauge)| (*name, gauge.value()))
            .collect()
    }
}

fn named<T: Default>(all: &Mutex<Vec<(&'static str, Arc<T>)>>, name: &'static str) -> Arc<T> {
    let mut all = all.lock().expect("no holder of this lock panics");
    if let Some((_, found)) = all.iter().find(|(known, _)| *known == name) {
        return Arc::clone(found);
    }
    let made = Arc::new(T::default());
    all.push((name, Arc::clone(&made)));
    made
}

/// All plugins of the agent, those of earlier configurations included, so that sums never shrink.
#[derive(Debug, Default)]
pub struct Metrics {
    plugins: Mutex<Vec<Arc<PluginMetrics>>>,
    pub reloads: Counter,
    pub reloads_failed: Counter,
    /// Writes of files of positions that failed.
    pub position_saves_failed: Counter,
}

impl Metrics {
    /// The metrics of a plugin; a plugin of the same section, name and id continues its sums.
    pub fn plugin(&self, options: &Options) -> Arc<PluginMetrics> {
        let mut plugins = self.plugins.lock().expect("no holder of this lock panics");
        let plugin = options.plugin;
        let same = |known: &&Arc<PluginMetrics>| {
            known.section == plugin.section && known.name == plugin.name && known.id == options.id
        };
        if let Some(known) = plugins.iter().find(same) {
            return Arc::clone(known);
        }
        let made = Arc::new(PluginMetrics {
            section: plugin.section,
            name: plugin.name,
            id: options.id.clone(),
            events_in: Counter::default(),
            events_out: Counter::default(),
            failed: Counter::default(),
            nanos: Counter::default(),
            named: Mutex::default(),
            gauges: Mutex::default(),
        });
        plugins.push(Arc::clone(&made));
        made
    }

    /// A counter of this name over all plugins.
    pub fn total(&self, name: &str) -> u64 {
        let counters = self.plugins().into_iter().flat_map(|one| one.counters());
        let named = counters.filter(|(known, _)| *known == name);
        named.map(|(_, value)| value).sum()
    }

    pub fn plugins(&self) -> Vec<Arc<PluginMetrics>> {
        self.plugins
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }
}
