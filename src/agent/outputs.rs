//! The running outputs of a pipeline: their tasks, what they hold, and what is told to them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
use crate::plugin::Options;
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
        let name = Name::of(&planned, self.policy);
        let started = planned.output.start(&Opening {
            queues: self.queues,
            policy: self.policy,
            successions: self.successions,
            notice,
        });
        let fate = Fate::default();
        let handle = Handle {
            name,
            holds: Holds::of(inputs, through, self.policy.kind),
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
    pub teller: watch::Sender<Leave>,
    pub abort: AbortHandle,
    pub fate: Fate,
    pub metrics: Arc<PluginMetrics>,
}

/// What an output is called, and what tells it from others when names shift.
#[derive(Clone, Debug)]
pub struct Name {
    /// Where its queue on disk would lie.
    pub path: PathBuf,
    options: Arc<Options>,
}

impl Name {
    pub fn of(planned: &PlannedOutput, policy: &Policy) -> Self {
        Self {
            path: policy.folder_of(&planned.metrics.id),
            options: Arc::clone(&planned.options),
        }
    }

    /// Those of the outputs of a pipeline.
    pub fn all_of(compiled: &Compiled, policy: &Policy) -> Vec<Self> {
        let mut names = Vec::new();
        Step::each(&compiled.outputs, &mut |planned| {
            names.push(Self::of(planned, policy));
        });
        names
    }

    /// Of one kind and one pipeline.
    fn is_like(&self, other: &Self) -> bool {
        std::ptr::eq(self.options.plugin, other.options.plugin)
            && self.path.parent() == other.path.parent()
    }
}

/// By what an output of a new configuration is taken for one of before, the surest first. An id that the user did not give is a
/// number among those of a kind: it is another's when one is put before it.
const RULES: [fn(&Name, &Name) -> bool; 4] = [
    |old, new| old.path == new.path && old.options.is_named(),
    |old, new| old.options.is_same_by_another_id(&new.options),
    |old, new| old.path == new.path,
    |old, new| !(old.options.is_named() && new.options.is_named()),
];

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
    /// Tells it so, unless it was told something more urgent.
    pub fn tell(&self, leave: Leave) {
        self.teller.send_if_modified(|told| {
            let is_news = *told < leave;
            *told = leave.max(*told);
            is_news
        });
    }

    /// Nobody wants the output any more. Once it has got rid of nothing for some time what it still has is given up, and counted:
    /// positions do not wait for it for ever.
    fn dismiss(&self) {
        if self.fate.is_sealed() {
            return;
        }
        self.fate.seal();
        self.tell(Leave::Replaced);
        tokio::spawn(self.clone().wait_in_vain());
    }

    async fn wait_in_vain(self) {
        let lost = self.metrics.counter(DOCUMENTS_LOST);
        let before = lost.value();
        loop {
            let taken = self.metrics.events_out.value();
            let wait = Deadline::within_time(limits::DISMISSED_OUTPUT_WAIT);
            self.ends_within(&wait).await;
            if !self.fate.is_sealed() {
                // It is wanted again.
                return;
            }
            if taken == self.metrics.events_out.value() || self.abort.is_finished() {
                break;
            }
        }
        self.end_by(&Deadline::within_time(Duration::ZERO)).await;
        let given_up = lost.value() - before;
        if 0 < given_up {
            tracing::warn!(
                "the output {} is not in the new configuration, and nobody took what it had: {given_up} events are given up \
                 (`documents_lost`)",
                self.metrics.id
            );
        }
    }

    /// Has it end by a deadline, and soon after that however far it is.
    pub async fn end_by(&self, deadline: &Deadline) {
        self.ends_within(deadline).await;
        self.tell(Leave::Now);
        let moment = || Deadline::within_time(limits::OUTPUT_END_WAIT);
        self.ends_within(&moment()).await;
        self.abort.abort();
        // What it counts at its end is counted by then.
        self.ends_within(&moment()).await;
    }

    async fn ends_within(&self, deadline: &Deadline) {
        deadline.within(self.ended()).await.unwrap_or(());
    }

    /// Returns once its task has ended, whoever waits for that.
    pub async fn ended(&self) {
        while !self.abort.is_finished() {
            tokio::time::sleep(limits::OUTPUT_LOOK_INTERVAL).await;
        }
    }
}

