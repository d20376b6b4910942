//! Hostile lines for the parsers that cut a line to fields without an expression: dissect, key-value, access logs, CSV,
//! and collectd's packets.

use sawlog_parsers::csv::{self, Csv, Parsed};
use sawlog_parsers::dissect::{self, Dissect};
use sawlog_parsers::key_value::{self, KeyValue};
use sawlog_parsers::{access_log, collectd};

use super::{check, framed, lines, repeated};

#[test]
fn dissect_comes_back() {
    check("dissect", || {
        for mapping in [
            "%{a} %{b}",
            "%{a->} %{b}",
            "%{a}:%{+a}:%{+a/1}:%{b}",
            "%{?k}=%{&k} %{rest}",
            "%{a}aaaaaaaaab%{b}",
        ] {
            let dissect = Dissect::compile(mapping).expect("the mapping is sound");
            let mut cuts = dissect::Cuts::new();
            for line in lines() {
                let Some(found) = dissect.parse(&line, &mut cuts) else {
                    assert!(dissect.explain(&line).is_some(), "{mapping}");
                    continue;
                };
                assert!(
                    found
                        .fields()
                        .all(|field| field.value().len() <= line.len() + 2)
                );
            }
        }
    });
}

#[test]
fn key_value_comes_back() {
    check("key_value", || {
        let brackets = key_value::Options {
            include_brackets: true,
            recursive: true,
            ..key_value::Options::default()
        };
        for options in [key_value::Options::default(), brackets] {
            let kv = KeyValue::compile(&options).expect("the options are sound");
            let more = [
                repeated(b"a=b "),
                repeated(b"a="),
                repeated(b"="),
                framed(b"a=", b"\"", b""),
                framed(b"a=", b"(", b""),
                framed(b"a=", b"[<(", b")>]"),
                framed(b"a=\"", b"\\\"", b"\""),
            ];
            for line in lines().into_iter().chain(more) {
                assert!(kv.pairs(&line).count() <= line.len());
                assert!(
                    kv.fields(&line)
                        .iter()
                        .all(|field| field.key().len() <= line.len())
                );
            }
        }
    });
}

#[test]
fn access_logs_come_back() {
    check("access_log", || {
        let (client, at) = (b"192.0.2.7 - - ", b"[20/Nov/2026:18:56:21 +0100] ");
        let head = [client.as_slice(), at, b"\"GET /"].concat();
        let more = [
            framed(&head, b"a", b" HTTP/1.1\" 200 5"),
            framed(&head, b"\\\"", b" HTTP/1.1\" 200 5"),
            framed(&head, b"\" 200 ", b"5"),
            framed(
                &[client.as_slice(), at, b"\"GET / HTTP/1.1\" "].concat(),
                b"2",
                b" 5",
            ),
        ];
        for line in lines().into_iter().chain(more) {
            let lengths = [
                access_log::common(&line).map(|entry| entry.client.len()),
                access_log::combined(&line).map(|entry| entry.common.client.len()),
                access_log::vhost_combined(&line).map(|entry| entry.virtual_host.len()),
                access_log::nginx_timed(&line).map(|entry| entry.client.len()),
            ];
            assert!(lengths.iter().flatten().all(|length| *length <= line.len()));
            let mut text = Vec::new();
            access_log::unescape(&line, &mut text);
            assert!(text.len() <= line.len());
        }
    });
}

#[test]
fn csv_comes_back() {
    check("csv", || {
        let csv = Csv::compile(csv::Options::default()).expect("the usual options");
        let mut cuts = csv::Cuts::new();
        let more = [
            repeated(b","),
            repeated(b"\"\","),
            framed(b"\"", b"\"\"", b"\""),
            framed(b"\"", b"a,", b""),
        ];
        for line in lines().into_iter().chain(more) {
            match csv.parse(&line, &mut cuts) {
                Parsed::Row(row) => assert!(row.length() <= line.len()),
                Parsed::Whole(kept) => assert_eq!(kept.line.len(), line.len()),
            }
        }
    });
}

#[test]
fn collectd_comes_back() {
    check("collectd", || {
        let more = [
            repeated(b"\0\0\0\x05\0"),
            repeated(b"\0\x04\0\0"),
            repeated(b"\0\x06\0\x0F\0\x01\0\0\0\0\0\0\0\0\x63"),
            repeated(b"\0\x06\xFF\xFF\xFF\xFF"),
        ];
        for packet in lines().into_iter().chain(more) {
            assert!(collectd::parse(&packet).count() <= packet.len());
        }
    });
}
