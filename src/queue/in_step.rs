//! A file that is kept in step with positions: what it holds and the positions that go with it become durable as one. A plan of
//! the moves is written into the file itself, before the positions are; after a crash between the two, the next start makes
//! the moves good.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::queue::ack::{Acknowledge, PatientAck};
use crate::queue::positions::{self, Positions};

/// A position that moves. It has moved already if the file does not hold `from` any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    path: PathBuf,
    key: String,
    from: Option<Value>,
    to: Value,
}

impl Move {
    pub fn to_json(&self) -> String {
        json!([self.path, self.key, self.from, self.to]).to_string()
    }

    pub fn from_json(text: &str) -> Option<Self> {
        let (path, key, from, to) = serde_json::from_str(text).ok()?;
        Some(Self {
            path,
            key,
            from,
            to,
        })
    }
}

/// The streams that a number of acknowledgements concerns.
pub struct Step {
    streams: Vec<Stream>,
}

struct Stream {
    listener: Arc<dyn Acknowledge>,
    /// Batches, and how many of their holders are not among these.
    missing: BTreeMap<u64, usize>,
}

impl Step {
    pub fn of<'a>(acks: impl Iterator<Item = &'a PatientAck>) -> Self {
        let mut places: HashMap<*const (), usize> = HashMap::new();
        let mut streams: Vec<Stream> = Vec::new();
        for (listener, token, holders) in acks.filter_map(PatientAck::listener) {
            let place = *places
                .entry(Arc::as_ptr(listener).cast())
                .or_insert(streams.len());
            if place == streams.len() {
                streams.push(Stream {
                    listener: Arc::clone(listener),
                    missing: BTreeMap::new(),
                });
            }
            if let Some(stream) = streams.get_mut(place) {
                let missing = stream.missing.entry(token).or_insert(holders);
                *missing = missing.saturating_sub(1);
            }
        }
        Self { streams }
    }

    /// Writes something with the moves that come of it when the acknowledgements are settled; once it is durable, has them
    /// settled, and saves the positions.
    pub fn take(
        self,
        write: impl FnOnce(&[Move]) -> io::Result<()>,
        settle: impl FnOnce(),
    ) -> io::Result<()> {
        let files = self.files();
        // In the order of their paths, so that two that do this never wait for each other.
        let mut moves = Vec::new();
        let mut locked = Vec::with_capacity(files.len());
        for (path, (positions, ends)) in &files {
            let saved = positions.lock_file();
            for (key, end) in ends {
                moves.push(Move {
                    path: path.clone(),
                    key: key.clone(),
                    from: saved.positions.get(key).cloned(),
                    to: end.clone(),
                });
            }
            locked.push((positions, saved));
        }
        write(&moves)?;
        settle();
        for (positions, mut saved) in locked {
            if let Err(error) = positions.save_locked(&mut saved) {
                let path = positions.path().display();
                tracing::warn!("cannot save positions in {path}: {error}; it is tried again");
            }
        }
        Ok(())
    }

    /// Where the streams will stand, by the files of their positions.
    fn files(&self) -> BTreeMap<PathBuf, (Positions, Vec<(String, Value)>)> {
        let mut files = BTreeMap::new();
        for Stream { listener, missing } in &self.streams {
            let whole = missing.iter().filter(|(_, missing)| **missing == 0);
            let tokens: BTreeSet<u64> = whole.map(|(token, _)| *token).collect();
            if let Some(ahead) = listener.ahead(&tokens) {
                let path = ahead.positions.path().to_owned();
                let (_, ends) = files
                    .entry(path)
                    .or_insert_with(|| (ahead.positions, Vec::new()));
                ends.push((ahead.key, ahead.end));
            }
        }
        files
    }
}

