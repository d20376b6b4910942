//! `split`: an event becomes as many as a field's text or list has parts, each with one part in place of the whole.

use std::sync::Arc;

use memchr::memmem;

use crate::event::{Batch, EventId, Maker, Reference, Text, Value};
use crate::filters::words::{is_blank, words};
use crate::filters::{Filter, FilterPlugin, Outcome};
use crate::lang::diagnostic::Diagnostic;
use crate::limits;
use crate::metrics::Counter;
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};

pub const PLUGIN: FilterPlugin = FilterPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Filter,
    name: "split",
    summary: "Makes an event of each part of a field, which is a text or a list: a copy of the event with the part in place of \
              the whole. The event itself ends there. Empty parts are left out; a text without the terminator stays as it is.",
    options: &[
        Opt::new("field", Kind::Field, "The field to split.").default("message"),
        Opt::new(
            "terminator",
            Kind::Text,
            "What stands between the parts of a text; a line feed if not written. A single blank stands for any number of \
             blanks, tabs and line ends, as in Ruby. Without `config.support_escapes`, `\"\\n\"` is a backslash and an n.",
        ),
        Opt::new(
            "target",
            Kind::Field,
            "The field that gets the part; without it, the one that is split. With it, each event keeps the whole as well.",
        ),
    ],
    absent: &[],
};

/// Marks an event whose field is neither text nor list, or is not there, or has a target that cannot be set.
const TYPE_TAG: &[u8] = b"_split_type_failure";

/// Marks an event of more parts than `limits::SPLIT_PARTS_MAX`, or one for whose parts there was no room.
const TOO_MANY_TAG: &[u8] = b"_split_too_many";

#[derive(Clone)]
struct Split {
    field: Reference,
    /// `None` for the field itself.
    target: Option<Reference>,
    terminator: Terminator,
    maker: Maker,
    counts: Counts,
    /// Of the event that is split at the moment.
    parts: Vec<Value>,
}

/// Events, by what became of them.
#[derive(Clone)]
struct Counts {
    created: Arc<Counter>,
    /// Those that went into others.
    split: Arc<Counter>,
    /// Those that ended because no part of theirs held anything.
    without_parts: Arc<Counter>,
    /// Those that stayed whole because they would have become too many.
    refused: Arc<Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Terminator {
    Bytes(Vec<u8>),
    /// Any number of blanks, tabs and line ends.
    Blanks,
}

/// Why an event stays whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    /// Nothing separates it, which is no fault.
    OnePart,
    NotSplittable,
    TooMany,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Filter>> {
    let field = building.option_reference(options, "field")?;
    let target = match options.word("target") {
        Some(word) => Some(building.reference(&word)?),
        None => None,
    };
    let terminator = match options.text("terminator").unwrap_or("\n") {
        "" => {
            let span = options.span_of("terminator");
            let help = "without the option a text is split at its line ends";
            building.report(Diagnostic::error(span, "`terminator` is empty").help(help));
            return None;
        }
        " " => Terminator::Blanks,
        text => Terminator::Bytes(text.as_bytes().to_vec()),
    };
    let metrics = building.metrics.plugin(options);
    Some(Box::new(Split {
        target: target.filter(|target| *target != field),
        field,
        terminator,
        maker: Maker::of(&options.id),
        counts: Counts {
            created: metrics.counter("events_created"),
            split: metrics.counter("events_split"),
            without_parts: metrics.counter("events_without_parts"),
            refused: metrics.counter("copies_refused"),
        },
        parts: Vec::new(),
    }))
}

impl Terminator {
    /// Collects the parts of a text that hold something. Of more than `limits::SPLIT_PARTS_MAX` there is one too many.
    fn cut(&self, batch: &Batch, text: Text, parts: &mut Vec<Value>) -> Result<(), Whole> {
        let bytes = batch.text(text);
        let most = limits::SPLIT_PARTS_MAX + 1;
        let is_one = match self {
            Self::Bytes(terminator) => {
                let mut ends = memmem::find_iter(bytes, terminator).peekable();
                let is_one = ends.peek().is_none() && !bytes.is_empty();
                let mut start = 0;
                let ranges = ends.chain([bytes.len()]).map(|end| {
                    let part = text.slice(start..end);
                    start = end + terminator.len();
                    part
                });
                let full = ranges.filter(|part| !part.is_empty());
                parts.extend(full.take(most).map(Value::Text));
                is_one
            }
            Self::Blanks => {
                let words = words(bytes).map(|word| Value::Text(batch.text_of(word)));
                parts.extend(words.take(most));
                // Behind blanks at the end Ruby finds one more, which is empty.
                let at_end = usize::from(bytes.last().is_some_and(is_blank));
                parts.len() + at_end == 1
            }
        };
        if is_one { Err(Whole::OnePart) } else { Ok(()) }
    }
}

impl Split {
    /// Collects the parts of a value.
    fn collect(&mut self, batch: &Batch, whole: Value) -> Result<(), Whole> {
        self.parts.clear();
        match whole {
            Value::Text(text) => self.terminator.cut(batch, text, &mut self.parts)?,
            Value::List(items) => {
                let items = batch.members(items).map(|(_, item)| item);
                let full = items.filter(|item| match item {
                    Value::Null => false,
                    Value::Text(text) => !text.is_empty(),
                    _ => true,
                });
                self.parts.extend(full.take(limits::SPLIT_PARTS_MAX + 1));
            }
            _ => return Err(Whole::NotSplittable),
        }
        match self.parts.len() {
            0..=limits::SPLIT_PARTS_MAX => Ok(()),
            _ => Err(Whole::TooMany),
        }
    }

