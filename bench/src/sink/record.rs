//! What the sink remembers: counts, the sequence numbers seen, and what was wrong with sampled documents. The report is
//! one JSON object.

use std::collections::BTreeSet;

use serde_json::json;

use super::document::{self, Wanted};
use crate::lines;

/// The first documents are all compared, later ones by this step.
const COMPARED_FIRST: u64 = 100;
const COMPARED_STEP: u64 = 1000;

/// Faults kept with their text; more are only counted.
const FAULTS_KEPT: usize = 10;

/// The highest sequence number that is marked: 32 MiB of marks.
const SEQUENCE_MAX: u64 = 256 * 1024 * 1024;

#[derive(Default)]
pub struct Record {
    pub actions: u64,
    pub documents: u64,
    pub blank_lines: u64,
    pub requests: u64,
    pub body_bytes: u64,
    wanted: Option<Wanted>,
    compared: u64,
    seen: Vec<u64>,
    distinct: u64,
    doubled: u64,
    unmarked: u64,
    faults: u64,
    faults_kept: Vec<String>,
    extra_fields: BTreeSet<String>,
}

impl Record {
    pub fn new(wanted: Option<Wanted>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    /// Takes in one document.
    pub fn document(&mut self, line: &[u8]) {
        let number = self.documents;
        self.documents += 1;
        let Some(sequence) = lines::sequence_in(line).filter(|number| *number < SEQUENCE_MAX)
        else {
            self.unmarked += 1;
            return;
        };
        self.mark(sequence);
        if number < COMPARED_FIRST || number.is_multiple_of(COMPARED_STEP) {
            self.compare(line, sequence);
        }
    }

    /// Remembers what is wrong.
    pub fn fault(&mut self, fault: String) {
        self.faults += 1;
        if self.faults_kept.len() < FAULTS_KEPT {
            self.faults_kept.push(fault);
        }
    }

    /// Everything as JSON.
    pub fn report(&self) -> String {
        json!({
            "actions": self.actions,
            "documents": self.documents,
            "blank_lines": self.blank_lines,
            "requests": self.requests,
            "body_bytes": self.body_bytes,
            "compared": self.compared,
            "distinct": self.distinct,
            "doubled": self.doubled,
            "unmarked": self.unmarked,
            "faults": self.faults,
            "faults_kept": self.faults_kept,
            "extra_fields": self.extra_fields,
        })
        .to_string()
    }

    /// The sequence numbers below `count` that have not arrived, as ranges without their ends, as JSON.
    pub fn missing(&self, count: u64) -> String {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in (0..count).filter(|number| !self.is_marked(*number)) {
            match ranges.last_mut() {
                Some((_, end)) if *end == number => *end += 1,
                _ => ranges.push((number, number + 1)),
            }
        }
        json!(ranges).to_string()
    }

    fn is_marked(&self, sequence: u64) -> bool {
        let word = self.seen.get((sequence / 64) as usize);
        word.is_some_and(|word| word & (1 << (sequence % 64)) != 0)
    }

    fn mark(&mut self, sequence: u64) {
        let (word, bit) = ((sequence / 64) as usize, 1 << (sequence % 64));
        if self.seen.len() <= word {
            self.seen.resize((word + 1).next_power_of_two(), 0);
        }
        if !self.is_marked(sequence) {
            self.seen[word] |= bit;
            self.distinct += 1;
        } else {
            self.doubled += 1;
        }
    }

    fn compare(&mut self, line: &[u8], sequence: u64) {
        let Some(wanted) = self.wanted else { return };
        self.compared += 1;
        match document::compare(line, sequence, wanted) {
            Ok(extra) => self.extra_fields.extend(extra),
            Err(fault) => self.fault(format!("document {sequence}: {fault}")),
        }
    }
}
