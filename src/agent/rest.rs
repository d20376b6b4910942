//! What is left of a run that ends: the last message of the agent says it.

/// What is known of the end of a pipeline's parts.
#[derive(Default)]
pub struct Rest {
    /// An output was ended that had not sent everything.
    pub is_left: bool,
    /// Of that, nobody can send something again.
    pub is_lost: bool,
    /// A worker or task of ours failed.
    pub has_failed: bool,
}

impl Rest {
    /// Of a pipeline that was not ended for a fault.
    pub const FAULT: Self = Self {
        is_left: false,
        is_lost: false,
        has_failed: true,
    };

    pub fn add(&mut self, other: Self) {
        self.is_left |= other.is_left;
        self.is_lost |= other.is_lost;
        self.has_failed |= other.has_failed;
    }

    pub fn is_clean(&self) -> bool {
        !self.has_failed
    }

    /// Says what becomes of events that an output could not send before the end.
    pub fn warn(&self) {
        let rest = match (self.is_left, self.is_lost) {
            (false, false) => return,
            (_, true) => {
                "what nobody can send again and is on no disk is lost, see `documents_abandoned` and `queue_dropped_at_end`"
            }
            (true, false) => "nothing is lost",
        };
        tracing::warn!(
            "outputs are away: files and containers are read again from where they were acknowledged, queues on disk keep \
             the rest; {rest}"
        );
    }
}
