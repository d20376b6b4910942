//! The promises about faults at full load, measured: an agent that is killed amid datagrams, and a server that is away
//! or stands still while lines go on coming. Only sawlog is measured; what of an agent's lines arrives is told by the
//! sink, and when each was sent by the sender.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::compare::{self, Agent, Installed};
use crate::lines::Kind;
use crate::load::{Load, Sent, Target};
use crate::process::{AGENT_CORE, Pinned, Sink};
use crate::report::{self, FaultResult};
use crate::sink::Wanted;
use crate::udp::{self, WINDOW};

/// The rates of the promises, and how long datagrams come where the agent is killed.
const RATE_KILL: u64 = 50_000;
const SECONDS_KILL: u64 = 10;
const RATE_AWAY: u64 = 10_000;

#[derive(Clone, Copy)]
enum Fault {
    /// The agent, by `kill -9`, and started again at once.
    Kill,
    /// The server, until the load has ended.
    Server(Absence, Source),
}

#[derive(Clone, Copy)]
enum Absence {
    /// Nothing listens on its port.
    Away,
    /// Connections are taken, nothing is answered.
    Stalled,
}

#[derive(Clone, Copy)]
enum Source {
    Udp,
    File,
}

const FAULTS: [(&str, Fault); 5] = [
    ("kill", Fault::Kill),
    ("away-udp", Fault::Server(Absence::Away, Source::Udp)),
    ("away-file", Fault::Server(Absence::Away, Source::File)),
    ("stalled-udp", Fault::Server(Absence::Stalled, Source::Udp)),
    (
        "stalled-file",
        Fault::Server(Absence::Stalled, Source::File),
    ),
];

/// `faults`: see the usage.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    arguments.allow(&["seconds", "faults", "sawlog", "dir", "out"])?;
    let seconds = arguments.number("seconds", 60)?;
    let all = FAULTS.map(|(name, _)| name).join(",");
    let names = arguments.list("faults", &all);
    let run = Run {
        installed: Installed::from(arguments),
        folder: compare::folder(arguments)?,
        seconds,
    };
    let mut results = Vec::new();
    for name in names {
        let (name, fault) = FAULTS
            .into_iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("no fault {name}"))?;
        let result = match fault {
            Fault::Kill => run.kill(),
            Fault::Server(absence, source) => run.absence(absence, source),
        };
        eprintln!(
            "{name}: {}",
            result.as_ref().map_or_else(String::as_str, |_| "done")
        );
        results.push((name, result));
    }
    let versions = run.installed.versions(&[Agent::Sawlog]);
    compare::publish(arguments, &report::faults(&results, &versions, seconds))
}

struct Run {
    installed: Installed,
    folder: PathBuf,
    /// How long a server is away.
    seconds: u64,
}

impl Run {
    fn kill(&self) -> Result<FaultResult, String> {
        let load = Load::new(Kind::Syslog, RATE_KILL, SECONDS_KILL);
        let state = compare::clean_state(&self.folder)?;
        let sink = Sink::spawn(Wanted::Pattern)?;
        let port = udp::free_port().map_err(|fault| fault.to_string())?;
        let words = Agent::Sawlog.prepare_udp(&self.installed, port, sink.port(), &state)?;
        let start = |log: &str| {
            let mut process = Pinned::spawn(AGENT_CORE, &words, &state.join(log))?;
            udp::wait_until_bound(port, &mut process)?;
            Ok::<_, String>(process)
        };
        let first = start("log")?;
        let mut target = Target::udp(port).map_err(|fault| fault.to_string())?;
        let (sent, window, killed, second, listened) = std::thread::scope(|scope| {
            let sender = scope.spawn(|| load.send(&mut target));
            std::thread::sleep(Duration::from_secs(SECONDS_KILL / 2));
            let window = first.figure(WINDOW);
            let killed = Instant::now();
            drop(first);
            let second = start("log-second")?;
            let listened = Instant::now();
            let sent = sender.join().expect("the sender does not panic");
            let sent = sent.map_err(|fault| format!("sender: {fault}"))?;
            Ok::<_, String>((sent, window, killed, second, listened))
        })?;
        // Those of the gap never come, so that the wait ends with the silence after the last.
        let report = udp::drain(&sink, load.count())?;
        let gap = Gap::of(&sink.missing(load.count())?, &sent, killed, listened);
        Ok(FaultResult {
            unheard: gap.unheard,
            in_window: gap.in_window,
            oldest: gap.oldest,
            window_millis: [window, second.figure(WINDOW)]
                .into_iter()
                .flatten()
                .reduce(f64::max),
            ..result(RATE_KILL, &load, &report, gap.lost, &second)?
        })
    }

