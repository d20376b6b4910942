//! What is under way and ends in any order: numbered things go in, and out comes how far everything is done. No lock, no
//! clock.

use std::collections::VecDeque;

/// Things under way, each with what is known once it and all before it are done.
#[derive(Debug)]
pub struct InOrder<T> {
    /// Number of the thing at the front.
    first: u64,
    waiting: VecDeque<(T, bool)>,
}

impl<T> InOrder<T> {
    /// Nothing under way; the next thing has this number.
    pub fn from(first: u64) -> Self {
        Self {
            first,
            waiting: VecDeque::new(),
        }
    }

    /// One more thing; gives its number.
    pub fn push(&mut self, thing: T) -> u64 {
        self.waiting.push_back((thing, false));
        self.first + self.waiting.len() as u64 - 1
    }

    /// A thing is done. Gives the last one before which nothing is under way any more, if that moved. A number that is
    /// not under way is nothing new.
    pub fn done(&mut self, number: u64) -> Option<T> {
        let place = number.checked_sub(self.first)?;
        let (_, done) = self.waiting.get_mut(usize::try_from(place).ok()?)?;
        *done = true;
        let mut last = None;
        while let Some((_, true)) = self.waiting.front() {
            self.first += 1;
            last = self.waiting.pop_front().map(|(thing, _)| thing);
        }
        last
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::InOrder;

    #[test]
    fn what_is_done_out_of_order_waits_for_those_before_it() {
        let mut under_way = InOrder::from(7);
        for thing in ["a", "b", "c"] {
            under_way.push(thing);
        }
        assert_eq!(under_way.done(8), None);
        assert_eq!(under_way.done(7), Some("b"));
        assert_eq!(under_way.push("d"), 10);
        assert_eq!((under_way.done(10), under_way.done(9)), (None, Some("d")));
        assert!(under_way.is_empty());
    }

    #[test]
    fn a_number_that_is_not_under_way_changes_nothing() {
        let mut under_way = InOrder::from(0);
        under_way.push(());
        assert_eq!(under_way.done(5), None);
        assert_eq!(under_way.done(0), Some(()));
        assert_eq!(under_way.done(0), None);
        assert!(under_way.is_empty());
    }
}
