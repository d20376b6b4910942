//! A server for bulk requests, which answers when the test says so: a real one cannot be made to wait.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::running::WAIT_MAX;

/// A server for bulk requests.
pub struct Server {
    pub port: u16,
    pub requests: mpsc::Receiver<Request>,
}

/// A request that waits for its answer.
pub struct Request {
    pub messages: Vec<String>,
    pub answer: mpsc::Sender<()>,
}

impl Server {
    pub fn start() -> Server {
        Server::at(0)
    }

    /// The same at a port, which is one that was free.
    pub fn at(port: u16) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (heard, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heard = heard.clone();
                std::thread::spawn(move || serve(stream, &heard));
            }
        });
        Server { port, requests }
    }

    #[track_caller]
    pub fn next(&self) -> Request {
        let next = self.requests.recv_timeout(WAIT_MAX);
        next.expect("a request comes")
    }

    /// Answers requests until so many different messages were stored, and for a moment more; gives how often each was.
    #[track_caller]
    pub fn store(&self, messages: usize) -> BTreeMap<String, u32> {
        /// Longer than it takes to send what is left.
        const MORE: Duration = Duration::from_millis(500);
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            let wait = match times.len() < messages {
                true => WAIT_MAX,
                false => MORE,
            };
            let Ok(request) = self.requests.recv_timeout(wait) else {
                assert!(
                    messages <= times.len(),
                    "{} of {messages} came",
                    times.len()
                );
                return times;
            };
            for message in request.messages {
                *times.entry(message).or_default() += 1;
            }
            // Whoever asked may have gone.
            request.answer.send(()).unwrap_or(());
        }
    }
}

/// Serves one connection until either side is done with it.
fn serve(stream: TcpStream, heard: &mpsc::Sender<Request>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let documents = text.lines().skip(1).step_by(2);
        let message = |line| {
            Some(
                serde_json::from_str::<Value>(line).ok()?["message"]
                    .as_str()?
                    .to_owned(),
            )
        };
        let messages: Vec<String> = documents.filter_map(message).collect();
        let items = vec![json!({"index": {"status": 201}}); messages.len()];
        let (answer, wait) = mpsc::channel();
        heard.send(Request { messages, answer }).ok()?;
        wait.recv().ok()?;
        let body = json!({"errors": false, "items": items}).to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).ok()?;
    }
}
