//! `stdout`: events as text on the standard output, written whenever the input pauses.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::codecs::Codec;
use crate::event::{Batch, EventId};
use crate::limits;
use crate::metrics::{Counter, DOCUMENTS_LOST, PluginMetrics};
use crate::outputs::leave::Notice;
use crate::outputs::{Encoder, Opening, Output, OutputPlugin, Started};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use crate::printable::Reader;
use crate::queue::ack::Ack;

pub const PLUGIN: OutputPlugin = OutputPlugin {
    plugin: &DESCRIPTION,
    build,
};

/// How long a writer waits before it tries a failed write again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// The same where the output's other end is slow and the output was opened so that nobody waits for it.
const CROWDED_WAIT: Duration = Duration::from_millis(10);

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
    fn lacks_queue(&self) -> Option<&'static str> {
        Some("the standard output has no queue on disk: while nobody reads it, inputs wait")
    }

    fn start(self: Box<Self>, opening: &Opening<'_>) -> Started {
        let (sender, receiver) = mpsc::channel(limits::TEXTS_WAITING_MAX);
        let lost = self.metrics.counter(DOCUMENTS_LOST);
        let writer = Writer {
            write: |bytes: &[u8]| Ok(rustix::io::write(io::stdout(), bytes)?),
            reader: Reader::of(&io::stdout()),
            metrics: self.metrics,
            notice: opening.notice.clone(),
            said: false,
        };
        let task = tokio::task::spawn_blocking(move || writer.run(receiver));
        let encoder = StdoutEncoder {
            codec: self.codec,
            open: Text::default(),
            sender,
            lost,
        };
        Started {
            encoder: Box::new(encoder),
            task,
        }
    }
}

/// The writing thread's state.
struct Writer<W> {
    /// Not the library's own standard output: that keeps a part of what it could not write.
    write: W,
    /// A terminal is not given what it would obey, whatever the codec.
    reader: Reader,
    metrics: Arc<PluginMetrics>,
    notice: Notice,
    /// Whether the present fault was told.
    said: bool,
}

impl<W: FnMut(&[u8]) -> io::Result<usize>> Writer<W> {
    /// Writes until all encoders are gone or it is told to leave.
    fn run(mut self, mut texts: mpsc::Receiver<Text>) {
        while let Some(text) = texts.blocking_recv() {
            if !self.write_out(&self.reader.shown(&text.bytes)) {
                let waiting = std::iter::from_fn(|| texts.try_recv().ok());
                let left = waiting.chain([text]);
                let left = left.map(|text| Ack::alone(&text.acks, text.events));
                self.metrics.counter(DOCUMENTS_LOST).add(left.sum());
                return;
            }
            self.metrics.events_out.add(text.events);
            text.acks.into_iter().for_each(Ack::settle);
        }
    }

    /// Writes a text, however long that takes. A reader that went away ends the process, as it does for any filter of a
    /// shell; anything else may pass, such as a full disk behind the output. False if it is told to leave meanwhile.
    fn write_out(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.notice.is_now() {
                return false;
            }
            let wait = match (self.write)(bytes) {
                Ok(written) if 0 < written => {
                    bytes = bytes.get(written..).unwrap_or(b"");
                    self.recovered();
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => CROWDED_WAIT,
                Ok(_) => self.failed(&io::ErrorKind::WriteZero.into()),
                Err(error) => self.failed(&error),
            };
            if !self.notice.sleep(wait) {
                return false;
            }
        }
        true
    }

    fn failed(&mut self, error: &io::Error) -> Duration {
        if !std::mem::replace(&mut self.said, true) {
            let id = &self.metrics.id;
            tracing::error!(
                "{id}: cannot write to the standard output: {error}. It is tried again; what is read waits"
            );
        }
        RETRY_WAIT
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.said) {
            tracing::info!("{}: writing works again", self.metrics.id);
        }
    }
}

struct StdoutEncoder {
    codec: Codec,
    open: Text,
    sender: mpsc::Sender<Text>,
    lost: Arc<Counter>,
}

