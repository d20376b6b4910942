//! The bytes on disk: headers of segments, headers of records, slots of the state. Little endian, each with a checksum.
//! Every checksum of a record begins with the log's id, so no payload can look like a record, and no segment of another
//! log is taken for one of this.

use crc32fast::Hasher;

use super::Mark;

/// The version that is written. Magic, version and checksum keep their places in every version to come.
pub const VERSION: u32 = 1;

pub const SEGMENT_HEADER_BYTES: usize = 40;
pub const RECORD_HEADER_BYTES: usize = 44;
pub const SLOT_BYTES: usize = 88;

const SEGMENT_MAGIC: [u8; 8] = *b"sawlogq\n";
const STATE_MAGIC: [u8; 8] = *b"sawlogs\n";

/// Where a checksummed head has its checksum: behind magic and version.
const CHECKSUM_AT: usize = 12;

/// What is wrong with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is whole and of a version that we do not know.
    Version(u32),
    /// Its bytes are not what was written.
    Damaged,
}

/// Takes little endian numbers off the front.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn mark(&mut self) -> Option<Mark> {
        Some(Mark {
            sequence: self.u64()?,
            documents: self.u64()?,
        })
    }
}

/// Magic, version, checksum over all else, numbers.
fn encode_head(magic: [u8; 8], numbers: &[u64]) -> Vec<u8> {
    let mut head = Vec::with_capacity(SLOT_BYTES);
    head.extend_from_slice(&magic);
    head.extend_from_slice(&VERSION.to_le_bytes());
    let front = head.clone();
    head.extend_from_slice(&[0; 4]);
    for number in numbers {
        head.extend_from_slice(&number.to_le_bytes());
    }
    let checksum = head_checksum(&front, head.get(CHECKSUM_AT + 4..).unwrap_or_default());
    if let Some(place) = head.get_mut(CHECKSUM_AT..CHECKSUM_AT + 4) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    head
}

fn head_checksum(front: &[u8], numbers: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(front);
    hasher.update(numbers);
    hasher.finalize()
}

/// The numbers behind a head that is whole.
fn decode_head(magic: [u8; 8], head: &[u8]) -> Result<Numbers<'_>, Fault> {
    let (front, rest) = head.split_at_checked(CHECKSUM_AT).ok_or(Fault::Damaged)?;
    let (checksum, numbers) = rest.split_first_chunk::<4>().ok_or(Fault::Damaged)?;
    let whole =
        front.starts_with(&magic) && head_checksum(front, numbers) == u32::from_le_bytes(*checksum);
    if !whole {
        return Err(Fault::Damaged);
    }
    let version = Numbers(front.get(magic.len()..).unwrap_or_default()).u32();
    match version {
        Some(VERSION) => Ok(Numbers(numbers)),
        other => Err(Fault::Version(other.unwrap_or_default())),
    }
}

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    pub id: u64,
    /// The first record that the segment may hold.
    pub first: Mark,
}

impl SegmentHeader {
    pub fn encode(self) -> Vec<u8> {
        encode_head(
            SEGMENT_MAGIC,
            &[self.id, self.first.sequence, self.first.documents],
        )
    }

    /// The id in a damaged header, if that is not what is damaged.
    pub fn guess_id(head: &[u8]) -> Option<u64> {
        Numbers(head.get(CHECKSUM_AT + 4..)?).u64()
    }

    pub fn decode(head: &[u8]) -> Result<Self, Fault> {
        let mut numbers = decode_head(SEGMENT_MAGIC, head)?;
        let read = (numbers.u64(), numbers.mark());
        match read {
            (Some(id), Some(first)) => Ok(Self { id, first }),
            _ => Err(Fault::Damaged),
        }
    }
}

/// One slot of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub id: u64,
    /// The slot with the higher one is the newer.
    pub generation: u64,
    /// Everything before is acknowledged.
    pub low: Mark,
    /// Everything before was on disk when the slot was written.
    pub next: Mark,
    /// The segment and the offset of the record at `low`.
    pub segment: u64,
    pub offset: u64,
    /// Whether that segment is damaged before `low`.
    pub damaged: bool,
}

impl Slot {
    pub fn encode(&self) -> Vec<u8> {
        let numbers = [
            self.id,
            self.generation,
            self.low.sequence,
            self.low.documents,
            self.next.sequence,
            self.next.documents,
            self.segment,
            self.offset,
            u64::from(self.damaged),
        ];
        encode_head(STATE_MAGIC, &numbers)
    }

    pub fn decode(head: &[u8]) -> Result<Self, Fault> {
        fn numbers(mut numbers: Numbers<'_>) -> Option<Slot> {
            Some(Slot {
                id: numbers.u64()?,
                generation: numbers.u64()?,
                low: numbers.mark()?,
                next: numbers.mark()?,
                segment: numbers.u64()?,
                offset: numbers.u64()?,
                damaged: numbers.u64()? != 0,
            })
        }
        numbers(decode_head(STATE_MAGIC, head)?).ok_or(Fault::Damaged)
    }
}

