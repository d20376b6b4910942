//! The thread that writes: texts come in, files grow, and when they are on disk the batches are acknowledged. What cannot
//! be written is said once and tried again; nothing is skipped.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;
use tokio::sync::mpsc;

use crate::durable;
use crate::limits;
use crate::metrics::PluginMetrics;
use crate::outputs::file::path::PathPlan;
use crate::outputs::file::{Chunk, Text};
use crate::outputs::leave::Notice;
use crate::queue::ack::Ack;

/// How long a writer waits before it tries a failed write again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// How often an open file is compared with what its path names, so that rotation and deletion are noticed.
const IDENTITY_INTERVAL: Duration = Duration::from_secs(1);

/// The file for events whose own was deleted, where the path has no fields.
const FAILURES: &str = "_filepath_failures";

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
    notice: Notice,
    open: HashMap<Vec<u8>, Open>,
    /// The last fault that was said, until a write succeeds.
    said: Option<String>,
    sync_data: SyncFile,
    /// For folders.
    sync_all: SyncFile,
}

/// `File::sync_data` or `File::sync_all`, but for tests.
type SyncFile = Box<dyn FnMut(&File) -> io::Result<()> + Send>;

struct Open {
    file: File,
    /// Folders in which it or those above it were made, until they are synced.
    made_in: Vec<File>,
    used: Instant,
    compared: Instant,
    /// What was written since the last sync, to be written again should that fail.
    unsynced: Vec<Arc<Chunk>>,
    /// Where that begins, and its length.
    unsynced_from: u64,
    unsynced_bytes: u64,
}

/// A file that was just opened, and the folders that have something new for it.
struct Opened {
    file: File,
    made_in: Vec<File>,
}

/// Why something was not written.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    /// The writer was told to leave.
    Left,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Open {
    fn new(opened: Opened, now: Instant) -> Self {
        Self {
            file: opened.file,
            made_in: opened.made_in,
            used: now,
            compared: now,
            unsynced: Vec::new(),
            unsynced_from: 0,
            unsynced_bytes: 0,
        }
    }

    /// Writes on from where an earlier try ended.
    fn write(&mut self, behavior: Behavior, bytes: &mut &[u8], begun: &mut bool) -> io::Result<()> {
        if !*begun && behavior == Behavior::Overwrite {
            self.file.set_len(0)?;
        }
        *begun = true;
        if self.unsynced_bytes == 0 {
            self.unsynced_from = self.length();
        }
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.unsynced_bytes += written as u64;
                    *bytes = bytes.get(written..).unwrap_or(b"");
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes what is not known to be on disk and will be written again, if nobody else has written behind it.
    fn take_back(&mut self) {
        let ours = self.unsynced_from..=self.unsynced_from + self.unsynced_bytes;
        if 0 < self.unsynced_bytes
            && ours.contains(&self.length())
            && let Err(error) = self.file.set_len(self.unsynced_from)
        {
            tracing::debug!("what was not synced stays, and is there twice: {error}");
        }
        self.unsynced_bytes = 0;
    }

    fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }
}

