//! `*`, `+?`, `{2,5}`: what stands behind a piece and repeats it.

use super::{HEIGHT_MAX, Parser};
use crate::error::Error;
use crate::grok::tree::{Node, Repeat};

/// A counted repetition is unrolled, so its count is bounded; Oniguruma's own limit.
const COUNT_MAX: u32 = 100_000;

impl Parser<'_, '_, '_> {
    /// Wraps the piece in all quantifiers that follow: `.?*` has two.
    pub(super) fn quantified(&mut self, mut node: Node) -> Result<Node, Error> {
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
        self.scope.note_count(max.unwrap_or(min))?;
        self.at += inner.0.len() + 2;
        Ok(Some((min, max, true)))
    }
}
