//! What is held of a line without its end, when all files together hold too much: it is put back, so that the file is read
//! again from its beginning, once the end is there.

use std::io;

use crate::inputs::file::opened::read_at;
use crate::inputs::file::tail::{Source, Step, Tail};
use crate::limits;

impl Tail {
    /// Up to where the file is known.
    pub(super) fn reached(&self) -> u64 {
        self.offset.max(self.searched)
    }

    /// Whether the turn should go on until a long record has its end: all files together hold too much.
    pub fn is_pressed(&mut self) -> bool {
        let waiting = self.cutter.waiting();
        !self.share.hold(waiting) && limits::READ_BYTES < waiting
    }

    /// At the end of a turn: when all files together hold too much, the record without an end is put back, and read again when
    /// it has one.
    pub fn end_turn(&mut self) {
        let waiting = self.cutter.waiting();
        let may_stay = self.share.hold(waiting) || waiting == 0;
        if !may_stay && !self.is_packed && !self.cutter.is_skipping() {
            drop(self.cutter.rest());
            self.share.hold(0);
            self.searched = self.offset;
            self.offset -= waiting as u64;
        }
    }

    /// Looks for the end of the record that was put back, in what was written since.
    pub(super) fn search(&mut self) -> io::Result<Step> {
        let Source::Plain(file) = &self.source else {
            return Ok(Step::AtEnd);
        };
        let framing = &self.origin.codec().framing;
        let from = self.searched - (framing.overlap() as u64).min(self.searched - self.offset);
        let mut bytes = vec![0; limits::READ_BYTES];
        let count = read_at(file, &mut bytes, from)?;
        let has_end = 0 < framing.cut(bytes.get(..count).unwrap_or(b""));
        self.searched = self.searched.max(from + count as u64);
        if has_end || limits::LINE_BYTES_MAX as u64 <= self.searched - self.offset {
            self.searched = 0;
        } else if count < bytes.len() {
            self.seen.size = self.searched;
        }
        Ok(Step::More)
    }

    /// The record that was put back.
    pub(super) fn take_again(&mut self) -> io::Result<Vec<u8>> {
        let end = std::mem::take(&mut self.searched);
        if !self.is_open() && !self.reopen()? {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; usize::try_from(end - self.offset).unwrap_or(0)];
        let count = self
            .file()
            .map_or(Ok(0), |file| read_at(file, &mut bytes, self.offset))?;
        bytes.truncate(count);
        self.offset += count as u64;
        Ok(bytes)
    }
}
