//! `grok`: text to fields by named patterns. The matching itself is the parser library's; here are Logstash's options and
//! the rules by which captures become fields.

pub mod compile;

use std::sync::Arc;

use sawlog_parsers::grok::{self, Grok, GrokSet, Kind as CaptureKind, SetOutcome, Slots, Tier};

use crate::event::value::Text;
use crate::event::{Batch, EventId, Name, Reference, Value};
use crate::filters::{Filter, FilterPlugin, Outcome};
use crate::lang::source::Span;
use crate::metrics::Counter;
use crate::plugin::{Kind, Opt, Plugin, Section};

pub const PLUGIN: FilterPlugin = FilterPlugin {
    plugin: &DESCRIPTION,
    build: compile::build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Filter,
    name: "grok",
    summary: "Takes text apart with patterns such as `%{IP:client} %{NUMBER:bytes:int}`. The leftmost match counts; \
              captures become fields.",
    options: &[
        Opt::new("match", Kind::Hash, "Field to pattern, or to a list of patterns that are tried in order.")
            .default("{}"),
        Opt::new(
            "break_on_match",
            Kind::Boolean,
            "Stop at the first pattern that matches. With `false` all patterns of all fields are tried, and one match \
             is success.",
        )
        .default("true"),
        Opt::new(
            "bank",
            Kind::Text,
            "The built-in patterns: `legacy` with Logstash's old field names, `ecs-v1` with those of the Elastic Common \
             Schema, `strict` with these and patterns that take what the formats allow and no more. Without it \
             `legacy` or `ecs-v1`, as `ecs_compatibility` says. Logstash does not know this option.",
        )
        .allowed(&["legacy", "ecs-v1", "strict"]),
        Opt::new("patterns_dir", Kind::List, "Folders or files with further pattern definitions.").default("[]"),
        Opt::new("patterns_files_glob", Kind::Text, "Which files of those folders are read.").default("\"*\""),
        Opt::new("pattern_definitions", Kind::Hash, "Name to pattern, for this filter alone.").default("{}"),
        Opt::new("named_captures_only", Kind::Boolean, "With `false`, `%{WORD}` is captured too, as `WORD`.")
            .default("true"),
        Opt::new("keep_empty_captures", Kind::Boolean, "Keep captures that are empty or took no part.")
            .default("false"),
        Opt::new("overwrite", Kind::List, "Fields whose old value a capture replaces instead of making a list.")
            .default("[]"),
        Opt::new("target", Kind::Field, "A field below which all captures are put."),
        Opt::new("tag_on_failure", Kind::List, "Tags of events that no pattern matched.")
            .default("[\"_grokparsefailure\"]"),
        Opt::new(
            "timeout_millis",
            Kind::Integer,
            "Bounds the work on one line. It is counted in steps of matching, not by the clock: the default stands for \
             5,000,000 steps, other values in proportion; 0 for a hundred times that.",
        )
        .default("30000"),
        Opt::new("timeout_scope", Kind::Text, "Whether the bound is for each pattern or for all of an event.")
            .default("\"pattern\"")
            .allowed(&["pattern", "event"]),
        Opt::new("tag_on_timeout", Kind::Text, "Tag of events whose matching went over the bound.")
            .default("\"_groktimeout\""),
    ],
    absent: &[],
};

/// A compiled `grok` block.
#[derive(Clone)]
struct GrokFilter {
    fields: Arc<[FieldPatterns]>,
    break_on_match: bool,
    keep_empty_captures: bool,
    tags_on_failure: Arc<[Vec<u8>]>,
    tag_on_timeout: Arc<[u8]>,
    timeouts: Arc<Counter>,
    slots: Scratch,
}

/// One field and the patterns that are tried on it.
struct FieldPatterns {
    field: Reference,
    /// The expressions, with one look at the line for all of them.
    set: GrokSet,
    /// What each of them puts where.
    rules: Vec<CaptureRules>,
}

impl FieldPatterns {
    fn new(field: Reference, patterns: Vec<(Grok, CaptureRules)>) -> Self {
        let (groks, rules) = patterns.into_iter().unzip();
        Self {
            field,
            set: GrokSet::new(groks),
            rules,
        }
    }

