//! Grok side by side with a scanner written by hand, the captures of the `regex` crate and the `grok` crate
//! on Oniguruma: a Markdown table comes out, and whether what the library promises holds.
//!
//! `cargo bench -p sawlog-parsers --bench grok -- [--out FILE] [--rounds N] [NAME...]`; names pick
//! rows. Without `--bench`, as tests run it, it only checks that all contenders find the same fields.

use std::fmt::Write;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots, Tier};

#[path = "grok/cases.rs"]
mod cases;
#[path = "grok/scanners.rs"]
mod scanners;

use cases::{CASES, Case, FILE};
use scanners::{NONE, Span};

/// Rounds in which every contender has its turn: seconds of them, since a shared machine runs at half its speed for one or two.
const ROUNDS: usize = 200;
/// What one turn takes about: long beside the clock's steps, short beside the scheduler's.
const TURN: Duration = Duration::from_micros(400);

/// A failure at the end costs the `grok` crate at least so many times what it costs us, between matches too.
const FAILURE_TIMES_MIN: f64 = 100.0;

/// Matches the line so many times; says whether it matches.
type Run<'a> = Box<dyn FnMut(u32) -> bool + 'a>;

struct Contender<'a> {
    run: Run<'a>,
    times: u32,
    nanoseconds: Vec<f64>,
}

/// The times of one contender for one line.
#[derive(Clone, Copy)]
struct Figure {
    best: f64,
    median: f64,
}

struct Row {
    case: &'static Case,
    tier: Tier,
    ours: Figure,
    scanner: Option<Figure>,
    regex: Option<Figure>,
    grok: Option<Figure>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut out, mut wanted, mut is_bench) = (None, Vec::new(), false);
    let mut rounds = ROUNDS;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--out" => out = arguments.next(),
            "--rounds" => {
                let number = arguments.next().and_then(|text| text.parse().ok());
                rounds = number.expect("--rounds has a number");
            }
            "--bench" => is_bench = true,
            name => wanted.push(name.to_lowercase()),
        }
    }
    let is_wanted = |case: &&Case| {
        let name = case.name.to_lowercase();
        wanted.is_empty() || wanted.iter().any(|part| name.contains(part))
    };
    let rounds = if is_bench { rounds } else { 0 };
    let rows: Vec<Row> = CASES
        .iter()
        .filter(is_wanted)
        .map(|case| measure(case, rounds))
        .collect();
    if !is_bench {
        println!("all contenders agree; `cargo bench` measures them");
        return ExitCode::SUCCESS;
    }
    let (report, holds) = report(&rows, rounds);
    print!("{report}");
    if let Some(path) = out {
        std::fs::write(&path, &report).expect("the file of --out can be written");
    }
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn measure(case: &'static Case, rounds: usize) -> Row {
    let mut patterns = Patterns::legacy();
    for (name, definition) in FILE {
        patterns.define(name, definition).expect("they are short");
    }
    let ours = Grok::compile(case.expression, &patterns, Options::default())
        .expect("the expression is sound");
    let spans = spans_of(&ours, case);
    let tier = ours.tier();
    let names = ["ours", "scanner", "regex", "grok"];
    let mut contenders = [
        Some(our_run(ours, case)),
        case.scanner
            .map(|scanner| scanner_run(scanner, case, &spans)),
        case.regex.map(|regex| regex_run(regex, case, &spans)),
        grok_run(case, &spans),
    ]
    .map(|run| run.map(contender));
    for (name, contender) in names.iter().zip(&mut contenders) {
        if let Some(Contender { run, .. }) = contender {
            assert_eq!(run(1), case.matches, "{name}: {}", case.name);
        }
    }
    for _ in 0..rounds {
        for contender in contenders.iter_mut().flatten() {
            contender.take_turn();
        }
    }
    let [ours, scanner, regex, grok] =
        contenders.map(|contender| contender.map(|contender| contender.figure()));
    Row {
        case,
        tier,
        ours: ours.expect("it is always there"),
        scanner,
        regex,
        grok,
    }
}

fn contender(run: Run<'_>) -> Contender<'_> {
    Contender {
        run,
        times: 16,
        nanoseconds: Vec::new(),
    }
}

impl Contender<'_> {
    fn take_turn(&mut self) {
        let spent = self.spent();
        if self.nanoseconds.is_empty() && spent < TURN / 2 {
            // The first turn finds out how often the line fits into one.
            self.times *= 2;
            return self.take_turn();
        }
        self.nanoseconds
            .push(spent.as_secs_f64() * 1e9 / f64::from(self.times));
    }

    fn spent(&mut self) -> Duration {
        let start = Instant::now();
        black_box((self.run)(self.times));
        start.elapsed()
    }

    fn figure(mut self) -> Figure {
        self.nanoseconds.sort_by(f64::total_cmp);
        let at = |index: usize| self.nanoseconds.get(index).copied().unwrap_or_default();
        Figure {
            best: at(0),
            median: at(self.nanoseconds.len() / 2),
        }
    }
}

