//! The yardstick: backtracking as the book has it, straight from the tree, one call for each piece, with what comes
//! behind it as an argument. It shares nothing with the engines but the tree and the decoding of characters.

use crate::grok::Capture;
use crate::grok::class::{decode, decode_back, is_word};
use crate::grok::machine::UNSET;
use crate::grok::tree::{Assert, Direction, Look, Node, Repeat};

/// Calls lie this deep in each other at most; a test's thread has 2 MiB of stack.
const DEPTH_MAX: usize = 1200;

/// The spans of the leftmost match, if there is one; nothing when it takes too long or goes too deep.
pub fn search(
    tree: &Node,
    captures: &[Capture],
    line: &[u8],
    steps_max: u64,
) -> Option<Option<Vec<usize>>> {
    let mut walk = Walk {
        line,
        captures,
        spans: vec![UNSET; 2 * captures.len()],
        steps_left: steps_max,
        depth: 0,
    };
    let mut at = 0;
    loop {
        if walk.node(tree, at, &mut |_, _| true) {
            return (walk.steps_left != 0).then_some(Some(walk.spans));
        }
        match decode(line, at) {
            Some((_, length)) if walk.steps_left != 0 => at += length,
            Some(_) => return None,
            None => return (walk.steps_left != 0).then_some(None),
        }
    }
}

struct Walk<'a> {
    line: &'a [u8],
    captures: &'a [Capture],
    spans: Vec<usize>,
    steps_left: u64,
    depth: usize,
}

/// What comes behind a piece: whether the whole succeeds from a place on.
type Next<'n, 'a> = &'n mut dyn FnMut(&mut Walk<'a>, usize) -> bool;

impl<'a> Walk<'a> {
    fn node(&mut self, node: &Node, at: usize, next: Next<'_, 'a>) -> bool {
        if self.depth == DEPTH_MAX {
            self.steps_left = 0;
        }
        if self.steps_left == 0 {
            return false;
        }
        self.steps_left -= 1;
        self.depth += 1;
        let found = self.piece(node, at, next);
        self.depth -= 1;
        found
    }

    fn piece(&mut self, node: &Node, at: usize, next: Next<'_, 'a>) -> bool {
        match node {
            Node::Empty => next(self, at),
            Node::Literal(text) => self.line[at..].starts_with(text) && next(self, at + text.len()),
            Node::Class(class) => match decode(self.line, at) {
                Some((code, length)) => class.contains(code) && next(self, at + length),
                None => false,
            },
            Node::Assert(assert) => self.holds(*assert, at) && next(self, at),
            Node::Look(look) => self.look(look, at, next),
            Node::Concat(nodes) => self.concat(nodes, at, next),
            Node::Alternate(nodes) => nodes.iter().any(|node| self.node(node, at, next)),
            Node::Repeat(repeat) => self.repeat(repeat, 0, at, next),
            Node::Atomic(body) => self.atomic(body, at, next),
            Node::Capture { slot, body } => self.capture(*slot, body, at, next),
            Node::Named { body, .. } => self.node(body, at, next),
            Node::Back { name } => match self.back(name, at) {
                Some(end) => next(self, end),
                None => false,
            },
        }
    }

    fn concat(&mut self, nodes: &[Node], at: usize, next: Next<'_, 'a>) -> bool {
        match nodes.split_first() {
            None => next(self, at),
            Some((node, rest)) => self.node(node, at, &mut |walk, at| walk.concat(rest, at, next)),
        }
    }

    /// Rounds below the least number, then the choice between another round and the rest.
    fn repeat(&mut self, repeat: &Repeat, round: u32, at: usize, next: Next<'_, 'a>) -> bool {
        let Repeat {
            body,
            min,
            max,
            lazy,
        } = repeat;
        if *max == Some(round) {
            return next(self, at);
        }
        if round < *min {
            return self.node(body, at, &mut |walk, at| {
                walk.repeat(repeat, round + 1, at, next)
            });
        }
        if *lazy && next(self, at) {
            return true;
        }
        let again = self.node(body, at, &mut |walk, end| {
            // Without a limit, a round that took nothing is the last one.
            match max.is_none() && end == at {
                true => next(walk, end),
                false => walk.repeat(repeat, round + 1, end, next),
            }
        });
        again || !*lazy && next(self, at)
    }

    fn capture(&mut self, slot: usize, body: &Node, at: usize, next: Next<'_, 'a>) -> bool {
        let start_before = std::mem::replace(&mut self.spans[2 * slot], at);
        let found = self.node(body, at, &mut |walk, end| {
            let end_before = std::mem::replace(&mut walk.spans[2 * slot + 1], end);
            let found = next(walk, end);
            if !found {
                walk.spans[2 * slot + 1] = end_before;
            }
            found
        });
        if !found {
            self.spans[2 * slot] = start_before;
        }
        found
    }

    /// The end of the first way to match; it stays with what it captured.
    fn first_end(&mut self, body: &Node, at: usize) -> Option<usize> {
        let mut first = None;
        self.node(body, at, &mut |_, end| {
            first = Some(end);
            true
        });
        first
    }

    fn atomic(&mut self, body: &Node, at: usize, next: Next<'_, 'a>) -> bool {
        let before = self.spans.clone();
        let found = match self.first_end(body, at) {
            Some(end) => next(self, end),
            None => false,
        };
        if !found {
            self.spans = before;
        }
        found
    }

    fn look(&mut self, look: &Look, at: usize, next: Next<'_, 'a>) -> bool {
        let before = self.spans.clone();
        let holds = match look.direction {
            Direction::Ahead => self.first_end(&look.body, at).is_some(),
            Direction::Behind => match &*look.body {
                Node::Alternate(nodes) => nodes.iter().any(|node| self.ends_at(node, at)),
                node => self.ends_at(node, at),
            },
        };
        if look.negative {
            self.spans.clone_from(&before);
        }
        let found = holds != look.negative && next(self, at);
        if !found {
            self.spans = before;
        }
        found
    }

    fn ends_at(&mut self, node: &Node, at: usize) -> bool {
        let mut start = at;
        for _ in 0..node.fixed_width().expect("a look-behind has a width") {
            match decode_back(self.line, start) {
                Some((_, length)) => start -= length,
                None => return false,
            }
        }
        self.first_end(node, start).is_some()
    }

    fn back(&self, name: &str, at: usize) -> Option<usize> {
        let slots = (0..self.captures.len()).rev();
        let mut slots = slots.filter(|slot| self.captures[*slot].field == name);
        slots.find_map(|slot| {
            let text = self
                .line
                .get(self.spans[2 * slot]..self.spans[2 * slot + 1])?;
            self.line[at..].starts_with(text).then_some(at + text.len())
        })
    }

    fn holds(&self, assert: Assert, at: usize) -> bool {
        let (before, rest) = self.line.split_at(at);
        let is_word_at = |found: Option<(u32, usize)>| found.is_some_and(|(code, _)| is_word(code));
        let is_edge = is_word_at(decode_back(self.line, at)) != is_word_at(decode(self.line, at));
        match assert {
            Assert::TextStart => before.is_empty(),
            Assert::TextEnd => rest.is_empty(),
            Assert::TextEndOrNewline => rest.is_empty() || rest == b"\n",
            Assert::LineStart => before.is_empty() || before.ends_with(b"\n") && !rest.is_empty(),
            Assert::LineEnd => rest.is_empty() || rest.starts_with(b"\n"),
            Assert::WordEdge => is_edge,
            Assert::NoWordEdge => !is_edge,
        }
    }
}
