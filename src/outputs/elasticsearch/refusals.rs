//! The end of documents that can never be stored: each is counted by its kind and reported with the reason, the first of
//! a kind at once, later ones as a sum from time to time. Here a dead letter file will find its documents.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use crate::limits;
use crate::metrics::{Counter, PluginMetrics};
use crate::outputs::elasticsearch::verdict::{Refusal, RefusalKind};

/// Shared by the encoders and the sender of an output.
pub struct Refusals {
    metrics: Arc<PluginMetrics>,
    kinds: Vec<(RefusalKind, Arc<Counter>, Mutex<Silence>)>,
}

#[derive(Default)]
struct Silence {
    reported: Option<Instant>,
    since: u64,
}

impl Refusals {
    pub fn new(metrics: Arc<PluginMetrics>) -> Self {
        let kind = |kind: RefusalKind| (kind, metrics.counter(kind.counter()), Mutex::default());
        Self {
            kinds: RefusalKind::ALL.into_iter().map(kind).collect(),
            metrics,
        }
    }

    /// The output was ended before it took these documents. They stay unacknowledged: what can be had again will be.
    pub fn abandoned(&self, documents: usize) {
        self.metrics
            .counter("documents_abandoned")
            .add(documents as u64);
    }

    /// Takes a document out of the flow. `document` is its action line and source as they were sent, or empty if it was
    /// refused before it was written.
    pub fn refuse(&self, document: &[u8], refusal: &Refusal) {
        self.metrics.failed.add(1);
        let Some((_, counter, silence)) = self.kinds.iter().find(|kind| kind.0 == refusal.kind)
        else {
            return;
        };
        counter.add(1);
        let mut silence = silence.lock().expect("no holder of this lock panics");
        silence.since += 1;
        let now = Instant::now();
        let quiet = silence
            .reported
            .is_some_and(|reported| now - reported < limits::WARNING_INTERVAL);
        if !quiet {
            let (id, since) = (&self.metrics.id, silence.since);
            let target = target(document);
            tracing::warn!(
                "{id}: {since} {documents} refused and not stored{target}: {reason}",
                documents = if since == 1 {
                    "document is"
                } else {
                    "documents are"
                },
                reason = printable(&refusal.reason),
            );
            *silence = Silence {
                reported: Some(now),
                since: 0,
            };
        }
    }
}

/// The action line, which names index and id.
fn target(document: &[u8]) -> String {
    const SHOWN: usize = 200;
    let line = document.split(|&byte| byte == b'\n').next().unwrap_or(b"");
    match line.get(..SHOWN).unwrap_or(line) {
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
