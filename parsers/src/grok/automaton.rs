//! The linear engine: the tree as an expression of the `regex` crate. What that crate lacks, look-around
//! and atomic groups, is left out of the expression and checked on the match that was found.
//!
//! Leaving a condition out only adds ways to match and keeps their order. So no match means no match,
//! and a match that passes all checks is the one that backtracking finds first. One that fails a check
//! decides nothing: the line goes to the backtracking machine.

mod translate;

use std::sync::{Arc, OnceLock};

use regex::bytes::{CaptureLocations, Regex, RegexBuilder};

use self::translate::{Check, Translation};
use super::Capture;
use super::machine::{Machine, Scratch, UNSET, Verdict};
use super::tree::Node;

/// The compiled automaton may take this much memory; the largest published pattern takes a third of it.
const REGEX_BYTES_MAX: usize = 16 << 20;
/// The cache of its states, for each thread that uses it.
const CACHE_BYTES_MAX: usize = 4 << 20;
/// Steps that one check may take; atomic groups are short.
const CHECK_STEPS_MAX: u64 = 10_000;

/// An expression as an automaton. It is built when the first line needs it: for most expressions none ever
/// does, and building takes milliseconds and megabytes.
pub(super) struct Automaton {
    translation: Translation,
    regex: OnceLock<Option<Arc<Regex>>>,
}

/// What the automaton can say of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Match,
    NoMatch,
    Undecided,
}

/// The locations of one expression's groups, kept to be used again.
#[derive(Default)]
pub(super) struct Locations {
    kept: Vec<(Arc<Regex>, CaptureLocations)>,
}

/// Expressions that one thread keeps locations for; more than any published pipeline has.
const LOCATIONS_MAX: usize = 1024;

impl Automaton {
    /// The reason when it cannot be one.
    pub fn prepare(tree: &Node, captures: &[Capture]) -> Result<Self, String> {
        let translation = translate::translate(tree, captures)?;
        Ok(Self {
            translation,
            regex: OnceLock::new(),
        })
    }

    /// Builds it now; false when it is too large.
    pub fn is_sound(&self) -> bool {
        self.regex().is_some()
    }

    /// Whether conditions were left out that a match must pass.
    pub fn has_checks(&self) -> bool {
        !self.translation.checks.is_empty()
    }

    fn regex(&self) -> Option<&Arc<Regex>> {
        let build = || {
            RegexBuilder::new(&self.translation.expression)
                .size_limit(REGEX_BYTES_MAX)
                .dfa_size_limit(CACHE_BYTES_MAX)
                .nest_limit(1000)
                .build()
        };
        self.regex
            .get_or_init(|| build().ok().map(Arc::new))
            .as_ref()
    }

    /// Looks for the leftmost match; the spans are set on `Match` only.
    pub fn search(&self, line: &[u8], scratch: &mut Scratch, locations: &mut Locations) -> Answer {
        // The automaton sees no line behind a last newline as Oniguruma does, nor stray bytes as we do.
        let has_late_line = self.translation.has_line_start && line.ends_with(b"\n");
        if has_late_line || std::str::from_utf8(line).is_err() {
            return Answer::Undecided;
        }
        let Some(regex) = self.regex() else {
            return Answer::Undecided;
        };
        let found = locations.of(regex);
        if regex.captures_read(found, line).is_none() {
            return Answer::NoMatch;
        }
        if !self
            .translation
            .checks
            .iter()
            .all(|check| passes(check, found, line, scratch))
        {
            return Answer::Undecided;
        }
        scratch.spans.fill(UNSET);
        for (index, slot) in self.translation.slots.iter().enumerate() {
            if let Some(slot) = slot
                && let Some((start, end)) = found.get(index + 1)
            {
                scratch.spans[2 * slot] = start;
                scratch.spans[2 * slot + 1] = end;
            }
        }
        Answer::Match
    }
}

impl Locations {
    fn of(&mut self, regex: &Arc<Regex>) -> &mut CaptureLocations {
        let index = match self
            .kept
            .iter()
            .position(|(kept, _)| Arc::ptr_eq(kept, regex))
        {
            Some(index) => index,
            None => {
                if self.kept.len() == LOCATIONS_MAX {
                    self.kept.clear();
                }
                self.kept.push((regex.clone(), regex.capture_locations()));
                self.kept.len() - 1
            }
        };
        &mut self.kept[index].1
    }
}

/// Whether the condition that was left out holds where the match took its place.
fn passes(check: &Check, found: &CaptureLocations, line: &[u8], scratch: &mut Scratch) -> bool {
    let group = match check {
        Check::Look { group, .. } | Check::Atomic { group, .. } => *group,
    };
    // The match went another way than through this piece.
    let Some((start, end)) = found.get(group) else {
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
    }
}
