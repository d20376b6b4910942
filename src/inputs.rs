//! Inputs: they read at their own pace and hand whole batches to the workers. Each plugin is one file or folder and one
//! line of `ALL`.

pub mod archive;
pub mod cutter;
pub mod docker;
pub mod file;
pub mod generator;
pub mod origin;
pub mod rotated;
pub mod sockets;
pub mod stdin;
pub mod stop_signal;
pub mod stream;
pub mod syslog;
pub mod tls;
pub mod unfinished;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::watch;

use crate::event::Names;
use crate::inputs::sockets::Sockets;
use crate::pipeline::Building;
use crate::pipeline::worker::Batches;
use crate::plugin::{Options, Plugin};
use crate::queue::positions::{self, Positions};

/// Every input of the agent.
pub const ALL: &[InputPlugin] = &[
    docker::PLUGIN,
    file::PLUGIN,
    generator::PLUGIN,
    stdin::PLUGIN,
    syslog::PLUGIN,
];

/// An input's description and how it is built.
pub struct InputPlugin {
    pub plugin: &'static Plugin,
    pub build: fn(&Options, &mut Building<'_>) -> Option<Box<dyn Input>>,
}

/// What becomes of an input's data when nobody reads it for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It can be read again from a position, which the data folder keeps.
    Rereadable,
    /// It waits in a socket or is lost.
    Pushed,
    /// It belongs to this process, like stdin: a reload cannot take it over.
    Private,
}

/// A checked input, before anything is opened.
pub trait Input: Send {
    fn source(&self) -> Source;

    /// Starts to read, on the present tokio runtime; a reading thread is a `spawn_blocking` task. What cannot be opened is
    /// said once in plain words and tried again where waiting helps. Sockets that outlive a reload have been asked for when
    /// this returns. The task ends at the end of the input, or soon after
    /// `flow.stop` turns true, when everything that was read has been handed over.
    fn start(self: Box<Self>, flow: Flow) -> tokio::task::JoinHandle<()>;

    /// What the file is named by in which it keeps positions, if other inputs may name theirs alike.
    fn positions_name(&self) -> Option<String> {
        None
    }

    /// Says that it is the one with that number, from 1 on, of those that name their positions alike.
    fn set_number(&mut self, _number: usize) {}

    /// Where it listens for connections, which it takes over from an input that a reload ends.
    fn listens_at(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// Where it receives datagrams.
    fn receives_at(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// Files and folders besides the data folder that it changes, itself or what lies below; others are closed to it.
    fn written(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Tells inputs of all pipelines apart that name their positions alike: each then keeps its own.
pub fn tell_apart<'a>(inputs: impl Iterator<Item = &'a mut Box<dyn Input>>) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for input in inputs {
        if let Some(name) = input.positions_name() {
            let count = counts.entry(name).or_default();
            *count += 1;
            input.set_number(*count);
        }
    }
}

/// What an input works with.
#[derive(Clone)]
pub struct Flow {
    pub batches: Batches,
    /// The names of the pipeline, for new batches.
    pub names: Arc<Names>,
    /// Turns true when the input has to stop.
    pub stop: watch::Receiver<bool>,
    /// Sockets that stay open over a reload.
    pub sockets: Arc<Sockets>,
    /// All positions in use; the agent saves them from time to time and at the end, when the outputs are done.
    pub positions: Arc<Mutex<Vec<Positions>>>,
}

impl Flow {
    /// Whether the input has to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// The positions in a file, saved from now on. After a reload these are the ones that were in use before.
    pub fn open_positions(&self, path: &Path) -> io::Result<Positions> {
        let mut all = self
            .positions
            .lock()
            .expect("no holder of this lock panics");
        if let Some(known) = all.iter().find(|known| known.path() == path) {
            return Ok(known.clone());
        }
        let opened = Positions::open(path)?;
        all.push(opened.clone());
        Ok(opened)
    }

    /// What the positions in a file are, in use or not.
    pub fn peek(&self, path: &Path) -> io::Result<BTreeMap<String, Value>> {
        let all = self
            .positions
            .lock()
            .expect("no holder of this lock panics");
        match all.iter().find(|known| known.path() == path) {
            Some(known) => Ok(known.all_reached()),
            None => positions::read(path),
        }
    }
}
