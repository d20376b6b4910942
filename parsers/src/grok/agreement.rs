//! Tests that all engines agree: whatever the scanner, the automaton and the optimised program decide of a
//! line, the plain program, which presumes nothing, decides as well, captures included.

mod lines;
mod reference;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::automaton::{Answer, Automaton, Memory};
use super::machine::{self, Machine, Scratch, Verdict};
use super::parse::{Parsed, parse};
use super::patterns::Patterns;
use super::program::{Level, Program};
use super::tree::Node;
use super::{Capture, CaptureMode, Error};
use lines::Numbers;

/// Beyond this the yardstick has no verdict, and the line is passed over.
const STEPS_MAX: u64 = 300_000;

struct Engines {
    expression: String,
    tree: Node,
    captures: Vec<Capture>,
    plain: Program,
    optimised: Program,
    scanner: Program,
    automaton: Option<Automaton>,
    /// The same with the fields alone that the expression asks for. Only then is a piece one token whose parts have names.
    named: Option<Box<Engines>>,
}

impl Engines {
    fn compile(expression: &str, patterns: &Patterns) -> Result<Self, Error> {
        let named = Self::compile_as(CaptureMode::Named, expression, patterns)?;
        let mut all = Self::compile_as(CaptureMode::All, expression, patterns)?;
        all.named = Some(Box::new(named));
        Ok(all)
    }

    fn compile_as(mode: CaptureMode, expression: &str, patterns: &Patterns) -> Result<Self, Error> {
        let Parsed { tree, captures, .. } = parse(expression, patterns, mode)?;
        Ok(Self {
            named: None,
            expression: expression.to_owned(),
            plain: Program::compile(&tree, &captures, Level::Plain)?,
            optimised: Program::compile(&tree, &captures, Level::Optimised)?,
            scanner: Program::compile(&tree, &captures, Level::Scanner)?,
            automaton: Automaton::prepare(&tree, &captures).ok(),
            tree,
            captures,
        })
    }

    /// The spans of the match, if there is one; nothing when the program gave up.
    fn run(&self, program: &Program, line: &[u8]) -> Option<Option<Vec<usize>>> {
        let mut scratch = self.scratch(program);
        let verdict = Machine::new(program, line, &mut scratch, STEPS_MAX).search();
        // What a search leaves behind for the next one changes no result.
        scratch.prepare(self.captures.len() + program.any_runs);
        let again = Machine::new(program, line, &mut scratch, STEPS_MAX).search();
        assert_eq!(verdict, again, "once more: {}", self.expression);
        let by_machine = self.found(program, |scratch| {
            Machine::new(program, line, scratch, STEPS_MAX).search()
        });
        let found = self.found(program, |scratch| {
            machine::search(program, line, scratch, STEPS_MAX)
        });
        // The preferred way may get to the end where the machine gives up.
        if by_machine.is_some() {
            let text = line.escape_ascii();
            assert_eq!(
                found, by_machine,
                "preferred way: {} on b\"{text}\"",
                self.expression
            );
        }
        found
    }

    fn found(
        &self,
        program: &Program,
        search: impl FnOnce(&mut Scratch) -> Verdict,
    ) -> Option<Option<Vec<usize>>> {
        let mut scratch = self.scratch(program);
        match search(&mut scratch) {
            Verdict::Match => {
                scratch.spans.truncate(2 * self.captures.len());
                Some(Some(scratch.spans))
            }
            Verdict::NoMatch => Some(None),
            Verdict::Spent => None,
        }
    }

    fn scratch(&self, program: &Program) -> Scratch {
        let mut scratch = Scratch::default();
        scratch.prepare(self.captures.len() + program.any_runs);
        // As if a line before had set all of them.
        scratch.spans.fill(1);
        scratch
    }

