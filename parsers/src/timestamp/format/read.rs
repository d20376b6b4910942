//! Reads a text by the items of a compiled format: text in, nanoseconds since 1970 out.

use super::Context;
use super::letters::{Century, Colons, Field, Fraction, Item, YEAR_DIGITS_MAX, ZoneForm, Zulu};
use crate::timestamp::civil::{Local, MONTHS, NANOS_PER_SECOND, WEEKDAYS};
use crate::timestamp::zone::ABBREVIATIONS;
use crate::timestamp::{Zone, clip_leap_day, fixed};

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

pub(super) fn parse(items: &[Item], text: &[u8], context: &Context<'_>) -> Option<i64> {
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
        Item::Number(field, digits_min, digits_max) => {
            let (value, used) = number(text, *digits_max)?;
            if used < *digits_min {
                return None;
            }
            parts.set(*field, value)?;
            used
        }
        Item::ShortYear(century) => short_year(*century, text, parts, context)?,
        Item::MonthName => {
            let month = fixed::month(*text.first_chunk()?)?;
            parts.month = Some(month);
            let long = MONTHS.get(usize::from(month) - 1)?;
            if starts_with(text, long.as_bytes()) {
                long.len()
            } else {
                3
            }
        }
        Item::WeekdayName => {
            let short = |name: &&&str| starts_with(text, &name.as_bytes()[..3]);
            let long = WEEKDAYS.iter().find(short)?;
            if starts_with(text, long.as_bytes()) {
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
        Item::Fraction(Fraction::UpToMillis(digits_max)) => {
            let digits = text.get(..text.len().min(*digits_max))?;
            let (nanos, used) = fixed::fraction(digits);
            parts.nanos = nanos - nanos % 1_000_000;
            (0 < used).then_some(used)?
        }
        Item::Fraction(Fraction::Exactly(digits)) => {
            let (nanos, used) = fixed::fraction(text.get(..*digits)?);
            parts.nanos = nanos;
            (used == *digits).then_some(used)?
        }
        Item::Zone(form) => parse_zone(*form, text, parts)?,
    };
    text.get(used..)
}

/// The year's part of a text, perhaps of two digits; returns the bytes taken.
fn short_year(
    century: Century,
    text: &[u8],
    parts: &mut Parts,
    context: &Context<'_>,
) -> Option<usize> {
    let is_whole = century == Century::NearestOrWhole;
    let (value, used) = number(text, if is_whole { YEAR_DIGITS_MAX } else { 2 })?;
    let year = i32::try_from(value).ok()?;
    parts.year = Some(match (century, used) {
        (Century::Third, 2) => 2000 + year,
        (Century::Nearest | Century::NearestOrWhole, 2) => around_now(year, context),
        (Century::NearestOrWhole, _) => year,
        (Century::Third | Century::Nearest, _) => return None,
    });
    Some(used)
}

/// The zone's part of a text; returns the bytes taken.
fn parse_zone(form: ZoneForm, text: &[u8], parts: &mut Parts) -> Option<usize> {
    match form {
        ZoneForm::Abbreviation => {
            // Joda-Time knows one more; it begins like another one and comes behind it.
            let (name, hours) = ABBREVIATIONS
                .into_iter()
                .chain([(&b"UT"[..], 0)])
                .find(|(name, _)| text.starts_with(name))?;
            parts.offset = Some(hours * 3600);
            Some(name.len())
        }
        ZoneForm::Name => {
            let (zone, used) = zone_name(text)?;
            parts.zone = Some(zone);
            Some(used)
        }
        ZoneForm::Greenwich => {
            let (seconds, used) = greenwich(text)?;
            parts.offset = Some(seconds);
            Some(used)
        }
        ZoneForm::Offset => {
            let (seconds, used) = fixed::offset(text)?;
            parts.offset = Some(seconds);
            Some(used)
        }
        ZoneForm::Digits => {
            let signed = text.starts_with(b"+") || text.starts_with(b"-");
            let (seconds, used) = signed.then(|| fixed::offset(text)).flatten()?;
            parts.offset = Some(seconds);
            Some(used)
        }
        ZoneForm::Seconds(colons, zulu) => {
            let (seconds, used) = match text {
                [b'Z' | b'z', ..] if zulu == Zulu::Taken => (0, 1),
                text => offset_to_seconds(text, colons)?,
            };
            parts.offset = Some(seconds);
            Some(used)
        }
    }
}

/// A sign, two digits of hours and of minutes, and of seconds where two more follow: the offset and the bytes taken.
fn offset_to_seconds(text: &[u8], colons: Colons) -> Option<(i32, usize)> {
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, used) = number(text.get(1..3)?, 2)?;
    let sixtieth = |at: usize| {
        let rest = text.get(at..)?;
        let (digits, lead) = match colons {
            Colons::Written => (rest.strip_prefix(b":")?, 1),
            Colons::Absent => (rest, 0),
        };
        let (value, used) = number(digits, 2)?;
        (used == 2 && value <= 59).then_some((value, at + lead + used))
    };
    let (minutes, end) = sixtieth(3)?;
    let (seconds, end) = sixtieth(end).unwrap_or((0, end));
    let total = hours * 3600 + minutes * 60 + seconds;
    (used == 2 && hours <= 23).then_some((sign * total as i32, end))
}

/// `GMT`, perhaps with hours of one digit or two, perhaps with minutes.
fn greenwich(text: &[u8]) -> Option<(i32, usize)> {
    let rest = text.strip_prefix(b"GMT")?;
    let sign = match rest.first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some((0, 3)),
    };
    let (hours, used) = number(rest.get(1..)?, 2)?;
    let (minutes, length) = match rest.get(1 + used..) {
        Some([b':', tens, ones, ..]) => (fixed::pair(*tens, *ones), 3),
        _ => (0, 0),
    };
    let seconds = (hours * 3600).checked_add(minutes.checked_mul(60)?)?;
    (hours <= 23 && minutes <= 59).then_some((sign * seconds as i32, 4 + used + length))
}

/// Digits at the head of a text, at least one and at most `digits_max`, which is nine or less.
fn number(text: &[u8], digits_max: usize) -> Option<(u32, usize)> {
    let (mut value, mut used) = (0, 0);
    for byte in text.iter().take(digits_max.min(YEAR_DIGITS_MAX)) {
        let digit = byte.wrapping_sub(b'0');
        if 9 < digit {
            break;
        }
        value = value * 10 + u32::from(digit);
        used += 1;
    }
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
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_+-:".contains(byte);
    let most = text
        .iter()
        .take(NAME_BYTES_MAX)
        .take_while(|byte| is_part(byte))
        .count();
    (1..=most).rev().find_map(|used| {
        let name = std::str::from_utf8(text.get(..used)?).ok()?;
        Some((Zone::find(name)?, used))
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
            Field::NanoOfSecond => self.nanos = value,
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
