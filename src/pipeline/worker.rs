//! Workers: plain threads, each with its own copy of the compiled pipeline. A worker takes batches from its queue, runs
//! decoding, filters and encoders over them, and tells the outputs when its input pauses.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc as sync};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use crate::event::{Batch, EventId};
use crate::limits;
use crate::pipeline::program::{self, FilterStep, OutputStep, Step};
use crate::quiet::Quiet;

/// One worker's copy of the pipeline.
pub struct Program {
    pub filters: Vec<Step<FilterStep>>,
    pub outputs: Vec<Step<OutputStep>>,
}

impl Program {
    pub fn fork(&self) -> Self {
        Self {
            filters: Step::map(&self.filters, &mut FilterStep::fork),
            outputs: Step::map(&self.outputs, &mut OutputStep::fork),
        }
    }

    /// Runs one batch through to the outputs' queues.
    fn run(&mut self, mut batch: Batch, selected: &mut Vec<EventId>) {
        if let Some(decode) = batch.decode.take() {
            decode.decode(&mut batch);
        }
        batch.end_of_input();
        selected.clear();
        selected.extend(batch.live_events());
        program::run(&mut self.filters, &mut batch, selected);
        program::run(&mut self.outputs, &mut batch, selected);
        let now = batch.received;
        program::tell_each(&mut self.outputs, &mut |output| {
            output.encoder.pass_time(now)
        });
        batch.ack.settle();
    }

    /// The input pauses.
    fn pause(&mut self) {
        program::tell_each(&mut self.outputs, &mut |output| output.encoder.flush());
    }
}

/// Where inputs put their batches. Batches of one stream go to one worker, in order; a full worker makes them wait.
#[derive(Clone)]
pub struct Batches {
    workers: Arc<[mpsc::Sender<Batch>]>,
    /// The first worker of those for batches that nobody can read again. They do not wait behind a worker that waits for
    /// an output: what waits in a socket is lost when that overflows.
    first_of_pushed: usize,
    /// How many batches may still wait for their acknowledgement. Without a bound, positions of batches behind one that waits
    /// for long would fill the memory.
    under_way: Arc<Semaphore>,
    /// That there is no room was said.
    said: Arc<Quiet>,
    pushed: Pushed,
}

/// Counts events that nobody can send again, from when an input hands them over until they are through to the outputs.
#[derive(Clone, Default)]
pub struct Pushed(Arc<AtomicU64>);

impl Pushed {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Counts a batch's events, here and in it.
    fn begin(&self, batch: &mut Batch) {
        batch.alone = match &batch.decode {
            _ if batch.ack.is_heard() => 0,
            Some(decode) => decode.count(batch),
            None => batch.event_count() as u64,
        };
        self.0.fetch_add(batch.alone, Ordering::AcqRel);
    }

    fn end(&self, events: u64) {
        self.0.fetch_sub(events, Ordering::AcqRel);
    }
}

/// The workers are gone: the agent is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl Batches {
    fn worker(&self, batch: &Batch) -> Option<&mpsc::Sender<Batch>> {
        let (read, pushed) = self.workers.split_at(self.first_of_pushed);
        let own = match batch.ack.is_pushed() && !pushed.is_empty() || read.is_empty() {
            true => pushed,
            false => read,
        };
        own.get((batch.stream % own.len().max(1) as u64) as usize)
    }

    fn new(workers: Arc<[mpsc::Sender<Batch>]>, first_of_pushed: usize) -> Self {
        Self {
            workers,
            first_of_pushed,
            under_way: Arc::new(Semaphore::new(limits::BATCHES_UNDER_WAY_MAX)),
            said: Arc::default(),
            pushed: Pushed::default(),
        }
    }

    /// Those under way.
    pub fn pushed(&self) -> Pushed {
        self.pushed.clone()
    }

    /// Gives a batch room among those under way, if there is some. One that nobody listens to needs none.
    fn admit_now(&self, batch: &Batch) -> bool {
        if !batch.ack.is_heard() {
            return true;
        }
        let room = Arc::clone(&self.under_way).try_acquire_owned();
        if let Ok(room) = room {
            batch.ack.occupy(room);
            return true;
        }
        if self.said.passes(Instant::now()) {
            let most = limits::BATCHES_UNDER_WAY_MAX;
            tracing::warn!(
                "{most} pieces of what was read wait for an output's verdict on some of their events: inputs that can be \
                 read again wait"
            );
        }
        false
    }

    /// Waits until a batch has room among those under way.
    async fn admit(&self, batch: &Batch) {
        if !self.admit_now(batch)
            && let Ok(room) = Arc::clone(&self.under_way).acquire_owned().await
        {
            batch.ack.occupy(room);
        }
    }

    /// Hands a batch over, from a task.
    pub async fn send(&self, mut batch: Batch) -> Result<(), Stopped> {
        self.admit(&batch).await;
        self.pushed.begin(&mut batch);
        self.worker(&batch)
            .ok_or(Stopped)?
            .send(batch)
            .await
            .map_err(|_| Stopped)
    }

    /// Hands a batch over, from a thread of the runtime.
    pub fn send_blocking(&self, mut batch: Batch) -> Result<(), Stopped> {
        if !self.admit_now(&batch) {
            Handle::current().block_on(self.admit(&batch));
        }
        self.pushed.begin(&mut batch);
        self.worker(&batch)
            .ok_or(Stopped)?
            .blocking_send(batch)
            .map_err(|_| Stopped)
    }

    /// Hands batches to queues of the caller's own making.
    #[cfg(test)]
    pub fn to(workers: Vec<mpsc::Sender<Batch>>) -> Self {
        let first_of_pushed = workers.len();
        Self::new(workers.into(), first_of_pushed)
    }

    /// A handle that counts what waits and does not keep the workers running.
    pub fn waiting(&self) -> Waiting {
        Waiting {
            workers: self.workers.iter().map(mpsc::Sender::downgrade).collect(),
        }
    }
}

