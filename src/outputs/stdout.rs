//! `stdout`: events as text on the standard output, written whenever the input pauses.

use std::io;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use rustix::fs::FileType;
use tokio::runtime::Handle;

use crate::codecs::Codec;
use crate::event::{Batch, EventId};
use crate::limits;
use crate::metrics::{Counter, DOCUMENTS_LOST, PluginMetrics};
use crate::outputs::leave::Notice;
use crate::outputs::{Encoder, Opening, Output, OutputPlugin, Queue, Started, has_gathered, pipe};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use crate::printable::Reader;
use crate::queue::block::{Block, Spares};
use crate::queue::ends::{Inlet, Outlet, Place};

pub const PLUGIN: OutputPlugin = OutputPlugin {
    plugin: &DESCRIPTION,
    build,
};

/// One block is written at a time.
static TURN: Mutex<()> = Mutex::new(());

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

impl Output for Stdout {
    fn queue(&self) -> Queue {
        Queue::Asked
    }

    fn start(self: Box<Self>, opening: &Opening<'_>) -> Started {
        let lost = self.metrics.counter(DOCUMENTS_LOST);
        let (inlet, outlet) = opening.queue(&self.metrics.id, &Spares::default());
        let outlet = outlet.counting(Arc::clone(&lost));
        let is_file = is_regular_file();
        let writer = Writer {
            write: move |bytes: &[u8]| match is_file {
                true => Ok(rustix::io::write(io::stdout(), bytes)?),
                false => write_what_has_room(bytes),
            },
            reader: Reader::of(&io::stdout()),
            metrics: self.metrics,
            notice: opening.notice.clone(),
            said: false,
        };
        let task = tokio::task::spawn_blocking(move || writer.run(outlet));
        let encoder = StdoutEncoder {
            codec: self.codec,
            block: Block::default(),
            place: Place::default(),
            inlet,
            lost,
        };
        Started {
            encoder: Box::new(encoder),
            task,
        }
    }
}

/// Whether the standard output is a file, which has no reader to wait for.
fn is_regular_file() -> bool {
    let kind = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode);
    rustix::fs::fstat(io::stdout()).is_ok_and(|stat| kind(stat) == FileType::RegularFile)
}

