//! The formats of Logstash's `date` filter: compiled once, then text in, nanoseconds since 1970
//! out.
//!
//! They are Joda-Time's letters and the names `ISO8601`, `UNIX`, `UNIX_MS` and `TAI64N`. Numbers
//! may be shorter than their letters say, names may be short or long, in any case, and are English;
//! the whole text must match.

use super::civil::{Local, NANOS_PER_SECOND};
use super::tokens::{self, Token};
use super::{Error, Zone, clip_leap_day, epoch, fixed};

/// What a text may leave out.
#[derive(Clone, Copy, Debug)]
pub struct Context<'z> {
    /// The zone of a time without one.
    pub zone: &'z Zone,
    /// The present, which the year is taken from where the format has none.
    pub now_nanos: i64,
}

/// A compiled format of the `date` filter.
#[derive(Clone, Debug)]
pub struct Format(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Iso8601,
    Unix,
    UnixMillis,
    Tai64n,
    /// `dd/MMM/yyyy:HH:mm:ss Z`, which half of all access logs carry, before the general way.
    Http(Vec<Item>),
    Items(Vec<Item>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Literal(Box<[u8]>),
    Number(Field, usize),
    /// Two digits around the present; alone between other text it may also be a whole year.
    ShortYear {
        lenient: bool,
    },
    MonthName,
    WeekdayName,
    Halfday,
    Era,
    Fraction(usize),
    Zone(ZoneForm),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ZoneForm {
    /// `+0100`, `+01:00` or `Z`.
    Offset,
    /// `PST`.
    Abbreviation,
    /// `Europe/Berlin`.
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    DayOfYear,
    WeekYear,
    Week,
    Weekday,
    Hour,
    ClockHour,
    HalfdayHour,
    HalfdayClockHour,
    Minute,
    Second,
}

/// Joda-Time's `DateTimeFormat` gives a number without a neighbour up to nine digits of year.
const YEAR_DIGITS_MAX: usize = 9;

/// The largest number of seconds that `UNIX` takes, as in Logstash.
const UNIX_SECONDS_MAX: i64 = i32::MAX as i64;

/// Abbreviations that Joda-Time reads for `z`, and their offsets in hours.
const ABBREVIATIONS: [(&[u8], i32); 11] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"UT", 0),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CST", -6),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
];

const MONTHS: [&[u8]; 12] = [
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
];

const WEEKDAYS: [&[u8]; 7] = [
    b"monday",
    b"tuesday",
    b"wednesday",
    b"thursday",
    b"friday",
    b"saturday",
    b"sunday",
];

impl Format {
    /// Compiles a format of the `date` filter.
    pub fn compile(text: &str) -> Result<Format, Error> {
        let kind = match text {
            "ISO8601" => Kind::Iso8601,
            "UNIX" => Kind::Unix,
            "UNIX_MS" => Kind::UnixMillis,
            "TAI64N" => Kind::Tai64n,
            "dd/MMM/yyyy:HH:mm:ss Z" | "dd/MMM/YYYY:HH:mm:ss Z" => Kind::Http(items(text)?),
            _ => Kind::Items(items(text)?),
        };
        Ok(Format(kind))
    }

    /// Reads a text that matches from end to end; nanoseconds since 1970.
    ///
    /// `ISO8601` keeps nanoseconds, the others are cut to milliseconds as in Logstash. A format
    /// without a year takes that of the present; December seen in January is of last year, January
    /// seen in December of next year. A local time that summer time skipped is `None`; one that
    /// came twice is the earlier.
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
            Kind::Http(items) => match fixed::http(text) {
                Some((local, offset)) if local.second < 60 => local.nanos_at(offset),
                _ => parse_items(items, text, context),
            },
            Kind::Items(items) => parse_items(items, text, context),
        }
    }
}

fn millis_only(nanos: i64) -> i64 {
    nanos - nanos % 1_000_000
}

fn items(text: &str) -> Result<Vec<Item>, Error> {
    let tokens = tokens::cut(text)?;
    if tokens.is_empty() {
        return Err(Error::new("the date format is empty"));
    }
    let mut items = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let next_is_number = tokens.get(at + 1).is_some_and(is_number);
        items.push(match token {
            Token::Literal(literal) => Item::Literal(literal.as_bytes().into()),
            Token::Letters(letter, count) => item(*letter, *count, next_is_number, text)?,
        });
    }
    Ok(items)
}

fn is_number(token: &Token) -> bool {
    match token {
        Token::Literal(_) => false,
        Token::Letters('M', count) => *count <= 2,
        Token::Letters(letter, _) => "CxyYwdDehHmsSkKcF".contains(*letter),
    }
}

