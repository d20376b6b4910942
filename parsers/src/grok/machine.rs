//! The matching machine: a program and a line in, spans out. It backtracks like Oniguruma, in the same
//! order, but on a stack of its own and within a number of steps instead of a time.

mod groups;
mod runs;
mod search;

use super::class::{decode, decode_back, is_word};
use super::program::{GuardIndex, Op, Program, SetIndex};
use super::token::{Scan, Token};
use super::tree::Assert;

/// A span's bound that is not set. Its bytes differ, so that a few of them are stored in line instead of
/// by a call of memset, which took a tenth of a short line's time.
pub(super) const UNSET: usize = usize::MAX - 1;

/// How a run of the machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Match,
    NoMatch,
    Spent,
}

/// What to do when the way that was taken fails.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Branch {
        pc: usize,
        at: usize,
    },
    /// A greedy run may give back down to `low`.
    Shrink {
        pc: usize,
        low: usize,
        at: usize,
    },
    /// A lazy run may take more; so many members at most.
    Grow {
        pc: usize,
        at: usize,
        left: u32,
    },
    /// The next place of a text behind, or before, this one.
    SearchOn {
        pc: usize,
        at: usize,
    },
    SearchBack {
        pc: usize,
        low: usize,
        at: usize,
    },
    Span {
        index: usize,
        value: usize,
    },
    Register {
        index: usize,
        value: Register,
    },
}

/// Frames of 32 bytes: 16 MiB a thread at worst. A search that needs more counts as spent.
const FRAMES_MAX: usize = 512 << 10;

#[derive(Debug, Clone, Copy, Default)]
struct Register {
    at: usize,
    height: usize,
}

/// Memory that is used again for every line.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub spans: Vec<usize>,
    stack: Vec<Frame>,
    registers: Vec<Register>,
}

/// One search.
pub(super) struct Machine<'a> {
    program: &'a Program,
    line: &'a [u8],
    scratch: &'a mut Scratch,
    at: usize,
    pc: usize,
    steps_left: u64,
    /// Whether a span was set since all were unset.
    has_spans: bool,
    /// The furthest place where an operation failed, and that operation.
    furthest: Furthest,
}

/// Where a search got furthest; kept only for `explain`.
#[derive(Debug, Clone, Default)]
pub(super) struct Furthest {
    wanted: bool,
    /// Whether anything failed yet.
    is_noted: bool,
    /// Bytes that the attempt which got furthest had behind it. An attempt that begins late in the line does not count
    /// for more because of that.
    length: usize,
    /// Where the present attempt began.
    start: usize,
    /// Where the piece that failed there began.
    pub piece_at: usize,
    pub piece: u32,
    /// The piece that runs, and where it began.
    current: (u32, usize),
    pub spans: Vec<usize>,
    /// Where the attempt that got furthest began.
    pub attempt_at: usize,
    /// How far the piece that failed had come itself.
    pub reached: usize,
    /// When set: only the pieces that fail where they begin at this place are noted, in `beside`.
    pub beside_at: Option<usize>,
    pub beside: Vec<Failed>,
}

/// A piece that failed, how far it had come, and the spans by then.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub piece: u32,
    pub reached: usize,
    pub spans: Vec<usize>,
}

impl<'a> Machine<'a> {
    pub fn new(
        program: &'a Program,
        line: &'a [u8],
        scratch: &'a mut Scratch,
        steps_max: u64,
    ) -> Self {
        scratch.registers.clear();
        scratch
            .registers
            .resize(program.registers, Register::default());
        let furthest = Furthest::default();
        Self {
            program,
            line,
            scratch,
            at: 0,
            pc: 0,
            steps_left: steps_max,
            has_spans: false,
            furthest,
        }
    }

    /// Asks for the furthest place of failure.
    pub fn note_furthest(&mut self) {
        self.furthest.wanted = true;
    }

    /// Asks for every piece that fails where it begins at this place.
    pub fn note_beside(&mut self, place: usize) {
        self.furthest.wanted = true;
        self.furthest.beside_at = Some(place);
    }

    pub fn into_furthest(self) -> Furthest {
        self.furthest
    }

    /// The place behind a match.
    pub fn end(&self) -> usize {
        self.at
    }

    /// Tries to match at a place.
    pub fn attempt(&mut self, at: usize) -> Verdict {
        self.scratch.stack.clear();
        self.at = at;
        self.pc = 0;
        self.furthest.start = at;
        self.furthest.current = (0, at);
        let verdict = match self.furthest.wanted {
            true => self.run::<true>(),
            false => self.run::<false>(),
        };
        if verdict != Verdict::Match && self.has_spans {
            self.scratch.spans.fill(UNSET);
            self.has_spans = false;
        }
        verdict
    }

