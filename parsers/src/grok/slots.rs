//! What a search leaves: the spans of a match, and the memory that the next one uses again.

use std::fmt;

use super::automaton::Memory;
use super::machine::{Scratch, UNSET};

/// The spans of a match, and memory that searches use again. One for each thread serves all expressions.
///
/// It grows with the first lines and is then as large as the hungriest search needed: a few hundred bytes usually. A
/// search that backtracks much leaves 16 MiB at most. An automaton leaves what it found out about its states, 8 MiB at
/// most, and for lines longer than about 10 kB, or expressions of thousands of states, some bytes for each state and
/// capture. What all automata leave is held to 32 MiB together, or to what the last one left, and 2 MiB for the copy of a
/// line that is not UTF-8. Memory for an expression that was dropped goes when the next one comes; [`Slots::clear`] gives
/// all back at once.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
///
/// let grok = Grok::compile("%{INT:a}(?:-%{INT:b})?", &Patterns::legacy(), Options::default())?;
/// let mut slots = Slots::new();
/// for (line, b) in [("1-2", Some(2..3)), ("1", None)] {
///     assert_eq!(grok.search(line.as_bytes(), &mut slots), Outcome::Match);
///     assert_eq!(slots.span(1), b);
/// }
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Default)]
pub struct Slots {
    pub(super) scratch: Scratch,
    /// Whether the last search found what the spans in the scratch memory say.
    pub(super) is_match: bool,
    pub(super) automata: Memory,
    /// Which expressions of a set may match, a bit for each.
    pub(super) candidates: Vec<u64>,
}

impl fmt::Debug for Slots {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spans: Vec<_> = (0..self.scratch.spans.len() / 2)
            .map(|index| self.span(index))
            .collect();
        out.debug_struct("Slots")
            .field("spans", &spans)
            .field("automata", &self.automata)
            .finish_non_exhaustive()
    }
}

impl Slots {
    /// Takes no memory yet.
    ///
    /// ```
    /// assert_eq!(sawlog_parsers::grok::Slots::new().span(0), None);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the memory back, all of it.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
    ///
    /// let grok = Grok::compile("%{INT:a}", &Patterns::legacy(), Options::default())?;
    /// let mut slots = Slots::new();
    /// assert_eq!(grok.search(b"1", &mut slots), Outcome::Match);
    /// slots.clear();
    /// assert_eq!(slots.span(0), None);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Where the capture with this index in [`Grok::captures`](super::Grok::captures) lies in the line that the last search
    /// matched, in bytes; `None` when the match went another way, and when that search did not match. An empty span is a
    /// capture of nothing: `keep_empty_captures` of Logstash says whether it makes a field.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
    ///
    /// let grok = Grok::compile("<%{DATA:text}>|%{INT:number}", &Patterns::legacy(), Options::default())?;
    /// let mut slots = Slots::new();
    /// assert_eq!(grok.search(b"<>", &mut slots), Outcome::Match);
    /// assert_eq!((slots.span(0), slots.span(1), slots.span(2)), (Some(1..1), None, None));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn span(&self, index: usize) -> Option<std::ops::Range<usize>> {
        if !self.is_match {
            return None;
        }
        let start = *self.scratch.spans.get(2 * index)?;
        let end = *self.scratch.spans.get(2 * index + 1)?;
        (start != UNSET && end != UNSET).then_some(start..end)
    }
}
