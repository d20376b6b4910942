//! What holds for every line of a json-file log: serde_json is the judge of what a text means.

use sawlog_parsers::docker_json::{Record, Text, parse, split_torn, unescape};
use serde_json::Value;

/// Checks a line as a record, as the inside of a JSON string and as a text that the daemon would
/// write.
pub fn check(data: &[u8]) {
    if let Some(record) = parse(data) {
        parts_lie_inside(&record, data);
        the_judge_agrees(&record, data);
        the_slow_way_agrees(&record, data);
    }
    torn_records_are_split(data);
    unescaping_agrees(data);
    written_records_come_back(data);
}

fn text(log: &Text<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    log.write(&mut out);
    out
}

fn lies_inside(part: &[u8], whole: &[u8]) -> bool {
    part.is_empty()
        || (whole.as_ptr_range().start <= part.as_ptr_range().start
            && part.as_ptr_range().end <= whole.as_ptr_range().end)
}

fn parts_lie_inside(record: &Record<'_>, line: &[u8]) {
    assert!(lies_inside(record.log.raw(), line));
    assert!(lies_inside(record.attrs.unwrap_or_default(), line));
    if let Text::Plain(plain) = record.log {
        assert!(!plain.contains(&b'\\'));
    }
}

fn the_judge_agrees(record: &Record<'_>, line: &[u8]) {
    // A key may be spelt with escapes, which the parser takes for another key.
    let spelt_plainly = !line.windows(2).any(|pair| pair == br"\u");
    let Ok(Value::Object(judged)) = serde_json::from_slice(line) else {
        return;
    };
    if !spelt_plainly {
        return;
    }
    let log = judged
        .get("log")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (log, partial) = match log.strip_suffix('\n') {
        Some(log) => (log, false),
        None => (log, true),
    };
    assert_eq!(
        (text(&record.log).as_slice(), record.partial),
        (log.as_bytes(), partial)
    );
    if let Some(stream) = judged.get("stream") {
        assert_eq!(stream.as_str(), Some(record.stream.as_str()));
    }
    if let Some(attrs) = record.attrs {
        let attrs: Value = serde_json::from_slice(attrs).expect("a part of valid JSON");
        assert_eq!(judged.get("attrs"), Some(&attrs));
    }
}

/// A blank before the record keeps it off the fast way.
fn the_slow_way_agrees(record: &Record<'_>, line: &[u8]) {
    let zeros = line.iter().take_while(|byte| **byte == 0).count();
    let slow = [b" ", &line[zeros..]].concat();
    assert_eq!(parse(&slow).as_ref(), Some(record));
}

fn torn_records_are_split(line: &[u8]) {
    if let Some((torn, record)) = split_torn(line) {
        assert!(!torn.is_empty() && parse(record).is_some());
        assert_eq!([torn, record].concat(), line);
    }
    let record = br#"{"log":"next\n","stream":"stdout","time":"2026-11-20T16:46:09.5Z"}"#;
    let whole = [line, record].concat();
    let want = Some((line, &record[..])).filter(|_| !line.is_empty());
    assert_eq!(split_torn(&whole), want);
}

fn unescaping_agrees(escaped: &[u8]) {
    let quoted = [b"\"", escaped, b"\""].concat();
    let mut out = Vec::new();
    unescape(escaped, &mut out);
    if let Ok(judged) = serde_json::from_slice::<String>(&quoted) {
        assert_eq!(String::from_utf8_lossy(&out), judged);
    }
}

fn written_records_come_back(data: &[u8]) {
    let log = String::from_utf8_lossy(data);
    let written = serde_json::to_string(&log).expect("a text can be written");
    let time = r#""time":"2026-11-20T16:46:09.5Z""#;
    let lines = [
        format!(r#"{{"log":{written},"stream":"stderr",{time}}}"#),
        format!(r#"{{"log":{written},"stream":"stderr","attrs":{{"a":{written}}},{time}}}"#),
        format!(r#"{{{time},"x":[{written},{{"log":1}}],"stream":"stderr","log":{written}}}"#),
    ];
    for line in lines {
        let record = parse(line.as_bytes()).expect("a record was written");
        let mut read = text(&record.log);
        if !record.partial {
            read.push(b'\n');
        }
        assert_eq!(String::from_utf8_lossy(&read), log);
        assert_eq!(record.stream.as_str(), "stderr");
        assert_eq!(record.time, Some(1_795_193_169_500_000_000));
    }
}
