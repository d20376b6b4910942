//! The operations that most lines consist of, in a loop of their own that keeps the place and the address in
//! registers. What opens a run with several ends, and what few expressions have, is left to `step`.

use super::runs::least_end;
use super::{Frame, Machine, PLACES_MAX, STEP_BYTES, UNSET, bytes_alike, holds, starts_with};
use crate::grok::program::{GuardIndex, NO_GATE, Op, Program, Short};
use crate::grok::token::Scan;

/// Why the loop ended.
pub(super) enum Halt {
    /// After one operation, as was asked for.
    Pause,
    Failure,
    /// At an operation for others, or the end of the program.
    Other,
}

/// What became of one operation.
enum Step {
    /// It ended there.
    To(usize),
    /// It failed, and so many bytes were looked at to know.
    Failure { looked: usize },
    /// The line is not for a token to decide.
    Unsure,
    /// It is one for others.
    Other,
}

impl From<Option<usize>> for Step {
    #[inline(always)]
    fn from(end: Option<usize>) -> Self {
        end.map_or(Step::Failure { looked: 0 }, Step::To)
    }
}

impl Step {
    /// A run had fewer characters than it needs.
    #[inline(always)]
    fn short_of(min: u32) -> Self {
        let looked = min as usize;
        Step::Failure { looked }
    }
}

