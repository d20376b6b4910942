//! One connection of syslog: bytes are read, messages cut out and handed over in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sawlog_parsers::framing::Step;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::event::{Batch, Provenance};
use crate::inputs::Flow;
use crate::inputs::sockets::{Connection, Generation};
use crate::inputs::syslog::fields::{Fields, Frame, Messages};
use crate::inputs::syslog::tcp::Shared;
use crate::inputs::unfinished::Share;
use crate::limits;
use crate::queue::ack::Ack;

/// What a connection works with.
#[derive(Clone)]
pub struct Surroundings {
    /// Where it was accepted.
    pub address: SocketAddr,
    pub generation: Generation,
    /// Batches of a connection keep their order.
    pub number: u64,
    pub flow: Flow,
    pub fields: Arc<Fields>,
    pub shared: Arc<Shared>,
}

/// Reads one connection.
pub struct Reader {
    connection: Connection,
    surroundings: Surroundings,
    provenance: Provenance,
    /// Where in the stream the next batch begins.
    offset: u64,
    /// Bytes of the unfinished message.
    share: Share,
}

/// What a wait for bytes ended with.
enum Read {
    Some,
    End,
    Silence,
    Stop,
}

/// Why a connection is not read any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// What is left is a message.
    Whole,
    /// What is left is a message that was cut.
    Cut,
    /// Nothing of it can be understood, or nobody takes it.
    Useless,
    /// The input has to stop.
    Stopped,
}

impl Reader {
    pub fn new(connection: Connection, surroundings: Surroundings) -> Self {
        Self {
            share: surroundings.shared.unfinished.share(),
            connection,
            surroundings,
            provenance: Provenance::unrepeatable(crate::host::now_nanos()),
            offset: 0,
        }
    }

    /// Reads to the end of the connection or of the input.
    pub async fn run(mut self, permit: OwnedSemaphorePermit) {
        let shared = Arc::clone(&self.surroundings.shared);
        let ending = loop {
            match self.read().await {
                Read::Some => {
                    if !self.hand_over(None).await {
                        break Ending::Useless;
                    }
                    if self.is_beyond_limit() {
                        break Ending::Cut;
                    }
                }
                Read::End => break Ending::Whole,
                Read::Silence if shared.is_crowded() => {
                    shared.idle.add(1);
                    break Ending::Whole;
                }
                Read::Silence => {}
                Read::Stop => break Ending::Stopped,
            }
        };
        self.share.hold(0);
        match ending {
            Ending::Stopped => self.stop().await,
            Ending::Whole | Ending::Cut => self.finish(ending).await,
            Ending::Useless => {}
        }
        drop(permit);
    }

    async fn read(&mut self) -> Read {
        let Connection { stream, rest, .. } = &mut self.connection;
        let start = rest.len();
        let mut stop = self.surroundings.flow.stop.clone();
        let read = tokio::select! {
            read = timeout(limits::SYSLOG_IDLE_WAIT, stream.read_into(rest, limits::READ_BYTES)) => read,
            _ = stop.wait_for(|stop| *stop) => {
                rest.truncate(start);
                return Read::Stop;
            }
        };
        match read {
            Ok(Ok(0) | Err(_)) => Read::End,
            Ok(Ok(_)) => Read::Some,
            Err(_) => {
                rest.truncate(start);
                Read::Silence
            }
        }
    }

    /// Counts the unfinished message. True if all of them together are too large.
    fn is_beyond_limit(&mut self) -> bool {
        let shared = &self.surroundings.shared;
        let bytes = self.connection.rest.len();
        // Short ones are not to blame.
        let is_beyond = !self.share.hold(bytes) && limits::READ_BYTES < bytes;
        if is_beyond {
            shared.cut.add(1);
            if shared.cut_fault.passes(Instant::now()) {
                let sender = self.connection.sender;
                tracing::warn!(
                    "unfinished messages of syslog fill their {} bytes: one of {sender} is cut and its connection closed",
                    limits::SYSLOG_UNFINISHED_BYTES_MAX
                );
            }
        }
        is_beyond
    }

