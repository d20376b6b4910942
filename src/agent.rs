//! The agent: pipelines are compiled, started from the outputs to the inputs, reloaded on SIGHUP and drained on SIGTERM.
//! The only place that knows inputs, workers and outputs together.

mod behind;
pub mod configuration;
mod confinement;
mod deadline;
mod handing_over;
mod inputs;
mod lock;
mod needs;
mod orphans;
mod outputs;
mod rest;
pub mod room;
mod running;
mod saving;
mod signals;
mod systemd;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api;
use crate::durable::make_private_folder;
use crate::inputs::Source;
use crate::inputs::sockets::Sockets;
use crate::inputs::syslog;
use crate::limits;
use crate::metrics::{DOCUMENTS_LOST, Metrics, PluginMetrics};
use crate::outputs::Successions;
use crate::pipeline::compile::Compiled;
use crate::pipeline::worker::Threads;
use crate::queue::policy::Policy;
use crate::queue::queues::Queues;
use crate::settings::{Landlock, Settings};
use behind::Behind;
use configuration::{Certificates, Files, compile_all};
use confinement::Confinement;
use deadline::Deadline;
use handing_over::stages_of;
use lock::Lock;
use needs::{Need, kept_in, listened_at, queues_of, received_at, written};
use outputs::Surroundings;
use running::Running;
use signals::{Event, Listening, Signals};

/// The refused configuration's exit code.
pub const REFUSED: u8 = 1;
/// A fault of ours.
pub const FAULT: u8 = 70;

