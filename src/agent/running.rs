//! A running pipeline: started from its outputs to its inputs, stopped from its inputs to its outputs.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::agent::behind::{Behind, ended};
use crate::agent::deadline::Deadline;
use crate::agent::rest::Rest;
use crate::agent::saving::{save_at_last, save_sometimes};
use crate::inputs::sockets::Sockets;
use crate::inputs::{Flow, Input, Source};
use crate::limits;
use crate::metrics::{DOCUMENTS_LOST, Metrics};
use crate::outputs::leave::{Leave, Notice};
use crate::outputs::{Opening, Queue, Successions};
use crate::pipeline::compile::{Compiled, InputKinds, PlannedOutput};
use crate::pipeline::program::{OutputStep, Step};
use crate::pipeline::worker::{self, Batches, Counts, Program, Pushed, Threads};
use crate::queue::ack::Fate;
use crate::queue::policy::{Kind, Policy};
use crate::queue::positions::Positions;
use crate::queue::queues::Queues;

/// How often it is looked whether the outputs have left.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The parts of a started pipeline.
pub struct Running {
    inputs: Vec<JoinHandle<()>>,
    /// Those that go on from positions, until these are known.
    readers: Option<(Flow, Vec<Box<dyn Input>>)>,
    stop: watch::Sender<bool>,
    batches: Option<Batches>,
    pushed: Pushed,
    /// Ends with the number of workers that failed.
    workers: JoinHandle<usize>,
    outputs: Vec<OutputTask>,
    positions: Arc<Mutex<Vec<Positions>>>,
    saver: JoinHandle<()>,
    metrics: Arc<Metrics>,
    has_private_input: bool,
    has_joined: bool,
    rest: Rest,
}

/// The task of an output.
struct OutputTask {
    task: JoinHandle<()>,
    teller: watch::Sender<Leave>,
    /// The folder of its queue on disk, if it has one.
    queue: Option<PathBuf>,
    holds: Holds,
}

/// What an output has in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// What lies on disk as well: nothing has to wait for its end.
    Kept,
    /// What would be read again, or can still go to disk.
    Reread,
    /// What nobody could send again.
    Pushed,
}

/// What a pipeline finds when it starts.
pub struct Surroundings<'a> {
    pub sockets: &'a Arc<Sockets>,
    pub queues: &'a Queues,
    pub successions: &'a Successions,
    pub policy: &'a Policy,
    pub metrics: &'a Arc<Metrics>,
}

impl Surroundings<'_> {
    /// Starts an output of a pipeline with such inputs.
    fn start(&self, planned: PlannedOutput, inputs: InputKinds) -> (OutputStep, OutputTask) {
        let (teller, notice) = Notice::new();
        let through = planned.output.queue().under(self.policy.kind, inputs);
        let is_kept = through != Queue::None;
        let keeps_all = is_kept && self.policy.kind == Kind::Persisted;
        let queue = is_kept.then(|| self.policy.folder_of(&planned.metrics.id));
        let started = planned.output.start(&Opening {
            queues: self.queues,
            policy: self.policy,
            successions: self.successions,
            notice,
        });
        let step = OutputStep {
            encoder: started.encoder,
            metrics: planned.metrics,
            fate: Fate::default(),
        };
        let task = OutputTask {
            task: started.task,
            teller,
            queue,
            holds: match inputs {
                InputKinds { pushed: true, .. } if !is_kept => Holds::Pushed,
                InputKinds { private: true, .. } if !keeps_all => Holds::Pushed,
                InputKinds {
                    pushed: true,
                    reads: false,
                    ..
                } if through == Queue::All => Holds::Kept,
                _ => Holds::Reread,
            },
        };
        (step, task)
    }
}

impl Running {
    /// Starts the threads of a pipeline's workers, so many for each kind of input that it has.
    pub fn spawn_workers(compiled: &Compiled, workers: usize) -> io::Result<Threads> {
        let inputs = compiled.input_kinds();
        Threads::spawn(Counts {
            read: if inputs.reads { workers } else { 0 },
            pushed: if inputs.pushed { workers } else { 0 },
        })
    }

