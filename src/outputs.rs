//! Outputs: an encoder that a worker runs over its batch, and a task that sends what was encoded. Each plugin is one
//! file or folder and one line of `ALL`.

pub mod elasticsearch;
pub mod file;
pub mod graphite;
pub mod null;
pub mod stdout;

use crate::event::{Batch, EventId};
use crate::pipeline::Building;
use crate::plugin::{Options, Plugin};
use crate::queue::ack::Ack;

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

/// A checked output, before anything is opened.
pub trait Output: Send {
    /// Whether what it can never deliver goes to the dead letter queue.
    fn keeps_dead_letters(&self) -> bool {
        false
    }

    /// Opens what is needed and starts the sending task, on the present tokio runtime.
    fn start(self: Box<Self>) -> Started;
}

/// A running output.
pub struct Started {
    /// For the first worker; others take forks. The task ends when all are gone and everything is sent.
    pub encoder: Box<dyn Encoder>,
    pub task: tokio::task::JoinHandle<()>,
}

/// The part of an output that a worker runs: events to documents or samples, into the output's queue. It may block while
/// that queue is full.
pub trait Encoder: Send {
    /// Encodes the selected events. What it keeps of the batch holds a clone of `batch.ack`.
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]);

    /// The worker's input pauses: what was encoded goes out now.
    fn flush(&mut self);

    fn fork(&self) -> Box<dyn Encoder>;

    /// Takes a dead letter's action and document, as they were sent before. Only of outputs that keep such.
    fn resend(&mut self, _action: &[u8], _document: &[u8], _ack: &Ack) {}
}
