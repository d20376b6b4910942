//! Events to samples, in the worker. Paths are rendered and made safe, values are read as numbers; nothing is added up
//! here.

use std::sync::Arc;
use std::time::Instant;

use regex::bytes::RegexSet;
use tokio::sync::mpsc;

use crate::event::{Batch, EventId, Name, Reference, Template, Value};
use crate::limits;
use crate::metrics::{Counter, PluginMetrics};
use crate::outputs::graphite::path::{PathTemplate, push_safe};
use crate::outputs::graphite::slots::{Kind, Sample};
use crate::outputs::{Encoder, has_gathered};
use crate::queue::ack::Ack;
use crate::quiet::Quiet;

/// A value: a constant, or what an event has.
#[derive(Clone, Debug)]
pub enum ValueSource {
    Constant(f64),
    Rendered(Template),
    /// One field, which may be a map of values.
    Field(Reference),
}

/// One line of `counters`, `gauges` or `timers`.
#[derive(Clone, Debug)]
pub struct Rule {
    pub kind: Kind,
    pub path: PathTemplate,
    pub value: ValueSource,
}

/// What the encoders share.
#[derive(Debug)]
pub struct Plan {
    pub rules: Vec<Rule>,
    /// `metrics`: names and values.
    pub metrics: Vec<(PathTemplate, ValueSource)>,
    pub fields_are_metrics: bool,
    pub include: RegexSet,
    pub exclude: RegexSet,
    /// `prefix` and `metrics_format`.
    pub prefix: Option<PathTemplate>,
    pub format: PathTemplate,
    pub timestamp: Reference,
    pub separator: String,
    /// Tells of times that are too far ahead.
    pub early: Quiet,
}

/// Samples on their way to the task.
#[derive(Default)]
pub struct Samples {
    paths: Vec<u8>,
    all: Vec<Compact>,
    /// Events that are in here.
    pub events: u64,
    /// What is not acknowledged of them is read again.
    pub is_rereadable: bool,
    /// They were meant for an output before this one: should another output lose them, the new inputs may read them again.
    pub is_handed_over: bool,
    /// When the first of them came in, nanoseconds since 1970.
    pub received: i64,
    pub acks: Vec<Ack>,
}

#[derive(Clone, Copy)]
struct Compact {
    kind: Kind,
    /// It is the first of its event.
    begins: bool,
    start: u32,
    len: u32,
    time: i64,
    value: f64,
}

impl Samples {
    pub fn iter(&self) -> impl Iterator<Item = Sample<'_>> {
        self.all.iter().map(|sample| self.whole(sample))
    }

    /// Those of one event after another.
    pub fn by_event(&self) -> impl Iterator<Item = impl Iterator<Item = Sample<'_>>> {
        let events = self.all.chunk_by(|_, next| !next.begins);
        events.map(|event| event.iter().map(|sample| self.whole(sample)))
    }

    pub fn handed_over(mut self) -> Self {
        self.is_handed_over = true;
        self
    }

    /// Takes those with these numbers out, which ascend.
    pub fn remove(&mut self, numbers: &[usize]) {
        let (mut number, mut numbers) = (0, numbers.iter().peekable());
        let mut begins = false;
        self.all.retain_mut(|sample| {
            let is_gone = numbers.next_if(|gone| **gone == number).is_some();
            number += 1;
            begins |= sample.begins;
            if !is_gone {
                sample.begins = std::mem::take(&mut begins);
            }
            !is_gone
        });
    }

    fn whole(&self, sample: &Compact) -> Sample<'_> {
        let (start, len) = (sample.start as usize, sample.len as usize);
        Sample {
            kind: sample.kind,
            path: self.paths.get(start..start + len).unwrap_or(b""),
            time: sample.time,
            value: sample.value,
        }
    }

    /// Adds a sample whose path begins at `start` and ends with the paths.
    fn push(&mut self, kind: Kind, start: usize, time: i64, value: f64) {
        self.all.push(Compact {
            kind,
            begins: false,
            start: start as u32,
            len: (self.paths.len() - start) as u32,
            time,
            value,
        });
    }

    fn is_full(&self) -> bool {
        limits::SAMPLE_BLOCK_MAX <= self.all.len()
    }

    /// Samples of these kinds, paths, times and values, each of an event of its own.
    #[cfg(test)]
    pub fn of(all: &[(Kind, &str, i64, f64)]) -> Self {
        let mut samples = Self::default();
        for (kind, path, time, value) in all {
            let start = samples.paths.len();
            samples.paths.extend_from_slice(path.as_bytes());
            samples.push(*kind, start, *time, *value);
        }
        let all = samples.all.iter_mut();
        all.for_each(|sample| sample.begins = true);
        samples
    }

    /// Bytes that the samples take, roughly.
    pub fn bytes(&self) -> usize {
        let acks = self.acks.capacity() * size_of::<Ack>();
        size_of::<Self>()
            + acks
            + self.all.capacity() * size_of::<Compact>()
            + self.paths.capacity()
    }
}

