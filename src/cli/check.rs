//! `sawlog check`: says whether a configuration would run, without opening anything.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::agent::{self, configuration, room};
use crate::cli;
use crate::lang::diagnostic::printable;
use crate::limits;
use crate::metrics::Metrics;
use crate::pipeline::compile::Compiled;
use crate::pipeline::program::{FilterStep, Step};
use crate::printable::{Printable, lines};
use crate::settings::Settings;

pub fn command() -> Command {
    Command::new("check")
        .about("Check pipelines: exit code 0 if they would run, 1 with every problem if not")
        .args(cli::settings_arguments())
        .arg(
            Arg::new(LIMITS)
                .long(LIMITS)
                .action(ArgAction::SetTrue)
                .help(
                    "Print every limit with its value and reason; without -f and -e nothing else",
                ),
        )
}

const LIMITS: &str = "limits";

pub fn run(matches: &ArgMatches) -> ExitCode {
    if matches.get_flag(LIMITS) {
        // Whoever closed the pipe has read enough.
        let text = limits::table::text();
        std::io::stdout().write_all(text.as_bytes()).unwrap_or(());
        let named = ["path.config", "config.string"];
        if !named.iter().any(|key| matches.contains_id(key)) {
            return ExitCode::SUCCESS;
        }
    }
    match cli::settings(matches) {
        Ok(settings) => check(&settings),
        Err(code) => code,
    }
}

/// What the filters say of themselves, as `FILE:LINE:COLUMN: remark`, in the order of the text.
fn remarks(compiled: &Compiled) -> Vec<String> {
    let mut all = Vec::new();
    Step::map(&compiled.filters, &mut |step: &FilterStep| {
        all.extend(step.filter.remarks())
    });
    all.sort_by_key(|(span, _)| (span.source, span.start));
    let mut lines = Vec::new();
    for (span, remark) in all {
        let (line, column) = compiled.sources.line_and_column(span);
        let source = compiled.sources.source(span);
        let file = source.map_or("-", |source| source.name.as_str());
        let (file, remark) = (printable(file), Printable(&remark));
        lines.push(format!("{file}:{line}:{column}: {remark}"));
    }
    lines
}

/// Builds what `run` builds, and stops there.
pub fn check(settings: &Settings) -> ExitCode {
    settings
        .notices
        .iter()
        .for_each(|notice| eprintln!("notice: {}", lines(notice)));
    match configuration::compile_all(settings, &Arc::new(Metrics::default())) {
        Some(compiled) => {
            for remark in room::remarks(settings, &compiled) {
                eprintln!("warning: {}", lines(&remark));
            }
            for one in &compiled {
                remarks(one)
                    .iter()
                    .for_each(|line| println!("{}", lines(line)));
            }
            let inputs: usize = compiled.iter().map(|one| one.inputs.len()).sum();
            println!(
                "Configuration OK: pipelines: {}, inputs: {inputs}",
                compiled.len()
            );
            ExitCode::SUCCESS
        }
        None => agent::REFUSED.into(),
    }
}
