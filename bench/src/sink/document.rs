//! One document and its sequence number in; whether every field has the value and the JSON type that the line of this
//! number asks for, out. Fields beyond those are named, not refused: an agent may add a host or a container.

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::lines::Line;

/// Which fields a document must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The seven captures of the one-line pattern.
    Pattern,
    /// The same without the path, which NGINXACCESS does not capture.
    NginxAccess,
}

impl Wanted {
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "pattern" => Ok(Self::Pattern),
            "nginxaccess" => Ok(Self::NginxAccess),
            _ => Err(format!("--check: pattern or nginxaccess, not {name}")),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::NginxAccess => "nginxaccess",
        }
    }
}

/// Compares a document; gives the names of its further fields.
pub fn compare(document: &[u8], sequence: u64, wanted: Wanted) -> Result<Vec<String>, String> {
    let fields = parse(document)?;
    let line = Line::of(sequence);
    let message = String::from_utf8(line.text()).expect("a generated line is ASCII");
    let code = line.response_code.to_string();
    let mut texts = vec![
        ("message", message.as_str()),
        ("client", &line.client),
        ("requested_at", &line.requested_at),
        ("method", line.method),
        ("response_code", &code),
    ];
    match wanted {
        Wanted::Pattern => texts.push(("path", &line.path)),
        // An agent may name the file in a field of this name, which is another matter.
        Wanted::NginxAccess if field(&fields, "path").is_some_and(|path| path == &line.path) => {
            return Err("path is there, but the pattern does not capture it".to_owned());
        }
        Wanted::NginxAccess => {}
    }
    for (name, text) in &texts {
        require(&fields, name, text, |value| value.as_str() == Some(text))?;
    }
    let bytes_sent = line.bytes_sent;
    require(&fields, "bytes_sent", &bytes_sent, |value| {
        value.as_u64() == Some(bytes_sent)
    })?;
    let seconds: f64 = line
        .response_time
        .parse()
        .expect("a generated time is a number");
    require(&fields, "response_time", &seconds, |value| {
        value
            .as_f64()
            .is_some_and(|number| (number - seconds).abs() < 1e-9)
    })?;
    let is_known = |name: &str| {
        name == "bytes_sent"
            || name == "response_time"
            || texts.iter().any(|(known, _)| *known == name)
    };
    Ok(fields
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !is_known(name))
        .collect())
}

fn field<'a>(fields: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    fields
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

fn require(
    fields: &[(String, Value)],
    name: &str,
    wanted: &dyn std::fmt::Debug,
    is_right: impl Fn(&Value) -> bool,
) -> Result<(), String> {
    match field(fields, name) {
        Some(value) if is_right(value) => Ok(()),
        Some(value) => Err(format!("{name} is {value}, not {wanted:?}")),
        None => Err(format!("{name} is missing")),
    }
}

/// An object as a list, so that a field named twice is seen: Elasticsearch refuses such a document.
fn parse(document: &[u8]) -> Result<Vec<(String, Value)>, String> {
    let mut parser = serde_json::Deserializer::from_slice(document);
    let fields = parser
        .deserialize_map(Fields)
        .map_err(|fault| fault.to_string())?;
    parser.end().map_err(|fault| fault.to_string())?;
    Ok(fields)
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("an object without a repeated name")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields: Self::Value = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if field(&fields, &name).is_some() {
                return Err(de::Error::custom(format!("{name} is there twice")));
            }
            fields.push((name, value));
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, compare};
    use crate::lines::Line;

    fn document(change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
        let line = Line::of(5);
        let mut document = serde_json::json!({
            "message": String::from_utf8(line.text()).unwrap(),
            "client": line.client,
            "requested_at": line.requested_at,
            "method": line.method,
            "path": line.path,
            "response_code": line.response_code.to_string(),
            "bytes_sent": line.bytes_sent,
            "response_time": line.response_time.parse::<f64>().unwrap(),
        });
        change(&mut document);
        document.to_string().into_bytes()
    }

    #[track_caller]
    fn refused(wanted: Wanted, change: impl Fn(&mut serde_json::Value)) {
        assert!(compare(&document(change), 5, wanted).is_err());
    }

    #[test]
    fn the_right_document_passes_and_further_fields_are_named() {
        assert_eq!(
            compare(&document(|_| ()), 5, Wanted::Pattern),
            Ok(Vec::new())
        );
        let further = document(|document| document["host"] = "a".into());
        assert_eq!(
            compare(&further, 5, Wanted::Pattern),
            Ok(vec!["host".to_owned()])
        );
    }

    #[test]
    fn another_value_is_refused() {
        refused(Wanted::Pattern, |document| {
            document["client"] = "10.0.0.1".into()
        });
        refused(Wanted::Pattern, |document| document["message"] = "".into());
        assert!(compare(&document(|_| ()), 6, Wanted::Pattern).is_err());
    }

    #[test]
    fn another_type_is_refused() {
        refused(Wanted::Pattern, |document| {
            document["bytes_sent"] = "20".into()
        });
        refused(Wanted::Pattern, |document| {
            document["response_code"] = 200.into()
        });
        refused(Wanted::Pattern, |document| {
            document["response_time"] = "0.003".into()
        });
    }

    #[test]
    fn a_missing_a_surplus_and_a_doubled_field_are_refused() {
        refused(Wanted::Pattern, |document| {
            document.as_object_mut().unwrap().remove("path");
        });
        refused(Wanted::NginxAccess, |_| ());
        let mut doubled = document(|_| ());
        doubled.pop();
        doubled.extend_from_slice(b",\"method\":\"GET\"}");
        assert!(compare(&doubled, 5, Wanted::Pattern).is_err());
    }
}
