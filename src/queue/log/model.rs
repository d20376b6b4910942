//! The log against a plain model, over random sequences of everything that may happen to it. What the model holds:
//!
//! - what is read was appended, under that sequence, with these bytes;
//! - in the order of the sequences, and once, as long as nobody rewinds;
//! - what was committed and not acknowledged is read again after anything that is no damage;
//! - what was acknowledged, and the state saved, comes back only if the state was lost;
//! - damage costs the records that it hit, and they are counted, but for those of a last write that may as well be torn;
//! - it ends.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::{Entry, Limits, Log};
use crate::queue::disk::Disk;
use crate::queue::disk::model::{Dice, Model};

const LIMITS: Limits = Limits {
    segment_bytes: 700,
    bytes_max: 12_000,
    record_bytes_max: 1000,
    free_reserve: 0,
};

#[derive(Clone, Debug)]
enum Step {
    Append(u16),
    Commit,
    Read(u8),
    Settle(u8),
    Acknowledge(u8),
    SaveState,
    Rewind,
    DropOldest(u16),
    /// The process dies; the kernel keeps what it was given.
    Kill,
    /// The machine dies, and what was not synced is lost, kept or torn.
    Crash(u64),
    FullDisk(u8),
    RoomAgain,
    SyncsFail(u8),
    CorruptByte(u8, u16, u8),
    CorruptState(u16, u8),
    MissingState,
    MissingSegment(u8),
    /// Somebody copies a segment to a later name.
    CopySegment(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u16..300).prop_map(Step::Append),
        10 => Just(Step::Commit),
        6 => (1u8..12).prop_map(Step::Read),
        4 => any::<u8>().prop_map(Step::Settle),
        3 => any::<u8>().prop_map(Step::Acknowledge),
        4 => Just(Step::SaveState),
        1 => Just(Step::Rewind),
        1 => (0u16..2000).prop_map(Step::DropOldest),
        2 => Just(Step::Kill),
        3 => any::<u64>().prop_map(Step::Crash),
        1 => any::<u8>().prop_map(Step::FullDisk),
        2 => Just(Step::RoomAgain),
        2 => (0u8..4).prop_map(Step::SyncsFail),
    ]
}

fn damaging_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => step(),
        2 => (any::<u8>(), any::<u16>(), 1u8..=255).prop_map(|(file, at, mask)| Step::CorruptByte(file, at, mask)),
        1 => (any::<u16>(), 1u8..=255).prop_map(|(at, mask)| Step::CorruptState(at, mask)),
        1 => Just(Step::MissingState),
        1 => any::<u8>().prop_map(Step::MissingSegment),
        1 => any::<(u8, u8)>().prop_map(|(file, ahead)| Step::CopySegment(file, ahead)),
    ]
}

/// What must be in the log.
#[derive(Default)]
struct Promises {
    /// All payloads that were ever appended under a sequence: after a crash it is given out again.
    appended: BTreeMap<u64, Vec<Vec<u8>>>,
    uncommitted: BTreeSet<u64>,
    /// Committed, not acknowledged, not dropped.
    owed: BTreeSet<u64>,
    /// Acknowledged up to here, and the state saved.
    saved: u64,
    /// Records that damage may have cost.
    may_miss: usize,
    /// Whether what is missing may be missing without being counted: there was nothing left to count it by.
    uncounted: bool,
    /// From here on what is missing may be missing without being counted, since the state knew nothing of it.
    uncounted_from: u64,
    state_lost: bool,
    damaged: bool,
    syncs_failed: bool,
    counted: u64,
}

struct World {
    disk: Model,
    log: Log<Model>,
    promises: Promises,
    number: u32,
    /// Read in this session and not acknowledged.
    under_way: Vec<u64>,
    /// What was read last.
    last: u64,
}

type Checked = Result<(), proptest::test_runner::TestCaseError>;

impl World {
    fn new() -> Self {
        let disk = Model::default();
        let (log, _) = Log::open(disk.clone(), LIMITS).unwrap();
        Self {
            disk,
            log,
            promises: Promises {
                uncounted_from: u64::MAX,
                ..Promises::default()
            },
            number: 0,
            under_way: Vec::new(),
            last: 0,
        }
    }

