//! The command line: arguments to what is to be done. One file per subcommand.

mod check;
mod dlq;
mod grok;
mod log;
mod queue;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::agent;
use crate::printable;
use crate::settings::table::{self, Kind};
use crate::settings::{Settings, Values};

/// Wrong usage.
const USAGE: u8 = 2;

/// Runs what the arguments ask for.
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    match matches.subcommand() {
        Some(("check", matches)) => check::run(matches),
        Some(("dlq", matches)) => dlq::run(matches),
        Some(("grok", matches)) => grok::run(matches),
        Some(("queue", matches)) => queue::run(matches),
        Some(("run", matches)) => run_agent(matches),
        _ => run_agent(&matches),
    }
}

fn command() -> Command {
    let run = "Run pipelines; without -f and -e the embedded default pipeline";
    Command::new("sawlog")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A log pipeline agent that runs Logstash's pipeline files as they are")
        .args_conflicts_with_subcommands(true)
        .args(settings_arguments())
        .subcommand(Command::new("run").about(run).args(settings_arguments()))
        .subcommand(check::command())
        .subcommand(dlq::command())
        .subcommand(grok::command())
        .subcommand(queue::command())
}

/// An argument per setting.
fn settings_arguments() -> Vec<Arg> {
    table::ALL.iter().map(argument).collect()
}

/// The arguments of these settings alone.
fn settings_arguments_of(keys: &[&str]) -> Vec<Arg> {
    let wanted = |spec: &&table::Spec| keys.contains(&spec.key);
    table::ALL.iter().filter(wanted).map(argument).collect()
}

fn argument(spec: &'static table::Spec) -> Arg {
    let mut help = spec.doc.to_owned();
    if spec.without_effect.is_some() {
        help = format!("Accepted, without effect: {help}");
    } else if !spec.default.is_empty() && spec.kind != Kind::Flag {
        help = format!("{help} [default: {}]", spec.default);
    }
    let mut argument = Arg::new(spec.key).long(spec.key).help(help);
    if let Some(short) = spec.short {
        argument = argument.short(short);
    }
    if spec.without_effect.is_some() {
        argument = argument.hide_short_help(true);
    }
    match spec.kind {
        Kind::Flag => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(["true", "false"]),
        _ if spec.key == "path.config" => argument
            .action(ArgAction::Append)
            .num_args(1..)
            .value_name("FILE|DIR|GLOB"),
        _ => argument
            .num_args(1)
            .value_name("VALUE")
            .allow_hyphen_values(true),
    }
}

/// The settings that were given as arguments.
fn values(matches: &ArgMatches) -> Result<Values, String> {
    let mut values = Values::default();
    for spec in table::ALL {
        // Not every subcommand has every setting.
        let given = matches.try_get_many::<String>(spec.key).ok().flatten();
        if let Some(texts) = given {
            if texts.clone().any(String::is_empty) {
                return Err(format!("--{} is empty", spec.key));
            }
            values.set(spec.key, texts.cloned().collect())?;
        }
    }
    Ok(values)
}

/// Settings from everywhere, with the log started; an error is told, and is wrong usage.
fn settings(matches: &ArgMatches) -> Result<Settings, ExitCode> {
    let loaded = values(matches).and_then(Settings::load);
    match loaded {
        Ok(settings) => {
            log::start(&settings);
            Ok(settings)
        }
        Err(error) => {
            eprintln!("sawlog: {}", printable::lines(&error));
            Err(USAGE.into())
        }
    }
}

fn run_agent(matches: &ArgMatches) -> ExitCode {
    let settings = match settings(matches) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    if settings.test_and_exit {
        return check::check(&settings);
    }
    settings
        .notices
        .iter()
        .for_each(|notice| tracing::info!("{notice}"));
    agent::run(settings)
}

/// An error where a folder that is to be looked at is not there, or the data folder that would have it: its name may be
/// mistyped. Where only the former is missing nothing was ever kept, which is no fault.
fn look_for(folder: &Path, path_data: &Path) -> io::Result<()> {
    let folder = match folder.starts_with(path_data) {
        true => path_data,
        false => folder,
    };
    match folder.try_exists() {
        Ok(false) => {
            let text = format!(
                "there is no folder {}: is it another one?",
                folder.display()
            );
            Err(io::Error::new(io::ErrorKind::NotFound, text))
        }
        // Whatever it is, reading tells it.
        Ok(true) | Err(_) => Ok(()),
    }
}
