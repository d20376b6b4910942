//! `elasticsearch`: events become documents in the workers, and a task sends them in bulk requests, each document to its
//! verdict. Templates and lifecycle policies are not installed, the cluster's nodes are not looked up.

mod action;
mod answer;
mod concurrency;
mod config;
mod encode;
mod hosts;
mod refusals;
mod retry;
mod secrets;
mod sender;
#[cfg(test)]
mod simulation;
mod transport;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::metrics::PluginMetrics;
use crate::outputs::{Opening, Output, OutputPlugin, Queue, Started};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use crate::queue::block::Spares;
use crate::queue::dead_letters::DeadLetters;
use config::Config;
use encode::{BulkEncoder, Shared};
use refusals::Refusals;
use sender::{Learned, Report, Sender};

pub use sender::Way;

pub const PLUGIN: OutputPlugin = OutputPlugin {
    plugin: &Plugin {
        section: Section::Output,
        name: "elasticsearch",
        summary: "Stores events in Elasticsearch or OpenSearch, in bulk requests. What the server cannot take for the \
                  moment is tried again alone; what it can never take is counted, \
                  logged with its reason and kept in the dead letter queue.",
        options: OPTIONS,
        absent: &[
            "ca_trusted_fingerprint",
            "cipher_suites",
            "cluster",
            "ilm_pattern",
            "ilm_policy",
            "ilm_rollover_alias",
            "join_field",
            "keystore",
            "keystore_password",
            "node_name",
            "parent",
            "port",
            "protocol",
            "script",
            "script_lang",
            "script_type",
            "script_var_name",
            "scripted_upsert",
            "ssl_cipher_suites",
            "ssl_keystore_password",
            "ssl_keystore_path",
            "ssl_keystore_type",
            "ssl_supported_protocols",
            "ssl_truststore_password",
            "ssl_truststore_path",
            "ssl_truststore_type",
            "template",
            "template_api",
            "template_name",
            "template_overwrite",
            "truststore",
            "truststore_password",
            "upsert",
        ],
    },
    build,
};

