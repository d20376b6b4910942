//! The acknowledgement: a counted handle that a batch and every block of documents made from it carry. When the last
//! holder has settled, the input hears that its batch is safe; when one was lost on the way, it never does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use crate::queue::positions::Positions;

/// Who wants to hear of a batch's end.
pub trait Acknowledge: Send + Sync {
    /// Every output has its verdict on the batch: what it was read from need not be read again.
    fn acknowledge(&self, token: u64);

    /// A holder was lost: this batch will not be acknowledged any more.
    fn abandon(&self, _token: u64) {}

    /// Whether what is not acknowledged can be read again.
    fn comes_again(&self) -> bool {
        true
    }

    /// Whether what is not acknowledged stays on disk, for whoever takes it from there next.
    fn stays_on_disk(&self) -> bool {
        false
    }

    /// Whether the end of this batch will move the position once those are acknowledged for which this was true before.
    fn follows(&self, _token: u64) -> bool {
        true
    }

    /// Whether a batch will be read again because one before it was lost.
    fn is_behind_lost(&self, _token: u64) -> bool {
        false
    }

    /// Where the stream of these batches will stand once they are acknowledged, and the positions that it is one of.
    fn ahead(&self, _tokens: &BTreeSet<u64>) -> Option<Ahead> {
        None
    }
}

/// A stream that is about to move.
pub struct Ahead {
    pub positions: Positions,
    pub key: String,
    pub end: Value,
}

/// A share in a batch. Dropping it unsettled means that the batch is not safe.
#[derive(Clone, Default)]
pub struct Ack {
    share: Option<Arc<Share>>,
    /// See `pushed`.
    is_pushed: bool,
    /// Of the output that holds it.
    fate: Option<Fate>,
}

/// Whether an output is still wanted. What one that is not has in hand when it ends is given up: it will not be read again for its
/// sake.
#[derive(Clone, Debug, Default)]
pub struct Fate(Arc<AtomicBool>);

impl Fate {
    /// Nobody wants the output any more.
    pub fn seal(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Somebody wants it again.
    pub fn revoke(&self) {
        self.0.store(false, Ordering::Release);
    }

    pub fn is_sealed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct Share {
    listener: Arc<dyn Acknowledge>,
    token: u64,
    abandoned: AtomicBool,
    /// Holders that settle last.
    patient: AtomicUsize,
    /// Its room among the batches under way.
    room: OnceLock<OwnedSemaphorePermit>,
}

impl Drop for Share {
    fn drop(&mut self) {
        match self.abandoned.load(Ordering::Acquire) {
            true => self.listener.abandon(self.token),
            false => self.listener.acknowledge(self.token),
        }
    }
}

impl Ack {
    /// A handle that tells `listener` of `token` once all its clones are settled.
    pub fn new(listener: Arc<dyn Acknowledge>, token: u64) -> Self {
        Self {
            share: Some(Arc::new(Share {
                listener,
                token,
                abandoned: AtomicBool::new(false),
                patient: AtomicUsize::new(0),
                room: OnceLock::new(),
            })),
            is_pushed: false,
            fate: None,
        }
    }

    /// Nobody listens: what belongs to this process alone, like its stdin.
    pub fn none() -> Self {
        Self::default()
    }

    /// Nobody listens, and whoever sent it will not send it again: where there is a queue on disk it waits there.
    pub fn pushed() -> Self {
        Self {
            share: None,
            is_pushed: true,
            fate: None,
        }
    }

    /// Of a record of a queue on disk, whose keeper is a channel.
    #[cfg(test)]
    pub fn on_disk() -> Self {
        struct OnDisk;

        impl Acknowledge for OnDisk {
            fn acknowledge(&self, _: u64) {}

            fn stays_on_disk(&self) -> bool {
                true
            }
        }

        Self::new(Arc::new(OnDisk), 0)
    }

    /// Clones made of it from now on are held by the output with this fate.
    pub fn hand_to(&mut self, fate: &Fate) {
        self.fate = Some(fate.clone());
    }

    /// Whether what it stands for cannot be had again.
    pub fn is_pushed(&self) -> bool {
        self.is_pushed
    }

    /// Whether somebody listens: then what is not settled will be read again.
    pub fn is_heard(&self) -> bool {
        self.share.is_some()
    }

    /// Whether it can be had again as things are: what is read may be removed later, and is not read again for an output that
    /// nobody wants.
    pub fn comes_again(&self) -> bool {
        let comes_again = |share: &Arc<Share>| share.listener.comes_again();
        !self.is_given_up() && self.share.as_ref().is_some_and(comes_again)
    }

    /// Whether it is a record of a queue on disk, which another output can take from there.
    pub fn stays_on_disk(&self) -> bool {
        let stays = |share: &Arc<Share>| share.listener.stays_on_disk();
        self.share.as_ref().is_some_and(stays)
    }

    fn is_given_up(&self) -> bool {
        self.fate.as_ref().is_some_and(Fate::is_sealed)
    }

    /// How many of these events, which belong to these batches, nobody could send again.
    pub fn alone(acks: &[Self], events: u64) -> u64 {
        match acks.iter().all(Self::comes_again) {
            true => 0,
            false => events,
        }
    }

    /// Gives the room back once all holders are done or lost.
    pub fn occupy(&self, room: OwnedSemaphorePermit) {
        if let Some(share) = &self.share {
            // A batch that has room already needs no other.
            share.room.get_or_init(|| room);
        }
    }

    /// This holder is done: what it held is delivered, or lost by a decision that was counted.
    pub fn settle(mut self) {
        self.share.take();
    }

    /// Makes this a holder that settles after all others.
    pub fn patient(self) -> PatientAck {
        if let Some(share) = &self.share {
            share.patient.fetch_add(1, Ordering::AcqRel);
        }
        PatientAck { ack: self }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if let Some(share) = self.share.take()
            && !self.is_given_up()
        {
            share.abandoned.store(true, Ordering::Release);
        }
    }
}

/// A share in a batch that is settled when the batch would otherwise be done: for an output that keeps sums, which must hold
/// exactly what will not be read again.
pub struct PatientAck {
    ack: Ack,
}

/// What the other holders say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// Some of them, or batches before this one, are not done.
    Waiting,
    /// Once this share is settled the batch will not be read again.
    Done,
    /// The batch will be read again.
    Lost,
}

impl PatientAck {
    pub fn others(&self) -> Others {
        let Some(share) = &self.ack.share else {
            return Others::Done;
        };
        if share.abandoned.load(Ordering::Acquire) || share.listener.is_behind_lost(share.token) {
            return Others::Lost;
        }
        match self.is_last() && share.listener.follows(share.token) {
            true => Others::Done,
            false => Others::Waiting,
        }
    }

