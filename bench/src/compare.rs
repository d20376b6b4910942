//! The cost of an event: each row is a file that the agent and a peer read, one after the other and again, from a clean
//! state and on one core, into a sink on the other. CPU time counts, less that of a start-up run; a run whose documents
//! are wrong, lost or doubled counts for nothing.

mod agents;
mod rows;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::process::{AGENT_CORE, Pinned, Sink};
use crate::report::{self, RowResult, Sample};
pub use agents::{Agent, Installed};
use rows::{Inputs, Row};

/// Lines of the run whose CPU time is taken for start-up.
const STARTUP_LINES: u64 = 1000;

/// How often the sink is asked: rarely enough to cost it nothing.
const POLL: Duration = Duration::from_millis(20);

/// What an agent does after its last document (positions, acknowledgements) belongs to its cost.
const SETTLE: Duration = Duration::from_millis(200);

/// No agent is slower than this, in lines a second, or takes longer than this to start.
const SLOWEST: u64 = 10_000;
const START_LIMIT: Duration = Duration::from_secs(60);

/// `compare`: see the usage.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    arguments.allow(&[
        "lines", "rounds", "rows", "agents", "sawlog", "former", "rsyslogd", "queue", "dir", "out",
    ])?;
    let lines = arguments.number("lines", 2_000_000)?;
    let rounds = arguments.number("rounds", 5)?;
    let rows = arguments.list("rows", "raw-pattern,raw-nginxaccess,json-pattern");
    let rows = rows
        .into_iter()
        .map(Row::named)
        .collect::<Result<Vec<_>, _>>()?;
    let agents = arguments.list("agents", "rsyslog,sawlog");
    let agents = agents
        .into_iter()
        .map(Agent::named)
        .collect::<Result<Vec<_>, _>>()?;
    let installed = Installed::from(arguments);
    let folder = folder(arguments)?;
    let startup = Inputs::generate(&folder.join("inputs"), STARTUP_LINES)?;
    let inputs = Inputs::generate(&folder.join("inputs"), lines)?;
    let mut results = Vec::new();
    for row in &rows {
        let mut result = RowResult::new(row.name, &agents);
        for round in 0..rounds {
            for (place, agent) in agents.iter().enumerate() {
                let bench = Bench {
                    row,
                    agent: *agent,
                    installed: &installed,
                    folder: &folder,
                };
                let sample = bench.sample(&startup, &inputs);
                eprintln!(
                    "{} round {} {}: {}",
                    row.name,
                    round + 1,
                    agent.name(),
                    told(&sample)
                );
                result.push(place, sample);
            }
        }
        results.push(result);
    }
    let text = report::compare(&results, &installed.versions(&agents), lines, rounds);
    publish(arguments, &text)
}

/// The folder for inputs and states, made if it is not there.
pub fn folder(arguments: &Arguments) -> Result<PathBuf, String> {
    let folder = PathBuf::from(arguments.text("dir").unwrap_or("bench/out"));
    std::fs::create_dir_all(&folder).map_err(|fault| format!("{}: {fault}", folder.display()))?;
    folder.canonicalize().map_err(|fault| fault.to_string())
}

/// An empty folder for what an agent keeps.
pub fn clean_state(folder: &Path) -> Result<PathBuf, String> {
    let state = folder.join("state");
    let removed = match std::fs::remove_dir_all(&state) {
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    removed
        .and_then(|()| std::fs::create_dir_all(&state))
        .map_err(|fault| format!("{}: {fault}", state.display()))?;
    Ok(state)
}

/// Prints the figures, and writes them where `--out` says.
pub fn publish(arguments: &Arguments, text: &str) -> Result<(), String> {
    println!("{text}");
    let Some(out) = arguments.text("out") else {
        return Ok(());
    };
    std::fs::write(out, text).map_err(|fault| format!("{out}: {fault}"))
}

fn told(sample: &Result<Sample, String>) -> String {
    match sample {
        Ok(sample) => format!(
            "{:.0} events per CPU-second, peak {:.1} MB, sink {:.0} % of its CPU, {:.1} s",
            sample.events_per_cpu_second,
            sample.peak_bytes as f64 / 1e6,
            sample.sink_share * 100.0,
            sample.wall.as_secs_f64()
        ),
        Err(fault) => format!("no figure: {fault}"),
    }
}

/// One agent on one row.
struct Bench<'a> {
    row: &'a Row,
    agent: Agent,
    installed: &'a Installed,
    folder: &'a Path,
}

