//! `convert` of `mutate`: texts to numbers and back, by Logstash's rules.

use crate::event::{Batch, Value};
use crate::filters::mutate::operation::Failed;
use crate::lang::diagnostic::Diagnostic;
use crate::pipeline::Building;
use crate::plugin::Arg;

/// What a value is turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Integer,
    /// `.` groups thousands.
    IntegerEu,
    Float,
    /// `,` is the decimal sign.
    FloatEu,
    Text,
    Boolean,
}

/// Reads the name of a target.
pub fn target(written: &Arg, building: &mut Building<'_>) -> Option<Target> {
    let target = match written.text() {
        Some("integer") => Target::Integer,
        Some("integer_eu") => Target::IntegerEu,
        Some("float") => Target::Float,
        Some("float_eu") => Target::FloatEu,
        Some("string") => Target::Text,
        Some("boolean") => Target::Boolean,
        _ => {
            let help = "one of `integer`, `float`, `string`, `boolean`, `integer_eu`, `float_eu`";
            let message = "`convert` does not know this type";
            building.report(Diagnostic::error(written.span, message).help(help));
            return None;
        }
    };
    Some(target)
}

impl Target {
    /// Converts one value. A map stays as it is; a text that does not fit fails.
    pub fn convert(self, batch: &mut Batch, value: Value) -> Result<Value, Failed> {
        if let Value::Map(_) = value {
            return Ok(value);
        }
        if self == Self::Text {
            let text = batch.text_for(value);
            return Ok(Value::Text(text));
        }
        let text = match value {
            Value::Text(text) => batch.text(text),
            number => return self.convert_number(number),
        };
        match self {
            Self::Boolean => Ok(boolean(text).map_or(value, Value::Boolean)),
            Self::Integer => integer(&without(text, b','))
                .map(Value::Integer)
                .ok_or(Failed),
            Self::IntegerEu => integer(&european(text)).map(Value::Integer).ok_or(Failed),
            Self::Float => float(&without(text, b',')).map(Value::Float).ok_or(Failed),
            Self::FloatEu => float(&european(text)).map(Value::Float).ok_or(Failed),
            Self::Text => Ok(value),
        }
    }

    fn convert_number(self, value: Value) -> Result<Value, Failed> {
        Ok(match (self, value) {
            (Self::Integer | Self::IntegerEu, Value::Float(float)) => Value::Integer(float as i64),
            (Self::Integer | Self::IntegerEu, Value::Boolean(set)) => Value::Integer(set.into()),
            (Self::Float | Self::FloatEu, Value::Integer(whole)) => Value::Float(whole as f64),
            (Self::Float | Self::FloatEu, Value::Boolean(set)) => {
                Value::Float(f64::from(u8::from(set)))
            }
            (Self::Boolean, Value::Integer(number @ (0 | 1))) => Value::Boolean(number == 1),
            (Self::Boolean, Value::Float(number)) if number == 0.0 || number == 1.0 => {
                Value::Boolean(number == 1.0)
            }
            (_, same) => same,
        })
    }
}

fn boolean(text: &[u8]) -> Option<bool> {
    match text.to_ascii_lowercase().as_slice() {
        b"true" | b"t" | b"yes" | b"y" | b"1" | b"1.0" => Some(true),
        b"false" | b"f" | b"no" | b"n" | b"0" | b"0.0" | b"" => Some(false),
        _ => None,
    }
}

fn without(text: &[u8], separator: u8) -> String {
    let kept = text
        .iter()
        .copied()
        .filter(|&byte| byte != separator)
        .collect::<Vec<u8>>();
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// `1.234,5` in the usual writing: `1234.5`.
fn european(text: &[u8]) -> String {
    without(text, b'.').replace(',', ".")
}

/// Whole numbers, also as `0x1f`, `1e3`, `1.9` (which is cut) and `true`.
fn integer(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if let Some(hex) = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        let number = i64::from_str_radix(hex, 16).ok()?;
        return Some(if negative { -number } else { number });
    }
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(1),
        "false" => Some(0),
        _ => float(text).map(|number| number as i64),
    }
}

fn float(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "true" => return Some(1.0),
        "false" => return Some(0.0),
        _ => {}
    }
    // Rust also reads `inf` and `nan`, which are no numbers here.
    let looks_like_a_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse()
        .ok()
        .filter(|number: &f64| looks_like_a_number && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::{boolean, european, float, integer, without};

    #[test]
    fn integers_are_read_as_people_write_them() {
        for (text, want) in [
            ("42", Some(42)),
            ("-7", Some(-7)),
            ("1.9", Some(1)),
            ("0x1f", Some(31)),
            ("1e3", Some(1000)),
            ("true", Some(1)),
            ("abc", None),
            ("", None),
            ("inf", None),
        ] {
            assert_eq!(integer(text), want, "{text}");
        }
        assert_eq!(integer(&without(b" 1,234 ", b',')), Some(1234));
        assert_eq!(integer(&european(b"1.234,9")), Some(1234));
    }

    #[test]
    fn floats_are_read_in_both_writings() {
        assert_eq!(float(&without(b"1,234.5", b',')), Some(1234.5));
        assert_eq!(float(&european(b"1.234,5")), Some(1234.5));
        assert_eq!(float("nan"), None);
    }

    #[test]
    fn booleans_have_many_names() {
        assert_eq!(boolean(b"Yes"), Some(true));
        assert_eq!(boolean(b""), Some(false));
        assert_eq!(boolean(b"perhaps"), None);
    }
}
