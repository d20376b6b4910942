//! Events to documents, in the worker: action line and source are written straight into the block that becomes the body
//! of a request. Nothing is sent here; full blocks go to the sender, and everything does when the input pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use memchr::memmem;

use crate::event::encode::Stamp;
use crate::event::provenance::IDENTIFIER_BYTES;
use crate::event::{Batch, EventId, Name, Reference, Value};
use crate::limits;
use crate::outputs::elasticsearch::action::{Action, Plan};
use crate::outputs::elasticsearch::refusals::{Lost, Refusals, Refused};
use crate::outputs::elasticsearch::verdict::Refusal;
use crate::outputs::{Encoder, has_gathered};
use crate::queue::ack::Ack;
use crate::queue::block::{Block, Spares};
use crate::queue::ends::{Inlet, Place};

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// What the encoders of all workers share.
#[derive(Clone)]
pub struct Shared {
    pub plan: Arc<Plan>,
    /// Becomes smaller when the server takes no such request.
    pub block_bytes: Arc<AtomicUsize>,
    pub block_events: usize,
    pub blocks: Inlet,
    pub spares: Spares,
    pub refusals: Arc<Refusals>,
}

/// The encoder of one worker.
pub struct BulkEncoder {
    shared: Shared,
    /// Whether an action line serves a whole day.
    daily: bool,
    line: DailyLine,
    stamp: Stamp,
    scratch: Vec<u8>,
    block: Block,
    /// Dead letters of events without a document. They go the same way, so that they are safe with the others and no worker
    /// waits for the disk that they are for.
    letters: Block,
    /// Where the blocks will wait.
    place: Place,
}

/// The action line of a day, or why events of that day have none.
struct DailyLine {
    day: Option<i64>,
    text: Vec<u8>,
    /// Where our id stands in it, if there is one: that alone is another one in each line.
    id: Option<std::ops::Range<usize>>,
    action: Result<Action, Refusal>,
}

impl BulkEncoder {
    pub fn new(shared: Shared) -> Self {
        Self {
            daily: shared.plan.is_daily(),
            shared,
            line: DailyLine {
                day: None,
                text: Vec::new(),
                id: None,
                action: Ok(Action::Index),
            },
            stamp: Stamp::default(),
            scratch: Vec::new(),
            block: Block::default(),
            letters: Block::default(),
            place: Place::default(),
        }
    }

    fn encode_one(
        &mut self,
        batch: &mut Batch,
        id: EventId,
        chosen: Option<&Reference>,
    ) -> Result<(), Refusal> {
        let start = self.block.body.len();
        let action = if self.daily && chosen.is_none() {
            self.write_daily_line(batch, id)
        } else {
            let plan = &self.shared.plan;
            plan.write(batch, id, chosen, &mut self.scratch, &mut self.block.body)
        };
        let action = action.inspect_err(|_| self.block.body.truncate(start))?;
        self.write_source(batch, id, action);
        self.block.starts.push(start as u32);
        Ok(())
    }

    fn write_daily_line(&mut self, batch: &mut Batch, id: EventId) -> Result<Action, Refusal> {
        let day = match batch.top(id, Name::TIMESTAMP) {
            Some(Value::Time(nanos)) => nanos.div_euclid(NANOS_PER_DAY),
            _ => i64::MIN,
        };
        let identifier = self.shared.plan.identifier(batch, id);
        let out = &mut self.block.body;
        if self.line.day != Some(day) || self.line.id.is_some() != identifier.is_some() {
            self.line.text.clear();
            let plan = &self.shared.plan;
            self.line.action = plan.write(batch, id, None, &mut self.scratch, &mut self.line.text);
            let place = |identifier| memmem::rfind(&self.line.text, identifier);
            let start = identifier.as_ref().and_then(|identifier| place(identifier));
            self.line.id = start.map(|start| start..start + IDENTIFIER_BYTES);
            self.line.day = Some(day);
        }
        let start = out.len();
        out.extend_from_slice(&self.line.text);
        if let (Some(range), Some(identifier)) = (&self.line.id, identifier)
            && let Some(slot) = out.get_mut(start + range.start..start + range.end)
        {
            slot.copy_from_slice(&identifier);
        }
        self.line.action.clone()
    }

    fn write_source(&mut self, batch: &Batch, id: EventId, action: Action) {
        let body = &mut self.block.body;
        match action {
            Action::Index | Action::Create => {
                batch.write_document(id, &mut self.stamp, body);
                body.push(b'\n');
            }
            Action::Update => {
                body.extend_from_slice(b"{\"doc\":");
                batch.write_document(id, &mut self.stamp, body);
                if self.shared.plan.doc_as_upsert {
                    body.extend_from_slice(b",\"doc_as_upsert\":true");
                }
                body.extend_from_slice(b"}\n");
            }
            Action::Delete => {}
        }
    }

