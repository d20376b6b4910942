//! nginx sends its access log by syslog, straight to the agent, under a load generator.

use std::process::Command;

use serde_json::{Value, json};

use crate::services::nginx::Nginx;
use crate::services::process::output_of;
use crate::services::sawlog::{Sawlog, pipelines};
use crate::services::{ARRIVAL_MAX, elasticsearch, free_port, udp_is_bound, wait_until};

const REQUESTS: u64 = 2000;
const INDEX: &str = "nginx-by-syslog";

#[test]
fn an_access_log_sent_by_syslog_becomes_typed_documents() {
    let server = elasticsearch::shared();
    let (port, web) = (free_port(), free_port());
    let patterns = pipelines("patterns");
    let agent = Sawlog::start(&format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         filter {{ if [program] == \"nginx\" {{ grok {{ patterns_dir => [\"{}\"]\n\
         match => {{ \"message\" => \"%{{NGINXACCESS}}\" }} }} }} }}\n\
         output {{ elasticsearch {{ hosts => [\"{}\"] index => \"{INDEX}\" }} }}\n",
        patterns.display(),
        server.url()
    ));
    wait_until(ARRIVAL_MAX, "the agent's socket", || udp_is_bound(port));
    let log = format!("access_log syslog:server=127.0.0.1:{port},tag=nginx,nohostname book;");
    let _nginx = Nginx::start(web, &log);
    let (count, url) = (
        REQUESTS.to_string(),
        format!("http://127.0.0.1:{web}/cart?item=7"),
    );
    output_of(Command::new("ab").args(["-q", "-n", &count, "-c", "8", &url]));
    server.wait_for_count(INDEX, REQUESTS, ARRIVAL_MAX);
    let wanted = json!({"bool": {"must": [
        {"match": {"program": "nginx"}},
        {"match": {"method": "GET"}},
        {"match": {"response_code": "200"}},
        {"range": {"bytes_sent": {"gte": 12, "lte": 12}}},
        {"range": {"response_time": {"gte": 0}}},
    ]}});
    let query = json!({"query": wanted, "track_total_hits": true, "size": 1});
    let found = server.search(INDEX, &query);
    assert_eq!(found["hits"]["total"]["value"], json!(REQUESTS));
    let document: &Value = &found["hits"]["hits"][0]["_source"];
    assert_eq!(document["client"], json!("127.0.0.1"));
    assert!(document["bytes_sent"].is_u64() && document["response_time"].is_f64());
    agent.stop();
    server.delete(INDEX);
}
