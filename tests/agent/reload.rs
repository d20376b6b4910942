//! A new configuration while the agent runs: by SIGHUP or by itself, with nothing lost, and the old one when the new one is
//! broken.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::running::{Agent, Start, connect, count_of, send, syslog_pipeline};
use crate::services::process::output_of;
use crate::services::sawlog::PROGRAM;
use crate::services::{Scratch, free_port};

/// A field that tells which configuration made the event.
fn version(number: u32) -> String {
    format!("mutate {{ add_field => {{ \"version\" => \"{number}\" }} }}")
}

/// Puts another pipeline in the place of the agent's.
fn replace(agent: &Agent, pipeline: &str) {
    agent.folder.write("pipeline.conf", pipeline);
}

fn with_version<'a>(events: &'a [Value], version: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["version"] == version)
        .collect()
}

#[test]
fn sighup_loads_the_new_configuration_and_no_datagram_is_lost() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, &version(1)));
    agent.wait_for_syslog(port);
    let (sent, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| send_until(port, &sent, &done));
        for number in 2..=4 {
            agent.wait("events before a reload", |agent| {
                let events = agent.events();
                let count = with_version(&events, &(number - 1).to_string()).len();
                if 200 < count {
                    Ok(())
                } else {
                    Err(format!("{count} events"))
                }
            });
            replace(&agent, &syslog_pipeline(port, &version(number)));
            agent.signal("HUP");
        }
        agent.wait("events after the last reload", |agent| {
            let events = agent.events();
            let count = with_version(&events, "4").len();
            if 200 < count {
                Ok(())
            } else {
                Err(format!("{count} events"))
            }
        });
        done.store(true, Ordering::Release);
    });
    let total = sent.load(Ordering::Acquire);
    let events = agent.wait_for_events(total as usize);
    let numbers: BTreeSet<u64> = events.iter().filter_map(number_of).collect();
    assert_eq!(events.len() as u64, total);
    assert_eq!(
        numbers.into_iter().collect::<Vec<_>>(),
        (0..total).collect::<Vec<_>>()
    );
    let log = agent.stop().stderr;
    assert_eq!(count_of(&log, "INFO reloaded"), 3, "{log}");
}

fn number_of(event: &Value) -> Option<u64> {
    event["message"].as_str()?.parse().ok()
}

/// Numbered datagrams, some thousand a second, without a pause over the reloads.
fn send_until(port: u16, sent: &AtomicU64, done: &AtomicBool) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    while !done.load(Ordering::Acquire) {
        let number = sent.load(Ordering::Acquire);
        let message = format!("<13>Nov 20 18:56:21 host app[1]: {number}");
        let sending = socket.send_to(message.as_bytes(), (Ipv4Addr::LOCALHOST, port));
        sending.expect("the socket stays bound over a reload");
        sent.store(number + 1, Ordering::Release);
        std::thread::sleep(Duration::from_micros(300));
    }
}

#[test]
fn a_connection_goes_on_over_a_reload() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, &version(1)));
    agent.wait_for_syslog(port);
    let mut stream = connect(port);
    stream
        .write_all(b"<13>Nov 20 18:56:21 h a[1]: one\n<13>Nov 20 18:56:22 h a[1]: ha")
        .expect("it is open");
    agent.wait_for_events(1);
    replace(&agent, &syslog_pipeline(port, &version(2)));
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    stream
        .write_all(b"lf\n<13>Nov 20 18:56:23 h a[1]: three\n")
        .expect("it is still open");
    let events = agent.wait_for_events(3);
    assert_eq!(super::running::messages(&events), ["one", "half", "three"]);
    assert_eq!(events[2]["version"], "2");
    agent.stop();
}

#[test]
fn a_broken_configuration_leaves_the_old_one_running_and_says_so() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, &version(1)));
    agent.wait_for_syslog(port);
    replace(&agent, &syslog_pipeline(port, "grok { matsch => 1 }"));
    agent.signal("HUP");
    agent.wait_for_log("the old one runs on");
    send(port, b"<13>Nov 20 18:56:21 host app[1]: still here");
    let events = agent.wait_for_events(1);
    assert_eq!(events[0]["version"], "1");
    let log = agent.stderr();
    assert!(
        log.contains("matsch") && log.contains("pipeline.conf:2:"),
        "{log}"
    );
    replace(&agent, &syslog_pipeline(port, &version(2)));
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    send(port, b"<13>Nov 20 18:56:22 host app[1]: anew");
    assert_eq!(agent.wait_for_events(2)[1]["version"], "2");
    agent.stop();
}

