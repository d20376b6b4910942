//! The agent under fault: one configuration and one data folder, and as many lives as the test gives it.
//!
//! Not here: agents with one life (`services::sawlog`).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::oracle::Events;
use super::subject::Subject;
use crate::services::process::signal;
use crate::services::{Scratch, free_port, http, poll, wait_until};

/// From the start to an answer of the API.
const READY_MAX: Duration = Duration::from_secs(60);

/// From SIGTERM to the end: the agent's own time for its outputs, and some.
const STOP_MAX: Duration = Duration::from_secs(60);

/// How long a filter has nothing to do before it is taken to rest: longer than any batch takes.
const REST: Duration = Duration::from_millis(200);

/// The number of SIGKILL.
const KILL: i32 = 9;

/// Counters of documents that were refused for good. Those that became dead letters are among them.
const REFUSED: [&str; 5] = [
    "refused_mapping",
    "refused_index",
    "refused_too_large",
    "refused_other",
    "confinement_failed",
];

/// Counters of documents that were given up otherwise: what is under none of these names and not delivered is lost.
const GIVEN_UP: [&str; 6] = [
    "dead_letters_dropped",
    "queue_dropped_damaged",
    "queue_dropped_newest",
    "queue_dropped_oldest",
    "queue_dropped_too_large",
    "udp_drops",
];

/// Figures of an output: what it took in, and where that ended.
const TAKEN_IN: [&str; 2] = ["events_in", "queue_documents_found"];
const ENDED: [&str; 8] = [
    "events_out",
    "documents_duplicate",
    "events_failed",
    "queue_dropped_damaged",
    "queue_dropped_newest",
    "queue_dropped_oldest",
    "queue_dropped_too_large",
    "queue_disk_documents",
];

/// What was counted under two of those.
const ENDED_TWICE: [&str; 1] = ["queue_dropped_and_delivered"];

/// How an agent is to be started; by default as its users do.
pub struct Start {
    pub folder: Scratch,
    /// Words in front of the program, such as those that enter a namespace.
    pub enter: Vec<String>,
    /// Another build of the program.
    pub program: Option<PathBuf>,
    /// Settings.
    pub environment: Vec<(&'static str, &'static str)>,
}

impl Default for Start {
    fn default() -> Start {
        Start {
            folder: Scratch::new("faults-agent"),
            enter: Vec::new(),
            program: None,
            environment: Vec::new(),
        }
    }
}

/// An agent that can be killed and started again.
pub struct Agent {
    subject: Subject,
    api: SocketAddr,
    start: Start,
    child: Option<Child>,
    lives: u32,
}

impl Agent {
    /// Starts an agent with this pipeline and waits for its API.
    #[track_caller]
    pub fn start(pipeline: &str) -> Agent {
        Agent::start_as(pipeline, Start::default())
    }

    /// The same in another way.
    #[track_caller]
    pub fn start_as(pipeline: &str, start: Start) -> Agent {
        fs::create_dir_all(start.folder.0.join("data")).expect("the folder can be written to");
        let mut agent = Agent {
            subject: Subject::chosen(),
            api: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
            start,
            child: None,
            lives: 0,
        };
        agent.write_pipeline(pipeline);
        agent.spawn();
        agent.wait_until_ready();
        agent
    }

    /// Puts another pipeline in the place of the agent's.
    pub fn write_pipeline(&self, pipeline: &str) {
        let data = self.data().display().to_string();
        self.start
            .folder
            .write("pipeline.conf", &pipeline.replace("@DATA@", &data));
    }

    /// The folder of positions and queues.
    pub fn data(&self) -> PathBuf {
        self.start.folder.0.join("data")
    }

    /// Gives it a new life. Its log goes on in the same file.
    #[track_caller]
    pub fn spawn(&mut self) {
        self.spawn_with(&[]);
    }

