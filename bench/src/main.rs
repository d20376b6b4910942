//! The command line of the measurements: a generator of logs, a recording Elasticsearch sink, and the runs that put
//! the agent beside a peer. Nothing of the agent is linked in: it is measured as a user runs it, as a process.

mod arguments;
mod compare;
mod containers;
mod faults;
mod lines;
mod load;
mod process;
mod report;
mod sink;
mod udp;

use std::process::ExitCode;

use arguments::Arguments;

const USAGE: &str = "\
usage: sawlog-bench generate --kind raw|json-file|syslog|containers --lines N --out PATH
       sawlog-bench sink [--port N] [--check pattern|nginxaccess]
       sawlog-bench compare [--lines N] [--rounds N] [--rows ROW,...] [--agents AGENT,...] [--sawlog PATH] [--out FILE]
       sawlog-bench udp [--rate N] [--seconds N] [--agents AGENT,...] [--sawlog PATH] [--out FILE]
       sawlog-bench faults [--seconds N] [--faults FAULT,...] [--sawlog PATH] [--out FILE]

rows:   raw-pattern, raw-nginxaccess, json-pattern, json-nginxaccess
agents: rsyslog, rsyslog-default, sawlog, sawlog-former (--former PATH, a build from before a change)
faults: kill, away-udp, away-file, stalled-udp, stalled-file";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("sawlog-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: Vec<String>) -> Result<(), String> {
    let (subcommand, rest) = words.split_first().ok_or_else(|| USAGE.to_owned())?;
    let arguments = Arguments::parse(rest)?;
    match subcommand.as_str() {
        "generate" => generate(&arguments),
        "sink" => sink::run(&arguments),
        "compare" => compare::run(&arguments),
        "udp" => udp::run(&arguments),
        "faults" => faults::run(&arguments),
        _ => Err(USAGE.to_owned()),
    }
}

fn generate(arguments: &Arguments) -> Result<(), String> {
    arguments.allow(&["kind", "lines", "out"])?;
    let out = std::path::PathBuf::from(arguments.required("out")?);
    let count = arguments.number("lines", 1000)?;
    let written = match arguments.required("kind")? {
        "raw" => lines::write_file(&out, count, lines::Kind::Raw),
        "json-file" => lines::write_file(&out, count, lines::Kind::JsonFile),
        "syslog" => lines::write_file(&out, count, lines::Kind::Syslog),
        "containers" => containers::write(&out, count).map(|_log| ()),
        other => return Err(format!("unknown kind {other}\n{USAGE}")),
    };
    written.map_err(|fault| format!("{}: {fault}", out.display()))
}
