//! Why a line does not match: how far the expression got, and what it wanted there; the same for each of its
//! alternatives. The machine that matches runs here too, with the plain program, so that each failure belongs to a piece
//! that the user wrote.

mod choice;
mod looks;

use std::ops::Range;

use super::machine::{Furthest, Machine, Scratch, UNSET, Verdict};
use super::program::{Level, Program};
use super::tree::Node;
use super::{Grok, Outcome};
use choice::{Choice, Round};
use looks::without_looks;

/// More alternatives than this are not told: nobody reads them.
pub(super) const ALTERNATIVES_MAX: usize = 32;

/// Captures by their index.
type Captured = Vec<(usize, Range<usize>)>;

/// Steps that the compilation of an operation of an alternative is counted as.
const COMPILE_STEPS: u64 = 4;

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
#[non_exhaustive]
pub struct Explanation {
    /// Whether the line matches. It can be [`Outcome::BudgetSpent`] where [`Grok::search`] decides, with an engine or a
    /// short cut that would not show how far the line came; it never says another thing besides.
    pub outcome: Outcome,
    /// Where the piece begins that failed furthest. An attempt's is the one with the most bytes behind it, those of runs of
    /// any text (`.*`) not counted, since they tell nothing of the line. Of the attempts at the places of the line that one
    /// is told that came furthest in the expression: each byte of its texts counts, and each other piece once, however long
    /// it is and however often it is repeated. Of those that came as far there, the one with the most bytes. Where the line
    /// would match but for look-around, such as `(?!bad)`, the attempt that this stopped is told. The match's end if there
    /// is one.
    pub offset: usize,
    /// How far that piece itself had come: the place of the byte that did not fit. A look-around comes nowhere.
    pub reached: usize,
    /// What was expected there: `%{NUMBER:bytes}`, `" HTTP/"`, `\d{4}`, `(?!bad)`, `$`. It means what was written, in other
    /// letters sometimes, and what is longer than 60 of them ends in `...`. Empty after a match.
    pub expected: String,
    /// The captures that were complete by then, by their index in [`Grok::captures`].
    pub captured: Vec<(usize, Range<usize>)>,
    /// The part of the line that is left.
    pub rest: Range<usize>,
    /// How far each alternative got: first those of the choice in which the line failed, be it the whole expression,
    /// `A|B|C`, or a group in it, `x (?:A|B)`, with those of the groups inside them; in a group that is
    /// repeated those of the round in which the line failed; then what else could have stood at
    /// `offset` instead of `expected`. Empty after a match; 32 of them at most.
    pub alternatives: Vec<Alternative>,
}

/// How far one alternative of an expression got.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Patterns};
///
/// let grok = Grok::compile("^a %{INT:n}$|^a b %{INT:m}$", &Patterns::legacy(), Options::default())?;
/// let told = grok.explain(b"a b c");
/// let second = told.alternatives.iter().find(|one| one.branch == [1]).expect("there are two");
/// assert_eq!((second.offset, second.expected.as_str()), (4, "%{INT:m}"));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alternative {
    /// Which one it is, counted from 0: of the alternatives that the expression consists of, or else of the group in it that
    /// the line did not get through; then of the group in that alternative, and so on. Empty for what else could have stood
    /// at the place of failure.
    pub branch: Vec<usize>,
    /// Where the piece begins that failed.
    pub offset: usize,
    /// How far that piece had come.
    pub reached: usize,
    /// What was expected there.
    pub expected: String,
    /// The captures that were complete by then, by their index in [`Grok::captures`].
    pub captured: Vec<(usize, Range<usize>)>,
}

