//! Where queues lie: `<path.queue>/<pipeline>/<output>/`, each part a name that a folder may have.

use std::io;
use std::path::{Path, PathBuf};

/// A queue on disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queue {
    /// Its pipeline's and its output's names, as they are on disk, with a `/` between them.
    pub name: String,
    pub path: PathBuf,
}

impl Queue {
    /// The queue with this name, whether it is there or not; nothing if that is no name.
    pub fn named(path_queue: &Path, name: &str) -> Option<Self> {
        let (pipeline, output) = name.split_once('/')?;
        let legal = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('/');
        (legal(pipeline) && legal(output)).then(|| Self {
            name: name.to_owned(),
            path: path_queue.join(pipeline).join(output),
        })
    }
}

/// The folder of a queue of this pipeline, or, in that, of this output. What a file name should not have is written as `%`
/// and two digits.
pub fn folder(path: &Path, id: &str) -> PathBuf {
    path.join(file_name(id))
}

fn file_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for (place, byte) in id.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-')
            || (byte == b'.' && 0 < place);
        match plain {
            true => name.push(byte.into()),
            false => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

/// All queues, in the order of their names. None is no error.
pub fn all(path_queue: &Path) -> io::Result<Vec<Queue>> {
    let mut queues = Vec::new();
    for (pipeline, path) in folders(path_queue)? {
        for (output, path) in folders(&path)? {
            queues.push(Queue {
                name: format!("{pipeline}/{output}"),
                path,
            });
        }
    }
    queues.sort();
    Ok(queues)
}

/// Names and paths of the folders in a folder. A name that is no text is none of ours.
fn folders(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.file_type()?.is_dir()
        {
            folders.push((name, entry.path()));
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Queue, folder};

    #[track_caller]
    fn check(pipeline: &str, output: &str, want: &str) {
        let found = folder(&folder(Path::new("queue"), pipeline), output);
        assert_eq!(found, Path::new(want));
        let name = want.strip_prefix("queue/").unwrap();
        let queue = Queue::named(Path::new("queue"), name).unwrap();
        assert_eq!(queue.path, found);
    }

    #[test]
    fn a_queue_has_a_folder_of_its_pipeline_and_output() {
        check("main", "elasticsearch-1", "queue/main/elasticsearch-1");
    }

    #[test]
    fn an_id_never_leaves_its_folder() {
        check("..", "a/../b", "queue/%2E./a%2F..%2Fb");
        check("x", "\u{1b}é", "queue/x/%1B%C3%A9");
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_none() {
        for name in ["", "main", "main/", "/out", "../out", "main/..", "a/b/c"] {
            assert_eq!(Queue::named(Path::new("queue"), name), None, "{name}");
        }
    }
}
