//! Elastic's own grok library as an oracle: for every pattern of both banks, lines that its definition or ours can
//! match, and mutations of them, go to the library and to our engine.
//!
//! Three comparisons. *Engine*: on the library's own pattern files both must say the same of every line, captures
//! included. *Own*: one definition of ours, with the parts that it is made of, among theirs, so that a difference counts
//! where it arises; what differs must be in `patterns/DIFFERENCES.md`, which is read here. *Bank*: our whole bank against
//! theirs, for the figures. And no long definition of ours may have the text of one of theirs.
//!
//! `SAWLOG_ORACLE_LINES` is the number of lines for each pattern, form and side; `SAWLOG_ORACLE_PATTERN` takes one
//! pattern alone; `SAWLOG_ORACLE_REPORT` names a file that takes the differences.

#[path = "oracle/copies.rs"]
mod copies;
#[path = "oracle/differences.rs"]
mod differences;
#[path = "oracle/expression.rs"]
mod expression;
#[path = "oracle/mutation.rs"]
mod mutation;
#[path = "oracle/service.rs"]
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};

use self::differences::{Kind, Row, is_documented};
use self::mutation::{Dice, mutate};
use self::service::{Answer, Oracle};

/// How a pattern is asked: somewhere in the line, and for the whole line. The flag gives the library the dot of Logstash,
/// which takes newlines; ours has it anyway.
const FORMS: [&str; 2] = ["(?m)%{NAME:whole}", "(?m)\\A%{NAME:whole}\\z"];
/// Lines longer than this tell no more, and cost more.
const LINE_CHARACTERS_MAX: usize = 1500;
/// Beyond the basic plane the two know different years of Unicode.
const LAST_LETTER: char = '\u{FFFF}';
/// What every run of the tests takes; thousands make a campaign.
const LINES_USUAL: usize = 10;
/// Small expressions for each line of a pattern.
const EXPRESSIONS_FACTOR: usize = 20;
/// One expression in so many may differ: `patterns/DIFFERENCES.md` has what joni does otherwise.
const EXPRESSIONS_PER_FAULT: usize = 1000;
/// The first differences of a kind are made short, for people.
const EXAMPLES_MAX: usize = 2;

const COMPARISONS: [&str; 3] = ["engine", "own", "bank"];

fn lines_per_side() -> usize {
    let text = std::env::var("SAWLOG_ORACLE_LINES").ok();
    text.and_then(|text| text.parse().ok())
        .unwrap_or(LINES_USUAL)
}

/// What our engine says of a line.
fn search(grok: &Grok, slots: &mut Slots, line: &str) -> Answer {
    match grok.search(line.as_bytes(), slots) {
        Outcome::NoMatch => Answer::NoMatch,
        Outcome::BudgetSpent => Answer::Unknown,
        Outcome::Match => {
            let captures = grok.captures().iter().enumerate();
            let captured = captures.filter_map(|(index, capture)| {
                let span = slots.span(index)?;
                Some((service::plain(&capture.field), span.start, span.end))
            });
            Answer::Match(captured.collect())
        }
    }
}

/// How two answers differ; `None` when they do not, or one of them is no answer.
fn kind(theirs: &Answer, ours: &Answer) -> Option<Kind> {
    match (theirs, ours) {
        (Answer::Unknown, _) | (_, Answer::Unknown) => None,
        _ if theirs == ours => None,
        (Answer::Match(_), Answer::NoMatch) => Some(Kind::OnlyTheirs),
        (Answer::NoMatch, _) => Some(Kind::OnlyOurs),
        (Answer::Match(theirs), Answer::Match(ours)) if theirs.first() == ours.first() => {
            Some(Kind::Captures)
        }
        (Answer::Match(_), Answer::Match(_)) => Some(Kind::Extent),
    }
}

/// The lines for a pattern: from each of the definitions, every second one changed.
fn lines(groks: &[&Grok], name: &str, count: usize) -> Vec<String> {
    let seed = |seed: u64, byte: u8| seed.wrapping_mul(31).wrapping_add(u64::from(byte));
    let mut dice = Dice(name.bytes().fold(17, seed));
    let first = dice.0;
    let mut lines = Vec::new();
    for grok in groks {
        for nth in 0..count {
            let example = grok.example(first.wrapping_add(nth as u64 / 2));
            let line = if nth % 2 == 0 {
                example
            } else {
                mutate(&example, &mut dice)
            };
            let letters = line.chars().filter(|letter| *letter <= LAST_LETTER);
            lines.push(letters.take(LINE_CHARACTERS_MAX).collect());
        }
    }
    lines
}

