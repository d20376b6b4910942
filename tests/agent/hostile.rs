//! Bytes that no honest sender sends: they are kept, cut with a tag, or counted, and the agent lives.

use std::io::{Read, Write};

use serde_json::Value;

use super::running::{Agent, Start, connect, has_tag, messages, send, syslog_pipeline};
use crate::services::free_port;
use crate::services::sawlog::PROGRAM;

/// What one line may have.
const LINE_BYTES_MAX: usize = 1 << 20;

#[track_caller]
fn syslog() -> (Agent, u16) {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    (agent, port)
}

#[track_caller]
fn message_of(event: &Value) -> &str {
    event["message"].as_str().expect("each event has a message")
}

#[test]
fn a_line_of_ten_megabytes_is_cut_with_a_tag_and_the_next_one_is_whole() {
    let (mut agent, port) = syslog();
    let mut stream = connect(port);
    let mut line = b"<13>Nov 20 18:56:21 host app[1]: ".to_vec();
    line.resize(10 << 20, b'x');
    line.extend_from_slice(b"\n<13>Nov 20 18:56:22 host app[1]: next\n");
    stream.write_all(&line).expect("the agent reads");
    let events = agent.wait_for_events(2);
    let cut = message_of(&events[0]);
    assert!(
        cut.starts_with("xxx") && cut.len() <= LINE_BYTES_MAX,
        "{} bytes",
        cut.len()
    );
    assert!(LINE_BYTES_MAX / 2 < cut.len(), "{} bytes", cut.len());
    assert!(has_tag(&events[0], "_linetruncated"));
    assert_eq!(message_of(&events[1]), "next");
    assert!(!has_tag(&events[1], "_linetruncated"));
    agent.stop();
}

/// Characters that a terminal obeys: colours, a deletion, the one-byte form of an escape, a turn of the direction.
const OBEYED: &str = "\u{1b}[31mred\u{7f}\u{9b}2J\u{202e}end";

/// Those of them that a terminal would obey in a text.
fn obeyed_in(text: &str) -> Vec<char> {
    let is_obeyed = |letter: &char| OBEYED.contains(*letter) && !letter.is_ascii_graphic();
    text.chars().filter(is_obeyed).collect()
}

/// What a person at a terminal of its own is shown by the agent, which reads one line.
#[track_caller]
fn shown_on_a_terminal(arguments: &str) -> String {
    let command = format!("'{PROGRAM}' {arguments} < in.log 2> log");
    let start = Start::other(&["script", "-qec", &command, "/dev/null"]);
    let ended = start.file("in.log", &format!("{OBEYED}\n")).run(b"");
    assert_eq!(ended.status, Some(0), "{arguments}: {}", ended.stderr);
    ended.stdout
}

#[test]
fn a_terminal_does_not_obey_what_a_line_says() {
    for arguments in [
        "-e 'output { stdout { codec => line { format => \"%{message}\" } } }'",
        "-e 'output { stdout { codec => json_lines } }'",
        "-e 'output { stdout { codec => rubydebug } }'",
        "grok --pattern '%{GREEDYDATA:text}'",
        "grok --pattern '^x' --explain",
    ] {
        let shown = shown_on_a_terminal(arguments);
        let obeyed = obeyed_in(&shown);
        assert!(shown.contains("end"), "{arguments}: {shown:?}");
        assert!(obeyed.is_empty(), "{arguments}: {obeyed:?} in {shown:?}");
    }
}

#[test]
fn a_terminal_does_not_obey_what_a_configuration_says() {
    let settings = format!("--path.settings=/none/{OBEYED}");
    let workers = format!("--pipeline.workers={OBEYED}");
    let unknown = format!("unknown.{OBEYED}: 1\n");
    let pipeline = format!("filter {{ mutate {{ add_field => \"{OBEYED}\" }} }}\n");
    for arguments in [
        &["check", "-f", "pipeline.conf"][..],
        &["check", &settings],
        &["check", &workers],
        &["check", "--path.settings", "."],
    ] {
        let start = Start::new(arguments)
            .file("sawlog.yml", &unknown)
            .file("pipeline.conf", &pipeline);
        let ended = start.run(b"");
        let told = ended.stdout + &ended.stderr;
        assert_ne!(ended.status, Some(0), "{arguments:?}: {told}");
        let obeyed = obeyed_in(&told);
        assert!(told.contains("end"), "{arguments:?}: {told:?}");
        assert!(obeyed.is_empty(), "{arguments:?}: {obeyed:?} in {told:?}");
    }
}

