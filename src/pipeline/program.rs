//! The compiled filter and output sections: steps and branches over selections of a batch's events. A condition splits a
//! selection in two; a dropped event leaves it; an event that a filter made joins it behind the one it was made of.

use std::sync::Arc;
use std::time::Instant;

use crate::event::copies::Order;
use crate::event::{Batch, EventId};
use crate::filters::{Filter, Outcome};
use crate::metrics::PluginMetrics;
use crate::outputs::Encoder;
use crate::pipeline::condition::Condition;
use crate::pipeline::decoration::Decoration;
use crate::queue::ack::Fate;

/// One statement of a section.
pub enum Step<P> {
    Plugin(P),
    If {
        branches: Vec<(Condition, Vec<Step<P>>)>,
        otherwise: Vec<Step<P>>,
    },
}

impl<P> Step<P> {
    /// Shows every plugin of the steps.
    pub fn each<'a>(steps: &'a [Self], show: &mut impl FnMut(&'a P)) {
        for step in steps {
            match step {
                Self::Plugin(plugin) => show(plugin),
                Self::If {
                    branches,
                    otherwise,
                } => {
                    branches
                        .iter()
                        .for_each(|(_, steps)| Self::each(steps, show));
                    Self::each(otherwise, show);
                }
            }
        }
    }

    /// The same steps with each plugin changed by `change`.
    pub fn map<Q>(steps: &[Self], change: &mut impl FnMut(&P) -> Q) -> Vec<Step<Q>> {
        let mut one = |step: &Self| match step {
            Self::Plugin(plugin) => Step::Plugin(change(plugin)),
            Self::If {
                branches,
                otherwise,
            } => Step::If {
                branches: branches
                    .iter()
                    .map(|(condition, steps)| (condition.clone(), Self::map(steps, change)))
                    .collect(),
                otherwise: Self::map(otherwise, change),
            },
        };
        steps.iter().map(&mut one).collect()
    }

    /// The same steps, each plugin turned into another thing.
    pub fn turn<Q>(steps: Vec<Self>, turn: &mut impl FnMut(P) -> Q) -> Vec<Step<Q>> {
        let mut turned = Vec::with_capacity(steps.len());
        for step in steps {
            turned.push(match step {
                Self::Plugin(plugin) => Step::Plugin(turn(plugin)),
                Self::If {
                    branches,
                    otherwise,
                } => Step::If {
                    branches: branches
                        .into_iter()
                        .map(|(condition, steps)| (condition, Self::turn(steps, turn)))
                        .collect(),
                    otherwise: Self::turn(otherwise, turn),
                },
            });
        }
        turned
    }
}

/// What a plugin of a section does with the events selected for it.
pub trait Run {
    fn run(&mut self, batch: &mut Batch, selected: &mut Vec<EventId>);
}

/// Runs the steps of a section over the selected events; afterwards `selected` holds those that are still in the flow.
pub fn run<P: Run>(steps: &mut [Step<P>], batch: &mut Batch, selected: &mut Vec<EventId>) {
    for step in steps {
        if selected.is_empty() {
            return;
        }
        match step {
            Step::Plugin(plugin) => plugin.run(batch, selected),
            Step::If {
                branches,
                otherwise,
            } => run_branches(branches, otherwise, batch, selected),
        }
    }
}

fn run_branches<P: Run>(
    branches: &mut [(Condition, Vec<Step<P>>)],
    otherwise: &mut [Step<P>],
    batch: &mut Batch,
    selected: &mut Vec<EventId>,
) {
    let order = Order::of(batch, selected);
    let mut open = std::mem::take(selected);
    let mut through = Vec::with_capacity(open.len());
    for (condition, steps) in branches {
        let (mut taken, left) = open.into_iter().partition(|&id| condition.holds(batch, id));
        open = left;
        run(steps, batch, &mut taken);
        through.append(&mut taken);
    }
    run(otherwise, batch, &mut open);
    through.append(&mut open);
    order.restore(batch, &mut through);
    *selected = through;
}

/// Tells every plugin of a section something, whatever its conditions are.
pub fn tell_each<P>(steps: &mut [Step<P>], tell: &mut impl FnMut(&mut P)) {
    for step in steps {
        match step {
            Step::Plugin(plugin) => tell(plugin),
            Step::If {
                branches,
                otherwise,
            } => {
                for (_, steps) in branches {
                    tell_each(steps, tell);
                }
                tell_each(otherwise, tell);
            }
        }
    }
}

/// The tag of events in a batch that has no room for what a filter makes, see `limits::BATCH_BYTES_MAX`.
const NO_ROOM: &[u8] = b"_batchfull";

/// A filter with its common options and metrics.
pub struct FilterStep {
    pub filter: Box<dyn Filter>,
    pub decoration: Decoration,
    pub metrics: Arc<PluginMetrics>,
    pub outcome: Outcome,
}

impl FilterStep {
    pub fn fork(&self) -> Self {
        Self {
            filter: self.filter.fork(),
            decoration: self.decoration.clone(),
            metrics: Arc::clone(&self.metrics),
            outcome: Outcome::default(),
        }
    }
}

impl Run for FilterStep {
    fn run(&mut self, batch: &mut Batch, selected: &mut Vec<EventId>) {
        let started = Instant::now();
        self.metrics.events_in.add(selected.len() as u64);
        self.outcome.clear();
        self.filter.run(batch, selected, &mut self.outcome);
        if !self.decoration.is_empty() {
            self.decoration.apply(batch, &self.outcome.matched);
        }
        if self.outcome.created.is_empty() {
            selected.retain(|&id| !batch.is_dropped(id));
        } else {
            join(batch, selected, &mut self.outcome.created);
        }
        let refused = batch.take_refused(selected, NO_ROOM);
        if 0 < refused {
            self.metrics.counter("texts_without_room").add(refused);
        }
        self.metrics.events_out.add(selected.len() as u64);
        self.metrics.failed.add(self.outcome.failed);
        self.metrics.worked(started.elapsed());
    }
}

/// Leaves the events out that were dropped, and puts each that was made behind the one it was made of.
fn join(batch: &Batch, selected: &mut Vec<EventId>, created: &mut Vec<EventId>) {
    let mut joined = Vec::with_capacity(selected.len() + created.len());
    let mut created = created.drain(..).peekable();
    for id in selected.drain(..) {
        if !batch.is_dropped(id) {
            joined.push(id);
        }
        while let Some(made) = created.next_if(|&made| batch.origin(made) == Some(id)) {
            joined.push(made);
        }
    }
    joined.extend(created);
    *selected = joined;
}

/// An output's encoder with its metrics. What it sent is counted by the output's task.
pub struct OutputStep {
    pub encoder: Box<dyn Encoder>,
    pub metrics: Arc<PluginMetrics>,
    pub fate: Fate,
}

impl OutputStep {
    pub fn fork(&self) -> Self {
        Self {
            encoder: self.encoder.fork(),
            metrics: Arc::clone(&self.metrics),
            fate: self.fate.clone(),
        }
    }
}

impl Run for OutputStep {
    fn run(&mut self, batch: &mut Batch, selected: &mut Vec<EventId>) {
        let started = Instant::now();
        self.metrics.events_in.add(selected.len() as u64);
        batch.ack.hand_to(&self.fate);
        self.encoder.encode(batch, selected);
        self.metrics.worked(started.elapsed());
    }
}

#[cfg(test)]
mod tests;
