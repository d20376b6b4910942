//! Opening a log after whatever happened to it: the state, the last segment and the others' headers are read, and no more, so
//! that the time hardly depends on the backlog. Nothing here asks for a person's help.

use std::io;

use super::format::{Fault, SEGMENT_HEADER_BYTES, SegmentHeader, Slot};
use super::marks::{Marks, Place};
use super::reading::read_header;
use super::scan::Scan;
use super::state::{self, StateFile};
use super::tail::{Tail, open_if_there, own_header, read_segment, rewrite, torn_bytes};
use super::{Limits, Log, Lost, Mark, Pending, Segment, TEMPORARY};
use super::{damaged_name, segment_first, segment_name};
use crate::limits;
use crate::queue::disk::Disk;

/// Why a segment is not read that has another's name.
pub(super) const STRAY: &str = "it begins with another record than its name says";

/// Where the low-water mark came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFound {
    /// There was no log.
    Fresh,
    Read,
    /// There was no whole state: everything that is in the segments is pending, and some of it comes twice.
    Rebuilt,
}

/// What was found when the log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    pub state: StateFound,
    pub segments: usize,
    /// Segments in which nothing at all can be read; set aside.
    pub unreadable: usize,
    /// First sequences by the names of segments that begin with another one, copies or renamed; set aside.
    pub strays: Vec<u64>,
    /// Bytes behind the last whole record, cut off: a write that a crash tore.
    pub torn_bytes: u64,
    /// Files that a crash left half made, removed.
    pub leftovers: usize,
    /// Files that were set aside.
    pub damaged_files: u64,
    pub pending: Pending,
}

/// The folder's files, told apart.
struct Listing {
    /// Ascending.
    segments: Vec<Segment>,
    /// Behind all segments that have something: those without header and record.
    empty: Vec<u64>,
    /// Names of segments whose headers say another first sequence: beside the others they would hide what those hold.
    strays: Vec<u64>,
    temporary: Vec<String>,
    damaged: u64,
}

/// What was found, before anything is changed.
struct Survey<F> {
    id: u64,
    state: StateFound,
    file: Option<F>,
    slot: Option<Slot>,
    segments: Vec<Segment>,
    tail: Option<Tail<F>>,
    low: Place,
    next: Mark,
    /// Records of the last group, which may have been torn.
    torn: std::ops::Range<u64>,
}

impl<F> Survey<F> {
    fn report<D: Disk<File = F>>(&self, disk: &D, listing: &Listing) -> Recovery {
        Recovery {
            state: self.state,
            segments: self.segments.len(),
            unreadable: listing.empty.len(),
            strays: listing.strays.clone(),
            torn_bytes: self.tail.as_ref().map_or(0, |tail| torn_bytes(disk, tail)),
            leftovers: 0,
            damaged_files: listing.damaged,
            pending: Pending::default(),
        }
    }
}

impl<D: Disk> Log<D> {
    /// Opens the log in this folder or begins one. An error of the kind `Unsupported` means that a later version wrote it.
    pub fn open(disk: D, limits: Limits) -> io::Result<(Self, Recovery)> {
        let mut listing = Listing::read(&disk)?;
        let mut survey = survey(&disk, &mut listing)?;
        let mut recovery = survey.report(&disk, &listing);
        let tail = survey.tail.take();
        let mut log = Self::new(disk, limits, survey, listing.damaged);
        log.set_aside(&listing.empty, "nothing in it can be read")?;
        log.set_aside(&listing.strays, STRAY)?;
        for name in &listing.temporary {
            match log.disk.remove(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => recovery.leftovers += 1,
            }
        }
        if let Some(tail) = tail {
            log.repair(tail);
        }
        log.miss_front();
        log.look_at_free_bytes();
        if 0 < log.dead_segments()
            && let Err(error) = log.save_state()
        {
            let label = log.disk.label();
            tracing::error!("queue {label}: what is acknowledged cannot be removed yet: {error}");
        }
        recovery.damaged_files = log.damaged_files;
        recovery.pending = log.pending();
        Ok((log, recovery))
    }

    /// Looks at the log in this folder and changes nothing; an agent may be at work beside. Only reading makes sense on it.
    pub fn view(disk: D) -> io::Result<(Self, Recovery)> {
        let limits = Limits {
            segment_bytes: 0,
            bytes_max: 0,
            record_bytes_max: 0,
            free_reserve: 0,
        };
        let mut tries = 0;
        loop {
            let before = state::read(&disk)?.map(|saved| saved.slot);
            let mut listing = Listing::read(&disk)?;
            let survey = survey(&disk, &mut listing)?;
            tries += 1;
            // An agent that saved its state meanwhile may have removed what was listed.
            if survey.slot == before || limits::QUEUE_VIEW_TRIES_MAX <= tries {
                let mut recovery = survey.report(&disk, &listing);
                let mut log = Self::new(disk, limits, survey, listing.damaged);
                log.is_view = true;
                recovery.pending = log.pending();
                return Ok((log, recovery));
            }
        }
    }

