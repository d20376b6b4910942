//! What holds for every answer of the logs API: the first two bytes choose layout and limit, the
//! rest is the answer.

use sawlog_parsers::docker_frames::{Decoder, Details, Limits, Mode, Step, unescape_detail};

/// Bytes of the daemon's line buffer.
const CHUNK_BYTES: usize = 16_384;
const TIME: &[u8] = b"2026-11-20T16:46:09.929473720Z ";

/// Checks that records do not depend on how the answer was read, and that those written come back.
pub fn check(data: &[u8]) {
    let [layout, limit, answer @ ..] = data else {
        return;
    };
    let mode = if layout % 2 == 0 {
        Mode::Multiplexed
    } else {
        Mode::Terminal
    };
    let limits = Limits {
        record_bytes_max: usize::from(*limit) + 1,
    };
    let whole = records(answer, mode, limits, &[answer.len().max(1)]);
    for pieces in [&[1][..], &[2, 9, 5], &[8], &[35, 64], &[16_384]] {
        assert_eq!(
            records(answer, mode, limits, pieces),
            whole,
            "in pieces of {pieces:?}"
        );
    }
    frames_come_back(answer);
    terminal_lines_come_back(answer);
    details_come_back(answer);
    details_are_parts(answer);
}

/// Every byte escaped, as the encoding of a query allows.
fn encoded(text: &[u8]) -> String {
    text.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn details_come_back(data: &[u8]) {
    let pairs: Vec<(&[u8], &[u8])> = data
        .chunks(5)
        .map(|chunk| chunk.split_at(chunk.len().div_ceil(2)))
        .collect();
    let written: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", encoded(key), encoded(value)))
        .collect();
    let text = [written.join(",").as_bytes(), b" ", data].concat();
    let (details, rest) = Details::split(&text).expect("details were written");
    assert_eq!(rest, data);
    let read: Vec<(Vec<u8>, Vec<u8>)> = details
        .map(|(key, value)| {
            let (mut decoded_key, mut decoded_value) = (Vec::new(), Vec::new());
            unescape_detail(key, &mut decoded_key);
            unescape_detail(value, &mut decoded_value);
            (decoded_key, decoded_value)
        })
        .collect();
    assert!(
        read.iter()
            .map(|(key, value)| (&key[..], &value[..]))
            .eq(pairs)
    );
}

/// Pairs, commas, equals signs and the blank are all that stands before the text.
fn details_are_parts(text: &[u8]) {
    let Some((details, rest)) = Details::split(text) else {
        return;
    };
    let parts: Vec<Vec<u8>> = details
        .map(|(key, value)| [key, b"=", value].concat())
        .collect();
    assert_eq!([&parts.join(&b','), &b" "[..], rest].concat(), text);
    for (key, value) in details {
        let mut decoded = Vec::new();
        unescape_detail(key, &mut decoded);
        unescape_detail(value, &mut decoded);
        assert!(decoded.len() <= key.len() + value.len());
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Record {
        stream: &'static str,
        time: Option<i64>,
        text: Vec<u8>,
        partial: bool,
        truncated: bool,
    },
    DaemonError(Vec<u8>),
    Invalid,
}

fn records(answer: &[u8], mode: Mode, limits: Limits, pieces: &[usize]) -> Vec<Found> {
    let mut decoder = Decoder::new(mode, limits);
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    let mut unread = answer;
    let mut sizes = pieces.iter().cycle();
    loop {
        let size = sizes.next().copied().unwrap_or(1).min(unread.len());
        let ended = unread.is_empty();
        buffer.extend_from_slice(&unread[..size]);
        unread = &unread[size..];
        loop {
            let step = if ended {
                decoder.finish(&buffer)
            } else {
                decoder.decode(&buffer)
            };
            match step {
                Step::Record {
                    stream,
                    time,
                    payload,
                    partial,
                    truncated,
                    consumed,
                } => {
                    assert!(payload.start <= payload.end && payload.end <= consumed);
                    assert!(0 < consumed && consumed <= buffer.len() && !(partial && truncated));
                    let text = buffer[payload].to_vec();
                    let stream = stream.as_str();
                    found.push(Found::Record {
                        stream,
                        time,
                        text,
                        partial,
                        truncated,
                    });
                    buffer.drain(..consumed);
                }
                Step::DaemonError { payload, consumed } => {
                    found.push(Found::DaemonError(buffer[payload].to_vec()));
                    buffer.drain(..consumed);
                }
                Step::NeedMore { consumed } => {
                    buffer.drain(..consumed);
                    assert!(ended || buffer.len() < decoder.buffer_bytes_min());
                    break;
                }
                Step::Invalid => {
                    found.push(Found::Invalid);
                    return found;
                }
            }
        }
        if ended {
            assert!(buffer.is_empty(), "the end left bytes behind");
            return found;
        }
    }
}

fn large() -> Limits {
    Limits {
        record_bytes_max: 1 << 20,
    }
}

fn frames_come_back(data: &[u8]) {
    let mut answer = Vec::new();
    let mut written = Vec::new();
    for (at, text) in data.split(|byte| *byte == b'\n').enumerate() {
        let (kind, stream) = if at % 2 == 0 {
            (1, "stdout")
        } else {
            (2, "stderr")
        };
        let partial = at % 3 == 0;
        let end: &[u8] = if partial { b"" } else { b"\n" };
        let payload = [TIME, text, end].concat();
        answer.extend_from_slice(&[kind, 0, 0, 0]);
        answer.extend_from_slice(&(payload.len() as u32).to_be_bytes());
        answer.extend_from_slice(&payload);
        written.push(Found::Record {
            stream,
            time: Some(1_795_193_169_929_473_720),
            text: text.to_vec(),
            partial,
            truncated: false,
        });
    }
    assert_eq!(records(&answer, Mode::Multiplexed, large(), &[13]), written);
}

/// Lines that are short, and the first one again so long that it comes in chunks.
fn terminal_lines_come_back(data: &[u8]) {
    let mut answer = Vec::new();
    let mut written = Vec::new();
    let mut record = |text: &[u8], end: &[u8]| {
        answer.extend_from_slice(&[TIME, text, end].concat());
        written.push(Found::Record {
            stream: "stdout",
            time: Some(1_795_193_169_929_473_720),
            text: text.to_vec(),
            partial: end.is_empty(),
            truncated: false,
        });
    };
    let mut lines = data.split(|byte| matches!(byte, b'\n' | b'\r'));
    let first = lines.next().unwrap_or_default();
    if !first.is_empty() {
        let long: Vec<u8> = first
            .iter()
            .copied()
            .cycle()
            .take(CHUNK_BYTES + 7)
            .collect();
        let (chunk, rest) = long.split_at(CHUNK_BYTES);
        record(chunk, b"");
        record(rest, b"\r\n");
    }
    for line in lines {
        record(line, b"\r\n");
    }
    assert_eq!(
        records(&answer, Mode::Terminal, large(), &[4096, 33]),
        written
    );
}