#[test]
fn a_line_of_ten_megabytes_from_stdin_is_cut_too() {
    let mut input = vec![b'x'; 10 << 20];
    input.extend_from_slice(b"\nnext\n");
    let filter = "input { stdin { } } output { stdout { codec => json_lines } }";
    let ended = Start::new(&["-e", filter]).run(&input);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let events = ended.events();
    assert_eq!(events.len(), 2);
    assert_eq!(message_of(&events[0]).len(), LINE_BYTES_MAX);
    assert!(has_tag(&events[0], "_linetruncated"));
    assert_eq!(message_of(&events[1]), "next");
}

#[test]
fn nul_bytes_are_kept_inside_a_message() {
    let (mut agent, port) = syslog();
    send(port, b"<13>Nov 20 18:56:21 host app[1]: a\0b");
    assert_eq!(message_of(&agent.wait_for_events(1)[0]), "a\0b");
    agent.stop();
}

#[test]
fn bytes_that_are_no_utf8_are_replaced_where_json_is_written() {
    let (mut agent, port) = syslog();
    send(port, b"<13>Nov 20 18:56:21 host app[1]: a\xFF\xC3(b");
    let events = agent.wait_for_events(1);
    let message = message_of(&events[0]);
    assert!(
        message.starts_with('a') && message.ends_with("(b"),
        "{message:?}"
    );
    assert!(message.contains('\u{FFFD}'), "{message:?}");
    agent.stop();
}

#[test]
fn empty_datagrams_and_garbage_do_no_harm() {
    let (mut agent, port) = syslog();
    let all: Vec<u8> = (0..=255).collect();
    for garbage in [
        &b""[..],
        b"\0",
        b"\n",
        b"<",
        b"<999999999999>",
        b"<13>",
        &all,
    ] {
        send(port, garbage);
    }
    send(port, b"<13>Nov 20 18:56:21 host app[1]: the last");
    agent.wait("the last message", |agent| {
        let events = agent.events();
        match messages(&events).contains(&"the last") {
            true => Ok(()),
            false => Err(format!("{events:?}")),
        }
    });
    agent.stop();
}

#[test]
fn an_unparsable_line_is_kept_with_its_tag() {
    let (mut agent, port) = syslog();
    send(port, b"no syslog at all");
    let events = agent.wait_for_events(1);
    assert_eq!(message_of(&events[0]), "no syslog at all");
    assert!(has_tag(&events[0], "_grokparsefailure_sysloginput"));
    assert_eq!(events[0]["priority"], 13);
    agent.stop();
}

/// The connection's end, as the sender sees it.
#[track_caller]
fn wait_for_close(stream: &mut std::net::TcpStream) {
    stream
        .set_read_timeout(Some(super::running::WAIT_MAX))
        .expect("a time above zero");
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(fault) => assert_eq!(fault.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn a_count_beyond_the_limit_ends_its_connection_alone_and_is_counted() {
    let port = free_port();
    let api = free_port();
    let start = Start::new(&["-f", "pipeline.conf"]).api(&api.to_string());
    let mut agent = start
        .file("pipeline.conf", &syslog_pipeline(port, ""))
        .spawn();
    agent.wait_for_syslog(port);
    let mut other = connect(port);
    let mut stream = connect(port);
    stream
        .write_all(b"37 <13>Nov 20 18:56:21 host app[1]: good9999999 <13>bad")
        .expect("it is open");
    wait_for_close(&mut stream);
    other
        .write_all(b"<13>Nov 20 18:56:21 host app[1]: other\n")
        .expect("it is open");
    let events = agent.wait_for_events(2);
    let mut found = messages(&events);
    found.sort_unstable();
    assert_eq!(found, ["good", "other"]);
    let server = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, api));
    let page = crate::services::http::request(server, "GET", "/metrics", None).expect("it answers");
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let broken = page
        .lines()
        .find(|line| line.starts_with("sawlog_plugin_tcp_connections_broken_total{"));
    assert!(broken.is_some_and(|line| line.ends_with(" 1")), "{page}");
    agent.stop();
}

