//! What the sender tells: counters, and a message in plain words when something begins or ends, never one per request.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::{Counter, DOCUMENTS_LOST, Gauge, PluginMetrics};
use crate::outputs::elasticsearch::refusals::{Lost, NotKept, Refusals, Refused, printable};
use crate::outputs::elasticsearch::sender::Way;
use crate::outputs::elasticsearch::verdict::{Fault, Refusal};
use crate::quiet::Quiet;

/// Counters and messages of one output.
pub struct Report {
    metrics: Arc<PluginMetrics>,
    refusals: Arc<Refusals>,
    /// Addresses of the hosts, without passwords.
    hosts: Vec<String>,
    /// Whether ids are the user's: then a duplicate deserves a word.
    has_users_ids: bool,
    requests: Arc<Counter>,
    bytes_sent: Arc<Counter>,
    retried: Arc<Counter>,
    duplicates: Arc<Counter>,
    failure_store: Arc<Counter>,
    queue_blocks: Arc<Gauge>,
    requests_limit: Arc<Gauge>,
    blocked_said: Quiet,
    busy_said: Quiet,
    duplicates_said: Quiet,
    #[cfg(test)]
    is_in_one_thread: bool,
}

impl Report {
    /// Documents that nobody could send again and that the output did not get rid of before its end.
    pub fn documents_lost(&self) -> Arc<Counter> {
        self.metrics.counter(DOCUMENTS_LOST)
    }

    pub fn lost(&self, documents: u64) {
        self.documents_lost().add(documents);
    }

    pub fn new(
        metrics: Arc<PluginMetrics>,
        refusals: Arc<Refusals>,
        hosts: Vec<String>,
        has_users_ids: bool,
    ) -> Self {
        Self {
            requests: metrics.counter("requests"),
            bytes_sent: metrics.counter("bytes_sent"),
            retried: metrics.counter("documents_retried"),
            duplicates: metrics.counter("documents_duplicate"),
            failure_store: metrics.counter("documents_in_failure_store"),
            queue_blocks: metrics.gauge("queue_blocks"),
            requests_limit: metrics.gauge("requests_limit"),
            metrics,
            refusals,
            hosts,
            has_users_ids,
            blocked_said: Quiet::default(),
            busy_said: Quiet::default(),
            duplicates_said: Quiet::default(),
            #[cfg(test)]
            is_in_one_thread: false,
        }
    }

    /// Where time is simulated nothing may wait for another thread.
    #[cfg(test)]
    pub fn in_one_thread(self) -> Self {
        Self {
            is_in_one_thread: true,
            ..self
        }
    }

    /// Tells of other hosts from now on.
    pub fn go(&mut self, way: &Way) {
        self.hosts.clone_from(&way.hosts);
        self.refusals = Arc::clone(&way.refusals);
    }

    pub fn waiting(&self, blocks: usize) {
        self.queue_blocks.set(blocks as u64);
    }

    /// How many requests there may be at once.
    pub fn may_send(&self, requests: usize) {
        self.requests_limit.set(requests as u64);
    }

    pub fn sent(&self, bytes: usize) {
        self.requests.add(1);
        self.bytes_sent.add(bytes as u64);
    }

    pub fn stored(&self, documents: usize, in_failure_store: u64) {
        self.metrics.events_out.add(documents as u64);
        self.failure_store.add(in_failure_store);
    }

    pub fn repeated(&self, documents: usize) {
        self.retried.add(documents as u64);
    }

    pub fn refused(&self, refused: &mut Refused, document: &[u8], refusal: &Refusal) {
        self.refusals
            .refuse(refused, Lost::document(document), refusal);
    }

    /// Puts what was refused on disk, and counts it.
    pub async fn keep(&self, refused: Refused) -> Result<(), NotKept> {
        if !refused.has_letters() {
            return self.refusals.keep(&refused);
        }
        #[cfg(test)]
        if self.is_in_one_thread {
            return self.refusals.keep(&refused);
        }
        let refusals = Arc::clone(&self.refusals);
        let kept = tokio::task::spawn_blocking(move || refusals.keep(&refused)).await;
        kept.unwrap_or_else(|error| {
            tracing::error!("dead letters were not kept: {error}");
            Err(NotKept)
        })
    }

    pub fn duplicates(&mut self, documents: u64) {
        self.duplicates.add(documents);
        if self.has_users_ids && 0 < documents && self.duplicates_said.passes(now()) {
            let id = &self.metrics.id;
            tracing::warn!(
                "{id}: {documents} documents were not stored again: their `document_id` is taken"
            );
        }
    }

    pub fn blocked(&mut self, reason: &str) {
        if self.blocked_said.passes(now()) {
            let (id, reason) = (&self.metrics.id, printable(reason));
            tracing::error!(
                "{id}: documents wait because Elasticsearch does not let them in: {reason}. Lift the block, free disk \
                 space or grant the right; nothing is lost meanwhile"
            );
        }
    }

    pub fn left(&self) {
        tracing::warn!(
            "{}: Elasticsearch is away: what it has not taken stays in the queue on disk, or is read again where it still can be",
            self.metrics.id
        );
    }

    pub fn busy(&mut self, reason: &str) {
        if self.busy_said.passes(now()) {
            let (id, reason) = (&self.metrics.id, printable(reason));
            tracing::warn!(
                "{id}: documents are tried again and again, since Elasticsearch does not take them yet: {reason}. Nothing is \
                 lost meanwhile; `documents_retried` counts them"
            );
        }
    }

    pub fn learned(&self, bytes: usize) {
        let id = &self.metrics.id;
        tracing::warn!(
            "{id}: the server takes no request of this length; from now on they have at most {bytes} bytes"
        );
    }

    pub fn away(&self, host: usize, reason: &str) {
        let (id, host, reason) = (&self.metrics.id, self.host(host), printable(reason));
        tracing::warn!(
            "{id}: Elasticsearch at {host} is not to be had ({reason}). Is it running, and is `hosts` right? What is \
             read waits and is sent once it answers"
        );
    }

    pub fn denied(&self, host: usize, reason: &str, fault: Fault) {
        let (id, host, reason) = (&self.metrics.id, self.host(host), printable(reason));
        let (what, check) = match fault {
            Fault::Login => (
                "does not accept us",
                "`user` and `password` or `api_key`, and what they may do",
            ),
            Fault::Form => (
                "takes no request of this form, or is another server",
                "`hosts`, http or https in it, `path`, `proxy` and `parameters`",
            ),
        };
        tracing::error!(
            "{id}: Elasticsearch at {host} {what} ({reason}). Check {check}; what is read waits and is tried again"
        );
    }

    pub fn back(&self, host: usize, after: Duration) {
        let (id, host, seconds) = (&self.metrics.id, self.host(host), after.as_secs_f32());
        tracing::info!("{id}: Elasticsearch at {host} answers again after {seconds:.1} s");
    }

    fn host(&self, place: usize) -> &str {
        self.hosts.get(place).map_or("?", String::as_str)
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
