//! Elasticsearch 8.17, a single node on loopback without TLS: start it, ask it what arrived.
//!
//! `shared` is one node for all tests of the process; each test keeps to index names of its own. A node that a test stops
//! and starts, or that needs port 9200, is the test's own.

pub mod secure;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::http;
use super::process::{Kept, Service, output_of};
use super::{ARRIVAL_MAX, START_MAX, folder, free_port, wait_until, write};

/// The server refuses root; `nobody` is on every machine.
const USER: &str = "65534";

/// Where `tests/run` puts the unpacked distribution.
const DISTRIBUTION: &str = "target/services/elasticsearch-8.17.0";

/// More than any test keeps in one answer; the server's own limit for one page.
const HITS_MAX: u64 = 10_000;

/// The server's own limit for the values in one answer is 65,536.
const TERMS_MAX: u64 = 50_000;

/// A running node.
pub struct Elasticsearch {
    address: SocketAddr,
    cluster: String,
    /// Nothing while it is killed.
    service: Option<Service>,
    /// A copy of the distribution with settings and data, which outlives the server.
    home: PathBuf,
    _home: Kept,
}

/// The node that tests share. It ends with the process.
pub fn shared() -> &'static Elasticsearch {
    static SHARED: OnceLock<Elasticsearch> = OnceLock::new();
    SHARED.get_or_init(Elasticsearch::start)
}

impl Elasticsearch {
    /// Starts an empty node on a free port.
    pub fn start() -> Elasticsearch {
        Elasticsearch::start_on(free_port())
    }

    /// The same with further lines of `elasticsearch.yml`.
    pub fn start_with(settings: &str) -> Elasticsearch {
        Elasticsearch::launch(free_port(), settings)
    }

    /// Starts an empty node on a port of the caller's choice.
    pub fn start_on(port: u16) -> Elasticsearch {
        Elasticsearch::launch(port, "")
    }

    fn launch(port: u16, further: &str) -> Elasticsearch {
        let folder = folder("elasticsearch");
        let cluster = format!("sawlog-{}-{port}", std::process::id());
        let plain = String::from("xpack.security.enabled: false\n");
        let home = install(&folder, &(settings(&cluster, port) + &plain + further));
        let mut server = Elasticsearch {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            cluster,
            service: None,
            home,
            _home: Kept::new(&folder),
        };
        server.start_again();
        server
    }

    /// Starts it after `kill`, with the data that it had.
    pub fn start_again(&mut self) {
        let command = command(&self.home);
        let mut service = Service::spawn("elasticsearch", &folder("elasticsearch-log"), &command);
        service.wait_until_ready(START_MAX, || is_ready(self.address, &self.cluster));
        self.service = Some(service);
    }

    /// Ends it with SIGKILL, as a crash would. Its data stay.
    pub fn kill(&mut self) {
        drop(self.service.take());
    }

    /// The same if a test that failed left it killed.
    pub fn start_if_killed(&mut self) {
        if self.service.is_none() {
            self.start_again();
        }
    }