/// What our engine finds, to compare the others with.
fn spans_of(grok: &Grok, case: &Case) -> Vec<(String, Span)> {
    let mut slots = Slots::new();
    let outcome = grok.search(case.line.as_bytes(), &mut slots);
    assert_eq!(outcome == Outcome::Match, case.matches, "{}", case.name);
    let span = |index| {
        slots
            .span(index)
            .map_or(NONE, |span| (span.start, span.end))
    };
    grok.captures()
        .iter()
        .enumerate()
        .map(|(index, capture)| (capture.field.clone(), span(index)))
        .collect()
}

fn our_run(grok: Grok, case: &'static Case) -> Run<'static> {
    let mut slots = Slots::new();
    Box::new(move |times| {
        let mut found = false;
        for turn in 0..times {
            let outcome = grok.search(black_box(case.line_of(turn).as_bytes()), &mut slots);
            found = black_box(outcome) == Outcome::Match;
        }
        found
    })
}

fn scanner_run(scan: cases::Scanner, case: &'static Case, want: &[(String, Span)]) -> Run<'static> {
    let mut spans = vec![NONE; want.len()];
    if scan(case.line.as_bytes(), &mut spans).is_some() {
        let want: Vec<Span> = want.iter().map(|(_, span)| *span).collect();
        assert_eq!(spans, want, "scanner: {}", case.name);
    }
    Box::new(move |times| {
        let mut found = false;
        for turn in 0..times {
            let line = black_box(case.line_of(turn).as_bytes());
            found = black_box(scan(line, &mut spans)).is_some();
            black_box(&mut spans);
        }
        found
    })
}

fn regex_run(expression: &str, case: &'static Case, want: &[(String, Span)]) -> Run<'static> {
    let regex = regex::bytes::Regex::new(expression).expect("the expression is sound");
    let mut locations = regex.capture_locations();
    if regex
        .captures_read(&mut locations, case.line.as_bytes())
        .is_some()
    {
        for (index, (field, span)) in want.iter().enumerate() {
            let found = locations.get(index + 1).unwrap_or(NONE);
            assert_eq!(found, *span, "regex: {field} of {}", case.name);
        }
    }
    Box::new(move |times| {
        let mut found = false;
        for turn in 0..times {
            let line = black_box(case.line_of(turn).as_bytes());
            found = black_box(regex.captures_read(&mut locations, line)).is_some();
        }
        found
    })
}

/// Its own bank of patterns; `None` when that lacks the pattern.
fn grok_run(case: &'static Case, want: &[(String, Span)]) -> Option<Run<'static>> {
    let mut bank = grok::Grok::with_default_patterns();
    for (name, definition) in FILE {
        bank.add_pattern(*name, *definition);
    }
    let pattern = bank.compile(case.expression, true).ok()?;
    if let Some(found) = pattern.match_against(case.line) {
        let mut compared = 0;
        for (field, span) in want {
            // Its fields may have other names, and of several with one name it gives the last.
            let is_single = want.iter().filter(|(other, _)| other == field).count() == 1;
            if let Some(text) = found.get(field).filter(|_| is_single && *span != NONE) {
                assert_eq!(
                    text,
                    &case.line[span.0..span.1],
                    "grok: {field} of {}",
                    case.name
                );
                compared += 1;
            }
        }
        assert_ne!(compared, 0, "grok: {} has no field in common", case.name);
    }
    Some(Box::new(move |times| {
        let mut found = false;
        for turn in 0..times {
            found = black_box(pattern.match_against(black_box(case.line_of(turn)))).is_some();
        }
        found
    }))
}

/// The Markdown, and whether all that is promised holds.
fn report(rows: &[Row], rounds: usize) -> (String, bool) {
    let mut out = format!("{}\n\n", machine(rounds));
    let nothing = "a string takes all text";
    out.push_str(concat!(
        "| pattern and line | ours | scanner by hand | `regex` | `grok` | ours / scanner | `grok` / ours | tier |\n",
        "|---|---:|---:|---:|---:|---:|---:|---|\n"
    ));
    for row in rows {
        let ratio =
            |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.1}"));
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {:?} |",
            row.case.name,
            figure(Some(row.ours)),
            figure(row.scanner),
            figure(row.regex),
            figure(row.grok),
            ratio(row.over_scanner()),
            ratio(row.under_grok()),
            row.tier,
        )
        .expect(nothing);
    }
    out.push_str("\n| promise | measured | holds |\n|---|---:|---|\n");
    let mut all_hold = true;
    let mut promises: Vec<(String, String, bool)> = rows.iter().flat_map(Row::promises).collect();
    promises.extend(rows.iter().filter_map(|row| row.failure_alone(rows)));
    if rows.len() == CASES.len() {
        promises.push(tiers("legacy", &Patterns::legacy()));
        promises.push(tiers("ecs-v1", &Patterns::ecs_v1()));
    }
    for (promise, measured, holds) in promises {
        let word = if holds { "yes" } else { "**no**" };
        writeln!(out, "| {promise} | {measured} | {word} |").expect(nothing);
        all_hold &= holds;
    }
    (out, all_hold)
}

fn figure(figure: Option<Figure>) -> String {
    figure.map_or("-".to_owned(), |figure| {
        format!("{:.0} ({:.0})", figure.best, figure.median)
    })
}

impl Row {
    fn over_scanner(&self) -> Option<f64> {
        self.scanner.map(|scanner| self.ours.best / scanner.best)
    }

    fn under_grok(&self) -> Option<f64> {
        self.grok.map(|grok| grok.best / self.ours.best)
    }

    /// What the failure costs that takes turns with a match: twice the mean of both less the match.
    fn failure_alone(&self, rows: &[Row]) -> Option<(String, String, bool)> {
        self.case.other_line?;
        let is_match = |row: &&Row| {
            let case = row.case;
            case.other_line.is_none() && case.matches && case.expression == self.case.expression
        };
        let matching = rows.iter().find(is_match)?;
        let ours = 2.0 * self.ours.best - matching.ours.best;
        let grok = 2.0 * self.grok?.best - matching.grok?.best;
        let promise = format!(
            "{}, the failure alone: {FAILURE_TIMES_MIN} times faster than the `grok` crate",
            self.case.name
        );
        let ratio = grok / ours;
        let measured = format!("{ratio:.1} ({ours:.0} ns)");
        Some((promise, measured, FAILURE_TIMES_MIN <= ratio))
    }

    fn promises(&self) -> Vec<(String, String, bool)> {
        let name = self.case.name;
        let mut promises = Vec::new();
        if let (Some(most), Some(ratio)) = (self.case.scanner_times_max, self.over_scanner()) {
            let promise = format!("{name}: at most {most} times the scanner by hand");
            promises.push((promise, format!("{ratio:.2}"), ratio <= most));
        }
        if let (Some(least), Some(ratio)) = (self.case.grok_times_min, self.under_grok()) {
            let promise = format!("{name}: {least} times faster than the `grok` crate");
            promises.push((promise, format!("{ratio:.1}"), least <= ratio));
        }
        promises
    }
}

/// How many patterns of a bank each tier takes: 95 of 100 are to be outside the backtracker.
fn tiers(bank: &str, patterns: &Patterns) -> (String, String, bool) {
    let mut counts = [0_u32; 3];
    for name in patterns.names() {
        let expression = format!("%{{{name}}}");
        let grok =
            Grok::compile(&expression, patterns, Options::default()).expect("the bank is sound");
        counts[match grok.tier() {
            Tier::Scanner => 0,
            Tier::Automaton => 1,
            Tier::Backtracker => 2,
        }] += 1;
    }
    let [scanner, automaton, backtracker] = counts;
    let all: u32 = counts.iter().sum();
    let outside = f64::from(scanner + automaton) / f64::from(all);
    (
        format!("bank {bank}: 95 % of {all} patterns outside the backtracker"),
        format!(
            "{:.1} % (scanner {scanner}, automaton {automaton}, backtracker {backtracker})",
            outside * 100.0
        ),
        0.95 <= outside,
    )
}

/// Processor, kernel and compiler, and how to read the table.
fn machine(rounds: usize) -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    // Those of the machine, even where the measurement is bound to one of them.
    let is_processor = |line: &&str| line.starts_with("processor");
    let cores = processors.lines().filter(is_processor).count();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    format!(
        concat!(
            "{}, {} cores, Linux {}, {}. Nanoseconds for a line, to spans: the best of {} rounds in which all take turns, ",
            "and the median in brackets. All find the same fields, which is checked first. The scanners by hand look at ",
            "the start of the line only; the others search it. Where a match and a failure take turns, what the failure costs ",
            "alone is told too: twice the mean less the match. `regex` has hand-made, simpler expressions; `grok` is the ",
            "crate of that name on Oniguruma, with its own bank of patterns."
        ),
        model,
        cores,
        kernel.trim(),
        compiler.unwrap_or_default().trim(),
        rounds,
    )
}
