//! `sawlog dlq`: what lies in the dead letter queues, by kind or letter by letter, and sending it again. What letters hold
//! is text of strangers: what a terminal would obey is escaped wherever it is shown.

mod replay;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use crate::cli;
use crate::printable::Printable;
use crate::queue::dead_letters::folder;
use crate::queue::dead_letters::letter::Kept;
use crate::settings::Settings;

/// The queue could not be read, or not all of it be sent.
const FAILED: u8 = 1;

pub fn command() -> Command {
    let pipeline = || {
        Arg::new("pipeline")
            .long("pipeline")
            .value_name("ID")
            .help("Of this pipeline alone")
    };
    let ls = Command::new("ls")
        .about("Count dead letters by pipeline, output and kind")
        .arg(pipeline())
        .args(cli::settings_arguments());
    let show = Command::new("show")
        .about("Print dead letters, oldest first")
        .arg(pipeline())
        .arg(
            Arg::new("reason")
                .long("reason")
                .value_name("TEXT")
                .help("Only those of this kind, or with this text in their reason"),
        )
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("COUNT")
                .value_parser(clap::value_parser!(usize))
                .help("At most so many"),
        )
        .args(cli::settings_arguments());
    let replay = Command::new("replay")
        .about(
            "Send dead letters again, by the output of the pipeline that they were meant for; those that are refused \
             again come back",
        )
        .arg(pipeline())
        .args(cli::settings_arguments());
    Command::new("dlq")
        .about("Look at what outputs refused, and send it again")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([ls, show, replay])
}

pub fn run(matches: &ArgMatches) -> ExitCode {
    let Some((name, matches)) = matches.subcommand() else {
        return cli::USAGE.into();
    };
    let settings = match cli::settings(matches) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let pipeline = matches.get_one::<String>("pipeline").map(String::as_str);
    let roots = settings.dead_letter_roots();
    let mut roots = roots.iter();
    let looked = roots.try_for_each(|root| cli::look_for(root, &settings.path_data));
    let done = looked.and_then(|()| match name {
        "ls" => list(&settings, pipeline),
        "show" => {
            let wanted = Wanted {
                reason: matches.get_one::<String>("reason").cloned(),
                limit: matches.get_one("limit").copied().unwrap_or(usize::MAX),
            };
            show(&settings, pipeline, &wanted)
        }
        _ => replay::run(&settings, pipeline),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read along has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sawlog: {}", escaped(&error.to_string()));
            FAILED.into()
        }
    }
}

