//! A checked configuration to a pipeline that can be started. Plugins are built here, so that `check` refuses exactly
//! what `run` would refuse; nothing is opened.

use std::path::PathBuf;
use std::sync::Arc;

use crate::event::Names;
use crate::filters::{self, Outcome};
use crate::inputs::{self, Input, Source};
use crate::lang::diagnostic::{Diagnostic, Severity};
use crate::lang::source::{Source as SourceText, Sources, Span};
use crate::lang::{self, Config, Language, Registry, Statement};
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::{self, Output};
use crate::pipeline::building::{Building, Surroundings};
use crate::pipeline::condition::Condition;
use crate::pipeline::decoration::Decoration;
use crate::pipeline::program::{FilterStep, Step};
use crate::plugin::{Options, Plugin};

/// A pipeline, checked and built, not started.
pub struct Compiled {
    pub inputs: Vec<Box<dyn Input>>,
    pub filters: Vec<Step<FilterStep>>,
    pub outputs: Vec<Step<PlannedOutput>>,
    pub names: Arc<Names>,
    /// The texts that it was compiled from, for places in them.
    pub sources: Sources,
}

/// What kinds of inputs a pipeline has.
#[derive(Clone, Copy)]
pub struct InputKinds {
    /// Others send it events, once.
    pub pushed: bool,
    /// It reads what belongs to this process alone, and cannot be had again.
    pub private: bool,
    /// It reads, whatever that is, or has no pushed input.
    pub reads: bool,
    /// One of them outlives the process, so that there is something to go on with.
    pub outlive: bool,
}

impl Compiled {
    pub fn input_kinds(&self) -> InputKinds {
        let (pushed, private) = (self.has(Source::Pushed), self.has(Source::Private));
        InputKinds {
            pushed,
            private,
            reads: self.has(Source::Rereadable) || private || !pushed,
            outlive: self.keeps_anything(),
        }
    }

    /// Whether one of its inputs is of that kind.
    pub fn has(&self, source: inputs::Source) -> bool {
        self.inputs.iter().any(|input| input.source() == source)
    }

    /// Whether an input outlives the process, so that there is something to go on with.
    fn keeps_anything(&self) -> bool {
        let mut sources = self.inputs.iter().map(|input| input.source());
        sources.any(|source| source != Source::Private)
    }

    /// The files in the data folder in which outputs keep sums.
    pub fn sums(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if self.keeps_anything() {
            Step::each(&self.outputs, &mut |planned| {
                files.extend(planned.output.state().map(PathBuf::from));
            });
        }
        files
    }
}

/// An output that is not opened yet.
pub struct PlannedOutput {
    pub output: Box<dyn Output>,
    pub metrics: Arc<PluginMetrics>,
    /// What it was built of.
    pub options: Arc<Options>,
}

/// All plugins there are.
pub fn plugins() -> Vec<&'static Plugin> {
    let inputs = inputs::ALL.iter().map(|input| input.plugin);
    let codecs = crate::codecs::ALL.iter().map(|codec| codec.plugin);
    let filters = filters::ALL.iter().map(|filter| filter.plugin);
    let outputs = outputs::ALL.iter().map(|output| output.plugin);
    inputs.chain(codecs).chain(filters).chain(outputs).collect()
}

