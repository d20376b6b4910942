//! The configuration as the agent gets it: texts from files, the command line or the binary are read, compiled, and what
//! there is to say of them is printed. Nothing is started here.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::inputs;
use crate::lang::diagnostic::{self, Diagnostic, Severity};
use crate::lang::files;
use crate::lang::source::{Source as SourceText, Sources};
use crate::metrics::Metrics;
use crate::pipeline::building::Surroundings;
use crate::pipeline::compile::{Compiled, compile};
use crate::pipeline::program::Step;
use crate::printable;
use crate::settings::{Origin, PipelineSettings, Settings};

/// The pipeline that runs when none is named.
const DEFAULT_PIPELINE: &str = include_str!("../../pipelines/default.conf");

/// What tells that another file is in a place, or that it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: SystemTime,
    /// When its content, its rights or its names were changed last: seconds and nanoseconds.
    changed: (i64, i64),
}

impl Version {
    /// Of the file in a place; nothing if there is none.
    fn of(file: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(file).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: metadata.modified().ok()?,
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Files in their order, as they were at one time.
#[derive(Debug, PartialEq, Eq)]
pub struct Files(Vec<(PathBuf, Option<Version>)>);

impl Files {
    /// Those of the pipelines.
    pub fn of(settings: &Settings) -> Self {
        let sources = settings.pipelines.iter().map(load_sources);
        let all = sources.flatten().flat_map(|sources| sources.all);
        all.map(|source| PathBuf::from(source.name)).collect()
    }

    /// Those of the settings.
    pub fn of_settings(settings: &Settings) -> Self {
        settings.files.iter().cloned().collect()
    }

    /// A file that is not as it was; both are of the same settings.
    pub fn changed_since(&self, before: &Self) -> Option<&Path> {
        let mut both = self.0.iter().zip(&before.0);
        both.find_map(|(now, before)| (now != before).then_some(now.0.as_path()))
    }
}

impl FromIterator<PathBuf> for Files {
    fn from_iter<T: IntoIterator<Item = PathBuf>>(paths: T) -> Self {
        let with_version = |path: PathBuf| {
            let version = Version::of(&path);
            (path, version)
        };
        Self(paths.into_iter().map(with_version).collect())
    }
}

/// Files with certificates and keys, as they were when they were last looked at.
#[derive(Clone, Default)]
pub struct Certificates(Vec<(PathBuf, Option<Version>)>);

impl Certificates {
    pub fn of(compiled: &[Compiled]) -> Self {
        let mut files = Vec::new();
        for one in compiled {
            Step::each(&one.outputs, &mut |planned| {
                files.extend(planned.output.certificates());
            });
        }
        let with_version = files.into_iter().map(|file| {
            let version = Version::of(&file);
            (file, version)
        });
        Self(with_version.collect())
    }

    /// Takes versions that were seen before in the place of its own: what changed since then is a change.
    pub fn since(mut self, before: &Self) -> Self {
        for (file, seen) in &mut self.0 {
            if let Some((_, earlier)) = before.0.iter().find(|(known, _)| known == file) {
                seen.clone_from(earlier);
            }
        }
        self
    }

    /// Whether one was changed since this was last asked.
    pub fn are_renewed(&mut self) -> bool {
        let mut are_renewed = false;
        for (file, seen) in &mut self.0 {
            // One that is not there is about to be put in place.
            let Some(now) = Version::of(file) else {
                continue;
            };
            are_renewed |= seen.as_ref() != Some(&now);
            *seen = Some(now);
        }
        are_renewed
    }
}

/// Compiles every pipeline and prints what there is to say. `None` if one is refused.
pub fn compile_all(settings: &Settings, metrics: &Arc<Metrics>) -> Option<Vec<Compiled>> {
    let mut all = Vec::new();
    let mut refused = false;
    for pipeline in &settings.pipelines {
        match compile_one(settings, pipeline, metrics) {
            Some(compiled) => all.push(compiled),
            None => refused = true,
        }
    }
    inputs::tell_apart(all.iter_mut().flat_map(|one| &mut one.inputs));
    (!refused).then_some(all)
}

fn compile_one(
    settings: &Settings,
    pipeline: &PipelineSettings,
    metrics: &Arc<Metrics>,
) -> Option<Compiled> {
    let sources = match load_sources(pipeline) {
        Ok(sources) => sources,
        Err(error) => {
            eprintln!("sawlog: {}", printable::lines(&error));
            return None;
        }
    };
    let surroundings = Surroundings {
        ecs: pipeline.ecs,
        support_escapes: pipeline.support_escapes,
        path_data: pipeline.folder(&settings.path_data),
        dead_letters: pipeline.dead_letters(&settings.path_data),
        pipeline: pipeline.id.clone(),
        host_name: settings.host_name.clone(),
    };
    let mut diagnostics = Vec::new();
    let compiled = compile(&sources, &surroundings, metrics, &mut diagnostics);
    print(&diagnostics, &sources);
    compiled
}

/// Every remark, in the order of the text, on stderr.
fn print(diagnostics: &[Diagnostic], sources: &Sources) {
    use std::io::IsTerminal;
    let colour = std::io::stderr().is_terminal();
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|remark| (remark.span.source, remark.span.start));
    for remark in &sorted {
        eprintln!("{}", diagnostic::render(remark, sources, colour));
    }
    let errors = sorted
        .iter()
        .filter(|remark| remark.severity == Severity::Error)
        .count();
    if 0 < errors {
        let s = if errors == 1 { "" } else { "s" };
        eprintln!("refused: {errors} error{s}");
    }
}

fn load_sources(pipeline: &PipelineSettings) -> Result<Sources, String> {
    let text = |name: &str, text: &str| Sources {
        all: vec![SourceText {
            name: name.to_owned(),
            text: text.to_owned(),
        }],
    };
    match &pipeline.origin {
        Origin::Text(written) => Ok(text("-e", written)),
        Origin::Default => Ok(text("default pipeline", &default_pipeline())),
        Origin::Files(paths) => {
            let mut all = Sources::default();
            for path in paths {
                all.all.extend(
                    files::load_files(path)
                        .map_err(|error| error.to_string())?
                        .all,
                );
            }
            Ok(all)
        }
    }
}

/// The embedded pipeline, its parts chosen by which variables are set.
fn default_pipeline() -> String {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut text = String::new();
    let mut wanted = true;
    for line in DEFAULT_PIPELINE.lines() {
        match line.strip_prefix("#% ") {
            Some("end") => wanted = true,
            Some(mark) => {
                wanted = match mark.strip_prefix("unless ") {
                    Some(variable) => !is_set(variable),
                    None => mark.strip_prefix("if ").is_none_or(is_set),
                }
            }
            None if wanted => {
                text.push_str(line);
                text.push('\n');
            }
            None => text.push('\n'),
        }
    }
    text
}
