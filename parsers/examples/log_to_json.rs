//! Parses a log file, or stdin, to JSON lines: an object of fields for each line that matches the expression, for the
//! others the text and a tag, so that no line is lost.
//!
//! `cargo run --example log_to_json -- '%{COMBINEDAPACHELOG}' access.log`

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use sawlog_parsers::grok::{Empty, Grok, Options, Outcome, Patterns, Slots, Value as Captured};
use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let expression = arguments.next().unwrap_or("%{COMBINEDAPACHELOG}".into());
    let input: Box<dyn BufRead> = match arguments.next() {
        Some(path) => Box::new(BufReader::new(File::open(path)?)),
        None => Box::new(io::stdin().lock()),
    };
    let grok = compile(&expression)?;
    for warning in grok.warnings() {
        eprintln!("warning: {warning}");
    }
    convert(&grok, input, io::stdout().lock())?;
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

/// The fields of a match: typed, with several texts of one name as a list. Names are as they are written: `[source][ip]`
/// stays one.
fn fields(grok: &Grok, line: &[u8], slots: &Slots) -> Map<String, Value> {
    let fields = grok.fields(line, slots, Empty::Drop).map(|field| {
        let value = match field.is_list() {
            true => field.values().map(json).collect(),
            false => json(field.first()),
        };
        (field.name().to_owned(), value)
    });
    fields.collect()
}

fn json(value: Captured<'_>) -> Value {
    match value {
        Captured::Text(text) => string(text),
        Captured::Int(number) => number.into(),
        Captured::Float(number) => number.into(),
        Captured::Boolean(truth) => truth.into(),
        Captured::Null => Value::Null,
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
