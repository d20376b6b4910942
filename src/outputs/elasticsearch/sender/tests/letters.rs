//! Dead letters that the disk does not take: their documents wait, the others do not.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Acknowledged, Answer, Script, folder_of_run, letters, metrics, sender, waiting};
use crate::metrics::PluginMetrics;

/// How long anything may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A sender for whose letters there is no room yet.
struct Obstructed {
    folder: PathBuf,
    script: Arc<Script>,
    metrics: Arc<PluginMetrics>,
    acknowledged: Arc<Acknowledged>,
    task: JoinHandle<()>,
}

impl Obstructed {
    async fn start(
        retry_age_max: Option<Duration>,
        answers: Vec<Answer>,
        blocks: &[&[&str]],
    ) -> Self {
        let script = Arc::new(Script {
            answers: std::sync::Mutex::new(answers.into()),
            ..Script::default()
        });
        let (metrics, folder) = (metrics(), folder_of_run());
        fs::write(&folder, "a file stands where the folder has to be").expect("it is ours");
        let sender = sender(&metrics, &script, 1, retry_age_max, &folder);
        let acknowledged = Arc::new(Acknowledged::default());
        let waiting = waiting(blocks, &acknowledged).await;
        Self {
            folder,
            script,
            metrics,
            acknowledged,
            task: tokio::spawn(sender.run(waiting)),
        }
    }

    fn counted(&self) -> [u64; 5] {
        let counter = |name| self.metrics.counter(name).value();
        [
            self.metrics.events_out.value(),
            self.metrics.failed.value(),
            counter("dead_letters"),
            counter("dead_letters_dropped"),
            self.acknowledged.count.load(Ordering::Relaxed),
        ]
    }

    async fn wait_for_requests(&self, count: usize) {
        let reached = async {
            while self.script.seen.lock().expect("no holder panics").len() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let reached = tokio::time::timeout(WAIT_MAX, reached).await;
        assert!(reached.is_ok(), "it is tried again");
    }

    /// Makes room, and waits for the end. Gives the counters and the letters.
    async fn end(&mut self) -> ([u64; 5], Vec<serde_json::Value>) {
        fs::remove_file(&self.folder).expect("it is ours");
        let ended = tokio::time::timeout(WAIT_MAX, &mut self.task).await;
        ended.expect("it ends in time").expect("it does not panic");
        let parse = |line: &String| serde_json::from_str(line).expect("a letter is JSON");
        let letters = letters(&self.folder).iter().map(parse).collect();
        // It is not there if no letter was.
        drop(fs::remove_dir_all(&self.folder));
        (self.counted(), letters)
    }
}

#[tokio::test]
async fn a_document_whose_letter_cannot_be_kept_waits_alone() {
    let mut answers = vec![Answer::Items(&[201, 400])];
    answers.extend((0..100).map(|_| Answer::Items(&[400])));
    let mut sender = Obstructed::start(None, answers, &[&["a", "b"]]).await;
    sender.wait_for_requests(4).await;
    assert_eq!(sender.counted(), [1, 0, 0, 0, 0]);
    let (counted, letters) = sender.end().await;
    assert_eq!(counted, [1, 1, 1, 0, 1]);
    assert_eq!(letters.len(), 1);
    let seen = sender.script.seen.lock().expect("no holder panics");
    assert!(seen[1..].iter().all(|(_, documents)| documents == &["b"]));
}

#[tokio::test]
async fn so_does_one_that_is_too_long() {
    let answers = (0..3).map(|_| Answer::Whole(413)).collect();
    let mut sender = Obstructed::start(None, answers, &[&["{}"]]).await;
    // The fourth answer is a good one: what is taken in the end is no dead letter.
    sender.wait_for_requests(4).await;
    let (counted, letters) = sender.end().await;
    assert_eq!(counted, [1, 0, 0, 0, 1]);
    assert!(letters.is_empty());
}

#[tokio::test]
async fn so_does_one_that_was_tried_for_long_enough() {
    let answers = (0..10_000).map(|_| Answer::Items(&[429])).collect();
    let patience = Some(Duration::from_millis(50));
    let mut sender = Obstructed::start(patience, answers, &[&["{}"]]).await;
    // The waits between these are longer than its time.
    sender.wait_for_requests(8).await;
    assert_eq!(sender.counted(), [0; 5]);
    let (counted, letters) = sender.end().await;
    assert_eq!(counted, [0, 1, 1, 0, 1]);
    assert_eq!(letters[0]["kind"], "retry_age_exceeded");
}

/// Of an event without a document, as an encoder writes it.
const LETTER: &str = r#"{"time":"2026-11-20T10:00:00.000Z","pipeline":"main","plugin":"es","kind":"confinement_failed","reason":"no name","document":{}}"#;

#[tokio::test]
async fn so_does_an_event_without_one_while_the_others_are_sent() {
    let blocks: &[&[&str]] = &[&[LETTER, LETTER], &["a"], &[LETTER]];
    let mut sender = Obstructed::start(None, Vec::new(), blocks).await;
    sender.wait_for_requests(1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(sender.counted(), [1, 0, 0, 0, 1]);
    let (counted, letters) = sender.end().await;
    assert_eq!(counted, [1, 3, 3, 0, 3]);
    assert_eq!(sender.metrics.counter("confinement_failed").value(), 3);
    let want: serde_json::Value = serde_json::from_str(LETTER).expect("a letter is JSON");
    assert_eq!(letters, [want.clone(), want.clone(), want]);
    let seen = sender.script.seen.lock().expect("no holder panics");
    assert_eq!(seen.len(), 1);
}
