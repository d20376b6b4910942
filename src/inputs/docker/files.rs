//! All containers' json-file logs, followed by one thread. inotify tells of new containers, writes, rotations and changed
//! descriptions; nothing is polled per file. A container's files are opened the moment they appear, so that one that lives
//! for a few milliseconds is read from its open files after it is gone.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use crate::docker::container::{self, Container};
use crate::inputs::docker::log_files::LogPaths;
use crate::inputs::docker::reading::{Missing, Reading};
use crate::inputs::docker::tail::{Progress, Tail};
use crate::limits;
use crate::pipeline::worker::Stopped;
use crate::queue::positions;

/// Follows the containers below a data root.
pub struct Files {
    root: PathBuf,
    reading: Arc<Reading>,
    inotify: Arc<OwnedFd>,
    root_watch: i32,
    known: HashMap<String, Known>,
    by_watch: HashMap<i32, String>,
    /// Streams of containers that are gone; forgotten when all is acknowledged.
    gone: Vec<(String, positions::Stream)>,
    /// The folder of containers itself went away.
    root_is_gone: bool,
}

/// A container that has a folder.
struct Known {
    watch: Option<i32>,
    tail: Option<Tail>,
    state: State,
    /// There may be something to read.
    has_news: bool,
    last_read: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its description is not written yet.
    Nameless,
    /// Left out by the options, or read through the Engine.
    Left,
    Followed,
    /// Its folder is gone.
    Gone,
}

/// Whether a container was there when the input started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    AtStart,
    Later,
}

/// Why following ended.
#[derive(Debug)]
pub enum End {
    Stopped,
    /// The folder went away or cannot be watched.
    Lost(io::Error),
}

