//! The oracle, one for all kinds of fault: what was offered and what was found come in, an account goes out in which every
//! offered event has exactly one end.
//!
//! `offered = delivered + dead + dropped by name + pending + lost`; copies of a delivered event or of a dead one are
//! duplicates. An event that nobody offered, that is not as it was written, or that is delivered and dead as well fails the
//! run as a lost one does.

use std::collections::BTreeMap;

use super::record;

/// How many events a report names.
const NAMED_MAX: usize = 10;

/// Numbered events by their source, and how often each is there.
#[derive(Clone, Debug, Default)]
pub struct Events {
    sources: BTreeMap<String, BTreeMap<u64, u64>>,
    /// Lines that are not as they were written: of those offered, what a writer that was killed left.
    altered: Vec<String>,
}

impl Events {
    /// Adds a line of a log or the text of a document.
    pub fn add(&mut self, line: &str) {
        let Some((source, number)) = record::read(line) else {
            self.altered.push(line.chars().take(200).collect());
            return;
        };
        let source = match self.sources.get_mut(source) {
            Some(numbers) => numbers,
            None => self.sources.entry(source.to_string()).or_default(),
        };
        *source.entry(number).or_default() += 1;
    }

    /// Adds a number of a source.
    pub fn add_one(&mut self, source: &str, number: u64) {
        let numbers = self.sources.entry(source.to_string()).or_default();
        *numbers.entry(number).or_default() += 1;
    }

    /// Adds the numbers from 0 to one less than `count`.
    pub fn add_first(&mut self, source: &str, count: u64) {
        let numbers = self.sources.entry(source.to_string()).or_default();
        numbers.extend((0..count).map(|number| (number, 1)));
    }

    /// How many different events there are.
    pub fn distinct(&self) -> u64 {
        self.sources
            .values()
            .map(|numbers| numbers.len() as u64)
            .sum()
    }

    /// How often a number of a source is there.
    pub fn times(&self, source: &str, number: u64) -> u64 {
        let numbers = self.sources.get(source);
        numbers
            .and_then(|numbers| numbers.get(&number))
            .copied()
            .unwrap_or_default()
    }

    /// How many copies there are more than `offered` has of each.
    fn copies(&self, offered: &Events) -> u64 {
        let mut copies = 0;
        for (source, numbers) in &self.sources {
            let times = numbers
                .iter()
                .map(|(number, times)| (offered.times(source, *number), times));
            copies += times
                .map(|(offered, times)| times.saturating_sub(offered.max(1)))
                .sum::<u64>();
        }
        copies
    }

    /// The events that are not in `others`.
    pub fn without(&self, others: &Events) -> Vec<(&str, u64)> {
        let mut missing = Vec::new();
        for (source, numbers) in &self.sources {
            let absent = numbers
                .keys()
                .filter(|number| others.times(source, **number) == 0);
            missing.extend(absent.map(|number| (source.as_str(), *number)));
        }
        missing
    }

    /// The events that are in `others` too.
    fn also_in(&self, others: &Events) -> Vec<(&str, u64)> {
        let mut shared = Vec::new();
        for (source, numbers) in &self.sources {
            let present = numbers
                .keys()
                .filter(|number| 0 < others.times(source, **number));
            shared.extend(present.map(|number| (source.as_str(), *number)));
        }
        shared
    }
}

/// What a run found at the far end.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub delivered: Events,
    /// Refused for good and kept with the reason.
    pub dead: Events,
    /// Refused for good, or taken out by a filter, and counted: by the counter's name.
    pub dropped: BTreeMap<String, u64>,
    /// Taken in and neither delivered nor given up: what is behind the positions or in a queue.
    pub pending: u64,
    /// When the time was over there was still something missing.
    pub is_late: bool,
}

/// Where every offered event ended.
#[derive(Clone, Debug)]
pub struct Account {
    pub offered: u64,
    pub delivered: u64,
    pub duplicate: u64,
    pub dead: u64,
    pub dropped: BTreeMap<String, u64>,
    pub pending: u64,
    pub is_late: bool,
    /// Below zero if more was given up than is missing, which is as wrong.
    pub lost: i64,
    /// What is wrong, in words; empty if nothing is.
    pub wrong: Vec<String>,
}

