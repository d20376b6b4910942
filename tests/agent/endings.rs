//! Exit codes, the end of the input, SIGTERM, and that a refused configuration starts nothing.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;

use super::running::{Agent, Start, messages, send, syslog_pipeline};
use crate::services::{free_port, udp_is_bound};

const FILTER: &str = "input { stdin { } } output { stdout { codec => json_lines } }";

/// Three mistakes, in three plugins.
const BROKEN: &str = "input { stdin { colour => 1 } }\n\
    filter { grok { match => { \"message\" => \"%{NO_SUCH}\" } } }\n\
    output { elastic { } }\n";

#[test]
fn a_filter_ends_with_0_at_the_end_of_its_input() {
    let ended = Start::new(&["-e", FILTER]).run(b"one\ntwo\nno newline");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(messages(&ended.events()), ["one", "two", "no newline"]);
}

#[test]
fn a_text_without_ends_reads_stdin_and_writes_stdout() {
    let ended =
        Start::new(&["-e", "filter { mutate { uppercase => [\"message\"] } }"]).run(b"one\n");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("\"message\" => \"ONE\""),
        "{}",
        ended.stdout
    );
    let ended = Start::new(&["-e", "output { stdout { codec => json_lines } }"]).run(b"two\n");
    assert_eq!(messages(&ended.events()), ["two"]);
}