const OPTIONS: &[Opt] = &[
    Opt::new(
        "hosts",
        Kind::Uris,
        "The servers, such as `http://one:9200`; port 9200 when none is written. They take turns; one that does not \
         answer rests. A query goes with every request to that server.",
    )
    .default("//127.0.0.1")
    .old_names(&["host"]),
    Opt::new(
        "index",
        Kind::Text,
        "The index; `%{field}` and `%{+yyyy.MM.dd}` are filled in. Without it `logstash-%{+yyyy.MM.dd}`, or \
         `ecs-logstash-%{+yyyy.MM.dd}` in ECS mode.",
    ),
    Opt::new(
        "action",
        Kind::Text,
        "`index`, `create`, `update`, `delete`, or a `%{field}` that says so. Without it `create`; `index` where \
         `document_id` or `version` is written and the target is no data stream.",
    ),
    Opt::new(
        "document_id",
        Kind::Text,
        "The document's id. When neither it nor `action`, `version` or `version_type` is written, the id is made of where \
         the event was read: host, pipeline and input; file and offset, container and time, connection and sequence. What \
         is sent again after a fault is then known by it and not stored twice. Events that filters made have an id of the server's, as have \
         all with `action => \"index\"`.",
    ),
    Opt::new("routing", Kind::Text, "The value by which the document's shard is chosen."),
    Opt::new("pipeline", Kind::Text, "The ingest pipeline; an empty text means none."),
    Opt::new("version", Kind::Text, "The document's version, a whole number."),
    Opt::new("version_type", Kind::Text, "How versions are compared.")
        .allowed(&["internal", "external", "external_gt", "external_gte"]),
    Opt::new("doc_as_upsert", Kind::Boolean, "`update` makes documents that are not there.").default("false"),
    Opt::new("retry_on_conflict", Kind::Integer, "How often the server tries an `update` again.").default("1"),
    Opt::new(
        "data_stream",
        Kind::Text,
        "`true` writes to a data stream, `false` to an index. `auto` means a data stream in ECS mode when no option of an \
         index is written.",
    )
    .default("auto")
    .allowed(&["auto", "true", "false"]),
    Opt::new("data_stream_type", Kind::Text, "First part of the data stream's name.")
        .default("logs")
        .allowed(action::STREAM_TYPES),
    Opt::new("data_stream_dataset", Kind::Text, "Second part of the data stream's name.").default("generic"),
    Opt::new("data_stream_namespace", Kind::Text, "Third part of the data stream's name.").default("default"),
    Opt::new(
        "data_stream_auto_routing",
        Kind::Boolean,
        "An event's own `[data_stream]` fields choose its data stream, of a type that `data_stream_type` can have.",
    )
    .default("true"),
    Opt::new(
        "data_stream_sync_fields",
        Kind::Boolean,
        "`[data_stream]` fields that an event lacks are written into it.",
    )
    .default("true"),
    Opt::new("user", Kind::Text, "User for all hosts whose address has none."),
    Opt::new("password", Kind::Password, "The user's password."),
    Opt::new("api_key", Kind::Password, "An API key: `id:key`, or already encoded."),
    Opt::new("cloud_id", Kind::Text, "The id of a deployment in Elastic's cloud, in place of `hosts`."),
    Opt::new("cloud_auth", Kind::Password, "`user:password` for `cloud_id`."),
    Opt::new("ssl_enabled", Kind::Boolean, "Whether hosts without a scheme are asked over TLS.").old_names(&["ssl"]),
    Opt::new("ssl_verification_mode", Kind::Text, "`none` trusts any certificate.")
        .default("full")
        .allowed(&["full", "none"]),
    Opt::new(
        "ssl_certificate_verification",
        Kind::Boolean,
        "Old spelling: `false` is `ssl_verification_mode => none`.",
    ),
    Opt::new(
        "ssl_certificate_authorities",
        Kind::List,
        "Files with certificates, PEM, of authorities that are trusted besides the system's.",
    )
    .old_names(&["cacert"]),
    Opt::new("ssl_certificate", Kind::Path, "Our own certificate, PEM."),
    Opt::new("ssl_key", Kind::Path, "The key of our own certificate, PEM."),
    Opt::new("path", Kind::Text, "Where Elasticsearch lives on the hosts, when a proxy stands before it.").default("/"),
    Opt::new("bulk_path", Kind::Text, "The path of bulk requests, when it is not `_bulk` below `path`."),
    Opt::new("parameters", Kind::Hash, "Added to the address of every request.").with_secrets(),
    Opt::new("custom_headers", Kind::Hash, "Headers of every request.").with_secrets(),
    Opt::new("proxy", Kind::Text, "A proxy's address; an empty text means none, not even the environment's.").with_secrets(),
    Opt::new(
        "compression_level",
        Kind::Integer,
        "gzip of requests from 1 to 9. Logstash compresses by default (1); here it is off (0), because it costs ten times \
         all other work.",
    ),
    Opt::new("http_compression", Kind::Boolean, "Old switch of `compression_level`: `true` means 1."),
    Opt::new("timeout", Kind::Duration, "How long a request may take, pauses included.").default("60"),
    Opt::new("retry_initial_interval", Kind::Duration, "The longest wait before a first new try; it doubles.")
        .default("2"),
    Opt::new("retry_max_interval", Kind::Duration, "The longest wait before any new try.").default("64"),
    Opt::new("resurrect_delay", Kind::Duration, "The longest rest of a host that could not be reached.").default("5"),
    Opt::new("batch_bytes", Kind::Bytes, "The length of a request, before compression.").default("1 MiB"),
    Opt::new("batch_events", Kind::Integer, "The most documents in a request.").default("10000"),
    Opt::new(
        "batch_delay",
        Kind::Duration,
        "How long few documents wait for more while other requests are under way. When there are none they are sent at \
         once.",
    )
    .default("100ms"),
    Opt::new(
        "requests_max",
        Kind::Integer,
        "The most requests at once, 1 to 64. There are half as many when the server has too much to do, and one more after each \
         round that went well.",
    )
    .default("4"),
    Opt::new(
        "connect_timeout",
        Kind::Duration,
        "How long it may take to reach a host. Not asked for where a proxy stands between.",
    )
    .default("5"),
    Opt::new(
        "retry_age_max",
        Kind::Duration,
        "How long a document is tried again before it becomes a dead letter, from its first try in this run on; without it for ever.",
    ),
    Opt::new(
        "dlq_custom_codes",
        Kind::List,
        "Statuses of single documents that make dead letters of them, besides 400, 404 and 413.",
    ),
    Opt::new(
        "dlq_on_failed_indexname_interpolation",
        Kind::Boolean,
        "Whether events whose index, id or pipeline cannot be made are kept as dead letters.",
    )
    .default("true"),
    Opt::new(
        "drop_error_types",
        Kind::List,
        "Errors, such as `document_parsing_exception`, whose documents are dropped: not tried again, not kept, counted as \
         `documents_dropped`.",
    ),
    Opt::new(
        "silence_errors_in_log",
        Kind::List,
        "Errors that are not logged; their documents are refused and kept as usual.",
    ),
    Opt::new("manage_template", Kind::Boolean, "Only `false`: index templates are not installed.").default("false"),
    Opt::new("ilm_enabled", Kind::Text, "Only `false`, which `auto` means too.")
        .default("auto")
        .allowed(&["auto", "true", "false"]),
    Opt::new("sniffing", Kind::Boolean, "Only `false`: the cluster's nodes are not looked up.").default("false"),
    Opt::new("sniffing_delay", Kind::Duration, "Part of `sniffing`.").without_effect("hosts are not looked up"),
    Opt::new("sniffing_path", Kind::Text, "Part of `sniffing`.").without_effect("hosts are not looked up"),
    Opt::new("healthcheck_path", Kind::Text, "Where Logstash asks whether a host is well.")
        .without_effect("a host that failed is tried with a request"),
    Opt::new("pool_max", Kind::Integer, "Connections at once.")
        .without_effect("there are as many connections as `requests_max`"),
    Opt::new("pool_max_per_route", Kind::Integer, "Connections to a host at once.")
        .without_effect("there are as many connections as `requests_max`"),
    Opt::new("validate_after_inactivity", Kind::Integer, "When Logstash checks an idle connection.")
        .without_effect("a connection that was closed is noticed and the request repeated"),
    Opt::new("document_type", Kind::Text, "The type of documents in Elasticsearch before 8.")
        .without_effect("servers since 7 know no types"),
    Opt::new("flush_size", Kind::Integer, "An option of old versions.").without_effect("use `batch_events`"),
    Opt::new("idle_flush_time", Kind::Number, "An option of old versions.").without_effect("nothing waits when idle"),
];

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Output>> {
    let metrics = building.metrics.plugin(options);
    let config = config::check(options, building)?;
    let certificates = config::certificates(options);
    let dead_letters = building.surroundings.dead_letters.clone();
    Some(Box::new(Elasticsearch {
        certificates,
        dead_letters: dead_letters.map(|settings| match config.has_users_ids {
            true => DeadLetters::new(settings),
            false => DeadLetters::with_own_ids(settings, &metrics.id),
        }),
        config,
        metrics,
    }))
}

