//! A writer of log lines at a steady rate, on a thread of its own, while faults strike.
//!
//! A place to write to comes in, numbered lines go there; what was written whole is offered. Some lines are written in
//! two parts, as programs with a full buffer do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::record;
use crate::services::wait_until;

/// Lines a second: a busy server's log, and little enough for a build without optimisation beside other tests.
pub const RATE: u64 = 2000;

/// The pause between two bursts of lines.
const PAUSE: Duration = Duration::from_millis(5);

/// So many lines at most are written at once.
pub const BURST_MAX: u64 = 10;

/// Every so many bursts one is written in two parts.
const TORN: u64 = 50;

/// How long the writer may take for what it is waited for: twelve seconds at most on a machine at rest.
const WRITTEN_MAX: Duration = Duration::from_secs(120);

/// Linux's flag for an open that does not wait for a reader, and for writes that do not wait for room.
const O_NONBLOCK: i32 = 0o4000;

/// Which lines were written, and when.
pub type Sent = Vec<(Range<u64>, Instant)>;

/// Makes the line of a number.
pub type Make = fn(&str, u64) -> String;

/// Where lines go.
pub enum Place {
    File(PathBuf),
    /// A file that is renamed after so many lines, as `logrotate` does; so many old ones are kept.
    Rotated {
        path: PathBuf,
        lines: u64,
        kept: u32,
    },
    /// A pipe that a container reads. Lines are lost while it has no reader.
    Pipe(PathBuf),
    /// A UDP port of loopback, for syslog.
    Datagrams(u16),
}

/// A running writer.
pub struct Writer {
    source: String,
    written: Arc<AtomicU64>,
    sent: Arc<Mutex<Sent>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(source: &str, place: Place) -> Writer {
        Writer::start_with(source, place, RATE, record::line)
    }

    pub fn start_with(source: &str, place: Place, rate: u64, make: Make) -> Writer {
        let written = Arc::new(AtomicU64::new(0));
        let sent = Arc::<Mutex<Sent>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let task = Task {
            source: source.to_string(),
            make,
            rate,
            written: Arc::clone(&written),
            sent: Arc::clone(&sent),
            stop: Arc::clone(&stop),
        };
        let thread = thread::spawn(move || task.run(&place));
        Writer {
            source: source.to_string(),
            written,
            sent,
            stop,
            thread: Some(thread),
        }
    }

    /// How many lines were written whole: the numbers below it.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// When each was written.
    pub fn sent(&self) -> Sent {
        let sent = self.sent.lock().expect("no holder of this lock panics");
        sent.clone()
    }

    /// Waits until so many more lines are written. Faults are timed by this: it is a condition, and under load.
    #[track_caller]
    pub fn wait_for(&self, more: u64) {
        let wanted = self.written() + more;
        wait_until(WRITTEN_MAX, "lines to be written", || {
            match self.written() {
                written if wanted <= written => Ok(()),
                written => Err(format!("{written} of {wanted} lines")),
            }
        });
    }

    /// Ends it; gives how many lines were written.
    #[track_caller]
    pub fn stop(&mut self) -> u64 {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the writer can write");
        }
        self.written()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the writer of {} failed", self.source);
        }
    }
}

struct Task {
    source: String,
    make: Make,
    rate: u64,
    written: Arc<AtomicU64>,
    sent: Arc<Mutex<Sent>>,
    stop: Arc<AtomicBool>,
}

impl Task {
    fn run(&self, place: &Place) {
        let start = Instant::now();
        let mut number = 0;
        let mut open = None;
        for burst in 0.. {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let wanted = start.elapsed().as_millis() as u64 * self.rate / 1000;
            let wanted = wanted.min(number + self.rate);
            while number < wanted {
                let (text, lines) = self.burst(number, wanted);
                self.note(number..number + lines);
                self.write(place, &mut open, &text, burst % TORN == 0);
                if open.is_none() && matches!(place, Place::Pipe(_)) {
                    return;
                }
                number += lines;
                self.written.store(number, Ordering::Release);
                rotate(place, &mut open, number);
            }
            thread::sleep(PAUSE);
        }
    }

    /// The next lines.
    fn burst(&self, from: u64, to: u64) -> (String, u64) {
        let to = to.min(from + BURST_MAX);
        let lines = (from..to).map(|number| (self.make)(&self.source, number) + "\n");
        (lines.collect(), to - from)
    }

    /// Before they are written, so that the time until they are safe is never told too short.
    fn note(&self, numbers: Range<u64>) {
        let mut sent = self.sent.lock().expect("no holder of this lock panics");
        sent.push((numbers, Instant::now()));
    }

    fn write(&self, place: &Place, open: &mut Option<File>, text: &str, torn: bool) {
        match place {
            Place::File(path) | Place::Rotated { path, .. } => {
                let bytes = text.as_bytes();
                let (first, second) = bytes.split_at(if torn { bytes.len() / 2 } else { 0 });
                let file = open.get_or_insert_with(|| append_to(path));
                file.write_all(first).expect("the log can be written to");
                thread::sleep(if torn { PAUSE } else { Duration::ZERO });
                file.write_all(second).expect("the log can be written to");
            }
            Place::Pipe(path) => self.write_pipe(path, open, text.as_bytes()),
            Place::Datagrams(port) => text.lines().for_each(|line| send(*port, line)),
        }
    }

    /// Writes while somebody reads; without a reader until the end. To another reader all is written again.
    fn write_pipe(&self, path: &Path, open: &mut Option<File>, bytes: &[u8]) {
        let mut part = bytes;
        while !part.is_empty() {
            if open.is_none() && self.stop.load(Ordering::Acquire) {
                return;
            }
            let wrote = match open {
                Some(pipe) => pipe.write(part),
                None => open_pipe(path).map(|pipe| {
                    (*open, part) = (Some(pipe), bytes);
                    0
                }),
            };
            match wrote {
                Ok(count) => part = part.get(count..).unwrap_or_default(),
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(_) => {
                    *open = None;
                    thread::sleep(PAUSE);
                }
            }
        }
    }
}

thread_local! {
    /// The socket of a writer, which lives on its own thread.
    static SENDER: UdpSocket =
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
}

/// Sends a line as a message of syslog. Nobody tells whether it arrived.
fn send(port: u16, line: &str) {
    let message = format!("<13>Nov 20 18:56:21 host app[1]: {line}");
    SENDER.with(|sender| {
        let sent = sender.send_to(message.as_bytes(), (Ipv4Addr::LOCALHOST, port));
        // While nobody is bound, a later send is told of an earlier one; this one is gone all the same.
        sent.map(drop).unwrap_or_default();
    });
}

fn append_to(path: &Path) -> File {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

fn open_pipe(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(O_NONBLOCK).open(path)
}

/// Renames the log to `.1`, that to `.2` and so on, when it is full.
fn rotate(place: &Place, open: &mut Option<File>, number: u64) {
    let Place::Rotated { path, lines, kept } = place else {
        return;
    };
    if !number.is_multiple_of(*lines) {
        return;
    }
    let old = |count: u32| PathBuf::from(format!("{}.{count}", path.display()));
    for count in (1..*kept).rev() {
        if old(count).exists() {
            fs::rename(old(count), old(count + 1)).expect("the folder is ours");
        }
    }
    fs::rename(path, old(1)).expect("the folder is ours");
    *open = None;
}