/// Limits how many threads and processes the agent's user may have, as that user.
fn limit_threads(agent: &Agent, user: &[&str], count: u32) {
    let (pid, limit) = (agent.pid().to_string(), format!("--nproc={count}:"));
    let mut command = Command::new("setpriv");
    output_of(command.args(user).args(["prlimit", "--pid", &pid, &limit]));
}

#[test]
fn workers_that_cannot_be_started_leave_the_old_configuration_running() {
    let port = free_port();
    let folder = Scratch::new("threads");
    let open = Permissions::from_mode(0o777);
    std::fs::set_permissions(&folder.0, open).expect("the folder is ours");
    // The limit does not hold for root, and it counts what else the user runs: this one runs nothing.
    let number = format!("--reuid={}", 500_000 + std::process::id() % 500_000);
    let user = [
        &*number,
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
        "--",
    ];
    let program = folder.0.join("sawlog");
    output_of(Command::new("cp").arg(PROGRAM).arg(&program));
    let program = program.to_str().expect("the folder's name is text");
    let run = [program, "-f", "pipeline.conf", "--pipeline.workers", "4"];
    let start = Start::other(&[&["setpriv"], &user[..], &run].concat());
    let start = start.file("pipeline.conf", &syslog_pipeline(port, &version(1)));
    let mut agent = start.env("SAWLOG_QUEUE_TYPE", "memory").spawn();
    agent.wait_for_syslog(port);
    limit_threads(&agent, &user, 1);
    replace(&agent, &syslog_pipeline(port, &version(2)));
    agent.signal("HUP");
    agent.wait_for_log("not reloaded: cannot start the workers");
    send(port, b"<13>Nov 20 18:56:21 host app[1]: still here");
    assert_eq!(agent.wait_for_events(1)[0]["version"], "1");
    // It is tried again without a word.
    limit_threads(&agent, &user, 1000);
    agent.wait_for_log("INFO reloaded");
    send(port, b"<13>Nov 20 18:56:22 host app[1]: anew");
    assert_eq!(agent.wait_for_events(2)[1]["version"], "2");
    agent.stop();
}

#[test]
fn a_changed_file_is_loaded_by_itself_when_asked_for() {
    let port = free_port();
    let arguments = [
        "-f",
        "pipeline.conf",
        "--config.reload.automatic",
        "--config.reload.interval",
        "100ms",
    ];
    let start = Start::new(&arguments).file("pipeline.conf", &syslog_pipeline(port, &version(1)));
    let mut agent = start.spawn();
    agent.wait_for_syslog(port);
    let next = agent
        .folder
        .write("next", &syslog_pipeline(port, &version(2)));
    std::fs::rename(next, agent.folder.0.join("pipeline.conf")).expect("the folder is ours");
    agent.wait_for_log("INFO reloaded");
    send(port, b"<13>Nov 20 18:56:21 host app[1]: which");
    assert_eq!(agent.wait_for_events(1)[0]["version"], "2");
    agent.stop();
}

#[test]
fn a_changed_list_of_pipelines_is_told_to_need_a_restart() {
    let port = free_port();
    let list = |id: &str| format!("- pipeline.id: {id}\n  path.config: pipeline.conf\n");
    let mut agent = Start::new(&["run", "--path.settings", "."])
        .file("pipelines.yml", &list("one"))
        .file("pipeline.conf", &syslog_pipeline(port, &version(1)))
        .spawn();
    agent.wait_for_syslog(port);
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    assert!(
        !agent.stderr().contains("was changed"),
        "{}",
        agent.stderr()
    );
    agent.folder.write("pipelines.yml", &list("another"));
    agent.signal("HUP");
    agent.wait_for_log(
        "pipelines.yml was changed: settings and the list of pipelines are read at the start only",
    );
    agent.stop();
}

#[test]
fn a_port_that_the_new_configuration_does_not_name_becomes_free() {
    let (old, new) = (free_port(), free_port());
    let mut agent = Agent::start(&syslog_pipeline(old, &version(1)));
    agent.wait_for_syslog(old);
    replace(&agent, &syslog_pipeline(new, &version(2)));
    agent.signal("HUP");
    agent.wait_for_syslog(new);
    agent.wait("the old port to be free", |_| {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, old))
            .map(drop)
            .map_err(|fault| fault.to_string())
    });
    send(new, b"<13>Nov 20 18:56:21 host app[1]: here");
    assert_eq!(agent.wait_for_events(1)[0]["version"], "2");
    agent.stop();
}

