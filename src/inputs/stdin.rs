//! Input `stdin`: the standard input, to its end. It cannot be read again, so it has no position.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::io::Errno;
use sawlog_parsers::lines::Delimiter;
use tokio::task::JoinHandle;

use crate::event::batch::Decode;
use crate::event::{Batch, Provenance};
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
        let origin = Origin::of_stream(options, Delimiter::newline(), building)?;
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
            let done = stop.and_then(|stop| run(&source, &self.origin, &flow, &stop));
            if let Err(error) = done {
                tracing::error!(%error, "stdin cannot be read any further");
            }
        })
    }
}

/// Reads to the end of `source`.
fn run(source: &impl AsFd, origin: &Arc<Origin>, flow: &Flow, stop: &StopSignal) -> io::Result<()> {
    let framing = &origin.codec().framing;
    let mut cutter = Cutter::default();
    let mut out = Out {
        origin,
        flow,
        provenance: Provenance::unrepeatable(origin::now()),
        offset: 0,
    };
    loop {
        if stop.wait(Some(source.as_fd()), None)? == Woken::Stop {
            break;
        }
        let mut room = cutter.room(limits::READ_BYTES);
        let count = match rustix::io::read(source, &mut room.bytes[room.start..]) {
            Ok(count) => count,
            Err(Errno::INTR | Errno::AGAIN) => {
                cutter.cut(room, 0, framing);
                continue;
            }
            Err(error) => {
                cutter.cut(room, 0, framing);
                out.hand_over(cutter.rest()).unwrap_or(());
                return Err(error.into());
            }
        };
        let whole = cutter.cut(room, count, framing);
        if out.hand_over(whole) == Err(Stopped) {
            return Ok(());
        }
        if count == 0 {
            break;
        }
    }
    // Nobody is left to work on the rest if the agent is stopping already.
    out.hand_over(cutter.rest()).unwrap_or(());
    Ok(())
}

/// Where what was read goes.
struct Out<'a> {
    origin: &'a Arc<Origin>,
    flow: &'a Flow,
    provenance: Provenance,
    /// Bytes that were handed over.
    offset: u64,
}

impl Out<'_> {
    fn hand_over(&mut self, bytes: Vec<u8>) -> Result<(), Stopped> {
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.len() as u64;
        let names = Arc::clone(&self.flow.names);
        let mut batch = Batch::new(bytes, names, origin::now(), Ack::none());
        batch.come_from(self.provenance, self.offset);
        self.offset += length;
        batch.decode = Some(Arc::clone(self.origin) as Arc<dyn Decode>);
        self.flow.batches.send_blocking(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Write};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::runtime::Runtime;
    use tokio::sync::{mpsc, watch};

    use super::{Origin, StopSignal, run};
    use sawlog_parsers::lines::Delimiter;

    use crate::event::{Batch, EventId, Names};
    use crate::inputs::Flow;
    use crate::metrics::Metrics;
    use crate::pipeline::building::Surroundings;
    use crate::pipeline::worker::Batches;
    use crate::pipeline::{Building, Ecs};
    use crate::plugin::Options;

    fn origin(names: &mut Names) -> Arc<Origin> {
        let surroundings = Surroundings {
            ecs: Ecs::Disabled,
            support_escapes: false,
            path_data: "data".into(),
            dead_letters: None,
            pipeline: "main".to_owned(),
            host_name: "web1".to_owned(),
        };
        let mut building = Building {
            names,
            diagnostics: &mut Vec::new(),
            surroundings: &surroundings,
            metrics: &Arc::new(Metrics::default()),
            origins: Vec::new(),
        };
        let options = Options::bare(super::PLUGIN.plugin, "stdin");
        let origin = Origin::of_stream(&options, Delimiter::newline(), &mut building);
        Arc::new(origin.expect("the options are good"))
    }

    /// Runs the input over a pipe; `write` gets the other end and the order to stop. Gives the messages.
    fn messages(write: impl FnOnce(PipeWriter, &watch::Sender<bool>)) -> Vec<String> {
        let mut names = Names::default();
        let origin = origin(&mut names);
        let (sender, mut batches) = mpsc::channel::<Batch>(64);
        let (order, stop) = watch::channel(false);
        let flow = Flow {
            batches: Batches::to(vec![sender]),
            names: Arc::new(names),
            stop,
            sockets: Arc::default(),
            positions: Arc::new(Mutex::new(Vec::new())),
        };
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        let runtime = Runtime::new().expect("a runtime can be made");
        let inside = runtime.enter();
        let stop = StopSignal::spawn(&flow).expect("there is a descriptor left");
        let task = tokio::task::spawn_blocking(move || run(&reader, &origin, &flow, &stop));
        drop(inside);
        write(writer, &order);
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(20), task).await })
            .expect("the input ends in time")
            .expect("the input does not panic")
            .expect("the pipe can be read");
        let mut messages = Vec::new();
        while let Ok(mut batch) = batches.try_recv() {
            let decode = batch.decode.take().expect("the worker decodes");
            decode.decode(&mut batch);
            for index in 0..batch.event_count() {
                let mut out = Vec::new();
                batch.write_json_fields(EventId(index as u32), &mut out, |name| {
                    name == crate::event::Name::MESSAGE
                });
                messages.push(String::from_utf8(out).expect("JSON is UTF-8"));
            }
        }
        messages
    }

    #[test]
    fn a_last_line_without_end_is_an_event() {
        let got = messages(|mut writer, _| {
            writer.write_all(b"one\ntwo").expect("the pipe is open");
        });
        assert_eq!(got, [r#"{"message":"one"}"#, r#"{"message":"two"}"#]);
    }

    #[test]
    fn nothing_gives_no_event() {
        assert_eq!(messages(|_, _| {}), [""; 0]);
    }

    #[test]
    fn an_open_stdin_does_not_keep_the_agent_from_stopping() {
        let mut open = None;
        let got = messages(|writer, order| {
            order.send(true).expect("the input listens");
            open = Some(writer);
        });
        assert_eq!(got, [""; 0]);
        assert!(open.is_some());
    }
}
