//! Sums in carbon over ends of carbon and of the agent: killed, stopped or reloaded in the middle of an interval and under
//! load, what is read back from carbon's files is what was counted, no more and no less.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::services::carbon::Carbon;
use crate::services::sawlog::Sawlog;
use crate::services::{ARRIVAL_MAX, Scratch, free_port, wait_until};

/// A file that grows, with the number of its lines.
struct Log {
    path: PathBuf,
    file: File,
    lines: AtomicU32,
}

impl Log {
    fn new(folder: &Scratch) -> Log {
        let path = folder.write("requests.log", "");
        let file = OpenOptions::new().append(true).open(&path);
        Log {
            path,
            file: file.expect("it was just written"),
            lines: AtomicU32::new(0),
        }
    }

    /// Appends lines; each has a time of its own.
    fn append(&self, count: u32) {
        let from = self.lines();
        let mut text = String::new();
        for number in from..from + count {
            writeln!(text, "{{\"time\":{number}}}").expect("a String takes all text");
        }
        let mut file = &self.file;
        file.write_all(text.as_bytes()).expect("the file is ours");
        self.lines.store(from + count, Ordering::Release);
    }

    /// Some thousand lines a second, until this is done.
    fn append_until(&self, done: &AtomicBool) {
        while !done.load(Ordering::Acquire) {
            self.append(20);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn wait_for(&self, lines: u32) {
        wait_until(ARRIVAL_MAX, "the file to grow", || match self.lines() {
            there if lines <= there => Ok(()),
            there => Err(there.to_string()),
        });
    }

    fn lines(&self) -> u32 {
        self.lines.load(Ordering::Acquire)
    }

    /// Every line is counted once.
    fn input(&self) -> String {
        format!(
            "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n",
            self.path.display()
        )
    }
}

/// An output that counts events and keeps their times.
fn output(port: u16, interval: u32) -> String {
    format!(
        "graphite {{ id => \"sums\" host => \"127.0.0.1\" port => {port} interval => {interval} reconnect_interval => 0.2\n\
         counters => {{ \"sums.lines\" => 1 }} timers => {{ \"sums.time\" => \"%{{time}}\" }} }}\n"
    )
}

fn pipeline(log: &Log, port: u16, interval: u32) -> String {
    format!("{}output {{ {} }}\n", log.input(), output(port, interval))
}

fn sum(carbon: &Carbon, series: &str) -> f64 {
    carbon.points(series).iter().map(|(_, value)| value).sum()
}

/// Waits until carbon has this sum; one that is greater never becomes right, and fails.
#[track_caller]
fn wait_for_sum(carbon: &Carbon, want: u32) {
    for series in ["sums.lines", "sums.time.count"] {
        wait_until(ARRIVAL_MAX, &format!("{want} in {series}"), || {
            match sum(carbon, series) {
                sum if sum == f64::from(want) => Ok(()),
                sum => Err(format!("{sum}: {:?}", carbon.points(series))),
            }
        });
    }
}

/// Waits until this many events are safe: delivered, or their sums saved.
#[track_caller]
fn wait_until_safe(agent: &Sawlog, want: u32) {
    wait_until(
        ARRIVAL_MAX,
        &format!("{want} safe events"),
        || match figure(agent, "events_out_total") {
            Some(safe) if f64::from(want) <= safe => Ok(()),
            safe => Err(format!("{safe:?}; {}", agent.stderr())),
        },
    );
}

/// A figure of the graphite output.
fn figure(agent: &Sawlog, name: &str) -> Option<f64> {
    let text = agent.ask_api("/metrics").ok()?;
    let start = format!("sawlog_plugin_{name}");
    let is_ours = |line: &&str| line.starts_with(&start) && line.contains("plugin=\"graphite\"");
    let line = text.lines().find(is_ours)?;
    line.rsplit(' ').next()?.parse().ok()
}

/// A data folder and a growing file.
struct Place {
    data: Scratch,
    log: Log,
    _folder: Scratch,
}

impl Place {
    fn new() -> Place {
        let folder = Scratch::new("sums");
        Place {
            data: Scratch::new("sums-data"),
            log: Log::new(&folder),
            _folder: folder,
        }
    }

    /// Runs what is given while the file grows.
    fn under_load<T>(&self, run: impl FnOnce() -> T) -> T {
        /// Ends the load however the scope is left.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
            }
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _end = End(&done);
            scope.spawn(|| self.log.append_until(&done));
            run()
        })
    }

    /// Waits until some lines more are written and safe.
    #[track_caller]
    fn wait_for_more(&self, agent: &Sawlog) {
        let before = figure(agent, "events_out_total").unwrap_or_default();
        wait_until_safe(agent, before as u32 + 2000);
    }
}