    /// Starts outputs, then workers, then the inputs that others push to: at a reload they take turns with those that they
    /// replace, so that a socket is always read. What is read from positions begins with `read_from`. At the very limit of
    /// threads, those that read and write files wait until a replaced one is done.
    pub fn start(compiled: Compiled, threads: Threads, surroundings: &Surroundings<'_>) -> Self {
        let kinds = compiled.input_kinds();
        let mut tasks = Vec::new();
        let outputs = Step::turn(compiled.outputs, &mut |mut planned| {
            if !kinds.outlive {
                planned.output.keep_nothing();
            }
            let (step, task) = surroundings.start(planned, kinds);
            tasks.push(task);
            step
        });
        let program = Program {
            filters: compiled.filters,
            outputs,
        };
        let (batches, workers) = threads.run(program);
        let (stop, stopped) = watch::channel(false);
        let positions = Arc::new(Mutex::default());
        let flow = Flow {
            batches: batches.clone(),
            names: compiled.names,
            stop: stopped,
            sockets: Arc::clone(surroundings.sockets),
            positions: Arc::clone(&positions),
        };
        let (readers, others): (Vec<_>, Vec<_>) = compiled
            .inputs
            .into_iter()
            .partition(|input| input.source() == Source::Rereadable);
        let others = others.into_iter();
        let inputs = others.map(|input| input.start(flow.clone())).collect();
        let metrics = Arc::clone(surroundings.metrics);
        let saver = tokio::spawn(save_sometimes(Arc::clone(&positions), Arc::clone(&metrics)));
        Self {
            inputs,
            readers: Some((flow, readers)),
            stop,
            pushed: batches.pushed(),
            batches: Some(batches),
            workers: tokio::task::spawn_blocking(move || join(workers)),
            outputs: tasks,
            positions,
            metrics,
            saver,
            has_private_input: kinds.private,
            has_joined: false,
            rest: Rest::default(),
        }
    }

    /// Starts the inputs that go on from the positions of pipelines that were replaced.
    pub fn read_from(&mut self, kept: &[Positions]) {
        if let Some((flow, readers)) = self.readers.take() {
            let positions = flow.positions.lock();
            *positions.expect("no holder of this lock panics") = kept.to_vec();
            let readers = readers.into_iter();
            self.inputs
                .extend(readers.map(|input| input.start(flow.clone())));
        }
    }

    pub fn has_private_input(&self) -> bool {
        self.has_private_input
    }

    /// A handle that tells how many batches wait; it does not keep the workers.
    pub fn waiting(&self) -> worker::Waiting {
        self.batches
            .as_ref()
            .map(Batches::waiting)
            .unwrap_or_default()
    }

    /// Returns once every input of every pipeline has ended by itself.
    pub async fn all_ended(all: &mut [Self]) {
        for running in all.iter_mut() {
            while let Some(input) = running.inputs.last_mut() {
                report(input.await, "an input");
                running.inputs.pop();
            }
        }
    }

    /// The positions in use.
    pub fn positions(&self) -> Arc<Mutex<Vec<Positions>>> {
        Arc::clone(&self.positions)
    }

    /// Tells the inputs to stop and waits for them. Gives those that wait for an output longer than that.
    async fn stop_inputs(&mut self, deadline: &Deadline) -> Vec<JoinHandle<()>> {
        self.stop.send_replace(true);
        let mut stuck = Vec::new();
        while let Some(mut input) = self.inputs.pop() {
            match deadline.within(&mut input).await {
                Some(ended) => report(ended, "an input"),
                None => stuck.push(input),
            }
        }
        self.readers = None;
        self.batches = None;
        stuck
    }

    /// Waits for workers and outputs to finish what was read.
    async fn finish(&mut self, deadline: &Deadline) -> Rest {
        self.end_outputs_at(deadline).await;
        // With the outputs gone nothing holds the workers up: what can wait on disk goes there now.
        self.join_workers(&Deadline::within_time(limits::WORKERS_END_WAIT))
            .await;
        self.end()
    }

    /// The same where the agent ends, and with inputs that wait for workers. What finds no room on disk then is counted, and
    /// known once the queues are closed.
    async fn finish_at_last(
        &mut self,
        deadline: &Deadline,
        inputs: Vec<JoinHandle<()>>,
        queues: &Queues,
    ) -> Rest {
        let folders = self.outputs.iter();
        let folders: Vec<_> = folders.filter_map(|output| output.queue.clone()).collect();
        self.end_outputs_at(deadline).await;
        queues.call_last(&folders);
        let bound = Deadline::within_time(limits::WORKERS_END_WAIT);
        for mut input in inputs {
            match bound.within(&mut input).await {
                Some(ended) => report(ended, "an input"),
                None => input.abort(),
            }
        }
        self.join_workers(&bound).await;
        self.end()
    }

