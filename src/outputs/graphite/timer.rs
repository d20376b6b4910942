//! The values of one timer in one interval. Up to a number they are kept, and percentiles are exact; beyond it they go
//! into buckets whose width is a fixed part of the value, and percentiles are right to one in a hundred.

use std::collections::BTreeMap;

use crate::limits;

/// Each bucket is 2 % wider than the one before: its middle is never more than 1 % off.
const GROWTH: f64 = 1.02;

#[derive(Clone, Debug)]
pub struct Timer {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    All(Vec<f64>),
    Buckets {
        negative: BTreeMap<i32, u64>,
        zeros: u64,
        positive: BTreeMap<i32, u64>,
    },
}

impl Default for Timer {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            values: Values::All(Vec::new()),
        }
    }
}

impl Timer {
    /// Adds a finite value.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if let Values::All(values) = &mut self.values
            && limits::TIMER_VALUES_MAX <= values.len()
        {
            let all = std::mem::take(values);
            self.values = Values::no_buckets();
            all.into_iter().for_each(|value| self.values.add(value));
        }
        self.values.add(value);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    pub fn min(&self) -> f64 {
        self.min
    }

    pub fn max(&self) -> f64 {
        self.max
    }

    /// Appends the timer as words, for the state: count, sum, least and greatest, then values, or buckets with their counts.
    pub fn write_words(&self, out: &mut String) {
        use std::fmt::Write;
        let head = write!(
            out,
            "{} {:?} {:?} {:?}",
            self.count, self.sum, self.min, self.max
        );
        let tail = match &self.values {
            Values::All(values) => values
                .iter()
                .try_for_each(|value| write!(out, " {value:?}")),
            Values::Buckets {
                negative,
                zeros,
                positive,
            } => {
                let mut side = |sign: char, buckets: &BTreeMap<i32, u64>| {
                    let mut buckets = buckets.iter();
                    buckets.try_for_each(|(bucket, count)| write!(out, " {sign}{bucket}:{count}"))
                };
                let sides = side('n', negative).and_then(|()| side('p', positive));
                sides.and_then(|()| write!(out, " z:{zeros}"))
            }
        };
        head.and(tail).expect("a String takes all text");
    }

    /// Reads what `write_words` wrote.
    pub fn read_words<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut timer = Self {
            count: words.next()?.parse().ok()?,
            sum: words.next()?.parse().ok()?,
            min: words.next()?.parse().ok()?,
            max: words.next()?.parse().ok()?,
            values: Values::All(Vec::new()),
        };
        for word in words {
            timer.values.read_word(word)?;
        }
        Some(timer)
    }

    /// The values' bytes in memory, roughly.
    pub fn bytes(&self) -> usize {
        match &self.values {
            Values::All(values) => values.capacity() * 8,
            Values::Buckets {
                negative, positive, ..
            } => (negative.len() + positive.len()) * 32,
        }
    }

    /// Values below which so many hundredths lie, by nearest rank; ascending percentiles of ascending ranks.
    pub fn percentiles(&self, wanted: &[f64], out: &mut Vec<f64>) {
        let rank = |percent: f64| {
            let rank = (percent / 100.0 * self.count as f64).ceil() as u64;
            rank.clamp(1, self.count.max(1))
        };
        match &self.values {
            Values::All(values) => {
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                let at = |percent: f64| sorted.get(rank(percent) as usize - 1).copied();
                out.extend(wanted.iter().filter_map(|&percent| at(percent)));
            }
            buckets => {
                let at = |percent: f64| buckets.at_rank(rank(percent)).clamp(self.min, self.max);
                out.extend(wanted.iter().map(|&percent| at(percent)));
            }
        }
    }
}

impl Values {
    fn no_buckets() -> Self {
        Self::Buckets {
            negative: BTreeMap::new(),
            zeros: 0,
            positive: BTreeMap::new(),
        }
    }

    /// Takes a value, or a bucket with its count, from the state.
    fn read_word(&mut self, word: &str) -> Option<()> {
        let Some((bucket, count)) = word.split_once(':') else {
            self.add(word.parse().ok()?);
            return Some(());
        };
        if matches!(self, Self::All(_)) {
            *self = Self::no_buckets();
        }
        let Self::Buckets {
            negative,
            zeros,
            positive,
        } = self
        else {
            return None;
        };
        let count: u64 = count.parse().ok()?;
        match bucket.split_at_checked(1)? {
            ("n", bucket) => *negative.entry(bucket.parse().ok()?).or_default() += count,
            ("p", bucket) => *positive.entry(bucket.parse().ok()?).or_default() += count,
            ("z", "") => *zeros += count,
            _ => return None,
        }
        Some(())
    }