#[test]
fn carbon_killed_under_load_has_every_sum_in_the_end() {
    let place = Place::new();
    let mut carbon = Carbon::start_slow();
    let agent = Sawlog::start_in(&place.data.0, &pipeline(&place.log, carbon.port(), 1));
    let carbon = place.under_load(|| {
        for _ in 0..3 {
            let before = sum(&carbon, "sums.lines");
            wait_until(ARRIVAL_MAX, "new sums", || {
                match sum(&carbon, "sums.lines") {
                    sum if before < sum => Ok(()),
                    sum => Err(sum.to_string()),
                }
            });
            carbon.kill();
            place.wait_for_more(&agent);
            carbon.start_again();
            place.wait_for_more(&agent);
        }
        carbon
    });
    wait_for_sum(&carbon, place.log.lines());
    agent.stop();
    wait_for_sum(&carbon, place.log.lines());
}

#[test]
fn carbon_killed_between_two_flushes_gets_again_what_it_had_in_memory() {
    let place = Place::new();
    let mut carbon = Carbon::start_slow();
    let agent = Sawlog::start_in(&place.data.0, &pipeline(&place.log, carbon.port(), 3));
    place.log.append(1000);
    wait_until(ARRIVAL_MAX, "a flush", || {
        match figure(&agent, "flushes_total") {
            Some(flushes) if 1.0 <= flushes => Ok(()),
            flushes => Err(format!("{flushes:?}")),
        }
    });
    carbon.kill();
    carbon.start_again();
    wait_for_sum(&carbon, 1000);
    let told = agent.stop();
    assert!(
        !told.contains("is not to be had"),
        "no flush failed: {told}"
    );
}

#[test]
fn an_agent_killed_in_the_middle_of_an_interval_goes_on_with_its_sums() {
    let place = Place::new();
    let carbon = Carbon::start();
    let pipeline = pipeline(&place.log, carbon.port(), 60);
    for _ in 0..3 {
        let agent = Sawlog::start_in(&place.data.0, &pipeline);
        place.log.append(1000);
        wait_until_safe(&agent, 1000);
        agent.kill();
    }
    place.log.append(1000);
    let agent = Sawlog::start_in(&place.data.0, &pipeline);
    wait_until_safe(&agent, 1000);
    agent.stop();
    wait_for_sum(&carbon, place.log.lines());
}

#[test]
fn an_agent_killed_under_load_counts_every_line_once() {
    let place = Place::new();
    let carbon = Carbon::start();
    let pipeline = pipeline(&place.log, carbon.port(), 1);
    place.under_load(|| {
        // At several distances from what was just saved.
        for lines in [1, 500, 1000, 1500, 2000] {
            let agent = Sawlog::start_in(&place.data.0, &pipeline);
            place.wait_for_more(&agent);
            place.log.wait_for(place.log.lines() + lines);
            agent.kill();
        }
    });
    let agent = Sawlog::start_in(&place.data.0, &pipeline);
    wait_for_sum(&carbon, place.log.lines());
    agent.stop();
    wait_for_sum(&carbon, place.log.lines());
}

