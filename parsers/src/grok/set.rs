//! Several expressions, of which the first that matches is wanted. One pass over the line finds the shapes, another one
//! the texts that the expressions need; those whose shapes or texts are not there are passed over. What is passed over
//! cannot match, so the result is that of trying one after the other.

mod shapes;

use std::fmt;

use aho_corasick::automaton::OverlappingState;
use aho_corasick::packed;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use memchr::memmem::Finder;

use self::shapes::Shapes;
use super::needed::{GROUPS_MAX, Needed};
use super::shape::Variant;
use super::{Grok, Outcome, Slots};

/// Expressions that are tried in order.
///
/// ```
/// use sawlog_parsers::grok::{Grok, GrokSet, Options, Patterns, SetOutcome, Slots};
///
/// let patterns = Patterns::legacy();
/// let compile = |expression| Grok::compile(expression, &patterns, Options::default());
/// let set = GrokSet::new(vec![compile("login of %{WORD:user}")?, compile("%{WORD:verb} %{IP:client}")?]);
/// let mut slots = Slots::new();
/// assert_eq!(set.search(b"refused 10.0.0.1", &mut slots), SetOutcome::Match(1));
/// assert_eq!(set.groks()[1].captures()[0].field, "verb");
/// assert_eq!(slots.span(0), Some(0..7));
/// assert_eq!(set.search(b"...", &mut slots), SetOutcome::NoMatch);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
pub struct GrokSet {
    groks: Vec<Grok>,
    /// For each group of needed texts those expressions that have none to look for, a bit for each.
    without: [Vec<u64>; GROUPS_MAX],
    /// Whether every expression needs a text.
    all_need_texts: bool,
    filter: Option<Filter>,
    shapes: Option<Shapes>,
    /// For each expression the few texts of which it needs one; empty where there are many.
    finders: Vec<Vec<Finder<'static>>>,
}

impl fmt::Debug for GrokSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expressions = self.groks.iter().map(Grok::as_str);
        out.write_str("GrokSet ")?;
        out.debug_list().entries(expressions).finish()
    }
}

/// How a search of a set ended.
///
/// ```
/// use sawlog_parsers::grok::{Grok, GrokSet, Options, Patterns, SetOutcome, Slots};
///
/// let grok = Grok::compile("%{INT:n:int} ms", &Patterns::legacy(), Options::default())?;
/// let set = GrokSet::new(vec![grok]);
/// let mut slots = Slots::new();
/// match set.search(b"took 17 ms", &mut slots) {
///     SetOutcome::Match(index) => assert_eq!(set.groks()[index].captures()[0].field, "n"),
///     SetOutcome::NoMatch | SetOutcome::BudgetSpent(_) => unreachable!("the line has a number"),
/// }
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOutcome {
    /// The expression with this index in [`GrokSet::groks`] matches and none before it; the spans in the slots are its.
    Match(usize),
    /// None matches.
    NoMatch,
    /// The expression with this index gave up and none before it matches: whether it matches is not known. Those behind
    /// it were not tried.
    BudgetSpent(usize),
}

/// The search for the needed texts.
struct Filter {
    /// Tells in the fewest instructions that none of them is there, or where the first one begins. Only for few texts.
    quick: Option<packed::Searcher>,
    all: AhoCorasick,
    /// For each text the expressions that need it, a bit for each; those of all groups in a row.
    owners: Vec<Box<[u64]>>,
}

/// Texts of all expressions; beyond this memory and the time to build the search grow without gain.
const TEXTS_MAX: usize = 20_000;
/// So many texts are searched by a table of states, which is fastest and takes some kilobytes for each.
const TABLE_TEXTS_MAX: usize = 1_000;
/// To look for the texts of so many expressions one by one is quicker than to look for all.
const ONE_BY_ONE_MAX: u32 = 4;
/// So many texts of an expression are looked for one by one.
const FINDERS_MAX: usize = 3;

impl FromIterator<Grok> for GrokSet {
    fn from_iter<T: IntoIterator<Item = Grok>>(groks: T) -> Self {
        Self::new(groks.into_iter().collect())
    }
}

