//! The oracle: what was offered, what was acknowledged, what the servers hold, and whether these agree. Every document can
//! be made again from its id, so that a server notices at once what it should never have been sent.

use std::collections::{BTreeMap, BTreeSet};

use super::{Outcome, Plan};
use crate::event::provenance::IDENTIFIER_BYTES;

/// Which stream an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Pushed,
    Readable,
}

/// One event: its stream and its number there.
pub type Event = (Source, u64);

/// Everything that is known of one run.
pub struct Ledger {
    plan: Plan,
    /// Events that were handed in at least once, of both streams.
    pushed: u64,
    read: u64,
    acknowledged: BTreeSet<Event>,
    stored: BTreeSet<Event>,
    refused: BTreeSet<Event>,
    /// The furthest position that was on disk.
    safe: u64,
    duplicates: u64,
    /// Bytes of the readable stream that were put in and have no verdict.
    in_hand: usize,
    in_hand_max: usize,
    breach: Option<String>,
}

/// FNV-1a, enough to notice what was changed.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// An event's id.
pub fn id(event: Event) -> String {
    let source = match event.0 {
        Source::Pushed => "pushed",
        Source::Readable => "readable",
    };
    // As long as the agent's own ids, by which it knows its dead letters.
    let digits = IDENTIFIER_BYTES - source.len() - 1;
    format!("{source}-{:0digits$}", event.1)
}

/// The event that has this id.
pub fn of_id(id: &str) -> Option<Event> {
    let (source, number) = id.split_once('-')?;
    let source = match source {
        "pushed" => Source::Pushed,
        "readable" => Source::Readable,
        _ => return None,
    };
    Some((source, number.parse().ok()?))
}

