//! Lines at a steady rate, as datagrams or at the end of a file, and when each was sent.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::lines::{Kind, Line};

/// The pause between two bursts: 50 lines at 50,000 a second, as fast devices send.
const BURST: Duration = Duration::from_millis(1);

/// All lines of a load, made beforehand so that the sender's core is free to send.
pub struct Load {
    lines: Vec<Vec<u8>>,
    /// Lines a second.
    rate: u64,
}

/// Where a load goes.
pub enum Target {
    Udp(UdpSocket, u16),
    File(File),
}

impl Target {
    /// Datagrams to this port of the loopback. The socket is not connected: nobody listening is no error to it.
    pub fn udp(port: u16) -> io::Result<Self> {
        Ok(Self::Udp(UdpSocket::bind("127.0.0.1:0")?, port))
    }

    pub fn file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.map(Self::File)
    }

    fn send(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        match self {
            Self::Udp(socket, port) => lines
                .iter()
                .try_for_each(|line| socket.send_to(line, ("127.0.0.1", *port)).map(|_sent| ())),
            Self::File(file) => file.write_all(&lines.concat()),
        }
    }
}

/// When the lines of a load were sent.
pub struct Sent {
    /// The time after each burst, and how many lines had been sent by then.
    pub bursts: Vec<(Instant, u64)>,
    pub took: Duration,
}

impl Sent {
    /// When the line with this number had been sent.
    pub fn at(&self, number: u64) -> Option<Instant> {
        let burst = self.bursts.partition_point(|(_, sent)| *sent <= number);
        self.bursts.get(burst).map(|(at, _)| *at)
    }
}

impl Load {
    pub fn new(kind: Kind, rate: u64, seconds: u64) -> Self {
        let line = |sequence| {
            let mut out = Vec::with_capacity(160);
            match kind {
                // A datagram ends where it ends.
                Kind::Syslog => Line::of(sequence).write_syslog(&mut out),
                Kind::Raw | Kind::JsonFile => Line::of(sequence).write(kind, &mut out),
            }
            out
        };
        Self {
            lines: (0..rate * seconds).map(line).collect(),
            rate,
        }
    }

    pub fn count(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Sends all at the rate.
    pub fn send(&self, target: &mut Target) -> io::Result<Sent> {
        let started = Instant::now();
        let mut bursts = Vec::new();
        let mut sent = 0;
        while sent < self.lines.len() {
            let due = (started.elapsed().as_secs_f64() * self.rate as f64) as usize;
            let burst = sent..due.clamp(sent, self.lines.len());
            sent = burst.end;
            target.send(&self.lines[burst])?;
            bursts.push((Instant::now(), sent as u64));
            std::thread::sleep(BURST);
        }
        Ok(Sent {
            bursts,
            took: started.elapsed(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Load, Sent, Target};
    use crate::lines::Kind;

    #[test]
    fn a_line_was_sent_with_its_burst() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let sent = Sent {
            bursts: vec![(after(1), 0), (after(2), 3), (after(3), 5)],
            took: Duration::from_millis(3),
        };
        assert_eq!(sent.at(0), Some(after(2)));
        assert_eq!(sent.at(2), Some(after(2)));
        assert_eq!(sent.at(3), Some(after(3)));
        assert_eq!(sent.at(5), None);
    }

    #[test]
    fn a_file_gets_every_line_at_the_rate() {
        let path = std::env::temp_dir().join(format!("sawlog-bench-load-{}", std::process::id()));
        let load = Load::new(Kind::Raw, 100, 1);
        let sent = load.send(&mut Target::file(&path).unwrap()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text.lines().count(), 100);
        assert!(Duration::from_millis(900) < sent.took);
        assert!(sent.at(99).is_some());
    }
}
