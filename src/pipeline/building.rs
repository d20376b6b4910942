//! What plugins see of the pipeline while they are built: names to intern, a place for complaints, the settings.

use std::path::PathBuf;
use std::sync::Arc;

use sawlog_parsers::timestamp::Zone;

use crate::event::{Names, Reference, Template};
use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Span;
use crate::metrics::Metrics;
use crate::plugin::{Options, Word};
use crate::queue::dead_letters::DeadLetterSettings;

/// Which field names plugins use by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ecs {
    /// Logstash's old names, such as `[program]`.
    #[default]
    Disabled,
    /// The Elastic Common Schema's names, such as `[process][name]`. Logstash's `v1` and `v8` name the same fields.
    Enabled,
}

impl Ecs {
    /// Reads `disabled`, `v1` or `v8`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "disabled" => Some(Self::Disabled),
            "v1" | "v8" => Some(Self::Enabled),
            _ => None,
        }
    }

    /// One of two, by mode.
    pub fn pick<T>(self, disabled: T, enabled: T) -> T {
        match self {
            Self::Disabled => disabled,
            Self::Enabled => enabled,
        }
    }
}

/// The part of the settings that plugins are built with.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub ecs: Ecs,
    /// `config.support_escapes`, for plugins that read regular expressions.
    pub support_escapes: bool,
    /// Where positions are kept; made when the first position is.
    pub path_data: PathBuf,
    /// Where outputs keep what they can never deliver, if they do.
    pub dead_letters: Option<DeadLetterSettings>,
    /// Name of this host, as events carry it.
    pub host_name: String,
}

/// Handed to each plugin's `build`. Complaints are collected, so that one run reports all of them.
pub struct Building<'a> {
    pub names: &'a mut Names,
    pub diagnostics: &'a mut Vec<Diagnostic>,
    pub surroundings: &'a Surroundings,
    pub metrics: &'a Arc<Metrics>,
}

impl Building<'_> {
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Refuses the configuration.
    pub fn refuse(&mut self, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(span, message));
    }

    /// Compiles a field reference, or refuses it.
    pub fn reference(&mut self, word: &Word) -> Option<Reference> {
        match Reference::compile(&word.text, self.names) {
            Ok(reference) => Some(reference),
            Err(error) => {
                self.refuse(word.span, error);
                None
            }
        }
    }

    /// The reference of an option that has a value.
    pub fn option_reference(&mut self, options: &Options, name: &str) -> Option<Reference> {
        let word = options.word(name)?;
        self.reference(&word)
    }

    /// A reference of our own, known to be well-formed.
    pub fn known(&mut self, text: &str) -> Reference {
        Reference::compile(text, self.names)
            .unwrap_or_else(|_| Reference::top(self.names.intern(text.as_bytes())))
    }

    /// Compiles a template, or refuses it.
    pub fn template(&mut self, word: &Word) -> Option<Template> {
        match Template::compile(&word.text, self.names) {
            Ok(template) => Some(template),
            Err(error) => {
                self.refuse(word.span, error);
                None
            }
        }
    }

    /// The template of an option that has a value.
    pub fn option_template(&mut self, options: &Options, name: &str) -> Option<Template> {
        let word = options.word(name)?;
        self.template(&word)
    }

    /// The zone that an option `timezone` names, or the host's; refused if there is no such zone.
    pub fn zone(&mut self, options: &Options) -> Option<Zone> {
        let Some(text) = options.text("timezone") else {
            return Some(crate::host::zone());
        };
        let zone = Zone::named(text);
        if zone.is_none() {
            let help = "name one of the tz database such as `Europe/Berlin`, or an offset such as `+02:00`";
            let span = options.span_of("timezone");
            self.report(Diagnostic::error(span, format!("unknown zone `{text}`")).help(help));
        }
        zone
    }

    /// The plugin's own mode, or the pipeline's.
    pub fn ecs(&self, options: &Options) -> Ecs {
        let own = options.text("ecs_compatibility").and_then(Ecs::parse);
        own.unwrap_or(self.surroundings.ecs)
    }
}
