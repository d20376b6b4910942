//! What holds for every date format: the first line is a format, the rest a text; the first bytes also choose a
//! format that says all of an instant, and the instant.

use sawlog_parsers::Error;
use sawlog_parsers::timestamp::{Context, Dialect, Format, Pattern, Zone};

/// Friday 20 November 2026.
const NOW: i64 = 1_795_193_169_000_000_000;

/// Formats of days in Joda's letters, for reading, and how Java writes the same.
const DAYS: [(&str, &str); 7] = [
    ("yyyy-MM-dd", "uuuu-MM-dd"),
    ("dd/MMM/yyyy", "dd/MMM/yyyy"),
    ("yyyyMMdd", "yyyyMMdd"),
    ("EEEE, d MMMM yyyy", "EEEE, d MMMM uuuu"),
    ("yyyy-DDD", "yyyy-DDD"),
    ("EEE MMM d, yyyy G", "EEE MMM d, yyyy G"),
    ("yyyy.M.d", "u.L.d"),
];

/// Formats of times of the day.
const TIMES: [(&str, &str); 6] = [
    ("HH:mm:ss.SSS", "HH:mm:ss.SSS"),
    ("HHmmssSSS", "HHmmssSSS"),
    ("hh:mm:ss,SSS a", "hh:mm:ss,SSS a"),
    ("K:m:s.SSS a", "K:m:s.SSS a"),
    ("k'h' m'm' s's' SSS", "k'h' m'm' s's' SSS"),
    ("SSS ss mm kk", "SSS ss mm kk"),
];

/// Formats of zones; what is written is UTC.
const ZONES: [(&str, &str); 4] = [("", ""), (" Z", " xx"), ("ZZ", "xxx"), (" ZZ", " X")];

const GLUE: [&str; 5] = ["'T'", " ", ":", "'of '", "' '''"];

/// Checks a format on a text, and that instants written in several formats are read again.
pub fn check(data: &[u8]) {
    let newline = data.iter().position(|byte| *byte == b'\n');
    let (format, text) = data.split_at(newline.unwrap_or(data.len()));
    let text = text.strip_prefix(b"\n").unwrap_or(text);
    let nanos = data.first_chunk().map_or(NOW, |x| i64::from_le_bytes(*x));
    if let Ok(format) = std::str::from_utf8(format) {
        for dialect in [Dialect::Joda, Dialect::Java] {
            zones_differ_by_their_offsets(format, dialect, text);
            patterns_write(format, dialect);
        }
        what_was_read_comes_back(format, nanos);
    }
    whole_instants_come_back(nanos, text);
    weeks_come_back(nanos);
    java_letters_come_back(nanos);
}

fn context(zone: &Zone) -> Context<'_> {
    Context {
        zone,
        now_nanos: NOW,
    }
}

fn is_told(error: &Error, format: &str) {
    assert!(!error.message().is_empty());
    let columns = 1..=format.chars().count() + 1;
    assert!(
        error
            .column()
            .is_none_or(|column| columns.contains(&column))
    );
}

fn zones_differ_by_their_offsets(format: &str, dialect: Dialect, text: &[u8]) {
    let format = match Format::compile_in(format, dialect) {
        Ok(compiled) => compiled,
        Err(error) => return is_told(&error, format),
    };
    let names = ["UTC", "Europe/Berlin", "America/St_Johns"];
    let zones = names.map(|name| Zone::named(name).expect("a zone of the database"));
    let read = zones
        .each_ref()
        .map(|zone| format.parse(text, &context(zone)));
    // Where all zones give a time, they differ by no more than their offsets do.
    if let [Some(utc), Some(berlin), Some(newfoundland)] = read {
        let day = 86_400_000_000_000_i128;
        assert!((i128::from(utc) - i128::from(berlin)).abs() < 370 * day);
        assert!((i128::from(utc) - i128::from(newfoundland)).abs() < 370 * day);
    }
}

