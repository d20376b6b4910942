//! Grok: expressions with named patterns, `%{IP:client} %{NUMBER:bytes:int}`, compiled once and matched
//! against many lines. Spans of the line come out, or the fields that Logstash makes of them, typed: [`Grok::fields`].
//! No text is copied.
//!
//! The meaning is that of Logstash (its documentation, chapter "Grok filter plugin"), which is Oniguruma's with Ruby's
//! syntax (`doc/RE` of Oniguruma): the leftmost match, found by backtracking; `.` takes newlines, `^` and `$` are the
//! bounds of lines. Which engine does the work is chosen at compilation, by what is fastest and exactly right; see
//! [`Tier`].
//!
//! ```
//! use sawlog_parsers::grok::{Empty, Grok, Options, Outcome, Patterns, Slots, Value};
//!
//! let patterns = Patterns::legacy();
//! let grok = Grok::compile("%{IP:client} %{NUMBER:bytes:int}", &patterns, Options::default())?;
//! let (line, mut slots) = (b"from 10.0.0.1 173", Slots::new());
//! assert_eq!(grok.search(line, &mut slots), Outcome::Match);
//! assert_eq!(grok.captures()[1].field, "bytes");
//! assert_eq!(slots.span(1), Some(14..17));
//! let bytes = grok.fields(line, &slots, Empty::Drop).nth(1).map(|field| field.first());
//! assert_eq!(bytes, Some(Value::Int(173)));
//! # Ok::<(), sawlog_parsers::Error>(())
//! ```

#[cfg(test)]
mod agreement;
mod automaton;
mod class;
mod example;
mod explain;
mod fields;
mod first;
mod machine;
mod needed;
mod number;
mod options;
mod parse;
mod patterns;
mod program;
mod set;
mod shape;
mod slots;
mod tier;
mod token;
mod tree;
#[cfg(not(test))]
mod walk;
mod written;

pub use self::explain::{Alternative, Explanation};
pub use self::fields::{Empty, Field, Value};
pub use self::number::{parse_boolean, parse_float, parse_int};
pub use self::options::{Capture, CaptureMode, Kind, Options, STEPS_MAX};
pub use self::patterns::Patterns;
pub use self::set::{GrokSet, SetOutcome};
pub use self::slots::Slots;
pub use self::tier::{Tier, WorstCase};

use std::fmt;
use std::sync::OnceLock;

use crate::error::Error;

use self::automaton::{Answer, Automaton};
use self::fields::Homonyms;
use self::machine::Verdict;
use self::needed::Needed;
use self::patterns::EXPRESSION_BYTES_MAX;
use self::program::{Level, Program};
use self::shape::Variant;
use self::tree::Node;

/// How a search ended.
///
/// Only a backtracking search can spend its budget, on lines that are made for it or with expressions that are:
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
///
/// let options = Options { steps_max: 1000, ..Options::default() };
/// let grok = Grok::compile(r"^(?:(?<x>a)|\k<x>)*(?=b)$", &Patterns::new(), options)?;
/// let mut slots = Slots::new();
/// assert_eq!(grok.search(b"c", &mut slots), Outcome::NoMatch);
/// assert_eq!(grok.search("a".repeat(10_000).as_bytes(), &mut slots), Outcome::BudgetSpent);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The spans are in the slots.
    Match,
    /// The line does not match.
    NoMatch,
    /// The machine gave up: whether the line matches is not known.
    BudgetSpent,
}

/// A compiled expression. Any number of threads may search with it at the same time.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
///
/// let grok = Grok::compile("%{WORD:verb} %{URIPATH:path}", &Patterns::legacy(), Options::default())?;
/// std::thread::scope(|scope| {
///     for line in ["GET /a", "PUT /b"] {
///         scope.spawn(|| assert_eq!(grok.search(line.as_bytes(), &mut Slots::new()), Outcome::Match));
///     }
/// });
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
pub struct Grok {
    expression: String,
    captures: Vec<Capture>,
    homonyms: Homonyms,
    warnings: Vec<String>,
    tree: Node,
    /// The fastest program; it declines some lines. `None` when the automaton is asked first.
    scanner: Option<Program>,
    /// Or why there is none.
    automaton: Result<Automaton, String>,
    /// The program that decides every line within its budget.
    program: Program,
    /// The program that `explain` runs, compiled when it is first asked to; `None` when it is too large.
    plain: OnceLock<Option<Program>>,
    tier: Tier,
    tier_reason: String,
    steps_max: u64,
    /// Groups of texts, of each of which every match holds one; none when nothing is known.
    needed: Vec<Needed>,
    /// Shapes that every match holds, worked out when a set or a hard line first asks for them.
    shapes: OnceLock<Vec<Variant>>,
}

impl fmt::Debug for Grok {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Grok")
            .field("expression", &self.expression)
            .field("tier", &self.tier)
            .field("captures", &self.captures)
            .finish_non_exhaustive()
    }
}

