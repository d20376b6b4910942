//! Operations of groups: marks and cuts, look-around, rounds of loops, back references; and the notes
//! that `explain` asks for.

use super::{Failed, Frame, Machine, Register, UNSET};
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
                self.push(Frame::Branch {
                    pc: *otherwise as usize,
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
        for _ in 0..width {
            match decode_back(self.line, self.at) {
                Some((_, length)) => self.at -= length,
                None => return false,
            }
        }
        self.advance()
    }

    /// The last of the captures that is set and whose text comes next.
    pub(super) fn back(&mut self, slots: &[u32]) -> bool {
        for slot in slots.iter().rev() {
            let start = self.scratch.spans[2 * *slot as usize];
            let end = self.scratch.spans[2 * *slot as usize + 1];
            let text = if end == UNSET {
                None
            } else {
                self.line.get(start..end)
            };
            if let Some(text) = text
                && self.line[self.at..].starts_with(text)
            {
                return self.move_to(Some(self.at + text.len()));
            }
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
        if self.furthest.current.0 != piece {
            self.furthest.current = (piece, self.at);
        }
    }

    pub(super) fn note(&mut self) {
        if let Some(place) = self.furthest.beside_at {
            return self.note_beside_piece(place);
        }
        let is_first = !self.furthest.is_noted;
        let length = self.at.saturating_sub(self.furthest.start);
        if self.furthest.length < length || is_first {
            self.furthest.is_noted = true;
            self.furthest.length = length;
            self.furthest.attempt_at = self.furthest.start;
            self.furthest.reached = self.at;
            (self.furthest.piece, self.furthest.piece_at) = self.furthest.current;
            self.furthest.spans.clone_from(&self.scratch.spans);
        }
    }

    /// Each piece once, where it came furthest.
    fn note_beside_piece(&mut self, place: usize) {
        let (piece, began) = self.furthest.current;
        if began != place {
            return;
        }
        let reached = self.at.max(place);
        let failed = Failed {
            piece,
            reached,
            spans: self.scratch.spans.clone(),
        };
        let noted = &mut self.furthest.beside;
        match noted.iter().position(|known| known.piece == piece) {
            Some(index) if noted[index].reached < reached => noted[index] = failed,
            Some(_) => {}
            None if noted.len() < ALTERNATIVES_MAX => noted.push(failed),
            None => {}
        }
    }
}
