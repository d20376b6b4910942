//! The operations of `mutate`: compiled from the options in their fixed order, run on one event at a time.

use crate::event::value::Chain;
use crate::event::{Batch, EventId, Name, Reference, Template, Text, Value};
use crate::filters::mutate::convert::{self, Target};
use crate::filters::mutate::substitute::Substitution;
use crate::filters::words::words;
use crate::pipeline::Building;
use crate::pipeline::decoration::NameTemplate;
use crate::plugin::{Arg, ArgValue, Options, Word};

/// An operation could not be done on an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// One operation on one field.
#[derive(Clone)]
pub enum Operation {
    Coerce(NameTemplate, NewValue),
    Rename(NameTemplate, NameTemplate),
    Update(NameTemplate, NewValue),
    Replace(NameTemplate, NewValue),
    Convert(NameTemplate, Target),
    Substitute(NameTemplate, Substitution),
    Rewrite(NameTemplate, Rewrite),
    Split(NameTemplate, Vec<u8>),
    Join(NameTemplate, Vec<u8>),
    Merge(NameTemplate, NameTemplate),
    Copy(NameTemplate, NameTemplate),
}

/// Changes of a text that need no further option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    Uppercase,
    Capitalize,
    Lowercase,
    Strip,
}

/// A value written in the configuration: a text with templates, or a list of such.
#[derive(Clone)]
pub enum NewValue {
    One(Template),
    List(Vec<Template>),
}

impl NewValue {
    fn compile(value: &Arg, building: &mut Building<'_>) -> Option<Self> {
        match &value.value {
            ArgValue::Hash(_) => {
                building.refuse(
                    value.span,
                    "a value here is a text, a number or a list of them",
                );
                None
            }
            ArgValue::List(_) => {
                let words = value.words();
                let templates = words.iter().filter_map(|word| building.template(word));
                Some(Self::List(templates.collect()))
            }
            ArgValue::Text(text) | ArgValue::Number(text) => {
                let word = Word {
                    text: text.clone(),
                    span: value.span,
                };
                building.template(&word).map(Self::One)
            }
        }
    }

    fn render(&self, batch: &mut Batch, id: EventId) -> Value {
        let mut scratch = Vec::new();
        match self {
            Self::One(template) => Value::Text(template.render(batch, id, &mut scratch)),
            Self::List(templates) => {
                let render =
                    |template: &Template| Value::Text(template.render(batch, id, &mut scratch));
                let values: Vec<Value> = templates.iter().map(render).collect();
                batch.list(&values)
            }
        }
    }
}

/// Compiles all operations, in the order in which they run.
pub fn compile(options: &Options, building: &mut Building<'_>) -> Vec<Operation> {
    let mut all = Vec::new();
    values(options, "coerce", building, &mut all, Operation::Coerce);
    names(options, "rename", building, &mut all, Operation::Rename);
    values(options, "update", building, &mut all, Operation::Update);
    values(options, "replace", building, &mut all, Operation::Replace);
    for (field, target) in options.hash("convert") {
        let target = convert::target(target, building);
        let field = NameTemplate::compile(field, building);
        all.extend(
            field
                .zip(target)
                .map(|(field, target)| Operation::Convert(field, target)),
        );
    }
    substitutions(options, building, &mut all);
    for (option, rewrite) in [
        ("uppercase", Rewrite::Uppercase),
        ("capitalize", Rewrite::Capitalize),
        ("lowercase", Rewrite::Lowercase),
        ("strip", Rewrite::Strip),
    ] {
        for field in options.list(option) {
            let field = NameTemplate::compile(field, building);
            all.extend(field.map(|field| Operation::Rewrite(field, rewrite)));
        }
    }
    separators(options, "split", building, &mut all, Operation::Split);
    separators(options, "join", building, &mut all, Operation::Join);
    for (target, sources) in options.hash("merge") {
        for source in sources.words() {
            let target = NameTemplate::compile(target, building);
            let source = NameTemplate::compile(&source, building);
            all.extend(
                target
                    .zip(source)
                    .map(|(to, from)| Operation::Merge(to, from)),
            );
        }
    }
    names(options, "copy", building, &mut all, Operation::Copy);
    all
}

fn values(
    options: &Options,
    option: &str,
    building: &mut Building<'_>,
    all: &mut Vec<Operation>,
    make: fn(NameTemplate, NewValue) -> Operation,
) {
    for (field, value) in options.hash(option) {
        let field = NameTemplate::compile(field, building);
        let value = NewValue::compile(value, building);
        all.extend(field.zip(value).map(|(field, value)| make(field, value)));
    }
}

