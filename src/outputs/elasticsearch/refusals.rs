//! The end of documents that can never be stored: each is counted by its kind, kept in the dead letter queue, and reported
//! with the reason, the first of a kind at once, later ones as a sum from time to time.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use crate::limits;
use crate::metrics::{Counter, DOCUMENTS_LOST, PluginMetrics};
use crate::outputs::elasticsearch::verdict::{Refusal, RefusalKind};
use crate::printable::is_harmful;
use crate::queue::dead_letters::DeadLetters;
use crate::queue::dead_letters::letter::{Kept, Letter};

/// Shared by the encoders and the sender of an output.
pub struct Refusals {
    metrics: Arc<PluginMetrics>,
    kinds: Vec<(RefusalKind, Arc<Counter>, Mutex<Silence>)>,
    /// Without it documents are counted and reported only.
    queue: Option<DeadLetters>,
    wishes: Wishes,
    kept: Arc<Counter>,
    repeated: Arc<Counter>,
    dropped: Arc<Counter>,
    expired: Arc<Counter>,
    /// There is no room, by policy.
    full: Mutex<Silence>,
    /// The disk does not take them.
    fault: Mutex<Silence>,
}

/// What the user wants of refused documents, other than usual.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Errors that are not worth a word.
    pub silent: Vec<String>,
    /// Events whose names could not be made are not kept.
    pub drops_confined: bool,
}

#[derive(Default)]
struct Silence {
    reported: Option<Instant>,
    since: u64,
}

impl Silence {
    /// Counts, and gives the sum since the last word if it is time for another.
    fn add(&mut self, count: u64) -> Option<u64> {
        self.since += count;
        let now = Instant::now();
        let quiet = self
            .reported
            .is_some_and(|reported| now - reported < limits::WARNING_INTERVAL);
        if quiet {
            return None;
        }
        self.reported = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

/// What cannot be delivered.
#[derive(Clone, Copy, Debug)]
pub struct Lost<'a> {
    /// The action line, if there is one.
    action: &'a [u8],
    document: &'a [u8],
    metadata: &'a [u8],
}

impl<'a> Lost<'a> {
    /// Action line and source, as they were sent.
    pub fn document(sent: &'a [u8]) -> Self {
        let end = memchr::memchr(b'\n', sent).unwrap_or(sent.len());
        let (action, rest) = sent.split_at(end);
        Self {
            action,
            document: rest.trim_ascii(),
            metadata: b"",
        }
    }

    /// An event of which no document came, and its metadata, since templates may name fields of that.
    pub fn event(json: &'a [u8], metadata: &'a [u8]) -> Self {
        Self {
            action: b"",
            document: json,
            metadata,
        }
    }
}

/// Documents that were refused together, in one answer or one batch. They are kept and counted together too: nothing that
/// they came with is settled before.
#[derive(Default)]
pub struct Refused {
    lines: Vec<u8>,
    sums: Vec<Sum>,
}

/// Documents of one kind.
struct Sum {
    kind: RefusalKind,
    count: u64,
    /// Of one of them, to be told.
    words: Option<String>,
}

impl Refused {
    /// Whether something has to be put on disk for them.
    pub fn has_letters(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Letters that an encoder wrote, of events without a document.
    pub fn of_letters(lines: &[u8]) -> Self {
        let mut refused = Self {
            lines: lines.to_vec(),
            sums: Vec::new(),
        };
        let first = lines.split_inclusive(|byte| *byte == b'\n').next();
        let reason = first
            .and_then(Kept::parse)
            .and_then(|kept| kept.text("reason"));
        let sum = refused.sum(RefusalKind::Confinement);
        sum.count = memchr::memchr_iter(b'\n', lines).count() as u64;
        sum.words = reason.map(|reason| format!(": {}", printable(&reason)));
        refused
    }

    /// The documents of a kind so far.
    fn sum(&mut self, kind: RefusalKind) -> &mut Sum {
        let known = self.sums.iter().position(|sum| sum.kind == kind);
        let place = known.unwrap_or(self.sums.len());
        if known.is_none() {
            self.sums.push(Sum {
                kind,
                count: 0,
                words: None,
            });
        }
        &mut self.sums[place]
    }
}

/// Dead letters could not be put on disk: what they are of must not be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

impl Refusals {
    pub fn new(metrics: Arc<PluginMetrics>, queue: Option<DeadLetters>, wishes: Wishes) -> Self {
        let kind = |kind: RefusalKind| (kind, metrics.counter(kind.counter()), Mutex::default());
        Self {
            kinds: RefusalKind::ALL.into_iter().map(kind).collect(),
            kept: metrics.counter("dead_letters"),
            repeated: metrics.counter("dead_letters_repeated"),
            dropped: metrics.counter("dead_letters_dropped"),
            expired: metrics.counter("dead_letters_expired"),
            full: Mutex::default(),
            fault: Mutex::default(),
            queue,
            wishes,
            metrics,
        }
    }

    /// The output was ended before it took these documents. They stay unacknowledged: what can be had again will be,
    /// the others are lost.
    pub fn abandoned(&self, documents: usize, lost: u64) {
        self.metrics
            .counter("documents_abandoned")
            .add(documents as u64);
        self.metrics.counter(DOCUMENTS_LOST).add(lost);
    }

