//! The task of an output: samples come in and are counted, once an interval points go out, twice a second the sums are saved,
//! and then batches are acknowledged. While carbon is away counting goes on; only when too much is held do the workers wait.

mod saving;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::host;
use crate::limits;
use crate::metrics::PluginMetrics;
use crate::outputs::graphite::connection::Connection;
use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::ledger::{Keep, Ledger, Refused, Share, Tally};
use crate::outputs::graphite::outside::Outside;
use crate::outputs::graphite::points::Protocol;
use crate::outputs::graphite::slots::Slots;
use crate::outputs::graphite::store::{self, Saved};
use crate::outputs::graphite::succession::{Estate, Heir, Incoming, Place};
use crate::queue::ack::PatientAck;
use crate::quiet::Quiet;

/// What a sender was told.
pub struct Settings {
    pub interval: Duration,
    pub reconnect: Duration,
    pub protocol: Protocol,
}

/// Sums that are kept over a restart.
pub struct State {
    pub path: PathBuf,
    pub place: Place,
}

/// The task's own state.
pub struct Sender<O: Outside> {
    settings: Settings,
    /// Where the sums are kept, if they are.
    path: Option<PathBuf>,
    ledger: Ledger,
    /// At rest while nothing is written.
    connection: Option<Connection<O>>,
    writing: JoinSet<(Connection<O>, std::io::Result<()>)>,
    saving: JoinSet<Saved>,
    next_flush: Instant,
    /// When the last save ended, and what it took.
    saved_at: Instant,
    save_took: Duration,
    save_bytes: usize,
    /// When to look whether other outputs are done.
    next_look: Instant,
    /// The interval has ended, or a flush failed, and nothing was gathered since.
    is_due: bool,
    /// Carbon is away: not to be asked before this time.
    rests_until: Option<Instant>,
    away_since: Option<Instant>,
    booking: Booking,
    /// Gathered when the saving of the same sums began: what came since is part of the next one.
    flush: Option<Flush>,
    ending: Option<Ending>,
    said_paths: bool,
    said_late: Quiet,
    said_disk: bool,
    metrics: Arc<PluginMetrics>,
}

/// Before a flush what it sends is saved: a restart has to know all that carbon was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Booking {
    None,
    Wanted,
    UnderWay,
    Done,
}

/// Points on their way to carbon.
struct Flush {
    bytes: Bytes,
    /// It holds all that carbon may have lost.
    is_whole: bool,
}

/// All encoders are gone.
struct Ending {
    since: Instant,
    /// The last flush was planned.
    is_planned: bool,
    /// The sums cannot be saved, which is not tried again.
    is_disk_away: bool,
}

type Written<O> = Result<(Connection<O>, std::io::Result<()>), JoinError>;

enum Event<O: Outside> {
    Samples(Option<Samples>),
    Written(Written<O>),
    Saved(Result<Saved, JoinError>),
    Heir(Heir),
    Time,
}

/// Takes over from an output of an earlier configuration, or reads what an earlier run left, then runs the output to its end.
pub async fn run<O: Outside>(
    settings: Settings,
    state: Option<State>,
    empty: Slots,
    connection: Connection<O>,
    metrics: Arc<PluginMetrics>,
    samples: mpsc::Receiver<Samples>,
) {
    let Some(State { path, place }) = state else {
        let ledger = Ledger::new(empty, Keep::Nothing);
        let sender = Sender::new(settings, None, ledger, connection, metrics);
        let (_nobody, heirs) = mpsc::channel(1);
        return sender.run(Incoming::new(samples), heirs).await;
    };
    if let Some(estate) = place.estate
        && let Ok(estate) = estate.await
    {
        let (ledger, waiting) = estate.ledger.handed_over(empty);
        let mut sender = Sender::new(settings, Some(path), ledger, connection, metrics);
        waiting
            .into_iter()
            .for_each(|samples| sender.absorb(samples));
        // The old output may have been writing.
        sender.is_due = true;
        return sender.run(estate.samples.and(samples), place.heirs).await;
    }
    let source = path.clone();
    let loaded = tokio::task::spawn_blocking(move || store::load(&source, empty)).await;
    let Ok((slots, is_damaged)) = loaded else {
        tracing::error!("the sums of a graphite output cannot be read; it does not run");
        return;
    };
    metrics.counter("states_damaged").add(is_damaged.into());
    let ledger = Ledger::new(slots, Keep::State);
    let sender = Sender::new(settings, Some(path), ledger, connection, metrics);
    sender.run(Incoming::new(samples), place.heirs).await;
}