    fn take(&mut self, step: &Step) -> Checked {
        match step {
            Step::Append(size) => self.append(*size),
            Step::Commit => self.commit(),
            Step::Read(count) => {
                for _ in 0..*count {
                    self.read()?;
                }
                return Ok(());
            }
            Step::Settle(which) => self.settle(*which)?,
            Step::Acknowledge(which) => self.acknowledge(*which),
            Step::SaveState => {
                if self.log.save_state().is_ok() {
                    self.promises.saved = self.log.acknowledged();
                } else {
                    self.state_was_not_saved();
                }
            }
            Step::Rewind => {
                self.log.rewind();
                self.last = 0;
            }
            Step::DropOldest(bytes) => self.drop_oldest(*bytes)?,
            Step::Kill => self.reopen()?,
            Step::Crash(seed) => {
                self.disk.crash(&mut Dice(*seed));
                self.reopen()?;
            }
            Step::FullDisk(room) => self.disk.fill(Some((*room).into())),
            Step::RoomAgain => self.disk.fill(None),
            Step::SyncsFail(count) => {
                self.promises.syncs_failed = true;
                self.disk.fail_syncs((*count).into());
            }
            Step::CorruptByte(file, at, mask) => self.corrupt(*file, *at, *mask),
            Step::CorruptState(at, mask) => {
                let bytes = self
                    .disk
                    .names()
                    .iter()
                    .any(|name| name == "state")
                    .then(|| self.disk.bytes("state").len());
                if let Some(bytes @ 1..) = bytes {
                    self.disk.corrupt("state", usize::from(*at) % bytes, *mask);
                }
                self.forget_state();
            }
            Step::MissingState => {
                self.disk.delete("state");
                self.forget_state();
            }
            Step::MissingSegment(which) => self.remove(*which),
            Step::CopySegment(which, ahead) => self.copy(*which, *ahead)?,
        }
        Ok(())
    }

    fn append(&mut self, size: u16) {
        self.number += 1;
        // A payload in which headers of records seem to lie, with the numbers that are due.
        let mut payload = self.number.to_le_bytes().to_vec();
        while payload.len() < usize::from(size) {
            payload.extend_from_slice(&20u32.to_le_bytes());
            payload.extend_from_slice(&self.number.to_le_bytes());
            payload.extend_from_slice(&u64::from(self.number).to_le_bytes());
        }
        let entry = Entry {
            documents: 1,
            payload: &payload,
            ..Entry::default()
        };
        if let Ok(sequence) = self.log.append(entry) {
            let all = self.promises.appended.entry(sequence).or_default();
            all.push(payload);
            self.promises.uncommitted.insert(sequence);
        }
    }

    fn commit(&mut self) {
        if self.log.commit().is_ok() {
            let rest = self.promises.uncommitted.split_off(&self.log.committed());
            let done = std::mem::replace(&mut self.promises.uncommitted, rest);
            self.promises.owed.extend(done);
            if !self.log.has_state() {
                self.state_was_not_saved();
            }
        }
    }

    /// It may have torn a slot; then a first segment that is missing looks like one that was removed.
    fn state_was_not_saved(&mut self) {
        self.promises.uncounted = true;
    }

    fn read(&mut self) -> Result<bool, proptest::test_runner::TestCaseError> {
        let mut payload = Vec::new();
        let Some(record) = self.log.read(&mut payload).unwrap() else {
            return Ok(false);
        };
        let sequence = record.sequence;
        prop_assert!(self.last < sequence, "{} after {}", sequence, self.last);
        self.last = sequence;
        let known = self.promises.appended.get(&sequence);
        prop_assert!(
            known.is_some_and(|all| all.contains(&payload)),
            "{sequence} is invented"
        );
        prop_assert_eq!(record.documents, 1);
        if let Err(place) = self.under_way.binary_search(&sequence) {
            self.under_way.insert(place, sequence);
        }
        Ok(true)
    }

    fn settle(&mut self, which: u8) -> Checked {
        if self.under_way.is_empty() {
            return Ok(());
        }
        let which = usize::from(which) % self.under_way.len();
        let sequence = self.under_way.remove(which);
        prop_assert!(self.log.settle(sequence), "{sequence} was not waiting");
        self.promises.owed.remove(&sequence);
        Ok(())
    }

    fn acknowledge(&mut self, which: u8) {
        if self.under_way.is_empty() {
            return;
        }
        let which = usize::from(which) % self.under_way.len();
        let up_to = self.under_way[which];
        self.log.acknowledge(up_to);
        for sequence in self.under_way.drain(..=which) {
            self.promises.owed.remove(&sequence);
        }
    }

    fn drop_oldest(&mut self, bytes: u16) -> Checked {
        let before = self.log.pending();
        let dropped = self.log.drop_oldest(bytes.into()).unwrap();
        let low = self.log.acknowledged();
        self.under_way.retain(|sequence| low <= *sequence);
        self.promises.owed = self.promises.owed.split_off(&low);
        prop_assert!(dropped.records <= before.records);
        prop_assert_eq!(dropped.records, dropped.documents);
        prop_assert!(dropped.in_hand.len() as u64 <= dropped.records);
        Ok(())
    }

    fn reopen(&mut self) -> Checked {
        self.disk.fill(None);
        self.disk.fail_syncs(0);
        let lost = self.log.lost();
        self.promises.counted += lost.records + lost.torn_records;
        let (log, recovery) = Log::open(self.disk.clone(), LIMITS).unwrap();
        self.log = log;
        if 0 < recovery.torn_bytes || self.promises.damaged {
            // If damage hit the last records and the state is older, nothing tells them from a torn write; in a segment
            // without header and record nothing else tells what there was.
            let from = &mut self.promises.uncounted_from;
            *from = self.log.committed().min(*from);
        }
        self.promises.uncommitted.clear();
        self.under_way.clear();
        self.last = 0;
        Ok(())
    }

    fn segments(&self) -> Vec<String> {
        let mut names = self.disk.names();
        names.retain(|name| name.ends_with(".seg"));
        names
    }