impl Grok {
    /// Tells how far the line matches and what stops it; meant for people. The machine that backtracks in [`Grok::search`]
    /// does it, with a program that has none of the shortcuts, since each of these would hide how far an alternative came.
    ///
    /// It takes some hundred microseconds usually. It may take [`Grok::steps_max`] steps, and as many again for all
    /// alternatives together, of which each has its share and what those before it have left.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("%{WORD:verb} (?:to %{IP:to}|from %{IP:from})", &Patterns::legacy(), Options::default())?;
    /// let told = grok.explain(b"login at 10.0.0.1");
    /// assert_eq!((told.offset, told.expected.as_str()), (6, "\"to \""));
    /// assert_eq!(told.captured, [(0, 0..5)]);
    /// let others: Vec<&str> = told.alternatives.iter().map(|one| one.expected.as_str()).collect();
    /// assert_eq!(others, ["\"to \"", "\"from \""]);
    ///
    /// let told = grok.explain(b"login from me");
    /// let others: Vec<_> = told.alternatives.iter().map(|one| (one.offset, one.expected.as_str())).collect();
    /// assert_eq!(others, [(6, "\"to \""), (11, "%{IP:from}")]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn explain(&self, line: &[u8]) -> Explanation {
        let compile = || Program::compile(&self.tree, &self.captures, Level::Plain).ok();
        let plain = self.plain.get_or_init(compile);
        // The plain program can be too large where the other one, with its known tokens, is not.
        let program = plain.as_ref().unwrap_or(&self.program);
        let mut scratch = self.scratch(program);
        let mut steps = self.steps_max;
        let (outcome, end, furthest) =
            self.trace((&self.tree, program), line, &mut scratch, &mut steps);
        if outcome == Outcome::Match {
            return Explanation {
                outcome,
                offset: end,
                reached: end,
                expected: String::new(),
                captured: self.spans(&scratch.spans),
                rest: end..line.len(),
                alternatives: Vec::new(),
            };
        }
        steps = self.steps_max;
        let mut alternatives = self.branches(line, &furthest, &mut steps);
        for other in self.beside(program, line, &furthest, steps) {
            let is_told = |known: &Alternative| {
                known.offset == other.offset && known.expected == other.expected
            };
            if !alternatives.iter().any(is_told) {
                alternatives.push(other);
            }
        }
        alternatives.truncate(ALTERNATIVES_MAX);
        Explanation {
            outcome,
            offset: furthest.piece_at,
            reached: furthest.reached.max(furthest.piece_at),
            expected: name_of(program, furthest.piece),
            captured: self.spans(&furthest.spans),
            rest: furthest.piece_at..line.len(),
            alternatives,
        }
    }

    fn scratch(&self, program: &Program) -> Scratch {
        let mut scratch = Scratch::default();
        scratch.prepare(self.captures.len() + program.any_runs);
        scratch
    }

    /// Searches with the program of a tree and notes where it got furthest. The steps that it takes are taken off.
    fn trace(
        &self,
        (tree, program): (&Node, &Program),
        line: &[u8],
        scratch: &mut Scratch,
        steps: &mut u64,
    ) -> (Outcome, usize, Furthest) {
        let mut machine = Machine::new(program, line, scratch, *steps);
        machine.note_furthest();
        let outcome = match machine.search() {
            Verdict::Match => Outcome::Match,
            Verdict::NoMatch => Outcome::NoMatch,
            Verdict::Spent => Outcome::BudgetSpent,
        };
        *steps = machine.steps_left();
        let (end, mut furthest) = (machine.end(), machine.into_furthest());
        if outcome == Outcome::NoMatch
            && let Some(start) = self.start_without_looks(tree, line, steps)
        {
            let mut machine = Machine::new(program, line, scratch, *steps);
            machine.note_furthest();
            let verdict = machine.attempt(start);
            *steps = machine.steps_left();
            if verdict == Verdict::NoMatch {
                furthest = machine.into_furthest();
            }
        }
        (outcome, end, furthest)
    }

    /// Where the line would match, were it not for look-around: that stops it, wherever other attempts come to.
    fn start_without_looks(&self, tree: &Node, line: &[u8], steps: &mut u64) -> Option<usize> {
        let lenient = without_looks(tree);
        if lenient == *tree {
            return None;
        }
        let program = Program::compile(&lenient, &self.captures, Level::Plain).ok()?;
        *steps = steps.saturating_sub(COMPILE_STEPS * program.ops.len() as u64);
        let mut scratch = self.scratch(&program);
        let mut machine = Machine::new(&program, line, &mut scratch, *steps);
        machine.note_furthest();
        let verdict = machine.search();
        *steps = machine.steps_left();
        (verdict == Verdict::Match).then(|| machine.attempt_at())
    }

    /// Each alternative of the choice in which the line failed, and of the choices in those, by itself.
    fn branches(&self, line: &[u8], furthest: &Furthest, steps: &mut u64) -> Vec<Alternative> {
        let mut told = Vec::new();
        if let Some(choice) = Choice::around(&self.tree, furthest.piece, &self.captures) {
            self.alternatives_of(&choice, line, steps, &mut Vec::new(), &mut told);
        } else if let Some(round) = Round::around(&self.tree, furthest.piece, &self.captures) {
            told = self
                .round(&round, line, furthest, steps)
                .unwrap_or_default();
        }
        told
    }

    /// Where the round began in which the line failed, and what was captured by then.
    fn round_start(
        &self,
        round: &Round<'_>,
        line: &[u8],
        furthest: &Furthest,
        steps: &mut u64,
    ) -> Option<(usize, Captured)> {
        let before = Program::compile(&round.before(), &self.captures, Level::Plain).ok()?;
        let mut scratch = self.scratch(&before);
        for place in (furthest.attempt_at..=furthest.piece_at).rev() {
            if *steps == 0 {
                break;
            }
            let text = line.get(..place)?;
            let mut machine = Machine::new(&before, text, &mut scratch, *steps);
            let verdict = machine.attempt(furthest.attempt_at);
            *steps = machine.steps_left().saturating_sub(COMPILE_STEPS);
            if verdict == Verdict::Match {
                return Some((place, self.spans(&scratch.spans)));
            }
        }
        None
    }

    /// Each alternative of a choice in a repeated group, in the round in which the line failed.
    fn round(
        &self,
        round: &Round<'_>,
        line: &[u8],
        furthest: &Furthest,
        steps: &mut u64,
    ) -> Option<Vec<Alternative>> {
        let (start, earlier) = self.round_start(round, line, furthest, steps)?;
        let mut told = Vec::new();
        for (index, alternative) in round.alternatives.iter().take(ALTERNATIVES_MAX).enumerate() {
            let tree = round.narrowed(alternative);
            let Ok(program) = Program::compile(&tree, &self.captures, Level::Plain) else {
                continue;
            };
            *steps = steps.saturating_sub(COMPILE_STEPS * program.ops.len() as u64);
            let mut scratch = self.scratch(&program);
            let mut machine = Machine::new(&program, line, &mut scratch, *steps);
            machine.note_furthest();
            let verdict = machine.attempt(start);
            *steps = machine.steps_left();
            if verdict != Verdict::NoMatch {
                // It was not the trouble, or there are no steps left.
                continue;
            }
            let furthest = machine.into_furthest();
            let mut alternative = self.told(vec![index], &program, &furthest);
            let captured = &mut alternative.captured;
            captured.extend(earlier.iter().cloned());
            captured.sort_by_key(|(index, _)| *index);
            captured.dedup_by_key(|(index, _)| *index);
            told.push(alternative);
        }
        Some(told)
    }

    fn alternatives_of(
        &self,
        choice: &Choice<'_>,
        line: &[u8],
        steps: &mut u64,
        branch: &mut Vec<usize>,
        told: &mut Vec<Alternative>,
    ) {
        let mut left = choice.alternatives.len().min(ALTERNATIVES_MAX) as u64;
        for (index, alternative) in choice.alternatives.iter().enumerate() {
            if *steps == 0 || ALTERNATIVES_MAX <= told.len() {
                return;
            }
            // Each has its share, and what those before it have left.
            let share = *steps / left.max(1);
            let mut own = share;
            left = left.saturating_sub(1);
            let tree = choice.narrowed(alternative);
            let Ok(program) = Program::compile(&tree, &self.captures, Level::Plain) else {
                continue;
            };
            // Compiling costs as well, here and for the choices inside.
            own = own.saturating_sub(COMPILE_STEPS * program.ops.len() as u64);
            let mut scratch = self.scratch(&program);
            let (outcome, _, furthest) =
                self.trace((&tree, &program), line, &mut scratch, &mut own);
            branch.push(index);
            match Choice::around(&tree, furthest.piece, &self.captures) {
                // It would match, were the choice not final.
                _ if outcome == Outcome::Match => {}
                Some(inner) if inner.is_within(choice) => {
                    self.alternatives_of(&inner, line, &mut own, branch, told);
                }
                _ => told.push(self.told(branch.clone(), &program, &furthest)),
            }
            branch.pop();
            *steps -= share - own;
        }
    }

    /// How far the program of an alternative got.
    fn told(&self, branch: Vec<usize>, program: &Program, furthest: &Furthest) -> Alternative {
        Alternative {
            branch,
            offset: furthest.piece_at,
            reached: furthest.reached.max(furthest.piece_at),
            expected: name_of(program, furthest.piece),
            captured: self.spans(&furthest.spans),
        }
    }

    /// What else could have stood at the place of failure: the attempt once more.
    fn beside(
        &self,
        program: &Program,
        line: &[u8],
        furthest: &Furthest,
        steps: u64,
    ) -> Vec<Alternative> {
        let mut scratch = self.scratch(program);
        let mut machine = Machine::new(program, line, &mut scratch, steps);
        machine.note_beside(furthest.piece_at);
        // Its verdict is known; only the notes count.
        machine.attempt(furthest.attempt_at);
        let own = name_of(program, furthest.piece);
        let mut told: Vec<Alternative> = Vec::new();
        for failed in machine.into_beside() {
            let expected = name_of(program, failed.piece);
            if expected == own || told.iter().any(|known| known.expected == expected) {
                continue;
            }
            told.push(Alternative {
                branch: Vec::new(),
                offset: furthest.piece_at,
                reached: failed.reached,
                expected,
                captured: self.spans(&failed.spans),
            });
        }
        told
    }

    /// The captures that are complete.
    fn spans(&self, bounds: &[usize]) -> Captured {
        let complete = |pair: &[usize]| match pair {
            [start, end] if *end != UNSET && start <= end => Some(*start..*end),
            _ => None,
        };
        bounds
            .chunks(2)
            .take(self.captures.len())
            .enumerate()
            .filter_map(|(index, pair)| Some((index, complete(pair)?)))
            .collect()
    }
}

/// A piece as the user wrote it.
fn name_of(program: &Program, piece: u32) -> String {
    (piece as usize)
        .checked_sub(1)
        .and_then(|piece| program.pieces.get(piece))
        .map_or_else(String::new, |piece| piece.name.clone())
}