#[test]
fn a_file_without_ends_says_what_it_lacks() {
    let start = Start::new(&["-f", "a.conf"]).file("a.conf", "input { stdin { } }");
    let ended = start.run(b"one\n");
    assert!(
        ended.stderr.contains("warning: the pipeline has no output"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_empty_input_gives_nothing_and_ends_with_0() {
    let ended = Start::new(&["-e", FILTER]).run(b"");
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(0), ""));
}

#[test]
fn output_is_flushed_whenever_input_pauses() {
    let mut agent = Start::new(&["-e", FILTER]).spawn();
    for number in 1..=3 {
        agent.write(format!("line {number}\n").as_bytes());
        let events = agent.wait_for_events(number);
        assert_eq!(events[number - 1]["message"], format!("line {number}"));
    }
    assert_eq!(agent.end().status, Some(0));
}

#[test]
fn a_broken_configuration_tells_all_its_problems_in_one_run() {
    for command in ["run", "check"] {
        let start = Start::new(&[command, "-f", "broken.conf"]);
        let ended = start.file("broken.conf", BROKEN).run(b"never read\n");
        assert_eq!(ended.status, Some(1), "{}", ended.stderr);
        for place in ["broken.conf:1:", "broken.conf:2:", "broken.conf:3:"] {
            assert!(ended.stderr.contains(place), "{place}: {}", ended.stderr);
        }
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_broken_configuration_starts_nothing() {
    let port = free_port();
    let pipeline = syslog_pipeline(port, "mutate { colour => 1 }");
    let agent = Agent::start(&pipeline);
    let data = agent.folder.0.join("data");
    let ended = agent.end();
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stderr.contains("nothing was started"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("syslog over"), "{}", ended.stderr);
    assert!(udp_is_bound(port).is_err());
    assert!(!data.exists());
}

#[test]
fn a_missing_file_is_refused() {
    let ended = Start::new(&["run", "-f", "no-such.conf"]).run(b"");
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("no-such.conf"), "{}", ended.stderr);
}

#[track_caller]
fn check_usage(arguments: &[&str], told: &str) {
    let ended = Start::new(arguments).run(b"");
    assert_eq!(ended.status, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}

#[test]
fn wrong_usage_ends_with_2() {
    check_usage(&["run", "--no-such-flag"], "--no-such-flag");
    check_usage(&["-e", ""], "--config.string is empty");
    check_usage(&["-f", "a.conf", "-e", FILTER], "either -f or -e");
    check_usage(
        &["-e", FILTER, "--pipeline.workers", "many"],
        "pipeline.workers",
    );
    check_usage(
        &["-e", FILTER, "--path.settings", "/no/such"],
        "path.settings",
    );
}

#[test]
fn check_accepts_what_run_would_start_and_leaves_no_trace() {
    let port = free_port();
    let start = Start::new(&["check", "-f", "good.conf"]).api("9600-9700");
    let agent = start.file("good.conf", &syslog_pipeline(port, "")).spawn();
    let ended = agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("Configuration OK"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stderr.contains("syslog over"), "{}", ended.stderr);
}

#[test]
fn the_flag_of_old_checks_and_exits() {
    let ended = Start::new(&["-t", "-e", FILTER]).run(b"never read\n");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("Configuration OK"),
        "{}",
        ended.stdout
    );
}

#[test]
fn what_was_read_before_sigterm_is_written() {
    const COUNT: usize = 500;
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    for number in 0..COUNT {
        send(
            port,
            format!("<13>Nov 20 18:56:21 host app[1]: {number}").as_bytes(),
        );
    }
    let ended = agent.stop();
    let events = ended.events();
    let wanted: Vec<String> = (0..COUNT).map(|number| number.to_string()).collect();
    assert_eq!(messages(&events), wanted);
}

#[test]
fn sigint_stops_as_well() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    agent.signal("INT");
    let ended = agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(udp_is_bound(port).is_err());
}

/// Syslog to stdout and to an Elasticsearch that never answers, after one event went to both.
#[track_caller]
fn start_with_output_silent(grace: &str, silent: &TcpListener) -> Agent {
    let port = free_port();
    let nobody = silent.local_addr().expect("it is bound").port();
    let output =
        format!("output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{nobody}\"] }} }}\n");
    let start = Start::new(&["-f", "pipeline.conf", "--shutdown.grace", grace]);
    let pipeline = syslog_pipeline(port, "") + &output;
    let mut agent = start.file("pipeline.conf", &pipeline).spawn();
    agent.wait_for_syslog(port);
    send(port, b"<13>Nov 20 18:56:21 host app[1]: undeliverable");
    agent.wait_for_events(1);
    agent.signal("TERM");
    agent.wait_for_log("stopping");
    agent
}

#[test]
fn an_output_that_is_silent_delays_the_end_by_the_grace_period_only() {
    let silent = silent_server();
    let agent = start_with_output_silent("500ms", &silent);
    let ended = agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("not everything was sent"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_second_signal_ends_the_wait() {
    let silent = silent_server();
    let mut agent = start_with_output_silent("1h", &silent);
    agent.signal_until_log("TERM", "told twice to stop");
    assert_eq!(agent.end().status, Some(0));
}

/// Takes connections, by the kernel alone.
fn silent_server() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}

/// The inodes of the sockets that listen or are bound, TCP and UDP.
fn open_ports(pid: u32) -> Vec<String> {
    let mut inodes = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let rows = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        inodes.extend(rows.lines().skip(1).filter_map(|row| {
            let inode = row.split_whitespace().nth(9)?;
            Some(format!("socket:[{inode}]"))
        }));
    }
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("the agent is ours");
    let links = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    let names = links.map(|link| link.to_string_lossy().into_owned());
    // The table of sockets holds a second descriptor for each.
    let open: BTreeSet<String> = names.filter(|name| inodes.contains(name)).collect();
    open.into_iter().collect()
}

#[test]
fn a_run_that_keeps_nothing_opens_no_port_and_makes_no_folder() {
    let mut agent = Start::new(&["-e", FILTER]).api("9600-9700").spawn();
    agent.write(b"one\n");
    agent.wait_for_events(1);
    assert_eq!(open_ports(agent.pid()), Vec::<String>::new());
    let data = agent.folder.0.join("data");
    assert!(!data.exists());
    assert_eq!(agent.end().status, Some(0));
}

#[test]
fn an_agent_that_listens_has_open_ports() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    assert_eq!(open_ports(agent.pid()).len(), 2);
    agent.stop();
}
