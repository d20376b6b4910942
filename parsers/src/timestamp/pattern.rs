//! Output formats: compiled once, then nanoseconds since 1970 in, text in UTC out.
//!
//! Two dialects share most letters and differ in some: Joda-Time's (`%{+YYYY.MM.dd}`), where `Y` is
//! the year of the era and fractions end at milliseconds, and Java's (`%{{yyyy-MM-dd}}`), where `Y`
//! is the week year. Names are English.

use super::civil::{Local, MONTHS, NANOS_PER_SECOND, SECONDS_PER_DAY, WEEKDAYS, week_of};
use super::tokens::{self, Token};
use super::{Error, write_padded};

/// Whose letters a format is written in: they agree in most.
///
/// ```
/// use sawlog_parsers::timestamp::{Dialect, Pattern};
///
/// // 2027-12-31, which is in the first week of 2028 as the United States count.
/// let nanos = 1_830_211_200_000_000_000;
/// for (dialect, want) in [(Dialect::Joda, "2027"), (Dialect::Java, "2028")] {
///     let mut year = Vec::new();
///     Pattern::compile("YYYY", dialect)?.write(nanos, &mut year);
///     assert_eq!(year, want.as_bytes());
/// }
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Joda-Time's `DateTimeFormat`: `%{+YYYY.MM.dd}` and the `date` filter. Written, the text `%s`
    /// alone is seconds since 1970.
    Joda,
    /// Java's `java.time.format.DateTimeFormatter`: `%{{yyyy-MM-dd}}`.
    Java,
}

/// A compiled output format.
///
/// ```
/// use sawlog_parsers::timestamp::{Dialect, Pattern};
///
/// let pattern = Pattern::compile("'logs-'YYYY.MM.dd", Dialect::Joda)?;
/// let mut name = Vec::new();
/// pattern.write(1_795_193_169_000_000_000, &mut name);
/// assert_eq!(name, b"logs-2026.11.20");
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Fixed(&'static str),
    Number(Field, usize),
    MonthShort,
    MonthLong,
    MonthInitial,
    WeekdayShort,
    WeekdayLong,
    WeekdayInitial,
    Quarter,
    Halfday,
    /// Digits of the fraction, and the digits after which only zeros follow.
    Fraction(usize, usize),
    EpochSeconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    YearOfCentury,
    Century,
    WeekYear(Weeks),
    WeekYearOfCentury(Weeks),
    Week(Weeks),
    Month,
    Quarter,
    Day,
    DayOfYear,
    /// Monday is 1 in ISO's week, Sunday in the American one.
    Weekday(Weeks),
    Hour,
    ClockHour,
    HalfdayHour,
    HalfdayClockHour,
    Minute,
    Second,
    MilliOfDay,
    NanoOfSecond,
    NanoOfDay,
}

/// Java takes weeks from the locale; Logstash's image runs in that of the United States.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weeks {
    Iso,
    American,
}

/// Width of one number at most: it bounds what a format writes; no number of use is wider.
const WIDTH_MAX: usize = 19;

impl Pattern {
    /// Compiles an output format.
    ///
    /// Of Java's letters these are not written: weeks of a month and weekdays by themselves (`W` `F` `c`), short and narrow
    /// quarters (`QQQQ`, `QQQQQ`), narrow eras (`GGGGG`), periods of the day (`B`), Julian days (`g`) and generic zones (`v`).
    ///
    /// # Errors
    ///
    /// A letter that is not supported in the dialect, a quote that does not end, an empty or an overlong
    /// format. The error names the column and what would work.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::{Dialect, Pattern};
    ///
    /// let error = Pattern::compile("YYYY.MM.dd-XXX", Dialect::Joda).expect_err("Java's letters");
    /// assert_eq!(error.column(), Some(12));
    /// ```
    pub fn compile(text: &str, dialect: Dialect) -> Result<Pattern, Error> {
        if dialect == Dialect::Joda && text == "%s" {
            return Ok(Pattern {
                pieces: vec![Piece::EpochSeconds],
            });
        }
        let tokens = tokens::cut(text, dialect)?;
        let mut pieces = Vec::with_capacity(tokens.len());
        for (at, token) in tokens {
            pieces.push(match token {
                Token::Literal(literal) => Piece::Literal(literal.into()),
                Token::Letters(letter, count) if WIDTH_MAX < count => {
                    let message = format!(
                        "the letter {letter} stands {count} times; {WIDTH_MAX} are allowed"
                    );
                    return Err(Error::new(message).at_offset(text, at));
                }
                Token::Letters(letter, count) => shared(letter, count)
                    .or_else(|| match dialect {
                        Dialect::Joda => joda(letter, count),
                        Dialect::Java => java(letter, count),
                    })
                    .ok_or_else(|| tokens::unknown(letter, count, dialect).at_offset(text, at))?,
                // What is optional when read is there when written.
                Token::Open | Token::Close => continue,
            });
        }
        Ok(Pattern { pieces })
    }