/// Counts the batches that wait for workers.
#[derive(Clone, Default)]
pub struct Waiting {
    workers: Vec<mpsc::WeakSender<Batch>>,
}

impl Waiting {
    pub fn count(&self) -> usize {
        let waiting = |worker: mpsc::Sender<Batch>| worker.max_capacity() - worker.capacity();
        self.workers
            .iter()
            .filter_map(mpsc::WeakSender::upgrade)
            .map(waiting)
            .sum()
    }
}

/// Workers of a pipeline, by what they work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// For batches that can be read again, or all batches if the others have none.
    pub read: usize,
    /// For batches that cannot.
    pub pushed: usize,
}

/// What a thread gets to do: its copy of the program, and its queue.
type Work = (Program, mpsc::Receiver<Batch>, Pushed);

/// Threads that wait for a program. Those that never get one end by themselves.
pub struct Threads {
    waiting: Vec<(sync::SyncSender<Work>, JoinHandle<()>)>,
    first_of_pushed: usize,
}

impl Threads {
    /// Starts the threads: the one thing about workers that can fail, and so done while nothing depends on it.
    pub fn spawn(counts: Counts) -> io::Result<Self> {
        let spawn = |index| {
            let (sender, work) = sync::sync_channel(1);
            let name = format!("worker-{index}");
            let thread = std::thread::Builder::new().name(name).spawn(move || {
                if let Ok((program, batches, pushed)) = work.recv() {
                    run(program, batches, &pushed);
                }
            })?;
            Ok((sender, thread))
        };
        let waiting = (0..counts.read + counts.pushed).map(spawn);
        Ok(Self {
            waiting: waiting.collect::<io::Result<_>>()?,
            first_of_pushed: counts.read,
        })
    }

    /// Makes workers of them. Each ends when all clones of the returned `Batches` are gone and its queue is empty.
    pub fn run(self, program: Program) -> (Batches, Vec<JoinHandle<()>>) {
        let count = self.waiting.len();
        let mut programs: Vec<Program> = (1..count).map(|_| program.fork()).collect();
        programs.push(program);
        let pushed = Pushed::default();
        let mut senders = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for ((work, thread), program) in self.waiting.into_iter().zip(programs) {
            let (sender, batches) = mpsc::channel(limits::BATCHES_WAITING_MAX);
            let sent = work.send((program, batches, pushed.clone()));
            sent.expect("the thread does nothing but wait for it");
            senders.push(sender);
            threads.push(thread);
        }
        let batches = Batches {
            pushed,
            ..Batches::new(senders.into(), self.first_of_pushed)
        };
        (batches, threads)
    }
}

fn run(mut program: Program, mut batches: mpsc::Receiver<Batch>, pushed: &Pushed) {
    let mut selected = Vec::new();
    loop {
        let batch = match batches.try_recv() {
            Ok(batch) => batch,
            Err(_) => {
                program.pause();
                match batches.blocking_recv() {
                    Some(batch) => batch,
                    None => return,
                }
            }
        };
        let events = batch.alone;
        let started = Instant::now();
        program.run(batch, &mut selected);
        // The next batch may take as long: what has gathered does not wait for it.
        if limits::QUEUE_BLOCK_AGE <= started.elapsed() {
            program.pause();
        }
        pushed.end(events);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio::sync::{Semaphore, mpsc};

    use super::Batches;
    use crate::event::{Batch, Names};
    use crate::queue::ack::Ack;
    use crate::queue::positions::Positions;

    #[test]
    fn a_full_worker_of_files_does_not_stop_syslog() {
        let batch = |ack| Batch::new(Vec::new(), Arc::new(Names::default()), 0, ack);
        let (files, mut waiting_files) = mpsc::channel(1);
        let (syslog, mut waiting_syslog) = mpsc::channel(1);
        let batches = Batches::new([files, syslog].into(), 1);
        assert!(batches.send_blocking(batch(Ack::none())).is_ok());
        assert!(batches.send_blocking(batch(Ack::pushed())).is_ok());
        assert!(
            waiting_files
                .try_recv()
                .is_ok_and(|batch| !batch.ack.is_pushed())
        );
        assert!(
            waiting_syslog
                .try_recv()
                .is_ok_and(|batch| batch.ack.is_pushed())
        );
    }

    #[tokio::test]
    async fn an_input_waits_while_too_many_batches_wait_for_their_verdict() {
        let positions = Positions::open(Path::new("")).expect("there is no such file");
        let stream = positions.stream("a");
        let batch = |end: u64| {
            let ack = stream.ack(end.into());
            Batch::new(Vec::new(), Arc::new(Names::default()), 0, ack)
        };
        let (sender, mut worker) = mpsc::channel(10);
        let mut batches = Batches::to(vec![sender]);
        batches.under_way = Arc::new(Semaphore::new(2));
        for end in [1, 2] {
            assert_eq!(batches.send(batch(end)).await, Ok(()));
        }
        let third = batch(3);
        assert!(!batches.admit_now(&third));
        let sending = tokio::task::spawn_blocking(move || batches.send_blocking(third));
        let mut next = async || worker.recv().await.expect("it was sent").ack;
        let (first, second) = (next().await, next().await);
        // In any order, and a batch that is lost makes room as well.
        drop(second);
        assert_eq!(sending.await.expect("it does not panic"), Ok(()));
        first.settle();
        assert_eq!(positions.safe("a"), Some(1.into()));
    }
}