    fn new(disk: D, limits: Limits, survey: Survey<D::File>, damaged_files: u64) -> Self {
        Self {
            disk,
            limits,
            id: survey.id,
            segments: survey.segments.into(),
            writing: None,
            group: Vec::new(),
            group_records: 0,
            committed: survey.next,
            next: survey.next,
            free_bytes: 0,
            cursor: survey.low,
            marks: Marks::default(),
            furthest: survey.low.at,
            torn: survey.torn,
            reading: None,
            state: StateFile::of_earlier_run(survey.file.zip(survey.slot)),
            lost: Lost::default(),
            damaged_files,
            is_view: false,
        }
    }

    /// Makes the last segment ready to be written to, if it can be; otherwise the next commit begins another one.
    fn repair(&mut self, tail: Tail<D::File>) {
        let Some(file) = tail.file.filter(|_| tail.header.is_ok()) else {
            return;
        };
        let cut = match tail.bytes < tail.size {
            true => self.disk.truncate(&file, tail.bytes),
            false => Ok(()),
        };
        // What a killed process wrote may lie in the kernel's memory alone; after a sync that failed even as if it were on
        // disk. So the last group is written once more.
        let rewritten = cut
            .and_then(|()| rewrite(&self.disk, &file, tail.group_offset..tail.bytes))
            .and_then(|()| self.disk.sync(&file));
        match rewritten {
            Ok(()) if tail.next == self.next => self.writing = Some(file),
            Ok(()) => {}
            Err(error) => {
                let label = self.disk.label();
                tracing::error!("queue {label}: {error}; going on in a new segment");
            }
        }
    }

    /// Keeps the files of segments that are of no use under another name: their own is needed.
    fn set_aside(&mut self, segments: &[u64], why: &str) -> io::Result<()> {
        for first in segments {
            let name = segment_name(*first);
            let (label, damaged) = (self.disk.label(), damaged_name(*first));
            tracing::error!(
                "queue {label}: {name} is not read, {why}; the file is kept as {damaged}"
            );
            self.disk.rename(&name, &damaged)?;
            self.damaged_files += 1;
            self.lost.segments_damaged += 1;
        }
        match segments {
            [] => Ok(()),
            _ => self.disk.sync_folder(),
        }
    }
}

impl Listing {
    fn read<D: Disk>(disk: &D) -> io::Result<Self> {
        let mut listing = Self {
            segments: Vec::new(),
            empty: Vec::new(),
            strays: Vec::new(),
            temporary: Vec::new(),
            damaged: 0,
        };
        for (name, bytes) in disk.list()? {
            if let Some(first) = segment_first(&name) {
                if is_stray(disk, &name, first)? {
                    listing.strays.push(first);
                    continue;
                }
                listing.segments.push(Segment {
                    first,
                    bytes,
                    damaged: false,
                });
            } else if name.ends_with(TEMPORARY) {
                listing.temporary.push(name);
            } else if state::is_damaged(&name) {
                listing.damaged += 1;
            }
        }
        listing.segments.sort_by_key(|segment| segment.first);
        Ok(listing)
    }
}

/// Whether a segment's header, if it is whole, says another first sequence than the name. The headers of all are read for it,
/// and of most no more.
fn is_stray<D: Disk>(disk: &D, name: &str, first: u64) -> io::Result<bool> {
    let file = open_if_there(disk, name)?;
    let header = file.and_then(|file| read_header(disk, &file).ok());
    Ok(header.is_some_and(|header| header.first.sequence != first))
}

fn survey<D: Disk>(disk: &D, listing: &mut Listing) -> io::Result<Survey<D::File>> {
    let saved = state::read(disk)?;
    let (id, trusted) = identify(disk, listing, saved.as_ref().map(|saved| saved.slot.id))?;
    let saved = saved.filter(|_| trusted);
    let alone = saved.as_ref().is_some_and(|saved| saved.alone);
    let (file, slot) = saved.map(|saved| (saved.file, saved.slot)).unzip();
    let mut next = slot.map_or_else(Mark::default, |slot| slot.next);
    let tail = read_tail(disk, id, listing)?.filter(|tail| !lacks_committed(tail, next, listing));
    let mut torn = 0..0;
    if let Some(tail) = &tail {
        if let Some(group) = tail.group {
            torn = group.max(next.sequence)..tail.next.sequence;
        }
        if slot.is_none() || next.sequence < tail.next.sequence {
            next = tail.next;
        }
    }
    // The name of a segment without a record says what was before it, at least.
    let named = listing.empty.iter().max().copied().unwrap_or_default();
    next.sequence = next.sequence.max(named);
    let mut segments = std::mem::take(&mut listing.segments);
    let first = segments.first().map(|segment| segment.first);
    // An older slot than the last one knows nothing of the segments that were removed since.
    let behind = |low: u64| alone && first.is_some_and(|first| low < first);
    let low = match &slot {
        Some(slot) if !behind(slot.low.sequence) => low_of_slot(slot, &segments),
        _ => low_of_segments(disk, id, &segments, next)?,
    };
    for segment in &mut segments {
        segment.damaged = slot.is_some_and(|slot| slot.damaged && slot.segment == segment.first);
    }
    Ok(Survey {
        id,
        state: match (&slot, segments.is_empty() && listing.empty.is_empty()) {
            (Some(_), _) => StateFound::Read,
            (None, true) => StateFound::Fresh,
            (None, false) => StateFound::Rebuilt,
        },
        file,
        slot,
        segments,
        tail,
        low,
        next,
        torn,
    })
}

