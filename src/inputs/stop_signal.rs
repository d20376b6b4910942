//! The order to stop as a file descriptor, so that a thread can wait for it and for its own descriptors at once.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use tokio::task::JoinHandle;

use crate::inputs::Flow;

/// Readable from the moment on at which the input has to stop.
pub struct StopSignal {
    event: Arc<OwnedFd>,
    task: JoinHandle<()>,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The input has to stop.
    Stop,
    /// The descriptor can be read, or its other end is gone.
    Readable,
    TimedOut,
}

impl StopSignal {
    /// Starts to listen, on the present tokio runtime.
    pub fn spawn(flow: &Flow) -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let event = Arc::new(rustix::event::eventfd(0, flags)?);
        let mut stop = flow.stop.clone();
        let signalled = Arc::clone(&event);
        let task = tokio::spawn(async move {
            // An error means that nobody is left who could say so: that is an order too.
            drop(stop.wait_for(|stop| *stop).await);
            if let Err(error) = rustix::io::write(&*signalled, &1u64.to_ne_bytes()) {
                tracing::error!(%error, "an input cannot be told to stop");
            }
        });
        Ok(Self { event, task })
    }

    /// Waits for the order to stop, for `descriptor`, or until the time is over.
    pub fn wait(
        &self,
        descriptor: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> io::Result<Woken> {
        let mut waited = vec![PollFd::from_borrowed_fd(self.event.as_fd(), PollFlags::IN)];
        if let Some(descriptor) = descriptor {
            waited.push(PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
        }
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match rustix::event::poll(&mut waited, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = waited.iter().map(|waited| !waited.revents().is_empty());
        Ok(match (ready.next(), ready.next()) {
            (Some(true), _) => Woken::Stop,
            (_, Some(true)) => Woken::Readable,
            _ => Woken::TimedOut,
        })
    }
}

impl Drop for StopSignal {
    fn drop(&mut self) {
        self.task.abort();
    }
}
