//! Conditions of `if`, compiled from the syntax tree, evaluated on one event at a time. The rules of comparison are
//! Logstash's; where it would drop an event because types do not fit, the condition is false.

use std::cmp::Ordering;

use crate::event::{Batch, EventId, Reference, Value};
use crate::lang;
use crate::lang::{Comparison, Expression};
use crate::pipeline::Building;

/// A compiled condition.
#[derive(Clone)]
pub enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Xor(Box<Condition>, Box<Condition>),
    Nand(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Truthy(Reference),
    Compare {
        left: Operand,
        comparison: Comparison,
        right: Operand,
    },
    Match {
        subject: Operand,
        pattern: regex::bytes::Regex,
        negated: bool,
    },
    In {
        needle: Operand,
        haystack: Operand,
        negated: bool,
    },
}

/// What is compared.
#[derive(Clone)]
pub enum Operand {
    Text(Box<[u8]>),
    Integer(i64),
    Float(f64),
    Field(Reference),
    List(Box<[Operand]>),
}

/// An operand as one event has it.
enum Seen<'a> {
    Missing,
    Text(&'a [u8]),
    Integer(i64),
    Float(f64),
    /// A boolean, time, map or list of the event.
    Other(Value),
    List(&'a [Operand]),
}

impl Condition {
    /// Compiles; complaints go to `building`, and the condition then means nothing.
    pub fn compile(expression: &Expression, building: &mut Building<'_>) -> Option<Self> {
        let mut both = |left: &Expression, right: &Expression| {
            let left = Box::new(Self::compile(left, building)?);
            Some((left, Box::new(Self::compile(right, building)?)))
        };
        match expression {
            Expression::And(left, right) => both(left, right).map(|(a, b)| Self::And(a, b)),
            Expression::Or(left, right) => both(left, right).map(|(a, b)| Self::Or(a, b)),
            Expression::Xor(left, right) => both(left, right).map(|(a, b)| Self::Xor(a, b)),
            Expression::Nand(left, right) => both(left, right).map(|(a, b)| Self::Nand(a, b)),
            Expression::Not(inner) => Some(Self::Not(Box::new(Self::compile(inner, building)?))),
            Expression::Truthy(field) => Some(Self::Truthy(Reference::from_parts(
                &field.parts,
                building.names,
            ))),
            Expression::Compare {
                left,
                comparison,
                right,
            } => Some(Self::Compare {
                left: Operand::compile(left, building),
                comparison: *comparison,
                right: Operand::compile(right, building),
            }),
            Expression::Match {
                subject,
                pattern,
                negated,
            } => Some(Self::Match {
                subject: Operand::compile(subject, building),
                // The check of the text has put Ruby's meaning into it, and has compiled it.
                pattern: regex::bytes::Regex::new(pattern).ok()?,
                negated: *negated,
            }),
            Expression::In {
                needle,
                haystack,
                negated,
            } => Some(Self::In {
                needle: Operand::compile(needle, building),
                haystack: Operand::compile(haystack, building),
                negated: *negated,
            }),
        }
    }

    /// Whether the condition holds for an event.
    pub fn holds(&self, batch: &Batch, id: EventId) -> bool {
        match self {
            Self::And(left, right) => left.holds(batch, id) && right.holds(batch, id),
            Self::Or(left, right) => left.holds(batch, id) || right.holds(batch, id),
            Self::Xor(left, right) => left.holds(batch, id) != right.holds(batch, id),
            Self::Nand(left, right) => !(left.holds(batch, id) && right.holds(batch, id)),
            Self::Not(inner) => !inner.holds(batch, id),
            Self::Truthy(field) => truthy(batch, batch.get(id, field)),
            Self::Compare {
                left,
                comparison,
                right,
            } => compare(
                batch,
                &left.seen(batch, id),
                *comparison,
                &right.seen(batch, id),
            ),
            Self::Match {
                subject,
                pattern,
                negated,
            } => {
                let found = match subject.seen(batch, id) {
                    Seen::Text(text) => pattern.is_match(text),
                    _ => false,
                };
                found != *negated
            }
            Self::In {
                needle,
                haystack,
                negated,
            } => {
                let found = contains(
                    batch,
                    id,
                    &needle.seen(batch, id),
                    &haystack.seen(batch, id),
                );
                found != *negated
            }
        }
    }
}

impl Operand {
    fn compile(operand: &lang::Operand, building: &mut Building<'_>) -> Self {
        match operand {
            lang::Operand::Text(text) => Self::Text(text.as_bytes().into()),
            lang::Operand::Number(text) => match text.parse() {
                Ok(integer) => Self::Integer(integer),
                Err(_) => Self::Float(text.parse().unwrap_or(f64::NAN)),
            },
            lang::Operand::Field(field) => {
                Self::Field(Reference::from_parts(&field.parts, building.names))
            }
            lang::Operand::List(items) => Self::List(
                items
                    .iter()
                    .map(|item| Self::compile(item, building))
                    .collect(),
            ),
        }
    }

    fn seen<'a>(&'a self, batch: &'a Batch, id: EventId) -> Seen<'a> {
        match self {
            Self::Text(text) => Seen::Text(text),
            Self::Integer(integer) => Seen::Integer(*integer),
            Self::Float(float) => Seen::Float(*float),
            Self::List(items) => Seen::List(items),
            Self::Field(field) => batch
                .get(id, field)
                .map_or(Seen::Missing, |v| seen(batch, v)),
        }
    }
}

fn seen(batch: &Batch, value: Value) -> Seen<'_> {
    match value {
        Value::Null => Seen::Missing,
        Value::Text(text) => Seen::Text(batch.text(text)),
        Value::Integer(integer) => Seen::Integer(integer),
        Value::Float(float) => Seen::Float(float),
        other => Seen::Other(other),
    }
}

