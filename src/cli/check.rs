//! `sawlog check`: says whether a configuration would run, without opening anything.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgMatches, Command};

use crate::agent::{self, configuration};
use crate::cli;
use crate::metrics::Metrics;
use crate::settings::Settings;

pub fn command() -> Command {
    Command::new("check")
        .about("Check pipelines: exit code 0 if they would run, 1 with every problem if not")
        .args(cli::settings_arguments())
}

pub fn run(matches: &ArgMatches) -> ExitCode {
    match cli::settings(matches) {
        Ok(settings) => check(&settings),
        Err(code) => code,
    }
}

/// Builds what `run` builds, and stops there.
pub fn check(settings: &Settings) -> ExitCode {
    settings
        .notices
        .iter()
        .for_each(|notice| eprintln!("notice: {notice}"));
    match configuration::compile_all(settings, &Arc::new(Metrics::default())) {
        Some(compiled) => {
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
