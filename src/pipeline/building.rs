//! What plugins see of the pipeline while they are built: names to intern, a place for complaints, the settings.

use std::path::PathBuf;
use std::sync::Arc;

use sawlog_parsers::timestamp::Zone;

use crate::event::{Home, Names, Reference, Template};
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
    /// The pipeline's id.
    pub pipeline: String,
    /// Name of this host, as events carry it.
    pub host_name: String,
}

/// Handed to each plugin's `build`. Complaints are collected, so that one run reports all of them.
pub struct Building<'a> {
    pub names: &'a mut Names,
    pub diagnostics: &'a mut Vec<Diagnostic>,
    pub surroundings: &'a Surroundings,
    pub metrics: &'a Arc<Metrics>,
    /// What the pipeline's inputs so far are known by; of those alike, each is there once.
    pub origins: Vec<Home>,
}

impl Building<'_> {
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Refuses the configuration.
    pub fn refuse(&mut self, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(span, message));
    }

    /// Sets an input apart from all others: by its `id`, else by what it reads and how many before it read the same. Nothing
    /// else counts, so that identifiers stay as they are when files of the configuration are renamed and inputs come and go.
    pub fn home(&mut self, options: &Options) -> Home {
        let Surroundings {
            host_name,
            pipeline,
            ..
        } = self.surroundings;
        let known_by = match options.text("id") {
            Some(id) => vec!["id", id],
            None => {
                let paths = options.list("path").iter();
                let paths = paths.map(|path| path.text.as_str());
                std::iter::once(options.plugin.name).chain(paths).collect()
            }
        };
        let named = |number: &str| {
            let names = [host_name, pipeline, number].into_iter();
            let names = names.chain(known_by.iter().copied());
            Home::of(names.map(str::as_bytes))
        };
        let mut numbers = (1..).map(|number: usize| named(&number.to_string()));
        let home = numbers.find(|home| !self.origins.contains(home));
        let home = home.expect("numbers do not end");
        self.origins.push(home);
        home
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
        match Zone::named(text) {
            Ok(zone) => Some(zone),
            Err(error) => {
                let span = options.span_of("timezone");
                self.report(Diagnostic::error(span, error.message()));
                None
            }
        }
    }

    /// The plugin's own mode, or the pipeline's.
    pub fn ecs(&self, options: &Options) -> Ecs {
        let own = options.text("ecs_compatibility").and_then(Ecs::parse);
        own.unwrap_or(self.surroundings.ecs)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Building, Ecs, Home, Surroundings};
    use crate::event::Names;
    use crate::lang::source::{Source, Sources};
    use crate::lang::{self, Language, Registry};
    use crate::pipeline::compile;

    /// What the inputs of a pipeline are known by.
    fn homes_on(host: &str, pipeline: &str, inputs: &str) -> Vec<Home> {
        let source = Source {
            name: "test".to_owned(),
            text: format!("input {{ {inputs} }} output {{ null {{ }} }}"),
        };
        let sources = Sources { all: vec![source] };
        let language = Language {
            support_escapes: false,
            variables: &|_| None,
        };
        let mut diagnostics = Vec::new();
        let plugins = compile::plugins();
        let registry = Registry { plugins: &plugins };
        let config = lang::load(&sources, &registry, &language, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let surroundings = Surroundings {
            ecs: Ecs::Disabled,
            support_escapes: false,
            path_data: std::env::temp_dir(),
            dead_letters: None,
            pipeline: pipeline.to_owned(),
            host_name: host.to_owned(),
        };
        let mut building = Building {
            names: &mut Names::default(),
            diagnostics: &mut diagnostics,
            surroundings: &surroundings,
            metrics: &Arc::default(),
            origins: Vec::new(),
        };
        let inputs = config.inputs.iter();
        inputs.map(|input| building.home(input)).collect()
    }

    fn homes(inputs: &str) -> Vec<Home> {
        homes_on("web1", "main", inputs)
    }

    const APP: &str = "file { path => '/var/log/app.log' }";

    #[test]
    fn an_input_is_known_by_its_host_its_pipeline_and_what_it_reads() {
        let app = homes(APP);
        assert_eq!(homes(APP), app);
        assert_ne!(homes_on("web2", "main", APP), app);
        assert_ne!(homes_on("web1", "other", APP), app);
        assert_ne!(homes("file { path => '/var/log/*.log' }"), app);
        assert_ne!(homes("docker { }"), app);
    }

    #[test]
    fn other_inputs_and_options_that_change_nothing_of_it_do_not_matter() {
        let app = homes(APP)[0];
        let before = format!("stdin {{ }} file {{ path => '/var/log/web.log' }} {APP}");
        let after = format!("{APP} file {{ path => '/var/log/web.log' }} docker {{ }}");
        assert_eq!(homes(&before)[2], app);
        assert_eq!(homes(&after)[0], app);
        let decorated = "file { path => '/var/log/app.log' tags => [new] stat_interval => 3 }";
        assert_eq!(homes(decorated)[0], app);
        assert_eq!(
            homes("docker { exclude_names => [noisy] }"),
            homes("docker { }")
        );
    }

    #[test]
    fn inputs_of_the_same_differ() {
        for alike in [APP, "docker { }"] {
            let all = homes(&alike.repeat(3));
            assert_eq!(all[0], homes(alike)[0]);
            assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        }
    }

    #[test]
    fn an_id_is_all_that_counts() {
        let with_id = |id: &str, path: &str| format!("file {{ id => '{id}' path => '{path}' }}");
        let (one, other) = (with_id("a", "/x"), with_id("b", "/x"));
        let both = homes(&(one.clone() + &other));
        assert_eq!(homes(&(other + &one)), [both[1], both[0]]);
        assert_ne!(both[0], both[1]);
        assert_eq!(homes(&with_id("a", "/y"))[0], both[0]);
        // What is written as an id is never mistaken for a path.
        assert_ne!(homes(&with_id("/x", "/y")), homes("file { path => '/x' }"));
    }
}