#[test]
fn an_agent_stopped_in_the_middle_of_an_interval_goes_on_with_its_sums() {
    let place = Place::new();
    let carbon = Carbon::start();
    let pipeline = pipeline(&place.log, carbon.port(), 60);
    place.under_load(|| {
        for _ in 0..3 {
            let agent = Sawlog::start_in(&place.data.0, &pipeline);
            place.wait_for_more(&agent);
            agent.stop();
        }
    });
    let agent = Sawlog::start_in(&place.data.0, &pipeline);
    wait_for_reading(&agent);
    agent.stop();
    wait_for_sum(&carbon, place.log.lines());
}

/// Waits until the output was given no more events at twenty looks in a row.
#[track_caller]
fn wait_for_reading(agent: &Sawlog) {
    let mut last = (None, 0);
    wait_until(ARRIVAL_MAX, "the rest of the file to be read", || {
        let now = figure(agent, "events_in_total");
        last = match now == last.0 {
            true => (now, last.1 + 1),
            false => (now, 0),
        };
        match last.1 {
            20.. => Ok(()),
            _ => Err(format!("{now:?}")),
        }
    });
}

#[test]
fn a_reload_under_load_keeps_the_sums() {
    let place = Place::new();
    let carbon = Carbon::start();
    let agent = Sawlog::start_in(&place.data.0, &pipeline(&place.log, carbon.port(), 2));
    place.under_load(|| {
        for _ in 0..5 {
            place.wait_for_more(&agent);
            agent.reload();
        }
        place.wait_for_more(&agent);
    });
    wait_for_sum(&carbon, place.log.lines());
    agent.stop();
    wait_for_sum(&carbon, place.log.lines());
}

#[test]
fn events_that_another_output_still_holds_are_counted_once_over_a_restart() {
    let place = Place::new();
    let carbon = Carbon::start();
    let text = format!(
        "{}output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{}\"] index => \"sums\" }} {} }}\n",
        place.log.input(),
        free_port(),
        output(carbon.port(), 1)
    );
    place.log.append(1000);
    let agent = Sawlog::start_in(&place.data.0, &text);
    wait_for_sum(&carbon, 1000);
    agent.kill();
    let agent = Sawlog::start_in(&place.data.0, &text);
    place.log.append(500);
    wait_for_sum(&carbon, 1500);
    agent.reload();
    place.log.append(500);
    wait_for_sum(&carbon, 2000);
    agent.stop();
    let without = pipeline(&place.log, carbon.port(), 1);
    let agent = Sawlog::start_in(&place.data.0, &without);
    wait_until_safe(&agent, 2000);
    wait_for_sum(&carbon, 2000);
    agent.stop();
    wait_for_sum(&carbon, 2000);
}

#[test]
fn datagrams_that_were_counted_are_counted_after_a_kill() {
    let place = Place::new();
    let carbon = Carbon::start();
    let port = free_port();
    let text = format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         output {{ graphite {{ host => \"127.0.0.1\" port => {} interval => 60\n\
         counters => {{ \"sums.lines\" => 1 }} timers => {{ \"sums.time\" => 1 }} }} }}\n",
        carbon.port()
    );
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    for round in 1..=2 {
        let agent = Sawlog::start_in(&place.data.0, &text);
        wait_until(ARRIVAL_MAX, "the socket", || {
            crate::services::udp_is_bound(port)
        });
        for _ in 0..500 {
            // Without a head, and so without a time of its own.
            let sent = socket.send_to(b"hello", ("127.0.0.1", port));
            sent.expect("the socket is bound");
        }
        wait_until_safe(&agent, 500);
        match round {
            1 => agent.kill(),
            _ => drop(agent.stop()),
        }
    }
    wait_for_sum(&carbon, 1000);
}

#[test]
fn carbon_reads_pickles() {
    let place = Place::new();
    let carbon = Carbon::start();
    let text = pipeline(&place.log, carbon.pickle_port(), 1)
        .replace("graphite {", "graphite { protocol => \"pickle\"");
    place.log.append(1000);
    let agent = Sawlog::start_in(&place.data.0, &text);
    wait_for_sum(&carbon, 1000);
    agent.stop();
}
