//! collectd's binary network protocol: one UDP packet in, its values and notifications out, borrowed.
//!
//! A packet is a row of parts, each of a type, a length and a body. Most parts only say what holds from
//! there to the end of the packet (the host, the plugin, the time ...); a list of values or a message
//! then stands under what was said so far. [`parse`] walks the parts and gives an [`Item`] for each of
//! those that say something on their own. The format is described in collectd's wiki, "Binary protocol";
//! times of high resolution came with version 5.
//!
//! ```
//! use sawlog_parsers::collectd::{Item, Value, parse};
//!
//! let packet = b"\0\0\0\x0Bweb-17\0\
//!     \0\x02\0\x08app\0\
//!     \0\x04\0\x0Ccounter\0\
//!     \0\x06\0\x0F\0\x01\0\0\0\0\0\0\0\0\x63";
//! let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
//! assert_eq!(list.identifier.host, b"web-17");
//! assert_eq!(list.identifier.type_name, b"counter");
//! assert_eq!(list.values.iter().collect::<Vec<_>>(), [Value::Counter(99)]);
//! ```
//!
//! # The fields that Logstash makes
//!
//! Logstash's codec `collectd` makes one event of each list of values and of each message:
//!
//! | here | there |
//! |---|---|
//! | [`Identifier::host`] | `host` |
//! | [`Identifier::plugin`] | `plugin` |
//! | [`Identifier::plugin_instance`] | `plugin_instance`, absent when empty |
//! | [`Identifier::type_name`] | `collectd_type` |
//! | [`Identifier::type_instance`] | `type_instance`, absent when empty |
//! | [`ValueList::time`], [`Notification::time`] | `@timestamp` |
//! | [`ValueList::named`] | a field for each value: `value` for a single one, else the name from types.db |
//! | [`ValueList::interval`] | `interval`, in an event of its own, and only with `prune_intervals => false` |
//! | [`Notification::message`] | `message` |
//! | [`Notification::severity`] | `severity`, as a number: [`Severity::code`] |
//!
//! A gauge that is not a number is handed out like any other; what `nan_handling` does with it is the
//! caller's affair.
//!
//! # What is not here
//!
//! Sockets, keys, and the arithmetic of cryptography: a signature comes with the bytes that it covers, an
//! encrypted part with what is needed to decrypt it, and checking or decrypting them is the caller's.

mod parts;
mod types_db;
mod values;

pub use self::types_db::{DataSource, TypesDb};
pub use self::values::{Kind, Value, Values};

use std::iter::FusedIterator;
use std::time::Duration;

use self::parts::Part;

