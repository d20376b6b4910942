//! A `file` output that cannot write: what comes over the network waits in the queue on disk meanwhile, and each line is in the
//! file once in the end.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::running::{Agent, Ended, Start, WAIT_MAX, connect, figure, send};
use crate::services::process::output_of;
use crate::services::{Scratch, free_port, wait_until};

/// A message's text, long enough that some thousands do not fit into memory on their way.
const MESSAGE_BYTES: usize = 2000;
const MESSAGES: usize = 5000;

/// Far below the grace, with room for a busy machine.
const END_MAX: Duration = Duration::from_secs(8);

/// An agent whose file lies below something that is no folder, so that it cannot be made.
struct Obstructed {
    agent: Agent,
    home: Home,
}

/// What outlives the agent.
struct Home {
    folder: Scratch,
    syslog: u16,
    api: u16,
}

impl Home {
    fn api(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.api))
    }

    fn start(self) -> Obstructed {
        let path = |name: &str| self.folder.0.join(name).display().to_string();
        let (pipeline, data) = (path("pipeline.conf"), path("data"));
        let arguments = [
            "run",
            "-f",
            &pipeline,
            "--path.data",
            &data,
            "--shutdown.grace",
            "20s",
        ];
        let mut agent = Start::new(&arguments).api(&self.api.to_string()).spawn();
        agent.wait_for_syslog(self.syslog);
        Obstructed { agent, home: self }
    }
}

