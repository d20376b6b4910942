//! Conditions: terms become an expression, texts get their variables, regular expressions are compiled once to be sure.

use crate::lang::check::Checker;
use crate::lang::check::grouping::{self, Tree};
use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Span;
use crate::lang::syntax::{ConditionNode, Operator, Side, SideKind, Term, TermKind};
use crate::lang::{Comparison, Expression, Operand, Reference, ruby_regex};

impl Checker<'_> {
    pub(super) fn expression(&mut self, node: &ConditionNode) -> Option<Expression> {
        let operators: Vec<Operator> = node
            .operators
            .iter()
            .map(|(operator, _)| *operator)
            .collect();
        let refused = self.lonely_operators(node);
        self.warn_of_grouping(node, &operators);
        let mut terms: Vec<Option<Expression>> =
            node.terms.iter().map(|term| self.term(term)).collect();
        if refused {
            return None;
        }
        joined(grouping::group(&operators), &mut terms)
    }

    /// `xor` and `nand` stand alone; Logstash fails on them beside any other operator.
    fn lonely_operators(&mut self, node: &ConditionNode) -> bool {
        if node.operators.len() < 2 {
            return false;
        }
        let lonely = node
            .operators
            .iter()
            .find(|(operator, _)| matches!(operator, Operator::Xor | Operator::Nand));
        let Some((operator, span)) = lonely else {
            return false;
        };
        let word = operator.word();
        self.diagnostics.push(
            Diagnostic::error(
                *span,
                format!("`{word}` cannot stand beside another operator"),
            )
            .help(format!(
                "put it into parentheses: `([a] {word} [b]) and [c]`"
            )),
        );
        true
    }

    fn warn_of_grouping(&mut self, node: &ConditionNode, operators: &[Operator]) {
        /// More do not fit a line of help.
        const SPELT_MAX: usize = 8;
        let Some(index) = grouping::surprising(operators) else {
            return;
        };
        let span = node
            .operators
            .get(index)
            .map_or(node.span, |(_, span)| *span);
        let message =
            "after two or more `and`s this `or` takes up only the last of them, as in Logstash";
        let help = if node.terms.len() <= SPELT_MAX {
            let terms: Vec<String> = node
                .terms
                .iter()
                .map(|term| self.shown(term.span))
                .collect();
            format!(
                "it is read as `{}`; put parentheses: `{}`",
                grouping::spelt(&grouping::group(operators), &terms),
                grouping::expected(operators, &terms)
            )
        } else {
            "put parentheses around the `and`s: `([a] and [b] and [c]) or [d]`".to_owned()
        };
        self.diagnostics
            .push(Diagnostic::warning(span, message).help(help));
    }

    fn term(&mut self, term: &Term) -> Option<Expression> {
        match &term.kind {
            TermKind::Group(condition) => self.expression(condition),
            TermKind::Not(inner) => Some(Expression::Not(Box::new(self.term(inner)?))),
            TermKind::Lone(side) => self.lone(side),
            TermKind::Compare {
                left,
                comparison,
                right,
            } => self.comparison(term.span, left, *comparison, right),
            TermKind::Match {
                subject,
                pattern,
                negated,
            } => {
                let subject = self.operand(subject);
                let pattern = self.pattern(pattern);
                Some(Expression::Match {
                    subject: subject?,
                    pattern: pattern?,
                    negated: *negated,
                })
            }
            TermKind::In {
                needle,
                haystack,
                negated,
            } => {
                let needle = self.operand(needle);
                let haystack = self.haystack(haystack);
                Some(Expression::In {
                    needle: needle?,
                    haystack: haystack?,
                    negated: *negated,
                })
            }
        }
    }

    fn lone(&mut self, side: &Side) -> Option<Expression> {
        let shown = self.shown(side.span);
        let help = match &side.kind {
            SideKind::Selector(text) => {
                return self.reference(text, side.span).map(Expression::Truthy);
            }
            // The parser has said what is wrong.
            SideKind::Bareword(_) => return None,
            SideKind::Quoted(text) => {
                format!("test a field: `[{text}]`, or compare: `[field] == {shown}`")
            }
            SideKind::Number(_) => format!("compare it: `[field] == {shown}`"),
            SideKind::List(_) => format!("compare it: `[field] in {shown}`"),
            SideKind::Regex(_) => format!("match a field against it: `[field] =~ {shown}`"),
        };
        let message = format!("`{shown}` alone is no condition");
        self.diagnostics
            .push(Diagnostic::error(side.span, message).help(help));
        None
    }

    fn comparison(
        &mut self,
        span: Span,
        left: &Side,
        comparison: Comparison,
        right: &Side,
    ) -> Option<Expression> {
        for side in [left, right] {
            if let SideKind::List(_) = side.kind {
                let list = self.shown(side.span);
                self.diagnostics.push(
                    Diagnostic::warning(
                        side.span,
                        "Logstash compares with the first element only; sawlog compares with the whole list",
                    )
                    .help(format!("to test for any of them write `[field] in {list}`")),
                );
            }
        }
        let is_field =
            |side: &Side| matches!(side.kind, SideKind::Selector(_) | SideKind::Bareword(_));
        if !is_field(left) && !is_field(right) {
            self.diagnostics.push(
                Diagnostic::warning(
                    span,
                    "two fixed values are compared: the result is always the same",
                )
                .help("a field is written in brackets: `[field]`"),
            );
        }
        let left = self.operand(left);
        let right = self.operand(right);
        Some(Expression::Compare {
            left: left?,
            comparison,
            right: right?,
        })
    }

    fn operand(&mut self, side: &Side) -> Option<Operand> {
        match &side.kind {
            SideKind::Quoted(text) => {
                self.warn_of_template(text, side.span);
                Some(Operand::Text(self.text(text, side.span)?))
            }
            SideKind::Bareword(word) => Some(Operand::Text(word.clone())),
            SideKind::Number(number) => Some(Operand::Number(number.clone())),
            SideKind::Selector(text) => self.reference(text, side.span).map(Operand::Field),
            SideKind::List(sides) => {
                let items: Vec<_> = sides.iter().map(|side| self.operand(side)).collect();
                Some(Operand::List(items.into_iter().collect::<Option<_>>()?))
            }
            SideKind::Regex(_) => {
                let shown = self.shown(side.span);
                self.diagnostics.push(
                    Diagnostic::error(
                        side.span,
                        "a regular expression can stand only after `=~` and `!~`",
                    )
                    .help(format!("write `[field] =~ {shown}`")),
                );
                None
            }
        }
    }

    fn warn_of_template(&mut self, text: &str, span: Span) {
        let template = text
            .split_once("%{")
            .and_then(|(_, after)| after.split_once('}'));
        if let Some((inner, _)) = template {
            let field = if inner.starts_with('[') {
                inner.to_owned()
            } else {
                format!("[{inner}]")
            };
            self.diagnostics.push(
                Diagnostic::warning(
                    span,
                    "`%{...}` is not filled in in conditions: this is compared as it stands",
                )
                .help(format!("write the field: `{field}`")),
            );
        }
    }

    /// The right side of `in`, with Logstash's trap taken out: it reads a list of one as a field.
    fn haystack(&mut self, side: &Side) -> Option<Operand> {
        match &side.kind {
            SideKind::List(items) if items.is_empty() => {
                self.diagnostics.push(
                    Diagnostic::warning(side.span, "nothing is in an empty list")
                        .help("write the values: `[\"a\", \"b\"]`"),
                );
                Some(Operand::List(Vec::new()))
            }
            SideKind::List(items) => {
                if let [item] = items.as_slice() {
                    self.warn_of_list_of_one(side.span, item.span);
                }
                self.operand(side)
            }
            SideKind::Selector(text) => match number_in_brackets(text) {
                Some(number) => {
                    let item = Span {
                        start: side.span.start + 1,
                        end: side.span.end.saturating_sub(1),
                        ..side.span
                    };
                    self.warn_of_list_of_one(side.span, item);
                    Some(Operand::List(vec![Operand::Number(number.to_owned())]))
                }
                None => self.operand(side),
            },
            SideKind::Number(_) => {
                let shown = self.shown(side.span);
                self.diagnostics.push(
                    Diagnostic::error(side.span, "nothing can be in a number")
                        .help(format!("write `== {shown}`, or a list: `[{shown}, ...]`")),
                );
                None
            }
            SideKind::Quoted(_) | SideKind::Bareword(_) | SideKind::Regex(_) => self.operand(side),
        }
    }

    fn warn_of_list_of_one(&mut self, span: Span, item: Span) {
        let list = self.shown(span);
        let item = self.shown(item);
        self.diagnostics.push(
            Diagnostic::warning(
                span,
                format!("Logstash reads `{list}` as the name of a field, so this never holds there; sawlog reads a list of one"),
            )
            .help(format!("write `== {item}`, which both read alike")),
        );
    }

    fn reference(&mut self, text: &str, span: Span) -> Option<Reference> {
        match crate::lang::field::parse(text) {
            Ok(parts) => {
                if parts.iter().any(|part| part.trim() != part) {
                    self.diagnostics.push(
                        Diagnostic::warning(
                            span,
                            "the blanks inside the brackets are part of the field's name",
                        )
                        .help("write `[name]` without blanks"),
                    );
                }
                Some(Reference { parts, span })
            }
            Err(message) => {
                self.diagnostics.push(
                    Diagnostic::error(span, message)
                        .help("a field is written `[name]` or `[outer][inner]`"),
                );
                None
            }
        }
    }

    /// The regular expression after `=~`, as the regex crate reads it.
    fn pattern(&mut self, side: &Side) -> Option<String> {
        let (raw, text) = match &side.kind {
            SideKind::Regex(text) => (text, self.variables(text, side.span)?),
            SideKind::Quoted(text) => (text, self.text(text, side.span)?),
            SideKind::Bareword(_) => return None,
            SideKind::Number(_) | SideKind::Selector(_) | SideKind::List(_) => {
                self.diagnostics.push(
                    Diagnostic::error(
                        side.span,
                        "a regular expression is expected after `=~` and `!~`",
                    )
                    .help("write it between slashes: `[field] =~ /^start/`"),
                );
                return None;
            }
        };
        match ruby_regex::translate(&text) {
            Ok(pattern) => Some(pattern),
            Err(refusal) => {
                let span = if *raw == text {
                    inside(side.span, &refusal.place)
                } else {
                    side.span
                };
                let message = format!("in the regular expression: {}", refusal.message);
                let mut diagnostic = Diagnostic::error(span, message);
                diagnostic.help = refusal.help.map(str::to_owned);
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }
}

/// A place in the text between two quotes or slashes.
fn inside(span: Span, place: &std::ops::Range<usize>) -> Span {
    let offset = |at: usize| {
        span.start
            .saturating_add(1)
            .saturating_add(u32::try_from(at).unwrap_or(0))
    };
    Span {
        start: offset(place.start),
        end: offset(place.end),
        ..span
    }
}

/// The number of `[200]`; no field has such a name.
fn number_in_brackets(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?.trim();
    let digits = inner.strip_prefix('-').unwrap_or(inner);
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits
            .chars()
            .all(|character| character.is_ascii_digit() || character == '.');
    is_number.then_some(inner)
}

/// The expressions of a tree's leaves, joined; `None` when one of them is missing.
fn joined(tree: Tree, terms: &mut [Option<Expression>]) -> Option<Expression> {
    match tree {
        Tree::Leaf(index) => terms.get_mut(index)?.take(),
        Tree::Pair(operator, left, right) => {
            let left = Box::new(joined(*left, terms)?);
            let right = Box::new(joined(*right, terms)?);
            Some(match operator {
                Operator::And => Expression::And(left, right),
                Operator::Or => Expression::Or(left, right),
                Operator::Xor => Expression::Xor(left, right),
                Operator::Nand => Expression::Nand(left, right),
            })
        }
    }
}
