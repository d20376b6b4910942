//! Reading in order, acknowledging in any order, dropping the oldest. What is damaged or missing is passed over and counted:
//! reading always comes to the end.

use std::io;

use super::format::{Fault, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::marks::{Known, Place, after};
use super::scan::{Found, Scan, Short};
use super::{Dropped, Log, Mark, Record, segment_name};
use crate::queue::disk::Disk;

/// What a segment has for a reader.
enum Look {
    Record(Found),
    /// Nothing more, though it should have had it.
    Damaged,
    /// Nothing more, and nothing is wrong with it: what comes next is gone, or its own file is.
    Missing,
}

impl<D: Disk> Log<D> {
    /// Reads the next committed record; nothing if there is none yet. It is read again after `rewind` or a restart, unless it
    /// is acknowledged. An error is no damage but trouble that may pass, such as too many open files.
    pub fn read(&mut self, payload: &mut Vec<u8>) -> io::Result<Option<Record>> {
        loop {
            let mut cursor = self.cursor;
            let found = self.step(&mut cursor, payload)?;
            self.cursor = cursor;
            let Some((place, header)) = found else {
                return Ok(None);
            };
            let is_new = self.furthest.sequence <= header.at.sequence;
            if is_new {
                self.marks.push(place, header);
                self.furthest = header.end();
            }
            if self.marks.known(header.at.sequence) == Known::Waiting {
                return Ok(Some(Record {
                    sequence: header.at.sequence,
                    documents: header.documents,
                    written: header.written,
                    flags: header.flags,
                }));
            }
        }
    }

    /// Begins to read again at the oldest record that is not acknowledged. Those that are acknowledged out of order are left
    /// out.
    pub fn rewind(&mut self) {
        self.cursor = self.low();
    }

    /// Acknowledges all records that were read up to this one.
    pub fn acknowledge(&mut self, up_to: u64) {
        self.marks.settle_up_to(up_to);
        self.advance();
    }

    /// Acknowledges one record; the others may follow in any order. False if it was not waiting: it was acknowledged or
    /// dropped before.
    pub fn settle(&mut self, sequence: u64) -> bool {
        let settled = self.marks.settle(sequence);
        self.advance();
        settled
    }

    fn advance(&mut self) {
        if let Some(behind) = self.marks.advance() {
            // After a rewind the reader may stand before what is acknowledged meanwhile.
            if self.cursor.at.sequence < behind.at.sequence {
                self.cursor = behind;
            }
        }
    }

    /// Drops the oldest committed records until so many bytes are free, also those that were read and are not acknowledged.
    /// What was acknowledged out of order is not counted.
    pub fn drop_oldest(&mut self, bytes: u64) -> io::Result<Dropped> {
        let mut dropped = Dropped::default();
        let mut payload = Vec::new();
        let mut cursor = self.low();
        let mut last = 0;
        while dropped.bytes < bytes {
            let header = match self.step(&mut cursor, &mut payload) {
                Ok(Some((_, header))) => header,
                Ok(None) => break,
                Err(error) if dropped == Dropped::default() => return Err(error),
                // What was dropped so far is to be counted.
                Err(_) => break,
            };
            let sequence = header.at.sequence;
            let known = self.marks.known(sequence);
            if known != Known::Settled {
                dropped.records += 1;
                dropped.documents += u64::from(header.documents);
            }
            if known == Known::Waiting && sequence < self.cursor.at.sequence {
                dropped.in_hand.push((sequence, header.documents));
            }
            dropped.bytes += header.size();
            last = sequence;
            if self.furthest.sequence <= sequence {
                self.furthest = header.end();
            }
            if self.cursor.at.sequence < cursor.at.sequence {
                self.cursor = cursor;
            }
        }
        self.acknowledge(last);
        Ok(dropped)
    }

    /// The next whole record at or behind the cursor, which stands behind it then.
    pub(super) fn step(
        &mut self,
        cursor: &mut Place,
        payload: &mut Vec<u8>,
    ) -> io::Result<Option<(Place, RecordHeader)>> {
        while cursor.at.sequence < self.committed.sequence {
            let Some(index) = self.segment_of(cursor) else {
                self.pass(cursor, self.committed);
                break;
            };
            if self.boundary(index) <= cursor.at.sequence {
                // Only the last segment's boundary is what is committed, which lies ahead.
                self.enter(cursor, index + 1);
                continue;
            }
            match self.look(cursor, index, payload)? {
                Look::Record(found) => {
                    if found.resumed {
                        self.mark_damaged(index, cursor.at.sequence);
                    }
                    self.pass(cursor, found.header.at);
                    let place = Place {
                        offset: found.offset,
                        ..*cursor
                    };
                    *cursor = after(place, &found.header);
                    return Ok(Some((place, found.header)));
                }
                Look::Damaged => {
                    self.mark_damaged(index, cursor.at.sequence);
                    self.leave(cursor, index);
                }
                Look::Missing => {
                    self.note_missing(cursor.at.sequence);
                    self.leave(cursor, index);
                }
            }
        }
        Ok(None)
    }

    /// The segment in which the cursor stands, or the next one that is there.
    fn segment_of(&self, cursor: &mut Place) -> Option<usize> {
        let index = self
            .segments
            .partition_point(|segment| segment.first < cursor.segment);
        let segment = self.segments.get(index)?;
        if segment.first != cursor.segment {
            self.enter(cursor, index);
        }
        Some(index)
    }

    /// Puts the cursor at the beginning of a segment.
    fn enter(&self, cursor: &mut Place, index: usize) {
        if let Some(segment) = self.segments.get(index) {
            cursor.segment = segment.first;
            cursor.offset = SEGMENT_HEADER_BYTES as u64;
        }
    }

    /// Nothing more comes from this segment: goes to the next one, or behind all that is committed.
    fn leave(&mut self, cursor: &mut Place, index: usize) {
        if index + 1 < self.segments.len() {
            self.enter(cursor, index + 1);
        } else {
            cursor.offset = self.segments.get(index).map_or(0, |last| last.bytes);
            self.pass(cursor, self.committed);
        }
    }

    /// Moves the cursor's count to what comes next; what lies between is lost.
    fn pass(&mut self, cursor: &mut Place, to: Mark) {
        let torn = self.torn.contains(&cursor.at.sequence) && to.sequence <= self.torn.end;
        let from = if cursor.at.sequence < self.furthest.sequence {
            self.furthest
        } else {
            cursor.at
        };
        let records = to.sequence.saturating_sub(from.sequence);
        match torn {
            true => self.lost.torn_records += records,
            false => self.lost.records += records,
        }
        if 0 < records {
            self.lost.documents += to.documents.saturating_sub(from.documents);
        }
        cursor.at = to;
    }

    fn look(&mut self, cursor: &Place, index: usize, payload: &mut Vec<u8>) -> io::Result<Look> {
        let boundary = self.boundary(index);
        let Some(segment) = self.segments.get(index) else {
            return Ok(Look::Missing);
        };
        let (first, end) = (segment.first, segment.bytes);
        if self.reading.as_ref().is_none_or(|(open, _)| *open != first) {
            match self.disk.open(&segment_name(first)) {
                Ok(file) => self.reading = Some((first, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Missing),
                Err(error) => return Err(error),
            }
            match self.header_of_open_segment() {
                Some(Err(Fault::Version(_))) => return Ok(Look::Damaged),
                Some(Err(Fault::Damaged)) => self.mark_damaged(index, cursor.at.sequence),
                _ => {}
            }
        }
        let Some((_, file)) = &self.reading else {
            return Ok(Look::Missing);
        };
        let scan = Scan {
            disk: &self.disk,
            file,
            id: self.id,
            end,
        };
        let wanted = cursor.at.sequence..boundary;
        Ok(match scan.find(cursor.offset, wanted, payload) {
            Ok(found) => Look::Record(found),
            Err(Short::Clean) => Look::Missing,
            Err(Short::Damaged) => Look::Damaged,
        })
    }

    fn header_of_open_segment(&self) -> Option<Result<SegmentHeader, Fault>> {
        let (_, file) = self.reading.as_ref()?;
        Some(read_header(&self.disk, file))
    }

    /// Notes that a segment is not whole, and says so once.
    fn mark_damaged(&mut self, index: usize, sequence: u64) {
        if self.torn.contains(&sequence) {
            return;
        }
        let label = self.disk.label();
        if let Some(segment) = self.segments.get_mut(index).filter(|one| !one.damaged) {
            segment.damaged = true;
            self.lost.segments_damaged += 1;
            let name = segment_name(segment.first);
            // Whoever has a view says so itself: an agent may have delivered it meanwhile.
            if !self.is_view {
                tracing::error!(
                    "queue {label}: {name} is damaged at record {sequence}; what can be read of it is read, and the file is kept"
                );
            }
        }
    }

    fn note_missing(&mut self, sequence: u64) {
        let label = self.disk.label();
        self.lost.segments_missing += 1;
        if !self.is_view {
            tracing::error!(
                "queue {label}: record {sequence} is in no file any more; what is missing is counted"
            );
        }
    }

    /// Says at the start what is lost because the files that are next are not there. Where none is left, nothing waits.
    pub(super) fn miss_front(&mut self) {
        let (from, all) = (self.cursor.at, self.committed);
        let there = self.segments.front().map(|segment| segment.first);
        let end = there.unwrap_or(all.sequence);
        if end <= from.sequence {
            return;
        }
        self.lost.segments_missing += 1;
        if there.is_none() {
            let mut cursor = self.cursor;
            self.pass(&mut cursor, all);
            self.cursor = cursor;
        }
        let (label, first, last) = (self.disk.label(), from.sequence, end - 1);
        let documents = match there {
            Some(_) => String::new(),
            None => format!("; documents lost: {}", self.lost.documents),
        };
        tracing::error!(
            "queue {label}: no file that can be read has records {first} to {last}{documents}"
        );
    }
}

/// Reads a segment's header. What the disk refuses is damage.
pub fn read_header<D: Disk>(disk: &D, file: &D::File) -> Result<SegmentHeader, Fault> {
    let mut head = [0; SEGMENT_HEADER_BYTES];
    match disk.read_at(file, &mut head, 0) {
        Ok(read) if read == head.len() => SegmentHeader::decode(&head),
        _ => Err(Fault::Damaged),
    }
}
