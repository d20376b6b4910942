//! Grok: expressions with named patterns, `%{IP:client} %{NUMBER:bytes:int}`, compiled once and matched
//! against many lines. Spans of the line come out; no text is copied and no value is converted here,
//! though [`parse_int`] and its kin say how that is done.
//!
//! The meaning is that of Logstash, which is Oniguruma's with Ruby's syntax: the leftmost match, found by
//! backtracking; `.` takes newlines, `^` and `$` are the bounds of lines. Which engine does the work is
//! chosen at compilation, by what is fastest and exactly right; see [`Tier`].
//!
//! ```
//! use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
//!
//! let patterns = Patterns::legacy();
//! let grok = Grok::compile("%{IP:client} %{NUMBER:bytes:int}", &patterns, Options::default())?;
//! let mut slots = Slots::new();
//! assert_eq!(grok.search(b"from 10.0.0.1 173", &mut slots), Outcome::Match);
//! assert_eq!(grok.captures()[1].field, "bytes");
//! assert_eq!(slots.span(1), Some(14..17));
//! # Ok::<(), sawlog_parsers::Error>(())
//! ```

#[cfg(test)]
mod agreement;
mod automaton;
mod class;
mod explain;
mod first;
mod machine;
mod needed;
mod number;
mod parse;
mod patterns;
mod program;
mod set;
mod token;
mod tree;

pub use self::explain::{Alternative, Explanation};
pub use self::number::{parse_boolean, parse_float, parse_int};
pub use self::patterns::Patterns;
pub use self::set::{GrokSet, SetOutcome};

use crate::error::Error;

use self::automaton::{Answer, Automaton, Locations};
use self::machine::{Machine, Scratch, UNSET, Verdict};
use self::needed::Needed;
use self::patterns::EXPRESSION_BYTES_MAX;
use self::program::{Level, Program};
use self::tree::Node;

/// How an expression is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which references capture.
    pub captures: Captures,
    /// The budget of the backtracking machine for one line. It counts steps, not time, so that the same
    /// line has the same result everywhere.
    pub steps_max: u64,
}

impl Default for Options {
    /// Named captures only, and [`STEPS_MAX`].
    fn default() -> Self {
        Self {
            captures: Captures::Named,
            steps_max: STEPS_MAX,
        }
    }
}

/// The usual budget: some 50 ms on a slow core, and more than a thousand times what a line needs.
pub const STEPS_MAX: u64 = 5_000_000;

/// Which references capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captures {
    /// Those with a field: `%{WORD:verb}`, not `%{WORD}`.
    Named,
    /// All; `%{WORD}` is captured as `WORD`.
    All,
}

/// What an expression captures in one place. Several captures may have the same field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The field as written: `client` or `[source][ip]`.
    pub field: String,
    /// What its text is to become.
    pub kind: Kind,
}

/// The type that a captured text is to be converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Stays as it is.
    Text,
    /// By [`parse_int`].
    Int,
    /// By [`parse_float`].
    Float,
    /// By [`parse_int`]; the name that other products have for it.
    Long,
    /// By [`parse_float`]; the name that other products have for it.
    Double,
    /// By [`parse_boolean`].
    Boolean,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The spans are in the slots.
    Match,
    /// The line does not match.
    NoMatch,
    /// The machine gave up: whether the line matches is not known.
    BudgetSpent,
}

/// The engine that an expression is matched with first. It prints as `scanner`, `automaton` or `backtracker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Decided choices and hand-written parsers of the known patterns.
    Scanner,
    /// The `regex` crate: linear time.
    Automaton,
    /// Backtracking within a budget of steps.
    Backtracker,
}

impl std::fmt::Display for Tier {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Scanner => "scanner",
            Self::Automaton => "automaton",
            Self::Backtracker => "backtracker",
        })
    }
}

/// How long a search can take at worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorstCase {
    /// A time in proportion to the line, whatever the line. Only one that is not UTF-8, or ends in a newline, may go to
    /// the backtracker and its budget.
    Linear,
    /// In proportion to the line too, but for lines where look-around or an atomic group rejects what the automaton
    /// found: they may take so many steps of the backtracker.
    LinearUnlessRejected(u64),
    /// So many steps; then the outcome is [`Outcome::BudgetSpent`].
    Steps(u64),
}

impl std::fmt::Display for WorstCase {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Linear => out.write_str("linear in the line"),
            Self::LinearUnlessRejected(steps) => write!(
                out,
                "linear in the line, {steps} steps where look-around or an atomic group rejects what was found"
            ),
            Self::Steps(steps) => write!(out, "{steps} steps"),
        }
    }
}

/// A compiled expression. Any number of threads may search with it at the same time.
pub struct Grok {
    captures: Vec<Capture>,
    warnings: Vec<String>,
    tree: Node,
    /// The fastest program; it declines some lines. `None` when the automaton is asked first.
    scanner: Option<Program>,
    automaton: Option<Automaton>,
    /// The program that decides every line within its budget.
    program: Program,
    tier: Tier,
    tier_reason: String,
    steps_max: u64,
    /// Groups of texts, of each of which every match holds one; none when nothing is known.
    needed: Vec<Needed>,
}

/// The spans of a match, and memory that searches use again. One for each thread serves all expressions.
#[derive(Default)]
pub struct Slots {
    scratch: Scratch,
    locations: Locations,
    /// Which expressions of a set may match, a bit for each.
    candidates: Vec<u64>,
}

