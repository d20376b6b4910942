//! The task that sends blocks: small ones are joined while requests are under way, several requests run at once, and each
//! document ends with its verdict. Blocks come in, acknowledgements and counts go out. When to wait and whom to ask is
//! decided in `retry` and `hosts`.

mod report;
mod verdicts;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant;

use crate::limits;
use crate::outputs::elasticsearch::answer;
use crate::outputs::elasticsearch::concurrency::Concurrency;
use crate::outputs::elasticsearch::hosts::Hosts;
use crate::outputs::elasticsearch::refusals::Refusals;
use crate::outputs::elasticsearch::retry::{Backoff, Waiting};
use crate::outputs::elasticsearch::secrets::Secrets;
use crate::outputs::elasticsearch::transport::{Reply, Transport, Unreachable};
use crate::outputs::elasticsearch::verdict::{Outcome, Rules};
use crate::outputs::leave::{Leave, Notice};
use crate::outputs::succession::Newer;
use crate::queue::block::{Block, Sealed, Spares};
use crate::queue::dead_letters::letter::Letter;
use crate::queue::ends::Outlet;
pub use report::Report;

/// How requests are put together and repeated.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub bytes_max: usize,
    pub documents_max: usize,
    /// How long small blocks wait for more while other requests are under way.
    pub delay: Duration,
    pub requests_max: usize,
    pub retry_initial: Duration,
    pub retry_max: Duration,
    /// The longest rest of a host that could not be reached.
    pub resurrect_delay: Duration,
    /// How long a document is tried.
    pub retry_age_max: Option<Duration>,
    pub rules: Rules,
    /// What is not told of answers.
    pub secrets: Secrets,
}

/// Whom documents are sent to, and how. A reload changes it for those too that wait already.
pub struct Way {
    pub schedule: Schedule,
    pub transport: Arc<dyn Transport>,
    /// Addresses of the hosts, without passwords.
    pub hosts: Vec<String>,
    pub refusals: Arc<Refusals>,
}

/// What the sender gives back to the encoders.
#[derive(Default)]
pub struct Learned {
    pub spares: Spares,
    /// The length that blocks should have.
    pub block_bytes: Arc<AtomicUsize>,
}

/// The sending task's state.
pub struct Sender {
    schedule: Schedule,
    transport: Arc<dyn Transport>,
    hosts: Hosts,
    concurrency: Concurrency,
    backoff: Backoff,
    /// Blocks as they came, with the time they did.
    fresh: VecDeque<(Instant, Block)>,
    fresh_bytes: usize,
    retries: Waiting,
    /// Letters of events without a document, until they are kept.
    letters: Waiting,
    in_flight: JoinSet<Answered>,
    /// What each of these tasks sends: it is here even when a task ends by a fault.
    under_way: HashMap<task::Id, UnderWay>,
    learned: Learned,
    report: Report,
    notice: Notice,
    newer: Newer<Way>,
    /// Until then dead letters are not tried to be kept of documents that wait for that alone.
    letters_rest_until: Option<Instant>,
}

impl Drop for Sender {
    /// However it ends: what nobody could send again is counted.
    fn drop(&mut self) {
        let fresh = self.fresh.iter().map(|(_, block)| block.alone_here());
        let under_way = self.under_way.values();
        let under_way = under_way.map(|request| request.block.alone_here());
        let waiting = self.retries.alone_here() + self.letters.alone_here();
        self.report
            .lost(fresh.sum::<u64>() + waiting + under_way.sum::<u64>());
    }
}

/// What became of a request.
type Answered = Result<Reply, Unreachable>;

/// A request that was sent.
struct UnderWay {
    /// None if a newer way has others.
    host: Option<usize>,
    started: Instant,
    block: Sealed,
}

/// Why the task woke up.
enum Event {
    Block(Option<Block>),
    Done(Result<(task::Id, Answered), JoinError>),
    Told,
    NewWay,
    Time,
}

