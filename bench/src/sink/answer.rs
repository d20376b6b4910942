//! The requests beside `_bulk` that clients make at their start, answered as a single healthy node does, and the sink's
//! own report.

use std::sync::MutexGuard;

use super::{Record, Shared};

const ROOT: &str = r#"{"name":"sink","cluster_name":"bench","cluster_uuid":"b1nKx0vWQ5yqkB9m7s2T4g","version":{"number":"8.17.0","build_flavor":"default","build_type":"docker","build_hash":"2b6a7fed44faa321997703718f07ee0420804b41","build_date":"2024-12-11T12:08:05.663969764Z","build_snapshot":false,"lucene_version":"9.12.0","minimum_wire_compatibility_version":"7.17.0","minimum_index_compatibility_version":"7.0.0"},"tagline":"You Know, for Search"}"#;
const HEALTH: &str = r#"{"cluster_name":"bench","status":"green","timed_out":false,"number_of_nodes":1,"number_of_data_nodes":1,"active_primary_shards":1,"active_shards":1,"relocating_shards":0,"initializing_shards":0,"unassigned_shards":0,"delayed_unassigned_shards":0,"number_of_pending_tasks":0,"number_of_in_flight_fetch":0,"task_max_waiting_in_queue_millis":0,"active_shards_percent_as_number":100.0}"#;
const NODES: &str = r#"{"_nodes":{"total":1,"successful":1,"failed":0},"cluster_name":"bench","nodes":{"sinksinksinksinksinksA":{"name":"sink","version":"8.17.0","roles":["data","ingest","master"],"http":{"max_content_length_in_bytes":104857600}}}}"#;
const LICENSE: &str = r#"{"license":{"status":"active","uid":"cbff45e7-c553-41f7-ae4f-9205eabd80xx","type":"basic","issue_date":"2015-09-14T16:31:02.000Z","max_nodes":1000,"issued_to":"bench","issuer":"elasticsearch","start_date_in_millis":-1}}"#;

/// How many numbers are asked for in `/_missing/COUNT`.
fn missing_below(path: &str) -> Option<u64> {
    path.strip_prefix("/_missing/")?.parse().ok()
}

fn locked(record: &Shared) -> MutexGuard<'_, Record> {
    record
        .lock()
        .expect("no thread panics while it holds the record")
}

/// The status and the body of an answer.
pub fn plain(method: &str, path: &str, record: &Shared) -> (u16, Vec<u8>) {
    let body = match (method, path) {
        ("GET" | "HEAD", "/") => ROOT,
        ("GET" | "HEAD", "/_cluster/health") => HEALTH,
        ("GET", "/_nodes/http") => NODES,
        ("GET", "/_license" | "/_xpack/license") => LICENSE,
        ("PUT", _) => r#"{"acknowledged":true}"#,
        ("GET", "/_report") => return (200, locked(record).report().into_bytes()),
        ("GET", _) if let Some(count) = missing_below(path) => {
            return (200, locked(record).missing(count).into_bytes());
        }
        _ => {
            return (
                404,
                br#"{"error":"no such thing in the sink","status":404}"#.to_vec(),
            );
        }
    };
    (200, body.as_bytes().to_vec())
}