/// What one process used to deliver one file.
struct Cost {
    cpu_seconds: f64,
    sink_cpu_seconds: f64,
    peak_bytes: u64,
    wall: Duration,
    extra_fields: String,
}

impl Bench<'_> {
    fn sample(&self, startup: &Inputs, inputs: &Inputs) -> Result<Sample, String> {
        let start = self.cost(startup)?;
        let whole = self.cost(inputs)?;
        let cpu_seconds = whole.cpu_seconds - start.cpu_seconds;
        let events = (inputs.count - startup.count) as f64;
        Ok(Sample {
            events_per_cpu_second: events / cpu_seconds,
            peak_bytes: whole.peak_bytes,
            sink_share: (whole.sink_cpu_seconds - start.sink_cpu_seconds) / cpu_seconds,
            wall: whole.wall,
            extra_fields: whole.extra_fields,
        })
    }

    /// Runs the agent from a clean state until the sink has counted every line.
    fn cost(&self, inputs: &Inputs) -> Result<Cost, String> {
        let state = clean_state(self.folder)?;
        let sink = Sink::spawn(self.row.wanted)?;
        let words = self
            .agent
            .prepare(self.installed, self.row, inputs, sink.port(), &state)?;
        // Memory that was not touched for a while can be slow on a virtual machine: no agent pays for bringing it back.
        inputs.read_through(self.row.source)?;
        let started = Instant::now();
        let mut process = Pinned::spawn(AGENT_CORE, &words, &state.join("log"))?;
        let limit = START_LIMIT + Duration::from_secs(inputs.count / SLOWEST);
        loop {
            std::thread::sleep(POLL);
            let report = sink.report()?;
            if inputs.count <= report["documents"].as_u64().unwrap_or(0) {
                break;
            }
            process.check_alive()?;
            if limit < started.elapsed() {
                let log = process.log_end();
                return Err(format!(
                    "not done after {limit:?}: {report}; its log: {log}"
                ));
            }
        }
        let wall = started.elapsed();
        std::thread::sleep(SETTLE);
        let report = sink.report()?;
        verify(&report, inputs.count)?;
        Ok(Cost {
            cpu_seconds: process.cpu_seconds()?,
            sink_cpu_seconds: sink.cpu_seconds()?,
            peak_bytes: process.peak_bytes()?,
            wall,
            extra_fields: report["extra_fields"].to_string(),
        })
    }
}

/// A run counts only when every line arrived once and every compared document was right.
fn verify(report: &serde_json::Value, count: u64) -> Result<(), String> {
    let is = |name: &str, wanted: u64| report[name].as_u64() == Some(wanted);
    let is_compared = report["compared"]
        .as_u64()
        .is_some_and(|compared| 0 < compared);
    let is_right = is("actions", count)
        && is("documents", count)
        && is("distinct", count)
        && is("doubled", 0)
        && is("unmarked", 0)
        && is("faults", 0)
        && is_compared;
    if is_right {
        Ok(())
    } else {
        Err(format!("the documents are not right: {report}"))
    }
}

#[cfg(test)]
mod tests {
    use super::verify;

    fn report() -> serde_json::Value {
        serde_json::json!({
            "actions": 3, "documents": 3, "distinct": 3, "doubled": 0, "unmarked": 0, "faults": 0,
            "compared": 3
        })
    }

    #[test]
    fn a_run_with_every_line_once_counts() {
        assert_eq!(verify(&report(), 3), Ok(()));
    }

    #[test]
    fn a_run_with_a_wrong_document_or_none_compared_does_not_count() {
        for (name, number) in [
            ("faults", 1),
            ("compared", 0),
            ("doubled", 1),
            ("distinct", 2),
        ] {
            let mut report = report();
            report[name] = number.into();
            assert!(verify(&report, 3).is_err(), "{name}");
        }
    }
}