    fn absence(&self, absence: Absence, source: Source) -> Result<FaultResult, String> {
        let state = compare::clean_state(&self.folder)?;
        let (sink, server) = match absence {
            Absence::Away => (None, free_tcp_port()?),
            Absence::Stalled => {
                let sink = Sink::spawn(Wanted::Pattern)?;
                let port = sink.port();
                (Some(sink), port)
            }
        };
        let (mut agent, kind, mut target) = self.start(source, server, &state)?;
        if let Some(sink) = &sink {
            sink.stop()?;
        }
        let load = Load::new(kind, RATE_AWAY, self.seconds);
        let sent = load.send(&mut target);
        sent.map_err(|fault| format!("sender: {fault}"))?;
        let sink = match sink {
            Some(sink) => {
                sink.go_on()?;
                sink
            }
            None => Sink::spawn_on(server, Wanted::Pattern)?,
        };
        let report = udp::drain(&sink, load.count())?;
        agent.check_alive()?;
        let missing = sink.missing(load.count())?;
        let lost = missing.iter().map(|(from, end)| end - from).sum();
        if 0 < lost {
            let drops = agent.figure("sawlog_plugin_udp_drops_total");
            eprintln!("missing: {missing:?}; dropped by the kernel: {drops:?}");
        }
        result(RATE_AWAY, &load, &report, lost, &agent)
    }

    fn start(
        &self,
        source: Source,
        server: u16,
        state: &Path,
    ) -> Result<(Pinned, Kind, Target), String> {
        let log = state.join("log");
        let (agent, kind, target) = match source {
            Source::Udp => {
                let port = udp::free_port().map_err(|fault| fault.to_string())?;
                let words = Agent::Sawlog.prepare_udp(&self.installed, port, server, state)?;
                let mut agent = Pinned::spawn(AGENT_CORE, &words, &log)?;
                udp::wait_until_bound(port, &mut agent)?;
                (agent, Kind::Syslog, Target::udp(port))
            }
            Source::File => {
                let file = state.join("access.log");
                let target = Target::file(&file);
                let words = Agent::Sawlog.prepare_file(&self.installed, &file, server, state)?;
                (Pinned::spawn(AGENT_CORE, &words, &log)?, Kind::Raw, target)
            }
        };
        Ok((agent, kind, target.map_err(|fault| fault.to_string())?))
    }
}

/// What is missing around a kill.
#[derive(Default, Debug, PartialEq)]
struct Gap {
    in_window: u64,
    oldest: Duration,
    unheard: u64,
    lost: u64,
}

impl Gap {
    fn of(missing: &[(u64, u64)], sent: &Sent, killed: Instant, listened: Instant) -> Self {
        let mut gap = Self::default();
        for number in missing.iter().flat_map(|(from, end)| *from..*end) {
            match sent.at(number) {
                Some(at) if at < killed => {
                    gap.in_window += 1;
                    gap.oldest = gap.oldest.max(killed - at);
                }
                Some(at) if at < listened => gap.unheard += 1,
                _ => gap.lost += 1,
            }
        }
        gap
    }
}

fn result(
    rate: u64,
    load: &Load,
    report: &serde_json::Value,
    lost: u64,
    agent: &Pinned,
) -> Result<FaultResult, String> {
    let number = |name: &str| report[name].as_u64().unwrap_or(0);
    Ok(FaultResult {
        rate,
        sent: load.count(),
        unheard: 0,
        in_window: 0,
        oldest: Duration::ZERO,
        lost,
        doubled: number("doubled"),
        wrong: number("faults") + number("unmarked"),
        peak_bytes: agent.peak_bytes()?,
        window_millis: agent.figure(WINDOW),
    })
}

/// A port on which nothing listens.
fn free_tcp_port() -> Result<u16, String> {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Gap;
    use crate::load::Sent;

    #[test]
    fn what_is_missing_is_told_by_when_it_was_sent() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let sent = Sent {
            bursts: vec![
                (after(10), 2),
                (after(20), 4),
                (after(30), 6),
                (after(40), 8),
            ],
            took: Duration::from_millis(40),
        };
        let gap = Gap::of(&[(1, 2), (3, 5), (7, 8)], &sent, after(25), after(35));
        let wanted = Gap {
            in_window: 2,
            oldest: Duration::from_millis(15),
            unheard: 1,
            lost: 1,
        };
        assert_eq!(gap, wanted);
    }
}
