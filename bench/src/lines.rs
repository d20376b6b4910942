//! A sequence number in, an access log line out: always the same line for the same number, so that the sink knows what
//! a document must hold without being told. The number stands in the path behind a `~`, which occurs nowhere else.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The byte before the sequence number. It needs no escape in JSON, in a URL or in a log.
pub const MARKER: u8 = b'~';

/// Lines that share one second: the index date and the cached time of an agent change as they would in life.
const LINES_PER_SECOND: u64 = 500;

const METHODS: [&str; 8] = ["GET", "GET", "GET", "GET", "GET", "POST", "PUT", "HEAD"];
const VERSIONS: [&str; 4] = ["1.1", "1.1", "2.0", "1.0"];
const CODES: [u16; 16] = [
    200, 200, 200, 200, 200, 200, 200, 200, 200, 304, 302, 201, 404, 404, 500, 502,
];
const FOLDERS: [&str; 8] = [
    "cart",
    "catalogue",
    "login",
    "static/img",
    "api/v1/items",
    "search",
    "orders",
    "account",
];

/// How a line is wrapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The line as nginx writes it.
    Raw,
    /// The record that Docker's json-file driver makes of it.
    JsonFile,
    /// A syslog datagram of RFC 3164 with it, one a line.
    Syslog,
}

/// What one line says, as text where the pattern gives text.
#[derive(Debug, PartialEq)]
pub struct Line {
    pub client: String,
    pub requested_at: String,
    pub method: &'static str,
    pub path: String,
    version: &'static str,
    pub response_code: u16,
    pub bytes_sent: u64,
    /// As nginx writes `$request_time`: seconds with three digits.
    pub response_time: String,
    second: u64,
    nanosecond: u64,
}

impl Line {
    /// The line with this number.
    pub fn of(sequence: u64) -> Self {
        let mut dice = Dice(sequence);
        let second = sequence / LINES_PER_SECOND;
        Self {
            client: client(&mut dice),
            requested_at: requested_at(second),
            method: dice.pick(&METHODS),
            path: path(sequence, &mut dice),
            version: dice.pick(&VERSIONS),
            response_code: dice.pick(&CODES),
            bytes_sent: bytes_sent(&mut dice),
            response_time: response_time(&mut dice),
            second,
            nanosecond: sequence % LINES_PER_SECOND * 2_000_000 + dice.below(2_000_000),
        }
    }

    /// Appends the line without its end.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        write!(
            out,
            "{} [{}] \"{} {} HTTP/{}\" {} {} {}",
            self.client,
            self.requested_at,
            self.method,
            self.path,
            self.version,
            self.response_code,
            self.bytes_sent,
            self.response_time
        )
        .expect("writing to a Vec cannot fail");
    }

    /// The line without its end.
    pub fn text(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        self.write_text(&mut out);
        out
    }

    /// Appends the line as `kind` wraps it, with its newline.
    pub fn write(&self, kind: Kind, out: &mut Vec<u8>) {
        match kind {
            Kind::Raw => self.write_text(out),
            Kind::JsonFile => self.write_record(out),
            Kind::Syslog => self.write_syslog(out),
        }
        out.push(b'\n');
    }

    /// Docker's record: keys in its order, the newline inside `log`, and `&` escaped as Docker's encoder does.
    fn write_record(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"log\":\"");
        for byte in self.text() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'&' => out.extend_from_slice(b"\\u0026"),
                _ => out.push(byte),
            }
        }
        let (day, time) = day_and_time(self.second);
        write!(
            out,
            "\\n\",\"stream\":\"stdout\",\"time\":\"2015-09-{day:02}T{time}.{:09}Z\"}}",
            self.nanosecond
        )
        .expect("writing to a Vec cannot fail");
    }

    /// A datagram as a device or a Docker daemon sends it, without a newline.
    pub fn write_syslog(&self, out: &mut Vec<u8>) {
        let (day, time) = day_and_time(self.second);
        write!(out, "<30>Sep {day:2} {time} web1 docker/nginx[25336]: ")
            .expect("writing to a Vec cannot fail");
        self.write_text(out);
    }
}

/// Writes the lines 0 to `count` - 1.
pub fn write_file(path: &Path, count: u64, kind: Kind) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut line = Vec::with_capacity(512);
    for sequence in 0..count {
        line.clear();
        Line::of(sequence).write(kind, &mut line);
        out.write_all(&line)?;
    }
    out.flush()
}

/// Reads the number behind the marker out of a line, a record or a document.
pub fn sequence_in(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.get(memchr::memchr(MARKER, bytes)? + 1..)?;
    let length = digits
        .iter()
        .take(19)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number = |sum, byte: &u8| sum * 10 + u64::from(byte - b'0');
    (0 < length).then(|| digits[..length].iter().fold(0, number))
}