/// Our own definitions by name.
fn texts(bank: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("patterns")
        .join(bank);
    let mut texts = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("our patterns lie there") {
        let file = file.expect("the folder is read").path();
        let text = std::fs::read_to_string(file).expect("our patterns are UTF-8");
        texts.extend(copies::definitions(&text));
    }
    texts
}

/// The library's bank with the definitions of ours that it has none of: ours refer to them.
fn with_parts(theirs: &Patterns, texts: &BTreeMap<String, String>) -> Patterns {
    let mut patterns = theirs.clone();
    for (name, text) in texts {
        if !theirs.names().any(|known| known == name) {
            let defined = patterns.define(name, text);
            defined.expect("our own patterns are sound");
        }
    }
    patterns
}

/// One pattern in one form, compiled four times.
struct Subject {
    name: String,
    /// In the order of [`COMPARISONS`].
    ours: [Grok; 3],
}

struct Campaign {
    bank: &'static str,
    oracle: Oracle,
    theirs: Patterns,
    /// Theirs with the parts that our definitions are made of.
    parts: Patterns,
    ours: Patterns,
    texts: BTreeMap<String, String>,
    documented: Vec<Row>,
    /// Where the differences are written to.
    report: Option<String>,
    patterns: usize,
    lines: usize,
    matches: usize,
    timeouts: usize,
    /// By comparison, pattern and kind: how often, and examples.
    found: BTreeMap<(&'static str, String, Kind), (usize, Vec<String>)>,
}

impl Campaign {
    fn new(bank: &'static str, ours: Patterns) -> Self {
        let mut oracle = Oracle::spawn();
        let theirs = oracle.bank(bank);
        let texts = texts(bank);
        Self {
            bank,
            oracle,
            parts: with_parts(&theirs, &texts),
            theirs,
            ours,
            texts,
            documented: differences::rows(),
            report: std::env::var("SAWLOG_ORACLE_REPORT").ok(),
            patterns: 0,
            lines: 0,
            matches: 0,
            timeouts: 0,
            found: BTreeMap::new(),
        }
    }

    fn run(&mut self) {
        let names =
            |patterns: &Patterns| patterns.names().map(str::to_owned).collect::<BTreeSet<_>>();
        let (theirs, ours) = (names(&self.theirs), names(&self.ours));
        let only = std::env::var("SAWLOG_ORACLE_PATTERN").ok();
        for name in theirs.union(&ours) {
            if only.as_ref().is_some_and(|only| only != name) {
                continue;
            }
            if theirs.contains(name) && ours.contains(name) {
                self.patterns += 1;
                (0..FORMS.len()).for_each(|form| self.form(name, form));
            } else {
                self.note("own", name, Kind::Missing, || None);
            }
        }
    }

    fn form(&mut self, name: &str, form: usize) {
        let expression = FORMS[form].replace("NAME", name);
        let Some(subject) = self.subject(name, &expression) else {
            self.note("own", name, Kind::Broken, || {
                Some("the library cannot compile its definition".to_owned())
            });
            return;
        };
        let lines = lines(
            &[&subject.ours[0], &subject.ours[2]],
            &expression,
            lines_per_side(),
        );
        let answers = self.oracle.search(&lines);
        for (line, theirs) in lines.iter().zip(answers) {
            self.lines += 1;
            self.matches += usize::from(matches!(theirs, Answer::Match(_)));
            self.timeouts += usize::from(theirs == Answer::Unknown);
            self.compare(&subject, line, &theirs);
        }
    }

    /// `None` when the library cannot compile the expression with its own definitions. Whether our engine compiles them
    /// is not asked then: it takes what joni's limits refuse.
    fn subject(&mut self, name: &str, expression: &str) -> Option<Subject> {
        let compile = |patterns: &Patterns| Grok::compile(expression, patterns, Options::default());
        let mut own = self.parts.clone();
        own.define(name, &self.texts[name])
            .expect("our own patterns are sound");
        let bank = compile(&self.ours).expect("our own patterns compile");
        self.oracle.compile(self.bank, expression).ok()?;
        let engine = compile(&self.theirs).expect("what the library compiles, our engine does");
        let own = compile(&own).expect("our own patterns compile");
        Some(Subject {
            name: name.to_owned(),
            ours: [engine, own, bank],
        })
    }

