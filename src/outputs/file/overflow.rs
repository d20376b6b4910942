//! The queue before the writer: in memory, and what nobody could send again goes over to the disk when the writer does not
//! keep up. As long as it does, nothing is written twice.

use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Permit, WeakSender};
use tokio::sync::watch;

use crate::limits;
use crate::outputs::file::path::PathPlan;
use crate::outputs::file::text::Text;
use crate::outputs::leave::{Leave, Notice};
use crate::queue::block::Block;
use crate::queue::ends::{Closed, DiskEnds, DiskInlet, Token};
use crate::queue::policy::Kind;

/// Where encoders put text.
#[derive(Clone)]
pub struct Inlet {
    memory: mpsc::Sender<Text>,
    disk: Option<DiskInlet>,
    shared: Arc<Shared>,
    runtime: Handle,
}

struct Shared {
    kind: Kind,
    /// Texts that are put on disk and not taken from there: while there are some, others queue up behind them.
    over: AtomicUsize,
    /// The writer waits for a file: what may go to disk goes there at once.
    is_stuck: AtomicBool,
    /// Whether memory takes what finds no room on disk.
    takes_all: watch::Sender<bool>,
}

impl Shared {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            over: AtomicUsize::new(0),
            is_stuck: AtomicBool::new(false),
            takes_all: watch::channel(false).0,
        }
    }

    /// Whether a text may wait on disk.
    fn keeps(&self, text: &Text) -> bool {
        self.kind.keeps(text.is_pushed())
    }

    /// Whether such a text goes there although there is room in memory.
    fn goes_over(&self) -> bool {
        0 < self.over.load(Ordering::Acquire) || self.is_stuck.load(Ordering::Acquire)
    }

    fn put_over(&self, room: Permit<'_, Block>, text: Text) {
        self.over.fetch_add(1, Ordering::AcqRel);
        room.send(text.into_block());
    }

    /// One is not on its way over the disk any more.
    fn one_less(&self) {
        // What an earlier run has left was not counted.
        let less = |over: usize| Some(over.saturating_sub(1));
        self.over
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less)
            .unwrap_or(0);
    }

    /// Returns once there is room in memory for what finds none on disk.
    async fn room_instead<'a>(&self, memory: &'a mpsc::Sender<Text>) -> Option<Permit<'a, Text>> {
        let mut told = self.takes_all.subscribe();
        told.wait_for(|takes_all| *takes_all).await.ok()?;
        memory.reserve().await.ok()
    }
}

/// Where the writer takes text from.
pub struct Outlet {
    memory: Option<mpsc::Receiver<Text>>,
    /// Texts that stay in memory, taken out of it to reach those behind them.
    passed: VecDeque<Text>,
    disk: Option<mpsc::Receiver<Block>>,
    /// Leads back to the disk as long as that is open.
    back: Option<WeakSender<Block>>,
    shared: Arc<Shared>,
    /// Of two that give, the other one gives next.
    last: Place,
    /// The queue on disk is given to another once nobody holds this.
    taker: Option<Token>,
    has_left_disk: bool,
}

/// Where a text has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Memory,
    Disk,
}

impl Place {
    /// Of a block that comes over the disk, which may have had no room for it.
    fn of(block: &Block) -> Self {
        match block.has_kept() {
            true => Self::Disk,
            false => Self::Memory,
        }
    }
}

/// A text that the writer takes.
pub struct Taken {
    pub place: Place,
    pub text: Text,
}

/// A queue, over the disk too if there are ends for it.
pub fn queue(kind: Kind, disk: Option<DiskEnds>) -> (Inlet, Outlet) {
    let (memory, memory_outlet) = mpsc::channel(limits::TEXTS_WAITING_MAX);
    let (inlet, outlet) = disk.map(DiskEnds::split).unzip();
    let (outlet, taker) = outlet.unzip();
    let shared = Arc::new(Shared::new(kind));
    let outlet = Outlet {
        memory: Some(memory_outlet),
        passed: VecDeque::new(),
        disk: outlet,
        back: inlet.as_ref().map(|(disk, _)| disk.downgrade()),
        shared: Arc::clone(&shared),
        last: Place::Memory,
        taker,
        has_left_disk: false,
    };
    let inlet = Inlet {
        memory,
        disk: inlet,
        shared,
        runtime: Handle::current(),
    };
    (inlet, outlet)
}

