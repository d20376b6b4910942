//! The sender against a transport that answers from a script. Waits are short ones, a hundredth of the usual.

mod leaving;
mod letters;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::{Learned, Report, Schedule, Sender, Way};
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::elasticsearch::PLUGIN;
use crate::outputs::elasticsearch::refusals::{Refusals, Wishes};
use crate::outputs::elasticsearch::secrets::Secrets;
use crate::outputs::elasticsearch::transport::{Reply, Sending, Transport, Unreachable};
use crate::outputs::elasticsearch::verdict::Rules;
use crate::plugin::Options;
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::block::Block;
use crate::queue::dead_letters::{
    DeadLetterSettings, DeadLetters, Repeated, StoragePolicy, folder,
};
use crate::queue::ends::{self, Outlet, Place};

/// What the server does with one request; later ones are stored.
enum Answer {
    Whole(u16),
    /// A status, and a body with it.
    Words(u16, &'static str),
    Body(&'static str),
    /// A status for each document, in order.
    Items(&'static [u16]),
    Gone,
    GoneAfter(Duration),
    /// The task that asks ends by a panic.
    Fault,
    After(Duration),
}

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    /// Host and documents of every request.
    seen: Mutex<Vec<(usize, Vec<String>)>>,
}

fn good(statuses: impl Iterator<Item = u16>) -> Bytes {
    let mut errors = false;
    let items: Vec<String> = statuses
        .map(|status| {
            errors |= 300 <= status;
            let error = match status {
                ..300 => "",
                400 => r#","error":{"type":"document_parsing_exception","reason":"no"}"#,
                403 => r#","error":{"type":"cluster_block_exception","reason":"no"}"#,
                409 => r#","error":{"type":"version_conflict_engine_exception","reason":"no"}"#,
                _ => r#","error":{"type":"other","reason":"no"}"#,
            };
            format!(r#"{{"index":{{"status":{status}{error}}}}}"#)
        })
        .collect();
    Bytes::from(format!(
        r#"{{"errors":{errors},"items":[{}]}}"#,
        items.join(",")
    ))
}

impl Transport for Script {
    fn bulk(&self, host: usize, body: Bytes) -> Sending<'_> {
        let documents: Vec<String> = String::from_utf8_lossy(&body)
            .lines()
            .map(str::to_owned)
            .collect();
        let count = documents.len();
        self.seen
            .lock()
            .expect("no holder panics")
            .push((host, documents));
        let answer = self.answers.lock().expect("no holder panics").pop_front();
        Box::pin(async move {
            let reply = |status, body| {
                Ok(Reply {
                    status,
                    body,
                    retry_after: None,
                    location: None,
                })
            };
            match answer {
                Some(Answer::Whole(status)) => reply(status, Bytes::from_static(b"no")),
                Some(Answer::Words(status, words)) => {
                    reply(status, Bytes::from_static(words.as_bytes()))
                }
                Some(Answer::Body(body)) => reply(200, Bytes::from_static(body.as_bytes())),
                Some(Answer::Items(statuses)) => reply(200, good(statuses.iter().copied())),
                Some(Answer::Fault) => panic!("as the script wants"),
                Some(Answer::Gone) => Err(Unreachable::new("cannot connect")),
                Some(Answer::GoneAfter(wait)) => {
                    tokio::time::sleep(wait).await;
                    Err(Unreachable::new("cannot connect"))
                }
                Some(Answer::After(wait)) => {
                    tokio::time::sleep(wait).await;
                    reply(200, good(std::iter::repeat_n(201, count)))
                }
                None => reply(200, good(std::iter::repeat_n(201, count))),
            }
        })
    }
}

#[derive(Default)]
struct Acknowledged {
    count: AtomicU64,
    /// Where dead letters are, and what of them was there at the last acknowledgement.
    letters: PathBuf,
    seen: Mutex<Vec<String>>,
}

impl Acknowledge for Acknowledged {
    fn acknowledge(&self, _: u64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        *self.seen.lock().expect("no holder panics") = letters(&self.letters);
    }
}

/// All dead letters in a folder, a line each.
fn letters(folder: &Path) -> Vec<String> {
    let segments = folder::segments(folder).expect("the folder can be read");
    let read = |segment: folder::Segment| {
        std::fs::read_to_string(segment.path).expect("the segment can be read")
    };
    let texts: Vec<String> = segments.into_iter().map(read).collect();
    texts.concat().lines().map(str::to_owned).collect()
}

struct Trial {
    script: Arc<Script>,
    metrics: Arc<PluginMetrics>,
    acknowledged: Arc<Acknowledged>,
    took: Duration,
}

impl Trial {
    fn requests(&self) -> Vec<Vec<String>> {
        let seen = self.script.seen.lock().expect("no holder panics");
        seen.iter()
            .map(|(_, documents)| documents.clone())
            .collect()
    }

    fn counter(&self, name: &'static str) -> u64 {
        self.metrics.counter(name).value()
    }

    /// The dead letters that were on disk when the last batch was acknowledged.
    fn letters(&self) -> Vec<serde_json::Value> {
        let seen = self.acknowledged.seen.lock().expect("no holder panics");
        let parse = |line: &String| serde_json::from_str(line).expect("a letter is JSON");
        seen.iter().map(parse).collect()
    }

    #[track_caller]
    fn check(&self, stored: u64, failed: u64, acknowledged: u64) {
        let got = (
            self.metrics.events_out.value(),
            self.metrics.failed.value(),
            self.acknowledged.count.load(Ordering::Relaxed),
        );
        assert_eq!(
            got,
            (stored, failed, acknowledged),
            "stored, failed, acknowledged"
        );
    }
}

/// Each run has a folder of its own.
static RUNS: AtomicU64 = AtomicU64::new(0);

fn metrics() -> Arc<PluginMetrics> {
    let options = Options::bare(PLUGIN.plugin, "output_elasticsearch_1");
    Metrics::default().plugin(&options)
}

fn folder_of_run() -> PathBuf {
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    let name = format!("sawlog-sender-{}-{number}", std::process::id());
    std::env::temp_dir().join(name)
}

fn refusals(metrics: &Arc<PluginMetrics>, folder: &Path) -> Arc<Refusals> {
    let queue = DeadLetters::new(DeadLetterSettings {
        folder: folder.to_owned(),
        pipeline: "main".to_owned(),
        bytes_max: 1 << 20,
        policy: StoragePolicy::DropNewer,
        retain: None,
        repeated: Repeated::Known,
    });
    Arc::new(Refusals::new(
        Arc::clone(metrics),
        Some(queue),
        Wishes::default(),
    ))
}

fn block(documents: &[&str], ack: Ack) -> Block {
    let mut block = Block {
        acks: vec![(0, ack)],
        ..Block::default()
    };
    for document in documents {
        block.starts.push(block.body.len() as u32);
        block.body.extend_from_slice(document.as_bytes());
        block.body.push(b'\n');
    }
    block
}

/// The queue with these blocks of one-line documents, one batch each.
async fn waiting(blocks: &[&[&str]], acknowledged: &Arc<Acknowledged>) -> Outlet {
    let (queue, waiting) = ends::roomy();
    let ack = || Ack::new(Arc::clone(acknowledged) as Arc<dyn Acknowledge>, 1);
    let filled: Vec<Block> = blocks
        .iter()
        .map(|documents| block(documents, ack()))
        .collect();
    let put = move || {
        let mut blocks = filled.into_iter();
        assert!(blocks.all(|block| queue.put(block, Place::Memory).is_ok()));
    };
    let put = tokio::task::spawn_blocking(put).await;
    put.expect("it does not panic");
    waiting
}

/// Blocks of one-line documents, one batch each, sent through to their end.
async fn run(hosts: usize, answers: Vec<Answer>, blocks: &[&[&str]]) -> Trial {
    run_for(None, hosts, answers, blocks).await
}

/// The sender of a test, and what it writes to.
fn sender(
    metrics: &Arc<PluginMetrics>,
    script: &Arc<Script>,
    hosts: usize,
    retry_age_max: Option<Duration>,
    folder: &Path,
) -> Sender {
    let way = Way {
        schedule: schedule(retry_age_max),
        ..way(metrics, script, hosts, folder)
    };
    let (names, refusals) = (way.hosts.clone(), Arc::clone(&way.refusals));
    let report = Report::new(Arc::clone(metrics), refusals, names, false);
    Sender::new(&way, Learned::default(), report)
}

/// To so many hosts, for which a script answers.
fn way(metrics: &Arc<PluginMetrics>, script: &Arc<Script>, hosts: usize, folder: &Path) -> Way {
    let names = (0..hosts).map(|host| format!("http://host{host}:9200"));
    Way {
        schedule: schedule(None),
        transport: Arc::clone(script) as Arc<_>,
        hosts: names.collect(),
        refusals: refusals(metrics, folder),
    }
}

fn schedule(retry_age_max: Option<Duration>) -> Schedule {
    Schedule {
        bytes_max: 1 << 20,
        documents_max: 10_000,
        delay: Duration::from_millis(100),
        requests_max: 4,
        retry_initial: Duration::from_millis(20),
        retry_max: Duration::from_millis(640),
        resurrect_delay: Duration::from_millis(50),
        retry_age_max,
        rules: Rules::default(),
        secrets: Secrets::default(),
    }
}

/// The same; documents are tried for so long.
async fn run_for(
    retry_age_max: Option<Duration>,
    hosts: usize,
    answers: Vec<Answer>,
    blocks: &[&[&str]],
) -> Trial {
    let script = Arc::new(Script {
        answers: Mutex::new(answers.into()),
        ..Script::default()
    });
    let metrics = metrics();
    let folder = folder_of_run();
    let sender = sender(&metrics, &script, hosts, retry_age_max, &folder);
    let acknowledged = Arc::new(Acknowledged {
        letters: folder.clone(),
        ..Acknowledged::default()
    });
    let waiting = waiting(blocks, &acknowledged).await;
    let started = tokio::time::Instant::now();
    let limit = Duration::from_secs(60);
    let ended = tokio::time::timeout(limit, sender.run(waiting)).await;
    assert!(ended.is_ok(), "the sender ends");
    drop(std::fs::remove_dir_all(folder));
    Trial {
        script,
        metrics,
        acknowledged,
        took: started.elapsed(),
    }
}

#[tokio::test]
async fn a_good_answer_stores_and_acknowledges_everything() {
    let trial = run(1, vec![], &[&["a", "b"], &["c"]]).await;
    trial.check(3, 0, 2);
    assert!(trial.took < Duration::from_secs(1));
}

#[tokio::test]
async fn documents_refused_for_the_moment_go_alone_and_after_a_wait() {
    let trial = run(
        1,
        vec![Answer::Items(&[201, 429, 201, 503])],
        &[&["a", "b", "c", "d"]],
    )
    .await;
    trial.check(4, 0, 1);
    assert_eq!(trial.requests()[1], ["b", "d"]);
    assert_eq!(trial.counter("documents_retried"), 2);
    assert!(Duration::from_millis(20) <= trial.took);
}

#[tokio::test]
async fn waits_grow_while_the_server_stays_busy() {
    let answers = (0..8).map(|_| Answer::Items(&[429])).collect();
    let trial = run(1, answers, &[&["a"]]).await;
    trial.check(1, 0, 1);
    assert_eq!(trial.requests().len(), 9);
    assert!(Duration::from_millis(160) < trial.took);
}

#[tokio::test]
async fn what_can_never_be_stored_is_counted_and_let_go() {
    let trial = run(
        1,
        vec![Answer::Items(&[201, 400, 404])],
        &[&["a", "b", "c"]],
    )
    .await;
    trial.check(1, 2, 1);
    assert_eq!(trial.requests().len(), 1);
    assert_eq!(trial.counter("refused_mapping"), 1);
}

#[tokio::test]
async fn a_conflict_is_a_duplicate_and_a_success() {
    let trial = run(1, vec![Answer::Items(&[201, 409])], &[&["a", "b"]]).await;
    trial.check(1, 0, 1);
    assert_eq!(trial.counter("documents_duplicate"), 1);
}

#[tokio::test]
async fn an_update_that_lost_a_race_is_sent_again() {
    let lost = r#"{"errors":true,"items":[{"update":{"status":200}},{"update":{"status":409,
        "error":{"type":"version_conflict_engine_exception","reason":"required seqNo [1]"}}}]}"#;
    let trial = run(
        1,
        vec![Answer::Body(lost), Answer::Body(lost)],
        &[&["a", "b"]],
    )
    .await;
    // The second answer has an item too many for one document.
    trial.check(2, 0, 1);
    assert_eq!(trial.requests(), [vec!["a", "b"], vec!["b"], vec!["b"]]);
    assert_eq!(trial.counter("documents_duplicate"), 0);
    assert_eq!(trial.metrics.gauge("requests_limit").value(), 4);
}

