//! Operations of groups: marks and cuts, look-around, rounds of loops, back references; and the notes
//! that `explain` asks for.

use super::{Failed, Frame, Furthest, Machine, Register, UNSET, bytes_alike, starts_with};
use crate::grok::class::decode_back;
use crate::grok::explain::ALTERNATIVES_MAX;
use crate::grok::program::Op;

impl Machine<'_> {
    /// Operations of groups that few expressions have.
    pub(super) fn rare(&mut self, op: &Op) -> bool {
        match op {
            Op::Mark(register) => self.mark(*register),
            Op::Cut(register) => self.cut(*register),
            Op::Return(register) => {
                self.at = self.register(*register).at;
                self.cut(*register)
            }
            Op::Unless {
                register,
                otherwise,
            } => {
                self.mark(*register);
                let set = self.set_now();
                self.push(Frame::Branch {
                    pc: *otherwise,
                    set,
                    at: self.at,
                });
                true
            }
            Op::Refuse(register) => self.refuse(*register),
            Op::StepBack(width) => self.step_back(*width),
            Op::Round(register) => {
                self.set_register(*register);
                self.advance()
            }
            Op::NonEmpty { register, exit } => match self.register(*register).at == self.at {
                true => self.jump(*exit as usize),
                false => self.advance(),
            },
            Op::Back(slots) => self.back(slots),
            _ => unreachable!("the other operations are told apart by `run`"),
        }
    }

    pub(super) fn register(&self, register: u16) -> Register {
        self.scratch.registers[usize::from(register)]
    }

    pub(super) fn set_register(&mut self, register: u16) {
        let index = usize::from(register);
        let value = self.scratch.registers[index];
        self.push(Frame::Register { index, value });
        let height = self.scratch.stack.len();
        self.scratch.registers[index] = Register {
            at: self.at,
            height,
        };
    }

    pub(super) fn mark(&mut self, register: u16) -> bool {
        self.set_register(register);
        self.advance()
    }

    /// Keeps of the frames above the mark those that undo something, and drops the choices.
    pub(super) fn cut(&mut self, register: u16) -> bool {
        let height = self.register(register).height;
        let mut kept = height;
        for index in height..self.scratch.stack.len() {
            let frame = self.scratch.stack[index];
            if matches!(frame, Frame::Span { .. } | Frame::Register { .. }) {
                self.scratch.stack[kept] = frame;
                kept += 1;
            }
        }
        self.scratch.stack.truncate(kept);
        self.advance()
    }

    /// The body of a negative look-around matched: undoes all since the mark, then fails.
    pub(super) fn refuse(&mut self, register: u16) -> bool {
        let height = self.register(register).height;
        while height < self.scratch.stack.len() {
            if let Some(Frame::Span { index, value }) = self.scratch.stack.pop() {
                self.scratch.spans[index] = value;
            }
        }
        false
    }

    pub(super) fn step_back(&mut self, width: u32) -> bool {
        let from = self.at;
        for _ in 0..width {
            let Some((_, length)) = decode_back(self.line, self.at) else {
                self.charge(from - self.at);
                return false;
            };
            self.at -= length;
        }
        self.charge(from - self.at);
        self.advance()
    }

    /// The last of the captures that is set and whose text comes next.
    pub(super) fn back(&mut self, slots: &[u32]) -> bool {
        self.charge(slots.len());
        for slot in slots.iter().rev() {
            let start = self.scratch.spans[2 * *slot as usize];
            let end = self.scratch.spans[2 * *slot as usize + 1];
            let text = if end == UNSET {
                None
            } else {
                self.line.get(start..end)
            };
            let Some(text) = text else { continue };
            if starts_with(self.line, self.at, text) {
                return self.move_to(Some(self.at + text.len()));
            }
            self.charge(bytes_alike(self.line, self.at, text));
        }
        false
    }

    pub(super) fn enter_piece(&mut self) {
        let piece = self
            .program
            .origins
            .get(self.pc)
            .copied()
            .unwrap_or_default();
        if let Some(furthest) = &mut self.furthest
            && furthest.current.0 != piece
        {
            furthest.current = (piece, self.at);
        }
    }

    pub(super) fn note(&mut self) {
        let Some(furthest) = &mut self.furthest else {
            return;
        };
        let (bounds, set, stack) = (&self.scratch.spans, self.set, &self.scratch.stack);
        let spans = || {
            let mut spans = bounds.clone();
            if let Some(void) = spans.get_mut(set..) {
                void.fill(UNSET);
            }
            complete(&mut spans, stack);
            spans
        };
        match furthest.beside_at {
            Some(place) => furthest.note_beside(place, self.at, spans),
            None => {
                let runs = bounds.len() - 2 * self.program.any_runs;
                let any_text = any_text(bounds.get(runs..).unwrap_or_default(), self.at);
                let length = self.at.saturating_sub(furthest.start);
                furthest.note(self.at, length.saturating_sub(any_text), spans);
            }
        }
    }
}

/// A capture in a repetition that was entered again has its new start and its old end: the old start, which is kept to be
/// restored, is that of the last whole one.
fn complete(spans: &mut [usize], stack: &[Frame]) {
    let (pairs, _) = spans.as_chunks_mut::<2>();
    let last_change = |bound: usize| {
        stack
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, frame)| match frame {
                Frame::Span { index, value } if *index == bound => Some((at, *value)),
                _ => None,
            })
    };
    for (number, [start, end]) in pairs.iter_mut().enumerate() {
        if *end == UNSET {
            continue;
        }
        if let Some((started, old)) = last_change(2 * number)
            && last_change(2 * number + 1).is_none_or(|(ended, _)| ended < started)
        {
            *start = old;
        }
    }
}

/// Bytes in runs of any text; a run that goes on has its new start and no end, or its old one.
fn any_text(bounds: &[usize], at: usize) -> usize {
    let length = |pair: &[usize]| match pair {
        [UNSET, _] => 0,
        [start, end] if *end == UNSET || end < start => at.saturating_sub(*start),
        [start, end] => end - start,
        _ => 0,
    };
    bounds.chunks(2).map(length).sum()
}

impl Furthest {
    /// Keeps the failure if no earlier one came further. Of two at one place, the piece that began later: the other one had
    /// been got through by then.
    fn note(&mut self, at: usize, length: usize, spans: impl FnOnce() -> Vec<usize>) {
        let is_behind = self.length == length
            && self.attempt_at == self.start
            && self.piece_at < self.current.1;
        if self.length < length || is_behind || !self.is_noted {
            self.is_noted = true;
            self.length = length;
            self.attempt_at = self.start;
            self.reached = at;
            (self.piece, self.piece_at) = self.current;
            self.spans = spans();
        }
    }

    /// Keeps each piece that begins at the place once, where it came furthest.
    fn note_beside(&mut self, place: usize, at: usize, spans: impl FnOnce() -> Vec<usize>) {
        let (piece, began) = self.current;
        if began != place {
            return;
        }
        let reached = at.max(place);
        let known = self.beside.iter().position(|known| known.piece == piece);
        let index = known.unwrap_or(self.beside.len());
        let is_further = self
            .beside
            .get(index)
            .is_none_or(|known| known.reached < reached);
        if !is_further || index == ALTERNATIVES_MAX {
            return;
        }
        let failed = Failed {
            piece,
            reached,
            spans: spans(),
        };
        match self.beside.get_mut(index) {
            Some(known) => *known = failed,
            None => self.beside.push(failed),
        }
    }
}
