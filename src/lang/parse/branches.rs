//! `if`, `else if` and `else` with their blocks.

use crate::lang::parse::{Broken, Parsed, Parser};
use crate::lang::source::Span;
use crate::lang::syntax::{Branch, IfNode};

impl Parser<'_, '_> {
    /// After `if`: the condition, its block, and all `else` blocks.
    pub(super) fn branches(&mut self, span: Span) -> Parsed<IfNode> {
        let mut node = IfNode {
            span,
            branches: vec![self.branch(span)?],
            otherwise: Vec::new(),
        };
        loop {
            let before = self.cursor.at();
            self.cursor.skip_blank();
            let (word, span) = self.cursor.name();
            match word {
                "else" => {}
                "elsif" | "elseif" | "elif" => {
                    self.error_help(
                        span,
                        format!("`{word}` is not a word here"),
                        "write `else if`",
                    );
                    node.branches.push(self.branch(span)?);
                    continue;
                }
                _ => {
                    self.cursor.rewind(before);
                    return Ok(node);
                }
            }
            self.cursor.skip_blank();
            let start = self.cursor.at();
            if self.cursor.name().0 == "if" {
                let span = self.cursor.span_from(start);
                node.branches.push(self.branch(span)?);
                continue;
            }
            self.cursor.rewind(start);
            self.open_block("else")?;
            node.otherwise = self.body(span, "else");
            return Ok(node);
        }
    }

    fn branch(&mut self, keyword: Span) -> Parsed<Branch> {
        self.cursor.skip_blank();
        self.terms = 0;
        let condition = match self.condition() {
            Ok(condition) => Some(condition),
            Err(Broken) => {
                self.skip_to_block();
                None
            }
        };
        self.cursor.skip_blank();
        self.open_block("the condition")?;
        let body = self.body(keyword, "if");
        Ok(Branch { condition, body })
    }

    fn open_block(&mut self, after: &str) -> Parsed<()> {
        if self.cursor.eat("{") {
            return Ok(());
        }
        if self.cut_off {
            return Err(Broken);
        }
        let here = self.cursor.here();
        let broken = self.error_help(
            here,
            format!("`{{` is missing after {after}"),
            "a block is written `if [field] == \"value\" { ... } else { ... }`",
        );
        self.skip_to_node();
        Err(broken)
    }
}
