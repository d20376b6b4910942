//! The thread that keeps the index: from the Engine's list and events, or from the descriptions in Docker's folder. Where
//! neither can be had it says so once and tries again.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::sync::mpsc;

use super::{Reach, Shared, Source};
use crate::docker::container::{self, Container};
use crate::docker::engine::{Backoff, Engine, Fault};
use crate::host;
use crate::limits;

/// How often it is asked whether anybody still needs the index.
const PULSE: Duration = Duration::from_secs(1);

pub fn spawn(shared: Weak<Shared>, source: Source, asks: mpsc::Receiver<String>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let keeper = Keeper { shared, asks };
    let thread = std::thread::Builder::new().name("containers".to_owned());
    thread.spawn(move || runtime.block_on(keeper.run(source)))?;
    Ok(())
}

struct Keeper {
    shared: Weak<Shared>,
    asks: mpsc::Receiver<String>,
}

impl Keeper {
    async fn run(mut self, source: Source) {
        let mut backoff = Backoff::default();
        let mut said = false;
        loop {
            let mut missing = Vec::new();
            if let Some(engine) = &source.engine {
                let fault = self.follow_engine(engine, &mut backoff).await;
                missing.push(format!("the socket {}: {fault}", engine.socket().display()));
            }
            for root in &source.data_roots {
                if let Err(error) = self
                    .follow_files(&root.join("containers"), &mut backoff)
                    .await
                {
                    missing.push(format!("{}: {error}", root.join("containers").display()));
                }
            }
            let Some(shared) = self.shared.upgrade() else {
                return;
            };
            shared.change(|state| state.reach = Reach::Away);
            drop(shared);
            if !std::mem::replace(&mut said, true) {
                tracing::warn!(
                    "docker: containers' names and labels cannot be had ({}). Start Docker, add the user of sawlog to \
                     the group docker, or run as root. Events go on without; it is tried again",
                    missing.join("; ").escape_debug()
                );
            }
            tokio::time::sleep(backoff.step()).await;
        }
    }

    /// Changes the index. False if nobody needs it any more.
    fn change(&self, change: impl FnOnce(&mut super::State)) -> bool {
        match self.shared.upgrade() {
            Some(shared) => {
                shared.change(change);
                true
            }
            None => false,
        }
    }

    async fn follow_engine(&mut self, engine: &Engine, backoff: &mut Backoff) -> Fault {
        let since = host::now_nanos() - limits::DOCKER_EVENTS_OVERLAP.as_nanos() as i64;
        let ids = match engine.list().await {
            Ok(ids) => ids,
            Err(fault) => return fault,
        };
        for id in &ids {
            let known = self
                .shared
                .upgrade()
                .is_some_and(|shared| shared.state().index.contains(id));
            if let Ok(container) = engine.inspect(id).await
                && !self.change(|state| state.index.put(container))
                && !known
            {
                return Fault::Gone;
            }
        }
        let up = self.change(|state| {
            state.index.keep_only(&ids);
            state.reach = Reach::Up;
        });
        let mut events = match engine.events(since).await {
            Ok(events) if up => events,
            Ok(_) => return Fault::Gone,
            Err(fault) => return fault,
        };
        backoff.reset();
        loop {
            tokio::select! {
                events = events.next() => match events {
                    Ok(events) => events.iter().for_each(|event| self.take_event(event)),
                    Err(fault) => return fault,
                },
                Some(key) = self.asks.recv() => self.ask(engine, key).await,
                () = tokio::time::sleep(PULSE) => {}
            }
            if self.shared.strong_count() == 0 {
                return Fault::Gone;
            }
        }
    }

    fn take_event(&self, event: &Value) {
        let action = event
            .get("Action")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(container) = event.get("Actor").and_then(Container::from_event) else {
            return;
        };
        self.change(|state| match action {
            "create" | "start" => state.index.put(container),
            "rename" => state.index.rename(&container.id, &container.name),
            "destroy" => state.index.remove(&container.id),
            _ => {}
        });
    }

    async fn ask(&self, engine: &Engine, key: String) {
        let answer = engine.inspect(&key).await;
        self.change(|state| match answer {
            Ok(container) => {
                state.index.put(container);
                // It was found by another spelling than its own.
                if state.index.find(&key).is_none() {
                    state.index.note_missing(key);
                }
            }
            Err(_) => state.index.note_missing(key),
        });
    }

    /// Reads the descriptions again when something is asked that is not known, and from time to time.
    async fn follow_files(&mut self, folder: &Path, backoff: &mut Backoff) -> io::Result<()> {
        let mut read = HashMap::new();
        self.scan(folder, &mut read)?;
        self.change(|state| state.reach = Reach::Up);
        backoff.reset();
        let mut ticks = tokio::time::interval(limits::DOCKER_TIDY_INTERVAL);
        loop {
            tokio::select! {
                Some(key) = self.asks.recv() => {
                    self.scan(folder, &mut read)?;
                    self.change(|state| {
                        if state.index.find(&key).is_none() {
                            state.index.note_missing(key);
                        }
                    });
                }
                _ = ticks.tick() => self.scan(folder, &mut read)?,
                () = tokio::time::sleep(PULSE) => {}
            }
            if self.shared.strong_count() == 0 {
                return Ok(());
            }
        }
    }

    /// Reads each description that is new or was replaced since the last time.
    fn scan(&self, folder: &Path, read: &mut HashMap<PathBuf, SystemTime>) -> io::Result<()> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let Some(id) = entry
                .file_name()
                .to_str()
                .filter(|id| container::is_id(id))
                .map(str::to_owned)
            else {
                continue;
            };
            let path = entry.path();
            // A container that is removed at this moment is no fault of the folder.
            let Ok(modified) =
                std::fs::metadata(path.join("config.v2.json")).and_then(|file| file.modified())
            else {
                continue;
            };
            ids.push(id);
            if read.get(&path) == Some(&modified) {
                continue;
            }
            match Container::read(&path) {
                Ok(container) => {
                    read.insert(path, modified);
                    self.change(|state| state.index.put(container));
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(_) => {}
            }
        }
        read.retain(|path, _| path.exists());
        self.change(|state| state.index.keep_only(&ids));
        Ok(())
    }
}
