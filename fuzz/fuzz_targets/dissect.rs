//! Drives the properties of `dissect` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/dissect.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
