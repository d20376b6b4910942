//! The preferred way through a program: at every choice what is tried first, and nothing else.
//!
//! Nearly all lines that match do so on this way, from their start; and what gets to the end on it is what a backtracking
//! search finds first. It needs no memory of choices, gates and void spans, which cost the machine a third of its time.
//! Where it does not get to the end, the machine begins anew.

use super::runs::{last_admitted, least, least_end, left_beyond, shortest};
use super::{Machine, STEP_BYTES, Scratch, UNSET, Verdict, holds, is_beside, starts_with};
use crate::grok::program::{GuardIndex, Op, Program, Set, Short, Tail, UNLIMITED};
use crate::grok::token::{Parser, Scan};

/// Looks for the leftmost match. The memory is ready for the program's spans; after a match they are those of it.
pub(in crate::grok) fn search(
    program: &Program,
    line: &[u8],
    scratch: &mut Scratch,
    steps_max: u64,
) -> Verdict {
    if !scratch.habits.is_worth_it(program) {
        let verdict = Machine::new(program, line, scratch, steps_max).search();
        // No result depends on the lines before: the walk may spare steps.
        if verdict != Verdict::Spent {
            return verdict;
        }
    }
    search_preferred(program, line, scratch, steps_max)
}

/// The same, on the preferred way first.
fn search_preferred(
    program: &Program,
    line: &[u8],
    scratch: &mut Scratch,
    steps_max: u64,
) -> Verdict {
    let failed = match walk(program, line, &mut scratch.spans, steps_max) {
        Way::Match => {
            scratch.habits.note(program, true);
            return Verdict::Match;
        }
        Way::TailFails(place) => Some(place),
        Way::Lost => None,
    };
    let mut machine = Machine::new(program, line, scratch, steps_max);
    machine.note_tail_failure(failed);
    let verdict = machine.search();
    if verdict == Verdict::Match {
        scratch.habits.note(program, false);
    }
    verdict
}

/// What became of the way.
enum Way {
    Match,
    /// Nothing is known of the line.
    Lost,
    /// The program's tail fails at the last place where it can begin, which is this one.
    TailFails(usize),
}

/// Matches in a row that were found on other ways, after which the preferred one is not gone for a while.
const LOST_MAX: u8 = 8;
/// Programs that are remembered.
const HABITS: usize = 8;

/// Which programs match on other ways: there the walk would be in vain for line after line. Only matches tell, since lines
/// that do not match are mostly lost early.
#[derive(Debug, Default)]
pub(super) struct Habits([Habit; HABITS]);

#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    /// The address of the program. When another one lies there, or shares the place in the table, no result changes.
    program: usize,
    /// Matches that were lost in a row; beyond `LOST_MAX` the lines since then, up to an overflow.
    lost: u8,
}

impl Habits {
    /// Whether the walk is to be tried, which is known of the lines before.
    #[inline]
    pub fn is_worth_it(&mut self, program: &Program) -> bool {
        let habit = self.of(program);
        if habit.lost < LOST_MAX {
            return true;
        }
        habit.lost = habit.lost.wrapping_add(1);
        false
    }

    /// Takes note of a match.
    #[inline]
    pub fn note(&mut self, program: &Program, is_on_the_way: bool) {
        let habit = self.of(program);
        habit.lost = match is_on_the_way {
            true => 0,
            false => habit.lost.saturating_add(1),
        };
    }

    #[inline]
    fn of(&mut self, program: &Program) -> &mut Habit {
        let address = std::ptr::from_ref(program).addr();
        let habit = &mut self.0[address / size_of::<Program>() % HABITS];
        if habit.program != address {
            *habit = Habit {
                program: address,
                lost: 0,
            };
        }
        habit
    }
}

/// Why a way was left.
enum Left {
    /// An operation fails.
    Failure,
    /// It is not for this walk: an operation of groups, a token that is unsure, or too many steps.
    Unknown,
}

type Place = Result<usize, Left>;

