//! The state of an output: what its slots hold, and positions that move with it, as lines of text that a later run reads. Slots
//! come in, text goes out, and the other way round. Floats are written so that they are read as the same.

use std::fmt::Write;

use crate::outputs::graphite::slots::{Entry, Paths, Slot, Slots};
use crate::outputs::graphite::timer::Timer;
use crate::queue::in_step::Move;

/// The first line; another number is another format.
const HEAD: &str = "sawlog graphite 2";

/// Begins the line of a position that moves.
const MOVE: &str = "move ";

/// Begins the last line, behind which stands the checksum of all lines before.
const END: &str = "end ";

/// Why a text is no state.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It was written by another version.
    OtherFormat,
    /// Its checksum is another, or it is cut off.
    Damaged,
    /// This line, counted from 1, is none of ours.
    Line(usize),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherFormat => write!(out, "it does not begin with `{HEAD}`"),
            Self::Damaged => write!(out, "its checksum does not fit"),
            Self::Line(line) => write!(out, "line {line} is damaged"),
        }
    }
}

/// The slots as text, which `finish` completes.
pub fn encode(slots: &Slots) -> String {
    let mut out = format!("{HEAD}\ninterval {}\n", slots.interval);
    write_lines(slots, &mut out).expect("a String takes all text");
    out
}

/// Adds the moves, and the end.
pub fn finish(text: &mut String, moves: &[Move]) {
    for one in moves {
        text.push_str(MOVE);
        text.push_str(&one.to_json());
        text.push('\n');
    }
    let end = end_of(text);
    text.push_str(&end);
}

/// The last line of a text.
fn end_of(text: &str) -> String {
    format!("{END}{:08x}\n", crc32fast::hash(text.as_bytes()))
}

/// All of a text but its last line, if that says that nothing is missing and no byte is another.
fn checked(text: &str) -> Result<&str, Fault> {
    if text.lines().next() != Some(HEAD) {
        return Err(Fault::OtherFormat);
    }
    let end = text.rfind(&format!("\n{END}")).map(|at| at + 1);
    let (before, last) = text.split_at(end.ok_or(Fault::Damaged)?);
    match last == end_of(before) {
        true => Ok(before),
        false => Err(Fault::Damaged),
    }
}

/// The moves in a text; none, if it is damaged.
pub fn moves(text: &str) -> Vec<Move> {
    let lines = checked(text).unwrap_or_default().lines();
    let moves = lines.filter_map(|line| line.strip_prefix(MOVE));
    moves.filter_map(Move::from_json).collect()
}

fn write_lines(slots: &Slots, out: &mut String) -> std::fmt::Result {
    // Closed slots follow each other mostly: a run is one line.
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for &at in &slots.closed {
        match runs.last_mut() {
            Some((first, count)) if *first + *count * slots.interval == at => *count += 1,
            _ => runs.push((at, 1)),
        }
    }
    for (first, count) in runs {
        writeln!(out, "closed {first} {count}")?;
    }
    for (path, seen) in &slots.known {
        writeln!(out, "known {} {seen}", text(path))?;
    }
    for (at, slot) in &slots.slots {
        writeln!(out, "slot {at}")?;
        for (path, entry) in &slot.counters {
            writeln!(out, "counter {} {:?}", text(path), entry.value)?;
        }
        for (path, entry) in &slot.gauges {
            writeln!(out, "gauge {} {:?}", text(path), entry.value)?;
        }
        for (path, entry) in &slot.timers {
            write!(out, "timer {} ", text(path))?;
            entry.value.write_words(out);
            out.push('\n');
        }
    }
    Ok(())
}

/// Paths are made of a configuration's text and of safe characters.
fn text(path: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(path)
}

/// Puts what a text holds into empty slots, all of it to be sent. Slots that an earlier run closed stay closed, unless its
/// intervals were others.
pub fn decode(text: &str, mut slots: Slots) -> Result<Slots, Fault> {
    let lines = checked(text)?.lines().enumerate().skip(1);
    let mut reading = Reading::default();
    for (index, line) in lines {
        if !line.starts_with(MOVE) && reading.line(line.split(' '), &mut slots).is_none() {
            return Err(Fault::Line(index + 1));
        }
    }
    if reading.interval != slots.interval {
        slots.closed.clear();
    }
    slots.recount();
    slots.resend();
    Ok(slots)
}

/// Where the reading stands.
#[derive(Default)]
struct Reading {
    interval: i64,
    slot: Option<i64>,
}

impl Reading {
    fn line<'a>(
        &mut self,
        mut words: impl Iterator<Item = &'a str>,
        slots: &mut Slots,
    ) -> Option<()> {
        match words.next()? {
            "interval" => self.interval = words.next()?.parse().ok()?,
            "closed" => {
                let (first, count): (i64, i64) =
                    (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
                let at = |place: i64| first.checked_add(place.checked_mul(self.interval)?);
                let limit = i64::try_from(crate::limits::SLOTS_REMEMBERED_MAX).ok()?;
                slots.closed.extend((0..count.min(limit)).filter_map(at));
            }
            "known" => {
                let (path, seen) = (words.next()?, words.next()?.parse().ok()?);
                slots.known.insert(path.as_bytes().into(), seen);
            }
            "slot" => {
                let at = words.next()?.parse().ok()?;
                slots.slots.entry(at).or_default();
                self.slot = Some(at);
            }
            kind => {
                let slot = slots.slots.get_mut(&self.slot?)?;
                entry(kind, slot, words.next()?, &mut words)?;
            }
        }
        words.next().is_none().then_some(())
    }
}

