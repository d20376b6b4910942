//! Time zones: a name or an offset in, the offset of an instant or of a local time out.
//!
//! The zone data is compiled in; the host's own files and its own zone are not asked.

use std::cmp::Ordering;
use std::sync::{LazyLock, OnceLock};

use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase, TimeZoneName};

use super::civil::{Local, NANOS_PER_SECOND};
use crate::error::Error;
use crate::spelling::nearest;

/// Hours that an offset may be away from UTC; ISO 8601 knows no larger ones than 23:59.
const OFFSET_SECONDS_MAX: i32 = 86_399;

/// Abbreviations of zones that are read everywhere, and their offsets in hours.
pub(crate) const ABBREVIATIONS: [(&[u8], i32); 10] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CST", -6),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
];

/// A time zone, by name with its history of summer times, or a fixed offset.
///
/// ```
/// use sawlog_parsers::timestamp::Zone;
///
/// let berlin = Zone::named("Europe/Berlin").expect("a zone of the database");
/// // 2026-11-20T16:46:09Z, in winter.
/// assert_eq!(berlin.offset_seconds(1_795_193_169_000_000_000), 3600);
/// assert!(Zone::named("Europe/Nowhere").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Zone(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Fixed(i32),
    Named(&'static TimeZone),
}

/// The zones of the database, by name without regard to case. Each is read when it is first asked for and kept, so that
/// a search takes no lock and no memory, which the database's own does.
static DATABASE: LazyLock<Box<[Entry]>> = LazyLock::new(|| {
    let entry = |name: TimeZoneName<'_>| Entry {
        name: name.as_str().into(),
        zone: OnceLock::new(),
    };
    let mut entries: Box<[Entry]> = TimeZoneDatabase::bundled().available().map(entry).collect();
    entries.sort_unstable_by(|one, other| compare(&one.name, &other.name));
    entries
});

struct Entry {
    name: Box<str>,
    zone: OnceLock<Option<TimeZone>>,
}

impl Entry {
    fn zone(&'static self) -> Option<&'static TimeZone> {
        let read = || TimeZoneDatabase::bundled().get(&self.name).ok();
        self.zone.get_or_init(read).as_ref()
    }
}

fn compare(one: &str, other: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    one.bytes().map(lower).cmp(other.bytes().map(lower))
}

impl Zone {
    /// UTC.
    ///
    /// ```
    /// assert_eq!(sawlog_parsers::timestamp::Zone::utc().offset_seconds(1_795_193_169_000_000_000), 0);
    /// ```
    pub fn utc() -> Zone {
        Zone(Kind::Fixed(0))
    }

    /// A fixed offset east of UTC. Offsets of a day or more are cut to one second less.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::Zone;
    ///
    /// assert_eq!(Zone::fixed(-5 * 3600).offset_seconds(0), -18_000);
    /// assert_eq!(Zone::fixed(100_000).offset_seconds(0), 86_399);
    /// ```
    pub fn fixed(seconds: i32) -> Zone {
        Zone(Kind::Fixed(
            seconds.clamp(-OFFSET_SECONDS_MAX, OFFSET_SECONDS_MAX),
        ))
    }

    /// A zone of the IANA database (`Europe/Berlin`, `EST5EDT`, `UTC`) or an offset (`+01:00`,
    /// `-0530`, `Z`). It costs a search of the database: find a zone once.
    ///
    /// # Errors
    ///
    /// Anything else; the error has the nearest name.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::Zone;
    ///
    /// let half = Zone::named("-03:30").expect("an offset");
    /// assert_eq!(half.offset_seconds(0), -12_600);
    /// assert!(Zone::named("Asia/Kolkata").is_ok());
    /// let error = Zone::named("Europe/Berlim").expect_err("a misspelt name");
    /// assert_eq!(error.to_string(), "unknown zone Europe/Berlim; did you mean Europe/Berlin?");
    /// ```
    pub fn named(name: &str) -> Result<Zone, Error> {
        Zone::find(name).ok_or_else(|| {
            let known = DATABASE.iter().map(|entry| &*entry.name);
            let advice = match nearest(name, known) {
                Some(near) => format!("did you mean {near}?"),
                None => {
                    "name one of the tz database such as Europe/Berlin, or an offset such as +02:00"
                        .to_owned()
                }
            };
            Error::new(format!("unknown zone {name}; {advice}"))
        })
    }

    /// The same for names that are likely none.
    pub(crate) fn find(name: &str) -> Option<Zone> {
        if let Some((seconds, used)) = super::fixed::offset(name.as_bytes())
            && used == name.len()
        {
            return Some(Zone::fixed(seconds));
        }
        if ["UTC", "GMT", "UT", "Etc/UTC", "Zulu"].contains(&name) {
            return Some(Zone::utc());
        }
        let found = DATABASE.binary_search_by(|entry| compare(&entry.name, name));
        let zone = DATABASE.get(found.ok()?)?.zone()?;
        Some(Zone(Kind::Named(zone)))
    }

    /// Seconds east of UTC at an instant in nanoseconds since 1970.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::Zone;
    ///
    /// let berlin = Zone::named("Europe/Berlin").expect("a zone of the database");
    /// let day = 86_400 * 1_000_000_000;
    /// // 2026-11-20 and 150 days before, in summer.
    /// assert_eq!(berlin.offset_seconds(1_795_193_169_000_000_000), 3600);
    /// assert_eq!(berlin.offset_seconds(1_795_193_169_000_000_000 - 150 * day), 7200);
    /// ```
    pub fn offset_seconds(&self, nanos: i64) -> i32 {
        match &self.0 {
            Kind::Fixed(seconds) => *seconds,
            Kind::Named(zone) => {
                let second = nanos.div_euclid(NANOS_PER_SECOND);
                // Any 64 bits of nanoseconds lie inside the years that jiff holds.
                jiff::Timestamp::from_second(second)
                    .map(|at| zone.to_offset(at).seconds())
                    .unwrap_or(0)
            }
        }
    }

    /// Nanoseconds since 1970 of a local time: the earlier instant where clocks were set back and
    /// it came twice, none where they were set forward and it never came (as Joda-Time decides,
    /// hence Logstash).
    pub(crate) fn nanos_of(&self, local: &Local) -> Option<i64> {
        match &self.0 {
            Kind::Fixed(seconds) => local.nanos_at(*seconds),
            Kind::Named(zone) => {
                let offset = local_offset(zone, local)?;
                local.nanos_at(offset)
            }
        }
    }
}

fn local_offset(zone: &TimeZone, local: &Local) -> Option<i32> {
    let civil = jiff::civil::DateTime::new(
        i16::try_from(local.year).ok()?,
        i8::try_from(local.month).ok()?,
        i8::try_from(local.day).ok()?,
        i8::try_from(local.hour).ok()?,
        i8::try_from(local.minute).ok()?,
        // A leap second has the offset of the second before it.
        i8::try_from(local.second.min(59)).ok()?,
        0,
    )
    .ok()?;
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => Some(offset.seconds()),
        AmbiguousOffset::Fold { before, .. } => Some(before.seconds()),
        AmbiguousOffset::Gap { .. } => None,
    }
}
