//! The `docker` input: the logs of all containers of this host, found and followed by themselves. They are read from
//! Docker's json-file logs where these can be read, else through the Engine's API.

mod api;
mod files;
mod follow;
mod found;
mod known;
mod lines;
mod log_files;
mod place;
mod reading;
mod seen;
mod selection;
mod tail;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::docker::engine::{self, Backoff, Engine};
use crate::docker::fields::Fields;
use crate::inputs::docker::api::{Api, Away, Scope};
use crate::inputs::docker::files::{End, Files};
use crate::inputs::docker::lines::Shape;
use crate::inputs::docker::reading::{Missing, Plan, Reading, StartPosition};
use crate::inputs::docker::selection::Selection;
use crate::inputs::origin::Origin;
use crate::inputs::unfinished::Unfinished;
use crate::inputs::{Flow, Input, InputPlugin, Source};
use crate::limits;
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use crate::queue::positions::Positions;

pub const PLUGIN: InputPlugin = InputPlugin {
    plugin: &Plugin {
        section: Section::Input,
        name: "docker",
        summary: "The logs of all containers of this host. Containers are found when they start and followed over \
                  rotations, renames and restarts; an event carries `[container][id]`, `[container][name]`, \
                  `[container][image][name]`, `[container][labels]` and `stream`.",
        options: &[
            Opt::new(
                "mode",
                Kind::Text,
                "Where logs come from: `files` reads Docker's json-file logs below `data_root`, `api` asks the Engine \
                 through `socket`; `auto` reads files where it may and asks the Engine for the rest.",
            )
            .default("auto")
            .allowed(&["auto", "files", "api"]),
            Opt::new(
                "socket",
                Kind::Path,
                "The Engine's unix socket; without it `DOCKER_HOST`, then /var/run/docker.sock. Only GET is sent.",
            ),
            Opt::new(
                "data_root",
                Kind::Path,
                "Docker's folder; without it the one that the Engine names, then /var/lib/docker.",
            ),
            Opt::new("include_names", Kind::List, "Only containers with such a name; `*` and `?` as in a shell."),
            Opt::new("exclude_names", Kind::List, "No containers with such a name."),
            Opt::new("include_images", Kind::List, "Only containers of such an image."),
            Opt::new("exclude_images", Kind::List, "No containers of such an image."),
            Opt::new("include_labels", Kind::List, "Only containers with such a label: `key` or `key=value`."),
            Opt::new(
                "exclude_labels",
                Kind::List,
                "No containers with such a label. `sawlog.exclude=true` always excludes.",
            ),
            Opt::new(
                "start_position",
                Kind::Text,
                "Where containers are begun that are there when the input starts for the first time: at the beginning \
                 of what Docker keeps, or at the end. Later ones are always read from their beginning.",
            )
            .default("beginning")
            .allowed(&["beginning", "end"]),
            Opt::new(
                "line_bytes_max",
                Kind::Bytes,
                "A line that Docker cut in pieces of 16 KiB is joined up to this size; a longer one is cut and tagged \
                 `_linetruncated`.",
            )
            .default("1 MiB"),
            Opt::new(
                "read_cache",
                Kind::Boolean,
                "Also read the Engine's cache of logs whose driver sends them elsewhere (syslog, gelf, fluentd ...). It \
                 may be incomplete.",
            )
            .default("false"),
        ],
        absent: &[],
    },
    build,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Auto,
    Files,
    Api,
}

struct Docker {
    mode: Mode,
    data_root: Option<PathBuf>,
    positions: PathBuf,
    plan: Plan,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Input>> {
    let mode = match options.text("mode") {
        Some("files") => Mode::Files,
        Some("api") => Mode::Api,
        _ => Mode::Auto,
    };
    let docker_host = std::env::var("DOCKER_HOST").ok();
    let engine = match engine::socket_path(options.text("socket"), docker_host.as_deref()) {
        Ok(socket) => Some(Engine::new(socket)),
        Err(error) if options.text("socket").is_some() || mode == Mode::Api => {
            building.refuse(options.span_of("socket"), error);
            return None;
        }
        // DOCKER_HOST may well be meant for other programs.
        Err(_) => None,
    };
    let line_bytes_max = options
        .bytes("line_bytes_max")
        .unwrap_or(limits::LINE_BYTES_MAX as u64);
    let line_bytes_max = usize::try_from(line_bytes_max).unwrap_or(usize::MAX);
    if !(1..=limits::LINE_BYTES_MAX).contains(&line_bytes_max) {
        let most = limits::LINE_BYTES_MAX >> 20;
        let message = format!("a line has at least one byte and at most {most} MiB");
        building.refuse(options.span_of("line_bytes_max"), message);
        return None;
    }
    let origin = Origin::of_messages(options, building)?;
    let host = building.known(building.ecs(options).pick("host", "[host][name]"));
    let plan = Plan {
        shape: Shape {
            origin: origin.with_text(&host, building.surroundings.host_name.as_bytes()),
            fields: Fields::intern(building.names),
            stream: building.known("stream"),
            line_bytes_max,
            unfinished: Unfinished::new(limits::DOCKER_UNFINISHED_BYTES_MAX),
        },
        selection: Selection::of(options).without(selection::own_id()),
        start_position: match options.text("start_position") {
            Some("end") => StartPosition::End,
            _ => StartPosition::Beginning,
        },
        read_cache: options.boolean("read_cache"),
        metrics: building.metrics.plugin(options),
        engine,
    };
    let positions = building
        .surroundings
        .path_data
        .join("positions")
        .join(format!("{}.json", options.id));
    Some(Box::new(Docker {
        mode,
        data_root: options.text("data_root").map(PathBuf::from),
        positions,
        plan,
    }))
}

impl Input for Docker {
    fn source(&self) -> Source {
        Source::Rereadable
    }

