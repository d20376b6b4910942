//! Positions against a plain model, on a disk that loses, tears, fills, fails and spoils, over random sequences of everything
//! that may happen to them. What the model holds:
//!
//! - a position is the end of the last batch before which every batch is acknowledged, and of no later one;
//! - a batch that one of its holders dropped is never acknowledged, nor is any after it;
//! - whoever reads a stream on goes on behind what holders still have of it; where one of them was lost, from the position, and
//!   those of before count no more;
//! - a save that succeeded outlives whatever happens to the machine then, as a whole;
//! - after a save that failed, or that the process or the machine died in, the file is as it was saved last or as it was being
//!   saved, and the next save writes everything;
//! - the file can always be read: once the disk spoilt it, it is set aside, whole, for the one that was saved before it, and
//!   where that is spoilt as well, both are told; once somebody removed it, the same;
//! - the one that was saved before it is always one that was saved, or being saved.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::{Just, ProptestConfig, Strategy, TestCaseError, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use super::file::{Damage, File, Instead, decode};
use super::{Positions, Stream};
use crate::queue::ack::Ack;
use crate::queue::disk::model::{Dice, Model};

/// So long that a file has several pages, of which a crash keeps some.
const STREAMS: [&str; 3] = [
    "/var/log/containers/shop-7d4b9c6f5-x2x9q_default_checkout-0a1b2c3d4e5f.log",
    "/var/log/nginx/access.log",
    "/var/log/a-service-of-which-the-name-is-rather-long/and-its-instance/current.log",
];

const NAME: &str = "positions.json";
const OLDER: &str = "positions.json.old";
const DAMAGED: &str = "positions.json.damaged";

#[derive(Clone, Debug)]
enum Step {
    /// The next batch of a stream, shared by so many holders.
    Read(usize, usize),
    /// One holder of a batch is done.
    Settle(usize, usize),
    /// One holder of a batch is lost.
    Abandon(usize, usize),
    /// The position of a stream, behind its batches.
    Set(usize),
    /// Another reads the stream on.
    ReadOn(usize),
    Save,
    /// So many bytes fit on the disk, and no more.
    Fill(u16),
    /// After so many more changes and syncs so many fail.
    Fail(u8, u8),
    /// There is room again, and nothing fails any more.
    Mend,
    /// What was not synced is lost, and the process goes on.
    LoseWriteBack,
    End(End),
    /// The process or the machine ends after so many changes and syncs of a save.
    EndInSave(u8, End),
    Spoil {
        which: Spoilt,
        place: u16,
        mask: u8,
        /// The start that finds it ends as well.
        again: Option<(u8, End)>,
    },
    /// Somebody removes the newest file; the start that misses it may end as well.
    Remove(Option<(u8, End)>),
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// The process dies; the kernel keeps what it was given.
    Kill,
    /// The machine dies, and what was not synced is lost.
    Lose,
    /// The machine dies, and what was not synced is lost, kept or torn.
    Crash(u64),
}

/// Which file the disk spoils.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoilt {
    Newest,
    Older,
    Both,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        1 => Just(End::Kill),
        1 => Just(End::Lose),
        2 => any::<u64>().prop_map(End::Crash),
    ]
}