impl Grok {
    /// Compiles an expression with the definitions in force.
    ///
    /// Ruby's syntax of regular expressions, as Oniguruma has it, with Logstash's `%{NAME}`, `%{NAME:field}`,
    /// `%{NAME:field:type}` and `%{NAME:field=definition}`. As in Logstash the search is not anchored, `.` takes
    /// newlines, `^` and `$` are the bounds of lines, `\A` and `\z` those of the text; a group captures only if it has
    /// a name, which may be one of a nested field: `(?<[url][path]>...)`. Text that is no reference, such as `%{`,
    /// stands for itself.
    ///
    /// Under `(?i)` letters are the same that Unicode's simple case folding takes for the same, one for one: `s` and the
    /// long `ſ`, but not `ß` and `ss`, which Oniguruma takes for the same as well. A back reference asks for the very bytes
    /// that were captured. Flags reach into the definitions that are referred to.
    ///
    /// It takes some 10 to 500 µs: once for many lines.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let compile = |expression| Grok::compile(expression, &Patterns::legacy(), Options::default());
    /// assert!(compile(r"^(?<[url][path]>/\S*) took %{NUMBER:took:float}ms$").is_ok());
    /// let error = compile("took %{NUMBR:took}").expect_err("a misspelt name");
    /// assert_eq!(error.to_string(), "column 6: unknown pattern %{NUMBR}; did you mean %{NUMBER}?");
    /// ```
    ///
    /// # Errors
    ///
    /// A pattern that is not known or refers to itself, a broken expression, syntax that is not supported, and what is
    /// beyond the limits: with the place, and what would be right. Of Oniguruma's syntax these are not supported:
    ///
    /// - numbered back references, `\1` and `\k<1>`, and those to another level, `\k<name+1>`;
    /// - calls of groups, `\g<name>`, and conditionals, `(?(<name>)yes|no)`;
    /// - `\G`, `\K` and `\X`, and the absent operators, `(?~...)`;
    /// - the flags `a`, `d` and `u`;
    /// - bytes that are no character of their own, `\303` and `\M-a`, and several characters in one `\u{41 42}`;
    /// - a look-behind of no fixed length.
    pub fn compile(expression: &str, patterns: &Patterns, options: Options) -> Result<Self, Error> {
        if EXPRESSION_BYTES_MAX < expression.len() {
            return Err(Error::new(format!(
                "the expression is longer than {EXPRESSION_BYTES_MAX} bytes"
            )));
        }
        let parsed = parse::parse(expression, patterns, options.captures)?;
        let compile = |level| {
            Program::compile(&parsed.tree, &parsed.captures, level)
                .map_err(|error| parse::at_largest_count(expression, patterns, error))
        };
        let (scanner, program) = (compile(Level::Scanner)?, compile(Level::Optimised)?);
        let automaton = match options.best_tier {
            Tier::Backtracker => Err("the options forbid it".to_owned()),
            Tier::Scanner | Tier::Automaton => Automaton::prepare(&parsed.tree, &parsed.captures),
        };
        let (tier, tier_reason) = choose(&scanner, &automaton, options.best_tier);
        Ok(Self {
            expression: expression.to_owned(),
            needed: needed::needed(&parsed.tree),
            homonyms: Homonyms::new(&parsed.captures),
            captures: parsed.captures,
            warnings: parsed.warnings,
            tree: parsed.tree,
            scanner: (tier != Tier::Automaton && options.best_tier == Tier::Scanner)
                .then_some(scanner),
            automaton,
            program,
            plain: OnceLock::new(),
            tier,
            tier_reason,
            steps_max: options.steps_max,
            shapes: OnceLock::new(),
        })
    }