impl Slots {
    /// Takes no memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the capture with this index in [`Grok::captures`] lies in the line of the last match; `None`
    /// when the match went another way.
    pub fn span(&self, index: usize) -> Option<std::ops::Range<usize>> {
        let start = *self.scratch.spans.get(2 * index)?;
        let end = *self.scratch.spans.get(2 * index + 1)?;
        (start != UNSET && end != UNSET).then_some(start..end)
    }
}

impl Grok {
    /// Compiles an expression with the definitions in force.
    pub fn compile(expression: &str, patterns: &Patterns, options: Options) -> Result<Self, Error> {
        if EXPRESSION_BYTES_MAX < expression.len() {
            return Err(Error::new(format!(
                "the expression is longer than {EXPRESSION_BYTES_MAX} bytes"
            )));
        }
        let parsed = parse::parse(expression, patterns, options.captures)?;
        let scanner = Program::compile(&parsed.tree, &parsed.captures, Level::Scanner)?;
        let program = Program::compile(&parsed.tree, &parsed.captures, Level::Optimised)?;
        let automaton = Automaton::prepare(&parsed.tree, &parsed.captures);
        let (tier, tier_reason) = choose(&scanner, &automaton);
        Ok(Self {
            needed: needed::needed(&parsed.tree),
            captures: parsed.captures,
            warnings: parsed.warnings,
            tree: parsed.tree,
            scanner: (tier != Tier::Automaton).then_some(scanner),
            automaton: automaton.ok(),
            program,
            tier,
            tier_reason,
            steps_max: options.steps_max,
        })
    }

    /// One for each capture, in the order of their appearance in the expression.
    pub fn captures(&self) -> &[Capture] {
        &self.captures
    }

    /// The engine that is asked first.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Why it is not a better one.
    pub fn tier_reason(&self) -> &str {
        &self.tier_reason
    }

    /// The budget of the backtracking machine for one line, as in [`Options::steps_max`].
    pub fn steps_max(&self) -> u64 {
        self.steps_max
    }

    /// How long a search can take at worst. To know it the automaton is built, which takes some milliseconds; it is meant
    /// for checks of a configuration.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns, WorstCase};
    ///
    /// let compile = |text| Grok::compile(text, &Patterns::legacy(), Options::default());
    /// assert_eq!(compile("%{WORD:a} %{GREEDYDATA:b}")?.worst_case(), WorstCase::Linear);
    /// let twice = compile(r"(?<a>.*) and \k<a>")?;
    /// assert_eq!(twice.worst_case(), WorstCase::Steps(twice.steps_max()));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn worst_case(&self) -> WorstCase {
        match &self.automaton {
            Some(automaton) if automaton.is_sound() => match automaton.has_checks() {
                false => WorstCase::Linear,
                true => WorstCase::LinearUnlessRejected(self.steps_max),
            },
            _ => WorstCase::Steps(self.steps_max),
        }
    }

    /// What is accepted but likely not meant, such as an unknown type.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Looks for the leftmost match. The spans in `slots` count only after `Outcome::Match`.
    pub fn search(&self, line: &[u8], slots: &mut Slots) -> Outcome {
        slots.scratch.spans.clear();
        slots.scratch.spans.resize(2 * self.captures.len(), UNSET);
        if let Some(scanner) = &self.scanner {
            let steps_max = scanner_steps_max(line).min(self.steps_max);
            match Machine::new(scanner, line, &mut slots.scratch, steps_max).search() {
                Verdict::Match => return Outcome::Match,
                Verdict::NoMatch => return Outcome::NoMatch,
                // Not a line for the scanner.
                Verdict::Spent => {}
            }
        }
        if let Some(automaton) = &self.automaton {
            match automaton.search(line, &mut slots.scratch, &mut slots.locations) {
                Answer::Match => return Outcome::Match,
                Answer::NoMatch => return Outcome::NoMatch,
                Answer::Undecided => {}
            }
        }
        // So that a set, which passes over such a line, says the same as the expressions one by one.
        if self.lacks_needed(line) {
            return Outcome::NoMatch;
        }
        match Machine::new(&self.program, line, &mut slots.scratch, self.steps_max).search() {
            Verdict::Match => Outcome::Match,
            Verdict::NoMatch => Outcome::NoMatch,
            Verdict::Spent => Outcome::BudgetSpent,
        }
    }

    /// Whether the line lacks texts that every match holds.
    fn lacks_needed(&self, line: &[u8]) -> bool {
        let is_absent = |text: &[u8]| memchr::memmem::find(line, text).is_none();
        self.needed
            .iter()
            .any(|group| group.texts.iter().all(|text| is_absent(text)))
    }
}

/// What the scanner may spend before the automaton is asked: linear in the line, several times what a
/// line of its kind needs.
fn scanner_steps_max(line: &[u8]) -> u64 {
    1000 + 8 * line.len() as u64
}

fn choose(scanner: &Program, automaton: &Result<Automaton, String>) -> (Tier, String) {
    let Some(reason) = &scanner.open_choice else {
        return (
            Tier::Scanner,
            "every choice is decided or bounded".to_owned(),
        );
    };
    match automaton {
        Ok(automaton) if automaton.is_sound() => (Tier::Automaton, format!("no scanner: {reason}")),
        Ok(_) => (
            Tier::Backtracker,
            format!("no scanner: {reason}; no automaton: it would be too large"),
        ),
        Err(other) => (
            Tier::Backtracker,
            format!("no scanner: {reason}; no automaton: {other}"),
        ),
    }
}
