//! The options of the output, checked: addresses, logins, certificates and templates. Files named in options are read
//! here, so that a wrong one refuses the configuration.

mod hosts;

use std::path::PathBuf;
use std::time::Duration;

use elasticsearch::http::Url;
use elasticsearch::http::headers::HeaderMap;

use crate::event::Template;
use crate::lang::diagnostic::Diagnostic;
use crate::limits;
use crate::outputs::elasticsearch::action::{
    Action, ActionSource, DataStream, Naming, Plan, Target, check_index,
};
use crate::outputs::elasticsearch::answer;
use crate::outputs::elasticsearch::refusals::Wishes;
use crate::outputs::elasticsearch::secrets::Secrets;
use crate::outputs::elasticsearch::sender::Schedule;
use crate::outputs::elasticsearch::transport::{Proxy, Requests, Trust, authorities, header};
use crate::outputs::elasticsearch::verdict::Rules;
use crate::pipeline::{Building, Ecs};
use crate::plugin::Options;
use crate::small_file;

/// Everything that the output was told.
pub struct Config {
    pub plan: Plan,
    pub schedule: Schedule,
    pub requests: Requests,
    /// Whether ids are the user's.
    pub has_users_ids: bool,
    pub wishes: Wishes,
}

/// Options that make `data_stream => auto` mean an index.
const INDEX_OPTIONS: &[&str] = &[
    "document_id",
    "index",
    "version",
    "version_type",
    "doc_as_upsert",
];

/// Who writes one of these decides what becomes of a document that is there already.
const NAMING_OPTIONS: &[&str] = &["action", "document_id", "version", "version_type"];

pub fn check(options: &Options, building: &mut Building<'_>) -> Option<Config> {
    refuse_what_is_not_there(options, building);
    let plan = plan(options, building);
    let requests = requests(options, building);
    let mut schedule = schedule(options, building);
    let (plan, requests) = (plan?, requests?);
    schedule.secrets = Secrets::of(&requests);
    Some(Config {
        wishes: Wishes {
            silent: texts(options, "silence_errors_in_log"),
            drops_confined: options
                .setting("dlq_on_failed_indexname_interpolation")
                .is_some()
                && !options.boolean("dlq_on_failed_indexname_interpolation"),
        },
        has_users_ids: matches!(plan.naming, Naming::User(_)),
        plan,
        schedule,
        requests,
    })
}

/// Options whose one value we have and whose other we do not.
fn refuse_what_is_not_there(options: &Options, building: &mut Building<'_>) {
    for (name, why) in [
        (
            "manage_template",
            "templates are not installed; put yours into Elasticsearch and write `manage_template => false`",
        ),
        (
            "sniffing",
            "hosts are not looked up in the cluster; name several in `hosts` and write `sniffing => false`",
        ),
    ] {
        if options.boolean(name) {
            building.refuse(options.span_of(name), why);
        }
    }
    if let Some("true") = options.text("ilm_enabled") {
        let why =
            "rollover aliases are not made; write `ilm_enabled => false`, or `data_stream => true`";
        building.refuse(options.span_of("ilm_enabled"), why);
    }
}

fn plan(options: &Options, building: &mut Building<'_>) -> Option<Plan> {
    let target = target(options, building);
    let is_stream = matches!(target, Some(Target::DataStream(_)));
    let naming = match template(options, building, "document_id") {
        Some(template) => Naming::User(template),
        None if NAMING_OPTIONS.iter().any(|name| is_written(options, name)) => Naming::Server,
        None => Naming::Place,
    };
    let action = action(options, building, is_stream, &naming);
    let plan = Plan {
        action: action?,
        target: target?,
        naming,
        routing: template(options, building, "routing"),
        pipeline: template(options, building, "pipeline"),
        version: template(options, building, "version"),
        version_type: options.text("version_type").map(str::to_owned),
        retry_on_conflict: options.integer("retry_on_conflict").unwrap_or(1),
        doc_as_upsert: options.boolean("doc_as_upsert"),
    };
    let needs_id = matches!(
        plan.action,
        ActionSource::Fixed(Action::Update | Action::Delete)
    );
    if needs_id && !matches!(plan.naming, Naming::User(_)) {
        let why = "`update` and `delete` need a `document_id`";
        building.refuse(options.span_of("action"), why);
    }
    Some(plan)
}