fn names(
    options: &Options,
    option: &str,
    building: &mut Building<'_>,
    all: &mut Vec<Operation>,
    make: fn(NameTemplate, NameTemplate) -> Operation,
) {
    for (from, to) in options.hash(option) {
        let Some(text) = to.text() else {
            building.refuse(
                to.span,
                format!("`{option}` takes the name of a field here"),
            );
            continue;
        };
        let word = Word {
            text: text.to_owned(),
            span: to.span,
        };
        let from = NameTemplate::compile(from, building);
        let to = NameTemplate::compile(&word, building);
        all.extend(from.zip(to).map(|(from, to)| make(from, to)));
    }
}

fn separators(
    options: &Options,
    option: &str,
    building: &mut Building<'_>,
    all: &mut Vec<Operation>,
    make: fn(NameTemplate, Vec<u8>) -> Operation,
) {
    for (field, separator) in options.hash(option) {
        let Some(text) = separator.text() else {
            building.refuse(
                separator.span,
                format!("`{option}` takes a separator here, a text"),
            );
            continue;
        };
        let field = NameTemplate::compile(field, building);
        all.extend(field.map(|field| make(field, text.as_bytes().to_vec())));
    }
}

fn substitutions(options: &Options, building: &mut Building<'_>, all: &mut Vec<Operation>) {
    let words = options.list("gsub");
    if !words.len().is_multiple_of(3) {
        let message = "`gsub` takes triples of field, regular expression and replacement";
        building.refuse(options.span_of("gsub"), message);
    }
    for triple in words.chunks_exact(3) {
        let [field, pattern, replacement] = triple else {
            continue;
        };
        let field = NameTemplate::compile(field, building);
        let substitution = Substitution::compile(pattern, replacement, building);
        all.extend(
            field
                .zip(substitution)
                .map(|(f, s)| Operation::Substitute(f, s)),
        );
    }
}

impl Operation {
    /// Runs on one event.
    pub fn run(&self, batch: &mut Batch, id: EventId) -> Result<(), Failed> {
        match self {
            Self::Coerce(field, value) => {
                let is_null = |old| matches!(old, Some(Value::Null));
                store_if(batch, id, field, value, is_null)
            }
            Self::Update(field, value) => store_if(batch, id, field, value, |old| old.is_some()),
            Self::Replace(field, value) => store_if(batch, id, field, value, |_| true),
            Self::Rename(from, to) => {
                let from = from.reference(batch, id);
                let Some(value) = batch.remove(id, &from) else {
                    return Ok(());
                };
                to.with(batch, id, |batch, to| batch.set(id, to, value))
                    .map_err(|_| Failed)
            }
            Self::Copy(from, to) => {
                let from = from.reference(batch, id);
                let Some(value) = batch.get(id, &from) else {
                    return Ok(());
                };
                let copy = batch.copy(value);
                to.with(batch, id, |batch, to| batch.set(id, to, copy))
                    .map_err(|_| Failed)
            }
            Self::Convert(field, target) => field.with(batch, id, |batch, field| {
                each(batch, id, field, &mut |batch, value| {
                    target.convert(batch, value)
                })
            }),
            Self::Substitute(field, substitution) => field.with(batch, id, |batch, field| {
                each(batch, id, field, &mut |batch, value| {
                    Ok(substitution.apply(batch, id, value))
                })
            }),
            Self::Rewrite(field, rewrite) => field.with(batch, id, |batch, field| {
                each(batch, id, field, &mut |batch, value| {
                    Ok(rewrite.apply(batch, value))
                })
            }),
            Self::Split(field, separator) => {
                field.with(batch, id, |batch, field| split(batch, id, field, separator))
            }
            Self::Join(field, separator) => {
                field.with(batch, id, |batch, field| join(batch, id, field, separator))
            }
            Self::Merge(target, source) => {
                let source = source.reference(batch, id);
                target.with(batch, id, |batch, target| merge(batch, id, target, &source))
            }
        }
    }
}

/// Sets a field to a value of the configuration, if its old value is as wanted.
fn store_if(
    batch: &mut Batch,
    id: EventId,
    field: &NameTemplate,
    value: &NewValue,
    wanted: impl Fn(Option<Value>) -> bool,
) -> Result<(), Failed> {
    field.with(batch, id, |batch, field| {
        if !wanted(batch.get(id, field)) {
            return Ok(());
        }
        let value = value.render(batch, id);
        batch.set(id, field, value).map_err(|_| Failed)
    })
}

type Change<'c> = dyn FnMut(&mut Batch, Value) -> Result<Value, Failed> + 'c;

/// Changes a field's value or, of a list, each item.
fn each(
    batch: &mut Batch,
    id: EventId,
    field: &Reference,
    change: &mut Change<'_>,
) -> Result<(), Failed> {
    let changed = match batch.get(id, field) {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::List(items)) => {
            let mut changed = Chain::EMPTY;
            let items: Vec<(Name, Value)> = batch.members(items).collect();
            for (name, item) in items {
                let item = change(batch, item)?;
                batch.push_member(&mut changed, name, item);
            }
            Value::List(changed)
        }
        Some(value) => change(batch, value)?,
    };
    batch.set(id, field, changed).map_err(|_| Failed)
}

