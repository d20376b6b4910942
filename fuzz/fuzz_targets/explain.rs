//! Drives the properties of `explain` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/grok.rs"]
mod grok;
#[path = "../properties/explain.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