impl Sender {
    pub fn new(way: &Way, learned: Learned, report: Report) -> Self {
        let schedule = way.schedule.clone();
        Self {
            backoff: Backoff::new(schedule.retry_initial, schedule.retry_max),
            concurrency: Concurrency::new(schedule.requests_max),
            schedule,
            transport: Arc::clone(&way.transport),
            hosts: Hosts::new(way.hosts.len()),
            fresh: VecDeque::new(),
            fresh_bytes: 0,
            retries: Waiting::default(),
            letters: Waiting::default(),
            in_flight: JoinSet::new(),
            under_way: HashMap::new(),
            learned,
            report,
            notice: Notice::default(),
            newer: Newer::default(),
            letters_rest_until: None,
        }
    }

    /// Ends as it is told.
    pub fn told_by(mut self, notice: Notice) -> Self {
        self.notice = notice;
        self
    }

    /// Goes newer ways, once there are some.
    pub fn going(mut self, newer: Newer<Way>) -> Self {
        self.newer = newer;
        self
    }

    /// Waits as long as a seed says, so that a simulation can be repeated.
    #[cfg(test)]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.backoff.seed(seed);
        self
    }

    /// Sends what comes until all encoders are gone and every document has its verdict, or until it is told to leave. What
    /// is left then is not acknowledged: it is read again, or comes out of the queue on disk again.
    pub async fn run(mut self, blocks: Outlet) {
        let mut blocks = blocks.counting(self.report.documents_lost());
        /// A bound on each wait; what is waited for wakes the task by itself.
        const LONGEST: Duration = Duration::from_secs(1);
        let mut open = true;
        loop {
            let now = Instant::now();
            let leave = self.notice.heard();
            if leave.leaves_disk() && blocks.holds_disk() {
                self.leave_disk(&mut blocks);
            }
            if let Some(way) = self.newer.take() {
                self.go(&way);
            }
            self.keep_letters(now).await;
            self.give_up_old(now).await;
            if leave != Leave::Now {
                self.dispatch(now, open);
            }
            let held = self.fresh.len() + self.retries.count() + self.letters.count();
            let waiting = blocks.waiting() + held;
            self.report.waiting(waiting + self.in_flight.len());
            if self.is_done(leave, !open && waiting == 0) {
                if leave == Leave::Safe && (open || 0 < waiting) {
                    self.report.left();
                }
                return;
            }
            let wake = self.next_wake(now).unwrap_or(now + LONGEST);
            let has_room = match leave {
                Leave::Now => false,
                leave => open && (self.has_room() || leave.takes_all()),
            };
            // In order, so that a simulation can be repeated; there are few requests to end, so blocks do not starve.
            let event = tokio::select! {
                biased;
                Some(done) = self.in_flight.join_next_with_id() => Event::Done(done),
                () = self.notice.changed() => Event::Told,
                () = self.newer.wait() => Event::NewWay,
                block = blocks.next(), if has_room => Event::Block(block),
                () = tokio::time::sleep_until(wake) => Event::Time,
            };
            match event {
                Event::Block(Some(block)) => self.accept(block),
                Event::Block(None) => open = false,
                Event::Done(done) => {
                    let (id, answered) = done.unwrap_or_else(|fault| (fault.id(), fallen(&fault)));
                    if let Some(request) = self.under_way.remove(&id) {
                        self.finish(request, answered).await;
                    }
                }
                Event::Time | Event::Told | Event::NewWay => {}
            }
        }
    }

    /// Whether nothing more is to be done. Where no host takes requests, one that is under way is a mere try, and is not
    /// waited for by whoever leaves.
    fn is_done(&self, leave: Leave, is_all_sent: bool) -> bool {
        let is_idle = self.in_flight.is_empty();
        match leave {
            Leave::Delivered | Leave::Replaced | Leave::Finishing => is_all_sent && is_idle,
            Leave::Safe | Leave::Succeeded => is_all_sent && is_idle || self.hosts.are_away(),
            Leave::Now => is_idle || self.hosts.are_away(),
        }
    }

    /// Takes nothing more from the disk, and leaves there what came from it as soon as no request is under way with some of it.
    fn leave_disk(&mut self, blocks: &mut Outlet) {
        blocks.leave_disk();
        for (arrived, block) in std::mem::take(&mut self.fresh) {
            self.fresh_bytes -= block.body.len();
            let left = block.without_kept();
            self.fresh_bytes += left.body.len();
            if !left.is_empty() {
                self.fresh.push_back((arrived, left));
            }
        }
        self.retries.leave_kept();
        self.letters.leave_kept();
        let mut under_way = self.under_way.values();
        if !under_way.any(|request| request.block.has_kept()) {
            blocks.release_disk();
        }
    }

    /// Sends to other hosts from now on. What is under way to those before comes to its end.
    fn go(&mut self, way: &Way) {
        self.schedule = way.schedule.clone();
        self.transport = Arc::clone(&way.transport);
        self.hosts = Hosts::new(way.hosts.len());
        self.concurrency = Concurrency::new(self.schedule.requests_max);
        self.backoff = Backoff::new(self.schedule.retry_initial, self.schedule.retry_max);
        for request in self.under_way.values_mut() {
            request.host = None;
        }
        self.retries.hasten(Instant::now());
        self.report.go(way);
    }

    fn accept(&mut self, block: Block) {
        if Letter::begins(&block.body) {
            return self.letters.push(Instant::now(), block);
        }
        self.fresh_bytes += block.body.len();
        self.fresh.push_back((Instant::now(), block));
    }

    /// Whether one more block may be taken: enough are there for the next request, or too much is held altogether.
    fn has_room(&self) -> bool {
        let under_way = self.under_way.values();
        let under_way = under_way.map(|request| request.block.body.len());
        let waiting = self.retries.bytes() + self.letters.bytes();
        let held = self.fresh_bytes + waiting + under_way.sum::<usize>();
        self.fresh_bytes < self.schedule.bytes_max && held < limits::BULK_HELD_BYTES_MAX
    }

    /// Sends what is ready, while there is a host for it.
    fn dispatch(&mut self, now: Instant, open: bool) {
        while self.in_flight.len() < self.concurrency.limit() {
            let is_due = self.retries.next_due().is_some_and(|due| due <= now);
            if !is_due && !self.is_fresh_ready(now, open) {
                return;
            }
            let Some(host) = self.hosts.pick(now) else {
                return;
            };
            let (bytes, documents) = (self.schedule.bytes_max, self.schedule.documents_max);
            let due = self.retries.pop_due(now, bytes, documents);
            let Some(block) = due.or_else(|| self.join_fresh()) else {
                return;
            };
            self.send(host, block);
        }
    }

    /// Small blocks wait while requests are under way, but never long; when there are none, nothing waits.
    fn is_fresh_ready(&self, now: Instant, open: bool) -> bool {
        let Some((arrived, _)) = self.fresh.front() else {
            return false;
        };
        let enough = self.schedule.bytes_max / 2 <= self.fresh_bytes;
        self.in_flight.is_empty() || !open || enough || *arrived + self.schedule.delay <= now
    }

    /// The first block with as many of the next as fit.
    fn join_fresh(&mut self) -> Option<Block> {
        let (_, mut joined) = self.fresh.pop_front()?;
        self.fresh_bytes -= joined.body.len();
        while let Some((_, next)) = self.fresh.front() {
            let bytes = joined.body.len() + next.body.len();
            let documents = joined.documents() + next.documents();
            if self.schedule.bytes_max < bytes || self.schedule.documents_max < documents {
                break;
            }
            if let Some((_, next)) = self.fresh.pop_front() {
                self.fresh_bytes -= next.body.len();
                self.learned.spares.give(joined.merge(next));
            }
        }
        Some(joined)
    }

    fn send(&mut self, host: usize, block: Block) {
        let block = block.seal();
        self.report.sent(block.body.len());
        let (transport, body) = (Arc::clone(&self.transport), block.body.clone());
        let task = self
            .in_flight
            .spawn(async move { transport.bulk(host, body).await });
        let request = UnderWay {
            host: Some(host),
            started: Instant::now(),
            block,
        };
        self.under_way.insert(task.id(), request);
    }

    /// The next moment at which time alone changes what can be sent.
    fn next_wake(&self, now: Instant) -> Option<Instant> {
        let delayed = self
            .fresh
            .front()
            .map(|(arrived, _)| *arrived + self.schedule.delay);
        [
            self.retries.next_due(),
            self.hosts.next_rested(now),
            self.letters.next_due(),
            delayed,
        ]
        .into_iter()
        .flatten()
        .filter(|wake| now < *wake)
        .min()
    }

    async fn finish(&mut self, request: UnderWay, answered: Answered) {
        let now = Instant::now();
        let UnderWay {
            host,
            started,
            block,
        } = request;
        self.note_load(started, now, &answered);
        let (outcome, rest_max, retry_after) = match answered {
            Ok(reply) => {
                let outcome = match reply.status {
                    200..=299 => answer::read(&reply.body, block.documents(), &self.schedule.rules),
                    300..=399 => Outcome::redirected(reply.status, reply.location.as_deref()),
                    status => Outcome::of_status(status, &reply.body),
                };
                (outcome, self.schedule.retry_max, reply.retry_after)
            }
            Err(Unreachable { reason, .. }) => (
                Outcome::Away { reason },
                self.schedule.resurrect_delay,
                None,
            ),
        };
        match outcome.without(&self.schedule.secrets) {
            Outcome::Away { reason } => {
                if let Some(host) = host {
                    let wait = self.backoff.wait(self.hosts.failures(host)).min(rest_max);
                    let rest = retry_after.map_or(wait, |asked| {
                        asked.clamp(wait, self.schedule.retry_max.max(wait))
                    });
                    if self.hosts.failed(host, now, rest) {
                        self.report.away(host, &reason);
                    }
                }
                self.put_back(now, block);
            }
            Outcome::Denied { reason, fault } => {
                if let Some(host) = host {
                    let rest = self.backoff.wait(self.hosts.failures(host));
                    if self.hosts.failed(host, now, rest) {
                        self.report.denied(host, &reason, fault);
                    }
                }
                self.wait_for_somebody(now, block);
            }
            outcome => {
                let back = host.and_then(|host| self.hosts.answered(host, now).zip(Some(host)));
                if let Some((after, host)) = back {
                    self.report.back(host, after);
                }
                self.conclude(now, started, block, outcome).await;
            }
        }
    }

    /// Fewer requests at once when the server has too much to do, or a proxy hears nothing of it; a 429 of single documents is
    /// noted with them. Other refusals come quickly and say nothing of what it could take.
    fn note_load(&mut self, started: Instant, now: Instant, answered: &Answered) {
        let status = answered.as_ref().map(|reply| reply.status);
        match status {
            Ok(200..=299) => self
                .concurrency
                .answered(now - started, self.in_flight.len() + 1),
            Ok(429 | 502..=504) => self.concurrency.overloaded(started, now),
            Err(unreachable) if unreachable.is_late => self.concurrency.overloaded(started, now),
            Ok(_) | Err(_) => {}
        }
        self.report.may_send(self.concurrency.limit());
    }

    /// Nothing of the request came through: it is sent once more, as soon as a host may be asked.
    fn put_back(&mut self, now: Instant, block: Sealed) {
        self.report.repeated(block.documents());
        let mut block = block.open();
        self.note_age(now, &mut block);
        self.retries.push(now, block);
    }

    /// The same where somebody has to act first. How long that takes is no reason to give documents up, whatever their age.
    fn wait_for_somebody(&mut self, now: Instant, block: Sealed) {
        self.report.repeated(block.documents());
        self.retries.push(now, block.open());
        self.retries.forget_ages();
    }

    /// Notes when documents were first sent in vain, if that will matter: those of different ages are not joined.
    fn note_age(&self, now: Instant, block: &mut Block) {
        if self.schedule.retry_age_max.is_some() {
            block.since.get_or_insert(now);
        }
    }
}

/// What a request came to whose task ended by a fault of ours: nobody knows what the server got, so it is sent again.
fn fallen(fault: &JoinError) -> Answered {
    tracing::error!("a request ended by a fault, its documents are sent again: {fault}");
    Err(Unreachable::new("the request ended by a fault"))
}

#[cfg(test)]
mod tests;
