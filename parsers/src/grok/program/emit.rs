//! The compiler from the tree to operations. Each piece is compiled with what follows it, so that it
//! can tell whether a choice is open at all.

mod groups;
mod loops;

use std::collections::HashMap;
use std::sync::Arc;

use super::join::join;
use super::{Address, GuardIndex, Level, Needle, Op, Program, Set, SetIndex};
use crate::error::Error;
use crate::grok::Capture;
use crate::grok::class::Class;
use crate::grok::first::{First, first};
use crate::grok::token::Token;
use crate::grok::tree::{Node, Repeat};

/// Counted repetitions are unrolled; this bounds memory. The longest published pattern needs 6 000.
const OPS_MAX: usize = 100_000;

/// What comes after a piece.
#[derive(Clone, Copy)]
struct Follow {
    first: First,
    /// What comes after cannot fail, so the first way is the way.
    sure: bool,
}

impl Program {
    /// Compiles a tree; `captures` gives the back references their slots.
    pub fn compile(tree: &Node, captures: &[Capture], level: Level) -> Result<Self, Error> {
        let follow = Follow {
            first: First::ALL,
            sure: true,
        };
        let mut emitter = Emitter::new(tree, captures, level);
        if !level.is_optimised() {
            // Every place is tried, so that every failure is seen.
            emitter.program.first = First::ALL;
            emitter.program.required = None;
            emitter.program.passed = Some(emitter.register()?);
        }
        match level {
            Level::Plain => emitter.node(tree, &follow)?,
            Level::Optimised => emitter.node(&join(tree, false), &follow)?,
            Level::Scanner => emitter.node(&join(tree, true), &follow)?,
        }
        emitter.push(Op::Match)?;
        emitter.program.leads = super::start::leads(&emitter.program.ops);
        if let [token] = emitter.program.leads[..] {
            emitter.program.sign = token.sign();
        }
        if level.is_optimised() && !super::start::has_back(tree) {
            emitter.program.gates = super::gates::place(&mut emitter.program.ops);
        }
        if !emitter.program.undoes_spans {
            emitter.program.tail = super::gates::tail(&emitter.program.ops);
        }
        super::gates::add_texts(&mut emitter.program.ops);
        Ok(emitter.program)
    }
}

struct Emitter<'a> {
    program: Program,
    level: Level,
    captures: &'a [Capture],
    /// Unbounded loops around the piece.
    loops: usize,
    /// The piece of the expression, as `explain` names it.
    piece: Option<u32>,
    /// Of each node that is a piece. All rounds of a repetition are compiled from one node.
    piece_registers: HashMap<*const Node, u16>,
    set_indexes: HashMap<Arc<Class>, SetIndex>,
    guard_indexes: HashMap<First, GuardIndex>,
}

impl<'a> Emitter<'a> {
    fn new(tree: &Node, captures: &'a [Capture], level: Level) -> Self {
        Self {
            program: Program {
                ops: Vec::new(),
                sets: Vec::new(),
                guards: Vec::new(),
                finders: Vec::new(),
                registers: 0,
                first: first(tree, &First::ALL),
                start: super::start::start(tree),
                leads: Vec::new(),
                sign: None,
                gates: Vec::new(),
                tail: None,
                undoes_spans: !level.is_optimised()
                    || super::start::has_back(tree)
                    || super::start::repeats_captures(tree),
                required: super::start::required(tree).map(Needle::new),
                open_choice: None,
                has_open_run: false,
                back_reference: None,
                any_runs: 0,
                origins: Vec::new(),
                pieces: Vec::new(),
                passed: None,
            },
            level,
            captures,
            loops: 0,
            piece: None,
            piece_registers: HashMap::new(),
            set_indexes: HashMap::new(),
            guard_indexes: HashMap::new(),
        }
    }
}

