//! Aggregation by path and interval. Samples come in, lines of text go out; time is an argument. A slot that was written
//! stays for a while: a late sample then changes the sum that is sent again, since carbon keeps the last value it gets.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::event::encode;
use crate::limits;
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

type Paths<T> = HashMap<Box<[u8]>, T, foldhash::fast::RandomState>;

#[derive(Debug)]
struct Entry<T> {
    value: T,
    unsent: bool,
}

#[derive(Debug, Default)]
struct Slot {
    counters: Paths<Entry<f64>>,
    gauges: Paths<Entry<f64>>,
    timers: Paths<Entry<Timer>>,
    unsent: bool,
    /// Flushes since the last sample.
    idle: u32,
}

/// All slots in use.
pub struct Slots {
    interval: i64,
    /// Percentiles of timers and their names.
    percentiles: Vec<(f64, String)>,
    slots: BTreeMap<i64, Slot>,
    /// Slots that were written and let go: a sum begun anew there would take the place of the whole one.
    closed: BTreeSet<i64>,
    entries: usize,
    timer_bytes: usize,
    /// Counters that were seen, by the slot in which they last were: they are zero when nothing happens.
    known: Paths<i64>,
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

    /// Appends the lines of all slots but the one that `open` names, as far as they changed since they were last written.
    /// Counters of which nothing was heard in the slot before it are zero there.
    pub fn write(&mut self, open: Option<i64>, out: &mut Vec<u8>) {
        if let Some(open) = open {
            self.fill_zeros(open - self.interval);
        }
        let (interval, percentiles) = (self.interval, &self.percentiles);
        let mut figures = Vec::new();
        for (&at, slot) in &mut self.slots {
            if Some(at) == open || !std::mem::take(&mut slot.unsent) {
                continue;
            }
            for (path, entry) in unsent(&mut slot.counters) {
                line(path, "", *entry, at, out);
            }
            for (path, entry) in unsent(&mut slot.gauges) {
                line(path, "", *entry, at, out);
            }
            for (path, timer) in unsent(&mut slot.timers) {
                line(path, ".count", timer.count() as f64, at, out);
                line(
                    path,
                    ".rate",
                    timer.count() as f64 / interval as f64,
                    at,
                    out,
                );
                line(path, ".mean", timer.mean(), at, out);
                line(path, ".min", timer.min(), at, out);
                line(path, ".max", timer.max(), at, out);
                figures.clear();
                let wanted: Vec<f64> = percentiles.iter().map(|(percent, _)| *percent).collect();
                timer.percentiles(&wanted, &mut figures);
                for ((_, name), figure) in percentiles.iter().zip(&figures) {
                    line(path, name, *figure, at, out);
                }
            }
        }
        self.forget();
    }

    /// Known counters get a zero in a slot that just ended without them.
    fn fill_zeros(&mut self, ended: i64) {
        let oldest = ended - limits::COUNTER_ZEROS_SECONDS;
        self.known.retain(|_, seen| oldest <= *seen);
        let quiet: Vec<Box<[u8]>> = self
            .known
            .iter()
            .filter(|(_, seen)| **seen < ended)
            .map(|(path, _)| path.clone())
            .collect();
        if quiet.is_empty() {
            return;
        }
        let slot = self.slots.entry(ended).or_default();
        let before = slot.len();
        for path in quiet {
            // What is there keeps its sum: only what is missing is zero.
            if !slot.counters.contains_key(&path) && slot.counters.add(&path, |_: &mut f64| {}) {
                slot.unsent = true;
            }
        }
        self.entries += slot.len() - before;
    }

    /// Drops written slots that nothing came to for some flushes; all of them when too much is held.
    fn forget(&mut self) {
        let in_need = self.is_full();
        let closed = &mut self.closed;
        self.slots.retain(|&at, slot| {
            slot.idle += 1;
            let stays = slot.unsent || (!in_need && slot.idle <= limits::SLOT_IDLE_FLUSHES_MAX);
            if !stays {
                closed.insert(at);
            }
            stays
        });
        while limits::SLOTS_REMEMBERED_MAX < closed.len() {
            closed.pop_first();
        }
        self.entries = self.slots.values().map(Slot::len).sum();
        let timers = self.slots.values().flat_map(|slot| slot.timers.values());
        self.timer_bytes = timers.map(|entry| entry.value.bytes()).sum();
    }
}

impl Slot {
    fn len(&self) -> usize {
        self.counters.len() + self.gauges.len() + self.timers.len()
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

/// Appends `path value time`. What is not finite would poison the series and is left out.
fn line(path: &[u8], suffix: &str, value: f64, time: i64, out: &mut Vec<u8>) {
    /// Whole numbers up to here are exact in a float.
    const WHOLE_MAX: f64 = 9e15;
    if !value.is_finite() {
        return;
    }
    out.extend_from_slice(path);
    out.extend_from_slice(suffix.as_bytes());
    out.push(b' ');
    if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
        encode::write_integer(value as i64, out);
    } else {
        encode::write_float(value, out);
    }
    out.push(b' ');
    encode::write_integer(time, out);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::{Kind, Sample, Slots, Taken};

    fn add(slots: &mut Slots, kind: Kind, path: &str, time: i64, value: f64) -> Taken {
        slots.add(Sample {
            kind,
            path: path.as_bytes(),
            time,
            value,
        })
    }

    fn written(slots: &mut Slots, open: Option<i64>) -> Vec<String> {
        let mut out = Vec::new();
        slots.write(open, &mut out);
        let text = String::from_utf8(out).expect("lines are text");
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
    fn nothing_is_sent_that_is_not_finite() {
        let mut slots = Slots::new(10, &[]);
        add(&mut slots, Kind::Counter, "a", 100, f64::MAX);
        add(&mut slots, Kind::Counter, "a", 100, f64::MAX);
        assert!(written(&mut slots, None).is_empty());
    }

    #[test]
    fn times_before_1970_have_slots_too() {
        assert_eq!(Slots::new(10, &[]).slot_of(-1), -10);
    }
}
