//! Input `stdin`: the standard input, to its end. It cannot be read again, so it has no position.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::io::Errno;
use tokio::task::JoinHandle;

use crate::codecs::framing::NEWLINE;
use crate::event::Batch;
use crate::event::batch::Decode;
use crate::inputs::cutter::Cutter;
use crate::inputs::origin::{self, Origin};
use crate::inputs::stop_signal::{StopSignal, Woken};
use crate::inputs::{Flow, Input, InputPlugin, Source};
use crate::limits;
use crate::pipeline::worker::Stopped;
use crate::plugin::{Plugin, Section};
use crate::queue::ack::Ack;

/// The input `stdin`.
pub const PLUGIN: InputPlugin = InputPlugin {
    plugin: &Plugin {
        section: Section::Input,
        name: "stdin",
        summary: "Reads the standard input, one event for each line. At its end the input ends, and with the last input \
                  the agent.",
        options: &[],
        absent: &[],
    },
    build: |options, building| {
        let origin = Origin::of_stream(options, NEWLINE, building)?;
        let host = building.ecs(options).pick("host", "[host][hostname]");
        let host = building.known(host);
        let origin = origin.with_text(&host, building.surroundings.host_name.as_bytes());
        Some(Box::new(Stdin {
            origin: Arc::new(origin),
        }))
    },
};

struct Stdin {
    origin: Arc<Origin>,
}

impl Input for Stdin {
    fn source(&self) -> Source {
        Source::Private
    }

    fn start(self: Box<Self>, flow: Flow) -> JoinHandle<()> {
        let stop = StopSignal::spawn(&flow);
        tokio::task::spawn_blocking(move || {
            let source = io::stdin();
            let done = stop.and_then(|stop| run(source, &self.origin, &flow, &stop));
            if let Err(error) = done {
                tracing::error!(%error, "stdin cannot be read any further");
            }
        })
    }
}

/// Reads to the end of `source`.
fn run(source: impl AsFd, origin: &Arc<Origin>, flow: &Flow, stop: &StopSignal) -> io::Result<()> {
    let framing = &origin.codec().framing;
    let mut cutter = Cutter::default();
    loop {
        if stop.wait(Some(source.as_fd()), None)? == Woken::Stop {
            break;
        }
        let mut room = cutter.room(limits::READ_BYTES);
        let count = match rustix::io::read(&source, &mut room.bytes[room.start..]) {
            Ok(count) => count,
            Err(Errno::INTR | Errno::AGAIN) => {
                cutter.cut(room, 0, framing);
                continue;
            }
            Err(error) => {
                cutter.cut(room, 0, framing);
                hand_over(cutter.rest(), origin, flow).unwrap_or(());
                return Err(error.into());
            }
        };
        let whole = cutter.cut(room, count, framing);
        if hand_over(whole, origin, flow) == Err(Stopped) {
            return Ok(());
        }
        if count == 0 {
            break;
        }
    }
    // Nobody is left to work on the rest if the agent is stopping already.
    hand_over(cutter.rest(), origin, flow).unwrap_or(());
    Ok(())
}

fn hand_over(bytes: Vec<u8>, origin: &Arc<Origin>, flow: &Flow) -> Result<(), Stopped> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::new(bytes, Arc::clone(&flow.names), origin::now(), Ack::none());
    batch.decode = Some(Arc::clone(origin) as Arc<dyn Decode>);
    flow.batches.send_blocking(batch)
}