fn item(letter: char, count: usize, next_is_number: bool, text: &str) -> Result<Item, Error> {
    let year_digits = if next_is_number {
        count
    } else {
        YEAR_DIGITS_MAX
    };
    Ok(match letter {
        'y' | 'Y' if count == 2 => Item::ShortYear {
            lenient: !next_is_number,
        },
        'y' | 'Y' => Item::Number(Field::Year, year_digits),
        'x' => Item::Number(Field::WeekYear, year_digits),
        'M' if count <= 2 => Item::Number(Field::Month, 2),
        'M' => Item::MonthName,
        'd' => Item::Number(Field::Day, 2),
        'D' => Item::Number(Field::DayOfYear, 3),
        'w' => Item::Number(Field::Week, 2),
        'e' => Item::Number(Field::Weekday, 1),
        'E' => Item::WeekdayName,
        'a' => Item::Halfday,
        'G' => Item::Era,
        'H' => Item::Number(Field::Hour, 2),
        'k' => Item::Number(Field::ClockHour, 2),
        'K' => Item::Number(Field::HalfdayHour, 2),
        'h' => Item::Number(Field::HalfdayClockHour, 2),
        'm' => Item::Number(Field::Minute, 2),
        's' => Item::Number(Field::Second, 2),
        'S' => Item::Fraction(count),
        'Z' if count <= 2 => Item::Zone(ZoneForm::Offset),
        'Z' => Item::Zone(ZoneForm::Name),
        'z' if count <= 3 => Item::Zone(ZoneForm::Abbreviation),
        'z' => {
            return Err(Error::new(format!(
                "{text:?}: zones by their full name (zzzz) cannot be read; ZZZ reads names like Europe/Berlin"
            )));
        }
        _ => {
            return Err(Error::new(format!(
                "{text:?}: the letter {letter} means nothing in a date format; text stands in quotes, as in 'T'"
            )));
        }
    })
}

#[derive(Default)]
struct Parts {
    year: Option<i32>,
    month: Option<u8>,
    day: Option<u8>,
    day_of_year: Option<u16>,
    week_year: Option<i32>,
    week: Option<u32>,
    weekday: Option<u32>,
    hour: u8,
    halfday_hour: Option<u8>,
    afternoon: Option<bool>,
    minute: u8,
    second: u8,
    nanos: u32,
    offset: Option<i32>,
    zone: Option<Zone>,
}

fn parse_items(items: &[Item], text: &[u8], context: &Context<'_>) -> Option<i64> {
    let mut parts = Parts::default();
    let mut rest = text;
    for item in items {
        rest = parse_item(item, rest, &mut parts, context)?;
    }
    if rest.is_empty() {
        resolve(parts, context)
    } else {
        None
    }
}

fn parse_item<'t>(
    item: &Item,
    text: &'t [u8],
    parts: &mut Parts,
    context: &Context<'_>,
) -> Option<&'t [u8]> {
    let used = match item {
        Item::Literal(literal) => starts_with(text, literal).then_some(literal.len())?,
        Item::Number(field, digits_max) => {
            let (value, used) = number(text, *digits_max)?;
            parts.set(*field, value)?;
            used
        }
        Item::ShortYear { lenient } => {
            let (value, used) = number(text, if *lenient { YEAR_DIGITS_MAX } else { 2 })?;
            if !*lenient && used != 2 {
                return None;
            }
            let year = i32::try_from(value).ok()?;
            parts.year = Some(if used == 2 {
                around_now(year, context)
            } else {
                year
            });
            used
        }
        Item::MonthName => {
            let month = fixed::month(*text.first_chunk()?)?;
            parts.month = Some(month);
            let long = MONTHS.get(usize::from(month) - 1)?;
            if starts_with(text, long) {
                long.len()
            } else {
                3
            }
        }
        Item::WeekdayName => {
            let short = |name: &&&[u8]| starts_with(text, name.get(..3).unwrap_or(name));
            let long = WEEKDAYS.iter().find(short)?;
            if starts_with(text, long) {
                long.len()
            } else {
                3
            }
        }
        Item::Halfday => {
            parts.afternoon = Some(starts_with(text, b"PM"));
            (starts_with(text, b"AM") || starts_with(text, b"PM")).then_some(2)?
        }
        Item::Era => starts_with(text, b"AD").then_some(2)?,
        Item::Fraction(digits_max) => {
            let digits = text.get(..text.len().min(*digits_max))?;
            let (nanos, used) = fixed::fraction(digits);
            parts.nanos = nanos - nanos % 1_000_000;
            used
        }
        Item::Zone(form) => parse_zone(*form, text, parts)?,
    };
    text.get(used..)
}

/// The zone's part of a text; returns the bytes taken.
fn parse_zone(form: ZoneForm, text: &[u8], parts: &mut Parts) -> Option<usize> {
    match form {
        ZoneForm::Abbreviation => {
            let (name, hours) = ABBREVIATIONS
                .iter()
                .find(|(name, _)| text.starts_with(name))?;
            parts.offset = Some(hours * 3600);
            Some(name.len())
        }
        ZoneForm::Name => {
            let (zone, used) = zone_name(text)?;
            parts.zone = Some(zone);
            Some(used)
        }
        ZoneForm::Offset => {
            let (seconds, used) = fixed::offset(text)?;
            parts.offset = Some(seconds);
            Some(used)
        }
    }
}