/// The template of an option; an empty text is the same as none.
fn template(options: &Options, building: &mut Building<'_>, name: &str) -> Option<Template> {
    let word = options.word(name).filter(|word| !word.text.is_empty())?;
    building.template(&word)
}

fn action(
    options: &Options,
    building: &mut Building<'_>,
    is_stream: bool,
    naming: &Naming,
) -> Option<ActionSource> {
    let Some(word) = options.word("action") else {
        return Some(ActionSource::Fixed(match naming {
            // What has our id and is there already came through before.
            Naming::Place => Action::Create,
            Naming::Server | Naming::User(_) if is_stream => Action::Create,
            Naming::Server | Naming::User(_) => Action::Index,
        }));
    };
    if word.text.contains("%{") && !is_stream {
        return building.template(&word).map(ActionSource::Rendered);
    }
    let action = Action::parse(word.text.as_bytes());
    match action {
        Some(Action::Create) => Some(ActionSource::Fixed(Action::Create)),
        Some(_) | None if is_stream => {
            building.refuse(word.span, "a data stream takes `create` only");
            None
        }
        Some(action) => Some(ActionSource::Fixed(action)),
        None => {
            let why = "`action` is `index`, `create`, `update`, `delete` or a `%{field}`";
            building.refuse(word.span, why);
            None
        }
    }
}

fn target(options: &Options, building: &mut Building<'_>) -> Option<Target> {
    let ecs = building.ecs(options);
    let is_stream = match options.text("data_stream") {
        Some("true") => true,
        Some("false") => false,
        _ => {
            let for_index = INDEX_OPTIONS.iter().any(|name| is_written(options, name));
            let creates = options
                .text("action")
                .is_none_or(|action| action == "create");
            ecs == Ecs::Enabled && creates && !for_index
        }
    };
    if is_stream {
        return data_stream(options, building).map(Target::DataStream);
    }
    let index = match options.word("index") {
        Some(word) => word,
        None => crate::plugin::Word {
            text: ecs
                .pick("logstash-%{+yyyy.MM.dd}", "ecs-logstash-%{+yyyy.MM.dd}")
                .to_owned(),
            span: options.span,
        },
    };
    let compiled = building.template(&index)?;
    if let Some(name) = compiled.as_literal()
        && let Err(why) = check_index(name)
    {
        building.refuse(
            index.span,
            format!("`{}` cannot name an index: {why}", index.text),
        );
        return None;
    }
    if !compiled.has_literal_prefix() {
        let warning =
            "an event chooses the whole name of its index; begin it with a text of your own";
        building.report(Diagnostic::warning(index.span, warning));
    }
    Some(Target::Index(compiled))
}

/// Whether an option was written; defaults have the plugin's own place.
fn is_written(options: &Options, name: &str) -> bool {
    options.setting(name).is_some() && options.span_of(name) != options.span
}

