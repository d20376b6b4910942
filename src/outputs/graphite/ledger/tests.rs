//! The books without clock, disk and network: what a restart finds is what will not be read again.

use std::sync::{Arc, Mutex};

use super::{Commit, Keep, Ledger, Refused, Share, Tally};
use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::points::Protocol;
use crate::outputs::graphite::slots::{Kind, Slots};
use crate::outputs::graphite::state;
use crate::queue::ack::{Ack, Acknowledge, PatientAck};

#[derive(Default)]
struct Heard(Mutex<Vec<u64>>);

impl Heard {
    fn tokens(&self) -> Vec<u64> {
        self.0.lock().expect("no holder panics").clone()
    }
}

impl Acknowledge for Heard {
    fn acknowledge(&self, token: u64) {
        self.0.lock().expect("no holder panics").push(token);
    }
}

fn empty() -> Slots {
    Slots::new(10, &[])
}

/// One event of a batch, counted under `a` at this time.
fn counted(ack: &Ack, time: i64) -> Samples {
    let mut samples = Samples::of(&[(Kind::Counter, "a", time, 1.0)]);
    samples.events = 1;
    samples.acks = vec![ack.clone()];
    samples
}

fn absorb(ledger: &mut Ledger, samples: Samples, now: i64) {
    assert_eq!(ledger.absorb(samples, now), Refused::default());
}

fn gathered(ledger: &mut Ledger, now: i64, is_end: bool) -> String {
    let points = ledger.gather(now, is_end, Protocol::Plaintext);
    String::from_utf8(points.finish().to_vec()).expect("lines are text")
}

fn settle(shares: Vec<Share>) {
    let acks = shares.into_iter().flat_map(|share| share.acks);
    acks.for_each(PatientAck::settle);
}

/// A ledger that begins with what a commit saved.
fn restarted(commit: &Commit) -> Ledger {
    let mut text = commit.text.clone();
    state::finish(&mut text, &[]);
    let slots = state::decode(&text, empty()).expect("it is whole");
    Ledger::new(slots, Keep::State)
}

/// The books of an output that has taken over.
fn heir_of(ledger: Ledger, empty: Slots, now: i64) -> Ledger {
    let (mut heir, waiting) = ledger.handed_over(empty);
    for samples in waiting {
        absorb(&mut heir, samples, now);
    }
    heir
}

#[test]
fn an_event_of_which_no_sample_was_taken_is_not_delivered() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::State);
    let ack = Ack::new(heard.clone(), 1);
    ledger.sent.close(&[90]);
    let mut samples = Samples::of(&[
        (Kind::Counter, "a", 93, 1.0),
        (Kind::Counter, "b", 103, 1.0),
        (Kind::Counter, "c", 94, 1.0),
    ]);
    samples.events = 3;
    samples.acks = vec![ack.clone()];
    let refused = ledger.absorb(samples, 104);
    let two = Tally {
        samples: 2,
        events: 2,
    };
    assert_eq!(
        (refused.too_late, refused.over_path_limit),
        (two, Tally::default())
    );
    ack.settle();
    let commit = ledger.commit().expect("there is something to save");
    assert_eq!(
        commit.shares.iter().map(|share| share.events).sum::<u64>(),
        1
    );
    settle(commit.shares);
    assert_eq!(heard.tokens(), [1]);
}

#[test]
fn a_batch_is_acknowledged_when_its_sums_are_saved() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::State);
    let ack = Ack::new(heard.clone(), 1);
    absorb(&mut ledger, counted(&ack, 103), 104);
    ack.settle();
    ledger.ripen();
    let commit = ledger.commit().expect("there is something to save");
    assert!(ledger.commit().is_none());
    assert_eq!(heard.tokens(), [0; 0]);
    let mut later = restarted(&commit);
    settle(commit.shares);
    assert_eq!(heard.tokens(), [1]);
    absorb(&mut later, counted(&Ack::none(), 105), 106);
    assert_eq!(gathered(&mut later, 111, false), "a 2 100\n");
}

#[test]
fn what_another_output_holds_is_sent_and_not_saved() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::State);
    let (first, second) = (Ack::new(heard.clone(), 1), Ack::new(heard.clone(), 2));
    absorb(&mut ledger, counted(&first, 103), 104);
    absorb(&mut ledger, counted(&second, 105), 106);
    first.settle();
    ledger.ripen();
    assert_eq!(gathered(&mut ledger, 111, false), "a 2 100\n");
    let commit = ledger.commit().expect("there is something to save");
    assert_eq!(gathered(&mut restarted(&commit), 111, false), "a 1 100\n");
    settle(commit.shares);
    assert_eq!(heard.tokens(), [1]);
    second.settle();
    ledger.ripen();
    let commit = ledger.commit().expect("there is something to save");
    assert_eq!(gathered(&mut restarted(&commit), 111, false), "a 2 100\n");
}

