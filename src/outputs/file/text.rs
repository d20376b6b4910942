//! Text on its way to files, and the same as a record of the queue on disk: each event behind a line that names its file.

use std::sync::Arc;

use crate::outputs::file::path::PathPlan;
use crate::queue::ack::Ack;
use crate::queue::block::Block;

/// What goes to one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// From the fixed folder on; empty if the path has no fields.
    pub path: Vec<u8>,
    pub bytes: Vec<u8>,
    /// Where each event begins.
    pub starts: Vec<u32>,
}

impl Chunk {
    pub fn events(&self) -> u64 {
        self.starts.len() as u64
    }

    /// The newest event alone.
    pub fn newest(&self) -> &[u8] {
        let start = self.starts.last().map_or(0, |start| *start as usize);
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Drops the events of which the first so many bytes are all; gives how many.
    pub fn cut(&mut self, bytes: usize) -> u64 {
        let ends = self.starts.iter().skip(1);
        let whole = ends.take_while(|end| **end as usize <= bytes).count();
        let from = self.starts.get(whole).copied().unwrap_or_default();
        self.bytes.drain(..from as usize);
        self.starts.drain(..whole);
        self.starts.iter_mut().for_each(|start| *start -= from);
        whole as u64
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.starts.iter().skip(1).map(|end| *end as usize);
        let ends = ends.chain([self.bytes.len()]);
        let spans = self.starts.iter().zip(ends);
        spans.filter_map(|(start, end)| self.bytes.get(*start as usize..end))
    }
}

/// Text as it will be written, and whom to tell then.
#[derive(Default)]
pub struct Text {
    pub chunks: Vec<Arc<Chunk>>,
    pub acks: Vec<Ack>,
}

/// What the line before an event begins with; behind it stands the path. No document for a server begins so.
const NAME: &[u8] = b"file ";

impl Text {
    pub fn events(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.events()).sum()
    }

    /// Whether something of it cannot be had again.
    pub fn is_pushed(&self) -> bool {
        self.acks.iter().any(Ack::is_pushed)
    }

    /// Events that nobody could send again and that lie nowhere else.
    pub fn alone_here(&self) -> u64 {
        Ack::alone(&self.acks, self.events())
    }

    /// Has it go where this plan leads, if another has rendered its paths.
    pub fn admit(&mut self, plan: &PathPlan) {
        for chunk in &mut self.chunks {
            let admitted = plan.admitted(&chunk.path);
            if admitted != chunk.path {
                let admitted = admitted.to_vec();
                Arc::make_mut(chunk).path = admitted;
            }
        }
    }

    /// It is on disk.
    pub fn settle(self) {
        self.acks.into_iter().for_each(Ack::settle);
    }

    /// As the queue on disk keeps it.
    pub fn into_block(self) -> Block {
        let mut block = Block::default();
        for chunk in &self.chunks {
            for event in chunk.each() {
                block.starts.push(block.body.len() as u32);
                for part in [NAME, &chunk.path, b"\n", event] {
                    block.body.extend_from_slice(part);
                }
            }
        }
        block.acks = self.acks.into_iter().map(|ack| (0, ack)).collect();
        block
    }

    /// What the queue on disk gives back. What another output has put there goes to the file for failures, as it is.
    pub fn from_block(block: Block, plan: &PathPlan) -> Self {
        let failures = plan.failures();
        let mut chunks: Vec<Chunk> = Vec::new();
        let ends = block.starts.iter().skip(1).map(|end| *end as usize);
        let ends = ends.chain([block.body.len()]);
        for (start, end) in block.starts.iter().zip(ends) {
            let document = block.body.get(*start as usize..end).unwrap_or_default();
            let (path, event) = match named(document) {
                Some((path, event)) => (plan.admitted(path), event),
                None => (&failures[..], document),
            };
            let chunk = match chunks.iter().rposition(|chunk| chunk.path == path) {
                Some(place) => chunks.get_mut(place),
                None => {
                    chunks.push(Chunk {
                        path: path.to_vec(),
                        ..Chunk::default()
                    });
                    chunks.last_mut()
                }
            };
            if let Some(chunk) = chunk {
                chunk.starts.push(chunk.bytes.len() as u32);
                chunk.bytes.extend_from_slice(event);
            }
        }
        Self {
            chunks: chunks.into_iter().map(Arc::new).collect(),
            acks: block.acks.into_iter().map(|(_, ack)| ack).collect(),
        }
    }
}

