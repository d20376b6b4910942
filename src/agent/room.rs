//! Whether the file system can ever hold what `queue.max_bytes` promises to queues on disk. Free room comes and goes, so
//! only its whole size is looked at.

use std::path::Path;

use crate::agent::needs::{Need, queues_of};
use crate::pipeline::compile::Compiled;
use crate::settings::Settings;

/// A remark for each pipeline whose queues may hold more than their file system.
pub fn remarks(settings: &Settings, compiled: &[Compiled]) -> Vec<String> {
    let size = size_of_file_system(&settings.path_queue);
    let mut remarks = Vec::new();
    for (one, pipeline) in compiled.iter().zip(&settings.pipelines) {
        let policy = pipeline.queue_policy(&settings.path_queue);
        let keeps = queues_of(one, &policy)
            .iter()
            .any(|(_, need)| *need == Need::Settings);
        if let Some(size) = size.filter(|size| keeps && *size < policy.bytes_max) {
            remarks.push(format!(
                "pipeline {}: queue.max_bytes is {} MiB, and the whole file system of {} has {} MiB: the disk is full \
                 before a queue is",
                pipeline.id,
                policy.bytes_max >> 20,
                settings.path_queue.display(),
                size >> 20
            ));
        }
    }
    remarks
}

/// The size of the file system on which a folder lies, or will when it is made.
fn size_of_file_system(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let system = folder
        .ancestors()
        .find_map(|there| rustix::fs::statvfs(there).ok())?;
    Some(system.f_blocks.saturating_mul(system.f_frsize))
}