    /// Makes an event of each part; or none, and the event is as it was.
    fn split(
        &mut self,
        batch: &mut Batch,
        id: EventId,
        made: &mut Vec<EventId>,
    ) -> Result<(), Whole> {
        let whole = batch.get(id, &self.field).ok_or(Whole::NotSplittable)?;
        self.collect(batch, whole)?;
        if self.target.is_none() {
            // The parts go into the copies as they are; what is copied has nothing there.
            batch
                .set(id, &self.field, Value::Null)
                .map_err(|_| Whole::NotSplittable)?;
        }
        let (first, copied) = (made.len(), batch.copied());
        let done = self.make(batch, id, whole, made);
        if done.is_err() {
            batch.set_copied(copied);
            for copy in made.drain(first..) {
                batch.drop_event(copy);
            }
            // The place was there a moment ago.
            batch.set(id, &self.field, whole).unwrap_or(());
        }
        done
    }

    fn make(
        &self,
        batch: &mut Batch,
        id: EventId,
        whole: Value,
        made: &mut Vec<EventId>,
    ) -> Result<(), Whole> {
        let copied_besides = self.target.as_ref().map(|_| whole);
        if !batch.reserve_copies(id, self.parts.len(), copied_besides) {
            return Err(Whole::TooMany);
        }
        for (number, &part) in (0..).zip(&self.parts) {
            let copy = batch.copy_event(id, self.maker, number);
            made.push(copy);
            let stored = match &self.target {
                None => batch.set(copy, &self.field, part),
                Some(target) => {
                    let part = batch.copy(part);
                    batch.set(copy, target, part)
                }
            };
            stored.map_err(|_| Whole::NotSplittable)?;
        }
        Ok(())
    }
}

impl Filter for Split {
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome) {
        let (mut split, mut without_parts, mut refused) = (0, 0, 0);
        for &id in selected {
            match self.split(batch, id, &mut outcome.created) {
                Ok(()) => {
                    batch.drop_event(id);
                    match self.parts.is_empty() {
                        true => without_parts += 1,
                        false => split += 1,
                    }
                }
                Err(Whole::OnePart) => {}
                Err(Whole::NotSplittable) => {
                    batch.tag(id, TYPE_TAG);
                    outcome.failed += 1;
                }
                Err(Whole::TooMany) => {
                    batch.tag(id, TOO_MANY_TAG);
                    outcome.failed += 1;
                    refused += 1;
                }
            }
        }
        outcome.matched.extend_from_slice(&outcome.created);
        self.counts.created.add(outcome.created.len() as u64);
        self.counts.split.add(split);
        self.counts.without_parts.add(without_parts);
        self.counts.refused.add(refused);
    }

    fn fork(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
