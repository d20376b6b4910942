//! What every input does to its new events: the codec, the fields that all of them have, `type`, `tags` and `add_field`.
//! Bytes of a batch come in, events in the same batch go out. It runs in the worker, as the batch's `Decode`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sawlog_parsers::lines::Delimiter;

use crate::codecs::Codec;
use crate::codecs::reading::{Newborn, Reading};
use crate::event::batch::Decode;
use crate::event::{Batch, EventId, Home, Name, Provenance, Reference, Text};
use crate::metrics::{Counter, PluginMetrics};
use crate::pipeline::Building;
use crate::pipeline::decoration::Decoration;
use crate::plugin::Options;

/// Where events come from. Cheap to copy, with more fields for each file or connection.
#[derive(Clone)]
pub struct Origin {
    shared: Arc<Shared>,
    /// Texts that events get where they have not that field.
    fixed: Vec<(Reference, Arc<[u8]>)>,
}

struct Shared {
    codec: Codec,
    reading: Reading,
    /// `tags` and `add_field`.
    decoration: Decoration,
    metrics: Arc<PluginMetrics>,
    truncated: Arc<Counter>,
    home: Home,
}

impl Origin {
    /// For an input that hands over whole messages.
    pub fn of_messages(options: &Options, building: &mut Building<'_>) -> Option<Self> {
        let codec = Codec::build(options.codec("codec"), building);
        Self::compile(codec?, options, building)
    }

    /// For an input that reads a stream of bytes: codec `plain` reads lines, and `json` one document a line. Lines end with
    /// `delimiter` unless the codec has its own.
    pub fn of_stream(
        options: &Options,
        delimiter: Delimiter,
        building: &mut Building<'_>,
    ) -> Option<Self> {
        let codec = Codec::build(options.codec("codec"), building);
        Self::compile(codec?.in_stream(delimiter), options, building)
    }

    fn compile(codec: Codec, options: &Options, building: &mut Building<'_>) -> Option<Self> {
        let Some(reading) = codec.reading.clone() else {
            let name = options.codec("codec").map_or("", |codec| codec.plugin.name);
            let message = format!("the codec `{name}` only writes, and an input has to read");
            building.refuse(options.span_of("codec"), message);
            return None;
        };
        let metrics = building.metrics.plugin(options);
        let shared = Shared {
            codec,
            reading,
            decoration: Decoration::of_input(options, building),
            truncated: metrics.counter("lines_truncated"),
            metrics,
            home: building.home(options),
        };
        let origin = Self {
            shared: Arc::new(shared),
            fixed: Vec::new(),
        };
        Some(match options.text("type") {
            Some(text) => origin.with_text(&Reference::top(Name::TYPE), text.as_bytes()),
            None => origin,
        })
    }

    /// The same origin with a text that its events get where they have not that field.
    pub fn with_text(&self, field: &Reference, text: &[u8]) -> Self {
        let mut origin = self.clone();
        origin.fixed.push((field.clone(), text.into()));
        origin
    }

    pub fn codec(&self) -> &Codec {
        &self.shared.codec
    }

    pub fn metrics(&self) -> &Arc<PluginMetrics> {
        &self.shared.metrics
    }

    /// A stream of this input that it can read again; `stream` tells it from its others.
    pub fn provenance(&self, stream: u64, since: i64) -> Provenance {
        Provenance::repeatable(self.shared.home, stream, since)
    }

    /// What new events of a batch get; for `read`.
    pub fn newborn(&self, batch: &mut Batch) -> Newborn {
        let mut fixed = Vec::with_capacity(self.fixed.len());
        for (reference, text) in &self.fixed {
            fixed.push((reference.clone(), batch.value_of(text)));
        }
        Newborn::new(batch, &self.shared.reading, fixed)
    }

    /// Makes events of one message or piece of a stream. After the last one of a batch, `finish` has to follow.
    pub fn read(&self, batch: &mut Batch, text: Text, newborn: &mut Newborn) {
        self.shared.codec.decode(batch, text, newborn);
    }

    /// Gives the events from number `first` on their tags and added fields, and counts them.
    pub fn finish(&self, batch: &mut Batch, first: usize, newborn: &Newborn) {
        let made = batch.event_count() - first;
        self.shared.metrics.events_out.add(made as u64);
        self.shared.truncated.add(newborn.truncated);
        if self.shared.decoration.is_empty() {
            return;
        }
        let new: Vec<EventId> = (first..batch.event_count())
            .map(|index| EventId(index as u32))
            .collect();
        self.shared.decoration.apply(batch, &new);
    }
}

impl Decode for Origin {
    /// Takes all bytes of the batch as one message or piece of a stream.
    fn decode(&self, batch: &mut Batch) {
        let text = batch.text_at(0..batch.bytes().len());
        let first = batch.event_count();
        let mut newborn = self.newborn(batch);
        self.read(batch, text, &mut newborn);
        self.finish(batch, first, &newborn);
    }
}

/// The time of receipt for a new batch: nanoseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
