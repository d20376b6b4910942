//! What holds for every date format and every instant: the first line is a format, the rest a text,
//! and the first eight bytes are also taken for an instant.

use sawlog_parsers::syslog::Reference;
use sawlog_parsers::timestamp::{
    Context, Dialect, Format, Pattern, Zone, httpdate, iso8601, syslog, tai64n, unix, unix_ms,
    write_iso8601_millis, write_iso8601_nanos,
};

/// Friday 20 November 2026.
const NOW: i64 = 1_795_193_169_000_000_000;

/// Checks a format on a text, and that instants written in several formats are read again.
pub fn check(data: &[u8]) {
    let newline = data
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len());
    let (format, text) = data.split_at(newline);
    let text = text.strip_prefix(b"\n").unwrap_or(text);
    if let Ok(format) = std::str::from_utf8(format) {
        formats_read(format, text);
        patterns_write(format);
    }
    fixed_shapes_survive(text);
    if let Some(bytes) = data.first_chunk() {
        instants_come_back(i64::from_le_bytes(*bytes));
    }
}

fn formats_read(format: &str, text: &[u8]) {
    let Ok(format) = Format::compile(format) else {
        return;
    };
    let names = ["UTC", "Europe/Berlin", "America/St_Johns"];
    let zones = names.map(|name| Zone::named(name).expect("a zone of the database"));
    let read = zones.each_ref().map(|zone| {
        format.parse(
            text,
            &Context {
                zone,
                now_nanos: NOW,
            },
        )
    });
    // Where all zones give a time, they differ by no more than their offsets do.
    if let [Some(utc), Some(berlin), Some(newfoundland)] = read {
        let day = 86_400_000_000_000_i128;
        assert!((i128::from(utc) - i128::from(berlin)).abs() < 370 * day);
        assert!((i128::from(utc) - i128::from(newfoundland)).abs() < 370 * day);
    }
}

fn patterns_write(text: &str) {
    for dialect in [Dialect::Joda, Dialect::Java] {
        let Ok(pattern) = Pattern::compile(text, dialect) else {
            continue;
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
}

fn fixed_shapes_survive(text: &[u8]) {
    let reference = Reference {
        year: 2026,
        month: 1,
        utc_offset_seconds: 3600,
    };
    let all = [
        iso8601(text, 0),
        httpdate(text),
        syslog(text, &reference),
        unix(text),
        unix_ms(text),
        tai64n(text),
    ];
    for nanos in all.into_iter().flatten() {
        instants_come_back(nanos);
    }
}

fn instants_come_back(nanos: i64) {
    let mut full = Vec::new();
    write_iso8601_nanos(nanos, &mut full);
    assert_eq!(iso8601(&full, 7200), Some(nanos));
    let mut millis = Vec::new();
    write_iso8601_millis(nanos, &mut millis);
    let cut = nanos.div_euclid(1_000_000).checked_mul(1_000_000);
    assert_eq!(iso8601(&millis, 7200), cut);
    let utc = Zone::utc();
    let context = Context {
        zone: &utc,
        now_nanos: NOW,
    };
    for text in [
        "yyyy-MM-dd HH:mm:ss.SSS",
        "yyyy-DDD'T'HH:mm:ss,SSSZ",
        "xxxx-'W'ww-e hh:mm:ss.SSS a",
        "EEEE d MMMM yyyy K:m:s.SSS a ZZ",
        "SSS ss mm kk dd MMM yyyy z",
    ] {
        let mut written = Vec::new();
        Pattern::compile(text, Dialect::Joda)
            .expect("a pattern")
            .write(nanos, &mut written);
        let read = Format::compile(text)
            .expect("a format")
            .parse(&written, &context);
        assert_eq!(
            read,
            cut,
            "for {text}: {:?}",
            String::from_utf8_lossy(&written)
        );
    }
}