fn data_stream(options: &Options, building: &mut Building<'_>) -> Option<DataStream> {
    for name in ["index", "version", "version_type", "doc_as_upsert"] {
        if is_written(options, name) {
            let why =
                format!("`{name}` has no place with a data stream; write `data_stream => false`");
            building.refuse(options.span_of(name), why);
            return None;
        }
    }
    let part = |name: &str, default: &str| options.text(name).unwrap_or(default).to_owned();
    let parts = [
        part("data_stream_type", "logs"),
        part("data_stream_dataset", "generic"),
        part("data_stream_namespace", "default"),
    ];
    if let Err(why) = check_index(parts.join("-").as_bytes()) {
        let why = format!("`{}` cannot name a data stream: {why}", parts.join("-"));
        building.refuse(options.span_of("data_stream_dataset"), why);
        return None;
    }
    Some(DataStream {
        parts,
        auto_routing: options.boolean("data_stream_auto_routing"),
        sync_fields: options.boolean("data_stream_sync_fields"),
        fields: [
            building.known("[data_stream][type]"),
            building.known("[data_stream][dataset]"),
            building.known("[data_stream][namespace]"),
        ],
    })
}

fn schedule(options: &Options, building: &mut Building<'_>) -> Schedule {
    let duration = |name: &str, default: u64| {
        options
            .duration(name)
            .unwrap_or(Duration::from_secs(default))
    };
    let bytes = options
        .bytes("batch_bytes")
        .unwrap_or(limits::BULK_BLOCK_BYTES as u64);
    if !(1..=limits::BULK_HELD_BYTES_MAX as u64 / 2).contains(&bytes) {
        let why = format!(
            "`batch_bytes` is at least 1 and at most {} MiB, so that several requests fit the agent's memory",
            limits::BULK_HELD_BYTES_MAX >> 21
        );
        building.refuse(options.span_of("batch_bytes"), why);
    }
    let whole = |name: &str, default: i64, building: &mut Building<'_>| {
        let value = options.integer(name).unwrap_or(default);
        if value < 1 {
            building.refuse(options.span_of(name), format!("`{name}` is at least 1"));
        }
        usize::try_from(value).unwrap_or(1).max(1)
    };
    let requests_max = whole("requests_max", 4, building);
    if limits::BULK_REQUESTS_MAX < requests_max {
        let why = format!(
            "`requests_max` is at most {}: more make no server faster",
            limits::BULK_REQUESTS_MAX
        );
        building.refuse(options.span_of("requests_max"), why);
    }
    Schedule {
        bytes_max: usize::try_from(bytes).unwrap_or(limits::BULK_BLOCK_BYTES),
        documents_max: whole("batch_events", 10_000, building),
        delay: options
            .duration("batch_delay")
            .unwrap_or(Duration::from_millis(100)),
        requests_max,
        retry_initial: duration("retry_initial_interval", 2),
        retry_max: duration("retry_max_interval", 64),
        resurrect_delay: duration("resurrect_delay", 5),
        retry_age_max: options.duration("retry_age_max"),
        rules: Rules {
            refusing: custom_codes(options, building),
            dropping: texts(options, "drop_error_types"),
        },
        secrets: Secrets::default(),
    }
}

fn texts(options: &Options, name: &str) -> Vec<String> {
    let list = options.list(name).iter();
    list.map(|word| word.text.clone()).collect()
}

/// Statuses of `dlq_custom_codes`. Those that have their meaning already are refused, as in Logstash.
fn custom_codes(options: &Options, building: &mut Building<'_>) -> Vec<u16> {
    let mut codes = Vec::new();
    for word in options.list("dlq_custom_codes") {
        match word.text.parse() {
            Ok(200 | 201 | 400 | 404 | 409) => {
                let why = format!("{} has its meaning already", word.text);
                building.refuse(word.span, why);
            }
            Ok(code @ 100..=599) => codes.push(code),
            Ok(_) | Err(_) => building.refuse(word.span, "this is no status of HTTP"),
        }
    }
    codes
}

