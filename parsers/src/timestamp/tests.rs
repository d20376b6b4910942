//! Stamps, zones, formats of the date filter and output formats.

use super::{
    Context, Dialect, Format, Pattern, Zone, httpdate, iso8601, syslog, tai64n, unix, unix_ms,
    write_iso8601_millis, write_iso8601_nanos,
};
use crate::syslog::Reference;

/// 2026-11-20T16:46:09Z, a Friday, in seconds since 1970.
const FRIDAY: i64 = 1_795_193_169;
const SECOND: i64 = 1_000_000_000;

fn shown(nanos: Option<i64>) -> String {
    let mut out = Vec::new();
    match nanos {
        Some(nanos) => write_iso8601_nanos(nanos, &mut out),
        None => out.extend_from_slice(b"none"),
    }
    String::from_utf8(out).expect("digits are UTF-8")
}

// Fixed shapes.

#[track_caller]
fn check_iso(text: &str, want: &str) {
    assert_eq!(shown(iso8601(text.as_bytes(), 3600)), want, "for {text:?}");
}

#[test]
fn iso_with_zone_and_fraction() {
    check_iso("2026-11-20T16:46:09Z", "2026-11-20T16:46:09.000Z");
    check_iso(
        "2026-11-20T16:46:09.92947372Z",
        "2026-11-20T16:46:09.929473720Z",
    );
    check_iso("2026-11-20T16:46:09,929+01:00", "2026-11-20T15:46:09.929Z");
    check_iso("2026-11-20T16:46:09.9-0530", "2026-11-20T22:16:09.900Z");
    check_iso("2026-11-20T16:46:09+01", "2026-11-20T15:46:09.000Z");
    check_iso(
        "2026-11-20t16:46:09.1234567899z",
        "2026-11-20T16:46:09.123456789Z",
    );
}

#[test]
fn iso_without_zone_takes_the_default() {
    check_iso("2026-11-20 16:46:09,929", "2026-11-20T15:46:09.929Z");
    check_iso("2026-11-20T16:46:09", "2026-11-20T15:46:09.000Z");
}

#[test]
fn iso_shortened() {
    check_iso("2026", "2025-12-31T23:00:00.000Z");
    check_iso("2026-11", "2026-10-31T23:00:00.000Z");
    check_iso("2026-11-20", "2026-11-19T23:00:00.000Z");
    check_iso("2026-11-20T16Z", "2026-11-20T16:00:00.000Z");
    check_iso("2026-11-20T16:46Z", "2026-11-20T16:46:00.000Z");
    check_iso("2026-11-20T16.5Z", "2026-11-20T16:30:00.000Z");
    check_iso("2026-11-20T16:46.5Z", "2026-11-20T16:46:30.000Z");
    check_iso("2026-11-20TZ", "2026-11-20T00:00:00.000Z");
}

#[test]
fn iso_in_the_basic_form() {
    check_iso("20261120T164609Z", "2026-11-20T16:46:09.000Z");
    check_iso("20261120T164609.5+0100", "2026-11-20T15:46:09.500Z");
    check_iso("20261120T164609,25+01", "2026-11-20T15:46:09.250Z");
    check_iso("20261120T1646Z", "2026-11-20T16:46:00.000Z");
    check_iso("20261120", "2026-11-19T23:00:00.000Z");
    check_iso("2026324T164609Z", "2026-11-20T16:46:09.000Z");
    check_iso("2026W475T164609Z", "2026-11-20T16:46:09.000Z");
    check_iso("20261120T16:4609Z", "none");
    check_iso("20261120T1646:09Z", "none");
    check_iso("20261320T164609Z", "none");
}

#[test]
fn iso_with_a_blank_before_the_offset() {
    check_iso("2026-11-20 16:46:09 +0100", "2026-11-20T15:46:09.000Z");
    check_iso("2026-11-20 16:46:09.5 -01:00", "2026-11-20T17:46:09.500Z");
    check_iso("2026-11-20 16:46:09 UTC", "2026-11-20T16:46:09.000Z");
    check_iso("2026-11-20 16:46:09 CET", "none");
}

#[test]
fn iso_ordinal_and_week_dates() {
    check_iso("2026-324T00:00Z", "2026-11-20T00:00:00.000Z");
    check_iso("2024-366T00:00Z", "2024-12-31T00:00:00.000Z");
    check_iso("2026-W47-5T00:00Z", "2026-11-20T00:00:00.000Z");
    check_iso("2026-W53T00:00Z", "2026-12-28T00:00:00.000Z");
    check_iso("2026-366T00:00Z", "none");
    check_iso("2025-W53T00:00Z", "none");
}

