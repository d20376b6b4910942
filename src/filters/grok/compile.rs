//! `grok`'s options to compiled patterns: the built-in bank, then pattern files, then definitions of the block.

mod fault;

use std::path::{Path, PathBuf};

use sawlog_parsers::grok::{CaptureMode, Grok, Options as GrokOptions, Patterns, STEPS_MAX};

use crate::event::Reference;
use crate::filters::Filter;
use crate::filters::grok::{Capture, CaptureRules, FieldPatterns, GrokFilter, Scratch};
use crate::glob;
use crate::lang::diagnostic::Diagnostic;
use crate::limits;
use crate::pipeline::{Building, Ecs};
use crate::plugin::{Arg, Options, Word};

pub fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Filter>> {
    let patterns = patterns(options, building);
    let target = match options.word("target") {
        Some(word) => Some(building.reference(&word)?),
        None => None,
    };
    let overwrite: Vec<Reference> = options
        .list("overwrite")
        .iter()
        .filter_map(|word| building.reference(word))
        .collect();
    let rules = Rules {
        options: grok_options(options),
        definitions: options.hash("pattern_definitions"),
        target,
        overwrite,
    };
    let mut fields = Vec::new();
    for (field, expressions) in options.hash("match") {
        let words = expressions.words();
        let compiled = words
            .iter()
            .filter_map(|word| rules.compile(word, &patterns, building));
        let compiled: Vec<(Grok, CaptureRules)> = compiled.collect();
        let field = building.reference(field);
        fields.extend(field.map(|field| FieldPatterns::new(field, compiled)));
    }
    let tags = options
        .list("tag_on_failure")
        .iter()
        .map(|tag| tag.text.as_bytes().to_vec());
    Some(Box::new(GrokFilter {
        fields: fields.into(),
        break_on_match: options.boolean("break_on_match"),
        keep_empty_captures: options.boolean("keep_empty_captures"),
        tags_on_failure: tags.collect(),
        tag_on_timeout: options
            .text("tag_on_timeout")
            .unwrap_or_default()
            .as_bytes()
            .into(),
        timeouts: building.metrics.plugin(options).counter("timeouts"),
        slots: Scratch::default(),
    }))
}

/// `timeout_millis` in steps: the default of 30 s stands for the library's own budget.
fn grok_options(options: &Options) -> GrokOptions {
    let millis = options
        .integer("timeout_millis")
        .and_then(|millis| u64::try_from(millis).ok());
    let steps_max = match millis.unwrap_or(30_000) {
        0 => STEPS_MAX * 100,
        millis => (STEPS_MAX.saturating_mul(millis) / 30_000).clamp(1, STEPS_MAX * 100),
    };
    let captures = match options.boolean("named_captures_only") {
        true => CaptureMode::Named,
        false => CaptureMode::All,
    };
    GrokOptions {
        captures,
        steps_max,
        ..GrokOptions::default()
    }
}

/// What all expressions of a block share.
struct Rules<'a> {
    options: GrokOptions,
    /// `pattern_definitions`, which may hold the fault of an expression.
    definitions: &'a [(Word, Arg)],
    target: Option<Reference>,
    overwrite: Vec<Reference>,
}

impl Rules<'_> {
    fn compile(
        &self,
        word: &Word,
        patterns: &Patterns,
        building: &mut Building<'_>,
    ) -> Option<(Grok, CaptureRules)> {
        let grok = match Grok::compile(&word.text, patterns, self.options) {
            Ok(grok) => grok,
            Err(error) => {
                let definitions = self.definitions;
                building.report(fault::in_expression(&error, word, definitions));
                return None;
            }
        };
        for warning in grok.warnings() {
            building.report(Diagnostic::warning(word.span, warning.clone()));
        }
        let mut captures = Vec::with_capacity(grok.captures().len());
        for capture in grok.captures() {
            let written = Word {
                text: capture.field.clone(),
                span: word.span,
            };
            let own = building.reference(&written)?;
            let reference = match &self.target {
                Some(target) => own.below(target),
                None => own,
            };
            let overwrite = self.overwrite.contains(&reference);
            captures.push(Capture::new(reference, capture.kind, overwrite));
        }
        Some((grok, CaptureRules::new(word.span, captures)))
    }
}

fn patterns(options: &Options, building: &mut Building<'_>) -> Patterns {
    let mut patterns = bank(options.text("bank"), building.ecs(options));
    let wanted = options.text("patterns_files_glob").unwrap_or("*");
    for folder in options.list("patterns_dir") {
        match pattern_files(Path::new(&folder.text), wanted) {
            Ok(files) => {
                for file in files {
                    if let Err(fault) = read(&file, &mut patterns) {
                        building.refuse(folder.span, fault);
                    }
                }
            }
            Err(error) => {
                let message = format!("cannot read the patterns in {}: {error}", folder.text);
                let help = "name a folder of pattern files, or one such file";
                building.report(Diagnostic::error(folder.span, message).help(help));
            }
        }
    }
    for (name, expression) in options.hash("pattern_definitions") {
        let Some(text) = expression.text() else {
            building.refuse(expression.span, "a pattern is a text");
            continue;
        };
        if let Err(error) = patterns.define(&name.text, text) {
            building.refuse(name.span, error.message());
        }
    }
    patterns
}

/// A file itself, or the files of a folder whose names fit, in order. Folders in it are not entered.
pub fn pattern_files(path: &Path, wanted: &str) -> std::io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.into()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if file.is_file() && name.is_some_and(|name| glob::matches(wanted, &name)) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// The built-in patterns: those of the bank that is named, else those of the mode.
pub fn bank(name: Option<&str>, ecs: Ecs) -> Patterns {
    match (name, ecs) {
        (Some("strict"), _) => Patterns::strict(),
        (Some("ecs-v1"), _) | (None, Ecs::Enabled) => Patterns::ecs_v1(),
        _ => Patterns::legacy(),
    }
}

/// Adds the definitions of a pattern file, or says what is wrong with it.
pub fn read(path: &Path, patterns: &mut Patterns) -> Result<(), String> {
    let shown = path.display().to_string();
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if limits::PATTERN_FILE_BYTES_MAX < size {
        let most = limits::PATTERN_FILE_BYTES_MAX;
        return Err(format!("{shown} is larger than {most} bytes"));
    }
    let text = std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    patterns
        .add_file(&shown, &text)
        .map_err(|error| error.to_string())
}
