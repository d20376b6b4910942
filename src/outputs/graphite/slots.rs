//! Aggregation by path and interval. Samples come in, points go out; time is an argument. A slot that was sent stays for a
//! while: a late sample then changes the sum that is sent again, since carbon keeps the last value it gets, and all of it is
//! sent again when carbon may have lost it.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::limits;
use crate::outputs::graphite::points::Points;
use crate::outputs::graphite::timer::Timer;

/// What a sample means at its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Added up.
    Counter,
    /// The last value holds. `metrics` of Logstash too.
    Gauge,
    Timer,
}

/// A value for a path at a time.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    pub kind: Kind,
    pub path: &'a [u8],
    /// Seconds since 1970.
    pub time: i64,
    pub value: f64,
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the slot that begins at this second.
    Slot(i64),
    /// There are too many paths already.
    TooManyPaths,
    /// Its slot was closed for good.
    TooLate,
}

pub(super) type Paths<T> = HashMap<Box<[u8]>, T, foldhash::fast::RandomState>;

#[derive(Clone, Debug)]
pub(super) struct Entry<T> {
    pub(super) value: T,
    pub(super) unsent: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) counters: Paths<Entry<f64>>,
    pub(super) gauges: Paths<Entry<f64>>,
    pub(super) timers: Paths<Entry<Timer>>,
    unsent: bool,
    /// Flushes since the last sample.
    idle: u32,
}

/// All slots in use.
#[derive(Clone, Debug)]
pub struct Slots {
    pub(super) interval: i64,
    /// Percentiles of timers and their names.
    percentiles: Vec<(f64, String)>,
    pub(super) slots: BTreeMap<i64, Slot>,
    /// Slots that were sent and let go: a sum begun anew there would take the place of the whole one.
    pub(super) closed: BTreeSet<i64>,
    entries: usize,
    timer_bytes: usize,
    /// Counters that were seen, by the slot in which they last were: they are zero when nothing happens.
    pub(super) known: Paths<i64>,
}

impl Slots {
    pub fn new(interval_seconds: i64, percentiles: &[f64]) -> Self {
        let name = |percent: &f64| (*percent, format!(".p{percent}").replacen('.', "\u{0}", 1));
        let named = percentiles.iter().map(name);
        Self {
            interval: interval_seconds.max(1),
            percentiles: named
                .map(|(percent, name)| (percent, name.replace('.', "_").replace('\u{0}', ".")))
                .collect(),
            slots: BTreeMap::new(),
            closed: BTreeSet::new(),
            entries: 0,
            timer_bytes: 0,
            known: Paths::default(),
        }
    }

    /// What these hold under the settings of others, all of it to be sent. Closed slots stay closed, unless intervals were others.
    pub fn under(mut self, settings: Self) -> Self {
        if self.interval != settings.interval {
            self.closed.clear();
        }
        (self.interval, self.percentiles) = (settings.interval, settings.percentiles);
        self.resend();
        self
    }

    /// The slot of a time.
    pub fn slot_of(&self, time: i64) -> i64 {
        time.div_euclid(self.interval) * self.interval
    }

    /// Whether so much is held that it has to be written before more is taken.
    pub fn is_full(&self) -> bool {
        limits::METRICS_HELD_MAX <= self.entries || limits::TIMER_BYTES_MAX <= self.timer_bytes
    }

