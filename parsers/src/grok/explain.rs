//! Why a line does not match: how far the expression got, and what it wanted there; the same for each of its
//! alternatives. The machine that matches runs here too, with the plain program, so that each failure belongs to a piece
//! that the user wrote.

use std::ops::Range;

use super::machine::{Furthest, Machine, Scratch, UNSET, Verdict};
use super::program::{Level, Program};
use super::tree::{Look, Node};
use super::{Grok, Outcome};

/// More alternatives than this are not told: nobody reads them.
pub(super) const ALTERNATIVES_MAX: usize = 32;

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
    /// Where the piece begins that failed furthest in the line, of all ways through the expression; the match's end if
    /// there is one.
    pub offset: usize,
    /// How far that piece itself had come: the place of the byte that did not fit.
    pub reached: usize,
    /// What was expected there: `%{NUMBER:bytes}`, `" HTTP/"`, `$`. Empty after a match.
    pub expected: String,
    /// The captures that were complete by then, by their index in [`Grok::captures`].
    pub captured: Vec<(usize, Range<usize>)>,
    /// The part of the line that is left.
    pub rest: Range<usize>,
    /// How far each alternative got: first those that the whole expression consists of, `A|B|C`, then what could have
    /// stood at `offset` instead of `expected`. Empty after a match; 32 of them at most.
    pub alternatives: Vec<Alternative>,
}

/// How far one alternative of an expression got.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Patterns};
///
/// let grok = Grok::compile("^a %{INT:n}$|^a b %{INT:m}$", &Patterns::legacy(), Options::default())?;
/// let told = grok.explain(b"a b c");
/// let second = told.alternatives.iter().find(|one| one.branch == Some(1)).expect("there are two");
/// assert_eq!((second.offset, second.expected.as_str()), (4, "%{INT:m}"));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alternative {
    /// Which of the expression's own alternatives it is, counted from 0; `None` for a choice at the place of failure.
    pub branch: Option<usize>,
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
    /// alternatives together; those for which no steps are left are not told.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("%{WORD:verb} (?:to %{IP:to}|from %{IP:from})", &Patterns::legacy(), Options::default())?;
    /// let told = grok.explain(b"login at 10.0.0.1");
    /// assert_eq!((told.offset, told.expected.as_str()), (6, "\"to \""));
    /// assert_eq!(told.captured, [(0, 0..5)]);
    /// let others: Vec<&str> = told.alternatives.iter().map(|one| one.expected.as_str()).collect();
    /// assert_eq!(others, ["\"from \""]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn explain(&self, line: &[u8]) -> Explanation {
        let compile = || Program::compile(&self.tree, &self.captures, Level::Plain).ok();
        let plain = self.plain.get_or_init(compile);
        // The plain program can be too large where the other one, with its known tokens, is not.
        let program = plain.as_ref().unwrap_or(&self.program);
        let mut scratch = self.scratch(program);
        let mut steps = self.steps_max;
        let (outcome, end, furthest) = self.trace(program, line, &mut scratch, &mut steps);
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
        let mut alternatives = self.branches(line, &mut steps);
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

    /// Searches and notes where it got furthest. The steps that it takes are taken off.
    fn trace(
        &self,
        program: &Program,
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
        (outcome, machine.end(), machine.into_furthest())
    }

    /// Each alternative of the whole expression by itself.
    fn branches(&self, line: &[u8], steps: &mut u64) -> Vec<Alternative> {
        let mut told = Vec::new();
        for (index, branch) in alternatives(&self.tree).iter().enumerate() {
            if *steps == 0 {
                break;
            }
            let Ok(program) = Program::compile(branch, &self.captures, Level::Plain) else {
                continue;
            };
            let mut scratch = self.scratch(&program);
            let (_, _, furthest) = self.trace(&program, line, &mut scratch, steps);
            told.push(Alternative {
                branch: Some(index),
                offset: furthest.piece_at,
                reached: furthest.reached.max(furthest.piece_at),
                expected: name_of(&program, furthest.piece),
                captured: self.spans(&furthest.spans),
            });
        }
        told
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
        for failed in machine.into_furthest().beside {
            let expected = name_of(program, failed.piece);
            if expected == own || told.iter().any(|known| known.expected == expected) {
                continue;
            }
            told.push(Alternative {
                branch: None,
                offset: furthest.piece_at,
                reached: failed.reached,
                expected,
                captured: self.spans(&failed.spans),
            });
        }
        told
    }

    /// The captures that are complete.
    fn spans(&self, bounds: &[usize]) -> Vec<(usize, Range<usize>)> {
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

/// The alternatives that a whole expression consists of; none when it is a sequence or a single piece. References without
/// captures, such as `%{IP}`, count as one piece.
fn alternatives(node: &Node) -> Vec<Node> {
    let wrapped = |body: &Node, wrap: &dyn Fn(Node) -> Node| {
        alternatives(body).into_iter().map(wrap).collect()
    };
    match node {
        Node::Alternate(nodes) => nodes.iter().take(ALTERNATIVES_MAX).cloned().collect(),
        Node::Named { name, body } if body.has_captures() => wrapped(body, &|body| Node::Named {
            name: name.clone(),
            body: Box::new(body),
        }),
        Node::Capture { slot, body } if body.has_captures() => {
            wrapped(body, &|body| Node::Capture {
                slot: *slot,
                body: Box::new(body),
            })
        }
        Node::Concat(nodes) => {
            let mut open = nodes
                .iter()
                .enumerate()
                .filter(|(_, node)| !is_condition(node));
            match (open.next(), open.next()) {
                // Anchors around a choice are no part of it.
                (Some((at, choice)), None) => wrapped(choice, &|branch| {
                    let mut nodes = nodes.clone();
                    if let Some(node) = nodes.get_mut(at) {
                        *node = branch;
                    }
                    Node::Concat(nodes)
                }),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn is_condition(node: &Node) -> bool {
    matches!(
        node,
        Node::Empty | Node::Assert(_) | Node::Look(Look { .. })
    )
}

/// A piece as the user wrote it.
fn name_of(program: &Program, piece: u32) -> String {
    (piece as usize)
        .checked_sub(1)
        .and_then(|piece| program.pieces.get(piece))
        .cloned()
        .unwrap_or_default()
}
