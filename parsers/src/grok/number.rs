//! Captured text to numbers, for `%{NUMBER:field:int}` and its kin: the longest numeric prefix counts,
//! as in Ruby, and text without one is zero.

/// The integer that the text begins with: `12abc` is 12, `1_000` is 1000, `abc` is 0.
///
/// Blanks before it and one sign are allowed; a single underscore may part digits. That is what Ruby's `to_i` does, and
/// so Logstash's `:int`. `None` means that the value does not fit an `i64`; the caller keeps the text then, so that no
/// digit is lost.
///
/// ```
/// use sawlog_parsers::grok::parse_int;
///
/// assert_eq!(parse_int(b"-17 ms"), Some(-17));
/// assert_eq!(parse_int(b"none"), Some(0));
/// assert_eq!(parse_int(b"18446744073709551616"), None);
/// ```
pub fn parse_int(text: &[u8]) -> Option<i64> {
    if let Some(value) = short_integer(text) {
        return Some(value);
    }
    let (negative, digits) = split_sign(text);
    let mut value: i64 = 0;
    for digit in Digits::new(digits) {
        // Counting downwards reaches the smallest value, which has no positive counterpart.
        value = value
            .checked_mul(10)?
            .checked_sub(i64::from(digit - b'0'))?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// The decimal number that the text begins with: `1.5s` is 1.5, `1e3` is 1000, `abc` is 0.
///
/// A fraction needs digits on both sides of its point. That is what Ruby's `to_f` does, and so Logstash's `:float`. The
/// value is the nearest `f64`. `None` means that it is beyond the range of one; the caller keeps the text then, since
/// JSON has no infinity.
///
/// ```
/// use sawlog_parsers::grok::parse_float;
///
/// assert_eq!(parse_float(b"0.003"), Some(0.003));
/// assert_eq!(parse_float(b"-"), Some(0.0));
/// assert_eq!(parse_float(b"1e999"), None);
/// ```
pub fn parse_float(text: &[u8]) -> Option<f64> {
    if let Some(value) = short_decimal(text) {
        return Some(value);
    }
    let (negative, rest) = split_sign(text);
    let prefix = numeric_prefix(rest);
    let value: f64 = if prefix.contains(&b'_') {
        let plain: Vec<u8> = prefix
            .iter()
            .copied()
            .filter(|byte| *byte != b'_')
            .collect();
        parse_ascii(&plain)
    } else {
        parse_ascii(prefix)
    };
    let value = if negative { -value } else { value };
    value.is_finite().then_some(value)
}

/// The usual case of an integer: digits and nothing else, so few that no sum can overflow.
fn short_integer(text: &[u8]) -> Option<i64> {
    if text.is_empty() || 18 < text.len() {
        return None;
    }
    text.iter().try_fold(0, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + i64::from(digit))
    })
}

/// The usual case of a decimal number: digits, a point, digits, fifteen at most. Both the digits and the power of ten are
/// exact then, and one division rounds as it should.
fn short_decimal(text: &[u8]) -> Option<f64> {
    const POWERS: [f64; 15] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
    ];
    if 16 < text.len() {
        return None;
    }
    let point = text.iter().position(|byte| *byte == b'.')?;
    let (whole, fraction) = (text.get(..point)?, text.get(point + 1..)?);
    let scale = POWERS.get(fraction.len())?;
    let digits = whole
        .iter()
        .chain(fraction)
        .try_fold(0, |value: u64, byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit < 10).then(|| value * 10 + u64::from(digit))
        })?;
    let is_usual = !whole.is_empty() && !fraction.is_empty();
    is_usual.then(|| digits as f64 / scale)
}