    /// How each expression is matched, how long that can take, and why not better.
    fn remarks(&self) -> Vec<(Span, String)> {
        let remark = |(grok, rules): (&Grok, &CaptureRules)| {
            let mut text = format!(
                "grok: {}: {}; worst case: {}",
                grok.tier(),
                grok.tier_reason(),
                grok.worst_case()
            );
            // The reason for a backtracker is that there is no automaton.
            if let Some(reason) = grok.worst_case_reason()
                && grok.tier() == Tier::Scanner
            {
                text += &format!(", on lines that the scanner gives up; no automaton: {reason}");
            }
            (rules.span, text)
        };
        self.set
            .groks()
            .iter()
            .zip(&self.rules)
            .map(remark)
            .collect()
    }
}

/// Where the captures of one expression go.
struct CaptureRules {
    /// Where the expression is written.
    span: Span,
    captures: Vec<Capture>,
    /// The set of the captures' names, if all are different fields at the top level.
    new_fields: Option<u64>,
}

impl CaptureRules {
    fn new(span: Span, captures: Vec<Capture>) -> Self {
        let mut new_fields = Some(0);
        for capture in &captures {
            let bit = capture.top.map(Name::bit);
            new_fields = new_fields
                .zip(bit)
                .and_then(|(bits, bit)| (bits & bit == 0).then_some(bits | bit));
        }
        Self {
            span,
            captures,
            new_fields,
        }
    }
}

/// Where a capture goes.
pub struct Capture {
    reference: Reference,
    /// Its name, if it is a field at the top level.
    top: Option<Name>,
    kind: CaptureKind,
    overwrite: bool,
}

/// Memory for matching; a fork starts with its own.
#[derive(Default)]
struct Scratch(Slots);

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matched {
    Yes,
    No,
    TimedOut,
    /// A capture did not fit into the event.
    Unfit,
}

