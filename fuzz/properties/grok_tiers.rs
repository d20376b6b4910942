//! What holds for every expression and line: all engines that can take the expression find what a walk over it finds, which
//! shares no code with them.

use crate::grok::tiers;

/// Checks an expression and a line, as `grok/input.rs` reads them.
pub fn check(data: &[u8]) {
    tiers::check(data);
}
