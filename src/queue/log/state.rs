//! The state: how far everything is acknowledged, in a file with two slots that are written in turn, so that one of them is
//! always whole.

use std::io;

use super::format::{Fault, SLOT_BYTES, Slot};
use super::{DAMAGED, Log, TEMPORARY, damaged_name, segment_name};
use crate::queue::crash::{self, Point};
use crate::queue::disk::{Disk, named};

pub const STATE: &str = "state";

/// The slots lie in sectors of their own: a write that is torn leaves the other one whole.
pub(super) const SLOT_OFFSETS: [u64; 2] = [0, 4096];

/// The state file, as it was last written.
pub struct StateFile<F> {
    /// Without it the next save makes a new file.
    file: Option<F>,
    saved: Slot,
    /// Whether this run has synced what is saved. What an earlier one left may lie in the kernel's memory alone.
    synced: bool,
}

impl<F> StateFile<F> {
    pub fn of_earlier_run(found: Option<(F, Slot)>) -> Self {
        let (file, saved) = found.unzip();
        Self {
            file,
            saved: saved.unwrap_or_default(),
            synced: false,
        }
    }
}

/// What a state file says.
pub struct Saved<F> {
    pub file: F,
    /// The newer whole slot.
    pub slot: Slot,
    /// Whether the other slot cannot be read: it may have been the newer one.
    pub alone: bool,
}

/// Reads the state file. An error of the kind `Unsupported` means a version that we do not know.
pub fn read<D: Disk>(disk: &D) -> io::Result<Option<Saved<D::File>>> {
    let file = match disk.open(STATE) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Such as a folder of that name.
        Err(error) => return Err(named(format_args!("{}/{STATE}", disk.label()), &error)),
    };
    let mut newest: Option<Slot> = None;
    let mut whole = 0;
    for offset in SLOT_OFFSETS {
        let mut bytes = [0; SLOT_BYTES];
        // A slot that cannot be read is as good as none.
        let read = disk.read_at(&file, &mut bytes, offset);
        if read.is_ok_and(|read| read == bytes.len()) {
            match Slot::decode(&bytes) {
                Ok(slot) => {
                    whole += 1;
                    newest = newest
                        .filter(|other| slot.generation < other.generation)
                        .or(Some(slot));
                }
                Err(Fault::Damaged) => {}
                Err(Fault::Version(version)) => return Err(unsupported(disk, STATE, version)),
            }
        }
    }
    let alone = whole < SLOT_OFFSETS.len();
    Ok(newest.map(|slot| Saved { file, slot, alone }))
}

/// The refusal of a file that a later sawlog wrote.
pub fn unsupported<D: Disk>(disk: &D, name: &str, version: u32) -> io::Error {
    let text = format!(
        "{}/{name} has version {version} of the queue's format, which this sawlog does not know; run the version that wrote it",
        disk.label()
    );
    io::Error::new(io::ErrorKind::Unsupported, text)
}

impl<D: Disk> Log<D> {
    /// Makes acknowledgements durable and removes the segments that are needed no more, in this order. Does nothing if
    /// nothing changed. After an error the next call tries again, with a new file where it has to be one.
    pub fn save_state(&mut self) -> io::Result<()> {
        let low = self.low();
        let damaged = self
            .segments
            .iter()
            .any(|segment| segment.first == low.segment && segment.damaged);
        let mut slot = Slot {
            id: self.id,
            generation: self.state.saved.generation,
            low: low.at,
            next: self.committed,
            segment: low.segment,
            offset: low.offset,
            damaged,
        };
        if slot != self.state.saved || !self.state.synced {
            slot.generation += 1;
            self.state.synced = false;
            self.write_slot(&slot)?;
            self.state.saved = slot;
            self.state.synced = true;
        }
        self.remove_dead()
    }

    /// Whether this run has written a state.
    pub(super) fn has_state(&self) -> bool {
        self.state.synced
    }

    fn write_slot(&mut self, slot: &Slot) -> io::Result<()> {
        crash::point(Point::StateWrite);
        // A file that failed is not written to again.
        let Some(file) = self.state.file.take() else {
            self.state.file = Some(self.new_state(slot)?);
            return Ok(());
        };
        let offset = match slot.generation % 2 {
            0 => SLOT_OFFSETS[0],
            _ => SLOT_OFFSETS[1],
        };
        self.disk.write_at(&file, &slot.encode(), offset)?;
        crash::point(Point::StateWritten);
        self.disk.sync(&file)?;
        self.state.file = Some(file);
        Ok(())
    }

    fn new_state(&self, slot: &Slot) -> io::Result<D::File> {
        let temporary = format!("{STATE}{TEMPORARY}");
        let file = self.disk.create(&temporary)?;
        for offset in SLOT_OFFSETS {
            self.disk.write_at(&file, &slot.encode(), offset)?;
        }
        self.disk.sync(&file)?;
        self.disk.rename(&temporary, STATE)?;
        self.disk.sync_folder()?;
        Ok(file)
    }

    /// Removes segments that the state on disk needs no more; damaged ones get another name instead.
    fn remove_dead(&mut self) -> io::Result<()> {
        for _ in 0..self.dead_segments() {
            let Some(segment) = self.segments.front() else {
                break;
            };
            crash::point(Point::BeforeUnlink);
            let name = segment_name(segment.first);
            let removed = match segment.damaged {
                true => self.disk.rename(&name, &damaged_name(segment.first)),
                false => self.disk.remove(&name),
            };
            match removed {
                Ok(()) => self.damaged_files += u64::from(segment.damaged),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            crash::point(Point::AfterUnlink);
            self.segments.pop_front();
        }
        Ok(())
    }
}

/// Whether a file is one that was set aside.
pub fn is_damaged(name: &str) -> bool {
    name.ends_with(DAMAGED)
}
