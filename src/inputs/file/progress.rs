//! A line on the terminal that shows how far a long read has come. Without a terminal nothing is written.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// The line, and when it was last drawn.
pub struct Progress {
    to_terminal: bool,
    /// When there first was something to read without a pause since.
    busy_since: Option<Instant>,
    drawn: Option<Instant>,
}

/// How far all files together are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub files: usize,
    pub files_waiting: usize,
    pub read: u64,
    pub size: u64,
}

/// A read that is over sooner needs no line.
const LONG: Duration = Duration::from_secs(1);
/// Quick enough to look alive.
const REDRAW: Duration = Duration::from_millis(500);

impl Progress {
    pub fn new() -> Self {
        Self {
            to_terminal: io::stderr().is_terminal(),
            busy_since: None,
            drawn: None,
        }
    }

    /// There is more to read: draws the line now and then.
    pub fn busy(&mut self, reached: impl FnOnce() -> Reached) {
        if !self.to_terminal {
            return;
        }
        let now = Instant::now();
        let since = *self.busy_since.get_or_insert(now);
        let is_due = self.drawn.is_none_or(|drawn| REDRAW <= now - drawn);
        if LONG <= now - since && is_due {
            self.drawn = Some(now);
            write(&format!("\r{}\x1b[K", line(reached())));
        }
    }

    /// Everything is read: the line goes away.
    pub fn idle(&mut self) {
        self.busy_since = None;
        if self.drawn.take().is_some() {
            write("\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.idle();
    }
}

/// A terminal that is gone has nobody who reads.
fn write(text: &str) {
    io::stderr().write_all(text.as_bytes()).unwrap_or(());
}

fn line(reached: Reached) -> String {
    let Reached {
        files,
        files_waiting,
        read,
        size,
    } = reached;
    let percent = (read * 100).checked_div(size).unwrap_or(100);
    format!(
        "file: {} of {files} files read, {} of {} MB ({percent} %)",
        files.saturating_sub(files_waiting),
        read / 1_000_000,
        size / 1_000_000,
    )
}

#[cfg(test)]
mod tests {
    use super::{Reached, line};

    #[test]
    fn the_line_tells_files_and_bytes() {
        let reached = Reached {
            files: 10,
            files_waiting: 7,
            read: 120_000_000,
            size: 480_000_000,
        };
        let want = "file: 3 of 10 files read, 120 of 480 MB (25 %)";
        assert_eq!(line(reached), want);
    }
}