/// What stands in a packet.
///
/// ```
/// use sawlog_parsers::collectd::{Item, parse};
///
/// let told = |packet: &[u8]| parse(packet).next().map(|item| match item {
///     Item::Values(list) => format!("{} values", list.values.len()),
///     Item::Notification(notification) => String::from_utf8_lossy(notification.message).into_owned(),
///     Item::Signature(_) | Item::Encrypted(_) => "for the holder of a key".to_owned(),
///     Item::KeptWhole(rest) => format!("kept: {}", rest.reason.as_str()),
/// });
/// assert_eq!(told(b"\x01\0\0\x0Cstarted\0").as_deref(), Some("started"));
/// assert_eq!(told(b"\0\x02\0").as_deref(), Some("kept: header cut short"));
/// assert_eq!(told(b"\0\x02\0\x08cpu\0"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Values of one type, measured at one time.
    Values(ValueList<'a>),
    /// A message about something that happened.
    Notification(Notification<'a>),
    /// The rest of the packet is signed. What follows is given out nonetheless: a caller that asks for
    /// signatures checks this one first, and refuses packets that do not begin with one.
    Signature(Signature<'a>),
    /// Parts that only the holder of a key can read.
    Encrypted(Encrypted<'a>),
    /// The packet cannot be understood from here on; nothing follows.
    KeptWhole(KeptWhole<'a>),
}

/// What values or a message belong to. A text that the packet has not said is empty.
///
/// collectd writes these texts in UTF-8, but any bytes may come.
///
/// ```
/// use sawlog_parsers::collectd::{Identifier, Item, parse};
///
/// let packet = b"\0\x02\0\x0Einterface\0\0\x03\0\x09eth0\0\0\x06\0\x06\0\0";
/// let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
/// let want = Identifier { plugin: b"interface", plugin_instance: b"eth0", ..Identifier::default() };
/// assert_eq!(list.identifier, want);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identifier<'a> {
    /// The name of the machine that measured.
    pub host: &'a [u8],
    /// What measured: `cpu`, `interface`.
    pub plugin: &'a [u8],
    /// Which of several things the plugin measured: `eth0`.
    pub plugin_instance: &'a [u8],
    /// The name of the data set in types.db, which tells what the values are: `if_octets`.
    pub type_name: &'a [u8],
    /// Which of several values of this type it is: `idle`.
    pub type_instance: &'a [u8],
}

/// Values of one type, measured at one time.
///
/// ```
/// use std::time::Duration;
/// use sawlog_parsers::collectd::{Item, Value, parse};
///
/// let packet = b"\0\x01\0\x0C\0\0\0\0\x6B\0\x79\x51\0\x07\0\x0C\0\0\0\0\0\0\0\x0A\
///     \0\x06\0\x0F\0\x01\x02\0\0\0\0\0\0\0\x11";
/// let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
/// assert_eq!(list.time, Some(1_795_193_169_000_000_000));
/// assert_eq!(list.interval, Some(Duration::from_secs(10)));
/// assert_eq!(list.values.iter().next(), Some(Value::Derive(17)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueList<'a> {
    /// What was measured.
    pub identifier: Identifier<'a>,
    /// When it was measured, in nanoseconds since 1970; `None` if the packet does not say.
    pub time: Option<i64>,
    /// How far measurements are apart; `None` if the packet does not say.
    pub interval: Option<Duration>,
    /// The values, in the order of the data sources of the type.
    pub values: Values<'a>,
}

impl<'a> ValueList<'a> {
    /// The values with their names: a single one is `value`, several have the names that types.db gives
    /// the data sources of their type. `None` where it gives none, since the sender has another types.db.
    ///
    /// ```
    /// use sawlog_parsers::collectd::{Item, TypesDb, Value, parse};
    ///
    /// let mut types = TypesDb::new();
    /// types.add_file("types.db", b"if_octets rx:DERIVE:0:U, tx:DERIVE:0:U")?;
    /// let packet = b"\0\x04\0\x0Eif_octets\0\
    ///     \0\x06\0\x18\0\x02\x02\x02\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\x12";
    /// let Some(Item::Values(list)) = parse(packet).next() else { panic!("one list of values") };
    /// let named: Vec<_> = list.named(&types).collect();
    /// assert_eq!(named, [(Some("rx"), Value::Derive(17)), (Some("tx"), Value::Derive(18))]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn named<'t>(
        &self,
        types: &'t TypesDb,
    ) -> impl Iterator<Item = (Option<&'t str>, Value)> + use<'a, 't> {
        let single = self.values.len() == 1;
        let sources = types.sources(self.identifier.type_name).unwrap_or_default();
        let values = self.values.iter().enumerate();
        values.map(move |(index, value)| {
            let name = if single {
                Some("value")
            } else {
                sources.get(index).map(|source| source.name.as_str())
            };
            (name, value)
        })
    }
}

/// A message about something that happened.
///
/// ```
/// use sawlog_parsers::collectd::{Item, Severity, parse};
///
/// let packet = b"\0\x01\0\x0C\0\0\0\0\x6B\0\x79\x51\x01\x01\0\x0C\0\0\0\0\0\0\0\x04\x01\0\0\x0Cstarted\0";
/// let Some(Item::Notification(notification)) = parse(packet).next() else { panic!("one notification") };
/// assert_eq!(notification.time, Some(1_795_193_169_000_000_000));
/// assert_eq!((notification.severity, notification.message), (Some(Severity::Okay), &b"started"[..]));
/// assert_eq!(notification.identifier.host, b"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification<'a> {
    /// What it is about.
    pub identifier: Identifier<'a>,
    /// When it happened, in nanoseconds since 1970; `None` if the packet does not say.
    pub time: Option<i64>,
    /// How bad it is; `None` if the packet does not say.
    pub severity: Option<Severity>,
    /// The words.
    pub message: &'a [u8],
}

/// How bad the thing is that a notification tells of, with the numbers of the binary protocol.
///
/// ```
/// use sawlog_parsers::collectd::{Item, Severity, parse};
///
/// let packet = b"\x01\x01\0\x0C\0\0\0\0\0\0\0\x03\x01\0\0\x06?\0";
/// let Some(Item::Notification(notification)) = parse(packet).next() else { panic!("one notification") };
/// assert_eq!(notification.severity, Some(Severity::Other(3)));
/// assert_eq!(Severity::Failure.code(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// 1 in the packet.
    Failure,
    /// 2 in the packet.
    Warning,
    /// 4 in the packet.
    Okay,
    /// A number that the protocol gives no meaning.
    Other(u64),
}

