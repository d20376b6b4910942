//! The task that aggregates and writes: samples come in, once an interval lines go out, and then the batches are
//! acknowledged. While carbon is away aggregation goes on; only when too much is held do the workers wait.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::limits;
use crate::metrics::PluginMetrics;
use crate::outputs::graphite::connection::Connection;
use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::slots::{Slots, Taken};
use crate::queue::ack::Ack;

/// Batches that wait for a flush.
struct Share {
    /// The slot that was open when their samples came, if one of them is in it.
    open: Option<i64>,
    events: u64,
    acks: Vec<Ack>,
}

/// A flush on its way.
struct Flush {
    text: Bytes,
    shares: Vec<Share>,
}

/// The task's state.
pub struct Sender {
    interval: Duration,
    reconnect: Duration,
    slots: Slots,
    shares: Vec<Share>,
    /// At rest while nothing is written.
    connection: Option<Connection>,
    flush: Option<Flush>,
    writing: JoinSet<(Connection, std::io::Result<()>)>,
    next_flush: Instant,
    /// The interval has ended, and nothing was gathered since.
    is_due: bool,
    /// Carbon is away: not to be asked before this time.
    rests_until: Option<Instant>,
    away_since: Option<Instant>,
    said_paths: bool,
    metrics: Arc<PluginMetrics>,
}

enum Event {
    Samples(Option<Samples>),
    Written(Result<(Connection, std::io::Result<()>), JoinError>),
    Time,
}

impl Sender {
    pub fn new(
        interval: Duration,
        reconnect: Duration,
        slots: Slots,
        connection: Connection,
        metrics: Arc<PluginMetrics>,
    ) -> Self {
        Self {
            interval,
            reconnect,
            slots,
            shares: Vec::new(),
            connection: Some(connection),
            flush: None,
            writing: JoinSet::new(),
            next_flush: Instant::now() + until_flush(interval),
            is_due: false,
            rests_until: None,
            away_since: None,
            said_paths: false,
            metrics,
        }
    }

    /// Aggregates and writes until all encoders are gone and everything is written.
    pub async fn run(mut self, mut samples: mpsc::Receiver<Samples>) {
        let mut open = true;
        loop {
            let now = Instant::now();
            if self.next_flush <= now {
                self.is_due = true;
                self.next_flush = now + until_flush(self.interval);
            }
            if self.flush.is_none() && (self.is_due || !open || self.slots.is_full()) {
                self.gather(open);
            }
            self.write(now);
            if !open && self.flush.is_none() {
                return self.end().await;
            }
            let has_room = open && !(self.slots.is_full() && self.flush.is_some());
            let wake = self.wake();
            let event = tokio::select! {
                received = samples.recv(), if has_room => Event::Samples(received),
                Some(written) = self.writing.join_next() => Event::Written(written),
                () = tokio::time::sleep_until(wake) => Event::Time,
            };
            match event {
                Event::Samples(Some(samples)) => self.absorb(samples),
                Event::Samples(None) => open = false,
                Event::Written(Ok((connection, result))) => self.written(connection, result),
                Event::Written(Err(error)) => {
                    // The connection went with it; samples that are held stay unacknowledged.
                    tracing::error!("writing to graphite ended by a fault: {error}");
                    return;
                }
                Event::Time => {}
            }
        }
    }

    fn wake(&self) -> Instant {
        let is_at_rest = self.connection.is_some() && self.flush.is_some();
        let retry = self.rests_until.filter(|_| is_at_rest);
        retry.map_or(self.next_flush, |retry| retry.min(self.next_flush))
    }

    fn absorb(&mut self, samples: Samples) {
        let open = self.slots.slot_of(unix_seconds());
        let mut is_in_open = false;
        let mut refused = 0;
        for sample in samples.iter() {
            match self.slots.add(sample) {
                Taken::Slot(slot) => is_in_open |= slot == open,
                Taken::TooManyPaths => refused += 1,
                Taken::TooLate => self.metrics.counter("samples_too_late").add(1),
            }
        }
        if 0 < refused {
            self.metrics.counter("samples_over_path_limit").add(refused);
            if !std::mem::replace(&mut self.said_paths, true) {
                let (id, most) = (&self.metrics.id, limits::METRIC_PATHS_MAX);
                tracing::warn!(
                    "{id}: more than {most} paths in one interval; further ones are dropped and counted. Is an \
                                address or an id part of a path?"
                );
            }
        }
        self.shares.push(Share {
            open: is_in_open.then_some(open),
            events: samples.events,
            acks: samples.acks,
        });
    }

    /// Makes a flush of what is due: everything but the slot of the present time, and that too at the end or in need.
    fn gather(&mut self, open: bool) {
        self.is_due = false;
        let present = self.slots.slot_of(unix_seconds());
        let spared = (open && !self.slots.is_full()).then_some(present);
        let mut text = Vec::new();
        self.slots.write(spared, &mut text);
        let waits = |share: &Share| share.open.is_some() && share.open == spared;
        let all = std::mem::take(&mut self.shares).into_iter();
        let (waiting, due): (Vec<Share>, Vec<Share>) = all.partition(waits);
        self.shares = waiting;
        if !text.is_empty() || !due.is_empty() {
            self.flush = Some(Flush {
                text: Bytes::from(text),
                shares: due,
            });
        }
    }

    /// Starts to write the flush, if there is one, the connection is at rest, and carbon may be asked.
    fn write(&mut self, now: Instant) {
        let Some(flush) = &self.flush else {
            return;
        };
        if flush.text.is_empty() {
            return self.settle();
        }
        if self.rests_until.is_some_and(|until| now < until) {
            return;
        }
        if let Some(mut connection) = self.connection.take() {
            let text = flush.text.clone();
            self.writing.spawn(async move {
                let result = connection.write(&text).await;
                (connection, result)
            });
        }
    }

    fn settle(&mut self) {
        if let Some(flush) = self.flush.take() {
            for share in flush.shares {
                self.metrics.events_out.add(share.events);
                share.acks.into_iter().for_each(Ack::settle);
            }
        }
    }

    fn written(&mut self, connection: Connection, result: std::io::Result<()>) {
        let (id, address) = (&self.metrics.id, connection.address());
        match result {
            Ok(()) => {
                if let Some(since) = self.away_since.take() {
                    let seconds = since.elapsed().as_secs_f32();
                    tracing::info!(
                        "{id}: Graphite at {address} takes metrics again after {seconds:.1} s"
                    );
                }
                self.rests_until = None;
                self.metrics.counter("flushes").add(1);
                self.settle();
            }
            Err(error) => {
                self.metrics.counter("flushes_retried").add(1);
                self.rests_until = Some(Instant::now() + self.reconnect);
                if self.away_since.is_none() {
                    tracing::warn!(
                        "{id}: Graphite at {address} is not to be had ({error}). Is carbon running, and are `host` and \
                         `port` right? Metrics are gathered and sent once it answers"
                    );
                    self.away_since = Some(Instant::now());
                }
            }
        }
        self.connection = Some(connection);
    }

    async fn end(mut self) {
        if let Some(mut connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!("closing the connection to graphite: {error}");
        }
    }
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

/// Until a little after the end of the present interval, so that events that were just made are still in time.
fn until_flush(interval: Duration) -> Duration {
    const STRAGGLERS: Duration = Duration::from_millis(500);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let passed = now.as_nanos() % interval.as_nanos().max(1);
    let left =
        Duration::from_nanos(u64::try_from(interval.as_nanos() - passed).unwrap_or(u64::MAX));
    left + STRAGGLERS.min(interval / 10)
}
