//! Known answers for the built-in patterns: lines of our own, and those of a file of cases, one JSON object
//! a line, that `SAWLOG_GROK_CASES` names: `pattern`, `ecs` (`disabled` or `v1`), `line`, `match`, `fields`
//! that must be there with their JSON types, `absent` fields that must not.

use std::collections::BTreeMap;

use sawlog_parsers::grok::{Grok, Kind, Options, Outcome, Patterns, Slots, parse_float, parse_int};
use serde_json::{Value, json};

/// The fields that the filter would set: empty captures are dropped, a second text makes a list.
fn fields(grok: &Grok, line: &str) -> Option<BTreeMap<String, Value>> {
    let mut slots = Slots::new();
    if grok.search(line.as_bytes(), &mut slots) != Outcome::Match {
        return None;
    }
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    for (index, capture) in grok.captures().iter().enumerate() {
        let Some(text) = slots
            .span(index)
            .map(|span| &line[span])
            .filter(|text| !text.is_empty())
        else {
            continue;
        };
        let value = match capture.kind {
            Kind::Int | Kind::Long => json!(parse_int(text.as_bytes())),
            Kind::Float | Kind::Double => json!(parse_float(text.as_bytes())),
            Kind::Text | Kind::Boolean => json!(text),
        };
        match fields.get_mut(&capture.field) {
            None => {
                fields.insert(capture.field.clone(), value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(old) if old.is_string() => *old = json!([old.take(), value]),
            Some(_) => {}
        }
    }
    Some(fields)
}

/// What is wrong with a case, if anything.
fn fault(grok: &Grok, case: &Value) -> Option<String> {
    let line = case["line"].as_str().expect("a case has a line");
    let found = fields(grok, line);
    if found.is_some()
        != case["match"]
            .as_bool()
            .expect("a case says whether it matches")
    {
        return Some(format!(
            "match: {}, {:?}",
            found.is_some(),
            grok.explain(line.as_bytes())
        ));
    }
    let found = found?;
    for (name, want) in case["fields"].as_object().into_iter().flatten() {
        if found.get(name) != Some(want) {
            return Some(format!(
                "{name}: {:?} instead of {want}; all: {found:?}",
                found.get(name)
            ));
        }
    }
    let absent = case["absent"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    absent
        .into_iter()
        .find(|name| found.contains_key(*name))
        .map(|name| format!("{name} is there"))
}

#[test]
fn published_cases_hold() {
    let Some(path) = std::env::var_os("SAWLOG_GROK_CASES") else {
        println!(
            "SAWLOG_GROK_CASES IS NOT SET: the file of external cases is absent; only our own lines are tested"
        );
        return;
    };
    let text = std::fs::read_to_string(&path).expect("SAWLOG_GROK_CASES names a readable file");
    let (legacy, ecs) = (Patterns::legacy(), Patterns::ecs_v1());
    let (mut passed, mut failed, mut missing) = (0, Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        let case: Value = serde_json::from_str(line).expect("each line is a JSON object");
        let patterns = if case["ecs"] == "disabled" {
            &legacy
        } else {
            &ecs
        };
        let expression = case["pattern"].as_str().expect("a case has a pattern");
        let name = expression.trim_start_matches("%{").trim_end_matches('}');
        if !patterns.names().any(|known| known == name) {
            missing.push(name.to_owned());
            continue;
        }
        let grok = Grok::compile(expression, patterns, Options::default())
            .expect("built-in patterns compile");
        match fault(&grok, &case) {
            None => passed += 1,
            Some(fault) => failed.push(format!(
                "{expression} {}: {}\n  {fault}",
                case["ecs"], case["line"]
            )),
        }
    }
    missing.dedup();
    println!(
        "grok cases: {passed} passed, {} failed, patterns not there yet: {missing:?}",
        failed.len()
    );
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