impl Machine<'_> {
    /// Runs until an operation fails or is none of these; `ONE` operation only when traced. A spent budget shows as
    /// no steps left.
    #[inline(always)]
    pub(super) fn straight<const ONE: bool>(&mut self) -> Halt {
        let ops = self.program.ops.as_slice();
        let from = self.at;
        let (mut at, mut pc) = (from, self.pc);
        let mut steps_left = self.steps_left;
        let halt = loop {
            if steps_left == 0 {
                break Halt::Pause;
            }
            let Some(op) = ops.get(pc) else {
                break Halt::Other;
            };
            let end = match self.straight_step(op, at, &mut pc) {
                Step::To(end) => end,
                Step::Failure { looked } => {
                    steps_left = steps_left.saturating_sub((looked / STEP_BYTES) as u64);
                    break Halt::Failure;
                }
                Step::Other => break Halt::Other,
                Step::Unsure => {
                    steps_left = 0;
                    break Halt::Pause;
                }
            };
            steps_left -= 1;
            at = end;
            pc = pc.wrapping_add(1);
            if ONE {
                break Halt::Pause;
            }
        };
        // Long runs cost more than one step, so that the budget bounds the time.
        steps_left = steps_left.saturating_sub(((at - from) / STEP_BYTES) as u64);
        (self.at, self.pc, self.steps_left) = (at, pc, self.steps_left.min(steps_left));
        halt
    }

    /// Carries out an operation. The address becomes that before the next one.
    #[inline(always)]
    fn straight_step(&mut self, op: &Op, at: usize, pc: &mut usize) -> Step {
        let (program, line) = (self.program, self.line);
        let run = |set: &u16, min, max| program.sets[usize::from(*set)].run(line, at, min, max);
        let end = match op {
            Op::CapturedToken {
                parser,
                slot,
                text,
                gate,
                ..
            } => {
                let scan = parser(line, at);
                if let Scan::End(end) = scan {
                    self.set_pair(*slot as usize, at, end);
                }
                return self.behind(at, scan, *text, *gate, pc);
            }
            Op::Token {
                parser, text, gate, ..
            } => return self.behind(at, parser(line, at), *text, *gate, pc),
            Op::Short(text) => text.end(line, at),
            Op::Gate { text, gate } => text
                .end(line, at)
                .and_then(|end| self.pass_gate(*gate, end, pc)),
            Op::CapturedRun { set, min, slot } => match run(set, *min, u32::MAX) {
                Some(end) => {
                    self.set_pair(*slot as usize, at, end);
                    Some(end)
                }
                None => return Step::short_of(*min),
            },
            Op::Save(index) => {
                self.set_bound(*index as usize, at);
                Some(at)
            }
            Op::Split { .. } => self.split(op, at, pc),
            Op::Jump(target) => {
                *pc = (*target as usize).wrapping_sub(1);
                Some(at)
            }
            Op::Run { set, min, max } => match run(set, *min, *max) {
                None => return Step::short_of(*min),
                end => end,
            },
            Op::One(set) => program.sets[usize::from(*set)]
                .one(line, at)
                .map(|length| at + length),
            Op::Literal(text) => return literal(line, at, text),
            Op::Assert(assert) => holds(*assert, line, at).then_some(at),
            Op::FindLast { min, .. } => match self.known_last(*pc) {
                Some(last) => least_end(line, at, *min)
                    .filter(|low| *low <= last)
                    .map(|_| last),
                None => return Step::Other,
            },
            _ => return Step::Other,
        };
        end.into()
    }

    #[inline(always)]
    fn split(&mut self, op: &Op, at: usize, pc: &mut usize) -> Option<usize> {
        let Op::Split {
            first,
            second,
            first_guard,
            second_guard,
        } = op
        else {
            return None;
        };
        let admits = |guard| admits(self.program, guard, self.line, at);
        let ways = (admits(*first_guard), admits(*second_guard));
        let target = self.chosen(ways, *first, *second, at)?;
        *pc = (target as usize).wrapping_sub(1);
        Some(at)
    }

    /// The way of a choice, by what its guards admit; with both open the second one is kept for later.
    #[inline]
    fn chosen(&mut self, ways: (bool, bool), first: u32, second: u32, at: usize) -> Option<u32> {
        match ways {
            (true, true) => {
                let set = self.set_now();
                self.push(Frame::Branch {
                    pc: second,
                    set,
                    at,
                });
                Some(first)
            }
            (true, false) => Some(first),
            (false, true) => Some(second),
            (false, false) => None,
        }
    }

    /// Goes on behind a token, and behind the text that follows it.
    #[inline(always)]
    fn behind(&mut self, from: usize, scan: Scan, text: Short, gate: u8, pc: &mut usize) -> Step {
        let at = match scan {
            Scan::End(end) if text.is_empty() => return Step::To(end),
            Scan::End(end) => end,
            Scan::Fail => return Step::Failure { looked: 0 },
            Scan::FailAt(place) => {
                return Step::Failure {
                    looked: place - from,
                };
            }
            Scan::Unsure => return Step::Unsure,
        };
        *pc += 1;
        let end = text.end(self.line, at).and_then(|end| match gate {
            NO_GATE => Some(end),
            _ => self.pass_gate(gate, end, pc),
        });
        match end {
            Some(end) => Step::To(end),
            None => Step::Failure { looked: at - from },
        }
    }

    /// Sets both bounds of a capture.
    #[inline]
    fn set_pair(&mut self, start: usize, from: usize, to: usize) {
        if self.program.undoes_spans {
            self.note_bound(start);
            self.note_bound(start + 1);
        }
        if self.set < start {
            self.scratch.spans[self.set..start].fill(UNSET);
        }
        if let Some([start, end]) = self.scratch.spans.get_mut(start..start + 2) {
            (*start, *end) = (from, to);
        }
        self.set = self.set.max(start + 2);
    }

    #[inline]
    fn set_bound(&mut self, index: usize, at: usize) {
        if self.program.undoes_spans {
            self.note_bound(index);
        }
        if self.set < index {
            self.scratch.spans[self.set..index].fill(UNSET);
        }
        self.scratch.spans[index] = at;
        self.set = self.set.max(index + 1);
    }

    /// Keeps a bound's value to be restored.
    #[cold]
    fn note_bound(&mut self, index: usize) {
        self.is_dirty = true;
        // Without an open choice nothing is ever taken back: a failure ends the attempt.
        if !self.scratch.stack.is_empty() {
            let value = self.scratch.spans[index];
            self.push(Frame::Span { index, value });
        }
    }

    /// Goes on behind a gate, or to the end of the program where its tail is known to match. The address becomes that
    /// before the next operation.
    #[inline]
    pub(super) fn pass_gate(&mut self, gate: u8, at: usize, pc: &mut usize) -> Option<usize> {
        if let Some(known) = self.known.filter(|known| known.gate == gate) {
            if at == known.place {
                *pc = self.program.ops.len() - 1;
                self.take_tail();
                return Some(known.end);
            }
            // From here the tail sets its spans anew.
            self.known = None;
        }
        self.is_new_at(usize::from(gate), at).then_some(at)
    }

    /// Takes over the spans that the tail has set.
    fn take_tail(&mut self) {
        if let Some(tail) = self.program.tail
            && let Some(void) = self.scratch.spans.get_mut(self.set..tail.bound)
        {
            void.fill(UNSET);
        }
        self.set = self.scratch.spans.len();
    }

    /// Whether the rest was not yet tried from this place: it fails there again, however the place was reached.
    #[inline]
    pub(super) fn is_new_at(&mut self, gate: usize, at: usize) -> bool {
        if self.seen[gate] != 0 {
            return self.is_further_place(gate, at);
        }
        self.scratch.places[gate][0] = at;
        self.seen[gate] = 1;
        true
    }

    #[cold]
    fn is_further_place(&mut self, gate: usize, at: usize) -> bool {
        let seen = usize::from(self.seen[gate]);
        let places = &mut self.scratch.places[gate];
        if places.iter().take(seen).any(|place| *place == at) {
            return false;
        }
        match places.get_mut(seen) {
            Some(place) => {
                *place = at;
                self.seen[gate] += 1;
            }
            None => self.seen[gate] = PLACES_MAX as u8 + 1,
        }
        true
    }
}

#[inline(always)]
fn literal(line: &[u8], at: usize, text: &[u8]) -> Step {
    match starts_with(line, at, text) {
        true => Step::To(at + text.len()),
        false => Step::Failure {
            looked: bytes_alike(line, at, text),
        },
    }
}

#[inline]
fn admits(program: &Program, guard: GuardIndex, line: &[u8], at: usize) -> bool {
    program.guards[usize::from(guard)].admits(line.get(at))
}
