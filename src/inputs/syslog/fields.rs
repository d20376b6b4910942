//! Messages to events: what Logstash's syslog input calls the parts of a header, in its old names or ECS's.

use std::net::IpAddr;
use std::ops::Range;

use sawlog_parsers::syslog::{self, Format, Message};
use sawlog_parsers::timestamp::Zone;

use crate::event::batch::Decode;
use crate::event::value::{Chain, Text};
use crate::event::{Batch, EventId, Name, Reference, Value};
use crate::inputs::origin::Origin;
use crate::limits;
use crate::pipeline::{Building, Ecs};
use crate::plugin::Options;

/// How messages become fields.
pub struct Fields {
    origin: Origin,
    zone: Zone,
    ecs: Ecs,
    facility_labels: Option<Vec<String>>,
    severity_labels: Option<Vec<String>>,
    names: FieldNames,
}

/// Where the parts go.
struct FieldNames {
    priority: Reference,
    facility: Reference,
    severity: Reference,
    facility_label: Reference,
    severity_label: Reference,
    host: Reference,
    program: Reference,
    pid: Reference,
    message_id: Reference,
    structured_data: Reference,
    sender: Reference,
    timestamp: Reference,
    timestamp_iso: Reference,
    original: Reference,
    service_type: Reference,
}

impl FieldNames {
    fn compile(ecs: Ecs, building: &mut Building<'_>) -> Self {
        let mut name = |legacy: &str, modern: &str| building.known(ecs.pick(legacy, modern));
        Self {
            priority: name("priority", "[log][syslog][priority]"),
            facility: name("facility", "[log][syslog][facility][code]"),
            severity: name("severity", "[log][syslog][severity][code]"),
            facility_label: name("facility_label", "[log][syslog][facility][name]"),
            severity_label: name("severity_label", "[log][syslog][severity][name]"),
            host: name("logsource", "[host][hostname]"),
            program: name("program", "[process][name]"),
            pid: name("pid", "[process][pid]"),
            message_id: name("message_id", "[log][syslog][msgid]"),
            structured_data: name("structured_data", "[log][syslog][structured_data]"),
            sender: name("host", "[host][ip]"),
            timestamp: name("timestamp", "timestamp"),
            timestamp_iso: name("timestamp8601", "timestamp"),
            original: name("[event][original]", "[event][original]"),
            service_type: name("[service][type]", "[service][type]"),
        }
    }
}

/// The tag of a message that no parser understood, as Logstash's input has it.
const TAG_UNPARSED: &[u8] = b"_grokparsefailure_sysloginput";
/// The tag of a message whose time could not be read.
const TAG_DATE: &[u8] = b"_dateparsefailure";

/// The tag of a message with more parameters than `limits::FIELDS_MAX`.
const TAG_CUT: &[u8] = b"_structureddatacut";

/// The messages of one batch: where they lie, and which sender each came from.
pub struct Messages {
    pub fields: std::sync::Arc<Fields>,
    pub frames: Vec<Frame>,
    pub senders: Vec<IpAddr>,
}

/// One message in a batch's bytes.
pub struct Frame {
    pub range: Range<u32>,
    /// Index into `senders`.
    pub sender: u16,
    /// The sender's message was longer, and the rest is dropped.
    pub is_truncated: bool,
}

impl Messages {
    /// How many places of the stream the messages take: one for each byte, since a message can hold several events, and
    /// one for itself, since it can be empty.
    pub fn places(&self) -> u64 {
        let end = self.frames.last().map_or(0, |frame| frame.range.end);
        u64::from(end) + self.frames.len() as u64
    }
}

impl Decode for Messages {
    fn count(&self, _: &Batch) -> u64 {
        self.frames.len() as u64
    }