impl Inlet {
    /// Puts a text in. Waits while there is no room, in memory for a moment only if it may go to disk.
    pub fn put(&self, text: Text) -> Result<(), Closed> {
        let disk = self.disk.as_ref().filter(|_| self.shared.keeps(&text));
        let Some((disk, _)) = disk else {
            return self.memory.blocking_send(text).map_err(|_| Closed);
        };
        if !self.shared.goes_over() {
            let room = async {
                tokio::time::timeout(limits::FILE_OVERFLOW_WAIT, self.memory.reserve()).await
            };
            if let Ok(Ok(room)) = self.runtime.block_on(room)
                && !self.shared.goes_over()
            {
                room.send(text);
                return Ok(());
            }
        }
        self.shared.over.fetch_add(1, Ordering::AcqRel);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                room = disk.reserve() => room.map_err(|_| Closed)?.send(text.into_block()),
                Some(room) = self.shared.room_instead(&self.memory) => {
                    self.shared.one_less();
                    room.send(text);
                }
            }
            Ok(())
        })
    }
}

impl Outlet {
    /// Nothing comes out of it.
    #[cfg(test)]
    pub fn empty() -> Self {
        Self {
            memory: None,
            passed: VecDeque::new(),
            disk: None,
            back: None,
            shared: Arc::new(Shared::new(Kind::Memory)),
            last: Place::Memory,
            taker: None,
            has_left_disk: false,
        }
    }

    /// The next text; none once all encoders are gone and everything was taken.
    pub async fn next(&mut self, notice: &mut Notice, plan: &PathPlan) -> Option<Taken> {
        loop {
            let leave = notice.heard();
            self.take_all(leave);
            if leave.leaves_disk() {
                self.leave_disk();
            }
            // What is in memory is older than what went over.
            let is_over = 0 < self.shared.over.load(Ordering::Acquire);
            if (is_over || self.last == Place::Disk || !self.passed.is_empty())
                && let Some(text) = self.try_memory()
            {
                return Some(self.taken(Place::Memory, text));
            }
            let (has_memory, has_disk) = (self.memory.is_some(), self.disk.is_some());
            tokio::select! {
                biased;
                block = recv(&mut self.disk), if has_disk => match block {
                    Some(block) if self.has_left_disk && block.has_kept() => {}
                    Some(block) => {
                        let place = Place::of(&block);
                        let text = self.over_the_disk(block, plan);
                        return Some(self.taken(place, text));
                    }
                    None => self.disk = None,
                },
                text = recv(&mut self.memory), if has_memory => match text {
                    Some(text) => return Some(self.taken(Place::Memory, text)),
                    None => self.memory = None,
                },
                () = notice.changed(), if has_memory || has_disk => {}
                else => return None,
            }
        }
    }

    /// Another text from the same place, if one waits there.
    pub fn try_next(&mut self, place: Place, plan: &PathPlan) -> Option<Text> {
        match place {
            Place::Memory => self.try_memory(),
            Place::Disk => {
                let block = self.disk.as_mut()?.try_recv().ok()?;
                let place = Place::of(&block);
                let text = self.over_the_disk(block, plan);
                match place {
                    Place::Disk if self.has_left_disk => None,
                    Place::Disk => Some(text),
                    Place::Memory => {
                        self.passed.push_back(text);
                        None
                    }
                }
            }
        }
    }

    fn try_memory(&mut self) -> Option<Text> {
        let waits = |memory: &mut mpsc::Receiver<Text>| memory.try_recv().ok();
        let passed = self.passed.pop_front();
        passed.or_else(|| self.memory.as_mut().and_then(waits))
    }

    /// Says whether the writer waits for a file. As long as it does, it has to `evict`.
    pub fn set_stuck(&self, is_stuck: bool) {
        self.shared.is_stuck.store(is_stuck, Ordering::Release);
    }

    /// Takes nothing more of what lies on disk. Nothing from there is in hand, so another may take it.
    pub fn leave_disk(&mut self) {
        self.has_left_disk = true;
        if let Some(disk) = &mut self.disk {
            disk.close();
        }
        self.taker = None;
    }

