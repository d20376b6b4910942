//! The text of an expression to a tree: regular expressions in Ruby's syntax, with `%{NAME:field:type}`
//! in them. Definitions are parsed where they are referred to, so every use has captures of its own.

mod bracket;
mod escape;
mod group;
mod reference;

use std::collections::HashMap;
use std::sync::Arc;

use super::class::Class;
use super::patterns::Patterns;
use super::tree::{Assert, Node, Repeat};
use super::{Capture, Captures, Kind};
use crate::error::Error;

/// Groups and definitions may lie in each other this deep: the tree is walked by recursion, and the
/// deepest published pattern needs less than 30.
const DEPTH_MAX: usize = 120;
/// The tree of an expression may be this high, since compilers walk it by recursion: a thread's usual stack of 2 MiB
/// holds twice as much without optimisation, and the highest published pattern has 33.
const HEIGHT_MAX: usize = 150;
/// References expanded in one expression; Logstash's own limit.
const REFERENCES_MAX: usize = 10_000;
/// Bytes of all definitions that one expression expands to, each as often as it is referred to: a few lines of
/// definitions that double each other would fill the memory. The longest published expansion has 9.3 kB.
const EXPANSION_BYTES_MAX: usize = 256 << 10;
/// A counted repetition is unrolled, so its count is bounded; Oniguruma's own limit.
const COUNT_MAX: u32 = 100_000;

/// A parsed expression.
pub(super) struct Parsed {
    pub tree: Node,
    pub captures: Vec<Capture>,
    pub warnings: Vec<String>,
}

/// Parses an expression and all definitions that it refers to.
pub(super) fn parse(text: &str, patterns: &Patterns, captures: Captures) -> Result<Parsed, Error> {
    let mut scope = Scope {
        patterns,
        named_only: captures == Captures::Named,
        inline: HashMap::new(),
        open: Vec::new(),
        unicode: HashMap::new(),
        folded: HashMap::new(),
        references: 0,
        bytes: 0,
        depth: 0,
        captures: Vec::new(),
        warnings: Vec::new(),
    };
    // grok compiles with Ruby's MULTILINE: the dot takes newlines.
    let flags = Flags {
        ignore_case: false,
        dot_all: true,
        extended: false,
    };
    let tree = Parser::new(text, flags, &mut scope).parse_whole()?;
    Ok(Parsed {
        tree,
        captures: scope.captures,
        warnings: scope.warnings,
    })
}

/// What all parsers of one expression share.
struct Scope<'p> {
    patterns: &'p Patterns,
    named_only: bool,
    /// `%{NAME=definition}` seen so far.
    inline: HashMap<String, String>,
    /// The definitions being parsed, outermost first.
    open: Vec<String>,
    /// Sets of Unicode by their names, and sets with both cases by the set: they are large, and an expression may name
    /// the same one thousands of times.
    unicode: HashMap<String, Class>,
    folded: HashMap<(Class, Class), Class>,
    references: usize,
    /// Of all definitions that were expanded.
    bytes: usize,
    depth: usize,
    captures: Vec<Capture>,
    warnings: Vec<String>,
}

impl Scope<'_> {
    fn new_slot(&mut self, field: &str, kind: Kind) -> usize {
        self.captures.push(Capture {
            field: field.to_owned(),
            kind,
        });
        self.captures.len() - 1
    }

    /// A set of Unicode as it is written, if `find` knows it.
    fn unicode(&mut self, written: &str, find: impl FnOnce() -> Option<Class>) -> Option<Class> {
        if let Some(class) = self.unicode.get(written) {
            return Some(class.clone());
        }
        let class = find()?;
        self.unicode.insert(written.to_owned(), class.clone());
        Some(class)
    }

    /// The set with both cases; these letters of it are written out.
    fn folded(&mut self, class: Class, letters: &Class) -> Class {
        let key = (class, letters.clone());
        if let Some(folded) = self.folded.get(&key) {
            return folded.clone();
        }
        let folded = key.0.ignoring_case_with(letters);
        self.folded.insert(key, folded.clone());
        folded
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        match self.depth <= DEPTH_MAX {
            true => Ok(()),
            false => Err(Error::new(format!(
                "groups and patterns are nested deeper than {DEPTH_MAX}"
            ))),
        }
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}

