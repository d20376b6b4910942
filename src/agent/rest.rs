//! What is left of a run that ends: the last message of the agent says it.

/// What is known of the end of a pipeline's parts.
#[derive(Default)]
pub struct Rest {
    /// An output was ended that had not sent everything.
    pub is_left: bool,
    /// A worker or task of ours failed.
    pub has_failed: bool,
    /// Events that nobody can send again, and that workers did not come to the end of.
    pub lost: u64,
}

impl Rest {
    /// Of a pipeline that was not ended for a fault.
    pub const FAULT: Self = Self {
        is_left: false,
        has_failed: true,
        lost: 0,
    };

    pub fn add(&mut self, other: Self) {
        self.is_left |= other.is_left;
        self.has_failed |= other.has_failed;
        self.lost += other.lost;
    }

    pub fn is_clean(&self) -> bool {
        !self.has_failed
    }

    /// Says what becomes of events that could not be sent before the end. `lost` of those that an output had were nowhere else.
    pub fn warn(&self, lost: u64) {
        let lost = lost + self.lost;
        if !self.is_left && lost == 0 {
            return;
        }
        let rest = match lost {
            0 => "nothing is lost".to_owned(),
            lost => format!(
                "of the events that nobody can send again and that are on no disk {lost} are lost (`documents_lost`)"
            ),
        };
        tracing::warn!(
            "not everything was sent: files and containers, as far as they are still there, are read again from where they were \
             acknowledged, queues on disk keep the rest; {rest}"
        );
    }
}