    /// The expression as it was written.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("%{IP:client}", &Patterns::legacy(), Options::default())?;
    /// assert_eq!(grok.as_str(), "%{IP:client}");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.expression
    }

    /// One for each capture, in the order of their appearance in the expression with its definitions expanded. Its
    /// index is that of [`Slots::span`].
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("%{COMMONAPACHELOG}", &Patterns::legacy(), Options::default())?;
    /// let fields: Vec<&str> = grok.captures().iter().map(|capture| capture.field.as_str()).collect();
    /// assert_eq!(fields[..3], ["clientip", "ident", "auth"]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn captures(&self) -> &[Capture] {
        &self.captures
    }

    /// The engine that is asked first.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns, Tier};
    ///
    /// let grok = Grok::compile("^%{IP:client} %{WORD:verb}", &Patterns::legacy(), Options::default())?;
    /// assert_eq!(grok.tier(), Tier::Scanner);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Why it is that one, and not a better one: a sentence for people, which names the piece of the expression that
    /// decided it. Of a scanner, which is the best one, it says what is left to try all the same.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("^(?:a|ab)+(?:c|$)", &Patterns::legacy(), Options::default())?;
    /// assert!(grok.tier_reason().contains("more than one way"), "{}", grok.tier_reason());
    /// let grok = Grok::compile("^%{DATA:a} %{DATA:b}: %{INT:n}", &Patterns::legacy(), Options::default())?;
    /// assert_eq!(grok.tier_reason(), "choices are open, but none within a repeated group");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn tier_reason(&self) -> &str {
        &self.tier_reason
    }

    /// The budget of the backtracking machine for one line, as in [`Options::steps_max`].
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns, STEPS_MAX};
    ///
    /// let grok = Grok::compile("%{WORD:verb}", &Patterns::legacy(), Options::default())?;
    /// assert_eq!(grok.steps_max(), STEPS_MAX);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
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
            Ok(automaton) if automaton.is_sound() => match automaton.has_checks() {
                false => WorstCase::Linear,
                true => WorstCase::LinearUnlessRejected(self.steps_max),
            },
            _ => WorstCase::Steps(self.steps_max),
        }
    }

    /// Why the worst case is not [`WorstCase::Linear`] at least for most lines: what keeps the expression from the automaton,
    /// which decides in linear time the lines that a scanner gives up. `None` when nothing does.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let twice = Grok::compile(r"(?<a>.*) and \k<a>", &Patterns::legacy(), Options::default())?;
    /// assert_eq!(twice.worst_case_reason(), Some(r"it has the back reference \k<a>"));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn worst_case_reason(&self) -> Option<&str> {
        match &self.automaton {
            Ok(automaton) if automaton.is_sound() => None,
            Ok(_) => Some("it would be too large"),
            Err(reason) => Some(reason),
        }
    }

    /// What is accepted but likely not meant, such as an unknown type; a sentence for people each.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("%{INT:port:integer}", &Patterns::legacy(), Options::default())?;
    /// assert_eq!(
    ///     grok.warnings(),
    ///     ["field port: unknown type integer, kept as text; known are int, float, long, double, boolean"]
    /// );
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Looks for the leftmost match. There are spans in `slots` after `Outcome::Match` only.
    ///
    /// Any bytes may be searched, of any length. Bytes that are not UTF-8 count as one character each.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
    ///
    /// let grok = Grok::compile("%{INT:code:int}$", &Patterns::legacy(), Options::default())?;
    /// let mut slots = Slots::new();
    /// assert_eq!(grok.search(b"status \xFF 17 then 42", &mut slots), Outcome::Match);
    /// assert_eq!(slots.span(0), Some(17..19));
    /// assert_eq!(grok.search(b"status unknown", &mut slots), Outcome::NoMatch);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn search(&self, line: &[u8], slots: &mut Slots) -> Outcome {
        let outcome = self.outcome(line, slots);
        slots.is_match = outcome == Outcome::Match;
        outcome
    }

    fn outcome(&self, line: &[u8], slots: &mut Slots) -> Outcome {
        slots.scratch.prepare(self.captures.len());
        if let Some(scanner) = &self.scanner {
            let steps_max = scanner_steps_max(line).min(self.steps_max);
            match machine::search(scanner, line, &mut slots.scratch, steps_max) {
                Verdict::Match => return Outcome::Match,
                Verdict::NoMatch => return Outcome::NoMatch,
                // Not a line for the scanner.
                Verdict::Spent => {}
            }
        }
        if let Ok(automaton) = &self.automaton {
            match automaton.search(line, &mut slots.scratch, &mut slots.automata) {
                Answer::Match => return Outcome::Match,
                Answer::NoMatch => return Outcome::NoMatch,
                Answer::Undecided => {}
            }
        }
        // So that a set, which passes over such a line, says the same as the expressions one by one.
        if self.lacks_needed(line) || shape::lacks(self.shapes(), line) {
            return Outcome::NoMatch;
        }
        match machine::search(&self.program, line, &mut slots.scratch, self.steps_max) {
            Verdict::Match => Outcome::Match,
            Verdict::NoMatch => Outcome::NoMatch,
            Verdict::Spent => Outcome::BudgetSpent,
        }
    }

    /// Variants of shapes; every match holds all those of one.
    fn shapes(&self) -> &[Variant] {
        self.shapes.get_or_init(|| shape::variants(&self.tree))
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

/// What keeps the scanner's work small, and what does not: that shows in the worst case.
fn why_scanner(scanner: &Program) -> String {
    match (&scanner.back_reference, scanner.has_open_run) {
        (None, false) => "every choice is decided or bounded".to_owned(),
        (None, true) => "choices are open, but none within a repeated group".to_owned(),
        (Some(name), _) => format!(
            "it has the back reference \\k<{name}>, but no open choice within a repeated group"
        ),
    }
}

fn choose(
    scanner: &Program,
    automaton: &Result<Automaton, String>,
    best_tier: Tier,
) -> (Tier, String) {
    let reason = match (&scanner.open_choice, best_tier) {
        (None, Tier::Scanner) => return (Tier::Scanner, why_scanner(scanner)),
        (None, Tier::Automaton | Tier::Backtracker) => "the options forbid it",
        (Some(reason), _) => reason,
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