#[derive(Clone, Copy)]
struct Flags {
    ignore_case: bool,
    dot_all: bool,
    extended: bool,
}

struct Parser<'t, 's, 'p> {
    text: &'t str,
    at: usize,
    flags: Flags,
    scope: &'s mut Scope<'p>,
}

impl<'t, 's, 'p> Parser<'t, 's, 'p> {
    fn new(text: &'t str, flags: Flags, scope: &'s mut Scope<'p>) -> Self {
        Self {
            text,
            at: 0,
            flags,
            scope,
        }
    }

    fn parse_whole(mut self) -> Result<Node, Error> {
        let at_start = self.alternation();
        let node = at_start.map_err(|error| error.at_offset(self.text, self.at))?;
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(Error::new("unmatched ) ; write \\) for a parenthesis")
                .at_offset(self.text, self.at)),
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    /// Takes the text if it comes next.
    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Takes everything before the end mark, and the mark.
    fn take_until(&mut self, end: char, what: &str) -> Result<&'t str, Error> {
        let rest = self.rest();
        let length = rest
            .find(end)
            .ok_or_else(|| Error::new(format!("{what} without its {end}")))?;
        self.at += length + end.len_utf8();
        Ok(&rest[..length])
    }

    /// Alternatives up to the end of the group or of the text.
    fn alternation(&mut self) -> Result<Node, Error> {
        let mut alternatives = vec![self.sequence()?];
        while self.eat("|") {
            alternatives.push(self.sequence()?);
        }
        Ok(match alternatives.len() {
            1 => alternatives.remove(0),
            _ => Node::Alternate(alternatives),
        })
    }

    fn sequence(&mut self) -> Result<Node, Error> {
        let mut nodes = Vec::new();
        while let Some(letter) = self.peek() {
            if matches!(letter, '|' | ')') {
                break;
            }
            if self.skip_blank_and_comment()? {
                continue;
            }
            if let Some(flags) = self.isolated_flags()? {
                self.scope.enter()?;
                nodes.push(self.with_flags(flags, Self::alternation)?);
                self.scope.leave();
                break;
            }
            let start = self.at;
            let atom = self
                .atom()
                .map_err(|error| error.at_offset(self.text, start))?;
            let piece = self.quantified(atom)?;
            append(&mut nodes, piece);
        }
        Ok(match nodes.len() {
            0 => Node::Empty,
            1 => nodes.remove(0),
            _ => Node::Concat(nodes),
        })
    }

