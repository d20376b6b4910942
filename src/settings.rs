//! Settings: defaults, files, environment and arguments, merged once into checked types. A later source is stronger.

mod read;
pub mod table;
mod yaml;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::limits;
use crate::pipeline::Ecs;
use crate::queue::dead_letters::{DeadLetterSettings, Repeated, StoragePolicy};
use crate::queue::folders;
use crate::queue::policy::{self, Policy};
pub use read::Values;

/// Where a pipeline's text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Files, folders and globs.
    Files(Vec<String>),
    /// The text itself, from `-e` or `config.string`.
    Text(String),
    /// The embedded default pipeline.
    Default,
}

/// The name of the only pipeline.
const MAIN: &str = "main";

/// Where the others have their folders.
const PIPELINES: &str = "pipelines";

/// One pipeline to run.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    pub id: String,
    pub origin: Origin,
    pub workers: usize,
    pub ecs: Ecs,
    pub support_escapes: bool,
    pub queue: QueueSettings,
    /// How dead letters are kept.
    dead_letters: DeadLetterQueue,
}

/// The queues of a pipeline's outputs, before it is known where they lie.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    kind: policy::Kind,
    full: policy::Full,
    bytes_max: u64,
    segment_bytes: u64,
}

/// The settings `dead_letter_queue.*` of a pipeline.
#[derive(Clone, Debug)]
struct DeadLetterQueue {
    enabled: bool,
    path: Option<PathBuf>,
    bytes_max: u64,
    policy: StoragePolicy,
    retain: Option<Duration>,
    repeated: Repeated,
}

impl PipelineSettings {
    /// What holds for the queues of this pipeline's outputs.
    pub fn queue_policy(&self, path_queue: &Path) -> Policy {
        let queue = &self.queue;
        Policy {
            kind: queue.kind,
            full: queue.full,
            bytes_max: queue.bytes_max,
            segment_bytes: queue.segment_bytes,
            folder: folders::folder(path_queue, &self.id),
        }
    }

    /// Where the pipeline keeps its positions: pipelines beside each other, which may read the same files, do not share them.
    pub fn folder(&self, path_data: &Path) -> PathBuf {
        match self.id.as_str() {
            MAIN => path_data.to_owned(),
            id => path_data.join(PIPELINES).join(id),
        }
    }

    /// Those that pipelines have in a data folder, and earlier ones had.
    pub fn folders(path_data: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path_data.join(PIPELINES));
        let others = entries.into_iter().flatten().flatten();
        let mut folders: Vec<_> = others.map(|entry| entry.path()).collect();
        folders.sort();
        folders.insert(0, path_data.to_owned());
        folders
    }

    /// Where and how the pipeline's dead letters are kept, if they are.
    pub fn dead_letters(&self, path_data: &Path) -> Option<DeadLetterSettings> {
        let queue = &self.dead_letters;
        queue.enabled.then(|| DeadLetterSettings {
            folder: self.dead_letter_root(path_data).join(&self.id),
            pipeline: self.id.clone(),
            bytes_max: queue.bytes_max,
            policy: queue.policy,
            retain: queue.retain,
            repeated: queue.repeated,
        })
    }

    /// The folder in which pipelines have folders for their dead letters.
    pub fn dead_letter_root(&self, path_data: &Path) -> PathBuf {
        match &self.dead_letters.path {
            Some(path) => path.clone(),
            None => path_data.join("dead_letter_queue"),
        }
    }
}

/// The API's address.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    pub host: String,
    pub ports: std::ops::RangeInclusive<u16>,
}

/// Whether the agent confines itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landlock {
    /// Where the kernel can.
    Auto,
    Off,
}

/// Everything the agent is told.
#[derive(Clone, Debug)]
pub struct Settings {
    pub pipelines: Vec<PipelineSettings>,
    pub path_data: PathBuf,
    /// Where queues on disk lie.
    pub path_queue: PathBuf,
    pub test_and_exit: bool,
    /// How often changed files are looked for, if at all.
    pub reload_interval: Option<Duration>,
    pub api: Option<ApiSettings>,
    pub log_level: tracing::level_filters::LevelFilter,
    pub shutdown_grace: Duration,
    pub host_name: String,
    pub landlock: Landlock,
    /// Settings that were accepted and do nothing, to be told once.
    pub notices: Vec<String>,
    /// Where settings may stand, whether they do or not.
    pub files: Vec<PathBuf>,
}

