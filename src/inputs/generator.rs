//! Input `generator`: made-up events for trials and measurements: a message or some lines, again and again, numbered.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::event::batch::Decode;
use crate::event::{Batch, Provenance, Reference, Text, Value};
use crate::inputs::origin::{self, Origin};
use crate::inputs::{Flow, Input, InputPlugin, Source};
use crate::limits;
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use crate::queue::ack::Ack;

/// The input `generator`.
pub const PLUGIN: InputPlugin = InputPlugin {
    plugin: &Plugin {
        section: Section::Input,
        name: "generator",
        summary: "Makes events, for trials and measurements. `sequence` counts the rounds from 0.",
        options: &[
            Opt::new("message", Kind::Text, "The text of each event.").default("Hello world!"),
            Opt::new(
                "lines",
                Kind::List,
                "Texts that are taken in turn, all of them in each round, in place of `message`.",
            ),
            Opt::new("count", Kind::Integer, "Rounds; 0 means without end.").default("0"),
            Opt::new(
                "threads",
                Kind::Integer,
                "How many threads make events, each of them all rounds.",
            )
            .default("1"),
        ],
        absent: &[],
    },
    build,
};

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Input>> {
    let origin = Origin::of_messages(options, building)?;
    let ecs = building.ecs(options);
    let host = building.known(ecs.pick("host", "[host][name]"));
    let origin = origin.with_text(&host, building.surroundings.host_name.as_bytes());
    let lines: Vec<Vec<u8>> = match options.list("lines") {
        [] => vec![options.text("message").unwrap_or("").as_bytes().to_vec()],
        lines => lines
            .iter()
            .map(|line| line.text.as_bytes().to_vec())
            .collect(),
    };
    let threads = options.integer("threads").unwrap_or(1);
    let Some(threads) = usize::try_from(threads)
        .ok()
        .filter(|threads| (1..=limits::GENERATOR_THREADS_MAX).contains(threads))
    else {
        let message = format!(
            "`threads` lies between 1 and {}",
            limits::GENERATOR_THREADS_MAX
        );
        building.refuse(options.span_of("threads"), message);
        return None;
    };
    let script = Script {
        origin,
        sequence: building.known(ecs.pick("sequence", "[event][sequence]")),
        lines,
        rounds: match options.integer("count").unwrap_or(0) {
            ..=0 => u64::MAX,
            count => count.unsigned_abs(),
        },
    };
    Some(Box::new(Generator {
        script: Arc::new(script),
        threads,
    }))
}

struct Generator {
    script: Arc<Script>,
    threads: usize,
}

struct Script {
    origin: Origin,
    sequence: Reference,
    lines: Vec<Vec<u8>>,
    rounds: u64,
}

impl Input for Generator {
    fn source(&self) -> Source {
        Source::Pushed
    }

    fn start(self: Box<Self>, flow: Flow) -> JoinHandle<()> {
        let threads: Vec<JoinHandle<()>> = (0..self.threads)
            .map(|thread| {
                let (script, flow) = (Arc::clone(&self.script), flow.clone());
                tokio::task::spawn_blocking(move || run(&script, thread as u64, &flow))
            })
            .collect();
        tokio::spawn(async move {
            for thread in threads {
                if let Err(error) = thread.await {
                    tracing::error!(%error, "a generator broke down");
                }
            }
        })
    }
}

/// Events of one batch: about as many as an input reads lines at once.
const BATCH_EVENTS: u64 = 500;

/// Makes all rounds, or stops when told to.
fn run(script: &Arc<Script>, stream: u64, flow: &Flow) {
    let batch_rounds = (BATCH_EVENTS / script.lines.len().max(1) as u64).max(1);
    let provenance = Provenance::unrepeatable(origin::now());
    let mut next = 0;
    while next < script.rounds && !flow.is_stopping() {
        let end = script.rounds.min(next.saturating_add(batch_rounds));
        let bytes = script.lines.concat();
        let names = Arc::clone(&flow.names);
        let mut batch = Batch::new(bytes, names, origin::now(), Ack::none());
        batch.stream = stream;
        batch.come_from(provenance, 0);
        batch.decode = Some(Arc::new(Rounds {
            script: Arc::clone(script),
            numbers: next..end,
        }));
        if flow.batches.send_blocking(batch).is_err() {
            return;
        }
        next = end;
    }
}

/// Some rounds, made in the worker.
struct Rounds {
    script: Arc<Script>,
    numbers: std::ops::Range<u64>,
}

impl Decode for Rounds {
    /// None is lost that was not made.
    fn count(&self, _: &Batch) -> u64 {
        0
    }

