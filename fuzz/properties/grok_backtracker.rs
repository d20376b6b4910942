//! What holds for every expression that the backtracker takes, and every line: it finds what plain backtracking finds.

use sawlog_parsers::grok::Tier;

use crate::grok::agreement;

/// Checks an expression and a line, as `grok/input.rs` reads them.
pub fn check(data: &[u8]) {
    agreement::check(data, Tier::Backtracker);
}
