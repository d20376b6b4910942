//! `sawlog dlq` on folders that the tests wrote: what is counted, what is shown, and that no letter moves a cursor.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use super::running::{Start, WAIT_MAX, send};
use crate::services::sawlog::PROGRAM;
use crate::services::{ARRIVAL_MAX, Scratch, free_port, wait_until};

const LETTERS: [&str; 4] = [
    r#"{"time":"2026-11-28T10:00:00.000Z","pipeline":"main","plugin":"es","kind":"refused_mapping","reason":"bad\u001b[2J","status":400,"action":{"create":{"_index":"a"}},"document":{"n":"x"}}"#,
    r#"{"time":"2026-11-28T11:00:00.000Z","pipeline":"main","plugin":"es","kind":"refused_mapping","reason":"other","status":400,"action":{"create":{"_index":"a"}},"document":{"n":"y"}}"#,
    "{\"time\":\"2026-11-28T12:00:00.000Z\",\"pipeline\":\"main\",\"plugin\":\"es\",\"kind\":\"confinement_failed\",\"reason\":\"`index`\",\"document\":{\"n\":\"\u{9b}2J\u{202e}\"}}",
    r#"{"time":"2026-11-28T12:00:00.000Z","pipel"#,
];

fn letters() -> Scratch {
    let folder = Scratch::new("letters");
    let main = folder.0.join("dead_letter_queue/main");
    fs::create_dir_all(&main).expect("the folder is ours");
    let text = |letters: &[&str]| letters.join("\n") + "\n";
    fs::write(
        main.join("00000000000000000001.ndjson"),
        text(&LETTERS[..2]),
    )
    .expect("it is ours");
    fs::write(
        main.join("00000000000000000002.ndjson"),
        text(&LETTERS[2..]),
    )
    .expect("it is ours");
    fs::write(main.join("lock"), "").expect("it is ours");
    folder
}

fn dlq(arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("dlq").args(arguments);
    command.arg("--path.data").arg(data);
    command.output().expect("the agent is built")
}

#[track_caller]
fn said(arguments: &[&str], data: &Path) -> String {
    let output = dlq(arguments, data);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

#[test]
fn letters_are_counted_by_kind() {
    let folder = letters();
    let listed = said(&["ls"], &folder.0);
    let rows: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 4, "{listed}");
    assert_eq!(rows[1], ["main", "(unreadable)", "1"]);
    assert_eq!(rows[2][..4], ["main", "es", "confinement_failed", "1"]);
    assert_eq!(
        rows[3],
        [
            "main",
            "es",
            "refused_mapping",
            "2",
            "2026-11-28T10:00:00.000Z",
            "2026-11-28T11:00:00.000Z"
        ]
    );
}

#[test]
fn letters_are_shown_with_their_control_characters_written_out() {
    let folder = letters();
    let shown = said(&["show"], &folder.0);
    assert!(shown.contains("bad\\u{1b}[2J"), "{shown}");
    assert!(shown.contains("\\u{9b}2J\\u{202e}"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{shown}");
    assert_eq!(shown.matches("  reason ").count(), 3, "{shown}");
    let some = said(&["show", "--reason", "other"], &folder.0);
    assert!(
        some.contains("\"n\":\"y\"") && !some.contains("\"n\":\"x\""),
        "{some}"
    );
    let one = said(&["show", "--limit", "1"], &folder.0);
    assert_eq!(one.matches("  reason ").count(), 1, "{one}");
}

#[test]
fn no_letters_is_no_fault_and_makes_no_folder() {
    let folder = Scratch::new("letters");
    let told = said(&["ls"], &folder.0);
    assert!(told.starts_with("No dead letters in "), "{told}");
    assert_eq!(said(&["show"], &folder.0), "");
    assert!(!folder.0.join("dead_letter_queue").exists());
}

#[test]
fn a_data_folder_that_is_not_there_is_an_error() {
    let folder = Scratch::new("letters");
    for (path, is_told) in [(folder.0.join("typo"), true), (folder.0.clone(), false)] {
        for command in ["ls", "show"] {
            let output = dlq(&[command], &path);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), !is_told, "{told}");
            assert_eq!(told.contains("there is no folder"), is_told, "{told}");
        }
    }
}

