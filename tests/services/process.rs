//! A server as a child of the test, in a process namespace of its own, so that all it starts ends with it.
//!
//! The kernel ends every process of a namespace with its first one. That first one is a shell which reads a pipe held by
//! the test: when the test drops the service, panics, or is killed itself, the pipe closes, the shell ends, and neither a
//! process nor the service's folder stays behind.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::wait_until;

/// Runs outside the namespace: clears the folder once everything inside has ended, mounts included.
const OUTER: &str = r#"
folder=$1 namespaces=$2 inner=$3
shift 3
unshare $namespaces --pid --fork --kill-child --mount-proc -- sh -c "$inner" sh "$@"
status=$?
rm -rf "$folder"
exit $status
"#;

/// The first process of the namespace: ends with the service, or ends it when the pipe closes.
const INNER: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
service=$!
{ read -r _ <&3; kill -KILL $service; } &
wait $service
exit $?
"#;

/// How long the kernel and `rm` may take to clear a service away.
const END_MAX: Duration = Duration::from_secs(30);

/// A running server; it ends when this is dropped.
pub struct Service {
    name: String,
    supervisor: Child,
    /// Open, since the file goes with the folder when the service ends.
    log: File,
}

impl Service {
    /// Starts `command` with its output in `folder/output.log`; the folder is removed when the service has ended.
    #[track_caller]
    pub fn spawn(name: &str, folder: &Path, command: &Command) -> Service {
        Service::spawn_in(name, "", folder, command)
    }

    /// The same in further namespaces: `namespaces` are flags of `unshare`.
    #[track_caller]
    pub fn spawn_in(name: &str, namespaces: &str, folder: &Path, command: &Command) -> Service {
        let log = folder.join("output.log");
        let output = File::create(&log).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let errors = output.try_clone().expect("an open file can be shared");
        let log = File::open(&log).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut supervisor = Command::new("sh");
        supervisor
            .args(["-c", OUTER, "sh"])
            .arg(folder)
            .args([namespaces, INNER]);
        supervisor
            .arg(command.get_program())
            .args(command.get_args());
        for (key, value) in command.get_envs() {
            supervisor.env(key, value.unwrap_or(OsStr::new("")));
        }
        // An interrupt typed at the tests must reach the service through the pipe, after which its folder is cleared.
        supervisor.process_group(0);
        supervisor
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors);
        let supervisor = supervisor
            .spawn()
            .unwrap_or_else(|fault| panic!("{name} cannot be started: {fault}"));
        Service {
            name: name.to_string(),
            supervisor,
            log,
        }
    }

    /// What a wait tells when the service is not ready: an end of the service ends the wait with its output.
    #[track_caller]
    pub fn wait_until_ready(
        &mut self,
        within: Duration,
        mut ready: impl FnMut() -> Result<(), String>,
    ) {
        let what = format!("{} to be ready", self.name);
        wait_until(within, &what, || {
            if let Some(status) = self
                .supervisor
                .try_wait()
                .map_err(|fault| fault.to_string())?
            {
                panic!("{} ended with {status}: {}", self.name, self.output());
            }
            ready().map_err(|state| format!("{state}; its output: {}", self.output()))
        });
    }

    /// Waits until the service has written this text.
    #[track_caller]
    pub fn wait_until_written(&mut self, text: &str, within: Duration) {
        let log = self.log.try_clone().expect("an open file can be shared");
        self.wait_until_ready(within, || match last_of(&log).contains(text) {
            true => Ok(()),
            false => Err(format!("no {text:?} yet")),
        });
    }

    /// Waits for the service to end by itself; gives whether it ended well, and its output.
    #[track_caller]
    pub fn wait_for_end(mut self, within: Duration) -> (bool, String) {
        let what = format!("{} to end", self.name);
        let status = wait_until(within, &what, || match self.supervisor.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(format!("still running; its output: {}", self.output())),
            Err(fault) => Err(fault.to_string()),
        });
        (status.success(), self.output())
    }

    /// The processes of the service, as seen from here: all below the supervisor but the shells and the `unshare` that
    /// watch it.
    pub fn pids(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let mut left = vec![self.supervisor.id()];
        while let Some(pid) = left.pop() {
            left.extend(children(pid));
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if !["sh", "unshare"].contains(&name.trim()) {
                found.push(pid);
            }
        }
        found
    }

    /// Sends a signal to the processes of the service.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let pids = self.pids();
        assert!(!pids.is_empty(), "{} has no process", self.name);
        for pid in pids {
            signal(pid, name);
        }
    }

    /// The last of what the service wrote.
    pub fn output(&self) -> String {
        last_of(&self.log)
    }
}

/// The last of what a log holds.
fn last_of(log: &File) -> String {
    let size = log.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = [0; 16_000];
    let from = size.saturating_sub(bytes.len() as u64);
    let count = log.read_at(&mut bytes, from).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()).into_owned()
}

/// A folder that outlives the services that use it, and goes when this is dropped or the test is killed.
pub struct Kept {
    _watch: Service,
}

impl Kept {
    #[track_caller]
    pub fn new(folder: &Path) -> Kept {
        let mut command = Command::new("sleep");
        command.arg("infinity");
        Kept {
            _watch: Service::spawn("a folder's watch", folder, &command),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let start = std::time::Instant::now();
        while let Ok(None) = self.supervisor.try_wait() {
            if END_MAX <= start.elapsed() {
                eprintln!("{} does not end", self.name);
                return;
            }
            std::thread::sleep(super::POLL_PAUSE);
        }
    }
}

/// The children of a process, whichever of its threads started them.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    let lists = threads.into_iter().flatten().flatten();
    let lists = lists.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
            pids.collect::<Vec<u32>>()
        })
        .collect()
}

/// Sends a signal by its name without `SIG` to one process.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    output_of(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]));
}

/// Runs a program to its end and gives what it wrote to stdout; anything but success fails the test.
#[track_caller]
pub fn output_of(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|fault| panic!("{command:?}: {fault}"));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{command:?} ended with {}: {stdout}{stderr}",
        output.status
    );
    stdout.into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::folder;
    use super::*;

    /// A process is there while a signal can be sent to it.
    fn process_is_there(pid: &str) -> bool {
        Path::new("/proc").join(pid).exists()
    }

    #[test]
    fn a_dropped_service_takes_its_grandchildren_and_its_folder_with_it() {
        let folder = folder("process");
        // The grandchild holds a file that names it, as seen from outside, by its argument.
        let mark = format!("{}.5", 100_000 + std::process::id());
        let mut command = Command::new("sh");
        command.args(["-c", &format!("setsid sleep {mark} & echo up; wait")]);
        let mut service = Service::spawn("sleeper", &folder, &command);
        let mut pid = String::new();
        service.wait_until_ready(END_MAX, || {
            pid = pid_of_sleeper(&mark).ok_or("no sleeper yet")?;
            Ok(())
        });
        drop(service);
        assert!(!process_is_there(&pid));
        assert!(!folder.exists());
    }

    #[test]
    fn a_service_that_ends_by_itself_gives_its_status_and_output() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such luck; exit 3"]);
        let service = Service::spawn("unlucky", &folder("process"), &command);
        assert_eq!(
            service.wait_for_end(END_MAX),
            (false, String::from("no such luck\n"))
        );
    }

    fn pid_of_sleeper(mark: &str) -> Option<String> {
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if command == format!("sleep\0{mark}\0").as_bytes() {
                return entry.file_name().into_string().ok();
            }
        }
        None
    }
}
