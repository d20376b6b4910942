//! Codec `json_lines`: each line is a JSON document. An output writes an object and the delimiter.

use crate::codecs::charset::{self, Charset};
use crate::codecs::framing::Framing;
use crate::codecs::reading::Reading;
use crate::codecs::writing::Writing;
use crate::codecs::{Codec, CodecPlugin, json, line};
use crate::plugin::{Plugin, Section};

/// The codec `json_lines`.
pub const PLUGIN: CodecPlugin = CodecPlugin {
    plugin: &Plugin {
        section: Section::Codec,
        name: "json_lines",
        summary: "JSON in lines: one document for each line. A line that is no JSON object becomes an event with the text \
                  in `message` and the tag `_jsonparsefailure`; empty lines are skipped.",
        options: &[charset::OPTION, json::TARGET, line::DELIMITER],
        absent: &["decode_size_limit_bytes"],
    },
    build: |options, building| {
        Some(Codec {
            framing: Framing::of(options),
            charset: Charset::of(options),
            reading: Some(Reading::Json {
                target: building.option_reference(options, "target"),
                original: None,
            }),
            writing: Writing::Json,
        })
    },
};
