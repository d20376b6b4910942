//! Answers applied to a block: what is stored is counted, what has to wait is copied out and waits alone, what can never
//! be stored is refused, and what was too much is halved.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use crate::limits;
use crate::outputs::elasticsearch::refusals::Refused;
use crate::outputs::elasticsearch::sender::Sender;
use crate::outputs::elasticsearch::verdict::{Outcome, Refusal, RefusalKind, Trouble, Verdict};
use crate::queue::block::{Block, Sealed};

/// So often a document is tried again before it is said why: fewer times are what a server in use asks for.
const BUSY_TOLD_FROM: u32 = 4;

impl Sender {
    /// Ends a request that the server answered.
    pub(super) async fn conclude(
        &mut self,
        now: Instant,
        started: Instant,
        block: Sealed,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::AllStored { in_failure_store } => {
                self.report.stored(block.documents(), in_failure_store);
                self.release(block);
            }
            Outcome::Items(verdicts) => {
                let is_busy =
                    |verdict: &_| matches!(verdict, Verdict::TryAgain(Trouble::Busy { .. }));
                if verdicts.iter().any(is_busy) {
                    self.concurrency.overloaded(started, now);
                }
                self.conclude_items(now, block, verdicts).await;
            }
            Outcome::TooLarge => {
                let learned = (block.body.len() / 2).max(limits::BULK_LEARNED_BYTES_MIN);
                if learned < self.schedule.bytes_max && 1 < block.documents() {
                    self.schedule.bytes_max = learned;
                    self.learned.block_bytes.store(learned, Ordering::Relaxed);
                    self.report.learned(learned);
                }
                let reason = "the server takes no request of this length (status 413)";
                let refusal = Refusal::of(RefusalKind::TooLarge, Some(413), reason);
                self.divide(now, block, refusal).await;
            }
            Outcome::Malformed { reason } => {
                let refusal = Refusal::of(RefusalKind::Other, Some(400), reason);
                self.divide(now, block, refusal).await;
            }
            // These came to nothing and were put back before.
            Outcome::Denied { .. } => self.wait_for_somebody(now, block),
            Outcome::Away { .. } => self.put_back(now, block),
        }
    }

    async fn conclude_items(&mut self, now: Instant, block: Sealed, verdicts: Vec<Verdict>) {
        let (mut stored, mut duplicates) = (0, 0);
        let (mut waiting, mut refused) = (Vec::new(), Refused::default());
        let (mut refused_places, mut is_denied) = (Vec::new(), false);
        for (place, verdict) in verdicts.into_iter().enumerate() {
            match verdict {
                Verdict::Stored => stored += 1,
                Verdict::Duplicate => duplicates += 1,
                Verdict::TryAgain(trouble) => {
                    match trouble {
                        Trouble::Blocked { reason } => self.report.blocked(&reason),
                        Trouble::Denied { reason } => {
                            is_denied = true;
                            self.report.blocked(&reason);
                        }
                        Trouble::Busy { reason } if BUSY_TOLD_FROM <= block.attempt => {
                            self.report.busy(&reason);
                        }
                        Trouble::Busy { .. } | Trouble::Conflict => {}
                    }
                    waiting.push(place);
                }
                Verdict::Refused(refusal) => {
                    let document = block.document(place);
                    self.report.refused(&mut refused, document, &refusal);
                    refused_places.push(place);
                }
            }
        }
        if self.report.keep(refused).await.is_err() {
            // They are refused once more then, and kept by that time.
            waiting.append(&mut refused_places);
            waiting.sort_unstable();
        }
        self.report.stored(stored, 0);
        self.report.duplicates(duplicates);
        self.retry(now, &block, &waiting);
        if is_denied {
            self.retries.forget_ages();
        }
        self.release(block);
    }

    /// Has some documents of a block tried again, alone, after a wait.
    fn retry(&mut self, now: Instant, block: &Sealed, places: &[usize]) {
        if places.is_empty() {
            return;
        }
        let mut picked = block.pick(places);
        picked.attempt = block.attempt.saturating_add(1);
        self.note_age(now, &mut picked);
        self.report.repeated(places.len());
        self.retries
            .push(now + self.backoff.wait(block.attempt), picked);
    }

    /// Sends both halves of a request that was refused as a whole; a single document is at the end of its way.
    async fn divide(&mut self, now: Instant, block: Sealed, refusal: Refusal) {
        if block.documents() <= 1 {
            let mut refused = Refused::default();
            self.report
                .refused(&mut refused, block.document(0), &refusal);
            if self.report.keep(refused).await.is_err() {
                self.retry(now, &block, &[0]);
            }
            self.release(block);
            return;
        }
        self.report.repeated(block.documents());
        for half in block.halve() {
            self.retries.push(now, half);
        }
    }

    /// Has letters of events without a document kept. They were taken from the queue in a block of their own.
    pub(super) async fn keep_letters(&mut self, now: Instant) {
        if self.letters_rest_until.is_some_and(|until| now < until) {
            return;
        }
        let (bytes, documents) = (limits::REFUSED_BYTES_MAX, usize::MAX);
        while let Some(mut block) = self.letters.pop_due(now, bytes, documents) {
            let refused = Refused::of_letters(&block.body);
            if self.report.keep(refused).await.is_err() {
                let due = now + self.backoff.wait(block.attempt);
                block.attempt = block.attempt.saturating_add(1);
                self.letters_rest_until = Some(due);
                return self.letters.push(due, block);
            }
            self.release(block.seal());
        }
    }

    /// Documents that were tried for as long as the user wants become dead letters.
    pub(super) async fn give_up_old(&mut self, now: Instant) {
        let Some(age) = self.schedule.retry_age_max else {
            return;
        };
        if self.letters_rest_until.is_some_and(|until| now < until) {
            return;
        }
        while let Some(block) = self.retries.pop_older(now, age) {
            let block = block.seal();
            let reason = format!("not taken within {} s (`retry_age_max`)", age.as_secs_f32());
            let refusal = Refusal::of(RefusalKind::TooOld, None, reason);
            let mut refused = Refused::default();
            for place in 0..block.documents() {
                let document = block.document(place);
                self.report.refused(&mut refused, document, &refusal);
            }
            if self.report.keep(refused).await.is_err() {
                let places: Vec<usize> = (0..block.documents()).collect();
                self.retry(now, &block, &places);
                self.letters_rest_until = Some(now + self.backoff.wait(block.attempt));
                return self.release(block);
            }
            self.release(block);
        }
    }

    /// Everything in the block is decided, or copied out of it.
    fn release(&mut self, block: Sealed) {
        Block::settle(block.acks);
        self.learned.spares.give_bytes(block.body);
    }
}
