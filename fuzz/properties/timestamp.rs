//! What holds for every text and every instant: the bytes are a text, and the first eight of them an instant too.

use sawlog_parsers::syslog::Reference;
use sawlog_parsers::timestamp::{
    Zone, httpdate, iso8601, syslog, tai64n, unix, unix_ms, write_iso8601_millis,
    write_iso8601_nanos,
};

/// Checks the shapes that have a parser of their own, and that instants are read as they were written.
pub fn check(data: &[u8]) {
    fixed_shapes_are_instants(data);
    syslog_times_take_what_is_missing(data);
    if let Some(bytes) = data.first_chunk() {
        let nanos = i64::from_le_bytes(*bytes);
        instants_come_back(nanos);
        offsets_shift(nanos, data);
    }
}

fn fixed_shapes_are_instants(text: &[u8]) {
    let all = [
        iso8601(text, 0),
        httpdate(text),
        unix(text),
        unix_ms(text),
        tai64n(text),
    ];
    for nanos in all.into_iter().flatten() {
        instants_come_back(nanos);
    }
    // A text with a zone does not mind the default; one without is moved by it.
    if let (Some(utc), Some(east)) = (iso8601(text, 0), iso8601(text, 3600)) {
        assert!(utc == east || utc - east == 3_600_000_000_000);
    }
}

fn syslog_times_take_what_is_missing(text: &[u8]) {
    for month in [1, 6, 12] {
        let reference = Reference {
            year: 2026,
            month,
            utc_offset_seconds: 3600,
        };
        let Some(nanos) = syslog(text, &reference) else {
            continue;
        };
        instants_come_back(nanos);
        let zones = Reference {
            utc_offset_seconds: 0,
            ..reference
        };
        let utc = syslog(text, &zones).expect("the offset does not decide whether it is a time");
        assert!(utc == nanos || utc - nanos == 3_600_000_000_000);
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
    let seconds = nanos.div_euclid(1_000_000_000);
    let text = format!("{seconds}");
    if let Some(read) = unix(text.as_bytes()) {
        assert_eq!(read.div_euclid(1_000_000_000), seconds);
    }
}

/// A named offset is what the zone says of every instant.
fn offsets_shift(nanos: i64, data: &[u8]) {
    let minutes = i32::from(*data.last().unwrap_or(&0)) * 5;
    let name = format!("-{:02}:{:02}", minutes / 60, minutes % 60);
    let zone = Zone::named(&name).expect("an offset of less than a day");
    assert_eq!(zone.offset_seconds(nanos), -minutes * 60);
}