impl<O: Outside> Sender<O> {
    fn new(
        settings: Settings,
        path: Option<PathBuf>,
        ledger: Ledger,
        connection: Connection<O>,
        metrics: Arc<PluginMetrics>,
    ) -> Self {
        let now = Instant::now();
        Self {
            next_flush: now + until_flush(settings.interval),
            settings,
            path,
            ledger,
            connection: Some(connection),
            writing: JoinSet::new(),
            saving: JoinSet::new(),
            saved_at: now,
            save_took: Duration::ZERO,
            save_bytes: 0,
            next_look: now,
            is_due: false,
            rests_until: None,
            away_since: None,
            booking: Booking::None,
            flush: None,
            ending: None,
            said_paths: false,
            said_late: Quiet::default(),
            said_disk: false,
            metrics,
        }
    }

    /// Counts, writes and saves until all encoders are gone and everything is delivered or saved.
    async fn run(mut self, mut samples: Incoming, mut heirs: mpsc::Receiver<Heir>) {
        loop {
            let now = Instant::now();
            if self.next_flush <= now {
                self.is_due = true;
                self.next_flush = now + until_flush(self.settings.interval);
            }
            self.look(now);
            self.plan(now);
            self.save(now);
            self.write();
            if self.booking == Booking::Wanted && self.saving.is_empty() {
                continue;
            }
            if self.is_done(now) {
                // An heir that is there already takes what could not be saved.
                heirs.close();
                return match heirs.try_recv() {
                    Ok(heir) => self.let_go(heir, samples).await,
                    Err(_) => self.tell_unsaved(),
                };
            }
            let has_room = self.ending.is_none() && !self.ledger.is_full();
            let wake = self.wake();
            let event = tokio::select! {
                biased;
                Some(heir) = heirs.recv() => Event::Heir(heir),
                Some(written) = self.writing.join_next() => Event::Written(written),
                Some(saved) = self.saving.join_next() => Event::Saved(saved),
                received = samples.recv(), if has_room => Event::Samples(received),
                () = tokio::time::sleep_until(wake) => Event::Time,
            };
            match event {
                Event::Samples(Some(samples)) => self.absorb(samples),
                Event::Samples(None) => self.ending = Some(Ending::new(now)),
                Event::Written(Ok((connection, result))) => self.written(connection, result),
                Event::Saved(Ok(saved)) => self.saved(saved),
                Event::Written(Err(error)) | Event::Saved(Err(error)) => {
                    // What is held stays unacknowledged.
                    tracing::error!("a graphite output ended by a fault: {error}");
                    return;
                }
                Event::Heir(heir) => return self.let_go(heir, samples).await,
                Event::Time => {}
            }
        }
    }

    fn keeps(&self) -> bool {
        self.path.is_some()
    }

    /// When something is to be done though nothing happens.
    fn wake(&self) -> Instant {
        let mut wake = self.next_flush;
        // A time that is over wakes without end: it counts only while the plan waits for nothing else, and an ending output
        // with a state plans once.
        let plans = self.booking == Booking::None && !(self.ending.is_some() && self.keeps());
        let asks_again = plans && self.is_due && self.connection.is_some();
        if let Some(rests_until) = self.rests_until.filter(|_| asks_again) {
            wake = wake.min(rests_until);
        }
        if self.ledger.is_changed() && self.saving.is_empty() && !self.has_lost_disk() {
            wake = wake.min(self.next_save());
        }
        match self.ledger.is_waiting() || self.ending.is_some() {
            true => wake.min(self.next_look),
            false => wake,
        }
    }

