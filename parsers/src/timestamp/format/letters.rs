//! What the letters of a date format mean when it reads: a format in, the items to read out.
//!
//! Joda-Time's and Java's letters agree in most, but Joda-Time takes numbers that are shorter than
//! their letters say, and Java has optional parts in brackets.

use crate::error::Error;
use crate::timestamp::pattern::Dialect;
use crate::timestamp::tokens::{self, Token};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Literal(Box<[u8]>),
    /// A number of at least and at most so many digits.
    Number(Field, usize, usize),
    /// Two digits of a year.
    ShortYear(Century),
    MonthName,
    WeekdayName,
    Halfday,
    Era,
    Fraction(Fraction),
    Zone(ZoneForm),
}

/// Which century two digits of a year are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Century {
    /// That which brings them nearest to the present; between other text it may also be a whole year.
    NearestOrWhole,
    /// The nearest, and the next two digits are another number.
    Nearest,
    /// From 2000 to 2099, as Java has it.
    Third,
}

/// How many digits a fraction of a second has, and how many of them count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fraction {
    /// So many or fewer, of which milliseconds count.
    UpToMillis(usize),
    /// Exactly so many, all of which count.
    Exactly(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ZoneForm {
    /// `+01`, `+0100`, `+01:00` or `Z`.
    Offset,
    /// The same without `Z`.
    Digits,
    /// Hours, minutes and perhaps seconds, `+01:00` or `+01:00:00`.
    Seconds(Colons, Zulu),
    /// `GMT`, `GMT+8` or `GMT+08:00`.
    Greenwich,
    /// `PST`.
    Abbreviation,
    /// `Europe/Berlin`.
    Name,
}

/// What stands between the numbers of an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colons {
    Written,
    Absent,
}

/// Whether `Z` stands for no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zulu {
    Taken,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
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
    NanoOfSecond,
}

/// Joda-Time's `DateTimeFormat` gives a number without a neighbour up to nine digits of year.
pub(super) const YEAR_DIGITS_MAX: usize = 9;

/// Ways that a format with optional parts can be read at most: four parts that are independent.
const WAYS_MAX: usize = 16;

/// All ways to read a format, the one with every optional part first.
pub(super) fn ways(text: &str, dialect: Dialect) -> Result<Vec<Vec<Item>>, Error> {
    let tokens = tokens::cut(text, dialect)?;
    let mut rest = tokens.as_slice();
    let mut ways = vec![Vec::new()];
    alternatives(&mut rest, text, 0, &mut ways)?;
    ways.iter()
        .map(|way| items(way, text, dialect))
        .collect::<Result<_, Error>>()
}

/// Appends each token to each way, up to the bracket that closes the part.
fn alternatives<'t>(
    rest: &mut &'t [(usize, Token)],
    text: &str,
    depth: usize,
    ways: &mut Vec<Vec<&'t (usize, Token)>>,
) -> Result<(), Error> {
    while let Some((first, after)) = rest.split_first() {
        *rest = after;
        match &first.1 {
            Token::Open => {
                let without = ways.clone();
                alternatives(rest, text, depth + 1, ways)?;
                ways.extend(without);
                if WAYS_MAX < ways.len() {
                    let message = format!(
                        "more than {WAYS_MAX} ways to leave optional parts out; write a format for each"
                    );
                    return Err(Error::new(message).at_offset(text, first.0));
                }
            }
            Token::Close if 0 < depth => return Ok(()),
            Token::Close => {
                let message = "a ] without its [; as text it is written ']'";
                return Err(Error::new(message).at_offset(text, first.0));
            }
            Token::Literal(_) | Token::Letters(..) => {
                for way in &mut *ways {
                    way.push(first);
                }
            }
        }
    }
    match depth {
        0 => Ok(()),
        _ => {
            Err(Error::new("a [ without its ]; as text it is written '['")
                .at_offset(text, text.len()))
        }
    }
}

fn items(way: &[&(usize, Token)], text: &str, dialect: Dialect) -> Result<Vec<Item>, Error> {
    let mut items = Vec::with_capacity(way.len());
    for (index, (at, token)) in way.iter().enumerate() {
        let next = way.get(index + 1).map(|(_at, token)| token);
        let next_is_number = next.is_some_and(|token| is_number(token, dialect));
        items.push(match token {
            Token::Literal(literal) => Item::Literal(literal.as_bytes().into()),
            Token::Letters(letter, count) => {
                let item = match dialect {
                    Dialect::Joda => joda(*letter, *count, next_is_number),
                    Dialect::Java => java(*letter, *count, next_is_number),
                };
                item.ok_or_else(|| tokens::unknown(*letter, *count, dialect).at_offset(text, *at))?
            }
            // They were resolved into ways.
            Token::Open | Token::Close => continue,
        });
    }
    Ok(items)
}

