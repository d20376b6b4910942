//! The options of the output, checked: paths, values, names to keep, times.

use std::time::Duration;

use regex::bytes::RegexSet;

use crate::event::Reference;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::ruby_regex;
use crate::outputs::graphite::encode::{Plan, Rule, ValueSource};
use crate::outputs::graphite::path::{PathTemplate, Star};
use crate::outputs::graphite::points::Protocol;
use crate::outputs::graphite::slots::Kind;
use crate::pipeline::Building;
use crate::plugin::{Arg, Options, Word};
use crate::quiet::Quiet;

/// Everything that the output was told.
pub struct Config {
    pub plan: Plan,
    pub host: String,
    pub port: u16,
    pub protocol: Protocol,
    pub interval: Duration,
    pub reconnect: Duration,
    pub percentiles: Vec<f64>,
}

pub fn check(options: &Options, building: &mut Building<'_>) -> Option<Config> {
    let plan = plan(options, building);
    let (protocol, usual_port) = match options.text("protocol") {
        Some("pickle") => (Protocol::Pickle, 2004),
        _ => (Protocol::Plaintext, 2003),
    };
    let port = u16::try_from(options.integer("port").unwrap_or(usual_port)).ok();
    let Some(port) = port.filter(|port| *port != 0) else {
        building.refuse(options.span_of("port"), "`port` goes from 1 to 65535");
        return None;
    };
    let interval = options
        .duration("interval")
        .unwrap_or(Duration::from_secs(10));
    if interval.subsec_nanos() != 0 || interval < Duration::from_secs(1) {
        let why = "`interval` is at least 1 second, and whole seconds: carbon keeps nothing finer";
        building.refuse(options.span_of("interval"), why);
        return None;
    }
    Some(Config {
        percentiles: percentiles(options, building)?,
        plan: plan?,
        host: options.text("host").unwrap_or("localhost").to_owned(),
        port,
        protocol,
        interval,
        reconnect: options
            .duration("reconnect_interval")
            .unwrap_or(Duration::from_secs(2))
            .max(Duration::from_millis(100)),
    })
}

fn plan(options: &Options, building: &mut Building<'_>) -> Option<Plan> {
    let prefix = prefix(options, building)?;
    let format = format(options, building)?;
    let mut rules = Vec::new();
    for (name, kind) in [
        ("counters", Kind::Counter),
        ("gauges", Kind::Gauge),
        ("timers", Kind::Timer),
    ] {
        for (word, value) in options.hash(name) {
            let path = PathTemplate::compile(word, Star::IsText, building);
            let value = value_source(value, building);
            if let (Some(path), Some(value)) = (path, value) {
                warn_of_open(prefix.as_ref().unwrap_or(&path), None, word, building);
                rules.push(Rule { kind, path, value });
            }
        }
    }
    let mut metrics = Vec::new();
    for (word, value) in options.hash("metrics") {
        let name = PathTemplate::compile(word, Star::IsText, building);
        let value = value_source_or_zero(value, building);
        if let (Some(name), Some(value)) = (name, value) {
            let first = prefix.as_ref().unwrap_or(&format);
            warn_of_open(first, Some(&name), word, building);
            metrics.push((name, value));
        }
    }
    let fields_are_metrics = options.boolean("fields_are_metrics");
    if rules.is_empty() && metrics.is_empty() && !fields_are_metrics {
        let warning = "nothing is sent: write `counters`, `gauges`, `timers`, `metrics` or `fields_are_metrics => true`";
        building.report(Diagnostic::warning(options.span, warning));
    }
    let separator = options
        .text("nested_object_separator")
        .unwrap_or(".")
        .to_owned();
    if separator
        .chars()
        .any(|character| character.is_whitespace() || character.is_control())
    {
        let why = "the separator stands in paths, which have no blanks";
        building.refuse(options.span_of("nested_object_separator"), why);
    }
    Some(Plan {
        rules,
        metrics,
        fields_are_metrics,
        include: patterns(options, "include_metrics", building)?,
        exclude: patterns(options, "exclude_metrics", building)?,
        prefix,
        format,
        timestamp: timestamp(options, building)?,
        separator,
        early: Quiet::default(),
    })
}

