//! Containers through the Engine's API: events tell of those that start, die, are renamed or removed; a list after each
//! (re)connection tells what was missed. Each container has a follower of its own.

use std::collections::HashMap;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::docker::container::{self, Container};
use crate::docker::engine::{Backoff, Engine, Fault};
use crate::host;
use crate::inputs::docker::follow::{Follower, Known};
use crate::inputs::docker::place::{Last, Position};
use crate::inputs::docker::reading::{Missing, Reading};
use crate::limits;
use crate::queue::positions;

/// Which containers are read through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Those whose logs are not in json-file; the others are read from their files.
    WithoutFiles,
}

/// Where a container is begun that has no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    AtBeginning,
    AtEnd,
}

/// What to do when the Engine is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// Try again for ever.
    Wait,
    /// Give up unless it was there before: perhaps there is another way.
    GiveUp,
}

/// The reader of the Engine's logs.
pub struct Api {
    engine: Engine,
    reading: Arc<Reading>,
    scope: Scope,
    followed: HashMap<String, watch::Sender<Known>>,
    followers: JoinSet<(String, positions::Stream)>,
    /// Streams of containers that are gone; forgotten when all is acknowledged.
    gone: Vec<(String, positions::Stream)>,
    listed_before: bool,
}

impl Api {
    pub fn new(engine: Engine, reading: Arc<Reading>, scope: Scope) -> Self {
        Self {
            engine,
            reading,
            scope,
            followed: HashMap::new(),
            followers: JoinSet::new(),
            gone: Vec::new(),
            listed_before: false,
        }
    }

