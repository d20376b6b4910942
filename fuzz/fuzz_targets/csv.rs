//! Drives the properties of `csv` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/csv.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
