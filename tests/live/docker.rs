//! Containers read from their json-file logs and through the daemon's API: the same documents, with labels.

use std::time::Duration;

use serde_json::{Value, json};

use crate::services::docker::{BUSYBOX, Docker};
use crate::services::elasticsearch::{self, Elasticsearch};
use crate::services::sawlog::Sawlog;
use crate::services::wait_until;

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
    Sawlog::start(&format!(
        "input {{ docker {{ socket => \"{}\" data_root => \"{}\" mode => \"{mode}\" }} }}\n\
         output {{ elasticsearch {{ hosts => [\"{}\"] index => \"{index}\" }} }}\n",
        docker.socket().display(),
        docker.data_root().display(),
        server.url()
    ))
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
