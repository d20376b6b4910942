//! The table of settings: each is an argument, a variable of the environment and a key of `sawlog.yml` or
//! `logstash.yml`, by one line here. The documentation prints the same table.

/// What a setting accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    /// A flag without a value on the command line.
    Flag,
    Integer,
    Text,
    /// Seconds as a number, or with a unit such as `3s` or `500ms`.
    Duration,
}

/// One setting.
#[derive(Debug)]
pub struct Spec {
    /// Logstash's key, which is also the long flag.
    pub key: &'static str,
    pub short: Option<char>,
    pub kind: Kind,
    pub default: &'static str,
    pub doc: &'static str,
    /// Logstash's settings that mean nothing here are accepted with this reason.
    pub without_effect: Option<&'static str>,
}

const fn spec(key: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Spec {
    Spec {
        key,
        short: None,
        kind,
        default,
        doc,
        without_effect: None,
    }
}

const fn short(mut spec: Spec, short: char) -> Spec {
    spec.short = Some(short);
    spec
}

/// Accepted, because Logstash's files say it, and without effect.
const fn moot(key: &'static str, kind: Kind, why: &'static str) -> Spec {
    Spec {
        key,
        short: None,
        kind,
        default: "",
        doc: why,
        without_effect: Some(why),
    }
}

const MEMORY_QUEUE: &str = "batches are bounded in bytes here, and never held back";
const JVM: &str = "it concerns the Java process";

/// Every setting.
pub const ALL: &[Spec] = &[
    short(
        spec(
            "path.config",
            Kind::Text,
            "",
            "Pipeline file, folder or glob",
        ),
        'f',
    ),
    short(spec("config.string", Kind::Text, "", "Pipeline text"), 'e'),
    short(
        spec(
            "config.test_and_exit",
            Kind::Flag,
            "false",
            "Check the configuration and exit",
        ),
        't',
    ),
    short(
        spec(
            "config.reload.automatic",
            Kind::Flag,
            "false",
            "Load a pipeline anew when its file changes",
        ),
        'r',
    ),
    spec(
        "config.reload.interval",
        Kind::Duration,
        "3s",
        "How often to look for changed files",
    ),
    spec(
        "config.support_escapes",
        Kind::Boolean,
        "false",
        "Read `\\n` and the like in strings",
    ),
    short(
        spec(
            "pipeline.workers",
            Kind::Integer,
            "",
            "Worker threads; by default one per core",
        ),
        'w',
    ),
    spec("pipeline.id", Kind::Text, "main", "Name of the pipeline"),
    spec(
        "pipeline.ecs_compatibility",
        Kind::Text,
        "disabled",
        "Field names: `disabled` for Logstash's old ones, `v1` or `v8` for ECS",
    ),
    spec(
        "path.data",
        Kind::Text,
        "",
        "Folder for positions, sums, queues and dead letters; by default /var/lib/sawlog for root, else the user's state folder",
    ),
    spec(
        "path.settings",
        Kind::Text,
        "",
        "Folder of sawlog.yml, logstash.yml and pipelines.yml",
    ),
    spec(
        "log.level",
        Kind::Text,
        "info",
        "`error`, `warn`, `info`, `debug` or `trace`",
    ),
    spec(
        "api.enabled",
        Kind::Boolean,
        "true",
        "Serve /health and /metrics",
    ),
    spec(
        "api.http.host",
        Kind::Text,
        "127.0.0.1",
        "Address of the API",
    ),
    spec(
        "api.http.port",
        Kind::Text,
        "9600-9700",
        "Port of the API; of a range the first free one",
    ),
    spec(
        "shutdown.grace",
        Kind::Duration,
        "8s",
        "How long outputs may take to send what is left when the agent stops; below the ten seconds that Docker gives a container",
    ),
    spec(
        "security.landlock",
        Kind::Text,
        "auto",
        "`auto` lets the kernel keep the agent from changing any file but below the folders that its configuration writes to, and \
         from executing anything; `off` does not",
    ),
    spec(
        "node.name",
        Kind::Text,
        "",
        "Name of this host in events and in the ids of documents; by default the system's",
    ),
    short(
        moot("pipeline.batch.size", Kind::Integer, MEMORY_QUEUE),
        'b',
    ),
    short(
        moot("pipeline.batch.delay", Kind::Integer, MEMORY_QUEUE),
        'u',
    ),
    moot(
        "pipeline.ordered",
        Kind::Text,
        "batches of one stream always keep their order",
    ),
    moot(
        "pipeline.unsafe_shutdown",
        Kind::Flag,
        "shutdown is bounded by `shutdown.grace`",
    ),
    moot("path.logs", Kind::Text, "the agent logs to stderr"),
    moot(
        "log.format",
        Kind::Text,
        "the agent logs lines of text to stderr",
    ),
    moot(
        "log.format.json.fix_duplicate_message_fields",
        Kind::Boolean,
        "the agent logs lines of text to stderr",
    ),
    moot(
        "config.debug",
        Kind::Flag,
        "`sawlog check` shows what a pipeline means",
    ),
    moot(
        "pipeline.separate_logs",
        Kind::Boolean,
        "the agent logs to stderr; what concerns an output has its id in it",
    ),
    moot("pipeline.buffer.type", Kind::Text, JVM),
    moot(
        "allow_superuser",
        Kind::Boolean,
        "whoever starts the agent says as whom it runs",
    ),
    moot(
        "config.field_reference.escape_style",
        Kind::Text,
        "names of fields are taken as they are written",
    ),
    moot("api.environment", Kind::Text, "the API tells figures only"),
    moot(
        "path.plugins",
        Kind::Text,
        "there are no plugins but our own",
    ),
    moot(
        "modules",
        Kind::Text,
        "there are no ready-made modules; write what they do as a pipeline",
    ),
    moot("pipeline.java_execution", Kind::Boolean, JVM),
    moot("pipeline.plugin_classloaders", Kind::Boolean, JVM),
    spec(
        "http.host",
        Kind::Text,
        "",
        "The old name of `api.http.host`",
    ),
    spec(
        "http.port",
        Kind::Text,
        "",
        "The old name of `api.http.port`",
    ),
    moot(
        "xpack.monitoring.enabled",
        Kind::Boolean,
        "figures are served at /metrics",
    ),
    moot(
        "xpack.monitoring.collection.interval",
        Kind::Text,
        "figures are served at /metrics",
    ),
    moot(
        "pipeline.batch.metrics.sampling_mode",
        Kind::Text,
        "figures are served at /metrics",
    ),
    moot(
        "xpack.geoip.downloader.enabled",
        Kind::Boolean,
        "nothing is downloaded",
    ),
    moot(
        "xpack.monitoring.elasticsearch.hosts",
        Kind::Text,
        "figures are served at /metrics",
    ),
    moot(
        "monitoring.elasticsearch.hosts",
        Kind::Text,
        "figures are served at /metrics",
    ),
    moot(
        "monitoring.enabled",
        Kind::Boolean,
        "figures are served at /metrics",
    ),
    spec(
        "queue.type",
        Kind::Text,
        "auto",
        "What waits on disk in front of an output: `auto`, what nobody can send again, such as syslog; `persisted`, \
         everything; `memory`, nothing",
    ),
    spec(
        "queue.max_bytes",
        Kind::Text,
        "1gb",
        "The most that one output's queue may hold on disk",
    ),
    spec(
        "queue.page_capacity",
        Kind::Text,
        "64mb",
        "The length of one of its files; space is given back file by file",
    ),
    spec(
        "queue.full",
        Kind::Text,
        "block",
        "What happens when it is full: `block` lets the inputs wait, `drop_oldest` and `drop_newest` drop and count",
    ),
    spec(
        "path.queue",
        Kind::Text,
        "",
        "Folder of the queues; by default `queue` in `path.data`",
    ),
    moot(
        "queue.max_events",
        Kind::Integer,
        "a queue is bounded in bytes",
    ),
    moot(
        "queue.checkpoint.acks",
        Kind::Integer,
        "what was delivered is written down twice a second",
    ),
    moot(
        "queue.checkpoint.writes",
        Kind::Integer,
        "what is taken in is synced before it is acknowledged",
    ),
    moot(
        "queue.checkpoint.interval",
        Kind::Integer,
        "what is taken in is synced before it is acknowledged",
    ),
    moot(
        "queue.checkpoint.retry",
        Kind::Boolean,
        "a write that failed is tried again in a new file",
    ),
    moot(
        "queue.compression",
        Kind::Text,
        "documents wait as they are sent",
    ),
    moot(
        "queue.drain",
        Kind::Boolean,
        "outputs send until `shutdown.grace` ends; the rest is kept",
    ),
    spec(
        "dead_letter_queue.enable",
        Kind::Boolean,
        "true",
        "Keep what an output refuses for good; Logstash's default is `false`",
    ),
    spec(
        "path.dead_letter_queue",
        Kind::Text,
        "",
        "Folder for it; by default `dead_letter_queue` in `path.data`",
    ),
    spec(
        "dead_letter_queue.max_bytes",
        Kind::Text,
        "1024mb",
        "The most bytes of each pipeline's dead letters",
    ),
    spec(
        "dead_letter_queue.storage_policy",
        Kind::Text,
        "drop_newer",
        "What goes when there is no more room: `drop_newer` or `drop_older`",
    ),
    spec(
        "dead_letter_queue.retain.age",
        Kind::Duration,
        "",
        "Dead letters that are older by the clock are removed, such as `7d`; by default none are",
    ),
    moot(
        "dead_letter_queue.flush_interval",
        Kind::Integer,
        "each dead letter is on disk before its event is acknowledged",
    ),
];

/// Keys, or their beginnings, that cannot differ from pipeline to pipeline.
const OF_AGENT: [&str; 11] = [
    "path.data",
    "path.queue",
    "path.settings",
    "path.logs",
    "log.",
    "api.",
    "http.",
    "shutdown.",
    "node.",
    "security.",
    "config.test_and_exit",
];

/// Whether a setting holds for the whole agent.
pub fn is_of_agent(key: &str) -> bool {
    OF_AGENT.iter().any(|start| key.starts_with(start))
}

/// The present name of a key.
pub fn present_name(key: &str) -> &str {
    match key {
        "http.host" => "api.http.host",
        "http.port" => "api.http.port",
        _ => key,
    }
}

/// The setting of that key.
pub fn find(key: &str) -> Option<&'static Spec> {
    ALL.iter().find(|spec| spec.key == key)
}

/// The environment's name for a key: `pipeline.workers` is `SAWLOG_PIPELINE_WORKERS`.
pub fn variable(key: &str) -> String {
    format!("SAWLOG_{}", key.replace('.', "_").to_uppercase())
}
