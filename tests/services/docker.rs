//! A Docker daemon beside any other, with images made from files of this machine; nothing is pulled.
//!
//! Its containers have no network or, with `--network host`, the test's; the daemon touches neither bridges nor iptables.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Kept, Service, output_of};
use super::{START_MAX, Scratch, folder};

/// An image with a shell and the few programs that tests run; made when the daemon starts.
pub const BUSYBOX: &str = "busybox:test";

/// The programs of that image.
const PROGRAMS: [&str; 8] = [
    "sh", "echo", "sleep", "cat", "seq", "printf", "logger", "true",
];

/// Where the kernel lists control groups; a daemon that was killed leaves its own, empty.
const CGROUPS: &str = "/sys/fs/cgroup";

/// A running daemon.
pub struct Docker {
    /// Images, containers and their logs, which outlive the daemon.
    folder: PathBuf,
    /// Nothing while it is killed.
    service: Option<Service>,
    _kept: Kept,
}

impl Docker {
    /// Starts a daemon without containers, and with one image.
    pub fn start() -> Docker {
        let folder = folder("docker");
        let mut docker = Docker {
            _kept: Kept::new(&folder),
            folder,
            service: None,
        };
        docker.start_again();
        docker.import_busybox();
        docker
    }

    /// Starts it after `kill`, with the containers that it had; those with `--restart always` run then.
    pub fn start_again(&mut self) {
        let run = folder("dockerd");
        let mut command = Command::new("dockerd");
        command.arg("--data-root").arg(self.folder.join("data"));
        command.arg("--exec-root").arg(run.join("exec"));
        command.arg("--pidfile").arg(run.join("pid"));
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false"]);
        // systemd, where it runs, does not see into the daemon's namespace.
        command.args(["--exec-opt", "native.cgroupdriver=cgroupfs"]);
        command
            .arg("--cgroup-parent")
            .arg(format!("/{}", cgroup(&self.folder)));
        command.arg("--host").arg(self.host());
        let mut service = Service::spawn("dockerd", &run, &command);
        service.wait_until_ready(START_MAX, || {
            let output = self
                .command(&["info"])
                .output()
                .map_err(|fault| fault.to_string())?;
            match output.status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            }
        });
        self.service = Some(service);
    }

    /// Ends it with SIGKILL, and its containers with it.
    pub fn kill(&mut self) {
        drop(self.service.take());
    }

    /// The daemon's address, as in `DOCKER_HOST`.
    fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The socket of that address.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// The daemon's data root, which holds `containers/`.
    pub fn data_root(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Runs the client to its end and gives what it wrote.
    #[track_caller]
    pub fn docker(&self, arguments: &[&str]) -> String {
        output_of(&mut self.command(arguments))
    }

    /// `docker run -d`: starts a container, gives its whole id.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let id = self.docker(&[&["run", "-d"], arguments].concat());
        id.trim().to_string()
    }

    /// Waits for a container's end, which must be a good one.
    #[track_caller]
    pub fn wait_for_exit(&self, container: &str) {
        let status = self.docker(&["wait", container]);
        assert_eq!(
            status.trim(),
            "0",
            "exit status of {container}: {}",
            self.logs(container)
        );
    }

    /// What a container wrote so far.
    #[track_caller]
    pub fn logs(&self, container: &str) -> String {
        self.docker(&["logs", container])
    }

    /// Makes an image of a folder that is its root.
    #[track_caller]
    pub fn import(&self, root: &Path, image: &str) {
        let mut script = Command::new("sh");
        script.args(["-c", "tar -C \"$1\" -c . | docker import - \"$2\"", "sh"]);
        output_of(script.arg(root).arg(image).env("DOCKER_HOST", self.host()));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(arguments).env("DOCKER_HOST", self.host());
        command
    }

    fn import_busybox(&self) {
        let root = Scratch::new("busybox");
        let programs = root.0.join("bin");
        fs::create_dir_all(&programs).expect("a fresh folder can be written to");
        let shell = output_of(Command::new("sh").args(["-c", "command -v busybox"]));
        fs::copy(shell.trim(), programs.join("busybox")).expect("busybox can be copied");
        for program in PROGRAMS {
            symlink("busybox", programs.join(program)).expect("the folder was empty");
        }
        self.import(&root.0, BUSYBOX);
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Containers would end with the daemon; removed by it they leave no mounts and no control groups.
        let script = "docker ps -aq | xargs -r docker rm -f";
        let removed = Command::new("sh")
            .args(["-c", script])
            .env("DOCKER_HOST", self.host())
            .output();
        if let Err(fault) = removed {
            eprintln!("containers cannot be removed: {fault}");
        }
        drop(self.service.take());
        remove_cgroups(Path::new(CGROUPS), &cgroup(&self.folder), 2);
    }
}

/// The control group above the containers of the daemon with this folder.
fn cgroup(folder: &Path) -> String {
    let name = folder.file_name().expect("the folder has a name");
    name.to_string_lossy().into_owned()
}

/// Removes the empty groups called `name` in each hierarchy, at most `depth` folders down.
fn remove_cgroups(below: &Path, name: &str, depth: u32) {
    for entry in fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == name {
            if let Err(fault) = fs::remove_dir(&path) {
                eprintln!("{} stays behind: {fault}", path.display());
            }
        } else if 0 < depth && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroups(&path, name, depth - 1);
        }
    }
}

#[test]
fn a_container_leaves_its_lines_in_its_json_file() {
    let docker = Docker::start();
    let script = "echo one; echo two >&2";
    let label = ["--label", "app=web", "--log-opt", "labels=app"];
    let id = docker.run(
        &[
            &["--network", "none", "--name", "j1"],
            &label[..],
            &[BUSYBOX, "sh", "-c", script],
        ]
        .concat(),
    );
    docker.wait_for_exit(&id);
    let file = docker
        .data_root()
        .join("containers")
        .join(&id)
        .join(format!("{id}-json.log"));
    let text = fs::read_to_string(&file).unwrap_or_else(|fault| panic!("{file:?}: {fault}"));
    let records = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("dockerd writes JSON"));
    let mut records: Vec<serde_json::Value> = records.collect();
    records.sort_by_key(|record| record["stream"].to_string());
    let short = |record: &serde_json::Value| format!("{} {}", record["stream"], record["log"]);
    let lines: Vec<String> = records.iter().map(short).collect();
    assert_eq!(lines, [r#""stderr" "two\n""#, r#""stdout" "one\n""#]);
    assert!(records.iter().all(|record| record["attrs"]["app"] == "web"));
    assert_eq!(docker.logs("j1"), "one\n");
    let folder = docker.folder.clone();
    drop(docker);
    assert!(!folder.exists());
}
