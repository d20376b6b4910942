//! The pipeline language, Logstash's: texts come in, a checked configuration and diagnostics go out. The checked form
//! holds no `${...}`, no unknown option and no missing default; every part knows where it was written. What the parts do
//! to an event is elsewhere, and so are templates (`%{...}`), which stay text here.

pub mod check;
pub mod cursor;
pub mod diagnostic;
#[cfg(test)]
pub mod document;
pub mod field;
pub mod files;
pub mod glob;
pub mod known;
pub mod limits;
pub mod mask;
pub mod nearest;
pub mod parse;
pub mod ruby_regex;
pub mod section_options;
pub mod source;
pub mod syntax;
pub mod units;
pub mod variables;

#[cfg(test)]
mod tests;

use crate::lang::check::Checker;
use crate::lang::diagnostic::{Diagnostic, Severity};
use crate::lang::source::{Sources, Span};
use crate::plugin::{Options, Plugin, Section};

/// The plugins there are.
#[derive(Clone, Copy, Debug)]
pub struct Registry<'a> {
    pub plugins: &'a [&'static Plugin],
}

impl Registry<'_> {
    /// The plugin of that name in a section.
    pub fn find(&self, section: Section, name: &str) -> Option<&'static Plugin> {
        self.plugins
            .iter()
            .find(|plugin| plugin.section == section && plugin.name == name)
            .copied()
    }

    /// All names in a section.
    pub fn names(&self, section: Section) -> impl Iterator<Item = &'static str> {
        self.plugins
            .iter()
            .filter(move |plugin| plugin.section == section)
            .map(|plugin| plugin.name)
    }
}

/// What the settings and the environment say about the reading of a text.
#[derive(Clone, Copy)]
pub struct Language<'a> {
    /// Logstash's `config.support_escapes`: `\n`, `\t` and the like in strings are replaced.
    pub support_escapes: bool,
    /// The value of an environment variable.
    pub variables: &'a dyn Fn(&str) -> Option<String>,
}

/// A checked pipeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub inputs: Vec<Options>,
    pub filters: Vec<Statement>,
    pub outputs: Vec<Statement>,
    /// Where values stand that must not be printed; `mask::hide` gives them to a diagnostic that was made later.
    pub secrets: Vec<Span>,
}

/// A plugin or a choice between plugins.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Plugin(Options),
    If(Branches),
}

/// `if`, any number of `else if`, and `else`.
#[derive(Clone, Debug, PartialEq)]
pub struct Branches {
    pub branches: Vec<(Condition, Vec<Statement>)>,
    /// Empty where there is no `else`.
    pub otherwise: Vec<Statement>,
}

/// What stands between `if` and `{`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub expression: Expression,
    pub span: Span,
}

/// A condition, grouped as Logstash groups it.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Xor(Box<Expression>, Box<Expression>),
    Nand(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    /// A lone `[field]`.
    Truthy(Reference),
    Compare {
        left: Operand,
        comparison: Comparison,
        right: Operand,
    },
    /// `=~`, or `!~` when negated.
    Match {
        subject: Operand,
        /// Valid for `regex::Regex::new`: Ruby's meaning is already written out, flags included.
        pattern: String,
        negated: bool,
    },
    /// `in`, or `not in` when negated.
    In {
        needle: Operand,
        haystack: Operand,
        negated: bool,
    },
}

/// The comparisons of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Text(String),
    /// As written: `-?[0-9]+(\.[0-9]*)?`.
    Number(String),
    Field(Reference),
    List(Vec<Operand>),
}

/// A field that a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Outermost first; never empty.
    pub parts: Vec<String>,
    pub span: Span,
}

/// Reads and checks all texts of a pipeline, in order. Gives as much as it could make sense of; whoever calls refuses the
/// result when any of the diagnostics is an error. Diagnostics come sorted by place, none is reported twice.
pub fn load(
    sources: &Sources,
    registry: &Registry,
    language: &Language,
    diagnostics: &mut Vec<Diagnostic>,
) -> Config {
    let mut found = Vec::new();
    let mut sections = Vec::new();
    for (index, source) in sources.all.iter().enumerate() {
        sections.extend(parse::parse(index, &source.text, &mut found));
    }
    let mut checker = Checker::new(sources, registry, language, &mut found);
    let config = checker.config(&sections);
    found.sort_by_key(|diagnostic| (diagnostic.span.source, diagnostic.span.start));
    found.dedup_by(|one, other| one.span == other.span && one.message == other.message);
    let mut found = capped(found);
    mask::hide(&mut found, &config.secrets, sources);
    diagnostics.extend(found);
    config
}

/// Keeps errors before warnings when there are more remarks than anyone reads.
fn capped(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if found.len() <= limits::DIAGNOSTICS_MAX {
        return found;
    }
    found.sort_by_key(|diagnostic| diagnostic.severity != Severity::Error);
    let left_out = found.len() - limits::DIAGNOSTICS_MAX;
    found.truncate(limits::DIAGNOSTICS_MAX);
    if let Some(last) = found.last().cloned() {
        let message = format!("{left_out} more remarks are not shown");
        found.push(Diagnostic {
            message,
            help: None,
            ..last
        });
    }
    found
}
