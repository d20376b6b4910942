//! Reading everything, to name what is wrong.

use std::io;

use super::recovery::STRAY;
use super::{Log, Recovery, segment_name, state};
use crate::queue::disk::Disk;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The record up to which it matters.
    pub sequence: u64,
    pub text: String,
}

impl<D: Disk> Log<D> {
    /// Reads every record that is not acknowledged. Of use on a view alone.
    pub fn verify(mut self, recovery: &Recovery) -> io::Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let mut add = |sequence, text| findings.push(Finding { sequence, text });
        if recovery.state == super::StateFound::Rebuilt {
            let text = format!("`{}` is missing or damaged", state::STATE);
            add(u64::MAX, text);
        }
        let mut payload = Vec::new();
        let mut expected = self.acknowledged();
        loop {
            let record = self.read(&mut payload)?;
            let found = record.map_or(self.committed(), |record| record.sequence);
            if expected < found {
                let (last, lost) = (found - 1, self.lost());
                let documents = lost.documents;
                add(
                    last,
                    format!(
                        "records {expected} to {last} cannot be read; so far documents lost: {documents}"
                    ),
                );
            }
            let Some(record) = record else {
                break;
            };
            self.acknowledge(record.sequence);
            expected = record.sequence + 1;
        }
        for (index, segment) in self.segments.iter().enumerate() {
            if segment.damaged {
                let text = format!("{} is damaged", segment_name(segment.first));
                add(self.boundary(index), text);
            }
        }
        for first in &recovery.strays {
            let text = format!("{} is not read, {STRAY}", segment_name(*first));
            add(u64::MAX, text);
        }
        if 0 < recovery.unreadable {
            let text = format!(
                "segments in which nothing can be read: {}",
                recovery.unreadable
            );
            add(u64::MAX, text);
        }
        if 0 < self.damaged_files {
            let text = format!("files set aside by the agent: {}", self.damaged_files);
            add(u64::MAX, text);
        }
        Ok(findings)
    }
}
