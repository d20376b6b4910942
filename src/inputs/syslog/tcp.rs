//! Connections to batches: a task each, which reads, cuts messages out and hands them over in order.

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use sawlog_parsers::framing::{Decoder, Limits, Step};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::event::Batch;
use crate::inputs::Flow;
use crate::inputs::syslog::fields::{Fields, Frame, Messages};
use crate::limits;
use crate::metrics::{Counter, PluginMetrics};
use crate::queue::ack::Ack;

/// Accepts until the agent stops, then lets the connections hand over what they have read.
pub async fn run(
    listener: StdListener,
    flow: &Flow,
    fields: &Arc<Fields>,
    metrics: &Arc<PluginMetrics>,
) {
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(listener));
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("cannot read syslog over TCP: {error}");
            return;
        }
    };
    let permits = Arc::new(Semaphore::new(limits::SYSLOG_CONNECTIONS_MAX));
    let refused = metrics.counter("tcp_connections_refused");
    let mut connections = JoinSet::new();
    let mut stop = flow.stop.clone();
    let mut number = 0u64;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, sender)) => {
                let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                    refused.add(1);
                    continue;
                };
                number += 1;
                let connection = Connection::new(stream, sender, number, flow, fields, metrics);
                connections.spawn(async move {
                    connection.run().await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("a connection for syslog could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

/// After a failed accept, which usually means that there are no file descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

struct Connection {
    stream: TcpStream,
    sender: IpAddr,
    /// Batches of a connection keep their order.
    number: u64,
    flow: Flow,
    stop: watch::Receiver<bool>,
    fields: Arc<Fields>,
    decoder: Decoder,
    /// Bytes read and not cut yet.
    rest: Vec<u8>,
    broken: Arc<Counter>,
}

impl Connection {
    fn new(
        stream: TcpStream,
        sender: SocketAddr,
        number: u64,
        flow: &Flow,
        fields: &Arc<Fields>,
        metrics: &PluginMetrics,
    ) -> Self {
        Self {
            stream,
            sender: sender.ip(),
            number,
            stop: flow.stop.clone(),
            flow: flow.clone(),
            fields: Arc::clone(fields),
            decoder: Decoder::new(Limits {
                frame_bytes_max: limits::LINE_BYTES_MAX,
            }),
            rest: Vec::new(),
            broken: metrics.counter("tcp_connections_broken"),
        }
    }

    async fn run(mut self) {
        loop {
            let start = self.rest.len();
            self.rest.resize(start + limits::READ_BYTES, 0);
            let space = self.rest.get_mut(start..).unwrap_or_default();
            let read = tokio::select! {
                read = self.stream.read(space) => read,
                _ = self.stop.wait_for(|stop| *stop) => Ok(0),
            };
            let length = read.as_ref().copied().unwrap_or(0);
            self.rest.truncate(start + length);
            if length == 0 {
                let last = self.decoder.finish(&self.rest);
                self.hand_over(Some(last)).await;
                return;
            }
            if !self.hand_over(None).await {
                return;
            }
        }
    }

    /// Cuts the messages that are whole and sends them as one batch. False if the connection is of no more use.
    async fn hand_over(&mut self, last: Option<Step>) -> bool {
        let (mut frames, mut done) = (Vec::new(), 0);
        let mut good = true;
        loop {
            let step = match &last {
                Some(step) if frames.is_empty() => step.clone(),
                Some(_) => break,
                None => self
                    .decoder
                    .decode(self.rest.get(done..).unwrap_or_default()),
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
                    let sender = self.sender;
                    tracing::warn!(
                        "{sender} announced a syslog message of {count} bytes: the connection is closed"
                    );
                    self.broken.add(1);
                    good = false;
                    break;
                }
            }
        }
        let rest = self.rest.split_off(done.min(self.rest.len()));
        let bytes = std::mem::replace(&mut self.rest, rest);
        if frames.is_empty() {
            return good;
        }
        let fields = Arc::clone(&self.fields);
        let messages = Messages {
            fields,
            frames,
            senders: vec![self.sender],
        };
        let now = crate::host::now_nanos();
        let mut batch = Batch::new(bytes, Arc::clone(&self.flow.names), now, Ack::none());
        batch.stream = self.number;
        batch.decode = Some(Arc::new(messages));
        self.flow.batches.send(batch).await.is_ok() && good
    }
}
