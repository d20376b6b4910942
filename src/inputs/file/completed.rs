//! What is done with a file when the outputs have everything of it: it is deleted, its path is logged, its position
//! forgotten. Nothing is done before that, nor to another file that is at its path by then.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::inputs::file::discover::is_absence;
use crate::inputs::file::files::Files;
use crate::inputs::file::identity::{Place, Position};
use crate::inputs::file::opened::Looked;
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
    /// The file's number.
    id: u64,
    path: PathBuf,
    place: Place,
    born: Option<SystemTime>,
    /// What it was like at its end.
    looked: Looked,
    key: String,
    stream: Stream,
    delete: bool,
    log: Option<PathBuf>,
}

/// What was found when the outputs had all of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// There is more in it by now, or something else.
    Changed,
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
    pub fn add(&mut self, id: u64, tail: &Tail, delete: bool, log: Option<PathBuf>) {
        self.actions.retain(|action| action.id != id);
        if !delete && log.is_none() {
            return;
        }
        self.actions.push(Action {
            id,
            path: tail.home.clone().unwrap_or_else(|| tail.path.clone()),
            place: tail.place,
            born: tail.born,
            looked: tail.seen(),
            key: tail.key().to_owned(),
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

    /// Does what can be done by now. Gives the files that changed since they were read.
    pub fn settle(&mut self, files: &mut Files) -> Vec<u64> {
        let mut changed = Vec::new();
        let positions = &self.positions;
        let settled = |action: &mut Action| action.stream.is_settled();
        for mut action in self.actions.extract_if(.., settled) {
            let tail = files.tail(action.id);
            if let Some(home) = tail.as_ref().and_then(|tail| tail.home.clone()) {
                action.path = home;
            }
            match action.run(positions, tail) {
                Ok(Outcome::Done) => {}
                Ok(Outcome::Changed) => changed.push(action.id),
                Err(error) => {
                    let path = action.path.display();
                    tracing::error!(%path, %error, "the file was read, but what was to follow failed");
                }
            }
        }
        self.gone.retain(|(key, stream)| {
            let is_settled = stream.is_settled();
            if is_settled {
                positions.forget(key);
            }
            !is_settled
        });
        changed
    }
}

impl Action {
    fn run(&self, positions: &Positions, mut tail: Option<&mut Tail>) -> io::Result<Outcome> {
        let found = self.find()?;
        let has_changed = |found: Looked| {
            (found.size, found.modified) != (self.looked.size, self.looked.modified)
        };
        if found.is_some_and(has_changed) {
            return Ok(Outcome::Changed);
        }
        if let Some(log) = &self.log {
            append(log, &self.path)?;
            self.note_logged(positions);
            if let Some(tail) = &mut tail {
                tail.is_logged = true;
            }
        }
        if self.delete && found.is_some() {
            fs::remove_file(&self.path)?;
            positions.forget(&self.key);
            if let Some(tail) = tail {
                // What was told of it was read.
                tail.has_grown = false;
            }
        }
        Ok(Outcome::Done)
    }

    /// What the file is like now. Nothing, if its path leads to another one or to none.
    fn find(&self) -> io::Result<Option<Looked>> {
        let is_it =
            |found: &Metadata| Place::of(found) == self.place && found.created().ok() == self.born;
        match fs::metadata(&self.path) {
            Ok(found) => Ok(is_it(&found).then(|| Looked::at(&found))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A later start knows by it that the path is in the log.
    fn note_logged(&self, positions: &Positions) {
        positions.note(&self.key, |position| {
            let logged = Position {
                is_logged: true,
                ..Position::from_json(position)?
            };
            Some(logged.to_json())
        });
    }
}

fn append(log: &Path, path: &Path) -> io::Result<()> {
    let mut line = path.as_os_str().as_encoded_bytes().to_vec();
    line.push(b'\n');
    let mut log = OpenOptions::new().create(true).append(true).open(log)?;
    log.write_all(&line)
}