/// Writes as much as there is room for; nothing, if there is none for a while.
fn write_what_has_room(bytes: &[u8]) -> io::Result<usize> {
    let stdout = io::stdout();
    if !pipe::has_room(&stdout)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let some = bytes.get(..limits::STDOUT_PIPE_BYTES).unwrap_or(bytes);
    Ok(rustix::io::write(&stdout, some)?)
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
    fn run(mut self, mut outlet: Outlet) {
        let runtime = Handle::current();
        while let Some(block) = runtime.block_on(self.next(&mut outlet)) {
            let alone = block.alone_here();
            if !self.write_block(&self.reader.shown(&block.body), alone == 0) {
                self.metrics.counter(DOCUMENTS_LOST).add(alone);
                return;
            }
            self.metrics.events_out.add(block.documents() as u64);
            Block::settle(block.acks);
        }
    }

    /// The next block. What lies on disk is left to another output that takes the place of this one.
    async fn next(&mut self, outlet: &mut Outlet) -> Option<Block> {
        loop {
            if self.notice.heard().leaves_disk() {
                outlet.leave_disk();
            }
            tokio::select! {
                biased;
                block = outlet.next() => return block,
                () = self.notice.changed() => {}
            }
        }
    }

    /// Writes a block when it has the standard output to itself: after a reload two writers may have something for it.
    fn write_block(&mut self, bytes: &[u8], safe: bool) -> bool {
        let since = Instant::now();
        let turn = loop {
            match TURN.try_lock() {
                Ok(turn) => break turn,
                Err(TryLockError::Poisoned(turn)) => break turn.into_inner(),
                Err(TryLockError::WouldBlock) if self.has_to_leave(since, safe) => return false,
                Err(TryLockError::WouldBlock) => std::thread::sleep(limits::STDOUT_TURN_INTERVAL),
            }
        };
        let written = self.write_out(bytes, safe);
        drop(turn);
        written
    }

    /// Whether it is told to leave, or has waited for long and what it holds is `safe`.
    fn has_to_leave(&self, since: Instant, safe: bool) -> bool {
        let is_stalled = || limits::STDOUT_STALLED_WAIT <= since.elapsed();
        self.notice.is_now() || safe && is_stalled() && self.notice.said().leaves_when_away()
    }

    /// Writes a text, however long that takes. A reader that went away ends the process, as it does for any filter of a
    /// shell; anything else may pass, such as a full disk behind the output. False if it is told to leave meanwhile; what is
    /// `safe` is left once nobody reads.
    fn write_out(&mut self, mut bytes: &[u8], safe: bool) -> bool {
        let mut written_at = Instant::now();
        while !bytes.is_empty() {
            if self.notice.is_now() {
                return false;
            }
            let wait = match (self.write)(bytes) {
                Ok(written) if 0 < written => {
                    bytes = bytes.get(written..).unwrap_or(b"");
                    written_at = Instant::now();
                    self.recovered();
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.has_to_leave(written_at, safe) {
                        return false;
                    }
                    continue;
                }
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
        limits::TEXT_RETRY_WAIT
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.said) {
            tracing::info!("{}: writing works again", self.metrics.id);
        }
    }
}

struct StdoutEncoder {
    codec: Codec,
    block: Block,
    /// Where the block will wait.
    place: Place,
    inlet: Inlet,
    lost: Arc<Counter>,
}

impl Encoder for StdoutEncoder {
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]) {
        let place = self.inlet.place(&batch.ack);
        if place != self.place {
            self.flush();
            self.place = place;
        }
        let mut shares = false;
        for &id in selected {
            let block = &mut self.block;
            if block.is_empty() {
                block.received = batch.received;
            }
            if !shares {
                let first = block.starts.len() as u32;
                block.acks.push((first, batch.ack.clone()));
                shares = true;
            }
            block.starts.push(block.body.len() as u32);
            self.codec.encode(batch, id, &mut block.body);
            if limits::TEXT_BYTES < block.body.len() {
                self.flush();
                shares = false;
            }
        }
    }

    fn flush(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let block = std::mem::take(&mut self.block);
        let lost = block.alone_here();
        if self.inlet.put(block, self.place).is_err() {
            self.lost.add(lost);
            tracing::debug!("the standard output is closed: its events stay unacknowledged");
        }
    }

    fn pass_time(&mut self, now: i64) {
        if self.place == Place::Disk && has_gathered(self.block.received, now) {
            self.flush();
        }
    }

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            codec: self.codec.clone(),
            block: Block::default(),
            place: Place::default(),
            inlet: self.inlet.clone(),
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
    use std::sync::{Arc, Mutex};

    use super::{DESCRIPTION, Writer};
    use crate::metrics::Metrics;
    use crate::outputs::leave::{Leave, Notice};
    use crate::plugin::Options;
    use crate::printable::Reader;
    use crate::queue::block::Block;
    use crate::queue::ends::{Place, roomy};

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
        assert!(writer.write_out(b"one\ntwo\n", false));
        drop(writer);
        assert_eq!(taken, b"one\ntwo\n");
    }

    /// What the output writes of a text.
    #[track_caller]
    fn check_written(reader: Reader, text: &[u8], want: &[u8]) {
        let (mut script, mut taken) = (Script::new(), Vec::new());
        let mut writer = writer(&mut script, &mut taken, Notice::default());
        writer.reader = reader;
        let block = Block {
            body: text.to_vec(),
            starts: vec![0],
            ..Block::default()
        };
        let (inlet, outlet) = roomy();
        inlet.put(block, Place::Memory).expect("there is room");
        drop(inlet);
        let runtime = tokio::runtime::Runtime::new().expect("there are threads");
        let _inside = runtime.enter();
        writer.run(outlet);
        assert_eq!(taken, want);
    }

    #[test]
    fn a_terminal_is_not_given_what_it_would_obey() {
        let text = "a\tb \u{1b}[2J\u{202e}\n".as_bytes();
        check_written(Reader::Terminal, text, b"a\tb \\u{1b}[2J\\u{202e}\n");
        check_written(Reader::Program, text, text);
    }

    #[test]
    fn two_writers_do_not_tear_each_others_lines() {
        let taken = Mutex::new(Vec::new());
        let write_lines = |line: &[u8]| {
            let options = Options::bare(&DESCRIPTION, "output_stdout_1");
            let mut writer = Writer {
                write: |bytes: &[u8]| {
                    let some = bytes.get(..2).unwrap_or(bytes);
                    taken.lock().expect("nobody panics").extend(some);
                    std::thread::yield_now();
                    Ok(some.len())
                },
                reader: Reader::Program,
                metrics: Arc::clone(&Metrics::default().plugin(&options)),
                notice: Notice::default(),
                said: false,
            };
            for _ in 0..50 {
                assert!(writer.write_block(line, false));
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| write_lines(b"one of them\n"));
            scope.spawn(|| write_lines(b"the other one\n"));
        });
        let taken = taken.into_inner().expect("nobody panicked");
        let taken = String::from_utf8(taken).expect("it is what was written");
        let whole = |line: &&str| ["one of them", "the other one"].contains(line);
        assert_eq!(taken.lines().filter(whole).count(), 100, "{taken}");
    }

    #[test]
    fn an_output_that_has_to_leave_does_not_try_again() {
        let mut script = Script::from([Err(io::ErrorKind::StorageFull)]);
        let mut taken = Vec::new();
        let (teller, notice) = Notice::new();
        teller.send_replace(Leave::Now);
        let mut writer = writer(&mut script, &mut taken, notice);
        assert!(!writer.write_out(b"one\n", false));
        drop(writer);
        assert_eq!(taken, b"");
    }
}
