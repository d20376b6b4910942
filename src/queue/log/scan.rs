//! One segment's bytes to records: the record at a place, and the next whole one behind what is damaged.

use std::ops::Range;

use super::format::{RECORD_HEADER_BYTES, RecordHeader};
use crate::limits::{self, QUEUE_RECORD_BYTES_MAX};
use crate::queue::disk::Disk;

/// The front of a header that is looked at first: length, checksum, sequence.
const FRONT_BYTES: usize = 16;

/// A segment that is read up to `end`.
pub struct Scan<'a, D: Disk> {
    pub disk: &'a D,
    pub file: &'a D::File,
    pub id: u64,
    pub end: u64,
}

/// A record that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub offset: u64,
    pub header: RecordHeader,
    /// Whether bytes before it had to be passed over.
    pub resumed: bool,
}

/// Why no record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// The segment ends behind its last record.
    Clean,
    /// There are bytes behind its last record that are none.
    Damaged,
}

impl<D: Disk> Scan<'_, D> {
    /// The first whole record at or behind `offset` with one of the wanted sequences; `payload` has its payload then. Work
    /// is bounded by a multiple of the segment's size, whatever its bytes are.
    pub fn find(
        &self,
        mut offset: u64,
        wanted: Range<u64>,
        payload: &mut Vec<u8>,
    ) -> Result<Found, Short> {
        let mut resumed = false;
        // Candidates whose checksum is wrong are read in vain: a payload might be full of them.
        let mut budget = self
            .end
            .saturating_mul(4)
            .saturating_add(limits::QUEUE_VAIN_BYTES);
        let mut window = Window::default();
        loop {
            match self.record_at(offset, payload, &mut budget) {
                Some(header) if header.at.sequence < wanted.start => offset += header.size(),
                Some(header) if header.at.sequence < wanted.end => {
                    return Ok(Found {
                        offset,
                        header,
                        resumed,
                    });
                }
                _ if offset == self.end && !resumed => return Err(Short::Clean),
                _ => {
                    resumed = true;
                    let next = self.candidate(&mut window, offset + 1, &wanted);
                    offset = next.filter(|_| 0 < budget).ok_or(Short::Damaged)?;
                }
            }
        }
    }

    /// The record at this place, if it is whole.
    fn record_at(
        &self,
        offset: u64,
        payload: &mut Vec<u8>,
        budget: &mut u64,
    ) -> Option<RecordHeader> {
        let mut head = [0; RECORD_HEADER_BYTES];
        let room = self.end.checked_sub(offset)?;
        if room < head.len() as u64 || !self.fill(&mut head, offset) {
            return None;
        }
        let header = RecordHeader::decode(&head)?;
        if room < header.size() || QUEUE_RECORD_BYTES_MAX < header.length as usize {
            return None;
        }
        payload.resize(header.length as usize, 0);
        let whole =
            self.fill(payload, offset + head.len() as u64) && header.is_whole(self.id, payload);
        if !whole {
            *budget = budget.saturating_sub(header.size());
        }
        whole.then_some(header)
    }

    /// Whether all of these bytes could be read. A sector that cannot is damage like any other.
    fn fill(&self, into: &mut [u8], offset: u64) -> bool {
        let read = self.disk.read_at(self.file, into, offset);
        read.is_ok_and(|read| read == into.len())
    }

    /// The first place from `offset` on where a header of a wanted record may stand.
    fn candidate(&self, window: &mut Window, mut offset: u64, wanted: &Range<u64>) -> Option<u64> {
        while offset < self.end {
            if window.from(offset).len() < FRONT_BYTES && !self.refill(window, offset) {
                offset += limits::QUEUE_UNREADABLE_BYTES as u64;
                continue;
            }
            let bytes = window.from(offset);
            for (place, front) in bytes.windows(FRONT_BYTES).enumerate() {
                let offset = offset + place as u64;
                if let Some((length, sequence)) = front_numbers(front) {
                    let size = RECORD_HEADER_BYTES as u64 + u64::from(length);
                    if wanted.contains(&sequence) && size <= self.end.saturating_sub(offset) {
                        return Some(offset);
                    }
                }
            }
            // The next window begins where no whole front was in this one.
            let looked = (bytes.len() + 1).saturating_sub(FRONT_BYTES);
            if looked == 0 {
                return None;
            }
            offset += looked as u64;
        }
        None
    }

    /// Reads as many bytes as can be read at this place; false if the disk refuses.
    fn refill(&self, window: &mut Window, offset: u64) -> bool {
        let room = usize::try_from(self.end - offset).unwrap_or(usize::MAX);
        window.offset = offset;
        for size in [limits::QUEUE_WINDOW_BYTES, limits::QUEUE_UNREADABLE_BYTES] {
            window.bytes.resize(size.min(room), 0);
            if let Ok(read) = self.disk.read_at(self.file, &mut window.bytes, offset) {
                window.bytes.truncate(read);
                return true;
            }
        }
        window.bytes.clear();
        false
    }
}

/// Bytes of the file that were read to look for a record. They serve for all candidates in them.
#[derive(Default)]
struct Window {
    offset: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// What it has from this place of the file on.
    fn from(&self, offset: u64) -> &[u8] {
        let place = offset.checked_sub(self.offset);
        let place = place.and_then(|place| usize::try_from(place).ok());
        place
            .and_then(|place| self.bytes.get(place..))
            .unwrap_or_default()
    }
}

/// Length and sequence of what may be a header.
fn front_numbers(front: &[u8]) -> Option<(u32, u64)> {
    let length = front.first_chunk()?;
    let sequence = front.last_chunk()?;
    Some((u32::from_le_bytes(*length), u64::from_le_bytes(*sequence)))
}
