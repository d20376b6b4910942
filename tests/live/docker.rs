//! Containers read from their json-file logs and through the daemon's API: the same documents, with labels.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::services::docker::{BUSYBOX, Docker};
use crate::services::elasticsearch::{self, Elasticsearch};
use crate::services::sawlog::Sawlog;
use crate::services::{Scratch, wait_until};

/// From a container's line to its document, on a machine that starts containers beside it.
const FOUND_MAX: Duration = Duration::from_secs(60);

/// Lines of the container that writes many; more than one read of a stream holds.
const MANY: u64 = 3000;

/// Longer than the daemon's buffer of 16,384 bytes, so it lies in the log in three parts.
const LONG: usize = 40_000;

/// What is known about one way to the logs and not the other.
const OF_THE_WAY: [&str; 4] = ["path", "log", "offset", "host"];

/// Starts an agent that reads this daemon's containers one way, into an index of its own.
#[track_caller]
fn start(server: &Elasticsearch, docker: &Docker, mode: &str, index: &str) -> Sawlog {
    Sawlog::start(&pipeline(server, docker, mode, index))
}

fn pipeline(server: &Elasticsearch, docker: &Docker, mode: &str, index: &str) -> String {
    format!(
        "input {{ docker {{ socket => \"{}\" data_root => \"{}\" mode => \"{mode}\" }} }}\n\
         output {{ elasticsearch {{ hosts => [\"{}\"] index => \"{index}\" }} }}\n",
        docker.socket().display(),
        docker.data_root().display(),
        server.url()
    )
}

/// Three containers: both streams and labels; many lines; one long line, an empty one, and bytes that JSON escapes.
fn run_containers(docker: &Docker) -> u64 {
    let labels = ["--label", "app=web", "--label", "com.example.team=a b"];
    let script = "echo one; echo two >&2; echo three";
    let options = ["--network", "none", "--name", "streams"];
    let streams = docker.run(&[&options, &labels, &[BUSYBOX, "sh", "-c", script][..]].concat());
    let script = format!("seq {MANY}");
    let options = [
        "--network",
        "none",
        "--name",
        "many",
        BUSYBOX,
        "sh",
        "-c",
        &script,
    ];
    let many = docker.run(&options);
    let script = format!(
        "printf '%{LONG}s\\n' x; echo; printf 'tab\\tquote\"back\\\\<&> d\\303\\251j\\303\\240\\n'"
    );
    let options = [
        "--network",
        "none",
        "--name",
        "odd",
        BUSYBOX,
        "sh",
        "-c",
        &script,
    ];
    let odd = docker.run(&options);
    for id in [streams, many, odd] {
        docker.wait_for_exit(&id);
    }
    3 + MANY + 3
}

/// All documents of an index in an order that does not depend on the way they came.
#[track_caller]
fn sorted(server: &Elasticsearch, index: &str) -> Vec<Value> {
    let mut documents = server.documents(index, &json!({"match_all": {}}));
    for document in &mut documents {
        let fields = document.as_object_mut().expect("a document is an object");
        fields.retain(|name, _| !OF_THE_WAY.contains(&name.as_str()));
    }
    let key = |document: &Value| {
        let container = &document["container"]["name"];
        format!(
            "{container}{}{}",
            document["@timestamp"], document["message"]
        )
    };
    documents.sort_by_key(key);
    documents
}

#[track_caller]
fn find<'a>(documents: &'a [Value], container: &str, message: &str) -> &'a Value {
    let wanted = |document: &&Value| {
        document["container"]["name"] == container && document["message"] == message
    };
    let found = documents.iter().find(wanted);
    found.unwrap_or_else(|| panic!("no {message:?} of {container}"))
}