    /// Whether what it writes changes within a day; where it does not, a caller may keep the text
    /// per day.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::{Dialect, Pattern};
    ///
    /// assert!(!Pattern::compile("YYYY.MM.dd", Dialect::Joda)?.changes_within_a_day());
    /// assert!(Pattern::compile("YYYY.MM.dd.HH", Dialect::Joda)?.changes_within_a_day());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn changes_within_a_day(&self) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Halfday | Piece::Fraction(..) | Piece::EpochSeconds => true,
            Piece::Number(field, _) => matches!(
                field,
                Field::Hour
                    | Field::ClockHour
                    | Field::HalfdayHour
                    | Field::HalfdayClockHour
                    | Field::Minute
                    | Field::Second
                    | Field::MilliOfDay
                    | Field::NanoOfSecond
                    | Field::NanoOfDay
            ),
            Piece::Literal(_)
            | Piece::Fixed(_)
            | Piece::MonthShort
            | Piece::MonthLong
            | Piece::MonthInitial
            | Piece::WeekdayShort
            | Piece::WeekdayLong
            | Piece::WeekdayInitial
            | Piece::Quarter => false,
        })
    }

    /// Appends the text of an instant in nanoseconds since 1970, in UTC.
    ///
    /// ```
    /// use sawlog_parsers::timestamp::{Dialect, Pattern};
    ///
    /// let mut text = b"at ".to_vec();
    /// Pattern::compile("HH:mm:ss.SSS", Dialect::Joda)?.write(1_795_193_169_929_473_720, &mut text);
    /// assert_eq!(text, b"at 16:46:09.929");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn write(&self, nanos: i64, out: &mut Vec<u8>) {
        let local = Local::of_nanos(nanos);
        for piece in &self.pieces {
            write_piece(piece, &local, nanos, out);
        }
    }
}

fn shared(letter: char, count: usize) -> Option<Piece> {
    let number = |field| Some(Piece::Number(field, count));
    match letter {
        'y' if count == 2 => number(Field::YearOfCentury),
        'y' => number(Field::Year),
        'M' if count < 5 => month(count),
        'd' => number(Field::Day),
        'D' => number(Field::DayOfYear),
        'a' => Some(Piece::Halfday),
        'H' => number(Field::Hour),
        'k' => number(Field::ClockHour),
        'K' => number(Field::HalfdayHour),
        'h' => number(Field::HalfdayClockHour),
        'm' => number(Field::Minute),
        's' => number(Field::Second),
        _ => None,
    }
}

fn month(count: usize) -> Option<Piece> {
    Some(match count {
        1 | 2 => Piece::Number(Field::Month, count),
        3 => Piece::MonthShort,
        5 => Piece::MonthInitial,
        _ => Piece::MonthLong,
    })
}

fn joda(letter: char, count: usize) -> Option<Piece> {
    let number = |field| Some(Piece::Number(field, count));
    match letter {
        'Y' if count == 2 => number(Field::YearOfCentury),
        'Y' => number(Field::Year),
        'C' => number(Field::Century),
        'x' if count == 2 => number(Field::WeekYearOfCentury(Weeks::Iso)),
        'x' => number(Field::WeekYear(Weeks::Iso)),
        'w' => number(Field::Week(Weeks::Iso)),
        'e' => number(Field::Weekday(Weeks::Iso)),
        'M' => Some(Piece::MonthLong),
        'E' if count <= 3 => Some(Piece::WeekdayShort),
        'E' => Some(Piece::WeekdayLong),
        'G' => Some(Piece::Fixed("AD")),
        'S' => Some(Piece::Fraction(count, 3)),
        'z' if count <= 3 => Some(Piece::Fixed("UTC")),
        'z' => Some(Piece::Fixed("Coordinated Universal Time")),
        'Z' => Some(Piece::Fixed(match count {
            1 => "+0000",
            2 => "+00:00",
            _ => "UTC",
        })),
        _ => None,
    }
}

fn java(letter: char, count: usize) -> Option<Piece> {
    let number = |field| Some(Piece::Number(field, count));
    match (letter, count) {
        ('u', 2) => number(Field::YearOfCentury),
        ('u', _) => number(Field::Year),
        ('Y', 2) => number(Field::WeekYearOfCentury(Weeks::American)),
        ('Y', _) => number(Field::WeekYear(Weeks::American)),
        ('w', 1 | 2) => number(Field::Week(Weeks::American)),
        ('L' | 'M', 1..=5) => month(count),
        ('Q' | 'q', 1 | 2) => number(Field::Quarter),
        ('Q' | 'q', 3) => Some(Piece::Quarter),
        ('e', 1 | 2) | ('c', 1) => number(Field::Weekday(Weeks::American)),
        ('E' | 'e', 3) | ('E', 1 | 2) => Some(Piece::WeekdayShort),
        ('E' | 'e', 4) => Some(Piece::WeekdayLong),
        ('E' | 'e', 5) => Some(Piece::WeekdayInitial),
        ('G', 1..=3) => Some(Piece::Fixed("AD")),
        ('G', 4) => Some(Piece::Fixed("Anno Domini")),
        ('S', 1..=9) => Some(Piece::Fraction(count, 9)),
        ('A', _) => number(Field::MilliOfDay),
        ('n', _) => number(Field::NanoOfSecond),
        ('N', _) => number(Field::NanoOfDay),
        ('V', 2) | ('X', 1..=5) | ('z', 1..=4) | ('Z', 5) => Some(Piece::Fixed("Z")),
        ('O', 1 | 4) | ('Z', 4) => Some(Piece::Fixed("GMT")),
        ('x', 1) => Some(Piece::Fixed("+00")),
        ('x', 2 | 4) | ('Z', 1..=3) => Some(Piece::Fixed("+0000")),
        ('x', 3 | 5) => Some(Piece::Fixed("+00:00")),
        _ => None,
    }
}