#[test]
fn a_pipeline_that_nobody_knows_is_an_error() {
    let folder = letters();
    for command in ["ls", "show"] {
        let output = dlq(&[command, "--pipeline", "typo"], &folder.0);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        let want = "no pipeline `typo` has dead letters in ";
        assert!(told.contains(want), "{told}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn letters_of_an_output_that_is_not_there_stay() {
    let folder = letters();
    let pipeline = "input { stdin { } } output { stdout { } }";
    let output = dlq(&["replay", "-e", pipeline], &folder.0);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("4 stay"), "{told}");
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(fault.contains("dead letters that stay: 4"), "{fault}");
    let shown = said(&["show"], &folder.0);
    assert_eq!(shown.matches("  reason ").count(), 3, "{shown}");
}

#[test]
fn nothing_is_sent_where_what_is_refused_again_would_be_lost() {
    let folder = letters();
    let output = dlq(
        &["replay", "-e", "", "--dead_letter_queue.enable", "false"],
        &folder.0,
    );
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(said(&["show"], &folder.0).matches("  reason ").count(), 3);
}

#[test]
fn a_replay_that_is_killed_while_the_server_is_away_loses_no_letter() {
    let folder = letters();
    let pipeline = format!(
        "input {{ stdin {{ }} }} output {{ elasticsearch {{ id => \"es\" hosts => [\"http://127.0.0.1:{}\"] }} }}",
        free_port()
    );
    let log = folder.0.join("stderr");
    let mut replay = Command::new(PROGRAM)
        .args(["dlq", "replay", "-e", &pipeline, "--path.data"])
        .arg(&folder.0)
        .stderr(fs::File::create(&log).expect("the folder is ours"))
        .spawn()
        .expect("the agent is built");
    wait_until(ARRIVAL_MAX, "word that the server is away", || {
        let told = fs::read_to_string(&log).unwrap_or_default();
        match told.contains("is not to be had") {
            true => Ok(()),
            false => Err(told),
        }
    });
    // Nobody else may send the same letters.
    let second = dlq(&["replay", "-e", &pipeline], &folder.0);
    let told = String::from_utf8_lossy(&second.stderr);
    assert!(
        !second.status.success() && told.contains("already"),
        "{told}"
    );
    replay.kill().expect("it runs");
    replay.wait().expect("it ends");
    let shown = said(&["show"], &folder.0);
    assert_eq!(shown.matches("  reason ").count(), 3, "{shown}");
}

/// A server that stores the one document that it is sent; gives the body of its request.
fn storing() -> (u16, std::thread::JoinHandle<String>) {
    answering(r#"{"errors":false,"items":[{"create":{"status":201}}]}"#)
}

/// The same with another answer.
fn answering(body: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let serving = std::thread::spawn(move || {
        loop {
            let (mut stream, _) = listener.accept().expect("somebody connects");
            let mut request = Vec::new();
            let mut part = [0; 4096];
            // The agent first looks whether somebody listens.
            while let Ok(count @ 1..) = stream.read(&mut part) {
                request.extend_from_slice(&part[..count]);
                if request.ends_with(b"}\n") {
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\nContent-Type: application/json\r\n\
                         Content-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream
                        .write_all(answer.as_bytes())
                        .expect("the agent reads");
                    return String::from_utf8_lossy(&request).into_owned();
                }
            }
        }
    });
    (port, serving)
}

#[test]
fn a_replay_fills_templates_in_with_the_events_metadata() {
    let folder = Scratch::new("letters");
    let (port, serving) = storing();
    let pipeline = |index: &str| {
        format!(
            "input {{ generator {{ count => 1 message => \"hello\" }} }}\n\
             filter {{ mutate {{ add_field => {{ \"[@metadata][ix]\" => \"m\" }} }} }}\n\
             output {{ elasticsearch {{ id => \"es\" index => \"{index}\" hosts => \"127.0.0.1:{port}\" }} }}"
        )
    };
    let mut command = Command::new(PROGRAM);
    command.args([
        "run",
        "--api.enabled",
        "false",
        "-e",
        &pipeline("x-%{missing}"),
    ]);
    command.arg("--path.data").arg(&folder.0);
    let output = command.output().expect("the agent is built");
    assert!(output.status.success(), "{output:?}");
    let shown = said(&["show"], &folder.0);
    assert!(shown.contains("metadata  {\"ix\":\"m\"}"), "{shown}");
    let told = said(
        &["replay", "-e", &pipeline("x-%{[@metadata][ix]}")],
        &folder.0,
    );
    assert!(told.contains("1 stored"), "{told}");
    let request = serving.join().expect("it is sent");
    assert!(request.contains(r#""_index":"x-m""#), "{request}");
    assert!(!request.contains("@metadata"), "{request}");
}

#[test]
fn what_is_refused_again_comes_back_whatever_the_user_wants_dropped() {
    let folder = Scratch::new("letters");
    let main = folder.0.join("dead_letter_queue/main");
    fs::create_dir_all(&main).expect("the folder is ours");
    let text = format!("{}\n{}\n", LETTERS[1], LETTERS[2]);
    fs::write(main.join("00000000000000000001.ndjson"), text).expect("it is ours");
    let (server, serving) = answering(
        r#"{"errors":true,"items":[{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"no"}}}]}"#,
    );
    let pipeline = format!(
        "input {{ stdin {{ }} }} output {{ elasticsearch {{ id => \"es\" index => \"x-%{{missing}}\" \
         hosts => \"127.0.0.1:{server}\" drop_error_types => [\"document_parsing_exception\"] \
         dlq_on_failed_indexname_interpolation => false }} }}"
    );
    let output = dlq(&["replay", "-e", &pipeline], &folder.0);
    serving.join().expect("it is sent");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("2 refused again"), "{told}");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = said(&["show"], &folder.0);
    assert_eq!(shown.matches("  reason ").count(), 2, "{shown}");
}

#[test]
fn an_event_without_a_name_holds_no_other_up_and_is_safe_while_no_letter_can_be_kept() {
    let folder = Scratch::new("letters");
    let data = folder.0.join("data");
    fs::create_dir(&data).expect("the folder is ours");
    fs::write(data.join("dead_letter_queue"), "").expect("it is ours");
    let (server, serving) = storing();
    let port = free_port();
    let pipeline = format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         output {{ elasticsearch {{ id => \"es\" index => \"x-%{{program}}\" hosts => \"127.0.0.1:{server}\" }} }}"
    );
    let path = data.display().to_string();
    let start = || Start::new(&["run", "-e", &pipeline, "--path.data", &path]).spawn();
    let mut agent = start();
    agent.wait_for_syslog(port);
    send(port, b"<13>Nov 20 17:27:44 vm EVIL: bad");
    agent.wait_for_log("dead letters cannot be kept in");
    send(port, b"<13>Nov 20 17:27:44 vm ok: good");
    let request = serving.join().expect("it is sent");
    assert!(
        request.contains("good") && !request.contains("bad"),
        "{request}"
    );
    // It is killed.
    drop(agent);
    let exported = Command::new(PROGRAM)
        .args(["queue", "export", "--path.data", &path])
        .output()
        .expect("the agent is built");
    let told = String::from_utf8_lossy(&exported.stderr);
    assert!(told.contains("dead letters wait here as well: 1"), "{told}");
    let exported = String::from_utf8_lossy(&exported.stdout);
    assert!(!exported.contains("confinement_failed"), "{exported}");
    fs::remove_file(data.join("dead_letter_queue")).expect("it is ours");
    // The server does not answer any more, and is not needed.
    let _agent = start();
    wait_until(WAIT_MAX, "the letter", || {
        let listed = said(&["ls"], &data);
        match listed.contains("confinement_failed") {
            true => Ok(()),
            false => Err(listed),
        }
    });
}

#[test]
fn what_the_user_wants_of_refusals_is_checked() {
    let check = |codes: &str| {
        let pipeline = format!(
            "input {{ stdin {{ }} }} output {{ elasticsearch {{ dlq_custom_codes => [{codes}] \
             drop_error_types => [\"x\"] dlq_on_failed_indexname_interpolation => false }} }}"
        );
        let mut command = Command::new(PROGRAM);
        let output = command.args(["check", "-e", &pipeline]).output();
        let output = output.expect("the agent is built");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (is_good, told) = check("403, 500");
    assert!(is_good, "{told}");
    let (is_good, told) = check("409");
    assert!(
        !is_good && told.contains("has its meaning already"),
        "{told}"
    );
    let (is_good, told) = check("\"x\"");
    assert!(!is_good, "{told}");
}