/// The encoder of one worker.
pub struct SampleEncoder {
    plan: Arc<Plan>,
    queue: mpsc::Sender<Samples>,
    open: Samples,
    scratch: Vec<u8>,
    name: Vec<u8>,
    refused: Refused,
}

#[derive(Clone)]
struct Refused {
    metrics: Arc<PluginMetrics>,
    paths: Arc<Counter>,
    values: Arc<Counter>,
    early: Arc<Counter>,
}

impl Refused {
    /// The times of so many samples are not believed.
    fn early(&self, samples: usize, seconds: i64, plan: &Plan) {
        self.early.add(samples as u64);
        if 0 < samples && plan.early.passes(Instant::now()) {
            let id = &self.metrics.id;
            tracing::warn!(
                "{id}: an event's time is {seconds} s ahead of this machine's clock; such events are counted when they come in. \
                 Is the clock of their sender wrong, or this one?"
            );
        }
    }
}

impl SampleEncoder {
    pub fn new(plan: Arc<Plan>, queue: mpsc::Sender<Samples>, metrics: Arc<PluginMetrics>) -> Self {
        Self {
            plan,
            queue,
            open: Samples::default(),
            scratch: Vec::new(),
            name: Vec::new(),
            refused: Refused {
                paths: metrics.counter("confinement_failed"),
                values: metrics.counter("values_not_numeric"),
                early: metrics.counter("samples_too_early"),
                metrics,
            },
        }
    }

    fn encode_one(&mut self, batch: &Batch, id: EventId) {
        let plan = Arc::clone(&self.plan);
        let received = batch.received.div_euclid(NANOS);
        let own = seconds(batch, id, &plan.timestamp).unwrap_or(received);
        let is_early = received.saturating_add(limits::SAMPLE_AHEAD_SECONDS_MAX) < own;
        let time = if is_early { received } else { own };
        let sent = self.open.all.len();
        let mut refused = false;
        for rule in &plan.rules {
            let value = match self.value(batch, id, &rule.value) {
                Some(value) if value.is_finite() => value,
                _ => {
                    self.refused.values.add(1);
                    refused = true;
                    continue;
                }
            };
            match self.path(batch, id, &rule.path) {
                Some(start) => self.open.push(rule.kind, start, time, value),
                None => refused = true,
            }
        }
        for (name, value) in &plan.metrics {
            refused |= !self.metric(batch, id, time, name, value);
        }
        if plan.fields_are_metrics {
            self.all_fields(batch, id, time);
        }
        let taken = self.open.all.get_mut(sent..).unwrap_or_default();
        if is_early {
            self.refused
                .early(taken.len(), own.saturating_sub(received), &plan);
        }
        if let Some(first) = taken.first_mut() {
            first.begins = true;
        } else if refused {
            self.refused.metrics.failed.add(1);
            return;
        }
        self.open.events += 1;
    }

    /// Appends a rule's path with the prefix; gives where it begins, or nothing if a field is missing.
    fn path(&mut self, batch: &Batch, id: EventId, path: &PathTemplate) -> Option<usize> {
        let start = self.open.paths.len();
        let plan = Arc::clone(&self.plan);
        let mut written = true;
        if let Some(prefix) = &plan.prefix {
            written = prefix.write(batch, id, b"", &mut self.scratch, &mut self.open.paths);
            self.open.paths.push(b'.');
        }
        written = written && path.write(batch, id, b"", &mut self.scratch, &mut self.open.paths);
        if !written {
            self.open.paths.truncate(start);
            self.refused.paths.add(1);
            return None;
        }
        Some(start)
    }

    fn value(&mut self, batch: &Batch, id: EventId, source: &ValueSource) -> Option<f64> {
        match source {
            ValueSource::Constant(value) => Some(*value),
            ValueSource::Field(reference) => number(batch, batch.get(id, reference)?),
            ValueSource::Rendered(template) => {
                self.scratch.clear();
                template.write(batch, id, &mut self.scratch);
                parse(&self.scratch)
            }
        }
    }

