//! Positions against a plain model, over random sequences of batches, verdicts, saves and crashes. What the model holds:
//!
//! - a position is the end of the last batch before which every batch is acknowledged, and of no later one;
//! - a batch that one of its holders dropped is never acknowledged, nor is any after it;
//! - after a crash each position is the one that was saved last, or that was being saved;
//! - the file can always be read, and after the disk spoilt a byte of it the one that was saved before it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::{Just, ProptestConfig, Strategy, TestCaseError, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use super::{Positions, Stream};
use crate::queue::ack::Ack;

const STREAMS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    /// The next batch of a stream, shared by so many holders.
    Read(usize, usize),
    /// One holder of a batch is done.
    Settle(usize, usize),
    /// One holder of a batch is lost.
    Abandon(usize, usize),
    /// The position of a stream under whose batches none is open.
    Set(usize),
    Save,
    /// Something is in the way of the temporary file.
    FailToSave,
    Crash,
    CrashInSave(Stage, u16),
    /// The disk spoils a byte of what is saved.
    Spoil(u16, u8),
}

/// How far a save got when the machine died.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Some of the temporary file is there.
    Writing,
    /// The temporary file is whole; its new name is lost.
    RenameLost,
    Renamed,
}

fn step() -> impl Strategy<Value = Step> {
    let stream = || 0..STREAMS.len();
    let stage = prop_oneof![
        Just(Stage::Writing),
        Just(Stage::RenameLost),
        Just(Stage::Renamed)
    ];
    prop_oneof![
        12 => (stream(), 1usize..4).prop_map(|(stream, holders)| Step::Read(stream, holders)),
        24 => (stream(), any::<usize>()).prop_map(|(stream, batch)| Step::Settle(stream, batch)),
        1 => (stream(), any::<usize>()).prop_map(|(stream, batch)| Step::Abandon(stream, batch)),
        1 => stream().prop_map(Step::Set),
        4 => Just(Step::Save),
        1 => Just(Step::FailToSave),
        1 => Just(Step::Crash),
        2 => (stage, any::<u16>()).prop_map(|(stage, cut)| Step::CrashInSave(stage, cut)),
        2 => (any::<u16>(), 1..=u8::MAX).prop_map(|(place, mask)| Step::Spoil(place, mask)),
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

    /// A batch that still has holders.
    fn open_batch(&mut self, which: usize) -> Option<&mut Batch> {
        let mut open: Vec<&mut Batch> = self.batches.iter_mut().collect();
        open.retain(|batch| !batch.holders.is_empty());
        let count = open.len();
        open.into_iter().nth(which % count.max(1))
    }
}

struct Trial {
    folder: PathBuf,
    positions: Positions,
    streams: Vec<Expected>,
    /// What the file holds.
    saved: BTreeMap<String, u64>,
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).expect("the folder is ours");
        }
    }
}

impl Trial {
    fn new() -> Self {
        static TRIALS: AtomicU64 = AtomicU64::new(0);
        let number = TRIALS.fetch_add(1, Ordering::Relaxed);
        let name = format!("sawlog-positions-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let positions =
            Positions::open(&folder.join("positions.json")).expect("there is no file yet");
        let open = |key: &&str| Expected::open(&positions, key, None);
        Self {
            streams: STREAMS.iter().map(open).collect(),
            folder,
            positions,
            saved: BTreeMap::new(),
        }
    }

    fn expected(&self) -> BTreeMap<String, u64> {
        let all = STREAMS.iter().zip(&self.streams);
        all.filter_map(|(key, stream)| Some(((*key).to_owned(), stream.safe?)))
            .collect()
    }

    fn run(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
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
            Step::Save => {
                self.positions.save().expect("the folder can be written");
                self.saved = self.expected();
            }
            Step::FailToSave => self.fail_to_save()?,
            Step::Crash => self.start_again()?,
            Step::CrashInSave(stage, cut) => self.crash_in_save(stage, cut)?,
            Step::Spoil(place, mask) => self.spoil(place, mask)?,
        }
        self.check()
    }