/// Has outputs of earlier configurations go on under the names of those of the new one; those that have no place there are
/// dismissed. The newest of the old come last.
pub fn arrange(old: &mut [&mut Handle], new: &[Name], successions: &Successions) {
    // Generations of an output have one name: the newest tells what it is like.
    let mut names: Vec<Name> = Vec::new();
    for handle in old.iter().rev() {
        if !names.iter().any(|name| name.path == handle.name.path) {
            names.push(handle.name.clone());
        }
    }
    names.reverse();
    let successors = pairs(&names, new);
    let paths = names.iter().zip(&successors);
    let paths: Vec<_> = paths
        .map(|(name, successor)| (name.path.clone(), successor.map(|name| name.path.clone())))
        .collect();
    successions.rename(&paths);
    for handle in old.iter_mut() {
        let place = names
            .iter()
            .position(|name| name.path == handle.name.path && name.is_like(&handle.name));
        match place.and_then(|place| successors.get(place).copied().flatten()) {
            Some(successor) => {
                handle.name = successor.clone();
                // What comes to one that has ended is given up all the same.
                if !handle.abort.is_finished() {
                    handle.fate.revoke();
                }
            }
            None => handle.dismiss(),
        }
    }
}

/// The new output that stands for each old one, if there is one.
fn pairs<'a>(old: &[Name], new: &'a [Name]) -> Vec<Option<&'a Name>> {
    let mut successors = vec![None; old.len()];
    let mut free: Vec<&Name> = new.iter().collect();
    for rule in RULES {
        for (name, successor) in old.iter().zip(&mut successors) {
            let fits = |other: &&Name| name.is_like(other) && rule(name, other);
            if successor.is_none()
                && let Some(place) = free.iter().position(fits)
            {
                *successor = Some(free.remove(place));
            }
        }
    }
    successors
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::{Name, pairs};
    use crate::lang::source::Span;
    use crate::outputs::{elasticsearch, file};
    use crate::plugin::{Options, Plugin, Setting};

    fn name(plugin: &'static Plugin, id: &str, target: &str) -> Name {
        let mut options = Options::bare(plugin, id);
        let target = Setting::Text(target.to_owned());
        options.settings.push(("target", target, Span::default()));
        if options.is_named() {
            let id = Setting::Text(id.to_owned());
            options.settings.push(("id", id, Span::default()));
        }
        Name {
            path: PathBuf::from("main").join(id),
            options: Arc::new(options),
        }
    }

    fn es(id: &str, target: &str) -> Name {
        let id = match id.parse::<u32>() {
            Ok(_) => format!("output_elasticsearch_{id}"),
            Err(_) => id.to_owned(),
        };
        name(elasticsearch::PLUGIN.plugin, &id, target)
    }

    /// Which of the new ones each old one goes on as.
    #[track_caller]
    fn check(old: &[Name], new: &[Name], want: &[Option<usize>]) {
        let found = pairs(old, new);
        let place = |found: &Name| new.iter().position(|name| std::ptr::eq(name, found));
        let found: Vec<_> = found.iter().map(|found| found.and_then(place)).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn an_output_is_known_again_by_id_options_and_place() {
        check(&[es("1", "a")], &[es("1", "a")], &[Some(0)]);
        // Another address; an id; both, and neither.
        check(&[es("1", "a")], &[es("1", "b")], &[Some(0)]);
        check(&[es("1", "a")], &[es("named", "a")], &[Some(0)]);
        check(&[es("1", "a")], &[es("named", "b")], &[Some(0)]);
        check(&[es("one", "a")], &[es("two", "b")], &[None]);
        // One is put before it, or taken away.
        check(&[es("1", "a")], &[es("1", "b"), es("2", "a")], &[Some(1)]);
        let two = [es("1", "a"), es("2", "b")];
        check(&two, &[es("1", "b")], &[None, Some(0)]);
        check(&two, &[es("1", "b"), es("2", "a")], &[Some(1), Some(0)]);
        let two = [es("one", "a"), es("two", "b")];
        check(
            &two,
            &[es("three", "b"), es("four", "a")],
            &[Some(1), Some(0)],
        );
        // What has an id is it, wherever it stands and whatever it has.
        let named = [es("x", "a"), es("y", "b")];
        check(&named, &[es("y", "a"), es("x", "b")], &[Some(1), Some(0)]);
        // Another kind, or another pipeline.
        let file = name(file::PLUGIN.plugin, "x", "a");
        check(&[es("x", "a")], &[file], &[None]);
        let mut other = es("1", "a");
        other.path = PathBuf::from("other/output_elasticsearch_1");
        check(&[es("1", "a")], &[other], &[None]);
    }
}
