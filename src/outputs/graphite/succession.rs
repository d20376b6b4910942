//! One state has one writer. At a reload the new output takes over all that the old one has: the sums, what waits for other
//! outputs, and the queues that the old one's encoders still send to. Nothing is dropped, and nothing has to be read again.

use std::collections::{BTreeMap, VecDeque};
use std::future;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot};

use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::ledger::Ledger;
use crate::outputs::graphite::store;

/// Who writes which state in this process.
#[derive(Default)]
pub struct Writers(Mutex<BTreeMap<PathBuf, mpsc::Sender<Heir>>>);

/// Where an output that takes over waits for the estate of the one before it.
pub type Heir = oneshot::Sender<Estate>;

/// What an output leaves, once it writes its state no more.
pub struct Estate {
    pub ledger: Ledger,
    pub samples: Incoming,
}

/// An output's place among those of its state.
pub struct Place {
    /// Gives what the one before leaves, unless that has ended before.
    pub estate: Option<oneshot::Receiver<Estate>>,
    /// Where the one after it comes in.
    pub heirs: mpsc::Receiver<Heir>,
}

impl Writers {
    /// Has an output become the writer of a state, as soon as the one before leaves it. The first one in a process has the
    /// positions catch up; later they are in memory, and further.
    pub fn succeed(&self, path: &Path) -> Place {
        let (own, heirs) = mpsc::channel(1);
        let before = self
            .0
            .lock()
            .expect("no holder of this lock panics")
            .insert(path.to_owned(), own);
        let Some(before) = before else {
            store::catch_up(path);
            return Place {
                estate: None,
                heirs,
            };
        };
        let (heir, estate) = oneshot::channel();
        let is_asked = before.try_send(heir).is_ok();
        Place {
            estate: is_asked.then_some(estate),
            heirs,
        }
    }
}

/// Samples on their way in, from an output's own encoders and from those of outputs before it. A stream that goes on with
/// another encoder keeps its order: what older queues hold comes first.
pub struct Incoming {
    /// Of which encoders still send, the oldest first.
    queues: Vec<mpsc::Receiver<Samples>>,
    /// Taken out of them.
    next: VecDeque<Samples>,
}

impl Incoming {
    pub fn new(own: mpsc::Receiver<Samples>) -> Self {
        Self {
            queues: vec![own],
            next: VecDeque::new(),
        }
    }

    /// Adds the queue of an output that takes over.
    pub fn and(mut self, own: mpsc::Receiver<Samples>) -> Self {
        self.queues.push(own);
        self
    }

    /// The next samples; none once all encoders are gone.
    pub async fn recv(&mut self) -> Option<Samples> {
        future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Samples>> {
        let mut place = 0;
        while self.next.is_empty()
            && let Some(queue) = self.queues.get_mut(place)
        {
            match queue.poll_recv(context) {
                Poll::Ready(Some(mut samples)) => {
                    samples.is_handed_over = place + 1 < self.queues.len();
                    self.empty_before(place);
                    self.next.push_back(samples);
                }
                Poll::Ready(None) => drop(self.queues.remove(place)),
                Poll::Pending => place += 1,
            }
        }
        match self.next.pop_front() {
            None if !self.queues.is_empty() => Poll::Pending,
            next => Poll::Ready(next),
        }
    }

    /// Something came in after an older queue was asked: what that holds by now was sent before it.
    fn empty_before(&mut self, place: usize) {
        for older in self.queues.iter_mut().take(place) {
            for _ in 0..older.len() {
                self.next
                    .extend(older.try_recv().ok().map(Samples::handed_over));
            }
        }
    }
}

#[cfg(test)]
mod tests;
