//! What searches with automata use again, for each thread its own: so no thread waits for another one. An automaton and a
//! line come in, the places of its groups come out.
//!
//! The automaton sees text only. A byte that is no part of valid UTF-8 counts as U+FFFD in every engine, so a line with
//! such bytes is searched in a copy that has this character in their place.

use std::fmt;
use std::sync::{Arc, Weak};

use regex_automata::Input;
use regex_automata::meta::{Cache, Regex};
use regex_automata::util::primitives::NonMaxUsize;

/// What the caches of all automata may keep together; that of the last one is kept in any case.
const CACHES_BYTES_MAX: usize = 32 << 20;
/// What is kept of the copy of a line; a longer line has its copy released.
const COPY_BYTES_KEPT: usize = 1 << 20;

/// U+FFFD in UTF-8.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// The memory of a thread.
#[derive(Default)]
pub(in crate::grok) struct Memory {
    kept: Vec<Kept>,
    /// What the caches take together.
    bytes: usize,
    copy: Vec<u8>,
    /// Where the stray bytes of the last line stand in it.
    strays: Vec<usize>,
}

/// What one automaton uses again. It does not keep the automaton: once the expression is dropped, this is of no use.
struct Kept {
    regex: Weak<Regex>,
    cache: Cache,
    bytes: usize,
    places: Vec<Option<NonMaxUsize>>,
}

/// Where the groups of a match lie.
pub(super) struct Found<'m> {
    places: &'m [Option<NonMaxUsize>],
    strays: &'m [usize],
}

impl Memory {
    /// The leftmost match.
    pub(super) fn search(&mut self, regex: &Arc<Regex>, line: &[u8]) -> Option<Found<'_>> {
        let index = self.index_of(regex);
        self.strays.clear();
        let is_text = std::str::from_utf8(line).is_ok();
        if !is_text {
            self.copy_text_of(line);
        }
        let text = if is_text { line } else { &self.copy };
        let kept = &mut self.kept[index];
        let (cache, input) = (&mut kept.cache, Input::new(text));
        let is_found = regex
            .search_slots_with(cache, &input, &mut kept.places)
            .is_some();
        self.bytes -= kept.bytes;
        kept.bytes = kept.cache.memory_usage();
        self.bytes += kept.bytes;
        self.copy.shrink_to(COPY_BYTES_KEPT);
        let index = self.keep_within_bounds(index);
        is_found.then_some(Found {
            places: &self.kept[index].places,
            strays: &self.strays,
        })
    }

    fn index_of(&mut self, regex: &Arc<Regex>) -> usize {
        let is_its = |kept: &Kept| std::ptr::eq(kept.regex.as_ptr(), Arc::as_ptr(regex));
        if let Some(index) = self.kept.iter().position(is_its) {
            return index;
        }
        self.kept.retain(|kept| kept.regex.strong_count() != 0);
        self.bytes = self.kept.iter().map(|kept| kept.bytes).sum();
        self.kept.push(Kept {
            regex: Arc::downgrade(regex),
            cache: regex.create_cache(),
            bytes: 0,
            places: vec![None; regex.group_info().slot_len()],
        });
        self.kept.len() - 1
    }

    /// Drops the caches of the others when all take too much; where this one is then.
    fn keep_within_bounds(&mut self, index: usize) -> usize {
        if self.bytes <= CACHES_BYTES_MAX || self.kept.len() == 1 {
            return index;
        }
        self.kept.swap(0, index);
        self.kept.truncate(1);
        self.bytes = self.kept.iter().map(|kept| kept.bytes).sum();
        0
    }

    fn copy_text_of(&mut self, line: &[u8]) {
        self.strays.shrink_to(COPY_BYTES_KEPT / size_of::<usize>());
        self.copy.clear();
        let mut at = 0;
        for chunk in line.utf8_chunks() {
            self.copy.extend_from_slice(chunk.valid().as_bytes());
            at += chunk.valid().len();
            for _ in chunk.invalid() {
                self.copy.extend_from_slice(REPLACEMENT);
                self.strays.push(at);
                at += 1;
            }
        }
    }
}

impl Found<'_> {
    /// Where a group lies in the line; `None` when the match went another way.
    pub fn group(&self, group: usize) -> Option<(usize, usize)> {
        let place = |slot: usize| Some(self.in_line((*self.places.get(slot)?)?.get()));
        Some((place(2 * group)?, place(2 * group + 1)?))
    }

    /// A place in the text that was searched, as one in the line.
    fn in_line(&self, place: usize) -> usize {
        if self.strays.is_empty() {
            return place;
        }
        let more = REPLACEMENT.len() - 1;
        let (mut before, mut behind) = (0, self.strays.len());
        while before < behind {
            let middle = before.midpoint(behind);
            match self.strays.get(middle) {
                Some(stray) if stray + more * middle < place => before = middle + 1,
                _ => behind = middle,
            }
        }
        place - more * before
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Memory")
            .field("automata", &self.kept.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: usize) -> Kept {
        let regex = Regex::new("a").expect("an expression");
        Kept {
            regex: Weak::new(),
            cache: regex.create_cache(),
            bytes,
            places: Vec::new(),
        }
    }

    #[test]
    fn what_no_expression_uses_any_more_is_dropped() {
        let mut memory = Memory::default();
        for text in ["a", "b", "c"] {
            let regex = Arc::new(Regex::new(text).expect("an expression"));
            assert!(memory.search(&regex, b"abc").is_some());
            assert_eq!(memory.kept.len(), 1);
        }
        assert_eq!(memory.bytes, memory.kept[0].bytes);
    }

    #[test]
    fn beyond_the_bound_only_the_last_cache_is_kept() {
        let mut memory = Memory::default();
        memory
            .kept
            .extend([kept(CACHES_BYTES_MAX), kept(7), kept(8)]);
        memory.bytes = CACHES_BYTES_MAX + 15;
        assert_eq!(memory.keep_within_bounds(1), 0);
        assert_eq!((memory.kept.len(), memory.bytes), (1, 7));
        assert_eq!(memory.keep_within_bounds(0), 0);
    }

    #[test]
    fn places_are_those_of_the_line_not_of_its_copy() {
        let mut memory = Memory::default();
        let regex = Arc::new(Regex::new("(b)(.)(c)(.)$").expect("an expression"));
        let found = memory
            .search(&regex, b"\xFFa\xE2\x82b\xFFc\xC3")
            .expect("a match");
        let want = [(4, 8), (4, 5), (5, 6), (6, 7), (7, 8)];
        assert_eq!(
            [0, 1, 2, 3, 4].map(|group| found.group(group)),
            want.map(Some)
        );
        assert_eq!(found.group(5), None);
    }

    #[test]
    fn the_copy_of_a_long_line_is_not_kept() {
        let mut memory = Memory::default();
        let regex = Arc::new(Regex::new("b").expect("an expression"));
        assert!(memory.search(&regex, &vec![0xFF; 4 << 20]).is_none());
        assert!(memory.search(&regex, b"\xFF").is_none());
        assert!(memory.copy.capacity() <= COPY_BYTES_KEPT);
        assert!(memory.strays.capacity() * size_of::<usize>() <= COPY_BYTES_KEPT);
    }
}
