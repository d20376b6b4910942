//! When the sums of an output are saved, and what comes of it: acknowledgements, or another try.

use std::time::Duration;

use tokio::time::Instant;

use super::{Booking, Sender};
use crate::host;
use crate::limits;
use crate::outputs::graphite::outside::Outside;
use crate::outputs::graphite::store::{self, Saved};
use crate::outputs::graphite::succession::Incoming;

const SAVED_BYTES_A_SECOND_MAX: f64 = limits::SUMS_PUSHED_BYTES_A_SECOND_MAX as f64;

impl<O: Outside> Sender<O> {
    /// When what changed is to be saved: soon, if nobody can send it again, unless the disk refuses it anyway.
    pub(super) fn next_save(&self) -> Instant {
        let is_urgent = self.ledger.pushed_since().is_some() && !self.said_disk;
        let pause = match is_urgent {
            true => {
                // The whole file is written each time: without a bound a trickle of syslog would wear out a disk.
                let seconds = self.save_bytes as f64 / SAVED_BYTES_A_SECOND_MAX;
                limits::SUMS_PUSHED_SAVE_INTERVAL
                    .max(self.save_took * limits::SUMS_PUSHED_SAVE_PAUSE_FACTOR)
                    .max(Duration::from_secs_f64(seconds).min(limits::SUMS_SAVE_INTERVAL))
            }
            false => {
                limits::SUMS_SAVE_INTERVAL.max(self.save_took * limits::SUMS_SAVE_PAUSE_FACTOR)
            }
        };
        self.saved_at + pause
    }

    /// The sums cannot be saved, which is not tried again.
    pub(super) fn has_lost_disk(&self) -> bool {
        self.ending
            .as_ref()
            .is_some_and(|ending| ending.is_disk_away)
    }

    /// Counts what is gone with the output: carbon may have it, until the next output begins with older sums.
    pub(super) fn tell_unsaved(&self) {
        let unsaved = match self.keeps() {
            true => self.ledger.unsaved(),
            false => 0,
        };
        if 0 < unsaved {
            self.metrics.counter("dropped_unsaved").add(unsaved);
            let id = &self.metrics.id;
            tracing::error!(
                "{id}: the counts of {unsaved} events that nobody can send again could not be saved; the next run sends sums \
                 without them"
            );
        }
    }

    /// Counts what still comes in and nobody can send again. The rest stays unacknowledged.
    pub(super) async fn lose(&self, mut samples: Incoming) {
        while let Some(block) = samples.recv().await {
            if !block.is_rereadable {
                self.metrics.counter("dropped_unsaved").add(block.events);
                let (id, events) = (&self.metrics.id, block.events);
                tracing::warn!(
                    "{id}: it has stopped; {events} events that came after that are lost"
                );
            }
        }
    }

    /// Starts to save what changed, if the last save is done, and its pause over or a flush waits for it.
    pub(super) fn save(&mut self, now: Instant) {
        let is_wanted = self.booking == Booking::Wanted;
        let is_time = is_wanted || self.next_save() <= now || self.ending.is_some();
        if is_time && self.saving.is_empty() {
            self.save_now();
        }
    }

    pub(super) fn save_now(&mut self) {
        let is_wanted = self.booking == Booking::Wanted;
        let started = Instant::now();
        let path = self.path.clone().filter(|_| !self.has_lost_disk());
        let commit = path.and_then(|path| Some((path, self.ledger.commit()?)));
        if is_wanted {
            self.gather();
            self.booking = match commit {
                Some(_) => Booking::UnderWay,
                None => Booking::Done,
            };
        }
        if let Some((path, commit)) = commit {
            self.saving
                .spawn_blocking(move || store::save(&path, commit, started));
        }
    }

    pub(super) fn saved(&mut self, saved: Saved) {
        (self.saved_at, self.save_took) = (Instant::now(), saved.took);
        self.save_bytes = saved.bytes;
        if self.booking == Booking::UnderWay {
            // Metrics are sent even if the disk is full.
            self.booking = Booking::Done;
        }
        match saved.result {
            Ok(events) => {
                self.said_disk = false;
                self.metrics.events_out.add(events);
                self.note_window(saved.pushed_since);
            }
            Err((error, shares)) => {
                self.metrics.counter("saves_failed").add(1);
                self.ledger.revoke(shares, saved.pushed_since);
                if let Some(ending) = &mut self.ending {
                    ending.is_disk_away = true;
                }
                if !std::mem::replace(&mut self.said_disk, true) {
                    let id = &self.metrics.id;
                    tracing::error!(
                        "{id}: sums cannot be saved ({error}). Metrics are sent, but no event is acknowledged: after a \
                         restart, what can be read again is read again, and what nobody can send again is missing"
                    );
                }
            }
        }
    }

    /// Tells how long the oldest that nobody could send again was in memory alone, if it is the longest time yet.
    fn note_window(&self, since: Option<i64>) {
        let millis = since.map(|since| (host::now_nanos() - since) / 1_000_000);
        if let Some(millis) = millis.and_then(|millis| u64::try_from(millis).ok()) {
            self.metrics.gauge("sums_window_millis_max").raise(millis);
        }
    }

    pub(super) async fn end_saving(&mut self) {
        while let Some(saved) = self.saving.join_next().await {
            match saved {
                Ok(saved) => self.saved(saved),
                Err(error) => tracing::error!("saving sums ended by a fault: {error}"),
            }
        }
    }
}
