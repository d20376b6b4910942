//! A full disk below the data folder: a small tmpfs, in a mount namespace that the agent enters.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::agent::{Agent, Start};
use super::oracle::Account;
use super::stage::{Plan, Stage};
use super::trial::Trial;
use crate::services::process::Service;
use crate::services::{START_MAX, Scratch, elasticsearch, folder, wait_until};

/// Lines before a fault, and while it lasts on either side of the agent's end.
const APART: (u64, u64) = (200, 2000);

/// Holds the namespace: the mount goes with it. The process namespace has brought a /proc of its own over the machine's.
const HOLD: &str = r#"
set -e
umount /proc
mount -t tmpfs -o size=256k tmpfs "$1"
echo mounted
exec sleep infinity
"#;

/// A small file system that one agent sees.
struct SmallDisk {
    holder: Service,
    /// The same folder as seen from outside.
    seen: PathBuf,
}

impl SmallDisk {
    #[track_caller]
    fn mount(below: &Path) -> SmallDisk {
        fs::create_dir_all(below).expect("the folder can be written to");
        let mut command = Command::new("sh");
        command.args(["-c", HOLD, "sh"]).arg(below);
        let mut holder = Service::spawn("a small disk", &folder("faults-disk"), &command);
        holder.wait_until_written("mounted", START_MAX);
        let pid = wait_until(START_MAX, "the holder's last program", || {
            holder.pids().first().copied().ok_or("a shell".to_string())
        });
        let inside = below.strip_prefix("/").expect("the path is absolute");
        let seen = Path::new("/proc")
            .join(pid.to_string())
            .join("root")
            .join(inside);
        SmallDisk { holder, seen }
    }

    /// The words that enter it.
    fn enter(&self) -> Vec<String> {
        let pid = self.holder.pids()[0];
        [
            "nsenter".to_string(),
            format!("--mount=/proc/{pid}/ns/mnt"),
            "--".to_string(),
        ]
        .into()
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = fs::File::create(self.seen.join("fill")).expect("there is room for a name");
        let full = loop {
            if let Err(fault) = file.write_all(&[b'x'; 512]) {
                break fault;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
    }

    fn free(&self) {
        fs::remove_file(self.seen.join("fill")).expect("it was filled");
    }
}

/// The disk is full, the agent is killed meanwhile, and there is room again.
pub fn full(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let own = Scratch::new("faults-agent");
    let disk = SmallDisk::mount(&own.0.join("data"));
    let enter = disk.enter();
    let start = Start {
        folder: own,
        enter,
        ..Start::default()
    };
    let start = |pipeline: &str| Agent::start_as(pipeline, start);
    let mut stage = Stage::start_with(&Plan::new("disk", server.url()), server, start);
    for number in 1..=trial.faults {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        disk.fill();
        stage
            .agent
            .wait_for_word("cannot save positions", number as usize);
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.agent.kill();
        stage.agent.spawn();
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        disk.free();
        stage.recover(trial, server, Instant::now());
    }
    stage.finish(server)
}
