//! Groups: captures, atomic groups, look-around, back references; and what `explain` calls a piece.

use super::{Emitter, Follow, slot_start, too_many};
use crate::error::Error;
use crate::grok::first::First;
use crate::grok::program::{Op, Piece, UNLIMITED, UNTOLD};
use crate::grok::tree::{Direction, Look, Node, Repeat};
use crate::grok::written::written;

impl Emitter<'_> {
    pub(super) fn atomic(&mut self, body: &Node) -> Result<(), Error> {
        let inside = Follow {
            first: First::ALL,
            sure: true,
        };
        if self.is_optimised()
            && let Node::Repeat(repeat) = body
            && let Some(class) = repeat.body.as_class()
        {
            return self.class_run(&class, repeat, &inside);
        }
        let register = self.register()?;
        self.push(Op::Mark(register))?;
        self.node(body, &inside)?;
        self.push(Op::Cut(register)).map(|_| ())
    }

    pub(super) fn capture(
        &mut self,
        slot: usize,
        body: &Node,
        follow: &Follow,
    ) -> Result<(), Error> {
        let start = self.push(Op::Save(slot_start(slot)))?;
        self.node(body, follow)?;
        let slot = slot_start(slot);
        let fused = match self.program.ops.last() {
            _ if !self.is_optimised() || self.here() != start + 2 => None,
            Some(Op::Run {
                set,
                min,
                max: UNLIMITED,
            }) => Some(Op::CapturedRun {
                set: *set,
                min: *min,
                slot,
            }),
            Some(Op::Token {
                token,
                gate,
                parser,
                text,
            }) => Some(Op::CapturedToken {
                token: *token,
                gate: *gate,
                slot,
                parser: *parser,
                text: *text,
            }),
            _ => None,
        };
        if let Some(fused) = fused {
            self.program.ops.truncate(start as usize);
            self.program.origins.truncate(start as usize);
            return self.push(fused).map(|_| ());
        }
        self.push(Op::Save(slot + 1)).map(|_| ())
    }

    pub(super) fn look(&mut self, look: &Look) -> Result<(), Error> {
        let ahead = look.direction == Direction::Ahead;
        if let Some(class) = look.body.as_class() {
            let set = self.set(&class)?;
            return self
                .push(Op::Beside {
                    set,
                    ahead,
                    negative: look.negative,
                })
                .map(|_| ());
        }
        let register = self.register()?;
        if look.negative {
            let start = self.push(Op::Unless {
                register,
                otherwise: 0,
            })?;
            self.inside_look(look)?;
            self.push(Op::Refuse(register))?;
            let otherwise = self.here();
            self.program.ops[start as usize] = Op::Unless {
                register,
                otherwise,
            };
            return Ok(());
        }
        self.push(Op::Mark(register))?;
        if self.is_optimised() {
            self.inside_look(look)?;
            return self.push(Op::Return(register)).map(|_| ());
        }
        // The last way is to fail, so that an explanation sees it when all others did.
        let split = self.split(&First::ALL, &First::ALL)?;
        self.inside_look(look)?;
        self.push(Op::Return(register))?;
        let jump = self.push(Op::Jump(0))?;
        let refusal = self.push(Op::Refuse(register))?;
        self.aim(split, split + 1, refusal);
        self.program.ops[jump as usize] = Op::Jump(refusal + 1);
        Ok(())
    }

    /// What fails inside is not told: the look may hold all the same, or because of it.
    fn inside_look(&mut self, look: &Look) -> Result<(), Error> {
        let piece = self.piece;
        if !self.is_optimised() {
            self.piece = Some(UNTOLD);
        }
        match look.direction {
            Direction::Ahead => {
                let follow = Follow {
                    first: First::ALL,
                    sure: true,
                };
                self.node(&look.body, &follow)?;
            }
            Direction::Behind => self.behind(&look.body)?,
        }
        self.piece = piece;
        Ok(())
    }

    /// Each alternative of a look-behind goes back by its own width.
    pub(super) fn behind(&mut self, body: &Node) -> Result<(), Error> {
        let with_step = |node: &Node| (node.fixed_width().unwrap_or(0), node.clone());
        let alternatives = match body {
            Node::Alternate(nodes) => nodes.iter().map(with_step).collect(),
            node => vec![with_step(node)],
        };
        let mut jumps = Vec::new();
        let count = alternatives.len();
        for (index, (width, node)) in alternatives.into_iter().enumerate() {
            // A look behind says nothing of the next byte, so the choice has no guards.
            let split = match index + 1 < count {
                true => Some(self.split(&First::ALL, &First::ALL)?),
                false => None,
            };
            self.push(Op::StepBack(
                u32::try_from(width).map_err(|_| too_many("characters"))?,
            ))?;
            self.node(
                &node,
                &Follow {
                    first: First::ALL,
                    sure: true,
                },
            )?;
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

    pub(super) fn back(&mut self, name: &str) -> Result<(), Error> {
        self.program.back_reference = Some(name.to_owned());
        let slots: Vec<u32> = (0_u32..)
            .zip(self.captures)
            .filter(|(_, capture)| capture.field == name)
            .map(|(slot, _)| slot)
            .collect();
        self.push(Op::Back(slots.into_boxed_slice())).map(|_| ())
    }

    /// Names the piece for `explain`, if the node is one and lies in none.
    pub(super) fn name_piece(&mut self, node: &Node) -> Result<(), Error> {
        if self.piece.is_some() || self.is_optimised() || !is_piece(node) {
            return Ok(());
        }
        let (name, weight) = match node {
            Node::Literal(text) => (format!("{:?}", String::from_utf8_lossy(text)), text.len()),
            node => {
                let weight = usize::from(!is_any_text(node));
                (written(node, self.captures), weight)
            }
        };
        let node = std::ptr::from_ref(node);
        let register = match self.piece_registers.get(&node) {
            Some(register) => *register,
            None => self.register()?,
        };
        self.piece_registers.insert(node, register);
        self.program.pieces.push(Piece {
            name,
            register,
            weight,
        });
        self.piece = u32::try_from(self.program.pieces.len()).ok();
        Ok(())
    }
}

/// Whether it is a run of any text, such as `%{DATA}`, which tells nothing of a line.
fn is_any_text(piece: &Node) -> bool {
    match piece {
        Node::Capture { body, .. } | Node::Named { body, .. } => is_any_text(body),
        Node::Repeat(Repeat { body, .. }) => {
            body.as_class().is_some_and(|class| class.is_any_text())
        }
        _ => false,
    }
}

/// Whether the node is told as a whole: a reference without captures inside, a text, a set or a run of it, a condition.
fn is_piece(node: &Node) -> bool {
    match node {
        Node::Capture { body, .. } => matches!(**body, Node::Named { .. }) && is_piece(body),
        Node::Named { body, .. } => !body.has_captures(),
        Node::Repeat(Repeat { body, .. }) => body.as_class().is_some(),
        Node::Literal(_) | Node::Class(_) | Node::Assert(_) | Node::Look(_) | Node::Back { .. } => {
            true
        }
        Node::Empty | Node::Concat(_) | Node::Alternate(_) | Node::Atomic(_) => false,
    }
}