#[test]
fn what_is_read_again_is_taken_back_first() {
    let ack = Ack::new(Arc::new(Heard::default()), 1);
    let mut ledger = Ledger::new(empty(), Keep::State);
    let mut samples = Samples::of(&[
        (Kind::Counter, "a", 93, 1.0),
        (Kind::Timer, "t", 93, 5.0),
        (Kind::Gauge, "g", 93, 7.0),
    ]);
    samples.acks = vec![ack.clone()];
    absorb(&mut ledger, samples, 94);
    let commit = ledger.commit().expect("there is something to save");
    assert!(commit.shares.is_empty());
    assert!(!ledger.is_changed());
    let mut later = restarted(&commit);
    absorb(&mut later, counted(&ack, 203), 204);
    let want = "a 0 90\nt.count 0 90\nt.rate 0 90\na 1 200\n";
    assert_eq!(gathered(&mut later, 210, true), want);
}

#[test]
fn a_slot_stays_in_the_state_while_a_sample_of_it_may_come_again() {
    let ack = Ack::new(Arc::new(Heard::default()), 1);
    let mut ledger = Ledger::new(empty(), Keep::State);
    absorb(&mut ledger, counted(&ack, 93), 94);
    for _ in 0..=crate::limits::SLOT_IDLE_FLUSHES_MAX {
        gathered(&mut ledger, 101, false);
        ledger.delivered(101);
    }
    let commit = ledger.commit().expect("there is something to save");
    assert!(commit.text.contains("slot 90"), "{}", commit.text);
    ack.settle();
    ledger.ripen();
    ledger.delivered(101);
    let commit = ledger.commit().expect("there is something to save");
    assert!(commit.text.contains("closed 90 1"), "{}", commit.text);
}

#[test]
fn what_another_output_lost_is_not_acknowledged() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::State);
    let ack = Ack::new(heard.clone(), 1);
    absorb(&mut ledger, counted(&ack, 103), 104);
    drop(ack);
    ledger.ripen();
    assert!(!ledger.is_waiting());
    let commit = ledger.commit().expect("it is to be taken back");
    assert!(commit.shares.is_empty());
    assert_eq!(gathered(&mut restarted(&commit), 111, false), "a 0 100\n");
    assert_eq!(heard.tokens(), [0; 0]);
}

#[test]
fn what_could_not_be_saved_is_saved_the_next_time() {
    let mut ledger = Ledger::new(empty(), Keep::State);
    absorb(&mut ledger, counted(&Ack::none(), 103), 104);
    ledger.ripen();
    let commit = ledger.commit().expect("there is something to save");
    ledger.revoke(commit.shares, commit.pushed_since);
    let commit = ledger.commit().expect("it is not saved yet");
    assert_eq!(commit.shares.len(), 1);
}

#[test]
fn a_ledger_tells_since_when_it_holds_what_nobody_can_send_again() {
    let mut ledger = Ledger::new(empty(), Keep::State);
    let pushed = |received| {
        let mut samples = counted(&Ack::pushed(), 103);
        samples.received = received;
        samples
    };
    let mut read = pushed(1);
    read.is_rereadable = true;
    absorb(&mut ledger, read, 104);
    assert_eq!(ledger.pushed_since(), None);
    absorb(&mut ledger, pushed(8), 104);
    absorb(&mut ledger, pushed(7), 104);
    assert_eq!(ledger.pushed_since(), Some(7));
    let commit = ledger.commit().expect("there is something to save");
    assert_eq!(
        (commit.pushed_since, ledger.pushed_since()),
        (Some(7), None)
    );
    absorb(&mut ledger, pushed(9), 104);
    ledger.revoke(commit.shares, commit.pushed_since);
    assert_eq!(ledger.pushed_since(), Some(7));
}

#[test]
fn samples_that_wait_have_a_limit() {
    let ack = Ack::new(Arc::new(Heard::default()), 1);
    let mut ledger = Ledger::new(empty(), Keep::State);
    let mut held = 0;
    while held <= crate::limits::SAMPLES_WAITING_BYTES_MAX {
        let point = (Kind::Counter, "a", 103, 1.0);
        let mut samples = Samples::of(&vec![point; crate::limits::SAMPLE_BLOCK_MAX]);
        samples.acks = vec![ack.clone()];
        held += samples.bytes();
        absorb(&mut ledger, samples, 104);
    }
    ledger.ripen();
    let commit = ledger.commit().expect("there is something to save");
    assert_eq!(commit.shares.len(), 1);
    ledger.ripen();
    assert!(ledger.is_waiting() && !ledger.is_changed());
}

