//! A simulated Elasticsearch: documents by id, `create` with 409 for those that are there, and whatever a server or a proxy
//! before it does to a request when it is not well. What it stored outlives it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream};

use super::World;
use super::ledger::{self, Event};
use super::wire::{self, PORT};

/// The longest request that it takes.
const REQUEST_BYTES_MAX: usize = 12_000;

/// Less than any request has.
const UPLOAD_BYTES: usize = 150;

/// What is said of a request with a document that cannot be read.
const MALFORMED: &str =
    r#"{"error":{"type":"illegal_argument_exception","reason":"Malformed action"},"status":400}"#;

/// What comes of a request besides, or instead of, a good answer.
enum Ending {
    Answer(u16, String),
    /// The connection ends, with so much of the answer sent.
    Cut(String),
    /// It ends without a byte of an answer.
    Silence,
}

pub async fn run(name: &'static str, world: Arc<World>) -> turmoil::Result {
    world.connections.lock().unwrap().close_all(name);
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let world = Arc::clone(&world);
        let (number, stream) = world.connections.lock().unwrap().add(name, stream);
        tokio::spawn(async move {
            // A connection that breaks is the agent's business: it gets no answer.
            serve(&mut *stream.lock().await, &world).await.ok();
            drop(stream);
            world.connections.lock().unwrap().close(name, number);
        });
    }
}

async fn serve(stream: &mut TcpStream, world: &World) -> io::Result<()> {
    if world.strikes("reset amid the upload", 40) {
        // What is not read makes it a reset.
        let mut part = vec![0; 1 + world.roll(UPLOAD_BYTES)];
        return stream.read_exact(&mut part).await.map(drop);
    }
    let (_, body) = wire::receive(stream).await?;
    if world.strikes("slow request", 20) {
        tokio::time::sleep(Duration::from_millis(world.roll(15_000) as u64)).await;
    }
    let ending = match before(world, &body) {
        Some(ending) => ending,
        None => after(world, answer(world, &body)),
    };
    if world.strikes("slow answer", 20) {
        tokio::time::sleep(Duration::from_millis(world.roll(15_000) as u64)).await;
    }
    match ending {
        Ending::Answer(status, body) => {
            let retry = match status {
                429 | 503 if world.roll(2) == 0 => format!("Retry-After: {}\r\n", world.roll(8)),
                _ => String::new(),
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{retry}Content-Length: {length}\r\n\r\n");
            stream.write_all((head + &body).as_bytes()).await?;
            stream.shutdown().await
        }
        Ending::Cut(part) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                part.len() * 2 + 1
            );
            stream.write_all((head + &part).as_bytes()).await
        }
        Ending::Silence => Ok(()),
    }
}

/// What happens to a request before a document of it is looked at.
fn before(world: &World, body: &[u8]) -> Option<Ending> {
    for (kind, status) in [
        ("status 429", 429),
        ("status 503", 503),
        ("status 500", 500),
        ("status 400 of a proxy", 400),
        ("status 401", 401),
        ("status 403", 403),
    ] {
        if world.strikes(kind, 60) {
            return Some(Ending::Answer(status, "no".to_owned()));
        }
    }
    if world.strikes("garbage", 60) {
        return Some(Ending::Answer(200, "<html>moved</html>".to_owned()));
    }
    if world.strikes("not answered", 40) {
        return Some(Ending::Silence);
    }
    if world.strikes("the head of an answer", 40) {
        return Some(Ending::Cut(String::new()));
    }
    if REQUEST_BYTES_MAX < body.len() {
        return Some(Ending::Answer(413, "too large".to_owned()));
    }
    None
}

/// What happens to the answer when the documents are stored already.
fn after(world: &World, ending: Ending) -> Ending {
    let Ending::Answer(200, body) = ending else {
        return ending;
    };
    if world.strikes("half an answer", 30) {
        return Ending::Cut(body[..body.len() / 2].to_owned());
    }
    if world.strikes("an answer cut inside", 40) {
        return Ending::Answer(200, body[..body.len() / 2].to_owned());
    }
    if world.strikes("stored and not answered", 30) {
        return Ending::Silence;
    }
    if world.strikes("stored and status 502", 40) {
        return Ending::Answer(502, "bad gateway".to_owned());
    }
    if world.strikes("an item too few", 40)
        && let Some(last) = body.rfind(",{\"create\"")
    {
        return Ending::Answer(200, format!("{}]}}", &body[..last]));
    }
    if world.strikes("an item too many", 40) {
        let more = r#",{"create":{"status":201}}]}"#;
        let whole = body.strip_suffix("]}").unwrap_or(&body);
        return Ending::Answer(200, format!("{whole}{more}"));
    }
    Ending::Answer(200, body)
}

/// The documents of a body: id and source.
fn documents(body: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut lines = body.split(|byte| *byte == b'\n');
    let mut documents = Vec::new();
    while let Some(action) = lines.next().filter(|line| !line.is_empty()) {
        let action: serde_json::Value = serde_json::from_slice(action).ok()?;
        let id = action.get("create")?.get("_id")?.as_str()?.to_owned();
        documents.push((id, lines.next()?.to_vec()));
    }
    Some(documents)
}

/// Stores what can be stored, and says so.
fn answer(world: &World, body: &[u8]) -> Ending {
    let mut ledger = world.ledger.lock().unwrap();
    let Some(documents) = documents(body) else {
        let body = String::from_utf8_lossy(body);
        ledger.break_with(format!("a request that is none: {body}"));
        return Ending::Answer(400, "no".to_owned());
    };
    let mut events: Vec<Event> = Vec::new();
    for (id, source) in &documents {
        match ledger.known(id, source) {
            Some(event) => events.push(event),
            None => return Ending::Answer(400, MALFORMED.to_owned()),
        }
    }
    if events.iter().any(|event| ledger::is_malformed(*event)) {
        if let [(id, source)] = &documents[..] {
            ledger.refuse(id, source);
        }
        return Ending::Answer(400, MALFORMED.to_owned());
    }
    let dies_at = match world.strikes("died in the middle", 60) {
        true => world.roll(documents.len()),
        false => usize::MAX,
    };
    let is_busy = world.strikes("busy for some", 8);
    let is_blocked = world.strikes("blocked for some", 30);
    let mut items = Vec::new();
    let mut has_errors = false;
    for (place, (event, (id, source))) in events.iter().zip(&documents).enumerate() {
        if place == dies_at {
            return Ending::Silence;
        }
        let status = if is_busy && world.roll(3) == 0 {
            429
        } else if is_blocked && world.roll(2) == 0 {
            403
        } else if ledger::is_poison(*event) {
            ledger.refuse(id, source);
            400
        } else if ledger.store(id, source) {
            201
        } else {
            409
        };
        has_errors |= status != 201;
        items.push(item(status));
    }
    let items = items.join(",");
    Ending::Answer(
        200,
        format!(r#"{{"errors":{has_errors},"items":[{items}]}}"#),
    )
}

fn item(status: u16) -> String {
    let error = match status {
        201 => "",
        400 => r#","error":{"type":"document_parsing_exception","reason":"no"}"#,
        403 => r#","error":{"type":"cluster_block_exception","reason":"no"}"#,
        409 => r#","error":{"type":"version_conflict_engine_exception","reason":"it is there"}"#,
        _ => r#","error":{"type":"es_rejected_execution_exception","reason":"no"}"#,
    };
    format!(r#"{{"create":{{"status":{status}{error}}}}}"#)
}