/// Digits at the head of a text, at least one and at most `digits_max`, which is nine or less.
fn number(text: &[u8], digits_max: usize) -> Option<(u32, usize)> {
    let digits = text.get(..text.len().min(digits_max.min(YEAR_DIGITS_MAX)))?;
    let used = fixed::count_digits(digits);
    let value = digits
        .iter()
        .take(used)
        .fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
    (0 < used).then_some((value, used))
}

fn starts_with(text: &[u8], name: &[u8]) -> bool {
    text.get(..name.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(name))
}

/// A zone's name at the head of a text, the longest that the database knows.
fn zone_name(text: &[u8]) -> Option<(Zone, usize)> {
    /// Longer than any name of the database.
    const NAME_BYTES_MAX: usize = 40;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(byte);
    let most = text
        .iter()
        .take(NAME_BYTES_MAX)
        .take_while(|byte| is_part(byte))
        .count();
    (1..=most).rev().find_map(|used| {
        let name = std::str::from_utf8(text.get(..used)?).ok()?;
        Some((Zone::named(name)?, used))
    })
}

/// The year with these last two digits that lies nearest, as Joda-Time has it: 80 years back to 19
/// ahead.
fn around_now(two_digits: i32, context: &Context<'_>) -> i32 {
    let first = Local::of_nanos(context.now_nanos).year - 80;
    first + (two_digits - first).rem_euclid(100)
}

impl Parts {
    fn set(&mut self, field: Field, value: u32) -> Option<()> {
        let within = |least: u32, most: u32| (least <= value && value <= most).then_some(value);
        match field {
            Field::Year => self.year = Some(i32::try_from(value).ok()?),
            Field::WeekYear => self.week_year = Some(i32::try_from(within(0, 9999)?).ok()?),
            Field::Month => self.month = Some(within(1, 12)? as u8),
            Field::Day => self.day = Some(within(1, 31)? as u8),
            Field::DayOfYear => self.day_of_year = Some(within(1, 366)? as u16),
            Field::Week => self.week = Some(within(1, 53)?),
            Field::Weekday => self.weekday = Some(within(1, 7)?),
            Field::Hour => self.hour = within(0, 23)? as u8,
            Field::ClockHour => self.hour = (within(1, 24)? % 24) as u8,
            Field::HalfdayHour => self.halfday_hour = Some(within(0, 11)? as u8),
            Field::HalfdayClockHour => self.halfday_hour = Some((within(1, 12)? % 12) as u8),
            Field::Minute => self.minute = within(0, 59)? as u8,
            Field::Second => self.second = within(0, 59)? as u8,
        }
        Some(())
    }

    fn date(&self, context: &Context<'_>) -> Option<Local> {
        let now = || now_in_zone(context);
        let week_dated = self.week_year.is_some() || self.week.is_some();
        if week_dated && self.month.is_none() && self.day_of_year.is_none() {
            let year = self.week_year.or(self.year).unwrap_or_else(|| now().year);
            return fixed::week_date(year, self.week.unwrap_or(1), self.weekday.unwrap_or(1));
        }
        let month = self.month.unwrap_or(1);
        let year = self.year.unwrap_or_else(|| {
            let now = now();
            crate::syslog::nearest_year(now.year, now.month, month)
        });
        if let Some(day) = self.day_of_year
            && self.month.is_none()
        {
            return fixed::day_of_year(year, day);
        }
        let mut local = Local::midnight(year, month, self.day.unwrap_or(1));
        if self.year.is_none() {
            clip_leap_day(&mut local);
        }
        Some(local)
    }
}

/// The present day; only at a month's ends can the zone make another month of it.
fn now_in_zone(context: &Context<'_>) -> Local {
    let now = Local::of_nanos(context.now_nanos);
    if (2..=27).contains(&now.day) {
        return now;
    }
    let shift = i64::from(context.zone.offset_seconds(context.now_nanos)) * NANOS_PER_SECOND;
    Local::of_nanos(context.now_nanos.saturating_add(shift))
}

fn resolve(parts: Parts, context: &Context<'_>) -> Option<i64> {
    let mut local = parts.date(context)?;
    local.hour = match (parts.halfday_hour, parts.afternoon) {
        (Some(hour), afternoon) => hour + if afternoon == Some(true) { 12 } else { 0 },
        (None, _) => parts.hour,
    };
    (local.minute, local.second, local.nanos) = (parts.minute, parts.second, parts.nanos);
    if !local.is_real() {
        return None;
    }
    match (parts.offset, &parts.zone) {
        (Some(seconds), _) => local.nanos_at(seconds),
        (None, Some(zone)) => zone.nanos_of(&local),
        (None, None) => context.zone.nanos_of(&local),
    }
}