fn write_piece(piece: &Piece, local: &Local, nanos: i64, out: &mut Vec<u8>) {
    match piece {
        Piece::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
        Piece::Fixed(text) => out.extend_from_slice(text.as_bytes()),
        Piece::Number(field, width) => write_padded(number(*field, local), *width, out),
        Piece::MonthShort => write_name(&MONTHS, local.month, 3, out),
        Piece::MonthLong => write_name(&MONTHS, local.month, usize::MAX, out),
        Piece::MonthInitial => write_name(&MONTHS, local.month, 1, out),
        Piece::WeekdayShort => write_name(&WEEKDAYS, local.weekday(), 3, out),
        Piece::WeekdayLong => write_name(&WEEKDAYS, local.weekday(), usize::MAX, out),
        Piece::WeekdayInitial => write_name(&WEEKDAYS, local.weekday(), 1, out),
        Piece::Quarter => {
            out.push(b'Q');
            write_padded(number(Field::Quarter, local), 1, out);
        }
        Piece::Halfday => out.extend_from_slice(if local.hour < 12 { b"AM" } else { b"PM" }),
        Piece::Fraction(digits, known) => write_fraction(local.nanos, *digits, *known, out),
        Piece::EpochSeconds => {
            let seconds = nanos.div_euclid(NANOS_PER_SECOND);
            if seconds < 0 {
                out.push(b'-');
            }
            write_padded(seconds.unsigned_abs(), 1, out);
        }
    }
}

/// A name, or its first letters; the number begins at 1.
fn write_name(names: &[&str], number: u8, letters_max: usize, out: &mut Vec<u8>) {
    let name = names
        .get(usize::from(number).wrapping_sub(1))
        .copied()
        .unwrap_or_default();
    out.extend(name.bytes().take(letters_max));
}

fn write_fraction(nanos: u32, digits: usize, known: usize, out: &mut Vec<u8>) {
    let mut scale = 100_000_000;
    for place in 0..digits {
        let digit = if place < known {
            nanos.checked_div(scale).unwrap_or(0) % 10
        } else {
            0
        };
        out.push(b'0' + digit as u8);
        scale /= 10;
    }
}

fn number(field: Field, local: &Local) -> u64 {
    let year = u64::from(local.year.unsigned_abs());
    let hour = u64::from(local.hour);
    let second_of_day = (local.seconds().rem_euclid(SECONDS_PER_DAY)) as u64;
    match field {
        Field::Year => year,
        Field::YearOfCentury => year % 100,
        Field::Century => year / 100,
        Field::WeekYear(weeks) => week(local, weeks).0,
        Field::WeekYearOfCentury(weeks) => week(local, weeks).0 % 100,
        Field::Week(weeks) => week(local, weeks).1,
        Field::Month => u64::from(local.month),
        Field::Quarter => u64::from(local.month.saturating_sub(1)) / 3 + 1,
        Field::Day => u64::from(local.day),
        Field::DayOfYear => u64::from(local.day_of_year()),
        Field::Weekday(Weeks::Iso) => u64::from(local.weekday()),
        Field::Weekday(Weeks::American) => u64::from(local.weekday() % 7 + 1),
        Field::Hour => hour,
        Field::ClockHour => (hour + 23) % 24 + 1,
        Field::HalfdayHour => hour % 12,
        Field::HalfdayClockHour => (hour + 11) % 12 + 1,
        Field::Minute => u64::from(local.minute),
        Field::Second => u64::from(local.second),
        Field::MilliOfDay => second_of_day * 1000 + u64::from(local.nanos / 1_000_000),
        Field::NanoOfSecond => u64::from(local.nanos),
        Field::NanoOfDay => second_of_day * 1_000_000_000 + u64::from(local.nanos),
    }
}

fn week(local: &Local, weeks: Weeks) -> (u64, u64) {
    let (year, week) = match weeks {
        Weeks::Iso => week_of(local, 1, 4),
        Weeks::American => week_of(local, 7, 1),
    };
    (u64::from(year.unsigned_abs()), u64::from(week))
}
