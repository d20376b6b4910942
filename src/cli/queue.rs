//! `sawlog queue`: looks at the queues on disk, also while an agent works with them, and removes one that nobody uses.

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::{self, USAGE};
use crate::lang::diagnostic::printable;
use crate::printable::Reader;
use crate::queue::dead_letters::letter::Letter;
use crate::queue::disk::Folder;
use crate::queue::folders::{self, Queue};
use crate::queue::log::{Log, Recovery};
use crate::queue::payload;

/// Something is wrong with a queue.
const WRONG: u8 = 1;

pub fn command() -> Command {
    let one = |help: &'static str| Arg::new("queue").value_name("QUEUE").help(help);
    let yes = Arg::new("yes")
        .long("yes")
        .help("Do not ask")
        .action(ArgAction::SetTrue);
    let ls = "List queues: what each holds, and since when";
    let verify = "Read queues to the end and name each damage; exit code 1 if there is one";
    let export = "Write the documents of queues to stdout, as bodies of bulk requests";
    let drop = "Remove a queue with all that it holds, if no agent has it open";
    Command::new("queue")
        .about("Look at the queues on disk, also while an agent runs")
        .subcommand_required(true)
        .subcommand(place(Command::new("ls").about(ls)))
        .subcommand(place(Command::new("verify").about(verify)).arg(one("Only this one")))
        .subcommand(place(Command::new("export").about(export)).arg(one("Only this one")))
        .subcommand(
            place(Command::new("drop").about(drop))
                .arg(one("Which one, as `ls` shows it").required(true))
                .arg(yes),
        )
}

/// The arguments that say where queues lie.
fn place(command: Command) -> Command {
    command.args(cli::settings_arguments_of(&[
        "path.data",
        "path.queue",
        "path.settings",
    ]))
}

pub fn run(matches: &ArgMatches) -> ExitCode {
    let Some((name, matches)) = matches.subcommand() else {
        return USAGE.into();
    };
    let settings = match cli::settings(matches) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let data = settings.path_queue.as_path();
    let mut output = Output {
        reader: Reader::of(&io::stdout()),
        to: io::BufWriter::new(io::stdout().lock()),
    };
    let done = cli::look_for(data, &settings.path_data).and_then(|()| match name {
        "ls" => list(data, &mut output.to),
        "verify" => each(data, matches, |queue| verify(queue, &mut output.to)),
        "export" => each(data, matches, |queue| export(queue, &mut output)),
        _ => drop_queue(data, matches),
    });
    let done = done.and_then(|code| output.to.flush().map(|()| code));
    match done {
        Ok(code) => code,
        // The reader of our output went away, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sawlog: {}", printable(&error.to_string()));
            WRONG.into()
        }
    }
}

/// Where documents go.
struct Output<W> {
    /// A terminal is not given control characters.
    reader: Reader,
    to: W,
}

fn open(queue: &Queue) -> io::Result<(Log<Folder>, Recovery)> {
    Log::view(Folder::view(&queue.path)?)
}

/// Does something with one queue or all; what goes wrong with one does not keep it from the others.
fn each(
    data: &Path,
    matches: &ArgMatches,
    mut act: impl FnMut(&Queue) -> io::Result<bool>,
) -> io::Result<ExitCode> {
    let queues = match named(data, matches) {
        Some(Ok(queue)) => vec![queue],
        Some(Err(code)) => return Ok(code),
        None => folders::all(data)?,
    };
    let mut all_well = true;
    for queue in &queues {
        match act(queue) {
            Ok(well) => all_well &= well,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
            Err(error) => {
                all_well = false;
                let text = format!("{}: {error}", queue.name);
                eprintln!("sawlog: {}", printable(&text));
            }
        }
    }
    Ok(match all_well {
        true => ExitCode::SUCCESS,
        false => WRONG.into(),
    })
}

/// The queue that was asked for, if one was. It has to be there.
fn named(data: &Path, matches: &ArgMatches) -> Option<Result<Queue, ExitCode>> {
    let name = matches.get_one::<String>("queue")?;
    let queue = Queue::named(data, name).filter(|queue| queue.path.is_dir());
    Some(queue.ok_or_else(|| {
        let (name, data) = (printable(name), data.display());
        eprintln!("sawlog: there is no queue `{name}` in {data}; `sawlog queue ls` lists them");
        USAGE.into()
    }))
}

fn list(data: &Path, output: &mut impl Write) -> io::Result<ExitCode> {
    let heads = [
        "QUEUE",
        "RECORDS",
        "DOCUMENTS",
        "BYTES",
        "OLDEST",
        "FIRST",
        "LAST",
        "DAMAGED",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    let mut code = ExitCode::SUCCESS;
    for queue in folders::all(data)? {
        match open(&queue).and_then(|(log, recovery)| row(&queue, log, &recovery)) {
            Ok(row) => rows.push(row),
            Err(error) => {
                code = WRONG.into();
                let text = format!("{}: {error}", queue.name);
                eprintln!("sawlog: {}", printable(&text));
            }
        }
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => line.push_str(&format!("{cell:<width$}")),
                _ => line.push_str(&format!("  {cell:>width$}")),
            }
        }
        writeln!(output, "{line}")?;
    }
    Ok(code)
}

