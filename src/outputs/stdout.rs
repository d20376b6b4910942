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
use crate::outputs::leave::{Leave, Notice};
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
            outlet,
            notice: opening.notice.clone(),
            said: false,
        };
        let task = tokio::task::spawn_blocking(move || writer.run());
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
    outlet: Outlet,
    notice: Notice,
    /// Whether the present fault was told.
    said: bool,
}

/// Who else has the block in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// The queue on disk, from where it comes.
    OnDisk,
    /// Whoever it was read from: it can be read again.
    Readable,
    Here,
}

impl Held {
    fn of(block: &Block) -> Self {
        match block.alone_here() {
            _ if block.has_kept() => Self::OnDisk,
            0 => Self::Readable,
            _ => Self::Here,
        }
    }
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Whole,
    /// Nothing of it: it is left on disk.
    Not,
    /// The writer has to leave.
    Left,
}

impl<W: FnMut(&[u8]) -> io::Result<usize>> Writer<W> {
    /// Writes until all encoders are gone or it is told to leave.
    fn run(mut self) {
        let runtime = Handle::current();
        while let Some(block) = runtime.block_on(self.next()) {
            match self.write_block(&self.reader.shown(&block.body), Held::of(&block)) {
                Written::Whole => {
                    self.metrics.events_out.add(block.documents() as u64);
                    Block::settle(block.acks);
                }
                Written::Not => {}
                Written::Left => {
                    let lost = self.metrics.counter(DOCUMENTS_LOST);
                    lost.add(block.alone_here());
                    tracing::warn!(
                        "{}: the standard output takes nothing: what it has not taken stays in the queue on disk, or is read again \
                         where it still can be",
                        self.metrics.id
                    );
                    return;
                }
            }
        }
    }

    /// The next block. What lies on disk is left to another output that takes the place of this one.
    async fn next(&mut self) -> Option<Block> {
        loop {
            if self.notice.heard().leaves_disk() {
                self.outlet.leave_disk();
                self.outlet.release_disk();
            }
            tokio::select! {
                biased;
                block = self.outlet.next() => return block,
                () = self.notice.changed() => {}
            }
        }
    }