    fn decode(&self, batch: &mut Batch) {
        let first = batch.event_count();
        let mut newborn = self.fields.origin.newborn(batch);
        let senders: Vec<Text> = self
            .senders
            .iter()
            .map(|sender| batch.append(sender.to_string().as_bytes()))
            .collect();
        let labels = Labels::default();
        let offset = self.fields.zone.offset_seconds(batch.received);
        let mut parsing = Parsing {
            reference: syslog::Reference::at(batch.received, offset),
            labels,
        };
        let start = batch.offset();
        for (number, frame) in self.frames.iter().enumerate() {
            let before = batch.event_count();
            let place = u64::from(frame.range.start) + number as u64;
            batch.go_to(start.map(|start| start + place));
            let text = batch.text_at(frame.range.start as usize..frame.range.end as usize);
            self.fields.origin.read(batch, text, &mut newborn);
            let sender = senders.get(usize::from(frame.sender)).copied();
            for index in before..batch.event_count() {
                let id = EventId(index as u32);
                self.fields.fill(batch, id, sender, &mut parsing);
                if frame.is_truncated {
                    batch.tag(id, crate::codecs::reading::TRUNCATED_TAG);
                }
            }
        }
        self.fields.origin.finish(batch, first, &newborn);
    }
}

/// What is shared by the messages of a batch.
struct Parsing {
    reference: syslog::Reference,
    labels: Labels,
}

/// Labels kept in the batch once, by their code.
#[derive(Default)]
struct Labels {
    facilities: [Option<Text>; 24],
    severities: [Option<Text>; 8],
}

/// A message's parts as spans of the batch.
struct Parts {
    priority: u8,
    timestamp_text: Option<Text>,
    timestamp: Option<i64>,
    timestamp_is_iso: bool,
    host: Option<Text>,
    program: Option<Text>,
    pid: Option<Text>,
    message_id: Option<Text>,
    message: Text,
    format: Format,
}

impl Parts {
    fn of(batch: &Batch, message: &Message<'_>) -> Self {
        let span = |part: &[u8]| batch.text_of(part);
        Self {
            priority: message.priority.unwrap_or(syslog::PRIORITY_DEFAULT),
            timestamp_text: message.timestamp_text.map(span),
            timestamp: message.timestamp,
            timestamp_is_iso: message.timestamp_is_iso,
            host: message.host.map(span),
            program: message.program.map(span),
            pid: message.pid.map(span),
            message_id: message.message_id.map(span),
            message: span(message.message),
            format: message.format,
        }
    }
}

impl Fields {
    pub fn compile(
        options: &Options,
        origin: Origin,
        zone: Zone,
        building: &mut Building<'_>,
    ) -> Self {
        let ecs = building.ecs(options);
        let labels = |option: &str, standard: &[&str]| -> Option<Vec<String>> {
            let own = options.list(option);
            options.boolean("use_labels").then(|| match own {
                [] => standard.iter().map(|&label| label.to_owned()).collect(),
                own => own.iter().map(|word| word.text.clone()).collect(),
            })
        };
        Self {
            facility_labels: labels("facility_labels", &syslog::FACILITY_LABELS),
            severity_labels: labels("severity_labels", &syslog::SEVERITY_LABELS),
            names: FieldNames::compile(ecs, building),
            origin,
            zone,
            ecs,
        }
    }

    /// Takes the header off an event's message and makes fields of it.
    fn fill(&self, batch: &mut Batch, id: EventId, sender: Option<Text>, parsing: &mut Parsing) {
        let whole = match batch.top(id, Name::MESSAGE) {
            Some(Value::Text(text)) => text,
            _ => Text::EMPTY,
        };
        let message = syslog::parse(batch.text(whole), &parsing.reference);
        let parts = Parts::of(batch, &message);
        let has_structured_data = !message.structured_data.is_empty();
        if has_structured_data {
            self.add_structured_data(batch, id, whole, &parsing.reference);
        }
        if let Some(sender) = sender {
            self.put(batch, id, &self.names.sender, Value::Text(sender));
        }
        self.put_codes(batch, id, parts.priority, &mut parsing.labels);
        if self.ecs == Ecs::Enabled {
            let value = batch.value_of(b"system");
            self.put(batch, id, &self.names.service_type, value);
        }
        if parts.format == Format::Kept {
            batch.tag(id, TAG_UNPARSED);
            batch.set_top(id, Name::MESSAGE, Value::Text(parts.message));
            return;
        }
        self.put_parts(batch, id, whole, &parts);
    }

