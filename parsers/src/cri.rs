//! Log lines of Kubernetes' container runtimes: `2026-11-20T16:46:09.929473720Z stdout F text`.
//!
//! The format is that of the Container Runtime Interface, as containerd and CRI-O write it and the kubelet
//! reads it: a time as in RFC 3339 with up to nine digits of fraction, the stream, tags between colons, the
//! text. The first tag is `P` if the line goes on in the next record of its stream, `F` if it ends here; tags
//! to come may follow it. Runtimes cut lines into records of 8 or 16 KiB.
//!
//! ```
//! use sawlog_parsers::cri;
//! use sawlog_parsers::Stream;
//!
//! let record = cri::parse(b"2026-11-20T16:46:09.929473720Z stderr F  at main.rs:7\n").expect("a record");
//! assert_eq!(record.time, 1_795_193_169_929_473_720);
//! assert_eq!((record.stream, record.partial), (Stream::Stderr, false));
//! assert_eq!(record.text, b" at main.rs:7");
//! ```
//!
//! Joining partial lines is the [joiner](crate::joiner)'s; names of pods are in the path, which is not here.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_till1};
use nom::character::complete::char;
use nom::combinator::{map_opt, opt, rest, value};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use crate::Stream;
use crate::timestamp::fixed;

/// One line of a CRI log file.
///
/// ```
/// use sawlog_parsers::cri;
///
/// let record = cri::parse(b"2026-11-20T17:46:09.25+01:00 stdout P ready in 3").expect("a record");
/// assert_eq!(record.time, 1_795_193_169_250_000_000);
/// assert_eq!((record.stream.as_str(), record.partial, record.tags), ("stdout", true, &b"P"[..]));
/// assert_eq!(record.text, b"ready in 3");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Nanoseconds since 1970; each chunk of a line has its own.
    pub time: i64,
    /// Which stream the text was written to.
    pub stream: Stream,
    /// The text goes on in the next record of this stream.
    pub partial: bool,
    /// All tags as they stand in the line, with colons between them: `F`, or `P:new`.
    pub tags: &'a [u8],
    /// The text without its line end. A carriage return before it belongs to the line end where the line
    /// is whole, and to the text where it is partial.
    pub text: &'a [u8],
}

/// Cuts a line, with or without its line feed; `None` if it is no CRI line.
///
/// A time without an offset, a stream other than the two, and a first tag other than the two are none:
/// such a line is of another format, and best kept whole.
///
/// ```
/// use sawlog_parsers::cri;
///
/// let record = cri::parse(b"2026-11-20T16:46:09Z stdout P:new first half").expect("a record");
/// assert_eq!((record.partial, record.tags, record.text), (true, &b"P:new"[..], &b"first half"[..]));
/// assert_eq!(cri::parse(b"first half"), None);
/// ```
#[inline]
pub fn parse(line: &[u8]) -> Option<Record<'_>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (_, record) = record(line).ok()?;
    Some(record)
}

fn record(input: &[u8]) -> IResult<&[u8], Record<'_>> {
    let (input, time) =
        terminated(map_opt(take_till1(is_blank), time_of), char(' ')).parse(input)?;
    let (input, stream) = terminated(stream, char(' ')).parse(input)?;
    let (input, (tags, partial)) = map_opt(take_till(is_blank), with_meaning).parse(input)?;
    // A record of an empty line may have lost the blank after its tags.
    let (input, text) = opt(preceded(char(' '), rest)).parse(input)?;
    let text = text.unwrap_or_default();
    let text = match text.strip_suffix(b"\r") {
        Some(text) if !partial => text,
        _ => text,
    };
    let record = Record {
        time,
        stream,
        partial,
        tags,
        text,
    };
    Ok((input, record))
}

fn is_blank(byte: u8) -> bool {
    byte == b' '
}

/// A whole time with its offset, without which it might be anybody's.
fn time_of(text: &[u8]) -> Option<i64> {
    let prefix = fixed::iso_prefix(text)?;
    let offset = prefix.offset?;
    (prefix.length == text.len()).then_some(prefix.local.nanos_at(offset)?)
}

fn stream(input: &[u8]) -> IResult<&[u8], Stream> {
    let output = value(Stream::Stdout, tag("stdout"));
    let error = value(Stream::Stderr, tag("stderr"));
    alt((output, error)).parse(input)
}