fn spoil() -> impl Strategy<Value = Step> {
    let which = prop_oneof![
        3 => Just(Spoilt::Newest),
        1 => Just(Spoilt::Older),
        1 => Just(Spoilt::Both),
    ];
    let again = proptest::option::of((0u8..12, end()));
    (which, any::<u16>(), 1..=u8::MAX, again).prop_map(|(which, place, mask, again)| Step::Spoil {
        which,
        place,
        mask,
        again,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let stream = || 0..STREAMS.len();
    prop_oneof![
        12 => (stream(), 1usize..4).prop_map(|(stream, holders)| Step::Read(stream, holders)),
        24 => (stream(), any::<usize>()).prop_map(|(stream, batch)| Step::Settle(stream, batch)),
        1 => (stream(), any::<usize>()).prop_map(|(stream, batch)| Step::Abandon(stream, batch)),
        1 => stream().prop_map(Step::Set),
        2 => stream().prop_map(Step::ReadOn),
        8 => Just(Step::Save),
        1 => (0u16..400).prop_map(Step::Fill),
        2 => (0u8..16, 1u8..4).prop_map(|(after, count)| Step::Fail(after, count)),
        2 => Just(Step::Mend),
        1 => Just(Step::LoseWriteBack),
        1 => end().prop_map(Step::End),
        3 => (0u8..8, end()).prop_map(|(operations, end)| Step::EndInSave(operations, end)),
        2 => spoil(),
        1 => proptest::option::of((0u8..12, end())).prop_map(Step::Remove),
    ]
}

/// One batch as the model sees it.
struct Batch {
    end: u64,
    holders: Vec<Ack>,
    is_lost: bool,
}

/// One stream: the real one, and what is expected of it.
struct Expected {
    stream: Stream,
    batches: Vec<Batch>,
    /// Where the next batch begins.
    next: u64,
    safe: Option<u64>,
}

impl Expected {
    fn open(positions: &Positions, key: &str, safe: Option<u64>) -> Self {
        Self {
            stream: positions.stream(key),
            batches: Vec::new(),
            next: safe.unwrap_or(0),
            safe,
        }
    }

    fn read(&mut self, holders: usize) {
        self.next += 1 + self.next % 5;
        let ack = self.stream.ack(json!(self.next));
        self.batches.push(Batch {
            end: self.next,
            holders: vec![ack; holders],
            is_lost: false,
        });
    }

    /// The position by the rule, from the front.
    fn advance(&mut self) {
        let done = |batch: &&Batch| batch.holders.is_empty() && !batch.is_lost;
        let count = self.batches.iter().take_while(done).count();
        if let Some(last) = self.batches.drain(..count).next_back() {
            self.safe = Some(last.end);
        }
    }

    /// Whether the last holder of a batch of which one was lost is gone.
    fn is_lost(&self) -> bool {
        let is_lost = |batch: &Batch| batch.is_lost && batch.holders.is_empty();
        self.batches.iter().any(is_lost)
    }

    /// A batch that still has holders.
    fn open_batch(&mut self, which: usize) -> Option<&mut Batch> {
        let mut open: Vec<&mut Batch> = self.batches.iter_mut().collect();
        open.retain(|batch| !batch.holders.is_empty());
        let count = open.len();
        open.into_iter().nth(which % count.max(1))
    }
}

/// Positions, as a file holds them; one that is not there holds none.
type Kept = BTreeMap<String, u64>;

type Checked = Result<(), TestCaseError>;

/// What is to be told of a damaged file.
#[derive(Clone, Copy, Debug)]
enum Told {
    No,
    Yes(Instead),
    /// Somebody may have told of it before.
    Perhaps,
}

/// What the disk was told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Good,
    /// To run full: no save comes further than its first write.
    Full,
    /// To fail at any operation.
    Failing,
}

struct Trial {
    disk: Model,
    positions: Positions,
    streams: Vec<Expected>,
    /// What is safe, whatever happens.
    saved: Kept,
    /// What was being saved since: as good.
    tried: Vec<Kept>,
    /// What the file before may hold, or nothing if that is spoilt.
    older: Vec<Option<Kept>>,
    health: Health,
    /// Since a start on such a disk it is not known whether a save has anything to write.
    is_unsure: bool,
    /// A file was spoilt, and that it was replaced may be lost yet.
    is_spoilt: bool,
}

fn open(disk: &Model) -> std::io::Result<(Positions, Option<Damage>)> {
    Positions::open_file(Path::new(NAME), File::on(disk.clone(), NAME))
}

/// What a file holds; nothing if it is damaged.
fn on_disk(disk: &Model, name: &str) -> Option<Kept> {
    if !disk.names().iter().any(|one| one == name) {
        return Some(Kept::new());
    }
    let kept = decode(&disk.bytes(name))?;
    kept.into_iter()
        .map(|(key, position)| Some((key, position.as_u64()?)))
        .collect()
}

impl Trial {
    fn new() -> Self {
        let disk = Model::default();
        let (positions, _) = open(&disk).expect("there is no file yet");
        let expected = |key: &&str| Expected::open(&positions, key, None);
        Self {
            streams: STREAMS.iter().map(expected).collect(),
            disk,
            positions,
            saved: Kept::new(),
            tried: Vec::new(),
            older: vec![Some(Kept::new())],
            health: Health::Good,
            is_unsure: false,
            is_spoilt: false,
        }
    }

    fn expected(&self) -> Kept {
        let all = STREAMS.iter().zip(&self.streams);
        all.filter_map(|(key, stream)| Some(((*key).to_owned(), stream.safe?)))
            .collect()
    }

    fn run(&mut self, step: &Step) -> Checked {
        match *step {
            Step::Read(stream, holders) => self.streams[stream].read(holders),
            Step::Settle(stream, which) => {
                if let Some(batch) = self.streams[stream].open_batch(which) {
                    batch.holders.pop().expect("it has holders").settle();
                }
            }
            Step::Abandon(stream, which) => {
                if let Some(batch) = self.streams[stream].open_batch(which) {
                    drop(batch.holders.pop());
                    batch.is_lost = true;
                }
            }
            Step::Set(stream) => self.set(stream),
            Step::ReadOn(stream) => self.read_on(stream)?,
            Step::Save => self.save()?,
            Step::Fill(room) => {
                self.disk.fill(Some(room.into()));
                self.health = self.health.max(Health::Full);
            }
            Step::Fail(after, count) => {
                self.disk.fail_after(after.into(), count.into());
                self.health = Health::Failing;
            }
            Step::Mend => self.mend(),
            Step::LoseWriteBack => self.disk.lose(),
            Step::End(end) => {
                self.end(end);
                self.start_again(&self.known(), Told::No)?;
            }
            Step::EndInSave(operations, end) => self.end_in_save(operations, end)?,
            Step::Spoil {
                which,
                place,
                mask,
                again,
            } => self.spoil(which, place, mask, again)?,
            Step::Remove(again) => self.remove(again)?,
        }
        self.check()
    }

    fn set(&mut self, stream: usize) {
        let key = STREAMS[stream];
        let stream = &mut self.streams[stream];
        if !stream.is_lost() {
            stream.next += 100;
            stream.batches.push(Batch {
                end: stream.next,
                holders: Vec::new(),
                is_lost: false,
            });
            self.positions.set(key, json!(stream.next));
        }
    }

    fn read_on(&mut self, stream: usize) -> Checked {
        let key = STREAMS[stream];
        let stream = &mut self.streams[stream];
        let reached = self.positions.reached(key).and_then(|end| end.as_u64());
        if stream.is_lost() {
            prop_assert_eq!(reached, stream.safe);
            let before =
                std::mem::replace(stream, Expected::open(&self.positions, key, stream.safe));
            let holders = before.batches.into_iter().flat_map(|batch| batch.holders);
            holders.for_each(Ack::settle);
        } else {
            let last = stream.batches.last().map(|batch| batch.end);
            prop_assert_eq!(reached, last.or(stream.safe));
            stream.stream = self.positions.stream(key);
        }
        Ok(())
    }

    fn is_faulty(&self) -> bool {
        self.health != Health::Good
    }

    fn mend(&mut self) {
        self.disk.fill(None);
        self.disk.fail_after(0, 0);
        self.health = Health::Good;
    }

    fn save(&mut self) -> Checked {
        let result = self.try_to_save()?;
        prop_assert!(self.is_faulty() || result, "nothing was in the way");
        Ok(())
    }

    /// Whether it succeeded. What succeeded is safe; what failed changes nothing but that it was tried.
    fn try_to_save(&mut self) -> Result<bool, TestCaseError> {
        let before = on_disk(&self.disk, NAME);
        let new = self.expected();
        let has_new = self.saved != new;
        let result = self.positions.save().is_ok();
        let after = on_disk(&self.disk, NAME);
        if result {
            prop_assert_eq!(after.as_ref(), Some(&new), "saved");
            let is_failing = self.health == Health::Failing;
            if has_new && !is_failing && !self.is_unsure {
                self.older.clear();
            }
            if has_new || self.is_unsure {
                self.older.push(before);
            }
            // A name that could not be given is not there.
            if is_failing {
                self.older.push(Some(Kept::new()));
            }
            self.saved = new;
            self.tried.clear();
            (self.is_unsure, self.is_spoilt) = (false, false);
        } else {
            prop_assert!(after == before || after.as_ref() == Some(&new), "failed");
            if self.health == Health::Failing {
                self.older.extend([before, Some(Kept::new())]);
            }
            self.tried.push(new);
        }
        Ok(result)
    }

    /// What the file may hold after an end of any kind.
    fn known(&self) -> Vec<Kept> {
        let mut known = self.tried.clone();
        known.push(self.saved.clone());
        known
    }

    fn end(&mut self, end: End) {
        self.disk.live_on();
        match end {
            End::Kill => {}
            End::Lose => self.disk.lose(),
            End::Crash(seed) => {
                self.disk.crash(&mut Dice(seed));
                self.health = Health::Good;
            }
        }
    }

    fn end_in_save(&mut self, operations: u8, end: End) -> Checked {
        let health = std::mem::replace(&mut self.health, Health::Failing);
        self.disk.die_after(operations.into());
        self.try_to_save()?;
        self.health = health;
        self.end(end);
        self.start_again(&self.known(), Told::No)
    }

    /// Spoils a byte of one file or of both, and starts again.
    fn spoil(&mut self, which: Spoilt, place: u16, mask: u8, again: Option<(u8, End)>) -> Checked {
        let both = which == Spoilt::Both || self.disk.is_linked(NAME, OLDER);
        let (newest, older) = (on_disk(&self.disk, NAME), on_disk(&self.disk, OLDER));
        let newest = newest.expect("it was checked");
        let names = match which {
            Spoilt::Both if !self.disk.is_linked(NAME, OLDER) => [NAME, OLDER].as_slice(),
            Spoilt::Newest | Spoilt::Both => &[NAME],
            Spoilt::Older => &[OLDER],
        };
        let has = |name: &str| self.disk.names().iter().any(|one| one == name);
        for name in names.iter().filter(|name| has(name)) {
            let size = self.disk.bytes(name).len();
            self.disk.corrupt(name, usize::from(place) % size, mask);
        }
        let is_newest_spoilt = has(NAME) && (both || which == Spoilt::Newest);
        let instead = match (on_disk(&self.disk, OLDER), has(OLDER)) {
            (Some(_), true) => Instead::Older,
            (Some(_), false) => Instead::Nothing,
            (None, _) => Instead::NothingReadable,
        };
        let (want, told) = match is_newest_spoilt {
            true => {
                let left = older.filter(|_| instead == Instead::Older);
                (left.unwrap_or_default(), Told::Yes(instead))
            }
            false => (newest, Told::No),
        };
        if instead == Instead::NothingReadable {
            self.older.push(None);
        }
        let spoilt = is_newest_spoilt.then(|| self.disk.bytes(NAME));
        let mut allowed = vec![want];
        let is_open = !self.tried.is_empty() || self.is_unsure;
        if is_open {
            // Names may be lost yet, so that either file has the other one's again.
            allowed.extend(self.known());
            allowed.extend(self.older.iter().flatten().cloned());
            allowed.push(Kept::new());
        }
        let told = match is_open || again.is_some() && is_newest_spoilt {
            true => Told::Perhaps,
            false => told,
        };
        if let Some((operations, end)) = again {
            self.disk.die_after(operations.into());
            // It may have come through.
            drop(open(&self.disk));
            self.end(end);
        }
        self.start_again(&allowed, told)?;
        self.is_spoilt = self.is_unsure && (is_newest_spoilt || is_open);
        if let Some(spoilt) = spoilt
            && allowed.len() == 1
        {
            prop_assert_eq!(self.disk.bytes(DAMAGED), spoilt, "it is kept");
        }
        Ok(())
    }

    /// Removes the newest file, and starts again.
    fn remove(&mut self, again: Option<(u8, End)>) -> Checked {
        if !self.tried.is_empty() || self.is_unsure {
            // A crash might bring back names that a failed save has taken away: two faults at once.
            return Ok(());
        }
        self.disk.delete(NAME);
        let has_older = self.disk.names().iter().any(|one| one == OLDER);
        let older = on_disk(&self.disk, OLDER);
        let told = match older {
            _ if !has_older => Told::No,
            _ if again.is_some() => Told::Perhaps,
            Some(_) => Told::Yes(Instead::Older),
            None => Told::Yes(Instead::NothingReadable),
        };
        if let Some((operations, end)) = again {
            self.disk.die_after(operations.into());
            // It may have come through.
            drop(open(&self.disk));
            self.end(end);
        }
        self.start_again(&[older.unwrap_or_default()], told)?;
        self.is_spoilt = self.is_unsure && has_older;
        Ok(())
    }

    /// The process is gone, with all batches that were under way; the next one finds one of these.
    fn start_again(&mut self, allowed: &[Kept], told: Told) -> Checked {
        self.streams.clear();
        let told = match told {
            Told::Yes(_) if self.is_faulty() => Told::Perhaps,
            _ if self.is_spoilt => Told::Perhaps,
            told => told,
        };
        let (positions, damage) = match open(&self.disk) {
            Ok(opened) => opened,
            Err(_) if self.is_faulty() => {
                // It does not start before somebody has made room.
                self.mend();
                return self.start_again(allowed, told);
            }
            Err(error) => return Err(TestCaseError::fail(format!("{error}"))),
        };
        let damage = damage.map(|damage| damage.instead);
        match told {
            Told::No => prop_assert_eq!(damage, None),
            Told::Yes(instead) => prop_assert_eq!(damage, Some(instead)),
            Told::Perhaps => {}
        }
        self.positions = positions;
        let keys = self.positions.keys().into_iter();
        let position = |key: String| {
            let position = self.positions.safe(&key)?.as_u64()?;
            Some((key, position))
        };
        let found: Kept = keys.filter_map(position).collect();
        prop_assert!(allowed.contains(&found), "{found:?} is none of {allowed:?}");
        for key in STREAMS {
            let safe = found.get(key).copied();
            self.streams
                .push(Expected::open(&self.positions, key, safe));
        }
        if self.is_faulty() {
            // The folder may not have been synced.
            self.tried.extend(allowed.iter().cloned());
            self.is_unsure = true;
        } else {
            self.saved = found;
            self.tried.clear();
            (self.is_unsure, self.is_spoilt) = (false, false);
        }
        Ok(())
    }

    fn check(&mut self) -> Checked {
        for (key, stream) in STREAMS.iter().zip(&mut self.streams) {
            stream.advance();
            let safe = self.positions.safe(key);
            let safe = safe.as_ref().and_then(Value::as_u64);
            prop_assert_eq!(safe, stream.safe, "stream {}", key);
            let saved = self.saved.get(*key).copied();
            prop_assert!(self.is_unsure || saved <= safe, "went back");
            prop_assert_eq!(stream.stream.is_settled(), stream.batches.is_empty());
        }
        let known = self.known();
        let newest = on_disk(&self.disk, NAME);
        prop_assert!(
            newest
                .as_ref()
                .map_or(self.is_spoilt, |kept| known.contains(kept)),
            "the file holds {newest:?}, none of {known:?}"
        );
        let older = on_disk(&self.disk, OLDER);
        prop_assert!(
            self.older.contains(&older),
            "the file before holds {older:?}, none of {:?}",
            self.older
        );
        Ok(())
    }

    /// Nothing bad happens any more: the next save writes everything, and the machine may die.
    fn settle_accounts(&mut self, seed: u64) -> Checked {
        self.mend();
        self.save()?;
        self.check()?;
        prop_assert_eq!(&self.saved, &self.expected());
        self.end(End::Crash(seed));
        let saved = self.saved.clone();
        self.start_again(&[saved], Told::No)?;
        self.check()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_position_is_never_ahead_of_its_batches_nor_behind_its_file(
        steps in proptest::collection::vec(step(), 1..120),
        seed in any::<u64>()
    ) {
        let mut trial = Trial::new();
        for step in &steps {
            trial.run(step)?;
        }
        trial.settle_accounts(seed)?;
    }
}
