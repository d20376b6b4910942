//! Answers of the logs API, read in pieces of many sizes.

use super::{CHUNK_BYTES, Decoder, Limits, Mode, Step};

const TIME: &str = "2026-11-20T16:46:09.929473720Z";
const LIMITS: Limits = Limits {
    record_bytes_max: 1 << 20,
};

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, 0, 0, 0];
    frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Everything an answer gives that comes in pieces of one size, as `stream text`, `@` before it
/// with a time, `…` after it if partial, `+` if cut.
fn records(bytes: &[u8], mode: Mode, limits: Limits, piece_bytes: usize) -> Vec<String> {
    let mut decoder = Decoder::new(mode, limits);
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    let mut pieces = bytes.chunks(piece_bytes);
    loop {
        let piece = pieces.next();
        buffer.extend_from_slice(piece.unwrap_or_default());
        loop {
            let step = if piece.is_some() {
                decoder.decode(&buffer)
            } else {
                decoder.finish(&buffer)
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
                    found.push(format!(
                        "{}{} {}{}{}",
                        if time.is_some() { "@" } else { "" },
                        stream.as_str(),
                        String::from_utf8_lossy(&buffer[payload]),
                        if partial { "…" } else { "" },
                        if truncated { "+" } else { "" },
                    ));
                    buffer.drain(..consumed);
                }
                Step::DaemonError { payload, consumed } => {
                    found.push(format!(
                        "error {}",
                        String::from_utf8_lossy(&buffer[payload])
                    ));
                    buffer.drain(..consumed);
                }
                Step::NeedMore { consumed } => {
                    buffer.drain(..consumed);
                    assert!(buffer.len() < decoder.buffer_bytes_min());
                    break;
                }
                Step::Invalid => {
                    found.push("invalid".to_owned());
                    return found;
                }
            }
        }
        if piece.is_none() {
            return found;
        }
    }
}

#[track_caller]
fn check_with(bytes: &[u8], mode: Mode, limits: Limits, want: &[&str]) {
    for piece_bytes in [
        1,
        2,
        3,
        7,
        8,
        9,
        31,
        36,
        100,
        16_384,
        16_420,
        bytes.len().max(1),
    ] {
        if bytes.len() / piece_bytes <= 20_000 {
            let found = records(bytes, mode, limits, piece_bytes);
            assert_eq!(found, want, "in pieces of {piece_bytes}");
        }
    }
}

#[track_caller]
fn check(bytes: &[u8], mode: Mode, want: &[&str]) {
    check_with(bytes, mode, LIMITS, want);
}

#[test]
fn frames_give_stream_time_and_text() {
    let mut bytes = frame(2, format!("{TIME} err\n").as_bytes());
    assert_eq!(bytes[..8], [2, 0, 0, 0, 0, 0, 0, 0x23]);
    bytes.extend(frame(1, format!("{TIME} \n").as_bytes()));
    check(&bytes, Mode::Multiplexed, &["@stderr err", "@stdout "]);
    let mut decoder = Decoder::new(Mode::Multiplexed, LIMITS);
    let Step::Record { time, .. } = decoder.decode(&bytes) else {
        panic!("a record is whole")
    };
    assert_eq!(time, Some(1_795_193_169_929_473_720));
}

#[test]
fn a_frame_without_newline_is_partial() {
    let mut bytes = frame(1, format!("{TIME} half").as_bytes());
    bytes.extend(frame(1, format!("{TIME}  rest\r\n").as_bytes()));
    check(
        &bytes,
        Mode::Multiplexed,
        &["@stdout half…", "@stdout  rest\r"],
    );
}

#[test]
fn a_frame_without_time_keeps_its_text() {
    let mut bytes = frame(1, b"2026-11-20T16:46:09 is no time with a zone\n");
    bytes.extend(frame(1, b"\n"));
    check(
        &bytes,
        Mode::Multiplexed,
        &[
            "stdout 2026-11-20T16:46:09 is no time with a zone",
            "stdout ",
        ],
    );
}

