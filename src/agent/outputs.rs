//! The running outputs of a pipeline: their tasks, what they hold, and what is told to them.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::agent::deadline::Deadline;
use crate::inputs::sockets::Sockets;
use crate::limits;
use crate::metrics::{DOCUMENTS_LOST, Metrics, PluginMetrics};
use crate::outputs::leave::{Leave, Notice};
use crate::outputs::{Opening, Queue, Successions};
use crate::pipeline::compile::{Compiled, InputKinds, PlannedOutput};
use crate::pipeline::program::{OutputStep, Step};
use crate::queue::ack::Fate;
use crate::queue::policy::{Kind, Policy};
use crate::queue::queues::Queues;

/// What a pipeline finds when it starts.
pub struct Surroundings<'a> {
    pub sockets: &'a Arc<Sockets>,
    pub queues: &'a Queues,
    pub successions: &'a Successions,
    pub policy: &'a Policy,
    pub metrics: &'a Arc<Metrics>,
}

impl Surroundings<'_> {
    /// Starts an output of a pipeline with such inputs.
    pub fn start(&self, planned: PlannedOutput, inputs: InputKinds) -> (OutputStep, OutputTask) {
        let (teller, notice) = Notice::new();
        let through = planned.output.queue().under(self.policy.kind, inputs);
        let is_kept = through != Queue::None;
        let started = planned.output.start(&Opening {
            queues: self.queues,
            policy: self.policy,
            successions: self.successions,
            notice,
        });
        let fate = Fate::default();
        let handle = Handle {
            name: Name::of(&planned.metrics, self.policy),
            holds: Holds::of(inputs, through, self.policy.kind),
            holds_positions: inputs.reads,
            teller,
            abort: started.task.abort_handle(),
            fate: fate.clone(),
            metrics: Arc::clone(&planned.metrics),
        };
        let task = OutputTask {
            task: started.task,
            queue: is_kept.then(|| handle.name.path.clone()),
            handle,
        };
        let step = OutputStep {
            encoder: started.encoder,
            metrics: planned.metrics,
            fate,
        };
        (step, task)
    }
}

/// The task of an output.
pub struct OutputTask {
    pub task: JoinHandle<()>,
    pub handle: Handle,
    /// The folder of its queue on disk, if it has one.
    pub queue: Option<PathBuf>,
}

/// What is known of an output, and how it is told something, wherever its task is waited for.
#[derive(Clone)]
pub struct Handle {
    pub name: Name,
    pub holds: Holds,
    /// Whether something of what it gets is read from positions, which wait for it.
    pub holds_positions: bool,
    pub teller: watch::Sender<Leave>,
    pub abort: AbortHandle,
    pub fate: Fate,
    pub metrics: Arc<PluginMetrics>,
}

/// What an output is called: which plugin it is, and where its queue on disk would lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub plugin: &'static str,
    pub path: PathBuf,
}

impl Name {
    pub fn of(metrics: &PluginMetrics, policy: &Policy) -> Self {
        Self {
            plugin: metrics.name,
            path: policy.folder_of(&metrics.id),
        }
    }

    /// Those of the outputs of a pipeline.
    pub fn all_of(compiled: &Compiled, policy: &Policy) -> Vec<Self> {
        let mut names = Vec::new();
        Step::each(&compiled.outputs, &mut |planned| {
            names.push(Self::of(&planned.metrics, policy));
        });
        names
    }

    fn is_like(&self, other: &Self) -> bool {
        self.plugin == other.plugin && self.path.parent() == other.path.parent()
    }
}

/// What an output has in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// What lies on disk as well: nothing has to wait for its end.
    Kept,
    /// What would be read again, or can still go to disk.
    Reread,
    /// What nobody could send again.
    Pushed,
}

impl Holds {
    /// Of an output of a pipeline with such inputs, whose documents go so through its queue on disk.
    pub fn of(inputs: InputKinds, through: Queue, kind: Kind) -> Self {
        let is_kept = through != Queue::None;
        let keeps_all = is_kept && kind == Kind::Persisted;
        match inputs {
            InputKinds { pushed: true, .. } if !is_kept => Self::Pushed,
            InputKinds { private: true, .. } if !keeps_all => Self::Pushed,
            InputKinds {
                pushed: true,
                reads: false,
                ..
            } if through == Queue::All => Self::Kept,
            _ => Self::Reread,
        }
    }
}

impl Handle {
    pub fn tell(&self, leave: Leave) {
        self.teller.send_replace(leave);
    }

    /// Nobody wants the output any more: what it cannot get rid of in a short time is given up, and counted. Else positions would
    /// wait for it for ever.
    fn dismiss(&self) {
        if self.fate.is_sealed() {
            return;
        }
        let this = self.clone();
        let lost = this.metrics.counter(DOCUMENTS_LOST);
        let before = lost.value();
        self.fate.seal();
        self.tell(Leave::Succeeded);
        tokio::spawn(async move {
            this.ends_within(&Deadline::within_time(limits::DISMISSED_OUTPUT_WAIT))
                .await;
            this.tell(Leave::Now);
            this.ends_within(&Deadline::within_time(limits::OUTPUT_END_WAIT))
                .await;
            this.abort.abort();
            let given_up = lost.value() - before;
            if 0 < given_up {
                tracing::warn!(
                    "the output {} is not in the new configuration, and nobody took what it had: {given_up} events are given up \
                     (`documents_lost`)",
                    this.metrics.id
                );
            }
        });
    }

    async fn ends_within(&self, deadline: &Deadline) {
        let ends = async {
            while !self.abort.is_finished() {
                tokio::time::sleep(limits::OUTPUT_LOOK_INTERVAL).await;
            }
        };
        deadline.within(ends).await.unwrap_or(());
    }
}

/// Has outputs of earlier configurations go on under the names of those of the new one; those that have no place there are
/// dismissed.
pub fn arrange(old: &mut [&mut Handle], new: &[Name], successions: &Successions) {
    let is_old = |name: &Name, old: &[&mut Handle]| old.iter().any(|handle| handle.name == *name);
    let mut free: Vec<&Name> = new.iter().filter(|name| !is_old(name, old)).collect();
    let mut renamed: Vec<(Name, Option<Name>)> = Vec::new();
    for handle in old.iter_mut() {
        let name = handle.name.clone();
        if new.contains(&name) {
            continue;
        }
        // Two generations of an output have one name, and get one.
        let known = renamed.iter().find(|(before, _)| *before == name);
        let successor = match known {
            Some((_, successor)) => successor.clone(),
            None => {
                let place = free.iter().position(|other| other.is_like(&name));
                let successor = place.map(|place| free.remove(place).clone());
                if let Some(successor) = &successor {
                    successions.rename(&name.path, &successor.path);
                }
                renamed.push((name, successor.clone()));
                successor
            }
        };
        match successor {
            Some(successor) => handle.name = successor,
            None if handle.holds_positions => handle.dismiss(),
            // It goes on trying: nobody could send again what it has, and nobody waits for it.
            None => {}
        }
    }
}