    async fn end_outputs_at(&mut self, deadline: &Deadline) {
        self.join_workers(deadline).await;
        let outputs = std::mem::take(&mut self.outputs);
        self.end_outputs(outputs, deadline).await;
    }

    fn end(&mut self) -> Rest {
        if !self.has_joined {
            self.rest.lost = self.pushed.count();
        }
        self.saver.abort();
        save_at_last(&self.positions, &self.metrics);
        std::mem::take(&mut self.rest)
    }

    async fn join_workers(&mut self, deadline: &Deadline) {
        if self.has_joined {
            return;
        }
        match deadline.within(&mut self.workers).await {
            Some(joined) => {
                self.has_joined = true;
                self.rest.has_failed |= !matches!(joined, Ok(0));
            }
            None => self.rest.is_left = true,
        }
    }

    /// Waits for outputs; gives those that go on after the deadline.
    async fn wait_for(&mut self, outputs: Vec<OutputTask>, deadline: &Deadline) -> Vec<OutputTask> {
        let mut left = Vec::new();
        for mut output in outputs {
            match deadline.within(&mut output.task).await {
                Some(Ok(())) => {}
                Some(Err(error)) if error.is_cancelled() => {}
                Some(Err(error)) => {
                    tracing::error!("an output ended by a fault: {error}");
                    self.rest.has_failed = true;
                }
                None => left.push(output),
            }
        }
        left
    }

    /// Waits for outputs. Those that go on after the deadline may finish what they have under way, and are ended then.
    async fn end_outputs(&mut self, outputs: Vec<OutputTask>, deadline: &Deadline) {
        let left = self.wait_for(outputs, deadline).await;
        for output in &left {
            output.teller.send_replace(Leave::Now);
            self.rest.is_left = true;
        }
        let bound = Deadline::within_time(limits::OUTPUT_END_WAIT);
        let left = self.wait_for(left, &bound).await;
        left.iter().for_each(|output| output.task.abort());
        // A thread cannot be ended: until it is done, what it writes might be written by another as well.
        let bound = Deadline::within_time(limits::OUTPUT_END_WAIT);
        for _ in self.wait_for(left, &bound).await {
            tracing::warn!("an output is still writing: what it has in hand may be written twice");
        }
    }

    /// Drains pipelines, and waits for what earlier ones left behind, all before the same deadline.
    pub async fn drain_all(
        all: Vec<Self>,
        behind: Vec<Behind>,
        deadline: Arc<Deadline>,
        queues: &Arc<Queues>,
    ) -> Rest {
        let all = all.into_iter();
        let drained = all
            .map(|running| tokio::spawn(running.drain(Arc::clone(&deadline), Arc::clone(queues))));
        let mut ends: Vec<_> = drained.collect();
        let behind = behind.into_iter();
        ends.extend(behind.map(|earlier| tokio::spawn(earlier.end(Arc::clone(&deadline)))));
        let mut rest = Rest::default();
        for end in ends {
            rest.add(ended(end.await).unwrap_or(Rest::FAULT));
        }
        rest
    }

    /// Stops the inputs, and has what was read delivered by the deadline.
    async fn drain(mut self, deadline: Arc<Deadline>, queues: Arc<Queues>) -> Rest {
        let own = Arc::new(Deadline::default());
        let leaving = tokio::spawn(self.let_leave(deadline, Arc::clone(&own)));
        let stuck = self.stop_inputs(&own).await;
        let rest = self.finish_at_last(&own, stuck, &queues).await;
        leaving.abort();
        rest
    }

