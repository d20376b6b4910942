//! A reload's change of hands: old pipelines are on their way out, and the new ones read on from where they stopped.

use std::sync::Arc;

use crate::agent::behind::{Behind, Stage, Stages};
use crate::agent::deadline::Deadline;
use crate::agent::outputs::{Name, arrange};
use crate::agent::running::Running;
use crate::agent::{Agent, Kept};
use crate::limits;
use crate::pipeline::compile::Compiled;

impl Agent {
    /// Whether some pipeline has too many before it that still hold what they have taken in.
    pub(super) fn has_too_many_behind(&self) -> bool {
        // Of those that still read there is one at most.
        let holds = |earlier: &&Behind| !earlier.stage.is_reading();
        let counts = (0..self.running.len()).map(|place| {
            let of_pipeline = self.behind.iter().filter(|behind| behind.pipeline == place);
            of_pipeline.filter(holds).count()
        });
        counts.max().unwrap_or(0) >= limits::RELOADS_BEHIND_MAX
    }

    /// Has outputs that run take up the names of those to come.
    pub(super) fn arrange_outputs(&mut self, old: &mut [Running], compiled: &[Compiled]) {
        let names = compiled.iter().zip(self.policies());
        let names: Vec<Name> = names
            .flat_map(|(one, policy)| Name::all_of(one, &policy))
            .collect();
        let behind = self
            .behind
            .iter_mut()
            .flat_map(|earlier| &mut earlier.outputs);
        let running = old.iter_mut().flat_map(Running::outputs);
        arrange(
            &mut behind.chain(running).collect::<Vec<_>>(),
            &names,
            &self.successions,
        );
    }

    /// Has the old pipelines end, and the new ones read on; waits a short time for the end, at most until the deadline.
    pub(super) async fn hand_over(
        &mut self,
        old: Vec<Running>,
        deadline: Arc<Deadline>,
        kept: &Kept,
    ) {
        deadline.set(limits::RELOAD_DRAIN_WAIT);
        let mut leaving = Vec::new();
        for (place, running) in old.into_iter().enumerate() {
            let before = stages_of(&self.behind, place);
            let has_earlier = !before.is_empty();
            let (deadline, ending) = (Arc::clone(&deadline), Arc::clone(&self.ending));
            let behind =
                running.give_way(place, before, deadline, ending, Arc::clone(&self.queues));
            leaving.push((behind.stage.clone(), has_earlier));
            self.behind.push(behind);
        }
        self.read_on(kept);
        for (stages, has_earlier) in &mut leaving {
            let end = async {
                stages.reach(Stage::Reading).await;
                // Nobody knows how long it takes until there is none before it.
                if !*has_earlier {
                    stages.end().await;
                }
            };
            deadline.within(end).await.unwrap_or(());
        }
        let waits = |(stages, has_earlier): &(Stages, bool)| *has_earlier && stages.is_reading();
        if leaving.iter().any(waits) {
            tracing::warn!(
                "an earlier configuration has not delivered yet what it has read: files and containers are read as before this \
                 reload until it has, by the filters and outputs of before"
            );
        }
        if leaving.iter().any(|(stages, _)| !stages.has_ended()) {
            tracing::warn!(
                "what was taken in before is not delivered yet: an output is away or slow; it goes on trying"
            );
        }
    }
}

/// How far those are that were before a pipeline.
pub fn stages_of(behind: &[Behind], pipeline: usize) -> Vec<Stages> {
    let of_pipeline = behind.iter().filter(|behind| behind.pipeline == pipeline);
    let stages = of_pipeline.map(|behind| behind.stage.clone());
    stages.filter(|stages| !stages.has_ended()).collect()
}