    /// The same with more variables in its environment, for this life.
    #[track_caller]
    pub fn spawn_with(&mut self, variables: &[(&str, &str)]) {
        assert!(self.child.is_none(), "the agent runs already");
        let mut words = self.start.enter.clone();
        // The agent ends with the thread that started it, were the test killed.
        words.extend(["setpriv", "--pdeathsig", "KILL", "--"].map(String::from));
        let configuration = self.start.folder.0.join("pipeline.conf");
        let program = self.start.program.as_deref();
        let port = self.api.port();
        words.extend(
            self.subject
                .words(program, &configuration, &self.data(), port),
        );
        let (program, arguments) = words.split_first().expect("there are words");
        let mut command = Command::new(program);
        command.args(arguments);
        command.envs(self.start.environment.iter().copied());
        command.envs(variables.iter().copied());
        let log = self.log();
        let copy = log.try_clone().expect("an open file can be shared");
        command.stdin(Stdio::null()).stdout(copy).stderr(log);
        let child = command.spawn();
        self.lives += 1;
        self.child = Some(child.unwrap_or_else(|fault| panic!("{command:?}: {fault}")));
    }

    fn log(&self) -> File {
        let path = self.start.folder.0.join("log");
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
    }

    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        wait_until(READY_MAX, "the agent's API", || {
            let child = self.child.as_mut().expect("it was started");
            if let Some(status) = child.try_wait().map_err(|fault| fault.to_string())? {
                panic!("the agent ended with {status}: {}", self.told());
            }
            if self.subject == Subject::Rsyslog {
                return Ok(());
            }
            let answer = http::request(self.api, "GET", "/health", None);
            answer
                .map(drop)
                .map_err(|fault| format!("{fault}; {}", self.told()))
        });
    }

    /// What it told in all its lives.
    pub fn told(&self) -> String {
        fs::read_to_string(self.start.folder.0.join("log")).unwrap_or_default()
    }

    /// Waits until its log has this text so many times.
    #[track_caller]
    pub fn wait_for_word(&self, text: &str, times: usize) {
        wait_until(READY_MAX, &format!("{text:?} in the agent's log"), || {
            let told = self.told();
            match told.matches(text).count() {
                count if times <= count => Ok(()),
                count => Err(format!("{count} of {times} times in {told}")),
            }
        });
    }

    #[track_caller]
    pub fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("it runs");
        signal(child.id(), name);
    }

    /// SIGHUP, for the time of this number. A peer reads no configuration then, and says nothing.
    #[track_caller]
    pub fn reload(&self, times: u32) {
        self.signal("HUP");
        if self.subject == Subject::Sawlog {
            self.wait_for_word("INFO reloaded", times as usize);
        }
    }

    /// Ends it with SIGKILL, as a crash would.
    #[track_caller]
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be waited for");
    }

    /// Waits until it has ended by SIGKILL, by its own hand.
    #[track_caller]
    pub fn wait_for_crash(&mut self, what: &str) {
        let status = self.wait_for_end();
        let told = self.told();
        assert_eq!(status.signal(), Some(KILL), "{what}: {status}; {told}");
    }

    /// Ends it with SIGTERM, which must be a good end. A peer that does not end is killed.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal("TERM");
        if self.subject == Subject::Rsyslog {
            return self.end_peer();
        }
        let status = self.wait_for_end();
        assert!(
            status.success(),
            "after SIGTERM the agent ended with {status}: {}",
            self.told()
        );
    }

    #[track_caller]
    fn end_peer(&mut self) {
        let child = self.child.as_mut().expect("it runs");
        let ended = poll(STOP_MAX, || match child.try_wait() {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("still running".to_owned()),
            Err(fault) => Err(fault.to_string()),
        });
        if let Err(state) = ended {
            eprintln!("{STOP_MAX:?} after SIGTERM: {state}; it is killed");
        }
        self.kill();
    }

    #[track_caller]
    fn wait_for_end(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        wait_until(STOP_MAX, "the agent to end", || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(format!("still running: {}", self.told())),
            Err(fault) => Err(fault.to_string()),
        })
    }

    /// Asserts that the figures of its outputs to Elasticsearch add up, as the documentation says, once nothing is under way.
    /// Only of an agent with one life: what an earlier one had taken in, and how far it came, its successor does not know.
    #[track_caller]
    pub fn check_sums(&self) {
        if self.subject == Subject::Rsyslog || self.lives != 1 {
            return;
        }
        wait_until(READY_MAX, "figures that add up", || {
            let figures = self.figures(|line| line.contains("plugin=\"elasticsearch\""));
            let sum = |names: &[&str]| {
                names
                    .iter()
                    .filter_map(|name| figures.get(*name))
                    .sum::<u64>()
            };
            let (taken, ended) = (sum(&TAKEN_IN), sum(&ENDED) - sum(&ENDED_TWICE));
            match 0 < taken && taken == ended {
                true => Ok(()),
                false => Err(format!("{taken} taken in, {ended} ended: {figures:?}")),
            }
        });
    }

    /// The sums of its counters over all plugins, by their short names.
    #[track_caller]
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.figures(|_| true)
    }

    /// The same over the outputs alone.
    #[track_caller]
    pub fn output_counters(&self) -> BTreeMap<String, u64> {
        self.figures(|line| line.contains("section=\"output\""))
    }

    /// The sums of figures whose lines are wanted.
    #[track_caller]
    fn figures(&self, is_wanted: impl Fn(&str) -> bool) -> BTreeMap<String, u64> {
        let answer = http::request(self.api, "GET", "/metrics", None);
        let answer = answer.unwrap_or_else(|fault| panic!("{fault}; {}", self.told()));
        let mut sums = BTreeMap::new();
        for line in String::from_utf8_lossy(&answer.body).lines() {
            let Some((name, value)) = line
                .rsplit_once(' ')
                .filter(|_| !line.starts_with('#') && is_wanted(line))
            else {
                continue;
            };
            let name = name.split('{').next().unwrap_or(name);
            let name = name
                .trim_start_matches("sawlog_plugin_")
                .trim_end_matches("_total");
            *sums.entry(name.to_string()).or_default() +=
                value.parse::<f64>().unwrap_or(0.0) as u64;
        }
        sums
    }

    /// The events that it kept as refused for good.
    pub fn dead(&self) -> Events {
        self.subject.dead(&self.data())
    }

    /// Documents that were given up for good in this life, by name, and events that the pipeline's own `drop` took out.
    #[track_caller]
    pub fn given_up(&self) -> BTreeMap<String, u64> {
        if self.subject == Subject::Rsyslog {
            return BTreeMap::new();
        }
        let mut counters = self.counters();
        let kept = counters.get("dead_letters").is_some_and(|count| 0 < *count);
        counters.retain(|name, count| {
            let name = name.as_str();
            let is_refused = !kept && REFUSED.contains(&name);
            0 < *count && (is_refused || GIVEN_UP.contains(&name))
        });
        if let Some(filtered) = self.filtered() {
            counters.insert(String::from("filtered"), filtered);
        }
        counters
    }

    /// Documents that wait in its queues on disk.
    #[track_caller]
    pub fn pending(&self) -> u64 {
        if self.subject == Subject::Rsyslog {
            return 0;
        }
        let counters = self.counters();
        counters
            .get("queue_disk_documents")
            .copied()
            .unwrap_or_default()
    }

    /// Events that filters dropped, if there is such a filter, once no batch is under way in it.
    #[track_caller]
    fn filtered(&self) -> Option<u64> {
        let figures = || {
            let figures = self.figures(|line| line.contains("plugin=\"drop\""));
            let of = |name: &str| figures.get(name).copied();
            Some((of("events_in")?, of("events_out")?))
        };
        let mut seen = figures()?;
        std::thread::sleep(REST);
        let (given, passed) = wait_until(READY_MAX, "the drop filter to rest", || {
            let before = std::mem::replace(&mut seen, figures().unwrap_or_default());
            match before == seen {
                true => Ok(seen),
                false => Err(format!("{before:?}, then {seen:?}")),
            }
        });
        (passed < given).then(|| given - passed)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            if let Err(fault) = child.kill().and_then(|()| child.wait()) {
                eprintln!("the agent cannot be ended: {fault}");
            }
            eprintln!("the agent's log:\n{}", self.told());
        }
    }
}
