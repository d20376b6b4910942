//! The books of a Graphite output: what was counted, what carbon has, what is saved, and whose batches may be acknowledged.
//! Samples come in, points and states go out. No clock, no disk and no network is here.
//!
//! What is sent holds every sample. What is saved holds those only that will not be read again after a restart: a batch that
//! another output still holds is read again, and its samples with it. Until then they stand in what is saved as zeros, so that
//! after a restart carbon's value is taken back before they are counted anew, perhaps in another interval.

use std::collections::BTreeSet;

use crate::limits;
use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::points::{Points, Protocol};
use crate::outputs::graphite::slots::{Sample, Slots, Taken};
use crate::outputs::graphite::state;
use crate::queue::ack::{Ack, Others, PatientAck};

/// Batches whose samples are counted.
pub struct Share {
    /// The last slot that one of their samples is in, unless it had ended when they came.
    open: Option<i64>,
    pub events: u64,
    pub acks: Vec<PatientAck>,
}

impl Share {
    fn others(&self) -> Others {
        let mut worst = Others::Done;
        for ack in &self.acks {
            match ack.others() {
                Others::Done => {}
                Others::Waiting => worst = Others::Waiting,
                Others::Lost => return Others::Lost,
            }
        }
        worst
    }
}

/// What is to be saved, and what is acknowledged once it is.
pub struct Commit {
    pub text: String,
    pub shares: Vec<Share>,
    /// See `Ledger::pushed_since`.
    pub pushed_since: Option<i64>,
}

/// What was not taken, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    pub over_path_limit: Tally,
    pub too_late: Tally,
}

/// Samples that were not taken, and events of which none was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub samples: u64,
    pub events: u64,
}

pub struct Ledger {
    /// Everything that was counted.
    sent: Slots,
    /// What does not come again; nothing if no state is kept.
    saved: Option<Slots>,
    /// Samples that come again unless other outputs settle.
    waiting: Vec<Waiting>,
    /// Slots that are let go once none of these has a sample in them.
    leaving: Vec<i64>,
    /// With a state: in `saved`, but not on disk. Without: not gathered yet.
    ready: Vec<Share>,
    /// Without a state: on their way to carbon.
    gathered: Vec<Share>,
    is_changed: bool,
    /// Some samples wait that are not touched.
    is_untouched: bool,
    pushed_since: Option<i64>,
}

struct Waiting {
    samples: Samples,
    share: Share,
    /// What is saved has zeros for these samples.
    is_touched: bool,
}

impl Waiting {
    /// The samples as they came in, but for those that were not taken.
    fn into_samples(mut self) -> Samples {
        let acks = self.share.acks.into_iter();
        self.samples.acks = acks.map(PatientAck::into_ack).collect();
        self.samples.handed_over()
    }
}

/// Whether there is a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    State,
    Nothing,
}

impl Ledger {
    /// Goes on from these slots.
    pub fn new(slots: Slots, keep: Keep) -> Self {
        Self {
            saved: (keep == Keep::State).then(|| slots.clone()),
            sent: slots,
            waiting: Vec::new(),
            leaving: Vec::new(),
            ready: Vec::new(),
            gathered: Vec::new(),
            is_changed: false,
            is_untouched: false,
            pushed_since: None,
        }
    }

    /// The books of an output that takes over, and the samples that wait for other outputs: it is to count them as if they came
    /// in now. So what was lost meanwhile, and is read again, is not in its sums any more.
    pub fn handed_over(mut self, empty: Slots) -> (Self, Vec<Samples>) {
        self.ripen();
        self.touch_waiting();
        let slots = self.saved.unwrap_or(self.sent).under(empty);
        let books = Self {
            ready: self.ready,
            is_changed: true,
            pushed_since: self.pushed_since,
            ..Self::new(slots, Keep::State)
        };
        let waiting = self.waiting.into_iter().map(Waiting::into_samples);
        (books, waiting.collect())
    }

    /// So much is held that no more samples are to be taken until carbon has them.
    pub fn is_full(&self) -> bool {
        self.sent.is_full()
    }