/// Goes the preferred way from the start of the line. The spans are those of the match, if there is one.
fn walk(program: &Program, line: &[u8], spans: &mut [usize], steps_max: u64) -> Way {
    if program.undoes_spans || !program.first.admits(line.first()) {
        return Way::Lost;
    }
    spans.fill(UNSET);
    let mut walk = Walk {
        program,
        line,
        spans,
        steps_left: steps_max,
    };
    if let Some(tail) = program.tail
        && let Some(search) = tail.search
    {
        return walk.tail_first(tail, search);
    }
    match walk.go(0, 0, program.ops.len()) {
        Ok(_) => Way::Match,
        Err(_) => Way::Lost,
    }
}

struct Walk<'a> {
    program: &'a Program,
    line: &'a [u8],
    spans: &'a mut [usize],
    steps_left: u64,
}

impl Walk<'_> {
    /// The tail first: a line that fails at its end is known at once.
    fn tail_first(&mut self, tail: Tail, search: usize) -> Way {
        let (program, line) = (self.program, self.line);
        let gate = &program.gates[usize::from(tail.gate)];
        let Some(last) = gate.last(line) else {
            return Way::Lost;
        };
        let place = last + gate.len();
        match self.go(tail.address, place, program.ops.len()) {
            Ok(_) => {}
            Err(Left::Failure) if tail.is_decided => return Way::TailFails(place),
            Err(_) => return Way::Lost,
        }
        let is_reached = match self.go(0, 0, search) {
            Ok(end) => self
                .least_end(&program.ops[search], end)
                .is_ok_and(|low| low <= last),
            Err(_) => false,
        };
        // Between the search and the text that it found are notes of its place at most.
        let text = tail.address - 1;
        match is_reached && self.go(search + 1, last, text).is_ok() {
            true => Way::Match,
            false => Way::Lost,
        }
    }

    /// Goes from an operation, at a place, to another one that all ways pass, or to the end of the program; the place there.
    fn go(&mut self, mut pc: usize, mut at: usize, stop: usize) -> Place {
        let (program, line) = (self.program, self.line);
        while pc != stop
            && let Some(op) = program.ops.get(pc)
        {
            self.charge(0)?;
            pc += 1;
            at = match op {
                Op::CapturedToken {
                    parser, slot, text, ..
                } => {
                    let end = self.token(*parser, at)?;
                    self.set_pair(*slot, at, end);
                    self.behind(*text, end, &mut pc)?
                }
                Op::Token { parser, text, .. } => {
                    let end = self.token(*parser, at)?;
                    self.behind(*text, end, &mut pc)?
                }
                Op::Short(text) | Op::Gate { text, .. } => passed(text.end(line, at))?,
                Op::Save(index) => self.save(*index, at),
                Op::Split {
                    first,
                    second,
                    first_guard,
                    second_guard,
                } => {
                    pc = match (
                        self.admits(*first_guard, at),
                        self.admits(*second_guard, at),
                    ) {
                        (true, _) => *first as usize,
                        (false, true) => *second as usize,
                        (false, false) => return Err(Left::Failure),
                    };
                    at
                }
                Op::Jump(target) => {
                    pc = *target as usize;
                    at
                }
                Op::Greedy {
                    set,
                    min,
                    max,
                    guard,
                } => {
                    let set = &program.sets[usize::from(*set)];
                    self.longest(at, set, (*min, *max), *guard)?
                }
                Op::Match => break,
                _ => self.rare(op, at)?,
            };
        }
        match pc == stop {
            true => Ok(at),
            false => Err(Left::Unknown),
        }
    }

    /// Carries out one of the operations that few lines meet.
    #[inline(never)]
    fn rare(&mut self, op: &Op, at: usize) -> Place {
        let (program, line) = (self.program, self.line);
        Ok(match op {
            Op::CapturedRun { set, min, slot } => {
                let set = &program.sets[usize::from(*set)];
                let end = passed(set.run(line, at, *min, UNLIMITED))?;
                self.set_pair(*slot, at, end);
                end
            }
            Op::Run { set, min, max } => {
                passed(program.sets[usize::from(*set)].run(line, at, *min, *max))?
            }
            Op::One(set) => at + passed(program.sets[usize::from(*set)].one(line, at))?,
            Op::Lazy {
                set,
                min,
                max,
                guard,
            } => {
                let set = &program.sets[usize::from(*set)];
                self.shortest(at, set, (*min, *max), *guard)?
            }
            Op::Beside {
                set,
                ahead,
                negative,
            } => {
                let set = &program.sets[usize::from(*set)];
                let holds = is_beside(set, line, at, *ahead) != *negative;
                passed(holds.then_some(at))?
            }
            Op::Literal(text) if starts_with(line, at, text) => at + text.len(),
            Op::Literal(_) => return Err(Left::Failure),
            Op::Passed(_) => at,
            Op::Assert(assert) => passed(holds(*assert, line, at).then_some(at))?,
            Op::FindNext { finder, .. } => {
                let low = self.least_end(op, at)?;
                let rest = line.get(low..).unwrap_or_default();
                let next = passed(program.finders[usize::from(*finder)].next(rest))?;
                self.charge(next)?;
                low + next
            }
            Op::FindLast { finder, .. } => {
                let low = self.least_end(op, at)?;
                let rest = line.get(low..).unwrap_or_default();
                self.charge(rest.len())?;
                low + passed(program.finders[usize::from(*finder)].last(rest))?
            }
            _ => return Err(Left::Unknown),
        })
    }

    /// Where a token ends.
    #[inline(always)]
    fn token(&self, parser: Parser, at: usize) -> Place {
        match parser(self.line, at) {
            Scan::End(end) => Ok(end),
            Scan::Unsure => Err(Left::Unknown),
            Scan::Fail | Scan::FailAt(_) => Err(Left::Failure),
        }
    }

    /// Passes the text behind a token, which is an operation of its own, if there is one.
    #[inline(always)]
    fn behind(&self, text: Short, end: usize, pc: &mut usize) -> Place {
        if text.is_empty() {
            return Ok(end);
        }
        *pc += 1;
        passed(text.end(self.line, end))
    }

    /// The longest end where what follows may begin.
    fn longest(&mut self, at: usize, set: &Set, counts: (u32, u32), guard: GuardIndex) -> Place {
        let (min, max) = counts;
        let high = passed(set.run(self.line, at, min, max))?;
        self.charge(high - at)?;
        if self.admits(guard, high) {
            return Ok(high);
        }
        let low = least(set, self.line, at, min);
        let guard = &self.program.guards[usize::from(guard)];
        passed(last_admitted(guard, self.line, low, high))
    }

    /// The shortest end where what follows may begin.
    fn shortest(&mut self, at: usize, set: &Set, counts: (u32, u32), guard: GuardIndex) -> Place {
        let (min, max) = counts;
        let (low, count) = set.counted_run(self.line, at, min);
        if count < min {
            return Err(Left::Failure);
        }
        let left = left_beyond(min, max);
        let guard = &self.program.guards[usize::from(guard)];
        let found = shortest(set, guard, self.line, low, left);
        let (end, _) = found.map_err(|_| Left::Failure)?;
        self.charge(end - at)?;
        Ok(end)
    }

    /// Where a search for a text begins.
    fn least_end(&self, search: &Op, at: usize) -> Place {
        match search {
            Op::FindNext { min, .. } | Op::FindLast { min, .. } => {
                passed(least_end(self.line, at, *min))
            }
            _ => Err(Left::Unknown),
        }
    }

    #[inline(always)]
    fn admits(&self, guard: GuardIndex, at: usize) -> bool {
        self.program.guards[usize::from(guard)].admits(self.line.get(at))
    }

    /// Sets both bounds of a capture.
    #[inline(always)]
    fn set_pair(&mut self, start: u32, from: usize, to: usize) {
        let start = start as usize;
        if let Some([start, end]) = self.spans.get_mut(start..start + 2) {
            (*start, *end) = (from, to);
        }
    }

    /// Sets one bound; the place stays.
    #[inline(always)]
    fn save(&mut self, index: u32, at: usize) -> usize {
        if let Some(bound) = self.spans.get_mut(index as usize) {
            *bound = at;
        }
        at
    }

    /// One step, and further ones for what was looked at.
    #[inline(always)]
    fn charge(&mut self, looked: usize) -> Result<(), Left> {
        let steps = 1 + (looked / STEP_BYTES) as u64;
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(Left::Unknown)?;
        Ok(())
    }
}

