//! Dead letters once more through the output that they were meant for. A segment is taken, sent in groups, and after each
//! group, when its last document is stored or back in the queue, what is left of it is written in its place: whatever ends
//! the command loses nothing, and sends one group a second time at most.

use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::agent::configuration;
use crate::event::json::Counted;
use crate::event::{Batch, Name, Names, Value};
use crate::limits;
use crate::metrics::{Metrics, PluginMetrics};
use crate::outputs::Successions;
use crate::outputs::leave::Notice;
use crate::outputs::{Encoder, Opening};
use crate::pipeline::compile::{Compiled, PlannedOutput};
use crate::pipeline::program::Step;
use crate::queue::ack::{Ack, Acknowledge};
use crate::queue::dead_letters::folder;
use crate::queue::dead_letters::letter::Kept;
use crate::queue::policy::Policy;
use crate::queue::queues::Queues;
use crate::settings::Settings;

/// How often it is looked whether an output is still at work.
const LOOK: Duration = Duration::from_millis(200);

/// Replays the queue of one pipeline, or of all. That letters stay is an error.
pub fn run(settings: &Settings, pipeline: Option<&str>) -> io::Result<()> {
    let settings = settings
        .with_room_for_dead_letters()
        .map_err(io::Error::other)?;
    let metrics = Arc::new(Metrics::default());
    let compiled = configuration::compile_all(&settings, &metrics)
        .ok_or_else(|| io::Error::other("nothing was sent: the configuration is refused"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let (mut found, mut left) = (false, 0);
    for (one, own) in compiled.into_iter().zip(&settings.pipelines) {
        if pipeline.is_some_and(|wanted| wanted != own.id) {
            continue;
        }
        found = true;
        let folder = own.dead_letter_root(&settings.path_data).join(&own.id);
        if folder::segments(&folder)?.is_empty() {
            println!("{}: no dead letters", own.id);
            continue;
        }
        let Some(_lock) = folder::lock_replay(&folder)? else {
            let why = format!(
                "{}: somebody is sending these letters already",
                folder.display()
            );
            return Err(io::Error::other(why));
        };
        let mut replay = Replay::start(one, &runtime);
        let sent = replay.send_all(&folder);
        let (told, stay) = replay.end(&runtime);
        println!("{}: {told}", own.id);
        sent?;
        left += stay;
    }
    match (found, left) {
        (true, 0) => Ok(()),
        (true, _) => Err(io::Error::other(format!("dead letters that stay: {left}"))),
        (false, _) => Err(io::Error::other("there is no such pipeline")),
    }
}

struct Replay {
    outputs: Vec<Output>,
    names: Arc<Names>,
    /// Letters of outputs that the pipeline does not have, and lines that are none.
    left: u64,
}

/// An output of the pipeline, at work.
struct Output {
    encoder: Box<dyn Encoder>,
    task: JoinHandle<()>,
    metrics: Arc<PluginMetrics>,
}

/// Tells that a group is done.
struct Done(mpsc::Sender<()>);

impl Acknowledge for Done {
    fn acknowledge(&self, _: u64) {
        // Nobody waits any more if the command gave up.
        self.0.send(()).unwrap_or(());
    }
}

impl Replay {
    fn start(compiled: Compiled, runtime: &Runtime) -> Self {
        let _inside = runtime.enter();
        let mut outputs = Vec::new();
        Step::turn(compiled.outputs, &mut |planned: PlannedOutput| {
            let mut output = planned.output;
            if output.keeps_dead_letters() {
                output.keep_all_letters();
                let started = output.start(&Opening {
                    queues: &Queues::default(),
                    successions: &Successions::default(),
                    policy: &Policy::in_memory(),
                    notice: Notice::default(),
                });
                outputs.push(Output {
                    encoder: started.encoder,
                    task: started.task,
                    metrics: planned.metrics,
                });
            }
        });
        Self {
            outputs,
            names: compiled.names,
            left: 0,
        }
    }

    fn send_all(&mut self, folder: &Path) -> io::Result<()> {
        for segment in folder::segments(folder)? {
            let path = match folder::take(folder, &segment) {
                Ok(path) => path,
                // It was dropped to make room.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let text = std::fs::read(&path)?;
            let lines: Vec<&[u8]> = text
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| !line.trim_ascii().is_empty())
                .collect();
            let (mut rest, mut sent) = (Vec::new(), 0);
            for group in lines.chunks(limits::DEAD_LETTER_REPLAY_COUNT) {
                self.send(group, &mut rest)?;
                sent += group.len();
                let unsent = lines.get(sent..).unwrap_or_default().concat();
                folder::replace(folder, &path, &[&*rest, &*unsent].concat())?;
            }
        }
        Ok(())
    }

    /// Sends a group and waits for its last verdict. Lines that cannot be sent are added to `rest`.
    fn send(&mut self, group: &[&[u8]], rest: &mut Vec<u8>) -> io::Result<()> {
        let (done, waiting) = mpsc::channel();
        let ack = Ack::new(Arc::new(Done(done)), 0);
        for line in group {
            if !self.push(line, &ack) {
                self.left += 1;
                rest.extend_from_slice(line);
            }
        }
        for output in &mut self.outputs {
            output.encoder.flush();
        }
        ack.settle();
        loop {
            match waiting.recv_timeout(LOOK) {
                Ok(()) if 0 < self.dropped() => {
                    return Err(io::Error::other(
                        "what was refused again could not be kept: nothing is removed",
                    ));
                }
                Ok(()) => return Ok(()),
                Err(mpsc::RecvTimeoutError::Timeout)
                    if !self.outputs.iter().any(|output| output.task.is_finished()) => {}
                Err(_) => return Err(io::Error::other("an output ended by a fault")),
            }
        }
    }

    /// Letters that were refused again and could not be written.
    fn dropped(&self) -> u64 {
        let dropped = |output: &Output| output.metrics.counter("dead_letters_dropped").value();
        self.outputs.iter().map(dropped).sum()
    }

    /// Gives a letter to its output. False if there is none for it.
    fn push(&mut self, line: &[u8], ack: &Ack) -> bool {
        let Some(kept) = Kept::parse(line) else {
            return false;
        };
        let plugin = kept.text("plugin").unwrap_or_default();
        let is_its = |output: &&mut Output| output.metrics.id == plugin;
        let Some(output) = self.outputs.iter_mut().find(is_its) else {
            return false;
        };
        let document = kept.document();
        match kept.action() {
            Some(action) => {
                output
                    .encoder
                    .resend(action.as_bytes(), document.as_bytes(), ack);
                true
            }
            None => encode(&self.names, output, &kept, ack),
        }
    }

    /// Stops the outputs; gives what became of the letters, and how many are in the queue still or again.
    fn end(self, runtime: &Runtime) -> (String, u64) {
        let (mut stored, mut duplicates, mut again) = (0, 0, 0);
        for output in self.outputs {
            drop(output.encoder);
            if let Err(error) = runtime.block_on(output.task) {
                tracing::error!("an output ended by a fault: {error}");
            }
            stored += output.metrics.events_out.value();
            duplicates += output.metrics.counter("documents_duplicate").value();
            again += output.metrics.failed.value();
        }
        let mut told =
            format!("{stored} stored, {duplicates} were there before, {again} refused again");
        if 0 < self.left {
            told += &format!(
                "; {} stay: the pipeline has no output of that id, or they cannot be read",
                self.left
            );
        }
        (told, again + self.left)
    }
}

/// An event that never became a document goes through the output once more.
fn encode(names: &Arc<Names>, output: &mut Output, kept: &Kept<'_>, ack: &Ack) -> bool {
    let now = crate::host::now_nanos();
    let mut batch = Batch::new(Vec::new(), Arc::clone(names), now, ack.clone());
    let mut object = |json: &str| {
        let text = batch.append(json.as_bytes());
        match batch.parse_json(text, Counted::Whole, &mut Vec::new()) {
            Ok(Value::Map(members)) => Some(members),
            Ok(_) | Err(_) => None,
        }
    };
    let (document, metadata) = (object(&kept.document()), kept.metadata().and_then(object));
    let Some(members) = document else {
        batch.ack.settle();
        return false;
    };
    let id = batch.push_adopted(members);
    if let Some(metadata) = metadata {
        batch.set_top(id, Name::METADATA, Value::Map(metadata));
    }
    output.encoder.encode(&mut batch, &[id]);
    batch.ack.settle();
    true
}