impl Chunk {
    /// What of it is written.
    fn text(&self, behavior: Behavior) -> &[u8] {
        match behavior {
            Behavior::Append => &self.bytes,
            Behavior::Overwrite => self.bytes.get(self.last..).unwrap_or(b""),
        }
    }
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
            notice: Notice::default(),
            open: HashMap::new(),
            said: None,
            sync_data: Box::new(File::sync_data),
            sync_all: Box::new(File::sync_all),
        }
    }

    /// Ends as it is told.
    pub fn told_by(mut self, notice: Notice) -> Self {
        self.notice = notice;
        self
    }

    /// Writes until all encoders are gone or it is told to leave. Texts that wait together share one sync.
    pub fn run(mut self, mut texts: mpsc::Receiver<Text>) {
        while let Some(first) = texts.blocking_recv() {
            let mut group = vec![first];
            while group.len() < limits::TEXTS_WAITING_MAX {
                match texts.try_recv() {
                    Ok(text) => group.push(text),
                    Err(_) => break,
                }
            }
            let acks: Vec<Ack> = group
                .iter_mut()
                .flat_map(|text| text.acks.drain(..))
                .collect();
            let chunks = group.into_iter().flat_map(|text| text.chunks);
            match self.write_group(chunks) {
                Ok(events) => {
                    self.metrics.events_out.add(events);
                    acks.into_iter().for_each(Ack::settle);
                }
                Err(_) => {
                    // It is read again, and is not to be there twice; but what nobody can read again stays.
                    if !acks.iter().any(Ack::is_pushed) {
                        self.open.values_mut().for_each(Open::take_back);
                    }
                    return;
                }
            }
        }
    }

    /// Has chunks on disk; gives how many events they hold.
    fn write_group(&mut self, chunks: impl Iterator<Item = Chunk>) -> Result<u64, Fault> {
        let mut events = 0;
        for chunk in chunks {
            if self.notice.is_now() {
                return Err(Fault::Left);
            }
            events += chunk.events;
            self.write_out(&Arc::new(chunk))?;
        }
        self.sync()?;
        Ok(events)
    }

    /// Writes a chunk, however long that takes.
    fn write_out(&mut self, chunk: &Arc<Chunk>) -> Result<(), Fault> {
        let mut bytes = chunk.text(self.behavior);
        let mut begun = false;
        loop {
            match self.write_some(chunk, &mut bytes, &mut begun) {
                Err(Fault::Io(error)) => self.failed(&chunk.path, &error)?,
                Ok(()) => {
                    self.recovered();
                    return Ok(());
                }
                Err(Fault::Left) => return Err(Fault::Left),
            }
        }
    }

    fn write_some(
        &mut self,
        chunk: &Arc<Chunk>,
        bytes: &mut &[u8],
        begun: &mut bool,
    ) -> Result<(), Fault> {
        let now = Instant::now();
        let behavior = self.behavior;
        let open = self.file(&chunk.path, now)?;
        open.used = now;
        open.write(behavior, bytes, begun)?;
        open.unsynced.push(Arc::clone(chunk));
        Ok(())
    }

    /// The open file for a path.
    fn file(&mut self, path: &[u8], now: Instant) -> Result<&mut Open, Fault> {
        if let Some(open) = self.open.get_mut(path)
            && IDENTITY_INTERVAL <= now - open.compared
        {
            open.compared = now;
            if !is_still_named(&open.file, &self.plan, path) {
                if !self.recreate {
                    let failures = self.failures();
                    return self.opened(&failures, now);
                }
                self.sync()?;
                self.open.remove(path);
            }
        }
        if !self.open.contains_key(path) {
            self.close_least_used()?;
        }
        self.opened(path, now)
    }

    /// The file of this name, opened now if it is not open.
    fn opened(&mut self, name: &[u8], now: Instant) -> Result<&mut Open, Fault> {
        if !self.open.contains_key(name) {
            let opened = self.open_named(name)?;
            self.open.insert(name.to_vec(), Open::new(opened, now));
        }
        let open = self.open.get_mut(name);
        open.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    fn open_named(&self, name: &[u8]) -> io::Result<Opened> {
        match &self.plan {
            PathPlan::Fixed(path) if name == self.failures() => {
                let beside = PathPlan::Fixed(path.with_file_name(FAILURES));
                open_file(&beside, b"", self.modes)
            }
            plan => open_file(plan, name, self.modes),
        }
    }

    /// The name of the file for events whose own was deleted.
    fn failures(&self) -> Vec<u8> {
        match &self.plan {
            PathPlan::Below { failure, .. } => failure.clone().into_bytes(),
            PathPlan::Fixed(path) => {
                let beside = path.with_file_name(FAILURES);
                beside.as_os_str().as_bytes().to_vec()
            }
        }
    }

    fn close_least_used(&mut self) -> Result<(), Fault> {
        if self.open.len() < limits::FILES_OPEN_MAX {
            return Ok(());
        }
        self.sync()?;
        let oldest = self.open.iter().min_by_key(|(_, open)| open.used);
        if let Some(path) = oldest.map(|(path, _)| path.clone()) {
            self.open.remove(&path);
        }
        Ok(())
    }

    /// Has everything on disk that was written, however long that takes.
    fn sync(&mut self) -> Result<(), Fault> {
        let is_unsynced = |open: &Open| !open.unsynced.is_empty();
        let unsynced = self.open.iter().filter(|(_, open)| is_unsynced(open));
        let names: Vec<Vec<u8>> = unsynced.map(|(name, _)| name.clone()).collect();
        for name in names {
            let mut synced = self.sync_one(&name);
            while let Err(error) = synced {
                self.metrics.counter("sync_failed").add(1);
                self.failed(&name, &error)?;
                synced = self.write_again(&name).and_then(|()| self.sync_one(&name));
            }
            self.recovered();
        }
        Ok(())
    }

    /// Syncs a file, and its name if that is new. Pipes and terminals have no disk. After a fault the kernel may have forgotten what was written and call
    /// the next sync a success: it is removed, and has to be written again.
    fn sync_one(&mut self, name: &[u8]) -> io::Result<()> {
        let Some(open) = self.open.get_mut(name) else {
            return Ok(());
        };
        let folders = open.made_in.iter().map(|folder| (self.sync_all)(folder));
        let synced = folders
            .collect::<io::Result<()>>()
            .and_then(|()| (self.sync_data)(&open.file));
        match synced {
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                open.take_back();
                return Err(error);
            }
            Ok(()) | Err(_) => {}
        }
        open.made_in.clear();
        open.unsynced.clear();
        open.unsynced_bytes = 0;
        Ok(())
    }

    /// Opens a file anew and writes once more what could not be synced.
    fn write_again(&mut self, name: &[u8]) -> io::Result<()> {
        let opened = self.open_named(name)?;
        let Some(open) = self.open.get_mut(name) else {
            return Ok(());
        };
        open.file = opened.file;
        open.made_in.extend(opened.made_in);
        for chunk in open.unsynced.clone() {
            let mut bytes = chunk.text(self.behavior);
            if let Err(error) = open.write(self.behavior, &mut bytes, &mut false) {
                open.take_back();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells of a fault, and waits until it may be tried again.
    fn failed(&mut self, path: &[u8], error: &io::Error) -> Result<(), Fault> {
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
        match self.notice.sleep(RETRY_WAIT) {
            true => Ok(()),
            false => Err(Fault::Left),
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

fn open_file(plan: &PathPlan, path: &[u8], modes: Modes) -> io::Result<Opened> {
    match plan {
        PathPlan::Fixed(path) => open_fixed(path, modes),
        PathPlan::Below { folder, .. } => open_below(folder, path, modes),
    }
}

fn open_fixed(path: &Path, modes: Modes) -> io::Result<Opened> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder, modes)?;
    let mut options = File::options();
    options.append(true).mode(modes.file.unwrap_or(0o666));
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Opened {
            file: options.create(true).open(path)?,
            made_in: match File::open(folder) {
                // Nobody can sync a folder that he may not read.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Vec::new(),
                folder => vec![folder?],
            },
        }),
        opened => Ok(Opened {
            file: opened?,
            made_in: Vec::new(),
        }),
    }
}

fn make_folder(folder: &Path, modes: Modes) -> io::Result<()> {
    durable::make_folder(folder, modes.folder.unwrap_or(0o777))
}

/// Opens a file below a folder, part by part, and follows no link on the way: a path made of fields cannot lead out, even
/// if somebody else may write there.
fn open_below(folder: &Path, path: &[u8], modes: Modes) -> io::Result<Opened> {
    make_folder(folder, modes)?;
    let into = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = File::from(openat(CWD, folder, into, Mode::empty())?);
    let mut made_in = Vec::new();
    let mut parts = path.split(|&byte| byte == b'/');
    let name = parts.next_back().unwrap_or(b"");
    for part in parts {
        let mode = Mode::from_raw_mode(modes.folder.unwrap_or(0o777));
        let made = match mkdirat(&at, part, mode) {
            Err(error) if error != Errno::EXIST => return Err(error.into()),
            made => made.is_ok(),
        };
        let inner = File::from(openat(&at, part, into | OFlags::NOFOLLOW, Mode::empty())?);
        let outer = std::mem::replace(&mut at, inner);
        made_in.extend(made.then_some(outer));
    }
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mode = Mode::from_raw_mode(modes.file.unwrap_or(0o666));
    let file = match openat(&at, name, flags, mode) {
        Err(Errno::NOENT) => {
            let made = openat(&at, name, flags | OFlags::CREATE, mode)?;
            made_in.push(at);
            made
        }
        opened => opened?,
    };
    Ok(Opened {
        file: File::from(file),
        made_in,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use tokio::sync::mpsc;

    use super::{Behavior, Modes, Writer, open_below};
    use crate::event::{Names, Template};
    use crate::metrics::{Metrics, PluginMetrics};
    use crate::outputs::file::path::PathPlan;
    use crate::outputs::file::{Chunk, PLUGIN, Text};
    use crate::outputs::leave::{Leave, Notice};
    use crate::plugin::Options;
    use crate::queue::ack::{Ack, Acknowledge};

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
        let options = Options::bare(PLUGIN.plugin, "output_file_1");
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

    fn write(writer: &mut Writer, chunk: Chunk) {
        writer
            .write_group([chunk].into_iter())
            .expect("nobody tells it to leave");
    }

    /// A disk whose first syncs fail, after the writes were taken. `forgets` is what becomes of the text then.
    fn failing(writer: &mut Writer, failures: usize, forgets: fn(&fs::File)) {
        let mut left = failures;
        writer.sync_data = Box::new(move |file| {
            if left == 0 {
                return file.sync_data();
            }
            left -= 1;
            forgets(file);
            Err(io::Error::from_raw_os_error(5))
        });
    }

    #[track_caller]
    fn check_failed_sync(name: &str, behavior: Behavior, forgets: fn(&fs::File), want: &str) {
        let folder = Folder::new(name);
        let mut writer = writer(&folder, behavior);
        write(&mut writer, chunk("a", &["before\n"]));
        failing(&mut writer, 2, forgets);
        let metrics = Arc::clone(&writer.metrics);
        let (texts, waiting) = mpsc::channel(2);
        let acknowledged = Arc::new(Acknowledged::default());
        for number in ["one\n", "two\n"] {
            let text = Text {
                chunks: vec![chunk("a", &[number])],
                acks: vec![Ack::new(Arc::clone(&acknowledged) as _, 0)],
                ..Text::default()
            };
            texts.try_send(text).expect("there is room");
        }
        drop(texts);
        writer.run(waiting);
        let text = fs::read_to_string(folder.0.join("a")).expect("it was written");
        assert_eq!(text, want);
        assert_eq!(acknowledged.0.load(Ordering::Relaxed), 2);
        assert_eq!(metrics.events_out.value(), 2);
        assert_eq!(metrics.counter("sync_failed").value(), 2);
    }

    #[derive(Default)]
    struct Acknowledged(AtomicU64);

    impl Acknowledge for Acknowledged {
        fn acknowledge(&self, _: u64) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_a_failed_sync_lost_is_written_again_before_it_is_acknowledged() {
        let forget = |file: &fs::File| file.set_len(7).expect("it is ours");
        check_failed_sync("lost", Behavior::Append, forget, "before\none\ntwo\n");
        check_failed_sync("overwritten", Behavior::Overwrite, forget, "two\n");
    }

    #[test]
    fn what_a_failed_sync_did_not_lose_is_there_once() {
        check_failed_sync("not-lost", Behavior::Append, |_| {}, "before\none\ntwo\n");
    }

    #[test]
    fn a_writer_that_has_to_leave_acknowledges_nothing_and_leaves_nothing_that_is_read_again() {
        let folder = Folder::new("leave");
        let writer = writer(&folder, Behavior::Append);
        let (teller, notice) = Notice::new();
        let acknowledged = Arc::new(Acknowledged::default());
        let (texts, waiting) = mpsc::channel(1);
        let text = Text {
            chunks: vec![chunk("a", &["one\n"])],
            acks: vec![Ack::new(Arc::clone(&acknowledged) as _, 0)],
            ..Text::default()
        };
        texts.try_send(text).expect("there is room");
        let mut writer = writer.told_by(notice);
        writer.sync_data = Box::new(move |_| {
            teller.send_replace(Leave::Now);
            Err(io::Error::from_raw_os_error(5))
        });
        writer.run(waiting);
        let text = fs::read_to_string(folder.0.join("a")).expect("it was made");
        assert_eq!(
            (text.as_str(), acknowledged.0.load(Ordering::Relaxed)),
            ("", 0)
        );
    }

    #[test]
    fn the_name_of_a_new_file_is_synced_once_in_each_folder_that_has_something_new() {
        let folder = Folder::new("names");
        let synced = Arc::new(Mutex::new(Vec::new()));
        let mut writer = writer(&folder, Behavior::Append);
        let (noted, mut failures) = (Arc::clone(&synced), 1);
        writer.sync_all = Box::new(move |made_in| {
            if failures != 0 {
                failures -= 1;
                return Err(io::Error::from_raw_os_error(5));
            }
            let path = format!("/proc/self/fd/{}", made_in.as_raw_fd());
            let path = fs::read_link(path).expect("it is open");
            noted.lock().expect("nobody panics").push(path);
            Ok(())
        });
        for path in ["a/b/c.log", "a/b/c.log", "a/d.log"] {
            write(&mut writer, chunk(path, &["x\n"]));
        }
        let base = &folder.0;
        let want = [
            base.clone(),
            base.join("a"),
            base.join("a/b"),
            base.join("a"),
        ];
        assert_eq!(*synced.lock().expect("nobody panics"), want);
        let text = fs::read_to_string(base.join("a/b/c.log")).expect("it was written");
        assert_eq!(text, "x\nx\n");
    }

    #[test]
    fn text_goes_to_the_end_of_its_file() {
        let folder = Folder::new("append");
        let mut writer = writer(&folder, Behavior::Append);
        write(&mut writer, chunk("a/b.log", &["one\n", "two\n"]));
        write(&mut writer, chunk("c.log", &["x\n"]));
        write(&mut writer, chunk("a/b.log", &["three\n"]));
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
        write(&mut writer, chunk("a", &["a long one\n", "two\n"]));
        write(&mut writer, chunk("a", &["three\n"]));
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
            write(&mut writer, chunk(&format!("{number}"), &["x\n"]));
        }
        assert!(writer.open.len() <= crate::limits::FILES_OPEN_MAX);
        let made = fs::read_dir(&folder.0).expect("it is there").count();
        assert_eq!(made, crate::limits::FILES_OPEN_MAX + 20);
    }
}
