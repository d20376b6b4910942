//! `date`: a text in a field to a time, usually `@timestamp`.

use sawlog_parsers::timestamp::{Context, Format, Zone};

use crate::event::{Batch, EventId, Name, Reference, Template, Value};
use crate::filters::{Filter, FilterPlugin, Outcome};
use crate::lang::diagnostic::Diagnostic;
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};

pub const PLUGIN: FilterPlugin = FilterPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Filter,
    name: "date",
    summary: "Parses the time in a field. Formats are Joda-Time's letters, or `ISO8601`, `UNIX`, `UNIX_MS`, `TAI64N`; \
              the first that fits wins.",
    options: &[
        Opt::new("match", Kind::List, "The field, then one format or more.").required(),
        Opt::new("target", Kind::Field, "The field that gets the time.").default("\"@timestamp\""),
        Opt::new(
            "timezone",
            Kind::Text,
            "Zone of times that name none, such as `Europe/Berlin` or `+02:00`, or a template of one; by default the \
             host's.",
        ),
        Opt::new(
            "locale",
            Kind::Text,
            "Language of the names of months and days; only English is there.",
        ),
        Opt::new(
            "tag_on_failure",
            Kind::List,
            "Tags of events whose text no format fits.",
        )
        .default("[\"_dateparsefailure\"]"),
    ],
    absent: &[],
};

#[derive(Clone)]
struct Date {
    field: Reference,
    formats: Vec<Format>,
    target: Reference,
    zone: ZoneOption,
    tags_on_failure: Vec<Vec<u8>>,
    scratch: Vec<u8>,
    /// The last text and its time: lines of one second carry the same.
    last: Option<(Vec<u8>, i64)>,
}

#[derive(Clone)]
enum ZoneOption {
    Fixed(Zone),
    /// Rendered per event, with the last zone found.
    Rendered(Template, Option<(Vec<u8>, Zone)>),
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Filter>> {
    let Some((field, formats)) = options
        .list("match")
        .split_first()
        .filter(|(_, f)| !f.is_empty())
    else {
        let help = "such as `match => [\"timestamp\", \"ISO8601\"]`";
        let message = "`match` takes a field and at least one format";
        building.report(Diagnostic::error(options.span_of("match"), message).help(help));
        return None;
    };
    let mut compiled = Vec::new();
    for format in formats {
        match Format::compile(&format.text) {
            Ok(format) => compiled.push(format),
            Err(error) => building.refuse(format.span, error.to_string()),
        }
    }
    refuse_other_languages(options, building);
    let zone = zone(options, building);
    let field = building.reference(field);
    let target = building.option_reference(options, "target");
    let tags = options
        .list("tag_on_failure")
        .iter()
        .map(|tag| tag.text.as_bytes().to_vec());
    Some(Box::new(Date {
        field: field?,
        formats: compiled,
        target: target?,
        zone: zone?,
        tags_on_failure: tags.collect(),
        scratch: Vec::new(),
        last: None,
    }))
}

fn refuse_other_languages(options: &Options, building: &mut Building<'_>) {
    let Some(locale) = options.text("locale") else {
        return;
    };
    let language = locale
        .split(['-', '_'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if !matches!(language.as_str(), "en" | "" | "c" | "posix") {
        let span = options.span_of("locale");
        let message = format!("`date` reads English names only, not those of `{locale}`");
        building.report(
            Diagnostic::error(span, message).help("leave `locale` out if months are numbers"),
        );
    }
}

fn zone(options: &Options, building: &mut Building<'_>) -> Option<ZoneOption> {
    if options
        .text("timezone")
        .is_some_and(|text| text.contains("%{"))
    {
        let template = building.option_template(options, "timezone")?;
        return Some(ZoneOption::Rendered(template, None));
    }
    building.zone(options).map(ZoneOption::Fixed)
}

impl Date {
    /// The time in an event's field. `None` if there is no such field.
    fn parse(&mut self, batch: &Batch, id: EventId) -> Option<Result<i64, ()>> {
        self.scratch.clear();
        match batch.get(id, &self.field)? {
            Value::Null => return None,
            Value::Time(nanos) => return Some(Ok(nanos)),
            Value::List(items) => {
                let (_, first) = batch.members(items).next()?;
                batch.write_text(first, &mut self.scratch);
            }
            value => batch.write_text(value, &mut self.scratch),
        }
        let zone = match &mut self.zone {
            ZoneOption::Fixed(zone) => {
                if let Some((text, nanos)) = &self.last
                    && *text == self.scratch
                {
                    return Some(Ok(*nanos));
                }
                &*zone
            }
            ZoneOption::Rendered(template, last) => match rendered(template, last, batch, id) {
                Some(zone) => zone,
                None => return Some(Err(())),
            },
        };
        let context = Context {
            zone,
            now_nanos: batch.received,
        };
        let text = self.scratch.as_slice();
        let nanos = self
            .formats
            .iter()
            .find_map(|format| format.parse(text, &context));
        if let (Some(nanos), ZoneOption::Fixed(_)) = (nanos, &self.zone) {
            let (last, at) = self.last.get_or_insert_default();
            last.clone_from(&self.scratch);
            *at = nanos;
        }
        Some(nanos.ok_or(()))
    }
}

/// The zone that a template names for an event; zones are looked up when the name changes.
fn rendered<'z>(
    template: &Template,
    last: &'z mut Option<(Vec<u8>, Zone)>,
    batch: &Batch,
    id: EventId,
) -> Option<&'z Zone> {
    let mut name = Vec::new();
    template.write(batch, id, &mut name);
    if last.as_ref().is_none_or(|(known, _)| *known != name) {
        let zone = Zone::named(std::str::from_utf8(&name).ok()?).ok()?;
        *last = Some((name, zone));
    }
    last.as_ref().map(|(_, zone)| zone)
}

impl Filter for Date {
    fn run(&mut self, batch: &mut Batch, selected: &[EventId], outcome: &mut Outcome) {
        for &id in selected {
            match self.parse(batch, id) {
                None => {}
                Some(Ok(nanos)) => {
                    let time = Value::Time(nanos);
                    let stored = match self.target.as_top() {
                        Some(Name::TIMESTAMP) => {
                            batch.set_top(id, Name::TIMESTAMP, time);
                            Ok(())
                        }
                        _ => batch.set(id, &self.target, time),
                    };
                    match stored {
                        Ok(()) => outcome.matched.push(id),
                        Err(_) => self.fail(batch, id, outcome),
                    }
                }
                Some(Err(())) => self.fail(batch, id, outcome),
            }
        }
    }

    fn fork(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

impl Date {
    fn fail(&self, batch: &mut Batch, id: EventId, outcome: &mut Outcome) {
        self.tags_on_failure
            .iter()
            .for_each(|tag| batch.tag(id, tag));
        outcome.failed += 1;
    }
}