    /// Takes a finite value in.
    pub fn add(&mut self, sample: Sample<'_>) -> Taken {
        let at = self.slot_of(sample.time);
        if self.closed.contains(&at) {
            return Taken::TooLate;
        }
        let slot = self.slots.entry(at).or_default();
        let before = slot.len();
        let taken = match sample.kind {
            Kind::Counter => slot
                .counters
                .add(sample.path, |sum: &mut f64| *sum += sample.value),
            Kind::Gauge => slot
                .gauges
                .add(sample.path, |last: &mut f64| *last = sample.value),
            Kind::Timer => {
                let mut grown = 0;
                let taken = slot.timers.add(sample.path, |timer: &mut Timer| {
                    let before = timer.bytes();
                    timer.add(sample.value);
                    grown = timer.bytes() as isize - before as isize;
                });
                self.timer_bytes = self.timer_bytes.saturating_add_signed(grown);
                taken
            }
        };
        if !taken {
            return Taken::TooManyPaths;
        }
        (slot.unsent, slot.idle) = (true, 0);
        self.entries += slot.len() - before;
        if sample.kind == Kind::Counter {
            self.remember(sample.path, at);
        }
        Taken::Slot(at)
    }

    /// Makes room for a sample without counting it: its sum is known to be at least nothing, and is sent as that. The last
    /// value of a gauge was true whatever became of its event.
    pub fn touch(&mut self, sample: Sample<'_>) {
        let at = self.slot_of(sample.time);
        match sample.kind {
            Kind::Counter => drop(self.add(Sample {
                value: 0.0,
                ..sample
            })),
            Kind::Timer if !self.closed.contains(&at) => {
                let slot = self.slots.entry(at).or_default();
                let before = slot.len();
                slot.unsent |= slot.timers.add(sample.path, |_| {});
                self.entries += slot.len() - before;
            }
            Kind::Timer | Kind::Gauge => {}
        }
    }

    fn remember(&mut self, path: &[u8], slot: i64) {
        let is_full = limits::METRIC_PATHS_MAX <= self.known.len();
        match self.known.get_mut(path) {
            Some(seen) => *seen = slot.max(*seen),
            None if is_full => {}
            None => {
                self.known.insert(path.into(), slot);
            }
        }
    }

    /// Gives the points of all slots but the one that `open` names, as far as they changed since this was last asked.
    /// Counters of which nothing was heard in the slot before it are zero there; that is not held, and so not sent again.
    pub fn write(&mut self, open: Option<i64>, out: &mut Points) {
        if let Some(open) = open {
            self.write_zeros(open - self.interval, out);
        }
        let (interval, percentiles) = (self.interval, &self.percentiles);
        let mut figures = Vec::new();
        for (&at, slot) in &mut self.slots {
            if Some(at) == open || !std::mem::take(&mut slot.unsent) {
                continue;
            }
            for (path, entry) in unsent(&mut slot.counters) {
                out.push(path, "", *entry, at);
            }
            for (path, entry) in unsent(&mut slot.gauges) {
                out.push(path, "", *entry, at);
            }
            for (path, timer) in unsent(&mut slot.timers) {
                let rate = timer.count() as f64 / interval as f64;
                out.push(path, ".count", timer.count() as f64, at);
                out.push(path, ".rate", rate, at);
                if timer.count() == 0 {
                    continue;
                }
                out.push(path, ".mean", timer.mean(), at);
                out.push(path, ".min", timer.min(), at);
                out.push(path, ".max", timer.max(), at);
                figures.clear();
                let wanted: Vec<f64> = percentiles.iter().map(|(percent, _)| *percent).collect();
                timer.percentiles(&wanted, &mut figures);
                for ((_, name), figure) in percentiles.iter().zip(&figures) {
                    out.push(path, name, *figure, at);
                }
            }
        }
    }

    /// Everything that is held is to be written again: carbon may not have it.
    pub fn resend(&mut self) {
        for slot in self.slots.values_mut() {
            slot.unsent = true;
            slot.counters
                .values_mut()
                .for_each(|entry| entry.unsent = true);
            slot.gauges
                .values_mut()
                .for_each(|entry| entry.unsent = true);
            slot.timers
                .values_mut()
                .for_each(|entry| entry.unsent = true);
        }
    }

    /// Forgets counters of which nothing was heard for long.
    pub fn forget_quiet(&mut self, now: i64) {
        let oldest = now - limits::COUNTER_ZEROS_SECONDS;
        self.known.retain(|_, seen| oldest <= *seen);
    }

