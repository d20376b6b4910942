//! The agent: pipelines are compiled, started from the outputs to the inputs, reloaded on SIGHUP and drained on SIGTERM.
//! The only place that knows inputs, workers and outputs together.

mod lock;
mod running;
mod signals;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;

use crate::api;
use crate::inputs::Source;
use crate::inputs::sockets::Sockets;
use crate::lang::diagnostic::{self, Diagnostic, Severity};
use crate::lang::files;
use crate::lang::source::{Source as SourceText, Sources};
use crate::metrics::Metrics;
use crate::pipeline::building::Surroundings;
use crate::pipeline::compile::{Compiled, compile};
use crate::queue::positions::Positions;
use crate::settings::{Origin, PipelineSettings, Settings};
use lock::Lock;
use running::{Deadline, Running};
use signals::{Event, Signals};

/// The refused configuration's exit code.
pub const REFUSED: u8 = 1;
/// A fault of ours.
pub const FAULT: u8 = 70;

/// The pipeline that runs when none is named.
const DEFAULT_PIPELINE: &str = include_str!("../pipelines/default.conf");

/// Runs the agent until its inputs end or it is told to stop.
pub fn run(settings: Settings) -> ExitCode {
    let metrics = Arc::new(Metrics::default());
    // Looked at before the files are read: a change from here on is seen.
    let modified = modified(&settings);
    let Some(compiled) = compile_all(&settings, &metrics) else {
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
        if rereadable && self.lock.is_none() {
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
        loop {
            if let Some(grace) = grace {
                deadline.set(grace);
            }
            tokio::select! {
                clean = &mut draining => return if clean { ExitCode::SUCCESS } else { FAULT.into() },
                event = signals.next() => match event {
                    Event::Stop if grace.is_some() => {
                        tracing::warn!("stopped before everything was sent");
                        positions.iter().for_each(|positions| running::save(positions));
                        return ExitCode::SUCCESS;
                    }
                    Event::Stop => grace = Some(self.settings.shutdown_grace),
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
        let compiled = compile_all(&self.settings, &self.metrics)
            .ok_or("the new configuration is refused, the old one runs on")?;
        self.prepare(&compiled).await?;
        self.sockets.begin_reload();
        let old = std::mem::take(&mut self.running);
        let (kept, behind) = Running::hand_over(old).await;
        self.behind.retain(|earlier| !earlier.is_finished());
        self.behind.extend(behind);
        let started = self.start(compiled, &kept);
        self.sockets.end_reload();
        started.map_err(|error| format!("cannot start the workers: {error}"))?;
        self.metrics.reloads.add(1);
        tracing::info!("reloaded");
        Ok(())
    }
}

/// When the newest pipeline file was changed, and how many there are.
fn modified(settings: &Settings) -> (usize, Option<SystemTime>) {
    let mut newest = (0, None);
    for pipeline in &settings.pipelines {
        let Ok(sources) = load_sources(pipeline) else {
            continue;
        };
        for source in &sources.all {
            let changed = std::fs::metadata(&source.name)
                .and_then(|file| file.modified())
                .ok();
            newest = (newest.0 + 1, newest.1.max(changed));
        }
    }
    newest
}

/// Compiles every pipeline and prints what there is to say. `None` if one is refused.
pub fn compile_all(settings: &Settings, metrics: &Arc<Metrics>) -> Option<Vec<Compiled>> {
    let mut all = Vec::new();
    let mut refused = false;
    for pipeline in &settings.pipelines {
        match compile_one(settings, pipeline, metrics) {
            Some(compiled) => all.push(compiled),
            None => refused = true,
        }
    }
    (!refused).then_some(all)
}

fn compile_one(
    settings: &Settings,
    pipeline: &PipelineSettings,
    metrics: &Arc<Metrics>,
) -> Option<Compiled> {
    let mut sources = match load_sources(pipeline) {
        Ok(sources) => sources,
        Err(error) => {
            eprintln!("sawlog: {error}");
            return None;
        }
    };
    let surroundings = Surroundings {
        ecs: pipeline.ecs,
        support_escapes: pipeline.support_escapes,
        path_data: pipeline.folder(&settings.path_data),
        host_name: settings.host_name.clone(),
    };
    let mut diagnostics = Vec::new();
    let mut compiled = compile(&sources, &surroundings, metrics, &mut diagnostics);
    if let Some(missing) = compiled.as_ref().and_then(missing_ends) {
        match &pipeline.origin {
            Origin::Text(_) => {
                sources.all.push(missing);
                diagnostics.clear();
                compiled = compile(&sources, &surroundings, metrics, &mut diagnostics);
            }
            Origin::Files(_) | Origin::Default => eprintln!(
                "sawlog: the pipeline {} does nothing: it lacks `{}`",
                pipeline.id,
                missing.text.trim_end()
            ),
        }
    }
    print(&diagnostics, &sources);
    compiled
}

/// The ends that a pipeline lacks: a text on the command line is completed by stdin and stdout, as Logstash does it.
fn missing_ends(compiled: &Compiled) -> Option<SourceText> {
    let mut text = String::new();
    if compiled.inputs.is_empty() {
        text += "input { stdin { type => stdin } }\n";
    }
    if compiled.outputs.is_empty() {
        text += "output { stdout { codec => rubydebug } }\n";
    }
    let name = "the rest of -e".to_owned();
    (!text.is_empty()).then_some(SourceText { name, text })
}

/// Every remark, in the order of the text, on stderr.
fn print(diagnostics: &[Diagnostic], sources: &Sources) {
    use std::io::IsTerminal;
    let colour = std::io::stderr().is_terminal();
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|remark| (remark.span.source, remark.span.start));
    for remark in &sorted {
        eprintln!("{}", diagnostic::render(remark, sources, colour));
    }
    let errors = sorted
        .iter()
        .filter(|remark| remark.severity == Severity::Error)
        .count();
    if 0 < errors {
        let s = if errors == 1 { "" } else { "s" };
        eprintln!("refused: {errors} error{s}; nothing was started");
    }
}

fn load_sources(pipeline: &PipelineSettings) -> Result<Sources, String> {
    let text = |name: &str, text: &str| Sources {
        all: vec![SourceText {
            name: name.to_owned(),
            text: text.to_owned(),
        }],
    };
    match &pipeline.origin {
        Origin::Text(written) => Ok(text("-e", written)),
        Origin::Default => Ok(text("default pipeline", &default_pipeline())),
        Origin::Files(paths) => {
            let mut all = Sources::default();
            for path in paths {
                all.all.extend(
                    files::load_files(path)
                        .map_err(|error| error.to_string())?
                        .all,
                );
            }
            Ok(all)
        }
    }
}

/// The embedded pipeline, its parts chosen by which variables are set.
fn default_pipeline() -> String {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut text = String::new();
    let mut wanted = true;
    for line in DEFAULT_PIPELINE.lines() {
        match line.strip_prefix("#% ") {
            Some("end") => wanted = true,
            Some(mark) => {
                wanted = match mark.strip_prefix("unless ") {
                    Some(variable) => !is_set(variable),
                    None => mark.strip_prefix("if ").is_none_or(is_set),
                }
            }
            None if wanted => {
                text.push_str(line);
                text.push('\n');
            }
            None => text.push('\n'),
        }
    }
    text
}
