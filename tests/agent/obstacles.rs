//! What an agent meets that is not its own fault: another agent, a port in use, missing rights, no Docker. Each is said once,
//! in plain words, and the rest goes on.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::running::{Agent, Start, count_of, send, syslog_pipeline};
use crate::services::process::output_of;
use crate::services::sawlog::PROGRAM;
use crate::services::{Scratch, free_port};

/// A pipeline that keeps positions.
fn file_pipeline(path: &Path) -> String {
    format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" }} }}\n\
         output {{ stdout {{ codec => json_lines }} }}\n",
        path.display()
    )
}

#[test]
fn a_full_disk_behind_the_standard_output_is_waited_for() {
    let folder = Scratch::new("full");
    let log = folder.write("in.log", "one\n");
    let pipeline = file_pipeline(&log);
    let command = format!("exec {PROGRAM} -f pipeline.conf --shutdown.grace 500ms >/dev/full");
    let start = Start::other(&["sh", "-c", &command]);
    let mut agent = start.file("pipeline.conf", &pipeline).spawn();
    agent.wait_for_log("cannot write to the standard output");
    // It still follows its signals; what was not written is read again.
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    let log = agent.stop().stderr;
    assert!(
        log.contains("what it has not taken stays in the queue on disk, or is read again"),
        "{log}"
    );
    assert!(!log.contains("are lost"), "{log}");
}

#[test]
fn a_data_folder_has_one_agent() {
    let folder = Scratch::new("one");
    let log = folder.write("in.log", "one\n");
    let mut first = Agent::start(&file_pipeline(&log));
    first.wait_for_events(1);
    let data = first.folder.0.join("data");
    let data = data.to_str().expect("the folder's name is text");
    let ended = Start::new(&["-e", &file_pipeline(&log), "--path.data", data]).run(b"");
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("another sawlog uses the data folder"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains(data), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    folder.write("in.log", "one\ntwo\n");
    first.wait_for_events(2);
    first.stop();
}

#[test]
fn an_archive_that_is_cut_short_is_named() {
    let folder = Scratch::new("cut-archive");
    let log = folder.write("in.log", "one\n");
    let pipeline = file_pipeline(&log);
    let data = folder.0.join("data");
    let data = data.to_str().expect("the folder's name is text");
    let start = || Start::new(&["-e", &pipeline, "--path.data", data]).spawn();
    let mut agent = start();
    agent.wait_for_events(1);
    agent.stop();
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    let packing = packed.write_all(b"one\ntwo\nthree\n");
    let packed = packing.and_then(|()| packed.finish());
    let packed = packed.expect("it is kept in memory");
    let archive = folder.0.join("in.log.1.gz");
    fs::write(&archive, &packed[..packed.len() - 9]).expect("the folder is writable");
    fs::remove_file(&log).expect("it was written");
    folder.write("in.log", "four\n");
    let mut agent = start();
    agent.wait_for_log(&format!("from time to time path={}", archive.display()));
    agent.stop();
}

#[test]
fn a_port_in_use_is_said_once_and_taken_when_it_is_free() {
    let port = free_port();
    let other = free_port();
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("the port was free");
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port was free");
    let beside = format!("input {{ syslog {{ host => \"127.0.0.1\" port => {other} }} }}\n");
    let mut agent = Agent::start(&format!("{beside}{}", syslog_pipeline(port, "")));
    agent.wait_for_syslog(other);
    for protocol in ["UDP", "TCP"] {
        agent.wait_for_log(&format!(
            "cannot listen for syslog over {protocol} on 127.0.0.1 port {port}"
        ));
    }
    send(other, b"<13>Nov 20 18:56:21 host app[1]: beside");
    agent.wait_for_events(1);
    drop((udp, tcp));
    agent.wait_for_syslog(port);
    send(port, b"<13>Nov 20 18:56:21 host app[1]: at last");
    assert_eq!(agent.wait_for_events(2)[1]["message"], "at last");
    let log = agent.stop().stderr;
    assert_eq!(
        count_of(&log, "cannot listen for syslog over UDP"),
        1,
        "{log}"
    );
    assert_eq!(
        count_of(&log, "cannot listen for syslog over TCP"),
        1,
        "{log}"
    );
    assert!(log.contains("stop the program that has the port"), "{log}");
}

#[test]
fn a_folder_that_may_not_be_read_is_said_and_the_rest_goes_on() {
    let folder = Scratch::new("rights");
    let good = folder.write("good.log", "read\n");
    let bad = folder.write("closed/bad.log", "never\n");
    let closed = bad.parent().expect("it lies in a folder");
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    set(closed, 0o700);
    // Root may read everything, so this agent is somebody else, with a program and a data folder that he may use.
    let program = folder.0.join("sawlog");
    // By another process: a file that this one has open for writing could not be run while a thread starts a child.
    output_of(Command::new("cp").arg(PROGRAM).arg(&program));
    let data = folder.0.join("data");
    std::fs::create_dir(&data).expect("the folder is ours");
    set(&data, 0o777);
    let pipeline = format!(
        "input {{ file {{ path => [\"{}\", \"{}/*.log\"] start_position => \"beginning\" }} }}\n\
         output {{ stdout {{ codec => json_lines }} }}\n",
        good.display(),
        closed.display()
    );
    let program = program.to_str().expect("the folder's name is text");
    let start = Start::other(&[
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--inh-caps=-all",
        "--",
        program,
        "-e",
        &pipeline,
        "--path.data",
        data.to_str().expect("the folder's name is text"),
    ]);
    let mut agent = start.spawn();
    assert_eq!(agent.wait_for_events(1)[0]["message"], "read");
    agent.wait_for_log("closed");
    agent.wait_for_log("ermission denied");
    agent.stop();
}

#[test]
fn a_missing_docker_is_said_once_and_the_rest_goes_on() {
    let port = free_port();
    let docker = "input { docker { socket => \"/no/such/docker.sock\" data_root => \"/no/such/docker\" } }\n";
    let mut agent = Agent::start(&format!("{docker}{}", syslog_pipeline(port, "")));
    agent.wait_for_syslog(port);
    agent.wait_for_log("/no/such/docker");
    send(port, b"<13>Nov 20 18:56:21 host app[1]: goes on");
    assert_eq!(agent.wait_for_events(1)[0]["message"], "goes on");
    let log = agent.stop().stderr;
    assert_eq!(
        log.lines()
            .filter(|line| line.contains("/no/such/docker"))
            .count(),
        1,
        "{log}"
    );
}

#[test]
fn a_data_folder_that_cannot_be_made_is_refused_with_advice() {
    let folder = Scratch::new("data");
    let log = folder.write("in.log", "one\n");
    let arguments = ["-e", &file_pipeline(&log), "--path.data", "/proc/no/such"];
    let ended = Start::new(&arguments).run(b"");
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("--path.data"), "{}", ended.stderr);
}

#[test]
fn a_reader_that_goes_away_ends_a_filter_in_peace() {
    let script = format!(
        "yes | {PROGRAM} -e 'input {{ stdin {{ }} }} output {{ stdout {{ codec => json_lines }} }}' | head -n 1"
    );
    let line = output_of(Command::new("bash").args(["-c", &script]));
    assert!(line.contains("\"message\":\"y\""), "{line}");
}
