//! The text of an expression to a tree: regular expressions in Ruby's syntax, with `%{NAME:field:type}`
//! in them. Definitions are parsed where they are referred to, so every use has captures of its own.

mod bracket;
mod escape;
mod group;
mod quantifier;
mod reference;

use std::collections::HashMap;
use std::sync::Arc;

use super::class::Class;
use super::patterns::Patterns;
use super::tree::{Assert, Node};
use super::{Capture, CaptureMode, Kind};
use crate::error::Error;
use crate::spelling;

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

/// A parsed expression.
pub(super) struct Parsed {
    pub tree: Node,
    pub captures: Vec<Capture>,
    pub warnings: Vec<String>,
    /// The names that `\k<name>` asks for.
    back_references: Vec<String>,
    /// The largest number in `{...}`.
    largest_count: u32,
}

/// What is an error besides what is always one.
enum Refused {
    Nothing,
    /// A back reference to none of these names.
    BackReferencesBut(Vec<String>),
    /// A repetition of so many times or more; with the error to tell.
    CountsFrom(u32, Error),
}

/// Parses an expression and all definitions that it refers to.
pub(super) fn parse(
    text: &str,
    patterns: &Patterns,
    captures: CaptureMode,
) -> Result<Parsed, Error> {
    let parsed = parse_once(text, patterns, captures, Refused::Nothing)?;
    let is_known = |name: &String| parsed.captures.iter().any(|capture| capture.field == *name);
    if parsed.back_references.iter().all(is_known) {
        return Ok(parsed);
    }
    // A name may be captured behind the place that refers to it, so what is unknown is known only now. Parsed once more,
    // the error has its place.
    let names = parsed.captures.into_iter().map(|capture| capture.field);
    let refused = Refused::BackReferencesBut(names.collect());
    parse_once(text, patterns, captures, refused)
}

/// An error of an expression that parses but is too large: at its largest count, if it has one, since that is what can be
/// made smaller.
pub(super) fn at_largest_count(text: &str, patterns: &Patterns, error: Error) -> Error {
    let parsed = parse_once(text, patterns, CaptureMode::Named, Refused::Nothing);
    let Ok(largest) = parsed.map(|parsed| parsed.largest_count) else {
        return error;
    };
    let refused = Refused::CountsFrom(largest.max(2), error.clone());
    let at_count = parse_once(text, patterns, CaptureMode::Named, refused);
    at_count.err().unwrap_or(error)
}

fn parse_once(
    text: &str,
    patterns: &Patterns,
    captures: CaptureMode,
    refused: Refused,
) -> Result<Parsed, Error> {
    let mut scope = Scope {
        patterns,
        refused,
        back_references: Vec::new(),
        largest_count: 0,
        named_only: captures == CaptureMode::Named,
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
        back_references: scope.back_references,
        largest_count: scope.largest_count,
    })
}

/// What all parsers of one expression share.
struct Scope<'p> {
    patterns: &'p Patterns,
    refused: Refused,
    back_references: Vec<String>,
    largest_count: u32,
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

    fn note_count(&mut self, count: u32) -> Result<(), Error> {
        self.largest_count = self.largest_count.max(count);
        match &self.refused {
            Refused::CountsFrom(least, error) if *least <= count => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn note_back_reference(&mut self, name: &str) -> Result<(), Error> {
        self.back_references.push(name.to_owned());
        match &self.refused {
            Refused::BackReferencesBut(names) if !names.iter().any(|known| known == name) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Err(unknown_group(name, &names))
            }
            _ => Ok(()),
        }
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
            let piece = self
                .quantified(atom)
                .map_err(|error| error.at_offset(self.text, self.at))?;
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
}

fn unknown_group(name: &str, names: &[&str]) -> Error {
    let advice = match spelling::nearest(name, names.iter().copied()) {
        Some(near) => format!("; did you mean \\k<{near}>?"),
        None => format!("; name the group, as (?<{name}>...), or write (?:...) in its place"),
    };
    Error::new(format!(
        "\\k<{name}> refers to no group of this name{advice}"
    ))
}

/// Joins literals that touch.
fn append(nodes: &mut Vec<Node>, node: Node) {
    match (nodes.last_mut(), node) {
        (_, Node::Empty) => {}
        (Some(Node::Literal(text)), Node::Literal(more)) => text.extend(more),
        (_, node) => nodes.push(node),
    }
}