    /// Known counters are zero in a slot that just ended without them.
    fn write_zeros(&mut self, ended: i64, out: &mut Points) {
        self.forget_quiet(ended);
        let slot = self.slots.get(&ended);
        for (path, _) in self.known.iter().filter(|(_, seen)| **seen < ended) {
            // What is there keeps its sum: only what is missing is zero.
            if !slot.is_some_and(|slot| slot.counters.contains_key(path)) {
                out.push(path, "", 0.0, ended);
            }
        }
    }

    /// Carbon has what was last written. Of the slots that ended before `open`, those that nothing came to for some flushes
    /// are let go. When too much is held the oldest go as well, until half of the room is free: what waits meanwhile is
    /// mostly newer. The others go only if they alone are too much. Gives the slots that were let go.
    pub fn delivered(&mut self, open: i64) -> Vec<i64> {
        let ended = self.slots.range_mut(..open);
        ended.for_each(|(_, slot)| slot.idle += 1);
        let mut gone = self.let_go(|_, slot| limits::SLOT_IDLE_FLUSHES_MAX < slot.idle);
        if self.is_full() {
            let last = self.last_in_the_way(open);
            gone.extend(self.let_go(|at, _| Some(at) <= last));
        }
        if self.is_full() {
            gone.extend(self.let_go(|at, _| at != open));
        }
        if self.is_full() {
            gone.extend(self.let_go(|_, _| true));
        }
        gone
    }

    /// The last of the oldest slots without which half of the room is free.
    fn last_in_the_way(&self, open: i64) -> Option<i64> {
        let (mut entries, mut timer_bytes) = (self.entries, self.timer_bytes);
        let ended = self.slots.range(..open).filter(|(_, slot)| !slot.unsent);
        let in_the_way = ended.take_while(|(_, slot)| {
            let is_half =
                limits::METRICS_HELD_MAX / 2 < entries || limits::TIMER_BYTES_MAX / 2 < timer_bytes;
            entries -= slot.len();
            timer_bytes -= slot.timer_bytes();
            is_half
        });
        in_the_way.last().map(|(at, _)| *at)
    }

    fn let_go(&mut self, which: impl Fn(i64, &Slot) -> bool) -> Vec<i64> {
        let is_gone = |at: i64, slot: &Slot| !slot.unsent && which(at, slot);
        let gone = self.slots.iter().filter(|(at, slot)| is_gone(**at, slot));
        let gone: Vec<i64> = gone.map(|(at, _)| *at).collect();
        self.close(&gone);
        gone
    }

    /// Drops slots, which take nothing more.
    pub fn close(&mut self, slots: &[i64]) {
        for at in slots {
            self.slots.remove(at);
            self.closed.insert(*at);
        }
        while limits::SLOTS_REMEMBERED_MAX < self.closed.len() {
            self.closed.pop_first();
        }
        self.recount();
    }

    /// Counts anew what is held.
    pub(super) fn recount(&mut self) {
        self.entries = self.slots.values().map(Slot::len).sum();
        self.timer_bytes = self.slots.values().map(Slot::timer_bytes).sum();
    }
}

impl Slot {
    fn len(&self) -> usize {
        self.counters.len() + self.gauges.len() + self.timers.len()
    }

    fn timer_bytes(&self) -> usize {
        let timers = self.timers.values();
        timers.map(|entry| entry.value.bytes()).sum()
    }
}

/// A map of entries that takes no more paths than a slot may have.
trait Add<T> {
    /// Changes the value at a path; false if there is no room for a new one.
    fn add(&mut self, path: &[u8], change: impl FnOnce(&mut T)) -> bool;
}