fn requests(options: &Options, building: &mut Building<'_>) -> Option<Requests> {
    let hosts = hosts::check(options, building)?;
    let proxy = proxy(options, building)?;
    let trust = trust(options, building)?;
    let mut headers = HeaderMap::new();
    for (name, value) in options.hash("custom_headers") {
        match header(&name.text, value.text().unwrap_or("")) {
            Ok((name, value)) => {
                headers.insert(name, value);
            }
            Err(why) => building.refuse(name.span, why),
        }
    }
    let mut parameters = vec![("filter_path".to_owned(), answer::FILTER_PATH.to_owned())];
    let own = |(name, value): &(crate::plugin::Word, crate::plugin::Arg)| {
        (name.text.clone(), value.text().unwrap_or("").to_owned())
    };
    parameters.extend(options.hash("parameters").iter().map(own));
    let level = options.integer("compression_level");
    let level = match level {
        Some(level) => level,
        None if options.boolean("http_compression") => 1,
        None => 0,
    };
    let Some(compression_level) = u32::try_from(level).ok().filter(|level| *level <= 9) else {
        building.refuse(
            options.span_of("compression_level"),
            "`compression_level` goes from 0 (off) to 9",
        );
        return None;
    };
    let path = options.text("path").unwrap_or("/").trim_matches('/');
    let bulk = options
        .text("bulk_path")
        .unwrap_or("_bulk")
        .trim_matches('/');
    let path = match (path, options.text("bulk_path")) {
        ("", _) | (_, Some(_)) => bulk.to_owned(),
        (path, None) => format!("{path}/{bulk}"),
    };
    Some(Requests {
        hosts,
        trust,
        proxy,
        path,
        parameters,
        headers,
        timeout: options
            .duration("timeout")
            .unwrap_or(Duration::from_secs(60)),
        connect_timeout: options
            .duration("connect_timeout")
            .unwrap_or(Duration::from_secs(5)),
        compression_level,
    })
}

fn proxy(options: &Options, building: &mut Building<'_>) -> Option<Proxy> {
    let Some(word) = options.word("proxy") else {
        return Some(Proxy::System);
    };
    if word.text.is_empty() {
        return Some(Proxy::None);
    }
    let why = match Url::parse(&word.text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            return Some(Proxy::Url(url));
        }
        Ok(_) => "this is no proxy's address".to_owned(),
        Err(error) => format!("this is no proxy's address: {error}"),
    };
    let why = format!("{why}; write `http://host:port`, or `https://`");
    building.refuse(word.span, why);
    None
}

/// The files with certificates and keys that the output reads at its start.
pub fn certificates(options: &Options) -> Vec<PathBuf> {
    let authorities = options.list("ssl_certificate_authorities").iter();
    let own = ["ssl_certificate", "ssl_key"].map(|name| options.text(name));
    let words = authorities.map(|word| word.text.as_str());
    words
        .chain(own.into_iter().flatten())
        .map(PathBuf::from)
        .collect()
}

fn trust(options: &Options, building: &mut Building<'_>) -> Option<Trust> {
    let old_switch = options.setting("ssl_certificate_verification").is_some()
        && !options.boolean("ssl_certificate_verification");
    if old_switch || options.text("ssl_verification_mode") == Some("none") {
        let span = options.span_of(if old_switch {
            "ssl_certificate_verification"
        } else {
            "ssl_verification_mode"
        });
        let warning =
            "any server is trusted with the logs and the password: certificates are not verified";
        building.report(Diagnostic::warning(span, warning));
        return Some(Trust::Anyone);
    }
    let files = options.list("ssl_certificate_authorities");
    if files.is_empty() {
        return Some(Trust::Authorities(None));
    }
    let mut pem = Vec::new();
    for file in files {
        match small_file::read(file.text.as_ref(), limits::TLS_FILE_BYTES_MAX) {
            Ok(text) => pem.extend_from_slice(&text),
            Err(error) => {
                building.refuse(file.span, format!("cannot read `{}`: {error}", file.text));
                return None;
            }
        }
        pem.push(b'\n');
    }
    if let Err(error) = authorities(&pem) {
        building.refuse(
            options.span_of("ssl_certificate_authorities"),
            format!("these are no certificates in PEM form: {error}"),
        );
        return None;
    }
    Some(Trust::Authorities(Some(pem)))
}
