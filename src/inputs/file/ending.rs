//! The end of what is in a file: it was emptied, or it was removed and the input stops. What was read of it and is not safe
//! has no file to be read from again, or a copy at best.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::inputs::Flow;
use crate::inputs::file::follow::{Follow, Going, going};
use crate::inputs::file::identity::Position;
use crate::inputs::file::tail::{Start, Step, Tail};
use crate::queue::positions::Positions;

impl Follow<'_> {
    /// A file was emptied, or written anew. One that was renamed and has a successor is done with: what is written into it now
    /// was at its path under another name before.
    pub(super) fn emptied(&mut self, id: u64, path: &Path) -> Going {
        let has_successor = self.has_successor(id);
        let Some(tail) = self.files.tail(id) else {
            return Going::On;
        };
        if has_successor {
            let done = tail.finish(self.flow);
            note_rest(&self.positions, tail);
            self.let_go(id);
            return going(done);
        }
        tracing::warn!(path = %path.display(), "the file was emptied; it is read from its beginning");
        self.truncations.add(1);
        let done = tail.finish(self.flow);
        self.completed.forget(tail);
        let place = tail.place;
        let start = self.start_new(place, 0);
        self.begin_anew(id, start);
        match done {
            Step::Stopped => Going::Over,
            _ => self.end_turn(id, Ok(Step::More)),
        }
    }

    /// What is in an emptied file has its own position. That of what was in it is kept until the outputs have all of it: a
    /// copy may lie beside the file.
    fn begin_anew(&mut self, id: u64, start: Start) {
        let Some(tail) = self.files.tail(id) else {
            return;
        };
        let is_last = self.known.last_at(&tail.path) == Some(tail.key());
        note_rest(&self.positions, tail);
        tail.restart(start);
        self.positions.set(tail.key(), tail.position().to_json());
        if is_last {
            self.known.set_last(&tail.path, tail.key());
        }
    }

    /// Whether a file was renamed and another one is at its path.
    fn has_successor(&mut self, id: u64) -> bool {
        let renamed = self
            .files
            .tail(id)
            .filter(|tail| tail.is_rotated(self.config));
        let path = renamed.map(|tail| tail.path.clone());
        path.is_some_and(|path| self.files.at_home(&path).is_some())
    }

    /// Reads the rest of removed files, which are gone when the agent ends, and has positions tell how far others were read.
    pub(super) fn leave(&mut self) {
        let ids: Vec<u64> = self.files.all().map(|(id, _)| id).collect();
        for id in ids {
            let Some(tail) = self.files.tail(id) else {
                continue;
            };
            let path = tail.path.clone();
            if let Err(error) = read_if_unlinked(tail, self.flow, &self.positions) {
                self.say(&path, &error);
            }
        }
    }
}

/// Has the position of a file say that more of it was read than is safe, and what it begins with: should the file go, that is
/// in a copy at best.
pub(super) fn note_rest(positions: &Positions, tail: &Tail) {
    positions.note(tail.key(), |safe| {
        let safe = Position::from_json(safe)?;
        let left = tail.progress().0.saturating_sub(safe.offset);
        let head = tail.position().fingerprint;
        let fingerprint = match safe.fingerprint.len() < head.len() {
            true => head,
            false => safe.fingerprint,
        };
        let noted = Position {
            left,
            fingerprint,
            ..safe
        };
        (0 < left).then(|| noted.to_json())
    });
}

/// Nobody can go on later in an open file that no path leads to any more: reads what is there, to the end.
fn read_if_unlinked(tail: &mut Tail, flow: &Flow, positions: &Positions) -> io::Result<()> {
    let metadata = match tail.file().map(File::metadata).transpose()? {
        Some(metadata) if metadata.nlink() == 0 => metadata,
        _ => {
            note_rest(positions, tail);
            return Ok(());
        }
    };
    let end = metadata.len();
    tail.end = Some(end);
    while tail.progress().0 < end && tail.step(flow)? == Step::More {}
    tail.finish(flow);
    note_rest(positions, tail);
    tail.stream().give_up();
    // Behind all batches, so that it counts once they are safe.
    tail.stream().ack(tail.position().to_json()).settle();
    Ok(())
}
