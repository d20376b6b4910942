//! Faults of what Elasticsearch takes: it has too much to do, an index is read-only, documents do not fit, requests are too
//! long.

use std::time::Instant;

use serde_json::json;

use super::breakable;
use super::oracle::Account;
use super::proxy::Proxy;
use super::record;
use super::stage::{Plan, Stage, TIMEOUT_SHORT};
use super::trial::{Trial, is_of_peer};
use crate::services::{ARRIVAL_MAX, elasticsearch, poll};

/// How long a fault lasts, in lines: half a second to two seconds.
const LASTING: (u64, u64) = (1000, 4000);

/// Requests that each storm strikes at least.
const STRUCK: u64 = 5;

/// A document in so many does not fit the index.
const ODD: u64 = 50;

/// A line in so many is too long for the server, by a length that the input still takes.
const LONG: u64 = 4000;
const LONG_BYTES: usize = 800_000;

/// 429 for requests and for documents, 503, cut connections, answers that are none, answers that are late. The pipeline drops
/// one line in a hundred, which it counts.
pub fn storm(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let proxy = Proxy::start(server.port());
    let mut plan = Plan::new("storm", proxy.url());
    plan.timeout = TIMEOUT_SHORT;
    plan.filter = "filter { if [message] =~ /^app [0-9]*77 / { drop { } } }";
    let stage = Stage::start(&plan, server);
    while trial.next().is_some() {
        let before = proxy.struck();
        proxy.storm(true);
        stage.writer.wait_for(trial.random(LASTING.0, LASTING.1));
        let struck = poll(ARRIVAL_MAX, || match proxy.struck() - before {
            STRUCK.. => Ok(()),
            struck => Err(format!("{struck} requests; {}", stage.agent.told())),
        });
        assert!(struck.is_ok() || is_of_peer(), "the storm: {struck:?}");
        proxy.storm(false);
        stage.recover(trial, server, Instant::now());
    }
    let account = stage.finish(server);
    let wanted = (0..account.offered).filter(|number| number % 100 == 77);
    let filtered = account.dropped.get("filtered").copied();
    assert!(
        filtered == Some(wanted.count() as u64) || is_of_peer(),
        "the drop filter's own count: {filtered:?}"
    );
    account
}

/// The two blocks in turn: the one of an administrator and the one of a full disk.
pub fn read_only(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let stage = Stage::start(&Plan::new("read-only", server.url()), server);
    let settings = format!("/{}/_settings", stage.index);
    while let Some(number) = trial.next() {
        let block = ["index.blocks.write", "index.blocks.read_only_allow_delete"];
        let block = block[(number % 2) as usize];
        server.ask("PUT", &settings, Some(&json!({block: true})));
        stage.writer.wait_for(trial.random(LASTING.0, LASTING.1));
        server.ask("PUT", &settings, Some(&json!({block: null})));
        stage.recover(trial, server, Instant::now());
    }
    stage.finish(server)
}

/// One line of JSON in fifty has a text where the index has a number.
fn odd_line(source: &str, number: u64) -> String {
    let value = if number % ODD == ODD - 1 {
        json!("three")
    } else {
        json!(3)
    };
    json!({"message": record::line(source, number), "value": value}).to_string()
}

/// Has one document in fifty not fit its index.
pub fn make_misfits(plan: &mut Plan) {
    plan.input = "codec => \"json\"";
    plan.make = odd_line;
    plan.mapping["properties"]["value"] = json!({"type": "long"});
}

/// Documents that do not fit, among others that do.
pub fn mapping(trial: &mut Trial) -> Account {
    let server = elasticsearch::shared();
    let mut plan = Plan::new("mapping", server.url());
    make_misfits(&mut plan);
    let stage = Stage::start(&plan, server);
    while trial.next().is_some() {
        // At least one of them.
        stage.writer.wait_for(ODD);
        stage.recover(trial, server, Instant::now());
    }
    let written = stage.writer.written();
    let account = stage.finish(server);
    let refused = account.dead + account.dropped.values().sum::<u64>();
    assert!(
        written / ODD <= refused || is_of_peer(),
        "{refused} of {written} were refused"
    );
    account
}

/// A line in some thousand is longer than the server takes.
fn long_line(source: &str, number: u64) -> String {
    match number % LONG {
        1000 => record::long_line(source, number, LONG_BYTES),
        _ => record::line(source, number),
    }
}

/// Requests that are too long (413): they are divided, and a document that is too long alone is given up by name.
pub fn too_large(trial: &mut Trial) -> Account {
    let server = breakable();
    let mut plan = Plan::new("too-large", server.url());
    plan.make = long_line;
    let stage = Stage::start(&plan, &server);
    while trial.next().is_some() {
        stage.writer.wait_for(LONG);
        stage.recover(trial, &server, Instant::now());
    }
    let account = stage.finish(&server);
    let refused = account.dead + account.dropped.values().sum::<u64>();
    assert!(
        u64::from(trial.faults) <= refused || is_of_peer(),
        "{refused} were refused"
    );
    account
}