#[test]
fn a_count_of_eight_digits_is_a_line() {
    let (mut agent, port) = syslog();
    let mut stream = connect(port);
    stream
        .write_all(b"99999999 <13>x\n<13>Nov 20 18:56:21 host app[1]: next\n")
        .expect("it is open");
    let events = agent.wait_for_events(2);
    assert!(message_of(&events[0]).contains("99999999"), "{events:?}");
    assert_eq!(message_of(&events[1]), "next");
    agent.stop();
}

#[test]
fn a_counted_message_that_is_cut_off_by_the_end_is_kept() {
    let (mut agent, port) = syslog();
    let mut stream = connect(port);
    stream
        .write_all(b"500 <13>Nov 20 18:56:21 host app[1]: cut of")
        .expect("it is open");
    drop(stream);
    let events = agent.wait_for_events(1);
    assert!(message_of(&events[0]).contains("cut of"), "{events:?}");
    agent.stop();
}

#[test]
fn truncated_json_is_kept_with_its_tag() {
    let filter = "input { stdin { codec => json } } output { stdout { codec => json_lines } }";
    let ended = Start::new(&["-e", filter]).run(b"{\"a\":1}\n{\"a\":{\"b\":[1,\n{\"a\":2}\n");
    let events = ended.events();
    assert_eq!(events.len(), 3, "{}", ended.stdout);
    assert_eq!(
        (&events[0]["a"], &events[2]["a"]),
        (&Value::from(1), &Value::from(2))
    );
    assert_eq!(message_of(&events[1]), "{\"a\":{\"b\":[1,");
    assert!(has_tag(&events[1], "_jsonparsefailure"));
}

#[test]
fn json_nested_without_end_is_kept_with_its_tag() {
    let filter = "input { stdin { codec => json } } output { stdout { codec => json_lines } }";
    let ended =
        Start::new(&["-e", filter]).run(&[&vec![b'['; 200_000][..], b"\n{\"a\":1}\n"].concat());
    let events = ended.events();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(has_tag(&events[0], "_jsonparsefailure"));
    assert_eq!(
        events.last().map(|event| &event["a"]),
        Some(&Value::from(1))
    );
}

/// A name that would colour a terminal, forge a line of the log and leave its folder.
const HOSTILE_NAME: &str = "../\u{1b}[31mred\n2026-11-28T00:00:00.0Z ERROR forged\u{202e}";

/// Runs the event through an output; nothing of the name may reach the terminal as it is.
#[track_caller]
fn check_log(output: &str, told: &str) {
    let pipeline = format!("input {{ stdin {{ codec => json_lines }} }} output {{ {output} }}");
    let event = serde_json::json!({ "name": HOSTILE_NAME }).to_string();
    let start = Start::new(&["--log.level", "debug", "-e", &pipeline]);
    let folder = start.folder().to_path_buf();
    let ended = start.run(format!("{event}\n").as_bytes());
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    for harmful in ["\u{1b}", "\u{202e}", "\n2026-11-28T00:00:00.0Z ERROR"] {
        assert!(!ended.stderr.contains(harmful), "{}", ended.stderr);
    }
    let strays = std::fs::read_dir(folder.parent().expect("it has one")).expect("it is there");
    let red = |name: std::ffi::OsString| name.to_string_lossy().contains("red");
    assert!(!strays.flatten().any(|entry| red(entry.file_name())));
}

#[test]
fn a_hostile_name_of_an_index_is_refused_and_harmless_in_the_log() {
    let output = "elasticsearch { hosts => \"http://127.0.0.1:1\" index => \"logs-%{name}\" }";
    check_log(output, "refused and kept as dead letters");
}

#[test]
fn a_hostile_name_of_a_file_stays_in_its_folder_and_is_harmless_in_the_log() {
    let folder = crate::services::Scratch::new("files");
    let path = folder.0.join("in/%{name}.log");
    check_log(&format!("file {{ path => \"{}\" }}", path.display()), "");
    let names: Vec<_> = std::fs::read_dir(folder.0.join("in"))
        .expect("it was made")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(names, ["_filepath_failures"]);
}
