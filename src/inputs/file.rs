//! Input `file`: lines of files that grow, are renamed, emptied and made anew. Paths and options come in, batches of whole
//! lines go out. One thread does all of it; how lines become events is the worker's part.

pub mod beside;
pub mod completed;
pub mod config;
pub mod discover;
pub mod ending;
pub mod files;
pub mod follow;
pub mod identity;
pub mod known;
pub mod last;
pub mod opened;
pub mod predecessors;
pub mod progress;
pub mod sincedb;
pub mod tail;
pub mod walk;
pub mod watch;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};
use tokio::task::JoinHandle;

use crate::inputs::stop_signal::{StopSignal, Woken};
use crate::inputs::{Flow, Input, InputPlugin, Source};
use crate::plugin::{Plugin, Section};
use crate::queue::positions::{self, Positions};
use config::Config;
use follow::Follow;
use identity::Position;
use known::Strange;

/// The input `file`.
pub const PLUGIN: InputPlugin = InputPlugin {
    plugin: &Plugin {
        section: Section::Input,
        name: "file",
        summary: "Reads the lines of files, follows those that grow through renaming, emptying and new files, and goes on \
                  after a restart where the outputs had everything. The kernel tells which files changed.",
        options: config::OPTIONS,
        absent: &[],
    },
    build: |options, building| {
        let mut config = Config::compile(options, building)?;
        // The other half is for connections and for what the agent writes.
        if let Some(files) = getrlimit(Resource::Nofile).current {
            let half = usize::try_from(files / 2).unwrap_or(usize::MAX);
            config.open_max = config.open_max.min(half.max(1));
        }
        Some(Box::new(Files { config }))
    },
};

struct Files {
    config: Config,
}

impl Input for Files {
    fn source(&self) -> Source {
        Source::Rereadable
    }

    fn written(&self) -> Vec<PathBuf> {
        self.config.written()
    }

    fn positions_name(&self) -> Option<String> {
        let path = self.config.positions.as_deref().unwrap_or(Path::new(""));
        Some(path.display().to_string())
    }

    fn set_number(&mut self, number: usize) {
        self.config.number = number;
    }

    fn start(self: Box<Self>, flow: Flow) -> JoinHandle<()> {
        let stop = StopSignal::spawn(&flow);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = stop.and_then(|stop| run(&self.config, &flow, &stop)) {
                tracing::error!(%error, "files cannot be read any further");
            }
        })
    }
}

fn run(config: &Config, flow: &Flow, stop: &StopSignal) -> io::Result<()> {
    let mut is_said = false;
    let (positions, strange) = loop {
        match positions(config, flow) {
            Ok(positions) => break positions,
            // Without positions, lines would come twice or not at all: better to wait until somebody has looked.
            Err(error) if !is_said => {
                let path = config.positions.as_deref().unwrap_or(Path::new(""));
                tracing::error!(path = %path.display(), %error, "no file is read while positions cannot be");
                is_said = true;
            }
            Err(_) => {}
        }
        if stop.wait(None, Some(config.rescan))? == Woken::Stop {
            return Ok(());
        }
    };
    Follow::new(config, flow, stop, positions, strange).run()
}

/// The positions of an earlier run or of a replaced pipeline, and those that others left.
fn positions(config: &Config, flow: &Flow) -> io::Result<(Positions, Strange)> {
    let Some(path) = &config.positions else {
        // No file has this name, so there is nothing to read; and nobody is asked to save it.
        return Ok((Positions::open(Path::new(""))?, Strange::default()));
    };
    let logstash = match config.is_path_given {
        true => std::fs::read(path)
            .ok()
            .and_then(|text| sincedb::parse(&text)),
        false => None,
    };
    let first = match &logstash {
        Some(_) => sincedb::beside(path),
        None => path.clone(),
    };
    let positions = own_positions(config, flow, &first)?;
    let mut strange = Strange::default();
    if positions.keys().is_empty() {
        strange.left = logstash.unwrap_or_default();
        if !config.is_path_given {
            strange.others = of_others(path, flow);
        }
    }
    if !strange.left.is_empty() {
        tracing::info!(path = %path.display(), files = strange.left.len(), "Logstash's positions are taken over");
    }
    Ok((positions, strange))
}

/// What other inputs keep, and those whose `path` was changed have left. What cannot be read of it is left out.
fn of_others(own: &Path, flow: &Flow) -> Vec<Position> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_prefix("file-");
        let number = name.and_then(|name| name.split_once(".json"));
        number.is_some_and(|(_, number)| {
            number.is_empty() || number.trim_start_matches('.').parse::<usize>().is_ok()
        })
    };
    let entries = fs::read_dir(own.parent().unwrap_or(own));
    let paths = entries.into_iter().flatten().flatten();
    let others = paths.map(|entry| entry.path()).filter(|path| path != own);
    let kept = others.filter(is_ours).filter_map(|path| match flow.peek(&path) {
        Ok(kept) => Some(kept),
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "another input's positions cannot be read");
            None
        }
    });
    let kept = kept.flat_map(BTreeMap::into_values);
    kept.filter_map(|json| Position::from_json(&json)).collect()
}

/// The positions of this input among those that name them alike: the first has the name as it is. Earlier versions kept those
/// of all in the first's file, which has no mark of a start then: its positions are everybody's.
fn own_positions(config: &Config, flow: &Flow, first: &Path) -> io::Result<Positions> {
    if config.number < 2 {
        return flow.open_positions(first);
    }
    let mut own = first.to_path_buf().into_os_string();
    own.push(format!(".{}", config.number));
    let own = flow.open_positions(Path::new(&own))?;
    let shared = positions::read(first)?;
    if own.keys().is_empty() && !shared.contains_key(known::STARTED) {
        for (key, position) in shared {
            own.set(&format!("{key}-{}", config.number), position);
        }
    }
    Ok(own)
}

#[cfg(test)]
mod tests;