struct Elasticsearch {
    config: Config,
    certificates: Vec<PathBuf>,
    dead_letters: Option<DeadLetters>,
    metrics: Arc<PluginMetrics>,
}

impl Output for Elasticsearch {
    fn queue(&self) -> Queue {
        Queue::All
    }

    fn keeps_dead_letters(&self) -> bool {
        true
    }

    fn keep_all_letters(&mut self) {
        self.config.wishes.drops_confined = false;
        self.config.schedule.rules.dropping.clear();
    }

    fn certificates(&self) -> Vec<PathBuf> {
        self.certificates.clone()
    }

    fn start(self: Box<Self>, opening: &Opening<'_>) -> Started {
        let Self {
            config,
            dead_letters,
            metrics,
            ..
        } = *self;
        let hosts: Vec<String> = config
            .requests
            .hosts
            .iter()
            .map(|host| host.url.as_str().trim_end_matches('/').to_owned())
            .collect();
        let spares = Spares::default();
        let (blocks, waiting) = opening.queue(&metrics.id, &spares);
        let block_bytes = Arc::new(AtomicUsize::new(config.schedule.bytes_max));
        let refusals = Arc::new(Refusals::new(
            Arc::clone(&metrics),
            dead_letters,
            config.wishes,
        ));
        let shared = Shared {
            plan: Arc::new(config.plan),
            block_bytes: Arc::clone(&block_bytes),
            block_events: config.schedule.documents_max,
            blocks,
            spares: spares.clone(),
            refusals: Arc::clone(&refusals),
        };
        let way = Way {
            schedule: config.schedule,
            transport: transport::open(config.requests),
            hosts: hosts.clone(),
            refusals: Arc::clone(&refusals),
        };
        let name = opening.name(&metrics.id);
        let report = Report::new(metrics, refusals, hosts, config.has_users_ids);
        let learned = Learned {
            spares,
            block_bytes,
        };
        let sender = Sender::new(&way, learned, report);
        let newer = opening.successions.requests.succeed(name, |_| way);
        let sender = sender.told_by(opening.notice.clone()).going(newer);
        Started {
            encoder: Box::new(BulkEncoder::new(shared)),
            task: tokio::spawn(sender.run(waiting)),
        }
    }
}
