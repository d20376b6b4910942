//! Parses a log file, or stdin, to JSON lines: an object of fields for each line that matches the expression, for the
//! others the text and a tag, so that no line is lost.
//!
//! `cargo run --example log_to_json -- '%{COMBINEDAPACHELOG}' access.log`

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use sawlog_parsers::grok::{self, Grok, Kind, Options, Outcome, Patterns, Slots};
use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let expression = arguments.next().unwrap_or("%{COMBINEDAPACHELOG}".into());
    let input: Box<dyn BufRead> = match arguments.next() {
        Some(path) => Box::new(BufReader::new(File::open(path)?)),
        None => Box::new(io::stdin().lock()),
    };
    convert(&compile(&expression)?, input, io::stdout().lock())?;
    Ok(())
}

pub fn compile(expression: &str) -> Result<Grok, sawlog_parsers::Error> {
    Grok::compile(expression, &Patterns::legacy(), Options::default())
}

pub fn convert(grok: &Grok, mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let (mut line, mut slots) = (Vec::new(), Slots::new());
    while input.read_until(b'\n', &mut line)? != 0 {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let fields = match grok.search(text, &mut slots) {
            Outcome::Match => fields(grok, text, &slots),
            Outcome::NoMatch => unmatched(text, "_grokparsefailure"),
            Outcome::BudgetSpent => unmatched(text, "_groktimeout"),
        };
        writeln!(output, "{}", Value::Object(fields))?;
        line.clear();
    }
    output.flush()
}

/// The captures of a match, typed; of one name texts make a list, of others the first stays, as with Logstash.
fn fields(grok: &Grok, line: &[u8], slots: &Slots) -> Map<String, Value> {
    let mut fields = Map::new();
    for (index, capture) in grok.captures().iter().enumerate() {
        let text = slots.span(index).and_then(|span| line.get(span));
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            continue;
        };
        let value = typed(capture.kind, text).unwrap_or_else(|| string(text));
        match fields.get_mut(&capture.field) {
            None => drop(fields.insert(capture.field.clone(), value)),
            Some(Value::Array(list)) => list.push(value),
            Some(first) if first.is_string() => *first = json!([first.take(), value]),
            Some(_) => {}
        }
    }
    fields
}

/// `None` where the text cannot be of the type, and stays a text.
fn typed(kind: Kind, text: &[u8]) -> Option<Value> {
    match kind {
        Kind::Text => None,
        Kind::Int | Kind::Long => grok::parse_int(text).map(Value::from),
        Kind::Float | Kind::Double => grok::parse_float(text).map(Value::from),
        Kind::Boolean => grok::parse_boolean(text).map(Value::from),
    }
}

fn string(text: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(text))
}

fn unmatched(line: &[u8], tag: &str) -> Map<String, Value> {
    Map::from_iter([
        ("message".into(), string(line)),
        ("tags".into(), json!([tag])),
    ])
}
