//! Elastic's own grok library as an oracle: for every pattern of both banks, lines that its definition or ours can
//! match, and mutations of them, go to the library and to our engine. On the library's own pattern files both must say
//! the same of every line; on our bank, what differs must be in `patterns/DIFFERENCES.md`.
//!
//! `SAWLOG_ORACLE_LINES` is the number of lines for each pattern and side; `SAWLOG_ORACLE_REPORT` names a file
//! that takes each difference on its own line.

#[path = "oracle/mutation.rs"]
mod mutation;
#[path = "oracle/service.rs"]
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};

use self::mutation::{Dice, mutate};
use self::service::{Answer, Oracle};

/// How a pattern is asked: somewhere in the line, and for the whole line.
const FORMS: [&str; 2] = ["(?m)%{NAME:whole}", "(?m)\\A%{NAME:whole}\\z"];
/// Lines longer than this tell no more, and cost more.
const LINE_CHARACTERS_MAX: usize = 1500;

fn lines_per_side() -> usize {
    let text = std::env::var("SAWLOG_ORACLE_LINES").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(12)
}

/// The library's bank has dots where Logstash's has brackets: `a.b` for `[a][b]`.
fn plain(field: &str) -> String {
    field.replace("][", ".").replace(['[', ']'], "")
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
                Some((plain(&capture.field), span.start, span.end))
            });
            Answer::Match(captured.collect())
        }
    }
}

/// How two answers differ; `None` when they do not, or one of them is no answer.
fn kind(theirs: &Answer, ours: &Answer) -> Option<&'static str> {
    match (theirs, ours) {
        (Answer::Unknown, _) | (_, Answer::Unknown) => None,
        _ if theirs == ours => None,
        (Answer::Match(_), Answer::NoMatch) => Some("only theirs matches"),
        (Answer::NoMatch, _) => Some("only ours matches"),
        (Answer::Match(theirs), Answer::Match(ours)) => match theirs.first() == ours.first() {
            true => Some("captures differ"),
            false => Some("extents differ"),
        },
    }
}

/// The lines for a pattern: half as the definitions give them, half changed.
fn lines(groks: &[&Grok], name: &str, count: usize) -> Vec<(String, &'static str)> {
    let mut dice = Dice(name.bytes().fold(17, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte)));
    let mut lines = Vec::new();
    for (grok, side) in groks.iter().zip(["theirs", "ours"]) {
        for nth in 0..count {
            let example = grok.example((nth / 2) as u64 * 7919 + dice.0 % 7919);
            let line = if nth % 2 == 0 { example } else { mutate(&example, &mut dice) };
            lines.push((line.chars().take(LINE_CHARACTERS_MAX).collect(), side));
        }
    }
    lines
}

/// Our own definitions by name.
fn texts(bank: &str) -> BTreeMap<String, String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns").join(bank);
    let files = std::fs::read_dir(folder).expect("our patterns lie there");
    let mut texts = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(file.expect("the folder is read").path()).expect("UTF-8");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, definition)) = line.split_once(' ') {
                texts.insert(name.to_owned(), definition.trim_start().to_owned());
            }
        }
    }
    texts
}

struct Campaign {
    bank: &'static str,
    oracle: Oracle,
    theirs: Patterns,
    ours: Patterns,
    texts: BTreeMap<String, String>,
    patterns: usize,
    lines: usize,
    matches: usize,
    timeouts: usize,
    /// By pattern, comparison and kind: how often, and an example.
    differences: BTreeMap<(String, &'static str, &'static str), (usize, String)>,
    report: String,
}

impl Campaign {
    fn new(bank: &'static str, ours: Patterns) -> Self {
        let mut oracle = Oracle::spawn();
        let theirs = oracle.bank(bank);
        Self {
            bank,
            oracle,
            theirs,
            ours,
            texts: texts(bank),
            patterns: 0,
            lines: 0,
            matches: 0,
            timeouts: 0,
            differences: BTreeMap::new(),
            report: String::new(),
        }
    }

    fn run(&mut self) {
        let theirs: BTreeSet<String> = self.theirs.names().map(str::to_owned).collect();
        let ours: BTreeSet<String> = self.ours.names().map(str::to_owned).collect();
        let only = std::env::var("SAWLOG_ORACLE_PATTERN").ok();
        println!("{}: only theirs {:?}, only ours {:?}", self.bank, theirs.difference(&ours).collect::<Vec<_>>(), ours.difference(&theirs).collect::<Vec<_>>());
        for name in theirs.intersection(&ours) {
            if only.as_ref().is_none_or(|only| only.split(',').any(|only| only == name)) {
                self.patterns += 1;
                self.pattern(name);
            }
        }
    }

    fn pattern(&mut self, name: &str) {
        for (nth, form) in FORMS.iter().enumerate() {
            let expression = form.replace("NAME", name);
            let compile = |patterns| Grok::compile(&expression, patterns, Options::default());
            let ours = compile(&self.ours).expect("our own patterns compile");
            let engine = match (compile(&self.theirs), self.oracle.compile(self.bank, &expression)) {
                (Ok(engine), Ok(())) => engine,
                (engine, theirs) => {
                    println!("{} {name}: engine {:?}, theirs {theirs:?}", self.bank, engine.err());
                    return;
                }
            };
            let mut own = self.theirs.clone();
            own.define(name, &self.texts[name]).expect("our own patterns are sound");
            let own = compile(&own).expect("our own patterns compile");
            let lines = lines(&[&engine, &ours], &format!("{name}{nth}"), lines_per_side());
            let texts: Vec<String> = lines.iter().map(|(text, _)| text.clone()).collect();
            let answers = self.oracle.search(&texts);
            let mut slots = Slots::new();
            for ((line, side), theirs) in lines.iter().zip(answers) {
                self.lines += 1;
                self.matches += usize::from(matches!(theirs, Answer::Match(_)));
                self.timeouts += usize::from(theirs == Answer::Unknown);
                for (comparison, grok) in [("engine", &engine), ("bank", &ours), ("own", &own)] {
                    let got = search(grok, &mut slots, line);
                    if let Some(kind) = kind(&theirs, &got) {
                        let key = (name.to_owned(), comparison, kind);
                        let seen = self.differences.get(&key).map_or(0, |found| found.0);
                        let shrunk = if seen < 3 { self.shrink(grok, line, kind) } else { line.clone() };
                        let theirs = self.oracle.search(std::slice::from_ref(&shrunk)).remove(0);
                        let got = search(grok, &mut slots, &shrunk);
                        let text = format!("{shrunk:?}\n      theirs {theirs:?}\n      ours   {got:?}");
                        writeln!(self.report, "{} {name} form {nth} {comparison} {side}: {kind}: {text}", self.bank).expect("text takes text");
                        let found = self.differences.entry(key).or_insert((0, text));
                        found.0 += 1;
                    }
                }
            }
        }
    }

    /// The shortest line found that still differs in the same way.
    fn shrink(&mut self, grok: &Grok, line: &str, want: &'static str) -> String {
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

    fn finish(self) {
        println!("{}: {} patterns, {} lines, {} matched by theirs, {} without answer", self.bank, self.patterns, self.lines, self.matches, self.timeouts);
        for ((name, comparison, kind), (count, example)) in &self.differences {
            println!("  {comparison} {name}: {kind}: {count} times\n      {example}");
        }
        if let Ok(path) = std::env::var("SAWLOG_ORACLE_REPORT") {
            std::fs::write(format!("{path}.{}", self.bank), &self.report).expect("the report is written");
        }
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
