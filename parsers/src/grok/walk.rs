//! A search by the book: backtracking straight from the expression's tree, which shares no code with the engines. Fuzz
//! targets hold the engines against it; nobody else needs it. The library's own tests ask it in `agreement`.

#[path = "agreement/reference.rs"]
mod reference;

use super::{Grok, Outcome, Slots};

impl Grok {
    /// The same as [`Grok::search`], found the slow way, within so many steps of a walk over the tree and as deep as the
    /// stack of a thread allows.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
    ///
    /// let grok = Grok::compile("(?<a>x+)(?<b>x)", &Patterns::new(), Options::default())?;
    /// let mut slots = Slots::new();
    /// assert_eq!(grok.walk(b"-xxx", 1000, &mut slots), Outcome::Match);
    /// assert_eq!((slots.span(0), slots.span(1)), (Some(1..3), Some(3..4)));
    /// assert_eq!(grok.walk(&[b'x'; 100], 10, &mut slots), Outcome::BudgetSpent);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    #[doc(hidden)]
    pub fn walk(&self, line: &[u8], steps_max: u64, slots: &mut Slots) -> Outcome {
        let found = reference::search(&self.tree, &self.captures, line, steps_max);
        slots.is_match = false;
        match found {
            Some(Some(spans)) => {
                slots.scratch.spans = spans;
                slots.is_match = true;
                Outcome::Match
            }
            Some(None) => Outcome::NoMatch,
            None => Outcome::BudgetSpent,
        }
    }
}
