//! One state has one writer. After a reload the new output takes the books over from the old one, whose workers may still hold
//! samples because another output is away: those are passed on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tokio::sync::{mpsc, oneshot};

use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::ledger::Ledger;

/// Who writes which state in this process.
static WRITERS: Mutex<BTreeMap<PathBuf, mpsc::Sender<Heir>>> = Mutex::new(BTreeMap::new());

/// An output that takes over.
pub struct Heir {
    /// Where the books go.
    pub ledger: oneshot::Sender<Ledger>,
    /// Where further samples go, as long as the heir is there.
    pub samples: mpsc::WeakSender<Samples>,
}

/// Becomes the writer of a state. Gives where heirs come in, and the writer before.
pub fn succeed(path: &Path) -> (mpsc::Receiver<Heir>, Option<mpsc::Sender<Heir>>) {
    let (own, heirs) = mpsc::channel(1);
    let mut writers = WRITERS.lock().expect("no holder of this lock panics");
    (heirs, writers.insert(path.to_owned(), own))
}

/// The books of the writer before, if it still runs.
pub async fn inherit(
    before: mpsc::Sender<Heir>,
    samples: mpsc::WeakSender<Samples>,
) -> Option<Ledger> {
    let (ledger, books) = oneshot::channel();
    before.send(Heir { ledger, samples }).await.ok()?;
    books.await.ok()
}

/// Passes further samples on to an heir. What comes when the heir is gone too stays unacknowledged.
pub async fn pass_on(mut samples: mpsc::Receiver<Samples>, heir: mpsc::WeakSender<Samples>) {
    while let Some(block) = samples.recv().await {
        let passed = match heir.upgrade() {
            Some(heir) => heir.send(block).await.is_ok(),
            None => false,
        };
        if !passed {
            tracing::warn!(
                "a graphite output has stopped; samples that came after it stay unacknowledged"
            );
        }
    }
}
