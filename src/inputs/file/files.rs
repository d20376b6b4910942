//! The files that are being read, found by number, by inode and by path.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::inputs::file::identity::Place;
use crate::inputs::file::tail::Tail;

/// All files of one input.
#[derive(Default)]
pub struct Files {
    tails: HashMap<u64, Tail>,
    by_place: HashMap<Place, u64>,
    by_home: HashMap<PathBuf, u64>,
    next: u64,
}

impl Files {
    pub fn len(&self) -> usize {
        self.tails.len()
    }

    pub fn tail(&mut self, id: u64) -> Option<&mut Tail> {
        self.tails.get_mut(&id)
    }

    pub fn all(&self) -> impl Iterator<Item = (u64, &Tail)> {
        self.tails.iter().map(|(id, tail)| (*id, tail))
    }

    pub fn at_place(&self, place: Place) -> Option<u64> {
        self.by_place.get(&place).copied()
    }

    pub fn at_home(&self, path: &Path) -> Option<u64> {
        self.by_home.get(path).copied()
    }

    pub fn homes(&self) -> Vec<PathBuf> {
        self.by_home.keys().cloned().collect()
    }

    /// The number that the next file gets.
    pub fn next_id(&self) -> u64 {
        self.next
    }

    pub fn insert(&mut self, tail: Tail) -> u64 {
        let id = self.next;
        self.next += 1;
        self.by_place.insert(tail.place, id);
        if let Some(home) = &tail.home {
            self.by_home.insert(home.clone(), id);
        }
        self.tails.insert(id, tail);
        id
    }

    /// The path does not lead to its file any more. Gives the file.
    pub fn leave_home(&mut self, path: &Path) -> Option<u64> {
        let id = self.by_home.remove(path)?;
        self.tails.get_mut(&id)?.home = None;
        Some(id)
    }

    /// The file was found under another path.
    pub fn move_home(&mut self, id: u64, path: &Path) {
        let Some(tail) = self.tails.get_mut(&id) else {
            return;
        };
        if let Some(old) = tail.home.replace(path.into()) {
            self.by_home.remove(&old);
        }
        self.by_home.insert(path.into(), id);
    }

    pub fn remove(&mut self, id: u64) -> Option<Tail> {
        let tail = self.tails.remove(&id)?;
        if self.by_place.get(&tail.place) == Some(&id) {
            self.by_place.remove(&tail.place);
        }
        if let Some(home) = &tail.home {
            self.by_home.remove(home);
        }
        Some(tail)
    }
}