impl From<Stopped> for End {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// What is watched of a container's folder: writes, rotations, descriptions replaced by rename.
fn everything() -> WatchFlags {
    WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_FROM | descriptions()
}

/// What is watched of a container that is not read.
fn descriptions() -> WatchFlags {
    WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE | WatchFlags::ONLYDIR
}

/// Whether the logs below a data root can be read: the folder, and a log in it if there is one.
pub fn readable(data_root: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(data_root.join("containers"))?.take(limits::CONTAINERS_TRIED_MAX)
    {
        let folder = entry?.path();
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match std::fs::File::open(folder.join(format!("{name}-json.log"))) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

impl Files {
    /// Begins to watch, before anything is listed: nothing can come into being unseen.
    pub fn open(data_root: &Path, reading: Arc<Reading>) -> io::Result<Self> {
        let root = data_root.join("containers");
        let inotify = Arc::new(inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?);
        let flags = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::ONLYDIR;
        let root_watch = inotify::add_watch(&inotify, &root, flags)?;
        Ok(Self {
            root,
            reading,
            inotify,
            root_watch,
            known: HashMap::new(),
            by_watch: HashMap::new(),
            gone: Vec::new(),
            root_is_gone: false,
        })
    }

    /// Follows until the input has to stop or the folder is lost.
    pub fn run(mut self) -> End {
        match self.follow() {
            Ok(()) => End::Stopped,
            Err(end) => end,
        }
    }

    fn follow(&mut self) -> Result<(), End> {
        self.scan(Seen::AtStart)?;
        self.forget_strangers();
        self.reading.note_start();
        while !self.reading.flow.is_stopping() {
            if self.take_notices()? {
                self.scan(Seen::Later)?;
            }
            let read = self.read_round()?;
            if self.root_is_gone {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            match read {
                // More is waiting already.
                _ if limits::READ_BYTES <= read => {}
                0 => self.wait(),
                // A busy container writes line by line: a short nap makes a batch of them.
                _ => std::thread::sleep(limits::DOCKER_NAP),
            }
        }
        Ok(())
    }

    /// Waits until something happens, or for a moment: the input may have to stop.
    fn wait(&mut self) {
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 200_000_000,
        };
        let mut descriptors = [PollFd::new(&self.inotify, PollFlags::IN)];
        // An interrupted wait is a short one.
        if rustix::event::poll(&mut descriptors, Some(&moment)).is_err() {
            std::thread::sleep(limits::DOCKER_NAP);
        }
        self.tidy();
    }

    /// Adds every container that has a folder and is not known yet; marks all for reading.
    fn scan(&mut self, seen: Seen) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.root)? {
            if let Some(id) = entry?.file_name().to_str()
                && !self.known.contains_key(id)
            {
                self.add(id, seen);
            }
        }
        for (id, known) in &mut self.known {
            known.has_news = true;
            if known.state != State::Gone && !self.root.join(id).exists() {
                known.state = State::Gone;
            }
        }
        Ok(())
    }

    /// Positions of containers that were removed while nobody looked.
    fn forget_strangers(&self) {
        for key in self.reading.positions.keys() {
            if container::is_id(&key) && !self.known.contains_key(&key) {
                self.reading.positions.forget(&key);
            }
        }
    }

    /// Takes what inotify tells. True if it lost some of it and everything must be looked at.
    fn take_notices(&mut self) -> io::Result<bool> {
        let mut overflow = false;
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let descriptor = Arc::clone(&self.inotify);
        let mut reader = inotify::Reader::new(&descriptor, &mut buffer);
        loop {
            match reader.next() {
                Ok(notice) => {
                    let name = notice.file_name().and_then(|name| CStr::to_str(name).ok());
                    overflow |= notice.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    self.notice(notice.wd(), notice.events(), name.unwrap_or_default());
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(overflow),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn notice(&mut self, watch: i32, events: ReadFlags, name: &str) {
        if watch == self.root_watch {
            return self.notice_of_root(events, name);
        }
        let Some(id) = self.by_watch.get(&watch).cloned() else {
            return;
        };
        if events.contains(ReadFlags::IGNORED) {
            self.by_watch.remove(&watch);
        }
        match name {
            "config.v2.json" => self.describe(&id, Seen::Later),
            _ => {
                if let Some(known) = self.known.get_mut(&id) {
                    known.has_news = true;
                    if known.state == State::Nameless {
                        self.describe(&id, Seen::Later);
                    } else if events.contains(ReadFlags::CREATE)
                        && let Some(tail) = &mut known.tail
                        && let Err(error) = tail.discover()
                    {
                        tracing::debug!("container {id}: {error}");
                    }
                }
            }
        }
    }

    fn notice_of_root(&mut self, events: ReadFlags, name: &str) {
        if events.intersects(ReadFlags::DELETE_SELF | ReadFlags::IGNORED) {
            self.root_is_gone = true;
        } else if events.contains(ReadFlags::DELETE) {
            if let Some(known) = self.known.get_mut(name) {
                known.state = State::Gone;
                known.has_news = true;
            }
        } else if !self.known.contains_key(name) {
            self.add(name, Seen::Later);
        }
    }

    /// A container's folder appeared.
    fn add(&mut self, id: &str, seen: Seen) {
        if !container::is_id(id) {
            return;
        }
        let watch = match inotify::add_watch(&self.inotify, self.root.join(id), everything()) {
            Ok(watch) => Some(watch),
            Err(rustix::io::Errno::NOENT) => {
                self.reading.counters.containers_missed.add(1);
                return;
            }
            Err(error) => {
                self.reading.say_once(Missing::Watch, &format!(
                    "cannot watch {}: {error}; it is looked at from time to time. Raise fs.inotify.max_user_watches",
                    self.root.join(id).display()
                ));
                None
            }
        };
        if let Some(watch) = watch {
            self.by_watch.insert(watch, id.to_owned());
        }
        let known = Known {
            watch,
            tail: None,
            state: State::Nameless,
            has_news: true,
            last_read: Instant::now(),
        };
        self.known.insert(id.to_owned(), known);
        self.describe(id, seen);
    }

    /// Reads a container's description, decides whether it is read, and opens its files.
    fn describe(&mut self, id: &str, seen: Seen) {
        let folder = self.root.join(id);
        let container = match Container::read(&folder) {
            Ok(container) if container.id == id => container,
            Ok(_) => Container::unknown(id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => self.reading.describe_otherwise(id, &error),
        };
        let Some(known) = self.known.get_mut(id) else {
            return;
        };
        if known.state == State::Gone {
            return;
        }
        known.has_news = true;
        let by_files = matches!(&*container.driver, "json-file" | "");
        if !by_files {
            self.reading.leave_to_engine(&container);
        }
        let follow = by_files && self.reading.selection.takes(&container);
        let before = std::mem::replace(
            &mut known.state,
            if follow { State::Followed } else { State::Left },
        );
        if before != known.state && known.watch.is_some() {
            let flags = if follow { everything() } else { descriptions() };
            // The folder may be gone by now, which is told in its turn.
            known.watch = inotify::add_watch(&self.inotify, &folder, flags)
                .ok()
                .or(known.watch);
        }
        match (&mut known.tail, follow) {
            (Some(tail), true) => tail.describe(Arc::new(container)),
            (None, true) => self.open_tail(id, container, seen),
            (_, false) => known.tail = None,
        }
        self.show_count();
    }

    fn open_tail(&mut self, id: &str, container: Container, seen: Seen) {
        let paths = LogPaths::new(self.root.join(id), id);
        match self
            .reading
            .open_tail(paths, container, seen == Seen::AtStart)
        {
            Ok(tail) => {
                if let Some(known) = self.known.get_mut(id) {
                    known.tail = Some(tail);
                }
            }
            Err(error) => {
                self.reading.say_once(
                    Missing::Log,
                    &format!("cannot read the logs of container {id}: {error}"),
                );
                if let Some(known) = self.known.get_mut(id) {
                    // Tried again when there is news of it.
                    known.state = State::Nameless;
                }
            }
        }
    }

    fn show_count(&self) {
        let followed = self
            .known
            .values()
            .filter(|known| known.tail.is_some())
            .count();
        self.reading.counters.containers.set(followed as u64);
    }

    /// Reads every container that has news, each for a bounded time. Gives the bytes read.
    fn read_round(&mut self) -> Result<usize, Stopped> {
        let mut read = 0;
        let mut gone = Vec::new();
        for (id, known) in &mut self.known {
            let unwatched =
                known.watch.is_none() && limits::DOCKER_LOOK_INTERVAL < known.last_read.elapsed();
            if known.has_news || unwatched {
                read += Self::read_one(&self.reading, id, known)?;
            }
            if let Some(tail) = &mut known.tail
                && !known.has_news
                && tail.is_open()
                && !tail.container.running
                && limits::DOCKER_END_WAIT < known.last_read.elapsed()
            {
                tail.flush(|batch| self.reading.send_blocking(batch))?;
                self.reading.count(tail);
            }
            if known.state == State::Gone && !known.has_news {
                gone.push(id.clone());
            }
        }
        for id in gone {
            self.remove(&id)?;
        }
        Ok(read)
    }

    fn read_one(reading: &Reading, id: &str, known: &mut Known) -> Result<usize, Stopped> {
        let mut sum = 0;
        known.last_read = Instant::now();
        known.has_news = false;
        let Some(tail) = &mut known.tail else {
            return Ok(0);
        };
        for _ in 0..limits::DOCKER_READS_AT_ONCE {
            match tail.read(|batch| reading.send_blocking(batch))? {
                Ok(Progress::Read(count)) => sum += count,
                Ok(Progress::Idle) => {
                    reading.count(tail);
                    return Ok(sum);
                }
                Err(error) => {
                    reading.say_once(
                        Missing::Log,
                        &format!("cannot read the logs of container {id}: {error}"),
                    );
                    reading.counters.read_errors.add(1);
                    return Ok(sum);
                }
            }
        }
        known.has_news = true;
        reading.count(tail);
        Ok(sum)
    }

    /// Everything of a container that is gone has been read.
    fn remove(&mut self, id: &str) -> Result<(), Stopped> {
        let Some(known) = self.known.remove(id) else {
            return Ok(());
        };
        if let Some(watch) = known.watch {
            self.by_watch.remove(&watch);
        }
        if let Some(mut tail) = known.tail {
            tail.finish(|batch| self.reading.send_blocking(batch))?;
            self.reading.count(&mut tail);
            self.gone.push((id.to_owned(), tail.stream().clone()));
        }
        self.show_count();
        Ok(())
    }

    /// Forgets positions that nobody needs any more.
    fn tidy(&mut self) {
        self.gone.retain(|(id, stream)| {
            let settled = stream.is_settled();
            if settled {
                self.reading.positions.forget(id);
            }
            !settled
        });
    }
}
