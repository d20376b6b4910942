//! Keys and values of a line, one pair after the other, as they stand in it. What the options make of their texts is
//! not here.
//!
//! The filter's expression is matched by hand: at a backslash it first protects the next character, and takes that back,
//! from right to left, where nothing fits otherwise. A run of backslashes decides by its parity which of the two comes
//! first, so a walk from left to right that remembers the last place to fall back to finds the same end. What has failed
//! once is not tried again from a later place, which keeps the whole linear.

use std::ops::Range;

use memchr::memchr;

use super::separators::{Cursor, Kind, Separators};
use super::set::letter_length;

/// Opening and closing characters; the brackets stand last.
const PAIRED: [(u8, u8); 5] = [
    (b'"', b'"'),
    (b'\'', b'\''),
    (b'(', b')'),
    (b'[', b']'),
    (b'<', b'>'),
];

/// How many of them are quotes.
const QUOTES: usize = 2;

/// A key may begin in the midst of a separator if that does not match from there on, as in Ruby; in longer ones this is
/// not tried, since each try costs the rest of the separator.
const LOOKED_THROUGH_MAX: usize = 64;

/// A walk over a line.
#[derive(Debug)]
pub(super) struct Scan<'k, 'l> {
    separators: &'k Separators,
    text: &'l [u8],
    /// Where the next key may begin.
    at: usize,
    keys: Cursors,
    values: Cursors,
    closings: [Closing; PAIRED.len()],
}

/// What is known of the separators ahead.
#[derive(Debug, Default)]
struct Cursors {
    field: Cursor,
    value: Cursor,
    breaks: Cursor,
}

/// What is known of one kind of closing character.
#[derive(Debug, Default)]
struct Closing {
    field: Cursor,
    /// No text that begins before this place is closed.
    none_before: usize,
}

/// A place from which a key may not go on.
struct Stop {
    at: usize,
    /// Where the next key may begin if none ends here.
    next: usize,
    /// Where the value begins, if a value separator stands here and a key before it.
    value_from: Option<usize>,
}

/// A text that ended, and where the search goes on behind it.
struct Ended {
    text: Range<usize>,
    next: usize,
}

impl<'k, 'l> Scan<'k, 'l> {
    pub(super) fn new(separators: &'k Separators, text: &'l [u8]) -> Self {
        Self {
            separators,
            text,
            at: 0,
            keys: Cursors::default(),
            values: Cursors::default(),
            closings: Default::default(),
        }
    }

    /// The next key and its value, which may be empty.
    pub(super) fn next(&mut self) -> Option<(&'l [u8], &'l [u8])> {
        while self.at < self.text.len() {
            let key = self.key(self.at);
            self.at = key.next;
            if key.text.is_empty() {
                continue;
            }
            let value = self
                .enclosed(key.next)
                .unwrap_or_else(|| self.bare(key.next));
            self.at = value.next;
            return Some((self.text.get(key.text)?, self.text.get(value.text)?));
        }
        None
    }

    /// A key that begins here; an empty one says from where to try again.
    fn key(&mut self, begin: usize) -> Ended {
        let none = |next| Ended {
            text: begin..begin,
            next,
        };
        let mut from = begin;
        let mut fallback = None;
        loop {
            let Some(stop) = self.stop(from, begin) else {
                return fallback.unwrap_or(none(self.text.len()));
            };
            let ended = stop.value_from.map(|next| Ended {
                text: begin..stop.at,
                next,
            });
            let backslashes = self.backslashes(begin, stop.at);
            if backslashes == 0 || self.text.get(stop.at) == Some(&b'\n') {
                return ended.or(fallback).unwrap_or(none(stop.next));
            }
            match ended {
                Some(ended) if backslashes.is_multiple_of(2) => return ended,
                Some(ended) => fallback = Some(ended),
                None => {}
            }
            from = stop.at + letter_length(self.text, stop.at);
        }
    }

