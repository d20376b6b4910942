//! Records that were read and wait for their acknowledgement, which may come in any order.

use std::collections::VecDeque;

use super::Mark;
use super::format::RecordHeader;

/// A place in the files: where a record is, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub at: Mark,
    pub segment: u64,
    pub offset: u64,
}

/// A record, or a run of them without a gap that are all settled: what passes a record that waits costs no memory.
struct Entry {
    place: Place,
    behind: Place,
    settled: bool,
}

impl Entry {
    fn is_followed_by(&self, next: &Self) -> bool {
        self.behind.at.sequence == next.place.at.sequence
    }
}

/// In the order of the log.
#[derive(Default)]
pub struct Marks {
    entries: VecDeque<Entry>,
}

/// What is known of a record by its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Waiting,
    Settled,
    /// It was not read, or is acknowledged with all before it.
    No,
}

impl Marks {
    /// The oldest record that waits.
    pub fn first(&self) -> Option<Place> {
        self.entries.front().map(|entry| entry.place)
    }

    /// A record was read that lies behind all others.
    pub fn push(&mut self, place: Place, header: RecordHeader) {
        self.entries.push_back(Entry {
            place,
            behind: after(place, &header),
            settled: false,
        });
    }

    pub fn known(&self, sequence: u64) -> Known {
        match self
            .find(sequence)
            .and_then(|index| self.entries.get(index))
        {
            Some(entry) if entry.settled => Known::Settled,
            Some(_) => Known::Waiting,
            None => Known::No,
        }
    }

    fn find(&self, sequence: u64) -> Option<usize> {
        let behind = |entry: &Entry| entry.place.at.sequence <= sequence;
        let index = self.entries.partition_point(behind).checked_sub(1)?;
        let entry = self.entries.get(index)?;
        (sequence < entry.behind.at.sequence).then_some(index)
    }

    /// Settles one record. False if it was not waiting.
    pub fn settle(&mut self, sequence: u64) -> bool {
        let Some(index) = self.find(sequence) else {
            return false;
        };
        match self.entries.get_mut(index) {
            Some(entry) if !entry.settled => entry.settled = true,
            _ => return false,
        }
        // The one behind first, so that this one keeps its place.
        self.join(index);
        if let Some(before) = index.checked_sub(1) {
            self.join(before);
        }
        true
    }

    /// Makes one run of a settled entry and the next one, if that is settled and follows.
    fn join(&mut self, index: usize) {
        let (Some(entry), Some(next)) = (self.entries.get(index), self.entries.get(index + 1))
        else {
            return;
        };
        if entry.settled && next.settled && entry.is_followed_by(next) {
            let behind = next.behind;
            self.entries.remove(index + 1);
            if let Some(entry) = self.entries.get_mut(index) {
                entry.behind = behind;
            }
        }
    }

    /// How many entries there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Settles all records up to this one.
    pub fn settle_up_to(&mut self, sequence: u64) {
        let waiting = self.entries.iter_mut();
        for entry in waiting.take_while(|entry| entry.place.at.sequence <= sequence) {
            entry.settled = true;
        }
    }

    /// Removes the settled records at the front; returns the place behind the last of them.
    pub fn advance(&mut self) -> Option<Place> {
        let mut behind = None;
        while let Some(entry) = self.entries.front().filter(|entry| entry.settled) {
            behind = Some(entry.behind);
            self.entries.pop_front();
        }
        behind
    }
}

/// The place behind a record.
pub fn after(place: Place, header: &RecordHeader) -> Place {
    Place {
        at: header.end(),
        segment: place.segment,
        offset: place.offset + header.size(),
    }
}