    fn decode(&self, batch: &mut Batch) {
        let Script {
            origin, sequence, ..
        } = &*self.script;
        let lines = self.script.lines_of(batch);
        let first = batch.event_count();
        let mut newborn = origin.newborn(batch);
        // A line can hold several events, at most one for each of its bytes, and an empty one is an event too.
        let round: u64 = lines.iter().map(|line| line.len() as u64 + 1).sum();
        for number in self.numbers.clone() {
            let mut offset = number.wrapping_mul(round);
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            newborn.fix(sequence, Value::Integer(number));
            for &line in &lines {
                batch.go_to(Some(offset));
                offset = offset.wrapping_add(line.len() as u64 + 1);
                origin.read(batch, line, &mut newborn);
            }
        }
        origin.finish(batch, first, &newborn);
    }
}

impl Script {
    /// The lines as they lie in a batch, one behind the other.
    fn lines_of(&self, batch: &Batch) -> Vec<Text> {
        let mut start = 0;
        let mut place = |line: &Vec<u8>| {
            let text = batch.text_at(start..start + line.len());
            start += line.len();
            text
        };
        self.lines.iter().map(&mut place).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::runtime::Runtime;
    use tokio::sync::{mpsc, watch};

    use crate::event::EventId;
    use crate::inputs::Flow;
    use crate::lang::source::{Source, Sources};
    use crate::metrics::Metrics;
    use crate::pipeline::building::Surroundings;
    use crate::pipeline::worker::Batches;
    use crate::pipeline::{Ecs, compile};

    /// All events of a generator that ends, without time and version.
    fn events(options: &str) -> Vec<String> {
        let text = format!("input {{ generator {{ {options} }} }} output {{ stdout {{ }} }}");
        let name = "test".to_owned();
        let sources = Sources {
            all: vec![Source { name, text }],
        };
        let surroundings = Surroundings {
            ecs: Ecs::Disabled,
            support_escapes: false,
            path_data: "data".into(),
            dead_letters: None,
            pipeline: "main".to_owned(),
            host_name: "web1".to_owned(),
        };
        let metrics = Arc::new(Metrics::default());
        let compiled = compile::compile(&sources, &surroundings, &metrics, &mut Vec::new());
        let mut compiled = compiled.expect("the options are good");
        let input = compiled.inputs.pop().expect("there is one input");
        let (sender, mut batches) = mpsc::channel(64);
        let flow = Flow {
            batches: Batches::to(vec![sender]),
            names: compiled.names,
            stop: watch::channel(false).1,
            sockets: Arc::default(),
            positions: Arc::new(Mutex::new(Vec::new())),
        };
        let runtime = Runtime::new().expect("a runtime can be made");
        runtime.block_on(async { input.start(flow).await.expect("it does not panic") });
        let mut events = Vec::new();
        while let Ok(mut batch) = batches.try_recv() {
            let decode = batch.decode.take().expect("the worker decodes");
            decode.decode(&mut batch);
            for index in 0..batch.event_count() {
                let mut out = Vec::new();
                batch.write_json_fields(EventId(index as u32), &mut out, |name| {
                    name != crate::event::Name::TIMESTAMP && name != crate::event::Name::VERSION
                });
                events.push(String::from_utf8(out).expect("JSON is UTF-8"));
            }
        }
        events
    }

    #[test]
    fn lines_are_taken_in_turn_and_rounds_are_numbered() {
        let want = [
            r#"{"message":"a","host":"web1","sequence":0}"#,
            r#"{"message":"b","host":"web1","sequence":0}"#,
            r#"{"message":"a","host":"web1","sequence":1}"#,
            r#"{"message":"b","host":"web1","sequence":1}"#,
        ];
        assert_eq!(events("lines => ['a', 'b'] count => 2"), want);
    }

    #[test]
    fn every_thread_makes_all_rounds() {
        let made = events("count => 1234 threads => 3");
        assert_eq!(made.len(), 3 * 1234);
        assert_eq!(
            made[0],
            r#"{"message":"Hello world!","host":"web1","sequence":0}"#
        );
        let last = r#"{"message":"Hello world!","host":"web1","sequence":1233}"#;
        assert_eq!(made.iter().filter(|event| *event == last).count(), 3);
    }

    #[test]
    fn a_document_keeps_its_own_fields() {
        let made = events(r#"message => '{"host":"db","sequence":7}' count => 1 codec => json"#);
        assert_eq!(made, [r#"{"host":"db","sequence":7}"#]);
    }
}
