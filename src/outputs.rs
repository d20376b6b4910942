//! Outputs: an encoder that a worker runs over its batch, and a task that sends what was encoded. Each plugin is one
//! file or folder and one line of `ALL`.

pub mod elasticsearch;
pub mod file;
pub mod graphite;
pub mod leave;
pub mod null;
mod pipe;
pub mod stdout;
mod succession;

use std::path::{Path, PathBuf};

use crate::event::{Batch, EventId};
use crate::limits;
use crate::outputs::graphite::Writers;
use crate::outputs::leave::Notice;
use crate::outputs::succession::Ways;
use crate::pipeline::Building;
use crate::pipeline::compile::InputKinds;
use crate::plugin::{Options, Plugin};
use crate::queue::ack::Ack;
use crate::queue::block::Spares;
use crate::queue::ends::{self, DiskEnds, Inlet, Outlet};
use crate::queue::policy::{Kind, Policy};
use crate::queue::queues::Queues;

/// Every output of the agent.
pub const ALL: &[OutputPlugin] = &[
    elasticsearch::PLUGIN,
    file::PLUGIN,
    graphite::PLUGIN,
    null::PLUGIN,
    stdout::PLUGIN,
];

/// An output's description and how it is built.
pub struct OutputPlugin {
    pub plugin: &'static Plugin,
    pub build: fn(&Options, &mut Building<'_>) -> Option<Box<dyn Output>>,
}

/// What of an output's documents goes through its queue on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// It has none.
    None,
    /// All, where the settings ask for a queue by name.
    Asked,
    /// What it does not take in time.
    Overflow,
    /// All that are to wait there by the policy.
    All,
}

impl Queue {
    /// What it comes to for a pipeline with these inputs.
    pub fn under(self, kind: Kind, inputs: InputKinds) -> Self {
        let is_asked_for = kind == Kind::Persisted && inputs.outlive;
        match self {
            Self::Asked if is_asked_for => Self::All,
            Self::Overflow | Self::All if kind.keeps(inputs.pushed) => self,
            _ => Self::None,
        }
    }
}

/// A checked output, before anything is opened.
pub trait Output: Send {
    /// What of its documents may wait on disk.
    fn queue(&self) -> Queue {
        Queue::None
    }

    /// The file in the data folder with what it has not delivered, if it keeps such.
    fn state(&self) -> Option<&Path> {
        None
    }

    /// Nothing is to be kept: the pipeline's inputs belong to this process, and end with it.
    fn keep_nothing(&mut self) {}

    /// Whether what it can never deliver goes to the dead letter queue.
    fn keeps_dead_letters(&self) -> bool {
        false
    }

    /// All of that is to go there, whatever the user wants dropped: it comes from there.
    fn keep_all_letters(&mut self) {}

    /// Opens what is needed and starts the sending task, on the present tokio runtime.
    fn start(self: Box<Self>, opening: &Opening<'_>) -> Started;

    /// Files with certificates and keys: when one of them is changed, the output is built anew.
    fn certificates(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Files and folders that it changes, itself or what lies below; others are closed to it.
    fn written(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// What an output is started with.
pub struct Opening<'a> {
    pub queues: &'a Queues,
    pub policy: &'a Policy,
    pub successions: &'a Successions,
    pub notice: Notice,
}

/// What outputs of one name hand down over reloads.
#[derive(Default)]
pub struct Successions {
    /// Who keeps which sums.
    pub writers: Writers,
    requests: Ways<elasticsearch::Way>,
    files: Ways<file::Way>,
}

impl Successions {
    /// Outputs have other names from now on, or none.
    pub fn rename(&self, names: &[(PathBuf, Option<PathBuf>)]) {
        self.requests.rename(names);
        self.files.rename(names);
    }
}

impl Opening<'_> {
    /// What the output with this id is called beside those of all pipelines.
    pub fn name(&self, id: &str) -> PathBuf {
        self.policy.folder_of(id)
    }

    /// The queue in front of the output with this id. It leads over the disk if one was opened there. Used buffers are
    /// given back to `spares`.
    pub fn queue(&self, id: &str, spares: &Spares) -> (Inlet, Outlet) {
        ends::queue(self.policy.kind, self.disk(id, spares))
    }

    /// The queue on disk of the output with this id, if one was opened.
    pub fn disk(&self, id: &str, spares: &Spares) -> Option<DiskEnds> {
        self.queues.attach(&self.policy.folder_of(id), spares)
    }
}

/// A running output.
pub struct Started {
    /// For the first worker; others take forks. The task ends when all are gone and everything is sent.
    pub encoder: Box<dyn Encoder>,
    pub task: tokio::task::JoinHandle<()>,
}

/// Whether what has gathered since a time has to go out now, both in nanoseconds since 1970: until it is on disk it is in memory
/// alone. A clock that was set back makes it old as well.
pub fn has_gathered(since: i64, now: i64) -> bool {
    let young = 0..limits::QUEUE_BLOCK_AGE.as_nanos() as i64;
    !young.contains(&(now - since))
}

/// The part of an output that a worker runs: events to documents or samples, into the output's queue. It may block while
/// that queue is full.
pub trait Encoder: Send {
    /// Encodes the selected events. What it keeps of the batch holds a clone of `batch.ack`.
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]);

    /// The worker's input pauses: what was encoded goes out now.
    fn flush(&mut self);

    /// A batch that was received at this time (nanoseconds since 1970) is done, with events for this output or without: what
    /// must not wait for more goes out.
    fn pass_time(&mut self, _now: i64) {}

    fn fork(&self) -> Box<dyn Encoder>;

    /// Takes a dead letter's action and document, as they were sent before. Only of outputs that keep such.
    fn resend(&mut self, _action: &[u8], _document: &[u8], _ack: &Ack) {}
}