#[test]
fn iso_refuses_what_does_not_exist() {
    for text in [
        "",
        "2026-13-01",
        "2026-02-29",
        "2026-11-31T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-00-01",
        "2026-11-20T16:60:00Z",
        "2026-11-20T16:46:61Z",
        "2026-11-20T16:46:09X",
        "2026-11-20T16:46:09 Z",
        "2026-11-20T16:46:09Z ",
        "2026-11-20T16:46:09.Z",
        "2026-11-20T16:46:09+1",
        "2026-11-20T16:46:",
        "2026-11-20T16:46:09+01:",
        "x026-11-20T16:46:09Z",
        "2026/11/20T16:46:09Z",
        "1677-01-01",
        "9999-12-31",
    ] {
        check_iso(text, "none");
    }
}

#[test]
fn a_leap_second_is_the_next_minute() {
    check_iso("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z");
}

#[track_caller]
fn check_http(text: &str, want: &str) {
    assert_eq!(shown(httpdate(text.as_bytes())), want, "for {text:?}");
}

#[test]
fn http_dates() {
    check_http("20/Nov/2026:16:46:09 +0000", "2026-11-20T16:46:09.000Z");
    check_http("20/Nov/2026:16:46:09 -0130", "2026-11-20T18:16:09.000Z");
    check_http("1/jan/2026:16:46:09 +0100", "2026-01-01T15:46:09.000Z");
    check_http("20/Nov/2026:16:46:09", "none");
    check_http("20/Nov/2026:16:46:09 +0000 ", "none");
    check_http("31/Nov/2026:16:46:09 +0000", "none");
    check_http("20/Nov/2026 16:46:09 +0000", "none");
}

#[track_caller]
fn check_syslog(text: &str, want: &str) {
    let reference = Reference {
        year: 2026,
        month: 11,
        utc_offset_seconds: -3600,
    };
    assert_eq!(
        shown(syslog(text.as_bytes(), &reference)),
        want,
        "for {text:?}"
    );
}

#[test]
fn syslog_stamps() {
    check_syslog("Nov 20 16:46:09", "2026-11-20T17:46:09.000Z");
    check_syslog("Nov  2 16:46:09", "2026-11-02T17:46:09.000Z");
    check_syslog("Nov 2 16:46:09", "2026-11-02T17:46:09.000Z");
    check_syslog("Nov  02  16:46:09.25", "2026-11-02T17:46:09.250Z");
    check_syslog("Nov 20 2007 16:46:09", "2007-11-20T17:46:09.000Z");
    check_syslog("Nov  2 2007 16:46:09", "2007-11-02T17:46:09.000Z");
    check_syslog("Nov 31 16:46:09", "none");
    check_syslog("Nov 20 16:46:09 ", "none");
    check_syslog("Nov 0 16:46:09", "none");
    check_syslog("Nov 20 16:46:9", "none");
    check_syslog("Nov 20 16", "none");
    check_syslog("Nov 20 24:00:00", "none");
}

#[test]
fn syslog_stamps_without_seconds() {
    check_syslog("Nov 20 16:46", "2026-11-20T17:46:00.000Z");
    check_syslog("Nov  2 4:46", "2026-11-02T05:46:00.000Z");
    check_syslog("Nov 20 4:46:09", "2026-11-20T05:46:09.000Z");
}

#[test]
fn syslog_stamps_with_a_year_anywhere() {
    check_syslog("2007 Nov 20 16:46:09", "2007-11-20T17:46:09.000Z");
    check_syslog("2007 Nov  2 16:46:09.5", "2007-11-02T17:46:09.500Z");
    check_syslog("Nov 20 16:46:09 2007", "2007-11-20T17:46:09.000Z");
    check_syslog("Fri Nov 20 16:46:09 2026", "2026-11-20T17:46:09.000Z");
    check_syslog("Fri Nov 20 16:46:09 CET 2026", "2026-11-20T15:46:09.000Z");
    check_syslog("Aug 24 05:34:00 CST 1987", "1987-08-24T11:34:00.000Z");
    check_syslog("Fry Nov 20 16:46:09 2026", "none");
    check_syslog("Nov 20 16:46:09 XYZ 2026", "none");
    check_syslog("Nov 20 16:46:09 1066", "none");
}

const TIMES: [&str; 6] = [
    "16:46:09", "23:59:60", "24:00:00", "16:60:00", "1 :46:09", "16-46-09",
];