    /// A value as Ruby's `to_f` reads it: the number at the front, 0 if there is none.
    fn lenient_value(&mut self, batch: &Batch, id: EventId, source: &ValueSource) -> f64 {
        if let Some(value) = self.value(batch, id, source) {
            return if value.is_finite() { value } else { 0.0 };
        }
        if let ValueSource::Field(reference) = source {
            self.scratch.clear();
            let value = batch.get(id, reference).unwrap_or(Value::Null);
            batch.write_text(value, &mut self.scratch);
        }
        match source {
            ValueSource::Constant(_) => 0.0,
            ValueSource::Field(_) | ValueSource::Rendered(_) => leading_number(&self.scratch),
        }
    }

    /// One line of `metrics`: Logstash takes what is no number as 0, and a map as one metric for each of its values.
    fn metric(
        &mut self,
        batch: &Batch,
        id: EventId,
        time: i64,
        name: &PathTemplate,
        value: &ValueSource,
    ) -> bool {
        self.name.clear();
        let mut text = std::mem::take(&mut self.name);
        let resolved = name.write(batch, id, b"", &mut self.scratch, &mut text);
        if !resolved {
            self.refused.paths.add(1);
        } else if let ValueSource::Field(reference) = value
            && let Some(Value::Map(members)) = batch.get(id, reference)
        {
            if self.wants(&text) {
                self.nested(batch, id, time, &mut text, Value::Map(members));
            }
        } else if self.wants(&text) {
            let value = self.lenient_value(batch, id, value);
            self.formatted(batch, id, time, &text, value);
        }
        self.name = text;
        resolved
    }

    fn wants(&self, name: &[u8]) -> bool {
        self.plan.include.is_match(name) && !self.plan.exclude.is_match(name)
    }

    fn all_fields(&mut self, batch: &Batch, id: EventId, time: i64) {
        let mut text = std::mem::take(&mut self.name);
        for (name, value) in batch.members(batch.fields(id)) {
            if matches!(name, Name::TIMESTAMP | Name::VERSION | Name::METADATA) {
                continue;
            }
            text.clear();
            push_safe(batch.name_text(name), &mut text);
            if self.wants(&text) {
                self.nested(batch, id, time, &mut text, value);
            }
        }
        self.name = text;
    }

    /// A number is a sample; a map is one for each number in it, by names joined with the separator; a list is none.
    fn nested(&mut self, batch: &Batch, id: EventId, time: i64, name: &mut Vec<u8>, value: Value) {
        let Value::Map(members) = value else {
            match number(batch, value).filter(|value| value.is_finite()) {
                Some(value) => self.formatted(batch, id, time, name, value),
                None => self.refused.values.add(1),
            }
            return;
        };
        let len = name.len();
        for (inner, value) in batch.members(members) {
            name.extend_from_slice(self.plan.separator.as_bytes());
            push_safe(batch.name_text(inner), name);
            self.nested(batch, id, time, name, value);
            name.truncate(len);
        }
    }

    /// Puts a name into `metrics_format` and takes the sample.
    fn formatted(&mut self, batch: &Batch, id: EventId, time: i64, name: &[u8], value: f64) {
        let plan = Arc::clone(&self.plan);
        let start = self.open.paths.len();
        let paths = &mut self.open.paths;
        let mut written = true;
        if let Some(prefix) = &plan.prefix {
            written = prefix.write(batch, id, b"", &mut self.scratch, paths);
            paths.push(b'.');
        }
        if written && plan.format.write(batch, id, name, &mut self.scratch, paths) {
            self.open.push(Kind::Gauge, start, time, value);
        } else {
            paths.truncate(start);
            self.refused.paths.add(1);
        }
    }
}

impl Encoder for SampleEncoder {
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]) {
        if self.open.is_rereadable != batch.ack.is_heard() {
            self.flush();
            self.open.is_rereadable = batch.ack.is_heard();
        }
        let mut shares = false;
        for &id in selected {
            self.encode_one(batch, id);
            if !shares {
                if self.open.acks.is_empty() {
                    self.open.received = batch.received;
                }
                self.open.acks.push(batch.ack.clone());
                shares = true;
            }
            if self.open.is_full() {
                self.flush();
                self.open.is_rereadable = batch.ack.is_heard();
                shares = false;
            }
        }
    }

    fn flush(&mut self) {
        if self.open.acks.is_empty() {
            return;
        }
        let samples = std::mem::take(&mut self.open);
        if self.queue.blocking_send(samples).is_err() {
            tracing::error!("a graphite output has stopped; its samples stay unacknowledged");
        }
    }

    /// What nobody can send again is saved soon, so it may not gather for long.
    fn pass_time(&mut self, now: i64) {
        if !self.open.is_rereadable && has_gathered(self.open.received, now) {
            self.flush();
        }
    }

    fn fork(&self) -> Box<dyn Encoder> {
        let metrics = Arc::clone(&self.refused.metrics);
        Box::new(Self::new(
            Arc::clone(&self.plan),
            self.queue.clone(),
            metrics,
        ))
    }
}

