//! Outputs that take over from one another, before a carbon that keeps the last value of each path.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Writers;
use crate::host;
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::graphite::PLUGIN;
use crate::outputs::graphite::connection::Connection;
use crate::outputs::graphite::encode::Samples;
use crate::outputs::graphite::outside::Real;
use crate::outputs::graphite::points::Protocol;
use crate::outputs::graphite::sender::{self, Settings, State};
use crate::outputs::graphite::slots::{Kind, Slots};
use crate::outputs::graphite::store;
use crate::outputs::graphite::tests::until;
use crate::plugin::Options;
use crate::queue::ack::Ack;
use crate::queue::positions::Positions;

type Values = Arc<Mutex<BTreeMap<String, String>>>;

struct Rig {
    folder: PathBuf,
    writers: Writers,
    port: u16,
    values: Values,
    metrics: Arc<PluginMetrics>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).expect("the folder is ours");
    }
}

impl Rig {
    async fn new(name: &str) -> Self {
        let name = format!("sawlog-heirs-{name}-{}", std::process::id());
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("ports are free");
        let port = listener.local_addr().expect("it is bound").port();
        let values = Values::default();
        tokio::spawn(carbon(listener, Arc::clone(&values)));
        Self {
            folder: std::env::temp_dir().join(name),
            writers: Writers::default(),
            port,
            values,
            metrics: Metrics::default().plugin(&Options::bare(PLUGIN.plugin, "a")),
        }
    }

    fn positions(&self) -> Positions {
        Positions::open(&self.folder.join("positions.json")).expect("nothing is there")
    }

    /// An output that takes over from those before it.
    fn start(&self) -> (mpsc::Sender<Samples>, JoinHandle<()>) {
        let settings = Settings {
            interval: Duration::from_secs(3600),
            reconnect: Duration::from_secs(2),
            protocol: Protocol::Plaintext,
        };
        let path = store::path(&self.folder, "a");
        let state = State {
            place: self.writers.succeed(&path),
            path,
        };
        let connection = Connection::<Real>::new("127.0.0.1".to_owned(), self.port);
        let (queue, samples) = mpsc::channel(9);
        let output = sender::run(
            settings,
            Some(state),
            Slots::new(3600, &[]),
            connection,
            Arc::clone(&self.metrics),
            samples,
        );
        (queue, tokio::spawn(output))
    }

    /// What carbon has.
    fn shows(&self) -> Vec<String> {
        let values = self.values.lock().expect("no holder panics");
        let all = values.iter();
        all.map(|(path, value)| format!("{path} {value}")).collect()
    }

    /// Whether a line is in the state.
    fn keeps(&self, line: &str) -> bool {
        let text = std::fs::read_to_string(store::path(&self.folder, "a"));
        text.is_ok_and(|text| text.lines().any(|known| known == line))
    }

    fn value(&self, counter: &'static str) -> u64 {
        self.metrics.counter(counter).value()
    }
}

async fn carbon(listener: TcpListener, values: Values) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let values = Arc::clone(&values);
        tokio::spawn(async move {
            let mut text = String::new();
            stream.read_to_string(&mut text).await.ok();
            let mut values = values.lock().expect("no holder panics");
            for line in text.lines() {
                let mut words = line.split(' ').map(str::to_owned);
                let (path, value) = (words.next(), words.next());
                values.insert(path.expect("it is one"), value.expect("it has one"));
            }
        });
    }
}

/// One event in an interval that is over: it counts, and its number is what a gauge says.
fn event(ack: Ack, number: u32) -> Samples {
    let time = host::now_nanos() / 1_000_000_000 - 2 * 3600;
    let mut samples = Samples::of(&[(Kind::Counter, "a", time, 1.0)]);
    if 0 < number {
        samples = Samples::of(&[
            (Kind::Counter, "a", time, 1.0),
            (Kind::Gauge, "g", time, number.into()),
        ]);
    }
    samples.events = 1;
    samples.is_rereadable = ack.is_heard();
    samples.acks = vec![ack];
    samples
}

async fn offer(queue: &mpsc::Sender<Samples>, samples: Samples) {
    assert!(queue.send(samples).await.is_ok(), "somebody takes it");
}

