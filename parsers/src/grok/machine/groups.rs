//! Operations of groups: marks and cuts, look-around, rounds of loops, back references.

use super::{Frame, Machine, Register, UNSET, bytes_alike, starts_with};
use crate::grok::class::decode_back;
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
            Op::Passed(piece) => self.pass(*piece),
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
}
