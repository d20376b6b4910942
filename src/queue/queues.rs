//! The queues on disk that the agent has open, outside of the pipelines: a reload gives the running queue to the new
//! pipeline, so that nothing is opened twice and nothing that waits is read twice.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::limits;
use crate::metrics::PluginMetrics;
use crate::queue::block::{Block, Spares};
use crate::queue::disk::{self, Folder};
use crate::queue::ends::DiskEnds;
use crate::queue::folders::{self, Queue};
use crate::queue::keeper::{self, Desk, Using};
use crate::queue::log::Log;
use crate::queue::policy::Policy;

/// All open queues by their folders.
#[derive(Default)]
pub struct Queues {
    open: Mutex<HashMap<PathBuf, Open>>,
    /// Those of earlier configurations, until the last of their documents is on disk.
    closing: Mutex<HashMap<PathBuf, Handle>>,
}

struct Open {
    inlet: mpsc::Sender<Block>,
    keeper: Handle,
}

/// The keeper of a queue, which ends once nobody holds its inlet.
struct Handle {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
}

impl Queues {
    /// Opens the queue of the output with these metrics, if it is not open. What an earlier run left in it is sent first.
    pub fn open(&self, policy: &Policy, metrics: &Arc<PluginMetrics>) -> io::Result<()> {
        let folder = policy.folder_of(&metrics.id);
        let mut open = self.all();
        if open.contains_key(&folder) {
            return Ok(());
        }
        if self.is_closing(&folder) {
            let why = "an earlier configuration still uses it";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
        }
        let (inlet, incoming) = mpsc::channel(limits::BULK_BLOCKS_WAITING_MAX);
        let desk = Arc::new(Desk::default());
        let thread = keeper::spawn(&folder, policy, metrics, incoming, Arc::clone(&desk))?;
        let one = Open {
            inlet,
            keeper: Handle { desk, thread },
        };
        open.insert(folder, one);
        Ok(())
    }

    /// Gives a queue to a pipeline that starts; it gets what waits in it once the output that used it before has ended, and
    /// that one gets nothing more. None if there is no open
    /// queue in that folder.
    pub fn attach(&self, folder: &Path, spares: &Spares) -> Option<DiskEnds> {
        let open = self.all();
        let queue = open.get(folder)?;
        let (forward, outlet) = mpsc::channel(limits::BULK_BLOCKS_WAITING_MAX);
        let (encoders, encoders_end) = mpsc::channel(1);
        let (taker, taker_end) = mpsc::channel(1);
        queue.keeper.desk.put(Using {
            forward: Some(forward),
            encoders: encoders_end,
            taker: taker_end,
            spares: spares.clone(),
        });
        Some(DiskEnds {
            inlet: queue.inlet.clone(),
            encoders,
            taker,
            outlet,
        })
    }

    /// Closes those in other folders than these, of outputs that are gone. What waits in them stays on disk; nobody makes room there
    /// any more, so who waits for some waits no longer.
    pub fn keep(&self, wanted: &[PathBuf]) {
        let mut open = self.all();
        let unwanted: Vec<_> = open
            .extract_if(|folder, _| !wanted.contains(folder))
            .collect();
        drop(open);
        unwanted
            .iter()
            .for_each(|(_, queue)| queue.keeper.desk.call_last());
        // Their threads end once the old encoders are gone.
        let unwanted = unwanted.into_iter();
        self.closing()
            .extend(unwanted.map(|(folder, queue)| (folder, queue.keeper)));
    }

    /// Whether an earlier configuration still puts documents into the queue in a folder.
    fn is_closing(&self, folder: &Path) -> bool {
        let mut closing = self.closing();
        closing.retain(|_, one| !one.thread.is_finished());
        closing.contains_key(folder)
    }

    /// Queues that no output has, of whatever pipeline, and how many documents wait in each; but for those that another
    /// process has.
    pub fn orphans(&self, path_queue: &Path) -> Vec<(u64, Queue)> {
        let open = self.all();
        // A folder that is not there, or not ours to read, has nothing for us.
        let all = folders::all(path_queue).unwrap_or_default().into_iter();
        all.filter(|queue| !open.contains_key(&queue.path))
            .map(|queue| (waiting_in(&queue.path), queue))
            .filter(|(documents, _)| 0 < *documents)
            .filter(|(_, queue)| self.is_closing(&queue.path) || !disk::is_held(&queue.path))
            .collect()
    }

    /// The agent ends, and the outputs of these queues have: who waits for room waits no longer.
    pub fn call_last(&self, folders: &[PathBuf]) {
        let open = self.all();
        let keepers = open.iter().map(|(folder, queue)| (folder, &queue.keeper));
        let closing = self.closing();
        keepers
            .chain(closing.iter())
            .filter(|(folder, _)| folders.contains(folder))
            .for_each(|(_, keeper)| keeper.desk.call_last());
    }

    /// Closes all of them: what could be put in is on disk when this returns. To be called when the encoders are gone, or are not
    /// waited for any longer.
    pub fn close(&self) {
        let open = std::mem::take(&mut *self.all());
        let closing = std::mem::take(&mut *self.closing());
        // All inlets are given up before the first keeper is waited for.
        let open = open.into_values().map(|queue| queue.keeper);
        let queues: Vec<_> = open.chain(closing.into_values()).collect();
        queues.iter().for_each(|queue| queue.desk.close());
        for queue in queues {
            if queue.thread.join().is_err() {
                tracing::error!("a queue on disk ended by a fault");
            }
        }
    }

    fn closing(&self) -> MutexGuard<'_, HashMap<PathBuf, Handle>> {
        self.closing.lock().expect("no holder of this lock panics")
    }

    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, Open>> {
        self.open.lock().expect("no holder of this lock panics")
    }
}

/// How many documents wait in the queue in a folder, as far as is written there; none if there is no queue.
pub fn waiting_in(folder: &Path) -> u64 {
    let viewed = Folder::view(folder).and_then(Log::view);
    viewed.map_or(0, |(log, _)| log.pending().documents)
}

#[cfg(test)]
mod tests;
