//! Syslog: one message in, its header's fields and its text out, borrowed from the line.
//!
//! Taken are RFC 5424, RFC 3164, the log driver's format of Docker, which has no host, and what
//! devices really send (`rfc3164.rs` lists it). Nothing is ever refused: what no parser understands
//! comes back whole, as [`Format::Kept`]. Frames of a TCP stream are cut in `framing`.

mod rfc3164;
mod rfc5424;
mod second_opinion;
mod structured_data;
mod tag;

pub use structured_data::{StructuredData, unescape_value};

/// What a stamp without a year or a zone is completed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The present year.
    pub year: i32,
    /// The present month, from 1. December seen in January is of last year, January seen in
    /// December of next year.
    pub month: u8,
    /// The sender's offset east of UTC.
    pub utc_offset_seconds: i32,
}

impl Reference {
    /// What is needed of an instant, given the senders' offset.
    pub fn at(nanos: i64, utc_offset_seconds: i32) -> Reference {
        let shift = i64::from(utc_offset_seconds) * crate::timestamp::civil::NANOS_PER_SECOND;
        let local = crate::timestamp::civil::Local::of_nanos(nanos.saturating_add(shift));
        Reference {
            year: local.year,
            month: local.month,
            utc_offset_seconds,
        }
    }

    #[inline]
    pub(crate) fn year_of(&self, month: u8) -> i32 {
        nearest_year(self.year, self.month, month)
    }
}

/// The year of a month that was seen in another: only around New Year do they differ.
#[inline]
pub(crate) fn nearest_year(year_now: i32, month_now: u8, month: u8) -> i32 {
    match (month_now, month) {
        (1, 12) => year_now.saturating_sub(1),
        (12, 1) => year_now.saturating_add(1),
        _ => year_now,
    }
}

/// The shape that a line turned out to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 5424, with version and structured data.
    Rfc5424,
    /// RFC 3164 and its relatives: a time, then a host, then perhaps a program.
    Rfc3164,
    /// A time and a program but no host: Docker's log driver and the C library.
    DockerEmpty,
    /// A network device's: a colon after the time, perhaps a sequence number before it.
    Cisco,
    /// A priority and a program but no time.
    Untimed,
    /// Understood by `syslog_loose` only.
    SecondOpinion,
    /// Not understood: the message is the whole line. The priority is there if the line begins with
    /// one.
    Kept,
}

/// One message. Texts are parts of the line; what is absent, or `-` in RFC 5424, is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// 0 to 191; a number beyond is no priority.
    pub priority: Option<u8>,
    /// The time as it was written, without marks and zone words around it.
    pub timestamp_text: Option<&'a [u8]>,
    /// Nanoseconds since 1970. `None` if the text is absent or names no time.
    pub timestamp: Option<i64>,
    /// The time is written as ISO 8601.
    pub timestamp_is_iso: bool,
    /// The host that the message says it comes from.
    pub host: Option<&'a [u8]>,
    /// The program, in RFC 5424 APP-NAME.
    pub program: Option<&'a [u8]>,
    /// The process id; digits, except in RFC 5424 where PROCID may be any text.
    pub pid: Option<&'a [u8]>,
    /// MSGID of RFC 5424.
    pub message_id: Option<&'a [u8]>,
    /// The number that a network device counts its messages with.
    pub sequence: Option<&'a [u8]>,
    /// The elements of RFC 5424's STRUCTURED-DATA.
    pub structured_data: StructuredData<'a>,
    /// The text, without the line end but with its leading blanks.
    pub message: &'a [u8],
    /// The shape of the line.
    pub format: Format,
}

/// Priority of a message that has none: user, notice (RFC 3164, section 4.3.3).
pub const PRIORITY_DEFAULT: u8 = 13;

impl<'a> Message<'a> {
    /// The facility's code, 0 to 23; that of [`PRIORITY_DEFAULT`] if there is no priority.
    pub fn facility(&self) -> u8 {
        self.priority.unwrap_or(PRIORITY_DEFAULT) >> 3
    }

