//! Why a line does not match: how far the expression got, and what it wanted there. The plain program
//! runs here, so that each failure belongs to a piece that the user wrote.

use std::ops::Range;

use super::machine::{Machine, Scratch, UNSET, Verdict};
use super::program::{Level, Program};
use super::{Grok, Outcome};

/// How far a line matched: the attempt that got furthest, told in the pieces that the user wrote.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns};
///
/// let grok = Grok::compile("%{WORD:verb} %{URIPATH:path} %{INT:status:int}", &Patterns::legacy(), Options::default())?;
/// let line = b"GET /index.html -";
/// let explanation = grok.explain(line);
/// assert_eq!(explanation.outcome, Outcome::NoMatch);
/// assert_eq!(explanation.expected, "%{INT:status}");
/// assert_eq!(explanation.captured, [(0, 0..3), (1, 4..15)]);
/// assert_eq!(&line[explanation.rest], b"-");
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the line matches at all.
    pub outcome: Outcome,
    /// The furthest place that any way through the expression reached; the match's end if there is one.
    pub offset: usize,
    /// What was expected there: `%{NUMBER:bytes}`, `" HTTP/"`, `$`. Empty after a match.
    pub expected: String,
    /// The captures that were complete by then, by their index in [`Grok::captures`].
    pub captured: Vec<(usize, Range<usize>)>,
    /// The part of the line that is left.
    pub rest: Range<usize>,
}

impl Grok {
    /// Tells how far the line matches and what stops it. Slow, some hundred microseconds; meant for people.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("%{INT:a} %{INT:b}", &Patterns::legacy(), Options::default())?;
    /// assert_eq!((grok.explain(b"1 x").offset, grok.explain(b"1 2").offset), (2, 3));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn explain(&self, line: &[u8]) -> Explanation {
        let plain = Program::compile(&self.tree, &self.captures, Level::Plain);
        // The plain program can be too large where the other one, with its known tokens, is not.
        let program = plain.as_ref().unwrap_or(&self.program);
        let mut scratch = Scratch::default();
        scratch.spans.resize(2 * self.captures.len(), UNSET);
        let mut machine = Machine::new(program, line, &mut scratch, self.steps_max);
        machine.note_furthest();
        let outcome = match machine.search() {
            Verdict::Match => Outcome::Match,
            Verdict::NoMatch => Outcome::NoMatch,
            Verdict::Spent => Outcome::BudgetSpent,
        };
        let end = machine.end();
        let furthest = machine.into_furthest();
        if outcome == Outcome::Match {
            let captured = spans(&scratch.spans);
            return Explanation {
                outcome,
                offset: end,
                expected: String::new(),
                captured,
                rest: end..line.len(),
            };
        }
        let expected = furthest
            .piece
            .checked_sub(1)
            .and_then(|piece| program.pieces.get(piece as usize))
            .cloned();
        Explanation {
            outcome,
            offset: furthest.piece_at,
            expected: expected.unwrap_or_default(),
            captured: spans(&furthest.spans),
            rest: furthest.piece_at..line.len(),
        }
    }
}

fn spans(bounds: &[usize]) -> Vec<(usize, Range<usize>)> {
    // A capture in a repetition that was entered again has its new start and its old end: it is open.
    let complete = |pair: &[usize]| match pair {
        [start, end] if *end != UNSET && start <= end => Some(*start..*end),
        _ => None,
    };
    bounds
        .chunks(2)
        .enumerate()
        .filter_map(|(index, pair)| Some((index, complete(pair)?)))
        .collect()
}