/// The log's id, and whether the state belongs to it: a state that was copied from another log would condemn every record.
fn identify<D: Disk>(disk: &D, listing: &Listing, saved: Option<u64>) -> io::Result<(u64, bool)> {
    let mut guess = None;
    let mut seen = None;
    // The last one first: it is the one that goes on.
    for segment in listing.segments.iter().rev() {
        let name = segment_name(segment.first);
        let Some(file) = open_if_there(disk, &name)? else {
            continue;
        };
        match read_header(disk, &file) {
            Ok(header) => {
                seen = Some(header.id);
                break;
            }
            Err(Fault::Version(version)) => return Err(state::unsupported(disk, &name, version)),
            Err(Fault::Damaged) => guess = guess.or_else(|| guessed_id(disk, &file)),
        }
        if saved.is_some() {
            break;
        }
    }
    Ok(match (seen, saved) {
        (Some(seen), saved) => (seen, saved == Some(seen)),
        (None, Some(saved)) => (saved, true),
        (None, None) => (guess.unwrap_or_else(|| disk.random()), false),
    })
}

fn guessed_id<D: Disk>(disk: &D, file: &D::File) -> Option<u64> {
    let mut head = [0; SEGMENT_HEADER_BYTES];
    disk.read_at(file, &mut head, 0).ok()?;
    SegmentHeader::guess_id(&head)
}

/// Reads the last segment to its end. Those in which there is nothing at all are struck from the list.
fn read_tail<D: Disk>(
    disk: &D,
    id: u64,
    listing: &mut Listing,
) -> io::Result<Option<Tail<D::File>>> {
    while let Some(segment) = listing.segments.last_mut() {
        let tail = read_segment(disk, id, segment)?;
        if tail.header.is_ok() || tail.group.is_some() {
            return Ok(Some(tail));
        }
        listing.empty.push(segment.first);
        listing.segments.pop();
    }
    Ok(None)
}

/// Whether the last segment ends with bytes of records that the state knows as committed. They are damaged, no write that was
/// torn: nothing is cut off, and reading comes to them.
fn lacks_committed<F>(tail: &Tail<F>, committed: Mark, listing: &mut Listing) -> bool {
    // What lay behind it in segments that are set aside is not missing here.
    let behind = listing.empty.iter().min().copied();
    let end = committed.sequence.min(behind.unwrap_or(u64::MAX));
    let lacks = tail.next.sequence < end && tail.bytes < tail.size;
    if let Some(segment) = listing.segments.last_mut().filter(|_| lacks) {
        segment.bytes = tail.size;
    }
    lacks
}

/// Where the state says that reading begins. If its segment is not what it was, reading begins at the front of the one
/// that has the record.
fn low_of_slot(slot: &Slot, segments: &[Segment]) -> Place {
    let head = SEGMENT_HEADER_BYTES as u64;
    let fits = |segment: &&Segment| {
        segment.first == slot.segment && head <= slot.offset && slot.offset <= segment.bytes
    };
    if segments.iter().any(|segment| fits(&segment)) {
        return Place {
            at: slot.low,
            segment: slot.segment,
            offset: slot.offset,
        };
    }
    let behind = segments.partition_point(|segment| segment.first <= slot.low.sequence);
    let segment = segments.get(behind.saturating_sub(1));
    Place {
        at: slot.low,
        segment: segment.map_or(slot.low.sequence, |segment| segment.first),
        offset: head,
    }
}

/// Without a state, reading begins with the first record that there is.
fn low_of_segments<D: Disk>(
    disk: &D,
    id: u64,
    segments: &[Segment],
    next: Mark,
) -> io::Result<Place> {
    let Some(segment) = segments.first() else {
        return Ok(Place {
            at: next,
            segment: next.sequence,
            offset: SEGMENT_HEADER_BYTES as u64,
        });
    };
    let mut at = Mark {
        sequence: segment.first,
        documents: next.documents,
    };
    if let Some(file) = open_if_there(disk, &segment_name(segment.first))? {
        let scan = Scan {
            disk,
            file: &file,
            id,
            end: segment.bytes,
        };
        let wanted = segment.first..next.sequence;
        let mut payload = Vec::new();
        if let Ok(header) = own_header(disk, &file, id) {
            at = header.first;
        } else if let Ok(found) = scan.find(SEGMENT_HEADER_BYTES as u64, wanted, &mut payload) {
            at.documents = found.header.at.documents;
        }
    }
    Ok(Place {
        at,
        segment: segment.first,
        offset: SEGMENT_HEADER_BYTES as u64,
    })
}
