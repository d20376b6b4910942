//! A running pipeline: started from its outputs to its inputs, stopped from its inputs to its outputs.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::inputs::sockets::Sockets;
use crate::inputs::{Flow, Source};
use crate::limits;
use crate::outputs::Opening;
use crate::pipeline::compile::{Compiled, PlannedOutput};
use crate::pipeline::program::{OutputStep, Step};
use crate::pipeline::worker::{self, Batches, Counts, Program};
use crate::queue::policy::Policy;
use crate::queue::positions::Positions;
use crate::queue::queues::Queues;

/// The parts of a started pipeline.
pub struct Running {
    inputs: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    batches: Option<Batches>,
    /// Ends with the number of workers that failed.
    workers: JoinHandle<usize>,
    outputs: Vec<OutputTask>,
    positions: Arc<Mutex<Vec<Positions>>>,
    saver: JoinHandle<()>,
    has_private_input: bool,
    rest: Rest,
}

/// The task of an output.
struct OutputTask {
    task: JoinHandle<()>,
    /// Whether it holds in memory what nobody could send again.
    holds_pushed: bool,
}

/// What is known of the end of a pipeline's parts.
#[derive(Default)]
struct Rest {
    /// An output was ended that had not sent everything.
    is_left: bool,
    /// It held what nobody can send again.
    is_lost: bool,
    has_failed: bool,
    workers_joined: bool,
}

/// What a pipeline finds when it starts.
pub struct Surroundings<'a> {
    pub sockets: &'a Arc<Sockets>,
    pub queues: &'a Queues,
    pub policy: &'a Policy,
    /// Positions of the pipeline that this one replaces.
    pub kept: &'a [Positions],
}

impl Surroundings<'_> {
    /// Starts an output of a pipeline with or without inputs that are pushed.
    fn start(&self, planned: PlannedOutput, pushed: bool) -> (OutputStep, OutputTask) {
        let is_kept = self.policy.keeps(pushed) && planned.output.has_queue();
        let started = planned.output.start(&Opening {
            queues: self.queues,
            policy: self.policy,
        });
        let step = OutputStep {
            encoder: started.encoder,
            metrics: planned.metrics,
        };
        let task = OutputTask {
            task: started.task,
            holds_pushed: pushed && !is_kept,
        };
        (step, task)
    }
}

impl Running {
    /// Starts outputs, then workers, then inputs.
    pub fn start(
        compiled: Compiled,
        workers: usize,
        surroundings: &Surroundings<'_>,
    ) -> io::Result<Self> {
        let has = |source| compiled.has(source);
        let (pushed, has_private_input) = (has(Source::Pushed), has(Source::Private));
        let reads = has(Source::Rereadable) || has_private_input || !pushed;
        let counts = Counts {
            read: if reads { workers } else { 0 },
            pushed: if pushed { workers } else { 0 },
        };
        let keeps_anything = compiled.keeps_anything();
        let mut tasks = Vec::new();
        let outputs = Step::turn(compiled.outputs, &mut |mut planned| {
            if !keeps_anything {
                planned.output.keep_nothing();
            }
            let (step, task) = surroundings.start(planned, pushed);
            tasks.push(task);
            step
        });
        let program = Program {
            filters: compiled.filters,
            outputs,
        };
        let (batches, workers) = worker::spawn(program, counts)?;
        let (stop, stopped) = watch::channel(false);
        let positions = Arc::new(Mutex::new(surroundings.kept.to_vec()));
        let flow = Flow {
            batches: batches.clone(),
            names: compiled.names,
            stop: stopped,
            sockets: Arc::clone(surroundings.sockets),
            positions: Arc::clone(&positions),
        };
        let inputs = compiled.inputs.into_iter();
        let inputs = inputs.map(|input| input.start(flow.clone())).collect();
        let saver = tokio::spawn(save_sometimes(Arc::clone(&positions)));
        Ok(Self {
            inputs,
            stop,
            batches: Some(batches),
            workers: tokio::task::spawn_blocking(move || join(workers)),
            outputs: tasks,
            positions,
            saver,
            has_private_input,
            rest: Rest::default(),
        })
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
        self.batches = None;
        stuck
    }

    /// Waits for workers and outputs to finish what was read. An output that has not by then is ended: what it holds is read
    /// again, or lies on disk. Those that hold what nobody could send again are left alone.
    async fn finish_safe(&mut self, deadline: &Deadline) {
        self.join_workers(deadline).await;
        let (rest, safe) = std::mem::take(&mut self.outputs)
            .into_iter()
            .partition(|output| output.holds_pushed);
        self.outputs = rest;
        self.end_outputs(safe, deadline).await;
    }

    /// Waits for workers and all outputs, those that are left too. False if a worker or task of ours failed.
    async fn finish(&mut self, deadline: &Deadline) -> bool {
        self.finish_safe(deadline).await;
        self.join_workers(deadline).await;
        let rest = std::mem::take(&mut self.outputs);
        self.end_outputs(rest, deadline).await;
        // With the outputs gone nothing holds the workers up: what can wait on disk goes there now.
        let bound = Deadline::default();
        bound.set(limits::WORKERS_END_WAIT);
        self.join_workers(&bound).await;
        self.warn_of_rest();
        self.saver.abort();
        save(&self.positions);
        !self.rest.has_failed
    }

