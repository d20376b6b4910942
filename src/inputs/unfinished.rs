//! What the streams of one input hold of records that are not complete yet, counted together: thousands of them may be open,
//! and each may hold as much as one record may have. What becomes of the stream that goes beyond it is the input's part.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The sum over all streams of an input.
#[derive(Debug)]
pub struct Unfinished {
    bytes_max: usize,
    held: AtomicUsize,
}

/// What one stream holds of it.
#[derive(Debug)]
pub struct Share {
    all: Arc<Unfinished>,
    bytes: usize,
}

impl Unfinished {
    pub fn new(bytes_max: usize) -> Arc<Self> {
        let held = AtomicUsize::new(0);
        Arc::new(Self { bytes_max, held })
    }

    /// That of a stream which holds nothing yet.
    pub fn share(self: &Arc<Self>) -> Share {
        let all = Arc::clone(self);
        Share { all, bytes: 0 }
    }
}

impl Share {
    /// Counts what the stream holds now. False if all of them together hold more than they may.
    pub fn hold(&mut self, bytes: usize) -> bool {
        let before = std::mem::replace(&mut self.bytes, bytes);
        // Addition wraps, so that one step takes the old and adds the new.
        let more = bytes.wrapping_sub(before);
        let held = self.all.held.fetch_add(more, Ordering::AcqRel);
        held.wrapping_add(more) <= self.all.bytes_max
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::Unfinished;

    #[test]
    fn streams_share_what_they_may_hold() {
        let all = Unfinished::new(10);
        let (mut one, mut other) = (all.share(), all.share());
        assert!(one.hold(6) && other.hold(4));
        assert!(!other.hold(5));
        assert!(one.hold(5));
        drop(one);
        assert!(other.hold(10));
        assert!(!other.hold(11));
    }
}
