//! Conditions: what stands between `if` and `{`. Terms and operators come out in the order of the text; which operator
//! binds tighter is decided later.

use crate::lang::Comparison;
use crate::lang::limits;
use crate::lang::parse::{Broken, Parsed, Parser};
use crate::lang::source::Span;
use crate::lang::syntax::{ConditionNode, Operator, Side, SideKind, Term, TermKind};

/// What stands between two sides.
enum Infix {
    Compare(Comparison),
    Match { negated: bool },
    In { negated: bool },
}

const OPERATORS_HELP: &str =
    "conditions are joined by `and`, `or`, `nand`, `xor`; the block follows in `{ ... }`";

impl Parser<'_, '_> {
    pub(super) fn condition(&mut self) -> Parsed<ConditionNode> {
        let start = self.cursor.at();
        let mut node = ConditionNode {
            terms: Vec::new(),
            operators: Vec::new(),
            span: self.cursor.here(),
        };
        loop {
            self.cursor.skip_blank();
            node.terms.push(self.term()?);
            node.span = self.cursor.span_from(start);
            self.cursor.skip_blank();
            if matches!(self.cursor.peek(), None | Some('{' | ')')) {
                return Ok(node);
            }
            node.operators.push(self.operator()?);
            self.terms += 1;
            if limits::TERMS_MAX <= self.terms {
                return Err(self.error_help(
                    node.span,
                    format!("more than {} parts in one condition", limits::TERMS_MAX),
                    "test against a list instead: `[field] in [\"a\", \"b\"]`",
                ));
            }
        }
    }

