//! Codec `line`: each line is a message. An output writes a template and the delimiter.

use crate::codecs::charset::{self, Charset};
use crate::codecs::framing::Framing;
use crate::codecs::{Codec, CodecPlugin, plain};
use crate::plugin::{Kind, Opt, Plugin, Section};

/// The option `delimiter`, which `json_lines` has too.
pub const DELIMITER: Opt = Opt::new(
    "delimiter",
    Kind::Text,
    "What ends a line; a line feed if not written. Before a line feed one carriage return is stripped as well. Without \
     `config.support_escapes`, `\"\\n\"` is a backslash and an n. With an empty one an output writes nothing between events; an \
     input takes a datagram as one event, and a stream line by line.",
);

/// The codec `line`.
pub const PLUGIN: CodecPlugin = CodecPlugin {
    plugin: &Plugin {
        section: Section::Codec,
        name: "line",
        summary: "Text in lines: one event for each line.",
        options: &[charset::OPTION, plain::FORMAT, DELIMITER],
        absent: &[],
    },
    build: |options, building| {
        Some(Codec {
            framing: Framing::of(options),
            charset: Charset::of(options),
            reading: Some(plain::reading(building.ecs(options), building)),
            writing: plain::writing(options, building)?,
        })
    },
};
