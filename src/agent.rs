//! The agent: pipelines are compiled, started from the outputs to the inputs, reloaded on SIGHUP and drained on SIGTERM.
//! The only place that knows inputs, workers and outputs together.

pub mod configuration;
mod lock;
mod running;
mod signals;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::api;
use crate::inputs::Source;
use crate::inputs::sockets::Sockets;
use crate::limits;
use crate::metrics::Metrics;
use crate::pipeline::compile::Compiled;
use crate::queue::positions::Positions;
use crate::settings::Settings;
use configuration::{compile_all, modified};
use lock::Lock;
use running::{Deadline, Running};
use signals::{Event, Signals};

/// The refused configuration's exit code.
pub const REFUSED: u8 = 1;
/// A fault of ours.
pub const FAULT: u8 = 70;

/// Runs the agent until its inputs end or it is told to stop.
pub fn run(settings: Settings) -> ExitCode {
    let metrics = Arc::new(Metrics::default());
    // Looked at before the files are read: a change from here on is seen.
    let modified = modified(&settings);
    let Some(compiled) = compile_all(&settings, &metrics) else {
        eprintln!("nothing was started");
        return REFUSED.into();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start: {error}");
            return FAULT.into();
        }
    };
    let code = runtime.block_on(async {
        let mut signals = match Signals::new(settings.reload_interval, modified) {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!("cannot listen for signals: {error}");
                return FAULT.into();
            }
        };
        let mut agent = Agent::new(settings, metrics);
        if let Err(error) = agent.prepare(&compiled).await {
            tracing::error!("{error}");
            return REFUSED.into();
        }
        if let Err(error) = agent.start(compiled, &[]) {
            tracing::error!("cannot start the workers: {error}");
            return FAULT.into();
        }
        agent.watch(&mut signals).await
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

struct Agent {
    settings: Settings,
    metrics: Arc<Metrics>,
    sockets: Arc<Sockets>,
    running: Vec<Running>,
    /// What outputs of earlier configurations still have to send.
    behind: Vec<JoinHandle<bool>>,
    state: Arc<api::State>,
    /// Held from the first pipeline on that keeps positions.
    lock: Option<Lock>,
    has_api: bool,
}

impl Agent {
    fn new(settings: Settings, metrics: Arc<Metrics>) -> Self {
        Self {
            settings,
            sockets: Arc::default(),
            running: Vec::new(),
            behind: Vec::new(),
            state: Arc::new(api::State::new(Arc::clone(&metrics))),
            metrics,
            lock: None,
            has_api: false,
        }
    }

    /// Takes what these pipelines need beside themselves: the data folder, and the API's port. A pipeline that keeps
    /// nothing needs neither.
    async fn prepare(&mut self, compiled: &[Compiled]) -> Result<(), String> {
        let needs = |source| {
            let mut inputs = compiled.iter().flat_map(|one| &one.inputs);
            inputs.any(|input| input.source() == source)
        };
        let (rereadable, pushed) = (needs(Source::Rereadable), needs(Source::Pushed));
        let keeps_sums = compiled.iter().any(Compiled::keeps_sums);
        if (rereadable || keeps_sums) && self.lock.is_none() {
            self.lock = Some(lock::take(&self.settings.path_data)?);
        }
        if let Some(api) = &self.settings.api
            && (rereadable || pushed)
            && !self.has_api
        {
            self.has_api = true;
            api::spawn(api, Arc::clone(&self.state)).await;
        }
        Ok(())
    }

    /// Starts pipelines, which go on from the kept positions.
    fn start(&mut self, compiled: Vec<Compiled>, kept: &[Positions]) -> io::Result<()> {
        for (one, pipeline) in compiled.into_iter().zip(&self.settings.pipelines) {
            let started = Running::start(one, pipeline, &self.sockets, kept)?;
            self.running.push(started);
        }
        self.state
            .show(self.running.iter().map(Running::waiting).collect());
        Ok(())
    }

    /// Waits for what happens and acts on it.
    async fn watch(&mut self, signals: &mut Signals) -> ExitCode {
        loop {
            let event = tokio::select! {
                event = signals.next() => event,
                () = Running::all_ended(&mut self.running) => Event::InputsEnded,
            };
            match event {
                Event::Reload => self.reload().await,
                Event::Tick => {
                    if signals.changed(modified(&self.settings)) {
                        self.reload().await;
                    }
                }
                Event::InputsEnded => return self.drain(None, signals).await,
                Event::Stop => {
                    tracing::info!("stopping: inputs are closed, what was read is sent");
                    return self
                        .drain(Some(self.settings.shutdown_grace), signals)
                        .await;
                }
            }
        }
    }

    /// Inputs stop, workers and outputs finish. Once the agent was told to stop, they have the time of `shutdown.grace`
    /// for it; a second signal ends the wait at once.
    async fn drain(&mut self, mut grace: Option<Duration>, signals: &mut Signals) -> ExitCode {
        let running = std::mem::take(&mut self.running);
        let positions: Vec<_> = running.iter().map(Running::positions).collect();
        let deadline = Arc::new(Deadline::default());
        let behind = std::mem::take(&mut self.behind);
        let draining = Running::drain_all(running, behind, Arc::clone(&deadline));
        tokio::pin!(draining);
        let mut told = Instant::now();
        loop {
            if let Some(grace) = grace {
                deadline.set(grace);
            }
            tokio::select! {
                clean = &mut draining => return if clean { ExitCode::SUCCESS } else { FAULT.into() },
                event = signals.next() => match event {
                    // The tools that stop a process often signal it and its group: that is one wish.
                    Event::Stop if grace.is_some() && told.elapsed() < limits::STOP_AGAIN => {}
                    Event::Stop if grace.is_some() => {
                        tracing::warn!("stopped before everything was sent");
                        positions.iter().for_each(|positions| running::save(positions));
                        return ExitCode::SUCCESS;
                    }
                    Event::Stop => {
                        told = Instant::now();
                        grace = Some(self.settings.shutdown_grace);
                    }
                    Event::Reload | Event::Tick | Event::InputsEnded => {}
                },
            }
        }
    }

    /// Builds every pipeline anew and, if all are good, puts them in place of the running ones.
    async fn reload(&mut self) {
        if let Err(error) = self.replace().await {
            self.metrics.reloads_failed.add(1);
            tracing::error!("not reloaded: {error}");
        }
    }

    async fn replace(&mut self) -> Result<(), String> {
        if self.running.iter().any(Running::has_private_input) {
            return Err("a pipeline that reads stdin cannot be replaced".to_owned());
        }
        self.behind.retain(|earlier| !earlier.is_finished());
        if limits::RELOADS_BEHIND_MAX <= self.behind.len() {
            return Err("the outputs of earlier configurations are still away".to_owned());
        }
        let compiled = compile_all(&self.settings, &self.metrics)
            .ok_or("the new configuration is refused, the old one runs on")?;
        self.prepare(&compiled).await?;
        self.sockets.begin_reload();
        let old = std::mem::take(&mut self.running);
        let (kept, behind) = Running::hand_over(old).await;
        self.behind.extend(behind);
        let started = self.start(compiled, &kept);
        self.sockets.end_reload();
        started.map_err(|error| format!("cannot start the workers: {error}"))?;
        self.metrics.reloads.add(1);
        tracing::info!("reloaded");
        Ok(())
    }
}