fn row(queue: &Queue, mut log: Log<Folder>, recovery: &Recovery) -> io::Result<[String; 8]> {
    let pending = recovery.pending;
    let (first, next) = (log.acknowledged(), log.committed());
    let oldest = log.read(&mut Vec::new())?;
    let written = oldest.map_or(0, |record| record.written);
    let span = |sequence: u64| match first < next {
        true => sequence.to_string(),
        false => "-".to_owned(),
    };
    Ok([
        printable(&queue.name),
        pending.records.to_string(),
        pending.documents.to_string(),
        pending.bytes.to_string(),
        age(written),
        span(first),
        span(next.saturating_sub(1)),
        recovery.damaged_files.to_string(),
    ])
}

/// How long ago something was written, in one unit.
fn age(written: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(written);
    let seconds = match SystemTime::now().duration_since(time) {
        Ok(age) if 0 < written => age.as_secs(),
        _ => return "-".to_owned(),
    };
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7199 => format!("{}m", seconds / 60),
        7200..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn verify(queue: &Queue, output: &mut impl Write) -> io::Result<bool> {
    let (log, recovery) = open(queue)?;
    let records = recovery.pending.records;
    let mut findings = log.verify(&recovery)?;
    if !findings.is_empty() {
        // What an agent removed meanwhile, since it is delivered, was missing only for us.
        let acknowledged = open(queue)?.0.acknowledged();
        findings.retain(|finding| acknowledged <= finding.sequence);
    }
    let name = printable(&queue.name);
    for finding in &findings {
        writeln!(output, "{name}: {}", printable(&finding.text))?;
    }
    if findings.is_empty() {
        writeln!(output, "{name}: OK, records: {records}")?;
    }
    Ok(findings.is_empty())
}

fn export(queue: &Queue, output: &mut Output<impl Write>) -> io::Result<bool> {
    let (mut log, _) = open(queue)?;
    let name = printable(&queue.name);
    let mut record = Vec::new();
    let (mut well, mut letters) = (true, 0);
    let mut gaps = Vec::new();
    let mut expected = log.acknowledged();
    loop {
        let read = log.read(&mut record)?;
        let found = read.map_or(log.committed(), |read| read.sequence);
        if expected < found {
            gaps.push(expected..found);
        }
        let Some(read) = read else {
            break;
        };
        expected = read.sequence + 1;
        log.acknowledge(read.sequence);
        match payload::decode(&record) {
            // No server would take them.
            Some((starts, body)) if Letter::begins(body) => letters += starts.count(),
            Some((_, body)) => output.to.write_all(&output.reader.shown(body))?,
            None => {
                well = false;
                let sequence = read.sequence;
                eprintln!("sawlog: {name}: record {sequence} holds no documents");
            }
        }
    }
    if 0 < letters {
        eprintln!(
            "sawlog: {name}: dead letters wait here as well: {letters}; an agent will keep them, see `sawlog dlq`"
        );
    }
    if !gaps.is_empty() {
        // What an agent removed meanwhile, since it is delivered, was missing only for us.
        let acknowledged = open(queue)?.0.acknowledged();
        gaps.retain(|gap| acknowledged < gap.end);
    }
    for gap in &gaps {
        let (first, last) = (gap.start, gap.end - 1);
        eprintln!("sawlog: {name}: records {first} to {last} cannot be read");
    }
    Ok(well && gaps.is_empty())
}

fn drop_queue(data: &Path, matches: &ArgMatches) -> io::Result<ExitCode> {
    let queue = match named(data, matches) {
        Some(Ok(queue)) => queue,
        Some(Err(code)) => return Ok(code),
        None => return Ok(USAGE.into()),
    };
    let name = printable(&queue.name);
    // Held until the folder is gone, so that no agent begins to use it meanwhile.
    let held = Folder::open(&queue.path)?;
    let documents = match open(&queue) {
        Ok((_, recovery)) => recovery.pending.documents.to_string(),
        Err(_) => "unknown".to_owned(),
    };
    let what = format!("{name} with all that it holds (documents: {documents})");
    if !matches.get_flag("yes") && !agreed(&what)? {
        return Ok(USAGE.into());
    }
    std::fs::remove_dir_all(&queue.path)?;
    drop(held);
    println!("Removed {what}");
    Ok(ExitCode::SUCCESS)
}

/// Asks, if there is somebody to ask.
fn agreed(what: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        eprintln!("sawlog: not removing {what} without --yes");
        return Ok(false);
    }
    eprint!("Remove {what}? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let agreed = matches!(answer.trim(), "y" | "yes");
    if !agreed {
        eprintln!("Nothing was removed.");
    }
    Ok(agreed)
}