    fn start(self: Box<Self>, flow: Flow) -> JoinHandle<()> {
        tokio::spawn(run(*self, flow))
    }
}

async fn run(docker: Docker, flow: Flow) {
    let Some(positions) = open_positions(&docker.positions, &flow).await else {
        return;
    };
    let reading = Arc::new(Reading::new(docker.plan, flow, positions));
    let beside =
        (docker.mode == Mode::Auto).then(|| tokio::spawn(read_without_files(Arc::clone(&reading))));
    read(docker.mode, docker.data_root.as_deref(), &reading).await;
    if let Some(beside) = beside
        && let Err(error) = beside.await
    {
        tracing::error!("docker: the reader of the Engine's logs ended by a fault: {error}");
    }
}

/// The positions of an earlier run, once they can be read: without them, lines would come twice or not at all. None if the
/// input has to stop before.
async fn open_positions(path: &Path, flow: &Flow) -> Option<Positions> {
    let mut backoff = Backoff::default();
    let mut stop = flow.stop.clone();
    let mut is_said = false;
    loop {
        match flow.open_positions(path) {
            Ok(positions) => return Some(positions),
            Err(error) if !std::mem::replace(&mut is_said, true) => {
                let path = path.display();
                tracing::error!(
                    "docker: the positions in {path} cannot be read: {error}; nothing is read until they can be"
                );
            }
            Err(_) => {}
        }
        let stopped = stop.wait_for(|stop| *stop);
        if tokio::time::timeout(backoff.step(), stopped).await.is_ok() {
            return None;
        }
    }
}

/// Reads by one way or the other until the input has to stop.
async fn read(mode: Mode, configured: Option<&Path>, reading: &Arc<Reading>) {
    let mut backoff = Backoff::default();
    loop {
        let roots = data_roots(configured, reading.engine.as_ref()).await;
        let missing = match choose(mode, &roots) {
            Choice::Files(root) => match follow_files(&root, reading).await {
                End::Stopped => None,
                End::Lost(error) => Some(describe_files(&root, &error)),
            },
            Choice::Engine(files) => match &reading.engine {
                Some(engine) => {
                    let away = if mode == Mode::Auto {
                        Away::GiveUp
                    } else {
                        Away::Wait
                    };
                    let api = Api::new(engine.clone(), Arc::clone(reading), Scope::All);
                    let missing = api.run(away).await;
                    missing.map(|engine| {
                        [files, Some(engine)]
                            .into_iter()
                            .flatten()
                            .collect::<Vec<_>>()
                            .join("; ")
                    })
                }
                None => files,
            },
            Choice::Nothing(files) => Some(files),
        };
        match missing {
            Some(missing) if !reading.flow.is_stopping() => {
                reading.say_once(Missing::Docker, &format!("{missing}. It is tried again"));
            }
            _ => return,
        }
        if wait(reading, backoff.step()).await {
            return;
        }
    }
}

/// Reads what is not in json-file, once there is such a container.
async fn read_without_files(reading: Arc<Reading>) {
    let mut stop = reading.flow.stop.clone();
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return,
        () = reading.engine_wanted.notified() => {}
    }
    if let Some(engine) = reading.engine.clone() {
        let api = Api::new(engine, Arc::clone(&reading), Scope::WithoutFiles);
        // It only gives up where it is told to.
        drop(api.run(Away::Wait).await);
    }
}

/// Folders that may be Docker's, the likeliest first.
async fn data_roots(configured: Option<&Path>, engine: Option<&Engine>) -> Vec<PathBuf> {
    if let Some(configured) = configured {
        return vec![configured.to_owned()];
    }
    let mut roots = Vec::new();
    if let Some(engine) = engine
        && let Ok(Some(root)) = engine.data_root().await
    {
        roots.push(root);
    }
    roots.push(PathBuf::from("/var/lib/docker"));
    roots
}

/// How logs are to be read.
#[derive(Debug)]
enum Choice {
    Files(PathBuf),
    /// Through the Engine; with what keeps the files from being read, if they were tried.
    Engine(Option<String>),
    /// Files were asked for and cannot be read.
    Nothing(String),
}

fn choose(mode: Mode, roots: &[PathBuf]) -> Choice {
    let mut missing = None;
    for root in roots.iter().filter(|_| mode != Mode::Api) {
        match files::readable(root) {
            Ok(()) => return Choice::Files(root.clone()),
            Err(error) => missing = missing.or(Some(describe_files(root, &error))),
        }
    }
    match missing {
        Some(missing) if mode == Mode::Files => Choice::Nothing(missing),
        missing => Choice::Engine(missing),
    }
}

async fn follow_files(root: &Path, reading: &Arc<Reading>) -> End {
    let root = root.to_owned();
    let reading = Arc::clone(reading);
    let thread = tokio::task::spawn_blocking(move || match Files::open(&root, reading) {
        Ok(files) => files.run(),
        Err(error) => End::Lost(error),
    });
    match thread.await {
        Ok(end) => end,
        Err(error) => End::Lost(std::io::Error::other(error)),
    }
}

fn describe_files(root: &Path, error: &std::io::Error) -> String {
    let folder = root.join("containers");
    format!(
        "cannot read {}: {error}. Run as root or give CAP_DAC_READ_SEARCH, or set `data_root`",
        folder.display()
    )
}

/// Waits; true if the input has to stop.
async fn wait(reading: &Reading, time: std::time::Duration) -> bool {
    let mut stop = reading.flow.stop.clone();
    tokio::time::timeout(time, stop.wait_for(|stop| *stop))
        .await
        .is_ok()
}

#[cfg(test)]
mod tests;
