//! `sawlog grok`: matches lines of stdin against a pattern, as the filter does, and prints the captures.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::agent::REFUSED;
use crate::event::{Batch, Names, Reference};
use crate::filters::grok::compile::pattern_files;
use crate::filters::grok::{Capture, convert};
use crate::limits;
use crate::queue::ack::Ack;
use sawlog_parsers::grok::{self, Grok, Outcome, Patterns, Slots};

pub fn command() -> Command {
    let text = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    Command::new("grok")
        .about("Match lines of stdin: a JSON object of captures for each, or null")
        .arg(text("pattern", "The grok expression").required(true))
        .arg(text("patterns-dir", "Folder or file of further patterns").action(ArgAction::Append))
        .arg(
            text("ecs", "Which built-in patterns")
                .value_parser(["disabled", "v1", "v8"])
                .default_value("disabled"),
        )
        .arg(
            text("explain", "Say how far a line that does not match got")
                .action(ArgAction::SetTrue),
        )
}

pub fn run(matches: &ArgMatches) -> ExitCode {
    let compiled = compile(matches);
    let (grok, explain) = match compiled {
        Ok(grok) => (grok, matches.get_flag("explain")),
        Err(error) => {
            eprintln!("sawlog: {error}");
            return REFUSED.into();
        }
    };
    grok.warnings()
        .iter()
        .for_each(|warning| eprintln!("sawlog: warning: {warning}"));
    match match_lines(&grok, explain) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output went away, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sawlog: {error}");
            crate::agent::FAULT.into()
        }
    }
}

fn compile(matches: &ArgMatches) -> Result<Grok, String> {
    let mut patterns = match matches.get_one::<String>("ecs").map(String::as_str) {
        Some("v1" | "v8") => Patterns::ecs_v1(),
        _ => Patterns::legacy(),
    };
    for path in matches
        .get_many::<String>("patterns-dir")
        .into_iter()
        .flatten()
    {
        let wrong = |error: &dyn std::fmt::Display| format!("{path}: {error}");
        let files = pattern_files(Path::new(path), "*").map_err(|error| wrong(&error))?;
        for file in files {
            let text = std::fs::read(&file).map_err(|error| wrong(&error))?;
            patterns
                .add_file(&file.display().to_string(), &text)
                .map_err(|error| error.to_string())?;
        }
    }
    let expression = matches
        .get_one::<String>("pattern")
        .map_or("", String::as_str);
    Grok::compile(expression, &patterns, grok::Options::default()).map_err(|e| e.to_string())
}

fn match_lines(grok: &Grok, explain: bool) -> io::Result<()> {
    let mut names = Names::default();
    let fields: Vec<Option<Capture>> = grok
        .captures()
        .iter()
        .map(|capture| {
            let reference = Reference::compile(&capture.field, &mut names).ok()?;
            Some(Capture::new(reference, capture.kind, false))
        })
        .collect();
    let names = Arc::new(names);
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let (mut line, mut slots) = (Vec::new(), Slots::new());
    loop {
        line.clear();
        let mut limited = io::Read::take(&mut input, limits::LINE_BYTES_MAX as u64);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let mut out = match grok.search(text, &mut slots) {
            Outcome::Match => captures(grok, &fields, text, &slots, &names),
            Outcome::NoMatch | Outcome::BudgetSpent => b"null".to_vec(),
        };
        out.push(b'\n');
        let matched = out != b"null\n";
        output.write_all(&out)?;
        if explain && !matched {
            output.write_all(&explanation(grok, text))?;
        }
        output.flush()?;
    }
}

/// How far a line got: the line, a caret below the place, and what was expected there.
fn explanation(grok: &Grok, line: &[u8]) -> Vec<u8> {
    let explained = grok.explain(line);
    let shown =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(|c: char| c.is_control(), " ");
    let (before, rest) = line.split_at(explained.offset.min(line.len()));
    let before = shown(before);
    let mut text = format!("  {before}{}\n", shown(rest));
    text.push_str(&format!(
        "  {}^ expected {}\n",
        " ".repeat(before.chars().count()),
        explained.expected
    ));
    for (index, range) in explained.captured {
        let captured = line.get(range).map(shown).unwrap_or_default();
        let field = grok
            .captures()
            .get(index)
            .map_or("", |capture| capture.field.as_str());
        text.push_str(&format!("  until there: {field} = {captured}\n"));
    }
    text.into_bytes()
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
