//! Drives the properties of `grok` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/grok.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
