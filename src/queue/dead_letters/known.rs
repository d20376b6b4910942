//! Letters that are there already. A document that an agent was not done with when it died is sent again, and so it may be
//! refused again: by the next life, or twice by that if it waits on disk and is read again as well. Letters come in, and
//! those of other documents go out. Only ids that the agent gave are known by: no other event ever has the same.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::event::provenance::IDENTIFIER_BYTES;
use crate::limits;
use crate::queue::dead_letters::folder;
use crate::queue::dead_letters::letter::Kept;

type Identifier = [u8; IDENTIFIER_BYTES];

/// The newest letters of an output, those of its earlier lives among them.
#[derive(Debug)]
pub struct Known {
    plugin: String,
    /// Read before the first letter of this life is written.
    newest: Option<Newest>,
}

/// So many ids, oldest first.
#[derive(Debug, Default)]
struct Newest {
    order: VecDeque<Identifier>,
    all: HashSet<Identifier>,
}

impl Newest {
    fn add(&mut self, identifier: Identifier) {
        if self.all.insert(identifier) {
            self.order.push_back(identifier);
        }
        if limits::DEAD_LETTERS_KNOWN_MAX < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}

impl Known {
    /// Those of the output with this id.
    pub fn of(plugin: &str) -> Self {
        Self {
            plugin: plugin.to_owned(),
            newest: None,
        }
    }

    /// The letters that the folder has not, each once. What is left out is on disk.
    pub fn strange(&mut self, folder: &Path, lines: &[u8]) -> io::Result<Vec<u8>> {
        let newest = match self.newest.take() {
            Some(newest) => newest,
            None => self.read(folder)?,
        };
        let mut here = HashSet::new();
        let is_strange = |line: &&[u8]| match self.identifier(line) {
            Some(identifier) => !newest.all.contains(&identifier) && here.insert(identifier),
            None => true,
        };
        let letters = lines.split_inclusive(|byte| *byte == b'\n');
        let strange: Vec<&[u8]> = letters.filter(is_strange).collect();
        self.newest = Some(newest);
        Ok(strange.concat())
    }

    /// These were written.
    pub fn add(&mut self, lines: &[u8]) {
        let letters = lines.split_inclusive(|byte| *byte == b'\n');
        let identifiers: Vec<_> = letters.filter_map(|line| self.identifier(line)).collect();
        let newest = self.newest.get_or_insert_default();
        identifiers.into_iter().for_each(|one| newest.add(one));
    }

    /// Reads the newest segments. The process that wrote them may have died before they were on disk.
    fn read(&self, folder: &Path) -> io::Result<Newest> {
        let mut segments = folder::segments(folder)?;
        let mut bytes = 0;
        let is_near = |segment: &&folder::Segment| {
            bytes += segment.bytes;
            bytes <= limits::DEAD_LETTERS_KNOWN_BYTES
        };
        let read = segments.iter().rev().take_while(is_near).count();
        let mut newest = Newest::default();
        for segment in segments.split_off(segments.len() - read) {
            let text = std::fs::read(&segment.path)?;
            File::open(&segment.path)?.sync_all()?;
            let letters = text.split_inclusive(|byte| *byte == b'\n');
            let identifiers = letters.filter_map(|line| self.identifier(line));
            identifiers.for_each(|identifier| newest.add(identifier));
        }
        File::open(folder)?.sync_all()?;
        Ok(newest)
    }

    /// The id in a letter's action, if the letter is of this output and whole.
    fn identifier(&self, line: &[u8]) -> Option<Identifier> {
        let letter = Kept::parse(line.strip_suffix(b"\n")?)?;
        if letter.text("plugin")? != self.plugin {
            return None;
        }
        let action: Value = serde_json::from_str(letter.action()?).ok()?;
        let target = action.as_object()?.values().next()?;
        target.get("_id")?.as_str()?.as_bytes().try_into().ok()
    }
}