    /// Looks from time to time whether other outputs are done: many small blocks may wait for them.
    fn look(&mut self, now: Instant) {
        if self.next_look <= now {
            self.ledger.ripen();
            self.next_look = now
                + match self.ending {
                    Some(_) => limits::SAMPLES_ENDING_LOOK,
                    None => limits::SAMPLES_WAITING_LOOK,
                };
        }
    }

    fn absorb(&mut self, samples: Samples) {
        let Refused {
            over_path_limit,
            too_late,
        } = self.ledger.absorb(samples, unix_seconds());
        let id = &self.metrics.id;
        if self.refuse(too_late, "samples_too_late", "dropped_too_late")
            && self.said_late.passes(Instant::now().into_std())
        {
            tracing::warn!(
                "{id}: values came for intervals that are closed; they are dropped and counted. Is their sender late, or its \
                 clock behind?"
            );
        }
        let names = ("samples_over_path_limit", "dropped_over_path_limit");
        if self.refuse(over_path_limit, names.0, names.1) && !self.said_paths {
            let most = limits::METRIC_PATHS_MAX;
            tracing::warn!(
                "{id}: more than {most} paths in one interval; further ones are dropped and counted. Is an address or an id \
                 part of a path?"
            );
            self.said_paths = true;
        }
    }

    /// Counts what was not taken, if that is something.
    fn refuse(&self, tally: Tally, samples: &'static str, events: &'static str) -> bool {
        if tally == Tally::default() {
            return false;
        }
        self.metrics.counter(samples).add(tally.samples);
        self.metrics.counter(events).add(tally.events);
        true
    }

    /// Has what is due saved first, if nothing is on its way and carbon may be asked. At the end all is due; with a state
    /// that is tried once, since what carbon does not get now it gets after the next start.
    fn plan(&mut self, now: Instant) {
        if self.connection.is_none() || self.booking != Booking::None {
            return;
        }
        let keeps = self.keeps();
        let mut is_due = self.is_due || self.ledger.is_full();
        if let Some(ending) = &mut self.ending {
            let is_first = !std::mem::replace(&mut ending.is_planned, true);
            is_due = is_first || (is_due && !keeps);
        }
        let is_resting = self.rests_until.is_some_and(|until| now < until);
        if is_due && !is_resting {
            self.booking = Booking::Wanted;
        }
    }

    /// Gathers what is due.
    fn gather(&mut self) {
        let is_whole = self
            .connection
            .as_mut()
            .is_some_and(Connection::is_doubtful);
        if is_whole {
            self.ledger.doubt();
        }
        self.is_due = false;
        let is_end = self.ending.is_some();
        let points = self
            .ledger
            .gather(unix_seconds(), is_end, self.settings.protocol);
        self.metrics.counter("points_refused").add(points.refused());
        self.flush = Some(Flush {
            bytes: points.finish(),
            is_whole,
        });
    }

    /// Starts to write what was gathered and is saved.
    fn write(&mut self) {
        if self.booking != Booking::Done {
            return;
        }
        self.booking = Booking::None;
        let (Some(mut connection), Some(flush)) = (self.connection.take(), self.flush.take())
        else {
            return;
        };
        if !flush.is_whole && connection.is_doubtful() {
            // Carbon ended while the sums were saved: gathered again, with all of before.
            self.ledger.doubt();
            self.connection = Some(connection);
            self.booking = Booking::Wanted;
            return;
        }
        let bytes = flush.bytes;
        if bytes.is_empty() {
            self.connection = Some(connection);
            return self.delivered();
        }
        let wait = match self.ending.is_some() && self.keeps() {
            true => limits::GRAPHITE_END_WAIT,
            false => limits::GRAPHITE_WAIT,
        };
        self.writing.spawn(async move {
            let result = connection.write(&bytes, wait).await;
            (connection, result)
        });
    }

