//! A tree compiled to the operations of the matching machine. Where the next byte decides a choice, or
//! a hand-written parser knows a definition, the compiler says so; the result stays the same.

mod emit;
mod gates;
mod join;
mod needle;
mod start;

pub(super) use self::gates::GATES_MAX;
pub(super) use self::needle::{Needle, Short};

use std::sync::Arc;

use super::class::{Class, decode};
use super::first::First;
use super::token::{Parser, Sign, Token};
use super::tree::Assert;

/// How much the compiler may presume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Nothing: one operation for each piece. What `explain` runs, and a yardstick of the tests. Where runs of any text lie
    /// is noted too, in spans behind those of the captures.
    Plain,
    /// Decided choices, and runs in one operation.
    Optimised,
    /// Hand-written parsers of known definitions besides. On some lines they decline.
    Scanner,
}

impl Level {
    pub fn is_optimised(self) -> bool {
        matches!(self, Self::Optimised | Self::Scanner)
    }
}

/// Operations in their order; each falls through to the next one unless it says where to go.
#[derive(Debug)]
pub(super) struct Program {
    pub ops: Vec<Op>,
    pub sets: Vec<Set>,
    pub guards: Vec<First>,
    pub finders: Vec<Needle>,
    pub registers: usize,
    /// What the whole expression can begin with.
    pub first: First,
    pub start: Start,
    /// The tokens that a match begins with, one of them each; empty when it can begin otherwise too.
    pub leads: Vec<Token>,
    /// The sign of the token that every match begins with, where it has one.
    pub sign: Option<Sign>,
    /// The texts of the gates, the rarest first.
    pub gates: Vec<Needle>,
    /// The end of the program that can rule out a line by itself.
    pub tail: Option<Tail>,
    /// Whether a bound of a span can be set again after a failure, so that its old value matters.
    pub undoes_spans: bool,
    /// A text that every match holds.
    pub required: Option<Needle>,
    /// Why a run can go back more than a little, if it can: then the automaton is the better engine.
    pub open_choice: Option<String>,
    /// Whether a run or a repeated group, outside of others, can end in any number of places.
    pub has_open_run: bool,
    /// The name of a back reference, if there is one.
    pub back_reference: Option<String>,
    /// How many spans of runs of any text lie behind those of the captures; only at `Level::Plain`.
    pub any_runs: usize,
    /// For each operation the piece of the expression it stems from.
    pub origins: Vec<u32>,
    pub pieces: Vec<Piece>,
    /// The register that counts what was passed of the expression; only at `Level::Plain`.
    pub passed: Option<u16>,
}

/// What `explain` tells as a whole.
#[derive(Debug)]
pub(super) struct Piece {
    /// As the user wrote it.
    pub name: String,
    /// Whether it was passed; the same one in all rounds of a repetition.
    pub register: u16,
    /// How much of the expression it is: a text's bytes, nothing for a run of any text, or else one.
    pub weight: usize,
}

/// What comes behind a gate, which depends on nothing that came before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    pub gate: u8,
    /// The length of its text.
    pub gate_bytes: usize,
    /// The operation before the gate, if it looks for the gate's last place.
    pub search: Option<usize>,
    /// Of the operation behind the gate.
    pub address: usize,
    /// Bounds of spans from this one on are set in the tail, those before it are set before.
    pub bound: usize,
    /// Whether it holds no choice: where its preferred way fails, all of it does.
    pub is_decided: bool,
}

/// Where a match can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Anywhere,
    /// At the start of the text only.
    Text,
    /// At the start of any line.
    Line,
}

/// Stands for the number of a gate where a text is none.
pub(super) const NO_GATE: u8 = u8::MAX;

pub(super) type Address = u32;
pub(super) type SetIndex = u16;
pub(super) type GuardIndex = u16;

/// The piece of operations inside a look-around: `explain` tells that as a whole.
pub(super) const UNTOLD: u32 = u32::MAX;

/// The number that stands for "without limit".
pub(super) const UNLIMITED: u32 = u32::MAX;

