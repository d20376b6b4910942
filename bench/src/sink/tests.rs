//! The sink over a real loopback connection: what is counted, and what is answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::{Record, Wanted, serve};
use crate::lines::Line;

fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let record = Arc::new(Mutex::new(Record::new(Some(Wanted::Pattern))));
    std::thread::spawn(move || serve(&listener, &record));
    address
}

/// Sends one request and reads to the end of the connection.
fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn bulk(address: SocketAddr, query: &str, body: &str) -> String {
    let head = format!(
        "POST /logs/_bulk{query} HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(address, (head + body).as_bytes())
}

fn report(address: SocketAddr) -> serde_json::Value {
    let answer = exchange(address, b"GET /_report HTTP/1.1\r\n\r\n");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn body_of(answer: &str) -> serde_json::Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn document(sequence: u64) -> String {
    let line = Line::of(sequence);
    format!(
        "{}\n",
        serde_json::json!({
            "message": String::from_utf8(line.text()).unwrap(), "client": line.client,
            "requested_at": line.requested_at, "method": line.method, "path": line.path,
            "response_code": line.response_code.to_string(), "bytes_sent": line.bytes_sent,
            "response_time": line.response_time.parse::<f64>().unwrap(),
        })
    )
}

const CREATE: &str = "{\"create\":{\"_index\":\"logs-a\",\"_id\":\"x1\"}}\n";

#[test]
fn action_lines_are_counted_and_blank_lines_are_not() {
    let address = start();
    let body = format!(
        "{CREATE}{}\n\n{{ \"index\" : {{}} }}\n{}\n",
        document(0),
        document(1)
    );
    assert!(bulk(address, "", &body).starts_with("HTTP/1.1 200 "));
    let report = report(address);
    assert_eq!(report["actions"], 2);
    assert_eq!(report["documents"], 2);
    assert_eq!(report["blank_lines"], 3);
    assert_eq!(report["distinct"], 2);
    assert_eq!(report["compared"], 2);
    assert_eq!(report["faults"], 0, "{report}");
}

#[test]
fn what_has_not_arrived_is_told_as_ranges() {
    let address = start();
    let body = format!("{CREATE}{}\n{CREATE}{}\n", document(1), document(4));
    bulk(address, "", &body);
    let answer = exchange(
        address,
        b"GET /_missing/7 HTTP/1.1\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.ends_with("\r\n\r\n[[0,1],[2,4],[5,7]]"), "{answer}");
}

#[test]
fn a_full_answer_names_index_and_id() {
    let body = format!("{CREATE}{}{{\"index\":{{}}}}\n{}", document(0), document(1));
    let answer = body_of(&bulk(start(), "", &body));
    assert_eq!(answer["errors"], false);
    assert!(answer["took"].is_u64());
    assert_eq!(answer["items"][0]["create"]["_index"], "logs-a");
    assert_eq!(answer["items"][0]["create"]["_id"], "x1");
    assert_eq!(answer["items"][0]["create"]["_shards"]["successful"], 1);
    assert_eq!(answer["items"][1]["index"]["_index"], "logs");
    assert_eq!(answer["items"][1]["index"]["status"], 201);
}

#[test]
fn a_filtered_answer_holds_what_was_asked_for() {
    let body = format!("{CREATE}{}", document(0));
    let short = bulk(
        start(),
        "?filter_path=errors,items.*.error,items.*.status",
        &body,
    );
    assert!(
        short.ends_with("\r\n\r\n{\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}")
    );
    let shortest = bulk(start(), "?filter_path=errors,items.*.error", &body);
    assert!(shortest.ends_with("\r\n\r\n{\"errors\":false}"));
}

#[test]
fn a_chunked_body_is_joined_across_its_cuts() {
    let address = start();
    let body = format!("{CREATE}{}", document(0));
    let mut request = b"POST /_bulk HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in body.as_bytes().chunks(7) {
        request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    assert_eq!(
        exchange(address, &request)
            .matches("HTTP/1.1 200 OK")
            .count(),
        2
    );
    assert_eq!(
        (&report(address)["actions"], &report(address)["faults"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn a_body_that_is_announced_is_invited() {
    let body = format!("{CREATE}{}", document(0));
    let head = format!(
        "POST /_bulk HTTP/1.1\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let answer = exchange(start(), (head + &body).as_bytes());
    assert!(
        answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{answer}"
    );
}

#[test]
fn doubled_unmarked_and_wrong_documents_are_told() {
    let address = start();
    let wrong = document(1).replace("\"bytes_sent\":", "\"bytes_sent\":1");
    let body = format!(
        "{CREATE}{}{CREATE}{}{CREATE}{wrong}{CREATE}{{}}\n",
        document(0),
        document(0)
    );
    bulk(address, "", &body);
    let report = report(address);
    assert_eq!(
        (&report["doubled"], &report["unmarked"]),
        (&1.into(), &1.into())
    );
    assert_eq!(report["faults"], 1);
    assert!(
        report["faults_kept"][0]
            .as_str()
            .unwrap()
            .starts_with("document 1: bytes_sent is")
    );
}

#[test]
fn a_body_without_a_last_newline_is_refused() {
    let body = format!("{CREATE}{}", document(0));
    assert!(bulk(start(), "", body.trim_end()).starts_with("HTTP/1.1 400 "));
}

#[test]
fn the_questions_of_a_client_at_its_start_are_answered() {
    let address = start();
    for target in ["/", "/_cluster/health", "/_nodes/http", "/_license"] {
        let answer = exchange(address, format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
        assert!(
            answer.contains("X-elastic-product: Elasticsearch"),
            "{answer}"
        );
        assert!(body_of(&answer).is_object());
    }
    let answer = exchange(address, b"HEAD / HTTP/1.1\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}
