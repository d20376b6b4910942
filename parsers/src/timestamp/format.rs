//! Date formats that read: compiled once, then text in, nanoseconds since 1970 out.
//!
//! They are those of Logstash's `date` filter, which are Joda-Time's letters and the names `ISO8601`,
//! `UNIX`, `UNIX_MS` and `TAI64N`, and Java's (`java.time.format.DateTimeFormatter`). Names of months
//! and days are English, short or long, in any case; the whole text must match.

mod letters;
mod read;

use super::civil::NANOS_PER_SECOND;
use super::{Dialect, Error, Zone, epoch, fixed};
use letters::Item;

/// What a text may leave out.
///
/// ```
/// use sawlog_parsers::timestamp::{Context, Format, Zone};
///
/// let format = Format::compile("MMM dd HH:mm:ss")?;
/// // It is November 2026 in a place two hours east of UTC.
/// let zone = Zone::fixed(7200);
/// let context = Context { zone: &zone, now_nanos: 1_795_193_169_000_000_000 };
/// assert_eq!(format.parse(b"Nov 20 18:46:09", &context), Some(1_795_193_169_000_000_000));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Context<'z> {
    /// The zone of a time without one.
    pub zone: &'z Zone,
    /// The present in nanoseconds since 1970, which the year is taken from where the format has none.
    pub now_nanos: i64,
}

/// A compiled date format.
///
/// ```
/// use sawlog_parsers::timestamp::{Context, Format, Zone};
///
/// let berlin = Zone::named("Europe/Berlin").expect("a zone of the database");
/// // 2026-11-20T16:46:09Z.
/// let context = Context { zone: &berlin, now_nanos: 1_795_193_169_000_000_000 };
///
/// // Neither a year nor a zone in the text: both come from the context.
/// let format = Format::compile("MMM dd HH:mm:ss")?;
/// assert_eq!(format.parse(b"Nov 20 17:46:09", &context), Some(1_795_193_169_000_000_000));
/// assert_eq!(format.parse(b"Nov 31 17:46:09", &context), None);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Format(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Iso8601,
    Unix,
    UnixMillis,
    Tai64n,
    /// `dd/MMM/yyyy:HH:mm:ss Z`, which half of all access logs carry, before the general way.
    Http(Vec<Vec<Item>>),
    /// The ways to read it; more than one only if parts are optional.
    Ways(Vec<Vec<Item>>),
}

/// The largest number of seconds that `UNIX` takes, as in Logstash.
const UNIX_SECONDS_MAX: i64 = i32::MAX as i64;

impl Format {
    /// Compiles a format of the `date` filter: Joda-Time's letters, or one of the names `ISO8601`,
    /// `UNIX` (seconds, perhaps with a fraction), `UNIX_MS` (milliseconds) and `TAI64N`.
    ///
    /// Not read are a century (`C`) and the full name of a zone (`zzzz`). Names are English. The name of a weekday is read
    /// and not held against the date. `z` is one of `UTC`, `GMT`, `EST`, `EDT`, `CST`, `CDT`, `MST`, `MDT`, `PST` and `PDT`, each
    /// always with its own offset; Joda-Time takes `EST` as a time of New York, which has another one in summer.
    ///
    /// # Errors
    ///
    /// A letter that is not supported, a quote that does not end, an empty or an overlong format. The
    /// error names the column and what would work.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::Format;
    ///
    /// let error = Format::compile("yyyy-MM-ddTHH:mm:ss").expect_err("a T outside of quotes");
    /// assert_eq!(error.column(), Some(11));
    /// assert!(error.to_string().contains("'T'"));
    /// ```
    pub fn compile(text: &str) -> Result<Format, Error> {
        Format::compile_in(text, Dialect::Joda)
    }

