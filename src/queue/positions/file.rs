//! The file that positions are kept in, and the two beside it: the one that was saved before, and a damaged one that was set
//! aside. Positions come in and go out as a map; bytes that are damaged are known by their checksum.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::queue::disk::{Disk, Folder};
use crate::queue::whole_file;

/// A file of positions in some folder.
pub struct File<D> {
    folder: D,
    name: String,
}

/// What was read.
pub struct Found {
    pub positions: BTreeMap<String, Value>,
    pub damage: Option<Damage>,
}

/// A file was damaged or missing, and is replaced.
#[derive(Debug)]
pub struct Damage {
    /// The file, and the one before it.
    names: [String; 2],
    /// Its copy, if it was there.
    aside: Option<String>,
    folder: String,
    pub instead: Instead,
}

/// What took a damaged file's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    Older,
    /// No position at all: what was saved before is not there.
    Nothing,
    /// No position at all: what was saved before cannot be read either.
    NothingReadable,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [name, older] = &self.names;
        let folder = &self.folder;
        match &self.aside {
            Some(aside) => write!(
                formatter,
                "the positions in {folder}/{name} are damaged; they are kept as {folder}/{aside}, and "
            )?,
            None => write!(
                formatter,
                "the file of positions {folder}/{name} is missing, and "
            )?,
        }
        match self.instead {
            Instead::Older => write!(
                formatter,
                "reading goes on from {folder}/{older}, saved before it"
            ),
            Instead::Nothing => write!(formatter, "reading begins as at the first start"),
            Instead::NothingReadable => write!(
                formatter,
                "reading begins as at the first start, since {folder}/{older}, saved before it, cannot be read either"
            ),
        }
    }
}

/// What a file turned out to be.
enum Content {
    Missing,
    Whole(BTreeMap<String, Value>),
    Damaged(Vec<u8>),
}

impl File<Folder> {
    /// The file need not be there, nor its folder.
    pub fn at(path: &Path) -> io::Result<Self> {
        let (folder, name) = whole_file::place(path)?;
        Ok(Self {
            folder,
            name: name.to_owned(),
        })
    }
}

impl<D: Disk> File<D> {
    #[cfg(test)]
    pub fn on(folder: D, name: &str) -> Self {
        Self {
            folder,
            name: name.to_owned(),
        }
    }

    /// Reads it. A damaged one is set aside for the one before it, which also stands in for a missing one: no save leaves that
    /// one alone. If neither is there it has no positions.
    pub fn read(&self) -> io::Result<Found> {
        let positions = match self.content(&self.name)? {
            Content::Missing => match self.content(&self.beside(".old")) {
                Ok(Content::Missing) => BTreeMap::new(),
                older => return self.replace(older, None),
            },
            Content::Whole(positions) => positions,
            Content::Damaged(bytes) => return self.replace_damaged(&bytes),
        };
        Ok(Found {
            positions,
            damage: None,
        })
    }

    /// Has what was read outlive a crash of the machine: a process that was killed before may have given the file its name and
    /// not synced the folder. False if that is not known.
    pub fn is_durable(&self) -> bool {
        whole_file::make_durable_in(&self.folder, &self.name).is_ok()
    }

    /// Writes it. The one that was there is kept beside it.
    pub fn write(&self, positions: &BTreeMap<String, Value>) -> io::Result<()> {
        let prepared = whole_file::prepare(&self.folder, &self.name, &encode(positions)?)?;
        // Only now, so that a save that has no room costs no copy.
        self.keep_older();
        prepared.put()
    }

    /// It is there for the day on which the disk spoils the new one; without it that one is as good.
    fn keep_older(&self) {
        let older = self.beside(".old");
        let removed = self.folder.remove(&older);
        let kept = self.folder.link(&self.name, &older);
        if let Err(error) = removed.and(kept) {
            let folder = self.folder.label();
            tracing::debug!("{folder}/{older} is not as it should be: {error}");
        }
    }

    /// Copies a damaged file aside and puts the one before it in its place.
    fn replace_damaged(&self, bytes: &[u8]) -> io::Result<Found> {
        let aside = self.beside(".damaged");
        whole_file::replace_in(&self.folder, &aside, bytes)?;
        self.replace(self.content(&self.beside(".old")), Some(aside))
    }

    /// Puts the one before it in its place, or an empty one. What is read again for it is known by its identifiers.
    fn replace(&self, older: io::Result<Content>, aside: Option<String>) -> io::Result<Found> {
        let (positions, instead) = match older {
            Ok(Content::Whole(positions)) => (positions, Instead::Older),
            Ok(Content::Missing) => (BTreeMap::new(), Instead::Nothing),
            Ok(Content::Damaged(_)) | Err(_) => (BTreeMap::new(), Instead::NothingReadable),
        };
        whole_file::replace_in(&self.folder, &self.name, &encode(&positions)?)?;
        let damage = Damage {
            names: [self.name.clone(), self.beside(".old")],
            aside,
            folder: self.folder.label(),
            instead,
        };
        Ok(Found {
            positions,
            damage: Some(damage),
        })
    }

    fn content(&self, name: &str) -> io::Result<Content> {
        match whole_file::read_in(&self.folder, name) {
            Ok(bytes) => Ok(decode(&bytes).map_or(Content::Damaged(bytes), Content::Whole)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Content::Missing),
            Err(error) => Err(error),
        }
    }

    fn beside(&self, ending: &str) -> String {
        format!("{}{ending}", self.name)
    }
}

/// A line of JSON, and its checksum.
fn encode(positions: &BTreeMap<String, Value>) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(positions)?;
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(format!("\n{sum:08x}").as_bytes());
    Ok(bytes)
}

/// Nothing if the bytes are damaged. What somebody wrote by hand has no checksum.
pub fn decode(bytes: &[u8]) -> Option<BTreeMap<String, Value>> {
    let newline = memchr::memrchr(b'\n', bytes).unwrap_or(bytes.len());
    let (json, sum) = bytes.split_at(newline);
    let is_good = sum.len() < 2 || sum == format!("\n{:08x}", crc32fast::hash(json)).as_bytes();
    is_good.then(|| serde_json::from_slice(json).ok())?
}