#[tokio::test]
async fn a_blocked_index_is_waited_for() {
    let trial = run(1, vec![Answer::Items(&[403, 201])], &[&["a", "b"]]).await;
    trial.check(2, 0, 1);
    assert_eq!(trial.requests()[1], ["a"]);
}

#[tokio::test]
async fn a_request_that_is_too_long_is_halved() {
    let trial = run(1, vec![Answer::Whole(413)], &[&["a", "b", "c", "d"]]).await;
    trial.check(4, 0, 1);
    let mut sent: Vec<String> = trial.requests()[1..].concat();
    sent.sort();
    assert_eq!(sent, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn the_length_that_a_server_takes_is_learned() {
    let script = Arc::new(Script {
        answers: Mutex::new(vec![Answer::Whole(413)].into()),
        ..Script::default()
    });
    let (metrics, folder) = (metrics(), folder_of_run());
    let sender = sender(&metrics, &script, 1, None, &folder);
    let block_bytes = Arc::clone(&sender.learned.block_bytes);
    let (queue, waiting) = ends::roomy();
    let task = tokio::spawn(sender.run(waiting));
    let document = "x".repeat(49_999);
    let document = document.as_str();
    let put = async |documents: &[&str]| {
        let put = queue.put_among_tasks(block(documents, Ack::none()), Place::Memory);
        put.await.expect("the sender is there");
    };
    put(&[document; 4]).await;
    let sent = async {
        while block_bytes.load(Ordering::Relaxed) != 100_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..6 {
            put(&[document]).await;
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, sent).await.expect("it learns");
    drop(queue);
    let ended = tokio::time::timeout(limit, task).await;
    ended.expect("it ends").expect("it does not panic");
    assert_eq!(metrics.events_out.value(), 10);
    let seen = script.seen.lock().expect("no holder panics");
    let counts: Vec<usize> = seen.iter().map(|(_, documents)| documents.len()).collect();
    assert_eq!(counts[..3], [4, 2, 2]);
    assert!(counts[3..].iter().all(|count| *count <= 2), "{counts:?}");
}

#[tokio::test]
async fn a_single_document_that_is_too_long_is_refused() {
    let trial = run(1, vec![Answer::Whole(413)], &[&["a"]]).await;
    trial.check(0, 1, 1);
    assert_eq!(trial.counter("refused_too_large"), 1);
}

#[tokio::test]
async fn a_poisonous_document_is_found_by_halving() {
    // All four, then the second two, then `d` alone are malformed.
    let ok = || Answer::Items(&[201]);
    let two = Answer::Items(&[201, 201]);
    let words =
        r#"{"error":{"type":"illegal_argument_exception","reason":"Malformed"},"status":400}"#;
    let whole = || Answer::Words(400, words);
    let answers = vec![whole(), two, whole(), ok(), whole()];
    let trial = run(1, answers, &[&["a", "b", "c", "d"]]).await;
    trial.check(3, 1, 1);
    let sent = [
        &["a", "b", "c", "d"][..],
        &["a", "b"],
        &["c", "d"],
        &["c"],
        &["d"],
    ];
    assert_eq!(trial.requests(), sent);
}

const PARAMETER: &str = r#"{"error":{"type":"illegal_argument_exception",
    "reason":"request [/_bulk] contains unrecognized parameter: [colour]"},"status":400}"#;

#[tokio::test]
async fn nothing_is_lost_while_the_server_is_away() {
    for fault in [
        || Answer::Gone,
        || Answer::Whole(503),
        || Answer::Whole(429),
        || Answer::Whole(401),
        || Answer::Whole(307),
        || {
            Answer::Words(
                400,
                "<html>The plain HTTP request was sent to HTTPS port</html>",
            )
        },
        || Answer::Words(400, PARAMETER),
        || Answer::Body("<html>moved</html>"),
        || Answer::Body(r#"{"errors":false,"items":[]}"#),
        || Answer::Body(r#"{"errors":true,"items":[{"index":{"st"#),
    ] {
        let trial = run(1, (0..5).map(|_| fault()).collect(), &[&["a", "b"], &["c"]]).await;
        trial.check(3, 0, 2);
    }
}

#[tokio::test]
async fn another_host_is_asked_at_once() {
    let trial = run(2, vec![Answer::Gone], &[&["a"]]).await;
    trial.check(1, 0, 1);
    let seen = trial.script.seen.lock().expect("no holder panics");
    assert_ne!(seen[0].0, seen[1].0);
}

#[tokio::test]
async fn a_slow_request_holds_no_other_up() {
    let slow = Duration::from_millis(500);
    let answers = vec![Answer::After(slow), Answer::After(slow)];
    let trial = run(1, answers, &[&["a"], &["b"]]).await;
    trial.check(2, 0, 2);
    assert!(trial.took < slow * 2);
}

#[tokio::test]
async fn a_refused_document_is_on_disk_before_its_batch_is_acknowledged() {
    let answers = vec![Answer::Items(&[201, 400, 404])];
    let trial = run(1, answers, &[&["a", r#"{"b":1}"#, "c"]]).await;
    trial.check(1, 2, 1);
    let letters = trial.letters();
    assert_eq!(letters.len(), 2);
    // The script's documents have one line each, which stands where the action does.
    assert_eq!(letters[0]["action"], serde_json::json!({"b": 1}));
    assert_eq!(letters[0]["kind"], "refused_mapping");
    assert_eq!(letters[0]["status"], 400);
    assert_eq!(letters[1]["status"], 404);
    assert_eq!(
        (
            trial.counter("dead_letters"),
            trial.counter("dead_letters_dropped")
        ),
        (2, 0)
    );
}

#[tokio::test]
async fn a_document_that_alone_is_too_long_becomes_a_dead_letter() {
    let trial = run(1, vec![Answer::Whole(413)], &[&["{}"]]).await;
    trial.check(0, 1, 1);
    assert_eq!(trial.letters()[0]["kind"], "refused_too_large");
}

#[tokio::test]
async fn documents_that_are_tried_for_too_long_become_dead_letters() {
    let mut answers = vec![Answer::Items(&[429, 201])];
    answers.extend((0..200).map(|_| Answer::Items(&[429])));
    let patience = Some(Duration::from_millis(200));
    let trial = run_for(patience, 1, answers, &[&["{}", "{}"]]).await;
    trial.check(1, 1, 1);
    assert_eq!(trial.letters()[0]["kind"], "retry_age_exceeded");
    assert_eq!(trial.counter("retry_age_exceeded"), 1);
    assert!(trial.took < Duration::from_secs(20));
}

#[tokio::test]
async fn no_document_is_given_up_for_its_age_while_the_login_is_refused() {
    let mut answers = vec![Answer::Items(&[429])];
    answers.extend((0..12).map(|_| Answer::Whole(401)));
    let patience = Some(Duration::from_millis(200));
    let trial = run_for(patience, 1, answers, &[&["{}"]]).await;
    trial.check(1, 0, 1);
    assert!(Duration::from_millis(400) < trial.took, "{:?}", trial.took);
}

#[tokio::test]
async fn a_server_with_too_much_to_do_gets_fewer_requests_at_once() {
    let answers = vec![Answer::Whole(429), Answer::Whole(503)];
    let trial = run(1, answers, &[&["a"]]).await;
    trial.check(1, 0, 1);
    // From four to two to one, and one more for the success.
    assert_eq!(trial.metrics.gauge("requests_limit").value(), 2);
}

#[tokio::test]
async fn of_answers_only_those_that_store_speak_for_more_requests() {
    for (status, limit) in [
        // Down to one, and one more for the success.
        (429, 2),
        (502, 2),
        (503, 2),
        (504, 2),
        // These say nothing of the load.
        (401, 4),
        (413, 4),
        (500, 4),
    ] {
        let answers = (0..2).map(|_| Answer::Whole(status)).collect();
        let trial = run(1, answers, &[&["a", "b", "c", "d"]]).await;
        trial.check(4, 0, 1);
        let got = trial.metrics.gauge("requests_limit").value();
        assert_eq!(got, limit, "{status}");
    }
}

#[test]
fn quick_refusals_are_not_what_is_usual() {
    let (metrics, folder) = (metrics(), folder_of_run());
    let mut sender = sender(&metrics, &Arc::default(), 1, None, &folder);
    let started = tokio::time::Instant::now();
    let mut note = |status, millis| {
        let reply = Reply {
            status,
            body: Bytes::new(),
            retry_after: None,
            location: None,
        };
        let now = started + Duration::from_millis(millis);
        sender.note_load(started, now, &Ok(reply));
        sender.concurrency.limit()
    };
    assert_eq!((note(429, 0), note(429, 0)), (2, 1));
    for status in [401, 413, 500, 500, 500] {
        assert_eq!(note(status, 0), 1, "{status}");
    }
    // Would be a slow one, if the quick refusals were what is usual.
    assert_eq!(note(200, 100), 2);
}

#[tokio::test]
async fn a_request_whose_task_ends_by_a_fault_is_sent_again() {
    for faults in [1, 3] {
        let answers = (0..faults).map(|_| Answer::Fault).collect();
        let trial = run(1, answers, &[&["a", "b"], &["c"]]).await;
        trial.check(3, 0, 2);
        let sent = trial.requests();
        assert!(faults < sent.len(), "{sent:?}");
    }
}
