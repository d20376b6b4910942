//! The lines of one batch on their way to its worker, which makes events of them.

use std::sync::Arc;

use sawlog_parsers::Stream;

use crate::codecs::reading::TRUNCATED_TAG;
use crate::docker::container::Container;
use crate::docker::fields;
use crate::event::batch::Decode;
use crate::event::{Batch, EventId};
use crate::inputs::docker::lines::{DAMAGED_TAG, Line, Shape, UNFINISHED_TAG};

/// The lines of one batch.
pub struct Found {
    pub shape: Arc<Shape>,
    pub container: Arc<Container>,
    pub lines: Vec<Line>,
    /// Where the texts begin that were made, behind those that were read.
    pub made_at: usize,
}

impl Decode for Found {
    fn decode(&self, batch: &mut Batch) {
        batch.reserve_events(self.lines.len());
        let origin = &self.shape.origin;
        let mut newborn = origin.newborn(batch);
        for (reference, value) in self.shape.fields.values(batch, &self.container) {
            newborn.fix(&reference, value);
        }
        let streams = [Stream::Stdin, Stream::Stdout, Stream::Stderr]
            .map(|stream| batch.value_of(stream.as_str().as_bytes()));
        let received = batch.received;
        let mut stream = None;
        for line in &self.lines {
            // An event whose codec finds no time in it has the record's too.
            batch.received = line.time.unwrap_or(received);
            if stream != line.stream
                && let Some(now) = line.stream
            {
                let [stdin, stdout, stderr] = streams;
                let value = match now {
                    Stream::Stdin => stdin,
                    Stream::Stdout => stdout,
                    Stream::Stderr => stderr,
                };
                newborn.fix(&self.shape.stream, value);
                stream = line.stream;
            }
            batch.go_to(line.place());
            let shift = if line.made { self.made_at } else { 0 };
            let text = batch.text_at(line.start + shift..line.end + shift);
            let first = batch.event_count();
            origin.read(batch, text, &mut newborn);
            if line.truncated || line.unfinished || line.damaged || self.container.cut {
                self.tag(batch, line, first);
            }
        }
        batch.received = received;
        origin.finish(batch, 0, &newborn);
    }
}

impl Found {
    #[cold]
    fn tag(&self, batch: &mut Batch, line: &Line, first: usize) {
        let tags = [
            (line.truncated, TRUNCATED_TAG),
            (line.unfinished, UNFINISHED_TAG),
            (line.damaged, DAMAGED_TAG),
            (self.container.cut, fields::CUT_TAG),
        ];
        for (_, tag) in tags.iter().filter(|(applies, _)| *applies) {
            for event in first..batch.event_count() {
                batch.tag(EventId(event as u32), tag);
            }
        }
    }
}
