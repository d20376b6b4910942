//! Appending and committing: records gather in memory, and a commit writes and syncs them as one group.
//!
//! A file whose sync failed is never written to again: nobody knows what the kernel kept of it. Its group goes to a new
//! segment, from memory.

use std::io;

use super::format::{RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{Committed, Entry, Log, Mark, Refusal, Segment, TEMPORARY, segment_name};
use crate::limits::QUEUE_RECORD_BYTES_MAX;
use crate::queue::crash::{self, Point};
use crate::queue::disk::Disk;

impl<D: Disk> Log<D> {
    /// Takes a record into memory and returns its sequence. It is safe after the next commit.
    pub fn append(&mut self, entry: Entry<'_>) -> Result<u64, Refusal> {
        let size = (RECORD_HEADER_BYTES + entry.payload.len()) as u64;
        let never = self.limits.record_bytes_max.min(QUEUE_RECORD_BYTES_MAX) < entry.payload.len()
            || self.limits.bytes_max < size + SEGMENT_HEADER_BYTES as u64;
        if never {
            return Err(Refusal::TooLarge);
        }
        if self.limits.bytes_max < self.pending_bytes() + size {
            // What is acknowledged may only wait for its removal.
            if self.dead_segments() == 0 || self.save_state().is_err() {
                return Err(Refusal::QueueFull);
            }
            if self.limits.bytes_max < self.pending_bytes() + size {
                return Err(Refusal::QueueFull);
            }
        }
        if !self.disk_has_room(size) {
            return Err(Refusal::DiskFull);
        }
        let header = RecordHeader {
            // At most `QUEUE_RECORD_BYTES_MAX`.
            length: entry.payload.len() as u32,
            checksum: 0,
            at: self.next,
            written: entry.written,
            documents: entry.documents,
            group: self.group_records,
            flags: entry.flags,
        };
        header.encode(self.id, entry.payload, &mut self.group);
        self.group_records = self.group_records.saturating_add(1);
        self.next = header.end();
        crash::point(Point::Append);
        Ok(header.at.sequence)
    }

    /// Whether the group and so much more leave the file system its reserve.
    fn disk_has_room(&mut self, size: u64) -> bool {
        let needed = size + self.group.len() as u64 + self.limits.free_reserve;
        if self.free_bytes < needed {
            self.look_at_free_bytes();
        }
        needed <= self.free_bytes
    }

    /// Asks the file system. If it does not tell, a write will.
    pub(super) fn look_at_free_bytes(&mut self) {
        self.free_bytes = self.disk.free_bytes().unwrap_or(u64::MAX);
    }

    /// Makes everything appended so far safe, with one sync. After an error nothing is lost and nothing is safe: the group
    /// stays in memory, and the next commit tries again, on a new file where it has to be one. A full disk is an error with
    /// the kind `StorageFull` or `QuotaExceeded`.
    pub fn commit(&mut self) -> io::Result<Committed> {
        let mut abandoned = None;
        if !self.group.is_empty() {
            crash::point(Point::Commit);
            if let Err(error) = self.write_group() {
                if is_full(&error) || self.writing.is_some() {
                    return Err(error);
                }
                let label = self.disk.label();
                tracing::error!("queue {label}: {error}; going on in a new segment");
                self.write_group()?;
                abandoned = Some(error);
            }
            self.save_first_state();
        }
        Ok(Committed { abandoned })
    }

    /// From the first record on there is a state, so that a first segment that goes missing is missed.
    fn save_first_state(&mut self) {
        if !self.has_state()
            && let Err(error) = self.save_state()
        {
            let label = self.disk.label();
            tracing::warn!("queue {label}: the state cannot be saved yet: {error}");
        }
    }

    fn write_group(&mut self) -> io::Result<()> {
        if !self.group_fits() {
            self.begin_segment()?;
        }
        let segment = self.segments.back_mut();
        let (Some(file), Some(segment)) = (&self.writing, segment) else {
            return Err(io::Error::other("no segment was begun"));
        };
        let written = self.disk.write_at(file, &self.group, segment.bytes);
        if let Err(error) = written {
            // On a full disk the next attempt writes over what was written. Any other error condemns the file.
            if !is_full(&error) {
                self.writing = None;
            }
            self.free_bytes = 0;
            return Err(error);
        }
        crash::point(Point::CommitWritten);
        if let Err(error) = self.disk.sync(file) {
            self.writing = None;
            self.free_bytes = 0;
            return Err(error);
        }
        crash::point(Point::CommitSynced);
        segment.bytes += self.group.len() as u64;
        self.committed = self.next;
        self.group.clear();
        self.group_records = 0;
        self.look_at_free_bytes();
        Ok(())
    }

    /// Whether the group goes to the last segment. A segment has one group at least, however large.
    fn group_fits(&self) -> bool {
        let segment_bytes = self.limits.segment_bytes.min(self.limits.bytes_max / 8);
        let empty = SEGMENT_HEADER_BYTES as u64;
        let fits = |segment: &Segment| {
            segment.bytes <= empty || segment.bytes + self.group.len() as u64 <= segment_bytes
        };
        self.writing.is_some() && self.segments.back().is_some_and(fits)
    }

    /// Makes the next segment: under a temporary name until its header is safe, then for good.
    fn begin_segment(&mut self) -> io::Result<()> {
        self.writing = None;
        let first = self.committed;
        let name = segment_name(first.sequence);
        let temporary = format!("{name}{TEMPORARY}");
        let header = SegmentHeader { id: self.id, first }.encode();
        let file = self.disk.create(&temporary)?;
        self.disk.write_at(&file, &header, 0)?;
        self.disk.sync(&file)?;
        crash::point(Point::SegmentWritten);
        self.disk.rename(&temporary, &name)?;
        crash::point(Point::SegmentRenamed);
        self.disk.sync_folder()?;
        crash::point(Point::SegmentCreated);
        self.adopt(first, header.len() as u64);
        self.writing = Some(file);
        Ok(())
    }

    /// Lists the new segment. One of the same name, which its file replaced, held nothing that was committed.
    fn adopt(&mut self, first: Mark, bytes: u64) {
        if self
            .segments
            .back()
            .is_some_and(|last| last.first == first.sequence)
        {
            self.segments.pop_back();
            self.reading = None;
        }
        self.segments.push_back(Segment {
            first: first.sequence,
            bytes,
            damaged: false,
        });
    }
}

/// Whether an error says that there is no room.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
