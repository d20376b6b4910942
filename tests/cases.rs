//! A case is a folder in `tests/cases`: a pipeline from stdin to stdout, what goes in, and what must come out.
//!
//! | file | meaning |
//! |---|---|
//! | `pipeline.conf` | the pipeline; the agent runs in the case's folder, as `sawlog run -f pipeline.conf` |
//! | `in.log` | stdin; empty without it |
//! | `out.ndjson` | the lines of stdout; empty without it |
//! | `stderr.txt` | each line of it must appear in stderr |
//! | `status` | the exit code; 0 without it |
//! | `args` | further arguments, divided by blanks; a first word without a dash replaces the whole command line |
//!
//! Lines are compared as JSON: `@timestamp` counts only where the wanted line has it, and a wanted value `"<any>"` takes
//! any. With `SAWLOG_BLESS=1` each `out.ndjson` is rewritten to what came, its `"<any>"` kept; read the change before
//! committing it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::services::Scratch;
use crate::services::process::output_of;
use crate::services::sawlog::PROGRAM;

/// A case that takes longer hangs; the slowest takes a second in a debug build.
const CASE_MAX: &str = "60";

const ANY: &str = "<any>";
const TIME: &str = "@timestamp";

/// What a run of the agent left.
pub(crate) struct Outcome {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

#[test]
fn every_case_gives_what_it_should() {
    let cases = cases();
    assert!(!cases.is_empty(), "no folder in tests/cases");
    let mut report = String::new();
    for case in &cases {
        let arguments = arguments(case);
        let outcome = run(
            Command::new(PROGRAM).args(arguments).current_dir(case),
            &case.join("in.log"),
        );
        if is_blessing() {
            rewrite(&case.join("out.ndjson"), &outcome.stdout);
        }
        let faults = compare(case, &outcome);
        if !faults.is_empty() {
            let name = case.file_name().unwrap_or_default().to_string_lossy();
            write!(report, "\n== {name}\n{faults}").expect("a String takes all text");
        }
    }
    assert!(
        report.is_empty(),
        "of {} cases these differ:{report}",
        cases.len()
    );
}

/// The case folders, in the order of their names.
fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = fs::read_dir(&folder).unwrap_or_else(|fault| panic!("{folder:?}: {fault}"));
    let mut cases: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    cases
}

/// Whether what comes is to be written as what is wanted.
pub(crate) fn is_blessing() -> bool {
    std::env::var("SAWLOG_BLESS").is_ok_and(|value| value == "1")
}

/// Runs the agent, as `command` has it, with `input` as its stdin, to its end; a hanging one is killed.
pub(crate) fn run(command: &Command, input: &Path) -> Outcome {
    let scratch = Scratch::new("case");
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| scratch.0.join(name));
    let create = |path| File::create(path).expect("a fresh folder can be written to");
    let mut limited = Command::new("timeout");
    limited
        .args(["--kill-after=5", CASE_MAX])
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(key, value),
            None => limited.env_remove(key),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited.stdin(match File::open(input) {
        Ok(file) => Stdio::from(file),
        Err(_) => Stdio::null(),
    });
    limited.stdout(create(&stdout)).stderr(create(&stderr));
    let status = limited
        .status()
        .unwrap_or_else(|fault| panic!("{limited:?}: {fault}"));
    let read = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    Outcome {
        status: status.code(),
        stdout: read(stdout),
        stderr: read(stderr),
    }
}

fn arguments(case: &Path) -> Vec<String> {
    let text = fs::read_to_string(case.join("args")).unwrap_or_default();
    let extra: Vec<String> = text.split_whitespace().map(str::to_string).collect();
    if extra.first().is_some_and(|word| !word.starts_with('-')) {
        return extra;
    }
    let usual = ["run", "-f", "pipeline.conf"].map(str::to_string);
    usual.into_iter().chain(extra).collect()
}

/// The faults of one case, a paragraph each; nothing when it is as it should be.
fn compare(case: &Path, outcome: &Outcome) -> String {
    let mut faults = String::new();
    let text = |name: &str| fs::read_to_string(case.join(name)).unwrap_or_default();
    let status: i32 = text("status").trim().parse().unwrap_or(0);
    if outcome.status != Some(status) {
        let got = outcome.status;
        faults += &format!(
            "exit code {got:?}, wanted {status}; stderr:\n{}\n",
            outcome.stderr
        );
    }
    for line in text("stderr.txt")
        .lines()
        .filter(|line| !outcome.stderr.contains(line))
    {
        faults += &format!("stderr lacks {line:?}:\n{}\n", outcome.stderr);
    }
    faults + &differences(&text("out.ndjson"), &outcome.stdout)
}