    /// Once the agent is told to stop, an output that holds only what is safe anyway ends as soon as nobody takes it, and the
    /// pipeline's own deadline is soon after that: who waits for room then waits in vain.
    fn let_leave(
        &self,
        deadline: Arc<Deadline>,
        own: Arc<Deadline>,
    ) -> impl Future<Output = ()> + use<> {
        let safe = |output: &&OutputTask| output.holds != Holds::Pushed;
        let safe = self.outputs.iter().filter(safe);
        let tellers: Vec<_> = safe.map(|output| output.teller.clone()).collect();
        let outputs = self.outputs.iter();
        let outputs: Vec<_> = outputs.map(|output| output.task.abort_handle()).collect();
        async move {
            deadline.is_set().await;
            for teller in tellers {
                teller.send_replace(Leave::Safe);
            }
            let have_left = async {
                while !outputs.iter().all(AbortHandle::is_finished) {
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
            };
            match deadline.within(have_left).await {
                Some(()) => own.set(limits::OUTPUT_END_WAIT),
                None => own.pass(),
            }
        }
    }

    /// Stops pipelines that are to be replaced, waits a short time for their outputs, at most until the deadline, and leaves
    /// the rest to the background. Gives the positions that the new inputs go on from, and what is not done yet.
    pub async fn hand_over(
        all: Vec<Self>,
        queues: &Queues,
        deadline: Arc<Deadline>,
    ) -> (Vec<Positions>, Vec<Behind>) {
        deadline.set(limits::RELOAD_DRAIN_WAIT);
        let positions: Vec<_> = all.iter().map(Self::positions).collect();
        let mut outputs = all.iter().flat_map(|running| &running.outputs);
        let reads = outputs.any(|output| output.holds == Holds::Reread);
        let all = all.into_iter();
        let ends = all.map(|running| tokio::spawn(running.give_way(Arc::clone(&deadline))));
        let mut behind = Vec::new();
        for end in ends.collect::<Vec<_>>() {
            behind.extend(ended(end.await).flatten());
        }
        // What is put on disk only now would be read and put there again.
        let bound = Deadline::within_time(limits::OUTPUT_END_WAIT);
        if reads && bound.within(queues.kept()).await.is_none() {
            tracing::warn!(
                "a queue on disk has not taken everything yet: it may be put there twice"
            );
        }
        let positions = positions.iter().map(|of_pipeline| {
            let positions = of_pipeline.lock();
            positions.expect("no holder of this lock panics").clone()
        });
        (positions.flatten().collect(), behind)
    }

    /// Ends a pipeline that is replaced. What is not sent by the deadline is read again, or comes out of the queue again, for
    /// the new outputs; an output that holds what nobody could send again goes on, and so does one that nobody has to wait
    /// for. Gives what goes on.
    async fn give_way(mut self, deadline: Arc<Deadline>) -> Option<Behind> {
        let safe = |output: &&OutputTask| output.holds != Holds::Pushed;
        for output in self.outputs.iter().filter(safe) {
            output.teller.send_replace(Leave::Succeeded);
        }
        // What a stuck input has read is not lost: it goes on handing it over, in the background as well.
        drop(self.stop_inputs(&deadline).await);
        self.join_workers(&deadline).await;
        let outputs = std::mem::take(&mut self.outputs).into_iter();
        let (reread, others): (Vec<_>, Vec<_>) =
            outputs.partition(|output| output.holds == Holds::Reread);
        let lost = self.metrics.total(DOCUMENTS_LOST);
        self.end_outputs(reread, &deadline).await;
        self.rest.warn(self.metrics.total(DOCUMENTS_LOST) - lost);
        self.rest.is_left = false;
        let (on_disk, pushed) = others
            .into_iter()
            .partition(|output| output.holds == Holds::Kept);
        self.outputs = self.wait_for(pushed, &deadline).await;
        if !self.outputs.is_empty() {
            tracing::warn!("an output of the old configuration is away and goes on trying");
        }
        // A worker that waits for room on disk holds what nobody could send again as well.
        let is_done = self.has_joined && self.outputs.is_empty() && Vec::is_empty(&on_disk);
        let own = Arc::new(Deadline::default());
        let until = Arc::clone(&own);
        let finish = async move {
            self.end_outputs(on_disk, &deadline).await;
            // The new outputs go on with what lies on disk.
            self.rest.is_left = false;
            self.finish(&until).await
        };
        if is_done {
            finish.await;
            return None;
        }
        Some(Behind::new(tokio::spawn(finish), own))
    }
}

/// Waits for all workers; gives how many failed.
fn join(workers: Vec<std::thread::JoinHandle<()>>) -> usize {
    let ended = workers.into_iter().map(std::thread::JoinHandle::join);
    ended.filter(Result::is_err).count()
}

fn report(ended: Result<(), tokio::task::JoinError>, what: &str) {
    if let Err(error) = ended {
        tracing::error!("{what} ended by a fault: {error}");
    }
}