    fn run<const TRACED: bool>(&mut self) -> Verdict {
        loop {
            if self.steps_left == 0 {
                return Verdict::Spent;
            }
            self.steps_left -= 1;
            if TRACED {
                self.enter_piece();
            }
            let Some(op) = self.program.ops.get(self.pc) else {
                return Verdict::Match;
            };
            if matches!(op, Op::Match) {
                return Verdict::Match;
            }
            let is_on_the_way = self.step(op);
            if !is_on_the_way {
                if TRACED {
                    self.note();
                }
                if !self.back_up() {
                    return Verdict::NoMatch;
                }
            }
        }
    }

    /// Carries out one operation; false when it fails.
    #[inline(always)]
    fn step(&mut self, op: &Op) -> bool {
        match op {
            Op::Short {
                bytes,
                mask,
                length,
            } => self.short(*bytes, *mask, *length as usize),
            Op::Byte(byte) => self.byte(*byte),
            Op::Literal(text) => self.literal(text),
            Op::CapturedToken { token, slot } => self.captured_token(*token, *slot),
            Op::Token(token) => self.token(*token),
            Op::CapturedRun { set, min, slot } => self.captured_run(*set, *min, *slot),
            Op::Run { set, min, max } => self.possessive(*set, *min, *max),
            Op::Save(index) => self.save(*index, self.at),
            Op::One(set) => self.one(*set),
            Op::Split { .. } => self.split(op),
            Op::Jump(target) => self.jump(*target as usize),
            Op::Assert(assert) => self.check(holds(*assert, self.line, self.at)),
            Op::Beside {
                set,
                ahead,
                negative,
            } => self.beside(*set, *ahead, *negative),
            Op::Greedy {
                set,
                min,
                max,
                guard,
            } => self.greedy(*set, *min, *max, *guard),
            Op::Lazy {
                set,
                min,
                max,
                guard,
            } => self.lazy(*set, *min, *max, *guard),
            Op::FindNext { finder, min } => self.find_next(*finder, *min),
            Op::FindLast { finder, min } => self.find_last(*finder, *min),
            _ => self.rare(op),
        }
    }

    #[inline]
    fn advance(&mut self) -> bool {
        self.pc += 1;
        true
    }

    #[inline]
    fn jump(&mut self, target: usize) -> bool {
        self.pc = target;
        true
    }

    #[inline]
    fn check(&mut self, holds: bool) -> bool {
        self.pc += 1;
        holds
    }

    /// Moves on to a place, or fails.
    #[inline]
    fn move_to(&mut self, end: Option<usize>) -> bool {
        let Some(end) = end else { return false };
        self.charge(end - self.at);
        self.at = end;
        self.pc += 1;
        true
    }

    #[inline]
    fn push(&mut self, frame: Frame) {
        if self.scratch.stack.len() == FRAMES_MAX {
            self.steps_left = 0;
            return;
        }
        self.scratch.stack.push(frame);
    }

    /// Long runs cost more than one step, so that the budget bounds the time.
    #[inline]
    fn charge(&mut self, bytes: usize) {
        self.steps_left = self.steps_left.saturating_sub((bytes / 16) as u64);
    }

