//! Real services for the tests, each started on loopback with free ports and a folder of its own, and gone with the test.
//!
//! What comes in: the programs that `tests/run` installs. What goes out: running servers that a test asks questions of.
//! Not here: what is asserted about the agent; that is in `live`. No test waits for a time: `wait_until` polls for a
//! condition up to a deadline, and says what it last saw.

pub mod carbon;
pub mod docker;
pub mod elasticsearch;
pub mod http;
pub mod namespace;
pub mod nginx;
pub mod process;
pub mod rsyslog;
pub mod sawlog;

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a service may take to come up. Elasticsearch takes 10 s on an idle machine with two cores; builds and other
/// tests beside it have been seen to stretch that sixfold.
pub const START_MAX: Duration = Duration::from_secs(180);

/// How long an event may take from its source to where it is looked for.
pub const ARRIVAL_MAX: Duration = Duration::from_secs(60);

/// The pause between two looks at a condition.
const POLL_PAUSE: Duration = Duration::from_millis(50);

/// Polls until `condition` gives a value; an error is the state it saw, told when `within` has passed.
#[track_caller]
pub fn wait_until<T>(
    within: Duration,
    what: &str,
    condition: impl FnMut() -> Result<T, String>,
) -> T {
    poll(within, condition)
        .unwrap_or_else(|state| panic!("waited {within:?} for {what}; last seen: {state}"))
}

/// The same for a condition that may stay away: then gives the state that it saw last.
pub fn poll<T>(
    within: Duration,
    mut condition: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let start = Instant::now();
    loop {
        match condition() {
            Err(_) if start.elapsed() < within => thread::sleep(POLL_PAUSE),
            result => return result,
        }
    }
}

/// A new, empty folder in the system's folder for temporary files, open to all users.
pub fn folder(purpose: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path =
        std::env::temp_dir().join(format!("sawlog-{purpose}-{}-{number}", std::process::id()));
    remove_folder(&path);
    fs::create_dir_all(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    path
}

/// Removes a folder with all in it; one that is not there is fine.
pub fn remove_folder(path: &Path) {
    if let Err(fault) = fs::remove_dir_all(path)
        && fault.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("{} cannot be removed: {fault}", path.display());
    }
}

/// A folder that goes with its owner.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(purpose: &str) -> Scratch {
        Scratch(folder(purpose))
    }

    /// Writes a file below the folder and says where it lies.
    #[track_caller]
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        write(&self.0, name, content)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_folder(&self.0);
    }
}

/// Writes `folder/name`, with the folders on the way to it.
#[track_caller]
pub fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    let parent = path.parent().expect("a joined path has a parent");
    fs::create_dir_all(parent).unwrap_or_else(|fault| panic!("{}: {fault}", parent.display()));
    fs::write(&path, content).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    path
}

/// The ports that `free_port` gives: below those that the kernel takes for sockets without a wish of their own
/// (`ip_local_port_range`, from 32768 on), which any connection can take before the service that is started binds its own.
const PORTS: std::ops::Range<u32> = 14_000..32_000;

/// A port on loopback that neither TCP nor UDP holds, and that no other test of this process is given.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    // Processes that test at the same time begin at places of their own.
    let start = std::process::id().wrapping_mul(977) % count;
    for _ in 0..count {
        let step = GIVEN.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (start + step) % count;
        let port = u16::try_from(port).expect("the range is one of ports");
        let address = (Ipv4Addr::LOCALHOST, port);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free for both TCP and UDP");
}

/// Whether a UDP socket of this network namespace is bound to `port`.
pub fn udp_is_bound(port: u16) -> Result<(), String> {
    let wanted = format!(":{port:04X}");
    for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
        let rows = fs::read_to_string(table).unwrap_or_default();
        let mut local = rows.lines().filter_map(|row| row.split_whitespace().nth(1));
        if local.any(|address| address.ends_with(&wanted)) {
            return Ok(());
        }
    }
    Err(format!("no UDP socket is bound to port {port}"))
}

#[test]
#[should_panic(expected = "for the impossible; last seen: nothing yet")]
fn waiting_in_vain_names_the_thing_and_its_state() {
    wait_until(
        Duration::from_millis(1),
        "the impossible",
        || -> Result<(), String> { Err(String::from("nothing yet")) },
    );
}

#[test]
fn a_port_is_given_once_and_is_none_that_the_kernel_takes_for_others() {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let range = range.expect("Linux tells the ports that it gives");
    let first: u16 = range
        .split_whitespace()
        .next()
        .and_then(|first| first.parse().ok())
        .expect("two numbers");
    let mut given: Vec<u16> = (0..100).map(|_| free_port()).collect();
    assert!(given.iter().all(|port| *port < first), "{given:?} {range}");
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), 100, "{given:?}");
}

#[test]
fn a_bound_port_is_seen_and_a_free_one_is_not() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = socket
        .local_addr()
        .expect("a bound socket has an address")
        .port();
    assert_eq!(udp_is_bound(port), Ok(()));
    drop(socket);
    assert!(udp_is_bound(port).is_err());
}
