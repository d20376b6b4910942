//! Texts with units: sizes such as `10 MiB` and spans of time such as `5 m`. Text comes in, a number or nothing goes out.

use std::time::Duration;

/// A size in bytes. Units of any case: `kb`, `mb` ... count by 1000, `kib`, `mib` ... by 1024. Logstash's type `bytes` of
/// plugins' options.
pub fn parse_bytes(text: &str) -> Option<u64> {
    sized(text, 1000)
}

/// The same in settings, where `kb`, `mb` ... count by 1024 as well: Logstash's `ByteValue`.
pub fn parse_settings_bytes(text: &str) -> Option<u64> {
    sized(text, 1024)
}

fn sized(text: &str, plain: u64) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let (base, letter) = match unit.strip_suffix('i') {
        Some("") => return None,
        Some(letter) => (1024_u64, letter),
        None => (plain, unit),
    };
    let power = match letter {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return None,
    };
    let factor = base.checked_pow(power)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    // A float of that size still converts exactly enough; beyond it the cast would saturate.
    (0.0..=1e18).contains(&bytes).then_some(bytes as u64)
}

/// A span of time: a bare number is seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit.to_ascii_lowercase().as_str() {
        "ns" | "nsec" | "nsecs" => 1e-9,
        "us" | "usec" | "usecs" => 1e-6,
        "ms" | "msec" | "msecs" => 1e-3,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    };
    let span = number.parse::<f64>().ok()? * seconds;
    Duration::try_from_secs_f64(span).ok()
}

/// The number at the front, and the unit behind it.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let starts_well = number.starts_with(|first: char| first.is_ascii_digit());
    starts_well.then_some((number, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::{parse_bytes, parse_duration, parse_settings_bytes};
    use std::time::Duration;

    #[track_caller]
    fn check_bytes(text: &str, want: Option<u64>) {
        assert_eq!(parse_bytes(text), want, "{text}");
    }

    #[track_caller]
    fn check_duration(text: &str, want: Option<f64>) {
        let want = want.map(Duration::from_secs_f64);
        assert_eq!(parse_duration(text), want, "{text}");
    }

    #[test]
    fn sizes_have_units_of_a_thousand_or_1024() {
        check_bytes("10", Some(10));
        check_bytes("10 MiB", Some(10 << 20));
        check_bytes("100kib", Some(100 << 10));
        check_bytes("180 mb", Some(180_000_000));
        check_bytes("1.5 KiB", Some(1536));
        check_bytes("2g", Some(2_000_000_000));
        check_bytes("7 B", Some(7));
    }

    #[test]
    fn sizes_of_settings_have_units_of_1024() {
        assert_eq!(parse_settings_bytes("4mb"), Some(4 << 20));
        assert_eq!(parse_settings_bytes("1 GB"), Some(1 << 30));
        assert_eq!(parse_settings_bytes("4 MiB"), Some(4 << 20));
        assert_eq!(parse_settings_bytes("7"), Some(7));
    }

    #[test]
    fn other_texts_are_no_sizes() {
        for text in [
            "",
            "MiB",
            "-1",
            "10 MiBs",
            "1.2.3",
            "10 ib",
            "999999999 EiB",
            "10 m b",
        ] {
            check_bytes(text, None);
        }
    }

    #[test]
    fn times_are_seconds_or_have_a_unit() {
        check_duration("60", Some(60.0));
        check_duration("0.5", Some(0.5));
        check_duration("5 m", Some(300.0));
        check_duration("1 hour", Some(3600.0));
        check_duration("250ms", Some(0.25));
        check_duration("2 Weeks", Some(1_209_600.0));
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "m",
            "-5",
            "5 fortnights",
            "1e3",
            "99999999999999999999999 w",
            "5 m 3 s",
        ] {
            check_duration(text, None);
        }
    }
}
