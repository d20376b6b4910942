//! A running pipeline: started from its outputs to its inputs, stopped from its inputs to its outputs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::agent::behind::{Behind, Stage, Stages, ended};
use crate::agent::deadline::Deadline;
use crate::agent::inputs::{InUse, Inputs, report, take_up};
use crate::agent::outputs::{Handle, Holds, OutputTask, Surroundings};
use crate::agent::rest::Rest;
use crate::agent::saving::{save_at_last, save_sometimes};
use crate::inputs::{Flow, Input, Source};
use crate::limits;
use crate::metrics::Metrics;
use crate::outputs::leave::Leave;
use crate::pipeline::compile::Compiled;
use crate::pipeline::program::Step;
use crate::pipeline::worker::{self, Batches, Counts, Program, Pushed, Threads};
use crate::queue::queues::Queues;

/// The parts of a started pipeline.
pub struct Running {
    /// Those that others push to.
    inputs: Inputs,
    /// Those that go on from positions.
    readers: Inputs,
    /// The latter, until it is known from where.
    unstarted: Option<(Flow, Vec<Box<dyn Input>>)>,
    /// Whether they read.
    is_reading: Arc<AtomicBool>,
    batches: Option<Batches>,
    pushed: Pushed,
    /// Ends with the number of workers that failed.
    workers: JoinHandle<usize>,
    outputs: Vec<OutputTask>,
    positions: InUse,
    saver: JoinHandle<()>,
    metrics: Arc<Metrics>,
    has_private_input: bool,
    has_joined: bool,
    rest: Rest,
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
    /// replace, so that a socket is always read. What is read from positions begins with `read_after`. At the very limit of
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
        let (mut inputs, stop) = Inputs::none();
        let (readers, stop_reading) = Inputs::none();
        let positions = InUse::default();
        let flow = Flow {
            batches: batches.clone(),
            names: compiled.names,
            stop,
            sockets: Arc::clone(surroundings.sockets),
            positions: Arc::clone(&positions),
        };
        let (unstarted, others): (Vec<_>, Vec<_>) = compiled
            .inputs
            .into_iter()
            .partition(|input| input.source() == Source::Rereadable);
        let others = others.into_iter();
        inputs.tasks = others.map(|input| input.start(flow.clone())).collect();
        let flow = Flow {
            stop: stop_reading,
            ..flow
        };
        let metrics = Arc::clone(surroundings.metrics);
        let saver = tokio::spawn(save_sometimes(Arc::clone(&positions), Arc::clone(&metrics)));
        Self {
            inputs,
            readers,
            unstarted: Some((flow, unstarted)),
            is_reading: Arc::default(),
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

    /// Starts the inputs that go on from the positions of earlier pipelines, as soon as none of those `before` it reads any more.
    pub fn read_after(&mut self, earlier: Vec<InUse>, before: Vec<Stages>) {
        let Some((flow, inputs)) = self.unstarted.take() else {
            return;
        };
        // Should this be replaced before it reads, they are handed on.
        take_up(&flow.positions, &earlier);
        if inputs.is_empty() {
            return;
        }
        let is_reading = Arc::clone(&self.is_reading);
        let start = move || {
            take_up(&flow.positions, &earlier);
            is_reading.store(true, Ordering::Release);
            let inputs = inputs.into_iter();
            let started = inputs.map(|input| input.start(flow.clone()));
            started.collect::<Vec<_>>()
        };
        let is_done = |stages: &Stages| stages.is_at(Stage::Delivering);
        if before.iter().all(is_done) {
            self.readers.tasks = start();
            return;
        }
        let mut stop = self.readers.stop.subscribe();
        let all = async {
            for mut stages in before {
                stages.reach(Stage::Delivering).await;
            }
        };
        self.readers.tasks.push(tokio::spawn(async move {
            let is_stopped = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => true,
                () = all => false,
            };
            if !is_stopped {
                for input in start() {
                    report(input.await, "an input");
                }
            }
        }));
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
        for inputs in all.iter_mut().flat_map(Self::all_inputs) {
            while let Some(input) = inputs.tasks.last_mut() {
                report(input.await, "an input");
                inputs.tasks.pop();
            }
        }
    }

    fn all_inputs(&mut self) -> [&mut Inputs; 2] {
        [&mut self.inputs, &mut self.readers]
    }

    /// The positions in use.
    pub fn positions(&self) -> InUse {
        Arc::clone(&self.positions)
    }

    /// Its outputs.
    pub fn outputs(&mut self) -> impl Iterator<Item = &mut Handle> {
        self.outputs.iter_mut().map(|output| &mut output.handle)
    }