#[tokio::test]
async fn a_batch_that_another_output_holds_is_acknowledged_when_the_heir_has_saved_it() {
    let rig = Rig::new("held").await;
    let (first, old) = rig.start();
    let positions = rig.positions();
    let ack = positions.stream("log").ack(json!(10));
    offer(&first, event(ack.clone(), 0)).await;
    until(|| rig.keeps("counter a 0.0")).await;
    let (second, new) = rig.start();
    drop(first);
    old.await.expect("it has left everything to its heir");
    until(|| rig.shows() == ["a 1"]).await;
    assert!(rig.keeps("counter a 0.0"));
    assert_eq!(positions.safe("log"), None);
    ack.settle();
    until(|| positions.safe("log") == Some(json!(10))).await;
    assert!(rig.keeps("counter a 1.0"));
    drop(second);
    new.await.expect("it ends when all is saved");
    assert_eq!(rig.shows(), ["a 1"]);
    assert_eq!(rig.metrics.events_out.value(), 1);
}

#[tokio::test]
async fn what_comes_to_those_before_goes_down_to_the_last_heir_in_order() {
    let rig = Rig::new("chain").await;
    let mut outputs = vec![rig.start()];
    let positions = rig.positions();
    let stream = positions.stream("log");
    let first = stream.ack(json!(1));
    let (queue, _) = outputs.first().expect("it was started");
    offer(queue, event(first.clone(), 1)).await;
    until(|| rig.keeps("counter a 0.0")).await;
    let mut acks = vec![first];
    outputs.extend([rig.start(), rig.start()]);
    // Of the first output's encoders comes something all the while.
    for (number, (queue, _)) in (2..).zip(&outputs) {
        let ack = stream.ack(json!(number));
        offer(queue, event(ack.clone(), number)).await;
        acks.push(ack);
    }
    until(|| {
        outputs
            .iter()
            .all(|(queue, _)| queue.capacity() == queue.max_capacity())
    })
    .await;
    assert_eq!(positions.safe("log"), None);
    acks.into_iter().rev().for_each(Ack::settle);
    for (queue, output) in outputs {
        drop(queue);
        output.await.expect("it ends");
    }
    assert_eq!(positions.safe("log"), Some(json!(4)));
    assert!(rig.keeps("counter a 4.0"));
    assert_eq!(rig.shows(), ["a 4", "g 4"]);
    assert_eq!(rig.metrics.events_out.value(), 4);
}

#[tokio::test]
async fn what_the_disk_refused_is_saved_by_the_heir() {
    let rig = Rig::new("disk").await;
    std::fs::write(&rig.folder, "a file, where a folder should be").expect("it is ours");
    let (first, old) = rig.start();
    offer(&first, event(Ack::pushed(), 0)).await;
    until(|| 0 < rig.value("saves_failed")).await;
    let (second, new) = rig.start();
    old.await.expect("it has left everything to its heir");
    std::fs::remove_file(&rig.folder).expect("it is ours");
    offer(&first, event(Ack::pushed(), 0)).await;
    until(|| rig.keeps("counter a 2.0")).await;
    drop((first, second));
    new.await.expect("it ends when all is saved");
    assert_eq!(rig.shows(), ["a 2"]);
    assert_eq!(rig.metrics.events_out.value(), 2);
    assert_eq!(rig.value("dropped_unsaved"), 0);
}

#[tokio::test]
async fn what_comes_when_the_heir_is_gone_is_counted_as_lost() {
    let rig = Rig::new("gone").await;
    let (queue, output) = rig.start();
    offer(&queue, event(Ack::pushed(), 0)).await;
    until(|| rig.keeps("counter a 1.0")).await;
    drop(rig.writers.succeed(&store::path(&rig.folder, "a")));
    let positions = rig.positions();
    offer(&queue, event(positions.stream("log").ack(json!(10)), 0)).await;
    offer(&queue, event(Ack::pushed(), 0)).await;
    drop(queue);
    output.await.expect("it ends");
    assert_eq!(rig.value("dropped_unsaved"), 1);
    assert_eq!(rig.metrics.events_out.value(), 1);
    assert_eq!(positions.safe("log"), None);
}
