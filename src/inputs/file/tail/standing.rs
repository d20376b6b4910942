//! Where a file stands, as positions keep it.

use crate::inputs::file::identity::{Fingerprint, Position};
use crate::inputs::file::opened::read_at;
use crate::inputs::file::tail::Tail;
use crate::inputs::origin;
use crate::limits;

impl Tail {
    /// Where the file stands once all batches so far are safe.
    pub fn position(&self) -> Position {
        let offset = self.offset - self.cutter.waiting() as u64;
        Position {
            path: self.path.to_string_lossy().into_owned(),
            place: self.place,
            fingerprint: Fingerprint::of(&self.head),
            offset,
            last: self.last.fingerprint(offset),
            is_over: self.end.is_some_and(|end| end <= offset),
            skipping: self.cutter.is_skipping(),
            time: origin::now() / 1_000_000_000,
            began: self.began,
            born: self.born,
            modified: self.seen.modified_at(),
            left: match self.is_packed {
                true => 0,
                false => self.seen.size.saturating_sub(offset),
            },
            is_logged: self.is_logged,
            is_told: false,
        }
    }

    /// The same, and what an open file begins with tells which it is, even if nothing of it is read yet.
    pub fn position_to_find(&self) -> Position {
        let mut position = self.position();
        let mut head = [0; limits::FINGERPRINT_BYTES];
        if self.head.is_empty()
            && let Some(file) = self.file()
            && let Ok(count) = read_at(file, &mut head, 0)
        {
            position.fingerprint = Fingerprint::of(head.get(..count).unwrap_or(b""));
        }
        position
    }

    /// Before anything of a file goes out it is on disk which file it is. What one begins with that was found empty follows
    /// soon.
    pub(super) fn save_beginning(&self, offset: u64) {
        if let Err(error) = self.stream.save() {
            // Should the agent be killed now, lines that come again are not known by their identifiers.
            tracing::debug!(%error, "a new file's position is not on disk yet");
        }
        self.stream.note(|noted| {
            let noted = Position::from_json(noted)?;
            let begun = Position {
                offset,
                last: self.last.fingerprint(offset),
                left: self.offset - offset,
                skipping: false,
                ..self.position()
            };
            noted.fingerprint.is_empty().then(|| begun.to_json())
        });
    }
}