/// Warns of a metric whose path begins with what stands in an event. `first` begins the path, `name` takes the place of `*`.
fn warn_of_open(
    first: &PathTemplate,
    name: Option<&PathTemplate>,
    word: &Word,
    building: &mut Building<'_>,
) {
    if !first.begins_with_text(name) {
        let warning = "an event chooses where the path of this metric begins; begin it with a text of your own, or write `prefix`";
        building.report(Diagnostic::warning(word.span, warning));
    }
}

fn timestamp(options: &Options, building: &mut Building<'_>) -> Option<Reference> {
    match options.word("timestamp_field") {
        Some(word) => building.reference(&word),
        None => Some(building.known("@timestamp")),
    }
}

fn prefix(options: &Options, building: &mut Building<'_>) -> Option<Option<PathTemplate>> {
    match options.word("prefix").filter(|word| !word.text.is_empty()) {
        None => Some(None),
        Some(word) => {
            let text = word.text.trim_end_matches('.').to_owned();
            let word = Word { text, ..word };
            PathTemplate::compile(&word, Star::IsText, building).map(Some)
        }
    }
}

/// `metrics_format`; without its `*` it is ignored with a warning, as in Logstash.
fn format(options: &Options, building: &mut Building<'_>) -> Option<PathTemplate> {
    let star = Word {
        text: "*".to_owned(),
        span: options.span,
    };
    let word = options
        .word("metrics_format")
        .unwrap_or_else(|| star.clone());
    let format = PathTemplate::compile(&word, Star::IsName, building)?;
    if format.has_name() {
        return Some(format);
    }
    let warning = "`metrics_format` has no `*` for the metric's name and is ignored";
    building.report(Diagnostic::warning(word.span, warning));
    PathTemplate::compile(&star, Star::IsName, building)
}

fn patterns(options: &Options, name: &str, building: &mut Building<'_>) -> Option<RegexSet> {
    let mut translated = Vec::new();
    for word in options.list(name) {
        match ruby_regex::translate(&word.text) {
            Ok(pattern) => translated.push(pattern),
            Err(refusal) => building.refuse(word.span, refusal.message),
        }
    }
    match RegexSet::new(&translated) {
        Ok(set) if translated.len() == options.list(name).len() => Some(set),
        Ok(_) => None,
        Err(error) => {
            building.refuse(
                options.span_of(name),
                format!("these patterns do not compile: {error}"),
            );
            None
        }
    }
}

/// A number, or a template that gives one.
fn value_source(value: &Arg, building: &mut Building<'_>) -> Option<ValueSource> {
    let source = value_source_or_zero(value, building)?;
    let is_text =
        matches!(source, ValueSource::Rendered(ref template) if template.as_literal().is_some());
    if is_text {
        let why = "a metric's value is a number or a `%{field}` that holds one";
        building.refuse(value.span, why);
        return None;
    }
    Some(source)
}

fn value_source_or_zero(value: &Arg, building: &mut Building<'_>) -> Option<ValueSource> {
    let Some(text) = value.text() else {
        building.refuse(
            value.span,
            "a metric's value is a number or a `%{field}` that holds one",
        );
        return None;
    };
    if let Ok(constant) = text.trim().parse::<f64>()
        && constant.is_finite()
    {
        return Some(ValueSource::Constant(constant));
    }
    let field = text
        .strip_prefix("%{")
        .and_then(|text| text.strip_suffix('}'));
    let plain = field.filter(|field| !field.starts_with(['{', '+']) && !field.contains("%{"));
    let word = |text: &str| Word {
        text: text.to_owned(),
        span: value.span,
    };
    match plain {
        Some(field) => building.reference(&word(field)).map(ValueSource::Field),
        None => building.template(&word(text)).map(ValueSource::Rendered),
    }
}

fn percentiles(options: &Options, building: &mut Building<'_>) -> Option<Vec<f64>> {
    let mut all = Vec::new();
    for word in options.list("percentiles") {
        match word.text.trim().parse::<f64>() {
            Ok(percent) if 0.0 < percent && percent <= 100.0 => all.push(percent),
            _ => {
                let why = "a percentile is a number above 0 and up to 100";
                building.refuse(word.span, why);
                return None;
            }
        }
    }
    Some(all)
}
