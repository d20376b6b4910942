//! `[...]`: ranges, escapes, POSIX names, nested sets and intersections.

use super::Parser;
use crate::error::Error;
use crate::grok::class::Class;

impl Parser<'_, '_, '_> {
    /// The set behind an opening bracket that was taken already.
    pub(super) fn bracket(&mut self) -> Result<Class, Error> {
        let start = self.at - 1;
        let entered = self.scope.enter();
        entered.map_err(|error| error.at_offset(self.text, start))?;
        let negative = self.eat("^");
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let mut whole: Option<Class> = None;
        let mut first = true;
        loop {
            if self.eat("]") && !first {
                break;
            }
            // A bracket in the first place stands for itself.
            let stands = first && self.text[..self.at].ends_with(']');
            first = false;
            if !stands && self.eat("&&") {
                whole = Some(intersect(whole, &std::mem::take(&mut ranges)));
                continue;
            }
            let item = match stands {
                true => Item::Letter(']'),
                false if self.rest().is_empty() => {
                    let error = Error::new("[ without its ] ; write \\[ for a bracket");
                    return Err(error.at_offset(self.text, start));
                }
                false => self.item()?,
            };
            ranges.extend_from_slice(self.item_or_range(item)?.ranges());
        }
        let class = intersect(whole, &ranges);
        self.scope.leave();
        // Case must be folded before a set is negated.
        Ok(if negative {
            self.fold(class).negated()
        } else {
            class
        })
    }

    fn item_or_range(&mut self, item: Item) -> Result<Class, Error> {
        let low = match item {
            Item::Set(class) => return Ok(class),
            Item::Letter(letter) => letter,
        };
        let rest = self.rest();
        let is_range = rest.starts_with('-') && !rest.starts_with("-]") && !rest.starts_with("-[");
        if !is_range {
            return Ok(Class::single(low.into()));
        }
        self.at += 1;
        match self.item()? {
            Item::Letter(high) if low <= high => {
                Ok(Class::from_ranges(&[(low.into(), high.into())]))
            }
            Item::Letter(high) => Err(Error::new(format!(
                "the range {low}-{high} in [...] is empty"
            ))),
            // `[a-\d]`: the hyphen stands for itself.
            Item::Set(class) => Ok(class
                .union(&Class::single(low.into()))
                .union(&Class::single('-'.into()))),
        }
    }

    fn item(&mut self) -> Result<Item, Error> {
        if self.rest().starts_with("[:")
            && let Some(class) = self.posix()?
        {
            return Ok(Item::Set(class));
        }
        match self.bump() {
            None => Err(Error::new("[ without its ] ; write \\[ for a bracket")),
            Some('[') => self.bracket().map(Item::Set),
            Some('\\') => self.escape_in_bracket(),
            Some(letter) => Ok(Item::Letter(letter)),
        }
    }

    /// `[:alpha:]`, `[:^alpha:]`; other text is a nested set.
    fn posix(&mut self) -> Result<Option<Class>, Error> {
        let Some((inner, _)) = self
            .rest()
            .strip_prefix("[:")
            .and_then(|rest| rest.split_once(":]"))
        else {
            return Ok(None);
        };
        let name = inner.strip_prefix('^').unwrap_or(inner);
        if !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Ok(None);
        }
        let class = self
            .scope
            .unicode(name, || Class::posix(name))
            .ok_or_else(|| Error::new(format!("unknown class [:{name}:]")))?;
        self.at += inner.len() + 4;
        Ok(Some(if name.len() < inner.len() {
            class.negated()
        } else {
            class
        }))
    }

    fn escape_in_bracket(&mut self) -> Result<Item, Error> {
        if let Some(class) = self.class_escape()? {
            return Ok(Item::Set(class));
        }
        if self.eat("b") {
            return Ok(Item::Letter('\u{8}'));
        }
        // No group can be meant here.
        match self.peek() {
            Some('0'..='7') => self.octal(),
            _ => self.letter_escape(),
        }
        .map(Item::Letter)
    }
}

/// What may stand between brackets.
enum Item {
    Letter(char),
    Set(Class),
}

fn intersect(whole: Option<Class>, ranges: &[(u32, u32)]) -> Class {
    let class = Class::from_ranges(ranges);
    match whole {
        Some(whole) => whole.intersection(&class),
        None => class,
    }
}