impl<T: Default> Add<T> for Paths<Entry<T>> {
    fn add(&mut self, path: &[u8], change: impl FnOnce(&mut T)) -> bool {
        if let Some(entry) = self.get_mut(path) {
            change(&mut entry.value);
            entry.unsent = true;
            return true;
        }
        if limits::METRIC_PATHS_MAX <= self.len() {
            return false;
        }
        let mut value = T::default();
        change(&mut value);
        self.insert(
            path.into(),
            Entry {
                value,
                unsent: true,
            },
        );
        true
    }
}

fn unsent<T>(paths: &mut Paths<Entry<T>>) -> impl Iterator<Item = (&[u8], &T)> {
    paths.iter_mut().filter_map(|(path, entry)| {
        std::mem::take(&mut entry.unsent).then_some((&**path, &entry.value))
    })
}

#[cfg(test)]
mod tests {
    use super::{Kind, Sample, Slots, Taken};
    use crate::outputs::graphite::points::{Points, Protocol};

    fn add(slots: &mut Slots, kind: Kind, path: &str, time: i64, value: f64) -> Taken {
        slots.add(Sample {
            kind,
            path: path.as_bytes(),
            time,
            value,
        })
    }

    fn written(slots: &mut Slots, open: Option<i64>) -> Vec<String> {
        let mut out = Points::new(Protocol::Plaintext);
        slots.write(open, &mut out);
        let text = String::from_utf8(out.finish().to_vec()).expect("lines are text");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    #[test]
    fn counters_are_added_up_by_interval() {
        let mut slots = Slots::new(10, &[]);
        for time in [100, 104, 109, 110] {
            add(&mut slots, Kind::Counter, "nginx.status.200", time, 1.0);
        }
        assert_eq!(
            written(&mut slots, None),
            ["nginx.status.200 1 110", "nginx.status.200 3 100"]
        );
    }

    #[test]
    fn a_gauge_is_its_last_value() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Gauge, "load", 101, 1.5);
        add(&mut slots, Kind::Gauge, "load", 102, 0.25);
        assert_eq!(written(&mut slots, None), ["load 0.25 100"]);
    }

    #[test]
    fn a_timer_is_a_line_for_each_figure() {
        let mut slots = Slots::new(10, &[50.0, 95.0, 99.9]);
        for value in 1..=20 {
            add(&mut slots, Kind::Timer, "t", 100, f64::from(value));
        }
        let want = [
            "t.count 20 100",
            "t.max 20 100",
            "t.mean 10.5 100",
            "t.min 1 100",
            "t.p50 10 100",
            "t.p95 19 100",
            "t.p99_9 20 100",
            "t.rate 2 100",
        ];
        assert_eq!(written(&mut slots, None), want);
    }

    #[test]
    fn the_open_slot_waits_and_nothing_is_written_twice() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Gauge, "a", 100, 1.0);
        add(&mut slots, Kind::Gauge, "a", 110, 2.0);
        assert_eq!(written(&mut slots, Some(110)), ["a 1 100"]);
        assert_eq!(written(&mut slots, Some(120)), ["a 2 110"]);
        assert!(written(&mut slots, Some(120)).is_empty());
    }

    #[test]
    fn a_late_sample_corrects_the_sum() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Counter, "a", 100, 2.0);
        assert_eq!(written(&mut slots, Some(110)), ["a 2 100"]);
        add(&mut slots, Kind::Counter, "a", 105, 1.0);
        assert_eq!(written(&mut slots, Some(110)), ["a 3 100"]);
    }

    #[test]
    fn a_slot_that_was_let_go_takes_nothing_more() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Counter, "a", 100, 2.0);
        for _ in 0..crate::limits::SLOT_IDLE_FLUSHES_MAX + 2 {
            written(&mut slots, None);
            slots.delivered(200);
        }
        assert_eq!(
            add(&mut slots, Kind::Counter, "a", 105, 1.0),
            Taken::TooLate
        );
    }

    #[test]
    fn a_quiet_counter_is_zero() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Counter, "a", 100, 2.0);
        assert_eq!(written(&mut slots, Some(110)), ["a 2 100"]);
        assert_eq!(written(&mut slots, Some(120)), ["a 0 110"]);
        assert!(written(&mut slots, Some(1_000_000)).is_empty());
    }

    #[test]
    fn paths_have_a_limit() {
        let mut slots = Slots::new(10, &[]);
        for number in 0..crate::limits::METRIC_PATHS_MAX {
            add(&mut slots, Kind::Counter, &format!("a{number}"), 100, 1.0);
        }
        assert_eq!(
            add(&mut slots, Kind::Counter, "b", 100, 1.0),
            Taken::TooManyPaths
        );
        assert_eq!(
            add(&mut slots, Kind::Counter, "a1", 100, 1.0),
            Taken::Slot(100)
        );
    }

    #[test]
    fn all_that_is_held_can_be_written_again() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Counter, "a", 100, 2.0);
        add(&mut slots, Kind::Gauge, "b", 110, 3.0);
        let want = ["a 2 100", "b 3 110"];
        assert_eq!(written(&mut slots, None), want);
        slots.delivered(120);
        assert!(written(&mut slots, None).is_empty());
        slots.resend();
        assert_eq!(written(&mut slots, None), want);
    }

    #[test]
    fn a_slot_stays_until_carbon_has_it() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Counter, "a", 100, 2.0);
        for _ in 0..100 {
            assert_eq!(slots.delivered(200), [0; 0]);
        }
        written(&mut slots, None);
        assert_eq!(slots.delivered(200), [100]);
    }

    #[test]
    fn when_too_much_is_held_what_carbon_has_is_let_go() {
        let mut slots = Slots::new(10, &[]);
        let slots_needed = crate::limits::METRICS_HELD_MAX / 10_000;
        for slot in 0..slots_needed as i64 {
            for number in 0..10_000 {
                add(
                    &mut slots,
                    Kind::Gauge,
                    &format!("a{number}"),
                    slot * 10,
                    1.0,
                );
            }
        }
        assert!(slots.is_full());
        written(&mut slots, Some(40));
        assert_eq!(slots.delivered(40), [0, 10, 20]);
        // What waited while carbon was away belongs to the newest.
        let late = add(&mut slots, Kind::Gauge, "a1", 35, 1.0);
        assert_eq!(late, Taken::Slot(30));
    }

    #[test]
    fn a_slot_alone_that_is_too_much_is_let_go() {
        let mut slots = Slots::new(10, &[]);
        for number in 0.. {
            let path = format!("a{}", number / 1000);
            add(&mut slots, Kind::Timer, &path, 40, 1.0);
            if slots.is_full() {
                break;
            }
        }
        written(&mut slots, None);
        assert_eq!(slots.delivered(40), [40]);
        assert!(!slots.is_full());
    }

    /// A sender whose clock is ahead.
    #[test]
    fn a_slot_that_has_not_ended_is_not_let_go_however_long_it_waits() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Counter, "ahead", 500, 1.0);
        for open in (0..=500).step_by(10) {
            written(&mut slots, Some(open));
            assert_eq!(slots.delivered(open), [0; 0]);
        }
        let taken = add(&mut slots, Kind::Counter, "good", 500, 1.0);
        assert_eq!(taken, Taken::Slot(500));
    }

    #[test]
    fn zeros_take_no_room() {
        let mut slots = Slots::new(10, &[]);
        for number in 0..crate::limits::METRIC_PATHS_MAX {
            add(&mut slots, Kind::Counter, &format!("a{number}"), 100, 1.0);
        }
        for open in (110..400).step_by(10) {
            let lines = written(&mut slots, Some(open));
            assert_eq!(lines.len(), crate::limits::METRIC_PATHS_MAX);
        }
        assert_eq!(slots.entries, crate::limits::METRIC_PATHS_MAX);
    }

    #[test]
    fn times_before_1970_have_slots_too() {
        assert_eq!(Slots::new(10, &[]).slot_of(-1), -10);
    }
}
