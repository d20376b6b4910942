//! Syslog: one message in, its header's fields and its text out, borrowed from the line.
//!
//! Taken are RFC 5424 with structured data, RFC 3164, the three formats of Docker's log driver (one of
//! them has no host), and what devices really send in their name: network devices' sequence numbers,
//! marks and zones, years before or after the time, weekdays, fractions, ISO 8601, seconds since 1970,
//! no seconds, no priority, no time, no host, a relay's header before the sender's. Nothing is ever refused: what no
//! parser understands comes back whole, as [`Format::Kept`]. Frames of a TCP stream are cut in
//! [`framing`](crate::framing).
//!
//! The formats are told by the two RFCs, by Docker's documentation ("Syslog logging driver") and by Cisco's of
//! IOS ("System Message Logging") and of Meraki ("Syslog Event Types and Log Samples").
//!
//! ```
//! use sawlog_parsers::syslog::{Format, Reference, parse};
//!
//! // What the stamp leaves out: the year and the sender's zone.
//! let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 3600 };
//! let message = parse(b"<30>Nov 20 17:46:09 docker/nginx:1.25[7]:   GET /\n", &reference);
//! assert_eq!(message.format, Format::DockerEmpty);
//! assert_eq!((message.facility(), message.severity()), (3, 6));
//! assert_eq!(message.timestamp, Some(1_795_193_169_000_000_000));
//! assert_eq!(message.program, Some(&b"docker/nginx:1.25"[..]));
//! assert_eq!(message.pid, Some(&b"7"[..]));
//! assert_eq!(message.message, b"  GET /");
//!
//! let kept = parse(b"no header at all", &reference);
//! assert_eq!((kept.format, kept.message), (Format::Kept, &b"no header at all"[..]));
//! ```

mod rfc3164;
mod rfc5424;
mod second_opinion;
mod structured_data;
mod tag;

pub use structured_data::{StructuredData, unescape_value};

/// What a stamp without a year or a zone is completed with; the library asks no clock.
///
/// ```
/// use sawlog_parsers::syslog::{Reference, parse};
///
/// let line = b"<13>Dec 31 23:59:59 web-17 shop: ready";
/// // Seen in January, the stamp is of the year before; the sender is an hour east of UTC.
/// let reference = Reference { year: 2027, month: 1, utc_offset_seconds: 3600 };
/// assert_eq!(parse(line, &reference).timestamp, Some(1_798_757_999_000_000_000));
/// ```
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
    /// What is needed of an instant in nanoseconds since 1970, usually that of receipt, given the
    /// senders' offset in seconds east of UTC.
    ///
    /// ```
    /// use sawlog_parsers::syslog::Reference;
    ///
    /// // One second before 2027 in UTC.
    /// let reference = Reference::at(1_798_761_599_000_000_000, 3600);
    /// assert_eq!((reference.year, reference.month), (2027, 1));
    /// ```
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
///
/// ```
/// use sawlog_parsers::syslog::{Format, Reference, parse};
///
/// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
/// let format = |line: &str| parse(line.as_bytes(), &reference).format;
/// assert_eq!(format("<30>1 2026-11-20T16:46:09Z web-17 shop 7 - - ready"), Format::Rfc5424);
/// assert_eq!(format("<30>Nov 20 16:46:09 web-17 shop[7]: ready"), Format::Rfc3164);
/// assert_eq!(format("<30>Nov 20 16:46:09 shop[7]: ready"), Format::DockerEmpty);
/// assert_eq!(format("<189>47: Nov 20 16:46:09: %LINK-3-UPDOWN: up"), Format::Cisco);
/// assert_eq!(format("<30>shop[7]: ready"), Format::Untimed);
/// assert_eq!(format("ready"), Format::Kept);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 5424, section 6: a version after the priority, then fields up to a blank each.
    Rfc5424,
    /// RFC 3164, section 4, and its relatives: a time, then a host, then perhaps a program.
    Rfc3164,
    /// A time and a program but no host: Docker's log driver without `syslog-format`, and `syslog(3)`
    /// of the C library.
    DockerEmpty,
    /// A network device's: a colon after the time, perhaps a sequence number before it.
    Cisco,
    /// A priority and a program but no time.
    Untimed,
    /// Understood by the crate `syslog_loose` only, which is asked second.
    SecondOpinion,
    /// Not understood: the message is the whole line. The priority is there if the line begins with
    /// one.
    Kept,
}

