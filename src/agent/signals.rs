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

/// Signals that are heard. From its making on none ends the process by itself, and those that come wait to be asked for.
pub struct Listening {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Listening {
    /// Starts no thread.
    pub fn start() -> io::Result<Self> {
        // Whichever runtime there is later tells of them.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_io().build()?;
        let _inside = runtime.enter();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

pub struct Signals {
    heard: Listening,
    ticks: Interval,
    seen: Files,
}

impl Signals {
    /// `every` is how often it is looked for changed files.
    pub fn new(heard: Listening, every: Duration, seen: Files) -> Self {
        Self {
            heard,
            ticks: tokio::time::interval(every.max(SHORTEST)),
            seen,
        }
    }

    /// The next thing that happens.
    pub async fn next(&mut self) -> Event {
        let heard = &mut self.heard;
        tokio::select! {
            () = stop(&mut heard.terminate, &mut heard.interrupt) => Event::Stop,
            _ = heard.hangup.recv() => Event::Reload,
            _ = self.ticks.tick() => Event::Tick,
        }
    }

    /// Returns when the agent is told to stop; what else happens waits.
    pub async fn stop(&mut self) {
        stop(&mut self.heard.terminate, &mut self.heard.interrupt).await;
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
