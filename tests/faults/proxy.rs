//! A proxy in front of Elasticsearch, which in a storm answers some bulk requests badly and forwards the others.
//!
//! Comes in: HTTP/1.1 requests with a length, one after another on each connection. Goes out: what the server answered, or
//! one of the `Mood`s. Calm, it changes nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::services::http;

/// Longer than the time-out that the agents of these tests are told.
const DELAY: Duration = Duration::from_secs(12);

/// What a storm does to a request.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Forward,
    /// The whole request is answered so, and not forwarded.
    Status(u16),
    /// The first half is forwarded, each document of the second is answered with 429.
    HalfRejected,
    /// The connection ends before the request is forwarded.
    CutBefore,
    /// The request is forwarded and half of the answer given.
    CutAfter,
    /// The request is not forwarded; the answer is 200 and no JSON, or JSON of something else.
    Garbled(&'static str),
    /// The request is forwarded, its answer comes after the agent's patience has ended.
    Late,
}

/// What a storm does in turn; one request in ten goes through.
const MOODS: [Mood; 10] = [
    Mood::Status(429),
    Mood::Status(429),
    Mood::Status(503),
    Mood::HalfRejected,
    Mood::HalfRejected,
    Mood::CutBefore,
    Mood::CutAfter,
    Mood::Garbled("<html>gateway</html>"),
    Mood::Garbled("{\"acknowledged\":true}"),
    Mood::Forward,
];

/// A running proxy. It ends with the process.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    storm: AtomicBool,
    requests: AtomicU64,
    /// Requests that a storm has struck.
    struck: AtomicU64,
}

/// A request's first line with headers, and its body.
struct Request {
    head: String,
    body: Vec<u8>,
}

impl Proxy {
    /// Starts it in front of a server of loopback.
    pub fn start(port: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            storm: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                // A connection that ends in the middle is what this is for.
                thread::spawn(move || shared.serve(client).unwrap_or_default());
            }
        });
        Proxy { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Begins or ends a storm.
    pub fn storm(&self, on: bool) {
        self.shared.storm.store(on, Ordering::Release);
    }

    /// How many requests were struck so far.
    pub fn struck(&self) -> u64 {
        self.shared.struck.load(Ordering::Acquire)
    }
}

impl Shared {
    fn mood(&self) -> Mood {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        if !self.storm.load(Ordering::Acquire) {
            return Mood::Forward;
        }
        // Rarely, since each costs the agent its whole patience.
        let mood = if number % 40 == 7 {
            Mood::Late
        } else {
            MOODS[(number * 7 % 10) as usize]
        };
        if !matches!(mood, Mood::Forward) {
            self.struck.fetch_add(1, Ordering::AcqRel);
        }
        mood
    }

    fn serve(&self, client: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let mut client = client;
        while let Some(request) = read_request(&mut reader)? {
            match self.mood() {
                Mood::Forward => answer(&mut client, &self.forward(&request, &request.body)?)?,
                Mood::Status(status) => {
                    let body = json!({"error": "a storm", "status": status}).to_string();
                    answer(
                        &mut client,
                        &http::Response {
                            status,
                            body: body.into_bytes(),
                        },
                    )?;
                }
                Mood::HalfRejected => answer(&mut client, &self.half(&request)?)?,
                Mood::CutBefore => return client.shutdown(Shutdown::Both),
                Mood::CutAfter => {
                    let response = self.forward(&request, &request.body)?;
                    let bytes = encode(&response);
                    client.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default())?;
                    return client.shutdown(Shutdown::Both);
                }
                Mood::Garbled(text) => {
                    let body = text.as_bytes().to_vec();
                    answer(&mut client, &http::Response { status: 200, body })?;
                }
                Mood::Late => {
                    let response = self.forward(&request, &request.body)?;
                    thread::sleep(DELAY);
                    answer(&mut client, &response)?;
                }
            }
        }
        Ok(())
    }

    fn forward(&self, request: &Request, body: &[u8]) -> io::Result<http::Response> {
        let mut words = request.head.split(' ');
        let (method, path) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        http::request(
            self.server,
            method,
            path,
            Some(("application/x-ndjson", body)),
        )
    }

    /// Forwards the first half of the documents and answers for all. Each is two lines: action and source.
    fn half(&self, request: &Request) -> io::Result<http::Response> {
        let lines: Vec<&[u8]> = request
            .body
            .split_inclusive(|byte| *byte == b'\n')
            .collect();
        let documents = lines.len() / 2;
        let kept = documents / 2;
        let mut items = Vec::new();
        if 0 < kept {
            let body = lines.get(..kept * 2).unwrap_or_default().concat();
            let response = self.forward(request, &body)?;
            let mut all: Value =
                serde_json::from_slice(&response.body).map_err(io::Error::other)?;
            items = all["items"]
                .as_array_mut()
                .map(std::mem::take)
                .unwrap_or_default();
        }
        let reason = json!({"type": "es_rejected_execution_exception", "reason": "a storm"});
        let item = json!({"create": {"status": 429, "error": reason}});
        let item = match request.body.starts_with(b"{\"index\"") {
            true => json!({"index": item["create"]}),
            false => item,
        };
        items.resize(documents, item);
        let body = json!({"took": 1, "errors": true, "items": items}).to_string();
        Ok(http::Response {
            status: 200,
            body: body.into_bytes(),
        })
    }
}

fn answer(client: &mut TcpStream, response: &http::Response) -> io::Result<()> {
    client.write_all(&encode(response))
}

fn encode(response: &http::Response) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {} X\r\nX-elastic-product: Elasticsearch\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        response.status,
        response.body.len()
    );
    [head.as_bytes(), &response.body].concat()
}

/// The next request of a connection; nothing at its end.
fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if head.get(before..) == Some("\r\n") {
            break;
        }
    }
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.find_map(|(_, value)| value.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { head, body }))
}