    /// Appends a dead letter; false if such documents are not kept.
    pub fn write_letter(&self, lost: Lost<'_>, refusal: &Refusal, out: &mut Vec<u8>) -> bool {
        let Some(queue) = self.queue_for(refusal.kind) else {
            return false;
        };
        let letter = Letter {
            plugin: &self.metrics.id,
            kind: refusal.kind.counter(),
            status: refusal.status,
            reason: &refusal.reason,
            action: lost.action,
            document: lost.document,
            metadata: lost.metadata,
        };
        letter.write(&queue.settings.pipeline, crate::host::now_nanos(), out);
        true
    }

    /// Takes a document out of the flow; it is kept with the others of `refused`, and counted then.
    pub fn refuse(&self, refused: &mut Refused, lost: Lost<'_>, refusal: &Refusal) {
        self.write_letter(lost, refusal, &mut refused.lines);
        let sum = refused.sum(refusal.kind);
        sum.count += 1;
        if sum.words.is_none() && !self.wishes.silent.contains(&refusal.error_type) {
            let (target, reason) = (target(lost.action), printable(&refusal.reason));
            sum.words = Some(format!("{target}: {reason}"));
        }
    }

    /// Where documents that are refused for such a reason are kept, if they are.
    fn queue_for(&self, kind: RefusalKind) -> Option<&DeadLetters> {
        self.queue.as_ref().filter(|_| self.is_to_be_kept(kind))
    }

    fn is_to_be_kept(&self, kind: RefusalKind) -> bool {
        match kind {
            RefusalKind::Unwanted => false,
            RefusalKind::Confinement => !self.wishes.drops_confined,
            RefusalKind::Mapping
            | RefusalKind::Index
            | RefusalKind::TooLarge
            | RefusalKind::TooOld
            | RefusalKind::Other => true,
        }
    }

    /// Puts refused documents on disk, and counts them; blocks for it. If the disk does not take them nothing is counted:
    /// then they are refused later.
    pub fn keep(&self, refused: &Refused) -> Result<(), NotKept> {
        let mut has_room = true;
        if let Some(queue) = self.queue.as_ref().filter(|_| refused.has_letters()) {
            let written = queue.write(&refused.lines);
            let (written, fault) = match written {
                Ok(written) => (written, None),
                Err(failed) => (failed.written, Some(failed.error)),
            };
            self.kept.add(written.kept);
            self.repeated.add(written.repeated);
            self.expired.add(written.expired);
            self.lose(written.dropped);
            // Older ones may be dropped in their place.
            let letters = memchr::memchr_iter(b'\n', &refused.lines).count() as u64;
            has_room = written.kept + written.repeated == letters;
            if let Some(error) = fault {
                self.tell_of(&error);
                return Err(NotKept);
            }
        }
        let sums = refused.sums.iter();
        sums.for_each(|sum| self.count(sum, has_room));
        Ok(())
    }

    /// Counts refused documents of which nothing is to be kept.
    pub fn count_all(&self, refused: &Refused) {
        refused.sums.iter().for_each(|sum| self.count(sum, true));
    }

    fn count(&self, sum: &Sum, has_room: bool) {
        self.metrics.failed.add(sum.count);
        let Some((_, counter, silence)) = self.kinds.iter().find(|kind| kind.0 == sum.kind) else {
            return;
        };
        counter.add(sum.count);
        let Some(words) = &sum.words else {
            return;
        };
        let mut silence = silence.lock().expect("no holder of this lock panics");
        if let Some(since) = silence.add(sum.count) {
            let id = &self.metrics.id;
            tracing::warn!(
                "{id}: {since} {documents} refused and {fate}{words}",
                documents = match since {
                    1 => "document is",
                    _ => "documents are",
                },
                fate = match self.queue_for(sum.kind) {
                    Some(_) if has_room => "kept as dead letters",
                    Some(_) => "not all kept, for want of room for dead letters",
                    None => "not stored",
                },
            );
        }
    }

    fn lose(&self, count: u64) {
        if count == 0 {
            return;
        }
        self.dropped.add(count);
        let mut silence = self.full.lock().expect("no holder of this lock panics");
        if let (Some(since), Some(queue)) = (silence.add(count), &self.queue) {
            let (id, folder) = (&self.metrics.id, queue.settings.folder.display());
            tracing::error!(
                "{id}: {since} dead letters are dropped: there is no more room for them in {folder}; see \
                 `dead_letter_queue.max_bytes`, `dead_letter_queue.storage_policy` and `sawlog dlq`"
            );
        }
    }

    fn tell_of(&self, error: &std::io::Error) {
        let mut silence = self.fault.lock().expect("no holder of this lock panics");
        if let (Some(_), Some(queue)) = (silence.add(1), &self.queue) {
            let (id, folder) = (&self.metrics.id, queue.settings.folder.display());
            tracing::error!(
                "{id}: dead letters cannot be kept in {folder}: {error}. Make room or give the right to write there; \
                 what was refused waits and is tried again, nothing is lost meanwhile"
            );
        }
    }
}

/// The action line, which names index and id.
fn target(action: &[u8]) -> String {
    const SHOWN: usize = 200;
    match action.get(..SHOWN).unwrap_or(action) {
        [] => String::new(),
        line => format!(" ({})", printable(&String::from_utf8_lossy(line))),
    }
}

/// Text of events and servers without what a terminal would obey, cut to a length that a log can bear.
pub fn printable(text: &str) -> String {
    const SHOWN: usize = 500;
    text.chars()
        .take(SHOWN)
        .map(|character| {
            if is_harmful(character) {
                ' '
            } else {
                character
            }
        })
        .collect()
}
