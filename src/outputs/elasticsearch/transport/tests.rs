//! The client against a server of a few lines that gives what it is told to.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::http::Url;
use elasticsearch::http::headers::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{Client, Host, Login, Proxy, Reply, Requests, Transport, Trust, Unreachable};
use crate::limits;
use crate::outputs::elasticsearch::answer;
use crate::outputs::elasticsearch::verdict::{Outcome, Rules};

const BODY: &[u8] = b"{\"index\":{\"_index\":\"logs\"}}\n{\"a\":1}\n";

fn requests(port: u16) -> Requests {
    let url = Url::parse(&format!("http://127.0.0.1:{port}")).expect("this is an address");
    Requests {
        hosts: vec![Host {
            url,
            login: Login::Password {
                user: "elastic".to_owned(),
                password: "secret".to_owned(),
            },
            query: vec![("routing".to_owned(), "a b".to_owned())],
            certificate: None,
        }],
        trust: Trust::Authorities(None),
        proxy: Proxy::None,
        path: "_bulk".to_owned(),
        parameters: vec![("filter_path".to_owned(), answer::FILTER_PATH.to_owned())],
        headers: HeaderMap::new(),
        timeout: Duration::from_millis(500),
        connect_timeout: Duration::from_millis(300),
        compression_level: 0,
    }
}

fn with_length(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one request: head and body.
async fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut block = [0; 4096];
        let count = stream
            .read(&mut block)
            .await
            .expect("the connection is good");
        bytes.extend_from_slice(&block[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            assert_ne!(count, 0, "the request has a head");
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
            .unwrap_or(0);
        if end + 4 + length <= bytes.len() {
            return (head, bytes[end + 4..].to_vec());
        }
    }
}

/// Sends one request to a server that answers each request of a connection with the next of these texts and then closes
/// it. Gives the client's result and the requests that the server read.
async fn exchange(
    answers: Vec<impl AsRef<[u8]>>,
    change: impl FnOnce(&mut Requests),
) -> (Result<Reply, Unreachable>, Vec<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("ports are free");
    let mut requests = requests(listener.local_addr().expect("it is bound").port());
    change(&mut requests);
    let server = async move {
        let mut read = Vec::new();
        // The first connection of a new client only asks whether somebody is there.
        drop(listener.accept().await.expect("it connects"));
        let (mut stream, _) = listener.accept().await.expect("it connects");
        for answer in answers {
            read.push(read_request(&mut stream).await);
            // The client may not hear it to the end.
            stream.write_all(answer.as_ref()).await.unwrap_or(());
        }
        read
    };
    let client = Client::new(requests);
    let (result, read) = tokio::join!(client.bulk(0, Bytes::from_static(BODY)), server);
    (result, read)
}

#[tokio::test]
async fn the_body_is_sent_as_it_is() {
    let answer = with_length(
        "200 OK",
        r#"{"errors":false,"items":[{"index":{"status":201}}]}"#,
    );
    let (result, read) = exchange(vec![answer], |_| {}).await;
    let reply = result.expect("an answer came");
    assert_eq!(reply.status, 200);
    let stored = Outcome::AllStored {
        in_failure_store: 0,
    };
    assert_eq!(answer::read(&reply.body, 1, &Rules::default()), stored);
    let (head, body) = &read[0];
    assert_eq!(body, BODY);
    assert!(
        head.starts_with("post /_bulk?routing=a+b&filter_path=errors"),
        "{head}"
    );
    assert!(
        head.contains("content-type: application/x-ndjson"),
        "{head}"
    );
    assert!(
        head.contains("authorization: basic zwxhc3rpyzpzzwnyzxq="),
        "{head}"
    );
}

#[tokio::test]
async fn compressed_bodies_unpack_to_the_same() {
    let answer = with_length("200 OK", "{}");
    let (_, read) = exchange(vec![answer], |requests| requests.compression_level = 1).await;
    let (head, body) = &read[0];
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(body.as_slice());
    decoder.read_to_end(&mut unpacked).expect("this is gzip");
    assert_eq!(unpacked, BODY);
}

#[tokio::test]
async fn statuses_come_out_as_answers() {
    for status in [
        "429 Too Many Requests",
        "503 Service Unavailable",
        "413 Too Large",
    ] {
        let answer = with_length(status, "no").replace("\r\n\r\n", "\r\nretry-after: 7\r\n\r\n");
        let (result, _) = exchange(vec![answer], |_| {}).await;
        let reply = result.expect("an answer came");
        assert_eq!(reply.status.to_string(), status[..3]);
        assert_eq!(reply.retry_after, Some(Duration::from_secs(7)));
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_none() {
    let cut =
        "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"errors\":false,\"items\":[{\"index\""
            .to_owned();
    let (result, _) = exchange(vec![cut], |_| {}).await;
    assert!(result.is_err());
}

#[tokio::test]
async fn garbage_is_no_answer() {
    for garbage in ["", "SSH-2.0-OpenSSH_9.2\r\n", "\0\0\0"] {
        let (result, _) = exchange(vec![garbage.to_owned()], |_| {}).await;
        assert!(result.is_err(), "{garbage:?}");
    }
}

/// Not even to the same host: what is there might lead on.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let moved =
            format!("HTTP/1.1 {status} Moved\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n");
        let (result, read) = exchange(vec![moved], |_| {}).await;
        let reply = result.expect("an answer came");
        assert_eq!(read.len(), 1);
        assert_eq!(
            (reply.status, reply.location.as_deref()),
            (status, Some("/login"))
        );
    }
}

/// An answer as `exchange` gives it, packed by gzip, which nobody asked for.
fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    encoder.write_all(body).expect("memory takes all");
    let packed = encoder.finish().expect("memory takes all");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    );
    [head.as_bytes(), &packed].concat()
}

