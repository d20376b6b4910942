//! The engines by name, and the bounds of their work.

/// The engine that an expression is matched with first, the best one first. All have the same result. It prints as
/// `scanner`, `automaton` or `backtracker`.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Patterns, Tier};
///
/// let grok = Grok::compile(r"^(?<x>\w)(?:a|ab|c\k<x>)*$", &Patterns::legacy(), Options::default())?;
/// assert_eq!(grok.tier(), Tier::Backtracker);
/// assert!(grok.tier_reason().contains("back reference"), "{}", grok.tier_reason());
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Decided choices and hand-written parsers of the known patterns.
    Scanner,
    /// An automaton of the crate regex-automata: linear time.
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
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Patterns, WorstCase};
///
/// let grok = Grok::compile("^%{WORD:verb} %{NOTSPACE:path}", &Patterns::legacy(), Options::default())?;
/// assert_eq!(grok.worst_case(), WorstCase::Linear);
/// assert_eq!(grok.worst_case().to_string(), "linear in the line");
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorstCase {
    /// A time in proportion to the line, whatever the line.
    Linear,
    /// In proportion to the line too, but for lines where look-around, an atomic group or a `^` behind the last newline
    /// rejects what the automaton found: they may take so many steps of the backtracker.
    LinearUnlessRejected(u64),
    /// So many steps; then the outcome is [`Outcome::BudgetSpent`](super::Outcome::BudgetSpent).
    Steps(u64),
}

impl std::fmt::Display for WorstCase {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Linear => out.write_str("linear in the line"),
            Self::LinearUnlessRejected(steps) => write!(
                out,
                "linear in the line, {steps} steps where look-around, an atomic group or a ^ at its end rejects what was found"
            ),
            Self::Steps(steps) => write!(out, "{steps} steps"),
        }
    }
}
