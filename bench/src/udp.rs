//! Datagrams at a steady rate into an agent's syslog port, and what of them reaches the sink. The loss is the agent's:
//! over loopback nothing else drops.

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::compare::{self, Agent, Installed};
use crate::lines::Kind;
use crate::load::{Load, Target};
use crate::process::{AGENT_CORE, Pinned, Sink};
use crate::report::{self, UdpResult};
use crate::sink::Wanted;

/// How long an agent may take to open its port.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long nothing may come before a run is over. An agent may wait a while before it tries a server again.
const SILENCE: Duration = Duration::from_secs(20);

/// `udp`: see the usage.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    arguments.allow(&[
        "rate", "seconds", "agents", "sawlog", "former", "rsyslogd", "queue", "dir", "out",
    ])?;
    let rate = arguments.number("rate", 50_000)?;
    let seconds = arguments.number("seconds", 10)?;
    let agents = arguments.list("agents", "rsyslog,sawlog");
    let agents = agents
        .into_iter()
        .map(Agent::named)
        .collect::<Result<Vec<_>, _>>()?;
    let installed = Installed::from(arguments);
    let folder = compare::folder(arguments)?;
    let load = Load::new(Kind::Syslog, rate, seconds);
    let mut results = Vec::new();
    for agent in &agents {
        let result = measure(*agent, &installed, &folder, &load);
        results.push(result.map_err(|fault| format!("{}: {fault}", agent.name())));
    }
    compare::publish(
        arguments,
        &report::udp(&results, &installed.versions(&agents), seconds),
    )
}

/// The agent's figure for the longest time that a datagram was in memory alone.
pub const WINDOW: &str = "sawlog_plugin_queue_window_millis_max";

fn measure(
    agent: Agent,
    installed: &Installed,
    folder: &Path,
    load: &Load,
) -> Result<UdpResult, String> {
    let state = compare::clean_state(folder)?;
    let sink = Sink::spawn(Wanted::Pattern)?;
    let udp = free_port().map_err(|fault| fault.to_string())?;
    let words = agent.prepare_udp(installed, udp, sink.port(), &state)?;
    let mut process = Pinned::spawn(AGENT_CORE, &words, &state.join("log"))?;
    wait_until_bound(udp, &mut process)?;
    let before = process.cpu_seconds()?;
    let sent = Target::udp(udp).and_then(|mut target| load.send(&mut target));
    let sending = sent.map_err(|fault| format!("sender: {fault}"))?.took;
    let report = drain(&sink, load.count())?;
    process.check_alive()?;
    let number = |name: &str| report[name].as_u64().unwrap_or(0);
    if number("distinct") == 0 {
        return Err(format!("nothing arrived: {}", process.log_end()));
    }
    if 0 < number("faults") {
        eprintln!("{}: {}", agent.name(), report["faults_kept"]);
    }
    Ok(UdpResult {
        agent: agent.name(),
        rate: load.count() as f64 / sending.as_secs_f64(),
        sent: load.count(),
        received: number("distinct"),
        doubled: number("doubled"),
        cpu_share: (process.cpu_seconds()? - before) / sending.as_secs_f64(),
        peak_bytes: process.peak_bytes()?,
        faults: number("faults") + number("unmarked"),
        window_millis: process.figure(WINDOW),
    })
}

/// A port that is free now, for the agent to bind next.
pub fn free_port() -> std::io::Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

pub fn wait_until_bound(port: u16, process: &mut Pinned) -> Result<(), String> {
    let started = Instant::now();
    let ending = format!(":{port:04X}");
    while started.elapsed() < START_LIMIT {
        let sockets = ["/proc/net/udp", "/proc/net/udp6"].map(std::fs::read_to_string);
        let mut lines = sockets.iter().flatten().flat_map(|text| text.lines());
        if lines.any(|line| {
            line.split_whitespace()
                .nth(1)
                .is_some_and(|it| it.ends_with(&ending))
        }) {
            return Ok(());
        }
        process.check_alive()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!(
        "UDP port {port} was not opened: {}",
        process.log_end()
    ))
}

/// Waits until all have come, or nothing has for a while.
pub fn drain(sink: &Sink, count: u64) -> Result<serde_json::Value, String> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let report = sink.report()?;
        // Not all documents: one that came twice stands for none that is still to come.
        let distinct = report["distinct"].as_u64().unwrap_or(0);
        if distinct != last {
            (last, since) = (distinct, Instant::now());
        }
        if count <= distinct || SILENCE < since.elapsed() {
            return Ok(report);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
