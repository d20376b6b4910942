//! A standard output that nobody reads: with `queue.type: persisted` what came waits on disk, and goes to whoever reads next.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::running::{Agent, Start, connect, send};
use crate::services::{Scratch, free_port};

/// More than a pipe and the agent's memory have room for.
const COUNT: u32 = 5000;

/// Far below the grace that a reader would be given, and room for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(6);

fn start(folder: &Scratch, port: u16) -> Start {
    let data = folder.0.join("data").display().to_string();
    let all = folder.0.join("all").display().to_string();
    let pipeline = format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         output {{\n\
         stdout {{ codec => line {{ format => \"%{{message}}\" }} }}\n\
         file {{ path => \"{all}\" codec => line {{ format => \"%{{message}}\" }} }}\n\
         }}\n"
    );
    let settings = ["--queue.type", "persisted", "--path.data", &data];
    let arguments = [&["run", "-f", "pipeline.conf"], &settings[..]].concat();
    Start::new(&arguments).file("pipeline.conf", &pipeline)
}

/// The numbers in whole lines.
fn numbers(text: &str) -> BTreeSet<u32> {
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let first = whole.filter_map(|line| line.split(' ').next());
    first.filter_map(|number| number.parse().ok()).collect()
}

fn wait_for_all(agent: &mut Agent, read: &BTreeSet<u32>) {
    agent.wait("all lines in one run or the other", |agent| {
        let all = numbers(&agent.stdout()).union(read).count();
        match all == COUNT as usize {
            true => Ok(()),
            false => Err(format!("{all} of {COUNT}")),
        }
    });
}

/// The lines that an agent wrote into a pipe that nobody read before its end. Another output tells that it has read all.
fn run_with_nobody_reading(folder: &Scratch, end: impl FnOnce(Agent)) -> BTreeSet<u32> {
    let port = free_port();
    let (mut reader, writer) = std::io::pipe().expect("the system has pipes");
    let mut agent = start(folder, port).stdout(writer.into()).spawn();
    agent.wait_for_syslog(port);
    let padding = "x".repeat(500);
    let mut stream = connect(port);
    for number in 0..COUNT {
        let message = format!("<13>Nov 20 18:56:21 host app[1]: {number} {padding}\n");
        stream
            .write_all(message.as_bytes())
            .expect("the agent reads");
    }
    drop(stream);
    let all = folder.0.join("all");
    agent.wait("all of it to be read", |_| {
        let text = fs::read_to_string(&all).unwrap_or_default();
        let count = numbers(&text).len();
        match count == COUNT as usize {
            true => Ok(()),
            false => Err(format!("{count} of {COUNT}")),
        }
    });
    end(agent);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("lines are text");
    let read = numbers(&text);
    assert!(read.len() < COUNT as usize, "it was read");
    read
}

#[test]
fn what_nobody_reads_waits_on_disk_and_does_not_hold_up_the_end() {
    let folder = Scratch::new("stalled");
    let read = run_with_nobody_reading(&folder, |agent| {
        let told = Instant::now();
        agent.signal("TERM");
        let ended = agent.end();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        assert!(told.elapsed() < AT_ONCE, "{}", ended.stderr);
        assert!(!ended.stderr.contains("are lost"), "{}", ended.stderr);
    });
    let port = free_port();
    let mut agent = start(&folder, port).spawn();
    wait_for_all(&mut agent, &read);
    send(port, b"<13>Nov 20 18:56:21 host app[1]: the next one");
    agent.wait("the next one", |agent| {
        let is_there = agent.stdout().contains("the next one");
        is_there
            .then_some(())
            .ok_or_else(|| "not there yet".to_owned())
    });
    agent.stop();
}

#[test]
fn a_killed_agent_has_on_disk_what_nobody_read() {
    let folder = Scratch::new("stalled");
    let read = run_with_nobody_reading(&folder, |agent| {
        // What was read is on disk soon after.
        std::thread::sleep(Duration::from_secs(1));
        agent.signal("KILL");
        agent.end();
    });
    let mut agent = start(&folder, free_port()).spawn();
    wait_for_all(&mut agent, &read);
    agent.stop();
}
