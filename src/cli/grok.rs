//! `sawlog grok`: matches lines of stdin against a pattern, as the filter does, and prints the captures.

mod explain;

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::agent::REFUSED;
use crate::event::{Batch, Names, Reference};
use crate::filters::grok::{Capture, compile, convert};
use crate::limits;
use crate::pipeline::Ecs;
use crate::printable::{Reader, lines};
use crate::queue::ack::Ack;
use sawlog_parsers::grok::{self, Grok, GrokSet, Patterns, SetOutcome, Slots};
use sawlog_parsers::lines::Delimiter;

pub fn command() -> Command {
    let text = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    Command::new("grok")
        .about("Match lines of stdin: a JSON object of captures for each, or null")
        .arg(
            text("pattern", "The grok expression; several are tried in order")
                .required(true)
                .action(ArgAction::Append),
        )
        .arg(text("patterns-dir", "Folder or file of further patterns").action(ArgAction::Append))
        .arg(
            text(
                "ecs",
                "Which built-in patterns: those of a filter in this mode",
            )
            .value_parser(["disabled", "v1", "v8"])
            .default_value("disabled"),
        )
        .arg(
            text("bank", "Which built-in patterns, whatever the mode")
                .value_parser(["legacy", "ecs-v1", "strict"]),
        )
        .arg(
            text("explain", "Say how far a line that does not match got")
                .action(ArgAction::SetTrue),
        )
}

pub fn run(matches: &ArgMatches) -> ExitCode {
    let set = match compile_set(matches) {
        Ok(set) => set,
        Err(error) => {
            eprintln!("sawlog: {}", lines(&error));
            return REFUSED.into();
        }
    };
    for warning in set.groks().iter().flat_map(Grok::warnings) {
        eprintln!("sawlog: warning: {}", lines(&warning.to_string()));
    }
    match match_lines(&set, matches.get_flag("explain")) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output went away, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sawlog: {error}");
            crate::agent::FAULT.into()
        }
    }
}

fn compile_set(matches: &ArgMatches) -> Result<GrokSet, String> {
    let patterns = patterns(matches)?;
    let mut groks = Vec::new();
    for expression in matches.get_many::<String>("pattern").into_iter().flatten() {
        let grok = Grok::compile(expression, &patterns, grok::Options::default());
        groks.push(grok.map_err(|error| error.to_string())?);
    }
    Ok(GrokSet::new(groks))
}

fn patterns(matches: &ArgMatches) -> Result<Patterns, String> {
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let ecs = text("ecs").and_then(Ecs::parse).unwrap_or_default();
    let mut patterns = compile::bank(text("bank"), ecs);
    for path in matches
        .get_many::<String>("patterns-dir")
        .into_iter()
        .flatten()
    {
        let files = compile::pattern_files(Path::new(path), "*");
        for file in files.map_err(|error| format!("{path}: {error}"))? {
            compile::read(&file, &mut patterns)?;
        }
    }
    Ok(patterns)
}

fn match_lines(set: &GrokSet, explain: bool) -> io::Result<()> {
    let mut names = Names::default();
    let fields: Vec<Vec<Option<Capture>>> = set
        .groks()
        .iter()
        .map(|grok| places(grok, &mut names))
        .collect();
    let names = Arc::new(names);
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let reader = Reader::of(&output);
    let (mut line, mut slots) = (Vec::new(), Slots::new());
    let newline = Delimiter::newline();
    loop {
        line.clear();
        let mut limited = io::Read::take(&mut input, limits::LINE_BYTES_MAX as u64);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        let text = newline.lines(&line).next();
        let text = text.and_then(|text| line.get(text)).unwrap_or_default();
        let found = match set.search(text, &mut slots) {
            SetOutcome::Match(index) => set.groks().get(index).zip(fields.get(index)),
            SetOutcome::NoMatch | SetOutcome::BudgetSpent(_) => None,
        };
        match found {
            Some((grok, fields)) => {
                let captured = captures(grok, fields, text, &slots, &names);
                output.write_all(&reader.shown(&captured))?;
                output.write_all(b"\n")?;
            }
            None => {
                output.write_all(b"null\n")?;
                if explain {
                    output.write_all(explain::explained(set.groks(), text).as_bytes())?;
                }
            }
        }
        output.flush()?;
    }
}

/// Where each capture goes.
fn places(grok: &Grok, names: &mut Names) -> Vec<Option<Capture>> {
    let place = |capture: &grok::Capture| {
        let reference = Reference::compile(&capture.field, names).ok()?;
        Some(Capture::new(reference, capture.kind, false))
    };
    grok.captures().iter().map(place).collect()
}

/// The captures of a match as JSON, put together as the filter does on an event without fields.
fn captures(
    grok: &Grok,
    fields: &[Option<Capture>],
    line: &[u8],
    slots: &Slots,
    names: &Arc<Names>,
) -> Vec<u8> {
    let mut batch = Batch::new(line.to_vec(), Arc::clone(names), 0, Ack::none());
    let id = batch.push_bare_event();
    for (index, (capture, field)) in grok.captures().iter().zip(fields).enumerate() {
        let (Some(field), Some(span)) = (field, slots.span(index)) else {
            continue;
        };
        if span.is_empty() {
            continue;
        }
        let value = convert(&batch, batch.text_at(span), capture.kind);
        if !field.store(&mut batch, id, value) {
            continue;
        }
    }
    let mut out = Vec::new();
    batch.write_json(id, &mut out);
    out
}
