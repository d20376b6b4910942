//! A test in network, mount and process namespaces of its own: fixed ports, the host name `elasticsearch` and the folder
//! `/etc/logstash/patterns` are then free to use, and the machine outside sees none of it.
//!
//! The test's program starts itself again for the one test, inside; that run's result is the test's.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::folder;
use super::process::Service;

/// Names the test that this process is to run inside; absent outside.
const INSIDE: &str = "SAWLOG_TEST_INSIDE";

/// The longest of them, 120,000 requests into Elasticsearch, takes one to three minutes on two cores.
const TEST_MAX: Duration = Duration::from_secs(900);

/// Prepares the namespace: loopback, and a layer over /etc that is gone with it. Then the test.
const PREPARE: &str = r#"
set -e
layer=$1 patterns=$2 program=$3 test=$4
ip link set lo up
mkdir "$layer"
mount -t tmpfs tmpfs "$layer"
mkdir "$layer/upper" "$layer/work"
cp /etc/hosts "$layer/hosts"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$layer/upper,workdir=$layer/work" /etc
{ cat "$layer/hosts"; echo '127.0.0.1 elasticsearch'; } >/etc/hosts
mkdir -p /etc/logstash/patterns
[ -z "$patterns" ] || cp "$patterns"/* /etc/logstash/patterns/
exec "$program" --exact "$test" --nocapture
"#;

/// Runs `body`, a closure of the test itself, inside; `patterns` is a folder of pattern files.
#[track_caller]
pub fn inside(patterns: Option<&Path>, body: impl FnOnce()) {
    let test = name_of(&body);
    if std::env::var(INSIDE).is_ok_and(|name| name == test) {
        return body();
    }
    let folder = folder("namespace");
    let program = std::env::current_exe().expect("Linux names the running program");
    let mut command = Command::new("sh");
    command
        .args(["-c", PREPARE, "sh"])
        .arg(folder.join("layer"));
    command
        .arg(patterns.unwrap_or(Path::new("")))
        .arg(program)
        .arg(test)
        .env(INSIDE, test)
        // Process ids begin anew inside, so folders named by them need a place of their own.
        .env("TMPDIR", &folder);
    let service = Service::spawn_in(test, "--net", &folder, &command);
    let (succeeded, output) = service.wait_for_end(TEST_MAX);
    assert!(succeeded, "inside its namespace {test} failed:\n{output}");
    // A name that matches no test would succeed with none run.
    assert!(
        output.contains("test result: ok. 1 passed"),
        "{test} did not run:\n{output}"
    );
}

/// The path by which the test runner knows the test that holds this closure: its type's path without crate and closure. A
/// path that is wrong matches no test, which `inside` notices.
fn name_of<F>(_: &F) -> &'static str {
    let path = std::any::type_name::<F>();
    let path = path.split_once("::").map_or(path, |(_, path)| path);
    path.split("::{{closure}}").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpListener, ToSocketAddrs};

    use super::super::Scratch;
    use super::*;

    #[test]
    fn a_test_inside_has_its_own_ports_names_and_patterns() {
        let patterns = Scratch::new("patterns");
        patterns.write("own", "OWN [a-z]+\n");
        inside(Some(&patterns.0), || {
            TcpListener::bind("127.0.0.1:9200").expect("the port is free inside");
            let mut found = "elasticsearch:9200"
                .to_socket_addrs()
                .expect("a known name");
            assert!(found.any(|address| address.ip().is_loopback()));
            let text = fs::read_to_string("/etc/logstash/patterns/own");
            assert_eq!(text.ok().as_deref(), Some("OWN [a-z]+\n"));
        });
        assert!(!Path::new("/etc/logstash/patterns/own").exists() || is_inside());
    }

    #[test]
    #[should_panic(expected = "no such thing inside")]
    fn a_failure_inside_is_told_outside() {
        inside(None, || {
            // Inside, the expected panic makes the runner succeed; this ends it as a crash would.
            eprintln!("no such thing inside");
            std::process::exit(7);
        });
    }

    fn is_inside() -> bool {
        std::env::var(INSIDE).is_ok()
    }
}
