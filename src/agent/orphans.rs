//! What waits in the data folder for outputs that no pipeline has any more.

use std::path::{Path, PathBuf};

use crate::outputs::graphite::states_in;
use crate::queue::queues::Queues;
use crate::settings::PipelineSettings;

/// Tells of queues on disk that nobody empties.
pub fn tell_of_queues(queues: &Queues, path_queue: &Path) {
    for (documents, queue) in queues.orphans(path_queue) {
        tracing::warn!(
            "{documents} documents wait in {} and are not sent: no pipeline has an output that takes from the queue \
             {}; give pipeline and output these ids again, or see `sawlog queue export` and `sawlog queue drop`",
            queue.path.display(),
            queue.name
        );
    }
}

/// Tells of sums in a data folder that no graphite output sends: they keep theirs in these files. Of a folder that is ours.
pub fn tell_of_sums(path_data: &Path, kept: &[PathBuf]) {
    let folders = PipelineSettings::folders(path_data);
    let files = folders.iter().flat_map(|folder| states_in(folder));
    for file in files.filter(|file| !kept.contains(file)) {
        tracing::warn!(
            "the sums in {} are not sent: no pipeline has a graphite output that keeps them there; give pipeline and \
             output the ids of before again, or remove the file",
            file.display()
        );
    }
}