impl Rewrite {
    fn apply(self, batch: &mut Batch, value: Value) -> Value {
        let Value::Text(text) = value else {
            return value;
        };
        if self == Self::Strip {
            let bytes = batch.text(text);
            let trimmed = bytes.trim_ascii();
            let start = bytes.len() - bytes.trim_ascii_start().len();
            return Value::Text(text.slice(start..start + trimmed.len()));
        }
        let rewrite = |bytes: &[u8], out: &mut Vec<u8>| {
            let text = String::from_utf8_lossy(bytes);
            match self {
                Self::Uppercase => out.extend_from_slice(text.to_uppercase().as_bytes()),
                Self::Capitalize => {
                    let mut letters = text.chars();
                    let first: String = letters
                        .next()
                        .map(|c| c.to_uppercase().collect())
                        .unwrap_or_default();
                    out.extend_from_slice(first.as_bytes());
                    out.extend_from_slice(letters.as_str().to_lowercase().as_bytes());
                }
                Self::Lowercase | Self::Strip => {
                    out.extend_from_slice(text.to_lowercase().as_bytes());
                }
            }
        };
        Value::Text(batch.append_from(text, &mut Vec::new(), rewrite))
    }
}

/// A text becomes a list at a literal separator, at each letter without one, and at any white space where it is a blank, as in
/// Ruby; empty parts at the end are left out.
fn split(
    batch: &mut Batch,
    id: EventId,
    field: &Reference,
    separator: &[u8],
) -> Result<(), Failed> {
    let Some(Value::Text(text)) = batch.get(id, field) else {
        return Ok(());
    };
    let parts = match separator {
        b"" => letters(batch, text),
        b" " => words(batch.text(text))
            .map(|word| Value::Text(batch.text_of(word)))
            .collect(),
        separator => parts(batch, text, separator),
    };
    if !batch.has_room_for(parts.len()) {
        return Err(Failed);
    }
    let list = batch.list(&parts);
    batch.set(id, field, list).map_err(|_| Failed)
}

fn letters(batch: &mut Batch, text: Text) -> Vec<Value> {
    let lossy = String::from_utf8_lossy(batch.text(text)).into_owned();
    let letters = lossy.chars();
    letters
        .map(|letter| batch.value_of(letter.to_string().as_bytes()))
        .collect()
}

fn parts(batch: &Batch, text: Text, separator: &[u8]) -> Vec<Value> {
    let bytes = batch.text(text);
    let mut ranges = Vec::new();
    let mut start = 0;
    for found in memchr::memmem::find_iter(bytes, separator) {
        ranges.push(start..found);
        start = found + separator.len();
    }
    ranges.push(start..bytes.len());
    while ranges.last().is_some_and(|range| range.is_empty()) {
        ranges.pop();
    }
    let part = |range| Value::Text(text.slice(range));
    ranges.into_iter().map(part).collect()
}

fn join(batch: &mut Batch, id: EventId, field: &Reference, separator: &[u8]) -> Result<(), Failed> {
    let Some(Value::List(items)) = batch.get(id, field) else {
        return Ok(());
    };
    let mut joined = Vec::new();
    for (index, (_, item)) in batch.members(items).enumerate() {
        if 0 < index {
            joined.extend_from_slice(separator);
        }
        batch.write_text(item, &mut joined);
    }
    let joined = batch.value_of(&joined);
    batch.set(id, field, joined).map_err(|_| Failed)
}

/// Lists and single values are put together as lists, maps are merged; a list and a map are not.
fn merge(
    batch: &mut Batch,
    id: EventId,
    target: &Reference,
    source: &Reference,
) -> Result<(), Failed> {
    let Some(added) = batch.get(id, source) else {
        return Ok(());
    };
    let added = batch.copy(added);
    let merged = match (batch.get(id, target), added) {
        (None, added) => added,
        (Some(Value::Map(mut members)), Value::Map(more)) => {
            let more: Vec<(Name, Value)> = batch.members(more).collect();
            for (name, value) in more {
                batch.set_member(&mut members, name, value);
            }
            Value::Map(members)
        }
        (Some(Value::Map(_)), _) | (Some(_), Value::Map(_)) => return Err(Failed),
        (Some(old), added) => {
            let mut items = items_of(batch, old);
            items.extend(items_of(batch, added));
            batch.list(&items)
        }
    };
    batch.set(id, target, merged).map_err(|_| Failed)
}

fn items_of(batch: &Batch, value: Value) -> Vec<Value> {
    match value {
        Value::List(items) => batch.members(items).map(|(_, item)| item).collect(),
        single => vec![single],
    }
}