fn is_number(token: &Token, dialect: Dialect) -> bool {
    match (token, dialect) {
        (Token::Letters('M' | 'L', count), _) => *count <= 2,
        (Token::Letters(letter, _), Dialect::Joda) => "CxyYwdDehHmsSkK".contains(*letter),
        (Token::Letters(letter, _), Dialect::Java) => "uydDhHmsSnkK".contains(*letter),
        (Token::Literal(_) | Token::Open | Token::Close, _) => false,
    }
}

/// Numbers have at most the digits that their field needs, and may have fewer.
fn joda(letter: char, count: usize, next_is_number: bool) -> Option<Item> {
    let year_digits = if next_is_number {
        count.min(YEAR_DIGITS_MAX)
    } else {
        YEAR_DIGITS_MAX
    };
    let number = |field, digits_max| Some(Item::Number(field, 1, digits_max));
    match letter {
        'y' | 'Y' if count == 2 && next_is_number => Some(Item::ShortYear(Century::Nearest)),
        'y' | 'Y' if count == 2 => Some(Item::ShortYear(Century::NearestOrWhole)),
        'y' | 'Y' => number(Field::Year, year_digits),
        'x' => number(Field::WeekYear, year_digits),
        'M' if count <= 2 => number(Field::Month, 2),
        'M' => Some(Item::MonthName),
        'd' => number(Field::Day, 2),
        'D' => number(Field::DayOfYear, 3),
        'w' => number(Field::Week, 2),
        'e' => number(Field::Weekday, 1),
        'E' => Some(Item::WeekdayName),
        'a' => Some(Item::Halfday),
        'G' => Some(Item::Era),
        'H' => number(Field::Hour, 2),
        'k' => number(Field::ClockHour, 2),
        'K' => number(Field::HalfdayHour, 2),
        'h' => number(Field::HalfdayClockHour, 2),
        'm' => number(Field::Minute, 2),
        's' => number(Field::Second, 2),
        'S' => Some(Item::Fraction(Fraction::UpToMillis(count))),
        'Z' if count <= 2 => Some(Item::Zone(ZoneForm::Offset)),
        'Z' => Some(Item::Zone(ZoneForm::Name)),
        'z' if count <= 3 => Some(Item::Zone(ZoneForm::Abbreviation)),
        _ => None,
    }
}

/// Numbers have at least as many digits as letters, and two of each where there are two.
fn java(letter: char, count: usize, next_is_number: bool) -> Option<Item> {
    let number = |field, digits_max: usize| {
        (count <= digits_max).then_some(Item::Number(field, count, digits_max))
    };
    let seconds = |colons, zulu| Some(Item::Zone(ZoneForm::Seconds(colons, zulu)));
    match (letter, count) {
        ('y' | 'u', 2) => Some(Item::ShortYear(Century::Third)),
        ('y' | 'u', _) if next_is_number => number(Field::Year, count.min(YEAR_DIGITS_MAX)),
        ('y' | 'u', _) => number(Field::Year, YEAR_DIGITS_MAX),
        ('M' | 'L', 1 | 2) => number(Field::Month, 2),
        ('M' | 'L', 3 | 4) => Some(Item::MonthName),
        ('d', _) => number(Field::Day, 2),
        ('D', _) => number(Field::DayOfYear, 3),
        ('E', 1..=4) => Some(Item::WeekdayName),
        ('a', 1) => Some(Item::Halfday),
        ('G', 1..=3) => Some(Item::Era),
        ('H', _) => number(Field::Hour, 2),
        ('k', _) => number(Field::ClockHour, 2),
        ('K', _) => number(Field::HalfdayHour, 2),
        ('h', _) => number(Field::HalfdayClockHour, 2),
        ('m', _) => number(Field::Minute, 2),
        ('s', _) => number(Field::Second, 2),
        ('S', 1..=9) => Some(Item::Fraction(Fraction::Exactly(count))),
        ('n', _) => number(Field::NanoOfSecond, 9),
        ('X', 1..=3) | ('Z', 1..=3) => Some(Item::Zone(ZoneForm::Offset)),
        ('x', 1..=3) => Some(Item::Zone(ZoneForm::Digits)),
        ('X', 4) => seconds(Colons::Absent, Zulu::Taken),
        ('x', 4) => seconds(Colons::Absent, Zulu::Refused),
        ('X' | 'Z', 5) => seconds(Colons::Written, Zulu::Taken),
        ('x', 5) => seconds(Colons::Written, Zulu::Refused),
        ('O', 1 | 4) | ('Z', 4) => Some(Item::Zone(ZoneForm::Greenwich)),
        ('V', 2) => Some(Item::Zone(ZoneForm::Name)),
        ('z', 1..=3) => Some(Item::Zone(ZoneForm::Abbreviation)),
        _ => None,
    }
}