/// The folders of all pipelines that have one, with their names. A pipeline that is asked for is to be known.
fn queues(settings: &Settings, pipeline: Option<&str>) -> io::Result<Vec<(String, PathBuf)>> {
    let mut queues = Vec::new();
    for root in settings.dead_letter_roots() {
        let entries = match std::fs::read_dir(&root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(named(&root, &error)),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() && pipeline.is_none_or(|wanted| wanted == name) {
                queues.push((name, entry.path()));
            }
        }
    }
    let is_known = |wanted| settings.pipelines.iter().any(|own| own.id == wanted);
    if let Some(wanted) = pipeline.filter(|wanted| queues.is_empty() && !is_known(*wanted)) {
        let why = format!(
            "no pipeline `{wanted}` has dead letters in {}",
            places(settings)
        );
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    queues.sort();
    Ok(queues)
}

/// Where dead letters are kept.
fn places(settings: &Settings) -> String {
    let roots = settings.dead_letter_roots().into_iter();
    let roots: Vec<String> = roots.map(|root| root.display().to_string()).collect();
    roots.join(", ")
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Gives each line of a queue to `each`, oldest first, until that says that it has enough.
fn each_line(
    folder: &Path,
    each: &mut dyn FnMut(&[u8]) -> io::Result<ControlFlow<()>>,
) -> io::Result<()> {
    for segment in folder::segments(folder)? {
        let text = match std::fs::read(&segment.path) {
            Ok(text) => text,
            // It was sent again, or dropped, meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(named(&segment.path, &error)),
        };
        for line in text.split(|byte| *byte == b'\n') {
            if !line.is_empty() && each(line)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A text as a terminal may see it.
fn escaped(text: &str) -> String {
    Printable(text).to_string()
}

/// What is counted together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    pipeline: String,
    plugin: String,
    kind: String,
}

struct Sum {
    count: u64,
    oldest: String,
    newest: String,
}

fn list(settings: &Settings, pipeline: Option<&str>) -> io::Result<()> {
    let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
    for (pipeline, folder) in queues(settings, pipeline)? {
        each_line(&folder, &mut |line| {
            let kept = Kept::parse(line);
            let text = |key| {
                let text = kept.as_ref().and_then(|kept| kept.text(key));
                escaped(&text.unwrap_or_default())
            };
            let key = Key {
                pipeline: escaped(&pipeline),
                plugin: text("plugin"),
                kind: match &kept {
                    Some(_) => text("kind"),
                    None => "(unreadable)".to_owned(),
                },
            };
            let time = text("time");
            let sum = sums.entry(key).or_insert_with(|| Sum {
                count: 0,
                oldest: time.clone(),
                newest: String::new(),
            });
            sum.count += 1;
            sum.newest = time;
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let mut out = io::stdout().lock();
    if sums.is_empty() {
        return writeln!(out, "No dead letters in {}", places(settings));
    }
    print_table(&mut out, sums)
}

fn print_table(out: &mut impl Write, sums: BTreeMap<Key, Sum>) -> io::Result<()> {
    let head = ["PIPELINE", "OUTPUT", "KIND", "COUNT", "OLDEST", "NEWEST"];
    let mut rows = vec![head.map(String::from)];
    for (key, sum) in sums {
        let count = sum.count.to_string();
        rows.push([
            key.pipeline,
            key.plugin,
            key.kind,
            count,
            sum.oldest,
            sum.newest,
        ]);
    }
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

/// Which letters are shown.
struct Wanted {
    reason: Option<String>,
    limit: usize,
}

impl Wanted {
    fn takes(&self, kept: &Kept<'_>) -> bool {
        let text = |key| kept.text(key).unwrap_or_default();
        self.reason
            .as_ref()
            .is_none_or(|wanted| text("kind") == *wanted || text("reason").contains(wanted))
    }
}

fn show(settings: &Settings, pipeline: Option<&str>, wanted: &Wanted) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut left = wanted.limit;
    for (pipeline, folder) in queues(settings, pipeline)? {
        each_line(&folder, &mut |line| {
            if left == 0 {
                return Ok(ControlFlow::Break(()));
            }
            match Kept::parse(line) {
                Some(kept) if wanted.takes(&kept) => {
                    left -= 1;
                    print(&mut out, &pipeline, &kept)?;
                }
                None if wanted.reason.is_none() => {
                    left -= 1;
                    let text = String::from_utf8_lossy(line);
                    writeln!(out, "(unreadable) {}\n", escaped(&text))?;
                }
                Some(_) | None => {}
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(())
}

fn print(out: &mut impl Write, pipeline: &str, kept: &Kept<'_>) -> io::Result<()> {
    let text = |key| escaped(&kept.text(key).unwrap_or_default());
    let (time, plugin, kind) = (text("time"), text("plugin"), text("kind"));
    let pipeline = escaped(pipeline);
    write!(out, "{time} {pipeline} {plugin} {kind}")?;
    match kept.status() {
        Some(status) => writeln!(out, ", status {status}")?,
        None => writeln!(out)?,
    }
    writeln!(out, "  reason    {}", text("reason"))?;
    if let Some(action) = kept.action() {
        writeln!(out, "  action    {}", escaped(action))?;
    }
    if let Some(metadata) = kept.metadata() {
        writeln!(out, "  metadata  {}", escaped(metadata))?;
    }
    writeln!(out, "  document  {}\n", escaped(&kept.document()))
}

#[cfg(test)]
mod tests {
    use super::print;
    use crate::queue::dead_letters::letter::Kept;

    #[test]
    fn a_terminal_gets_nothing_that_it_would_obey() {
        let line = "{\"time\":\"t\u{200e}\",\"plugin\":\"p\",\"kind\":\"k\",\"reason\":\"r\u{2028}\",\
                    \"document\":{\"a\":\"user\u{202e}gpj\u{feff}\u{9b}1m\"}}";
        let kept = Kept::parse(line.as_bytes()).expect("it is a letter");
        let mut out = Vec::new();
        print(&mut out, "main\u{2066}", &kept).expect("memory takes all");
        let want = "t\\u{200e} main\\u{2066} p k\n  reason    r\\u{2028}\n  document  \
                    {\"a\":\"user\\u{202e}gpj\\u{feff}\\u{9b}1m\"}\n\n";
        assert_eq!(String::from_utf8(out).expect("it is text"), want);
    }
}
