//! A segment read to its end, as the last one is when a log is opened: where its last whole record is, and what is behind.

use std::io;

use super::format::{Fault, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::reading::read_header;
use super::scan::Scan;
use super::{Mark, Segment, segment_name};
use crate::limits;
use crate::queue::disk::Disk;

/// The last segment, read to its end.
pub struct Tail<F> {
    pub file: Option<F>,
    pub header: Result<SegmentHeader, Fault>,
    /// Behind the last whole record.
    pub next: Mark,
    pub bytes: u64,
    pub size: u64,
    /// The first sequence of the group that was written last; nothing if there is no record.
    pub group: Option<u64>,
    /// Where that group begins.
    pub group_offset: u64,
}

/// Reads a segment to its end, which `segment` has then.
pub fn read_segment<D: Disk>(
    disk: &D,
    id: u64,
    segment: &mut Segment,
) -> io::Result<Tail<D::File>> {
    let mut tail = Tail {
        file: open_if_there(disk, &segment_name(segment.first))?,
        header: Err(Fault::Damaged),
        next: Mark {
            sequence: segment.first,
            documents: 0,
        },
        bytes: SEGMENT_HEADER_BYTES as u64,
        size: 0,
        group: None,
        group_offset: SEGMENT_HEADER_BYTES as u64,
    };
    if let Some(file) = &tail.file {
        tail.size = disk.size(file)?;
        tail.header = own_header(disk, file, id);
        if let Ok(header) = tail.header {
            tail.next = header.first;
        }
        let scan = Scan {
            disk,
            file,
            id,
            end: tail.size,
        };
        let mut payload = Vec::new();
        loop {
            // No more records than fit can follow.
            let ahead = tail.size.saturating_sub(tail.bytes);
            let wanted = tail.next.sequence..tail.next.sequence.saturating_add(ahead);
            let Ok(found) = scan.find(tail.bytes, wanted, &mut payload) else {
                break;
            };
            tail.next = found.header.end();
            tail.bytes = found.offset + found.header.size();
            let sequence = found.header.at.sequence;
            let group = sequence.saturating_sub(found.header.group.into());
            if tail.group != Some(group) {
                tail.group = Some(group);
                tail.group_offset = found.offset;
            }
        }
    }
    segment.bytes = tail.bytes;
    Ok(tail)
}

/// Writes bytes of a file to where they are.
pub fn rewrite<D: Disk>(disk: &D, file: &D::File, range: std::ops::Range<u64>) -> io::Result<()> {
    let mut window = vec![0; limits::QUEUE_WINDOW_BYTES];
    let mut offset = range.start;
    while offset < range.end {
        let rest = usize::try_from(range.end - offset).unwrap_or(usize::MAX);
        let size = rest.min(window.len());
        let read = disk.read_at(file, window.get_mut(..size).unwrap_or_default(), offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        disk.write_at(file, window.get(..read).unwrap_or_default(), offset)?;
        offset += read as u64;
    }
    Ok(())
}

/// How many bytes lie behind the last record, up to the last that is not zero: zeros are the file system's.
pub fn torn_bytes<D: Disk>(disk: &D, tail: &Tail<D::File>) -> u64 {
    let mut window = vec![0; limits::QUEUE_WINDOW_BYTES];
    let (mut offset, mut end) = (tail.bytes, tail.bytes);
    while let Some(file) = tail.file.as_ref().filter(|_| offset < tail.size) {
        let read = match disk.read_at(file, &mut window, offset) {
            Ok(read) if 0 < read => read,
            _ => break,
        };
        let bytes = window.get(..read).unwrap_or_default();
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            end = offset + last as u64 + 1;
        }
        offset += read as u64;
    }
    end - tail.bytes
}

/// A segment can vanish between the look at the folder and this: an agent removes what it needs no more.
pub fn open_if_there<D: Disk>(disk: &D, name: &str) -> io::Result<Option<D::File>> {
    match disk.open(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A segment's header, which is of use only in its own log.
pub fn own_header<D: Disk>(disk: &D, file: &D::File, id: u64) -> Result<SegmentHeader, Fault> {
    match read_header(disk, file)? {
        header if header.id == id => Ok(header),
        _ => Err(Fault::Damaged),
    }
}