    fn check(&self, line: &[u8]) {
        if let Some(named) = &self.named {
            named.check(line);
        }
        let text = line.escape_ascii();
        let by_the_book = reference::search(&self.tree, &self.captures, line, STEPS_MAX);
        let plain = self.run(&self.plain, line);
        if let (Some(want), Some(got)) = (&by_the_book, &plain) {
            assert_eq!(got, want, "plain: {} on b\"{text}\"", self.expression);
        }
        let Some(want) = by_the_book.or(plain) else {
            return;
        };
        for (name, program) in [("optimised", &self.optimised), ("scanner", &self.scanner)] {
            if let Some(got) = self.run(program, line) {
                assert_eq!(got, want, "{name}: {} on b\"{text}\"", self.expression);
            }
        }
        let Some(automaton) = &self.automaton else {
            return;
        };
        let mut scratch = self.scratch(&self.optimised);
        let got = match automaton.search(line, &mut scratch, &mut Memory::default()) {
            Answer::Match => Some(scratch.spans),
            Answer::NoMatch => None,
            Answer::Undecided => return,
        };
        assert_eq!(got, want, "automaton: {} on b\"{text}\"", self.expression);
    }
}

/// Lines of many kinds; what is made of them is near to a match of some expression.
const SEEDS: &[&str] = &[
    r#"172.16.132.216 [14/Sep/2015:16:31:02 +0000] "GET /cart?item=7&n=2 HTTP/1.1" 304 0 0.002"#,
    r#"2001:db8::17 [14/Sep/2015:16:31:03 +0000] "POST /login HTTP/2.0" 502 173 1.250"#,
    r#"fe80::1%eth0 [4/März/15:6:31:60.5 100] "PUT /a\"b" HTTP/1 " 5 -1 .5"#,
    r#"web-1.example.com. - frank@example.com [10/Oct/2000:13:55:36 -0700] "GET /x HTTP/1.0" 200 23 "-" "Moz \"q\" 1""#,
    "Nov 20 18:56:21 web-17 sshd[4711]: Accepted publickey for deploy from 10.0.0.7 port 50022 ssh2",
    "Nov 20 18:57:01.234 web-17 CRON[50231]: pam_unix(cron:auth): session opened for user backup by (uid=0)",
    "2026-11-20T18:56:21.123+01:00 ::ffff:10.1.2.3 WARN caf\u{e9} something happens: 12,5 -3 +4.x",
    "<34>1 2003-08-24T05:14:15.003-07:00 the.borg.com su 12 ID47 [a b=\"]\"] 'su root' failed on /dev/pts/7",
    "1:2:3:4:5:6:7:8 1.2.3.4.5 256.1.1.1 ::1 1::2::3 a.b-c..d 00:1b:44:11:3a:b7 0x1F 1e5 12:34:56:78",
    "`x` 'it\\'s' \"\" \"a\\\\\" \"open http://u:p@h.org:80/p/q?r=1#s C:\\dir\\file urn:isbn:1 a@b.c Mai Okt",
];

#[derive(Debug, Clone)]
enum Edit {
    Replace(usize, u8),
    Insert(usize, u8),
    Delete(usize, usize),
    Copy(usize, usize, usize),
    Cut(usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b" 0159afTZ:./-[]\"'\\%+,_?@\n".to_vec()),
        1 => any::<u8>(),
    ];
    let at = 0..400_usize;
    prop::collection::vec(
        prop_oneof![
            (at.clone(), byte.clone()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
            (at.clone(), byte).prop_map(|(at, byte)| Edit::Insert(at, byte)),
            (at.clone(), 1..4_usize).prop_map(|(at, count)| Edit::Delete(at, count)),
            (at.clone(), 1..20_usize, at.clone())
                .prop_map(|(from, count, to)| Edit::Copy(from, count, to)),
            at.prop_map(Edit::Cut),
        ],
        0..5,
    )
}

fn apply(line: &mut Vec<u8>, edit: &Edit) {
    let place = |at: usize| at % (line.len() + 1);
    match *edit {
        Edit::Replace(at, byte) => {
            let at = place(at);
            if let Some(old) = line.get_mut(at) {
                *old = byte;
            }
        }
        Edit::Insert(at, byte) => line.insert(place(at), byte),
        Edit::Delete(at, count) => {
            let from = place(at);
            line.drain(from..(from + count).min(line.len()));
        }
        Edit::Copy(from, count, to) => {
            let from = place(from);
            let piece = line[from..(from + count).min(line.len())].to_vec();
            let to = place(to);
            line.splice(to..to, piece);
        }
        // Most lines stay long.
        Edit::Cut(at) if at % 4 == 0 => line.truncate(place(at)),
        Edit::Cut(_) => {}
    }
}