impl Severity {
    /// The number in the packet.
    ///
    /// ```
    /// assert_eq!(sawlog_parsers::collectd::Severity::Okay.code(), 4);
    /// ```
    pub fn code(self) -> u64 {
        match self {
            Severity::Failure => 1,
            Severity::Warning => 2,
            Severity::Okay => 4,
            Severity::Other(code) => code,
        }
    }

    fn of_code(code: u64) -> Severity {
        match code {
            1 => Severity::Failure,
            2 => Severity::Warning,
            4 => Severity::Okay,
            _ => Severity::Other(code),
        }
    }
}

/// A signature. It is genuine if the HMAC-SHA256 of `covered`, keyed by the user's password, is `mac`.
///
/// ```
/// use sawlog_parsers::collectd::{Item, parse};
///
/// let packet = [&b"\x02\0\0\x29"[..], &[7; 32], b"alice", b"\0\x02\0\x08cpu\0"].concat();
/// let Some(Item::Signature(signature)) = parse(&packet).next() else { panic!("a signature") };
/// assert_eq!((signature.user, signature.mac), (&b"alice"[..], &[7; 32]));
/// assert_eq!(signature.covered, b"alice\0\x02\0\x08cpu\0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature<'a> {
    /// Who signed.
    pub user: &'a [u8],
    /// The message authentication code.
    pub mac: &'a [u8; 32],
    /// What it covers: the user's name and all that follows it in the packet.
    pub covered: &'a [u8],
}

/// Parts that were encrypted with AES-256 in output feedback mode; the key is the SHA-256 of the user's
/// password.
///
/// Decrypted, `payload` begins with the 20 bytes of the SHA-1 of what follows, and what follows is for
/// [`parse`] again.
///
/// ```
/// use sawlog_parsers::collectd::{Item, parse};
///
/// let packet = [&b"\x02\x10\0\x2D\0\x03bob"[..], &[1; 16], &[2; 20]].concat();
/// let Some(Item::Encrypted(encrypted)) = parse(&packet).next() else { panic!("an encrypted part") };
/// assert_eq!((encrypted.user, encrypted.payload), (&b"bob"[..], &[2; 20][..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encrypted<'a> {
    /// Whose password it is.
    pub user: &'a [u8],
    /// With what the cipher begins.
    pub initialization_vector: &'a [u8; 16],
    /// At least the 20 bytes of the checksum.
    pub payload: &'a [u8],
}

/// The rest of a packet that cannot be understood.
///
/// ```
/// use sawlog_parsers::collectd::{Item, Reason, parse};
///
/// let mut items = parse(b"\0\x06\0\x06\0\0\0\x02\0\x07cpu");
/// assert!(matches!(items.next(), Some(Item::Values(list)) if list.values.is_empty()));
/// let Some(Item::KeptWhole(rest)) = items.next() else { panic!("the text has no NUL") };
/// assert_eq!((rest.offset, rest.bytes), (6, &b"\0\x02\0\x07cpu"[..]));
/// assert_eq!(rest.reason, Reason::TextWithoutEnd);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptWhole<'a> {
    /// Where in the packet the faulty part begins.
    pub offset: usize,
    /// All bytes from there on. Parts behind the faulty one are in it too: they would stand under
    /// a name or a time that is not theirs.
    pub bytes: &'a [u8],
    /// What is wrong with the part.
    pub reason: Reason,
}

/// What is wrong with a part.
///
/// ```
/// use sawlog_parsers::collectd::{Item, Reason, parse};
///
/// let reason = |packet: &[u8]| match parse(packet).next() {
///     Some(Item::KeptWhole(rest)) => Some(rest.reason),
///     _ => None,
/// };
/// assert_eq!(reason(b"\0\x02\0\x09cpu\0"), Some(Reason::PartCut));
/// assert_eq!(reason(b"\0\x06\0\x0F\0\x01\x09\0\0\0\0\0\0\0\x11"), Some(Reason::UnknownKind));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Fewer than the four bytes of type and length are left.
    HeaderCut,
    /// The length is smaller than the header that it counts.
    LengthTooSmall,
    /// The length reaches beyond the end of the packet.
    PartCut,
    /// A text does not end with a NUL.
    TextWithoutEnd,
    /// A number has not eight bytes.
    NumberLength,
    /// The time lies beyond the year 2262, where nanoseconds in 64 bits end.
    TimeOutOfRange,
    /// The number of values does not agree with the part's length.
    ValuesLength,
    /// A value is of none of the four kinds.
    UnknownKind,
    /// A signature is too short for its 32 bytes and a user's name.
    SignatureCut,
    /// An encrypted part is too short for its user, its initialization vector and its checksum.
    EncryptedCut,
}

