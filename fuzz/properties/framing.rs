//! What holds for every stream of syslog frames: the first byte chooses the limit, the rest is the
//! stream.

use sawlog_parsers::framing::{Decoder, Limits, Step};

/// Checks that frames do not depend on how the stream was read, and that counted frames come back
/// as they were.
pub fn check(data: &[u8]) {
    let Some((limit, stream)) = data.split_first() else {
        return;
    };
    let limits = Limits {
        frame_bytes_max: usize::from(*limit) + 1,
    };
    let whole = frames(stream, limits, &[stream.len().max(1)]);
    for pieces in [
        &[1][..],
        &[2, 1, 5],
        &[3],
        &[7, 64],
        &[usize::from(*limit) + 2],
    ] {
        assert_eq!(
            frames(stream, limits, pieces),
            whole,
            "in pieces of {pieces:?}"
        );
    }
    counted_frames_come_back(stream);
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Frame { text: Vec<u8>, truncated: bool },
    CountTooLarge(usize),
}

/// Reads the stream in pieces of the given sizes, over and over.
fn frames(stream: &[u8], limits: Limits, pieces: &[usize]) -> Vec<Found> {
    let mut decoder = Decoder::new(limits);
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    let mut unread = stream;
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
                Step::Frame {
                    range,
                    consumed,
                    truncated,
                } => {
                    assert!(range.start < range.end, "an empty frame");
                    assert!(range.end <= consumed && consumed <= buffer.len());
                    assert!(range.len() <= limits.frame_bytes_max);
                    found.push(Found::Frame {
                        text: buffer[range].to_vec(),
                        truncated,
                    });
                    buffer.drain(..consumed);
                }
                Step::NeedMore { consumed } => {
                    buffer.drain(..consumed);
                    break;
                }
                Step::CountTooLarge { count } => {
                    assert!(limits.frame_bytes_max < count && count <= 9_999_999);
                    found.push(Found::CountTooLarge(count));
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

fn counted_frames_come_back(data: &[u8]) {
    let mut stream = Vec::new();
    let mut messages = Vec::new();
    for part in data.split(|byte| *byte == 0xFF) {
        let message = [b"<13>", part].concat();
        stream.extend_from_slice(format!("{} ", message.len()).as_bytes());
        stream.extend_from_slice(&message);
        messages.push(Found::Frame {
            text: message,
            truncated: false,
        });
    }
    let limits = Limits {
        frame_bytes_max: data.len() + 4,
    };
    assert_eq!(frames(&stream, limits, &[11]), messages);
}