    /// Waits for workers and outputs to finish what was read, and for inputs that wait for workers. What finds no room on disk
    /// then is counted, and known once the queues are closed.
    async fn finish(
        &mut self,
        deadline: &Deadline,
        inputs: Vec<JoinHandle<()>>,
        queues: &Queues,
    ) -> Rest {
        let folders = self.outputs.iter();
        let folders: Vec<_> = folders.filter_map(|output| output.queue.clone()).collect();
        self.end_outputs_at(deadline).await;
        if deadline.has_passed() {
            queues.call_last(&folders);
        }
        // With the outputs gone nothing holds the workers up: what can wait on disk goes there now.
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
            output.handle.tell(Leave::Now);
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

    /// Drains pipelines, and waits for what earlier ones left behind, whose deadline is the same.
    pub async fn drain_all(
        all: Vec<Self>,
        behind: Vec<Behind>,
        deadline: &Arc<Deadline>,
        queues: &Arc<Queues>,
    ) -> Rest {
        let all = all.into_iter();
        let drained = all
            .map(|running| tokio::spawn(running.drain(Arc::clone(deadline), Arc::clone(queues))));
        let mut ends: Vec<_> = drained.collect();
        let behind = behind.into_iter();
        ends.extend(behind.map(|earlier| tokio::spawn(earlier.end())));
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
        // Told at once, so that none goes on while another is waited for.
        self.readers.stop.send_replace(true);
        let mut stuck = self.inputs.stop(&own).await;
        stuck.extend(self.stop_reading(&own).await);
        let rest = self.finish(&own, stuck, &queues).await;
        leaving.abort();
        rest
    }

    /// Stops what is read from positions. Nobody hands anything to the workers then.
    async fn stop_reading(&mut self, deadline: &Deadline) -> Vec<JoinHandle<()>> {
        let stuck = self.readers.stop(deadline).await;
        self.unstarted = None;
        self.batches = None;
        stuck
    }

    /// Once the agent is told to stop, an output that holds only what is safe anyway ends as soon as nobody takes it, and the
    /// pipeline's own deadline is soon after that: who waits for room then waits in vain.
    fn let_leave(
        &self,
        deadline: Arc<Deadline>,
        own: Arc<Deadline>,
    ) -> impl Future<Output = ()> + use<> {
        let outputs: Vec<_> = self
            .outputs
            .iter()
            .map(|output| output.handle.clone())
            .collect();
        async move {
            deadline.is_set().await;
            for output in &outputs {
                if output.holds != Holds::Pushed {
                    output.tell(Leave::Safe);
                }
            }
            let have_left = async {
                for output in &outputs {
                    output.ended().await;
                }
            };
            match deadline.within(have_left).await {
                Some(()) => own.set(limits::OUTPUT_END_WAIT),
                None => own.pass(),
            }
        }
    }

    /// Has a pipeline end that is replaced: it stops receiving at once, and reading when those `before` it have delivered
    /// everything, so that there are never many that hold what they have read. That is delivered, however long it takes, unless
    /// `ending` is set.
    pub fn give_way(
        mut self,
        pipeline: usize,
        before: Vec<Stages>,
        reload: Arc<Deadline>,
        ending: Arc<Deadline>,
        queues: Arc<Queues>,
    ) -> Behind {
        let outputs = self.outputs().map(|output| output.clone()).collect();
        let positions = self.positions();
        let (teller, stage) = Stages::new();
        let way_out = WayOut {
            before,
            reload,
            ending,
            queues,
            stage: teller,
        };
        Behind {
            pipeline,
            task: tokio::spawn(self.leave(way_out)),
            stage,
            outputs,
            positions,
        }
    }

    async fn leave(mut self, way: WayOut) -> Rest {
        let own = Arc::new(Deadline::default());
        let leaving = tokio::spawn(self.let_leave(Arc::clone(&way.ending), Arc::clone(&own)));
        let is_reading = self.is_reading.load(Ordering::Acquire);
        let waits = is_reading && !way.before.iter().all(Stages::has_ended);
        self.inputs.stop.send_replace(true);
        if !waits {
            self.readers.stop.send_replace(true);
        }
        self.tell_replaced(if waits {
            Leave::Replaced
        } else {
            Leave::Finishing
        });
        self.end_kept(&way.reload);
        let mut stuck = self.inputs.stop(&own).await;
        way.stage.send_replace(Stage::Reading);
        if waits {
            let earlier = async {
                for mut stages in way.before {
                    stages.end().await;
                }
            };
            tokio::select! {
                () = earlier => {}
                () = way.ending.is_set() => {}
            }
            self.readers.stop.send_replace(true);
            self.tell_replaced(Leave::Finishing);
        }
        stuck.extend(self.stop_reading(&own).await);
        self.join_workers(&own).await;
        way.stage.send_replace(Stage::Delivering);
        let rest = self.finish(&own, stuck, &way.queues).await;
        leaving.abort();
        rest
    }

    fn tell_replaced(&self, leave: Leave) {
        for OutputTask { handle, .. } in &self.outputs {
            if handle.holds != Holds::Kept {
                handle.tell(leave);
            }
        }
    }

    /// Outputs of which everything lies on disk as well end within the reload: the new ones go on with it.
    fn end_kept(&self, reload: &Arc<Deadline>) {
        let handles = self.outputs.iter().map(|output| &output.handle);
        for handle in handles.filter(|handle| handle.holds == Holds::Kept) {
            handle.tell(Leave::Succeeded);
            let (handle, reload) = (handle.clone(), Arc::clone(reload));
            tokio::spawn(async move { handle.end_by(&reload).await });
        }
    }
}

/// How a pipeline that is replaced ends.
struct WayOut {
    before: Vec<Stages>,
    /// Until when the reload waits.
    reload: Arc<Deadline>,
    /// Set when the agent ends.
    ending: Arc<Deadline>,
    queues: Arc<Queues>,
    stage: watch::Sender<Stage>,
}

/// Waits for all workers; gives how many failed.
fn join(workers: Vec<std::thread::JoinHandle<()>>) -> usize {
    let ended = workers.into_iter().map(std::thread::JoinHandle::join);
    ended.filter(Result::is_err).count()
}
