//! The agent itself, as its users start it: `sawlog run -f FILE`, stopped with SIGTERM.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::process::output_of;
use super::{Scratch, free_port, http, wait_until};

/// The binary under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sawlog");

/// From the start to an answer of the API; a debug build compiles its patterns in a second or two.
const READY_MAX: Duration = Duration::from_secs(60);

/// From SIGTERM to the end: the agent's own time for its outputs, and some.
const STOP_MAX: Duration = Duration::from_secs(60);

/// A running agent.
pub struct Sawlog {
    child: Child,
    api: SocketAddr,
    folder: Scratch,
}

impl Sawlog {
    /// Starts the agent with this pipeline and waits for its API.
    #[track_caller]
    pub fn start(pipeline: &str) -> Sawlog {
        let folder = Scratch::new("agent");
        let file = folder.write("pipeline.conf", pipeline);
        Sawlog::start_file(folder, &file, None)
    }

    /// The same with a pipeline that lies in a file.
    #[track_caller]
    pub fn start_with(pipeline: &Path) -> Sawlog {
        Sawlog::start_file(Scratch::new("agent"), pipeline, None)
    }

    /// The same with a data folder that outlives this run.
    #[track_caller]
    pub fn start_in(data: &Path, pipeline: &str) -> Sawlog {
        let folder = Scratch::new("agent");
        let file = folder.write("pipeline.conf", pipeline);
        Sawlog::start_file(folder, &file, Some(data))
    }

    #[track_caller]
    fn start_file(folder: Scratch, pipeline: &Path, data: Option<&Path>) -> Sawlog {
        let port = free_port();
        let own_data = folder.0.join("data");
        fs::create_dir_all(&own_data).expect("a fresh folder can be written to");
        let output = |name: &str| File::create(folder.0.join(name)).expect("the folder is ours");
        // The agent ends with the thread that started it, were the test killed.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", PROGRAM, "run", "-f"])
            .arg(pipeline);
        command.arg("--path.data").arg(data.unwrap_or(&own_data));
        command.args(["--api.http.port", &port.to_string()]);
        command
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"));
        let child = command
            .spawn()
            .unwrap_or_else(|fault| panic!("{command:?}: {fault}"));
        let api = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut agent = Sawlog { child, api, folder };
        wait_until(READY_MAX, "the agent's API", || {
            if let Some(status) = agent.child.try_wait().map_err(|fault| fault.to_string())? {
                panic!("the agent ended with {status}: {}", agent.stderr());
            }
            agent
                .ask_api("/health")
                .map_err(|state| format!("{state}; {}", agent.stderr()))
        });
        agent
    }

    /// What the agent's API answers; any status is an answer, since an output that is away is told by it.
    pub fn ask_api(&self, path: &str) -> Result<String, String> {
        let answer =
            http::request(self.api, "GET", path, None).map_err(|fault| fault.to_string())?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// What it wrote to stderr so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.0.join("stderr")).unwrap_or_default()
    }

    /// Stops it with SIGTERM, asserts a good end, gives its stderr.
    #[track_caller]
    pub fn stop(mut self) -> String {
        let status = self.end_by("TERM");
        let stderr = self.stderr();
        assert!(
            status.success(),
            "after SIGTERM the agent ended with {status}: {stderr}"
        );
        stderr
    }

    /// Stops it with SIGTERM again and again, as an impatient person would; asserts a good end, gives its stderr.
    #[track_caller]
    pub fn stop_at_once(mut self) -> String {
        self.signal("TERM");
        wait_until(
            STOP_MAX,
            "the agent to take the second signal",
            || match self.stderr() {
                told if told.contains("told twice to stop") => Ok(()),
                told => {
                    self.signal("TERM");
                    Err(told)
                }
            },
        );
        let status = self.wait_for_end();
        let stderr = self.stderr();
        assert!(status.success(), "the agent ended with {status}: {stderr}");
        stderr
    }

    /// Has it load its configuration anew, and waits until it has.
    #[track_caller]
    pub fn reload(&self) {
        let count = |text: &str| text.matches("INFO reloaded").count();
        let before = count(&self.stderr());
        self.signal("HUP");
        wait_until(READY_MAX, "the new configuration", || match self.stderr() {
            text if before < count(&text) => Ok(()),
            text => Err(text),
        });
    }

    /// Ends it with SIGKILL, as a crash would.
    #[track_caller]
    pub fn kill(mut self) {
        self.end_by("KILL");
    }

    #[track_caller]
    fn end_by(&mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.wait_for_end()
    }

    #[track_caller]
    fn signal(&self, signal: &str) {
        let pid = self.child.id();
        output_of(Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]));
    }

    #[track_caller]
    fn wait_for_end(&mut self) -> ExitStatus {
        wait_until(STOP_MAX, "the agent to end", || {
            match self.child.try_wait() {
                Ok(Some(status)) => Ok(status),
                Ok(None) => Err(format!("still running; its stderr: {}", self.stderr())),
                Err(fault) => Err(fault.to_string()),
            }
        })
    }
}

impl Drop for Sawlog {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            if let Err(fault) = self.child.kill().and_then(|()| self.child.wait()) {
                eprintln!("the agent cannot be ended: {fault}");
            }
            eprintln!("the agent's stderr:\n{}", self.stderr());
        }
    }
}

/// Where a file of `tests/data` lies.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Where a file of `pipelines` lies.
pub fn pipelines(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("pipelines")
        .join(name)
}
