//! As much of HTTP as a bulk request needs, over the simulated network: one connection for each request, the end of a body
//! by its length.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;
use turmoil::net::TcpStream;

use super::{AGENT, SERVERS, World};
use crate::outputs::elasticsearch::transport::{Reply, Sending, Transport, Unreachable};

pub const PORT: u16 = 9200;

/// What a request may take, connecting included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Connections of all hosts. They outlive a task that is ended, and are closed in their order by the host's next life: the
/// runtime ends its tasks in an order that is not the same each time, and each closing casts the simulation's dice.
#[derive(Default)]
pub struct Connections {
    next: u64,
    open: BTreeMap<(&'static str, u64), Arc<Mutex<TcpStream>>>,
}

impl Connections {
    pub fn add(&mut self, host: &'static str, stream: TcpStream) -> (u64, Arc<Mutex<TcpStream>>) {
        self.next += 1;
        let stream = Arc::new(Mutex::new(stream));
        self.open.insert((host, self.next), Arc::clone(&stream));
        (self.next, stream)
    }

    pub fn close(&mut self, host: &'static str, number: u64) {
        self.open.remove(&(host, number));
    }

    /// To be called by the host itself.
    pub fn close_all(&mut self, host: &'static str) {
        self.open.retain(|(owner, _), _| *owner != host);
    }
}

/// The way to the simulated servers.
pub struct Wire(pub Arc<World>);

impl Transport for Wire {
    fn bulk(&self, host: usize, body: Bytes) -> Sending<'_> {
        Box::pin(async move {
            let asked = tokio::time::timeout(TIMEOUT, self.request(SERVERS[host], &body));
            match asked.await {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(error)) => Err(Unreachable::new(error.to_string())),
                Err(_) => Err(Unreachable {
                    reason: "no answer in time".to_owned(),
                    is_late: true,
                }),
            }
        })
    }
}

impl Wire {
    /// What time ends on the way is closed with the agent's next pipeline.
    async fn request(&self, host: &str, body: &[u8]) -> io::Result<Reply> {
        let stream = TcpStream::connect((host, PORT)).await?;
        let (number, stream) = self.0.connections.lock().unwrap().add(AGENT, stream);
        let reply = ask(&mut *stream.lock().await, body).await;
        drop(stream);
        self.0.connections.lock().unwrap().close(AGENT, number);
        reply
    }
}

async fn ask(stream: &mut TcpStream, body: &[u8]) -> io::Result<Reply> {
    let head = format!(
        "POST /_bulk HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let (head, body) = receive(stream).await?;
    let status = head
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::other("no answer in HTTP"))?;
    Ok(Reply {
        status,
        body: Bytes::from(body),
        retry_after: header(&head, "Retry-After: ").map(Duration::from_secs),
        location: None,
    })
}

fn header(head: &str, name: &str) -> Option<u64> {
    let line = head.lines().find_map(|line| line.strip_prefix(name));
    line?.parse().ok()
}

/// Head and body of a message. A body that ends too soon is an error.
pub async fn receive(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut head_bytes = None;
    loop {
        if head_bytes.is_none() {
            head_bytes = memchr::memmem::find(&bytes, b"\r\n\r\n").map(|end| end + 4);
        }
        if let Some(end) = head_bytes {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = header(&head, "Content-Length: ");
            let length = length.ok_or_else(|| io::Error::other("no length"))? as usize;
            if end + length <= bytes.len() {
                return Ok((head, bytes[end..end + length].to_vec()));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
