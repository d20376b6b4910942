//! Drives the properties of `joiner` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/joiner.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
