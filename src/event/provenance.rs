//! Where events come from: the stream that a batch was read from, and each event's place in it. From both an event gets
//! an identifier that is the same whenever the event is read again, however its stream is cut into batches then. It is
//! never made of the content alone: equal lines are different events. What is done with identifiers is not here.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;

/// What sets an input apart from all others that may read the same or a copy of it: its host, its pipeline and itself. Made
/// of names alone, once for each input, so that it is the same after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home(u64);

impl Home {
    /// Names, the widest first. Where one ends and the next begins counts too.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let join = |home: u64, name: &[u8]| mix(home.rotate_left(1) ^ hash(name));
        Self(names.into_iter().fold(0, join))
    }
}

/// A filter that makes events of others, by its id: so two filters in a row never make the same one of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maker(u64);

impl Maker {
    /// The id is that of a plugin, which no other of its pipeline has.
    pub fn of(id: &str) -> Self {
        Self(hash(id.as_bytes()))
    }
}

/// The stream of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// A hash of what makes the stream this one: who reads it, and a container's id, or a file and the time of its discovery.
    pub stream: u64,
    /// Milliseconds since 1970: the time in identifiers of events that bring none of their own.
    pub since: i64,
}

impl Provenance {
    /// A stream that an input can read again; `stream` tells it from others of the same input.
    pub fn repeatable(home: Home, stream: u64, since: i64) -> Self {
        Self {
            stream: mix(home.0 ^ mix(stream.wrapping_add(STEP))),
            since,
        }
    }

    /// A stream that is never read again: a socket, a connection, the standard input of this process. `now` is in
    /// nanoseconds since 1970.
    pub fn unrepeatable(now: i64) -> Self {
        Self {
            stream: RandomState::new().hash_one(now),
            since: now.div_euclid(NANOS_PER_MILLI),
        }
    }
}

/// A place in a stream, and a hash of the record that stands there. The hash is a guard: should a stream be taken for
/// another one, different records still get different identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Grows with each event of the stream; in a file or a connection the bytes before its record. Of events that filters
    /// make, a hash.
    pub offset: u64,
    record: NonZeroU32,
}

impl Spot {
    /// The place of a record that is not read yet.
    pub fn at(offset: u64) -> Self {
        Self {
            offset,
            record: NonZeroU32::MIN,
        }
    }

    /// The same place, with what stands there.
    pub fn with_record(self, record: &[u8]) -> Self {
        let hash = hash(record);
        Self {
            record: NonZeroU32::new((hash >> 32) as u32).unwrap_or(NonZeroU32::MIN),
            ..self
        }
    }

    /// The place of the next event of the same record.
    pub fn next(self) -> Self {
        Self {
            offset: self.offset.wrapping_add(1),
            ..self
        }
    }

    /// The place of an event that a filter made of the one here, the `number`th of them. It follows from the places and
    /// makers on the way, so it is the same whenever the record is read again, and different for each that is made.
    pub fn of_made(self, maker: Maker, number: u32) -> Self {
        let made_here = mix(mix(self.offset.wrapping_add(STEP)) ^ maker.0);
        Self {
            offset: mix(made_here ^ mix(u64::from(number).wrapping_add(STEP))),
            ..self
        }
    }
}

const NANOS_PER_MILLI: i64 = 1_000_000;

/// Bytes of an identifier, which is text in the alphabet of base64url.
pub const IDENTIFIER_BYTES: usize = 20;

/// Six bytes of time, so that identifiers of one time stand together in an index, and nine bytes of hash: 1e9 events of
/// the same millisecond share one with a chance of 1e-4.
pub fn identifier(provenance: Provenance, spot: Spot, time: Option<i64>) -> [u8; IDENTIFIER_BYTES] {
    let millis = time.map_or(provenance.since, |nanos| nanos.div_euclid(NANOS_PER_MILLI));
    let first = mix(provenance.stream ^ mix(spot.offset.wrapping_add(STEP)));
    let record = u64::from(spot.record.get());
    let second = mix(first ^ mix(record ^ provenance.stream.rotate_left(32)));
    let mut raw = [0; 15];
    let [_, _, time @ ..] = millis.to_be_bytes();
    let hashes = second
        .to_be_bytes()
        .into_iter()
        .chain([(first >> 56) as u8]);
    for (slot, byte) in raw.iter_mut().zip(time.into_iter().chain(hashes)) {
        *slot = byte;
    }
    base64url(&raw)
}