impl Encoder for StdoutEncoder {
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]) {
        let mut shares = false;
        for &id in selected {
            self.codec.encode(batch, id, &mut self.open.bytes);
            self.open.events += 1;
            if !shares {
                self.open.acks.push(batch.ack.clone());
                shares = true;
            }
            if limits::TEXT_BYTES < self.open.bytes.len() {
                self.flush();
                shares = false;
            }
        }
    }

    fn flush(&mut self) {
        if self.open.acks.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.open);
        let lost = Ack::alone(&text.acks, text.events);
        if self.sender.blocking_send(text).is_err() {
            self.lost.add(lost);
            tracing::debug!("the standard output is closed: its events stay unacknowledged");
        }
    }

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            codec: self.codec.clone(),
            open: Text::default(),
            sender: self.sender.clone(),
            lost: Arc::clone(&self.lost),
        })
    }
}

impl Drop for StdoutEncoder {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::{DESCRIPTION, Text, Writer};
    use crate::metrics::Metrics;
    use crate::outputs::leave::{Leave, Notice};
    use crate::plugin::Options;
    use crate::printable::Reader;

    /// What a write does, in turn: takes so many bytes, or fails. Later ones take everything.
    type Script = VecDeque<Result<usize, io::ErrorKind>>;

    fn writer<'a>(
        script: &'a mut Script,
        taken: &'a mut Vec<u8>,
        notice: Notice,
    ) -> Writer<impl FnMut(&[u8]) -> io::Result<usize> + 'a> {
        let options = Options::bare(&DESCRIPTION, "output_stdout_1");
        let write = |bytes: &[u8]| {
            let most = script.pop_front().unwrap_or(Ok(bytes.len()))?;
            let written = bytes.iter().take(most);
            let before = taken.len();
            taken.extend(written);
            Ok(taken.len() - before)
        };
        Writer {
            write,
            reader: Reader::Program,
            metrics: Arc::clone(&Metrics::default().plugin(&options)),
            notice,
            said: false,
        }
    }

    #[test]
    fn a_full_disk_is_waited_for_and_nothing_is_written_twice() {
        let mut script = Script::from([
            Ok(2),
            Err(io::ErrorKind::StorageFull),
            Err(io::ErrorKind::WouldBlock),
            Ok(1),
        ]);
        let mut taken = Vec::new();
        let mut writer = writer(&mut script, &mut taken, Notice::default());
        assert!(writer.write_out(b"one\ntwo\n"));
        drop(writer);
        assert_eq!(taken, b"one\ntwo\n");
    }

    /// What the output writes of a text.
    #[track_caller]
    fn check_written(reader: Reader, text: &[u8], want: &[u8]) {
        let (mut script, mut taken) = (Script::new(), Vec::new());
        let mut writer = writer(&mut script, &mut taken, Notice::default());
        writer.reader = reader;
        let (sender, receiver) = mpsc::channel(1);
        let text = Text {
            bytes: text.to_vec(),
            ..Text::default()
        };
        sender.try_send(text).expect("there is room for one");
        drop(sender);
        writer.run(receiver);
        assert_eq!(taken, want);
    }

    #[test]
    fn a_terminal_is_not_given_what_it_would_obey() {
        let text = "a\tb \u{1b}[2J\u{202e}\n".as_bytes();
        check_written(Reader::Terminal, text, b"a\tb \\u{1b}[2J\\u{202e}\n");
        check_written(Reader::Program, text, text);
    }

    #[test]
    fn an_output_that_has_to_leave_does_not_try_again() {
        let mut script = Script::from([Err(io::ErrorKind::StorageFull)]);
        let mut taken = Vec::new();
        let (teller, notice) = Notice::new();
        teller.send_replace(Leave::Now);
        let mut writer = writer(&mut script, &mut taken, notice);
        assert!(!writer.write_out(b"one\n"));
        drop(writer);
        assert_eq!(taken, b"");
    }
}