    /// Samples wait for other outputs.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// All that samples wait for are batches before theirs, which nobody holds any more.
    pub fn waits_in_vain(&self) -> bool {
        let mut acks = self.waiting.iter().flat_map(|waiting| &waiting.share.acks);
        acks.all(PatientAck::is_last)
    }

    /// There is something to save.
    pub fn is_changed(&self) -> bool {
        self.is_changed || self.is_untouched
    }

    /// When the oldest came in of what is not saved and nobody can send again, nanoseconds since 1970.
    pub fn pushed_since(&self) -> Option<i64> {
        self.pushed_since
    }

    /// Counts samples.
    pub fn absorb(&mut self, mut samples: Samples, now: i64) -> Refused {
        let present = self.sent.slot_of(now);
        let (mut latest, mut number) = (None, 0);
        let (mut refused, mut not_taken) = (Refused::default(), Vec::new());
        for event in samples.by_event() {
            let numbered = event.map(|sample| {
                number += 1;
                (number - 1, sample)
            });
            latest = latest.max(self.count(numbered, &mut refused, &mut not_taken));
        }
        // What is saved may still have room for them.
        samples.remove(&not_taken);
        let open = latest.filter(|slot| present <= *slot);
        let acks = std::mem::take(&mut samples.acks);
        samples.events = samples
            .events
            .saturating_sub(refused.over_path_limit.events + refused.too_late.events);
        let share = Share {
            open,
            events: samples.events,
            acks: acks
                .into_iter()
                .filter(Ack::is_heard)
                .map(Ack::patient)
                .collect(),
        };
        if self.saved.is_some() {
            if !samples.is_rereadable {
                self.pushed_since = earlier(self.pushed_since, Some(samples.received));
            }
            self.waiting.push(Waiting {
                samples,
                share,
                is_touched: false,
            });
            self.is_untouched = true;
        } else {
            self.make_ready(share);
        }
        refused
    }

    /// Counts the samples of an event. Gives the last slot that took one, and the numbers of those that none took.
    fn count<'a>(
        &mut self,
        event: impl Iterator<Item = (usize, Sample<'a>)>,
        refused: &mut Refused,
        not_taken: &mut Vec<usize>,
    ) -> Option<i64> {
        let (mut latest, mut is_late) = (None, false);
        for (number, sample) in event {
            let taken = self.sent.add(sample);
            if !matches!(taken, Taken::Slot(_)) {
                not_taken.push(number);
            }
            match taken {
                Taken::Slot(slot) => latest = latest.max(Some(slot)),
                Taken::TooManyPaths => refused.over_path_limit.samples += 1,
                Taken::TooLate => {
                    refused.too_late.samples += 1;
                    is_late = true;
                }
            }
        }
        match (latest, is_late) {
            (Some(_), _) => {}
            (None, true) => refused.too_late.events += 1,
            (None, false) => refused.over_path_limit.events += 1,
        }
        latest
    }

    /// Shares of which nobody hears are one: there is no limit to them while nothing can be saved.
    fn make_ready(&mut self, share: Share) {
        match self.ready.last_mut() {
            Some(last) if last.acks.is_empty() && share.acks.is_empty() => {
                last.open = last.open.max(share.open);
                last.events += share.events;
            }
            _ => self.ready.push(share),
        }
    }

    /// Events that nobody can send again and that are not saved.
    pub fn unsaved(&self) -> u64 {
        let waiting = self.waiting.iter().map(|waiting| &waiting.share);
        let shares = self.ready.iter().chain(waiting);
        let unheard = shares.filter(|share| share.acks.is_empty());
        unheard.map(|share| share.events).sum()
    }

    /// Takes what other outputs are done with into what is saved.
    pub fn ripen(&mut self) {
        let bytes = |waiting: &Waiting| waiting.samples.bytes();
        let mut held: usize = self.waiting.iter().map(bytes).sum();
        let mut comes_again = false;
        for waiting in std::mem::take(&mut self.waiting) {
            let is_too_much = limits::SAMPLES_WAITING_BYTES_MAX < held;
            match waiting.share.others() {
                Others::Waiting if !is_too_much => self.waiting.push(waiting),
                Others::Waiting | Others::Done => {
                    held -= bytes(&waiting);
                    self.book(&waiting.samples, waiting.share);
                }
                // Not acknowledged, read again after a restart: then it is counted for good.
                Others::Lost => {
                    held -= bytes(&waiting);
                    self.touch(&waiting);
                    comes_again |= waiting.samples.is_handed_over;
                }
            }
        }
        if comes_again {
            self.take_back();
        }
    }

