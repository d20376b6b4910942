//! The end of documents that can never be stored: each is counted by its kind, kept in the dead letter queue, and reported
//! with the reason, the first of a kind at once, later ones as a sum from time to time.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use crate::limits;
use crate::metrics::{Counter, PluginMetrics};
use crate::outputs::elasticsearch::verdict::{Refusal, RefusalKind};
use crate::queue::dead_letters::DeadLetters;
use crate::queue::dead_letters::letter::Letter;

/// Shared by the encoders and the sender of an output.
pub struct Refusals {
    metrics: Arc<PluginMetrics>,
    kinds: Vec<(RefusalKind, Arc<Counter>, Mutex<Silence>)>,
    /// Without it documents are counted and reported only.
    queue: Option<DeadLetters>,
    wishes: Wishes,
    kept: Arc<Counter>,
    dropped: Arc<Counter>,
    expired: Arc<Counter>,
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
}

impl<'a> Lost<'a> {
    /// Action line and source, as they were sent.
    pub fn document(sent: &'a [u8]) -> Self {
        let end = memchr::memchr(b'\n', sent).unwrap_or(sent.len());
        let (action, rest) = sent.split_at(end);
        Self {
            action,
            document: rest.trim_ascii(),
        }
    }

    /// An event of which no document came.
    pub fn event(json: &'a [u8]) -> Self {
        Self {
            action: b"",
            document: json,
        }
    }
}

/// Documents that were refused together, in one answer or one batch. They are kept together too: nothing that they came
/// with is settled before.
#[derive(Default)]
pub struct Refused {
    lines: Vec<u8>,
    count: u64,
}

impl Refused {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Refusals {
    pub fn new(metrics: Arc<PluginMetrics>, queue: Option<DeadLetters>, wishes: Wishes) -> Self {
        let kind = |kind: RefusalKind| (kind, metrics.counter(kind.counter()), Mutex::default());
        Self {
            kinds: RefusalKind::ALL.into_iter().map(kind).collect(),
            kept: metrics.counter("dead_letters"),
            dropped: metrics.counter("dead_letters_dropped"),
            expired: metrics.counter("dead_letters_expired"),
            fault: Mutex::default(),
            queue,
            wishes,
            metrics,
        }
    }

    /// The output was ended before it took these documents. They stay unacknowledged: what can be had again will be.
    pub fn abandoned(&self, documents: usize) {
        self.metrics
            .counter("documents_abandoned")
            .add(documents as u64);
    }

    /// Takes a document out of the flow; it is kept with the others of `refused`.
    pub fn refuse(&self, refused: &mut Refused, lost: Lost<'_>, refusal: &Refusal) {
        self.metrics.failed.add(1);
        let queue = self.queue.as_ref().filter(|_| self.is_to_be_kept(refusal));
        if let Some(queue) = queue {
            let letter = Letter {
                plugin: &self.metrics.id,
                kind: refusal.kind.counter(),
                status: refusal.status,
                reason: &refusal.reason,
                action: lost.action,
                document: lost.document,
            };
            let now = crate::host::now_nanos();
            letter.write(&queue.settings.pipeline, now, &mut refused.lines);
            refused.count += 1;
        }
        let Some((_, counter, silence)) = self.kinds.iter().find(|kind| kind.0 == refusal.kind)
        else {
            return;
        };
        counter.add(1);
        let said = silence
            .lock()
            .expect("no holder of this lock panics")
            .add(1);
        let is_silent = self.wishes.silent.contains(&refusal.error_type);
        if let Some(since) = said.filter(|_| !is_silent) {
            let id = &self.metrics.id;
            tracing::warn!(
                "{id}: {since} {documents} refused and {fate}{target}: {reason}",
                documents = match since {
                    1 => "document is",
                    _ => "documents are",
                },
                fate = match queue {
                    Some(_) => "kept as dead letters",
                    None => "not stored",
                },
                target = target(lost.action),
                reason = printable(&refusal.reason),
            );
        }
    }

    fn is_to_be_kept(&self, refusal: &Refusal) -> bool {
        match refusal.kind {
            RefusalKind::Unwanted => false,
            RefusalKind::Confinement => !self.wishes.drops_confined,
            RefusalKind::Mapping
            | RefusalKind::Index
            | RefusalKind::TooLarge
            | RefusalKind::TooOld
            | RefusalKind::Other => true,
        }
    }

    /// Puts refused documents on disk; blocks for it. If that fails they are lost, and counted as such.
    pub fn keep(&self, refused: Refused) {
        let Some(queue) = self.queue.as_ref().filter(|_| !refused.is_empty()) else {
            return;
        };
        match queue.write(&refused.lines) {
            Ok(written) => {
                self.kept.add(written.kept);
                self.expired.add(written.expired);
                self.lose(written.dropped, "there is no more room for dead letters");
            }
            Err(error) => self.lose(refused.count, &error.to_string()),
        }
    }

    fn lose(&self, count: u64, why: &str) {
        if count == 0 {
            return;
        }
        self.dropped.add(count);
        let said = self
            .fault
            .lock()
            .expect("no holder of this lock panics")
            .add(count);
        if let (Some(since), Some(queue)) = (said, &self.queue) {
            let (id, folder) = (&self.metrics.id, queue.settings.folder.display());
            tracing::error!(
                "{id}: {since} dead letters are dropped ({why}). They are kept in {folder}; see \
                 `path.dead_letter_queue` and `dead_letter_queue.max_bytes`"
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

/// Text of events and servers without control characters, cut to a length that a log can bear.
pub fn printable(text: &str) -> String {
    const SHOWN: usize = 500;
    text.chars()
        .take(SHOWN)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}