    fn with_flags<T>(
        &mut self,
        flags: Flags,
        parse: fn(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let outer = std::mem::replace(&mut self.flags, flags);
        let result = parse(self);
        self.flags = outer;
        result
    }

    /// `(?#comment)` anywhere; blanks and `#` to the end of the line under `(?x)`.
    fn skip_blank_and_comment(&mut self) -> Result<bool, Error> {
        if self.rest().starts_with("(?#") {
            self.skip_comment()?;
            return Ok(true);
        }
        if !self.flags.extended {
            return Ok(false);
        }
        match self.peek() {
            Some(letter) if letter.is_ascii_whitespace() => self.at += 1,
            Some('#') => {
                let length = self.rest().find('\n').unwrap_or(self.rest().len());
                self.at += length;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A backslash takes a parenthesis into the comment.
    fn skip_comment(&mut self) -> Result<(), Error> {
        let start = self.at;
        while let Some(letter) = self.bump() {
            match letter {
                '\\' => drop(self.bump()),
                ')' => return Ok(()),
                _ => {}
            }
        }
        Err(Error::new("a comment (?# without its )").at_offset(self.text, start))
    }

    /// One piece without its quantifier.
    fn atom(&mut self) -> Result<Node, Error> {
        if self.rest().starts_with("%{")
            && let Some(node) = self.reference()?
        {
            return Ok(node);
        }
        let letter = self
            .bump()
            .ok_or_else(|| Error::new("an expression ends too early"))?;
        match letter {
            '.' if self.flags.dot_all => Ok(Node::Class(Arc::new(Class::any()))),
            '.' => Ok(Node::Class(Arc::new(Class::any_but_newline()))),
            '^' => Ok(Node::Assert(Assert::LineStart)),
            '$' => Ok(Node::Assert(Assert::LineEnd)),
            '[' => self
                .bracket()
                .map(|set| self.class(set.class, &set.letters)),
            '(' => self.group(),
            '\\' => self.escape(),
            '*' | '+' | '?' => Err(Error::new(format!(
                "nothing to repeat before {letter} ; write \\{letter} for the character"
            ))),
            _ => Ok(self.literal(letter)),
        }
    }

    fn literal(&mut self, letter: char) -> Node {
        let class = Class::single(letter.into());
        let folded = self.fold(class.clone(), &class);
        if folded == class {
            Node::Literal(letter.to_string().into_bytes())
        } else {
            Node::Class(Arc::new(folded))
        }
    }

    /// A set, of which these letters are written out.
    fn class(&mut self, class: Class, letters: &Class) -> Node {
        Node::Class(Arc::new(self.fold(class, letters)))
    }

    /// The set with both cases, where case is ignored.
    fn fold(&mut self, class: Class, letters: &Class) -> Class {
        match self.flags.ignore_case {
            true => self.scope.folded(class, letters),
            false => class,
        }
    }

    /// Wraps the piece in all quantifiers that follow: `.?*` has two.
    fn quantified(&mut self, mut node: Node) -> Result<Node, Error> {
        loop {
            if HEIGHT_MAX < node.height() {
                return Err(Error::new(format!(
                    "groups and repetitions are nested deeper than {HEIGHT_MAX}"
                )));
            }
            while self.skip_blank_and_comment()? {}
            let Some((min, max, counted)) = self.quantifier()? else {
                return Ok(node);
            };
            // Ruby: only `*`, `+` and `?` have a possessive form, and `{2}?` is an option, not lazy.
            let exact = counted && Some(min) == max;
            let lazy = !exact && self.eat("?");
            let possessive = !counted && !lazy && self.eat("+");
            if max == Some(0) || matches!(node, Node::Empty) {
                // It takes nothing; in a long repetition many such pieces would cost time in each round.
                node = Node::Empty;
                continue;
            }
            node = Node::Repeat(Repeat {
                body: Box::new(node),
                min,
                max,
                lazy,
            });
            if possessive {
                node = Node::Atomic(Box::new(node));
            }
        }
    }

    /// `(least, most, written in braces)`
    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>, bool)>, Error> {
        let simple = match self.peek() {
            Some('*') => Some((0, None, false)),
            Some('+') => Some((1, None, false)),
            Some('?') => Some((0, Some(1), false)),
            Some('{') => return self.counted(),
            _ => None,
        };
        if simple.is_some() {
            self.at += 1;
        }
        Ok(simple)
    }

    /// `{2}`, `{2,}`, `{,3}`, `{2,3}`; other text in braces stands for itself.
    fn counted(&mut self) -> Result<Option<(u32, Option<u32>, bool)>, Error> {
        let Some(inner) = self
            .rest()
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'))
        else {
            return Ok(None);
        };
        let (low, high) = match inner.0.split_once(',') {
            Some((low, high)) => (low, Some(high)),
            None => (inner.0, None),
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_blank = low.is_empty() && high.is_none_or(str::is_empty);
        if is_blank || !is_number(low) || !high.is_none_or(is_number) {
            return Ok(None);
        }
        let count = |text: &str| match text.parse::<u32>() {
            Ok(count) if count <= COUNT_MAX => Ok(count),
            _ => Err(Error::new(format!(
                "a repetition of more than {COUNT_MAX} times"
            ))),
        };
        let min = if low.is_empty() { 0 } else { count(low)? };
        let max = match high {
            None => Some(min),
            Some("") => None,
            Some(high) => Some(count(high)?),
        };
        if max.is_some_and(|max| max < min) {
            return Err(Error::new(format!(
                "the repetition {{{}}} ends below its start",
                inner.0
            )));
        }
        self.at += inner.0.len() + 2;
        Ok(Some((min, max, true)))
    }
}

/// Joins literals that touch.
fn append(nodes: &mut Vec<Node>, node: Node) {
    match (nodes.last_mut(), node) {
        (_, Node::Empty) => {}
        (Some(Node::Literal(text)), Node::Literal(more)) => text.extend(more),
        (_, node) => nodes.push(node),
    }
}