fn client(dice: &mut Dice) -> String {
    // One in fifty comes over IPv6, as far as a typical site sees it.
    if dice.below(50) == 0 {
        format!(
            "2001:db8:{:x}::{:x}",
            dice.below(0x1_0000),
            1 + dice.below(0xffff)
        )
    } else {
        let host = dice.below(40_000);
        format!(
            "172.{}.{}.{}",
            16 + host % 16,
            host / 16 % 256,
            1 + host % 254
        )
    }
}

fn path(sequence: u64, dice: &mut Dice) -> String {
    let folder = dice.pick(&FOLDERS);
    match dice.below(8) {
        0..4 => format!("/{folder}/~{sequence}"),
        4..7 => format!("/{folder}/~{sequence}?item={}", dice.below(1000)),
        _ => format!(
            "/{folder}/~{sequence}?item={}&n={}",
            dice.below(1000),
            1 + dice.below(9)
        ),
    }
}

fn bytes_sent(dice: &mut Dice) -> u64 {
    match dice.below(8) {
        0 => 0,
        1..5 => dice.below(1000),
        5..7 => dice.below(100_000),
        _ => dice.below(10_000_000),
    }
}

fn response_time(dice: &mut Dice) -> String {
    let milliseconds = if dice.below(16) == 0 {
        dice.below(30_000)
    } else {
        dice.below(200)
    };
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn requested_at(second: u64) -> String {
    let (day, time) = day_and_time(second);
    format!("{day:02}/Sep/2015:{time} +0000")
}

/// The day of September 2015 and the time of day, from 14 September, 16:31:02, on. It wraps after sixteen days, so
/// that no month's end has to be known.
fn day_and_time(second: u64) -> (u64, String) {
    let since = 16 * 3600 + 31 * 60 + 2 + second;
    let (day, rest) = (14 + since / 86_400 % 16, since % 86_400);
    (
        day,
        format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60),
    )
}

/// A stream of numbers that depends on its seed alone (the SplitMix64 step).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<T: Copy, const N: usize>(&mut self, choices: &[T; N]) -> T {
        let index = self.below(N as u64);
        choices[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Line, sequence_in};

    fn written(sequence: u64, kind: Kind) -> String {
        let mut out = Vec::new();
        Line::of(sequence).write(kind, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_number_gives_the_same_line_always() {
        assert_eq!(Line::of(77), Line::of(77));
        assert_eq!(written(3, Kind::Raw), written(3, Kind::Raw),);
        assert_ne!(written(3, Kind::Raw), written(4, Kind::Raw));
    }

    #[test]
    fn the_mean_length_is_near_98_bytes_with_the_newline() {
        let bytes: usize = (0..200_000)
            .map(|sequence| written(sequence * 10, Kind::Raw).len())
            .sum();
        let mean = bytes as f64 / 200_000.0;
        assert!((94.0..102.0).contains(&mean), "{mean}");
    }

    #[test]
    fn every_line_carries_its_number() {
        for sequence in [0, 1, 9, 10, 123_456, 1_999_999] {
            assert_eq!(
                sequence_in(written(sequence, Kind::Raw).as_bytes()),
                Some(sequence)
            );
            assert_eq!(
                sequence_in(written(sequence, Kind::JsonFile).as_bytes()),
                Some(sequence)
            );
        }
        assert_eq!(sequence_in(b"no number ~ here"), None);
    }

    #[test]
    fn a_record_of_docker_holds_the_line() {
        for sequence in 0..2000 {
            let record: serde_json::Value =
                serde_json::from_str(&written(sequence, Kind::JsonFile)).unwrap();
            assert_eq!(
                record["log"].as_str().unwrap(),
                written(sequence, Kind::Raw)
            );
            assert_eq!(record["stream"], "stdout");
        }
        assert!(written(1, Kind::JsonFile).starts_with("{\"log\":\"172."));
    }

    #[test]
    fn times_go_on_over_midnight() {
        assert_eq!(Line::of(0).requested_at, "14/Sep/2015:16:31:02 +0000");
        assert_eq!(
            Line::of(500 * 27_000).requested_at,
            "15/Sep/2015:00:01:02 +0000"
        );
    }

    #[test]
    fn a_datagram_has_priority_host_and_program() {
        let datagram = written(0, Kind::Syslog);
        assert!(
            datagram.starts_with("<30>Sep 14 16:31:02 web1 docker/nginx[25336]: "),
            "{datagram}"
        );
    }
}
