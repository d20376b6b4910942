//! What is done with a file when the outputs have everything of it: it is deleted, its path is logged, its position
//! forgotten. Nothing is done before that.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::inputs::file::tail::Tail;
use crate::queue::positions::{Positions, Stream};

/// Files that are read to their end.
pub struct Completed {
    positions: Positions,
    /// With something to be done.
    actions: Vec<Action>,
    /// Gone from the disk: only the position is left.
    gone: Vec<(String, Stream)>,
}

struct Action {
    path: PathBuf,
    stream: Stream,
    delete: bool,
    log: Option<PathBuf>,
}

impl Completed {
    pub fn new(positions: Positions) -> Self {
        Self {
            positions,
            actions: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Whether nothing is to be done any more.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Has something done with a file.
    pub fn add(&mut self, tail: &Tail, delete: bool, log: Option<PathBuf>) {
        self.actions.push(Action {
            path: tail.home.clone().unwrap_or_else(|| tail.path.clone()),
            stream: tail.stream().clone(),
            delete,
            log,
        });
    }

    /// Has the position of a file forgotten.
    pub fn forget(&mut self, tail: &Tail) {
        self.gone
            .push((tail.key().to_owned(), tail.stream().clone()));
    }

    /// Does what can be done by now.
    pub fn settle(&mut self) {
        let settled = |action: &mut Action| action.stream.is_settled();
        for action in self.actions.extract_if(.., settled) {
            if let Err(error) = action.run() {
                let path = action.path.display();
                tracing::error!(%path, %error, "the file was read, but what was to follow failed");
            }
        }
        let positions = &self.positions;
        self.gone.retain(|(key, stream)| {
            let is_settled = stream.is_settled();
            if is_settled {
                positions.forget(key);
            }
            !is_settled
        });
    }
}

impl Action {
    fn run(&self) -> io::Result<()> {
        if let Some(log) = &self.log {
            append(log, &self.path)?;
        }
        match self.delete {
            true => fs::remove_file(&self.path),
            false => Ok(()),
        }
    }
}

fn append(log: &Path, path: &Path) -> io::Result<()> {
    let mut line = path.as_os_str().as_encoded_bytes().to_vec();
    line.push(b'\n');
    let mut log = OpenOptions::new().create(true).append(true).open(log)?;
    log.write_all(&line)
}
