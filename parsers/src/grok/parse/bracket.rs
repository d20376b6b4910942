//! `[...]`: ranges, escapes, POSIX names, nested sets and intersections.

use super::Parser;
use crate::error::Error;
use crate::grok::class::{Class, POSIX_NAMES};
use crate::spelling;

impl Parser<'_, '_, '_> {
    /// The set behind an opening bracket that was taken already.
    pub(super) fn bracket(&mut self) -> Result<Bracket, Error> {
        let start = self.at - 1;
        let entered = self.scope.enter();
        entered.map_err(|error| error.at_offset(self.text, start))?;
        let negative = self.eat("^");
        let mut part: Vec<Bracket> = Vec::new();
        let mut whole: Option<Bracket> = None;
        let mut first = true;
        loop {
            if self.eat("]") && !first {
                break;
            }
            // A bracket in the first place stands for itself.
            let stands = first && self.text[..self.at].ends_with(']');
            first = false;
            if !stands && self.eat("&&") {
                whole = Some(intersect(whole, &std::mem::take(&mut part)));
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
            part.push(self.item_or_range(item)?);
        }
        let mut bracket = intersect(whole, &part);
        self.scope.leave();
        // Case must be folded before a set is negated.
        if negative {
            let class = self.fold(bracket.class, &bracket.letters);
            bracket = Bracket::named(class.negated());
        }
        Ok(bracket)
    }

    fn item_or_range(&mut self, item: Item) -> Result<Bracket, Error> {
        let low = match item {
            Item::Set(class) => return Ok(class),
            Item::Letter(letter) => letter,
        };
        let rest = self.rest();
        let is_range = rest.starts_with('-') && !rest.starts_with("-]") && !rest.starts_with("-[");
        if !is_range {
            return Ok(Bracket::written(Class::single(low.into())));
        }
        self.at += 1;
        match self.item()? {
            Item::Letter(high) if low <= high => {
                let range = Class::from_ranges(&[(low.into(), high.into())]);
                Ok(Bracket::written(range))
            }
            Item::Letter(high) => Err(Error::new(format!(
                "the range {low}-{high} in [...] is empty"
            ))),
            // `[a-\d]`: the hyphen stands for itself.
            Item::Set(set) => {
                let letter = |letter: char| Bracket::written(Class::single(letter.into()));
                Ok(Bracket::union(&[set, letter(low), letter('-')]))
            }
        }
    }

    fn item(&mut self) -> Result<Item, Error> {
        if self.rest().starts_with("[:")
            && let Some(class) = self.posix()?
        {
            return Ok(Item::Set(Bracket::named(class)));
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
            .ok_or_else(|| unknown_class(name))?;
        self.at += inner.len() + 4;
        Ok(Some(if name.len() < inner.len() {
            class.negated()
        } else {
            class
        }))
    }

    fn escape_in_bracket(&mut self) -> Result<Item, Error> {
        if let Some(class) = self.class_escape()? {
            return Ok(Item::Set(Bracket::named(class)));
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
    Set(Bracket),
}

/// A set, and the part of it that is written out as letters and ranges rather than named, as `\W` and `[:upper:]` do.
/// Where case is ignored, only letters that are written out have forms on both sides of ASCII's bound.
pub(super) struct Bracket {
    pub class: Class,
    pub letters: Class,
}

impl Bracket {
    fn written(class: Class) -> Self {
        Self {
            letters: class.clone(),
            class,
        }
    }

    fn named(class: Class) -> Self {
        Self {
            class,
            letters: Class::default(),
        }
    }

    /// All at once, since a bracket may have thousands of parts.
    fn union(parts: &[Self]) -> Self {
        let ranges = |class: fn(&Self) -> &Class| -> Vec<(u32, u32)> {
            let classes = parts.iter().map(class);
            classes.flat_map(Class::ranges).copied().collect()
        };
        Self {
            class: Class::from_ranges(&ranges(|part| &part.class)),
            letters: Class::from_ranges(&ranges(|part| &part.letters)),
        }
    }
}

fn unknown_class(name: &str) -> Error {
    let advice = match spelling::nearest(name, POSIX_NAMES.into_iter()) {
        Some(near) => format!("did you mean [:{near}:]?"),
        None => format!("known are {}", POSIX_NAMES.join(", ")),
    };
    Error::new(format!("unknown class [:{name}:]; {advice}"))
}

/// What is in all: the one, if there is one, and what the parts hold together.
fn intersect(whole: Option<Bracket>, parts: &[Bracket]) -> Bracket {
    let part = Bracket::union(parts);
    match whole {
        None => part,
        Some(whole) => Bracket {
            class: whole.class.intersection(&part.class),
            letters: whole.letters.intersection(&part.letters),
        },
    }
}
