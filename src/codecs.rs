//! Codecs: bytes to events on behalf of an input, events to bytes on behalf of an output. A codec is put together from
//! how records are told apart (`framing`), in which characters they are written (`charset`), what one record means
//! (`reading`) and how an event is written (`writing`). Each plugin is one file and one line of `ALL`.

pub mod charset;
pub mod framing;
pub mod reading;
pub mod writing;

pub mod dots;
pub mod json;
pub mod json_lines;
pub mod line;
pub mod plain;
pub mod rubydebug;

use sawlog_parsers::lines::Delimiter;

use crate::event::{Batch, EventId, Text};
use crate::pipeline::Building;
use crate::plugin::{Options, Plugin};
use charset::Charset;
use framing::Framing;
use reading::{Newborn, Reading};
use writing::Writing;

/// Bytes of a line that leave room for all lines of a usual text at once; shorter lines make it grow.
const LINE_BYTES_USUAL: usize = 100;

/// Every codec of the agent.
pub const ALL: &[CodecPlugin] = &[
    dots::PLUGIN,
    json::PLUGIN,
    json_lines::PLUGIN,
    line::PLUGIN,
    plain::PLUGIN,
    rubydebug::PLUGIN,
];

/// A codec's description and how it is built. `build` gives nothing after it has reported why.
pub struct CodecPlugin {
    pub plugin: &'static Plugin,
    pub build: fn(&Options, &mut Building<'_>) -> Option<Codec>,
}

/// A checked codec.
#[derive(Clone, Debug)]
pub struct Codec {
    pub framing: Framing,
    pub charset: Charset,
    /// What a record means; nothing for codecs that only write.
    pub reading: Option<Reading>,
    pub writing: Writing,
}

impl Codec {
    /// Builds the codec of an input or output, `plain` if none was written.
    pub fn build(options: Option<&Options>, building: &mut Building<'_>) -> Option<Self> {
        let Some(options) = options else {
            return plain::default(building);
        };
        let found = ALL
            .iter()
            .find(|codec| codec.plugin.name == options.plugin.name);
        match found {
            Some(codec) => (codec.build)(options, building),
            None => {
                let message = format!("there is no codec `{}`", options.plugin.name);
                building.refuse(options.span, message);
                None
            }
        }
    }

    /// The same codec for a stream of bytes, which has no records of its own: `plain` then reads lines, and `json` one
    /// document a line, as in Logstash.
    pub fn in_stream(mut self, delimiter: Delimiter) -> Self {
        if matches!(self.framing, Framing::Whole) {
            self.framing = Framing::Lines(delimiter);
        }
        self
    }

    /// How many of these bytes are whole records; what is behind them waits for more of the stream.
    pub fn cut(&self, bytes: &[u8]) -> usize {
        self.framing.cut(bytes)
    }

    /// Makes events of a text of the batch. The text is complete: what its end leaves open is a record too.
    pub fn decode(&self, batch: &mut Batch, text: Text, newborn: &mut Newborn) {
        let Some(reading) = &self.reading else {
            return;
        };
        let raw = text;
        let text = self.charset.to_utf8(batch, raw);
        match &self.framing {
            Framing::Whole => reading.read(batch, text, newborn),
            Framing::Lines(delimiter) => {
                let mut lines = Vec::with_capacity(text.len() / LINE_BYTES_USUAL + 1);
                lines.extend(delimiter.lines(batch.text(text)));
                batch.reserve_events(lines.len());
                let start = batch.offset();
                let mut place = Place::default();
                for line in lines {
                    let before = match text == raw {
                        true => line.start,
                        false => place.of(batch.text(text), line.start),
                    };
                    batch.go_to(start.map(|start| start + before as u64));
                    reading.read(batch, text.slice(line), newborn);
                }
            }
        }
    }

    /// Appends an event as an output writes it, with the delimiter that the codec has.
    pub fn encode(&self, batch: &Batch, id: EventId, out: &mut Vec<u8>) {
        self.writing.write(batch, id, out);
        match &self.framing {
            Framing::Whole => {}
            Framing::Lines(delimiter) => out.extend_from_slice(delimiter.bytes()),
        }
    }
}

/// Finds places of a converted text in the bytes that it was made of: all charsets but UTF-8 have a byte for each
/// character.
#[derive(Default)]
struct Place {
    bytes: usize,
    characters: usize,
}

impl Place {
    /// The bytes that were before a place of the text; places have to grow.
    fn of(&mut self, text: &[u8], place: usize) -> usize {
        let between = text.get(self.bytes..place).unwrap_or_default();
        let is_first = |byte: &&u8| **byte & 0xc0 != 0x80;
        self.characters += between.iter().filter(is_first).count();
        self.bytes = place;
        self.characters
    }
}

#[cfg(test)]
mod tests;
