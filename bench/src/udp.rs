//! Datagrams at a steady rate into an agent's syslog port, and what of them reaches the sink. The loss is the agent's:
//! over loopback nothing else drops.

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::compare::{self, Agent, Installed};
use crate::lines::Line;
use crate::process::{AGENT_CORE, Pinned, Sink};
use crate::report::{self, UdpResult};
use crate::sink::Wanted;

/// The sender's pause between two bursts: 50 datagrams at 50,000 a second, as fast devices send.
const BURST: Duration = Duration::from_millis(1);

/// How long an agent may take to open its port, and how long nothing may come before a run is over.
const START_LIMIT: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(5);

/// `udp`: see the usage.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    arguments.allow(&[
        "rate", "seconds", "agents", "sawlog", "rsyslogd", "queue", "dir", "out",
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
    let datagrams = datagrams(rate * seconds);
    let mut results = Vec::new();
    for agent in &agents {
        let result = measure(*agent, &installed, &folder, &datagrams, rate);
        results.push(result.map_err(|fault| format!("{}: {fault}", agent.name())));
    }
    compare::publish(
        arguments,
        &report::udp(&results, &installed.versions(&agents), seconds),
    )
}

/// All datagrams, made beforehand so that the sender's core is free to send.
fn datagrams(count: u64) -> Vec<Vec<u8>> {
    let datagram = |sequence| {
        let mut out = Vec::with_capacity(160);
        Line::of(sequence).write_syslog(&mut out);
        out
    };
    (0..count).map(datagram).collect()
}

fn measure(
    agent: Agent,
    installed: &Installed,
    folder: &Path,
    datagrams: &[Vec<u8>],
    rate: u64,
) -> Result<UdpResult, String> {
    let state = folder.join("state");
    if state.exists() {
        std::fs::remove_dir_all(&state).map_err(|fault| fault.to_string())?;
    }
    std::fs::create_dir_all(&state).map_err(|fault| fault.to_string())?;
    let sink = Sink::spawn(Wanted::Pattern)?;
    let udp = free_port().map_err(|fault| fault.to_string())?;
    let words = agent.prepare_udp(installed, udp, sink.port(), &state)?;
    let mut process = Pinned::spawn(AGENT_CORE, &words, &state.join("log"))?;
    wait_until_bound(udp, &mut process)?;
    let before = process.cpu_seconds()?;
    let sending = send(udp, datagrams, rate).map_err(|fault| format!("sender: {fault}"))?;
    let report = drain(&sink, datagrams.len() as u64)?;
    process.check_alive()?;
    let number = |name: &str| report[name].as_u64().unwrap_or(0);
    if 0 < number("faults") {
        eprintln!("{}: {}", agent.name(), report["faults_kept"]);
    }
    Ok(UdpResult {
        agent: agent.name(),
        rate: datagrams.len() as f64 / sending.as_secs_f64(),
        sent: datagrams.len() as u64,
        received: number("distinct"),
        doubled: number("doubled"),
        cpu_share: (process.cpu_seconds()? - before) / sending.as_secs_f64(),
        peak_bytes: process.peak_bytes()?,
        faults: number("faults") + number("unmarked"),
    })
}

/// A port that is free now, for the agent to bind next.
fn free_port() -> std::io::Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_until_bound(port: u16, process: &mut Pinned) -> Result<(), String> {
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

/// Sends all datagrams at the rate; gives the time that it took.
fn send(port: u16, datagrams: &[Vec<u8>], rate: u64) -> std::io::Result<Duration> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    let started = Instant::now();
    let mut sent = 0;
    while sent < datagrams.len() {
        let due = (started.elapsed().as_secs_f64() * rate as f64) as usize;
        for datagram in &datagrams[sent..due.clamp(sent, datagrams.len())] {
            socket.send(datagram)?;
            sent += 1;
        }
        std::thread::sleep(BURST);
    }
    Ok(started.elapsed())
}

/// Waits until all have come, or nothing has for a while.
fn drain(sink: &Sink, count: u64) -> Result<serde_json::Value, String> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let report = sink.report()?;
        let documents = report["documents"].as_u64().unwrap_or(0);
        if documents != last {
            (last, since) = (documents, Instant::now());
        }
        if count <= documents || SILENCE < since.elapsed() {
            return Ok(report);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
