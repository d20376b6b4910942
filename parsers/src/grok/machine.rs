//! The matching machine: a program and a line in, spans out. It backtracks like Oniguruma, in the same
//! order, but on a stack of its own and within a number of steps instead of a time.

use super::class::{decode, decode_back, is_word};
use super::program::{GuardIndex, Op, Program, SetIndex, Start};
use super::token::{Scan, Token};
use super::tree::Assert;

/// A span's bound that is not set.
pub(super) const UNSET: usize = usize::MAX;

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
    /// The furthest place where an operation failed, and that operation.
    furthest: Furthest,
}

/// Where a search got furthest; kept only for `explain`.
#[derive(Debug, Clone, Default)]
pub(super) struct Furthest {
    wanted: bool,
    at: usize,
    /// Where the piece that failed there began.
    pub piece_at: usize,
    pub piece: u32,
    /// The piece that runs, and where it began.
    current: (u32, usize),
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
            furthest,
        }
    }

    /// Looks for the leftmost match. `spans` must have two entries a capture, all unset.
    pub fn search(&mut self) -> Verdict {
        match self.program.start {
            Start::Text => self.attempt(0),
            Start::Line => self.search_lines(),
            Start::Anywhere => self.search_anywhere(),
        }
    }

    fn search_lines(&mut self) -> Verdict {
        let verdict = self.attempt(0);
        if verdict != Verdict::NoMatch {
            return verdict;
        }
        for newline in memchr::memchr_iter(b'\n', self.line) {
            let verdict = self.attempt(newline + 1);
            if verdict != Verdict::NoMatch {
                return verdict;
            }
        }
        Verdict::NoMatch
    }

    fn search_anywhere(&mut self) -> Verdict {
        // Most lines match at once, so the look for the required text waits until one did not.
        let mut at = 0;
        let mut is_checked = false;
        loop {
            if self.program.first.admits(self.line.get(at)) {
                let verdict = self.attempt(at);
                if verdict != Verdict::NoMatch {
                    return verdict;
                }
            }
            if !is_checked && self.lacks_required() {
                return Verdict::NoMatch;
            }
            is_checked = true;
            match decode(self.line, at) {
                Some((_, length)) => at += length,
                None => return Verdict::NoMatch,
            }
        }
    }

    fn lacks_required(&self) -> bool {
        self.program
            .required
            .as_ref()
            .is_some_and(|needle| needle.next.find(self.line).is_none())
    }

    /// Asks for the furthest place of failure.
    pub fn note_furthest(&mut self) {
        self.furthest.wanted = true;
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
        let verdict = match self.furthest.wanted {
            true => self.run::<true>(),
            false => self.run::<false>(),
        };
        if verdict != Verdict::Match {
            self.scratch.spans.fill(UNSET);
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
            let is_on_the_way = match op {
                Op::Match => return Verdict::Match,
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
            };
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

    /// Operations of groups that few expressions have.
    fn rare(&mut self, op: &Op) -> bool {
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
                self.scratch.stack.push(Frame::Branch {
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
            self.scratch.stack.push(Frame::Span { index, value });
        }
        self.scratch.spans[index] = at;
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
                self.scratch.stack.push(Frame::Branch {
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

    fn greedy(&mut self, set: SetIndex, min: u32, max: u32, guard: GuardIndex) -> bool {
        let start = self.at;
        let set = &self.program.sets[usize::from(set)];
        let Some(end) = set.run(self.line, start, min, max) else {
            return false;
        };
        // What may not be given back.
        let low = match min {
            0 => start,
            _ => set.counted_run(self.line, start, min).0,
        };
        self.charge(end - start);
        self.shrink(self.pc, low, end, guard)
    }

    /// The longest end from here down to `low` where what follows may begin.
    fn shrink(&mut self, pc: usize, low: usize, high: usize, guard: GuardIndex) -> bool {
        let mut at = high;
        loop {
            let is_good = self.admits(guard, at);
            let before =
                (low < at).then(|| at - decode_back(self.line, at).map_or(1, |found| found.1));
            if is_good {
                if let Some(before) = before {
                    self.scratch.stack.push(Frame::Shrink {
                        pc,
                        low,
                        at: before,
                    });
                }
                self.charge(high - at);
                self.at = at;
                return self.jump(pc + 1);
            }
            match before {
                Some(before) => at = before,
                None => {
                    self.charge(high - low);
                    return false;
                }
            }
        }
    }

    fn lazy(&mut self, set: SetIndex, min: u32, max: u32, guard: GuardIndex) -> bool {
        let least = self.program.sets[usize::from(set)].counted_run(self.line, self.at, min);
        if least.1 < min {
            return false;
        }
        let left = if max == u32::MAX { u32::MAX } else { max - min };
        self.grow(self.pc, least.0, left, guard)
    }

    /// The shortest end from here on where what follows may begin.
    fn grow(&mut self, pc: usize, from: usize, mut left: u32, guard: GuardIndex) -> bool {
        let Op::Lazy { set, .. } = self.program.ops[pc] else {
            return false;
        };
        let set = &self.program.sets[usize::from(set)];
        let mut at = from;
        loop {
            let next = if left == 0 {
                None
            } else {
                set.one(self.line, at)
            };
            if self.admits(guard, at) {
                if let Some(length) = next {
                    let left = if left == u32::MAX { left } else { left - 1 };
                    self.scratch.stack.push(Frame::Grow {
                        pc,
                        at: at + length,
                        left,
                    });
                }
                self.charge(at - from);
                self.at = at;
                return self.jump(pc + 1);
            }
            let Some(length) = next else {
                self.charge(at - from);
                return false;
            };
            at += length;
            left = if left == u32::MAX { left } else { left - 1 };
        }
    }

    fn find_next(&mut self, finder: u16, min: u32) -> bool {
        match self.least_end(min) {
            Some(from) => self.search_on(self.pc, usize::from(finder), from),
            None => false,
        }
    }

    fn find_last(&mut self, finder: u16, min: u32) -> bool {
        match self.least_end(min) {
            Some(low) => self.search_back(self.pc, usize::from(finder), low, self.line.len()),
            None => false,
        }
    }

    /// Where an any-run of at least none or one character may end first.
    fn least_end(&self, min: u32) -> Option<usize> {
        match min {
            0 => Some(self.at),
            _ => decode(self.line, self.at).map(|(_, length)| self.at + length),
        }
    }

    fn search_on(&mut self, pc: usize, finder: usize, from: usize) -> bool {
        let Some(rest) = self.line.get(from..) else {
            return false;
        };
        let found = self.program.finders[finder].next.find(rest);
        self.charge(found.unwrap_or(rest.len()));
        let Some(distance) = found else { return false };
        self.at = from + distance;
        self.scratch.stack.push(Frame::SearchOn {
            pc,
            at: self.at + 1,
        });
        self.jump(pc + 1)
    }

    fn search_back(&mut self, pc: usize, finder: usize, low: usize, high: usize) -> bool {
        let Some(rest) = self.line.get(low..high) else {
            return false;
        };
        let found = self.program.finders[finder].last.rfind(rest);
        self.charge(rest.len() - found.unwrap_or(0));
        let Some(distance) = found else { return false };
        self.at = low + distance;
        self.scratch.stack.push(Frame::SearchBack {
            pc,
            low,
            at: self.at,
        });
        self.jump(pc + 1)
    }

    fn register(&self, register: u16) -> Register {
        self.scratch.registers[usize::from(register)]
    }

    fn set_register(&mut self, register: u16) {
        let index = usize::from(register);
        let value = self.scratch.registers[index];
        self.scratch.stack.push(Frame::Register { index, value });
        let height = self.scratch.stack.len();
        self.scratch.registers[index] = Register {
            at: self.at,
            height,
        };
    }

    fn mark(&mut self, register: u16) -> bool {
        self.set_register(register);
        self.advance()
    }

    /// Keeps of the frames above the mark those that undo something, and drops the choices.
    fn cut(&mut self, register: u16) -> bool {
        let mut kept = self.register(register).height;
        for index in kept..self.scratch.stack.len() {
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
    fn refuse(&mut self, register: u16) -> bool {
        let height = self.register(register).height;
        while height < self.scratch.stack.len() {
            if let Some(Frame::Span { index, value }) = self.scratch.stack.pop() {
                self.scratch.spans[index] = value;
            }
        }
        false
    }

    fn step_back(&mut self, width: u32) -> bool {
        for _ in 0..width {
            match decode_back(self.line, self.at) {
                Some((_, length)) => self.at -= length,
                None => return false,
            }
        }
        self.advance()
    }

    /// The last of the captures that is set and whose text comes next.
    fn back(&mut self, slots: &[u32]) -> bool {
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

    /// Looks for a place before the one that failed; the two may overlap.
    fn search_back_from(&mut self, pc: usize, finder: usize, low: usize, at: usize) -> bool {
        let length = self.program.finders[finder].last.needle().len();
        let high = (at + length).saturating_sub(1).min(self.line.len());
        low <= high && self.search_back(pc, finder, low, high)
    }

    fn enter_piece(&mut self) {
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

    fn note(&mut self) {
        let is_first = self.furthest.spans.is_empty();
        if self.furthest.at < self.at || is_first {
            self.furthest.at = self.at;
            (self.furthest.piece, self.furthest.piece_at) = self.furthest.current;
            self.furthest.spans.clone_from(&self.scratch.spans);
        }
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
