//! What holds for every stream of records: the first byte chooses how long the delimiter is, which follows it, and the rest is
//! the stream.

use std::ops::Range;

use sawlog_parsers::lines::Delimiter;

/// Bytes of a delimiter at most; longer ones are no other case.
const DELIMITER_BYTES_MAX: usize = 4;

/// Checks that records are those of a plain walk over the bytes, that they do not depend on how the stream was read, and that
/// they and their delimiters are the stream.
pub fn check(data: &[u8]) {
    let Some((length, rest)) = data.split_first() else {
        return;
    };
    let length = usize::from(*length) % (DELIMITER_BYTES_MAX + 1);
    let Some((end, stream)) = rest.split_at_checked(length) else {
        return;
    };
    let delimiter = match Delimiter::new(end) {
        Ok(delimiter) => delimiter,
        Err(_) => {
            assert!(end.is_empty(), "{end:?} was refused");
            Delimiter::newline()
        }
    };
    records_are_those_of_a_walk(&delimiter, stream);
    records_and_delimiters_are_the_stream(&delimiter, stream);
    lines_are_stripped_at_newlines_only(&delimiter, stream);
    let whole: Vec<&[u8]> = delimiter
        .records(stream)
        .map(|range| &stream[range])
        .collect();
    for pieces in [&[1][..], &[2, 1, 5], &[3], &[7, 64], &[length + 1]] {
        assert_eq!(
            in_pieces(&delimiter, stream, pieces),
            whole,
            "in pieces of {pieces:?}"
        );
        assert_eq!(
            passed_over(&delimiter, stream, pieces),
            delimiter.first_end(stream),
            "passed over in pieces of {pieces:?}"
        );
    }
}

/// Records and where the whole ones end, found by looking at each byte.
fn walk(end: &[u8], stream: &[u8]) -> (Vec<Range<usize>>, usize) {
    let (mut records, mut start, mut at) = (Vec::new(), 0, 0);
    while at < stream.len() {
        if stream[at..].starts_with(end) {
            records.push(start..at);
            at += end.len();
            start = at;
        } else {
            at += 1;
        }
    }
    if start < stream.len() {
        records.push(start..stream.len());
    }
    (records, start)
}

fn records_are_those_of_a_walk(delimiter: &Delimiter, stream: &[u8]) {
    let end = delimiter.bytes();
    let (records, whole) = walk(end, stream);
    assert!(delimiter.records(stream).eq(records.iter().cloned()));
    assert_eq!(delimiter.whole(stream), whole);
    let first = records.first().filter(|_| 0 < whole);
    assert_eq!(
        delimiter.first_end(stream),
        first.map(|record| record.end + end.len())
    );
    // No delimiter lies on both sides of the cut, but for what begins inside of the one before.
    let mut ends = records.iter().filter(|record| record.end < stream.len());
    assert!(ends.all(|record| record.end + end.len() <= whole));
    assert_eq!(delimiter.whole(&stream[..whole]), whole);
    assert_eq!(delimiter.whole(&stream[whole..]), 0);
}

fn records_and_delimiters_are_the_stream(delimiter: &Delimiter, stream: &[u8]) {
    let mut joined = Vec::new();
    for record in delimiter.records(stream) {
        assert_eq!(record.start, joined.len(), "bytes are lost or there twice");
        let text = &stream[record.clone()];
        assert_eq!(delimiter.first_end(text), None, "a delimiter in a record");
        joined.extend_from_slice(text);
        if record.end < stream.len() {
            joined.extend_from_slice(delimiter.bytes());
        }
    }
    assert_eq!(joined, stream);
}

fn lines_are_stripped_at_newlines_only(delimiter: &Delimiter, stream: &[u8]) {
    let is_newline = delimiter.bytes() == b"\n";
    let stripped = delimiter
        .records(stream)
        .map(|record| match &stream[record.clone()] {
            [.., b'\r'] if is_newline => record.start..record.end - 1,
            _ => record,
        });
    assert!(delimiter.lines(stream).eq(stripped));
}

/// The stream in pieces of the given sizes, over and over.
fn pieces_of<'a>(mut stream: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    sizes.iter().cycle().map_while(move |size| {
        let (piece, rest) = stream.split_at((*size).min(stream.len()));
        stream = rest;
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

/// The records of a stream whose pieces are read one after the other.
fn in_pieces(delimiter: &Delimiter, stream: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    let mut take = |buffer: &mut Vec<u8>, count: usize| {
        let taken: Vec<u8> = buffer.drain(..count).collect();
        found.extend(
            delimiter
                .records(&taken)
                .map(|record| taken[record].to_vec()),
        );
    };
    for piece in pieces_of(stream, sizes) {
        buffer.extend_from_slice(piece);
        let whole = delimiter.whole(&buffer);
        take(&mut buffer, whole);
    }
    let rest = buffer.len();
    take(&mut buffer, rest);
    found
}

/// Where in the stream its first record ends, by a reader who keeps no more of the record than it has to.
fn passed_over(delimiter: &Delimiter, stream: &[u8], sizes: &[usize]) -> Option<usize> {
    let (mut kept, mut gone) = (Vec::new(), 0);
    for piece in pieces_of(stream, sizes) {
        kept.extend_from_slice(piece);
        if let Some(end) = delimiter.first_end(&kept) {
            return Some(gone + end);
        }
        let undecided = delimiter.undecided(&kept);
        assert!(kept.len() - undecided < delimiter.bytes().len());
        gone += undecided;
        kept.drain(..undecided);
    }
    None
}