    /// An event without a document: what there is of it is to be kept, or counted if it is not wanted.
    #[cold]
    fn refuse(&mut self, batch: &Batch, id: EventId, refused: &mut Refused, refusal: &Refusal) {
        let mut json = Vec::new();
        batch.write_document(id, &mut self.stamp, &mut json);
        let mut metadata = Vec::new();
        if let Some(value @ Value::Map(_)) = batch.top(id, Name::METADATA) {
            batch.write_json_value(value, &mut metadata);
        }
        if metadata == b"{}" || limits::DEAD_LETTER_METADATA_BYTES_MAX < metadata.len() {
            metadata.clear();
        }
        let (refusals, lost) = (&self.shared.refusals, Lost::event(&json, &metadata));
        let (place, start) = (self.letters.starts.len(), self.letters.body.len());
        if !refusals.write_letter(lost, refusal, &mut self.letters.body) {
            return refusals.refuse(refused, lost, refusal);
        }
        if self.letters.is_empty() {
            self.letters.received = batch.received;
        }
        self.letters.starts.push(start as u32);
        self.letters.acks.push((place as u32, batch.ack.clone()));
        if limits::REFUSED_BYTES_MAX <= self.letters.body.len() {
            self.ship_letters();
        }
    }

    /// Hands everything over; waits while the sender has enough.
    fn ship(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.put(block);
        self.ship_letters();
    }

    fn ship_letters(&mut self) {
        let letters = std::mem::take(&mut self.letters);
        self.put(letters);
    }

    fn put(&self, block: Block) {
        if block.is_empty() {
            return;
        }
        let (documents, lost) = (block.documents(), block.alone_here());
        if self.shared.blocks.put(block, self.place).is_err() {
            self.shared.refusals.abandoned(documents, lost);
        }
    }
}

impl Encoder for BulkEncoder {
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]) {
        let mut shares = false;
        let mut refused = Refused::default();
        let chosen = chosen_pipeline(batch);
        let place = self.shared.blocks.place(&batch.ack);
        if place != self.place {
            self.ship();
            self.place = place;
        }
        let block_bytes = self.shared.block_bytes.load(Ordering::Relaxed);
        for &id in selected {
            if self.block.body.capacity() == 0 {
                self.block.body = self.shared.spares.take();
            }
            if self.block.is_empty() {
                self.block.received = batch.received;
            }
            match self.encode_one(batch, id, chosen.as_ref()) {
                Ok(()) if !shares => {
                    let first = self.block.starts.len() as u32 - 1;
                    self.block.acks.push((first, batch.ack.clone()));
                    shares = true;
                }
                Ok(()) => {}
                Err(refusal) => self.refuse(batch, id, &mut refused, &refusal),
            }
            let full = block_bytes <= self.block.body.len()
                || self.shared.block_events <= self.block.starts.len();
            if full {
                self.ship();
                shares = false;
            }
        }
        self.shared.refusals.count_all(&refused);
    }

    fn flush(&mut self) {
        self.ship();
    }

    fn pass_time(&mut self, now: i64) {
        let is_old = |block: &&Block| !block.is_empty() && has_gathered(block.received, now);
        let blocks = [&self.block, &self.letters];
        if self.place == Place::Disk && blocks.iter().any(is_old) {
            self.ship();
        }
    }

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self::new(self.shared.clone()))
    }

    fn resend(&mut self, action: &[u8], document: &[u8], ack: &Ack) {
        if self.block.body.capacity() == 0 {
            self.block.body = self.shared.spares.take();
        }
        let block = &mut self.block;
        block.acks.push((block.starts.len() as u32, ack.clone()));
        block.starts.push(block.body.len() as u32);
        for line in [action, document] {
            if !line.is_empty() {
                // A line feed inside would make one document two.
                let bytes = line
                    .iter()
                    .map(|byte| if *byte == b'\n' { b' ' } else { *byte });
                block.body.extend(bytes);
                block.body.push(b'\n');
            }
        }
        if self.shared.block_bytes.load(Ordering::Relaxed) <= block.body.len() {
            self.ship();
        }
    }
}

/// The field in which filters choose an ingest pipeline, as in Logstash; only if the pipeline itself speaks of it, so that
/// no event brings its own.
fn chosen_pipeline(batch: &mut Batch) -> Option<Reference> {
    let is_known = batch.names().find(b"target_ingest_pipeline").is_some();
    is_known.then(|| batch.reference(b"[@metadata][target_ingest_pipeline]"))
}

#[cfg(test)]
mod tests;