    /// Has what is lost leave the sums that are sent: it may be read again in this very run.
    fn take_back(&mut self) {
        if let Some(saved) = &self.saved {
            self.sent = saved.clone();
            let samples = self.waiting.iter().flat_map(|one| one.samples.iter());
            for sample in samples {
                self.sent.add(sample);
            }
            self.sent.resend();
            self.leaving.clear();
        }
    }

    fn touch(&mut self, waiting: &Waiting) {
        if let Some(saved) = self.saved.as_mut().filter(|_| !waiting.is_touched) {
            waiting
                .samples
                .iter()
                .for_each(|sample| saved.touch(sample));
            self.is_changed = true;
        }
    }

    fn touch_waiting(&mut self) {
        let Some(saved) = &mut self.saved else {
            return;
        };
        for waiting in &mut self.waiting {
            if !std::mem::replace(&mut waiting.is_touched, true) {
                let samples = waiting.samples.iter();
                samples.for_each(|sample| saved.touch(sample));
            }
        }
    }

    fn book(&mut self, samples: &Samples, share: Share) {
        if let Some(saved) = &mut self.saved {
            for sample in samples.iter() {
                // What is not taken here is in a slot that carbon has.
                saved.add(sample);
            }
            self.make_ready(share);
            self.is_changed = true;
        }
    }

    /// The points that are due: all but those of the present slot, and these too at the end or in need.
    pub fn gather(&mut self, now: i64, is_end: bool, protocol: Protocol) -> Points {
        let spared = (!is_end && !self.is_full()).then(|| self.sent.slot_of(now));
        let mut points = Points::new(protocol);
        self.sent.write(spared, &mut points);
        if self.saved.is_none() {
            let waits = |share: &Share| spared.is_some() && spared <= share.open;
            let all = std::mem::take(&mut self.ready).into_iter();
            let (waiting, due): (Vec<Share>, Vec<Share>) = all.partition(waits);
            self.ready = waiting;
            self.gathered.extend(due);
        }
        points
    }

    /// Carbon has what was gathered. Gives what is acknowledged by that.
    pub fn delivered(&mut self, now: i64) -> Vec<Share> {
        self.leaving
            .extend(self.sent.delivered(self.sent.slot_of(now)));
        if let Some(saved) = &mut self.saved {
            saved.forget_quiet(now);
            let samples = self
                .waiting
                .iter()
                .flat_map(|waiting| waiting.samples.iter());
            let needed: BTreeSet<i64> = samples.map(|sample| saved.slot_of(sample.time)).collect();
            let all = std::mem::take(&mut self.leaving).into_iter();
            let (staying, gone): (Vec<i64>, Vec<i64>) = all.partition(|at| needed.contains(at));
            self.leaving = staying;
            if !gone.is_empty() {
                saved.close(&gone);
                self.is_changed = true;
            }
        } else {
            self.leaving.clear();
        }
        std::mem::take(&mut self.gathered)
    }

    /// Carbon may not have what was gathered, nor what it got before: all is due again.
    pub fn doubt(&mut self) {
        self.sent.resend();
        self.ready.append(&mut self.gathered);
    }

    /// What is to be saved now.
    pub fn commit(&mut self) -> Option<Commit> {
        self.ripen();
        if !self.is_changed() {
            return None;
        }
        self.touch_waiting();
        let saved = self.saved.as_ref()?;
        (self.is_changed, self.is_untouched) = (false, false);
        Some(Commit {
            text: state::encode(saved),
            shares: std::mem::take(&mut self.ready),
            pushed_since: self.pushed_since.take(),
        })
    }

    /// It could not be saved.
    pub fn revoke(&mut self, shares: Vec<Share>, pushed_since: Option<i64>) {
        shares.into_iter().for_each(|share| self.make_ready(share));
        self.is_changed = true;
        self.pushed_since = earlier(self.pushed_since, pushed_since);
    }
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests;
