//! The syntax tree: what was written and where, not yet what it means. Strings are as between their quotes, variables and
//! escapes untouched.

use crate::lang::Comparison;
use crate::lang::source::Span;
use crate::plugin::{self, Word};

/// `filter { ... }`.
#[derive(Clone, Debug)]
pub struct Section {
    pub section: plugin::Section,
    pub body: Vec<Node>,
}

#[derive(Clone, Debug)]
pub enum Node {
    Plugin(PluginNode),
    If(IfNode),
}

/// `name { option => value ... }`, a codec with its options included.
#[derive(Clone, Debug)]
pub struct PluginNode {
    pub name: Word,
    pub attributes: Vec<Attribute>,
    /// Whether a part could not be read, so that what seems missing may be there.
    pub broken: bool,
}

#[derive(Clone, Debug)]
pub struct IfNode {
    pub span: Span,
    pub branches: Vec<Branch>,
    pub otherwise: Vec<Node>,
}

#[derive(Clone, Debug)]
pub struct Branch {
    /// `None` where it could not be read.
    pub condition: Option<ConditionNode>,
    pub body: Vec<Node>,
}

/// `name => value`.
#[derive(Clone, Debug)]
pub struct Attribute {
    pub name: Word,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub struct Value {
    pub kind: ValueKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ValueKind {
    Plugin(PluginNode),
    Bareword(String),
    /// A quoted string, without its quotes.
    Quoted(String),
    Number(String),
    List(Vec<Value>),
    Hash(Vec<Entry>),
}

/// `key => value` in a hash.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Word,
    /// Whether the key was in quotes, so that escapes count in it.
    pub quoted: bool,
    pub value: Value,
}

/// Terms with operators between them, not yet grouped: always one operator less than terms.
#[derive(Clone, Debug)]
pub struct ConditionNode {
    pub terms: Vec<Term>,
    pub operators: Vec<(Operator, Span)>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    And,
    Or,
    Xor,
    Nand,
}

#[derive(Clone, Debug)]
pub struct Term {
    pub kind: TermKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum TermKind {
    Group(ConditionNode),
    Not(Box<Term>),
    /// A side without an operator.
    Lone(Side),
    Compare {
        left: Side,
        comparison: Comparison,
        right: Side,
    },
    Match {
        subject: Side,
        pattern: Side,
        negated: bool,
    },
    In {
        needle: Side,
        haystack: Side,
        negated: bool,
    },
}

/// A value in a condition.
#[derive(Clone, Debug)]
pub struct Side {
    pub kind: SideKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum SideKind {
    /// A quoted string, without its quotes.
    Quoted(String),
    Number(String),
    Bareword(String),
    /// `[a][b]`, brackets included.
    Selector(String),
    List(Vec<Side>),
    /// `/.../`, without the slashes.
    Regex(String),
}