/// The document's source: stream, number, a text of any length, and its hash.
pub fn source(seed: u64, event: Event) -> String {
    let text = format!("{seed} {} ", id(event)).repeat(1 + (event.1 % 13) as usize);
    let (id, hash) = (id(event), hash(text.as_bytes()));
    format!(r#"{{"id":"{id}","hash":"{hash:016x}","message":"{text}"}}"#)
}

/// What the server never takes: the document alone, or any request with it.
pub fn is_poison(event: Event) -> bool {
    event.1 % 97 == 13
}

pub fn is_malformed(event: Event) -> bool {
    event.1 % 211 == 7
}

impl Ledger {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            pushed: 0,
            read: 0,
            acknowledged: BTreeSet::new(),
            stored: BTreeSet::new(),
            refused: BTreeSet::new(),
            safe: 0,
            duplicates: 0,
            in_hand: 0,
            in_hand_max: 0,
            breach: None,
        }
    }

    /// The next events of the pushed stream, none when it is at its end.
    pub fn offer_to_push(&mut self, most: u64) -> std::ops::Range<u64> {
        let first = self.pushed;
        self.pushed = (first + most).min(self.plan.pushed);
        first..self.pushed
    }

    /// The readable stream is read up to there.
    pub fn offer_to_read(&mut self, end: u64) {
        self.read = self.read.max(end);
    }

    /// The agent has promised these events.
    pub fn acknowledge(&mut self, source: Source, numbers: std::ops::Range<u64>) {
        self.acknowledged
            .extend(numbers.map(|number| (source, number)));
    }

    /// A position is on disk, or was read from there: it never goes back, and lies behind nothing that is not safe.
    pub fn position(&mut self, position: u64) {
        if position < self.safe {
            let safe = self.safe;
            self.break_with(format!("the position went back from {safe} to {position}"));
        }
        for number in self.safe..position {
            let event = (Source::Readable, number);
            // What went over the disk is promised there, and arrives later.
            let is_safe = self.plan.is_over_disk() || self.is_settled(&event);
            if !is_safe {
                self.break_with(format!("the position {position} passed event {number}"));
            }
            self.acknowledged.insert(event);
        }
        self.safe = self.safe.max(position);
    }

    /// A document reached a server: true if it is new there.
    pub fn store(&mut self, id: &str, source: &[u8]) -> bool {
        let Some(event) = self.known(id, source) else {
            return false;
        };
        if self.plan.forgotten == Some(event) {
            return true;
        }
        let is_new = self.stored.insert(event);
        if !is_new {
            self.duplicates += 1;
        }
        is_new
    }

    /// A server said that it will never take this document.
    pub fn refuse(&mut self, id: &str, source: &[u8]) {
        if let Some(event) = self.known(id, source) {
            self.refused.insert(event);
        }
    }

    /// The event of a document that a server was sent, which must be exactly what was offered.
    pub fn known(&mut self, id: &str, sent: &[u8]) -> Option<Event> {
        let event = of_id(id).filter(|event| {
            let offered = match event.0 {
                Source::Pushed => self.pushed,
                Source::Readable => self.read,
            };
            event.1 < offered && source(self.plan.seed, *event).as_bytes() == sent
        });
        if event.is_none() {
            let sent = String::from_utf8_lossy(sent);
            self.break_with(format!("nobody offered {id}: {sent}"));
        }
        event
    }

    pub fn take_in_hand(&mut self, bytes: usize) {
        self.in_hand += bytes;
        self.in_hand_max = self.in_hand_max.max(self.in_hand);
    }

    pub fn let_go(&mut self, bytes: usize) {
        self.in_hand = self.in_hand.saturating_sub(bytes);
    }

    /// The agent died: its memory is empty.
    pub fn empty_hands(&mut self) {
        self.in_hand = 0;
    }

    pub fn is_everything_read(&self) -> bool {
        self.pushed == self.plan.pushed && self.safe == self.plan.readable
    }

    fn is_settled(&self, event: &Event) -> bool {
        self.stored.contains(event) || self.refused.contains(event)
    }

    pub fn break_with(&mut self, what: String) {
        self.breach.get_or_insert(what);
    }

    /// The first rule that was broken.
    pub fn verdict(&self) -> Result<(), String> {
        self.breach.clone().map_or(Ok(()), Err)
    }

    pub fn missing(&self) -> Vec<&Event> {
        let all = self.acknowledged.iter();
        all.filter(|event| !self.is_settled(event)).collect()
    }

    pub fn tell(&self) -> String {
        let missing = self.missing();
        format!(
            "pushed {} of {}, position {} of {}, acknowledged {}, stored {}, refused {}, missing {} {:?}",
            self.pushed,
            self.plan.pushed,
            self.safe,
            self.plan.readable,
            self.acknowledged.len(),
            self.stored.len(),
            self.refused.len(),
            missing.len(),
            &missing[..missing.len().min(5)]
        )
    }

    /// Each event that was refused has one letter; one that was dropped after it was refused may have none.
    fn check_letters(&self, letters: &BTreeMap<Event, u64>, dropped: u64) -> Result<(), String> {
        if let Some((event, count)) = letters.iter().find(|(_, count)| **count != 1) {
            return Err(format!("{count} letters of {event:?}"));
        }
        if let Some(event) = letters.keys().find(|event| !self.refused.contains(event)) {
            return Err(format!("a letter of {event:?}, which was not refused"));
        }
        let refused = self.acknowledged.intersection(&self.refused);
        let without: Vec<_> = refused
            .filter(|event| !letters.contains_key(event))
            .collect();
        match dropped < without.len() as u64 {
            true => Err(format!(
                "{} refused without a letter: {:?}",
                without.len(),
                without.first()
            )),
            false => Ok(()),
        }
    }

    /// The sum at the end: whatever was acknowledged is there, refused and kept as a letter, or dropped and counted.
    pub fn close(
        &self,
        dropped: u64,
        failed: u64,
        letters: &BTreeMap<Event, u64>,
    ) -> Result<Outcome, String> {
        self.verdict()?;
        let missing = self.missing().len() as u64;
        if dropped < missing {
            return Err(format!("{dropped} are counted as dropped: {}", self.tell()));
        }
        let refused = self.acknowledged.intersection(&self.refused).count() as u64;
        // One that was refused, without our hearing of it, may have been dropped later.
        if failed + dropped < refused {
            return Err(format!("{refused} were refused and {failed} counted"));
        }
        let stray = self.stored.intersection(&self.refused).count();
        if stray != 0 {
            return Err(format!("{stray} are both stored and refused"));
        }
        self.check_letters(letters, dropped)?;
        Ok(Outcome {
            offered: self.pushed + self.read,
            acknowledged: self.acknowledged.len() as u64,
            delivered: self.stored.len() as u64,
            duplicates: self.duplicates,
            refused: self.refused.len() as u64,
            letters: letters.values().sum(),
            dropped,
            lost: missing.saturating_sub(dropped),
            in_hand_bytes_max: self.in_hand_max,
            ..Outcome::default()
        })
    }
}
