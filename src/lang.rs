//! The pipeline language, Logstash's: text comes in, a checked configuration or diagnostics go out.

pub mod diagnostic;
pub mod source;
use source::Span;
pub enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Xor(Box<Expression>, Box<Expression>),
    Nand(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Truthy(Reference),
    Compare {
        left: Operand,
        comparison: Comparison,
        right: Operand,
    },
    Match {
        subject: Operand,
        pattern: String,
        negated: bool,
    },
    In {
        needle: Operand,
        haystack: Operand,
        negated: bool,
    },
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
pub enum Operand {
    Text(String),
    Number(String),
    Field(Reference),
    List(Vec<Operand>),
}
pub struct Reference {
    pub parts: Vec<String>,
    pub span: Span,
}