fn entry<'a>(
    kind: &str,
    slot: &mut Slot,
    path: &str,
    words: &mut impl Iterator<Item = &'a str>,
) -> Option<()> {
    match kind {
        "counter" => put(&mut slot.counters, path, words.next()?.parse().ok()?),
        "gauge" => put(&mut slot.gauges, path, words.next()?.parse().ok()?),
        "timer" => put(&mut slot.timers, path, Timer::read_words(words)?),
        _ => return None,
    }
    Some(())
}

fn put<T>(paths: &mut Paths<Entry<T>>, path: &str, value: T) {
    let unsent = true;
    paths.insert(path.as_bytes().into(), Entry { value, unsent });
}

#[cfg(test)]
mod tests {
    use super::{Fault, decode, finish, moves};
    use crate::outputs::graphite::points::{Points, Protocol};
    use crate::outputs::graphite::slots::{Kind, Sample, Slots, Taken};
    use crate::queue::in_step::Move;

    fn add(slots: &mut Slots, kind: Kind, path: &str, time: i64, value: f64) -> Taken {
        let path = path.as_bytes();
        slots.add(Sample {
            kind,
            path,
            time,
            value,
        })
    }

    fn lines(slots: &mut Slots, open: Option<i64>) -> Vec<String> {
        let mut points = Points::new(Protocol::Plaintext);
        slots.write(open, &mut points);
        let text = String::from_utf8(points.finish().to_vec()).expect("lines are text");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn encode(slots: &Slots) -> String {
        let mut text = super::encode(slots);
        let one = Move::from_json(r#"["a.json","b c",null,7]"#).expect("it is one");
        finish(&mut text, &[one]);
        text
    }

    #[test]
    fn moves_stand_beside_the_sums() {
        let moves = moves(&encode(&filled()));
        let texts: Vec<String> = moves.iter().map(Move::to_json).collect();
        assert_eq!(texts, [r#"["a.json","b c",null,7]"#]);
    }

    fn filled() -> Slots {
        let mut slots = Slots::new(10, &[50.0]);
        for time in [80, 90, 100, 109, 110] {
            add(&mut slots, Kind::Counter, "nginx.status.200", time, 0.1);
        }
        add(&mut slots, Kind::Gauge, "größe", 100, -1e300);
        for value in 0..5000 {
            add(&mut slots, Kind::Timer, "time", 100, f64::from(value));
        }
        slots.close(&[80, 90]);
        slots
    }

    #[test]
    fn slots_are_read_as_they_were_written() {
        let mut written = filled();
        let mut read = decode(&encode(&written), Slots::new(10, &[50.0])).expect("it is whole");
        assert_eq!(lines(&mut read, Some(130)), lines(&mut written, Some(130)));
        let late = add(&mut read, Kind::Counter, "a", 95, 1.0);
        assert_eq!(late, Taken::TooLate);
    }

    #[test]
    fn everything_read_is_sent_even_if_it_was_before() {
        let mut written = filled();
        let all = lines(&mut written, None);
        let mut read = decode(&encode(&written), Slots::new(10, &[50.0])).expect("it is whole");
        assert_eq!(lines(&mut read, None), all);
    }

    #[test]
    fn sums_go_on_where_they_stood() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Counter, "a", 100, 2.0);
        let mut read = decode(&encode(&slots), Slots::new(10, &[])).expect("it is whole");
        add(&mut read, Kind::Counter, "a", 105, 1.0);
        assert_eq!(lines(&mut read, None), ["a 3 100"]);
    }

    #[test]
    fn with_another_interval_no_slot_is_closed() {
        let mut read = decode(&encode(&filled()), Slots::new(60, &[])).expect("it is whole");
        let taken = add(&mut read, Kind::Counter, "a", 95, 1.0);
        assert_eq!(taken, Taken::Slot(60));
    }

    #[test]
    fn a_part_of_a_state_is_none() {
        let text = encode(&filled());
        let empty = || Slots::new(10, &[]);
        for end in 0..text.len() {
            let Some(part) = text.get(..end) else {
                continue;
            };
            assert!(decode(part, empty()).is_err(), "{end} of {}", text.len());
        }
        assert_eq!(
            decode("something else", empty()).err(),
            Some(Fault::OtherFormat)
        );
        assert!(decode(&format!("{text}slot 5\n"), empty()).is_err());
    }

    #[test]
    fn a_state_with_another_byte_is_none() {
        let text = encode(&filled()).into_bytes();
        for place in 0..text.len() {
            let mut spoilt = text.clone();
            spoilt[place] ^= 1;
            let spoilt = String::from_utf8_lossy(&spoilt);
            let read = decode(&spoilt, Slots::new(10, &[50.0]));
            assert!(read.is_err(), "{place}: {spoilt}");
            assert_eq!(moves(&spoilt).len(), 0, "{place}");
        }
    }

    #[test]
    fn lines_of_another_version_are_told() {
        let mut text = String::from("sawlog graphite 2\ninterval 10\nhistogram a 1\n");
        finish(&mut text, &[]);
        let read = decode(&text, Slots::new(10, &[]));
        assert_eq!(read.err(), Some(Fault::Line(3)));
    }
}
