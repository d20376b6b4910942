//! Codec `plain`: the whole of what an input hands over is the message. An output writes a template, without a line end.

use crate::codecs::charset::{self, Charset};
use crate::codecs::framing::Framing;
use crate::codecs::reading::Reading;
use crate::codecs::writing::Writing;
use crate::codecs::{Codec, CodecPlugin};
use crate::event::Reference;
use crate::lang::source::Span;
use crate::pipeline::{Building, Ecs};
use crate::plugin::{Kind, Opt, Options, Plugin, Section, Word};

/// How an event looks as text unless `format` says otherwise.
const EVENT_AS_TEXT: &str = "%{@timestamp} %{host} %{message}";

/// The option `format`, which `line` has too.
pub const FORMAT: Opt = Opt::new(
    "format",
    Kind::Text,
    "What an output writes of an event, with `%{...}` filled in.",
)
.default(EVENT_AS_TEXT);

/// The codec `plain`.
pub const PLUGIN: CodecPlugin = CodecPlugin {
    plugin: &Plugin {
        section: Section::Codec,
        name: "plain",
        summary: "Text as it is: one event for each message of the input. Inputs that read a stream of bytes take each \
                  line as a message.",
        options: &[charset::OPTION, FORMAT],
        absent: &[],
    },
    build: |options, building| {
        Some(Codec {
            framing: Framing::Whole,
            charset: Charset::of(options),
            reading: Some(reading(building.ecs(options), building)),
            writing: writing(options, building)?,
        })
    },
};

/// The codec where none was written.
pub fn default(building: &mut Building<'_>) -> Option<Codec> {
    let format = Word {
        text: EVENT_AS_TEXT.to_owned(),
        span: Span::default(),
    };
    Some(Codec {
        framing: Framing::Whole,
        charset: Charset::default(),
        reading: Some(reading(building.surroundings.ecs, building)),
        writing: Writing::Text(building.template(&format)?),
    })
}

/// The message, and in ECS mode the original.
pub fn reading(ecs: Ecs, building: &mut Building<'_>) -> Reading {
    Reading::Text {
        original: original(ecs, building),
    }
}

/// Where ECS keeps a record's text.
pub fn original(ecs: Ecs, building: &mut Building<'_>) -> Option<Reference> {
    ecs.pick(None, Some("[event][original]"))
        .map(|field| building.known(field))
}

/// The template `format`.
pub fn writing(options: &Options, building: &mut Building<'_>) -> Option<Writing> {
    let format = options.word("format").unwrap_or_else(|| Word {
        text: EVENT_AS_TEXT.to_owned(),
        span: options.span,
    });
    building.template(&format).map(Writing::Text)
}
