//! Repetitions: runs of one character in one operation, counted groups unrolled, loops around the rest.

use std::sync::Arc;

use super::{Emitter, Follow, slot_start};
use crate::error::Error;
use crate::grok::class::Class;
use crate::grok::first::{First, first};
use crate::grok::program::{Address, Level, Op, UNLIMITED};
use crate::grok::tree::{Node, Repeat};

impl Emitter<'_> {
    /// A choice of which the next byte does not tell which way is the right one.
    pub(super) fn note_open_choice(&mut self) {
        if 0 < self.loops && self.program.open_choice.is_none() {
            let reason = "a repeated group can match the same text in more than one way";
            self.program.open_choice = Some(reason.to_owned());
        }
    }

    pub(super) fn repeat(&mut self, repeat: &Repeat, follow: &Follow) -> Result<(), Error> {
        if repeat.max == Some(0) || matches!(*repeat.body, Node::Empty) {
            return Ok(());
        }
        match repeat.body.as_class() {
            Some(class) => self.class_run(&class, repeat, follow),
            None => self.unrolled(repeat, follow),
        }
    }

    pub(super) fn class_run(
        &mut self,
        class: &Arc<Class>,
        repeat: &Repeat,
        follow: &Follow,
    ) -> Result<(), Error> {
        let Repeat { min, max, lazy, .. } = *repeat;
        let set = self.set(class)?;
        let (optimised, max) = (self.is_optimised(), max.unwrap_or(UNLIMITED));
        let is_decided = min == max
            || optimised && (follow.sure || First::of_class(class).is_disjoint(&follow.first));
        let op = if is_decided && optimised && follow.sure && lazy {
            Op::Run { set, min, max: min }
        } else if is_decided {
            Op::Run { set, min, max }
        } else {
            self.note_open_choice();
            self.program.has_open_run |= max == UNLIMITED;
            let guard = self.guard(&follow.first)?;
            match lazy {
                true => Op::Lazy {
                    set,
                    min,
                    max,
                    guard,
                },
                false => Op::Greedy {
                    set,
                    min,
                    max,
                    guard,
                },
            }
        };
        if self.level == Level::Plain && max == UNLIMITED && class.is_any_text() {
            return self.noted(op);
        }
        self.push(op).map(|_| ())
    }

    /// A run of any text, in a span of its own.
    fn noted(&mut self, run: Op) -> Result<(), Error> {
        let slot = self.captures.len() + self.program.any_runs;
        self.program.any_runs += 1;
        self.push(Op::Save(slot_start(slot)))?;
        self.push(run)?;
        self.push(Op::Save(slot_start(slot) + 1))?;
        Ok(())
    }

    /// `X{2,4}` is `XX(X(X)?)?`, `X{2,}` is `XXX*`.
    pub(super) fn unrolled(&mut self, repeat: &Repeat, follow: &Follow) -> Result<(), Error> {
        let Repeat {
            body,
            min,
            max,
            lazy,
        } = repeat;
        let again = again(body, follow);
        for index in 0..*min {
            let before_round = Follow {
                sure: false,
                ..again
            };
            let is_last = index + 1 == *min;
            let next = match is_last {
                true if *max == Some(*min) => follow,
                true => &again,
                false => &before_round,
            };
            let before = self.here();
            self.node(body, next)?;
            if self.here() == before {
                // Nothing, however often; without this a nest of empty repetitions would take ages.
                break;
            }
        }
        let Some(max) = max else {
            return self.star(body, *lazy, follow);
        };
        let mut splits = Vec::new();
        for index in *min..*max {
            splits.push(self.way_in(body, *lazy, follow)?);
            self.node(body, if index + 1 == *max { follow } else { &again })?;
        }
        let end = self.here();
        for split in splits {
            self.aim_loop(split, end, *lazy);
        }
        Ok(())
    }

    /// The choice between a further round and the rest.
    pub(super) fn way_in(
        &mut self,
        body: &Node,
        lazy: bool,
        follow: &Follow,
    ) -> Result<Address, Error> {
        let inside = inside(body, follow);
        match lazy {
            true => self.split(&follow.first, &inside),
            false => self.split(&inside, &follow.first),
        }
    }

    pub(super) fn aim_loop(&mut self, split: Address, end: Address, lazy: bool) {
        match lazy {
            true => self.aim(split, end, split + 1),
            false => self.aim(split, split + 1, end),
        }
    }

    pub(super) fn star(&mut self, body: &Node, lazy: bool, follow: &Follow) -> Result<(), Error> {
        // The choice itself multiplies nothing: it is like a run's, of longer members.
        let split = self.way_in(body, lazy, follow)?;
        self.program.has_open_run |=
            !follow.sure && !inside(body, follow).is_disjoint(&follow.first);
        self.loops += 1;
        let again = again(body, follow);
        let round = if body.is_nullable() {
            Some(self.register()?)
        } else {
            None
        };
        if let Some(register) = round {
            self.push(Op::Round(register))?;
        }
        self.node(body, &again)?;
        let check = match round {
            Some(register) => Some((self.push(Op::NonEmpty { register, exit: 0 })?, register)),
            None => None,
        };
        self.push(Op::Jump(split))?;
        let end = self.here();
        if let Some((check, register)) = check {
            self.program.ops[check as usize] = Op::NonEmpty {
                register,
                exit: end,
            };
        }
        self.aim_loop(split, end, lazy);
        self.loops -= 1;
        Ok(())
    }
}

/// What a further round can begin with, after which there may be more.
fn inside(body: &Node, follow: &Follow) -> First {
    first(body, &first(body, &follow.first).union(&follow.first))
}

/// What follows a round after which there may be more: either another one or the rest. Another round may
/// fail, but then the rest is still there.
fn again(body: &Node, follow: &Follow) -> Follow {
    let first = first(body, &follow.first).union(&follow.first);
    Follow {
        first,
        sure: follow.sure,
    }
}