    /// Puts what waits in memory and may go to disk there, as far as there is room. Where nobody is to wait for room all the
    /// rest is taken out of memory as well, else as much as to reach what may go to disk.
    pub fn evict(&mut self, leave: Leave) {
        let passed_max = match leave.takes_all() {
            true => usize::MAX,
            false => limits::TEXTS_WAITING_MAX,
        };
        let disk = self.back.as_ref().and_then(WeakSender::upgrade);
        if let (Some(disk), Some(memory)) = (disk, &mut self.memory) {
            while self.passed.len() < passed_max
                && let Ok(room) = disk.try_reserve()
                && let Ok(text) = memory.try_recv()
            {
                match self.shared.keeps(&text) {
                    true => self.shared.put_over(room, text),
                    false => self.passed.push_back(text),
                }
            }
        }
        self.soak(leave);
    }

    /// Takes everything out of memory if nobody is to wait for room.
    pub fn soak(&mut self, leave: Leave) {
        self.take_all(leave);
        if let Some(memory) = self.memory.as_mut().filter(|_| leave.takes_all()) {
            let waiting = iter::from_fn(|| memory.try_recv().ok());
            self.passed.extend(waiting);
        }
    }

    fn take_all(&self, leave: Leave) {
        let takes_all = &self.shared.takes_all;
        takes_all
            .send_if_modified(|takes_all| leave.takes_all() && !std::mem::replace(takes_all, true));
    }

    /// Whether something waits in memory.
    pub fn has_more(&self) -> bool {
        let waits = |memory: &mpsc::Receiver<Text>| !memory.is_empty();
        !self.passed.is_empty() || self.memory.as_ref().is_some_and(waits)
    }

    /// Whether this text may go to disk from here.
    pub fn keeps(&self, text: &Text) -> bool {
        self.back.is_some() && self.shared.keeps(text)
    }

    /// Puts a text that waited in memory on disk. Gives it back if there is no room: to wait for that would be to wait for
    /// oneself.
    pub fn put_back(&self, text: Text) -> Result<(), Text> {
        let disk = self.back.as_ref().and_then(WeakSender::upgrade);
        let Some(disk) = disk.filter(|_| self.shared.keeps(&text)) else {
            return Err(text);
        };
        let Ok(room) = disk.try_reserve() else {
            return Err(text);
        };
        self.shared.put_over(room, text);
        Ok(())
    }

    /// What still waits in memory; nobody puts anything there any more.
    pub fn take_last(&mut self) -> Option<Text> {
        if let Some(text) = self.passed.pop_front() {
            return Some(text);
        }
        let memory = self.memory.as_mut()?;
        memory.close();
        memory.blocking_recv()
    }

    fn over_the_disk(&self, block: Block, plan: &PathPlan) -> Text {
        self.shared.one_less();
        Text::from_block(block, plan)
    }

    fn taken(&mut self, place: Place, text: Text) -> Taken {
        self.last = place;
        Taken { place, text }
    }
}