#[test]
fn the_short_way_into_a_syslog_stamp_reads_what_the_long_one_does() {
    let mut taken = 0;
    for date in ["Nov 20", "Nov  2", "feb 29", "Feb 30", "Nov 00", "Nov 2x"] {
        for time in TIMES {
            for tail in [
                "",
                " ",
                ".5",
                ",123456789012",
                ".",
                " 2007 x",
                " 2007",
                " CET 2007 x",
                " 2001:db8::1",
                " h",
            ] {
                let text = format!("{date} {time}{tail}");
                let short = super::bsd::usual_prefix(text.as_bytes());
                let long = super::bsd::unusual_prefix(text.as_bytes());
                assert_eq!(short, long, "for {text:?}");
                taken += usize::from(short.is_some());
            }
        }
    }
    assert!(50 < taken);
}

#[test]
fn the_short_way_into_iso_reads_what_the_long_one_does() {
    let mut taken = 0;
    for date in [
        "2026-11-20",
        "2026-02-29",
        "2024-02-29",
        "2026-00-10",
        "20a6-11-20",
    ] {
        for time in TIMES {
            for tail in [
                "",
                "Z",
                ".5Z",
                ",123456789012",
                "+01:00",
                "-0530",
                ".25+01",
                "+1",
                "Z ",
            ] {
                let text = format!("{date}T{time}{tail}");
                let short = super::fixed::whole_iso_prefix(text.as_bytes());
                let short = short.map(|prefix| (prefix.local, prefix.offset));
                assert_eq!(
                    short,
                    super::fixed::iso_shortened(text.as_bytes()),
                    "for {text:?}"
                );
                taken += usize::from(short.is_some());
            }
        }
    }
    assert!(20 < taken);
}