    /// Whether all other holders are done or patient too. Nobody but a holder can make a new one, so it stays so.
    pub fn is_last(&self) -> bool {
        let share = self.ack.share.as_ref();
        share.is_none_or(|share| Arc::strong_count(share) <= share.patient.load(Ordering::Acquire))
    }

    /// Who listens, if anybody does, to what, and how many holders there are.
    pub fn listener(&self) -> Option<(&Arc<dyn Acknowledge>, u64, usize)> {
        let share = self.ack.share.as_ref()?;
        Some((&share.listener, share.token, Arc::strong_count(share)))
    }

    /// This holder is done.
    pub fn settle(self) {
        self.into_ack().settle();
    }

    /// A holder like others again, for another output to be patient with.
    pub fn into_ack(mut self) -> Ack {
        self.is_patient_no_more();
        std::mem::take(&mut self.ack)
    }

    fn is_patient_no_more(&self) {
        if let Some(share) = &self.ack.share {
            share.patient.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for PatientAck {
    fn drop(&mut self) {
        self.is_patient_no_more();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Ack, Acknowledge, Fate, Others};

    #[derive(Default)]
    struct Heard(Mutex<Vec<u64>>);

    impl Acknowledge for Heard {
        fn acknowledge(&self, token: u64) {
            self.0.lock().expect("no holder panics").push(token);
        }
    }

    #[test]
    fn the_last_holder_to_settle_acknowledges() {
        let heard = Arc::new(Heard::default());
        let ack = Ack::new(heard.clone(), 7);
        let other = ack.clone();
        ack.settle();
        assert!(heard.0.lock().expect("no holder panics").is_empty());
        other.settle();
        assert_eq!(*heard.0.lock().expect("no holder panics"), [7]);
    }

    #[test]
    fn a_holder_that_is_lost_keeps_the_batch_unacknowledged() {
        let heard = Arc::new(Heard::default());
        let ack = Ack::new(heard.clone(), 7);
        drop(ack.clone());
        ack.settle();
        assert!(heard.0.lock().expect("no holder panics").is_empty());
    }

    #[test]
    fn what_an_unwanted_output_drops_is_given_up_and_not_lost() {
        let heard = Arc::new(Heard::default());
        let fate = Fate::default();
        let mut ack = Ack::new(heard.clone(), 7);
        let other = ack.clone();
        ack.hand_to(&fate);
        let of_output = ack.clone();
        assert!(of_output.comes_again());
        fate.seal();
        assert!(!of_output.comes_again() && other.comes_again());
        drop(of_output);
        ack.settle();
        other.settle();
        assert_eq!(*heard.0.lock().expect("no holder panics"), [7]);
    }

    #[test]
    fn a_patient_holder_settles_after_the_others() {
        let heard = Arc::new(Heard::default());
        let ack = Ack::new(heard.clone(), 7);
        let (first, second) = (ack.clone().patient(), ack.clone().patient());
        assert_eq!(first.others(), Others::Waiting);
        ack.settle();
        assert_eq!(
            (first.others(), second.others()),
            (Others::Done, Others::Done)
        );
        first.settle();
        assert_eq!(second.others(), Others::Done);
        assert!(heard.0.lock().expect("no holder panics").is_empty());
        second.settle();
        assert_eq!(*heard.0.lock().expect("no holder panics"), [7]);
    }

    #[test]
    fn a_patient_holder_that_nobody_wants_does_not_count_for_others() {
        let fate = Fate::default();
        let mut ack = Ack::new(Arc::new(Heard::default()), 7);
        let other = ack.clone().patient();
        ack.hand_to(&fate);
        let unwanted = ack.clone().patient();
        fate.seal();
        drop(unwanted);
        assert_eq!(other.others(), Others::Waiting);
        ack.settle();
        assert_eq!(other.others(), Others::Done);
    }

    #[test]
    fn a_patient_holder_hears_that_the_batch_is_lost() {
        let heard = Arc::new(Heard::default());
        let ack = Ack::new(heard.clone(), 7);
        let patient = ack.clone().patient();
        drop(ack);
        assert_eq!(patient.others(), Others::Lost);
        drop(patient);
        assert!(heard.0.lock().expect("no holder panics").is_empty());
        assert_eq!(Ack::none().patient().others(), Others::Done);
    }
}
