//! The tree in the syntax of the `regex` crate. Every set is written out in code points, so that the
//! meaning rests on no flag.

use std::fmt::Write;

use crate::grok::Capture;
use crate::grok::class::Class;
use crate::grok::program::{Level, Program};
use crate::grok::tree::{Assert, Node, Repeat};

pub(super) struct Translation {
    pub expression: String,
    /// For each group of the expression the capture that it stands for.
    pub slots: Vec<Option<usize>>,
    pub checks: Vec<Check>,
    pub has_word_edges: bool,
}

/// A condition to verify on a match; `group` tells where the match met it.
pub(super) enum Check {
    /// The program, a look-around alone, must match at the place.
    Look { group: usize, program: Program },
    /// The program, the body of an atomic group, must end where the group ended.
    Atomic { group: usize, program: Program },
    /// The place must not be the end of the text, unless that is its start: the automaton sees a line behind a last
    /// newline, Oniguruma does not. The group may be in a repetition, since its last place is the furthest one.
    LineStart { group: usize },
}

/// The reason when the tree has no equivalent.
pub(super) fn translate(tree: &Node, captures: &[Capture]) -> Result<Translation, String> {
    let mut translator = Translator {
        captures,
        repeats: 0,
        may_end: true,
        done: Translation {
            expression: String::new(),
            slots: Vec::new(),
            checks: Vec::new(),
            has_word_edges: false,
        },
    };
    translator.node(tree)?;
    Ok(translator.done)
}

struct Translator<'a> {
    captures: &'a [Capture],
    /// Repetitions around the piece that can have several rounds: of these a group holds only the last.
    repeats: usize,
    /// Whether all that stands behind the piece can be empty, so that the text can end there.
    may_end: bool,
    done: Translation,
}

impl Translator<'_> {
    fn write(&mut self, text: &str) {
        self.done.expression.push_str(text);
    }

    fn node(&mut self, node: &Node) -> Result<(), String> {
        match node {
            Node::Empty => self.write("(?:)"),
            Node::Literal(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|_| "a text that is not UTF-8")?;
                // The automaton has it in the place of stray bytes, which are not this text.
                if text.contains(char::REPLACEMENT_CHARACTER) {
                    return Err("it has the character U+FFFD".to_owned());
                }
                self.write(&regex_syntax::escape(text));
            }
            Node::Class(class) => self.class(class),
            Node::Assert(assert) => self.assert(*assert)?,
            Node::Look(_) => self.check(node)?,
            Node::Concat(nodes) => self.sequence(nodes)?,
            Node::Alternate(nodes) => self.alternate(nodes)?,
            Node::Repeat(repeat) => self.repeat(repeat)?,
            Node::Atomic(body) if body.is_choiceless() => self.grouped(body)?,
            Node::Atomic(_) => self.check(node)?,
            Node::Capture { slot, body } => {
                self.done.slots.push(Some(*slot));
                self.write("(");
                self.node(body)?;
                self.write(")");
            }
            Node::Named { body, .. } => self.grouped(body)?,
            Node::Back { name } => return Err(format!("it has the back reference \\k<{name}>")),
        }
        Ok(())
    }

    fn grouped(&mut self, node: &Node) -> Result<(), String> {
        self.write("(?:");
        self.node(node)?;
        self.write(")");
        Ok(())
    }

    fn sequence(&mut self, nodes: &[Node]) -> Result<(), String> {
        let may_end = self.may_end;
        let last = nodes.iter().rposition(|node| !node.is_nullable());
        for (index, node) in nodes.iter().enumerate() {
            self.may_end = may_end && last.is_none_or(|last| last <= index);
            self.grouped(node)?;
        }
        self.may_end = may_end;
        Ok(())
    }

    fn alternate(&mut self, nodes: &[Node]) -> Result<(), String> {
        self.write("(?:");
        for (index, node) in nodes.iter().enumerate() {
            if index != 0 {
                self.write("|");
            }
            self.grouped(node)?;
        }
        self.write(")");
        Ok(())
    }

    fn class(&mut self, class: &Class) {
        if *class == Class::any() {
            return self.write("(?s:.)");
        }
        let mut text = String::from("[");
        for &(low, high) in class.ranges() {
            // Surrogates are no characters; the crate refuses them.
            for (low, high) in [(low, high.min(0xD7FF)), (low.max(0xE000), high)] {
                if low <= high {
                    write!(text, "\\x{{{low:x}}}-\\x{{{high:x}}}").expect("a string takes all");
                }
            }
        }
        match text.len() {
            // The empty set.
            1 => self.write("[^\\x{0}-\\x{10ffff}]"),
            _ => self.write(&(text + "]")),
        }
    }

    fn assert(&mut self, assert: Assert) -> Result<(), String> {
        let text = match assert {
            Assert::LineStart if self.may_end => {
                self.done.slots.push(None);
                let group = self.done.slots.len();
                self.done.checks.push(Check::LineStart { group });
                "((?m:^))"
            }
            Assert::LineStart => "(?m:^)",
            Assert::LineEnd => "(?m:$)",
            Assert::TextStart => "\\A",
            Assert::TextEnd => "\\z",
            Assert::TextEndOrNewline => return Err("it has \\Z".to_owned()),
            Assert::WordEdge => "\\b",
            Assert::NoWordEdge => "\\B",
        };
        self.done.has_word_edges |= matches!(assert, Assert::WordEdge | Assert::NoWordEdge);
        self.write(text);
        Ok(())
    }

    fn repeat(&mut self, repeat: &Repeat) -> Result<(), String> {
        let Repeat {
            body,
            min,
            max,
            lazy,
        } = repeat;
        let is_several = max.is_none_or(|max| 1 < max);
        if is_several && body.is_nullable() {
            return Err("it repeats a group that can be empty".to_owned());
        }
        self.repeats += usize::from(is_several);
        self.grouped(body)?;
        self.repeats -= usize::from(is_several);
        match (min, max) {
            (0, None) => self.write("*"),
            (1, None) => self.write("+"),
            (0, Some(1)) => self.write("?"),
            (min, None) => self.write(&format!("{{{min},}}")),
            (min, Some(max)) => self.write(&format!("{{{min},{max}}}")),
        }
        if *lazy {
            self.write("?");
        }
        Ok(())
    }

    /// Leaves a condition out, with a group in its place that tells where it must be verified.
    fn check(&mut self, node: &Node) -> Result<(), String> {
        if self.repeats != 0 {
            return Err("it has a look-around or an atomic group in a repetition".to_owned());
        }
        if node.has_captures() {
            return Err("it has a capture in a look-around or an atomic group".to_owned());
        }
        self.done.slots.push(None);
        let group = self.done.slots.len();
        self.write("(");
        let (body, is_atomic) = match node {
            Node::Atomic(body) => (&**body, true),
            node => (node, false),
        };
        if is_atomic {
            self.node(body)?;
        }
        self.write(")");
        let program = Program::compile(body, self.captures, Level::Optimised)
            .map_err(|error| error.to_string())?;
        self.done.checks.push(match is_atomic {
            true => Check::Atomic { group, program },
            false => Check::Look { group, program },
        });
        Ok(())
    }
}
