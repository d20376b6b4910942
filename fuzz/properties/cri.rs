//! What holds for every line of a CRI log file.

use sawlog_parsers::Stream;
use sawlog_parsers::cri::{Record, parse};
use sawlog_parsers::timestamp::{iso8601, write_iso8601_nanos};

/// Checks the bytes as a line, and as the text of lines that a runtime writes.
pub fn check(data: &[u8]) {
    if let Some(record) = parse(data) {
        a_line_is_the_sum_of_its_parts(data, &record);
    }
    written_lines_come_back(data);
}

fn a_line_is_the_sum_of_its_parts(line: &[u8], record: &Record<'_>) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let time = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    assert_eq!(iso8601(time, 0), Some(record.time));
    assert_ne!(record.stream, Stream::Stdin);
    let head = [
        time,
        b" ",
        record.stream.as_str().as_bytes(),
        b" ",
        record.tags,
    ]
    .concat();
    let text = line
        .strip_prefix(&head[..])
        .expect("the parts stand at the beginning");
    assert_eq!(record.partial, record.tags.first() == Some(&b'P'));
    assert!(!record.tags.contains(&b' '));
    // The blank before an empty text may be missing.
    let text = text.strip_prefix(b" ").unwrap_or(text);
    match text.strip_suffix(b"\r") {
        Some(text) if !record.partial => assert_eq!(record.text, text),
        _ => assert_eq!(record.text, text),
    }
    let ended = [line, b"\n"].concat();
    assert_eq!(parse(&ended).as_ref(), Some(record));
}

/// The first byte chooses time, stream and tag, the rest is the text, which has no line feed.
fn written_lines_come_back(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let text = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let time = i64::from(*choice) * 7_368_414_923_071_999 - 999_999_999;
    let (stream, partial) = (choice & 1 == 0, choice & 2 == 0);
    let stream = if stream {
        Stream::Stdout
    } else {
        Stream::Stderr
    };
    let tags: &[u8] = match (partial, choice & 4 == 0) {
        (true, true) => b"P",
        (true, false) => b"P:later:tags",
        (false, true) => b"F",
        (false, false) => b"F:later:tags",
    };
    let mut line = Vec::new();
    write_iso8601_nanos(time, &mut line);
    for part in [b" ", stream.as_str().as_bytes(), b" ", tags, b" ", text] {
        line.extend_from_slice(part);
    }
    let whole = text.strip_suffix(b"\r").unwrap_or(text);
    let want = Record {
        time,
        stream,
        partial,
        tags,
        text: if partial { text } else { whole },
    };
    assert_eq!(parse(&line), Some(want));
}
