//! The matching machine: a program and a line in, spans out. It backtracks like Oniguruma, in the same
//! order, but on a stack of its own and within a number of steps instead of a time.

mod groups;
mod notes;
mod preferred;
mod runs;
mod search;
mod straight;

use super::class::{decode, decode_back, is_word};
use super::program::{GATES_MAX, Op, Program, Set, SetIndex};
use super::tree::Assert;

/// A span's bound that is not set. Its bytes differ, so that a few of them are stored in line instead of
/// by a call of memset, which took a tenth of a short line's time.
pub(super) const UNSET: usize = usize::MAX - 1;

pub(super) use self::notes::Furthest;
use self::notes::Notes;
use self::preferred::Habits;
pub(super) use self::preferred::search;
use self::straight::Halt;

/// How a run of the machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Match,
    NoMatch,
    Spent,
}

/// What to do when the way that was taken fails. A frame that goes on somewhere has the number of bounds that were
/// set when it was pushed: those above it are void then.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Branch {
        pc: u32,
        set: u32,
        at: usize,
    },
    /// A greedy run may give back down to `low`.
    Shrink {
        pc: u32,
        set: u32,
        low: usize,
        at: usize,
    },
    /// A lazy run may take more; so many members at most.
    Grow {
        pc: u32,
        set: u32,
        at: usize,
        left: u32,
    },
    /// The next place of a text behind, or before, this one.
    SearchOn {
        pc: u32,
        set: u32,
        at: usize,
    },
    SearchBack {
        pc: u32,
        set: u32,
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

impl Frame {
    /// The operation where it goes on, if it goes on somewhere.
    fn address(&self) -> Option<usize> {
        match self {
            Frame::Branch { pc, .. }
            | Frame::Shrink { pc, .. }
            | Frame::Grow { pc, .. }
            | Frame::SearchOn { pc, .. }
            | Frame::SearchBack { pc, .. } => Some(*pc as usize),
            Frame::Span { .. } | Frame::Register { .. } => None,
        }
    }
}

/// So many bytes that an operation passes, compares or goes back over cost a step besides the operation's own: about
/// as long as one takes. Fewer cost nothing more, so a text that differs from the line at its start is free.
const STEP_BYTES: usize = 16;

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
    /// The places behind each gate.
    places: [[usize; PLACES_MAX]; GATES_MAX],
    habits: Habits,
}

/// Where the program's tail matches: the place behind its gate, and where it ends. The spans hold those of the tail.
#[derive(Debug, Clone, Copy)]
struct Known {
    gate: u8,
    place: usize,
    end: usize,
}

/// Places behind one gate that are remembered; most lines have its text once or twice.
const PLACES_MAX: usize = 4;

impl Scratch {
    /// Makes room for so many captures.
    pub fn prepare(&mut self, captures: usize) {
        if self.spans.len() != 2 * captures {
            self.spans.clear();
            self.spans.resize(2 * captures, UNSET);
        }
    }
}

