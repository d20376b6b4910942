//! Streams of syslog frames, read in pieces of every size.

use super::{Decoder, Limits, Step};

/// Everything a connection gives that delivers its bytes in pieces of one size: messages, `+` after
/// those cut, and an error at last.
fn messages(bytes: &[u8], piece_bytes: usize, frame_bytes_max: usize) -> Vec<String> {
    let mut decoder = Decoder::new(Limits { frame_bytes_max });
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
                Step::Frame {
                    range,
                    consumed,
                    truncated,
                } => {
                    let mark = if truncated { "+" } else { "" };
                    found.push(format!("{}{mark}", String::from_utf8_lossy(&buffer[range])));
                    buffer.drain(..consumed);
                }
                Step::NeedMore { consumed } => {
                    buffer.drain(..consumed);
                    assert!(buffer.len() <= decoder.buffer_bytes_min());
                    break;
                }
                Step::CountTooLarge { count } => {
                    found.push(format!("too large: {count}"));
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
fn check(bytes: &[u8], frame_bytes_max: usize, want: &[&str]) {
    for piece_bytes in 1..=bytes.len().max(1) {
        let found = messages(bytes, piece_bytes, frame_bytes_max);
        assert_eq!(found, want, "in pieces of {piece_bytes}");
    }
}

#[test]
fn lines_end_at_their_newline() {
    check(b"<13>one\n<14>two\r\n", 100, &["<13>one", "<14>two\r"]);
}

#[test]
fn counted_messages_hold_newlines() {
    check(b"8 <13>a\nbc9 <13>defgh", 100, &["<13>a\nbc", "<13>defgh"]);
}

#[test]
fn framings_mix_in_one_connection() {
    check(
        b"<13>a\n6 <13>b\n<13>c\n5 <13>d\n",
        100,
        &["<13>a", "<13>b\n", "<13>c", "<13>d"],
    );
}

#[test]
fn a_line_may_begin_with_a_year() {
    check(
        b"2026 was good\n2026-11-20 x\n7 up\n",
        100,
        &["2026 was good", "2026-11-20 x", "7 up"],
    );
}

#[test]
fn eight_digits_and_a_leading_zero_count_nothing() {
    check(
        b"12345678 <13>a\n05 <13>b\n",
        100,
        &["12345678 <13>a", "05 <13>b"],
    );
}

#[test]
fn a_count_over_the_limit_ends_the_connection() {
    check(b"<13>a\n11 <13>bcdefgh\n", 10, &["<13>a", "too large: 11"]);
    check(b"9999999 <13>a", 1000, &["too large: 9999999"]);
}

#[test]
fn a_count_of_the_limit_is_taken() {
    check(b"10 <13>bcdefg<1>x\n", 10, &["<13>bcdefg", "<1>x"]);
}

#[test]
fn a_long_line_is_cut_and_the_next_is_whole() {
    check(b"0123456789abcdef\nnext\n", 10, &["0123456789+", "next"]);
    check(b"0123456789\nnext\n", 10, &["0123456789", "next"]);
}

#[test]
fn empty_lines_and_nuls_between_messages_are_no_messages() {
    check(
        b"\n\r\n<13>a\n\0\n5 <13>b\n\0<13>c\n",
        100,
        &["<13>a", "<13>b", "<13>c"],
    );
}

#[test]
fn the_end_of_the_connection_ends_the_last_line() {
    check(b"<13>a\n<13>b", 100, &["<13>a", "<13>b"]);
    check(b"12", 100, &["12"]);
}

#[test]
fn a_counted_message_cut_short_is_marked() {
    check(b"20 <13>abc", 100, &["<13>abc+"]);
}

#[test]
fn a_line_in_many_pieces_is_searched_once() {
    let mut decoder = Decoder::new(Limits {
        frame_bytes_max: 100,
    });
    assert_eq!(decoder.decode(b"<13>abc"), Step::NeedMore { consumed: 0 });
    assert_eq!(decoder.searched, 7);
    assert_eq!(
        decoder.decode(b"<13>abcd\n"),
        Step::Frame {
            range: 0..8,
            consumed: 9,
            truncated: false
        }
    );
    assert_eq!(decoder.searched, 0);
}