    fn compare(&mut self, subject: &Subject, line: &str, theirs: &Answer) {
        let mut slots = Slots::new();
        for (comparison, grok) in COMPARISONS.into_iter().zip(&subject.ours) {
            let Some(kind) = kind(theirs, &search(grok, &mut slots, line)) else {
                continue;
            };
            let name = &subject.name;
            let is_news = comparison != "bank"
                && !is_documented(&self.documented, self.bank, comparison, name, kind);
            let key = (comparison, name.clone(), kind);
            let seen = self.found.get(&key).map_or(0, |found| found.1.len());
            if EXAMPLES_MAX <= seen || !(is_news || self.report.is_some()) {
                self.note(comparison, name, kind, || None);
                continue;
            }
            let line = self.shorten(grok, line, kind);
            let theirs = self.oracle.search(std::slice::from_ref(&line)).remove(0);
            let ours = search(grok, &mut slots, &line);
            self.note(comparison, name, kind, || {
                Some(format!(
                    "{line:?}\n    theirs {theirs:?}\n    ours   {ours:?}"
                ))
            });
        }
    }

    fn note(
        &mut self,
        comparison: &'static str,
        name: &str,
        kind: Kind,
        example: impl FnOnce() -> Option<String>,
    ) {
        let found = self
            .found
            .entry((comparison, name.to_owned(), kind))
            .or_default();
        found.0 += 1;
        if found.1.len() < EXAMPLES_MAX {
            found.1.extend(example());
        }
    }