///
/// The tag is a byte of its own: found inside of a field it cost the machine a tenth of its time.
#[derive(Debug, Clone)]
#[repr(u8)]
pub(super) enum Op {
    Literal(Box<[u8]>),
    /// A text of up to eight bytes, compared at once.
    Short(Short),
    /// A short text that every match passes once, after which all depends on the place alone: from where the rest
    /// failed once, it need not be tried again.
    Gate {
        text: Short,
        gate: u8,
    },
    /// One character of a set.
    One(SetIndex),
    /// As many characters as there are; nothing is given back.
    Run {
        set: SetIndex,
        min: u32,
        max: u32,
    },
    /// As many as there are, then fewer, where the guard admits what follows.
    Greedy {
        set: SetIndex,
        min: u32,
        max: u32,
        guard: GuardIndex,
    },
    /// As few as there can be, then more, where the guard admits what follows.
    Lazy {
        set: SetIndex,
        min: u32,
        max: u32,
        guard: GuardIndex,
    },
    /// Anything up to the first, the second ... place of a text.
    FindNext {
        finder: u16,
        min: u32,
    },
    /// Anything up to the last, the last but one ... place of a text.
    FindLast {
        finder: u16,
        min: u32,
    },
    /// The first way is preferred; each is gone only if its guard admits the next byte.
    Split {
        first: Address,
        second: Address,
        first_guard: GuardIndex,
        second_guard: GuardIndex,
    },
    Jump(Address),
    /// Notes the place in a span: even numbers are starts, odd ones are ends.
    Save(u32),
    Assert(Assert),
    /// A look at the one character before or behind the place.
    Beside {
        set: SetIndex,
        ahead: bool,
        negative: bool,
    },
    /// Notes the place and the height of the stack.
    Mark(u16),
    /// Forgets all choices since the mark; the place stays.
    Cut(u16),
    /// Forgets all choices since the mark and goes back to its place.
    Return(u16),
    /// Notes the mark; a failure from here on goes to the address: the look-around is satisfied.
    Unless {
        register: u16,
        otherwise: Address,
    },
    /// The body of a negative look-around matched: fails for good.
    Refuse(u16),
    /// Goes back so many characters.
    StepBack(u32),
    /// Notes the place at the start of a round that may be empty.
    Round(u16),
    /// A piece lies behind.
    Passed(u32),
    /// Leaves the loop after an empty round.
    NonEmpty {
        register: u16,
        exit: Address,
    },
    /// The text of the last of these captures that fits.
    Back(Box<[u32]>),
    /// A hand-written parser; and the text behind it, the next operation, which is passed over then.
    Token {
        token: Token,
        /// The number of the text's gate, or `NO_GATE`.
        gate: u8,
        parser: Parser,
        text: Short,
    },
    /// The same with its span.
    CapturedToken {
        token: Token,
        gate: u8,
        slot: u32,
        parser: Parser,
        text: Short,
    },
    /// A run and its span in one step.
    CapturedRun {
        set: SetIndex,
        min: u32,
        slot: u32,
    },
    Match,
}

impl Op {
    /// The operation for a token that no text follows yet.
    pub fn token(token: Token) -> Self {
        Op::Token {
            token,
            gate: NO_GATE,
            parser: token.parser(),
            text: Short::NONE,
        }
    }

    /// The operation that compares a text fastest.
    pub fn text(text: &[u8]) -> Self {
        match Short::new(text) {
            Some(text) if !text.is_empty() => Op::Short(text),
            _ => Op::Literal(text.into()),
        }
    }
}

/// A set of characters, ready for the line's bytes.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub class: Arc<Class>,
    bytes: Box<[bool; 256]>,
    kind: SetKind,
    is_any: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SetKind {
    Ascii,
    /// ASCII members and everything beyond.
    AllBeyond,
    /// Members beyond ASCII must be looked up.
    Mixed,
}

impl Set {
    pub fn new(class: Arc<Class>) -> Self {
        let kind = if class.is_ascii() {
            SetKind::Ascii
        } else if class.holds_all_beyond_ascii() {
            SetKind::AllBeyond
        } else {
            SetKind::Mixed
        };
        let mut bytes = Box::new([kind == SetKind::AllBeyond; 256]);
        for (code, entry) in (0..0x80).zip(bytes.iter_mut()) {
            *entry = class.contains(code);
        }
        let is_any = *class == Class::any();
        Self {
            class,
            bytes,
            kind,
            is_any,
        }
    }

    /// The length of the character at the place, if it is of the set.
    #[inline]
    pub fn one(&self, line: &[u8], at: usize) -> Option<usize> {
        let byte = *line.get(at)?;
        if byte < 0x80 {
            return self.bytes[usize::from(byte)].then_some(1);
        }
        self.one_beyond_ascii(line, at)
    }

    fn one_beyond_ascii(&self, line: &[u8], at: usize) -> Option<usize> {
        let (code, length) = decode(line, at)?;
        self.class.contains(code).then_some(length)
    }

    /// Whether every character is a member.
    pub fn is_any(&self) -> bool {
        self.is_any
    }

    /// Whether a run without a count may be taken byte by byte.
    pub fn is_bytewise(&self) -> bool {
        self.kind != SetKind::Mixed
    }

    /// The end of the longest run of members from the place, if it has enough of them.
    #[inline]
    pub fn run(&self, line: &[u8], at: usize, min: u32, max: u32) -> Option<usize> {
        if max == UNLIMITED && min <= 1 && self.is_bytewise() {
            let end = self.byte_run(line, at);
            return (min == 0 || at < end).then_some(end);
        }
        let (end, count) = self.counted_run(line, at, max);
        (min <= count).then_some(end)
    }

    /// The end of at most so many members, and how many there are.
    pub fn counted_run(&self, line: &[u8], at: usize, max: u32) -> (usize, u32) {
        let mut end = at;
        let mut count = 0;
        while count < max {
            let Some(length) = self.one(line, end) else {
                break;
            };
            end += length;
            count += 1;
        }
        (end, count)
    }

    #[inline]
    pub fn byte_run(&self, line: &[u8], at: usize) -> usize {
        let mut end = at;
        let is_member = |byte: &u8| self.bytes[usize::from(*byte)];
        // Four at once are faster than one by one, though the last ones are looked at twice.
        while let Some([first, second, third, fourth]) =
            line.get(end..).and_then(<[u8]>::first_chunk)
            && is_member(first) & is_member(second) & is_member(third) & is_member(fourth)
        {
            end += 4;
        }
        while line.get(end).is_some_and(is_member) {
            end += 1;
        }
        end
    }
}
