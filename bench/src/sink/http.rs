//! HTTP/1.1 on a blocking socket: request heads and bodies in, answers out, nothing kept but one read buffer. Bodies
//! are handed out in parts, as they lie in the buffer, so that a body's size costs no memory.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A read's size: large enough that system calls do not count, small enough to stay in the processor's cache.
const BUFFER_BYTES: usize = 256 * 1024;

/// A read that finds less than this has caught up with its client.
const FULL_READ_BYTES: usize = BUFFER_BYTES / 2;

/// At a gigabyte a second 100 KB gather meanwhile, far less than a socket holds.
const NAP: Duration = Duration::from_micros(100);

/// The longest head: Elasticsearch's own bound for all headers is 16 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

pub struct Request {
    pub method: String,
    pub path: String,
    /// The part behind `?`, as sent.
    pub query: String,
    pub body: Body,
    pub expects_continue: bool,
    pub keep_alive: bool,
    /// Whether the body is compressed, which the sink does not undo.
    pub is_encoded: bool,
}

/// What is left of a body.
pub enum Body {
    Length(u64),
    /// Bytes left in the current chunk.
    Chunk(u64),
    /// A chunk size comes next; the first has no line end before it.
    FirstSize,
    NextSize,
}

pub struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// The next request's head, or nothing when the client has closed between two requests.
    pub fn read_request(&mut self) -> io::Result<Option<Request>> {
        let length = loop {
            let pending = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memmem::find(pending, b"\r\n\r\n") {
                break at + 4;
            }
            if HEAD_BYTES_MAX < pending.len() {
                return Err(malformed("the head is too long"));
            }
            if !self.fill()? {
                let is_between = self.start == self.end;
                return if is_between {
                    Ok(None)
                } else {
                    Err(malformed("the head breaks off"))
                };
            }
        };
        let head = std::str::from_utf8(&self.buffer[self.start..self.start + length])
            .map_err(|_| malformed("the head is not text"))?;
        let request = parse_head(head)?;
        self.start += length;
        Ok(Some(request))
    }

    /// The next bytes of a body, or nothing at its end.
    pub fn read_part(&mut self, body: &mut Body) -> io::Result<Option<&[u8]>> {
        loop {
            match *body {
                Body::Length(0) => return Ok(None),
                Body::Length(left) => {
                    self.nap_before(left);
                    let taken = self.take(left)?;
                    *body = Body::Length(left - taken as u64);
                    return Ok(Some(&self.buffer[self.start - taken..self.start]));
                }
                Body::Chunk(0) => *body = Body::NextSize,
                Body::Chunk(left) => {
                    let taken = self.take(left)?;
                    *body = Body::Chunk(left - taken as u64);
                    return Ok(Some(&self.buffer[self.start - taken..self.start]));
                }
                Body::FirstSize => *body = self.read_size()?,
                Body::NextSize => {
                    if !self.read_line()?.is_empty() {
                        return Err(malformed("a chunk is longer than its size"));
                    }
                    *body = self.read_size()?;
                }
            }
        }
    }

    /// Reads a body to its end for nothing.
    pub fn discard(&mut self, body: &mut Body) -> io::Result<()> {
        while self.read_part(body)?.is_some() {}
        Ok(())
    }

    pub fn write_continue(&mut self) -> io::Result<()> {
        self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
    }

    /// Sends an answer; one to HEAD tells the length and has no body.
    pub fn write_answer(&mut self, status: u16, body: &[u8], has_body: bool) -> io::Result<()> {
        let reason = match status {
            200 => "OK",
            404 => "Not Found",
            415 => "Unsupported Media Type",
            _ => "Bad Request",
        };
        let mut answer = format!(
            "HTTP/1.1 {status} {reason}\r\nX-elastic-product: Elasticsearch\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        if has_body {
            answer.extend_from_slice(body);
        }
        self.stream.write_all(&answer)
    }

    /// The size of the next chunk; the last one, of size 0, is followed by trailers and an empty line.
    fn read_size(&mut self) -> io::Result<Body> {
        let line = self.read_line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| malformed("no chunk size"))?;
        if 0 < size {
            return Ok(Body::Chunk(size));
        }
        while !self.read_line()?.is_empty() {}
        Ok(Body::Length(0))
    }

    fn read_line(&mut self) -> io::Result<String> {
        loop {
            let pending = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memmem::find(pending, b"\r\n") {
                let line = String::from_utf8_lossy(&pending[..at]).into_owned();
                self.start += at + 2;
                return Ok(line);
            }
            if HEAD_BYTES_MAX < pending.len() || !self.fill()? {
                return Err(malformed("a chunk's line breaks off"));
            }
        }
    }

    /// Lets a body gather for a moment when the last read found little of it and much is to come: being woken for every
    /// segment costs the sink more than all its other work.
    fn nap_before(&self, left: u64) {
        let found = self.end;
        if self.start == self.end && found < FULL_READ_BYTES && FULL_READ_BYTES as u64 <= left {
            std::thread::sleep(NAP);
        }
    }

    /// Moves past at most `most` bytes, reading if there are none; gives how many.
    fn take(&mut self, most: u64) -> io::Result<usize> {
        if self.start == self.end && !self.fill()? {
            return Err(malformed("the body breaks off"));
        }
        let pending = self.end - self.start;
        let taken = usize::try_from(most).map_or(pending, |most| most.min(pending));
        self.start += taken;
        Ok(taken)
    }

    /// Reads once; false at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        loop {
            match self.stream.read(&mut self.buffer[self.end..]) {
                Ok(length) => {
                    self.end += length;
                    return Ok(0 < length);
                }
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
    }
}

fn parse_head(head: &str) -> io::Result<Request> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().ok_or_else(|| malformed("no target"))?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        body: Body::Length(0),
        expects_continue: false,
        keep_alive: words.next() == Some("HTTP/1.1"),
        is_encoded: false,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" if !matches!(request.body, Body::FirstSize) => {
                let length = value.parse().map_err(|_| malformed("no content length"))?;
                request.body = Body::Length(length);
            }
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => {
                request.body = Body::FirstSize;
            }
            "expect" => request.expects_continue = value.eq_ignore_ascii_case("100-continue"),
            "connection" => request.keep_alive &= !value.eq_ignore_ascii_case("close"),
            "content-encoding" => request.is_encoded = !value.eq_ignore_ascii_case("identity"),
            _ => {}
        }
    }
    Ok(request)
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.to_owned())
}
