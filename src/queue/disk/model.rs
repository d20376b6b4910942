//! A disk in memory that can do what real ones do at their worst: forget on a crash what was not synced, keep parts of it in
//! any order, run full, fail a sync and forget, spoil bytes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Disk;

/// A kernel writes pages of this size; a torn write ends at any byte of one.
const PAGE: usize = 64;

/// What was done to a file and is not on disk yet.
#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
            Self::Truncate(size) => bytes.resize(*size, 0),
        }
    }
}

/// What was done to the folder and is not on disk yet.
#[derive(Clone)]
enum Naming {
    Set(String, usize),
    Rename(String, String),
    Link(String, String),
    Remove(String),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Link(file, name) => {
                if let Some(inode) = names.get(file).copied() {
                    names.insert(name.clone(), inode);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

#[derive(Default)]
struct Inode {
    /// What a reader sees.
    seen: Vec<u8>,
    /// What a crash leaves.
    durable: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Default)]
struct Contents {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    namings: Vec<Naming>,
    /// Bytes that can still be written, if the disk is to run full.
    room: Option<u64>,
    failing_syncs: u32,
    /// Changes and syncs that still come through, and how many fail then.
    failing: Option<(u64, u64)>,
    unreadable: Option<(String, u64)>,
    randoms: u64,
    syncs: u64,
    bytes_read: u64,
    /// Changes and syncs that still come through, if the machine is to die in the middle of something.
    last: Option<u64>,
}

impl Contents {
    /// Fails once the machine is dead.
    fn alive(&mut self) -> io::Result<()> {
        match &mut self.last {
            Some(0) => Err(broken()),
            Some(last) => {
                *last -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether this change or sync is one that fails.
    fn fails(&mut self) -> bool {
        match &mut self.failing {
            Some((before @ 1.., _)) => {
                *before -= 1;
                false
            }
            Some((_, count @ 1..)) => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    /// Lets a change of the folder through.
    fn may_name(&mut self) -> io::Result<()> {
        self.alive()?;
        match self.fails() {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

/// The disk; clones are the same one.
#[derive(Clone, Default)]
pub struct Model(Arc<Mutex<Contents>>);

/// Numbers that look random and are the same for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }
}

fn broken() -> io::Error {
    io::Error::other("input/output error")
}

impl Model {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap()
    }

    /// The machine dies. What was not synced is kept, lost or torn, as the dice fall; names are lost from the last change on.
    pub fn crash(&self, dice: &mut Dice) {
        let mut contents = self.contents();
        for inode in &mut contents.inodes {
            for change in std::mem::take(&mut inode.changes) {
                tear(&change, dice, &mut inode.durable);
            }
            inode.seen = inode.durable.clone();
        }
        let namings = std::mem::take(&mut contents.namings);
        let kept = dice.roll(namings.len() + 1);
        for naming in &namings[..kept] {
            naming.apply(&mut contents.durable_names);
        }
        contents.names = contents.durable_names.clone();
        contents.failing_syncs = 0;
        contents.failing = None;
        contents.room = None;
        contents.last = None;
    }

    /// It was the process that died, not the machine: all that came through is kept.
    pub fn live_on(&self) {
        self.contents().last = None;
    }

    /// The machine dies after so many more changes and syncs: none comes through until `crash` says what is left.
    pub fn die_after(&self, operations: u64) {
        self.contents().last = Some(operations);
    }

    /// Nothing that was not synced is kept.
    pub fn lose(&self) {
        let mut contents = self.contents();
        for inode in &mut contents.inodes {
            inode.changes.clear();
            inode.seen = inode.durable.clone();
        }
        contents.namings.clear();
        contents.names = contents.durable_names.clone();
    }

    /// The next syncs fail, and forget what they should have written.
    pub fn fail_syncs(&self, count: u32) {
        self.contents().failing_syncs = count;
    }

    /// After so many more changes and syncs so many fail: a write for want of room in the middle, a sync for ever, any other as
    /// if it had not been asked for.
    pub fn fail_after(&self, operations: u64, count: u64) {
        self.contents().failing = Some((operations, count));
    }

    /// So many bytes fit, and no more.
    pub fn fill(&self, room: Option<u64>) {
        self.contents().room = room;
    }

    /// Spoils a byte, on disk and as read.
    pub fn corrupt(&self, name: &str, offset: usize, mask: u8) {
        let mut contents = self.contents();
        let Some(inode) = contents.names.get(name).copied() else {
            return;
        };
        let inode = &mut contents.inodes[inode];
        for bytes in [&mut inode.seen, &mut inode.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
            }
        }
    }

    /// From this byte on, the disk refuses to read a file.
    pub fn make_unreadable(&self, name: &str, offset: u64) {
        self.contents().unreadable = Some((name.to_owned(), offset));
    }

    /// Somebody copies a file.
    pub fn copy(&self, from: &str, to: &str) {
        let bytes = self.bytes(from);
        let mut contents = self.contents();
        let inode = contents.inodes.len();
        contents.inodes.push(Inode {
            seen: bytes.clone(),
            durable: bytes,
            changes: Vec::new(),
        });
        contents.names.insert(to.to_owned(), inode);
        contents.durable_names.insert(to.to_owned(), inode);
    }

    /// Somebody removes a file.
    pub fn delete(&self, name: &str) {
        let mut contents = self.contents();
        contents.names.remove(name);
        contents.durable_names.remove(name);
    }

    /// Whether two names are of one file.
    pub fn is_linked(&self, one: &str, other: &str) -> bool {
        let contents = self.contents();
        let inode = contents.names.get(one);
        inode.is_some() && inode == contents.names.get(other)
    }

    pub fn names(&self) -> Vec<String> {
        self.contents().names.keys().cloned().collect()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let contents = self.contents();
        let inode = contents.names.get(name).expect("the file is there");
        contents.inodes[*inode].seen.clone()
    }

    /// How much was asked for by readers.
    pub fn bytes_read(&self) -> u64 {
        self.contents().bytes_read
    }

    /// How often anything was synced.
    pub fn syncs(&self) -> u64 {
        self.contents().syncs
    }
}

/// Applies a change as a crash leaves it.
fn tear(change: &Change, dice: &mut Dice, durable: &mut Vec<u8>) {
    let Change::Write(offset, written) = change else {
        if dice.roll(2) == 0 {
            change.apply(durable);
        }
        return;
    };
    match dice.roll(4) {
        0 => {}
        1 => change.apply(durable),
        // Cut off at any byte.
        2 => {
            let cut = dice.roll(written.len() + 1);
            Change::Write(*offset, written[..cut].to_vec()).apply(durable);
        }
        // Pages in any order, the file as long as if all were there.
        _ => {
            for (page, bytes) in written.chunks(PAGE).enumerate() {
                let start = offset + page * PAGE;
                let bytes = match dice.roll(2) {
                    // What was there before stays; behind the file's end that is nothing.
                    0 => (start..start + bytes.len())
                        .map(|place| durable.get(place).copied().unwrap_or(0))
                        .collect(),
                    _ => bytes.to_vec(),
                };
                Change::Write(start, bytes).apply(durable);
            }
        }
    }
}

/// A file that is open.
pub struct Handle(usize);

impl Disk for Model {
    type File = Handle;

    fn label(&self) -> String {
        "model".to_owned()
    }

    fn create(&self, name: &str) -> io::Result<Handle> {
        let mut contents = self.contents();
        contents.may_name()?;
        contents.inodes.push(Inode::default());
        let inode = contents.inodes.len() - 1;
        let naming = Naming::Set(name.to_owned(), inode);
        naming.apply(&mut contents.names);
        contents.namings.push(naming);
        Ok(Handle(inode))
    }

    fn open(&self, name: &str) -> io::Result<Handle> {
        match self.contents().names.get(name) {
            Some(inode) => Ok(Handle(*inode)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn size(&self, file: &Handle) -> io::Result<u64> {
        Ok(self.contents().inodes[file.0].seen.len() as u64)
    }

    fn read_at(&self, file: &Handle, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut contents = self.contents();
        contents.bytes_read += into.len() as u64;
        if let Some((name, first)) = &contents.unreadable {
            let here = contents.names.get(name) == Some(&file.0);
            let end = offset + into.len() as u64;
            if here && *first < end && offset < *first + 1 {
                return Err(broken());
            }
        }
        let seen = &contents.inodes[file.0].seen;
        let rest = seen.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, file: &Handle, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut contents = self.contents();
        contents.alive()?;
        let room = contents.room.unwrap_or(u64::MAX);
        let room = match contents.fails() {
            true => room.min(bytes.len() as u64 / 2),
            false => room,
        };
        let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let change = Change::Write(offset as usize, bytes[..fits].to_vec());
        let inode = &mut contents.inodes[file.0];
        change.apply(&mut inode.seen);
        inode.changes.push(change);
        if let Some(room) = &mut contents.room {
            *room -= fits as u64;
        }
        match fits < bytes.len() {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn truncate(&self, file: &Handle, size: u64) -> io::Result<()> {
        let mut contents = self.contents();
        contents.may_name()?;
        let change = Change::Truncate(size as usize);
        let inode = &mut contents.inodes[file.0];
        change.apply(&mut inode.seen);
        inode.changes.push(change);
        Ok(())
    }

    fn sync(&self, file: &Handle) -> io::Result<()> {
        let mut contents = self.contents();
        contents.alive()?;
        contents.syncs += 1;
        let fails = contents.fails() || 0 < contents.failing_syncs;
        contents.failing_syncs = contents.failing_syncs.saturating_sub(1);
        let inode = &mut contents.inodes[file.0];
        let changes = std::mem::take(&mut inode.changes);
        if fails {
            // As Linux does: the pages count as clean, and the next sync does not write them.
            return Err(broken());
        }
        for change in changes {
            change.apply(&mut inode.durable);
        }
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut contents = self.contents();
        contents.alive()?;
        contents.syncs += 1;
        if contents.fails() {
            return Err(broken());
        }
        if 0 < contents.failing_syncs {
            contents.failing_syncs -= 1;
            return Err(broken());
        }
        contents.namings.clear();
        contents.durable_names = contents.names.clone();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut contents = self.contents();
        contents.may_name()?;
        if !contents.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let naming = Naming::Rename(from.to_owned(), to.to_owned());
        naming.apply(&mut contents.names);
        contents.namings.push(naming);
        Ok(())
    }

    fn link(&self, file: &str, name: &str) -> io::Result<()> {
        let mut contents = self.contents();
        contents.may_name()?;
        if !contents.names.contains_key(file) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if contents.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let naming = Naming::Link(file.to_owned(), name.to_owned());
        naming.apply(&mut contents.names);
        contents.namings.push(naming);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut contents = self.contents();
        contents.may_name()?;
        if contents.names.remove(name).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        contents.namings.push(Naming::Remove(name.to_owned()));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let contents = self.contents();
        let size = |inode: &usize| contents.inodes[*inode].seen.len() as u64;
        let names = contents.names.iter();
        Ok(names
            .map(|(name, inode)| (name.clone(), size(inode)))
            .collect())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.contents().room.unwrap_or(u64::MAX))
    }

    fn random(&self) -> u64 {
        let mut contents = self.contents();
        contents.randoms += 1;
        0x5eed_0000_0000_0000 | contents.randoms
    }
}