    /// Sends a signal to its processes.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let service = self.service.as_ref().expect("it runs");
        service.signal(name);
    }

    /// What a pipeline writes behind `hosts =>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Any request; the answer's status and JSON (null if it has no body).
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let text = body.map(Value::to_string);
        let content = text
            .as_ref()
            .map(|text| ("application/json", text.as_bytes()));
        let response = http::request(self.address, method, path, content)
            .unwrap_or_else(|fault| panic!("{method} {path}: {fault}"));
        (
            response.status,
            serde_json::from_slice(&response.body).unwrap_or(Value::Null),
        )
    }

    /// Any request that must end with 2xx. An index that is being made answers 503 until its shards are there.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let what = format!("an answer to {method} {path}");
        wait_until(ARRIVAL_MAX, &what, || {
            match self.request(method, path, body) {
                (status, answer) if (200..300).contains(&status) => Ok(answer),
                (503, answer) => Err(answer.to_string()),
                (status, answer) => panic!("{method} {path}: {status} {answer}"),
            }
        })
    }

    /// Makes what was written so far visible to searches.
    #[track_caller]
    pub fn refresh(&self, index: &str) {
        self.ask(
            "POST",
            &format!("/{index}/_refresh?ignore_unavailable=true"),
            None,
        );
    }

    /// How many documents lie in `index`, which may be a pattern; none if there is no such index.
    #[track_caller]
    pub fn count(&self, index: &str) -> u64 {
        self.refresh(index);
        let answer = self.ask(
            "GET",
            &format!("/{index}/_count?ignore_unavailable=true"),
            None,
        );
        answer["count"]
            .as_u64()
            .unwrap_or_else(|| panic!("no count in {answer}"))
    }

    #[track_caller]
    pub fn search(&self, index: &str, query: &Value) -> Value {
        self.refresh(index);
        self.ask(
            "POST",
            &format!("/{index}/_search?ignore_unavailable=true"),
            Some(query),
        )
    }

    /// Shows every document of `index`, in pages; none if there is no such index. Only `fields` of each are read.
    #[track_caller]
    pub fn for_each(&self, index: &str, fields: &[&str], mut visit: impl FnMut(&Value)) {
        self.refresh(index);
        let path = format!("/{index}/_search?scroll=2m&ignore_unavailable=true");
        let first = json!({"size": HITS_MAX, "sort": ["_doc"], "_source": fields});
        let mut page = self.ask("POST", &path, Some(&first));
        while let Some(hits) = page["hits"]["hits"]
            .as_array()
            .filter(|hits| !hits.is_empty())
        {
            hits.iter().for_each(|hit| visit(&hit["_source"]));
            let next = json!({"scroll": "2m", "scroll_id": page["_scroll_id"]});
            page = self.ask("POST", "/_search/scroll", Some(&next));
        }
        // A scroll over nothing is not kept: 404.
        let done = json!({"scroll_id": page["_scroll_id"]});
        let (status, answer) = self.request("DELETE", "/_search/scroll", Some(&done));
        assert!(status == 200 || status == 404, "{status} {answer}");
    }

    /// How many documents have each value of a field.
    #[track_caller]
    pub fn count_by(&self, index: &str, field: &str) -> BTreeMap<String, u64> {
        let terms = json!({"field": field, "size": TERMS_MAX});
        let answer = self.search(index, &json!({"size": 0, "aggs": {"by": {"terms": terms}}}));
        // Without an index there is no answer about it.
        let buckets = answer["aggregations"]["by"]["buckets"]
            .as_array()
            .into_iter()
            .flatten();
        let pair = |bucket: &Value| {
            let key = &bucket["key"];
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_string);
            Some((key, bucket["doc_count"].as_u64()?))
        };
        buckets.filter_map(pair).collect()
    }

    /// The documents of `index` that match `query`, at most `HITS_MAX`.
    #[track_caller]
    pub fn documents(&self, index: &str, query: &Value) -> Vec<Value> {
        let answer = self.search(index, &json!({"size": HITS_MAX, "query": query}));
        let hits = answer["hits"]["hits"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        hits.into_iter()
            .map(|mut hit| hit["_source"].take())
            .collect()
    }

    /// The ids of all documents of `index`, at most `HITS_MAX`.
    #[track_caller]
    pub fn ids(&self, index: &str) -> BTreeSet<String> {
        let answer = self.search(index, &json!({"size": HITS_MAX, "_source": false}));
        let hits = answer["hits"]["hits"].as_array().into_iter().flatten();
        hits.filter_map(|hit| Some(hit["_id"].as_str()?.to_owned()))
            .collect()
    }

    /// Waits until `index` holds exactly `want` documents; more than that fails at once.
    #[track_caller]
    pub fn wait_for_count(&self, index: &str, want: u64, within: Duration) {
        let what = format!("{want} documents in {index}");
        wait_until(within, &what, || match self.count(index) {
            count if count == want => Ok(()),
            count if want < count => panic!("{count} documents in {index}, wanted {want}"),
            count => Err(format!("{count} documents")),
        });
    }

    #[track_caller]
    pub fn delete(&self, index: &str) {
        let (status, answer) = self.request("DELETE", &format!("/{index}"), None);
        assert!(
            status == 200 || status == 404,
            "DELETE {index}: {status} {answer}"
        );
    }
}