/// Fifteen bytes are twenty characters of six bits, without a rest.
fn base64url(raw: &[u8; 15]) -> [u8; IDENTIFIER_BYTES] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = [b'A'; IDENTIFIER_BYTES];
    for (triple, out) in raw.chunks_exact(3).zip(text.chunks_exact_mut(4)) {
        let bits = triple
            .iter()
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        for (place, slot) in out.iter_mut().enumerate() {
            let sixth = bits >> (18 - 6 * place) & 63;
            *slot = ALPHABET.get(sixth).copied().unwrap_or(b'A');
        }
    }
    text
}

/// An odd number whose bits look like chance, as splitmix64 steps.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The end of splitmix64: different numbers stay different, and each bit of one changes half of the other's.
pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A hash of some bytes, sixteen at a time. It is the same in every version of the agent, and no defence against somebody
/// who looks for equal ones.
pub fn hash(bytes: &[u8]) -> u64 {
    let (parts, rest) = bytes.as_chunks::<16>();
    let seed = mix((bytes.len() as u64).wrapping_add(STEP));
    let hash = parts.iter().fold(seed, fold);
    let mut last = [0; 16];
    for (slot, byte) in last.iter_mut().zip(rest) {
        *slot = *byte;
    }
    mix(fold(hash, &last))
}