/// The fields that both ways must give, looked at in one.
#[track_caller]
fn check_documents(documents: &[Value]) {
    let one = find(documents, "streams", "one");
    let labels = json!({"app": "web", "com_example_team": "a b"});
    assert_eq!(one["container"]["labels"], labels, "{one}");
    assert_eq!(one["container"]["image"]["name"], BUSYBOX, "{one}");
    assert_eq!(
        one["container"]["id"].as_str().map(str::len),
        Some(64),
        "{one}"
    );
    assert_eq!(one["stream"], "stdout", "{one}");
    assert_eq!(find(documents, "streams", "two")["stream"], "stderr");
    find(documents, "odd", &format!("{:>LONG$}", "x"));
    find(documents, "odd", "");
    find(documents, "odd", "tab\tquote\"back\\<&> déjà");
    for number in 1..=MANY {
        find(documents, "many", &number.to_string());
    }
}

#[test]
fn containers_read_by_file_and_by_api_give_the_same_documents_with_labels() {
    let server = elasticsearch::shared();
    let docker = Docker::start();
    let ways = [("files", "docker-file"), ("api", "docker-api")];
    let agents = ways.map(|(mode, index)| start(server, &docker, mode, index));
    let total = run_containers(&docker);
    for (_, index) in ways {
        server.wait_for_count(index, total, FOUND_MAX);
    }
    let [by_file, by_api] = ways.map(|(_, index)| sorted(server, index));
    check_documents(&by_file);
    for (of_file, of_api) in by_file.iter().zip(&by_api) {
        assert_eq!(of_file, of_api);
    }
    assert_eq!(by_file.len(), by_api.len());
    // A line has one id whichever way it came, so that the way can change.
    let [of_files, of_api] = ways.map(|(_, index)| server.ids(index));
    assert_eq!(of_files, of_api);
    assert_eq!(of_files.len() as u64, total);
    for agent in agents {
        agent.stop();
    }
}

#[test]
fn a_container_that_lives_for_a_moment_is_read_to_its_last_line() {
    let server = elasticsearch::shared();
    let docker = Docker::start();
    let ways = [("files", "moment-file"), ("api", "moment-api")];
    let agents = ways.map(|(mode, index)| start(server, &docker, mode, index));
    for number in 0..5 {
        let line = format!("gone {number}");
        docker.docker(&["run", "--rm", "--network", "none", BUSYBOX, "echo", &line]);
    }
    for (mode, index) in ways {
        wait_until(
            FOUND_MAX,
            &format!("5 containers by {mode}"),
            || match server.count(index) {
                5 => Ok(()),
                count => Err(format!("{count} documents")),
            },
        );
    }
    for agent in agents {
        agent.stop();
    }
}

/// Lines of a container whose log is rotated: 15 files of 100 kB.
const ROTATED: u64 = 20_000;

/// The numbers that are messages of the index, and how many documents there are.
#[track_caller]
fn numbers(server: &Elasticsearch, index: &str) -> (BTreeSet<u64>, u64) {
    let count = server.count(index);
    let messages = server.count_by(index, "message.keyword").into_keys();
    (
        messages
            .filter_map(|message| message.parse().ok())
            .collect(),
        count,
    )
}

/// Waits until each number from 1 is a message in the index, once, and nothing else is.
#[track_caller]
fn wait_for_numbers(server: &Elasticsearch, index: &str, want: u64) {
    server.wait_for_count(index, want, FOUND_MAX);
    assert_eq!(
        numbers(server, index).0,
        (1..=want).collect::<BTreeSet<_>>()
    );
}

#[test]
fn rotated_and_compressed_logs_are_read_whole_while_they_grow_and_afterwards() {
    let server = elasticsearch::shared();
    let docker = Docker::start();
    let present = start(server, &docker, "files", "rotated-present");
    let rotation = ["max-size=100k", "max-file=50", "compress=true"];
    let rotation: Vec<&str> = rotation
        .iter()
        .flat_map(|option| ["--log-opt", *option])
        .collect();
    let script = format!("seq {ROTATED}");
    let options = ["--network", "none", BUSYBOX, "sh", "-c", &script];
    let id = docker.run(&[&rotation[..], &options[..]].concat());
    docker.wait_for_exit(&id);
    let folder = docker.data_root().join("containers").join(&id);
    let files = fs::read_dir(&folder)
        .expect("a container has a folder")
        .flatten();
    let compressed = files.filter(|file| file.path().extension().is_some_and(|end| end == "gz"));
    assert!(5 < compressed.count(), "the log was not rotated");
    wait_for_numbers(server, "rotated-present", ROTATED);
    let later = start(server, &docker, "files", "rotated-later");
    wait_for_numbers(server, "rotated-later", ROTATED);
    for agent in [present, later] {
        agent.stop();
    }
}

