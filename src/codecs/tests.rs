//! Whole codecs: bytes to events and events to bytes.

use std::sync::Arc;

use sawlog_parsers::lines::Delimiter;

use super::Codec;
use super::charset::Charset;
use super::framing::Framing;
use super::reading::{Newborn, Reading};
use super::rubydebug::{Metadata, Rubydebug};
use super::writing::Writing;
use crate::event::{Batch, EventId, Name, Names, Provenance, Reference, Value};
use crate::limits;
use crate::queue::ack::Ack;

fn codec(framing: Framing, reading: Reading) -> Codec {
    Codec {
        framing,
        charset: Charset::Utf8,
        reading: Some(reading),
        writing: Writing::Json,
    }
}

fn lines() -> Framing {
    Framing::Lines(Delimiter::newline())
}

const TEXT: Reading = Reading::Text { original: None };
const JSON: Reading = Reading::Json {
    target: None,
    original: None,
};

/// The events of some bytes, as JSON without `@timestamp` and `@version`.
fn decode(codec: &Codec, bytes: &[u8], names: Names) -> (Vec<String>, u64) {
    let mut batch = Batch::new(bytes.to_vec(), Arc::new(names), 0, Ack::none());
    let text = batch.text_at(0..bytes.len());
    let reading = codec.reading.clone().expect("the codec reads");
    let host = batch.value_of(b"web");
    let field = batch.name(b"host");
    let mut newborn = Newborn::new(&mut batch, &reading, vec![(Reference::top(field), host)]);
    codec.decode(&mut batch, text, &mut newborn);
    let events = (0..batch.event_count()).map(|index| {
        let mut out = Vec::new();
        let wanted = |name| name != Name::TIMESTAMP && name != Name::VERSION;
        batch.write_json_fields(EventId(index as u32), &mut out, wanted);
        String::from_utf8(out).expect("JSON is UTF-8")
    });
    (events.collect(), newborn.truncated)
}

#[track_caller]
fn check(codec: &Codec, bytes: &[u8], want: &[&str]) {
    let (got, _) = decode(codec, bytes, Names::default());
    assert_eq!(got, want, "{}", String::from_utf8_lossy(bytes));
}