/// The lines in which what came is not what is wanted.
pub(crate) fn differences(wanted: &str, came: &str) -> String {
    let mut faults = String::new();
    let (mut want, mut got) = (wanted.lines(), came.lines());
    for number in 1.. {
        match (want.next(), got.next()) {
            (None, None) => break,
            (Some(want), Some(got)) if lines_agree(want, got) => {}
            (want, got) => {
                let [want, got] = [want, got].map(|line| line.unwrap_or("(no line)"));
                faults += &format!("line {number}\n  wanted {want}\n  got    {got}\n");
            }
        }
    }
    faults
}

fn lines_agree(want: &str, got: &str) -> bool {
    let (Ok(want), Ok(mut got)) = (serde_json::from_str(want), serde_json::from_str(got)) else {
        return want == got;
    };
    let want: Value = want;
    if want.get(TIME).is_none() {
        remove(&mut got, TIME);
    }
    agree(&want, &got)
}

fn agree(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::String(want), _) if want == ANY => true,
        (Value::Object(want), Value::Object(got)) => {
            let same = |(name, value)| got.get(name).is_some_and(|got| agree(value, got));
            want.len() == got.len() && want.iter().all(same)
        }
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(want, got)| agree(want, got))
        }
        (want, got) => want == got,
    }
}

fn remove(value: &mut Value, name: &str) {
    if let Some(fields) = value.as_object_mut() {
        fields.remove(name);
    }
}

/// Writes what came as what is wanted, without what differs from run to run.
pub(crate) fn rewrite(file: &Path, came: &str) {
    let old = fs::read_to_string(file).unwrap_or_default();
    let mut old = old
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or(Value::Null));
    let mut text = String::new();
    for line in came.lines() {
        let old = old.next();
        match serde_json::from_str(line) {
            Ok(got) => text += &format!("{}\n", kept(old.as_ref(), got)),
            Err(_) => text += &format!("{line}\n"),
        }
    }
    if !text.is_empty() || file.exists() {
        fs::write(file, text).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
    }
}

/// What came, with the wildcards of the old line; a new line loses its time if that is of today, and this machine's name.
fn kept(old: Option<&Value>, mut got: Value) -> Value {
    let keeps_time = match old {
        Some(old) => old.get(TIME).is_some(),
        None => got[TIME]
            .as_str()
            .is_some_and(|time| !time.starts_with(&today())),
    };
    if !keeps_time {
        remove(&mut got, TIME);
    }
    with_wildcards(old, got)
}

fn with_wildcards(old: Option<&Value>, got: Value) -> Value {
    match got {
        Value::Object(fields) => {
            let kept = fields.into_iter().map(|(name, value)| {
                let value = with_wildcards(old.and_then(|old| old.get(&name)), value);
                (name, value)
            });
            Value::Object(kept.collect())
        }
        Value::String(text) if text == hostname() => Value::from(ANY),
        _ if old.is_some_and(|old| old == ANY) => Value::from(ANY),
        got => got,
    }
}

fn today() -> String {
    output_of(Command::new("date").args(["-u", "+%Y-%m-%d"]))
        .trim()
        .to_string()
}

fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(want: &str, got: &str, agrees: bool) {
        assert_eq!(lines_agree(want, got), agrees);
    }

    #[test]
    fn the_order_of_fields_does_not_count() {
        check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true);
    }

    #[test]
    fn a_time_counts_only_where_it_is_wanted() {
        check(r#"{"a":1}"#, r#"{"a":1,"@timestamp":"2026"}"#, true);
        check(
            r#"{"@timestamp":"2025"}"#,
            r#"{"@timestamp":"2026"}"#,
            false,
        );
        check(r#"{"@timestamp":"2025"}"#, "{}", false);
    }

    #[test]
    fn any_takes_a_value_but_not_its_absence() {
        check(r#"{"a":{"b":"<any>"}}"#, r#"{"a":{"b":7}}"#, true);
        check(r#"{"a":"<any>"}"#, "{}", false);
    }

    #[test]
    fn a_field_more_or_of_another_type_differs() {
        check(r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false);
        check(r#"{"a":1}"#, r#"{"a":"1"}"#, false);
        check(r#"{"a":1}"#, r#"{"a":1.0}"#, false);
        check(r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, false);
    }

    #[test]
    fn lines_that_are_not_json_are_compared_as_text() {
        check("hello", "hello", true);
        check("hello", "hello ", false);
    }
}
