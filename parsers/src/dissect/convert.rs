//! Text to numbers as dissect's `convert_datatype` does it: the whole text is one decimal number or none. Grok takes
//! the longest numeric beginning instead and finds zero where there is none.

use nom::Parser;
use nom::bytes::complete::take_while;
use nom::character::complete::{digit1, one_of};
use nom::combinator::{all_consuming, opt, recognize, verify};
use nom::sequence::preceded;

/// What became of a text that was to be a number.
///
/// ```
/// use sawlog_parsers::dissect::{Conversion, parse_int};
///
/// let told = ["17", "99999999999999999999", "17 ms"].map(|text| match parse_int(text.as_bytes()) {
///     Conversion::Number(number) => format!("{number}"),
///     Conversion::OutOfRange => "too large".to_owned(),
///     Conversion::NoNumber => "text".to_owned(),
/// });
/// assert_eq!(told, ["17", "too large", "text"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Conversion<T> {
    /// The number.
    Number(T),
    /// It is a number that the type cannot hold; the caller keeps the text, so that no digit is lost.
    OutOfRange,
    /// It is no number: Logstash tags `_dataconversionuncoercible_<field>_<type>` and keeps the text.
    NoNumber,
}

/// The parts of a decimal number.
struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// The power of ten that the number is multiplied by.
    exponent: i32,
}

/// The integer part of a decimal number: `42`, `-1.9` is -1, `12e2` is 1200. No blanks, no underscores, nothing else
/// may stand around it (java.math.BigDecimal's own syntax, which Logstash uses).
///
/// ```
/// use sawlog_parsers::dissect::{Conversion, parse_int};
///
/// assert_eq!(parse_int(b"-1.9"), Conversion::Number(-1));
/// assert_eq!(parse_int(b"1.5s"), Conversion::NoNumber);
/// assert_eq!(parse_int(b"1e30"), Conversion::OutOfRange);
/// ```
pub fn parse_int(text: &[u8]) -> Conversion<i64> {
    match decimal(text) {
        Some(decimal) => integer_part(&decimal).map_or(Conversion::OutOfRange, Conversion::Number),
        None => Conversion::NoNumber,
    }
}

/// A decimal number: `95.43`, `.5`, `5.`, `+1e-3`. Nothing else may stand around it.
///
/// ```
/// use sawlog_parsers::dissect::{Conversion, parse_float};
///
/// assert_eq!(parse_float(b"95.43"), Conversion::Number(95.43));
/// assert_eq!(parse_float(b"95.43%"), Conversion::NoNumber);
/// assert_eq!(parse_float(b"1e999"), Conversion::OutOfRange);
/// ```
pub fn parse_float(text: &[u8]) -> Conversion<f64> {
    if decimal(text).is_none() {
        return Conversion::NoNumber;
    }
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    match number {
        Some(number) if number.is_finite() => Conversion::Number(number),
        Some(_) => Conversion::OutOfRange,
        None => Conversion::NoNumber,
    }
}

fn decimal(text: &[u8]) -> Option<Decimal<'_>> {
    let digits = |text| take_while(|byte: u8| byte.is_ascii_digit()).parse(text);
    let sign = || opt(one_of::<_, _, nom::error::Error<&[u8]>>("+-"));
    let point = opt(preceded(one_of("."), digits)).map(Option::unwrap_or_default);
    let number = verify((digits, point), |(whole, fraction): &(&[u8], &[u8])| {
        !whole.is_empty() || !fraction.is_empty()
    });
    let power = preceded(one_of("eE"), recognize((sign(), digit1)));
    let mut parser = all_consuming((sign(), number, opt(power)));
    let (_, (sign, (whole, fraction), power)) = parser.parse(text).ok()?;
    let exponent = match power {
        // Beyond 32 bits BigDecimal knows no exponent either.
        Some(power) => std::str::from_utf8(power).ok()?.parse().ok()?,
        None => 0,
    };
    Some(Decimal {
        negative: sign == Some('-'),
        whole,
        fraction,
        exponent,
    })
}

/// What is left of the point after the exponent has moved it; `None` if it does not fit.
fn integer_part(decimal: &Decimal<'_>) -> Option<i64> {
    let places = i64::try_from(decimal.whole.len())
        .ok()?
        .saturating_add(i64::from(decimal.exponent));
    let mut places = usize::try_from(places).unwrap_or(0);
    let mut value: i64 = 0;
    for digit in decimal.whole.iter().chain(decimal.fraction) {
        if places == 0 {
            break;
        }
        places -= 1;
        // Counting downwards reaches the smallest value, which has no positive counterpart.
        value = value
            .checked_mul(10)?
            .checked_sub(i64::from(digit - b'0'))?;
    }
    // Zeros fill the places that have no digit; they change nothing in a zero, and overflow ends them soon otherwise.
    while value != 0 && places != 0 {
        value = value.checked_mul(10)?;
        places -= 1;
    }
    if decimal.negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}
