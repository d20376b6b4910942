//! Input `file`: lines of files that grow, are rotated, truncated and made anew. Paths and options come in, batches of
//! lines go out.

pub mod glob;
pub mod tail;
pub mod walk;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::codecs::framing::NEWLINE;
use crate::event::Reference;
use crate::inputs::cutter::Cutter;
use crate::inputs::origin::Origin;
use crate::inputs::stop_signal::{StopSignal, Woken};
use crate::inputs::{Flow, Input, InputPlugin, Source};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use glob::Glob;
use tail::{Step, Tail};

/// The input `file`.
pub const PLUGIN: InputPlugin = InputPlugin {
    plugin: &Plugin {
        section: Section::Input,
        name: "file",
        summary: "Reads lines of files and follows them.",
        options: &[
            Opt::new("path", Kind::List, "Absolute paths of files.").required(),
            Opt::new(
                "start_position",
                Kind::Text,
                "Where a file begins that is there at the first start.",
            )
            .default("end")
            .allowed(&["beginning", "end"]),
            Opt::new(
                "delimiter",
                Kind::Text,
                "What ends a line; a line feed if not written.",
            ),
            Opt::new("sincedb_path", Kind::Path, "Where positions are kept."),
        ],
        absent: &[],
    },
    build,
};

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Input>> {
    let delimiter = options.text("delimiter").map_or(NEWLINE, str::as_bytes);
    let origin = Origin::of_stream(options, delimiter, building)?;
    let ecs = building.ecs(options);
    let path = building.known(ecs.pick("path", "[log][file][path]"));
    let host = building.known(ecs.pick("host", "[host][name]"));
    let origin = origin.with_text(&host, building.surroundings.host_name.as_bytes());
    let mut globs = Vec::new();
    for word in options.list("path") {
        match Glob::compile(&word.text) {
            Ok(mut more) => globs.append(&mut more),
            Err(error) => building.refuse(word.span, error),
        }
    }
    let beginning = options.text("start_position") == Some("beginning");
    Some(Box::new(Files {
        origin,
        path,
        globs,
        beginning,
    }))
}

struct Files {
    origin: Origin,
    path: Reference,
    globs: Vec<Glob>,
    beginning: bool,
}

impl Input for Files {
    fn source(&self) -> Source {
        Source::Rereadable
    }

    fn start(self: Box<Self>, flow: Flow) -> JoinHandle<()> {
        let stop = StopSignal::spawn(&flow);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = stop.and_then(|stop| self.run(&flow, &stop)) {
                tracing::error!(%error, "files cannot be read any further");
            }
        })
    }
}

#[derive(Default)]
struct Found(Vec<PathBuf>);

impl walk::Visitor for Found {
    fn folder(&mut self, _: &Path) {}

    fn found(&mut self, path: PathBuf) {
        self.0.push(path);
    }

    fn unreadable(&mut self, path: &Path, error: io::Error) {
        tracing::warn!(path = %path.display(), %error, "a folder cannot be read");
    }
}

impl Files {
    fn run(&self, flow: &Flow, stop: &StopSignal) -> io::Result<()> {
        let mut tails: HashMap<PathBuf, Tail> = HashMap::new();
        let mut beginning = self.beginning;
        loop {
            let mut found = Found::default();
            self.globs
                .iter()
                .for_each(|glob| walk::walk(glob, &mut found));
            for path in found.0 {
                if !tails.contains_key(&path) && path.is_file() {
                    let tail = self.open(&path, beginning)?;
                    tails.insert(path, tail);
                }
            }
            beginning = true;
            for tail in tails.values_mut() {
                while tail.step(flow)? == Step::More && !flow.is_stopping() {}
            }
            if stop.wait(None, Some(Duration::from_millis(100)))? == Woken::Stop {
                return Ok(());
            }
        }
    }

    fn open(&self, path: &Path, beginning: bool) -> io::Result<Tail> {
        let file = std::fs::File::open(path)?;
        let offset = match beginning {
            true => 0,
            false => file.metadata()?.len(),
        };
        let text = path.as_os_str().as_encoded_bytes();
        Ok(Tail {
            path: path.into(),
            file,
            origin: Arc::new(self.origin.with_text(&self.path, text)),
            stream: 0,
            cutter: Cutter::default(),
            offset,
        })
    }
}
