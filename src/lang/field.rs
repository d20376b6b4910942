//! Field references in configurations: the event's own reading of them, behind a limit on their nesting.

use crate::event::reference;
use crate::lang::limits;

/// The parts of a reference, outermost first, or what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<String>, String> {
    if limits::NESTING_MAX < text.matches('[').count() {
        return Err("this field reference has too many brackets".to_owned());
    }
    reference::parse(text)
}