    /// Writes a block when it has the standard output to itself: after a reload two writers may have something for it.
    fn write_block(&mut self, bytes: &[u8], held: Held) -> Written {
        let since = Instant::now();
        let turn = loop {
            match TURN.try_lock() {
                Ok(turn) => break turn,
                Err(TryLockError::Poisoned(turn)) => break turn.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
            if let Some(ended) = self.wait(limits::STDOUT_TURN_INTERVAL, since, held, 0) {
                return ended;
            }
        };
        let written = self.write_out(bytes, held);
        drop(turn);
        written
    }

    /// Whether it is told to leave, or nobody has taken anything for long and others have what it holds.
    fn has_to_leave(&self, since: Instant, held: Held) -> bool {
        let is_stalled = || limits::STDOUT_STALLED_WAIT <= since.elapsed();
        let leave = self.notice.said();
        leave == Leave::Now || held != Held::Here && is_stalled() && leave.leaves_when_away()
    }

    /// Waits until it may be tried again to write a block, of which so many bytes are written. Has others not wait for it as far
    /// as they need not. Gives what becomes of the block if it is not tried again.
    fn wait(
        &mut self,
        wait: Duration,
        since: Instant,
        held: Held,
        written: usize,
    ) -> Option<Written> {
        let until = Instant::now() + wait;
        loop {
            let leave = self.notice.said();
            if self.has_to_leave(since, held) {
                return Some(Written::Left);
            }
            if leave.leaves_disk() {
                self.outlet.leave_disk();
                match held {
                    Held::OnDisk if written == 0 => return Some(Written::Not),
                    Held::OnDisk => {}
                    Held::Readable | Held::Here => self.outlet.release_disk(),
                }
            }
            if leave.takes_all() {
                self.outlet.soak();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            std::thread::sleep(left.min(limits::PIPE_LOOK_INTERVAL));
        }
    }

    /// Writes a text, however long that takes. A reader that went away ends the process, as it does for any filter of a
    /// shell; anything else may pass, such as a full disk behind the output. It ends early if it is told to leave; what others have
    /// is left once nobody reads, and what they take from the disk if nothing of it is written.
    fn write_out(&mut self, bytes: &[u8], held: Held) -> Written {
        let mut rest = bytes;
        let mut written_at = Instant::now();
        while !rest.is_empty() {
            if self.notice.is_now() {
                return Written::Left;
            }
            let wait = match (self.write)(rest) {
                Ok(written) if 0 < written => {
                    rest = rest.get(written..).unwrap_or(b"");
                    written_at = Instant::now();
                    self.recovered();
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Duration::ZERO,
                Ok(_) => self.failed(&io::ErrorKind::WriteZero.into()),
                Err(error) => self.failed(&error),
            };
            let written = bytes.len() - rest.len();
            if let Some(ended) = self.wait(wait, written_at, held, written) {
                return ended;
            }
        }
        Written::Whole
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
    use std::convert::Infallible;
    use std::io;
    use std::mem::ManuallyDrop;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    use std::time::{Duration, Instant};

    use tokio::runtime::Runtime;
    use tokio::sync::mpsc::error::TryRecvError;
    use tokio::sync::{mpsc, watch};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::{DESCRIPTION, Held, Writer, Written};
    use crate::limits;
    use crate::metrics::Metrics;
    use crate::outputs::leave::{Leave, Notice};
    use crate::plugin::Options;
    use crate::printable::Reader;
    use crate::queue::ack::{Ack, Acknowledge};
    use crate::queue::block::Block;
    use crate::queue::ends::{DiskEnds, Inlet, Place, queue, roomy};
    use crate::queue::policy::Kind;

    /// How long a test waits for another thread.
    const WAIT_MAX: Duration = Duration::from_secs(20);

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
            outlet: roomy().1,
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
        let written = writer.write_out(b"one\ntwo\n", Held::Here);
        assert_eq!(written, Written::Whole);
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
        writer.outlet = outlet;
        inlet.put(block, Place::Memory).expect("there is room");
        drop(inlet);
        let runtime = tokio::runtime::Runtime::new().expect("there are threads");
        let _inside = runtime.enter();
        writer.run();
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
                outlet: roomy().1,
                notice: Notice::default(),
                said: false,
            };
            for _ in 0..50 {
                assert_eq!(writer.write_block(line, Held::Here), Written::Whole);
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
        assert_eq!(writer.write_out(b"one\n", Held::Here), Written::Left);
        drop(writer);
        assert_eq!(taken, b"");
    }

    /// Batches of a queue on disk, and what became of them.
    #[derive(Default)]
    struct Kept {
        acknowledged: AtomicU64,
        abandoned: AtomicU64,
    }

    impl Acknowledge for Kept {
        fn acknowledge(&self, _: u64) {
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
        }

        fn abandon(&self, _: u64) {
            self.abandoned.fetch_add(1, Ordering::SeqCst);
        }

        fn stays_on_disk(&self) -> bool {
            true
        }
    }

    fn block(text: &str, ack: Ack) -> Block {
        Block {
            body: text.into(),
            starts: vec![0],
            acks: vec![(0, ack)],
            ..Block::default()
        }
    }

    /// A writer whose reader takes so many bytes, and then nothing before it is let go on.
    struct Trial {
        /// Where a test fails, its writer is not waited for.
        runtime: ManuallyDrop<Runtime>,
        inlet: Inlet,
        teller: watch::Sender<Leave>,
        forward: mpsc::Sender<Block>,
        /// Ends when the queue on disk is given to another.
        released: mpsc::Receiver<Infallible>,
        has_room: Arc<AtomicBool>,
        tries: Arc<AtomicU64>,
        taken: Arc<Mutex<Vec<u8>>>,
        writing: JoinHandle<()>,
        kept: Arc<Kept>,
    }

    impl Trial {
        fn start(mut takes: usize) -> Self {
            let (has_room, tries) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
            let taken = Arc::<Mutex<Vec<u8>>>::default();
            let (room, tried, all) = (has_room.clone(), tries.clone(), taken.clone());
            let write = move |bytes: &[u8]| {
                if room.load(Ordering::SeqCst) {
                    takes = bytes.len();
                }
                let some = bytes.get(..takes).unwrap_or(bytes);
                takes -= some.len();
                all.lock().expect("nobody panics").extend_from_slice(some);
                match some.is_empty() {
                    true => {
                        tried.fetch_add(1, Ordering::SeqCst);
                        Err(io::ErrorKind::WouldBlock.into())
                    }
                    false => Ok(some.len()),
                }
            };
            let (mut ends, _, forward) = DiskEnds::of_channels(4);
            let (taker, released) = mpsc::channel(1);
            ends.taker = taker;
            let (inlet, outlet) = queue(Kind::Auto, Some(ends));
            let (teller, notice) = Notice::new();
            let options = Options::bare(&DESCRIPTION, "output_stdout_1");
            let writer = Writer {
                write,
                reader: Reader::Program,
                metrics: Arc::clone(&Metrics::default().plugin(&options)),
                outlet,
                notice,
                said: false,
            };
            let runtime = Runtime::new().expect("there are threads");
            let writing = runtime.spawn_blocking(|| writer.run());
            Self {
                runtime: ManuallyDrop::new(runtime),
                inlet,
                teller,
                forward,
                released,
                has_room,
                tries,
                taken,
                writing,
                kept: Arc::default(),
            }
        }

        /// Has the queue on disk give a block, and waits until the writer cannot go on with it.
        fn stick(&self) {
            let block = block("disk\n", Ack::new(self.kept.clone(), 0));
            self.forward.try_send(block).expect("there is room");
            self.wait_for_tries(1);
        }

        fn wait_for_tries(&self, more: u64) {
            let want = self.tries.load(Ordering::SeqCst) + more;
            let since = Instant::now();
            while self.tries.load(Ordering::SeqCst) < want {
                assert!(since.elapsed() < WAIT_MAX, "it does not try");
                std::thread::yield_now();
            }
        }

        /// Puts blocks as a worker does, which must not wait for long.
        fn put(&self, blocks: usize) {
            let inlet = self.inlet.clone();
            let put = move || {
                let block = || block("memory\n", Ack::none());
                (0..blocks).all(|_| inlet.put(block(), Place::Memory).is_ok())
            };
            let putting = self.runtime.spawn_blocking(put);
            let put = self
                .runtime
                .block_on(async { timeout(WAIT_MAX, putting).await });
            assert!(put.expect("there is room").expect("it does not panic"));
        }

        fn wait_until_released(&mut self) {
            let released = async { timeout(WAIT_MAX, self.released.recv()).await };
            let released = self.runtime.block_on(released);
            assert!(released.expect("it is given to another").is_none());
        }

        /// What was written at the end, and how often the block of the disk was delivered and given back.
        fn end(self) -> (String, u64, u64) {
            self.has_room.store(true, Ordering::SeqCst);
            drop((self.inlet, self.forward));
            let ended = self
                .runtime
                .block_on(async { timeout(WAIT_MAX, self.writing).await });
            ManuallyDrop::into_inner(self.runtime).shutdown_background();
            ended.expect("the writer ends").expect("it does not panic");
            let taken = self.taken.lock().expect("nobody panicked").clone();
            let [acknowledged, abandoned] = [&self.kept.acknowledged, &self.kept.abandoned]
                .map(|count| count.load(Ordering::SeqCst));
            let taken = String::from_utf8(taken).expect("it is what was put");
            (taken, acknowledged, abandoned)
        }
    }

    /// The writers of these tests have the standard output one after the other, or wait for each other's ends.
    static ALONE: Mutex<()> = Mutex::new(());

    fn alone() -> MutexGuard<'static, ()> {
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn a_replaced_output_gives_back_what_it_did_not_begin_and_writes_the_rest() {
        let _alone = alone();
        let mut trial = Trial::start(0);
        trial.stick();
        trial.put(1);
        trial.teller.send_replace(Leave::Replaced);
        trial.wait_until_released();
        trial.wait_for_tries(100);
        assert_eq!(trial.end(), ("memory\n".to_owned(), 0, 1));
    }

    #[test]
    fn a_replaced_output_finishes_what_it_began_before_another_takes_from_the_disk() {
        let _alone = alone();
        let mut trial = Trial::start(2);
        trial.stick();
        trial.teller.send_replace(Leave::Replaced);
        trial.wait_for_tries(100);
        let is_held = trial.released.try_recv() == Err(TryRecvError::Empty);
        assert!(is_held);
        trial.has_room.store(true, Ordering::SeqCst);
        trial.wait_until_released();
        assert_eq!(trial.end(), ("disk\n".to_owned(), 1, 0));
    }

    #[test]
    fn no_worker_waits_for_room_where_an_output_finishes() {
        let _alone = alone();
        let trial = Trial::start(2);
        trial.stick();
        trial.teller.send_replace(Leave::Finishing);
        let blocks = 10 * limits::BULK_BLOCKS_WAITING_MAX;
        trial.put(blocks);
        let want = "disk\n".to_owned() + &"memory\n".repeat(blocks);
        assert_eq!(trial.end(), (want, 1, 0));
    }
}