    /// The shortest line found that still differs in the same way.
    fn shorten(&mut self, grok: &Grok, line: &str, want: Kind) -> String {
        let mut slots = Slots::new();
        let mut letters: Vec<char> = line.chars().collect();
        let mut size = letters.len() / 2;
        while 0 < size {
            let mut at = 0;
            while at < letters.len() {
                let mut shorter = letters.clone();
                shorter.drain(at..(at + size).min(shorter.len()));
                let text: String = shorter.iter().collect();
                let theirs = self.oracle.search(std::slice::from_ref(&text)).remove(0);
                if theirs == Answer::Unknown {
                    return line.to_owned();
                }
                if kind(&theirs, &search(grok, &mut slots, &text)) == Some(want) {
                    letters = shorter;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        letters.into_iter().collect()
    }

    /// Prints the figures; fails on what is not documented.
    fn finish(self) {
        println!(
            "{}: {} patterns, {} lines, {} of them matched by the library, {} without an answer of it",
            self.bank, self.patterns, self.lines, self.matches, self.timeouts
        );
        let mut report = String::new();
        let mut undocumented = String::new();
        let mut figures: BTreeMap<(&str, Kind), (usize, usize)> = BTreeMap::new();
        for ((comparison, name, kind), (count, examples)) in &self.found {
            let figure = figures.entry((comparison, *kind)).or_default();
            *figure = (figure.0 + 1, figure.1 + count);
            let text = format!(
                "{comparison} {} {name} {kind}: {count} times\n  {}\n",
                self.bank,
                examples.join("\n  ")
            );
            write!(report, "{text}").expect("text takes text");
            if *comparison != "bank"
                && !is_documented(&self.documented, self.bank, comparison, name, *kind)
            {
                write!(undocumented, "{text}").expect("text takes text");
            }
        }
        for ((comparison, kind), (patterns, lines)) in figures {
            println!(
                "{}: {comparison}, {kind}: {patterns} patterns, {lines} lines",
                self.bank
            );
        }
        if let Some(path) = self.report {
            std::fs::write(format!("{path}.{}", self.bank), report).expect("the report is written");
        }
        assert!(
            undocumented.is_empty(),
            "not in patterns/DIFFERENCES.md:\n{undocumented}"
        );
    }
}

#[test]
fn legacy_patterns_mean_what_the_oracle_says() {
    let mut campaign = Campaign::new("legacy", Patterns::legacy());
    campaign.run();
    campaign.finish();
}

#[test]
fn ecs_patterns_mean_what_the_oracle_says() {
    let mut campaign = Campaign::new("ecs-v1", Patterns::ecs_v1());
    campaign.run();
    campaign.finish();
}

#[test]
fn long_definitions_are_written_by_us() {
    let mut oracle = Oracle::spawn();
    let mut faults = String::new();
    for (ours, theirs) in [
        ("legacy", "legacy"),
        ("ecs-v1", "ecs-v1"),
        ("strict", "ecs-v1"),
    ] {
        let files = oracle.files(theirs);
        let theirs = copies::definitions(&String::from_utf8_lossy(&files));
        assert!(
            100 < copies::copies(&theirs, &theirs).len(),
            "the library's own definitions are told as its own"
        );
        for (name, length) in copies::copies(&texts(ours), &theirs) {
            writeln!(faults, "{ours} {name}, {length} characters").expect("text takes text");
        }
    }
    assert!(
        faults.is_empty(),
        "the text of these definitions is the library's:\n{faults}"
    );
}

#[test]
fn documented_lines_differ_as_their_rows_tell() {
    let mut oracle = Oracle::spawn();
    let mut faults = String::new();
    for row in differences::rows() {
        let Some(line) = &row.line else { continue };
        for bank in &row.banks {
            faults += &documented(&mut oracle, &row, bank, line);
        }
    }
    assert!(
        faults.is_empty(),
        "the rows of these lines tell something else:\n{faults}"
    );
}

/// Asks both sides of the line with the row's first pattern that the bank has; nothing when they differ as the row
/// tells.
fn documented(oracle: &mut Oracle, row: &Row, bank: &str, line: &String) -> String {
    let patterns = match bank {
        "legacy" => Patterns::legacy(),
        _ => Patterns::ecs_v1(),
    };
    let is_there = |name: &&String| patterns.names().any(|known| known == *name);
    let Some(name) = row.patterns.iter().find(is_there) else {
        return format!("{bank} has none of {:?}\n", row.patterns);
    };
    let expression = FORMS[0].replace("NAME", name);
    let grok = Grok::compile(&expression, &patterns, Options::default());
    let ours = search(
        &grok.expect("our own patterns compile"),
        &mut Slots::new(),
        line,
    );
    let theirs = match oracle.compile(bank, &expression) {
        Ok(()) => oracle.search(std::slice::from_ref(line)).remove(0),
        Err(_) => Answer::NoMatch,
    };
    let is_told = |kind: Kind| row.kinds.contains(&kind.to_string());
    let seen = kind(&theirs, &ours);
    let is_right = match seen {
        Some(Kind::OnlyOurs) => is_told(Kind::OnlyOurs) || is_told(Kind::Broken),
        Some(kind) => is_told(kind),
        None => false,
    };
    if is_right {
        return String::new();
    }
    format!("{bank} {name} {line:?}: {seen:?}\n  theirs {theirs:?}\n  ours   {ours:?}\n")
}

#[test]
fn small_expressions_mean_what_the_oracle_says() {
    let mut oracle = Oracle::spawn();
    let patterns = oracle.bank("legacy");
    let mut dice = Dice(17);
    let mut faults: Vec<String> = Vec::new();
    let count = EXPRESSIONS_FACTOR * lines_per_side();
    for _ in 0..count {
        let expression = format!("(?m)(?<whole>{})", expression::whole(&mut dice));
        let ours = Grok::compile(&expression, &patterns, Options::default());
        let theirs = oracle.compile("legacy", &expression);
        let (Ok(ours), Ok(())) = (&ours, &theirs) else {
            let ours = ours.map(|_| ());
            faults.push(format!("{expression}: theirs {theirs:?}, ours {ours:?}"));
            continue;
        };
        let lines: Vec<String> = (0..20).map(|_| expression::line(&mut dice)).collect();
        for (line, theirs) in lines.iter().zip(oracle.search(&lines)) {
            let ours = search(ours, &mut Slots::new(), line);
            if kind(&theirs, &ours).is_some() {
                faults.push(format!(
                    "{expression} on {line:?}:\n  theirs {theirs:?}\n  ours   {ours:?}"
                ));
                break;
            }
        }
    }
    println!(
        "{count} small expressions compared, {} differ",
        faults.len()
    );
    let faults_max = count / EXPRESSIONS_PER_FAULT;
    assert!(
        faults.len() <= faults_max,
        "the engines disagree:\n{}",
        faults.join("\n")
    );
}
