//! A queue on disk: a log of records in segment files, written in groups, read in order, and cut at its old end as records
//! are acknowledged. It survives a crash at any point: what was committed and not acknowledged is read again.
//!
//! Not here: threads, clocks, and what a payload means. `docs/queue.md` tells the files' format.

mod format;
mod marks;
mod reading;
mod recovery;
mod scan;
mod state;
mod tail;
mod verify;
mod writing;

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use crate::queue::disk::Disk;
use marks::{Marks, Place};
#[allow(
    unused_imports,
    reason = "outputs are wired to it in a step of its own"
)]
pub use recovery::{Recovery, StateFound};
use state::StateFile;

/// A place in the count of everything that ever went through the log: a record, and the documents of all records before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The first record has 1.
    pub sequence: u64,
    pub documents: u64,
}

impl Default for Mark {
    fn default() -> Self {
        Self {
            sequence: 1,
            documents: 0,
        }
    }
}

/// What a log may take up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A segment with so much is closed and a new one begun. An eighth of `bytes_max` is the most.
    pub segment_bytes: u64,
    /// What is not acknowledged, headers included. Files can be larger by two segments.
    pub bytes_max: u64,
    /// One payload.
    pub record_bytes_max: usize,
    /// What others need of the file system: with less free nothing is taken in.
    pub free_reserve: u64,
}

/// A record to append.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry<'a> {
    /// The caller's own.
    pub flags: u32,
    /// How many documents the payload holds; everything is counted in these.
    pub documents: u32,
    /// When it was taken in, in milliseconds since 1970: only `sawlog queue ls` reads it.
    pub written: u64,
    pub payload: &'a [u8],
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `bytes_max` would be exceeded: wait for acknowledgements, or drop.
    QueueFull,
    /// The file system has only its reserve left.
    DiskFull,
    /// The record is larger than any may be: it would never fit.
    TooLarge,
}

/// A group that is safe now.
#[derive(Debug)]
pub struct Committed {
    /// Why a segment was given up: its sync failed, and the group was written anew to another one.
    pub abandoned: Option<io::Error>,
}

/// What was read beside the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub sequence: u64,
    pub documents: u32,
    pub written: u64,
    pub flags: u32,
}

/// What is in the log and not acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    pub records: u64,
    pub documents: u64,
    pub bytes: u64,
}

/// What was dropped to make room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub records: u64,
    pub documents: u64,
    pub bytes: u64,
    /// Sequences and documents of those among them that were read and are not acknowledged: whoever has them may still
    /// deliver them.
    pub in_hand: Vec<(u64, u32)>,
}

/// What was committed and could not be read any more, since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub records: u64,
    /// Records missing in the group that was written last when the machine died: most likely they were never promised.
    pub torn_records: u64,
    /// Documents of both.
    pub documents: u64,
    /// Segments of which some part could not be read; they are kept, with the suffix `.damaged`.
    pub segments_damaged: u64,
    /// Gaps between segments: files that are there no more.
    pub segments_missing: u64,
}

/// A segment file.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// The first sequence that it may hold; its name.
    first: u64,
    /// Up to where it is read.
    bytes: u64,
    /// Whether something in it could not be read.
    damaged: bool,
}

/// The log. One process, one thread at a time.
pub struct Log<D: Disk> {
    disk: D,
    limits: Limits,
    id: u64,
    /// Ascending; the last one is written to.
    segments: VecDeque<Segment>,
    /// The last segment's file. Without it the next commit begins a new segment.
    writing: Option<D::File>,
    /// Encoded records that are not committed. They stay here until they are, in case they must be written anew.
    group: Vec<u8>,
    group_records: u32,
    /// Before it, everything is on disk.
    committed: Mark,
    /// The next record's.
    next: Mark,
    /// What the file system had free when it was last asked, less what was written since.
    free_bytes: u64,
    /// Where `read` goes on.
    cursor: Place,
    /// Records that were read and are not acknowledged.
    marks: Marks,
    /// Behind everything that was ever read: what is found missing before it was counted already.
    furthest: Mark,
    /// Records that were on their way to the disk when the machine died, from and to. Nobody was promised anything.
    torn: std::ops::Range<u64>,
    /// The file of the segment that was read last.
    reading: Option<(u64, D::File)>,
    state: StateFile<D::File>,
    lost: Lost,
    damaged_files: u64,
    /// Whether it is only looked at.
    is_view: bool,
}

impl<D: Disk> Log<D> {
    /// What is not acknowledged, committed or not.
    pub fn pending(&self) -> Pending {
        let low = self.low();
        Pending {
            records: self.next.sequence.saturating_sub(low.at.sequence),
            documents: self.next.documents.saturating_sub(low.at.documents),
            bytes: self.pending_bytes(),
        }
    }

    /// The sequence before which every record is on disk.
    pub fn committed(&self) -> u64 {
        self.committed.sequence
    }

    /// The sequence before which every record is acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.low().at.sequence
    }

    /// Whether something is on disk that was not read yet.
    pub fn has_unread(&self) -> bool {
        self.cursor.at.sequence < self.committed.sequence
    }

    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Files that are damaged: those that were set aside, now and by earlier runs, and those that are still read.
    pub fn damaged_files(&self) -> u64 {
        let read = self.segments.iter().filter(|segment| segment.damaged);
        self.damaged_files + read.count() as u64
    }

    /// The oldest place that is not acknowledged.
    fn low(&self) -> Place {
        self.marks.first().unwrap_or(self.cursor)
    }

    /// Bytes of live segments and of the group, less what is acknowledged at the front of the first segment that is needed.
    fn pending_bytes(&self) -> u64 {
        let low = self.low();
        let files: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        let first = self
            .segments
            .iter()
            .find(|segment| segment.first == low.segment);
        let front = match first {
            // The head of an empty segment is nobody's.
            Some(segment) => low.offset.min(segment.bytes),
            None => 0,
        };
        (files + self.group.len() as u64).saturating_sub(front)
    }

    /// A segment is not read beyond this sequence: the next segment has it, or nobody.
    fn boundary(&self, index: usize) -> u64 {
        self.segments
            .get(index + 1)
            .map_or(self.committed.sequence, |next| next.first)
    }

    /// How many segments at the front hold acknowledged records alone.
    fn dead_segments(&self) -> usize {
        let low = self.low().at.sequence;
        let others = self.segments.len().saturating_sub(1);
        (0..others)
            .take_while(|index| self.boundary(*index) <= low)
            .count()
    }
}

/// A segment's file name.
fn segment_name(first: u64) -> String {
    format!("{first:020}.seg")
}

/// The first sequence of a segment with this name.
fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg").filter(|stem| stem.len() == 20)?;
    digits.parse().ok()
}

/// The name under which a damaged segment is kept.
fn damaged_name(first: u64) -> String {
    format!("{first:020}{DAMAGED}")
}

const DAMAGED: &str = ".damaged";
const TEMPORARY: &str = ".tmp";
