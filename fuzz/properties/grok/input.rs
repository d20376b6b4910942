//! From the fuzzer's bytes to an expression and a line. What begins with the byte 1, 2 or 3 is a recipe over
//! the legacy, the ECS or the strict bank: up to the first newline each byte adds a piece to an expression or joins those that
//! are there, behind it the bytes beyond ASCII stand for fragments of log lines. All else is taken as it is:
//! the first line is the expression, the rest the line.

use sawlog_parsers::grok::Patterns;

/// A published set of patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bank {
    Legacy,
    Ecs,
    Strict,
}

/// An expression and a line to search with it.
#[derive(Debug)]
pub struct Case {
    pub bank: Bank,
    pub expression: String,
    pub line: Vec<u8>,
}

/// A set and its names in order, so that a number chooses the same one in every run.
pub struct Names {
    pub patterns: Patterns,
    sorted: Vec<String>,
}

/// Longer expressions show nothing new.
const EXPRESSION_BYTES_MAX: usize = 600;
/// Fragments may make a short input a long line.
const LINE_BYTES_MAX: usize = 4096;

const QUANTIFIERS: [&str; 10] = [
    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{,2}?", "*+",
];

const GROUPS: [(&str, &str); 16] = [
    ("(?:", ")"),
    ("(?<c>", ")"),
    ("(?<d:int>", ")"),
    ("(?>", ")"),
    ("(?=", ")"),
    ("(?!", ")"),
    ("(?<=", ")"),
    ("(?<!", ")"),
    ("(?i:", ")"),
    ("(?-m:", ")"),
    ("(?x: ", " )"),
    ("^(?:", ")$"),
    ("(?:", "){2,}"),
    ("(?:", ")?"),
    ("(?:", ")++"),
    ("(?<c>", ")?\\k<c>"),
];

const LEAVES: [&str; 64] = [
    ".",
    ".*",
    ".*?",
    ".+",
    "\\w",
    "\\w+",
    "\\W",
    "\\d",
    "\\d+",
    "\\D",
    "\\s",
    "\\s*",
    "\\S+",
    "\\h",
    "\\R",
    "[ab]",
    "[^a]",
    "[^\" ]*",
    "[[:alpha:]]+",
    "[[:^digit:]]",
    "[a-c[x-z]]",
    "[a-z&&[^aeiou]]",
    "[^\\n]+",
    "^",
    "$",
    "\\A",
    "\\z",
    "\\Z",
    "\\b",
    "\\B",
    "(?<!a)",
    "(?!b)",
    "(?<=[a-])",
    "(?=ab|-)",
    "(?<!ab|b)",
    "(?<=a|\\n)",
    "",
    "ä",
    "\\x41",
    "\\u00e4",
    "%{WORD:w}",
    "%{INT:i:int}",
    "%{NUMBER:n:float}",
    "%{NOTSPACE:s}",
    "%{DATA:d}",
    "%{GREEDYDATA:g}",
    "%{HOSTNAME:h}",
    "%{IP:ip}",
    "%{IPORHOST:[a][b]}",
    "%{QS:q}",
    "%{HTTPDATE:t}",
    "%{SYSLOGTIMESTAMP:t}",
    "%{TIMESTAMP_ISO8601:t}",
    "%{URIPATHPARAM:u}",
    "%{PATH:p}",
    "%{SPACE}",
    "%{LOGLEVEL:l}",
    "%{OWN=[a-f]{1,2}}",
    "%{OWN:o=x|xy}",
    "(?:a|ab)",
    "(?:ab|a)",
    "(?:a*|b)",
    "(?:|a)",
    "(?i)",
];

const FRAGMENTS: [&[u8]; 48] = [
    b"10.0.0.1",
    b"256.1.1.1",
    b"::1",
    b"fe80::1%eth0",
    b"::ffff:1.2.3.4",
    b"1:2:3:4:5:6:7:8",
    b"web-1.example.com",
    b"a.b-c..d",
    b"1.50",
    b"-7",
    b".5",
    b"0x1F",
    b"1e5",
    b"12,5",
    b"ab",
    b"GET",
    b"/a/b?c=1",
    b"http://u:p@h.org:80/p?r=1#s",
    b"C:\\dir\\file",
    b"\"-\"",
    b"\"a\\\"b\"",
    b"'it\\'s'",
    b"\"",
    b"\\",
    b"14/Sep/2015:16:31:02 +0000",
    b"1/Mai/15:6:31:60.5 100",
    b"Nov 20 18:56:21",
    b"M\xC3\xA4rz  4 1:02:03",
    b"2026-11-20T18:56:21.123+01:00",
    b"15-9-4 6:31Z",
    b"24:00:00",
    b"23:59:60.5",
    b"sshd[4711]: ",
    b"<34>1 2003-08-24T05:14:15.003-07:00 the.borg.com su 12 ID47 [a b=\"]\"] x",
    b"WARN",
    b"00:1b:44:11:3a:b7",
    b"frank@example.com",
    b"\xC3\xA4",
    b"\xF0\x9F\xA6\x80",
    b"\xC3",
    b"\xFF",
    b"\xED\xA0\x80",
    b"\0",
    b"\n",
    b"\r\n",
    b"aaaaaaaaaaaaaaaaaaaa",
    b"                ",
    b"10.0.0.1 - - [14/Sep/2015:16:31:02 +0000] \"GET /x HTTP/1.1\" 200 23 \"-\" \"Moz\"",
];

