//! Containers through the Engine's API: events tell of those that start, die, are renamed or removed; a list after each
//! (re)connection tells what was missed. Each container has a follower of its own.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::docker::container::{self, Container};
use crate::docker::engine::{Backoff, Engine, Fault};
use crate::docker::events::Events;
use crate::host;
use crate::inputs::docker::follow::Follower;
use crate::inputs::docker::known::{Known, describe};
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

impl Scope {
    /// Whether a container is to be read, and through the API.
    pub fn takes(self, reading: &Reading, container: &Container) -> bool {
        let by_files = self == Self::WithoutFiles && matches!(&*container.driver, "json-file" | "");
        !by_files && reading.selection.takes(container) && reading.engine_reads(container)
    }
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
    followed: HashMap<String, Arc<watch::Sender<Known>>>,
    followers: JoinSet<(String, positions::Stream)>,
    looks: JoinSet<()>,
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
            looks: JoinSet::new(),
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
            Ok(events) => events,
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
        for id in &ids {
            if !container::is_id(id) {
                continue;
            }
            if at_end && self.reading.position(id).is_none() {
                let now = Some(Last {
                    time: host::now_nanos(),
                    count: 0,
                    lines: Vec::new(),
                });
                let end = Position {
                    last: [now.clone(), now],
                    ..Position::default()
                };
                self.reading.positions.set(id, end.to_json());
            }
            match self.followed.get(id).map(Arc::clone) {
                Some(known) => self.look(known),
                None => drop(self.add(Container {
                    id: id.clone(),
                    ..Container::default()
                })),
            }
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

    /// Has a container described anew. The Engine can take long while it starts one, so nothing waits for it here.
    fn look(&mut self, known: Arc<watch::Sender<Known>>) {
        let (engine, reading, scope) = (self.engine.clone(), Arc::clone(&self.reading), self.scope);
        self.looks.spawn(async move {
            if let Err(fault) = describe(&engine, &reading, scope, &known).await {
                tracing::debug!("docker: {fault}");
            }
        });
    }

    /// Follows a container of which little is known yet.
    fn add(&mut self, container: Container) -> Arc<watch::Sender<Known>> {
        let id = container.id.clone();
        let wanted = self.scope == Scope::All && self.reading.selection.takes(&container);
        let known = Arc::new(watch::Sender::new(Known::heard_of(container, wanted)));
        let (engine, reading) = (self.engine.clone(), Arc::clone(&self.reading));
        let follower = Follower::new(engine, reading, self.scope, Arc::clone(&known));
        self.followers.spawn(follower.run());
        self.followed.insert(id, Arc::clone(&known));
        known
    }

    /// The container is gone; its follower ends when it has read everything.
    fn remove(&mut self, id: &str) {
        if let Some(known) = self.followed.remove(id) {
            known.send_modify(|known| known.gone = true);
        }
    }

    async fn take_events(&mut self, mut events: Events) -> Fault {
        let mut ticks = tokio::time::interval(limits::DOCKER_TIDY_INTERVAL);
        loop {
            let events = tokio::select! {
                events = events.next() => events,
                Some(ended) = self.looks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!("docker: a question to the Engine ended by a fault: {error}");
                    }
                    continue;
                }
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
            match events {
                Ok(events) => events.iter().for_each(|event| self.take_event(event)),
                Err(fault) => return fault,
            }
        }
    }

    fn take_event(&mut self, event: &Value) {
        let text = |pointer| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let Some(container) = event.get("Actor").and_then(Container::from_event) else {
            return;
        };
        let known = self.followed.get(&container.id).map(Arc::clone);
        match (text("/Action"), known) {
            ("create", None) => drop(self.add(container)),
            ("start", known) => {
                // It may live for some milliseconds only: its follower is told at once.
                let known = known.unwrap_or_else(|| self.add(container));
                known.send_modify(|known| {
                    known.starts += 1;
                    known.ended = false;
                });
            }
            ("die", Some(known)) => known.send_modify(|known| known.ended = true),
            ("rename" | "update", Some(known)) => self.look(known),
            ("destroy", Some(_)) => self.remove(&container.id),
            _ => {}
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
        if self.scope == Scope::All {
            let read = self.followed.values().filter(|known| known.borrow().wanted);
            self.reading.counters.containers.set(read.count() as u64);
        }
    }
}