impl Account {
    pub fn of(offered: &Events, found: &Found) -> Account {
        let mut both = found.delivered.clone();
        for (source, numbers) in &found.dead.sources {
            both.sources
                .entry(source.clone())
                .or_default()
                .extend(numbers);
        }
        let missing = offered.without(&both);
        let given_up = found.dropped.values().sum::<u64>() + found.pending;
        let delivered = offered.distinct() - offered.without(&found.delivered).len() as u64;
        let lost = missing.len() as i64 - given_up as i64;
        let mut wrong = Vec::new();
        if lost != 0 {
            let named: Vec<_> = missing.iter().take(NAMED_MAX).collect();
            wrong.push(format!(
                "{lost} lost; missing: {named:?} of {}",
                missing.len()
            ));
        }
        let doubled = found.dead.also_in(&found.delivered);
        if !doubled.is_empty() {
            let named: Vec<_> = doubled.iter().take(NAMED_MAX).collect();
            wrong.push(format!(
                "delivered and dead: {named:?} of {}",
                doubled.len()
            ));
        }
        for events in [&found.delivered, &found.dead] {
            let invented = events.without(offered);
            if !invented.is_empty() {
                wrong.push(format!("never offered: {:?}", invented.first()));
            }
            let altered = events
                .altered
                .iter()
                .find(|line| !offered.altered.contains(*line));
            wrong.extend(altered.map(|line| format!("altered: {line:?}")));
        }
        Account {
            offered: offered.distinct(),
            delivered,
            duplicate: found.delivered.copies(offered) + found.dead.copies(offered),
            dead: offered.distinct() - delivered - missing.len() as u64,
            dropped: found.dropped.clone(),
            pending: found.pending,
            is_late: found.is_late,
            lost,
            wrong,
        }
    }

    /// What another output got of the same events is as wrong.
    pub fn join(&mut self, beside: Account) {
        self.duplicate += beside.duplicate;
        self.lost += beside.lost;
        self.wrong.extend(beside.wrong);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(numbers: &[u64]) -> Events {
        let mut events = Events::default();
        numbers
            .iter()
            .for_each(|number| events.add(&record::line("app", *number)));
        events
    }

    fn account(delivered: &[u64], dead: &[u64], dropped: u64) -> Account {
        let mut offered = Events::default();
        offered.add_first("app", 4);
        let found = Found {
            delivered: events(delivered),
            dead: events(dead),
            dropped: BTreeMap::from([(String::from("refused"), dropped)]),
            ..Found::default()
        };
        Account::of(&offered, &found)
    }

    #[test]
    fn each_event_has_one_end_and_copies_are_counted() {
        let account = account(&[0, 1, 1, 1], &[2], 1);
        assert_eq!(
            (account.delivered, account.duplicate, account.dead),
            (2, 2, 1)
        );
        assert_eq!((account.lost, account.wrong.len()), (0, 0));
    }

    #[test]
    fn a_dead_event_that_was_delivered_too_is_wrong() {
        let account = account(&[0, 1, 2, 3], &[2], 0);
        assert_eq!((account.delivered, account.dead, account.lost), (4, 0, 0));
        assert_eq!(account.wrong, ["delivered and dead: [(\"app\", 2)] of 1"]);
    }

    #[test]
    fn a_second_letter_of_an_event_is_a_duplicate() {
        let account = account(&[0, 1], &[2, 3, 3], 0);
        assert_eq!(
            (account.delivered, account.dead, account.duplicate),
            (2, 2, 1)
        );
        assert_eq!((account.lost, account.wrong.len()), (0, 0));
    }

    #[test]
    fn a_missing_event_is_lost_and_named() {
        let account = account(&[0, 1, 3], &[], 0);
        assert_eq!(account.lost, 1);
        assert!(
            account.wrong[0].contains("(\"app\", 2)"),
            "{:?}",
            account.wrong
        );
    }

    #[test]
    fn a_counter_that_says_too_much_is_wrong() {
        assert_eq!(account(&[0, 1, 2, 3], &[], 1).lost, -1);
    }

    #[test]
    fn an_invented_event_and_an_altered_one_are_wrong() {
        assert_eq!(account(&[0, 1, 2, 3, 4], &[], 0).wrong.len(), 1);
        let mut found = Found {
            delivered: events(&[0]),
            ..Found::default()
        };
        found
            .delivered
            .add(&record::line("app", 0).replace('a', "b"));
        assert_eq!(Account::of(&events(&[0]), &found).wrong.len(), 1);
    }
}