impl Names {
    pub fn of(bank: Bank) -> Self {
        let patterns = match bank {
            Bank::Legacy => Patterns::legacy(),
            Bank::Ecs => Patterns::ecs_v1(),
            Bank::Strict => Patterns::strict(),
        };
        let mut sorted: Vec<String> = patterns.names().map(str::to_owned).collect();
        sorted.sort();
        Self { patterns, sorted }
    }
}

/// Reads an input; `None` when its expression is not text.
pub fn read(data: &[u8], names: impl Fn(Bank, usize) -> String) -> Option<Case> {
    let newline = data.iter().position(|byte| *byte == b'\n');
    let (first, rest) = data.split_at(newline.unwrap_or(data.len()));
    let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    let (bank, recipe) = match first {
        [1, recipe @ ..] => (Bank::Legacy, recipe),
        [2, recipe @ ..] => (Bank::Ecs, recipe),
        [3, recipe @ ..] => (Bank::Strict, recipe),
        text => {
            return Some(Case {
                bank: Bank::Legacy,
                expression: std::str::from_utf8(text).ok()?.to_owned(),
                line: rest.to_vec(),
            });
        }
    };
    Some(Case {
        bank,
        expression: cook(recipe, |number| names(bank, number)),
        line: fill(rest),
    })
}

/// The name with a number in a bank.
pub fn name(names: &Names, number: usize) -> String {
    let sorted = &names.sorted;
    sorted[number % sorted.len()].clone()
}

/// Carries out a recipe on a stack of pieces.
fn cook(recipe: &[u8], name: impl Fn(usize) -> String) -> String {
    let mut pieces: Vec<String> = Vec::new();
    let mut bytes = recipe.iter().copied();
    while let Some(byte) = bytes.next() {
        let number = usize::from(byte);
        let piece = match byte {
            0..=9 => pieces.pop().unwrap_or_default() + QUANTIFIERS[number],
            10..=0x1F => {
                let (start, end) = GROUPS[number % GROUPS.len()];
                format!("{start}{}{end}", pieces.pop().unwrap_or_default())
            }
            0x20..=0x7F => escaped(char::from(byte)),
            0x80..=0xBF => LEAVES[number - 0x80].to_owned(),
            0xC0..=0xDF => {
                let low = usize::from(bytes.next().unwrap_or_default());
                let name = name((number - 0xC0) / 2 * 256 + low);
                let field = if number % 2 == 0 { "" } else { ":f" };
                format!("%{{{name}{field}}}")
            }
            0xE0..=0xEF => last(&mut pieces, number % 16 + 2).concat(),
            0xF0..=0xFE => format!("(?:{})", last(&mut pieces, number % 16 + 2).join("|")),
            0xFF => pieces.last().cloned().unwrap_or_default(),
        };
        if EXPRESSION_BYTES_MAX < pieces.iter().map(String::len).sum::<usize>() + piece.len() {
            break;
        }
        pieces.push(piece);
    }
    pieces.concat()
}

fn last(pieces: &mut Vec<String>, count: usize) -> Vec<String> {
    pieces.split_off(pieces.len().saturating_sub(count))
}

fn escaped(letter: char) -> String {
    match letter.is_ascii_alphanumeric() {
        true => letter.to_string(),
        false => format!("\\{letter}"),
    }
}

fn fill(bytes: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    for byte in bytes {
        match byte.checked_sub(0x80) {
            Some(number) => {
                line.extend_from_slice(FRAGMENTS[usize::from(number) % FRAGMENTS.len()])
            }
            None => line.push(*byte),
        }
    }
    line.truncate(LINE_BYTES_MAX);
    line
}