    /// The state may be an older one now, or none.
    fn forget_state(&mut self) {
        self.promises.state_lost = true;
        self.promises.uncounted = true;
    }

    fn corrupt(&mut self, file: u8, at: u16, mask: u8) {
        let names = self.segments();
        if names.is_empty() {
            return;
        }
        let name = &names[usize::from(file) % names.len()];
        let size = self.disk.bytes(name).len();
        let at = usize::from(at) % size.max(1);
        // With the id spoilt and no state the whole segment is strange: two faults at once.
        if !(16..24).contains(&at) {
            self.disk.corrupt(name, at, mask);
            self.promises.damaged = true;
            self.promises.may_miss += 1;
        }
    }

    fn remove(&mut self, which: u8) {
        let names = self.segments();
        if names.is_empty() {
            return;
        }
        let which = usize::from(which) % names.len();
        let first = |name: &String| super::segment_first(name).unwrap();
        let from = first(&names[which]);
        let to = names.get(which + 1).map_or(u64::MAX, first);
        self.disk.delete(&names[which]);
        self.promises.damaged = true;
        self.promises.may_miss += self.promises.owed.range(from..to).count();
        self.promises.uncounted |= to == u64::MAX;
        // What is written from now on goes to a file without a name, until the next segment or start.
        if to == u64::MAX {
            self.commit();
            self.reopen().unwrap();
            let gone: Vec<u64> = self.promises.owed.range(from..).copied().collect();
            self.promises.may_miss += gone.len();
        }
    }

    /// The copy costs nothing, so nothing more may be missing then.
    fn copy(&mut self, which: u8, ahead: u8) -> Checked {
        let names = self.segments();
        if names.is_empty() {
            return Ok(());
        }
        let name = &names[usize::from(which) % names.len()];
        let first = super::segment_first(name).unwrap() + 1 + u64::from(ahead);
        let copy = super::segment_name(first);
        // With its header spoilt as well nothing tells what it is: two faults at once.
        let file = self.disk.open(name).unwrap();
        let is_whole = super::reading::read_header(&self.disk, &file).is_ok();
        if is_whole && !names.contains(&copy) {
            self.disk.copy(name, &copy);
            self.promises.damaged = true;
            self.reopen()?;
            prop_assert!(!self.disk.names().contains(&copy));
        }
        Ok(())
    }

    /// Nothing bad happens any more: everything that is owed comes out.
    fn settle_accounts(&mut self) -> Checked {
        self.reopen()?;
        let mut read = BTreeSet::new();
        while self.read()? {
            read.insert(self.last);
        }
        let promises = &self.promises;
        let missing: Vec<u64> = promises.owed.difference(&read).copied().collect();
        prop_assert!(missing.len() <= promises.may_miss, "missing: {missing:?}");
        let lost = self.log.lost();
        let counted = promises.counted + lost.records + lost.torn_records;
        let known = missing.partition_point(|sequence| *sequence < promises.uncounted_from);
        prop_assert!(
            promises.uncounted || known as u64 <= counted,
            "missing: {missing:?}, counted {counted}"
        );
        if !promises.state_lost {
            let again = read.range(..promises.saved).next();
            prop_assert_eq!(
                again,
                None,
                "acknowledged and saved up to {}",
                promises.saved
            );
        }
        // After a sync that failed the kernel shows what the disk may not have; a crash then takes it from under a state.
        if !promises.damaged && !promises.syncs_failed {
            prop_assert_eq!(lost.records, 0);
            prop_assert_eq!(self.log.damaged_files(), 0);
        }
        // And it goes on as if nothing had been.
        self.append(50);
        self.commit();
        prop_assert!(self.read()?);
        prop_assert!(!self.read()?);
        let pending = self.log.pending();
        prop_assert!(pending.records <= pending.documents + lost.records + lost.torn_records + 1);
        Ok(())
    }
}

fn run(steps: &[Step]) -> Checked {
    let mut world = World::new();
    for step in steps {
        world.take(step)?;
    }
    world.settle_accounts()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_was_promised_is_lost(steps in proptest::collection::vec(step(), 1..80)) {
        run(&steps)?;
    }

    #[test]
    fn damage_costs_what_it_hits_and_is_counted(
        steps in proptest::collection::vec(damaging_step(), 1..80)
    ) {
        run(&steps)?;
    }
}

#[test]
fn a_state_that_a_full_disk_tears_at_a_commit_is_no_witness() {
    use Step::*;
    let steps = [
        Append(117),
        Append(21),
        FullDisk(0),
        Append(85),
        RoomAgain,
        Append(101),
        Commit,
        Kill,
        Append(21),
        FullDisk(213),
        SyncsFail(1),
        Commit,
        MissingSegment(110),
    ];
    run(&steps).unwrap();
}

#[test]
fn payloads_like_headers_do_not_hide_what_is_behind_two_damaged_records() {
    use Step::*;
    let steps = [
        Append(261),
        Append(293),
        Append(0),
        Commit,
        CorruptByte(0, 35_324, 1),
        Append(0),
        CorruptByte(0, 9160, 1),
        Append(0),
    ];
    run(&steps).unwrap();
}