    fn set(&mut self, stream: usize) {
        let stream = &mut self.streams[stream];
        if stream.batches.is_empty() {
            stream.next += 100;
            stream.safe = Some(stream.next);
            stream.stream.set(json!(stream.next));
        }
    }

    /// A save that fails changes nothing, and the next one writes what this one should have.
    fn fail_to_save(&mut self) -> Result<(), TestCaseError> {
        let obstacle = self.folder.join("positions.tmp");
        if obstacle.exists() {
            std::fs::remove_file(&obstacle).expect("it is left over from a crash");
        }
        std::fs::create_dir_all(&obstacle).expect("the folder can be written");
        let is_new = self.saved != self.expected();
        prop_assert!(self.positions.save().is_err() || !is_new);
        std::fs::remove_dir(&obstacle).expect("it is empty");
        Ok(())
    }

    /// Leaves the folder as a machine that dies in the middle of a save does.
    fn crash_in_save(&mut self, stage: Stage, cut: u16) -> Result<(), TestCaseError> {
        let path = self.positions.path().to_owned();
        let old = std::fs::read(&path).ok();
        self.positions.save().expect("the folder can be written");
        let Ok(new) = std::fs::read(&path) else {
            // Nothing was to be saved, ever.
            return self.start_again();
        };
        let temporary = match stage {
            Stage::Writing => Some(&new[..usize::from(cut) % new.len()]),
            Stage::RenameLost => Some(&new[..]),
            Stage::Renamed => None,
        };
        match temporary {
            Some(bytes) => {
                std::fs::write(path.with_extension("tmp"), bytes).expect("it can be written");
                match old {
                    Some(old) => std::fs::write(&path, old).expect("it can be written"),
                    None => std::fs::remove_file(&path).expect("it is there"),
                }
            }
            None => self.saved = self.expected(),
        }
        self.start_again()
    }

    /// Spoils a byte of the file and starts again. What was saved before is as far as the streams are, but for one more.
    fn spoil(&mut self, place: u16, mask: u8) -> Result<(), TestCaseError> {
        for round in [1, 2] {
            self.positions.set("more", json!(round));
            self.positions.save().expect("the folder can be written");
        }
        self.saved = self.expected();
        let path = self.positions.path();
        let mut bytes = std::fs::read(path).expect("it was saved");
        let place = usize::from(place) % bytes.len();
        bytes[place] ^= mask;
        std::fs::write(path, bytes).expect("it can be written");
        self.start_again()?;
        prop_assert_eq!(self.positions.safe("more"), Some(json!(1)));
        Ok(())
    }

    /// The process is gone, with all batches that were under way; the next one reads the file.
    fn start_again(&mut self) -> Result<(), TestCaseError> {
        let path = self.positions.path().to_owned();
        self.streams.clear();
        self.positions = match Positions::open(&path) {
            Ok(positions) => positions,
            Err(error) => return Err(TestCaseError::fail(format!("{error}"))),
        };
        for key in STREAMS {
            let safe = self.saved.get(key).copied();
            self.streams
                .push(Expected::open(&self.positions, key, safe));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        for (key, stream) in STREAMS.iter().zip(&mut self.streams) {
            stream.advance();
            let safe = self.positions.safe(key);
            let safe = safe.as_ref().and_then(Value::as_u64);
            prop_assert_eq!(safe, stream.safe, "stream {}", key);
            prop_assert!(self.saved.get(*key).copied() <= safe, "went back");
            prop_assert_eq!(stream.stream.is_settled(), stream.batches.is_empty());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_position_is_never_ahead_of_its_batches_nor_behind_its_file(
        steps in proptest::collection::vec(step(), 1..120)
    ) {
        let mut trial = Trial::new();
        for step in steps {
            trial.run(step)?;
        }
    }
}