#[test]
fn a_container_that_asks_to_be_left_out_is_left_out() {
    let server = elasticsearch::shared();
    let docker = Docker::start();
    let ways = [("files", "left-out-file"), ("api", "left-out-api")];
    let agents = ways.map(|(mode, index)| start(server, &docker, mode, index));
    let options = [
        "--network",
        "none",
        "--label",
        "sawlog.exclude=true",
        BUSYBOX,
        "echo",
        "secret",
    ];
    let silent = docker.run(&options);
    docker.wait_for_exit(&silent);
    docker.wait_for_exit(&docker.run(&["--network", "none", BUSYBOX, "echo", "heard"]));
    for (_, index) in ways {
        // The second container's line comes after the first one's would have.
        server.wait_for_count(index, 1, FOUND_MAX);
        let found = server.documents(index, &json!({"match_all": {}}));
        assert_eq!(
            found.first().map(|document| &document["message"]),
            Some(&json!("heard"))
        );
    }
    for agent in agents {
        agent.stop();
    }
    for (_, index) in ways {
        assert_eq!(server.count(index), 1, "{index}");
    }
}

/// Lines of a container that is read by one agent after the other, one every 20 ms.
const SLOW: u64 = 300;

/// Reads a container's lines by agents that are stopped at a third and at two thirds.
#[track_caller]
fn check_restarts(mode: &str, stop: impl Fn(Sawlog)) -> (BTreeSet<u64>, u64) {
    let server = elasticsearch::shared();
    let docker = Docker::start();
    let data = Scratch::new("docker-data");
    let index = format!(
        "restarted-{mode}-{}",
        data.0.display().to_string().replace('/', "_")
    );
    let pipeline = pipeline(server, &docker, mode, &index);
    let script = format!("for i in $(seq {SLOW}); do echo $i; sleep 0.02; done");
    docker.run(&["--network", "none", BUSYBOX, "sh", "-c", &script]);
    for least in [SLOW / 3, 2 * SLOW / 3] {
        let agent = Sawlog::start_in(&data.0, &pipeline);
        wait_until(FOUND_MAX, "some of the lines", || {
            match server.count(&index) {
                count if least <= count => Ok(()),
                count => Err(format!("{count} documents")),
            }
        });
        stop(agent);
    }
    let agent = Sawlog::start_in(&data.0, &pipeline);
    wait_until(FOUND_MAX, "every line", || match numbers(server, &index) {
        (found, _) if found.len() as u64 == SLOW => Ok(()),
        (found, count) => Err(format!("{} numbers in {count} documents", found.len())),
    });
    agent.stop();
    numbers(server, &index)
}

#[test]
fn an_agent_that_is_restarted_reads_each_line_of_a_files_container_once() {
    let (found, count) = check_restarts("files", |agent| drop(agent.stop()));
    assert_eq!((found.last(), count), (Some(&SLOW), SLOW));
}

#[test]
fn an_agent_that_is_restarted_reads_each_line_of_the_api_once() {
    let (found, count) = check_restarts("api", |agent| drop(agent.stop()));
    assert_eq!((found.last(), count), (Some(&SLOW), SLOW));
}

#[test]
fn an_agent_that_is_killed_has_each_line_of_a_container_there_once() {
    for mode in ["files", "api"] {
        let (found, count) = check_restarts(mode, Sawlog::kill);
        assert_eq!(count, SLOW, "{mode}");
        assert_eq!(found, (1..=SLOW).collect::<BTreeSet<_>>(), "{mode}");
    }
}