/// The tags and what the first of them says: whether the line is partial.
fn with_meaning(tags: &[u8]) -> Option<(&[u8], bool)> {
    match tags {
        [b'P'] | [b'P', b':', ..] => Some((tags, true)),
        [b'F'] | [b'F', b':', ..] => Some((tags, false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags and text of a line whose head is good.
    #[track_caller]
    fn check(tail: &str, partial: bool, tags: &str, text: &str) {
        let line = format!("2016-10-06T00:17:09.669794202Z stdout {tail}");
        for end in ["", "\n"] {
            let ended = format!("{line}{end}");
            let want = Record {
                time: 1_475_713_029_669_794_202,
                stream: Stream::Stdout,
                partial,
                tags: tags.as_bytes(),
                text: text.as_bytes(),
            };
            assert_eq!(parse(ended.as_bytes()), Some(want));
        }
    }

    #[track_caller]
    fn check_time(time: &str, want: Option<i64>) {
        let line = format!("{time} stderr F x");
        assert_eq!(parse(line.as_bytes()).map(|record| record.time), want);
    }

    #[track_caller]
    fn check_refused(line: &str) {
        assert_eq!(parse(line.as_bytes()), None);
    }

    #[test]
    fn a_full_line_is_cut() {
        check("F two words", false, "F", "two words");
    }

    #[test]
    fn a_partial_line_is_marked() {
        check("P first half", true, "P", "first half");
    }

    #[test]
    fn both_streams_are_known() {
        let record = parse(b"2016-10-06T00:17:09Z stderr F x").expect("valid");
        assert_eq!(record.stream, Stream::Stderr);
    }

    #[test]
    fn further_tags_are_handed_out() {
        check("P:x part", true, "P:x", "part");
        check("F:a:b whole", false, "F:a:b", "whole");
        check("F: whole", false, "F:", "whole");
    }

    #[test]
    fn blanks_of_the_text_stay() {
        check("F  two  words ", false, "F", " two  words ");
        check("F \tx", false, "F", "\tx");
    }

    #[test]
    fn an_empty_line_is_a_line() {
        check("F ", false, "F", "");
        check("F", false, "F", "");
        check("P:x", true, "P:x", "");
    }

    #[test]
    fn a_carriage_return_ends_a_whole_line_only() {
        check("F text\r", false, "F", "text");
        check("F \r", false, "F", "");
        check("F text\r\r", false, "F", "text\r");
        check("P text\r", true, "P", "text\r");
    }

    #[test]
    fn only_one_line_feed_is_the_line_end() {
        let record = parse(b"2016-10-06T00:17:09Z stdout F x\n\n").expect("valid");
        assert_eq!(record.text, b"x\n");
    }

    #[test]
    fn a_text_may_be_any_bytes() {
        let record = parse(b"2016-10-06T00:17:09Z stdout F \0\xFF\x1B[0m").expect("valid");
        assert_eq!(record.text, b"\0\xFF\x1B[0m");
    }

    #[test]
    fn times_have_no_to_nine_digits_of_fraction() {
        check_time("2016-10-06T00:17:09Z", Some(1_475_713_029_000_000_000));
        check_time("2016-10-06T00:17:09.6Z", Some(1_475_713_029_600_000_000));
        check_time(
            "2016-10-06T00:17:09.000000001Z",
            Some(1_475_713_029_000_000_001),
        );
    }

    #[test]
    fn times_have_an_offset() {
        check_time(
            "2016-10-06T02:17:09.6+02:00",
            Some(1_475_713_029_600_000_000),
        );
        check_time(
            "2016-10-05T23:47:09.6-00:30",
            Some(1_475_713_029_600_000_000),
        );
        check_time("2016-10-06T00:17:09", None);
    }

    #[test]
    fn other_times_are_refused() {
        check_time("2016-10-06", None);
        check_time("2016-10-06T00:17Z", None);
        check_time("2016-13-06T00:17:09Z", None);
        check_time("2016-10-06T00:17:09Zx", None);
        check_time("yesterday", None);
        check_time("", None);
    }

    #[test]
    fn other_streams_are_refused() {
        check_refused("2016-10-06T00:17:09Z stdin F x");
        check_refused("2016-10-06T00:17:09Z stdouts F x");
        check_refused("2016-10-06T00:17:09Z  stdout F x");
        check_refused("2016-10-06T00:17:09Z STDOUT F x");
    }

    #[test]
    fn other_first_tags_are_refused() {
        check_refused("2016-10-06T00:17:09Z stdout X x");
        check_refused("2016-10-06T00:17:09Z stdout FP x");
        check_refused("2016-10-06T00:17:09Z stdout f x");
        check_refused("2016-10-06T00:17:09Z stdout :F x");
        check_refused("2016-10-06T00:17:09Z stdout  x");
    }

    #[test]
    fn lines_cut_short_are_refused() {
        let line = "2016-10-06T00:17:09Z stdout F";
        for end in 0..line.len() {
            check_refused(&line[..end]);
        }
    }
}