impl GrokSet {
    /// Takes compiled expressions, the most important first.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, GrokSet, Options, Patterns, SetOutcome, Slots};
    ///
    /// let patterns = Patterns::legacy();
    /// let groks = ["disk %{WORD:disk} full", "%{GREEDYDATA:rest}"];
    /// let groks = groks.map(|text| Grok::compile(text, &patterns, Options::default()));
    /// let set: GrokSet = groks.into_iter().collect::<Result<_, _>>()?;
    /// // Both match; the first counts.
    /// assert_eq!(set.search(b"disk sda full", &mut Slots::new()), SetOutcome::Match(0));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn new(groks: Vec<Grok>) -> Self {
        let words = groks.len().div_ceil(64);
        let mut without = std::array::from_fn(|_| vec![0; words]);
        let mut texts: Vec<(&[u8], usize)> = Vec::new();
        for (index, grok) in groks.iter().enumerate() {
            let wanted = wanted(&grok.needed);
            for (group, none) in without.iter_mut().enumerate() {
                match wanted.get(group) {
                    Some(needed) if texts.len() + needed.texts.len() <= TEXTS_MAX => {
                        let bit = 64 * words * group + index;
                        texts.extend(needed.texts.iter().map(|text| (&**text, bit)));
                    }
                    _ => set_bit(none, index),
                }
            }
        }
        texts.sort_unstable();
        let filter = Filter::new(&texts, words * GROUPS_MAX);
        if filter.is_none() {
            let all = 0..groks.len();
            without
                .iter_mut()
                .for_each(|none| all.clone().for_each(|index| set_bit(none, index)));
        }
        let needs_text = |index| without.iter().any(|none| !has_bit(none, index));
        let finders = groks.iter().map(finders).collect();
        let variants: Vec<&[Variant]> = groks.iter().map(Grok::shapes).collect();
        let shapes = Shapes::new(&variants);
        Self {
            all_need_texts: (0..groks.len()).all(needs_text),
            groks,
            without,
            filter,
            shapes,
            finders,
        }
    }

    /// The expressions, in their order.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, GrokSet, Options, Patterns, SetOutcome, Slots};
    ///
    /// let set = GrokSet::new(vec![Grok::compile("%{INT:port}", &Patterns::legacy(), Options::default())?]);
    /// let SetOutcome::Match(index) = set.search(b"80", &mut Slots::new()) else { panic!("a match") };
    /// assert_eq!(set.groks()[index].captures()[0].field, "port");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn groks(&self) -> &[Grok] {
        &self.groks
    }

    /// Whether the expression with this index is passed over where the texts or bytes that it needs are not in the line. Another
    /// one is tried on every line, since all that it needs stands in most lines, or in none that could be named.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, GrokSet, Options, Patterns};
    ///
    /// let patterns = Patterns::legacy();
    /// let groks = ["disk %{WORD:disk} full", "%{GREEDYDATA:rest}"];
    /// let groks = groks.map(|text| Grok::compile(text, &patterns, Options::default()));
    /// let set = GrokSet::new(groks.into_iter().collect::<Result<_, _>>()?);
    /// assert!(set.is_filtered(0) && !set.is_filtered(1));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_filtered(&self, index: usize) -> bool {
        let by_shapes = |shapes: &Shapes| shapes.is_filtered(index);
        index < self.groks.len()
            && (self.without.iter().any(|none| !has_bit(none, index))
                || self.shapes.as_ref().is_some_and(by_shapes))
    }

    /// Looks for the first expression that matches: as if each was tried with [`Grok::search`] until one does not
    /// answer `NoMatch`.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, GrokSet, Options, Patterns, SetOutcome, Slots};
    ///
    /// let set = GrokSet::new(vec![Grok::compile("took %{INT:ms}", &Patterns::legacy(), Options::default())?]);
    /// let (line, mut slots) = (b"took 17 ms", Slots::new());
    /// assert_eq!(set.search(line, &mut slots), SetOutcome::Match(0));
    /// assert_eq!(slots.span(0).map(|span| &line[span]), Some(&b"17"[..]));
    /// assert_eq!(set.search(b"took long", &mut slots), SetOutcome::NoMatch);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn search(&self, line: &[u8], slots: &mut Slots) -> SetOutcome {
        let mut candidates = std::mem::take(&mut slots.candidates);
        slots.is_match = false;
        self.mark(line, &mut candidates);
        let outcome = self.try_marked(&candidates, line, slots);
        slots.candidates = candidates;
        outcome
    }

    /// Puts down the expressions that may match, a bit for each. More bits may follow.
    fn mark(&self, line: &[u8], candidates: &mut Vec<u64>) {
        let words = self.groks.len().div_ceil(64);
        let quick = self
            .filter
            .as_ref()
            .and_then(|filter| filter.quick_start(line));
        if quick == Some(None) && self.all_need_texts {
            candidates.clear();
            return;
        }
        match &self.shapes {
            Some(shapes) => shapes.mark(line, candidates),
            None => {
                candidates.clear();
                candidates.resize(words, u64::MAX);
            }
        }
        let count: u32 = candidates.iter().map(|word| word.count_ones()).sum();
        if let Some(filter) = &self.filter
            && ONE_BY_ONE_MAX < count
        {
            candidates.extend(self.without.iter().flatten());
            let (possible, groups) = candidates.split_at_mut(words);
            if let Some(from) = quick.unwrap_or(Some(0)) {
                filter.mark(line, from, groups);
            }
            // A candidate has a text of each group.
            for group in groups.chunks_exact(words) {
                possible
                    .iter_mut()
                    .zip(group)
                    .for_each(|(word, bits)| *word &= bits);
            }
            candidates.truncate(words);
        }
    }

    fn try_marked(&self, candidates: &[u64], line: &[u8], slots: &mut Slots) -> SetOutcome {
        for (word, bits) in candidates.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let index = 64 * word + bits.trailing_zeros() as usize;
                if !self.lacks_text(index, line)
                    && let Some(outcome) = self.try_one(index, line, slots)
                {
                    return outcome;
                }
                bits &= bits - 1;
            }
        }
        SetOutcome::NoMatch
    }

    fn lacks_text(&self, index: usize, line: &[u8]) -> bool {
        let is_absent = |finder: &Finder| finder.find(line).is_none();
        let finders = self.finders.get(index).map_or(&[][..], Vec::as_slice);
        !finders.is_empty() && finders.iter().all(is_absent)
    }

    /// `None` when this expression does not match.
    fn try_one(&self, index: usize, line: &[u8], slots: &mut Slots) -> Option<SetOutcome> {
        match self.groks.get(index)?.search(line, slots) {
            Outcome::Match => Some(SetOutcome::Match(index)),
            Outcome::NoMatch => None,
            Outcome::BudgetSpent => Some(SetOutcome::BudgetSpent(index)),
        }
    }
}