/// Makes moves good that were written and not saved. Before any input reads its positions.
pub fn catch_up(moves: &[Move]) -> io::Result<()> {
    let paths: BTreeSet<&Path> = moves.iter().map(|one| one.path.as_path()).collect();
    for path in paths {
        let mut saved = positions::read(path)?;
        let mut is_changed = false;
        for one in moves.iter().filter(|one| one.path == path) {
            if saved.get(&one.key) == one.from.as_ref() && one.from.as_ref() != Some(&one.to) {
                saved.insert(one.key.clone(), one.to.clone());
                is_changed = true;
            }
        }
        if is_changed {
            positions::write(path, &saved)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use serde_json::json;

    use super::{Move, Step, catch_up};
    use crate::queue::ack::PatientAck;
    use crate::queue::positions::{Positions, read};

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("sawlog-step-{name}-{}", std::process::id()))
    }

    /// The moves that a crash leaves: nothing is settled, nothing saved.
    fn planned(acks: &[PatientAck]) -> Vec<Move> {
        let mut plan = Vec::new();
        let keep = |moves: &[Move]| {
            plan = moves.iter().map(Move::to_json).collect();
            Ok(())
        };
        Step::of(acks.iter())
            .take(keep, || {})
            .expect("nothing failed");
        let read = |text: &String| Move::from_json(text).expect("it was just written");
        plan.iter().map(read).collect()
    }

    #[test]
    fn a_crash_between_the_two_writes_is_made_good() {
        let path = folder("crash").join("a.json");
        let positions = Positions::open(&path).expect("nothing is there");
        positions.set("b", json!(5));
        positions.save().expect("the folder is ours");
        let stream = positions.stream("a");
        let acks = [10, 20, 30].map(|end| stream.ack(json!(end)).patient());
        let moves = planned(acks.get(..2).expect("there are three"));
        assert_eq!(read(&path).expect("it is there").get("a"), None);
        for _ in 0..2 {
            catch_up(&moves).expect("the folder is ours");
            let found = read(&path).expect("it is there");
            assert_eq!(found.get("a"), Some(&json!(20)));
            assert_eq!(found.get("b"), Some(&json!(5)));
        }
        std::fs::remove_dir_all(folder("crash")).expect("the folder is ours");
    }

    #[test]
    fn a_batch_of_which_another_part_is_held_does_not_move_its_stream() {
        let positions = Positions::open(&folder("part").join("a.json")).expect("nothing is there");
        let stream = positions.stream("a");
        let first = stream.ack(json!(10)).patient();
        let second = stream.ack(json!(20));
        let acks = [first, second.clone().patient()];
        let other_part = second.patient();
        assert_eq!(
            planned(&acks).first().map(|one| one.to.clone()),
            Some(json!(10))
        );
        let [first, second] = acks;
        let whole = [first, second, other_part];
        assert_eq!(
            planned(&whole).first().map(|one| one.to.clone()),
            Some(json!(20))
        );
    }

    #[test]
    fn what_cannot_be_written_settles_nothing() {
        let path = folder("full").join("a.json");
        let positions = Positions::open(&path).expect("nothing is there");
        let stream = positions.stream("a");
        let acks = vec![stream.ack(json!(10)).patient()];
        let full = |_: &[Move]| Err(io::ErrorKind::StorageFull.into());
        let failed = Step::of(acks.iter()).take(full, || panic!("nothing is durable"));
        assert!(failed.is_err());
        Step::of(acks.iter())
            .take(|_| Ok(()), || acks.into_iter().for_each(PatientAck::settle))
            .expect("nothing failed");
        assert_eq!(read(&path).expect("it is there").get("a"), Some(&json!(10)));
        std::fs::remove_dir_all(folder("full")).expect("the folder is ours");
    }

    #[test]
    fn a_position_that_has_moved_on_stays() {
        let path = folder("moved").join("a.json");
        let positions = Positions::open(&path).expect("nothing is there");
        positions.set("a", json!(40));
        positions.save().expect("the folder is ours");
        let one = Move {
            path: path.clone(),
            key: "a".to_owned(),
            from: Some(json!(10)),
            to: json!(20),
        };
        catch_up(&[one]).expect("the folder is ours");
        assert_eq!(read(&path).expect("it is there").get("a"), Some(&json!(40)));
        std::fs::remove_dir_all(folder("moved")).expect("the folder is ours");
    }
}
