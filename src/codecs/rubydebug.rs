//! Codec `rubydebug`: events as Ruby's awesome_print shows a hash, keys aligned to the right, for people to read. It only
//! writes.

use sawlog_parsers::lines::Delimiter;

use crate::codecs::charset::Charset;
use crate::codecs::framing::Framing;
use crate::codecs::writing::Writing;
use crate::codecs::{Codec, CodecPlugin};
use crate::event::value::Chain;
use crate::event::{Batch, EventId, Name, Value};
use crate::plugin::{Kind, Opt, Plugin, Section};
use crate::printable::is_harmful;

/// The codec `rubydebug`.
pub const PLUGIN: CodecPlugin = CodecPlugin {
    plugin: &Plugin {
        section: Section::Codec,
        name: "rubydebug",
        summary: "Writes events over several lines, keys aligned, for people to read.",
        options: &[Opt::new(
            "metadata",
            Kind::Boolean,
            "Whether `@metadata` is shown as well.",
        )
        .default("false")],
        absent: &[],
    },
    build: |options, _| {
        let metadata = match options.boolean("metadata") {
            true => Metadata::Shown,
            false => Metadata::Hidden,
        };
        Some(Codec {
            framing: Framing::Lines(Delimiter::newline()),
            charset: Charset::default(),
            reading: None,
            writing: Writing::Rubydebug(Rubydebug { metadata }),
        })
    },
};

/// How events are shown.
#[derive(Clone, Copy, Debug)]
pub struct Rubydebug {
    pub metadata: Metadata,
}

/// Whether `@metadata` is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    Shown,
    Hidden,
}

/// Blanks for each level.
const INDENT: usize = 4;

impl Rubydebug {
    /// Appends one event, without a line end.
    pub fn write(&self, batch: &Batch, id: EventId, out: &mut Vec<u8>) {
        let mut shown: Vec<(Name, Value)> = batch.members(batch.fields(id)).collect();
        if self.metadata == Metadata::Hidden {
            shown.retain(|(name, _)| *name != Name::METADATA);
        }
        write_hash(batch, &shown, 0, out);
    }
}

fn write_value(batch: &Batch, value: Value, level: usize, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"nil"),
        Value::Text(text) => write_string(batch.text(text), out),
        Value::Map(members) => {
            let members: Vec<(Name, Value)> = batch.members(members).collect();
            write_hash(batch, &members, level, out);
        }
        Value::List(items) => write_list(batch, items, level, out),
        Value::Boolean(_) | Value::Integer(_) | Value::Float(_) | Value::Time(_) => {
            batch.write_text(value, out);
        }
    }
}

fn write_hash(batch: &Batch, members: &[(Name, Value)], level: usize, out: &mut Vec<u8>) {
    if members.is_empty() {
        return out.extend_from_slice(b"{}");
    }
    let key = |name: Name| {
        let mut key = Vec::new();
        write_string(batch.name_text(name), &mut key);
        key
    };
    let width = |key: &[u8]| String::from_utf8_lossy(key).chars().count();
    let keys: Vec<Vec<u8>> = members.iter().map(|(name, _)| key(*name)).collect();
    let widest = keys.iter().map(|key| width(key)).max().unwrap_or(0);
    let column = widest + (level + 1) * INDENT;
    out.extend_from_slice(b"{\n");
    for (index, ((_, value), key)) in members.iter().zip(&keys).enumerate() {
        if 0 < index {
            out.extend_from_slice(b",\n");
        }
        blanks(column - width(key), out);
        out.extend_from_slice(key);
        out.extend_from_slice(b" => ");
        write_value(batch, *value, level + 1, out);
    }
    out.push(b'\n');
    blanks(level * INDENT, out);
    out.push(b'}');
}

fn write_list(batch: &Batch, items: Chain, level: usize, out: &mut Vec<u8>) {
    let count = batch.members(items).count();
    if count == 0 {
        return out.extend_from_slice(b"[]");
    }
    let widest = (count - 1).to_string().len();
    out.extend_from_slice(b"[\n");
    for (index, (_, item)) in batch.members(items).enumerate() {
        if 0 < index {
            out.extend_from_slice(b",\n");
        }
        blanks((level + 1) * INDENT, out);
        out.extend_from_slice(format!("[{index:widest$}] ").as_bytes());
        write_value(batch, item, level + 1, out);
    }
    out.push(b'\n');
    blanks(level * INDENT, out);
    out.push(b']');
}

fn blanks(count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, b' ');
}

/// A string as Ruby writes it in a program; what is not UTF-8 as `\xFF`.
fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            write_character(character, out);
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\x{byte:02X}").as_bytes());
        }
    }
    out.push(b'"');
}

fn write_character(character: char, out: &mut Vec<u8>) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{1b}' => out.extend_from_slice(b"\\e"),
        harmful if is_harmful(harmful) => {
            out.extend_from_slice(format!("\\u{:04X}", u32::from(harmful)).as_bytes());
        }
        plain => out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}