impl Emitter<'_> {
    fn push(&mut self, op: Op) -> Result<Address, Error> {
        if self.program.ops.len() == OPS_MAX {
            return Err(Error::new(
                "the expression is too large; use smaller counts in {...}",
            ));
        }
        self.program.ops.push(op);
        self.program.origins.push(self.piece.unwrap_or(0));
        Ok(self.here() - 1)
    }

    fn here(&self) -> Address {
        Address::try_from(self.program.ops.len()).expect("OPS_MAX fits")
    }

    fn is_optimised(&self) -> bool {
        self.level.is_optimised()
    }

    fn node(&mut self, node: &Node, follow: &Follow) -> Result<(), Error> {
        let outer = self.piece;
        self.name_piece(node)?;
        match node {
            Node::Empty => {}
            Node::Literal(bytes) if self.is_optimised() => {
                self.push(Op::text(bytes))?;
            }
            // Byte by byte, so that an explanation tells how much of it was there.
            Node::Literal(bytes) => {
                for byte in bytes {
                    self.push(Op::Literal([*byte].into()))?;
                }
            }
            Node::Class(class) => {
                let set = self.set(class)?;
                self.push(Op::One(set))?;
            }
            Node::Assert(assert) => {
                self.push(Op::Assert(*assert))?;
            }
            Node::Look(look) => self.look(look)?,
            Node::Concat(nodes) => self.concat(nodes, follow)?,
            Node::Alternate(nodes) => self.alternate(nodes, follow)?,
            Node::Repeat(repeat) => self.repeat(repeat, follow)?,
            Node::Atomic(body) if self.is_optimised() && body.is_choiceless() => {
                self.node(body, follow)?
            }
            Node::Atomic(body) => self.atomic(body)?,
            Node::Capture { slot, body } => self.capture(*slot, body, follow)?,
            Node::Named { name, body } => match self.token(name, body, follow) {
                Some(token) => {
                    self.push(Op::token(token))?;
                }
                None => self.node(body, follow)?,
            },
            Node::Back { name } => self.back(name)?,
        }
        if outer.is_none()
            && let Some(piece) = self.piece
        {
            self.push(Op::Passed(piece))?;
        }
        self.piece = outer;
        Ok(())
    }

    fn token(&self, name: &str, body: &Node, follow: &Follow) -> Option<Token> {
        match self.level {
            Level::Scanner => Token::known(name, body, &follow.first),
            Level::Optimised | Level::Plain => None,
        }
    }

    /// What comes after each node of a sequence, in the sequence's order.
    fn follows(nodes: &[Node], follow: &Follow) -> Vec<Follow> {
        let mut follows = Vec::with_capacity(nodes.len());
        let mut next = *follow;
        for node in nodes.iter().rev() {
            follows.push(next);
            next = Follow {
                first: first(node, &next.first),
                sure: next.sure && cannot_fail(node),
            };
        }
        follows.reverse();
        follows
    }

    fn concat(&mut self, nodes: &[Node], follow: &Follow) -> Result<(), Error> {
        let follows = Self::follows(nodes, follow);
        let mut index = 0;
        while let (Some(node), Some(follow)) = (nodes.get(index), follows.get(index)) {
            match nodes.get(index + 1) {
                Some(Node::Literal(text)) if self.is_optimised() && self.search(node, text)? => {}
                _ => self.node(node, follow)?,
            }
            index += 1;
        }
        Ok(())
    }

    /// `.*` or `.*?` before a text: looks for the text. The text itself is matched again, which is cheap.
    fn search(&mut self, node: &Node, text: &[u8]) -> Result<bool, Error> {
        if let Node::Capture { slot, body } = node {
            let start = self.push(Op::Save(slot_start(*slot)))?;
            if self.search(body, text)? {
                self.push(Op::Save(slot_start(*slot) + 1))?;
                return Ok(true);
            }
            self.program.ops.truncate(start as usize);
            self.program.origins.truncate(start as usize);
            return Ok(false);
        }
        if let Node::Named { body, .. } = node {
            return self.search(body, text);
        }
        let Node::Repeat(Repeat {
            body,
            min,
            max: None,
            lazy,
        }) = node
        else {
            return Ok(false);
        };
        let is_any = body.as_class().is_some_and(|class| *class == Class::any());
        if !is_any || 1 < *min {
            return Ok(false);
        }
        self.note_open_choice();
        self.program.has_open_run = true;
        let finder = u16::try_from(self.program.finders.len()).map_err(|_| too_many("searches"))?;
        self.program.finders.push(Needle::new(text));
        self.push(match lazy {
            true => Op::FindNext { finder, min: *min },
            false => Op::FindLast { finder, min: *min },
        })?;
        Ok(true)
    }

    fn alternate(&mut self, nodes: &[Node], follow: &Follow) -> Result<(), Error> {
        let mut rest = First::NONE;
        let mut guards = Vec::with_capacity(nodes.len());
        for node in nodes.iter().rev() {
            let own = first(node, &follow.first);
            guards.push((own, rest));
            rest = rest.union(&own);
        }
        let mut jumps = Vec::new();
        let mut guards = guards.into_iter().rev();
        for (index, node) in nodes.iter().enumerate() {
            let (own, rest) = guards.next().expect("one for each node");
            let split = match index + 1 < nodes.len() {
                true => Some(self.split(&own, &rest)?),
                false => None,
            };
            self.node(node, follow)?;
            if let Some(split) = split {
                jumps.push(self.push(Op::Jump(0))?);
                let next = self.here();
                self.aim(split, split + 1, next);
            }
        }
        let end = self.here();
        for jump in jumps {
            self.program.ops[jump as usize] = Op::Jump(end);
        }
        Ok(())
    }

    /// A choice whose addresses come later.
    fn split(&mut self, first: &First, second: &First) -> Result<Address, Error> {
        if !first.is_disjoint(second) {
            self.note_open_choice();
        }
        let (first_guard, second_guard) = (self.guard(first)?, self.guard(second)?);
        self.push(Op::Split {
            first: 0,
            second: 0,
            first_guard,
            second_guard,
        })
    }

    fn aim(&mut self, split: Address, to_first: Address, to_second: Address) {
        if let Some(Op::Split { first, second, .. }) = self.program.ops.get_mut(split as usize) {
            *first = to_first;
            *second = to_second;
        }
    }

    fn guard(&mut self, first: &First) -> Result<GuardIndex, Error> {
        let all = First::ALL;
        let first = if self.is_optimised() { first } else { &all };
        if let Some(index) = self.guard_indexes.get(first) {
            return Ok(*index);
        }
        let index =
            GuardIndex::try_from(self.program.guards.len()).map_err(|_| too_many("choices"))?;
        self.program.guards.push(*first);
        self.guard_indexes.insert(*first, index);
        Ok(index)
    }

    fn set(&mut self, class: &Arc<Class>) -> Result<SetIndex, Error> {
        if let Some(index) = self.set_indexes.get(class) {
            return Ok(*index);
        }
        let index =
            SetIndex::try_from(self.program.sets.len()).map_err(|_| too_many("character sets"))?;
        self.program.sets.push(Set::new(class.clone()));
        self.set_indexes.insert(class.clone(), index);
        Ok(index)
    }

    fn register(&mut self) -> Result<u16, Error> {
        let register = u16::try_from(self.program.registers).map_err(|_| too_many("groups"))?;
        self.program.registers += 1;
        Ok(register)
    }
}

/// The index of a span's start; its end is the next one.
fn slot_start(slot: usize) -> u32 {
    u32::try_from(2 * slot).expect("fewer captures than references, which are bounded")
}

fn too_many(what: &str) -> Error {
    Error::new(format!("the expression is too large: too many {what}"))
}

/// Whether the node matches everywhere.
fn cannot_fail(node: &Node) -> bool {
    match node {
        Node::Empty => true,
        Node::Repeat(repeat) => repeat.min == 0,
        Node::Concat(nodes) => nodes.iter().all(cannot_fail),
        Node::Alternate(nodes) => nodes.iter().any(cannot_fail),
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
            cannot_fail(body)
        }
        Node::Literal(bytes) => bytes.is_empty(),
        Node::Class(_) | Node::Assert(_) | Node::Look(_) | Node::Back { .. } => false,
    }
}
