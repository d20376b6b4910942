//! An Elasticsearch that stores nothing: bulk requests in, answers as Elasticsearch gives them out, and a report of what
//! arrived. It counts action lines, marks every sequence number that it sees, and compares sampled documents. No TLS,
//! no compression, no search.

mod answer;
mod bulk;
mod document;
mod filter_path;
mod http;
mod record;

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::arguments::Arguments;
pub use document::Wanted;
use http::{Connection, Request};
pub use record::Record;

/// The record that all connections share; it is locked once for each part of a body, never for each line.
type Shared = Arc<Mutex<Record>>;

/// `sink --port N [--check ROW]`: listens on loopback, says where, and serves until it is killed.
pub fn run(arguments: &Arguments) -> Result<(), String> {
    arguments.allow(&["port", "check"])?;
    let wanted = arguments.text("check").map(Wanted::named).transpose()?;
    let port = arguments.number("port", 0)?;
    let listener = u16::try_from(port)
        .map_err(|_| format!("--port: {port} is no port"))
        .and_then(|port| {
            TcpListener::bind(("127.0.0.1", port)).map_err(|fault| fault.to_string())
        })?;
    let address = listener.local_addr().map_err(|fault| fault.to_string())?;
    println!("listening on {address}");
    io::stdout().flush().map_err(|fault| fault.to_string())?;
    serve(&listener, &Arc::new(Mutex::new(Record::new(wanted))));
    Ok(())
}

/// Accepts for ever, one thread a connection.
fn serve(listener: &TcpListener, record: &Shared) {
    for stream in listener.incoming().flatten() {
        let record = Arc::clone(record);
        std::thread::spawn(move || {
            // A client that goes away in mid-request is the client's business; what it sent is counted.
            if let Err(fault) = converse(stream, &record) {
                eprintln!("connection: {fault}");
            }
        });
    }
}

fn converse(stream: TcpStream, record: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection::new(stream);
    while let Some(request) = connection.read_request()? {
        if request.expects_continue {
            connection.write_continue()?;
        }
        let keep = request.keep_alive;
        respond(&mut connection, request, record)?;
        if !keep {
            break;
        }
    }
    Ok(())
}

fn respond(connection: &mut Connection, mut request: Request, record: &Shared) -> io::Result<()> {
    if request.is_encoded {
        connection.discard(&mut request.body)?;
        return connection.write_answer(
            415,
            b"{\"error\":\"the sink takes plain bodies only\"}",
            true,
        );
    }
    if request.path.ends_with("/_bulk") && request.method != "GET" {
        return bulk::run(connection, &mut request, record);
    }
    connection.discard(&mut request.body)?;
    let (status, body) = answer::plain(&request.method, &request.path, record);
    connection.write_answer(status, &body, request.method != "HEAD")
}

#[cfg(test)]
mod tests;