    async fn join_workers(&mut self, deadline: &Deadline) {
        if self.rest.workers_joined {
            return;
        }
        match deadline.within(&mut self.workers).await {
            Some(joined) => {
                self.rest.workers_joined = true;
                self.rest.has_failed |= !matches!(joined, Ok(0));
            }
            None => self.rest.is_left = true,
        }
    }

    async fn end_outputs(&mut self, outputs: Vec<OutputTask>, deadline: &Deadline) {
        for mut output in outputs {
            match deadline.within(&mut output.task).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::error!("an output ended by a fault: {error}");
                    self.rest.has_failed = true;
                }
                None => {
                    output.task.abort();
                    self.rest.is_left = true;
                    self.rest.is_lost |= output.holds_pushed;
                }
            }
        }
    }

    /// Says what becomes of events that an output could not send before the end.
    fn warn_of_rest(&self) {
        let rest = match (self.rest.is_left, self.rest.is_lost) {
            (false, _) => return,
            (true, true) => "what outputs without a queue on disk still held of syslog is lost",
            (true, false) => "nothing is lost",
        };
        tracing::warn!(
            "outputs are away: files and containers are read again from where they were acknowledged, queues on disk keep \
             the rest; {rest}"
        );
    }

    /// Drains pipelines, one after another, and waits for what earlier ones left behind, all before the same deadline.
    pub async fn drain_all(
        mut all: Vec<Self>,
        behind: Vec<JoinHandle<bool>>,
        deadline: Arc<Deadline>,
    ) -> bool {
        for running in &mut all {
            let stuck = running.stop_inputs(&deadline).await;
            stuck.iter().for_each(JoinHandle::abort);
        }
        let mut clean = true;
        for running in &mut all {
            clean &= running.finish(&deadline).await;
        }
        for mut rest in behind {
            if deadline.within(&mut rest).await.is_none() {
                rest.abort();
                tracing::warn!(
                    "an output of an earlier configuration is still away: what it holds in memory is lost"
                );
            }
        }
        clean
    }

    /// Stops the inputs of pipelines that are to be replaced, waits a short time for their outputs, and leaves the rest
    /// to the background. Gives the positions that the new inputs go on from, and the tasks of what is not done yet.
    pub async fn hand_over(all: Vec<Self>) -> (Vec<Positions>, Vec<JoinHandle<bool>>) {
        let deadline = Deadline::default();
        deadline.set(limits::RELOAD_DRAIN_WAIT);
        let (mut kept, mut behind) = (Vec::new(), Vec::new());
        for mut running in all {
            // What a stuck input has read is not lost: it goes on handing it over, in the background as well.
            drop(running.stop_inputs(&deadline).await);
            kept.extend(
                running
                    .positions
                    .lock()
                    .expect("no holder of this lock panics")
                    .iter()
                    .cloned(),
            );
            // What is not sent by then is read again, or comes out of the queue again, for the new outputs.
            running.finish_safe(&deadline).await;
            if running.outputs.is_empty() {
                running.finish(&deadline).await;
                continue;
            }
            let mut finishing =
                tokio::spawn(async move { running.finish(&Deadline::default()).await });
            if deadline.within(&mut finishing).await.is_none() {
                tracing::warn!("an output of the old configuration is away and goes on trying");
                behind.push(finishing);
            }
        }
        (kept, behind)
    }
}

/// Waits for all workers; gives how many failed.
fn join(workers: Vec<std::thread::JoinHandle<()>>) -> usize {
    let ended = workers.into_iter().map(std::thread::JoinHandle::join);
    ended.filter(Result::is_err).count()
}

/// A point in time that may be set later, while somebody already waits for it.
pub struct Deadline(watch::Sender<Option<Instant>>);

impl Default for Deadline {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Deadline {
    /// Sets it, from now on, unless it is set.
    pub fn set(&self, wait: Duration) {
        self.0.send_if_modified(|deadline| {
            let is_new = deadline.is_none();
            deadline.get_or_insert_with(|| Instant::now() + wait);
            is_new
        });
    }

    /// It is over, whatever was set.
    pub fn pass(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    /// Waits for a future, at most until the deadline.
    async fn within<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut changes = self.0.subscribe();
        let passed = async {
            loop {
                let set = *changes.borrow_and_update();
                let changed = changes.changed();
                match set {
                    None => drop(changed.await),
                    Some(at) => tokio::select! {
                        () = tokio::time::sleep_until(at) => return,
                        _ = changed => {}
                    },
                }
            }
        };
        tokio::select! {
            biased;
            output = future => Some(output),
            () = passed => None,
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>, what: &str) {
    if let Err(error) = ended {
        tracing::error!("{what} ended by a fault: {error}");
    }
}

/// Saves positions while the pipeline runs.
async fn save_sometimes(positions: Arc<Mutex<Vec<Positions>>>) {
    let mut ticks = tokio::time::interval(limits::POSITIONS_SAVE_INTERVAL);
    loop {
        ticks.tick().await;
        let positions = Arc::clone(&positions);
        let saved = tokio::task::spawn_blocking(move || save(&positions)).await;
        report(saved, "saving positions");
    }
}

/// Writes all positions that moved.
pub fn save(positions: &Mutex<Vec<Positions>>) {
    let all = positions
        .lock()
        .expect("no holder of this lock panics")
        .clone();
    for one in all {
        if let Err(error) = one.save() {
            let path = one.path().display();
            tracing::warn!("cannot save positions in {path}: {error}; a restart would read again");
        }
    }
}
