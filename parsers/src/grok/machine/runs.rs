//! Runs that can end in several places: the operations that open the choice, and those that go on with it.

use super::{Frame, Machine};
use crate::grok::class::{decode, decode_back};
use crate::grok::first::First;
use crate::grok::program::{GuardIndex, Op, Set, SetIndex, Tail, UNLIMITED};

impl Machine<'_> {
    pub(super) fn greedy(&mut self, set: SetIndex, min: u32, max: u32, guard: GuardIndex) -> bool {
        let start = self.at;
        let set = &self.program.sets[usize::from(set)];
        let Some(end) = set.run(self.line, start, min, max) else {
            self.charge(min as usize);
            return false;
        };
        self.charge(end - start);
        self.shrink(self.pc, least(set, self.line, start, min), end, guard)
    }

    /// The longest end from `high` down to `low` where what follows may begin.
    pub(super) fn shrink(&mut self, pc: usize, low: usize, high: usize, guard: GuardIndex) -> bool {
        let guard = &self.program.guards[usize::from(guard)];
        let found = match guard.admits(self.line.get(high)) {
            true => Some(high),
            false => last_admitted(guard, self.line, low, high),
        };
        let Some(at) = found else {
            self.charge(high - low);
            return false;
        };
        if low < at {
            let set = self.set_now();
            self.push(Frame::Shrink {
                pc: pc as u32,
                set,
                low,
                at,
            });
        }
        self.charge(high - at);
        self.at = at;
        self.jump(pc + 1)
    }

    /// The same below the end that was tried last.
    pub(super) fn shrink_on(
        &mut self,
        pc: usize,
        low: usize,
        at: usize,
        guard: GuardIndex,
    ) -> bool {
        self.shrink(pc, low, back(self.line, at), guard)
    }

    pub(super) fn lazy(&mut self, set: SetIndex, min: u32, max: u32, guard: GuardIndex) -> bool {
        let least = self.program.sets[usize::from(set)].counted_run(self.line, self.at, min);
        self.charge(least.0 - self.at);
        if least.1 < min {
            return false;
        }
        self.grow(self.pc, least.0, left_beyond(min, max), guard)
    }

    /// The shortest end from here on where what follows may begin.
    pub(super) fn grow(&mut self, pc: usize, from: usize, left: u32, guard: GuardIndex) -> bool {
        let Op::Lazy { set, .. } = self.program.ops[pc] else {
            return false;
        };
        let set = &self.program.sets[usize::from(set)];
        let guard = &self.program.guards[usize::from(guard)];
        let (at, left) = match shortest(set, guard, self.line, from, left) {
            Ok(found) => found,
            Err(far) => {
                self.charge(far - from);
                return false;
            }
        };
        if left != 0
            && let Some(length) = set.one(self.line, at)
        {
            let now = self.set_now();
            self.push(Frame::Grow {
                pc: pc as u32,
                set: now,
                at: at + length,
                left: one_less(left),
            });
        }
        self.charge(at - from);
        self.at = at;
        self.jump(pc + 1)
    }

    pub(super) fn find_next(&mut self, finder: u16, min: u32) -> bool {
        match least_end(self.line, self.at, min) {
            Some(from) => self.search_on(self.pc, usize::from(finder), from),
            None => false,
        }
    }

    pub(super) fn find_last(&mut self, finder: u16, min: u32) -> bool {
        match least_end(self.line, self.at, min) {
            Some(low) => self.search_back(self.pc, usize::from(finder), low, self.line.len()),
            None => false,
        }
    }

    /// The last place of a text, if the search at this address is for the gate of which it is known: no place behind that
    /// one needs a try.
    #[inline]
    pub(super) fn known_last(&self, pc: usize) -> Option<usize> {
        let is_search = |tail: &Tail| tail.search == Some(pc);
        let tail = self.program.tail.filter(is_search)?;
        self.known.map(|known| known.place - tail.gate_bytes)
    }

    pub(super) fn search_on(&mut self, pc: usize, finder: usize, from: usize) -> bool {
        let Some(rest) = self.line.get(from..) else {
            return false;
        };
        let found = self.program.finders[finder].next(rest);
        self.charge(found.unwrap_or(rest.len()));
        let Some(distance) = found else { return false };
        let set = self.set_now();
        self.push(Frame::SearchOn {
            pc: pc as u32,
            set,
            at: from + distance + 1,
        });
        self.pass_text(pc, finder, from + distance)
    }

    pub(super) fn search_back(
        &mut self,
        pc: usize,
        finder: usize,
        low: usize,
        high: usize,
    ) -> bool {
        let Some(rest) = self.line.get(low..high) else {
            return false;
        };
        let found = self.program.finders[finder].last(rest);
        self.charge(rest.len() - found.unwrap_or(0));
        let Some(distance) = found else { return false };
        let set = self.set_now();
        self.push(Frame::SearchBack {
            pc: pc as u32,
            set,
            low,
            at: low + distance,
        });
        self.pass_text(pc, finder, low + distance)
    }

    /// Goes on where a text was found; behind it, when it is the next operation.
    fn pass_text(&mut self, pc: usize, finder: usize, at: usize) -> bool {
        let end = at + self.program.finders[finder].len();
        let mut passed = pc + 1;
        let end = match self.program.ops.get(passed) {
            Some(Op::Gate { gate, .. }) => self.pass_gate(*gate, end, &mut passed),
            Some(Op::Short(_)) => Some(end),
            _ => {
                passed = pc;
                Some(at)
            }
        };
        self.pc = passed + 1;
        self.at = end.unwrap_or(at);
        end.is_some()
    }

    /// Looks for a place before the one that failed; the two may overlap.
    pub(super) fn search_back_from(
        &mut self,
        pc: usize,
        finder: usize,
        low: usize,
        at: usize,
    ) -> bool {
        let length = self.program.finders[finder].len();
        let high = (at + length).saturating_sub(1).min(self.line.len());
        low <= high && self.search_back(pc, finder, low, high)
    }
}