    /// Compiles a format in the letters of Joda-Time or of Java, or one of the names that
    /// [`Format::compile`] takes.
    ///
    /// In Java's, numbers have as many digits as letters, fractions keep their nanoseconds, two digits
    /// of a year are of the years 2000 to 2099, and parts in brackets may be absent. Offsets are `X` to `XXXXX`,
    /// `x` to `xxxxx` and `Z` to `ZZZZZ`; up to three of these letters take them with and without minutes and colon.
    /// Not read are weeks (`Y` `w` `W` `e` `c`), quarters (`Q` `q`), the milliseconds and nanoseconds of a day
    /// (`A` `N`), periods of the day (`B`), the full name of a zone (`zzzz`) and padding (`p`). Names are English, those of
    /// zones and weekdays as in [`Format::compile`]. A day that its month lacks and `24:00` are refused, where Java would take
    /// the last day and the next; a year of one letter before other digits takes all of them.
    ///
    /// # Errors
    ///
    /// As [`Format::compile`], and brackets that do not close.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::{Context, Dialect, Format, Zone};
    ///
    /// let context = Context { zone: &Zone::utc(), now_nanos: 0 };
    /// let format = Format::compile_in("uuuu-MM-dd HH:mm:ss[.SSSSSS][ XXX]", Dialect::Java)?;
    /// let nanos = 1_795_193_169_929_473_000;
    /// assert_eq!(format.parse(b"2026-11-20 17:46:09.929473 +01:00", &context), Some(nanos));
    /// assert_eq!(format.parse(b"2026-11-20 16:46:09.929473", &context), Some(nanos));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn compile_in(text: &str, dialect: Dialect) -> Result<Format, Error> {
        let kind = match text {
            "ISO8601" => Kind::Iso8601,
            "UNIX" => Kind::Unix,
            "UNIX_MS" => Kind::UnixMillis,
            "TAI64N" => Kind::Tai64n,
            "dd/MMM/yyyy:HH:mm:ss Z" | "dd/MMM/YYYY:HH:mm:ss Z" if dialect == Dialect::Joda => {
                Kind::Http(letters::ways(text, dialect)?)
            }
            _ => Kind::Ways(letters::ways(text, dialect)?),
        };
        Ok(Format(kind))
    }

    /// Reads a text that matches from end to end; nanoseconds since 1970.
    ///
    /// `ISO8601` and Java's formats keep nanoseconds, the others are cut to milliseconds as in
    /// Logstash. A format without a year takes that of the present; December seen in January is of
    /// last year, January seen in December of next year. A local time that summer time skipped is
    /// `None`; one that came twice is the earlier.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::{Context, Format, Zone};
    ///
    /// let berlin = Zone::named("Europe/Berlin").expect("a zone of the database");
    /// let context = Context { zone: &berlin, now_nanos: 0 };
    /// let format = Format::compile("yyyy-MM-dd HH:mm")?;
    /// // Clocks are set forward at two and back at three.
    /// assert_eq!(format.parse(b"2026-03-29 02:30", &context), None);
    /// assert_eq!(format.parse(b"2026-10-25 02:30", &context), Some(1_792_888_200_000_000_000));
    /// assert_eq!(format.parse(b"2026-10-25 02:30 ", &context), None);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn parse(&self, text: &[u8], context: &Context<'_>) -> Option<i64> {
        match &self.0 {
            Kind::Iso8601 => {
                let (local, offset) = fixed::iso(text)?;
                match offset {
                    Some(seconds) => local.nanos_at(seconds),
                    None => context.zone.nanos_of(&local),
                }
            }
            Kind::Unix => epoch::unix(text)
                .filter(|nanos| nanos.div_euclid(NANOS_PER_SECOND) <= UNIX_SECONDS_MAX)
                .map(millis_only),
            Kind::UnixMillis => epoch::unix_ms(text),
            Kind::Tai64n => epoch::tai64n(text).map(millis_only),
            Kind::Http(ways) => match fixed::http(text) {
                Some((local, offset)) if local.second < 60 => local.nanos_at(offset),
                _ => first(ways, text, context),
            },
            Kind::Ways(ways) => first(ways, text, context),
        }
    }
}

fn first(ways: &[Vec<Item>], text: &[u8], context: &Context<'_>) -> Option<i64> {
    ways.iter()
        .find_map(|items| read::parse(items, text, context))
}

fn millis_only(nanos: i64) -> i64 {
    nanos - nanos % 1_000_000
}