#[test]
fn a_failed_flush_is_due_again_with_what_carbon_had_before() {
    let mut ledger = Ledger::new(empty(), Keep::State);
    absorb(&mut ledger, counted(&Ack::none(), 93), 94);
    assert_eq!(gathered(&mut ledger, 101, false), "a 1 90\n");
    assert!(ledger.delivered(101).is_empty());
    absorb(&mut ledger, counted(&Ack::none(), 103), 104);
    assert_eq!(gathered(&mut ledger, 111, false), "a 1 100\n");
    ledger.doubt();
    assert_eq!(gathered(&mut ledger, 112, false), "a 1 90\na 1 100\n");
}

#[test]
fn a_slot_that_carbon_has_leaves_the_state() {
    let mut ledger = Ledger::new(empty(), Keep::State);
    absorb(&mut ledger, counted(&Ack::none(), 93), 94);
    ledger.ripen();
    let commit = ledger.commit().expect("there is something to save");
    assert!(commit.text.contains("slot 90"));
    gathered(&mut ledger, 101, true);
    for _ in 0..=crate::limits::SLOT_IDLE_FLUSHES_MAX {
        ledger.delivered(101);
    }
    let commit = ledger.commit().expect("there is something to save");
    assert!(!commit.text.contains("slot 90") && commit.text.contains("closed 90 1"));
}

#[test]
fn without_a_state_a_batch_is_acknowledged_when_carbon_has_it() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::Nothing);
    for (token, time) in [(1, 93), (2, 103)] {
        let ack = Ack::new(heard.clone(), token);
        absorb(&mut ledger, counted(&ack, time), 104);
        ack.settle();
    }
    ledger.ripen();
    assert!(ledger.commit().is_none());
    assert_eq!(gathered(&mut ledger, 104, false), "a 1 90\n");
    ledger.doubt();
    assert_eq!(gathered(&mut ledger, 104, false), "a 1 90\n");
    settle(ledger.delivered(104));
    assert_eq!(heard.tokens(), [1]);
    assert_eq!(gathered(&mut ledger, 104, true), "a 1 100\n");
    settle(ledger.delivered(104));
    assert_eq!(heard.tokens(), [1, 2]);
}

#[test]
fn without_a_state_a_batch_waits_for_the_slot_of_its_latest_sample() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::Nothing);
    let ack = Ack::new(heard.clone(), 1);
    absorb(&mut ledger, counted(&ack, 111), 109);
    ack.settle();
    assert_eq!(gathered(&mut ledger, 110, false), "");
    settle(ledger.delivered(110));
    assert!(heard.tokens().is_empty());
    assert_eq!(gathered(&mut ledger, 120, false), "a 1 110\n");
    settle(ledger.delivered(120));
    assert_eq!(heard.tokens(), [1]);
}

#[test]
fn what_nobody_hears_of_takes_no_more_memory_while_nothing_can_be_saved() {
    let mut ledger = Ledger::new(empty(), Keep::State);
    for _ in 0..1000 {
        absorb(&mut ledger, counted(&Ack::pushed(), 103), 104);
        let commit = ledger.commit().expect("there is something to save");
        assert_eq!(commit.shares.len(), 1);
        ledger.revoke(commit.shares, commit.pushed_since);
    }
    assert_eq!(ledger.unsaved(), 1000);
    let heard = Ack::new(Arc::new(Heard::default()), 1);
    absorb(&mut ledger, counted(&heard, 103), 104);
    assert_eq!(ledger.unsaved(), 1000);
}

#[test]
fn what_another_output_holds_goes_over_to_the_heir() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::State);
    let (first, second) = (Ack::new(heard.clone(), 1), Ack::new(heard.clone(), 2));
    absorb(&mut ledger, counted(&first, 103), 104);
    absorb(&mut ledger, counted(&second, 105), 106);
    first.settle();
    ledger.ripen();
    let mut heir = heir_of(ledger, empty(), 107);
    let mut heir_of_heir = {
        assert_eq!(gathered(&mut heir, 111, false), "a 2 100\n");
        heir_of(heir, empty(), 112)
    };
    assert_eq!(gathered(&mut heir_of_heir, 111, false), "a 2 100\n");
    let commit = heir_of_heir.commit().expect("nothing is saved yet");
    assert_eq!(gathered(&mut restarted(&commit), 111, false), "a 1 100\n");
    settle(commit.shares);
    assert_eq!(heard.tokens(), [1]);
    second.settle();
    let commit = heir_of_heir.commit().expect("it is to be saved");
    assert_eq!(gathered(&mut restarted(&commit), 111, false), "a 2 100\n");
    assert_eq!(heard.tokens(), [1]);
    settle(commit.shares);
    assert_eq!(heard.tokens(), [1, 2]);
}