    /// The input has to stop: at a reload the next one goes on, else what the sender has sent is read.
    async fn stop(mut self) {
        let Surroundings {
            address,
            generation,
            ..
        } = self.surroundings;
        let sockets = Arc::clone(&self.surroundings.flow.sockets);
        match sockets.leave(address, generation, self.connection) {
            Ok(()) => return,
            Err(connection) => self.connection = connection,
        }
        let waiting = self.connection.stream.waiting();
        let bytes_max = waiting.max(limits::STREAM_LAST_BYTES_MAX);
        let mut total = 0;
        while total < bytes_max {
            let Connection { stream, rest, .. } = &mut self.connection;
            let length = stream.read_waiting(rest, limits::READ_BYTES).await;
            total += length;
            if length == 0 {
                break;
            }
            if !self.hand_over(None).await {
                return;
            }
        }
        self.finish(Ending::Whole).await;
    }

    /// The connection is at its end: the rest is a message.
    async fn finish(mut self, ending: Ending) {
        let Connection { decoder, rest, .. } = &mut self.connection;
        let mut last = decoder.finish(rest);
        if let Step::Frame { truncated, .. } = &mut last {
            *truncated |= ending == Ending::Cut;
        }
        self.hand_over(Some(last)).await;
        self.connection.stream.close().await;
    }

    /// Cuts the messages that are whole and sends them as one batch. False if the connection is of no more use.
    async fn hand_over(&mut self, last: Option<Step>) -> bool {
        let (frames, done, is_good) = self.cut(last);
        let all = &mut self.connection.rest;
        let rest = all.split_off(done.min(all.len()));
        let bytes = std::mem::replace(all, rest);
        if frames.is_empty() {
            return is_good;
        }
        let batch = self.batch(bytes, frames);
        self.surroundings.flow.batches.send(batch).await.is_ok() && is_good
    }

    fn batch(&mut self, bytes: Vec<u8>, frames: Vec<Frame>) -> Batch {
        let Surroundings {
            flow,
            fields,
            number,
            ..
        } = &self.surroundings;
        let messages = Messages {
            fields: Arc::clone(fields),
            frames,
            senders: vec![self.connection.sender],
        };
        let now = crate::host::now_nanos();
        let mut batch = Batch::new(bytes, Arc::clone(&flow.names), now, Ack::pushed());
        batch.stream = *number;
        batch.come_from(self.provenance, self.offset);
        self.offset += messages.places();
        batch.decode = Some(Arc::new(messages));
        batch
    }

    /// The whole messages at the front, where they end, and whether what follows can be understood. `last` is the only one
    /// where the connection has ended.
    fn cut(&mut self, last: Option<Step>) -> (Vec<Frame>, usize, bool) {
        let (mut frames, mut done) = (Vec::new(), 0);
        loop {
            let step = match &last {
                Some(step) if frames.is_empty() => step.clone(),
                Some(_) => return (frames, done, true),
                None => {
                    let Connection { decoder, rest, .. } = &mut self.connection;
                    decoder.decode(rest.get(done..).unwrap_or_default())
                }
            };
            match step {
                Step::Frame {
                    range,
                    consumed,
                    truncated,
                } => {
                    let range = (done + range.start) as u32..(done + range.end) as u32;
                    frames.push(Frame {
                        range,
                        sender: 0,
                        is_truncated: truncated,
                    });
                    done += consumed;
                }
                Step::NeedMore { consumed } => return (frames, done + consumed, true),
                Step::CountTooLarge { count } => {
                    self.refuse_count(count);
                    return (frames, done, false);
                }
            }
        }
    }

    fn refuse_count(&self, count: usize) {
        let (sender, shared) = (self.connection.sender, &self.surroundings.shared);
        shared.broken.add(1);
        if shared.count_fault.passes(Instant::now()) {
            tracing::warn!(
                "{sender} announced a syslog message of {count} bytes: the connection is closed"
            );
        }
    }
}