    fn put_parts(&self, batch: &mut Batch, id: EventId, whole: Text, parts: &Parts) {
        let names = &self.names;
        for (reference, part) in [
            (&names.host, parts.host),
            (&names.program, parts.program),
            (&names.message_id, parts.message_id),
        ] {
            if let Some(text) = part {
                self.put(batch, id, reference, Value::Text(text));
            }
        }
        if let Some(pid) = parts.pid {
            self.put(batch, id, &names.pid, self.pid(batch, pid));
        }
        match (parts.timestamp, parts.timestamp_text) {
            (Some(nanos), _) => batch.set_top(id, Name::TIMESTAMP, Value::Time(nanos)),
            (None, Some(_)) => batch.tag(id, TAG_DATE),
            (None, None) => {}
        }
        match self.ecs {
            Ecs::Disabled => {
                if let Some(text) = parts.timestamp_text {
                    self.put(batch, id, &names.timestamp, Value::Text(text));
                    if parts.timestamp_is_iso {
                        self.put(batch, id, &names.timestamp_iso, Value::Text(text));
                    }
                }
            }
            Ecs::Enabled => {
                if batch.get(id, &names.original).is_none() {
                    self.put(batch, id, &names.original, Value::Text(whole));
                }
            }
        }
        batch.set_top(id, Name::MESSAGE, Value::Text(parts.message));
    }

    /// Text in the old names, an integer in ECS's if it is one.
    fn pid(&self, batch: &Batch, text: Text) -> Value {
        let number = || std::str::from_utf8(batch.text(text)).ok()?.parse().ok();
        match self.ecs {
            Ecs::Disabled => Value::Text(text),
            Ecs::Enabled => number().map_or(Value::Text(text), Value::Integer),
        }
    }

    fn put_codes(&self, batch: &mut Batch, id: EventId, priority: u8, labels: &mut Labels) {
        let (facility, severity) = (priority >> 3, priority & 7);
        self.put(
            batch,
            id,
            &self.names.priority,
            Value::Integer(priority.into()),
        );
        self.put(
            batch,
            id,
            &self.names.facility,
            Value::Integer(facility.into()),
        );
        self.put(
            batch,
            id,
            &self.names.severity,
            Value::Integer(severity.into()),
        );
        for (reference, names, kept, code) in [
            (
                &self.names.facility_label,
                &self.facility_labels,
                labels.facilities.get_mut(usize::from(facility)),
                facility,
            ),
            (
                &self.names.severity_label,
                &self.severity_labels,
                labels.severities.get_mut(usize::from(severity)),
                severity,
            ),
        ] {
            let label = names
                .as_ref()
                .and_then(|names| names.get(usize::from(code)));
            if let (Some(label), Some(kept)) = (label, kept) {
                let text = *kept.get_or_insert_with(|| batch.append(label.as_bytes()));
                self.put(batch, id, reference, Value::Text(text));
            }
        }
    }

    /// RFC 5424's elements: a map of maps. The line is parsed once more, for few lines have them.
    fn add_structured_data(
        &self,
        batch: &mut Batch,
        id: EventId,
        whole: Text,
        reference: &syslog::Reference,
    ) {
        let line = batch.text(whole).to_vec();
        let message = syslog::parse(&line, reference);
        let mut elements: Vec<(Name, Chain)> = Vec::new();
        let mut parameters = message.structured_data.into_iter();
        for (element, parameter, escaped) in parameters.by_ref().take(limits::FIELDS_MAX) {
            let name = batch.name(element);
            let place = elements.iter().position(|(known, _)| *known == name);
            let place = place.unwrap_or_else(|| {
                elements.push((name, Chain::EMPTY));
                elements.len() - 1
            });
            if parameter.is_empty() {
                continue;
            }
            let mut value = Vec::new();
            syslog::unescape_value(escaped, &mut value);
            let (member, value) = (batch.name(parameter), batch.value_of(&value));
            if let Some((_, members)) = elements.get_mut(place) {
                batch.set_member(members, member, value);
            }
        }
        if parameters.next().is_some() {
            batch.tag(id, TAG_CUT);
        }
        let mut data = Chain::EMPTY;
        for (name, members) in elements {
            batch.push_member(&mut data, name, Value::Map(members));
        }
        self.put(batch, id, &self.names.structured_data, Value::Map(data));
    }

    /// Sets a field; a codec's own field of another shape in the way keeps its place.
    fn put(&self, batch: &mut Batch, id: EventId, reference: &Reference, value: Value) {
        let stored = match reference.as_top() {
            Some(name) => {
                batch.set_top(id, name, value);
                Ok(())
            }
            None => batch.set(id, reference, value),
        };
        if stored.is_err() {
            batch.tag(id, TAG_UNPARSED);
        }
    }
}
