//! The grammar of mappings: text in, the fields with the delimiters around them out. What fields mean to each other
//! is the targets'.

use nom::bytes::complete::{tag, take_until};
use nom::character::complete::{digit1, one_of};
use nom::combinator::{all_consuming, opt, rest};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::error::Error;

/// Bytes of a mapping at most: far more than a line of a configuration has.
///
/// ```
/// use sawlog_parsers::dissect::{Dissect, MAPPING_BYTES_MAX};
///
/// let of_bytes = |bytes| Dissect::compile(&format!("%{{a}}{}", " ".repeat(bytes - 4)));
/// assert!(of_bytes(MAPPING_BYTES_MAX).is_ok());
/// assert!(of_bytes(MAPPING_BYTES_MAX + 1).is_err());
/// ```
pub const MAPPING_BYTES_MAX: usize = 65_536;

/// Fields of a mapping at most: as many as Elasticsearch allows an index by default.
///
/// ```
/// use sawlog_parsers::dissect::{Dissect, FIELDS_MAX};
///
/// assert!(Dissect::compile(&"%{} ".repeat(FIELDS_MAX)).is_ok());
/// assert!(Dissect::compile(&"%{} ".repeat(FIELDS_MAX + 1)).is_err());
/// ```
pub const FIELDS_MAX: usize = 1000;

/// A mapping as it is written.
#[derive(Debug)]
pub(super) struct Mapping<'a> {
    /// The text before the first field.
    pub start: &'a str,
    pub fields: Vec<Field<'a>>,
    /// The text behind the last field.
    pub end: &'a str,
}

/// One `%{...}`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// The text between it and the field before it, or the start of the mapping.
    pub before: &'a str,
    pub kind: Kind,
    /// Empty only if it is skipped.
    pub name: &'a str,
    /// It ends in `->`.
    pub padded: bool,
    /// Where its `%{` stands in the mapping.
    pub offset: usize,
}

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Skip,
    /// Appended; the number says in which order, and equal ones keep that of the mapping.
    Append(u32),
    /// It names the field of an indirect one and is skipped besides.
    Naming,
    Indirect,
}

impl<'a> Mapping<'a> {
    pub(super) fn parse(mapping: &'a str) -> Result<Self, Error> {
        if MAPPING_BYTES_MAX < mapping.len() {
            let message = format!("the mapping has more than {MAPPING_BYTES_MAX} bytes");
            return Err(Error::new(message));
        }
        let mut fields: Vec<Field<'a>> = Vec::new();
        let mut unread = mapping;
        while let Ok((after, (before, inside))) = literal_and_field(unread) {
            let offset = mapping.len() - unread.len() + before.len();
            let at = |error: Error| error.at_offset(mapping, offset);
            if fields.len() == FIELDS_MAX {
                let message = format!("the mapping has more than {FIELDS_MAX} fields");
                return Err(at(Error::new(message)));
            }
            let (kind, name, padded) = key(inside).map_err(at)?;
            fields.push(Field {
                before,
                kind,
                name,
                padded,
                offset,
            });
            unread = after;
        }
        if let Some(open) = unread.find("%{") {
            let offset = mapping.len() - unread.len() + open;
            let message = "%{ opens a field that no } closes";
            return Err(Error::new(message).at_offset(mapping, offset));
        }
        let Some(first) = fields.first() else {
            let message = "the mapping has no field: write at least one %{name}";
            return Err(Error::new(message));
        };
        Ok(Self {
            start: first.before,
            fields,
            end: unread,
        })
    }
}

/// The text up to the next field, and what the field has between its braces.
fn literal_and_field(mapping: &str) -> IResult<&str, (&str, &str)> {
    let inside = (tag("%{"), take_until("}"), tag("}")).map(|(_, inside, _)| inside);
    (take_until("%{"), inside).parse(mapping)
}

/// What stands between the braces: a prefix, a name, an order, an arrow.
fn key(inside: &str) -> Result<(Kind, &str, bool), Error> {
    let refuse = |message: &str| Err(Error::new(format!("%{{{inside}}}: {message}")));
    if inside.contains("%{") {
        return refuse("a field within a field; close the first one with }");
    }
    let (text, padded) = match inside.strip_suffix("->") {
        Some(text) => (text, true),
        None => (inside, false),
    };
    let (prefix, name) = prefix_and_name(text);
    if matches!(
        (prefix, name.chars().next()),
        (Some('+'), Some('&')) | (Some('&'), Some('+'))
    ) {
        return refuse("a field is either appended (+) or named by a value (&)");
    }
    let kind = match prefix {
        None if name.is_empty() => Kind::Skip,
        None => Kind::Plain,
        Some('?') => Kind::Skip,
        Some('*') => Kind::Naming,
        Some('&') => Kind::Indirect,
        _ => {
            // The arrow may also stand before the order.
            let Some((name, arrow, order)) = name_and_order(name) else {
                return refuse("behind / stands the order, a number: %{+name/2}");
            };
            if name.is_empty() {
                return refuse("a prefix needs a name: %{+name}");
            }
            return Ok((Kind::Append(order), name, padded || arrow));
        }
    };
    if name.is_empty() && matches!(kind, Kind::Naming | Kind::Indirect) {
        return refuse("a prefix needs a name: %{&name}");
    }
    Ok((kind, name, padded))
}

fn prefix_and_name(text: &str) -> (Option<char>, &str) {
    let mut parser = (opt(one_of::<_, _, nom::error::Error<&str>>("+?&*")), rest);
    parser
        .parse(text)
        .map_or((None, text), |(_, (prefix, name))| (prefix, name))
}

/// The name, whether an arrow stands behind it, and the order; 0 without one.
fn name_and_order(text: &str) -> Option<(&str, bool, u32)> {
    let Some(slash) = text.find('/') else {
        return Some((text, false, 0));
    };
    let (name, order) = text.split_at_checked(slash)?;
    let mut number = all_consuming(preceded(tag::<_, _, nom::error::Error<&str>>("/"), digit1));
    let (_, digits) = number.parse(order).ok()?;
    let order = digits.parse().ok()?;
    Some(match name.strip_suffix("->") {
        Some(name) => (name, true, order),
        None => (name, false, order),
    })
}
