//! Processes under measurement: started on one core, asked for their CPU time and peak memory through /proc, killed when
//! dropped. The sink's process is here too, with the one question that is asked of it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::sink::Wanted;

/// The agent's core and the sink's; two are all that a small machine has.
pub const AGENT_CORE: u32 = 0;
pub const SINK_CORE: u32 = 1;

/// /proc counts CPU time in hundredths of a second on every Linux architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// The end of a log that is shown when its process has failed.
const LOG_SHOWN_BYTES: usize = 2000;

/// A process on one core, with its output in a log.
pub struct Pinned {
    child: Child,
    log: PathBuf,
}

impl Pinned {
    /// Starts `words` under taskset, which the program then replaces: the process id stays.
    pub fn spawn<S: AsRef<OsStr>>(core: u32, words: &[S], log: &Path) -> Result<Self, String> {
        let file = File::create(log).map_err(|fault| format!("{}: {fault}", log.display()))?;
        let errors = file.try_clone().map_err(|fault| fault.to_string())?;
        let child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .args(words)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(|fault| format!("taskset: {fault}"))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Fails, with the end of the log, when the process is gone.
    pub fn check_alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("it ended ({status}): {}", self.log_end())),
            Err(fault) => Err(fault.to_string()),
        }
    }

    /// The last of what the process wrote.
    pub fn log_end(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(LOG_SHOWN_BYTES);
        String::from_utf8_lossy(&text[from..]).trim().to_owned()
    }

    /// The highest value of a figure of sawlog's API, over all plugins; `None` if it has none, or for another agent.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let log = fs::read_to_string(&self.log).ok()?;
        let address = log.split_once("figures at http://")?.1.split_once('/')?.0;
        let answer = get(address, "/metrics").ok()?;
        let samples = answer.lines().filter(|line| line.starts_with(name));
        samples
            .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
            .reduce(f64::max)
    }

    /// User and system time so far.
    pub fn cpu_seconds(&self) -> Result<f64, String> {
        cpu_seconds(self.child.id())
    }

    /// The highest resident size so far (VmHWM), in bytes.
    pub fn peak_bytes(&self) -> Result<u64, String> {
        let status = read(&format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kibibytes
            .and_then(|number| number.trim().parse::<u64>().ok())
            .map(|number| number * 1024)
            .ok_or_else(|| "no VmHWM".to_owned())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Both fail only when the process is gone already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// User and system time of all threads. The ticks count threads that have ended but are cut to hundredths; the
/// scheduler's figures are exact but know living threads only. Neither is ever too high, so the higher one counts.
fn cpu_seconds(id: u32) -> Result<f64, String> {
    let stat = read(&format!("/proc/{id}/stat"))?;
    // The name in parentheses may hold anything; utime and stime are the 12th and 13th fields behind it.
    let rest = stat.rsplit_once(')').ok_or("no stat")?.1;
    let ticks: Vec<f64> = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse().ok())
        .collect();
    if ticks.len() != 2 {
        return Err(format!("/proc/{id}/stat has no times"));
    }
    let mut nanoseconds = 0.0;
    let threads = fs::read_dir(format!("/proc/{id}/task")).map_err(|fault| fault.to_string())?;
    for thread in threads.flatten() {
        // A thread may end between the listing and the reading; its time is in the ticks.
        let schedule = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let first = schedule
            .split(' ')
            .next()
            .and_then(|word| word.parse::<f64>().ok());
        nanoseconds += first.unwrap_or(0.0);
    }
    Ok(f64::max(
        ticks.iter().sum::<f64>() / TICKS_PER_SECOND,
        nanoseconds / 1e9,
    ))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|fault| format!("{path}: {fault}"))
}

/// The answer's body.
fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n");
    Ok(body.map_or("", |(_head, body)| body).to_owned())
}

/// A sink of this same binary.
pub struct Sink {
    child: Child,
    port: u16,
}

impl Sink {
    /// On a port of its own choosing.
    pub fn spawn(wanted: Wanted) -> Result<Self, String> {
        Self::spawn_on(0, wanted)
    }

    pub fn spawn_on(port: u16, wanted: Wanted) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|fault| fault.to_string())?;
        let mut child = Command::new("taskset")
            .args(["-c", &SINK_CORE.to_string()])
            .arg(own)
            .args(["sink", "--port", &port.to_string()])
            .args(["--check", wanted.name()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|fault| format!("taskset: {fault}"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("the sink has no output")?;
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(|fault| fault.to_string())?;
        let port = line
            .trim()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| format!("the sink did not start: {line}"));
        // Bound before the check, so that a sink that said something else is ended as well.
        let mut sink = Self { child, port: 0 };
        sink.port = port?;
        Ok(sink)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn cpu_seconds(&self) -> Result<f64, String> {
        cpu_seconds(self.child.id())
    }

    /// What has arrived so far.
    pub fn report(&self) -> Result<serde_json::Value, String> {
        self.ask("/_report")
            .map_err(|fault| format!("sink: {fault}"))
    }

    /// The sequence numbers below `count` that have not arrived, as ranges without their ends.
    pub fn missing(&self, count: u64) -> Result<Vec<(u64, u64)>, String> {
        self.ask(&format!("/_missing/{count}"))
            .map_err(|fault| format!("sink: {fault}"))
    }

    /// Stands still: connections are taken by the kernel, and nothing is answered.
    pub fn stop(&self) -> Result<(), String> {
        self.signal("STOP")
    }

    pub fn go_on(&self) -> Result<(), String> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<(), String> {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("kill -s {name}: {status}")),
            Err(fault) => Err(format!("kill: {fault}")),
        }
    }

    fn ask<T: serde::de::DeserializeOwned>(&self, path: &str) -> std::io::Result<T> {
        let body = get(&format!("127.0.0.1:{}", self.port), path)?;
        Ok(serde_json::from_str(&body)?)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Both fail only when the process is gone already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Pinned, cpu_seconds};

    #[test]
    fn cpu_time_of_this_process_grows_with_work() {
        let before = cpu_seconds(std::process::id()).unwrap();
        let started = Instant::now();
        let mut number = 0_u64;
        while started.elapsed() < Duration::from_millis(60) {
            number = std::hint::black_box(number + 1);
        }
        assert!(before + 0.01 < cpu_seconds(std::process::id()).unwrap());
    }

    #[test]
    fn a_process_that_ended_is_told_with_its_log() {
        let log = std::env::temp_dir().join(format!("sawlog-bench-log-{}", std::process::id()));
        let mut process =
            Pinned::spawn(0, &["sh", "-c", "echo no such file; exit 3"], &log).unwrap();
        let started = Instant::now();
        while process.check_alive().is_ok() && started.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        let fault = process.check_alive().unwrap_err();
        assert!(
            fault.contains("exit status: 3") && fault.contains("no such file"),
            "{fault}"
        );
        std::fs::remove_file(log).unwrap();
    }
}
