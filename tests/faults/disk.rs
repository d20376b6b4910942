//! A full disk below the data folder: a small tmpfs, in a mount namespace that the agent enters.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::agent::{Agent, Start};
use super::oracle::Account;
use super::queue::PERSISTED;
use super::stage::{Plan, Stage};
use super::trial::Trial;
use crate::services::process::Service;
use crate::services::{START_MAX, Scratch, elasticsearch, folder, wait_until};

/// Room for positions and a lock alone.
const SMALLEST: &str = "256k";

/// What a queue leaves free, and as much as it writes in a minute: it asks anew only when that seems to be used up.
const FOR_QUEUE: &str = "128m";

/// What is written to fill a disk at once, and then to its last byte.
const FILL_BYTES: [usize; 2] = [64 << 10, 512];

/// How long it is filled again and again between two looks at the agent: longer than it takes to save positions.
const KEPT_FULL: Duration = Duration::from_millis(600);

/// Lines before a fault, and while it lasts on either side of the agent's end.
const APART: (u64, u64) = (200, 2000);

/// Holds the namespace: the mount goes with it. The process namespace has brought a /proc of its own over the machine's.
const HOLD: &str = r#"
set -e
umount /proc
mount -t tmpfs -o size="$2" tmpfs "$1"
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
    fn mount(below: &Path, size: &str) -> SmallDisk {
        fs::create_dir_all(below).expect("the folder can be written to");
        let mut command = Command::new("sh");
        command.args(["-c", HOLD, "sh"]).arg(below).arg(size);
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

    /// Fills it to the last byte, or what was given back since it was.
    fn fill(&self) {
        let path = self.seen.join("fill");
        let opened = fs::File::options().append(true).create(true).open(path);
        let mut file = opened.expect("there is room for a name");
        for bytes in FILL_BYTES {
            let full = loop {
                if let Err(fault) = file.write_all(&vec![b'x'; bytes]) {
                    break fault;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        }
    }

    /// Takes what the agent itself gives back for a while, at once: it removes a file before it writes another.
    fn keep_full(&self) {
        let start = Instant::now();
        while start.elapsed() < KEPT_FULL {
            self.fill();
        }
    }

    fn free(&self) {
        fs::remove_file(self.seen.join("fill")).expect("it was filled");
    }
}

/// The disk below positions is full, the agent is killed meanwhile, and there is room again.
pub fn full(trial: &mut Trial) -> Account {
    let met = ["sawlog_position_saves_failed"];
    strike(trial, "disk", SMALLEST, &[], &met)
}

/// The same below a queue that everything goes through. It asks now and then how much is free, so that mostly a write meets
/// the full disk; either way inputs wait.
pub fn full_under_queue(trial: &mut Trial) -> Account {
    let met = ["queue_faults", "queue_full"];
    strike(trial, "disk-queue", FOR_QUEUE, &PERSISTED, &met)
}

/// Fills a disk until the agent meets it, as one of these counters tells, kills it meanwhile, and makes room again.
fn strike(
    trial: &mut Trial,
    name: &str,
    size: &str,
    environment: &[(&'static str, &'static str)],
    met: &[&str],
) -> Account {
    let server = elasticsearch::shared();
    let own = Scratch::new("faults-agent");
    let disk = SmallDisk::mount(&own.0.join("data"), size);
    let enter = disk.enter();
    let start = Start {
        folder: own,
        enter,
        environment: environment.to_vec(),
        ..Start::default()
    };
    let start = |pipeline: &str| Agent::start_as(pipeline, start);
    let mut stage = Stage::start_with(&Plan::new(name, server.url()), server, start);
    for _ in 0..trial.faults {
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.agent.wait_until_ready();
        let times = || {
            let counters = stage.agent.counters();
            met.iter()
                .filter_map(|name| counters.get(*name))
                .sum::<u64>()
        };
        let before = times();
        wait_until(START_MAX, "the agent to meet the full disk", || {
            disk.keep_full();
            match before < times() {
                true => Ok(()),
                false => Err(stage.agent.told()),
            }
        });
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        stage.agent.kill();
        stage.agent.spawn();
        stage.writer.wait_for(trial.random(APART.0, APART.1));
        disk.free();
        stage.recover(trial, server, Instant::now());
    }
    stage.finish(server)
}