/// `true`, `yes`, `on`, `1` and `t`, `y` in any case are true; their opposites are false; all else is neither.
///
/// The words are those of Logstash's `mutate { convert => { f => "boolean" } }`. `None` is for the caller to keep the
/// text.
///
/// ```
/// use sawlog_parsers::grok::parse_boolean;
///
/// assert_eq!(parse_boolean(b"Yes"), Some(true));
/// assert_eq!(parse_boolean(b"off"), Some(false));
/// assert_eq!(parse_boolean(b"2"), None);
/// ```
pub fn parse_boolean(text: &[u8]) -> Option<bool> {
    let is_any = |words: &[&str]| {
        words
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
    };
    if is_any(&["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is_any(&["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

fn parse_ascii(digits: &[u8]) -> f64 {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0)
}

/// The sign, and what follows it.
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text.trim_ascii_start() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

/// Decimal digits from the start; a single underscore may stand between two of them.
struct Digits<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Digits<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Digits<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let underscore = self.at != 0 && self.text.get(self.at) == Some(&b'_');
        let at = self.at + usize::from(underscore);
        let digit = self.text.get(at).copied().filter(u8::is_ascii_digit)?;
        self.at = at + 1;
        Some(digit)
    }
}

/// Digits, a fraction that has digits on both sides of its point, an exponent that has digits.
fn numeric_prefix(text: &[u8]) -> &[u8] {
    let digits_from = |from: usize| {
        let mut digits = Digits::new(text.get(from..).unwrap_or_default());
        while digits.next().is_some() {}
        from + digits.at
    };
    let mut end = digits_from(0);
    if text.get(end) == Some(&b'.') {
        let fraction = digits_from(end + 1);
        if end + 1 < fraction {
            end = fraction;
        }
    }
    if end != 0 && matches!(text.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits_from(signed);
        if signed < exponent {
            end = exponent;
        }
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_int(text: &str, want: Option<i64>) {
        assert_eq!(parse_int(text.as_bytes()), want, "{text}");
    }

    #[track_caller]
    #[allow(clippy::float_cmp, reason = "the values are exact")]
    fn check_float(text: &str, want: f64) {
        assert_eq!(parse_float(text.as_bytes()), Some(want), "{text}");
    }

    #[test]
    fn the_longest_prefix_counts() {
        check_int("12abc", Some(12));
        check_int("abc", Some(0));
        check_int("", Some(0));
        check_int(" -7 ", Some(-7));
        check_int("+5.9", Some(5));
    }

    #[test]
    fn the_usual_numbers_are_read_as_all_others_are() {
        for number in (0..1_000_000_u64).step_by(37).chain([123_456_789_012_345]) {
            check_int(&number.to_string(), i64::try_from(number).ok());
            for decimals in [1, 3, 7, 14] {
                let text = format!("{number:0>15}");
                let (whole, fraction) = text.split_at(15 - decimals);
                let text = format!("{whole}.{fraction}");
                check_float(&text, text.parse().expect("it is a number"));
            }
        }
        check_int("999999999999999999", Some(999_999_999_999_999_999));
        check_int("9223372036854775807", Some(i64::MAX));
        check_float("1.", 1.0);
    }

    #[test]
    fn single_underscores_part_digits() {
        check_int("1_000", Some(1000));
        check_int("1__0", Some(1));
        check_int("_1", Some(0));
        check_float("1_000.5", 1000.5);
    }

    #[test]
    fn too_big_an_integer_is_told() {
        check_int("9223372036854775807", Some(i64::MAX));
        check_int("-9223372036854775808", Some(i64::MIN));
        check_int("9223372036854775808", None);
    }

    #[test]
    fn floats_take_fraction_and_exponent() {
        check_float("0.003", 0.003);
        check_float("1.5s", 1.5);
        check_float("1e3", 1000.0);
        check_float("1e", 1.0);
        check_float("1.", 1.0);
        check_float(".5", 0.5);
        check_float("-2.5", -2.5);
        check_float("abc", 0.0);
    }

    #[test]
    fn booleans_are_words() {
        assert_eq!(parse_boolean(b"True"), Some(true));
        assert_eq!(parse_boolean(b"off"), Some(false));
        assert_eq!(parse_boolean(b"maybe"), None);
    }
}
