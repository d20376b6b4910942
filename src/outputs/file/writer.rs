//! The thread that writes: texts come in, files grow, and when they are on disk the batches are acknowledged. What cannot
//! be written is said once and tried again; nothing is skipped.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags};
use tokio::sync::mpsc;

use crate::limits;
use crate::metrics::PluginMetrics;
use crate::outputs::file::path::PathPlan;
use crate::outputs::file::{Chunk, Text};
use crate::queue::ack::Ack;

/// How long a writer waits before it tries a failed write again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// How often an open file is compared with what its path names, so that rotation and deletion are noticed.
const IDENTITY_INTERVAL: Duration = Duration::from_secs(1);

/// Rights of what is made; nothing means the system's.
#[derive(Clone, Copy, Debug)]
pub struct Modes {
    pub folder: Option<u32>,
    pub file: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    Append,
    Overwrite,
}

/// The writing thread's state.
pub struct Writer {
    plan: PathPlan,
    modes: Modes,
    behavior: Behavior,
    recreate: bool,
    metrics: Arc<PluginMetrics>,
    open: HashMap<Vec<u8>, Open>,
    /// The last fault that was said, until a write succeeds.
    said: Option<String>,
    sync_failed: bool,
}

struct Open {
    file: File,
    used: Instant,
    compared: Instant,
    unsynced: bool,
}

impl Writer {
    pub fn new(
        plan: PathPlan,
        modes: Modes,
        behavior: Behavior,
        recreate: bool,
        metrics: Arc<PluginMetrics>,
    ) -> Self {
        Self {
            plan,
            modes,
            behavior,
            recreate,
            metrics,
            open: HashMap::new(),
            said: None,
            sync_failed: false,
        }
    }

    /// Writes until all encoders are gone. Texts that wait together share one sync.
    pub fn run(mut self, mut texts: mpsc::Receiver<Text>) {
        while let Some(first) = texts.blocking_recv() {
            let mut group = vec![first];
            while group.len() < limits::TEXTS_WAITING_MAX {
                match texts.try_recv() {
                    Ok(text) => group.push(text),
                    Err(_) => break,
                }
            }
            let chunks = || group.iter().flat_map(|text| &text.chunks);
            chunks().for_each(|chunk| self.write_out(chunk));
            self.metrics
                .events_out
                .add(chunks().map(|chunk| chunk.events).sum());
            self.sync();
            // What the disk may have lost stays unacknowledged: it is read again after a restart.
            if !std::mem::take(&mut self.sync_failed) {
                let acks = group.into_iter().flat_map(|text| text.acks);
                acks.for_each(Ack::settle);
            }
        }
    }

    /// Writes a chunk, however long that takes.
    fn write_out(&mut self, chunk: &Chunk) {
        let mut bytes = match self.behavior {
            Behavior::Append => chunk.bytes.as_slice(),
            Behavior::Overwrite => chunk.bytes.get(chunk.last..).unwrap_or(b""),
        };
        let mut begun = false;
        loop {
            let result = self.write_some(&chunk.path, &mut bytes, &mut begun);
            match result {
                Ok(()) => return self.recovered(),
                Err(error) => {
                    self.open.remove(&chunk.path);
                    self.failed(&chunk.path, &error);
                    std::thread::sleep(RETRY_WAIT);
                }
            }
        }
    }