impl Filter {
    /// `None` when there is nothing to look for. The texts are sorted.
    fn new(texts: &[(&[u8], usize)], words: usize) -> Option<Self> {
        let mut unique: Vec<&[u8]> = Vec::new();
        let mut owners: Vec<Box<[u64]>> = Vec::new();
        for (text, index) in texts {
            if unique.last() != Some(text) {
                unique.push(text);
                owners.push(vec![0; words].into());
            }
            if let Some(bits) = owners.last_mut() {
                set_bit(bits, *index);
            }
        }
        if unique.is_empty() {
            return None;
        }
        let kind = (unique.len() <= TABLE_TEXTS_MAX).then_some(AhoCorasickKind::DFA);
        let all = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(kind)
            .build(&unique)
            .ok()?;
        let quick = packed::Searcher::new(&unique);
        Some(Self { quick, all, owners })
    }

    /// Where the first text begins, or that there is none; `None` when that is not known quickly.
    fn quick_start(&self, line: &[u8]) -> Option<Option<usize>> {
        let quick = self.quick.as_ref()?;
        Some(quick.find(line).map(|found| found.start()))
    }

    /// Marks every expression whose text is in the line from a place on.
    fn mark(&self, line: &[u8], from: usize, candidates: &mut [u64]) {
        let input = Input::new(line).range(from..);
        let mut state = OverlappingState::start();
        loop {
            self.all.find_overlapping(input.clone(), &mut state);
            let Some(found) = state.get_match() else {
                return;
            };
            let owners = self.owners.get(found.pattern().as_usize());
            for (word, bits) in candidates.iter_mut().zip(owners.into_iter().flatten()) {
                *word |= bits;
            }
        }
    }
}

fn finders(grok: &Grok) -> Vec<Finder<'static>> {
    let few = |group: &&Needed| group.texts.len() <= FINDERS_MAX;
    let texts = grok.needed.first().filter(few).map(|group| &group.texts);
    let finder = |text: &[u8]| Finder::new(text).into_owned();
    texts
        .into_iter()
        .flatten()
        .map(|text| finder(text))
        .collect()
}

/// The groups that are looked for: the first one if it is rare, else all.
fn wanted(groups: &[Needed]) -> &[Needed] {
    match groups.first() {
        Some(first) if first.is_rare => groups.get(..1).unwrap_or(groups),
        _ => groups,
    }
}

fn set_bit(words: &mut [u64], index: usize) {
    if let Some(word) = words.get_mut(index / 64) {
        *word |= 1 << (index % 64);
    }
}

fn has_bit(words: &[u64], index: usize) -> bool {
    words
        .get(index / 64)
        .is_some_and(|word| word >> (index % 64) & 1 == 1)
}

#[cfg(test)]
mod tests;