impl Reason {
    /// The reason in words, for a log or a metric.
    ///
    /// ```
    /// use sawlog_parsers::collectd::{Item, parse};
    ///
    /// let Some(Item::KeptWhole(rest)) = parse(b"\0\0").next() else { panic!("a header has four bytes") };
    /// assert_eq!(rest.reason.as_str(), "header cut short");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::HeaderCut => "header cut short",
            Reason::LengthTooSmall => "length smaller than the header",
            Reason::PartCut => "part cut short",
            Reason::TextWithoutEnd => "text without NUL at its end",
            Reason::NumberLength => "number without eight bytes",
            Reason::TimeOutOfRange => "time out of range",
            Reason::ValuesLength => "number of values and length disagree",
            Reason::UnknownKind => "unknown kind of value",
            Reason::SignatureCut => "signature cut short",
            Reason::EncryptedCut => "encrypted part cut short",
        }
    }
}

/// Walks through the parts of a packet. Nothing is copied and the time is linear in the packet.
///
/// What the parts before have said holds for each item, within this packet only. Parts of unknown types
/// are skipped, as the protocol asks for, and counted: see [`Items::unknown_parts`].
///
/// ```
/// use sawlog_parsers::collectd::{Item, Severity, parse};
///
/// let packet = b"\x01\x01\0\x0C\0\0\0\0\0\0\0\x02\0\x02\0\x09load\0\x01\0\0\x11load is high\0";
/// let mut items = parse(packet);
/// let Some(Item::Notification(notification)) = items.next() else { panic!("one notification") };
/// assert_eq!(notification.severity, Some(Severity::Warning));
/// assert_eq!(notification.identifier.plugin, b"load");
/// assert_eq!(notification.message, b"load is high");
/// assert_eq!((items.next(), items.unknown_parts()), (None, 0));
/// ```
pub fn parse(packet: &[u8]) -> Items<'_> {
    Items {
        packet,
        rest: packet,
        identifier: Identifier::default(),
        time: None,
        interval: None,
        severity: None,
        unknown_parts: 0,
    }
}

/// The items of a packet, see [`parse`].
///
/// ```
/// use sawlog_parsers::collectd::parse;
///
/// assert_eq!(parse(b"\0\x06\0\x06\0\0").count(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Items<'a> {
    packet: &'a [u8],
    rest: &'a [u8],
    identifier: Identifier<'a>,
    time: Option<i64>,
    interval: Option<Duration>,
    severity: Option<Severity>,
    unknown_parts: usize,
}

impl<'a> Items<'a> {
    /// How many parts were skipped so far because their type is not known.
    ///
    /// ```
    /// use sawlog_parsers::collectd::parse;
    ///
    /// // A part of type 0x7777 and five bytes, its head among them.
    /// let mut items = parse(b"\x77\x77\0\x05!");
    /// assert_eq!((items.next(), items.unknown_parts()), (None, 1));
    /// ```
    pub fn unknown_parts(&self) -> usize {
        self.unknown_parts
    }

    /// Notes what a part says, or makes an item of it.
    fn note(&mut self, part: Part<'a>) -> Option<Item<'a>> {
        match part {
            Part::Host(text) => self.identifier.host = text,
            Part::Plugin(text) => self.identifier.plugin = text,
            Part::PluginInstance(text) => self.identifier.plugin_instance = text,
            Part::TypeName(text) => self.identifier.type_name = text,
            Part::TypeInstance(text) => self.identifier.type_instance = text,
            Part::Time(nanos) => self.time = Some(nanos),
            Part::Interval(interval) => self.interval = Some(interval),
            Part::Severity(code) => self.severity = Some(Severity::of_code(code)),
            Part::Unknown => self.unknown_parts += 1,
            Part::Values(values) => {
                return Some(Item::Values(ValueList {
                    identifier: self.identifier,
                    time: self.time,
                    interval: self.interval,
                    values,
                }));
            }
            Part::Message(message) => {
                return Some(Item::Notification(Notification {
                    identifier: self.identifier,
                    time: self.time,
                    severity: self.severity,
                    message,
                }));
            }
            Part::Signature(signature) => return Some(Item::Signature(signature)),
            Part::Encrypted(encrypted) => return Some(Item::Encrypted(encrypted)),
        }
        None
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        while !self.rest.is_empty() {
            match parts::part(self.rest) {
                Ok((rest, part)) => {
                    self.rest = rest;
                    if let Some(item) = self.note(part) {
                        return Some(item);
                    }
                }
                Err(reason) => {
                    let bytes = std::mem::take(&mut self.rest);
                    return Some(Item::KeptWhole(KeptWhole {
                        offset: self.packet.len() - bytes.len(),
                        bytes,
                        reason,
                    }));
                }
            }
        }
        None
    }
}

impl FusedIterator for Items<'_> {}

#[cfg(test)]
mod tests;