    fn add(&mut self, value: f64) {
        match self {
            Self::All(values) => values.push(value),
            Self::Buckets {
                negative,
                zeros,
                positive,
            } => {
                if value == 0.0 {
                    *zeros += 1;
                } else {
                    let bucket = (value.abs().ln() / GROWTH.ln()).ceil() as i32;
                    let side = if value < 0.0 { negative } else { positive };
                    *side.entry(bucket).or_insert(0) += 1;
                }
            }
        }
    }

    /// The middle of the bucket that holds a rank, counted from 1.
    fn at_rank(&self, rank: u64) -> f64 {
        let Self::Buckets {
            negative,
            zeros,
            positive,
        } = self
        else {
            return 0.0;
        };
        let middle = |bucket: i32| GROWTH.powi(bucket) * 2.0 / (GROWTH + 1.0);
        let below = negative
            .iter()
            .rev()
            .map(|(&bucket, &count)| (-middle(bucket), count));
        let above = positive
            .iter()
            .map(|(&bucket, &count)| (middle(bucket), count));
        let mut passed = 0;
        for (value, count) in below.chain([(0.0, *zeros)]).chain(above) {
            passed += count;
            if rank <= passed {
                return value;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::Timer;

    fn timer(values: impl Iterator<Item = f64>) -> Timer {
        let mut timer = Timer::default();
        values.for_each(|value| timer.add(value));
        timer
    }

    fn percentiles(timer: &Timer, wanted: &[f64]) -> Vec<f64> {
        let mut out = Vec::new();
        timer.percentiles(wanted, &mut out);
        out
    }

    #[test]
    fn few_values_give_exact_percentiles() {
        let hundred = timer((1..=100).rev().map(f64::from));
        assert_eq!(
            percentiles(&hundred, &[50.0, 95.0, 99.0, 100.0]),
            [50.0, 95.0, 99.0, 100.0]
        );
        assert_eq!(
            (hundred.mean(), hundred.min(), hundred.max()),
            (50.5, 1.0, 100.0)
        );
        let one = timer([0.25].into_iter());
        assert_eq!(percentiles(&one, &[1.0, 50.0, 99.0]), [0.25; 3]);
    }

    #[test]
    fn many_values_give_percentiles_within_a_hundredth() {
        let many = timer((1..=100_000).map(|value| f64::from(value) / 1000.0));
        for (got, want) in percentiles(&many, &[1.0, 50.0, 95.0, 99.0])
            .into_iter()
            .zip([1.0, 50.0, 95.0, 99.0])
        {
            assert!((got - want).abs() <= want * 0.0101, "{got} for {want}");
        }
        assert_eq!(many.count(), 100_000);
        assert!(many.bytes() < 100_000);
    }

    #[test]
    fn signs_keep_their_order() {
        let mixed = timer((-5000..=5000).map(f64::from));
        let got = percentiles(&mixed, &[1.0, 50.0, 99.0]);
        assert!(
            got[0] < -4800.0 && got[1].abs() < 60.0 && 4800.0 < got[2],
            "{got:?}"
        );
    }

    #[test]
    fn a_timer_is_read_as_it_was_written() {
        for count in [1, 100, 5000] {
            let written = timer((-count..count).map(|value| f64::from(value) / 3.0));
            let mut words = String::new();
            written.write_words(&mut words);
            let read = Timer::read_words(words.split(' ')).expect("it was just written");
            let wanted = [1.0, 50.0, 99.0];
            assert_eq!(percentiles(&read, &wanted), percentiles(&written, &wanted));
            let figures = |timer: &Timer| (timer.count(), timer.mean(), timer.min(), timer.max());
            assert_eq!(figures(&read), figures(&written));
        }
        assert!(Timer::read_words("1 2 x 3".split(' ')).is_none());
        assert!(Timer::read_words("1 2 3 3 q1:2".split(' ')).is_none());
    }
}