impl Obstructed {
    fn new() -> Self {
        let home = Home {
            folder: Scratch::new("overflow"),
            syslog: free_port(),
            api: free_port(),
        };
        let (folder, port) = (home.folder.0.display(), home.syslog);
        let pipeline = format!(
            "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
             output {{ file {{ path => \"{folder}/out/%{{program}}.log\" \
             codec => line {{ format => \"%{{message}}\" }} }} }}\n"
        );
        home.folder.write("pipeline.conf", &pipeline);
        home.folder.write("out", "no folder");
        home.start()
    }

    fn send(&self) {
        let mut stream = connect(self.home.syslog);
        stream
            .set_write_timeout(Some(WAIT_MAX))
            .expect("a socket takes a time-out");
        let text = "x".repeat(MESSAGE_BYTES);
        for number in 0..MESSAGES {
            let message = format!("<13>Nov 20 18:56:21 host app[1]: {number:06} {text}\n");
            stream
                .write_all(message.as_bytes())
                .unwrap_or_else(|fault| panic!("{fault}; {}", self.agent.stderr()));
        }
    }

    fn figure(&self, name: &str) -> u64 {
        figure(self.home.api(), "file", name)
    }

    /// Waits until a figure has this value.
    #[track_caller]
    fn wait_for(&self, name: &str, value: usize) {
        wait_until(WAIT_MAX, name, || match self.figure(name) {
            found if found == value as u64 => Ok(()),
            found => Err(format!("{found}; {}", self.agent.stderr())),
        });
    }

    /// Waits until all messages lie in the queue on disk.
    #[track_caller]
    fn wait_for_all_on_disk(&self) {
        self.wait_for("queue_disk_documents", MESSAGES);
    }

    fn let_pass(&self) {
        std::fs::remove_file(self.home.folder.0.join("out")).expect("it is ours");
    }

    /// Waits until the file has so many lines; each message is there once.
    #[track_caller]
    fn check_file(&self) {
        let path = self.home.folder.0.join("out/app.log");
        wait_until(WAIT_MAX, "all lines in the file", || {
            match lines(&path).len() {
                count if MESSAGES <= count => Ok(()),
                count => Err(format!("{count} lines; {}", self.agent.stderr())),
            }
        });
        self.wait_for("queue_disk_documents", 0);
        let mut numbers = lines(&path);
        numbers.sort_unstable();
        let want: Vec<_> = (0..MESSAGES).map(|number| format!("{number:06}")).collect();
        assert!(numbers == want, "{} lines", numbers.len());
    }
}

/// The numbers of the lines in a file; none if it is not there.
fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let number = |line: &str| line.get(..6).unwrap_or_default().to_owned();
    text.lines().map(number).collect()
}

fn is_quiet(ended: &Ended) {
    for word in ["are lost", "panicked"] {
        assert!(!ended.stderr.contains(word), "{}", ended.stderr);
    }
}

#[test]
fn senders_do_not_wait_for_a_file_that_cannot_be_written() {
    let obstructed = Obstructed::new();
    obstructed.send();
    obstructed.wait_for_all_on_disk();
    obstructed.let_pass();
    obstructed.check_file();
    let ended = obstructed.agent.stop();
    assert!(
        ended.stderr.contains("writing works again"),
        "{}",
        ended.stderr
    );
    is_quiet(&ended);
}

#[test]
fn an_agent_that_is_stopped_or_killed_beside_such_a_file_has_all_at_its_next_start() {
    let obstructed = Obstructed::new();
    obstructed.send();
    // What is still in memory then goes to disk as well.
    obstructed.wait_for("events_in_total", MESSAGES);
    let Obstructed { agent, home } = obstructed;
    let told = Instant::now();
    let ended = agent.stop();
    assert!(told.elapsed() < END_MAX, "{}", ended.stderr);
    is_quiet(&ended);
    let again = home.start();
    again.wait_for_all_on_disk();
    again.agent.signal("KILL");
    assert_eq!(again.agent.end().status, None);
    let last = again.home.start();
    last.let_pass();
    last.check_file();
    is_quiet(&last.agent.stop());
}

/// The text that the writer holds comes from the queue on disk, which is empty but for it.
#[test]
fn of_messages_one_by_one_beside_such_a_file_a_kill_takes_none() {
    let obstructed = Obstructed::new();
    for number in 0..4 {
        let message = format!("<13>Nov 20 18:56:21 host app[1]: {number:06}");
        send(obstructed.home.syslog, message.as_bytes());
        obstructed.wait_for("queue_disk_documents", number + 1);
    }
    let Obstructed { agent, home } = obstructed;
    agent.signal("KILL");
    assert_eq!(agent.end().status, None);
    let again = home.start();
    again.let_pass();
    again.wait_for("events_out_total", 4);
    let numbers = lines(&again.home.folder.0.join("out/app.log"));
    assert_eq!(numbers, ["000000", "000001", "000002", "000003"]);
    is_quiet(&again.agent.stop());
}

#[test]
fn a_message_whose_path_leads_through_a_file_does_not_stop_the_others() {
    let obstructed = Obstructed::new();
    obstructed.let_pass();
    for (number, program) in ["app", "app.log/x", "app"].iter().enumerate() {
        let message = format!("<13>Nov 20 18:56:21 host {program}: {number:06}");
        send(obstructed.home.syslog, message.as_bytes());
        obstructed.wait_for("events_out_total", number + 1);
    }
    obstructed.wait_for("confinement_failed_total", 1);
    let out = obstructed.home.folder.0.join("out");
    assert_eq!(lines(&out.join("app.log")), ["000000", "000002"]);
    assert_eq!(lines(&out.join("_filepath_failures")), ["000001"]);
    let ended = obstructed.agent.stop();
    let said = "no file can be at";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    is_quiet(&ended);
}

#[test]
fn an_agent_ends_beside_a_pipe_that_nobody_reads() {
    let folder = Scratch::new("pipe");
    let pipe = folder.0.join("pipe").display().to_string();
    output_of(Command::new("mkfifo").arg(&pipe));
    let log = folder.write("in.log", "one\n");
    let pipeline = format!(
        "input {{ file {{ path => \"{}\" start_position => \"beginning\" }} }}\n\
         output {{ file {{ path => \"{pipe}\" }} }}\n",
        log.display()
    );
    let mut agent = Agent::start(&pipeline);
    agent.wait_for_log("does nobody read it?");
    let told = Instant::now();
    let ended = agent.stop();
    assert!(told.elapsed() < END_MAX, "{}", ended.stderr);
    is_quiet(&ended);
}

#[test]
fn a_reload_gives_the_queue_to_the_next_output() {
    let mut obstructed = Obstructed::new();
    obstructed.send();
    obstructed.wait_for_all_on_disk();
    obstructed.agent.signal("HUP");
    obstructed.agent.wait_for_log("INFO reloaded");
    obstructed.let_pass();
    obstructed.check_file();
    is_quiet(&obstructed.agent.stop());
}