fn patterns_write(text: &str, dialect: Dialect) {
    let pattern = match Pattern::compile(text, dialect) {
        Ok(pattern) => pattern,
        Err(error) => return is_told(&error, text),
    };
    let mut out = b"kept".to_vec();
    pattern.write(NOW, &mut out);
    assert!(out.starts_with(b"kept"));
    assert!(out.len() <= 4 + 32 * text.len());
    if !pattern.changes_within_a_day() {
        let mut later = b"kept".to_vec();
        pattern.write(NOW + 3_600_000_000_000, &mut later);
        assert_eq!(later, out);
    }
}

/// A format may leave much out, or say things twice; but the instant that is read from it is written so that the
/// same one is read.
fn what_was_read_comes_back(text: &str, nanos: i64) {
    let (Ok(format), Ok(pattern)) = (Format::compile(text), Pattern::compile(text, Dialect::Joda))
    else {
        return;
    };
    // A week of a year that is not the week's own year is another day in each; weeks are checked below.
    let has_weeks = text.contains(['w', 'x', 'e']);
    if has_weeks || !has_marks_between_letters(text) {
        return;
    }
    let utc = Zone::utc();
    let again = |nanos| {
        let mut written = Vec::new();
        pattern.write(nanos, &mut written);
        format.parse(&written, &context(&utc))
    };
    if let Some(read) = again(nanos) {
        assert_eq!(again(read), Some(read), "{text:?} from {nanos}");
    }
}

/// Where numbers touch each other or other digits, what is read need not be what was written.
fn has_marks_between_letters(format: &str) -> bool {
    let touch = |pair: &[u8]| matches!(pair, [a, b] if a != b && a.is_ascii_alphabetic() && b.is_ascii_alphabetic());
    !format.as_bytes().windows(2).any(touch)
        && !format.contains(|letter: char| letter == '\'' || letter.is_ascii_digit())
}

fn whole_instants_come_back(nanos: i64, choice: &[u8]) {
    let byte = |index: usize| usize::from(choice.get(index).copied().unwrap_or_default());
    let (day_read, day_written) = DAYS[byte(0) % DAYS.len()];
    let (time_read, time_written) = TIMES[byte(1) % TIMES.len()];
    let (zone_read, zone_written) = ZONES[byte(2) % ZONES.len()];
    let glue = GLUE[byte(3) % GLUE.len()];
    let read = format!("{day_read}{glue}{time_read}{zone_read}");
    comes_back(nanos, &read, &read, Dialect::Joda);
    let written = format!("{day_written}{glue}{time_written}{zone_written}");
    comes_back(nanos, &read, &written, Dialect::Java);
}

fn weeks_come_back(nanos: i64) {
    let text = "xxxx-'W'ww-e hh:mm:ss.SSS a";
    comes_back(nanos, text, text, Dialect::Joda);
}

/// What is written in Java's letters is read by them, to the nanosecond.
fn java_letters_come_back(nanos: i64) {
    let text = "uuuu-MM-dd'T'HH:mm:ss[.SSSSSSSSS]xxx";
    let mut written = Vec::new();
    let pattern = Pattern::compile(text, Dialect::Java).expect("a pattern");
    pattern.write(nanos, &mut written);
    let format = Format::compile_in(text, Dialect::Java).expect("a format");
    assert_eq!(format.parse(&written, &context(&Zone::utc())), Some(nanos));
}

fn comes_back(nanos: i64, read: &str, written: &str, dialect: Dialect) {
    let mut text = Vec::new();
    let pattern = Pattern::compile(written, dialect).expect("a pattern");
    pattern.write(nanos, &mut text);
    let format = Format::compile(read).expect("a format");
    let cut = nanos.div_euclid(1_000_000).checked_mul(1_000_000);
    assert_eq!(
        format.parse(&text, &context(&Zone::utc())),
        cut,
        "{written:?} gave {:?}",
        String::from_utf8_lossy(&text)
    );
}