#[test]
fn a_port_that_another_program_has_is_no_reason_to_give_up_the_old_one() {
    let (port, other) = (free_port(), free_port());
    let mut agent = Agent::start(&syslog_pipeline(port, &version(1)));
    agent.wait_for_syslog(port);
    let taken = TcpListener::bind(("127.0.0.1", other)).expect("it is free");
    replace(&agent, &syslog_pipeline(other, &version(2)));
    agent.signal("HUP");
    agent.wait_for_log("not reloaded: cannot listen at");
    send(port, b"<13>Nov 20 18:56:21 host app[1]: to the old one");
    assert_eq!(agent.wait_for_events(1)[0]["version"], "1");
    // The half that could be had was not kept.
    drop(UdpSocket::bind(("127.0.0.1", other)).expect("it is free"));
    drop(taken);
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    send(other, b"<13>Nov 20 18:56:21 host app[1]: to the new one");
    assert_eq!(agent.wait_for_events(2)[1]["version"], "2");
    agent.stop();
}

/// An agent that holds in memory what its second output cannot send, and its port.
fn with_an_event_that_nobody_takes() -> (Agent, u16) {
    let (port, nobody) = (free_port(), free_port());
    let away =
        format!("output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{nobody}\"] }} }}\n");
    let mut agent = Agent::start_in_memory(&(syslog_pipeline(port, &version(1)) + &away));
    agent.wait_for_syslog(port);
    send(port, b"<13>Nov 20 18:56:21 host app[1]: undeliverable");
    agent.wait_for_events(1);
    (agent, port)
}

/// It ends well and says that it could not send one event.
#[track_caller]
fn check_one_is_lost(agent: Agent) {
    let ended = agent.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("on no disk 1 are lost"), "{}", ended.stderr);
}

#[test]
fn a_reload_does_not_wait_for_an_output_that_is_away() {
    let (mut agent, port) = with_an_event_that_nobody_takes();
    replace(&agent, &syslog_pipeline(port, &version(2)));
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    agent.wait_for_log("goes on trying");
    send(port, b"<13>Nov 20 18:56:21 host app[1]: to stdout alone");
    assert_eq!(agent.wait_for_events(2)[1]["version"], "2");
    agent.signal("TERM");
    agent.wait_for_log("stopping");
    agent.signal_until_log("TERM", "told twice to stop");
    // What the old output holds had the grace period as well, until the second signal ended it.
    check_one_is_lost(agent);
}

#[test]
fn an_agent_that_is_told_to_stop_while_it_reloads_counts_what_it_could_not_send() {
    let (mut agent, _) = with_an_event_that_nobody_takes();
    agent.signal("HUP");
    agent.signal_until_log("TERM", "told twice to stop");
    check_one_is_lost(agent);
}

#[test]
fn configurations_with_outputs_that_are_away_do_not_pile_up() {
    let (port, nobody) = (free_port(), free_port());
    let away =
        format!("output {{ elasticsearch {{ hosts => [\"http://127.0.0.1:{nobody}\"] }} }}\n");
    let mut agent = Agent::start_in_memory(&(syslog_pipeline(port, "") + &away));
    agent.wait_for_syslog(port);
    for number in 1..=5 {
        send(port, b"<13>Nov 20 18:56:21 host app[1]: undeliverable");
        agent.wait_for_events(number);
        agent.signal("HUP");
        agent.wait("the reload to be done or refused", |agent| {
            let log = agent.stderr();
            let told = count_of(&log, "INFO reloaded") + count_of(&log, "still away");
            if told == number {
                Ok(())
            } else {
                Err(format!("{told} of {number}"))
            }
        });
    }
    let log = agent.stderr();
    assert_eq!(count_of(&log, "INFO reloaded"), 4, "{log}");
    assert_eq!(count_of(&log, "still away"), 1, "{log}");
}

#[test]
fn a_pipeline_that_reads_stdin_is_not_replaced() {
    let filter = "input { stdin { } } output { stdout { codec => json_lines } }";
    let mut agent = Agent::start(filter);
    agent.write(b"one\n");
    agent.wait_for_events(1);
    agent.signal("HUP");
    agent.wait_for_log("not reloaded");
    agent.write(b"two\n");
    agent.wait_for_events(2);
    assert_eq!(agent.end().status, Some(0));
}

#[test]
fn an_input_that_keeps_positions_takes_the_data_folder_when_it_arrives() {
    let port = free_port();
    let mut agent = Agent::start(&syslog_pipeline(port, ""));
    agent.wait_for_syslog(port);
    let log = agent.folder.write("in.log", "from a file\n");
    let file = format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" }} }}\n",
        log.display()
    );
    replace(&agent, &format!("{file}{}", syslog_pipeline(port, "")));
    agent.signal("HUP");
    let events = agent.wait_for_events(1);
    assert_eq!(events[0]["message"], "from a file");
    assert!(super::running::exists(&agent, "data/lock"));
    agent.stop();
}