#[inline(always)]
fn passed(place: Option<usize>) -> Place {
    place.ok_or(Left::Failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grok::CaptureMode;
    use crate::grok::parse::parse;
    use crate::grok::patterns::Patterns;
    use crate::grok::program::Level;

    fn program(expression: &str) -> Program {
        let parsed = parse(expression, &Patterns::legacy(), CaptureMode::Named).unwrap();
        Program::compile(&parsed.tree, &parsed.captures, Level::Scanner).unwrap()
    }

    #[track_caller]
    fn way(expression: &str, line: &str) -> Way {
        walk(
            &program(expression),
            line.as_bytes(),
            &mut [UNSET; 40],
            1000,
        )
    }

    #[test]
    fn everyday_lines_are_on_the_preferred_way() {
        for (expression, line) in [
            (
                "%{COMBINEDAPACHELOG}",
                r#"192.0.2.1 - - [20/Nov/2026:18:56:21 +0100] "GET /a HTTP/1.1" 200 19 "-" "curl/8.0""#,
            ),
            (
                "%{SYSLOGLINE}",
                "Nov 20 18:56:21 web-17 sshd[4711]: Accepted key",
            ),
            (
                r#"%{WORD:verb} "%{DATA:text}" .* "%{INT:a} %{INT:b}$"#,
                r#"GET "x" and "7" "1 2"#,
            ),
            (r"%{NOTSPACE:host}:%{INT:port}", "web:17:8080"),
            (
                "%{TIMESTAMP_ISO8601:at} (?:%{WORD:level} )?%{GREEDYDATA:text}",
                "2026-11-20 18:56:21 all is well",
            ),
        ] {
            assert!(matches!(way(expression, line), Way::Match), "{expression}");
        }
    }

    #[test]
    fn a_line_that_fails_at_its_end_is_told() {
        let line = r#"GET /a HTTP/1.1" 200 -"#;
        assert!(matches!(
            way(r#"%{WORD} .*" %{INT} %{INT}"#, line),
            Way::TailFails(17)
        ));
        // Here the tail has another way.
        assert!(matches!(
            way(r#"%{WORD} .*" %{INT} (?:%{INT}|\S)"#, line),
            Way::Lost
        ));
    }

    #[test]
    fn what_needs_another_way_is_lost() {
        for (expression, line) in [
            (r"(?:a|ab)c", "abc"),
            (r"(?<x>a)\k<x>", "aa"),
            (r"%{INT:n}", "no number first 7"),
        ] {
            assert!(matches!(way(expression, line), Way::Lost), "{expression}");
        }
    }

    #[test]
    fn no_result_depends_on_the_lines_before() {
        use crate::grok::{Grok, Options, Outcome, Slots};
        // The walk finds out at once that the tail fails; the machine alone does not within its steps.
        let expression = r#"^(?:=*=*=*=*y|=+|z)?(?:a|b|ab)*.*"(?:\d-){120}x\Z"#;
        let grok = Grok::compile(expression, &Patterns::new(), Options::default()).unwrap();
        let line = format!("{}\"{}2", "ab".repeat(40), "1-".repeat(119));
        // Found by the machine of the scanner, and, since that gives up, by the machine behind it.
        let [one, other] =
            [1, 60].map(|count| format!("{}a\"{}x", "=".repeat(count), "1-".repeat(120)));
        let mut slots = Slots::new();
        for text in [one, other] {
            for _ in 0..=LOST_MAX {
                assert_eq!(grok.search(text.as_bytes(), &mut slots), Outcome::Match);
            }
        }
        assert_eq!(grok.search(line.as_bytes(), &mut slots), Outcome::NoMatch);
    }

    #[test]
    fn a_way_that_is_always_lost_is_left_out_for_a_while() {
        let (lost, other) = (program("%{INT:a}"), program("%{INT:b}"));
        let mut habits = Habits::default();
        for _ in 0..LOST_MAX {
            assert!(habits.is_worth_it(&lost));
            habits.note(&lost, false);
        }
        let is_tried = |habits: &mut Habits| habits.is_worth_it(&lost);
        assert!(!is_tried(&mut habits));
        // Unless another program takes its place, it is tried again after a while; one match on the way is enough then.
        assert!((0..=u8::MAX).any(|_| is_tried(&mut habits)));
        habits.note(&lost, false);
        habits.note(&lost, true);
        for _ in 0..LOST_MAX - 1 {
            habits.note(&lost, false);
            assert!(is_tried(&mut habits));
        }
        assert!(habits.is_worth_it(&other));
    }
}
