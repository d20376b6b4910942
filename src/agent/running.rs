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
use crate::pipeline::compile::Compiled;
use crate::pipeline::program::{OutputStep, Step};
use crate::pipeline::worker::{self, Batches, Program};
use crate::queue::positions::Positions;
use crate::settings::PipelineSettings;

/// The parts of a started pipeline.
pub struct Running {
    inputs: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    batches: Option<Batches>,
    workers: Vec<std::thread::JoinHandle<()>>,
    outputs: Vec<JoinHandle<()>>,
    positions: Arc<Mutex<Vec<Positions>>>,
    saver: JoinHandle<()>,
    has_private_input: bool,
}

impl Running {
    /// Starts outputs, then workers, then inputs. `kept` are positions of the pipeline that this one replaces.
    pub fn start(
        compiled: Compiled,
        settings: &PipelineSettings,
        sockets: &Arc<Sockets>,
        kept: &[Positions],
    ) -> io::Result<Self> {
        let mut tasks = Vec::new();
        let keeps = compiled.keeps_anything();
        let outputs = Step::turn(compiled.outputs, &mut |mut planned| {
            if !keeps {
                planned.output.keep_nothing();
            }
            let started = planned.output.start();
            tasks.push(started.task);
            OutputStep {
                encoder: started.encoder,
                metrics: planned.metrics,
            }
        });
        let program = Program {
            filters: compiled.filters,
            outputs,
        };
        let (batches, workers) = worker::spawn(program, settings.workers)?;
        let (stop, stopped) = watch::channel(false);
        let positions = Arc::new(Mutex::new(kept.to_vec()));
        let flow = Flow {
            batches: batches.clone(),
            names: compiled.names,
            stop: stopped,
            sockets: Arc::clone(sockets),
            positions: Arc::clone(&positions),
        };
        let has_private_input = compiled
            .inputs
            .iter()
            .any(|input| input.source() == Source::Private);
        let inputs = compiled
            .inputs
            .into_iter()
            .map(|input| input.start(flow.clone()))
            .collect();
        let saver = tokio::spawn(save_sometimes(Arc::clone(&positions)));
        Ok(Self {
            inputs,
            stop,
            batches: Some(batches),
            workers,
            outputs: tasks,
            positions,
            saver,
            has_private_input,
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

    /// Waits for workers and outputs to finish what was read. False if a worker or task of ours failed.
    async fn finish(&mut self, deadline: &Deadline) -> bool {
        let workers = std::mem::take(&mut self.workers);
        let joined = tokio::task::spawn_blocking(move || {
            workers
                .into_iter()
                .map(std::thread::JoinHandle::join)
                .all(|ended| ended.is_ok())
        });
        let (mut clean, mut away) = match deadline.within(joined).await {
            Some(Ok(clean)) => (clean, false),
            Some(Err(_)) => (false, false),
            None => (true, true),
        };
        for mut output in std::mem::take(&mut self.outputs) {
            match deadline.within(&mut output).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::error!("an output ended by a fault: {error}");
                    clean = false;
                }
                None => {
                    output.abort();
                    away = true;
                }
            }
        }
        if away {
            warn_of_rest();
        }
        self.saver.abort();
        save(&self.positions);
        clean
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
                warn_of_rest();
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

/// Says what becomes of events that an output could not send before the end.
fn warn_of_rest() {
    tracing::warn!(
        "outputs are away: what they still hold stays unacknowledged; files and containers are read again, the rest \
         is lost"
    );
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

    /// Waits for a future, at most until the deadline.
    async fn within<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut changes = self.0.subscribe();
        let passed = async {
            let set = changes
                .wait_for(Option::is_some)
                .await
                .map(|deadline| *deadline);
            match set {
                Ok(Some(deadline)) => tokio::time::sleep_until(deadline).await,
                _ => std::future::pending().await,
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