/// One message. Texts are parts of the line; what is absent, or `-` in RFC 5424, is `None`.
///
/// ```
/// use sawlog_parsers::syslog::{Reference, parse};
///
/// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
/// let message = parse(b"<165>1 2026-11-20T16:46:09Z web-17 shop 7 M1 [a@1 b=\"c\"] ready", &reference);
/// assert_eq!((message.priority, message.facility(), message.severity()), (Some(165), 20, 5));
/// assert_eq!((message.timestamp, message.timestamp_is_iso), (Some(1_795_193_169_000_000_000), true));
/// assert_eq!((message.host, message.program), (Some(&b"web-17"[..]), Some(&b"shop"[..])));
/// assert_eq!((message.pid, message.message_id), (Some(&b"7"[..]), Some(&b"M1"[..])));
/// assert_eq!((message.structured_data.raw(), message.message), (&b"[a@1 b=\"c\"]"[..], &b"ready"[..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
///
/// ```
/// use sawlog_parsers::syslog::{PRIORITY_DEFAULT, Reference, parse};
///
/// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
/// let message = parse(b"Nov 20 16:46:09 web-17 shop: ready", &reference);
/// assert_eq!(message.priority, None);
/// assert_eq!(message.facility() * 8 + message.severity(), PRIORITY_DEFAULT);
/// ```
pub const PRIORITY_DEFAULT: u8 = 13;

impl<'a> Message<'a> {
    /// The facility's code, 0 to 23; that of [`PRIORITY_DEFAULT`] if there is no priority.
    ///
    /// ```
    /// use sawlog_parsers::syslog::{Reference, parse};
    ///
    /// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
    /// assert_eq!(parse(b"<165>ready", &reference).facility(), 20);
    /// assert_eq!(parse(b"ready", &reference).facility(), 1);
    /// ```
    pub fn facility(&self) -> u8 {
        self.priority.unwrap_or(PRIORITY_DEFAULT) >> 3
    }

    /// The severity's code, 0 to 7; that of [`PRIORITY_DEFAULT`] if there is no priority.
    ///
    /// ```
    /// use sawlog_parsers::syslog::{Reference, parse};
    ///
    /// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
    /// assert_eq!(parse(b"<165>ready", &reference).severity(), 5);
    /// assert_eq!(parse(b"ready", &reference).severity(), 5);
    /// ```
    pub fn severity(&self) -> u8 {
        self.priority.unwrap_or(PRIORITY_DEFAULT) & 7
    }

    #[inline]
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

/// Names of the facilities by their code (RFC 5424, table 1), as Logstash's syslog input spells them.
///
/// ```
/// use sawlog_parsers::syslog::{FACILITY_LABELS, Reference, parse};
///
/// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
/// let message = parse(b"<22>Nov 20 16:46:09 mx-1 postfix/smtpd[7]: connect", &reference);
/// assert_eq!(FACILITY_LABELS[usize::from(message.facility())], "mail");
/// ```
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

/// Names of the severities by their code (RFC 5424, table 2), as Logstash's syslog input spells them.
///
/// ```
/// use sawlog_parsers::syslog::{Reference, SEVERITY_LABELS, parse};
///
/// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
/// let message = parse(b"<22>Nov 20 16:46:09 mx-1 postfix/smtpd[7]: connect", &reference);
/// assert_eq!(SEVERITY_LABELS[usize::from(message.severity())], "Informational");
/// ```
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

/// Cuts a line of any bytes and any length. One line end (LF, CR LF or CR) and NULs after the text
/// are no part of it, nor is a byte order mark before the line or the text.
///
/// It never fails, takes time linear in the line, and allocates only for a line that is left to the
/// second parser.
///
/// ```
/// use sawlog_parsers::syslog::{Format, Reference, parse};
///
/// let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 0 };
/// let message = parse(b"<189>237: *Nov 20 16:46:09.295: %SYS-5-CONFIG_I: Configured", &reference);
/// assert_eq!((message.format, message.sequence), (Format::Cisco, Some(&b"237"[..])));
///
/// let message = parse(b"<165>1 2026-11-20T16:46:09Z web app 8 ID47 [a b=\"c\"] text", &reference);
/// assert_eq!((message.format, message.message_id), (Format::Rfc5424, Some(&b"ID47"[..])));
/// ```
pub fn parse<'a>(line: &'a [u8], reference: &Reference) -> Message<'a> {
    let line = trim(line);
    let (priority, rest) = priority(line);
    // The parsers fill the message in place and it is left by one way, since it is too large to be
    // moved about for nothing.
    let mut message = Message::bare(priority.value(), line, Format::Kept);
    if !is_ours(&mut message, priority, rest, reference) {
        message = other(priority, line, reference);
    }
    message
}

/// What our own parsers do not take.
#[cold]
#[inline(never)]
fn other<'a>(priority: Priority, line: &'a [u8], reference: &Reference) -> Message<'a> {
    second_opinion::parse(line, reference)
        .unwrap_or_else(|| Message::bare(priority.value(), line, Format::Kept))
}

/// Whether one of our own parsers took the line and filled the message.
#[inline]
fn is_ours<'a>(
    message: &mut Message<'a>,
    priority: Priority,
    rest: &'a [u8],
    reference: &Reference,
) -> bool {
    (priority != Priority::Absent && rfc5424::parse(message, rest, reference).is_some())
        || rfc3164::parse(message, priority, rest, reference).is_some()
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