#[test]
fn plain_takes_the_whole_and_line_each_line() {
    check(
        &codec(Framing::Whole, TEXT),
        b"a\nb\n",
        &[r#"{"message":"a\nb\n","host":"web"}"#],
    );
    check(
        &codec(lines(), TEXT),
        b"a\r\n\nb",
        &[
            r#"{"message":"a","host":"web"}"#,
            r#"{"message":"","host":"web"}"#,
            r#"{"message":"b","host":"web"}"#,
        ],
    );
}

#[test]
fn in_a_stream_plain_is_line_and_json_is_json_lines() {
    let text = codec(Framing::Whole, TEXT).in_stream(Delimiter::newline());
    assert_eq!(text.framing, lines());
    let bar = Framing::Lines(Delimiter::new(b"|").expect("it is not empty"));
    let own = codec(bar.clone(), TEXT).in_stream(Delimiter::newline());
    assert_eq!(own.framing, bar);
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    check(
        &codec(lines(), TEXT),
        b"a\0b\xff\n",
        &["{\"message\":\"a\\u0000b\u{fffd}\",\"host\":\"web\"}"],
    );
}

#[test]
fn json_objects_are_fields_and_their_own_count() {
    check(
        &codec(lines(), JSON),
        b"{\"a\":1}\n\n{\"host\":\"db\"}\n",
        &[r#"{"a":1,"host":"web"}"#, r#"{"host":"db"}"#],
    );
}

#[test]
fn a_json_array_is_several_events() {
    check(
        &codec(Framing::Whole, JSON),
        br#"[{"a":1},{"a":2}]"#,
        &[r#"{"a":1,"host":"web"}"#, r#"{"a":2,"host":"web"}"#],
    );
    check(&codec(Framing::Whole, JSON), b"[]", &[]);
}

#[test]
fn what_is_no_json_object_is_a_message_with_a_tag() {
    for bad in ["x", "{", "7", "[1]", "[{},1]"] {
        let want = format!(r#"{{"message":"{bad}","host":"web","tags":["_jsonparsefailure"]}}"#);
        check(&codec(Framing::Whole, JSON), bad.as_bytes(), &[&want]);
    }
}

#[test]
fn a_target_takes_the_object() {
    let mut names = Names::default();
    let target = Reference::compile("[doc][x]", &mut names).expect("the reference is good");
    let codec = codec(
        lines(),
        Reading::Json {
            target: Some(target),
            original: None,
        },
    );
    let (got, _) = decode(&codec, b"{\"a\":1,\"tags\":7}", names);
    assert_eq!(got, [r#"{"doc":{"x":{"a":1,"tags":7}},"host":"web"}"#]);
}

#[test]
fn the_original_is_kept_where_ecs_has_it() {
    let mut names = Names::default();
    let original = Reference::compile("[event][original]", &mut names).ok();
    let reading = Reading::Text {
        original: original.clone(),
    };
    let (got, _) = decode(&codec(lines(), reading), b"a", names);
    let want = r#"{"message":"a","event":{"original":"a"},"host":"web"}"#;
    assert_eq!(got, [want]);

    let mut names = Names::default();
    let original = Reference::compile("[event][original]", &mut names).ok();
    let reading = Reading::Json {
        target: None,
        original,
    };
    let (got, _) = decode(&codec(Framing::Whole, reading), br#"{"a":1}"#, names);
    let want = r#"{"a":1,"event":{"original":"{\"a\":1}"},"host":"web"}"#;
    assert_eq!(got, [want]);
}

#[test]
fn a_line_over_the_limit_is_cut_tagged_and_counted() {
    let bytes = [vec![b'x'; limits::LINE_BYTES_MAX + 1], b"\nnext\n".to_vec()].concat();
    let (got, truncated) = decode(&codec(lines(), TEXT), &bytes, Names::default());
    assert_eq!((got.len(), truncated), (2, 1));
    assert!(got[0].ends_with(r#"x","host":"web","tags":["_linetruncated"]}"#));
    assert!(got[0].len() < limits::LINE_BYTES_MAX + 100);
    assert_eq!(got[1], r#"{"message":"next","host":"web"}"#);
}

#[track_caller]
fn check_written(writing: Writing, framing: Framing, json: &str, want: &str) {
    let mut batch = Batch::new(Vec::new(), Arc::new(Names::default()), 0, Ack::none());
    let Ok(Value::Map(object)) = batch.parse_json_bytes(json.as_bytes()) else {
        panic!("{json} is no object");
    };
    let id = batch.push_adopted(object);
    let codec = Codec {
        framing,
        charset: Charset::Utf8,
        reading: None,
        writing,
    };
    let mut out = Vec::new();
    codec.encode(&batch, id, &mut out);
    assert_eq!(String::from_utf8_lossy(&out), want);
}

const EVENT: &str =
    r#"{"@timestamp":"2026-11-20T16:46:09.929Z","@version":"1","host":"web","message":"x\ty"}"#;

#[test]
fn json_lines_end_with_the_delimiter() {
    check_written(Writing::Json, lines(), EVENT, &format!("{EVENT}\n"));
    check_written(Writing::Json, Framing::Whole, EVENT, EVENT);
    check_written(Writing::Dots, Framing::Whole, EVENT, ".");
}

#[test]
fn rubydebug_aligns_keys_and_indents_what_is_inside() {
    let json = r#"{"@timestamp":"2026-11-20T16:46:09.929Z","@version":"1","@metadata":{"x":1},
        "a":{"long":[],"b":{}},"list":["q\"\\\u0007é",null,true,1.5,{"k":2}]}"#;
    let want = r#"{
    "@timestamp" => 2026-11-20T16:46:09.929Z,
      "@version" => "1",
             "a" => {
        "long" => [],
           "b" => {}
    },
          "list" => [
        [0] "q\"\\\u0007é",
        [1] nil,
        [2] true,
        [3] 1.5,
        [4] {
            "k" => 2
        }
    ]
}
"#;
    let hidden = Writing::Rubydebug(Rubydebug {
        metadata: Metadata::Hidden,
    });
    check_written(hidden, lines(), json, want);
}

#[test]
fn rubydebug_writes_out_what_a_terminal_would_obey() {
    let json = "{\"a\":\"\\u001b[2J\\u007f\u{9b}\u{200b}\u{202e}x\u{2066}\u{feff}\"}";
    let want = r#"{
             "a" => "\e[2J\u007F\u009B\u200B\u202Ex\u2066\uFEFF",
    "@timestamp" => 1970-01-01T00:00:00.000Z,
      "@version" => "1"
}
"#;
    let hidden = Writing::Rubydebug(Rubydebug {
        metadata: Metadata::Hidden,
    });
    check_written(hidden, lines(), json, want);
}

#[test]
fn rubydebug_shows_metadata_if_asked() {
    let json = r#"{"@timestamp":"2026-11-20T16:46:09.929Z","@version":"1","@metadata":{"x":1}}"#;
    let want = "{\n    \"@timestamp\" => 2026-11-20T16:46:09.929Z,\n      \"@version\" => \"1\",\n     \
                \"@metadata\" => {\n        \"x\" => 1\n    }\n}\n";
    let shown = Writing::Rubydebug(Rubydebug {
        metadata: Metadata::Shown,
    });
    check_written(shown, lines(), json, want);
}

/// Identifiers of the events of some bytes that stand at an offset of a stream.
fn identifiers(codec: &Codec, bytes: &[u8], offset: u64) -> Vec<[u8; 20]> {
    let mut batch = Batch::new(bytes.to_vec(), Arc::new(Names::default()), 0, Ack::none());
    let provenance = Provenance {
        stream: 1,
        since: 2,
    };
    batch.come_from(provenance, offset);
    let text = batch.text_at(0..bytes.len());
    let reading = codec.reading.clone().expect("the codec reads");
    let mut newborn = Newborn::new(&mut batch, &reading, Vec::new());
    codec.decode(&mut batch, text, &mut newborn);
    (0..batch.event_count())
        .map(|index| batch.identifier(EventId(index as u32)).expect("it has one"))
        .collect()
}

#[test]
fn identifiers_are_the_same_however_lines_are_cut_into_batches() {
    let latin = Codec {
        charset: Charset::Latin1,
        ..codec(lines(), TEXT)
    };
    let texts: [(&Codec, &[u8]); 3] = [
        (&codec(lines(), TEXT), b"same\nsame\r\n\n\nlast"),
        (
            &codec(lines(), JSON),
            b"[{\"a\":1},{\"a\":1}]\n\n{\"a\":1}\n{\"a\":1}",
        ),
        (&latin, b"f\xfcr\nf\xfcr\nx\n\xe4\nx"),
    ];
    for (codec, text) in texts {
        let whole = identifiers(codec, text, 10);
        let distinct: std::collections::HashSet<_> = whole.iter().collect();
        assert_eq!(distinct.len(), whole.len());
        for (cut, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            let (first, rest) = text.split_at(cut + 1);
            let mut parts = identifiers(codec, first, 10);
            parts.extend(identifiers(codec, rest, 10 + first.len() as u64));
            assert_eq!(parts, whole, "cut at {cut}");
        }
    }
}
