//! Whose turn it is to write. After a reload there may be several writers of one name: one writes at a time, so that no line is
//! torn, and those that finish what they have come first, so that the older lines of a log do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::outputs::leave::Notice;

/// What the writers of one name share.
#[derive(Debug, Default)]
pub struct Turn(Mutex<Order>);

#[derive(Debug, Default)]
struct Order {
    entered: u64,
    writers: BTreeMap<u64, Entered>,
    writing: Option<u64>,
    /// Whether that one waits for its file.
    is_stuck: bool,
    wrote_last: Option<u64>,
}

/// A writer that is there.
#[derive(Debug)]
struct Entered {
    /// What it was told.
    notice: Notice,
    /// Whether it has something to write.
    has_work: bool,
}

impl Entered {
    fn comes_first(&self) -> bool {
        self.has_work && self.notice.said().leaves_disk()
    }
}

/// A writer among those of its name, until it is dropped.
pub struct Member {
    turn: Arc<Turn>,
    number: u64,
}

/// Who has written before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Nobody,
    Itself,
    Another,
}

impl Turn {
    /// Another writer, behind those that are there.
    pub fn enter(self: &Arc<Self>, notice: Notice) -> Member {
        let mut order = self.order();
        order.entered += 1;
        let number = order.entered;
        let writer = Entered {
            notice,
            has_work: false,
        };
        order.writers.insert(number, writer);
        Member {
            turn: Arc::clone(self),
            number,
        }
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Member {
    /// Takes the turn if nobody has it, and no older writer finishes what it has.
    pub fn try_begin(&self) -> Option<Before> {
        let mut order = self.turn.order();
        let mut older = order.writers.range(..self.number);
        if order.writing.is_some() || older.any(|(_, writer)| writer.comes_first()) {
            return None;
        }
        order.writing = Some(self.number);
        let before = order.wrote_last.replace(self.number);
        Some(match before {
            None => Before::Nobody,
            Some(number) if number == self.number => Before::Itself,
            Some(_) => Before::Another,
        })
    }

    /// Says whether it has something to write. As long as it has nothing nobody waits for it.
    pub fn set_work(&self, has_work: bool) {
        if let Some(writer) = self.turn.order().writers.get_mut(&self.number) {
            writer.has_work = has_work;
        }
    }

    /// Says whether the file cannot be written, by the one whose turn it is.
    pub fn set_stuck(&self, is_stuck: bool) {
        self.turn.order().is_stuck = is_stuck;
    }

    /// Whether the one whose turn it is cannot write.
    pub fn is_stuck(&self) -> bool {
        self.turn.order().is_stuck
    }

    pub fn end(&self) {
        let mut order = self.turn.order();
        if order.writing == Some(self.number) {
            order.writing = None;
            order.is_stuck = false;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
        self.turn.order().writers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Before, Turn};
    use crate::outputs::leave::{Leave, Notice};

    #[test]
    fn one_writes_at_a_time() {
        let turn = Arc::new(Turn::default());
        let [one, other] = [(); 2].map(|()| turn.enter(Notice::default()));
        assert_eq!(other.try_begin(), Some(Before::Nobody));
        assert_eq!(one.try_begin(), None);
        // It was not its turn.
        one.end();
        assert_eq!(one.try_begin(), None);
        other.set_stuck(true);
        assert!(one.is_stuck());
        drop(other);
        assert!(!one.is_stuck());
        assert_eq!(one.try_begin(), Some(Before::Another));
        one.end();
        assert_eq!(one.try_begin(), Some(Before::Itself));
    }

    #[test]
    fn those_that_finish_come_first_the_oldest_of_all() {
        let turn = Arc::new(Turn::default());
        let (tellers, notices): (Vec<_>, Vec<_>) =
            [(); 3].map(|()| Notice::new()).into_iter().unzip();
        let mut members: Vec<_> = notices
            .into_iter()
            .map(|notice| turn.enter(notice))
            .collect();
        let begins = |members: &[super::Member]| {
            let each = members.iter().map(|member| {
                let begins = member.try_begin().is_some();
                member.end();
                begins
            });
            each.collect::<Vec<_>>()
        };
        assert_eq!(begins(&members), [true, true, true]);
        members.iter().for_each(|member| member.set_work(true));
        assert_eq!(begins(&members), [true, true, true]);
        tellers[1].send_replace(Leave::Replaced);
        assert_eq!(begins(&members), [true, true, false]);
        tellers[0].send_replace(Leave::Finishing);
        assert_eq!(begins(&members), [true, false, false]);
        members[0].set_work(false);
        assert_eq!(begins(&members), [true, true, false]);
        members.remove(0);
        assert_eq!(begins(&members), [true, false]);
        members.remove(0);
        assert_eq!(begins(&members), [true]);
    }
}