/// The head of a record; its payload follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordHeader {
    pub length: u32,
    pub checksum: u32,
    /// The record itself, and the documents of all records before.
    pub at: Mark,
    /// When it was written, as its writer says.
    pub written: u64,
    pub documents: u32,
    /// How many records were before it in the group that was committed with it.
    pub group: u32,
    pub flags: u32,
}

impl RecordHeader {
    /// Appends header and payload.
    pub fn encode(mut self, id: u64, payload: &[u8], into: &mut Vec<u8>) {
        self.checksum = self.sum(id, payload);
        into.extend_from_slice(&self.length.to_le_bytes());
        into.extend_from_slice(&self.checksum.to_le_bytes());
        into.extend_from_slice(&self.tail());
        into.extend_from_slice(payload);
    }

    /// The numbers behind the checksum.
    fn tail(&self) -> [u8; RECORD_HEADER_BYTES - 8] {
        let mut tail = [0; RECORD_HEADER_BYTES - 8];
        let numbers = [self.at.sequence, self.at.documents, self.written].map(u64::to_le_bytes);
        let small = [self.documents, self.group, self.flags].map(u32::to_le_bytes);
        let bytes = numbers.as_flattened().iter().chain(small.as_flattened());
        for (place, byte) in tail.iter_mut().zip(bytes) {
            *place = *byte;
        }
        tail
    }

    pub fn decode(head: &[u8]) -> Option<Self> {
        let mut numbers = Numbers(head);
        Some(Self {
            length: numbers.u32()?,
            checksum: numbers.u32()?,
            at: numbers.mark()?,
            written: numbers.u64()?,
            documents: numbers.u32()?,
            group: numbers.u32()?,
            flags: numbers.u32()?,
        })
    }

    /// Whether header and payload are what was written.
    pub fn is_whole(&self, id: u64, payload: &[u8]) -> bool {
        self.checksum == self.sum(id, payload)
    }

    fn sum(&self, id: u64, payload: &[u8]) -> u32 {
        let mut hasher = Hasher::new();
        hasher.update(&id.to_le_bytes());
        hasher.update(&self.length.to_le_bytes());
        hasher.update(&self.tail());
        hasher.update(payload);
        hasher.finalize()
    }

    /// Bytes of the whole record.
    pub fn size(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.length)
    }

    /// What is true after this record.
    pub fn end(&self) -> Mark {
        Mark {
            sequence: self.at.sequence.saturating_add(1),
            documents: self.at.documents.saturating_add(self.documents.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SLOT_BYTES};
    use super::{SegmentHeader, Slot};
    use crate::queue::log::Mark;

    const FIRST: Mark = Mark {
        sequence: 7,
        documents: 70,
    };

    fn segment() -> SegmentHeader {
        SegmentHeader {
            id: 99,
            first: FIRST,
        }
    }

    #[test]
    fn a_segments_header_comes_back() {
        let head = segment().encode();
        assert_eq!(head.len(), SEGMENT_HEADER_BYTES);
        assert_eq!(SegmentHeader::decode(&head), Ok(segment()));
    }

    #[test]
    fn a_slot_comes_back() {
        let slot = Slot {
            id: 99,
            generation: 3,
            low: FIRST,
            next: FIRST,
            segment: 5,
            offset: 40,
            damaged: true,
        };
        let head = slot.encode();
        assert_eq!(head.len(), SLOT_BYTES);
        assert_eq!(Slot::decode(&head), Ok(slot));
    }

    #[test]
    fn any_spoilt_byte_of_a_header_is_seen() {
        let head = segment().encode();
        for place in 0..head.len() {
            let mut spoilt = head.clone();
            spoilt[place] ^= 0x10;
            assert_eq!(
                SegmentHeader::decode(&spoilt),
                Err(Fault::Damaged),
                "{place}"
            );
        }
        assert_eq!(SegmentHeader::decode(&head[..39]), Err(Fault::Damaged));
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let mut head = segment().encode();
        head[8] = 2;
        let checksum = super::head_checksum(&head[..12], &head[16..]);
        head[12..16].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&head), Err(Fault::Version(2)));
    }

    #[test]
    fn a_record_is_whole_in_its_own_log_alone() {
        let header = RecordHeader {
            length: 3,
            at: FIRST,
            documents: 2,
            ..RecordHeader::default()
        };
        let mut bytes = Vec::new();
        header.encode(1, b"abc", &mut bytes);
        let read = RecordHeader::decode(&bytes).unwrap();
        assert_eq!(&bytes[RECORD_HEADER_BYTES..], b"abc");
        assert_eq!(read.size(), bytes.len() as u64);
        assert!(read.is_whole(1, b"abc"));
        assert!(!read.is_whole(2, b"abc"));
        assert!(!read.is_whole(1, b"abd"));
        assert_eq!((read.end().sequence, read.end().documents), (8, 72));
    }
}