/// The end of as few members as a run needs, which it has: what it may not give back.
pub(super) fn least(set: &Set, line: &[u8], start: usize, min: u32) -> usize {
    match min {
        0 => start,
        _ => set.counted_run(line, start, min).0,
    }
}

/// Where a run of any text from a place on may end first, of at least none or one character.
pub(super) fn least_end(line: &[u8], at: usize, min: u32) -> Option<usize> {
    match min {
        0 => Some(at),
        _ => decode(line, at).map(|(_, length)| at + length),
    }
}

/// How many members a run may take beyond those that it needs.
pub(super) fn left_beyond(min: u32, max: u32) -> u32 {
    match max {
        UNLIMITED => UNLIMITED,
        _ => max - min,
    }
}

/// The shortest end from a place on where what follows may begin, behind so many members at most, and how many are left
/// then. The error is the place up to which there is none.
pub(super) fn shortest(
    set: &Set,
    guard: &First,
    line: &[u8],
    from: usize,
    mut left: u32,
) -> Result<(usize, u32), usize> {
    let mut at = from;
    if left == UNLIMITED && set.is_any() {
        // All that the guard does not admit is passed over at once.
        let next = line.get(from..).and_then(|rest| guard.next(rest));
        at += next.ok_or(line.len())?;
    }
    while !guard.admits(line.get(at)) {
        let member = (left != 0).then(|| set.one(line, at)).flatten();
        at += member.ok_or(at)?;
        left = one_less(left);
    }
    Ok((at, left))
}

fn one_less(left: u32) -> u32 {
    match left {
        UNLIMITED => UNLIMITED,
        _ => left - 1,
    }
}

/// The last place from `low` on and before `high` where what follows may begin.
pub(super) fn last_admitted(guard: &First, line: &[u8], low: usize, high: usize) -> Option<usize> {
    if guard.is_ascii() {
        let is_admitted = |byte: &u8| guard.admits(Some(byte));
        let found = line.get(low..high)?.iter().rposition(is_admitted)?;
        return Some(low + found);
    }
    let mut at = high;
    while low < at {
        at = back(line, at);
        if guard.admits(line.get(at)) {
            return Some(at);
        }
    }
    None
}

/// The place before the character that ends at a place.
#[inline]
fn back(line: &[u8], at: usize) -> usize {
    match line.get(at - 1) {
        Some(byte) if *byte < 0x80 => at - 1,
        _ => at - decode_back(line, at).map_or(1, |(_, length)| length),
    }
}
