//! What waits in the data folder for outputs that no pipeline has any more.

use std::path::{Path, PathBuf};

use crate::queue::queues::Queues;

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
    for file in all_sums(path_data) {
        if !kept.contains(&file) {
            tracing::warn!(
                "the sums in {} are not sent: no pipeline has a graphite output that keeps them there; give pipeline and \
                 output the ids of before again, or remove the file",
                file.display()
            );
        }
    }
}

/// The files of sums of all pipelines.
fn all_sums(path_data: &Path) -> Vec<PathBuf> {
    let mut folders = vec![path_data.join("graphite")];
    let pipelines = entries(&path_data.join("pipelines"));
    folders.extend(pipelines.iter().map(|folder| folder.join("graphite")));
    let files = folders.iter().flat_map(|folder| entries(folder));
    files
        .filter(|file| file.extension().is_some_and(|ending| ending == "state"))
        .collect()
}

/// What lies in a folder, in order; nothing if it is not there, or not ours to read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