#[tokio::test]
async fn a_packed_answer_is_read() {
    let (result, _) = exchange(vec![packed(b"{}")], |_| {}).await;
    assert_eq!(result.expect("an answer came").body.as_ref(), b"{}");
}

#[tokio::test]
async fn an_answer_has_an_end_however_it_is_written() {
    let long = vec![b' '; limits::BULK_ANSWER_BYTES_MAX + 1];
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let head = format!("{head}{:x}\r\n", long.len());
    let chunk = [head.as_bytes(), &long, b"\r\n0\r\n\r\n"];
    for answer in [packed(&long), chunk.concat()] {
        let (result, _) = exchange(vec![answer], |requests| {
            requests.timeout = Duration::from_secs(60);
        })
        .await;
        let Unreachable { reason, .. } = result.expect_err("nobody reads that");
        assert_eq!(reason, "the answer is too long to be one");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("ports are free");
    let client = Client::new(requests(listener.local_addr().expect("it is bound").port()));
    let Unreachable { reason, is_late } = client
        .bulk(0, Bytes::from_static(BODY))
        .await
        .expect_err("nobody answers");
    assert!(reason.contains("no answer within"), "{reason}");
    assert!(is_late);
}

#[tokio::test]
async fn a_host_that_takes_no_connection_is_given_up_sooner() {
    let socket = TcpSocket::new_v4().expect("there are sockets");
    let any = "127.0.0.1:0".parse().expect("this is an address");
    socket.bind(any).expect("ports are free");
    let listener = socket.listen(1).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    // Nobody accepts: once the queue is full the kernel answers no more.
    let mut waiting = Vec::new();
    let moment = Duration::from_millis(100);
    while let Ok(Ok(stream)) = tokio::time::timeout(moment, TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    let mut requests = requests(address.port());
    requests.timeout = Duration::from_secs(600);
    let Unreachable { reason, is_late } = Client::new(requests)
        .bulk(0, Bytes::from_static(BODY))
        .await
        .expect_err("nobody accepts");
    assert_eq!(reason, "cannot connect within 0.3 s");
    assert!(!is_late);
}

#[tokio::test]
async fn nobody_there_is_said_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("ports are free");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let Unreachable { reason, .. } = Client::new(requests(port))
        .bulk(0, Bytes::from_static(BODY))
        .await
        .expect_err("nobody is there");
    assert!(
        reason.starts_with("cannot connect: Connection refused"),
        "{reason}"
    );
}

#[test]
fn base64_is_that_of_the_standard() {
    for (bytes, want) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foobar", "Zm9vYmFy"),
        ("?>~", "Pz5+"),
    ] {
        assert_eq!(super::base64(bytes.as_bytes()), want);
    }
}

#[tokio::test]
async fn an_api_key_is_sent_encoded() {
    let pair = Login::ApiKeyPair {
        id: "id".to_owned(),
        key: "key?>".to_owned(),
    };
    for (login, want) in [
        (pair, "authorization: apikey awq6a2v5pz4="),
        (
            Login::ApiKey("QUJD".to_owned()),
            "authorization: apikey qujd",
        ),
    ] {
        let answer = with_length("200 OK", "{}");
        let (_, read) = exchange(vec![answer], |requests| requests.hosts[0].login = login).await;
        let (head, _) = &read[0];
        assert!(head.lines().any(|line| line == want), "{head}");
    }
}

/// How many connections a client makes for three requests to a server that would keep them all.
async fn connections_for_three_requests(age_max: Option<Duration>) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("ports are free");
    let port = listener.local_addr().expect("it is bound").port();
    let used = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&used);
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("it connects");
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                // The first connection of a client only asks whether somebody is there, and brings no request.
                let mut first = [0];
                if !matches!(stream.peek(&mut first).await, Ok(1)) {
                    return;
                }
                count.fetch_add(1, Ordering::Relaxed);
                while matches!(stream.peek(&mut first).await, Ok(1)) {
                    read_request(&mut stream).await;
                    let answer = with_length("200 OK", "{}");
                    let written = stream.write_all(answer.as_bytes()).await;
                    written.expect("the connection is good");
                }
            });
        }
    });
    let mut client = Client::new(requests(port));
    client.age_max = age_max.unwrap_or(client.age_max);
    for _ in 0..3 {
        let reply = client.bulk(0, Bytes::from_static(BODY)).await;
        assert_eq!(reply.expect("an answer came").status, 200);
    }
    server.abort();
    used.load(Ordering::Relaxed)
}

/// A name is resolved for each new connection, so this is how a change of it is followed.
#[tokio::test]
async fn connections_are_kept_for_a_while_and_then_renewed() {
    assert_eq!(connections_for_three_requests(None).await, 1);
    assert_eq!(
        connections_for_three_requests(Some(Duration::ZERO)).await,
        3
    );
}
