//! Codec `dots`: a dot for each event, to see a flow at a glance. It only writes.

use crate::codecs::charset::Charset;
use crate::codecs::framing::Framing;
use crate::codecs::writing::Writing;
use crate::codecs::{Codec, CodecPlugin};
use crate::plugin::{Plugin, Section};

/// The codec `dots`.
pub const PLUGIN: CodecPlugin = CodecPlugin {
    plugin: &Plugin {
        section: Section::Codec,
        name: "dots",
        summary: "Writes a dot for each event.",
        options: &[],
        absent: &[],
    },
    build: |_, _| {
        Some(Codec {
            framing: Framing::Whole,
            charset: Charset::default(),
            reading: None,
            writing: Writing::Dots,
        })
    },
};