    fn delivered(&mut self) {
        let shares = self.ledger.delivered(unix_seconds());
        for Share { events, acks, .. } in shares {
            self.metrics.events_out.add(events);
            acks.into_iter().for_each(PatientAck::settle);
        }
    }

    fn written(&mut self, connection: Connection<O>, result: std::io::Result<()>) {
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
                self.delivered();
            }
            Err(error) => {
                self.metrics.counter("flushes_retried").add(1);
                self.rests_until = Some(Instant::now() + self.settings.reconnect);
                self.ledger.doubt();
                self.is_due = true;
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

    /// Whether the output has ended: with a state when all is saved, without one when all is delivered.
    fn is_done(&self, now: Instant) -> bool {
        let Some(ending) = &self.ending else {
            return false;
        };
        let is_busy = !self.writing.is_empty() || !self.saving.is_empty();
        if !ending.is_planned || self.booking != Booking::None || is_busy {
            return false;
        }
        if !self.keeps() {
            return !self.is_due;
        }
        let is_late = ending.since + limits::GRAPHITE_END_WAIT <= now;
        let waits = self.ledger.is_waiting() && !(is_late && self.ledger.waits_in_vain());
        self.has_lost_disk() || !(waits || self.ledger.is_changed())
    }

    /// Leaves everything to another output, once nothing is on its way to carbon or to the disk any more.
    async fn let_go(mut self, heir: Heir, samples: Incoming) {
        self.writing.shutdown().await;
        self.end_saving().await;
        let estate = Estate {
            ledger: self.ledger,
            samples,
        };
        let Err(estate) = heir.send(estate) else {
            return;
        };
        // The agent ends, and has ended the heir first.
        self.ledger = estate.ledger;
        self.save_now();
        self.end_saving().await;
        self.tell_unsaved();
        self.lose(estate.samples).await;
    }
}

impl Ending {
    fn new(since: Instant) -> Self {
        Self {
            since,
            is_planned: false,
            is_disk_away: false,
        }
    }
}

/// The time of day as points have it.
fn unix_seconds() -> i64 {
    host::now_nanos() / 1_000_000_000
}

/// Until a little after the end of the present interval, so that events that were just made are still in time.
fn until_flush(interval: Duration) -> Duration {
    const STRAGGLERS: Duration = Duration::from_millis(500);
    let now = u128::try_from(host::now_nanos()).unwrap_or(0);
    let passed = now % interval.as_nanos().max(1);
    let left =
        Duration::from_nanos(u64::try_from(interval.as_nanos() - passed).unwrap_or(u64::MAX));
    left + STRAGGLERS.min(interval / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::outputs::graphite::PLUGIN;
    use crate::outputs::graphite::outside::Real;
    use crate::outputs::graphite::slots::Kind;
    use crate::plugin::Options;

    /// An output with a state, whose last flush failed a while ago.
    fn resting() -> Sender<Real> {
        let options = Options::bare(PLUGIN.plugin, "output_graphite_1");
        let settings = Settings {
            interval: Duration::from_secs(3600),
            reconnect: Duration::from_secs(2),
            protocol: Protocol::Plaintext,
        };
        let ledger = Ledger::new(Slots::new(3600, &[]), Keep::State);
        let connection = Connection::<Real>::new("127.0.0.1".to_owned(), 1);
        let metrics = Metrics::default().plugin(&options);
        let path = Some(PathBuf::from("unused"));
        let mut sender = Sender::new(settings, path, ledger, connection, metrics);
        sender.is_due = true;
        sender.rests_until = Some(Instant::now());
        sender
    }

    #[tokio::test]
    async fn an_ending_output_sleeps_while_carbon_is_away() {
        let mut sender = resting();
        let now = Instant::now();
        sender.ending = Some(Ending {
            is_planned: true,
            ..Ending::new(now)
        });
        sender.look(now);
        sender.plan(now);
        assert!(now < sender.wake());
    }

    #[tokio::test]
    async fn an_output_sleeps_while_sums_are_saved_for_the_next_flush() {
        let mut sender = resting();
        let now = Instant::now();
        sender.look(now);
        sender.booking = Booking::UnderWay;
        assert!(now < sender.wake());
    }

    /// A restart would not know that carbon was told of it.
    #[tokio::test]
    async fn what_comes_while_sums_are_saved_waits_for_the_next_flush() {
        let mut sender = resting();
        let folder = std::env::temp_dir().join(format!("sawlog-sums-{}", std::process::id()));
        sender.path = Some(folder.join("a.state"));
        let late = unix_seconds() - 2 * 3600;
        let sample = |path| Samples::of(&[(Kind::Counter, path, late, 1.0)]);
        let now = Instant::now();
        sender.absorb(sample("first"));
        sender.plan(now);
        sender.save(now);
        sender.absorb(sample("second"));
        let flush = sender.flush.take().expect("it was gathered with the sums");
        let lines = String::from_utf8_lossy(&flush.bytes);
        assert!(
            lines.contains("first 1 ") && !lines.contains("second"),
            "{lines}"
        );
        sender.end_saving().await;
        std::fs::remove_dir_all(folder).expect("the folder is ours");
    }

    #[tokio::test]
    async fn what_nobody_can_send_again_is_saved_soon() {
        let mut sender = resting();
        let pause = |sender: &Sender<Real>| sender.next_save() - sender.saved_at;
        let samples = |is_rereadable| {
            let mut samples = Samples::of(&[(Kind::Counter, "a", unix_seconds(), 1.0)]);
            samples.is_rereadable = is_rereadable;
            samples
        };
        sender.absorb(samples(true));
        assert_eq!(pause(&sender), limits::SUMS_SAVE_INTERVAL);
        sender.absorb(samples(false));
        assert_eq!(pause(&sender), limits::SUMS_PUSHED_SAVE_INTERVAL);
        // A slow disk is not busy with it all the time, and one that refuses it is not asked so often.
        sender.save_took = Duration::from_millis(30);
        assert_eq!(pause(&sender), Duration::from_millis(120));
        sender.said_disk = true;
        assert_eq!(pause(&sender), limits::SUMS_SAVE_INTERVAL);
    }

    #[tokio::test]
    async fn a_large_file_is_saved_less_often() {
        let mut sender = resting();
        sender.absorb(Samples::of(&[(Kind::Counter, "a", unix_seconds(), 1.0)]));
        let mut pause = |bytes| {
            sender.save_bytes = bytes;
            sender.next_save() - sender.saved_at
        };
        assert_eq!(pause(10_000), limits::SUMS_PUSHED_SAVE_INTERVAL);
        let second = limits::SUMS_PUSHED_BYTES_A_SECOND_MAX;
        assert_eq!(pause(second / 8), Duration::from_millis(125));
        assert_eq!(pause(10 * second), limits::SUMS_SAVE_INTERVAL);
    }

    #[tokio::test]
    async fn an_ending_output_whose_disk_is_full_sleeps_and_tells_what_is_not_saved() {
        let mut sender = resting();
        let mut samples = Samples::of(&[(Kind::Counter, "a", unix_seconds(), 1.0)]);
        samples.events = 7;
        sender.absorb(samples);
        let now = Instant::now();
        sender.ending = Some(Ending {
            is_planned: true,
            is_disk_away: true,
            ..Ending::new(now)
        });
        (sender.next_look, sender.save_took) = (now + Duration::from_secs(1), Duration::ZERO);
        sender.saved_at = now - limits::SUMS_SAVE_INTERVAL;
        assert!(now < sender.wake());
        sender.tell_unsaved();
        assert_eq!(sender.metrics.counter("dropped_unsaved").value(), 7);
    }
}
