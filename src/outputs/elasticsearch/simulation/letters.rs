//! The dead letters of a run: the folder comes in, and how many there are of each event goes out.

use std::collections::BTreeMap;
use std::path::Path;

use super::ledger::{self, Event};
use crate::queue::dead_letters::folder;
use crate::queue::dead_letters::letter::Kept;

/// Reads the letters. One that is torn or names no event is an error.
pub fn read(folder: &Path) -> Result<BTreeMap<Event, u64>, String> {
    let mut letters = BTreeMap::new();
    for segment in folder::segments(folder).map_err(|error| error.to_string())? {
        let text = std::fs::read(&segment.path).map_err(|error| error.to_string())?;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let event = Kept::parse(line).and_then(|letter| event(&letter));
            let what = || format!("no letter: {}", String::from_utf8_lossy(line));
            *letters.entry(event.ok_or_else(what)?).or_default() += 1;
        }
    }
    Ok(letters)
}

fn event(letter: &Kept<'_>) -> Option<Event> {
    let action: serde_json::Value = serde_json::from_str(letter.action()?).ok()?;
    ledger::of_id(action.get("create")?.get("_id")?.as_str()?)
}