impl Settings {
    /// The same without limits for dead letters: those that are sent again and refused again had their room before, and
    /// are written before the old ones are removed.
    pub fn with_room_for_dead_letters(&self) -> Result<Self, String> {
        let mut settings = self.clone();
        for pipeline in &mut settings.pipelines {
            let queue = &mut pipeline.dead_letters;
            if !queue.enabled {
                let why = "with `dead_letter_queue.enable: false` those that are refused again would be lost";
                return Err(why.to_owned());
            }
            queue.bytes_max = u64::MAX;
            queue.retain = None;
            queue.repeated = Repeated::Written;
        }
        Ok(settings)
    }

    /// Every folder in which pipelines have folders for their dead letters.
    pub fn dead_letter_roots(&self) -> BTreeSet<PathBuf> {
        let root = |pipeline: &PipelineSettings| pipeline.dead_letter_root(&self.path_data);
        self.pipelines.iter().map(root).collect()
    }

    /// Merges arguments with environment and files. An error is one line for the user.
    pub fn load(arguments: Values) -> Result<Self, String> {
        let mut values = arguments;
        values.merge_weaker(Values::from_environment()?);
        let folder = values.get("path.settings").map(PathBuf::from);
        let given = values.get("path.config").is_some() || values.get("config.string").is_some();
        let (mut listed, mut files) = (None, Vec::new());
        if let Some(folder) = yaml::settings_folder(folder)? {
            files = yaml::FILES.map(|name| folder.join(name)).to_vec();
            if let Some(own) = yaml::settings_file(&folder)? {
                values.merge_weaker(own);
            }
            if !given {
                listed = yaml::pipelines_file(&folder)?;
            }
        }
        let settings = Self::check(&values, listed)?;
        Ok(Self { files, ..settings })
    }

    /// `listed` are the pipelines of pipelines.yml, if there is such a file.
    fn check(values: &Values, listed: Option<Vec<Values>>) -> Result<Self, String> {
        let mut notices = values.notices();
        let is_listed = listed.is_some();
        let mut pipelines = Vec::new();
        for mut own in listed.into_iter().flatten() {
            notices.extend(own.notices());
            own.merge_weaker(values.clone());
            let own = pipeline(&own)?;
            check_listed(&own, &pipelines)?;
            pipelines.push(own);
        }
        if pipelines.is_empty() {
            let only = pipeline(values)?;
            if is_listed && only.origin == Origin::Default {
                let why =
                    "pipelines.yml has no pipeline in it; remove it to have the default pipeline";
                return Err(why.to_owned());
            }
            pipelines.push(only);
        }
        let path_data = values
            .get("path.data")
            .map_or_else(default_path_data, PathBuf::from);
        Ok(Self {
            pipelines,
            path_queue: values
                .get("path.queue")
                .map_or_else(|| path_data.join("queue"), PathBuf::from),
            path_data,
            test_and_exit: values.boolean("config.test_and_exit")?,
            reload_interval: match values.boolean("config.reload.automatic")? {
                true => Some(values.duration("config.reload.interval")?),
                false => None,
            },
            api: api(values)?,
            log_level: log_level(values)?,
            shutdown_grace: values.duration("shutdown.grace")?,
            host_name: values
                .get("node.name")
                .map_or_else(host_name, str::to_owned),
            landlock: landlock(values)?,
            notices,
            files: Vec::new(),
        })
    }
}

/// Whether a pipeline of pipelines.yml can run beside those before it.
fn check_listed(own: &PipelineSettings, others: &[PipelineSettings]) -> Result<(), String> {
    let id = &own.id;
    if others.iter().any(|other| other.id == *id) {
        return Err(format!(
            "pipelines.yml: two pipelines have the `pipeline.id` {id}"
        ));
    }
    if own.origin == Origin::Default {
        return Err(format!(
            "pipelines.yml: the pipeline {id} has neither `path.config` nor `config.string`"
        ));
    }
    Ok(())
}

fn pipeline(values: &Values) -> Result<PipelineSettings, String> {
    let origin = match (values.get("path.config"), values.get("config.string")) {
        (Some(_), Some(_)) => return Err("give either -f or -e, not both".to_owned()),
        (Some(_), None) => Origin::Files(values.all("path.config")),
        (None, Some(text)) => Origin::Text(text.to_owned()),
        (None, None) => Origin::Default,
    };
    let workers = match values.get("pipeline.workers") {
        None => std::thread::available_parallelism().map_or(1, usize::from),
        Some(_) => values.integer("pipeline.workers", 1..=1024)?,
    };
    let ecs = values
        .get("pipeline.ecs_compatibility")
        .unwrap_or("disabled");
    let ecs = Ecs::parse(ecs).ok_or_else(|| {
        format!("pipeline.ecs_compatibility: `{ecs}` is none of `disabled`, `v1` and `v8`")
    })?;
    let id = values.get("pipeline.id").unwrap_or(MAIN).to_owned();
    if id.contains('/') || id.starts_with('.') {
        return Err(format!(
            "pipeline.id: `{id}` is to name a folder; it has a `/` or begins with a dot"
        ));
    }
    Ok(PipelineSettings {
        id,
        origin,
        workers,
        ecs,
        support_escapes: values.boolean("config.support_escapes")?,
        queue: queue(values)?,
        dead_letters: dead_letters(values)?,
    })
}