/// The path and the event of a document.
fn named(document: &[u8]) -> Option<(&[u8], &[u8])> {
    let document = document.strip_prefix(NAME)?;
    let end = document.iter().position(|byte| *byte == b'\n')?;
    let (path, event) = document.split_at_checked(end)?;
    Some((path, event.get(1..)?))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Chunk, Text};
    use crate::event::{Names, Template};
    use crate::outputs::file::path::PathPlan;
    use crate::queue::block::Block;

    fn chunk(path: &str, events: &[&str]) -> Chunk {
        let mut chunk = Chunk {
            path: path.into(),
            ..Chunk::default()
        };
        for event in events {
            chunk.starts.push(chunk.bytes.len() as u32);
            chunk.bytes.extend_from_slice(event.as_bytes());
        }
        chunk
    }

    fn below() -> PathPlan {
        PathPlan::Below {
            folder: PathBuf::from("/logs"),
            rest: Template::compile("%{host}", &mut Names::default()).expect("it is sound"),
            failure: "failures".to_owned(),
        }
    }

    fn chunks(text: Text) -> Vec<Chunk> {
        let chunks = text.chunks.into_iter();
        chunks.map(|chunk| (*chunk).clone()).collect()
    }

    #[test]
    fn what_the_queue_on_disk_keeps_comes_back() {
        let all = [
            chunk("a \"b\".log", &["one\n", "", "file x\ntwo"]),
            chunk("c/d", &["x\n"]),
        ];
        let text = Text {
            chunks: all.iter().cloned().map(Into::into).collect(),
            ..Text::default()
        };
        let block = text.into_block();
        assert_eq!(block.documents(), 4);
        assert!(block.body.starts_with(b"file a \"b\".log\none\nfile a"));
        assert_eq!(chunks(Text::from_block(block, &below())), all);
        let text = Text {
            chunks: vec![chunk("", &["x\n"]).into()],
            ..Text::default()
        };
        let plan = PathPlan::Fixed(PathBuf::from("/logs/all"));
        let back = Text::from_block(text.into_block(), &plan);
        assert_eq!(chunks(back), [chunk("", &["x\n"])]);
    }

    #[test]
    fn text_goes_where_a_newer_path_leads() {
        let paths = |text: &Text| {
            let chunks = text.chunks.iter();
            chunks.map(|chunk| chunk.path.clone()).collect::<Vec<_>>()
        };
        let mut text = Text {
            chunks: ["", "a", "c/d"]
                .map(|path| chunk(path, &["x"]).into())
                .into(),
            ..Text::default()
        };
        text.admit(&below());
        assert_eq!(paths(&text), [&b"failures"[..], b"a", b"c/d"]);
        text.admit(&PathPlan::Fixed(PathBuf::from("/logs/all")));
        assert_eq!(paths(&text), [b"", b"", b""]);
    }

    #[test]
    fn events_that_are_written_are_cut_and_half_of_one_is_not() {
        let all = ["one\n", "two\n", "three\n"];
        for (bytes, cut) in [(0, 0), (3, 0), (4, 1), (7, 1), (8, 2), (13, 2)] {
            let mut left = chunk("a", &all);
            assert_eq!(left.cut(bytes), cut);
            assert_eq!(left, chunk("a", &all[cut as usize..]), "{bytes}");
        }
    }

    #[test]
    fn what_another_output_put_there_is_kept() {
        let block = Block {
            body: b"{\"create\":{}}\n{}\nfile a\nx\nfilefile ../b\ny\n".to_vec(),
            starts: vec![0, 17, 26, 30],
            ..Block::default()
        };
        let want = [
            chunk("failures", &["{\"create\":{}}\n{}\n", "file", "y\n"]),
            chunk("a", &["x\n"]),
        ];
        assert_eq!(chunks(Text::from_block(block, &below())), want);
    }
}