/// Runs the agent until its inputs end or it is told to stop.
pub fn run(settings: Settings) -> ExitCode {
    let sockets = systemd::sockets();
    let listening = match Listening::start() {
        Ok(listening) => listening,
        Err(error) => {
            tracing::error!("cannot listen for signals: {error}");
            return FAULT.into();
        }
    };
    let metrics = Arc::new(Metrics::default());
    // Looked at before the files are read: a change from here on is seen.
    let files = Files::of(&settings);
    let Some(compiled) = compile_all(&settings, &metrics) else {
        eprintln!("nothing was started");
        return REFUSED.into();
    };
    // Before the runtime, since it holds for this thread and those that it starts.
    let confinement = confine(&settings, &compiled);
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
        let every = settings
            .reload_interval
            .unwrap_or(limits::TLS_LOOK_INTERVAL);
        let mut signals = Signals::new(listening, every, files);
        let mut agent = Agent::new(settings, metrics, sockets, confinement);
        if let Err(Refusal::ForGood(error) | Refusal::ForNow(error)) =
            agent.prepare(&compiled).await
        {
            tracing::error!("{error}");
            return REFUSED.into();
        }
        let threads = match agent.spawn_workers(&compiled) {
            Ok(threads) => threads,
            Err(error) => {
                tracing::error!("{error}");
                return FAULT.into();
            }
        };
        agent.certificates = Certificates::of(&compiled);
        let kept = agent.start(compiled, threads);
        agent.read_on(&kept);
        agent.sockets.report_unused();
        systemd::ready();
        systemd::keep_telling();
        agent.watch(&mut signals).await
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

/// Gives up all writing but what these pipelines need. Folders that are needed are made before, so that they are granted and
/// not those above them.
fn confine(settings: &Settings, compiled: &[Compiled]) -> Confinement {
    if settings.landlock == Landlock::Auto {
        for folder in kept_in(settings, compiled) {
            // What cannot be made is told when it is taken.
            make_private_folder(&folder).unwrap_or(());
        }
    }
    Confinement::enforce(settings.landlock, &written(settings, compiled))
}

struct Agent {
    settings: Settings,
    /// The settings' files as they were when they were read, or last told of.
    settings_files: Files,
    confinement: Confinement,
    metrics: Arc<Metrics>,
    sockets: Arc<Sockets>,
    queues: Arc<Queues>,
    successions: Successions,
    running: Vec<Running>,
    certificates: Certificates,
    /// Whether one was renewed and is not in use yet.
    has_renewed: bool,
    /// Where the inputs that run want to listen, whether they can or not.
    listened_at: Vec<SocketAddr>,
    /// What outputs of earlier configurations still have to send.
    behind: Vec<Behind>,
    /// By when the agent ends; not set before it is told to stop.
    ending: Arc<Deadline>,
    state: Arc<api::State>,
    /// Held from the first pipeline on that keeps positions.
    lock: Option<Lock>,
    has_api: bool,
    /// Why the last reload was refused, if that passes: it is tried again.
    postponed: Option<String>,
}

/// What pipelines keep for their outputs.
struct Kept {
    /// Folders of queues on disk.
    queues: Vec<PathBuf>,
    /// Files of sums.
    sums: Vec<PathBuf>,
}

/// Why a reload is refused.
enum Refusal {
    /// The configuration is wrong, or needs a restart.
    ForGood(String),
    /// Something is lacking that there may be later.
    ForNow(String),
}

impl From<String> for Refusal {
    fn from(error: String) -> Self {
        Self::ForGood(error)
    }
}

impl Agent {
    fn new(
        settings: Settings,
        metrics: Arc<Metrics>,
        sockets: Sockets,
        confinement: Confinement,
    ) -> Self {
        Self {
            settings_files: Files::of_settings(&settings),
            settings,
            confinement,
            sockets: Arc::new(sockets),
            queues: Arc::default(),
            successions: Successions::default(),
            running: Vec::new(),
            certificates: Certificates::default(),
            has_renewed: false,
            listened_at: Vec::new(),
            behind: Vec::new(),
            ending: Arc::default(),
            state: Arc::new(api::State::new(Arc::clone(&metrics))),
            metrics,
            lock: None,
            has_api: false,
            postponed: None,
        }
    }

    /// Takes what these pipelines need beside themselves: the data folder, the queues on disk, and the API's port. A
    /// pipeline that keeps nothing needs none of them.
    async fn prepare(&mut self, compiled: &[Compiled]) -> Result<(), Refusal> {
        let has = |source| compiled.iter().any(|one| one.has(source));
        let (rereadable, pushed) = (has(Source::Rereadable), has(Source::Pushed));
        let queues = self.queues_of(compiled);
        let keeps_sums = compiled.iter().any(|one| !one.sums().is_empty());
        if (rereadable || keeps_sums || !queues.is_empty()) && self.lock.is_none() {
            self.lock = Some(lock::take(&self.settings.path_data)?);
        }
        for (policy, metrics, need) in queues {
            if let Err(error) = self.queues.open(&policy, &metrics) {
                let folder = policy.folder_of(&metrics.id);
                let passes = error.kind() == io::ErrorKind::WouldBlock;
                let error = format!("cannot use the queue in {}: {error}", folder.display());
                match need {
                    Need::Settings if passes => return Err(Refusal::ForNow(error)),
                    Need::Settings => return Err(Refusal::ForGood(error)),
                    Need::Rest => tracing::error!("{error}; what waits there is not sent"),
                }
            }
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

    /// The queues on disk that the outputs of pipelines need.
    fn queues_of(&self, compiled: &[Compiled]) -> Vec<(Policy, Arc<PluginMetrics>, Need)> {
        let mut queues = Vec::new();
        for (one, policy) in compiled.iter().zip(self.policies()) {
            let needed = queues_of(one, &policy).into_iter();
            queues.extend(needed.map(|(metrics, need)| (policy.clone(), metrics, need)));
        }
        queues
    }

    fn policies(&self) -> impl Iterator<Item = Policy> {
        let pipelines = self.settings.pipelines.iter();
        pipelines.map(|pipeline| pipeline.queue_policy(&self.settings.path_queue))
    }

    /// The threads of each pipeline's workers, which wait for its start.
    fn spawn_workers(&self, compiled: &[Compiled]) -> Result<Vec<Threads>, String> {
        let all = compiled.iter().zip(&self.settings.pipelines);
        let threads = all.map(|(one, pipeline)| Running::spawn_workers(one, pipeline.workers));
        threads
            .collect::<io::Result<_>>()
            .map_err(|error| format!("cannot start the workers: {error}"))
    }

    /// Takes the sockets that no pipeline wanted before, so that what listens now is not given up for what cannot be had.
    fn reserve_sockets(&self, compiled: &[Compiled]) -> Result<(), Refusal> {
        let is_new = |address: &SocketAddr| !self.listened_at.contains(address);
        let (mut udp, mut tcp) = (received_at(compiled), listened_at(compiled));
        udp.retain(is_new);
        tcp.retain(is_new);
        self.sockets
            .reserve(&udp, &tcp)
            .map_err(|(address, error)| {
                let advice = syslog::advice(&error);
                Refusal::ForNow(format!("cannot listen at {address}: {error}; {advice}"))
            })
    }

    /// Starts pipelines, but for what they read from positions; gives what they keep.
    fn start(&mut self, compiled: Vec<Compiled>, threads: Vec<Threads>) -> Kept {
        self.listened_at = listened_at(&compiled);
        let queues = self.queues_of(&compiled).into_iter();
        let queues = queues.map(|(policy, metrics, _)| policy.folder_of(&metrics.id));
        let kept = Kept {
            queues: queues.collect(),
            sums: compiled.iter().flat_map(Compiled::sums).collect(),
        };
        for remark in room::remarks(&self.settings, &compiled) {
            tracing::warn!("{remark}");
        }
        let all = compiled.into_iter().zip(threads);
        for ((one, threads), pipeline) in all.zip(&self.settings.pipelines) {
            let surroundings = Surroundings {
                sockets: &self.sockets,
                queues: &self.queues,
                successions: &self.successions,
                policy: &pipeline.queue_policy(&self.settings.path_queue),
                metrics: &self.metrics,
            };
            self.running
                .push(Running::start(one, threads, &surroundings));
        }
        self.state
            .show(self.running.iter().map(Running::waiting).collect());
        kept
    }

    /// The pipelines read on from where those before them stopped, each as soon as nothing before it reads any more, and have alone
    /// what they keep.
    fn read_on(&mut self, kept: &Kept) {
        self.queues.keep(&kept.queues);
        orphans::tell_of_queues(&self.queues, &self.settings.path_queue);
        if self.lock.is_some() {
            orphans::tell_of_sums(&self.settings.path_data, &kept.sums);
        }
        // The newest first.
        let earlier = self.behind.iter().rev();
        let positions: Vec<_> = earlier
            .map(|behind| Arc::clone(&behind.positions))
            .collect();
        for (place, running) in self.running.iter_mut().enumerate() {
            let before = stages_of(&self.behind, place);
            running.read_after(positions.clone(), before);
        }
    }

    /// Waits for what happens and acts on it.
    async fn watch(&mut self, signals: &mut Signals) -> ExitCode {
        loop {
            let event = tokio::select! {
                event = signals.next() => event,
                () = Running::all_ended(&mut self.running) => Event::InputsEnded,
            };
            let told = match event {
                Event::Reload => self.reload(signals).await,
                Event::Tick if self.wants_reload(signals) => self.reload(signals).await,
                Event::Tick => None,
                Event::InputsEnded => return self.drain(None, signals).await,
                Event::Stop => Some(Instant::now()),
            };
            if told.is_some() {
                tracing::info!("stopping: inputs are closed, what was read is sent");
                return self.drain(told, signals).await;
            }
        }
    }

    /// Whether files changed on which something hangs, or an earlier reload was put off. A renewed certificate that a fault in
    /// the configuration keeps out waits for that to be mended.
    fn wants_reload(&mut self, signals: &mut Signals) -> bool {
        let is_renewed = self.certificates.are_renewed();
        if is_renewed {
            tracing::info!("a certificate was renewed");
            self.has_renewed = true;
        }
        let looks = self.settings.reload_interval.is_some() || self.has_renewed;
        let is_changed = looks && signals.changed(Files::of(&self.settings));
        is_renewed || is_changed || self.postponed.is_some()
    }

    /// Inputs stop, workers and outputs finish. Once the agent was `told` to stop, they have the time of `shutdown.grace`
    /// for it; a second signal ends that time at once. What could not be sent by then is kept.
    async fn drain(&mut self, mut told: Option<Instant>, signals: &mut Signals) -> ExitCode {
        systemd::stopping();
        self.sockets.leave_no_more();
        let running = std::mem::take(&mut self.running);
        let behind = std::mem::take(&mut self.behind);
        let mut positions: Vec<_> = running.iter().map(Running::positions).collect();
        positions.extend(behind.iter().map(|earlier| Arc::clone(&earlier.positions)));
        let deadline = Arc::clone(&self.ending);
        let queues = Arc::clone(&self.queues);
        let metrics = Arc::clone(&self.metrics);
        // What a reload gave up was told then.
        let before = metrics.total(DOCUMENTS_LOST);
        let draining = async {
            let rest = Running::drain_all(running, behind, &deadline, &queues).await;
            let closed = tokio::task::spawn_blocking(move || queues.close());
            let closed = tokio::time::timeout(limits::QUEUE_CLOSE_WAIT, closed).await;
            if !matches!(closed, Ok(Ok(()))) {
                tracing::error!("a queue on disk could not be closed in time");
            }
            rest.warn(metrics.total(DOCUMENTS_LOST) - before);
            rest.is_clean()
        };
        tokio::pin!(draining);
        let clean = loop {
            if told.is_some() {
                deadline.set(self.settings.shutdown_grace);
            }
            tokio::select! {
                clean = &mut draining => break clean,
                () = signals.stop() => match told {
                    None => told = Some(Instant::now()),
                    // The tools that stop a process often signal it and its group: that is one wish.
                    Some(told) if told.elapsed() < limits::STOP_AGAIN => {}
                    Some(_) => {
                        tracing::warn!("told twice to stop: what is not sent yet is kept");
                        deadline.pass();
                    }
                },
            }
        };
        // Closing the queues may have acknowledged batches.
        positions
            .iter()
            .for_each(|positions| saving::save_at_last(positions, &self.metrics));
        if clean {
            ExitCode::SUCCESS
        } else {
            FAULT.into()
        }
    }

    /// Builds every pipeline anew and, if all are good, puts them in place of the running ones. Told to stop meanwhile, it
    /// waits a short time more, and gives when that was.
    async fn reload(&mut self, signals: &mut Signals) -> Option<Instant> {
        systemd::reloading();
        self.tell_of_settings();
        let (deadline, mut told) = (Arc::new(Deadline::default()), None);
        let replaced = {
            let replacing = self.replace(Arc::clone(&deadline));
            tokio::pin!(replacing);
            loop {
                tokio::select! {
                    replaced = &mut replacing => break replaced,
                    () = signals.stop(), if told.is_none() => {
                        told = Some(Instant::now());
                        deadline.hasten(limits::OUTPUT_END_WAIT);
                    }
                }
            }
        };
        match replaced {
            Ok(()) => {
                self.postponed = None;
                self.has_renewed = false;
            }
            Err(Refusal::ForGood(error)) => {
                self.metrics.reloads_failed.add(1);
                tracing::error!("not reloaded: {error}");
                self.postponed = None;
            }
            Err(Refusal::ForNow(error)) => {
                if self.postponed.as_ref() != Some(&error) {
                    self.metrics.reloads_failed.add(1);
                    tracing::error!("not reloaded: {error}; it is tried again");
                }
                self.postponed = Some(error);
            }
        }
        systemd::ready();
        told
    }

    /// Says that settings were changed, which a reload leaves as they are.
    fn tell_of_settings(&mut self) {
        let now = Files::of_settings(&self.settings);
        if let Some(path) = now.changed_since(&self.settings_files) {
            tracing::warn!(
                "{} was changed: settings and the list of pipelines are read at the start only; restart the agent for them",
                path.display()
            );
        }
        self.settings_files = now;
    }

    /// The old pipelines have until the deadline to send what they hold.
    async fn replace(&mut self, deadline: Arc<Deadline>) -> Result<(), Refusal> {
        if self.running.iter().any(Running::has_private_input) {
            let error = "a pipeline that reads stdin cannot be replaced";
            return Err(Refusal::ForGood(error.to_owned()));
        }
        self.behind.retain(|earlier| !earlier.stage.has_ended());
        if self.has_too_many_behind() {
            let error = "the outputs of earlier configurations are still away";
            return Err(Refusal::ForNow(error.to_owned()));
        }
        // Looked at before they are read: the old pipelines take their time to end.
        let mut seen = self.certificates.clone();
        seen.are_renewed();
        let compiled = compile_all(&self.settings, &self.metrics)
            .ok_or_else(|| "the new configuration is refused, the old one runs on".to_owned())?;
        let certificates = Certificates::of(&compiled).since(&seen);
        self.confinement
            .check(&written(&self.settings, &compiled))?;
        // While the old pipelines still run: without threads they go on.
        let threads = self.spawn_workers(&compiled).map_err(Refusal::ForNow)?;
        self.prepare(&compiled).await?;
        self.reserve_sockets(&compiled)?;
        self.sockets.begin_reload(listened_at(&compiled));
        let mut old = std::mem::take(&mut self.running);
        self.arrange_outputs(&mut old, &compiled);
        // Before the old ones stop: somebody always reads the sockets.
        let kept = self.start(compiled, threads);
        self.hand_over(old, deadline, &kept).await;
        self.certificates = certificates;
        self.sockets.end_reload();
        self.metrics.reloads.add(1);
        tracing::info!("reloaded");
        Ok(())
    }
}