/// Missing, null, false, `""` and the text `false` are not true; all else is.
fn truthy(batch: &Batch, value: Option<Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Boolean(false)) => false,
        Some(Value::Text(text)) => !matches!(batch.text(text), b"" | b"false"),
        Some(_) => true,
    }
}

fn compare(batch: &Batch, left: &Seen<'_>, comparison: Comparison, right: &Seen<'_>) -> bool {
    match comparison {
        Comparison::Equal => equal(batch, left, right),
        Comparison::NotEqual => !equal(batch, left, right),
        Comparison::Less => order(left, right).is_some_and(Ordering::is_lt),
        Comparison::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Comparison::Greater => order(left, right).is_some_and(Ordering::is_gt),
        Comparison::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
    }
}

fn equal(batch: &Batch, left: &Seen<'_>, right: &Seen<'_>) -> bool {
    match (left, right) {
        (Seen::Missing, Seen::Missing) => true,
        (Seen::Text(left), Seen::Text(right)) => left == right,
        (Seen::Integer(left), Seen::Integer(right)) => left == right,
        (Seen::Float(float), Seen::Integer(whole)) | (Seen::Integer(whole), Seen::Float(float)) => {
            *float == *whole as f64
        }
        (Seen::Float(left), Seen::Float(right)) => left == right,
        (Seen::Other(left), Seen::Other(right)) => batch.equal(*left, *right),
        (Seen::Other(Value::List(items)), Seen::List(operands))
        | (Seen::List(operands), Seen::Other(Value::List(items))) => {
            batch.members(*items).count() == operands.len()
                && batch
                    .members(*items)
                    .zip(operands.iter())
                    .all(|((_, item), operand)| {
                        constant(operand)
                            .is_some_and(|want| equal(batch, &seen(batch, item), &want))
                    })
        }
        _ => false,
    }
}

/// A literal of a list; fields do not stand there.
fn constant(operand: &Operand) -> Option<Seen<'_>> {
    match operand {
        Operand::Text(text) => Some(Seen::Text(text)),
        Operand::Integer(integer) => Some(Seen::Integer(*integer)),
        Operand::Float(float) => Some(Seen::Float(*float)),
        Operand::List(items) => Some(Seen::List(items)),
        Operand::Field(_) => None,
    }
}

fn order(left: &Seen<'_>, right: &Seen<'_>) -> Option<Ordering> {
    match (left, right) {
        (Seen::Text(left), Seen::Text(right)) => Some(left.cmp(right)),
        (Seen::Integer(left), Seen::Integer(right)) => Some(left.cmp(right)),
        (Seen::Integer(left), Seen::Float(right)) => (*left as f64).partial_cmp(right),
        (Seen::Float(left), Seen::Integer(right)) => left.partial_cmp(&(*right as f64)),
        (Seen::Float(left), Seen::Float(right)) => left.partial_cmp(right),
        (Seen::Other(Value::Time(left)), Seen::Other(Value::Time(right))) => Some(left.cmp(right)),
        _ => None,
    }
}

/// `in`: a part of a text, an item of a list; a list in the condition is compared by the items' texts.
fn contains(batch: &Batch, id: EventId, needle: &Seen<'_>, haystack: &Seen<'_>) -> bool {
    match (needle, haystack) {
        (Seen::Missing, _) => false,
        (Seen::Text(part), Seen::Text(whole)) => {
            part.is_empty() || memchr::memmem::find(whole, part).is_some()
        }
        (needle, Seen::Other(Value::List(items))) => batch
            .members(*items)
            .any(|(_, item)| equal(batch, &seen(batch, item), needle)),
        (needle, Seen::List(operands)) => operands.iter().any(|operand| {
            let item = operand.seen(batch, id);
            match text_of(batch, needle) {
                Some(text) => text_of(batch, &item).is_some_and(|item| item == text),
                None => equal(batch, needle, &item),
            }
        }),
        (needle, haystack) => equal(batch, needle, haystack),
    }
}

fn text_of<'a>(batch: &Batch, seen: &Seen<'a>) -> Option<std::borrow::Cow<'a, [u8]>> {
    let mut text = Vec::new();
    match *seen {
        Seen::Text(text) => return Some(text.into()),
        Seen::Integer(integer) => batch.write_text(Value::Integer(integer), &mut text),
        Seen::Float(float) => batch.write_text(Value::Float(float), &mut text),
        Seen::Other(value @ (Value::Boolean(_) | Value::Time(_))) => {
            batch.write_text(value, &mut text);
        }
        Seen::Missing | Seen::Other(_) | Seen::List(_) => return None,
    }
    Some(text.into())
}
