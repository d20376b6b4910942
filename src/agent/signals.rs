//! What the agent is told from outside: SIGTERM and SIGINT to stop, SIGHUP to reload, and the time to look for changed
//! files.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Interval;

use crate::agent::configuration::Files;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Stop,
    Reload,
    /// Files may have changed.
    Tick,
    InputsEnded,
}

pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    ticks: Interval,
    seen: Files,
}

impl Signals {
    /// `every` is how often it is looked for changed files.
    pub fn new(every: Duration, seen: Files) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            ticks: tokio::time::interval(every.max(SHORTEST)),
            seen,
        })
    }

    /// The next thing that happens.
    pub async fn next(&mut self) -> Event {
        tokio::select! {
            () = stop(&mut self.terminate, &mut self.interrupt) => Event::Stop,
            _ = self.hangup.recv() => Event::Reload,
            _ = self.ticks.tick() => Event::Tick,
        }
    }

    /// Returns when the agent is told to stop; what else happens waits.
    pub async fn stop(&mut self) {
        stop(&mut self.terminate, &mut self.interrupt).await;
    }

    /// Whether files changed since this was last asked.
    pub fn changed(&mut self, now: Files) -> bool {
        let is_changed = self.seen != now;
        self.seen = now;
        is_changed
    }
}

async fn stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Looking more often than this gains nothing.
const SHORTEST: Duration = Duration::from_millis(100);
