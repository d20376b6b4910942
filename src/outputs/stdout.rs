//! `stdout`: events as text on the standard output, written whenever the input pauses.

use std::io::{self, Write};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::codecs::Codec;
use crate::event::{Batch, EventId};
use crate::limits;
use crate::metrics::PluginMetrics;
use crate::outputs::{Encoder, Opening, Output, OutputPlugin, Started};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use crate::queue::ack::Ack;

pub const PLUGIN: OutputPlugin = OutputPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Output,
    name: "stdout",
    summary: "Writes events to the standard output. What was read is written before the agent waits for more.",
    options: &[Opt::new("codec", Kind::Codec, "How events are written.").default("rubydebug")],
    absent: &[],
};

struct Stdout {
    codec: Codec,
    metrics: Arc<PluginMetrics>,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Output>> {
    let codec = Codec::build(options.codec("codec"), building)?;
    Some(Box::new(Stdout {
        codec,
        metrics: building.metrics.plugin(options),
    }))
}

/// Events as they will be written, and whom to tell then.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    events: u64,
    acks: Vec<Ack>,
}

impl Output for Stdout {
    fn start(self: Box<Self>, _: &Opening<'_>) -> Started {
        let (sender, receiver) = mpsc::channel(limits::TEXTS_WAITING_MAX);
        let metrics = Arc::clone(&self.metrics);
        let task = tokio::task::spawn_blocking(move || run(receiver, &metrics));
        let encoder = StdoutEncoder {
            codec: self.codec,
            open: Text::default(),
            sender,
        };
        Started {
            encoder: Box::new(encoder),
            task,
        }
    }
}

/// Writes until all encoders are gone. A reader that went away ends the process, as it does for any filter of a shell.
fn run(mut texts: mpsc::Receiver<Text>, metrics: &PluginMetrics) {
    let mut output = io::stdout();
    while let Some(text) = texts.blocking_recv() {
        match output.write_all(&text.bytes).and_then(|()| output.flush()) {
            Ok(()) => {
                metrics.events_out.add(text.events);
                text.acks.into_iter().for_each(Ack::settle);
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    tracing::error!("cannot write to the standard output: {error}");
                }
                std::process::exit(0);
            }
        }
    }
}

struct StdoutEncoder {
    codec: Codec,
    open: Text,
    sender: mpsc::Sender<Text>,
}

impl Encoder for StdoutEncoder {
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]) {
        for &id in selected {
            self.codec.encode(batch, id, &mut self.open.bytes);
        }
        self.open.events += selected.len() as u64;
        self.open.acks.push(batch.ack.clone());
        if limits::TEXT_BYTES < self.open.bytes.len() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.open.acks.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.open);
        if self.sender.blocking_send(text).is_err() {
            tracing::debug!("the standard output is closed: its events stay unacknowledged");
        }
    }

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            codec: self.codec.clone(),
            open: Text::default(),
            sender: self.sender.clone(),
        })
    }
}

impl Drop for StdoutEncoder {
    fn drop(&mut self) {
        self.flush();
    }
}