    fn operator(&mut self) -> Parsed<(Operator, Span)> {
        let start = self.cursor.at();
        for (wrong, right, operator) in [
            ("&&", "and", Operator::And),
            ("||", "or", Operator::Or),
            ("&", "and", Operator::And),
            ("|", "or", Operator::Or),
        ] {
            if self.cursor.eat(wrong) {
                let span = self.cursor.span_from(start);
                self.error_help(
                    span,
                    format!("`{wrong}` is not an operator here"),
                    format!("write `{right}`"),
                );
                return Ok((operator, span));
            }
        }
        let (word, span) = self.cursor.name();
        let operator = match word.to_ascii_lowercase().as_str() {
            "and" => Operator::And,
            "or" => Operator::Or,
            "xor" => Operator::Xor,
            "nand" => Operator::Nand,
            "" => {
                let here = self.cursor.here();
                return Err(self.error_help(
                    here,
                    "an operator or `{` is expected here",
                    OPERATORS_HELP,
                ));
            }
            _ => {
                return Err(self.error_help(
                    span,
                    format!("`{word}` is not an operator"),
                    OPERATORS_HELP,
                ));
            }
        };
        if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.error_help(
                span,
                format!("`{word}` is not an operator"),
                format!("write `{}`", word.to_ascii_lowercase()),
            );
        }
        Ok((operator, span))
    }

    fn term(&mut self) -> Parsed<Term> {
        let start = self.cursor.at();
        let kind = match self.cursor.peek() {
            Some('(') => TermKind::Group(self.group()?),
            Some('!') => self.negation()?,
            _ => return self.comparison(start),
        };
        let span = self.cursor.span_from(start);
        self.nothing_compared(&kind, span)?;
        Ok(Term { kind, span })
    }

    /// `( condition )`.
    fn group(&mut self) -> Parsed<ConditionNode> {
        let opened = self.cursor.here();
        self.deeper()?;
        self.cursor.advance();
        let condition = self.condition();
        self.depth -= 1;
        let condition = condition?;
        if self.cursor.eat(")") {
            return Ok(condition);
        }
        Err(self.error_help(opened, "this `(` is not closed", "add the missing `)`"))
    }

    /// `!` with what follows it.
    fn negation(&mut self) -> Parsed<TermKind> {
        self.cursor.advance();
        self.cursor.skip_blank();
        let start = self.cursor.at();
        let kind = match self.cursor.peek() {
            Some('(') => TermKind::Group(self.group()?),
            Some('[') => TermKind::Lone(self.side()?),
            _ => {
                let here = self.cursor.here();
                return Err(self.error_help(
                    here,
                    "only a field or parentheses can follow `!`",
                    "write `![field]` or `!(condition)`",
                ));
            }
        };
        let span = self.cursor.span_from(start);
        Ok(TermKind::Not(Box::new(Term { kind, span })))
    }

    /// Refuses an operator of comparison after `( ... )` and `![field]`, where the language has none.
    fn nothing_compared(&mut self, kind: &TermKind, span: Span) -> Parsed<()> {
        let mut probe = self.cursor;
        probe.skip_blank();
        let start = probe.at();
        probe.take_while(|character| matches!(character, '=' | '!' | '<' | '>' | '~'));
        if probe.at() == start && !matches!(probe.name().0, "in" | "not") {
            return Ok(());
        }
        let operator = probe.span_from(start);
        let (what, help) = match kind {
            TermKind::Not(_) => (
                "a negated field",
                "negate the whole comparison: `!([field] == \"value\")`, or write `!=`",
            ),
            _ => (
                "a condition in parentheses",
                "compare fields and values only: `[field] == \"value\"`",
            ),
        };
        let span = Span {
            end: operator.end,
            ..span
        };
        Err(self.error_help(
            span,
            format!("{what} cannot be compared with a value"),
            help,
        ))
    }

    /// A side, or two with an operator between them.
    fn comparison(&mut self, start: usize) -> Parsed<Term> {
        let left = self.side()?;
        let before = self.cursor.at();
        self.cursor.skip_blank();
        let infix = self.infix()?;
        let Some(infix) = infix else {
            self.cursor.rewind(before);
            return Ok(Term {
                span: left.span,
                kind: TermKind::Lone(left),
            });
        };
        self.cursor.skip_blank();
        let right = self.side()?;
        let kind = match infix {
            Infix::Compare(comparison) => TermKind::Compare {
                left,
                comparison,
                right,
            },
            Infix::Match { negated } => TermKind::Match {
                subject: left,
                pattern: right,
                negated,
            },
            Infix::In { negated } => TermKind::In {
                needle: left,
                haystack: right,
                negated,
            },
        };
        let span = self.cursor.span_from(start);
        Ok(Term { kind, span })
    }

    /// The operator here; `None`, wherever the cursor then is, when there is none.
    fn infix(&mut self) -> Parsed<Option<Infix>> {
        let start = self.cursor.at();
        let (symbol, span) = self
            .cursor
            .take_while(|character| matches!(character, '=' | '!' | '<' | '>' | '~'));
        let infix = match symbol {
            "==" => Infix::Compare(Comparison::Equal),
            "!=" => Infix::Compare(Comparison::NotEqual),
            "<" => Infix::Compare(Comparison::Less),
            "<=" => Infix::Compare(Comparison::LessOrEqual),
            ">" => Infix::Compare(Comparison::Greater),
            ">=" => Infix::Compare(Comparison::GreaterOrEqual),
            "=~" => Infix::Match { negated: false },
            "!~" => Infix::Match { negated: true },
            "" => return self.word_infix(start),
            _ => {
                let right = match symbol {
                    "=" | "===" | "=>" => "==",
                    "<>" | "!==" => "!=",
                    "=<" => "<=",
                    _ => "==, !=, <, <=, >, >=, =~, !~",
                };
                return Err(self.error_help(
                    span,
                    format!("`{symbol}` is not a comparison"),
                    format!("write `{right}`"),
                ));
            }
        };
        Ok(Some(infix))
    }

    fn word_infix(&mut self, start: usize) -> Parsed<Option<Infix>> {
        match self.cursor.name().0 {
            "in" => Ok(Some(Infix::In { negated: false })),
            "not" => {
                self.cursor.skip_blank();
                if self.cursor.name().0 == "in" {
                    return Ok(Some(Infix::In { negated: true }));
                }
                let span = self.cursor.span_from(start);
                Err(self.error_help(
                    span,
                    "`in` is missing after `not`",
                    "write `[field] not in [\"a\", \"b\"]`, or `!` before a field or parentheses",
                ))
            }
            _ => Ok(None),
        }
    }

    /// A string, number, field, list or regular expression.
    fn side(&mut self) -> Parsed<Side> {
        let start = self.cursor.at();
        let kind = match self.cursor.peek() {
            Some(quote @ ('"' | '\'')) => SideKind::Quoted(self.quoted(quote)?.0),
            Some('[') => self.bracketed()?,
            Some('/') => SideKind::Regex(self.regex()?),
            Some(character) if character == '-' || character.is_ascii_digit() => {
                SideKind::Number(self.number()?)
            }
            Some(character) if character == '_' || character.is_ascii_alphabetic() => {
                SideKind::Bareword(self.word_as_side()?)
            }
            Some('$') => return Err(self.unquoted(start)),
            _ => {
                let here = self.cursor.here();
                return Err(self.error_help(
                    here,
                    "a field or value is expected here",
                    "a field is written `[name]`, text in quotes, a regular expression `/.../`",
                ));
            }
        };
        Ok(Side {
            kind,
            span: self.cursor.span_from(start),
        })
    }

    /// A word where only fields and values can stand. Reported, and read on.
    fn word_as_side(&mut self) -> Parsed<String> {
        let (word, span) = self.cursor.name();
        if word == "not" {
            return Err(self.error_help(
                span,
                "`not` stands only before `in`",
                "write `![field]` or `!(condition)`",
            ));
        }
        let help = match word {
            "true" | "false" => format!(
                "`if [field]` and `if ![field]` test a boolean; `\"{word}\"` is the text of that name"
            ),
            "nil" | "null" | "none" => {
                "`if ![field]` holds where the field is missing or null".to_owned()
            }
            _ => format!("`[{word}]` is the field, `\"{word}\"` the text"),
        };
        self.error_help(
            span,
            format!("`{word}` is neither a field nor a value"),
            help,
        );
        Ok(word.to_owned())
    }

    /// `/.../`, where `\/` is a slash.
    fn regex(&mut self) -> Parsed<String> {
        let start = self.cursor.at();
        self.cursor.advance();
        if let Some(text) = self.cursor.until_unescaped('/') {
            return Ok(text.to_owned());
        }
        let span = self.cursor.span_from(start);
        let broken = self.error_help(
            span,
            "this regular expression is not closed",
            "add the closing `/`; a slash inside is written `\\/`",
        );
        self.cursor.finish();
        self.cut_off = true;
        Err(broken)
    }

    /// `[field]`, `[outer][inner]` or a list: both begin with a bracket.
    fn bracketed(&mut self) -> Parsed<SideKind> {
        let mut probe = self.cursor;
        probe.advance();
        probe.skip_blank();
        match probe.peek() {
            Some('"' | '\'' | ']') => return self.side_list().map(SideKind::List),
            Some('[') => {
                probe.advance();
                probe.skip_blank();
                if !matches!(probe.peek(), Some('"' | '\'' | ']')) {
                    return Err(self.composite());
                }
                return self.side_list().map(SideKind::List);
            }
            _ => {}
        }
        let (_, span) =
            probe.take_while(|character| !matches!(character, '[' | ']' | ',' | '{' | '}' | '\n'));
        match probe.peek() {
            Some(',') => self.side_list().map(SideKind::List),
            Some(']') => self.selector().map(SideKind::Selector),
            _ => {
                let start = self.cursor.at();
                let span = Span {
                    start: self.cursor.span_from(start).start,
                    ..span
                };
                Err(self.error_help(
                    span,
                    "this `[` is not closed",
                    "a field is written `[name]` or `[outer][inner]`, a list `[\"a\", \"b\"]`",
                ))
            }
        }
    }

    fn composite(&mut self) -> Broken {
        let (text, span) = self.cursor.take_while(|character| {
            matches!(character, '[' | ']') || !matches!(character, ' ' | '\n' | '{')
        });
        let help = match crate::lang::field::parse(text) {
            Ok(parts) => format!("write `[{}]`", parts.join("][")),
            Err(_) => "write `[outer][inner]`".to_owned(),
        };
        self.error_help(
            span,
            "a field reference inside another has no place in a condition",
            help,
        )
    }

    fn selector(&mut self) -> Parsed<String> {
        let start = self.cursor.at();
        while self.cursor.peek() == Some('[') {
            let opened = self.cursor.at();
            self.cursor.advance();
            let (name, _) = self
                .cursor
                .take_while(|character| !matches!(character, '[' | ']' | ',' | '{' | '}' | '\n'));
            if name.is_empty() || !self.cursor.eat("]") {
                let span = self.cursor.span_from(opened);
                return Err(self.error_help(
                    span,
                    "this is not a field reference",
                    "a field is written `[name]` or `[outer][inner]`",
                ));
            }
        }
        Ok(self.cursor.since(start).to_owned())
    }

    fn side_list(&mut self) -> Parsed<Vec<Side>> {
        self.deeper()?;
        let opened = self.cursor.here();
        self.cursor.advance();
        let items = self.side_items(opened);
        self.depth -= 1;
        items
    }

    fn side_items(&mut self, opened: Span) -> Parsed<Vec<Side>> {
        let mut items = Vec::new();
        loop {
            self.cursor.skip_blank();
            if self.cursor.eat("]") {
                return Ok(items);
            }
            if matches!(self.cursor.peek(), None | Some('{' | '}' | ')')) {
                return Err(self.error_help(
                    opened,
                    "this list is not closed",
                    "add the missing `]`",
                ));
            }
            items.push(self.side_item()?);
            self.cursor.skip_blank();
            let comma = self.cursor.at();
            if self.cursor.eat(",") {
                let span = self.cursor.span_from(comma);
                self.cursor.skip_blank();
                if self.cursor.peek() == Some(']') {
                    self.error_help(span, "a comma after the last element", "remove it");
                }
            } else if self.cursor.peek() != Some(']') {
                if matches!(self.cursor.peek(), None | Some('{' | '}' | ')')) {
                    return Err(self.error_help(
                        opened,
                        "this list is not closed",
                        "add the missing `]`",
                    ));
                }
                let here = self.cursor.here();
                self.error_help(
                    here,
                    "`,` is missing between two elements of a list",
                    "lists are written `[\"a\", \"b\"]`",
                );
            }
        }
    }

    /// An element of a list; here words are texts.
    fn side_item(&mut self) -> Parsed<Side> {
        let start = self.cursor.at();
        match self.cursor.peek() {
            Some(character) if character == '_' || character.is_ascii_alphabetic() => {
                let (word, span) = self.cursor.name();
                if word.len() < 2 || word.contains('-') {
                    return Err(self.unquoted(start));
                }
                Ok(Side {
                    kind: SideKind::Bareword(word.to_owned()),
                    span,
                })
            }
            Some('[') => {
                let items = self.side_list()?;
                Ok(Side {
                    kind: SideKind::List(items),
                    span: self.cursor.span_from(start),
                })
            }
            _ => self.side(),
        }
    }
}
