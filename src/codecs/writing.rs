//! How a codec writes an event. What stands between two events is the framing's.

use crate::codecs::rubydebug::Rubydebug;
use crate::event::{Batch, EventId, Template};

/// How an event is written.
#[derive(Clone, Debug)]
pub enum Writing {
    /// A template of the event.
    Text(Template),
    /// A JSON object.
    Json,
    /// As Ruby's awesome_print shows a hash, for people.
    Rubydebug(Rubydebug),
    /// A dot for each event.
    Dots,
}

impl Writing {
    /// Appends one event.
    pub fn write(&self, batch: &Batch, id: EventId, out: &mut Vec<u8>) {
        match self {
            Self::Text(template) => {
                template.write(batch, id, out);
            }
            Self::Json => batch.write_json(id, out),
            Self::Rubydebug(rubydebug) => rubydebug.write(batch, id, out),
            Self::Dots => out.push(b'.'),
        }
    }
}
