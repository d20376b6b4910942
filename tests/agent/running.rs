//! An agent as a child of the test: arguments and stdin go in; events on stdout, the log on stderr and an exit code come
//! out. Waiting is for a condition, with a deadline.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::services::process::output_of;
use crate::services::sawlog::PROGRAM;
use crate::services::{Scratch, http, wait_until};

/// How long anything may take: seconds on an idle machine, and builds beside the tests stretch them.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// A started agent. It is killed when it is dropped before its end.
pub struct Agent {
    child: Child,
    stdin: Option<ChildStdin>,
    pub folder: Scratch,
}

/// What an agent left.
pub struct Ended {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// How an agent is to be started.
pub struct Start {
    command: Command,
    folder: Scratch,
    /// What it gets as its stdin, if no pipe.
    stdin: Option<OwnedFd>,
    /// The same as its stdout, if no file.
    stdout: Option<OwnedFd>,
}

impl Start {
    /// `sawlog ARGUMENTS`, with a data folder of its own that does not exist yet, and without the API.
    pub fn new(arguments: &[&str]) -> Start {
        Start::other(&[&[PROGRAM], arguments].concat())
    }

    /// The same by another command.
    pub fn other(words: &[&str]) -> Start {
        let folder = Scratch::new("agent");
        // The agent ends with the thread that started it, were the test killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).args(words);
        command.current_dir(&folder.0);
        command.env("SAWLOG_PATH_DATA", folder.0.join("data"));
        command.env("SAWLOG_API_ENABLED", "false");
        Start {
            command,
            folder,
            stdin: None,
            stdout: None,
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Start {
        self.command.env(name, value);
        self
    }

    /// Gives it an open file or socket as its stdin.
    pub fn stdin(mut self, stdin: OwnedFd) -> Start {
        self.stdin = Some(stdin);
        self
    }

    /// Gives it an open file or pipe as its stdout.
    pub fn stdout(mut self, stdout: OwnedFd) -> Start {
        self.stdout = Some(stdout);
        self
    }

    /// Serves the API on this port, or the first free one of a range.
    pub fn api(self, port: &str) -> Start {
        self.env("SAWLOG_API_ENABLED", "true")
            .env("SAWLOG_API_HTTP_PORT", port)
    }

    /// The folder that the agent runs in.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Writes a file into the folder that the agent runs in.
    pub fn file(self, name: &str, content: &str) -> Start {
        self.folder.write(name, content);
        self
    }

    pub fn spawn(mut self) -> Agent {
        let output = |name: &str| {
            File::create(self.folder.0.join(name)).expect("a fresh folder can be written to")
        };
        self.command
            .stdin(self.stdin.map_or_else(Stdio::piped, Stdio::from));
        let stdout = self
            .stdout
            .map_or_else(|| output("stdout").into(), Stdio::from);
        self.command.stdout(stdout).stderr(output("stderr"));
        let child = self.command.spawn();
        let mut child = child.unwrap_or_else(|fault| panic!("{:?}: {fault}", self.command));
        Agent {
            stdin: child.stdin.take(),
            child,
            folder: self.folder,
        }
    }

    /// Runs it with this stdin to its end.
    #[track_caller]
    pub fn run(self, stdin: &[u8]) -> Ended {
        let mut agent = self.spawn();
        agent.write(stdin);
        agent.end()
    }
}

impl Agent {
    /// An agent that runs this pipeline, read from a file so that it can be reloaded.
    pub fn start(pipeline: &str) -> Agent {
        Start::new(&["run", "-f", "pipeline.conf"])
            .file("pipeline.conf", pipeline)
            .spawn()
    }

    /// The same without queues on disk.
    pub fn start_in_memory(pipeline: &str) -> Agent {
        Start::new(&["run", "-f", "pipeline.conf"])
            .file("pipeline.conf", pipeline)
            .env("SAWLOG_QUEUE_TYPE", "memory")
            .spawn()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its stdin. An agent that ended before it read everything is told by its exit code.
    pub fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        if let Err(fault) = stdin.write_all(bytes).and_then(|()| stdin.flush()) {
            eprintln!("the agent reads no more: {fault}");
        }
    }

    pub fn stdout(&self) -> String {
        let bytes = fs::read(self.folder.0.join("stdout")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn stderr(&self) -> String {
        let bytes = fs::read(self.folder.0.join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The whole events that it wrote so far.
    pub fn events(&self) -> Vec<Value> {
        let text = self.stdout();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        whole.lines().map(parse).collect()
    }

    /// Waits until it has written so many events, and gives them.
    #[track_caller]
    pub fn wait_for_events(&mut self, count: usize) -> Vec<Value> {
        self.wait(&format!("{count} events"), |agent| {
            let events = agent.events();
            match count <= events.len() {
                true => Ok(events),
                false => Err(format!("{} events", events.len())),
            }
        })
    }

    /// Waits until its log has this text.
    #[track_caller]
    pub fn wait_for_log(&mut self, text: &str) {
        self.wait(&format!("{text:?} in the log"), |agent| {
            match agent.stderr().contains(text) {
                true => Ok(()),
                false => Err(String::from("not there yet")),
            }
        });
    }

    /// Sends a signal again and again until the log holds a text, as an impatient person would.
    #[track_caller]
    pub fn signal_until_log(&mut self, name: &str, text: &str) {
        self.wait(&format!("{text:?} in the log"), |agent| {
            if agent.stderr().contains(text) {
                return Ok(());
            }
            agent.signal(name);
            Err(String::from("not there yet"))
        });
    }

    /// Waits until it has bound this port of loopback for UDP and TCP.
    #[track_caller]
    pub fn wait_for_syslog(&mut self, port: u16) {
        self.wait_for_log(&format!("INFO syslog over TCP on 127.0.0.1 port {port}"));
        self.wait_for_log(&format!("INFO syslog over UDP on 127.0.0.1 port {port}"));
    }

    /// Waits for a condition as long as the agent lives.
    #[track_caller]
    pub fn wait<T>(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&Agent) -> Result<T, String>,
    ) -> T {
        wait_until(WAIT_MAX, what, || {
            // Asked first, so that what an ended agent left is looked at once more.
            let ended = self.child.try_wait().map_err(|fault| fault.to_string())?;
            let state = match condition(self) {
                Ok(value) => return Ok(value),
                Err(state) => format!("{state}; stderr:\n{}", self.stderr()),
            };
            match ended {
                Some(status) => panic!("the agent ended with {status} before {what}: {state}"),
                None => Err(state),
            }
        })
    }

    #[track_caller]
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        output_of(Command::new("sh").args(["-c", &kill]));
    }

    /// Closes its stdin and waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        drop(self.stdin.take());
        let status = wait_until(WAIT_MAX, "the agent to end", || {
            match self.child.try_wait() {
                Ok(Some(status)) => Ok(status),
                Ok(None) => Err(format!("still running; stderr:\n{}", self.stderr())),
                Err(fault) => Err(fault.to_string()),
            }
        });
        Ended {
            status: status.code(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    /// Stops it with SIGTERM, asserts a good end.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal("TERM");
        let ended = self.end();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        ended
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Err(fault) = self.child.kill().and_then(|()| self.child.wait())
        {
            eprintln!("the agent cannot be ended: {fault}");
        }
    }
}

impl Ended {
    /// The events on stdout.
    pub fn events(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// A `pipelines.yml` of two, in `a.conf` and `b.conf`.
pub const TWO_PIPELINES: &str =
    "- pipeline.id: a\n  path.config: a.conf\n- pipeline.id: b\n  path.config: b.conf\n";

/// So many filters that each go through the whole message.
pub fn slow_filters(count: usize) -> String {
    r#"mutate { gsub => ["message", "a(.*)b", "b\1a"] }"#.repeat(count)
}

/// A pipeline from syslog on this port of loopback to stdout, with these filters.
pub fn syslog_pipeline(port: u16, filters: &str) -> String {
    format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         filter {{ {filters} }}\n\
         output {{ stdout {{ codec => json_lines }} }}\n"
    )
}

thread_local! {
    /// One socket for all that a test sends: ports of their own for each could be those that other tests have chosen.
    static SENDER: UdpSocket =
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
}

/// Sends one datagram to a port of loopback.
#[track_caller]
pub fn send(port: u16, message: &[u8]) {
    let sent = SENDER.with(|sender| sender.send_to(message, (Ipv4Addr::LOCALHOST, port)));
    sent.expect("a datagram can be sent");
}

/// Connects to a port of loopback.
#[track_caller]
pub fn connect(port: u16) -> TcpStream {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, WAIT_MAX).expect("the agent listens")
}

/// The texts of the field `message`.
pub fn messages(events: &[Value]) -> Vec<&str> {
    let texts = events.iter().map(|event| event["message"].as_str());
    texts.flatten().collect()
}

/// A figure of a plugin as the API tells it; 0 before it is there.
#[track_caller]
pub fn figure(api: SocketAddr, plugin: &str, name: &str) -> u64 {
    let answer = http::request(api, "GET", "/metrics", None).expect("the API answers");
    let page = String::from_utf8_lossy(&answer.body).into_owned();
    let of_plugin = |line: &&str| line.contains(&format!("plugin=\"{plugin}\""));
    let named = |line: &&str| line.starts_with(&format!("sawlog_plugin_{name}{{"));
    let line = page.lines().filter(of_plugin).find(named);
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.unwrap_or(0)
}

/// Whether an event has a tag.
pub fn has_tag(event: &Value, tag: &str) -> bool {
    let tags = event["tags"].as_array();
    tags.is_some_and(|tags| tags.iter().any(|one| one == tag))
}

/// How often a text occurs.
pub fn count_of(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// Whether a folder exists.
pub fn exists(agent: &Agent, name: &str) -> bool {
    Path::new(&agent.folder.0).join(name).exists()
}