/// Compiles the sources. Whatever was found is in `diagnostics`; there is no pipeline if one of them is an error.
pub fn compile(
    sources: &Sources,
    surroundings: &Surroundings,
    metrics: &Arc<Metrics>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Compiled> {
    let variables = |name: &str| std::env::var(name).ok();
    let language = Language {
        support_escapes: surroundings.support_escapes,
        variables: &variables,
    };
    let plugins = plugins();
    let mut config = lang::load(
        sources,
        &Registry { plugins: &plugins },
        &language,
        diagnostics,
    );
    let mut names = Names::default();
    let mut building = Building {
        names: &mut names,
        diagnostics,
        surroundings,
        metrics,
        origins: Vec::new(),
    };
    complete(&mut config, sources, &mut building);
    let inputs = config
        .inputs
        .iter()
        .filter_map(|input| build_input(input, &mut building))
        .collect();
    let filters = steps(&config.filters, &mut building, &mut build_filter);
    let outputs = steps(&config.outputs, &mut building, &mut build_output);
    lang::mask::hide(diagnostics, &config.secrets, sources);
    if diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
    {
        return None;
    }
    Some(Compiled {
        inputs,
        filters,
        outputs,
        names: Arc::new(names),
        sources: sources.clone(),
    })
}

/// A text of the command line without an input or output gets Logstash's: stdin and stdout. A file without is told.
fn complete(config: &mut Config, sources: &Sources, building: &mut Building<'_>) {
    let (no_input, no_output) = (config.inputs.is_empty(), config.outputs.is_empty());
    if !(no_input || no_output)
        || building
            .diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error)
    {
        return;
    }
    if sources.all.iter().any(|source| source.name == "-e") {
        let text = "input { stdin { } } output { stdout { codec => rubydebug } }".to_owned();
        let implied = Sources {
            all: vec![SourceText {
                name: "-e".to_owned(),
                text,
            }],
        };
        let plugins = plugins();
        let language = Language {
            support_escapes: false,
            variables: &|_| None,
        };
        let mut remarks = Vec::new();
        let defaults = lang::load(
            &implied,
            &Registry { plugins: &plugins },
            &language,
            &mut remarks,
        );
        if no_input {
            config.inputs = defaults.inputs;
        }
        if no_output {
            config.outputs = defaults.outputs;
        }
        return;
    }
    let start = Span::default();
    if no_input {
        let help = "add a section such as `input { stdin { } }`";
        building.report(Diagnostic::error(start, "the pipeline has no input").help(help));
    } else {
        let help = "events are read, filtered and then discarded; add `output { ... }`";
        building.report(Diagnostic::warning(start, "the pipeline has no output").help(help));
    }
}

fn build_input(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Input>> {
    let plugin = inputs::ALL
        .iter()
        .find(|input| input.plugin.name == options.plugin.name)?;
    (plugin.build)(options, building)
}

fn build_filter(options: &Options, building: &mut Building<'_>) -> Option<FilterStep> {
    let plugin = filters::ALL
        .iter()
        .find(|filter| filter.plugin.name == options.plugin.name)?;
    let decoration = Decoration::compile(options, building);
    let filter = (plugin.build)(options, building)?;
    let metrics = building.metrics.plugin(options);
    Some(FilterStep {
        filter,
        decoration,
        metrics,
        outcome: Outcome::default(),
    })
}

fn build_output(options: &Options, building: &mut Building<'_>) -> Option<PlannedOutput> {
    let plugin = outputs::ALL
        .iter()
        .find(|output| output.plugin.name == options.plugin.name)?;
    let output = (plugin.build)(options, building)?;
    Some(PlannedOutput {
        output,
        metrics: building.metrics.plugin(options),
        options: Arc::new(options.clone()),
    })
}

type Build<P> = dyn FnMut(&Options, &mut Building<'_>) -> Option<P>;

fn steps<P>(
    statements: &[Statement],
    building: &mut Building<'_>,
    build: &mut Build<P>,
) -> Vec<Step<P>> {
    let mut built = Vec::with_capacity(statements.len());
    for statement in statements {
        match statement {
            Statement::Plugin(options) => built.extend(build(options, building).map(Step::Plugin)),
            Statement::If(choice) => {
                let mut branches = Vec::with_capacity(choice.branches.len());
                for (condition, statements) in &choice.branches {
                    let condition = Condition::compile(&condition.expression, building);
                    let inner = steps(statements, building, build);
                    branches.extend(condition.map(|condition| (condition, inner)));
                }
                let otherwise = steps(&choice.otherwise, building, build);
                built.push(Step::If {
                    branches,
                    otherwise,
                });
            }
        }
    }
    built
}

/// The problems of a pipeline text, one line each.
#[cfg(test)]
pub fn problems(text: &str) -> Vec<String> {
    let source = SourceText {
        name: "test".to_owned(),
        text: text.to_owned(),
    };
    let sources = Sources { all: vec![source] };
    let surroundings = Surroundings {
        ecs: Default::default(),
        support_escapes: false,
        path_data: std::env::temp_dir(),
        dead_letters: None,
        pipeline: "main".to_owned(),
        host_name: "test".to_owned(),
    };
    let mut diagnostics = Vec::new();
    let compiled = compile(&sources, &surroundings, &Arc::default(), &mut diagnostics);
    let errors = diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error);
    let lines: Vec<String> = errors.map(|found| found.message.clone()).collect();
    assert_eq!(compiled.is_some(), lines.is_empty());
    lines
}
