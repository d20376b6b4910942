//! Connections to batches: a task each, which reads, cuts messages out and hands them over in order.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use sawlog_parsers::framing::{Decoder, Limits, Step};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::event::{Batch, Provenance};
use crate::inputs::Flow;
use crate::inputs::sockets::{Connection, Generation};
use crate::inputs::syslog::fields::{Fields, Frame, Messages};
use crate::limits;
use crate::metrics::{Counter, PluginMetrics};
use crate::queue::ack::Ack;

/// Accepts until the input has to stop. At a reload its connections go to the next input; else they hand over what was
/// sent.
pub async fn run(
    listener: StdListener,
    flow: &Flow,
    fields: &Arc<Fields>,
    metrics: &Arc<PluginMetrics>,
) {
    let address = listener.local_addr();
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(listener));
    let (listener, address) = match (listener, address) {
        (Ok(listener), Ok(address)) => (listener, address),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!("cannot read syslog over TCP: {error}");
            return;
        }
    };
    let mut service = Service {
        address,
        generation: flow.sockets.generation(),
        permits: Arc::new(Semaphore::new(limits::SYSLOG_CONNECTIONS_MAX)),
        connections: JoinSet::new(),
        number: 0,
        flow,
        fields,
        broken: metrics.counter("tcp_connections_broken"),
        refused: metrics.counter("tcp_connections_refused"),
    };
    service.accept(&listener).await;
    while service.connections.join_next().await.is_some() {}
}

/// After a failed accept, which usually means that there are no file descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What a stopped input still reads of a connection: all that waited, unless the sender goes on and on.
const LAST_BYTES_MAX: usize = 1 << 20;

struct Service<'a> {
    address: SocketAddr,
    generation: Generation,
    permits: Arc<Semaphore>,
    connections: JoinSet<()>,
    number: u64,
    flow: &'a Flow,
    fields: &'a Arc<Fields>,
    broken: Arc<Counter>,
    refused: Arc<Counter>,
}

impl Service<'_> {
    async fn accept(&mut self, listener: &TcpListener) {
        let mut stop = self.flow.stop.clone();
        let mut leaving = self.flow.sockets.leaving();
        leaving.mark_changed();
        loop {
            let accepted = tokio::select! {
                // First of all: a stopped input must not take back what it has left.
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => accepted,
                _ = leaving.changed() => {
                    for connection in self.flow.sockets.take_left(self.address) {
                        self.serve(connection);
                    }
                    continue;
                }
            };
            while self.connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, sender)) => self.serve(Connection {
                    stream,
                    sender: sender.ip(),
                    decoder: Decoder::new(Limits {
                        frame_bytes_max: limits::LINE_BYTES_MAX,
                    }),
                    rest: Vec::new(),
                }),
                Err(error) => {
                    tracing::warn!("a connection for syslog could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn serve(&mut self, connection: Connection) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            self.refused.add(1);
            return;
        };
        self.number += 1;
        let reader = Reader {
            connection,
            address: self.address,
            generation: self.generation,
            number: self.number,
            provenance: Provenance::unrepeatable(crate::host::now_nanos()),
            offset: 0,
            stop: self.flow.stop.clone(),
            flow: self.flow.clone(),
            fields: Arc::clone(self.fields),
            broken: Arc::clone(&self.broken),
        };
        self.connections.spawn(async move {
            reader.run().await;
            drop(permit);
        });
    }
}

/// Reads one connection.
struct Reader {
    connection: Connection,
    /// Where it was accepted.
    address: SocketAddr,
    generation: Generation,
    /// Batches of a connection keep their order.
    number: u64,
    provenance: Provenance,
    /// Where in the stream the next batch begins.
    offset: u64,
    flow: Flow,
    stop: watch::Receiver<bool>,
    fields: Arc<Fields>,
    broken: Arc<Counter>,
}

impl Reader {
    async fn run(mut self) {
        loop {
            let Connection { stream, rest, .. } = &mut self.connection;
            let start = rest.len();
            rest.resize(start + limits::READ_BYTES, 0);
            let space = rest.get_mut(start..).unwrap_or_default();
            let read = tokio::select! {
                read = stream.read(space) => Some(read),
                _ = self.stop.wait_for(|stop| *stop) => None,
            };
            let Some(read) = read else {
                rest.truncate(start);
                return self.stop().await;
            };
            let length = read.unwrap_or(0);
            rest.truncate(start + length);
            if length == 0 {
                return self.finish().await;
            }
            if !self.hand_over(None).await {
                return;
            }
        }
    }

    /// The input has to stop: at a reload the next one goes on, else what the sender has sent is read.
    async fn stop(mut self) {
        let sockets = Arc::clone(&self.flow.sockets);
        let (address, generation) = (self.address, self.generation);
        match sockets.leave(address, generation, self.connection) {
            Ok(()) => return,
            Err(connection) => self.connection = connection,
        }
        let mut total = 0;
        while total < LAST_BYTES_MAX {
            let Connection { stream, rest, .. } = &mut self.connection;
            let start = rest.len();
            rest.resize(start + limits::READ_BYTES, 0);
            let space = rest.get_mut(start..).unwrap_or_default();
            let length = stream.try_read(space).unwrap_or(0);
            rest.truncate(start + length);
            total += length;
            if length == 0 {
                break;
            }
            if !self.hand_over(None).await {
                return;
            }
        }
        self.finish().await;
    }

    /// The connection is at its end: the rest is a message.
    async fn finish(mut self) {
        let Connection { decoder, rest, .. } = &mut self.connection;
        let last = decoder.finish(rest);
        self.hand_over(Some(last)).await;
    }

    /// Cuts the messages that are whole and sends them as one batch. False if the connection is of no more use.
    async fn hand_over(&mut self, last: Option<Step>) -> bool {
        let (mut frames, mut done) = (Vec::new(), 0);
        let mut good = true;
        loop {
            let step = match &last {
                Some(step) if frames.is_empty() => step.clone(),
                Some(_) => break,
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
                Step::NeedMore { consumed } => {
                    done += consumed;
                    break;
                }
                Step::CountTooLarge { count } => {
                    let sender = self.connection.sender;
                    tracing::warn!(
                        "{sender} announced a syslog message of {count} bytes: the connection is closed"
                    );
                    self.broken.add(1);
                    good = false;
                    break;
                }
            }
        }
        let all = &mut self.connection.rest;
        let rest = all.split_off(done.min(all.len()));
        let bytes = std::mem::replace(all, rest);
        if frames.is_empty() {
            return good;
        }
        let batch = self.batch(bytes, frames);
        self.flow.batches.send(batch).await.is_ok() && good
    }

    fn batch(&mut self, bytes: Vec<u8>, frames: Vec<Frame>) -> Batch {
        let messages = Messages {
            fields: Arc::clone(&self.fields),
            frames,
            senders: vec![self.connection.sender],
        };
        let now = crate::host::now_nanos();
        let mut batch = Batch::new(bytes, Arc::clone(&self.flow.names), now, Ack::pushed());
        batch.stream = self.number;
        batch.come_from(self.provenance, self.offset);
        self.offset += messages.places();
        batch.decode = Some(Arc::new(messages));
        batch
    }
}
