//! One file that is being read: where it stands, what was read and not yet handed over. Bytes of the file go out as
//! batches of whole lines. Which files there are and when they are read is decided elsewhere.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::event::Batch;
use crate::event::batch::Decode;
use crate::inputs::Flow;
use crate::inputs::cutter::Cutter;
use crate::inputs::origin::{self, Origin};
use crate::limits;
use crate::pipeline::worker::Stopped;
use crate::queue::ack::Ack;

/// A file being read.
pub struct Tail {
    pub path: PathBuf,
    pub file: File,
    pub origin: Arc<Origin>,
    pub stream: u64,
    pub cutter: Cutter,
    /// Up to where the file was read; the cutter's share included.
    pub offset: u64,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be more.
    More,
    /// Everything that is there was read.
    AtEnd,
    /// The agent is stopping.
    Stopped,
}

impl Tail {
    /// Reads some of the file and hands over the whole lines of it.
    pub fn step(&mut self, flow: &Flow) -> io::Result<Step> {
        let size = self.file.metadata()?.len();
        if size < self.offset {
            self.offset = 0;
            self.cutter = Cutter::default();
        }
        let there = usize::try_from(size - self.offset).unwrap_or(usize::MAX);
        if there == 0 {
            return Ok(Step::AtEnd);
        }
        let mut room = self.cutter.room(there.min(limits::READ_BYTES));
        let read = self
            .file
            .read_at(&mut room.bytes[room.start..], self.offset);
        let count = *read.as_ref().unwrap_or(&0);
        self.offset += count as u64;
        let whole = self.cutter.cut(room, count, &self.origin.codec().framing);
        read?;
        match self.hand_over(whole, flow) {
            Ok(()) => Ok(Step::More),
            Err(Stopped) => Ok(Step::Stopped),
        }
    }

    fn hand_over(&mut self, bytes: Vec<u8>, flow: &Flow) -> Result<(), Stopped> {
        if bytes.is_empty() {
            return Ok(());
        }
        let names = Arc::clone(&flow.names);
        let mut batch = Batch::new(bytes, names, origin::now(), Ack::none());
        batch.stream = self.stream;
        batch.decode = Some(Arc::clone(&self.origin) as Arc<dyn Decode>);
        flow.batches.send_blocking(batch)
    }
}