impl Filter for GrokFilter {
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome) {
        for &id in selected {
            match self.match_event(batch, id) {
                Matched::Yes => outcome.matched.push(id),
                Matched::No | Matched::Unfit => {
                    self.tags_on_failure
                        .iter()
                        .for_each(|tag| batch.tag(id, tag));
                    outcome.failed += 1;
                }
                Matched::TimedOut => {
                    batch.tag(id, &self.tag_on_timeout);
                    self.timeouts.add(1);
                    outcome.failed += 1;
                }
            }
        }
    }

    fn remarks(&self) -> Vec<(Span, String)> {
        self.fields
            .iter()
            .flat_map(FieldPatterns::remarks)
            .collect()
    }

    fn fork(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

impl GrokFilter {
    fn match_event(&mut self, batch: &mut Batch, id: EventId) -> Matched {
        let fields = Arc::clone(&self.fields);
        let mut result = Matched::No;
        for rule in fields.iter() {
            match self.match_field(batch, id, rule) {
                Matched::No => {}
                Matched::Yes if !self.break_on_match => result = Matched::Yes,
                end => return end,
            }
        }
        result
    }

    /// Every item of a list is tried; other values as text; a missing field as the empty text.
    fn match_field(&mut self, batch: &mut Batch, id: EventId, rule: &FieldPatterns) -> Matched {
        match batch.get(id, &rule.field) {
            Some(Value::Text(text)) => self.match_text(batch, id, text, rule),
            None => self.match_text(batch, id, Text::EMPTY, rule),
            Some(Value::List(items)) => {
                let items: Vec<Value> = batch.members(items).map(|(_, item)| item).collect();
                let mut result = Matched::No;
                for item in items {
                    let text = batch.text_for(item);
                    match self.match_text(batch, id, text, rule) {
                        Matched::No => {}
                        Matched::Yes => result = Matched::Yes,
                        end => return end,
                    }
                }
                result
            }
            Some(other) => {
                let text = batch.text_for(other);
                self.match_text(batch, id, text, rule)
            }
        }
    }

    fn match_text(
        &mut self,
        batch: &mut Batch,
        id: EventId,
        text: Text,
        rule: &FieldPatterns,
    ) -> Matched {
        if self.break_on_match {
            return match rule.set.search(batch.text(text), &mut self.slots.0) {
                SetOutcome::Match(index) => self.store_of(index, batch, id, text, rule),
                SetOutcome::NoMatch => Matched::No,
                SetOutcome::BudgetSpent(_) => Matched::TimedOut,
            };
        }
        let mut result = Matched::No;
        for (index, grok) in rule.set.groks().iter().enumerate() {
            match grok.search(batch.text(text), &mut self.slots.0) {
                grok::Outcome::NoMatch => continue,
                grok::Outcome::BudgetSpent => return Matched::TimedOut,
                grok::Outcome::Match => {}
            }
            result = self.store_of(index, batch, id, text, rule);
            if result != Matched::Yes {
                break;
            }
        }
        result
    }

    /// Stores what the expression with this index captured.
    fn store_of(
        &self,
        index: usize,
        batch: &mut Batch,
        id: EventId,
        text: Text,
        rule: &FieldPatterns,
    ) -> Matched {
        match rule.rules.get(index) {
            Some(rules) if self.store(batch, id, text, rules) => Matched::Yes,
            _ => Matched::Unfit,
        }
    }

    /// Puts the captures of a match into the event. False if one did not fit.
    fn store(&self, batch: &mut Batch, id: EventId, text: Text, rules: &CaptureRules) -> bool {
        let fields = batch.fields(id);
        if rules
            .new_fields
            .is_some_and(|bits| bits & batch.name_bits(fields) == 0)
        {
            self.append(batch, id, text, rules);
            return true;
        }
        for (index, capture) in rules.captures.iter().enumerate() {
            let Some(value) = self.value(batch, text, index, capture) else {
                continue;
            };
            if !capture.store(batch, id, value) {
                return false;
            }
        }
        true
    }
}

impl GrokFilter {
    /// Adds the captures behind the fields of an event that has none of their names.
    fn append(&self, batch: &mut Batch, id: EventId, text: Text, rules: &CaptureRules) {
        let mut fields = batch.fields(id);
        for (index, capture) in rules.captures.iter().enumerate() {
            let value = self.value(batch, text, index, capture);
            if let (Some(name), Some(value)) = (capture.top, value) {
                batch.push_member(&mut fields, name, value);
            }
        }
        batch.set_fields(id, fields);
    }

    /// What a capture puts into its field, if anything.
    fn value(&self, batch: &Batch, text: Text, index: usize, capture: &Capture) -> Option<Value> {
        match self.slots.0.span(index) {
            Some(span) if !span.is_empty() => Some(convert(batch, text.slice(span), capture.kind)),
            _ if !self.keep_empty_captures => None,
            Some(_) => Some(Value::Text(Text::EMPTY)),
            None => Some(Value::Null),
        }
    }
}

/// A captured text in the type that its capture has; a text that does not fit stays one.
pub fn convert(batch: &Batch, text: Text, kind: CaptureKind) -> Value {
    let bytes = batch.text(text);
    match grok::Value::of(kind, bytes) {
        grok::Value::Text(_) | grok::Value::Null => Value::Text(text),
        grok::Value::Int(number) => Value::Integer(number),
        grok::Value::Float(number) => Value::Float(number),
        grok::Value::Boolean(truth) => Value::Boolean(truth),
    }
}

impl Capture {
    pub fn new(reference: Reference, kind: CaptureKind, overwrite: bool) -> Self {
        Self {
            top: reference.as_top(),
            reference,
            kind,
            overwrite,
        }
    }

    /// Puts a value into its field: a text that is there becomes a list with the capture behind it, a list grows, any other
    /// value stays. False if the field's place is taken by something that is no map.
    pub fn store(&self, batch: &mut Batch, id: EventId, value: Value) -> bool {
        let old = match self.top {
            Some(name) => batch.top(id, name),
            None => batch.get(id, &self.reference),
        };
        match (old, self.top) {
            (None, Some(name)) => batch.append_field(id, name, value),
            (Some(_), _) if self.overwrite => {
                return batch.set(id, &self.reference, value).is_ok();
            }
            (None | Some(Value::Null), _) => return batch.set(id, &self.reference, value).is_ok(),
            (Some(Value::Text(_) | Value::List(_)), _) => {
                return batch.add(id, &self.reference, value).is_ok();
            }
            (Some(_), _) => {}
        }
        true
    }
}