#[test]
fn a_daemons_error_is_no_log_line() {
    let bytes = frame(3, b"Error grabbing logs: EOF");
    check(
        &bytes,
        Mode::Multiplexed,
        &["error Error grabbing logs: EOF"],
    );
}

#[test]
fn other_headers_are_invalid() {
    check(&[4, 0, 0, 0, 0, 0, 0, 0], Mode::Multiplexed, &["invalid"]);
    check(&[1, 0, 1, 0, 0, 0, 0, 0], Mode::Multiplexed, &["invalid"]);
    check(b"HTTP/1.1 200 OK\r\n", Mode::Multiplexed, &["invalid"]);
}

#[test]
fn a_frame_over_the_limit_is_cut_and_the_next_is_whole() {
    let mut bytes = frame(1, b"0123456789abcdef\n");
    bytes.extend(frame(2, b"next\n"));
    let limits = Limits {
        record_bytes_max: 10,
    };
    check_with(
        &bytes,
        Mode::Multiplexed,
        limits,
        &["stdout 0123456789+", "stderr next"],
    );
}

#[test]
fn an_answer_that_ends_in_a_frame_gives_what_is_there() {
    let bytes = frame(1, format!("{TIME} hello\n").as_bytes());
    let cut = &bytes[..bytes.len() - 3];
    check(cut, Mode::Multiplexed, &["@stdout hel+"]);
    check(&bytes[..5], Mode::Multiplexed, &["invalid"]);
}

#[test]
fn a_terminals_lines_lose_time_and_line_end() {
    let bytes = format!("{TIME} one\r\n{TIME} \r\n{TIME}   three\n");
    check(
        bytes.as_bytes(),
        Mode::Terminal,
        &["@stdout one", "@stdout ", "@stdout   three"],
    );
}

#[test]
fn a_terminals_last_line_may_lack_its_end() {
    let bytes = format!("{TIME} one\r\n{TIME} $ ");
    check(
        bytes.as_bytes(),
        Mode::Terminal,
        &["@stdout one", "@stdout $ …"],
    );
}

#[test]
fn a_time_in_the_middle_of_a_long_line_is_cut_out() {
    let chunk = "x".repeat(CHUNK_BYTES);
    let bytes = format!("{TIME} {chunk}{TIME} {chunk}{TIME} end\r\n{TIME} next\r\n");
    let part = format!("@stdout {chunk}…");
    check(
        bytes.as_bytes(),
        Mode::Terminal,
        &[&part, &part, "@stdout end", "@stdout next"],
    );
}

#[test]
fn a_line_end_across_two_chunks_loses_both_bytes() {
    let chunk = "x".repeat(CHUNK_BYTES - 1);
    let bytes = format!("{TIME} {chunk}\r{TIME} \n{TIME} next\r\n");
    let part = format!("@stdout {chunk}…");
    check(
        bytes.as_bytes(),
        Mode::Terminal,
        &[&part, "@stdout ", "@stdout next"],
    );
}

#[test]
fn a_time_that_the_container_wrote_is_text() {
    let bytes = format!("{TIME} at {TIME} it happened\r\n{TIME} {TIME} twice\r\n");
    let want = [
        format!("@stdout at {TIME} it happened"),
        format!("@stdout {TIME} twice"),
    ];
    check(bytes.as_bytes(), Mode::Terminal, &[&want[0], &want[1]]);
}

#[test]
fn a_long_line_without_times_stays_one() {
    let long = "y".repeat(CHUNK_BYTES + 100);
    check(
        format!("{long}\r\nnext\r\n").as_bytes(),
        Mode::Terminal,
        &[&format!("stdout {long}"), "stdout next"],
    );
}

#[test]
fn a_terminals_line_over_the_limit_is_cut() {
    let long = "y".repeat(CHUNK_BYTES + 100);
    let limits = Limits {
        record_bytes_max: 10,
    };
    let want = format!("stdout {}+", "y".repeat(CHUNK_BYTES));
    check_with(
        format!("{long}\r\nnext\r\n").as_bytes(),
        Mode::Terminal,
        limits,
        &[&want, "stdout next"],
    );
}