#[test]
fn counts_of_seconds() {
    assert_eq!(unix(b"1795193169"), Some(FRIDAY * SECOND));
    assert_eq!(unix(b"1795193169.5"), Some(FRIDAY * SECOND + SECOND / 2));
    assert_eq!(unix(b"-1.5"), Some(-SECOND * 3 / 2));
    assert_eq!(
        unix_ms(b"1795193169929"),
        Some(FRIDAY * SECOND + 929_000_000)
    );
    for text in [
        "",
        "x",
        "1.x",
        "99999999999999999999",
        "9999999999999",
        "-",
        "0x10",
    ] {
        assert_eq!(unix(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(unix_ms(b"1.5"), None);
}

#[test]
fn counts_of_seconds_with_an_exponent() {
    assert_eq!(
        unix(b"1.795193169929e9"),
        Some(FRIDAY * SECOND + 929_000_000)
    );
    assert_eq!(unix(b"1.795193169E+09"), Some(FRIDAY * SECOND));
    assert_eq!(unix(b"-15e-1"), Some(-SECOND * 3 / 2));
    assert_eq!(unix(b"1e3"), Some(1000 * SECOND));
    assert_eq!(unix(b"1e-40"), Some(0));
    assert_eq!(unix(b"0e99"), Some(0));
    // More digits than 128 bits hold.
    assert_eq!(
        unix(b"1796217962.91992944962179622947949418e0"),
        Some(1_796_217_962_919_929_449)
    );
    assert_eq!(
        unix(b"0.00000000000017962179629199294496e22"),
        Some(1_796_217_962_919_929_449)
    );
    assert_eq!(unix(b"1796217962919.92944962179622947949418e2"), None);
    for text in [
        "1e", "e3", "1e10", "1e99", "1e100", "1.5e3.5", "1ee3", "1e3x", "0x1e3", ".5e1",
    ] {
        assert_eq!(unix(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn tai_labels() {
    assert_eq!(tai64n(b"@400000000000000a00000001"), Some(1));
    assert_eq!(
        tai64n(b"4000000052f88ea32489532c"),
        Some(1_392_021_145_612_979_500)
    );
    assert_eq!(tai64n(b"@4000000052f88ea3ffffffff"), None);
    assert_eq!(tai64n(b"@4000000052f88ea3"), None);
    assert_eq!(tai64n(b"@ffffffffffffffff00000000"), None);
}

// Zones.

#[test]
fn zones_by_name_and_offset() {
    let at = |name: &str| Zone::find(name).map(|zone| zone.offset_seconds(FRIDAY * SECOND));
    assert_eq!(at("Europe/Berlin"), Some(3600));
    assert_eq!(at("America/New_York"), Some(-5 * 3600));
    assert_eq!(at("UTC"), Some(0));
    assert_eq!(at("+05:30"), Some(19_800));
    assert_eq!(at("-0330"), Some(-12_600));
    assert_eq!(at("Europe/Nowhere"), None);
    assert_eq!(at(""), None);
    assert_eq!(at("../../etc/passwd"), None);
}

#[test]
fn every_zone_of_the_database_is_found_in_any_case() {
    let database = jiff::tz::TimeZoneDatabase::bundled();
    let at = jiff::Timestamp::from_second(FRIDAY).expect("a time");
    let mut count = 0;
    for name in database.available() {
        let zone = database.get(name.as_str()).expect("a zone");
        let want = Some(zone.to_offset(at).seconds());
        for name in [name.to_string(), name.as_str().to_uppercase()] {
            let found = Zone::find(&name).map(|zone| zone.offset_seconds(FRIDAY * SECOND));
            assert_eq!(found, want, "{name}");
        }
        count += 1;
    }
    assert!(400 < count, "the database has {count} zones");
}

#[test]
fn summer_time_is_in_the_offset() {
    let berlin = Zone::named("Europe/Berlin").expect("a zone");
    let july = iso8601(b"2026-07-01T00:00:00Z", 0).expect("a time");
    assert_eq!(berlin.offset_seconds(july), 7200);
}

// Formats of the date filter.

#[track_caller]
fn check_in(zone: &str, format: &str, text: &str, want: &str) {
    let zone = Zone::named(zone).expect("a zone");
    let context = Context {
        zone: &zone,
        now_nanos: FRIDAY * SECOND,
    };
    let format = Format::compile(format).expect("a format");
    assert_eq!(
        shown(format.parse(text.as_bytes(), &context)),
        want,
        "for {text:?}"
    );
}

#[track_caller]
fn check(format: &str, text: &str, want: &str) {
    check_in("UTC", format, text, want);
}

#[test]
fn the_access_logs_format() {
    let format = "dd/MMM/yyyy:HH:mm:ss Z";
    check(
        format,
        "20/Nov/2026:16:46:09 +0100",
        "2026-11-20T15:46:09.000Z",
    );
    check(
        format,
        "2/november/2026:6:46:9 -01:00",
        "2026-11-02T07:46:09.000Z",
    );
    check(format, "20/Nov/2026:16:46:60 +0100", "none");
    check(
        "dd/MMM/YYYY:HH:mm:ss Z",
        "20/Nov/2026:16:46:09 +0100",
        "2026-11-20T15:46:09.000Z",
    );
}

#[test]
fn syslogs_formats() {
    check(
        "MMM dd HH:mm:ss",
        "Nov 20 16:46:09",
        "2026-11-20T16:46:09.000Z",
    );
    check("MMM dd HH:mm:ss", "Nov  2 16:46:09", "none");
    check(
        "MMM  d HH:mm:ss",
        "Nov  2 16:46:09",
        "2026-11-02T16:46:09.000Z",
    );
    check(
        "MMM dd HH:mm:ss",
        "Feb 29 16:46:09",
        "2026-02-28T16:46:09.000Z",
    );
}

#[test]
fn a_missing_year_is_the_nearest() {
    let zone = Zone::utc();
    let format = Format::compile("MMM dd HH:mm:ss").expect("a format");
    let at = |now: &str, text: &str| {
        let now_nanos = iso8601(now.as_bytes(), 0).expect("a time");
        shown(format.parse(
            text.as_bytes(),
            &Context {
                zone: &zone,
                now_nanos,
            },
        ))
    };
    assert_eq!(
        at("2027-01-01", "Dec 31 23:59:59"),
        "2026-12-31T23:59:59.000Z"
    );
    assert_eq!(
        at("2026-12-31", "Jan 01 00:00:00"),
        "2027-01-01T00:00:00.000Z"
    );
    assert_eq!(
        at("2026-12-31", "Nov 01 00:00:00"),
        "2026-11-01T00:00:00.000Z"
    );
}

#[test]
fn numbers_without_separators() {
    check(
        "yyyyMMddHHmmssSSS",
        "20261120164609929",
        "2026-11-20T16:46:09.929Z",
    );
    check("yyMMdd", "261120", "2026-11-20T00:00:00.000Z");
    check("yyMMdd HHmmss", "991120 164609", "1999-11-20T16:46:09.000Z");
}

#[test]
fn two_digits_of_year_lie_around_the_present() {
    check("yy-MM-dd", "45-01-01", "2045-01-01T00:00:00.000Z");
    check("yy-MM-dd", "46-01-01", "1946-01-01T00:00:00.000Z");
    check("yy-MM-dd", "2026-01-01", "2026-01-01T00:00:00.000Z");
}

#[test]
fn fractions_end_at_milliseconds() {
    check(
        "yyyy-MM-dd HH:mm:ss,SSS",
        "2026-11-20 16:46:09,929",
        "2026-11-20T16:46:09.929Z",
    );
    check(
        "yyyy-MM-dd HH:mm:ss.SSSSSS",
        "2026-11-20 16:46:09.929473",
        "2026-11-20T16:46:09.929Z",
    );
    check(
        "yyyy-MM-dd HH:mm:ss.SSSSSSSSS",
        "2026-11-20 16:46:09.929473721",
        "2026-11-20T16:46:09.929Z",
    );
    check(
        "yyyy-MM-dd HH:mm:ss,SSS",
        "2026-11-20 16:46:09,9294",
        "none",
    );
    check(
        "yyyy-MM-dd HH:mm:ss,SSS",
        "2026-11-20 16:46:09,9",
        "2026-11-20T16:46:09.900Z",
    );
}

#[test]
fn half_days_and_clock_hours() {
    check(
        "yyyy-MM-dd hh:mm a",
        "2026-11-20 12:05 AM",
        "2026-11-20T00:05:00.000Z",
    );
    check(
        "yyyy-MM-dd hh:mm a",
        "2026-11-20 12:05 pm",
        "2026-11-20T12:05:00.000Z",
    );
    check(
        "yyyy-MM-dd KK:mm a",
        "2026-11-20 04:46 PM",
        "2026-11-20T16:46:00.000Z",
    );
    check(
        "yyyy-MM-dd kk:mm",
        "2026-11-20 24:05",
        "2026-11-20T00:05:00.000Z",
    );
    check("yyyy-MM-dd hh:mm a", "2026-11-20 13:05 PM", "none");
}

#[test]
fn names_of_days_are_read_and_not_believed() {
    check(
        "EEE MMM dd yyyy HH:mm:ss",
        "Fri Nov 20 2026 16:46:09",
        "2026-11-20T16:46:09.000Z",
    );
    check(
        "EEEE, dd-MMMM-yyyy",
        "friday, 20-NOVEMBER-2026",
        "2026-11-20T00:00:00.000Z",
    );
    check("EEE MMM dd yyyy", "Foo Nov 20 2026", "none");
}

#[test]
fn quoted_text_stands_for_itself() {
    check(
        "yyyy-MM-dd'T'HH:mm:ss'Z'",
        "2026-11-20T16:46:09Z",
        "2026-11-20T16:46:09.000Z",
    );
    check("'it''s' yyyy", "it's 2026", "2026-01-01T00:00:00.000Z");
    check(
        "HH 'o''clock' yyyy",
        "16 o'clock 2026",
        "2026-01-01T16:00:00.000Z",
    );
}

#[test]
fn zones_in_the_text_win() {
    check_in(
        "Europe/Berlin",
        "yyyy-MM-dd HH:mm:ss",
        "2026-07-01 12:00:00",
        "2026-07-01T10:00:00.000Z",
    );
    check_in(
        "Europe/Berlin",
        "yyyy-MM-dd HH:mm:ssZ",
        "2026-07-01 12:00:00Z",
        "2026-07-01T12:00:00.000Z",
    );
    check_in(
        "Europe/Berlin",
        "yyyy-MM-dd HH:mm:ss ZZ",
        "2026-07-01 12:00:00 -01:00",
        "2026-07-01T13:00:00.000Z",
    );
    check(
        "yyyy-MM-dd HH:mm:ss ZZZ",
        "2026-07-01 12:00:00 America/New_York",
        "2026-07-01T16:00:00.000Z",
    );
    check(
        "yyyy-MM-dd HH:mm:ss ZZZ",
        "2026-07-01 12:00:00 America/Nowhere",
        "none",
    );
    check(
        "EEE MMM dd HH:mm:ss z yyyy",
        "Wed Jul 01 12:00:00 PST 2026",
        "2026-07-01T20:00:00.000Z",
    );
}

#[test]
fn clocks_set_back_give_the_earlier_time_and_set_forward_none() {
    let format = "yyyy-MM-dd HH:mm:ss";
    check_in(
        "Europe/Berlin",
        format,
        "2026-10-25 02:30:00",
        "2026-10-25T00:30:00.000Z",
    );
    check_in(
        "Europe/Berlin",
        format,
        "2026-10-25 03:30:00",
        "2026-10-25T02:30:00.000Z",
    );
    check_in("Europe/Berlin", format, "2026-03-29 02:30:00", "none");
    check_in(
        "Europe/Berlin",
        format,
        "2026-03-29 03:30:00",
        "2026-03-29T01:30:00.000Z",
    );
}

#[test]
fn days_of_year_and_weeks() {
    check("yyyy-DDD", "2026-324", "2026-11-20T00:00:00.000Z");
    check("xxxx-'W'ww-e", "2026-W47-5", "2026-11-20T00:00:00.000Z");
    check("yyyy-DDD", "2026-366", "none");
}

#[test]
fn the_whole_text_must_match() {
    check("yyyy-MM-dd", "2026-11-20 ", "none");
    check("yyyy-MM-dd", " 2026-11-20", "none");
    check("yyyy-MM-dd", "2026-11", "none");
    check("yyyy-MM-dd", "2026-13-20", "none");
    check("yyyy-MM-dd", "2026-02-30", "none");
    check("yyyy-MM-dd", "", "none");
}

#[test]
fn the_formats_with_names() {
    check_in(
        "+02:00",
        "ISO8601",
        "2026-11-20 16:46:09,929",
        "2026-11-20T14:46:09.929Z",
    );
    check_in(
        "+02:00",
        "ISO8601",
        "2026-11-20T16:46:09.929473Z",
        "2026-11-20T16:46:09.929473Z",
    );
    check_in(
        "Europe/Berlin",
        "ISO8601",
        "2026-07-01T12:00:00",
        "2026-07-01T10:00:00.000Z",
    );
    check("UNIX", "1795193169.9294", "2026-11-20T16:46:09.929Z");
    check("UNIX", "2147483647", "2038-01-19T03:14:07.000Z");
    check("UNIX", "2147483648", "none");
    check("UNIX_MS", "1795193169929", "2026-11-20T16:46:09.929Z");
    check(
        "TAI64N",
        "@4000000052f88ea32489532c",
        "2014-02-10T08:32:25.612Z",
    );
}

#[track_caller]
fn check_refused(format: &str, want: &str) {
    let error = Format::compile(format)
        .expect_err("the format is refused")
        .to_string();
    assert!(error.contains(want), "{error}");
}

#[test]
fn formats_that_mean_nothing_are_refused_by_name() {
    check_refused("yyyy-MM-ddTHH:mm", "the letter T");
    check_refused("yyyy 'open", "quote");
    check_refused("zzzz", "full name");
    check_refused("", "empty");
    check_refused(&"y".repeat(2000), "2000 bytes");
}

#[track_caller]
fn check_column(format: &str, dialect: Dialect, column: usize, want: &str) {
    let error = Format::compile_in(format, dialect).expect_err("the format is refused");
    assert_eq!(error.column(), Some(column), "{error}");
    assert!(error.message().contains(want), "{error}");
    assert!(error.to_string().starts_with(&format!("column {column}: ")));
}

#[test]
fn a_refused_format_names_the_column_and_what_would_work() {
    check_column("yyyy-MM-ddTHH:mm", Dialect::Joda, 11, "'T'");
    check_column("uuuu-MM-dd", Dialect::Joda, 1, "yyyy");
    check_column("é HH:mm:ss XXX", Dialect::Joda, 12, "ZZ");
    check_column("HH:mm VV", Dialect::Joda, 7, "ZZZ");
    check_column("HH:mm 'open", Dialect::Joda, 7, "twice");
    check_column("YYYY-MM-dd", Dialect::Java, 1, "uuuu");
    check_column("uuuu-MM-ddd", Dialect::Java, 9, "dd");
    check_column("HH:mm XXXXXX", Dialect::Java, 7, "XXX");
    check_column("HH:mm xxxxxx", Dialect::Java, 7, "XXX");
    check_column("HH:mm zzzz", Dialect::Java, 7, "VV");
    check_column("HH:mm[:ss", Dialect::Java, 10, "]");
    check_column("HH:mm]", Dialect::Java, 6, "[");
    check_column("[a][a][a][a][a]", Dialect::Java, 13, "16");
}

#[test]
fn an_output_format_that_is_refused_names_the_column() {
    let error = Pattern::compile("YYYY.MM.dd.J", Dialect::Joda).expect_err("a J");
    assert_eq!(error.column(), Some(12));
}

#[track_caller]
fn check_java(format: &str, text: &str, want: &str) {
    let zone = Zone::named("Europe/Berlin").expect("a zone");
    let context = Context {
        zone: &zone,
        now_nanos: FRIDAY * SECOND,
    };
    let format = Format::compile_in(format, Dialect::Java).expect("a format");
    assert_eq!(
        shown(format.parse(text.as_bytes(), &context)),
        want,
        "for {text:?}"
    );
}

#[test]
fn java_formats_keep_nanoseconds() {
    check_java(
        "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSSXXX",
        "2026-11-20T16:46:09.123456789Z",
        "2026-11-20T16:46:09.123456789Z",
    );
    check_java(
        "uuuu-MM-dd HH:mm:ss,SSS",
        "2026-11-20 16:46:09,929",
        "2026-11-20T15:46:09.929Z",
    );
    check_java(
        "HH:mm:ss n uuuuDDD",
        "16:46:09 5 2026324",
        "2026-11-20T15:46:09.000000005Z",
    );
}

#[test]
fn java_numbers_have_as_many_digits_as_letters() {
    check_java("uuuu-MM-dd HH:mm", "2026-11-2 16:46", "none");
    check_java(
        "uuuu-MM-d H:mm",
        "2026-11-2 6:46",
        "2026-11-02T05:46:00.000Z",
    );
    check_java(
        "uuuuMMddHHmmssSSS",
        "20261120164609929",
        "2026-11-20T15:46:09.929Z",
    );
    check_java("uuuu-MM-dd HH:mm:ss.SSS", "2026-11-20 16:46:09.92", "none");
}

#[test]
fn java_years_of_two_digits_are_of_this_century() {
    check_java("dd/MM/yy", "20/11/99", "2099-11-19T23:00:00.000Z");
    check_java("yyMMdd", "261120", "2026-11-19T23:00:00.000Z");
}

#[test]
fn java_zones_in_the_text_win() {
    check_java(
        "uuuu-MM-dd HH:mm VV",
        "2026-07-01 12:00 America/New_York",
        "2026-07-01T16:00:00.000Z",
    );
    check_java(
        "uuuu-MM-dd HH:mm z",
        "2026-07-01 12:00 PST",
        "2026-07-01T20:00:00.000Z",
    );
    check_java(
        "uuuu-MM-dd HH:mm xx",
        "2026-07-01 12:00 -0530",
        "2026-07-01T17:30:00.000Z",
    );
    check_java(
        "uuuu-MM-dd HH:mm O",
        "2026-07-01 12:00 GMT+8",
        "2026-07-01T04:00:00.000Z",
    );
    check_java(
        "uuuu-MM-dd HH:mm OOOO",
        "2026-07-01 12:00 GMT-05:30",
        "2026-07-01T17:30:00.000Z",
    );
    check_java(
        "uuuu-MM-dd HH:mm O",
        "2026-07-01 12:00 GMT",
        "2026-07-01T12:00:00.000Z",
    );
}

#[test]
fn java_offsets_have_minutes_and_perhaps_seconds() {
    let check = |zone: &str, text: &str, want: &str| {
        let (format, text) = (
            format!("HH:mm uuuu-MM-dd {zone}"),
            format!("12:00 2026-07-01 {text}"),
        );
        check_java(&format, &text, want);
    };
    let (minutes, seconds) = ("2026-07-01T17:30:00.000Z", "2026-07-01T17:30:15.000Z");
    let utc = "2026-07-01T12:00:00.000Z";
    for (zone, zulu) in [("XXXX", utc), ("xxxx", "none")] {
        check(zone, "-0530", minutes);
        check(zone, "-053015", seconds);
        check(zone, "+0000", utc);
        check(zone, "Z", zulu);
        for refused in [
            "-05:30",
            "-05:30:15",
            "-05",
            "-053",
            "-0560",
            "-05301",
            "-053060",
            "-2400",
        ] {
            check(zone, refused, "none");
        }
    }
    for (zone, zulu) in [("XXXXX", utc), ("xxxxx", "none"), ("ZZZZZ", utc)] {
        check(zone, "-05:30", minutes);
        check(zone, "-05:30:15", seconds);
        check(zone, "+00:00", utc);
        check(zone, "Z", zulu);
        for refused in [
            "-0530", "-053015", "-05", "-05:3", "-05:60", "-05:30:", "-05:3015", "-24:00",
        ] {
            check(zone, refused, "none");
        }
    }
    for zone in ["x", "xx", "xxx"] {
        check(zone, "-05:30", minutes);
        check(zone, "Z", "none");
    }
    // What is no second is left to what follows.
    check_java(
        "uuuu-MM-dd HH:mmXXXX[' 'ss]",
        "2026-07-01 12:00-0530 15",
        seconds,
    );
    check_java("HH:mmXXXX''uuuuMMdd", "12:00-0530'20260701", minutes);
}

#[test]
fn java_parts_in_brackets_may_be_absent() {
    let format = "uuuu-MM-dd[ HH:mm[:ss]][ XXX]";
    check_java(format, "2026-11-20", "2026-11-19T23:00:00.000Z");
    check_java(format, "2026-11-20 16:46", "2026-11-20T15:46:00.000Z");
    check_java(format, "2026-11-20 16:46:09", "2026-11-20T15:46:09.000Z");
    check_java(
        format,
        "2026-11-20 16:46:09 +02:00",
        "2026-11-20T14:46:09.000Z",
    );
    check_java(format, "2026-11-20 Z", "2026-11-20T00:00:00.000Z");
    check_java(format, "2026-11-20 16", "none");
    check_java("'['uuuu']'", "[2026]", "2025-12-31T23:00:00.000Z");
}

#[test]
fn java_takes_a_missing_year_and_zone_from_the_context() {
    check_java(
        "MMM dd HH:mm:ss",
        "Nov 20 16:46:09",
        "2026-11-20T15:46:09.000Z",
    );
}

// Output.

#[track_caller]
fn check_written(dialect: Dialect, pattern: &str, text: &str, want: &str) {
    let nanos = iso8601(text.as_bytes(), 0).expect("a time");
    let mut out = b">".to_vec();
    Pattern::compile(pattern, dialect)
        .expect("a pattern")
        .write(nanos, &mut out);
    assert_eq!(String::from_utf8_lossy(&out), format!(">{want}"));
}

#[test]
fn joda_dates_of_indices() {
    check_written(
        Dialect::Joda,
        "YYYY.MM.dd",
        "2026-11-20T16:46:09Z",
        "2026.11.20",
    );
    check_written(
        Dialect::Joda,
        "YYYY.MM.dd",
        "2027-01-01T00:30:00+01:00",
        "2026.12.31",
    );
    check_written(Dialect::Joda, "xxxx.ww", "2027-01-01", "2026.53");
    check_written(
        Dialect::Joda,
        "yy-M-d'T'HH:mm:ss.SSS",
        "2026-01-02T03:04:05.0678Z",
        "26-1-2T03:04:05.067",
    );
    check_written(
        Dialect::Joda,
        "SSSSSS",
        "2026-01-02T03:04:05.123456Z",
        "123000",
    );
}

#[test]
fn joda_names_and_the_rest() {
    check_written(
        Dialect::Joda,
        "EEE EEEE MMM MMMM MMMMM a h K k D e C G Z ZZ ZZZ z",
        "2026-11-20T00:46:09Z",
        "Fri Friday Nov November November AM 12 0 24 324 5 20 AD +0000 +00:00 UTC UTC",
    );
}

#[test]
fn seconds_since_1970() {
    check_written(Dialect::Joda, "%s", "2026-11-20T16:46:09.9Z", "1795193169");
    check_written(Dialect::Joda, "%s", "1969-12-31T23:59:59Z", "-1");
}

#[test]
fn javas_year_of_the_week_is_another() {
    check_written(Dialect::Java, "yyyy-MM-dd", "2026-12-31", "2026-12-31");
    check_written(Dialect::Java, "YYYY-MM-dd", "2026-12-31", "2027-12-31");
    check_written(Dialect::Java, "uuuu w e", "2026-11-20", "2026 47 6");
}

#[test]
fn java_names_and_the_rest() {
    check_written(
        Dialect::Java,
        "E EEEE EEEEE LLL MMMMM Q QQQ SSSSSSSSS A n X x xxx Z VV O 'o''clock'",
        "2026-11-20T16:46:09.123456789Z",
        "Fri Friday F Nov N 4 Q4 123456789 60369123 123456789 Z +00 +00:00 +0000 Z GMT o'clock",
    );
}

#[test]
fn output_formats_that_mean_nothing_are_refused() {
    let refused = |pattern: &str, dialect| Pattern::compile(pattern, dialect).is_err();
    assert!(refused("J", Dialect::Joda));
    assert!(refused("x'", Dialect::Joda));
    assert!(refused("", Dialect::Java));
    assert!(refused("C", Dialect::Java));
    assert!(refused("VVV", Dialect::Java));
    assert!(refused(&"d".repeat(20), Dialect::Joda));
}

#[test]
fn patterns_tell_whether_a_day_keeps_their_text() {
    let changes = |pattern: &str| {
        Pattern::compile(pattern, Dialect::Joda)
            .expect("a pattern")
            .changes_within_a_day()
    };
    assert!(!changes("YYYY.MM.dd"));
    assert!(!changes("xxxx-'W'ww EEE MMM"));
    assert!(changes("YYYY.MM.dd.HH"));
    assert!(changes("%s"));
}

#[test]
fn iso_output_has_as_many_digits_as_needed() {
    let nanos = |text: &str| iso8601(text.as_bytes(), 0);
    assert_eq!(
        shown(nanos("2026-11-20T16:46:09Z")),
        "2026-11-20T16:46:09.000Z"
    );
    assert_eq!(
        shown(nanos("2026-11-20T16:46:09.12Z")),
        "2026-11-20T16:46:09.120Z"
    );
    assert_eq!(
        shown(nanos("2026-11-20T16:46:09.0001Z")),
        "2026-11-20T16:46:09.000100Z"
    );
    assert_eq!(
        shown(nanos("2026-11-20T16:46:09.000000001Z")),
        "2026-11-20T16:46:09.000000001Z"
    );
    assert_eq!(shown(Some(i64::MIN)), "1677-09-21T00:12:43.145224192Z");
    let mut out = Vec::new();
    write_iso8601_millis(
        nanos("2026-11-20T16:46:09.9299Z").expect("a time"),
        &mut out,
    );
    assert_eq!(out, b"2026-11-20T16:46:09.929Z");
}
