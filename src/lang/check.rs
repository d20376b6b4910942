//! The meaning of a syntax tree: plugins are looked up, their options checked, conditions grouped. A tree comes in, a
//! `Config` and diagnostics go out. What could not be made sense of is left out and reported.

mod condition;
mod grouping;
mod options;
mod secret;
mod value;

use std::collections::HashMap;

use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::{Sources, Span};
use crate::lang::syntax::{self, IfNode, Node, PluginNode};
use crate::lang::{
    Branches, Condition, Config, Language, Registry, Statement, known, limits, nearest,
};
use crate::plugin::{Options, Plugin, Section, Word};

/// The state of one check.
pub struct Checker<'a> {
    sources: &'a Sources,
    registry: &'a Registry<'a>,
    language: &'a Language<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
    secrets: Vec<Span>,
    /// Every id given so far, and by which plugin.
    ids: HashMap<String, Span>,
    /// How many plugins of each section and name there were.
    counts: HashMap<(&'static str, &'static str), usize>,
    /// How many plugins there were at all.
    plugins: usize,
    /// A limit was passed and said so: the rest is not looked at.
    stopped: bool,
}

impl<'a> Checker<'a> {
    pub fn new(
        sources: &'a Sources,
        registry: &'a Registry<'a>,
        language: &'a Language<'a>,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            sources,
            registry,
            language,
            diagnostics,
            secrets: Vec::new(),
            ids: HashMap::new(),
            counts: HashMap::new(),
            plugins: 0,
            stopped: false,
        }
    }

    pub fn config(&mut self, sections: &[syntax::Section]) -> Config {
        let mut config = Config::default();
        for section in sections {
            let kind = section.section;
            match kind {
                Section::Input => config.inputs.extend(self.inputs(&section.body)),
                Section::Filter => config.filters.extend(self.statements(kind, &section.body)),
                // The parser knows three sections.
                Section::Output | Section::Codec => {
                    config.outputs.extend(self.statements(kind, &section.body));
                }
            }
        }
        config.secrets = std::mem::take(&mut self.secrets);
        config
    }

    fn inputs(&mut self, body: &[Node]) -> Vec<Options> {
        let mut inputs = Vec::new();
        for node in body {
            match node {
                Node::Plugin(plugin) => inputs.extend(self.plugin(Section::Input, plugin)),
                Node::If(branches) => {
                    self.diagnostics.push(
                        Diagnostic::error(branches.span, "a condition cannot stand around inputs")
                            .help("there is no event yet to look at; put the condition into `filter { ... }`"),
                    );
                    // What is wrong inside is reported all the same.
                    self.branches(Section::Input, branches);
                }
            }
        }
        inputs
    }

    fn statements(&mut self, section: Section, body: &[Node]) -> Vec<Statement> {
        let mut statements = Vec::new();
        for node in body {
            match node {
                Node::Plugin(plugin) => {
                    statements.extend(self.plugin(section, plugin).map(Statement::Plugin));
                }
                Node::If(branches) => {
                    statements.push(Statement::If(self.branches(section, branches)));
                }
            }
        }
        statements
    }

    fn branches(&mut self, section: Section, node: &IfNode) -> Branches {
        let mut branches = Vec::new();
        for branch in &node.branches {
            let condition = branch.condition.as_ref().and_then(|condition| {
                let expression = self.expression(condition)?;
                Some(Condition {
                    expression,
                    span: condition.span,
                })
            });
            let body = self.statements(section, &branch.body);
            branches.extend(condition.map(|condition| (condition, body)));
        }
        Branches {
            branches,
            otherwise: self.statements(section, &node.otherwise),
        }
    }

    fn plugin(&mut self, section: Section, node: &PluginNode) -> Option<Options> {
        self.plugins += 1;
        if self.stops(node.name.span) {
            return None;
        }
        match self.registry.find(section, &node.name.text) {
            Some(plugin) => Some(self.options(plugin, node)),
            None => {
                let diagnostic = self.unknown_plugin(section, &node.name);
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    /// Whether there is no sense in going on; that is an error, since parts are left out.
    fn stops(&mut self, span: Span) -> bool {
        let too_many_plugins = limits::PLUGINS_MAX < self.plugins;
        let too_many_remarks = limits::MISTAKES_MAX < self.diagnostics.len();
        if !self.stopped && (too_many_plugins || too_many_remarks) {
            self.stopped = true;
            let message = if too_many_plugins {
                format!("more than {} plugins", limits::PLUGINS_MAX)
            } else {
                format!("more than {} remarks", limits::MISTAKES_MAX)
            };
            self.diagnostics
                .push(Diagnostic::error(span, message).help("what follows here was not looked at"));
        }
        self.stopped
    }

    fn unknown_plugin(&self, section: Section, name: &Word) -> Diagnostic {
        let kind = section.name();
        let word = &name.text;
        if let Some(purpose) = known::find(section, word) {
            let here: Vec<_> = purpose
                .iter()
                .filter(|name| self.registry.find(section, name).is_some())
                .map(|name| format!("`{name}`"))
                .collect();
            let message =
                format!("{kind} \"{word}\" is a Logstash plugin that sawlog does not have");
            let help = if here.is_empty() {
                self.those_there_are(section)
            } else {
                format!("nearest in purpose: {}", here.join(", "))
            };
            return Diagnostic::error(name.span, message).help(help);
        }
        let message = format!("there is no {kind} \"{word}\"");
        let elsewhere = [
            Section::Input,
            Section::Codec,
            Section::Filter,
            Section::Output,
        ]
        .into_iter()
        .find(|other| self.registry.find(*other, word).is_some());
        let help = match (
            elsewhere,
            nearest::nearest(word, self.registry.names(section)),
        ) {
            (_, Some(near)) => format!("did you mean `{near}`?"),
            (Some(Section::Codec), None) => {
                format!("`{word}` is a codec: write it as an option, `codec => {word}`")
            }
            (Some(other), None) if section == Section::Codec => {
                let article = if other == Section::Filter { "a" } else { "an" };
                format!("`{word}` is {article} {}, not a codec", other.name())
            }
            (Some(other), None) => {
                let other = other.name();
                format!("`{word}` belongs into `{other} {{ ... }}`")
            }
            (None, None) => self.those_there_are(section),
        };
        Diagnostic::error(name.span, message).help(help)
    }

    fn those_there_are(&self, section: Section) -> String {
        let names: Vec<_> = self
            .registry
            .names(section)
            .map(|name| format!("`{name}`"))
            .collect();
        if names.is_empty() {
            return "remove it".to_owned();
        }
        format!("the {}s are {}", section.name(), names.join(", "))
    }

    /// The id that was written, or one from section, name and order.
    fn id(&mut self, plugin: &'static Plugin, written: Option<Word>, span: Span) -> String {
        let section = plugin.section.name();
        let count = self.counts.entry((section, plugin.name)).or_default();
        if let Some(written) = written {
            *count += 1;
            if let Some(first) = self.ids.insert(written.text.clone(), span) {
                let place = self.place(first, written.span);
                let message = format!("the id `{}` is already taken", written.text);
                self.diagnostics.push(
                    Diagnostic::error(written.span, message)
                        .help(format!("the plugin in {place} has it; choose another")),
                );
            }
            return written.text;
        }
        loop {
            *count += 1;
            let id = format!("{section}_{}_{count}", plugin.name);
            if !self.ids.contains_key(&id) {
                self.ids.insert(id.clone(), span);
                return id;
            }
        }
    }

    /// The line of a place, with its file where that is another one.
    fn place(&self, of: Span, seen_from: Span) -> String {
        let (line, _) = self.sources.line_and_column(of);
        match self.sources.source(of) {
            Some(source) if of.source != seen_from.source => {
                format!("line {line} of {}", source.name)
            }
            _ => format!("line {line}"),
        }
    }

    /// The text of a place, as it was written.
    fn written(&self, span: Span) -> &'a str {
        self.sources
            .source(span)
            .and_then(|source| source.text.get(span.start as usize..span.end as usize))
            .unwrap_or("")
    }

    /// The start of what was written in a place, on one line, for messages.
    fn shown(&self, span: Span) -> String {
        const SHOWN_MAX: usize = 60;
        let lines: Vec<_> = self.written(span).lines().map(str::trim).collect();
        let mut shown = lines.join(" ");
        if let Some((end, _)) = shown.char_indices().nth(SHOWN_MAX) {
            shown.truncate(end);
            shown.push_str("...");
        }
        shown
    }
}

/// What is wrong with a plugin's own table; a test asks this of every plugin.
#[cfg(test)]
pub fn table_faults(plugin: &'static Plugin) -> Vec<String> {
    options::table_faults(plugin)
}
