//! The language as a whole, over a small registry of plugins made up for it.

mod conditions;
mod excerpts;
mod grammar;
mod hostile;
mod options;
mod plugins;
mod reading;

use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Sources;
use crate::lang::{Config, Language, Registry, Statement, load};
use crate::plugin::{Kind, Opt, Options, Plugin, Section, Setting};

pub static STDIN: Plugin = Plugin {
    section: Section::Input,
    name: "stdin",
    summary: "Reads lines.",
    options: &[Opt::new("codec", Kind::Codec, "How lines are read.").default("line")],
    absent: &[],
};

pub static TCP: Plugin = Plugin {
    section: Section::Input,
    name: "tcp",
    summary: "Listens.",
    options: &[
        Opt::new("port", Kind::Integer, "Where to listen.").required(),
        Opt::new("host", Kind::Text, "The address to listen on.").default("0.0.0.0"),
        Opt::new("ssl_enabled", Kind::Boolean, "Whether TLS is spoken.")
            .default("false")
            .old_names(&["ssl_enable"]),
        Opt::new("limit", Kind::Bytes, "The longest line.").default("10 MiB"),
        Opt::new("idle", Kind::Duration, "When a silent peer is cut off.").default("5 m"),
        Opt::new("token", Kind::Password, "What a peer must say first."),
        Opt::new("certificate", Kind::Path, "A file."),
        Opt::new("rate", Kind::Number, "Lines a second."),
        Opt::new("dns_reverse_lookup_enabled", Kind::Boolean, "A relic.")
            .without_effect("addresses are never looked up"),
    ],
    absent: &["proxy_protocol"],
};

pub static GROK: Plugin = Plugin {
    section: Section::Filter,
    name: "grok",
    summary: "Takes text apart.",
    options: &[
        Opt::new("match", Kind::Hash, "Patterns by field.").default("{}"),
        Opt::new("overwrite", Kind::List, "Fields to replace.").default("[]"),
        Opt::new(
            "tag_on_failure",
            Kind::List,
            "Tags for what does not match.",
        )
        .default("[\"_grokparsefailure\"]"),
        Opt::new("target", Kind::Field, "Where captures go."),
    ],
    absent: &["named_captures_only"],
};

pub static MUTATE: Plugin = Plugin {
    section: Section::Filter,
    name: "mutate",
    summary: "Changes fields.",
    options: &[
        Opt::new("rename", Kind::Hash, "New names."),
        Opt::new("mode", Kind::Text, "How.")
            .default("fast")
            .allowed(&["fast", "slow"]),
        Opt::new("kinds", Kind::List, "Which.").allowed(&["one", "two"]),
        Opt::new("separator", Kind::Text, "Between parts.").default("\" \""),
    ],
    absent: &[],
};

pub static STDOUT: Plugin = Plugin {
    section: Section::Output,
    name: "stdout",
    summary: "Prints.",
    options: &[Opt::new("codec", Kind::Codec, "How.").default("line")],
    absent: &[],
};

pub static ELASTICSEARCH: Plugin = Plugin {
    section: Section::Output,
    name: "elasticsearch",
    summary: "Stores.",
    options: &[
        Opt::new("hosts", Kind::Uris, "Servers.").default("http://127.0.0.1:9200"),
        Opt::new("index", Kind::Text, "Where."),
        Opt::new("password", Kind::Password, "For the user."),
    ],
    absent: &["codec"],
};

pub static LINE: Plugin = Plugin {
    section: Section::Codec,
    name: "line",
    summary: "Lines.",
    options: &[Opt::new("format", Kind::Text, "A template.")],
    absent: &[],
};

pub static PLAIN: Plugin = Plugin {
    section: Section::Codec,
    name: "plain",
    summary: "Text.",
    options: &[],
    absent: &[],
};

pub static MULTILINE: Plugin = Plugin {
    section: Section::Codec,
    name: "multiline",
    summary: "Joins lines.",
    options: &[
        Opt::new("pattern", Kind::Text, "What to look for.").required(),
        Opt::new("max_lines", Kind::Integer, "The longest block.").default("500"),
    ],
    absent: &[],
};

pub const PLUGINS: &[&Plugin] = &[
    &STDIN,
    &TCP,
    &GROK,
    &MUTATE,
    &STDOUT,
    &ELASTICSEARCH,
    &LINE,
    &PLAIN,
    &MULTILINE,
];

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "PORT" => "514",
        "HOSTS" => "[http://a:9200, \"http://b:9200\"]",
        "WORD" => "hello",
        "SECRET" => "hunter2",
        "LEVEL" => "er+or",
        "BAD" => "(",
        _ => return None,
    };
    Some(value.to_owned())
}

pub fn sources(text: &str) -> Sources {
    let mut sources = Sources::default();
    sources.push("p.conf", text);
    sources
}

pub fn load_with(sources: &Sources, support_escapes: bool) -> (Config, Vec<Diagnostic>) {
    let registry = Registry { plugins: PLUGINS };
    let language = Language {
        support_escapes,
        variables: &variable,
    };
    let mut diagnostics = Vec::new();
    let config = load(sources, &registry, &language, &mut diagnostics);
    (config, diagnostics)
}

/// Each diagnostic as `LINE:COLUMN severity: message / help`.
pub fn remarks_on(sources: &Sources) -> Vec<String> {
    load_with(sources, false)
        .1
        .iter()
        .map(|diagnostic| {
            let (line, column) = sources.line_and_column(diagnostic.span);
            let help = diagnostic.help.as_deref().unwrap_or("-");
            let severity = diagnostic.severity.name();
            format!(
                "{line}:{column} {severity}: {} / {help}",
                diagnostic.message
            )
        })
        .collect()
}

pub fn remarks(text: &str) -> Vec<String> {
    remarks_on(&sources(text))
}

/// A text without a single remark.
#[track_caller]
pub fn clean(text: &str) -> Config {
    let (config, _) = load_with(&sources(text), false);
    assert_eq!(remarks(text), Vec::<String>::new(), "{text}");
    config
}

/// A text and all remarks on it.
#[track_caller]
pub fn check(text: &str, want: &[&str]) {
    assert_eq!(remarks(text), want, "{text}");
}

/// The options of the only filter of a text.
#[track_caller]
pub fn filter(text: &str) -> Options {
    let config = clean(text);
    match config.filters.as_slice() {
        [Statement::Plugin(options)] => options.clone(),
        other => panic!("not one filter: {other:?}"),
    }
}

/// The options of a `tcp` input with these options besides its port.
#[track_caller]
pub fn tcp(options: &str) -> Options {
    let config = clean(&format!("input {{ tcp {{ port => 1 {options} }} }}"));
    config.inputs.first().expect("one input").clone()
}

/// What is said of a `tcp` input with these options besides its port; they begin at column 27.
#[track_caller]
pub fn check_tcp(options: &str, want: &[&str]) {
    check(
        &format!("input {{ tcp {{ port => 1 \n{options} }} }}"),
        want,
    );
}

pub fn texts(setting: Option<&Setting>) -> Vec<String> {
    match setting {
        Some(Setting::List(words)) => words.iter().map(|word| word.text.clone()).collect(),
        other => panic!("not a list: {other:?}"),
    }
}