    #[inline]
    fn literal(&mut self, text: &[u8]) -> bool {
        let found = self
            .line
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(text));
        self.at += if found { text.len() } else { 0 };
        self.check(found)
    }

    #[inline]
    fn short(&mut self, bytes: u64, mask: u64, length: usize) -> bool {
        let rest = self.line.get(self.at..).unwrap_or_default();
        let found = match rest.first_chunk::<8>() {
            Some(chunk) => u64::from_le_bytes(*chunk) & mask == bytes,
            None => rest.starts_with(&bytes.to_le_bytes()[..length]),
        };
        self.at += if found { length } else { 0 };
        self.check(found)
    }

    #[inline]
    fn byte(&mut self, byte: u8) -> bool {
        let found = self.line.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        self.check(found)
    }

    #[inline]
    fn one(&mut self, set: SetIndex) -> bool {
        let length = self.program.sets[usize::from(set)].one(self.line, self.at);
        self.move_to(length.map(|length| self.at + length))
    }

    #[inline]
    fn possessive(&mut self, set: SetIndex, min: u32, max: u32) -> bool {
        let end = self.program.sets[usize::from(set)].run(self.line, self.at, min, max);
        self.move_to(end)
    }

    #[inline]
    fn captured_run(&mut self, set: SetIndex, min: u32, slot: u32) -> bool {
        let start = self.at;
        let end = self.program.sets[usize::from(set)].run(self.line, start, min, u32::MAX);
        if !self.move_to(end) {
            return false;
        }
        self.set_span(slot as usize, start);
        self.set_span(slot as usize + 1, self.at);
        true
    }

    #[inline]
    fn token(&mut self, token: Token) -> bool {
        match token.scan(self.line, self.at) {
            Scan::End(end) => self.move_to(Some(end)),
            Scan::Fail => false,
            Scan::Unsure => {
                // Ends the search without a verdict, as a spent budget does.
                self.steps_left = 0;
                true
            }
        }
    }

    #[inline]
    fn captured_token(&mut self, token: Token, slot: u32) -> bool {
        let start = self.at;
        if !self.token(token) {
            return false;
        }
        self.set_span(slot as usize, start);
        self.set_span(slot as usize + 1, self.at);
        true
    }

    #[inline]
    fn save(&mut self, index: u32, at: usize) -> bool {
        self.set_span(index as usize, at);
        self.advance()
    }

    #[inline]
    fn set_span(&mut self, index: usize, at: usize) {
        // Without an open choice nothing is ever taken back: a failure ends the attempt.
        if !self.scratch.stack.is_empty() {
            let value = self.scratch.spans[index];
            self.push(Frame::Span { index, value });
        }
        self.scratch.spans[index] = at;
        self.has_spans = true;
    }

    #[inline]
    fn admits(&self, guard: GuardIndex, at: usize) -> bool {
        self.program.guards[usize::from(guard)].admits(self.line.get(at))
    }

    #[inline]
    fn split(&mut self, op: &Op) -> bool {
        let Op::Split {
            first,
            second,
            first_guard,
            second_guard,
        } = op
        else {
            return false;
        };
        match (
            self.admits(*first_guard, self.at),
            self.admits(*second_guard, self.at),
        ) {
            (true, true) => {
                self.push(Frame::Branch {
                    pc: *second as usize,
                    at: self.at,
                });
                self.jump(*first as usize)
            }
            (true, false) => self.jump(*first as usize),
            (false, true) => self.jump(*second as usize),
            (false, false) => false,
        }
    }

    fn beside(&mut self, set: SetIndex, ahead: bool, negative: bool) -> bool {
        let beside = match ahead {
            true => decode(self.line, self.at),
            false => decode_back(self.line, self.at),
        };
        let set = &self.program.sets[usize::from(set)];
        self.check(beside.is_some_and(|(code, _)| set.class.contains(code)) != negative)
    }

    /// Takes the last open choice; false when there is none.
    fn back_up(&mut self) -> bool {
        while let Some(frame) = self.scratch.stack.pop() {
            let is_on_the_way = match frame {
                Frame::Span { index, value } => {
                    self.scratch.spans[index] = value;
                    continue;
                }
                Frame::Register { index, value } => {
                    self.scratch.registers[index] = value;
                    continue;
                }
                Frame::Branch { pc, at } => {
                    self.at = at;
                    self.jump(pc)
                }
                Frame::Shrink { pc, low, at } => match self.program.ops[pc] {
                    Op::Greedy { guard, .. } => self.shrink(pc, low, at, guard),
                    _ => false,
                },
                Frame::Grow { pc, at, left } => match self.program.ops[pc] {
                    Op::Lazy { guard, .. } => self.grow(pc, at, left, guard),
                    _ => false,
                },
                Frame::SearchOn { pc, at } => match self.program.ops[pc] {
                    Op::FindNext { finder, .. } => self.search_on(pc, usize::from(finder), at),
                    _ => false,
                },
                Frame::SearchBack { pc, low, at } => match self.program.ops[pc] {
                    Op::FindLast { finder, .. } => {
                        self.search_back_from(pc, usize::from(finder), low, at)
                    }
                    _ => false,
                },
            };
            if is_on_the_way {
                return true;
            }
        }
        false
    }
}

/// Whether a condition holds at a place.
fn holds(assert: Assert, line: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| line.get(before));
    match assert {
        Assert::TextStart => at == 0,
        Assert::TextEnd => at == line.len(),
        Assert::TextEndOrNewline => at == line.len() || at + 1 == line.len() && line[at] == b'\n',
        // Oniguruma sees no line behind a text's last newline.
        Assert::LineStart => at == 0 || before == Some(&b'\n') && at < line.len(),
        Assert::LineEnd => line.get(at).is_none_or(|byte| *byte == b'\n'),
        Assert::WordEdge => is_word_edge(line, at),
        Assert::NoWordEdge => !is_word_edge(line, at),
    }
}

fn is_word_edge(line: &[u8], at: usize) -> bool {
    let is_word_at = |found: Option<(u32, usize)>| found.is_some_and(|(code, _)| is_word(code));
    is_word_at(decode_back(line, at)) != is_word_at(decode(line, at))
}