fn queue(values: &Values) -> Result<QueueSettings, String> {
    let kind = match values.get("queue.type").unwrap_or_default() {
        "auto" => policy::Kind::Auto,
        "memory" => policy::Kind::Memory,
        "persisted" => policy::Kind::Persisted,
        other => {
            return Err(format!(
                "queue.type: `{other}` is none of auto, memory and persisted"
            ));
        }
    };
    let full = match values.get("queue.full").unwrap_or_default() {
        "block" => policy::Full::Block,
        "drop_oldest" => policy::Full::DropOldest,
        "drop_newest" => policy::Full::DropNewest,
        other => {
            return Err(format!(
                "queue.full: `{other}` is none of block, drop_oldest and drop_newest"
            ));
        }
    };
    // A queue's own limit bounds its files further.
    let segment_bytes = values.bytes("queue.page_capacity", 0, "")?;
    let why = "documents wait in blocks of a mebibyte, and space is given back file by file";
    let bytes_max = values.bytes("queue.max_bytes", limits::QUEUE_BYTES_MIN, why)?;
    Ok(QueueSettings {
        kind,
        full,
        bytes_max,
        segment_bytes: segment_bytes.clamp(
            *limits::QUEUE_SEGMENT_BYTES.start(),
            *limits::QUEUE_SEGMENT_BYTES.end(),
        ),
    })
}

fn dead_letters(values: &Values) -> Result<DeadLetterQueue, String> {
    let bytes_max = values.bytes(
        "dead_letter_queue.max_bytes",
        limits::DEAD_LETTERS_BYTES_MIN,
        "each letter holds its document, and hardly one would be kept",
    )?;
    Ok(DeadLetterQueue {
        enabled: values.boolean("dead_letter_queue.enable")?,
        path: values.get("path.dead_letter_queue").map(PathBuf::from),
        bytes_max,
        policy: match values.get("dead_letter_queue.storage_policy") {
            Some("drop_older") => StoragePolicy::DropOlder,
            Some("drop_newer") | None => StoragePolicy::DropNewer,
            Some(other) => {
                return Err(format!(
                    "dead_letter_queue.storage_policy: `{other}` is neither `drop_newer` nor `drop_older`"
                ));
            }
        },
        retain: match values.get("dead_letter_queue.retain.age") {
            Some(_) => Some(values.duration("dead_letter_queue.retain.age")?),
            None => None,
        },
        repeated: Repeated::Known,
    })
}

fn api(values: &Values) -> Result<Option<ApiSettings>, String> {
    if !values.boolean("api.enabled")? {
        return Ok(None);
    }
    let text = values.get("api.http.port").unwrap_or("9600-9700");
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.trim().parse::<u16>().ok();
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => {
            let host = values.get("api.http.host").unwrap_or("127.0.0.1");
            let host = host.to_owned();
            Ok(Some(ApiSettings {
                host,
                ports: first..=last,
            }))
        }
        _ => Err(format!(
            "api.http.port: `{text}` is neither a port nor a range such as 9600-9700"
        )),
    }
}

fn log_level(values: &Values) -> Result<tracing::level_filters::LevelFilter, String> {
    let text = values.get("log.level").unwrap_or("info");
    let known = match text {
        "fatal" => "error",
        other => other,
    };
    known
        .parse()
        .map_err(|_| format!("log.level: `{text}` is none of error, warn, info, debug and trace"))
}

fn landlock(values: &Values) -> Result<Landlock, String> {
    match values.get("security.landlock") {
        Some("auto") | None => Ok(Landlock::Auto),
        Some("off") => Ok(Landlock::Off),
        Some(other) => Err(format!(
            "security.landlock: `{other}` is neither `auto` nor `off`"
        )),
    }
}

/// The state folder of the service, or of the user.
fn default_path_data() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/sawlog");
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match (variable("XDG_STATE_HOME"), variable("HOME")) {
        (Some(state), _) => PathBuf::from(state).join("sawlog"),
        (None, Some(home)) => PathBuf::from(home).join(".local/state/sawlog"),
        (None, None) => std::env::temp_dir().join("sawlog"),
    }
}

fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