    /// Writes on from where an earlier try ended.
    fn write_some(&mut self, path: &[u8], bytes: &mut &[u8], begun: &mut bool) -> io::Result<()> {
        let (overwrites, now) = (self.behavior == Behavior::Overwrite, Instant::now());
        let open = self.file(path, now)?;
        open.used = now;
        if overwrites && !*begun {
            open.file.set_len(0)?;
        }
        *begun = true;
        while !bytes.is_empty() {
            match open.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => *bytes = bytes.get(written..).unwrap_or(b""),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        open.unsynced = true;
        Ok(())
    }

    /// The open file for a path.
    fn file(&mut self, path: &[u8], now: Instant) -> io::Result<&mut Open> {
        if let Some(open) = self.open.get_mut(path)
            && IDENTITY_INTERVAL <= now - open.compared
        {
            open.compared = now;
            if !is_still_named(&open.file, &self.plan, path) {
                if !self.recreate {
                    return self.failures(now);
                }
                self.sync();
                self.open.remove(path);
            }
        }
        if !self.open.contains_key(path) {
            self.close_least_used();
            let file = open_file(&self.plan, path, self.modes)?;
            let open = Open {
                file,
                used: now,
                compared: now,
                unsynced: false,
            };
            self.open.insert(path.to_vec(), open);
        }
        self.open
            .get_mut(path)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The file for events whose own was deleted.
    fn failures(&mut self, now: Instant) -> io::Result<&mut Open> {
        let name = match &self.plan {
            PathPlan::Below { failure, .. } => failure.clone().into_bytes(),
            PathPlan::Fixed(path) => {
                let beside = path.with_file_name("_filepath_failures");
                beside.as_os_str().as_bytes().to_vec()
            }
        };
        if !self.open.contains_key(&name) {
            let file = match &self.plan {
                PathPlan::Below { .. } => open_file(&self.plan, &name, self.modes)?,
                PathPlan::Fixed(path) => {
                    let beside = PathPlan::Fixed(path.with_file_name("_filepath_failures"));
                    open_file(&beside, b"", self.modes)?
                }
            };
            let open = Open {
                file,
                used: now,
                compared: now,
                unsynced: false,
            };
            self.open.insert(name.clone(), open);
        }
        self.open
            .get_mut(&name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn close_least_used(&mut self) {
        if self.open.len() < limits::FILES_OPEN_MAX {
            return;
        }
        self.sync();
        let oldest = self.open.iter().min_by_key(|(_, open)| open.used);
        if let Some(path) = oldest.map(|(path, _)| path.clone()) {
            self.open.remove(&path);
        }
    }

    /// Has everything on disk that was written. Pipes and terminals have no disk.
    fn sync(&mut self) {
        let mut fault = None;
        for open in self.open.values_mut().filter(|open| open.unsynced) {
            open.unsynced = false;
            match open.file.sync_data() {
                Err(error) if error.kind() != io::ErrorKind::InvalidInput => fault = Some(error),
                Ok(()) | Err(_) => {}
            }
        }
        if let Some(error) = fault {
            let id = &self.metrics.id;
            self.sync_failed = true;
            self.metrics.counter("sync_failed").add(1);
            tracing::error!("{id}: the disk did not take what was written: {error}");
        }
    }

    fn failed(&mut self, path: &[u8], error: &io::Error) {
        let name = match &self.plan {
            PathPlan::Fixed(path) => path.clone(),
            PathPlan::Below { folder, .. } => folder.join(std::ffi::OsStr::from_bytes(path)),
        };
        let message = format!("cannot write {name:?}: {error}");
        if self.said.as_ref() != Some(&message) {
            let id = &self.metrics.id;
            tracing::error!("{id}: {message}. It is tried again; what is read waits");
            self.said = Some(message);
        }
    }

    fn recovered(&mut self) {
        if self.said.take().is_some() {
            tracing::info!("{}: writing works again", self.metrics.id);
        }
    }
}

/// Whether the path still names the file that is open.
fn is_still_named(file: &File, plan: &PathPlan, path: &[u8]) -> bool {
    let name = match plan {
        PathPlan::Fixed(path) => path.clone(),
        PathPlan::Below { folder, .. } => folder.join(std::ffi::OsStr::from_bytes(path)),
    };
    match (
        file.metadata(),
        fs::symlink_metadata(&name).or_else(|_| fs::metadata(&name)),
    ) {
        (Ok(open), Ok(named)) if named.is_symlink() => fs::metadata(&name)
            .is_ok_and(|target| (target.dev(), target.ino()) == (open.dev(), open.ino())),
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn open_file(plan: &PathPlan, path: &[u8], modes: Modes) -> io::Result<File> {
    match plan {
        PathPlan::Fixed(path) => {
            if let Some(folder) = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
            {
                make_folder(folder, modes)?;
            }
            let mut options = File::options();
            options
                .append(true)
                .create(true)
                .mode(modes.file.unwrap_or(0o666));
            options.open(path)
        }
        PathPlan::Below { folder, .. } => open_below(folder, path, modes),
    }
}

fn make_folder(folder: &Path, modes: Modes) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(modes.folder.unwrap_or(0o777))
        .create(folder)
}

/// Opens a file below a folder, part by part, and follows no link on the way: a path made of fields cannot lead out, even
/// if somebody else may write there.
fn open_below(folder: &PathBuf, path: &[u8], modes: Modes) -> io::Result<File> {
    make_folder(folder, modes)?;
    let into = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(CWD, folder, into, Mode::empty())?;
    let mut parts = path.split(|&byte| byte == b'/');
    let name = parts.next_back().unwrap_or(b"");
    for part in parts {
        let mode = Mode::from_raw_mode(modes.folder.unwrap_or(0o777));
        match rustix::fs::mkdirat(at.as_fd(), part, mode) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        at = rustix::fs::openat(at.as_fd(), part, into | OFlags::NOFOLLOW, Mode::empty())?;
    }
    let flags =
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mode = Mode::from_raw_mode(modes.file.unwrap_or(0o666));
    Ok(File::from(rustix::fs::openat(
        at.as_fd(),
        name,
        flags,
        mode,
    )?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::{Behavior, Modes, Writer, open_below};
    use crate::event::{Names, Template};
    use crate::metrics::{Metrics, PluginMetrics};
    use crate::outputs::file::path::PathPlan;
    use crate::outputs::file::{Chunk, PLUGIN};
    use crate::plugin::Options;

    const MODES: Modes = Modes {
        folder: None,
        file: Some(0o640),
    };

    /// A folder of this test alone, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sawlog-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).expect("the temporary folder is writable");
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).expect("the folder is ours");
        }
    }

    fn metrics() -> Arc<PluginMetrics> {
        let options = Options {
            plugin: PLUGIN.plugin,
            id: "output_file_1".to_owned(),
            span: Default::default(),
            settings: Vec::new(),
        };
        Metrics::default().plugin(&options)
    }

    fn writer(folder: &Folder, behavior: Behavior) -> Writer {
        let rest =
            Template::compile("%{host}", &mut Names::default()).expect("the template is good");
        let plan = PathPlan::Below {
            folder: folder.0.clone(),
            rest,
            failure: "_failures".to_owned(),
        };
        Writer::new(plan, MODES, behavior, true, metrics())
    }

    fn chunk(path: &str, events: &[&str]) -> Chunk {
        let bytes = events.concat().into_bytes();
        Chunk {
            path: path.as_bytes().to_vec(),
            last: bytes.len() - events.last().map_or(0, |last| last.len()),
            bytes,
            events: events.len() as u64,
        }
    }

    #[test]
    fn text_goes_to_the_end_of_its_file() {
        let folder = Folder::new("append");
        let mut writer = writer(&folder, Behavior::Append);
        writer.write_out(&chunk("a/b.log", &["one\n", "two\n"]));
        writer.write_out(&chunk("c.log", &["x\n"]));
        writer.write_out(&chunk("a/b.log", &["three\n"]));
        let text = fs::read_to_string(folder.0.join("a/b.log")).expect("it was written");
        assert_eq!(text, "one\ntwo\nthree\n");
        assert_eq!(
            fs::read_to_string(folder.0.join("c.log")).expect("it was written"),
            "x\n"
        );
    }

    #[test]
    fn overwriting_keeps_the_newest_event() {
        let folder = Folder::new("overwrite");
        let mut writer = writer(&folder, Behavior::Overwrite);
        writer.write_out(&chunk("a", &["a long one\n", "two\n"]));
        writer.write_out(&chunk("a", &["three\n"]));
        assert_eq!(
            fs::read_to_string(folder.0.join("a")).expect("it was written"),
            "three\n"
        );
    }

    #[test]
    fn no_link_is_followed_below_the_folder() {
        let (folder, outside) = (Folder::new("links"), Folder::new("outside"));
        std::os::unix::fs::symlink(&outside.0, folder.0.join("link")).expect("links can be made");
        std::os::unix::fs::symlink(outside.0.join("f"), folder.0.join("file"))
            .expect("links can be made");
        assert!(open_below(&folder.0, b"link/f", MODES).is_err());
        assert!(open_below(&folder.0, b"file", MODES).is_err());
        assert!(open_below(&folder.0, b"sub/f", MODES).is_ok());
        assert_eq!(fs::read_dir(&outside.0).expect("it is there").count(), 0);
    }

    #[test]
    fn no_more_files_are_open_than_allowed() {
        let folder = Folder::new("many");
        let mut writer = writer(&folder, Behavior::Append);
        for number in 0..crate::limits::FILES_OPEN_MAX + 20 {
            writer.write_out(&chunk(&format!("{number}"), &["x\n"]));
        }
        assert!(writer.open.len() <= crate::limits::FILES_OPEN_MAX);
        let made = fs::read_dir(&folder.0).expect("it is there").count();
        assert_eq!(made, crate::limits::FILES_OPEN_MAX + 20);
    }
}