/// Both halves of a product, which each bit of the sixteen bytes changes.
fn fold(hash: u64, part: &[u8; 16]) -> u64 {
    let (one, other) = match part.as_chunks::<8>() {
        ([one, other], _) => (u64::from_le_bytes(*one), u64::from_le_bytes(*other)),
        _ => (0, 0),
    };
    let product = u128::from(one ^ STEP) * u128::from(other ^ hash);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::{Home, Maker, Provenance, Spot, hash, identifier};
    use crate::event::{Batch, Names};
    use crate::queue::ack::Ack;

    const FILE: Provenance = Provenance {
        stream: 0x1234_5678_9abc_def0,
        since: 1_790_000_000_000,
    };

    fn text(provenance: Provenance, spot: Spot, time: Option<i64>) -> String {
        String::from_utf8(identifier(provenance, spot, time).to_vec()).expect("it is ASCII")
    }

    /// Identifiers are kept in indices: another version of the agent has to make the same.
    #[test]
    fn identifiers_never_change() {
        let spot = Spot::at(77).with_record(b"GET / HTTP/1.1");
        assert_eq!(text(FILE, spot, None), "AaDEUGwAgHj_MaW4ARNm");
        let time = Some(1_790_000_000_123_456_789);
        assert_eq!(text(FILE, spot, time), "AaDEUGx7gHj_MaW4ARNm");
    }

    #[test]
    fn identifiers_of_one_time_begin_alike() {
        let one = text(FILE, Spot::at(1), Some(5_000_000));
        let other = text(FILE, Spot::at(2), Some(5_999_999));
        assert_eq!(one[..8], other[..8]);
        assert_ne!(one[8..], other[8..]);
    }

    #[test]
    fn every_part_tells_events_apart() {
        let spot = Spot::at(10).with_record(b"a");
        let other = Provenance {
            stream: FILE.stream + 1,
            ..FILE
        };
        let all = [
            text(FILE, spot, None),
            text(FILE, Spot::at(10).with_record(b"b"), None),
            text(FILE, Spot::at(11).with_record(b"a"), None),
            text(FILE, spot.next().next(), None),
            text(other, spot, None),
            text(FILE, spot, Some(0)),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn a_million_places_have_as_many_identifiers() {
        let all: HashSet<_> = (0..1_000_000)
            .map(|offset| identifier(FILE, Spot::at(offset), None))
            .collect();
        assert_eq!(all.len(), 1_000_000);
    }

    #[test]
    fn places_of_made_events_all_differ() {
        let makers = ["filter_split_1", "filter_split_2", "x"].map(Maker::of);
        let mut places: Vec<Spot> = (0..50).map(Spot::at).collect();
        let mut last = places.clone();
        for _ in 0..3 {
            let made = |place: &Spot| {
                let (place, numbers) = (*place, 0..5);
                let of = move |maker| {
                    numbers
                        .clone()
                        .map(move |number| place.of_made(maker, number))
                };
                makers.into_iter().flat_map(of)
            };
            last = last.iter().flat_map(made).collect();
            places.extend_from_slice(&last);
        }
        assert_eq!(places.len(), 50 * (1 + 15 + 15 * 15 + 15 * 15 * 15));
        let all = places.iter().map(|place| identifier(FILE, *place, None));
        assert_eq!(all.collect::<HashSet<_>>().len(), places.len());
    }

    #[test]
    fn times_before_1970_are_taken_as_they_are() {
        assert!(text(FILE, Spot::at(1), Some(-1)).starts_with("________"));
    }

    #[test]
    fn hashes_tell_lengths_and_ends_apart() {
        let all: [&[u8]; 7] = [
            b"",
            b"\0",
            b"\0\0",
            b"12345678",
            b"12345678\0",
            b"1234567",
            b"87654321",
        ];
        let hashes: HashSet<u64> = all.iter().map(|bytes| hash(bytes)).collect();
        assert_eq!(hashes.len(), all.len());
    }

    #[test]
    fn hashes_of_neighbours_differ_in_their_upper_half_too() {
        let text = |number: u32, length: usize| {
            let mut text = vec![b'x'; length];
            text.extend_from_slice(number.to_string().as_bytes());
            hash(&text) >> 32
        };
        for length in [0, 3, 12, 16, 40] {
            let hashes: HashSet<u64> = (0..10_000).map(|number| text(number, length)).collect();
            // Of 10,000 numbers with 32 bits two are equal with a chance of one in a hundred.
            assert!(9_990 < hashes.len(), "{length}: {}", hashes.len());
        }
    }

    #[test]
    fn the_time_at_which_an_event_was_read_is_not_in_its_identifier() {
        let prefix = |received| {
            let mut batch = Batch::new(Vec::new(), Arc::default(), received, Ack::none());
            batch.come_from(FILE, 5);
            let (read, brought) = (batch.push_event(received), batch.push_event(8_000_000));
            [read, brought].map(|id| {
                let identifier = batch.identifier(id).expect("its place is known");
                String::from_utf8_lossy(&identifier[..8]).into_owned()
            })
        };
        assert_eq!(prefix(1_000_000_000), ["AaDEUGwA", "AAAAAAAI"]);
        assert_eq!(prefix(2_000_000_000), ["AaDEUGwA", "AAAAAAAI"]);
    }

    #[test]
    fn what_is_made_of_no_event_of_the_stream_has_no_identifier() {
        let mut batch = Batch::new(Vec::new(), Arc::new(Names::default()), 0, Ack::none());
        assert_eq!(batch.offset(), None);
        let unknown = batch.push_event(0);
        batch.come_from(FILE, 5);
        let (read, second) = (batch.push_event(0), batch.push_event(0));
        batch.end_of_input();
        let made = batch.push_event(0);
        let copy = batch.copy_event(unknown, Maker::of("copies"), 0);
        assert_eq!(batch.identifier(unknown), None);
        assert_eq!(batch.identifier(copy), None);
        assert_eq!(batch.identifier(made), None);
        assert!(batch.identifier(read).is_some());
        assert_ne!(batch.identifier(read), batch.identifier(second));
    }

    #[test]
    fn homes_tell_names_and_their_borders_apart() {
        let home = |names: &[&str]| Home::of(names.iter().map(|name| name.as_bytes()));
        let all = [
            home(&["web1", "main", "files"]),
            home(&["web2", "main", "files"]),
            home(&["web1", "other", "files"]),
            home(&["web1", "main", "docker"]),
            home(&["web1", "mainfiles"]),
            home(&["main", "web1", "files"]),
            home(&["web1", "main", "files", ""]),
        ];
        let streams = all.map(|home| Provenance::repeatable(home, 7, 0).stream);
        assert_eq!(streams.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(home(&["web1", "main", "files"]), all[0]);
    }

    /// Another version of the agent has to make the same.
    #[test]
    fn streams_of_an_input_never_change() {
        let home = Home::of([&b"web1"[..], b"main", b"files"]);
        let stream = Provenance::repeatable(home, 7, 0).stream;
        assert_eq!(format!("{stream:016x}"), "826efe8b61528855");
    }

    #[test]
    fn streams_that_are_never_read_again_differ() {
        assert_ne!(Provenance::unrepeatable(7), Provenance::unrepeatable(7));
    }
}
