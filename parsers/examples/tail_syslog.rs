//! Follows a syslog file from its end on, or reads stdin, and prints the fields of each message.
//!
//! `cargo run --example tail_syslog -- 3600 /var/log/syslog` or `journalctl -f -o short | cargo run --example tail_syslog`:
//! the first argument is the senders' offset east of UTC in seconds, 0 without one. A file that was rotated away is not
//! found again, as with `tail -f`: that is an agent's work. (A socket's stream, whose messages may be counted, is cut by
//! `sawlog_parsers::framing` instead.)

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sawlog_parsers::syslog::{self, Message, Reference};
use sawlog_parsers::timestamp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let offset_seconds: i32 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let input: Box<dyn BufRead> = match arguments.next() {
        Some(path) => {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::End(0))?;
            Box::new(BufReader::new(Followed(file)))
        }
        None => Box::new(io::stdin().lock()),
    };
    // The library knows no clock: stamps without a year and a zone are completed from this, line by line, so that the year
    // is right in January as well.
    let reference = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = now.map_or(0, |elapsed| elapsed.as_nanos() as i64);
        Reference::at(nanos, offset_seconds)
    };
    print_fields(input, io::stdout().lock(), reference)?;
    Ok(())
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
    reference: impl Fn() -> Reference,
) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? != 0 {
        print(&syslog::parse(&line, &reference()), &mut output)?;
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
    let severity = syslog::SEVERITY_LABELS[usize::from(message.severity())];
    let (host, program) = (shown(message.host), shown(message.program));
    let (time, pid) = (shown(time.as_deref()), shown(message.pid));
    let text = shown(Some(message.message));
    writeln!(
        output,
        "time={time} severity={severity} host={host} program={program} pid={pid} text={text}"
    )
}
