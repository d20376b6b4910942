//! Codec `json`: what an input hands over is one JSON document. An array gives an event for each of its objects. An output
//! writes an object without a line end.

use crate::codecs::charset::{self, Charset};
use crate::codecs::framing::Framing;
use crate::codecs::reading::Reading;
use crate::codecs::writing::Writing;
use crate::codecs::{Codec, CodecPlugin, plain};
use crate::plugin::{Kind, Opt, Plugin, Section};

/// The option `target`, which `json_lines` has too.
pub const TARGET: Opt = Opt::new(
    "target",
    Kind::Field,
    "The field that the document is put into; without it, its members are the event's fields.",
);

/// The codec `json`.
pub const PLUGIN: CodecPlugin = CodecPlugin {
    plugin: &Plugin {
        section: Section::Codec,
        name: "json",
        summary: "JSON: one document for each message of the input; an array gives several events. What is no JSON object \
                  becomes an event with the text in `message` and the tag `_jsonparsefailure`.",
        options: &[charset::OPTION, TARGET],
        absent: &[],
    },
    build: |options, building| {
        Some(Codec {
            framing: Framing::Whole,
            charset: Charset::of(options),
            reading: Some(Reading::Json {
                target: building.option_reference(options, "target"),
                original: plain::original(building.ecs(options), building),
            }),
            writing: Writing::Json,
        })
    },
};