/// Copies the distribution, since the user without rights may not reach the checkout's folder; gives the copy's place.
#[track_caller]
fn install(folder: &Path, settings: &str) -> PathBuf {
    let distribution = Path::new(env!("CARGO_MANIFEST_DIR")).join(DISTRIBUTION);
    let program = distribution.join("bin/elasticsearch");
    assert!(
        program.exists(),
        "{} is not there: run tests/run once",
        program.display()
    );
    let home = folder.join("home");
    output_of(Command::new("cp").arg("-r").args([&distribution, &home]));
    write(&home, "config/elasticsearch.yml", settings);
    fs::create_dir_all(home.join("tmp")).expect("the copy can be written to");
    give_away(&home);
    home
}

/// Makes everything in a folder the server's user's.
fn give_away(home: &Path) {
    output_of(
        Command::new("chown")
            .args(["-R", &format!("{USER}:{USER}")])
            .arg(home),
    );
}

fn settings(cluster: &str, port: u16) -> String {
    format!(
        "cluster.name: {cluster}\nnode.name: n1\ndiscovery.type: single-node\n\
         network.host: 127.0.0.1\nhttp.port: {port}\ntransport.port: {}\n\
         action.destructive_requires_name: false\n\
         cluster.routing.allocation.disk.threshold_enabled: false\n",
        free_port()
    )
}

fn command(home: &Path) -> Command {
    program(home, "bin/elasticsearch")
}

/// A program of the distribution, as the server's user.
fn program(home: &Path, name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args([
        &format!("--reuid={USER}"),
        &format!("--regid={USER}"),
        "--clear-groups",
        "--",
    ]);
    command.arg(home.join(name));
    command
        .env("HOME", home)
        .env("ES_TMPDIR", home.join("tmp"))
        .env("ES_JAVA_HOME", java_home());
    // The first compiler alone halves the start on two cores; no test measures the server. No figures in /tmp.
    let quick = "-XX:TieredStopAtLevel=1 -XX:-UsePerfData";
    command
        .env("CLI_JAVA_OPTS", quick)
        .env("ES_JAVA_OPTS", format!("-Xms512m -Xmx512m {quick}"));
    command
}

/// The folder above the `bin` of the Java on the path: 17 is what the server needs and Debian 12 has.
fn java_home() -> PathBuf {
    let found = output_of(Command::new("sh").args(["-c", "readlink -f \"$(command -v java)\""]));
    let program = PathBuf::from(found.trim());
    let home = program.parent().and_then(Path::parent);
    home.unwrap_or_else(|| panic!("java lies at {}", program.display()))
        .to_path_buf()
}

/// Ready when the node that answers is ours and its state is recovered; yellow are indices that want a second node.
fn is_ready(address: SocketAddr, cluster: &str) -> Result<(), String> {
    let response = http::request(address, "GET", "/_cluster/health", None)
        .map_err(|fault| fault.to_string())?;
    let health: Value =
        serde_json::from_slice(&response.body).map_err(|fault| fault.to_string())?;
    let is_recovered = health["status"] == "green" || health["status"] == "yellow";
    if response.status == 200 && is_recovered && health["cluster_name"] == cluster {
        return Ok(());
    }
    Err(format!("{} {health}", response.status))
}

#[test]
fn a_document_is_read_back_as_it_was_written() {
    let server = shared();
    let document = json!({"message": "hello", "count": 3});
    server.ask("POST", "/selftest-read-back/_doc/1", Some(&document));
    server.wait_for_count("selftest-read-back", 1, ARRIVAL_MAX);
    assert_eq!(
        server.documents("selftest-read-back", &json!({"match_all": {}})),
        [document]
    );
    let sum = json!({"size": 0, "aggs": {"sum": {"sum": {"field": "count"}}}});
    let answer = server.search("selftest-*", &sum);
    assert_eq!(answer["aggregations"]["sum"]["value"], 3.0);
    let mut seen = Vec::new();
    server.for_each("selftest-read-back", &["count"], |found| {
        seen.push(found.clone())
    });
    assert_eq!(seen, [json!({"count": 3})]);
    server.delete("selftest-read-back");
    assert_eq!(server.count("selftest-read-back"), 0);
    server.for_each("selftest-read-back", &[], |found| panic!("{found}"));
    assert!(server.url().ends_with(&server.port().to_string()));
}
