//! The rows of the comparison: which file is read, and which pattern cuts its lines. The files are made once a size.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::containers;
use crate::lines::{self, Kind};
use crate::sink::Wanted;

/// What the agents read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A log as nginx writes it.
    Raw,
    /// The same lines as Docker's json-file driver keeps them.
    JsonFile,
}

pub struct Row {
    pub name: &'static str,
    pub source: Source,
    pub wanted: Wanted,
}

const ROWS: [Row; 4] = [
    Row {
        name: "raw-pattern",
        source: Source::Raw,
        wanted: Wanted::Pattern,
    },
    Row {
        name: "raw-nginxaccess",
        source: Source::Raw,
        wanted: Wanted::NginxAccess,
    },
    Row {
        name: "json-pattern",
        source: Source::JsonFile,
        wanted: Wanted::Pattern,
    },
    Row {
        name: "json-nginxaccess",
        source: Source::JsonFile,
        wanted: Wanted::NginxAccess,
    },
];

impl Row {
    pub fn named(name: &str) -> Result<&'static Self, String> {
        static ROWS_KNOWN: [Row; 4] = ROWS;
        ROWS_KNOWN
            .iter()
            .find(|row| row.name == name)
            .ok_or_else(|| format!("no row {name}"))
    }
}

/// The files of one size.
pub struct Inputs {
    pub count: u64,
    pub raw: PathBuf,
    /// The folder that stands for Docker's, and the log in it.
    pub docker_root: PathBuf,
    pub docker_log: PathBuf,
}

impl Inputs {
    /// Writes the files anew: they are always the same, but a run before may have been broken off.
    pub fn generate(folder: &Path, count: u64) -> Result<Self, String> {
        let raw = folder.join(format!("raw-{count}.log"));
        let docker_root = folder.join(format!("docker-{count}"));
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| lines::write_file(&raw, count, Kind::Raw))
            .and_then(|()| containers::write(&docker_root, count));
        let docker_log = written.map_err(|fault| format!("{}: {fault}", folder.display()))?;
        Ok(Self {
            count,
            raw,
            docker_root,
            docker_log,
        })
    }

    /// Reads a file once, for nothing but to have it in memory.
    pub fn read_through(&self, source: Source) -> Result<(), String> {
        let path = match source {
            Source::Raw => &self.raw,
            Source::JsonFile => &self.docker_log,
        };
        let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
        read.map(|_bytes| ())
            .map_err(|fault| format!("{}: {fault}", path.display()))
    }
}