const NANOS: i64 = 1_000_000_000;

/// The time of an event in seconds, if it has one.
fn seconds(batch: &Batch, id: EventId, reference: &Reference) -> Option<i64> {
    match batch.get(id, reference)? {
        Value::Time(nanos) => Some(nanos.div_euclid(NANOS)),
        Value::Integer(seconds) => Some(seconds),
        Value::Float(seconds) if seconds.is_finite() => Some(seconds.floor() as i64),
        _ => None,
    }
}

fn number(batch: &Batch, value: Value) -> Option<f64> {
    match value {
        Value::Integer(integer) => Some(integer as f64),
        Value::Float(float) => Some(float),
        Value::Text(text) => parse(batch.text(text)),
        Value::Null | Value::Boolean(_) | Value::Time(_) | Value::Map(_) | Value::List(_) => None,
    }
}

/// The number that a text begins with, or 0.
fn leading_number(text: &[u8]) -> f64 {
    let text = text.trim_ascii_start();
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+');
    let end = text
        .iter()
        .position(|byte| !is_number(byte))
        .unwrap_or(text.len());
    let number = text.get(..end).and_then(parse);
    number.filter(|number| number.is_finite()).unwrap_or(0.0)
}

fn parse(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Names;
    use crate::metrics::Metrics;
    use crate::outputs::graphite::PLUGIN;
    use crate::plugin::Options;
    use crate::queue::positions::Positions;

    const TIME: i64 = 1_795_200_981_000_000_000;

    /// Counts events under a path.
    fn encoder() -> (SampleEncoder, mpsc::Receiver<Samples>) {
        let plan = Plan {
            rules: vec![Rule {
                kind: Kind::Counter,
                path: PathTemplate::default(),
                value: ValueSource::Constant(1.0),
            }],
            metrics: Vec::new(),
            fields_are_metrics: false,
            include: RegexSet::empty(),
            exclude: RegexSet::empty(),
            prefix: None,
            format: PathTemplate::default(),
            timestamp: Reference::compile("@timestamp", &mut Names::default()).expect("it is one"),
            separator: String::new(),
            early: Quiet::default(),
        };
        let metrics = Metrics::default().plugin(&Options::bare(PLUGIN.plugin, "a"));
        let (queue, samples) = mpsc::channel(9);
        (SampleEncoder::new(Arc::new(plan), queue, metrics), samples)
    }

    fn encode(encoder: &mut SampleEncoder, received: i64, ack: Ack) {
        let mut batch = Batch::new(Vec::new(), Arc::default(), received, ack);
        let id = batch.push_event(received);
        encoder.encode(&mut batch, &[id]);
        batch.ack.settle();
        encoder.pass_time(received);
    }

    #[test]
    fn what_nobody_can_send_again_gathers_for_a_moment_only() {
        let (mut encoder, mut samples) = encoder();
        let age = limits::QUEUE_BLOCK_AGE.as_nanos() as i64;
        for late in [0, age - 1] {
            encode(&mut encoder, TIME + late, Ack::pushed());
        }
        assert!(samples.try_recv().is_err());
        // A batch without an event for it lets time pass as well.
        encoder.pass_time(TIME + age);
        let block = samples.try_recv().expect("it is old");
        assert_eq!((block.events, block.received), (2, TIME));
        encoder.pass_time(TIME + 9 * age);
        assert!(samples.try_recv().is_err(), "nothing is no block");
        // The next one's age begins with its own first event; a clock that was set back makes it old.
        encode(&mut encoder, TIME + age, Ack::pushed());
        assert!(samples.try_recv().is_err());
        encoder.pass_time(TIME);
        assert!(samples.try_recv().is_ok());
        let positions = Positions::open("".as_ref()).expect("there is no such file");
        for late in [0, 9 * age] {
            encode(
                &mut encoder,
                TIME + late,
                positions.stream("a").ack(1.into()),
            );
        }
        assert!(samples.try_recv().is_err());
    }
}
