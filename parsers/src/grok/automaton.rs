//! The linear engine: the tree as an expression of the `regex` crate. What that crate lacks, look-around
//! and atomic groups, is left out of the expression and checked on the match that was found.
//!
//! Leaving a condition out only adds ways to match and keeps their order. So no match means no match,
//! and a match that passes all checks is the one that backtracking finds first. One that fails a check
//! decides nothing: the line goes to the backtracking machine.

mod memory;
mod translate;

use std::sync::{Arc, OnceLock};

use regex_automata::meta::{self, Regex};
use regex_automata::util::syntax;

pub(super) use self::memory::Memory;

use self::memory::Found;
use self::translate::{Check, Translation};
use super::Capture;
use super::machine::{Machine, Scratch, UNSET, Verdict};
use super::tree::Node;

/// The compiled automaton may take this much memory; the largest published pattern takes a third of it.
const REGEX_BYTES_MAX: usize = 16 << 20;
/// The cache of its states, one for each direction, for each thread that uses it.
const CACHE_BYTES_MAX: usize = 4 << 20;
/// Steps that one check may take; atomic groups are short.
const CHECK_STEPS_MAX: u64 = 10_000;

/// An expression as an automaton. It is built when the first line needs it: for most expressions none ever
/// does, and building takes milliseconds and megabytes.
pub(super) struct Automaton {
    translation: Translation,
    regex: OnceLock<Option<Arc<Regex>>>,
    /// The same without tables, which can tell the edges of words in ASCII only.
    without_tables: OnceLock<Option<Arc<Regex>>>,
}

/// What the automaton can say of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Match,
    NoMatch,
    Undecided,
}

impl Automaton {
    /// The reason when it cannot be one.
    pub fn prepare(tree: &Node, captures: &[Capture]) -> Result<Self, String> {
        let translation = translate::translate(tree, captures)?;
        Ok(Self {
            translation,
            regex: OnceLock::new(),
            without_tables: OnceLock::new(),
        })
    }

    /// Builds it now; false when it is too large.
    pub fn is_sound(&self) -> bool {
        self.regex(b"").is_some()
    }

    /// Whether conditions were left out that a match must pass.
    pub fn has_checks(&self) -> bool {
        !self.translation.checks.is_empty()
    }

    /// For such a line. That tables give one up is an error of theirs, which takes memory.
    fn regex(&self, line: &[u8]) -> Option<&Arc<Regex>> {
        let has_tables = !self.translation.has_word_edges || line.is_ascii();
        let cell = if has_tables {
            &self.regex
        } else {
            &self.without_tables
        };
        cell.get_or_init(|| self.build(has_tables)).as_ref()
    }

    fn build(&self, has_tables: bool) -> Option<Arc<Regex>> {
        let limits = meta::Config::new()
            .nfa_size_limit(Some(REGEX_BYTES_MAX))
            .hybrid_cache_capacity(CACHE_BYTES_MAX)
            .hybrid(has_tables)
            .dfa(has_tables)
            .utf8_empty(false);
        let built = meta::Builder::new()
            .configure(limits)
            .syntax(syntax::Config::new().utf8(false).nest_limit(1000))
            .build(&self.translation.expression);
        built.ok().map(Arc::new)
    }

    /// Looks for the leftmost match; the spans are set on `Match` only.
    pub fn search(&self, line: &[u8], scratch: &mut Scratch, memory: &mut Memory) -> Answer {
        let Some(regex) = self.regex(line) else {
            return Answer::Undecided;
        };
        let Some(found) = memory.search(regex, line) else {
            return Answer::NoMatch;
        };
        let mut checks = self.translation.checks.iter();
        if !checks.all(|check| passes(check, &found, line, scratch)) {
            return Answer::Undecided;
        }
        scratch.spans.fill(UNSET);
        for (index, slot) in self.translation.slots.iter().enumerate() {
            if let Some(slot) = slot
                && let Some((start, end)) = found.group(index + 1)
            {
                scratch.spans[2 * slot] = start;
                scratch.spans[2 * slot + 1] = end;
            }
        }
        Answer::Match
    }
}

/// Whether the condition that was left out holds where the match took its place.
fn passes(check: &Check, found: &Found<'_>, line: &[u8], scratch: &mut Scratch) -> bool {
    let group = match check {
        Check::Look { group, .. } | Check::Atomic { group, .. } | Check::LineStart { group } => {
            *group
        }
    };
    // The match went another way than through this piece.
    let Some((start, end)) = found.group(group) else {
        return true;
    };
    match check {
        Check::Look { program, .. } => {
            Machine::new(program, line, scratch, CHECK_STEPS_MAX).attempt(start) == Verdict::Match
        }
        Check::Atomic { program, .. } => {
            let mut machine = Machine::new(program, line, scratch, CHECK_STEPS_MAX);
            machine.attempt(start) == Verdict::Match && machine.end() == end
        }
        Check::LineStart { .. } => start == 0 || start < line.len(),
    }
}
