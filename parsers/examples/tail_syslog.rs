//! Follows a syslog file, or reads stdin to its end, and prints the fields of each message.
//!
//! `cargo run --example tail_syslog -- /var/log/syslog` or `journalctl -f -o short | cargo run --example tail_syslog`
//! (a socket's stream, whose messages may be counted, is cut by `sawlog_parsers::framing` instead)

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sawlog_parsers::syslog::{self, Message, Reference};
use sawlog_parsers::timestamp;

fn main() -> io::Result<()> {
    // The library knows no clock: stamps without a year and a zone are completed from this.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.map_or(0, |elapsed| elapsed.as_nanos() as i64);
    let reference = Reference::at(nanos, 0);
    let input: Box<dyn BufRead> = match std::env::args().nth(1) {
        Some(path) => Box::new(BufReader::new(Followed(File::open(path)?))),
        None => Box::new(io::stdin().lock()),
    };
    print_fields(input, io::stdout().lock(), &reference)
}

/// A file that is still written to: its end is only where it ends now.
struct Followed(File);

impl Read for Followed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer)? {
                0 => std::thread::sleep(Duration::from_millis(250)),
                length => return Ok(length),
            }
        }
    }
}

pub fn print_fields(
    mut input: impl BufRead,
    mut output: impl Write,
    reference: &Reference,
) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? != 0 {
        print(&syslog::parse(&line, reference), &mut output)?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}

/// `-` stands for what the message does not say.
fn print(message: &Message<'_>, output: &mut impl Write) -> io::Result<()> {
    let shown = |part: Option<&[u8]>| String::from_utf8_lossy(part.unwrap_or(b"-")).into_owned();
    let time = message.timestamp.map(|nanos| {
        let mut text = Vec::new();
        timestamp::write_iso8601_millis(nanos, &mut text);
        text
    });
    writeln!(
        output,
        "time={} severity={} host={} program={} pid={} text={}",
        shown(time.as_deref()),
        syslog::SEVERITY_LABELS[usize::from(message.severity())],
        shown(message.host),
        shown(message.program),
        shown(message.pid),
        shown(Some(message.message)),
    )
}