fn check_all(expressions: &[String], patterns: &Patterns, cases: u32) {
    let compile =
        |text: &String| Engines::compile(text, patterns).expect("the expression is sound");
    let engines: Vec<Engines> = expressions.iter().map(compile).collect();
    let line = (0..SEEDS.len(), edits()).prop_map(|(seed, edits)| {
        let mut line = SEEDS[seed].as_bytes().to_vec();
        edits.iter().for_each(|edit| apply(&mut line, edit));
        line
    });
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&line, |line| {
        engines.iter().for_each(|engines| engines.check(&line));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// More rounds than every run of the tests needs, for a soak.
fn rounds(usual: u32) -> u32 {
    std::env::var("SAWLOG_AGREEMENT_FACTOR")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
        * usual
}

/// Lines that are not UTF-8 and lines that end in newlines, which a sender makes as he likes.
#[test]
fn the_automaton_decides_any_bytes() {
    let expressions = [
        "(?<x>.)(?<y>\\S+)$",
        "^(?<x>(?:a|ab)+)(?<y>.?)",
        "(?<x>[^a]{2})(?<y>a|$)",
        "\\b(?<x>\\w+)\\B(?<y>.)",
        "(?:a|^)(?<x>\\s*)(?<y>$|b)",
        "(?:(?<x>^)\\n|b)*(?<y>^)?$",
        "^(?<x>[\u{FFFD}b]+)",
        "(?i)(?<x>\u{E9}|k)+(?<y>.)$",
    ];
    let expressions = expressions.map(|text| Engines::compile(text, &Patterns::new()));
    let pieces: [&[u8]; 9] = [
        b"a",
        b"b",
        b"ab",
        b"\n",
        b" ",
        b"\xFF",
        b"\xE2\x82",
        "\u{E9}".as_bytes(),
        b"\xEF\xBF\xBD",
    ];
    let line = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..9);
    let mut runner = TestRunner::new(Config {
        cases: rounds(3000),
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&line, |pieces| {
        let line = pieces.concat();
        for engines in expressions.iter().flatten() {
            engines.check(&line);
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(
        expressions
            .iter()
            .flatten()
            .all(|one| one.automaton.is_some())
    );
}

#[test]
fn engines_agree_on_the_basic_patterns() {
    let names = [
        "IP",
        "IPV4",
        "IPORHOST",
        "HOSTNAME",
        "HOSTPORT",
        "HTTPDUSER",
        "NUMBER",
        "INT",
        "BASE16NUM",
        "WORD",
        "POSINT",
        "NONNEGINT",
        "QUOTEDSTRING",
        "MONTH",
        "TIME",
        "HTTPDATE",
        "SYSLOGTIMESTAMP",
        "TIMESTAMP_ISO8601",
        "URIPATH",
        "URIPATHPARAM",
        "URI",
        "PATH",
        "MAC",
        "EMAILADDRESS",
        "LOGLEVEL",
        "DATESTAMP",
        "UUID",
        "TTY",
    ];
    // What stands around a token decides whether it is one.
    let forms = [
        "%{X:x}",
        "^%{X:x}$",
        "%{X:x} %{X:y}",
        "%{DATA:a}%{X:x}[ ,:]",
        "%{X:x}%{NOTSPACE:b}",
        "(?:%{X:x}|-)\"",
    ];
    let expressions: Vec<String> = names
        .iter()
        .flat_map(|name| {
            forms
                .iter()
                .map(move |form| form.replace("{X", &format!("{{{name}")))
        })
        .collect();
    check_all(&expressions, &Patterns::legacy(), rounds(60));
}

#[test]
fn engines_agree_on_whole_lines() {
    let mut patterns = Patterns::legacy();
    let file = r#"REQUESTPATH \"%{WORD:method} %{URIPATHPARAM} HTTP.*\"
NGINXACCESS %{IP:client} \[%{HTTPDATE:at}\] %{REQUESTPATH} %{NUMBER:code} %{NUMBER:sent:int} %{NUMBER:time:float}
"#;
    patterns
        .add_file("f", file.as_bytes())
        .expect("the file above is sound");
    let expressions = [
        "%{NGINXACCESS}",
        r#"^%{IPORHOST:client} \[%{HTTPDATE:at}\] "%{WORD:method} %{NOTSPACE:path} HTTP/%{NUMBER}" %{NUMBER:code} %{NUMBER:sent:int} %{NUMBER:time:float}$"#,
        "%{COMBINEDAPACHELOG}",
        "%{COMMONAPACHELOG}",
        "%{SYSLOGBASE} %{GREEDYDATA:message}",
        "%{SYSLOGLINE}",
        "%{SYSLOG5424LINE}",
        "%{SYSLOGPAMSESSION}",
        "^%{TIMESTAMP_ISO8601:at} (?:%{IP:ip}|%{HOSTNAME:host}) %{LOGLEVEL:level}%{SPACE}%{GREEDYDATA:text}",
        "%{DATA:a} %{DATA:b}:%{GREEDYDATA:c} %{NUMBER:d}",
        "(?<a>.*)\"(?<b>.*?)\"(?<c>[^\"]*)$",
    ];
    check_all(&expressions.map(str::to_owned), &patterns, rounds(300));
}

/// Their ends begin with a rare text, from where a search may look before it looks at their beginnings.
const WITH_ENDS: &[&str] = &[
    r"(?<w>a+).*\((?<n>1+)a",
    r"(?<w>a|1)(?<x>.*)\((?<n>1+)(?<m>a?)a",
    r"(?<w>a).+\((?<y>a|a1|)(?<z>1*)1a",
    r"(?<w>a*).*\((?<y>a*)\[(?<z>1*)a",
    r"(?<w>\w).*?\((?<n>.*)\[(?<m>.*?)a",
    r"(?<w>a)?(?<x>1+|.*)\((?:(?<n>1)|(?<m>a))+\b",
    r"^(?<w>a).*\(\((?<n>%{NUMBER})",
    r"(?<w>a).*\((?<n>%{NUMBER}) (?<m>%{NUMBER})$",
    r"(?:(?<w>a)|1)*.*\((?<n>1)(?=a)",
    ".*\u{e9}(?<n>a|1)",
];

/// What the lines for them are made of.
const END_PIECES: &[&str] = &[
    "(", "((", "[", "a", "1", "11", " ", "\n", "(1a", "(a11a", "\u{e9}",
];

#[test]
fn engines_agree_where_a_line_is_looked_at_from_its_end() {
    let patterns = Patterns::legacy();
    let compile = |text: &&str| Engines::compile(text, &patterns).expect("it is sound");
    let engines: Vec<Engines> = WITH_ENDS.iter().map(compile).collect();
    let line = prop::collection::vec(prop::sample::select(END_PIECES), 0..14);
    let mut runner = TestRunner::new(Config {
        cases: rounds(600),
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&line, |line| {
        let line = line.concat().into_bytes();
        engines.iter().for_each(|engines| engines.check(&line));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Texts that a token matches or nearly so; every single change of a byte is tried on each.
const SAMPLES: &[(&str, &[&str])] = &[
    (
        "IPORHOST",
        &[
            "10.0.255.1",
            "web-1.example.",
            "::1",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:1.2.3.4",
            "a::b%e0",
        ],
    ),
    ("IP", &["1.20.255.4", "1::2:3", "::ffff:1.2.3.4"]),
    ("HOSTNAME", &["a.b-c.de", "x"]),
    ("HTTPDUSER", &["a.b-c_d", "-", "a+b.c@d.ef", "a@b@c"]),
    ("NUMBER", &["-1.50", ".5", "12"]),
    ("INT", &["-120", "7"]),
    ("WORD", &["ab_1", "aä"]),
    ("POSINT", &["120"]),
    ("QUOTEDSTRING", &[r#""a\"b""#, "'`'", "\"\""]),
    ("MONTH", &["Sep", "October", "März", "Mrz", "Ot", "mai"]),
    ("TIME", &["1:02:03", "23:59:60.123", "24:00:00"]),
    (
        "HTTPDATE",
        &["14/Sep/2015:16:31:02 +0000", "1/Mai/15:6:31:60.5 100"],
    ),
    (
        "SYSLOGTIMESTAMP",
        &["Sep  4 16:31:02", "March 31 6:00:00,5"],
    ),
    (
        "TIMESTAMP_ISO8601",
        &[
            "2015-09-14T16:31:02.123+02:00",
            "15-9-4 6:31Z",
            "2015-10-01 16:31:60-0230",
            "2015-01-01T1631",
            "2015-01-01T1631:02.5",
            "2015-01-01T631:02+0100",
            "2015-01-01 163102",
        ],
    ),
    ("URIPATH", &["/a/b=%20", "/"]),
    ("URIPATHPARAM", &["/a?b=[c]&d", "/a|b"]),
];

#[test]
fn tokens_agree_on_every_single_change_of_a_byte() {
    let patterns = Patterns::legacy();
    for (name, samples) in SAMPLES {
        for form in ["^%{X:x} ", "%{X:x}\"", "-%{X:x}$", "%{X:x}:%{INT:p}"] {
            let expression = form.replace("{X", &format!("{{{name}"));
            let engines =
                Engines::compile(&expression, &patterns).expect("the expression is sound");
            for sample in *samples {
                let line = form
                    .replace("%{X:x}", sample)
                    .replace("%{INT:p}", "80")
                    .replace(['^', '$'], "");
                single_changes(line.as_bytes()).for_each(|line| engines.check(&line));
            }
        }
    }
}

fn single_changes(line: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let places = 0..=line.len();
    places.flat_map(move |at| {
        b" 0269aZ.:/-+\"\\%\n\xC3".iter().flat_map(move |byte| {
            let mut inserted = line.to_vec();
            inserted.insert(at, *byte);
            let mut replaced = line.to_vec();
            replaced.splice(at..(at + 1).min(line.len()), [*byte]);
            let mut deleted = line.to_vec();
            deleted.drain(at..(at + 1).min(line.len()));
            [inserted, replaced, deleted]
        })
    })
}

#[test]
fn tokens_agree_on_long_labels_and_runs() {
    let patterns = Patterns::legacy();
    for expression in [
        "%{HOSTNAME:h} ",
        "%{IPORHOST:h} ",
        "%{NUMBER:n} ",
        "%{IP:i} ",
    ] {
        let engines = Engines::compile(expression, &patterns).expect("the expression is sound");
        for length in [1, 62, 63, 64, 65, 200] {
            engines.check(format!("{} x", "a".repeat(length)).as_bytes());
            engines.check(format!("b.{}. x", "1".repeat(length)).as_bytes());
            engines.check(format!("{}1.1.1.1 x", "1:".repeat(length)).as_bytes());
        }
    }
}

/// Every published pattern, on lines made out of it and on changed ones.
#[track_caller]
fn check_bank(patterns: &Patterns) {
    let mut names: Vec<&str> = patterns.names().collect();
    names.sort_unstable();
    let mut numbers = Numbers(0x5AB1_06C0_FFEE);
    let mut matched = 0;
    for name in &names {
        let engines = Engines::compile(&format!("%{{{name}:x}}"), patterns);
        let engines = engines.expect("a published pattern");
        for _ in 0..rounds(4) {
            let mut line = Vec::new();
            lines::line(&engines.tree, &mut numbers, &mut line);
            engines.check(&line);
            matched += usize::from(matches!(
                engines.run(&engines.optimised, &line),
                Some(Some(_))
            ));
            for _ in 0..2 {
                change(&mut line, &mut numbers);
                engines.check(&line);
            }
        }
    }
    assert!(
        names.len() * 3 < matched,
        "only {matched} lines of {} patterns matched",
        names.len()
    );
}

fn change(line: &mut Vec<u8>, numbers: &mut Numbers) {
    const SIGNS: &[u8] = b" 0159afTZ:./-[]\"'\\%+,_?@\n\xC3\xFF";
    let sign = SIGNS[numbers.next(SIGNS.len())];
    let at = numbers.next(400);
    let edit = match numbers.next(5) {
        0 => Edit::Replace(at, sign),
        1 => Edit::Insert(at, sign),
        2 => Edit::Delete(at, 1 + numbers.next(3)),
        3 => Edit::Copy(at, 1 + numbers.next(20), numbers.next(400)),
        _ => Edit::Cut(at),
    };
    apply(line, &edit);
}

#[test]
fn engines_agree_on_every_legacy_pattern() {
    check_bank(&Patterns::legacy());
}

#[test]
fn engines_agree_on_every_ecs_pattern() {
    check_bank(&Patterns::ecs_v1());
}

#[test]
fn engines_agree_on_every_strict_pattern() {
    check_bank(&Patterns::strict());
}

/// Small expressions of all constructs over few letters, where anything can match anything.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "a",
            "b",
            "ab",
            "-",
            " ",
            ".",
            "\\w",
            "\\s",
            "\\d",
            "[ab]",
            "[^a]",
            "ä",
            "[[:alpha:]]",
            "^",
            "$",
            "\\b",
            "\\B",
            "",
            "\\A",
            "\\z",
            "%{WORD:w}",
            "%{INT:i}",
            "%{NUMBER:n}",
            "%{NOTSPACE:s}",
            "%{DATA:d}",
            "%{GREEDYDATA:g}",
            "%{HOSTNAME:h}",
            "%{IP:ip}",
            "(?<!a)",
            "(?!b)",
            "(?<=[a-])",
            "(?=ab|-)",
            "(?<!ab|b)",
            "\\Z",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let quantifier =
            prop::sample::select(vec!["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}?", "{2,}", "*+"]);
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => (inner.clone(), quantifier).prop_map(|(part, sign)| format!("(?:{part}){sign}")),
            1 => inner.clone().prop_map(|part| format!("(?<c>{part})")),
            1 => inner.clone().prop_map(|part| format!("(?>{part})")),
            1 => inner.clone().prop_map(|part| format!("(?={part})")),
            1 => inner.prop_map(|part| format!("(?!{part})")),
        ]
    })
}

#[test]
fn engines_agree_on_any_expression() {
    let patterns = Patterns::legacy();
    let lines = prop::collection::vec(
        prop::collection::vec(
            prop_oneof![
                8 => prop::sample::select(vec!["a", "b", "-", " ", "1", ".", "\n", "ä", "ab", "1.5", "10.0.0.1"])
                    .prop_map(|text| text.as_bytes().to_vec()),
                1 => any::<u8>().prop_map(|byte| vec![byte]),
            ],
            0..10,
        ),
        8,
    );
    let mut runner = TestRunner::new(Config {
        cases: rounds(150),
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&(expression(), lines), |(text, lines)| {
        let engines = Engines::compile(&text, &patterns).expect("the expression is sound");
        lines
            .iter()
            .for_each(|pieces| engines.check(&pieces.concat()));
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Parts of expressions, whole and broken.
const PIECES: &str = concat!(
    r"( ) (?: (?> (?= (?<! (?<n> (?i) [ ] [^ [[:alpha:] && { } {2} {1, * + ? | \ \k<n> \p{ \x4 . ^ $ - a b 1 ä ",
    r"%{ %{WORD %{INT:n} :f = < > ! \d \b"
);

#[test]
fn any_text_is_refused_or_compiled_alike_by_all() {
    let patterns = Patterns::legacy();
    let pieces: Vec<&str> = PIECES.split(' ').chain(["(?x) #", "\n", " "]).collect();
    let pieces = prop::sample::select(pieces);
    let texts = prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat());
    let config = Config {
        cases: rounds(1500),
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&texts, |text| {
        if let Ok(engines) = Engines::compile(&text, &patterns) {
            for line in ["", "a", "ab1 äB\nb-a", "a{2}b1%{WORD"] {
                engines.check(line.as_bytes());
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
