//! Elastic's own grok library in a process of its own: patterns and lines go in, captures come out.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use sawlog_parsers::grok::Patterns;

/// Where `tests/run` puts what the tests need, from the crate's folder.
const LIBRARIES: &str = "../target/services/elasticsearch-8.17.0/lib";
const ARCHIVES: [&str; 4] = [
    "elasticsearch-grok-8.17.0.jar",
    "elasticsearch-core-8.17.0.jar",
    "joni-2.1.29.jar",
    "jcodings-1.0.44.jar",
];

/// What a match captured: each field with its span, in the order of the expression.
pub type Captured = Vec<(String, usize, usize)>;

/// What an engine says of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Match(Captured),
    NoMatch,
    /// It took too long.
    Unknown,
}

/// The running library.
pub struct Oracle {
    process: Child,
    requests: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When Java or the library are not there: `tests/run` installs them.
    pub fn spawn() -> Self {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let archives: Vec<PathBuf> = ARCHIVES
            .iter()
            .map(|name| crate_folder.join(LIBRARIES).join(name))
            .collect();
        let missing = archives.iter().find(|path| !path.exists());
        assert!(
            missing.is_none(),
            "{missing:?} is not there; tests/run fetches it"
        );
        let mut process = Command::new("nice")
            .args(["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp"])
            .arg(std::env::join_paths(archives).expect("no colon in the path"))
            .arg(crate_folder.join("tests/oracle/Oracle.java"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Java starts; tests/run installs it");
        Self {
            requests: BufWriter::new(process.stdin.take().expect("stdin is piped")),
            answers: BufReader::new(process.stdout.take().expect("stdout is piped")),
            process,
        }
    }

    /// The library's own pattern files, one behind the other.
    pub fn files(&mut self, bank: &str) -> Vec<u8> {
        from_digits(&self.ask(&format!("bank {bank}")))
    }

    /// The library's own definitions, loaded as any user's file is.
    pub fn bank(&mut self, bank: &str) -> Patterns {
        let text = self.files(bank);
        let mut patterns = Patterns::new();
        patterns
            .add_file(bank, &text)
            .expect("the library's files are sound");
        patterns
    }

    /// Compiles an expression there; the lines that follow are matched with it.
    pub fn compile(&mut self, bank: &str, expression: &str) -> Result<(), String> {
        let answer = self.ask(&format!("pattern {bank} {}", digits(expression)));
        match answer.strip_prefix("error ") {
            Some(message) => Err(String::from_utf8_lossy(&from_digits(message)).into_owned()),
            None => Ok(()),
        }
    }

    /// What the library says of each line.
    pub fn search(&mut self, lines: &[String]) -> Vec<Answer> {
        let (requests, answers) = (&mut self.requests, &mut self.answers);
        // Both pipes are short: who only writes is not read.
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for line in lines {
                    writeln!(requests, "line {}", digits(line)).expect("the library listens");
                }
                requests.flush().expect("the library listens");
            });
            lines.iter().map(|_| answer(&read_line(answers))).collect()
        })
    }

    fn ask(&mut self, request: &str) -> String {
        writeln!(self.requests, "{request}").expect("the library listens");
        self.requests.flush().expect("the library listens");
        read_line(&mut self.answers)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn read_line(answers: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    let length = answers
        .read_line(&mut line)
        .expect("the library speaks ASCII");
    assert_ne!(
        length, 0,
        "the library has ended; its last words are on stderr"
    );
    line.trim_end().to_owned()
}

fn answer(text: &str) -> Answer {
    let mut words = text.split(' ');
    match words.next() {
        Some("none") => Answer::NoMatch,
        Some("match") => Answer::Match(words.map(capture).collect()),
        _ => Answer::Unknown,
    }
}

fn capture(word: &str) -> (String, usize, usize) {
    let (field, span) = word.split_once('@').expect("a capture is FIELD@FROM-TO");
    let (from, to) = span.split_once('-').expect("a span is FROM-TO");
    let number = |text: &str| text.parse().expect("offsets are numbers");
    let field = String::from_utf8_lossy(&from_digits(field)).into_owned();
    (plain(&field), number(from), number(to))
}

/// The library's bank has dots where Logstash's has brackets: `a.b` for `[a][b]`.
pub fn plain(field: &str) -> String {
    field.replace("][", ".").replace(['[', ']'], "")
}

/// With a hyphen before them, so that an empty text is a word.
fn digits(text: &str) -> String {
    let mut digits = String::with_capacity(2 * text.len() + 1);
    digits.push('-');
    for byte in text.bytes() {
        write!(digits, "{byte:02x}").expect("text takes text");
    }
    digits
}

fn from_digits(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().get(1..).unwrap_or_default().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits are ASCII");
            u8::from_str_radix(pair, 16).expect("digits are hexadecimal")
        })
        .collect()
}
