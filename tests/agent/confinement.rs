//! Landlock as a user meets it: the agent writes where its configuration says and nowhere else, and a reload that would
//! write elsewhere is refused by name.

use std::fs;
use std::path::Path;

use super::running::{Agent, Start, send};
use crate::services::free_port;

/// A pipeline from syslog to a file for each program, below a folder.
fn pipeline(port: u16, folder: &Path) -> String {
    format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         output {{ file {{ path => \"{}/%{{program}}.log\" codec => line {{ format => \"%{{message}}\" }} }} }}\n",
        folder.display()
    )
}

fn log(port: u16, program: &str, message: &str) {
    send(
        port,
        format!("<13>Nov 20 18:56:21 web1 {program}: {message}").as_bytes(),
    );
}

/// An agent that writes to `out` in its folder, and its port. Its data folder is there, as in an installation.
fn start(landlock: &str) -> (Agent, u16) {
    let port = free_port();
    let arguments = [
        "-f",
        "pipeline.conf",
        "--log.level",
        "debug",
        "--security.landlock",
        landlock,
    ];
    let start = Start::new(&arguments);
    let folder = start.folder().join("out");
    for made in [&folder, &start.folder().join("data")] {
        fs::create_dir(made).expect("the folder is ours");
    }
    let mut agent = start
        .file("pipeline.conf", &pipeline(port, &folder))
        .spawn();
    agent.wait_for_syslog(port);
    (agent, port)
}

#[track_caller]
fn wait_for_text(agent: &mut Agent, name: &str, wanted: &str) {
    let path = agent.folder.0.join(name);
    agent.wait(name, |_| match fs::read_to_string(&path) {
        Ok(text) if text == wanted => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// Puts a new folder in the place of `out`: to the kernel it is another one.
fn exchange(agent: &Agent) {
    let out = agent.folder.0.join("out");
    fs::rename(&out, agent.folder.0.join("gone")).expect("the folder is ours");
    fs::create_dir(&out).expect("the folder is ours");
}

#[test]
fn a_folder_that_was_not_there_at_the_start_is_closed() {
    let (mut agent, port) = start("auto");
    assert!(
        agent.stderr().contains("confined: nothing is changed but"),
        "{}",
        agent.stderr()
    );
    log(port, "first", "one");
    wait_for_text(&mut agent, "out/first.log", "one\n");
    exchange(&agent);
    log(port, "second", "two");
    agent.wait_for_log("landlock keeps the agent out of it: restart the agent");
    assert!(!agent.folder.0.join("out/second.log").exists());
    agent.signal("TERM");
    agent.end();
}

#[test]
fn without_landlock_such_a_folder_is_open() {
    let (mut agent, port) = start("off");
    log(port, "first", "one");
    wait_for_text(&mut agent, "out/first.log", "one\n");
    exchange(&agent);
    log(port, "second", "two");
    wait_for_text(&mut agent, "out/second.log", "two\n");
    assert!(!agent.stderr().contains("confined"));
    agent.stop();
}

/// Reloads with a pipeline that writes to another folder.
fn reload_to(agent: &Agent, port: u16, folder: &str) {
    let folder = agent.folder.0.join(folder);
    let text = pipeline(port, &folder);
    agent.folder.write("pipeline.conf", &text);
    agent.signal("HUP");
}

#[test]
fn a_reload_that_writes_elsewhere_is_refused_by_the_path_and_the_old_configuration_goes_on() {
    let (mut agent, port) = start("auto");
    reload_to(&agent, port, "other");
    let path = agent.folder.0.join("other");
    agent.wait_for_log(&format!("not reloaded: {}", path.display()));
    agent.wait_for_log("restart the agent, or start it with `security.landlock: off`");
    log(port, "first", "one");
    wait_for_text(&mut agent, "out/first.log", "one\n");
    // Below what was granted all is well, also what is to be made first.
    reload_to(&agent, port, "out/deeper/still");
    agent.wait_for_log("INFO reloaded");
    log(port, "second", "two");
    wait_for_text(&mut agent, "out/deeper/still/second.log", "two\n");
    agent.stop();
}

#[test]
fn a_pipeline_that_writes_nothing_writes_nothing() {
    let ended = Start::new(&[
        "--log.level",
        "debug",
        "-e",
        "input { stdin { } } output { stdout { } }",
    ])
    .run(b"x\n");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("at or below []"), "{}", ended.stderr);
}

#[test]
fn what_landlock_is_to_do_is_one_of_two_words() {
    let ended = Start::new(&["--security.landlock", "maybe", "-e", "x"]).run(b"");
    assert_eq!(ended.status, Some(2));
    assert!(
        ended.stderr.contains("neither `auto` nor `off`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn queues_on_disk_may_lie_anywhere() {
    let (port, away) = (free_port(), free_port());
    let text = format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         output {{ elasticsearch {{ hosts => \"http://127.0.0.1:{away}\" }} }}\n"
    );
    let start = Start::new(&["-f", "pipeline.conf", "--path.queue", "elsewhere/deep"]);
    let mut agent = start.file("pipeline.conf", &text).spawn();
    agent.wait_for_syslog(port);
    log(port, "first", "one");
    agent.wait_for_log("Elasticsearch at ");
    let queues = agent.folder.0.join("elsewhere/deep");
    let first = fs::read_dir(&queues).expect("it was made").flatten().next();
    assert!(first.is_some(), "{}", agent.stderr());
    let log = agent.stop().stderr;
    assert!(!log.contains("ermission denied"), "{log}");
}

#[test]
fn sums_for_graphite_are_kept() {
    let carbon = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let carbon_port = carbon.local_addr().expect("it is bound").port();
    let port = free_port();
    let text = format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         output {{ graphite {{ host => \"127.0.0.1\" port => {carbon_port} counters => {{ \"lines\" => \"1\" }} }} }}\n"
    );
    let start = Start::new(&["-f", "pipeline.conf"]).env("SAWLOG_SHUTDOWN_GRACE", "1s");
    let mut agent = start.file("pipeline.conf", &text).spawn();
    agent.wait_for_syslog(port);
    log(port, "first", "one");
    agent.signal("TERM");
    let folder = agent.folder.0.join("data");
    agent.wait("sums on disk", |_| {
        let kept = fs::read_dir(&folder).map_err(|fault| fault.to_string())?;
        let names: Vec<_> = kept.flatten().map(|entry| entry.file_name()).collect();
        match names.iter().any(|name| name != "lock") {
            true => Ok(()),
            false => Err(format!("{names:?}")),
        }
    });
    let log = agent.end().stderr;
    assert!(!log.contains("ermission denied"), "{log}");
}