#[test]
fn what_another_output_lost_is_not_in_the_sums_of_the_heir() {
    let ack = Ack::new(Arc::new(Heard::default()), 1);
    let mut ledger = Ledger::new(empty(), Keep::State);
    absorb(&mut ledger, counted(&ack, 103), 104);
    assert_eq!(gathered(&mut ledger, 111, false), "a 1 100\n");
    drop(ack);
    let mut heir = heir_of(ledger, empty(), 112);
    assert_eq!(gathered(&mut heir, 112, false), "a 0 100\n");
}

#[test]
fn what_is_lost_after_it_was_handed_over_is_taken_back_before_it_is_read_again() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::State);
    let [first, second] = [1, 2].map(|token| Ack::new(heard.clone(), token));
    absorb(&mut ledger, counted(&first, 103), 104);
    absorb(&mut ledger, counted(&second, 105), 106);
    let mut heir = heir_of(ledger, empty(), 107);
    absorb(&mut heir, counted(&Ack::none(), 108), 108);
    assert_eq!(gathered(&mut heir, 111, false), "a 3 100\n");
    heir.delivered(111);
    drop(first);
    heir.ripen();
    assert_eq!(gathered(&mut heir, 112, false), "a 2 100\n");
    let again = Ack::new(heard.clone(), 3);
    absorb(&mut heir, counted(&again, 103), 113);
    assert_eq!(gathered(&mut heir, 113, false), "a 3 100\n");
    // What comes to the heir alone stays, until the next start or reload.
    drop(again);
    heir.ripen();
    assert_eq!(gathered(&mut heir, 114, false), "");
}

#[test]
fn a_slot_that_carbon_has_is_open_to_the_heir_while_a_sample_of_it_waits() {
    let heard = Arc::new(Heard::default());
    let mut ledger = Ledger::new(empty(), Keep::State);
    let ack = Ack::new(heard.clone(), 1);
    absorb(&mut ledger, counted(&ack, 93), 94);
    for _ in 0..=crate::limits::SLOT_IDLE_FLUSHES_MAX {
        gathered(&mut ledger, 101, false);
        ledger.delivered(101);
    }
    let late = ledger.absorb(counted(&Ack::none(), 94), 104);
    assert_eq!(late.too_late.events, 1);
    let mut heir = heir_of(ledger, empty(), 105);
    // What was refused stays so.
    assert_eq!(gathered(&mut heir, 105, false), "a 1 90\n");
    absorb(&mut heir, counted(&Ack::none(), 95), 106);
    assert_eq!(gathered(&mut heir, 106, false), "a 2 90\n");
    ack.settle();
    let commit = heir.commit().expect("nothing is saved yet");
    assert_eq!(gathered(&mut restarted(&commit), 106, false), "a 2 90\n");
    settle(commit.shares);
    assert_eq!(heard.tokens(), [1]);
}

#[test]
fn what_could_not_be_saved_is_saved_by_the_heir() {
    let mut ledger = Ledger::new(empty(), Keep::State);
    let mut samples = counted(&Ack::pushed(), 103);
    samples.received = 7;
    absorb(&mut ledger, samples, 104);
    let commit = ledger.commit().expect("there is something to save");
    ledger.revoke(commit.shares, commit.pushed_since);
    let mut heir = heir_of(ledger, empty(), 105);
    assert_eq!((heir.unsaved(), heir.pushed_since()), (1, Some(7)));
    let commit = heir.commit().expect("nothing is saved yet");
    assert_eq!(commit.shares.len(), 1);
    assert_eq!(gathered(&mut restarted(&commit), 111, false), "a 1 100\n");
}

#[test]
fn an_heir_with_another_interval_takes_back_what_it_counts_elsewhere() {
    let ack = Ack::new(Arc::new(Heard::default()), 1);
    let mut ledger = Ledger::new(empty(), Keep::State);
    absorb(&mut ledger, counted(&ack, 135), 136);
    assert_eq!(gathered(&mut ledger, 141, false), "a 1 130\n");
    let mut heir = heir_of(ledger, Slots::new(60, &[]), 142);
    assert_eq!(gathered(&mut heir, 181, false), "a 1 120\na 0 130\n");
    let commit = heir.commit().expect("nothing is saved yet");
    drop(ack);
    let mut later = heir_of(restarted(&commit), Slots::new(60, &[]), 182);
    assert_eq!(gathered(&mut later, 182, false), "a 0 120\na 0 130\n");
}