    /// The next place from which a key that began at a place may not go on; at the end of the text there is none.
    #[inline]
    fn stop(&mut self, from: usize, begin: usize) -> Option<Stop> {
        let patterns = match &self.separators.kind {
            Kind::Sets(sets) => {
                let at = sets.stop(self.text, from)?;
                let is_key = begin < at;
                return Some(Stop {
                    at,
                    next: at + letter_length(self.text, at),
                    value_from: is_key.then(|| sets.value_from(self.text, at)).flatten(),
                });
            }
            Kind::Patterns(patterns) => patterns,
        };
        let mut from = from;
        loop {
            let value = self.keys.value.find(&patterns.value, self.text, from);
            let field = self.keys.field.find(&patterns.field, self.text, from);
            let line = self.keys.breaks.find_break(self.text, from);
            let found = [value.clone(), field, line.map(|at| at..at)];
            let first = found
                .into_iter()
                .flatten()
                .min_by_key(|range| range.start)?;
            let at = first.start;
            // A backslash protects what follows it before it can begin a separator.
            if self.text.get(at) == Some(&b'\\') {
                from = at + 1;
                continue;
            }
            let value = value.filter(|value| value.start == at && begin < at);
            let next = if LOOKED_THROUGH_MAX < first.len() {
                first.end
            } else {
                at + letter_length(self.text, at)
            };
            return Some(Stop {
                at,
                next,
                value_from: value.map(|value| value.end),
            });
        }
    }

    /// A value in quotes or brackets that begins here.
    fn enclosed(&mut self, begin: usize) -> Option<Ended> {
        let first = self.text.get(begin)?;
        let kinds = if self.separators.include_brackets {
            PAIRED.len()
        } else {
            QUOTES
        };
        let mut paired = PAIRED.iter().take(kinds);
        let kind = paired.position(|(open, _)| open == first)?;
        let (_, close) = PAIRED.get(kind)?;
        let inside = begin + 1;
        if inside < self.closings.get(kind)?.none_before {
            return None;
        }
        let mut from = inside;
        let mut fallback = None;
        let last = loop {
            let Some(at) = memchr(*close, self.text.get(from..)?).map(|at| from + at) else {
                break self.text.len();
            };
            let ended = self.behind(kind, at + 1).map(|next| Ended {
                text: inside..at,
                next,
            });
            let backslashes = self.backslashes(inside, at);
            if ended.is_some() && backslashes.is_multiple_of(2) {
                return ended;
            }
            if backslashes == 0 {
                break at;
            }
            fallback = ended.or(fallback);
            from = at + 1;
        };
        // All places up to here were tried behind the fallback, and none would do.
        self.closings.get_mut(kind)?.none_before = last + 1;
        fallback
    }

    /// Where the next pair may begin, if a pair may end here: at a field separator or the end of a line.
    fn behind(&mut self, kind: usize, at: usize) -> Option<usize> {
        let separator = match &self.separators.kind {
            Kind::Sets(sets) => sets
                .field
                .length_at(self.text, at)
                .map(|length| at + length),
            Kind::Patterns(patterns) => {
                let cursor = &mut self.closings.get_mut(kind)?.field;
                let found = cursor.find(&patterns.field, self.text, at);
                found
                    .filter(|found| found.start == at)
                    .map(|found| found.end)
            }
        };
        let is_end = matches!(self.text.get(at), None | Some(b'\n'));
        separator.or_else(|| is_end.then_some(at))
    }

    /// A value without quotes that begins here; it may be empty.
    fn bare(&mut self, begin: usize) -> Ended {
        let mut from = begin;
        loop {
            let Some(separator) = self.field_separator(from) else {
                return Ended {
                    text: begin..self.text.len(),
                    next: self.text.len(),
                };
            };
            let at = separator.start;
            let is_break = self.text.get(at) == Some(&b'\n');
            if is_break || self.backslashes(begin, at).is_multiple_of(2) {
                return Ended {
                    text: begin..at,
                    next: separator.end,
                };
            }
            from = at + letter_length(self.text, at);
        }
    }

    /// The next field separator, or the empty place before a line break that ends a value.
    fn field_separator(&mut self, from: usize) -> Option<Range<usize>> {
        let patterns = match &self.separators.kind {
            Kind::Sets(sets) => {
                let at = sets.field.find(self.text, from)?;
                return Some(at..at + letter_length(self.text, at));
            }
            Kind::Patterns(patterns) => patterns,
        };
        let mut from = from;
        loop {
            let field = self.values.field.find(&patterns.field, self.text, from);
            let line = if self.separators.breaks_end_values {
                self.values.breaks.find_break(self.text, from)
            } else {
                None
            };
            let found = match (field, line) {
                (Some(field), Some(line)) if line < field.start => line..line,
                (Some(field), _) => field,
                (None, line) => line.map(|line| line..line)?,
            };
            if self.text.get(found.start) != Some(&b'\\') {
                return Some(found);
            }
            from = found.start + 1;
        }
    }

    /// How many backslashes stand directly before a place, back to a first one.
    #[inline]
    fn backslashes(&self, first: usize, at: usize) -> usize {
        let before = self.text.get(first..at).unwrap_or_default();
        before
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count()
    }
}
