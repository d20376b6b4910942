//! Figures in Prometheus' text format: work per plugin, resources of the agent.

use std::fmt::Write;

use crate::api::State;
use crate::metrics::PluginMetrics;
use crate::plugin::Section;

/// The whole page.
pub fn encode(state: &State) -> String {
    let mut page = String::new();
    let plugins = state.metrics.plugins();
    for (name, help, read) in SUMS {
        head(&mut page, name, "counter", help);
        for plugin in &plugins {
            sample(&mut page, name, plugin, read(plugin));
        }
    }
    head(
        &mut page,
        "sawlog_plugin_seconds_total",
        "counter",
        "Time that the plugin worked",
    );
    for plugin in &plugins {
        sample(
            &mut page,
            "sawlog_plugin_seconds_total",
            plugin,
            plugin.seconds(),
        );
    }
    named(&mut page, &plugins, "counter", |plugin| plugin.counters());
    named(&mut page, &plugins, "gauge", |plugin| plugin.gauges());
    resources(&mut page, state);
    page
}

type Sum = (&'static str, &'static str, fn(&PluginMetrics) -> u64);

const SUMS: [Sum; 3] = [
    (
        "sawlog_plugin_events_in_total",
        "Events that the plugin was given",
        |p| p.events_in.value(),
    ),
    (
        "sawlog_plugin_events_out_total",
        "Events that the plugin passed on",
        |p| p.events_out.value(),
    ),
    (
        "sawlog_plugin_events_failed_total",
        "Events that the plugin failed on",
        |p| p.failed.value(),
    ),
];

fn section(section: Section) -> &'static str {
    match section {
        Section::Input => "input",
        Section::Codec => "codec",
        Section::Filter => "filter",
        Section::Output => "output",
    }
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a text cannot fail.
    writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}").unwrap_or_default();
}

fn sample(page: &mut String, name: &str, plugin: &PluginMetrics, value: impl std::fmt::Display) {
    let (section, plugin_name, id) = (section(plugin.section), plugin.name, escape(&plugin.id));
    writeln!(
        page,
        "{name}{{section=\"{section}\",plugin=\"{plugin_name}\",id=\"{id}\"}} {value}"
    )
    .unwrap_or_default();
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Counters and gauges that only some plugins have, grouped by name as the format demands.
fn named(
    page: &mut String,
    plugins: &[std::sync::Arc<PluginMetrics>],
    kind: &str,
    read: impl Fn(&PluginMetrics) -> Vec<(&'static str, u64)>,
) {
    let mut all: Vec<(&str, &PluginMetrics, u64)> = Vec::new();
    for plugin in plugins {
        all.extend(
            read(plugin)
                .into_iter()
                .map(|(name, value)| (name, &**plugin, value)),
        );
    }
    all.sort_by_key(|(name, ..)| *name);
    let mut last = "";
    for (name, plugin, value) in all {
        let total = if kind == "counter" { "_total" } else { "" };
        let full = format!("sawlog_plugin_{name}{total}");
        if name != last {
            head(page, &full, kind, &name.replace('_', " "));
            last = name;
        }
        sample(page, &full, plugin, value);
    }
}

fn resources(page: &mut String, state: &State) {
    let mut figure = |name: &str, kind: &str, help: &str, value: f64| {
        head(page, name, kind, help);
        writeln!(page, "{name} {value}").unwrap_or_default();
    };
    let metrics = &state.metrics;
    let waiting = state.batches_waiting() as f64;
    figure(
        "sawlog_batches_waiting",
        "gauge",
        "Batches that wait for a worker",
        waiting,
    );
    let reloads = metrics.reloads.value() as f64;
    figure(
        "sawlog_reloads_total",
        "counter",
        "Configurations taken over while running",
        reloads,
    );
    let failed = metrics.reloads_failed.value() as f64;
    figure(
        "sawlog_reloads_failed_total",
        "counter",
        "Configurations refused while running",
        failed,
    );
    let failed = metrics.position_saves_failed.value() as f64;
    figure(
        "sawlog_position_saves_failed_total",
        "counter",
        "Files of positions that could not be written, and were tried again",
        failed,
    );
    for (name, help, key) in [
        ("process_resident_memory_bytes", "Memory in use", "VmRSS:"),
        (
            "sawlog_memory_peak_bytes",
            "Most memory ever in use",
            "VmHWM:",
        ),
    ] {
        if let Some(kib) = status_kib(key) {
            figure(name, "gauge", help, kib * 1024.0);
        }
    }
    if let Some(seconds) = processor_seconds() {
        figure(
            "process_cpu_seconds_total",
            "counter",
            "Time on the processor",
            seconds,
        );
    }
}

/// User and system time. The kernel's clock is read per process, so threads are counted in.
fn processor_seconds() -> Option<f64> {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(clock.tv_sec as f64 + clock.tv_nsec as f64 / 1e9)
}

/// A line of the process's own status, in KiB.
fn status_kib(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}
