//! One state has one writer. A reload leaves an old output behind when another output of its pipeline is away. The new one has
//! it save and acknowledge what it can, and let go, before it reads the state and before an input reads on from positions: what
//! the old one did not acknowledge is read again and counted by the new one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc as blocking;

use tokio::sync::mpsc;

use crate::limits;
use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::store;

/// Who writes which state in this process.
#[derive(Default)]
pub struct Writers(Mutex<BTreeMap<PathBuf, mpsc::Sender<Heir>>>);

/// An output that takes over.
pub struct Heir {
    /// Told when the state is saved for the last time and nothing more is acknowledged.
    pub released: blocking::Sender<()>,
    /// Where samples that are not read again go, as long as the heir is there.
    pub samples: mpsc::WeakSender<Samples>,
}

impl Writers {
    /// Has an output become the writer of a state; waits until the writer before has let go. The first one in a process has
    /// the positions catch up; later they are in memory, and further. Gives where heirs come in.
    pub fn succeed(&self, path: &Path, samples: mpsc::WeakSender<Samples>) -> mpsc::Receiver<Heir> {
        let (own, heirs) = mpsc::channel(1);
        let before = self
            .0
            .lock()
            .expect("no holder of this lock panics")
            .insert(path.to_owned(), own);
        let (released, release) = blocking::channel();
        if before.is_none() {
            store::catch_up(path);
        }
        // A writer that has ended has let go already.
        let asked =
            before.is_some_and(|before| before.try_send(Heir { released, samples }).is_ok());
        if asked
            && release.recv_timeout(limits::SUMS_RELEASE_WAIT)
                == Err(blocking::RecvTimeoutError::Timeout)
        {
            let path = path.display();
            tracing::error!(
                "the sums in {path} are still being saved; events may be counted twice"
            );
        }
        heirs
    }
}

/// Passes samples on that will not be read again; the others stay unacknowledged, and so does what comes when the heir is
/// gone too.
pub async fn pass_on(mut samples: mpsc::Receiver<Samples>, heir: mpsc::WeakSender<Samples>) {
    while let Some(block) = samples.recv().await {
        if block.is_rereadable {
            continue;
        }
        let passed = match heir.upgrade() {
            Some(heir) => heir.send(block).await.is_ok(),
            None => false,
        };
        if !passed {
            tracing::warn!("a graphite output has stopped; samples that came after it are lost");
        }
    }
}