    /// The severity's code, 0 to 7; that of [`PRIORITY_DEFAULT`] if there is no priority.
    pub fn severity(&self) -> u8 {
        self.priority.unwrap_or(PRIORITY_DEFAULT) & 7
    }

    fn bare(priority: Option<u8>, message: &'a [u8], format: Format) -> Message<'a> {
        Message {
            priority,
            timestamp_text: None,
            timestamp: None,
            timestamp_is_iso: false,
            host: None,
            program: None,
            pid: None,
            message_id: None,
            sequence: None,
            structured_data: StructuredData::default(),
            message,
            format,
        }
    }
}

/// Names of the facilities as Logstash's syslog input spells them.
pub const FACILITY_LABELS: [&str; 24] = [
    "kernel",
    "user-level",
    "mail",
    "system",
    "security/authorization",
    "syslogd",
    "line printer",
    "network news",
    "UUCP",
    "clock",
    "security/authorization",
    "FTP",
    "NTP",
    "log audit",
    "log alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

/// Names of the severities as Logstash's syslog input spells them.
pub const SEVERITY_LABELS: [&str; 8] = [
    "Emergency",
    "Alert",
    "Critical",
    "Error",
    "Warning",
    "Notice",
    "Informational",
    "Debug",
];

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Cuts a line. One line end and NULs after the text are no part of it.
pub fn parse<'a>(line: &'a [u8], reference: &Reference) -> Message<'a> {
    let line = trim(line);
    let (priority, rest) = priority(line);
    // The parsers fill the message in place, since it is too large to be moved about for nothing.
    let mut message = Message::bare(priority.value(), line, Format::Kept);
    if priority != Priority::Absent && rfc5424::parse(&mut message, rest, reference).is_some() {
        return message;
    }
    if rfc3164::parse(&mut message, priority, rest, reference).is_some() {
        return message;
    }
    second_opinion::parse(line, reference)
        .unwrap_or_else(|| Message::bare(priority.value(), line, Format::Kept))
}

/// What stands between `<` and `>` at the line's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Priority {
    Absent,
    /// One to three digits that are more than 191.
    OutOfRange,
    Valid(u8),
}

impl Priority {
    fn value(self) -> Option<u8> {
        match self {
            Priority::Valid(value) => Some(value),
            Priority::Absent | Priority::OutOfRange => None,
        }
    }
}

#[inline]
fn trim(line: &[u8]) -> &[u8] {
    let mut line = line;
    if let Some(b'\n' | b'\r' | 0) = line.last() {
        line = trim_nuls(line);
        line = line.strip_suffix(b"\n").unwrap_or(line);
        line = line.strip_suffix(b"\r").unwrap_or(line);
        line = trim_nuls(line);
    }
    without_mark(line)
}

fn trim_nuls(line: &[u8]) -> &[u8] {
    let mut line = line;
    while let Some(head) = line.strip_suffix(&[0]) {
        line = head;
    }
    line
}

#[inline]
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

#[inline]
fn priority(line: &[u8]) -> (Priority, &[u8]) {
    let digit = |byte: &u8| u16::from(byte - b'0');
    let (value, rest) = match line {
        [b'<', a @ b'0'..=b'9', b'>', rest @ ..] => (digit(a), rest),
        [b'<', a @ b'0'..=b'9', b @ b'0'..=b'9', b'>', rest @ ..] => {
            (digit(a) * 10 + digit(b), rest)
        }
        [
            b'<',
            a @ b'0'..=b'9',
            b @ b'0'..=b'9',
            c @ b'0'..=b'9',
            b'>',
            rest @ ..,
        ] => (digit(a) * 100 + digit(b) * 10 + digit(c), rest),
        _ => return (Priority::Absent, line),
    };
    match u8::try_from(value) {
        Ok(value @ 0..=191) => (Priority::Valid(value), rest),
        _ => (Priority::OutOfRange, rest),
    }
}

#[cfg(test)]
mod tests;