    /// Follows containers until the input has to stop, or the Engine was never there. Gives what was missing then.
    pub async fn run(mut self, away: Away) -> Option<String> {
        let mut stop = self.reading.flow.stop.clone();
        let mut backoff = Backoff::default();
        while !*stop.borrow() {
            let fault = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                fault = self.follow(&mut backoff) => fault,
            };
            let words = self.describe(&fault);
            if away == Away::GiveUp && !self.listed_before {
                return Some(words);
            }
            self.reading
                .say_once(Missing::Docker, &format!("{words}. It is tried again"));
            if tokio::time::timeout(backoff.step(), stop.wait_for(|stop| *stop))
                .await
                .is_ok()
            {
                break;
            }
        }
        while let Some(ended) = self.followers.join_next().await {
            if let Err(error) = ended {
                tracing::error!("docker: a container's reader ended by a fault: {error}");
            }
        }
        None
    }

    /// What is missing and what to do.
    fn describe(&self, fault: &Fault) -> String {
        let socket = self.engine.socket().display();
        match fault {
            Fault::Denied => format!(
                "no right to use {socket}: add the user of sawlog to the group docker, or run as root"
            ),
            Fault::Away(_) | Fault::Gone | Fault::NoLogs => {
                format!("no Docker Engine behind {socket}: {fault}. Start Docker, or set `socket`")
            }
        }
    }

    /// Lists, then takes events until the connection ends.
    async fn follow(&mut self, backoff: &mut Backoff) -> Fault {
        let since = host::now_nanos() - limits::DOCKER_EVENTS_OVERLAP.as_nanos() as i64;
        if let Err(fault) = self.reconcile().await {
            return fault;
        }
        self.reading.unsay(Missing::Docker);
        let events = match self.engine.events(since).await {
            Ok(events) => events.into_body(),
            Err(fault) => return fault,
        };
        backoff.reset();
        self.take_events(events).await
    }

    /// Compares what is followed with what there is.
    async fn reconcile(&mut self) -> Result<(), Fault> {
        let ids = self.engine.list().await?;
        let first = !std::mem::replace(&mut self.listed_before, true);
        let at_end = first && self.reading.begins_at_end();
        let begin = if at_end {
            Begin::AtEnd
        } else {
            Begin::AtBeginning
        };
        for id in &ids {
            self.look(id, begin, false).await?;
        }
        let missing: Vec<String> = self
            .followed
            .keys()
            .filter(|id| !ids.contains(id))
            .cloned()
            .collect();
        for id in missing {
            self.remove(&id);
        }
        if self.scope == Scope::All && first {
            for key in self.reading.positions.keys() {
                if container::is_id(&key) && !ids.contains(&key) {
                    self.reading.positions.forget(&key);
                }
            }
            self.reading.note_start();
        }
        Ok(())
    }

    /// Asks for a container's description, and follows it or tells its follower what is new.
    async fn look(&mut self, id: &str, begin: Begin, started: bool) -> Result<(), Fault> {
        let container = match self.engine.inspect(id).await {
            Ok(container) => container,
            Err(Fault::Gone) => return Ok(()),
            Err(fault) => return Err(fault),
        };
        let by_files =
            self.scope == Scope::WithoutFiles && matches!(&*container.driver, "json-file" | "");
        let wanted = !by_files
            && self.reading.selection.takes(&container)
            && self.reading.engine_reads(&container);
        if !wanted {
            self.leave(id);
            return Ok(());
        }
        let Some(known) = self.followed.get(id) else {
            self.add(container, begin);
            return Ok(());
        };
        known.send_modify(|known| {
            // It may have started while nobody listened to events.
            let again = started || (container.running && !known.container.running);
            known.starts += u64::from(again);
            known.container = Arc::new(container);
        });
        Ok(())
    }

    fn add(&mut self, container: Container, begin: Begin) {
        let id = container.id.clone();
        if begin == Begin::AtEnd && self.reading.position(&id).is_none() {
            let now = Some(Last {
                time: host::now_nanos(),
                lines: Vec::new(),
            });
            let end = Position {
                last: [now.clone(), now],
                ..Position::default()
            };
            self.reading.positions.set(&id, end.to_json());
        }
        let known = Known {
            container: Arc::new(container),
            starts: 0,
            gone: false,
            wanted: true,
        };
        let (sender, receiver) = watch::channel(known);
        let follower = Follower::new(self.engine.clone(), Arc::clone(&self.reading), receiver);
        self.followers.spawn(follower.run());
        self.followed.insert(id, sender);
        self.show_count();
    }

    /// The container is gone; its follower ends when it has read everything.
    fn remove(&mut self, id: &str) {
        if let Some(known) = self.followed.remove(id) {
            known.send_modify(|known| known.gone = true);
            self.show_count();
        }
    }

    /// The container is not to be read any more.
    fn leave(&mut self, id: &str) {
        if let Some(known) = self.followed.remove(id) {
            known.send_modify(|known| known.wanted = false);
            self.show_count();
        }
    }

    fn show_count(&self) {
        if self.scope == Scope::All {
            self.reading
                .counters
                .containers
                .set(self.followed.len() as u64);
        }
    }

    async fn take_events(&mut self, mut body: Incoming) -> Fault {
        let mut buffer: Vec<u8> = Vec::new();
        let mut ticks = tokio::time::interval(limits::DOCKER_TIDY_INTERVAL);
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                Some(ended) = self.followers.join_next() => {
                    match ended {
                        Ok(ended) => self.gone.push(ended),
                        Err(error) => tracing::error!("docker: a container's reader ended by a fault: {error}"),
                    }
                    continue;
                }
                _ = ticks.tick() => {
                    self.tidy();
                    continue;
                }
            };
            match frame {
                None => return Fault::Away("the events ended".to_owned()),
                Some(Err(error)) => return Fault::Away(error.to_string()),
                Some(Ok(frame)) => {
                    buffer.extend_from_slice(
                        frame.data_ref().map(|data| &**data).unwrap_or_default(),
                    );
                }
            }
            while let Some(newline) = memchr::memchr(b'\n', &buffer) {
                let rest = buffer.split_off(newline + 1);
                let line = std::mem::replace(&mut buffer, rest);
                if let Ok(event) = serde_json::from_slice(&line)
                    && let Err(fault) = self.take_event(&event).await
                {
                    return fault;
                }
            }
            if limits::DOCKER_RECORD_BYTES_MAX < buffer.len() {
                return Fault::Away("an event has no end".to_owned());
            }
        }
    }

    async fn take_event(&mut self, event: &Value) -> Result<(), Fault> {
        let text = |pointer| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let id = text("/Actor/ID");
        if !container::is_id(id) {
            return Ok(());
        }
        match text("/Action") {
            "create" | "rename" | "update" => self.look(id, Begin::AtBeginning, false).await,
            "start" => self.start(id).await,
            "die" => {
                self.note_end(id);
                Ok(())
            }
            "destroy" => {
                self.remove(id);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A container has started. If it is known its follower is told at once: it may live for some milliseconds only.
    async fn start(&mut self, id: &str) -> Result<(), Fault> {
        match self.followed.get(id) {
            Some(known) => {
                known.send_modify(|known| {
                    known.starts += 1;
                    known.container = running(&known.container, true);
                });
                Ok(())
            }
            None => self.look(id, Begin::AtBeginning, true).await,
        }
    }

    fn note_end(&self, id: &str) {
        if let Some(known) = self.followed.get(id) {
            known.send_modify(|known| known.container = running(&known.container, false));
        }
    }

    /// Forgets positions that nobody needs any more.
    fn tidy(&mut self) {
        let (followed, reading) = (&self.followed, &self.reading);
        self.gone.retain(|(id, stream)| {
            if followed.contains_key(id) {
                // It ended though it is there: its driver keeps nothing to read.
                return false;
            }
            let settled = stream.is_settled();
            if settled {
                reading.positions.forget(id);
            }
            !settled
        });
    }
}

fn running(container: &Container, running: bool) -> Arc<Container> {
    Arc::new(Container {
        running,
        started: true,
        ..container.clone()
    })
}