async fn recv<T>(end: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match end {
        Some(end) => end.recv().await,
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use tokio::runtime::Runtime;
    use tokio::sync::mpsc;

    use super::{Inlet, Outlet, Place, queue};
    use crate::limits;
    use crate::outputs::file::path::PathPlan;
    use crate::outputs::file::text::{Chunk, Text};
    use crate::outputs::leave::{Leave, Notice};
    use crate::queue::ack::Ack;
    use crate::queue::block::Block;
    use crate::queue::ends::DiskEnds;
    use crate::queue::policy::Kind;

    /// A queue whose disk is a channel.
    struct Trial {
        runtime: Runtime,
        inlet: Inlet,
        outlet: Outlet,
        incoming: mpsc::Receiver<Block>,
        forward: mpsc::Sender<Block>,
    }

    fn text(number: usize) -> Text {
        let chunk = Chunk {
            path: Vec::new(),
            bytes: number.to_string().into_bytes(),
            starts: vec![0],
        };
        Text {
            chunks: vec![Arc::new(chunk)],
            acks: vec![Ack::pushed()],
        }
    }

    impl Trial {
        fn new(kind: Kind) -> Self {
            let runtime = Runtime::new().expect("there are threads");
            let _inside = runtime.enter();
            let (ends, incoming, forward) = DiskEnds::of_channels(20);
            let (inlet, outlet) = queue(kind, Some(ends));
            Self {
                runtime,
                inlet,
                outlet,
                incoming,
                forward,
            }
        }

        fn put(&self, number: usize) {
            let put = self.inlet.put(text(number));
            put.expect("somebody takes it");
        }

        /// Lets the disk hand on what it got.
        fn pass(&mut self) {
            while let Ok(block) = self.incoming.try_recv() {
                let block = block.kept_on_disk();
                self.forward.try_send(block).expect("there is room");
            }
        }

        fn take(&mut self) -> (Place, usize) {
            let plan = PathPlan::Fixed(PathBuf::from("/logs/all"));
            let mut notice = Notice::default();
            let next = self.outlet.next(&mut notice, &plan);
            let taken = self.runtime.block_on(next).expect("there is one");
            let bytes = &taken.text.chunks.first().expect("it has one").bytes;
            let number = String::from_utf8_lossy(bytes).parse();
            (taken.place, number.expect("it is a number"))
        }
    }

    #[test]
    fn what_finds_no_room_goes_over_the_disk_and_comes_out_in_its_order() {
        let mut trial = Trial::new(Kind::Auto);
        let room = limits::TEXTS_WAITING_MAX;
        (0..room).for_each(|number| trial.put(number));
        assert!(trial.incoming.is_empty());
        trial.put(room);
        assert_eq!(trial.take(), (Place::Memory, 0));
        // There is room in memory, and others are before it.
        trial.put(room + 1);
        trial.pass();
        for number in 1..room {
            assert_eq!(trial.take(), (Place::Memory, number));
        }
        assert_eq!(trial.take(), (Place::Disk, room));
        assert_eq!(trial.take(), (Place::Disk, room + 1));
        trial.put(room + 2);
        assert_eq!(trial.take(), (Place::Memory, room + 2));
    }

    #[test]
    fn what_an_earlier_run_left_takes_turns_with_what_comes() {
        let mut trial = Trial::new(Kind::Auto);
        (0..2).for_each(|number| trial.put(number));
        for number in [10, 11] {
            let block = text(number).into_block().kept_on_disk();
            trial.forward.try_send(block).expect("there is room");
        }
        let taken = [(); 4].map(|()| trial.take().1);
        assert_eq!(taken, [10, 0, 11, 1]);
    }

    #[test]
    fn while_the_writer_is_stuck_what_may_go_to_disk_does_not_stay_in_memory() {
        let mut trial = Trial::new(Kind::Auto);
        trial.put(0);
        let mut read = text(1);
        read.acks = vec![Ack::none()];
        trial.inlet.put(read).expect("somebody takes it");
        trial.put(2);
        trial.outlet.set_stuck(true);
        trial.outlet.evict(Leave::Delivered);
        trial.put(3);
        assert_eq!(trial.incoming.len(), 3);
        trial.pass();
        let want = [
            (Place::Memory, 1),
            (Place::Disk, 0),
            (Place::Disk, 2),
            (Place::Disk, 3),
        ];
        assert_eq!([(); 4].map(|()| trial.take()), want);
        // The last one is in hand, and not written yet.
        trial.put(4);
        assert_eq!(trial.incoming.len(), 1);
        trial.pass();
        trial.outlet.set_stuck(false);
        assert_eq!(trial.take(), (Place::Disk, 4));
        trial.put(5);
        assert_eq!(trial.take(), (Place::Memory, 5));
    }

    #[test]
    fn what_can_be_read_again_or_is_to_stay_in_memory_does_not_go_over_the_disk() {
        let mut read = text(0);
        read.acks = vec![Ack::none()];
        for (kind, text, goes) in [
            (Kind::Auto, read, false),
            (Kind::Memory, text(0), false),
            (Kind::Auto, text(0), true),
        ] {
            let trial = Trial::new(kind);
            assert_eq!(trial.outlet.keeps(&text), goes);
            assert_eq!(trial.outlet.put_back(text).is_ok(), goes);
            assert_eq!(trial.incoming.is_empty(), !goes);
        }
    }
}