/// One search.
pub(super) struct Machine<'a> {
    program: &'a Program,
    line: &'a [u8],
    scratch: &'a mut Scratch,
    at: usize,
    pc: usize,
    steps_left: u64,
    /// The bounds of spans from this one on are void, whatever they hold: so they need not be reset, neither for a
    /// new line nor when a choice is taken back. Unless the program undoes bounds one by one.
    set: usize,
    /// Whether a span may be set from an earlier attempt; only where bounds are undone.
    is_dirty: bool,
    /// How many places were seen behind each gate, in vain so far; one more than `PLACES_MAX` when there were more.
    seen: [u8; GATES_MAX],
    /// The frames below are those of another attempt.
    floor: usize,
    /// What a look at the tail told, if there was one.
    fails_late: Option<bool>,
    /// The last place from where the tail matches; at all places behind it, it fails.
    known: Option<Known>,
    /// What fails, only when it is asked for.
    notes: Option<Box<Notes>>,
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
        Self {
            program,
            line,
            scratch,
            at: 0,
            pc: 0,
            steps_left: steps_max,
            set: 0,
            is_dirty: true,
            seen: [0; GATES_MAX],
            floor: 0,
            fails_late: None,
            known: None,
            notes: None,
        }
    }

    /// Takes note of a place where the program's tail fails, if one is known.
    fn note_tail_failure(&mut self, place: Option<usize>) {
        if let (Some(tail), Some(place)) = (self.program.tail, place) {
            self.is_new_at(usize::from(tail.gate), place);
        }
    }

    pub fn steps_left(&self) -> u64 {
        self.steps_left
    }

    /// The place behind a match.
    pub fn end(&self) -> usize {
        self.at
    }

    /// Tries to match at a place.
    pub fn attempt(&mut self, at: usize) -> Verdict {
        self.attempt_from(0, at, 0)
    }

    /// The same for the part of the program from an operation on, which sets the bounds from `set` on.
    fn attempt_from(&mut self, pc: usize, at: usize, set: usize) -> Verdict {
        self.scratch.stack.truncate(self.floor);
        self.at = at;
        self.pc = pc;
        self.set = set;
        if self.program.undoes_spans {
            self.set = self.scratch.spans.len();
            if self.is_dirty {
                self.scratch.spans.fill(UNSET);
                self.is_dirty = false;
            }
        }
        let verdict = match &mut self.notes {
            Some(notes) => {
                notes.begin(at);
                self.run::<true>()
            }
            None => self.run::<false>(),
        };
        if verdict == Verdict::Match
            && let Some(void) = self.scratch.spans.get_mut(self.set..)
        {
            void.fill(UNSET);
        }
        verdict
    }

    /// Traced, one operation at a time runs, and each failure is noted with its piece.
    #[inline(always)]
    fn run<const TRACED: bool>(&mut self) -> Verdict {
        loop {
            if TRACED {
                self.enter_piece();
            }
            let is_on_the_way = match self.straight::<TRACED>() {
                Halt::Pause => true,
                Halt::Failure => false,
                Halt::Other => match self.program.ops.get(self.pc) {
                    None | Some(Op::Match) => return Verdict::Match,
                    Some(op) => self.step(op),
                },
            };
            if self.steps_left == 0 {
                return Verdict::Spent;
            }
            self.steps_left -= 1;
            if !is_on_the_way {
                if TRACED {
                    self.note();
                }
                if !TRACED && self.fails_behind() || !self.back_up() {
                    return Verdict::NoMatch;
                }
            }
        }
    }

    /// Carries out one of the operations that `straight` leaves; false when it fails.
    #[inline]
    fn step(&mut self, op: &Op) -> bool {
        match op {
            Op::Greedy {
                set,
                min,
                max,
                guard,
            } => self.greedy(*set, *min, *max, *guard),
            Op::FindNext { finder, min } => self.find_next(*finder, *min),
            Op::FindLast { finder, min } => self.find_last(*finder, *min),
            Op::Lazy {
                set,
                min,
                max,
                guard,
            } => self.lazy(*set, *min, *max, *guard),
            Op::Beside {
                set,
                ahead,
                negative,
            } => self.beside(*set, *ahead, *negative),
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
        self.steps_left = self.steps_left.saturating_sub((bytes / STEP_BYTES) as u64);
    }

    fn beside(&mut self, set: SetIndex, ahead: bool, negative: bool) -> bool {
        let set = &self.program.sets[usize::from(set)];
        is_beside(set, self.line, self.at, ahead) != negative && self.advance()
    }

    /// Takes the last open choice; false when there is none.
    fn back_up(&mut self) -> bool {
        while self.floor < self.scratch.stack.len()
            && let Some(frame) = self.scratch.stack.pop()
        {
            let is_on_the_way = match frame {
                Frame::Span { index, value } => {
                    self.scratch.spans[index] = value;
                    continue;
                }
                Frame::Register { index, value } => {
                    self.scratch.registers[index] = value;
                    continue;
                }
                Frame::Branch { pc, set, at } => {
                    self.set = set as usize;
                    self.at = at;
                    self.jump(pc as usize)
                }
                Frame::Shrink { pc, set, .. }
                | Frame::Grow { pc, set, .. }
                | Frame::SearchOn { pc, set, .. }
                | Frame::SearchBack { pc, set, .. } => {
                    self.set = set as usize;
                    self.go_on(pc as usize, frame)
                }
            };
            if is_on_the_way {
                return true;
            }
        }
        false
    }

    /// Ends a run in another place.
    fn go_on(&mut self, pc: usize, frame: Frame) -> bool {
        match (frame, &self.program.ops[pc]) {
            (Frame::Shrink { low, at, .. }, Op::Greedy { guard, .. }) => {
                self.shrink_on(pc, low, at, *guard)
            }
            (Frame::Grow { at, left, .. }, Op::Lazy { guard, .. }) => {
                self.grow(pc, at, left, *guard)
            }
            (Frame::SearchOn { at, .. }, Op::FindNext { finder, .. }) => {
                self.search_on(pc, usize::from(*finder), at)
            }
            (Frame::SearchBack { low, at, .. }, Op::FindLast { finder, .. }) => {
                self.search_back_from(pc, usize::from(*finder), low, at)
            }
            _ => false,
        }
    }

    /// How many bounds are set, for a frame.
    #[inline]
    fn set_now(&self) -> u32 {
        // Twice the captures, which are bounded by the length of an expression.
        self.set as u32
    }
}

/// Whether the character before or behind a place is a member.
fn is_beside(set: &Set, line: &[u8], at: usize, ahead: bool) -> bool {
    let beside = match ahead {
        true => decode(line, at),
        false => decode_back(line, at),
    };
    beside.is_some_and(|(code, _)| set.class.contains(code))
}

fn starts_with(line: &[u8], at: usize, text: &[u8]) -> bool {
    line.get(at..).is_some_and(|rest| rest.starts_with(text))
}

/// How many bytes were compared until a text was found not to be at a place, in whole steps. One that is longer than the
/// rest of the line is not compared at all.
#[inline(never)]
fn bytes_alike(line: &[u8], at: usize, text: &[u8]) -> usize {
    let rest = line.get(at..).unwrap_or_default();
    if text.len() < STEP_BYTES || rest.len() < text.len() {
        return 0;
    }
    let pairs = text
        .chunks_exact(STEP_BYTES)
        .zip(rest.chunks_exact(STEP_BYTES));
    STEP_BYTES * pairs.take_while(|(one, other)| one == other).count()
}

/// Whether a condition holds at a place.
#[inline]
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
