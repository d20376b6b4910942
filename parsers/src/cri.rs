//! Log lines of Kubernetes' container runtimes: `2016-10-06T00:17:09.669794202Z stdout F text`.
//!
//! Joining partial lines is the joiner's; names of pods are in the path, which is not here.

use crate::docker_json::Stream;

/// One line of a CRI log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Nanoseconds since 1970; each chunk of a line has its own.
    pub time: i64,
    /// Which stream the text was written to.
    pub stream: Stream,
    /// The text goes on in the next record of this stream.
    pub partial: bool,
    /// The text without its line end.
    pub text: &'a [u8],
}

/// Cuts a line; `None` if it is no CRI line.
pub fn parse(line: &[u8]) -> Option<Record<'_>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (time, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    // A record of an empty line may have lost the blank after its tags.
    let (tags, text) = word(rest).unwrap_or((rest, b""));
    let stream = match stream {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    // Tags are joined by colons and the first one tells whether the line is whole.
    let partial = match tags {
        [b'P'] | [b'P', b':', ..] => true,
        [b'F'] | [b'F', b':', ..] => false,
        _ => return None,
    };
    Some(Record {
        time: crate::timestamp::iso8601(time, 0)?,
        stream,
        partial,
        text,
    })
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = memchr::memchr(b' ', text)?;
    Some((text.get(..blank)?, text.get(blank + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_is_cut() {
        let record = parse(b"2016-10-06T00:17:09.669794202Z stderr F  two words\n").expect("valid");
        assert_eq!(record.time, 1_475_713_029_669_794_202);
        assert_eq!(record.stream, Stream::Stderr);
        assert_eq!((record.partial, record.text), (false, &b" two words"[..]));
    }

    #[test]
    fn a_partial_line_and_an_offset_are_understood() {
        let record = parse(b"2016-10-06T02:17:09.6+02:00 stdout P:x part").expect("valid");
        assert_eq!(record.time, 1_475_713_029_600_000_000);
        assert_eq!((record.partial, record.text), (true, &b"part"[..]));
    }

    #[test]
    fn an_empty_line_is_a_line() {
        assert_eq!(
            parse(b"2016-10-06T00:17:09Z stdout F ").map(|record| record.text),
            Some(&b""[..])
        );
        assert_eq!(
            parse(b"2016-10-06T00:17:09Z stdout F").map(|record| record.text),
            Some(&b""[..])
        );
    }

    #[test]
    fn other_lines_are_none() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"2016-10-06T00:17:09Z stdin F x"), None);
        assert_eq!(parse(b"2016-10-06T00:17:09Z stdout X x"), None);
        assert_eq!(parse(b"yesterday stdout F x"), None);
    }
}
