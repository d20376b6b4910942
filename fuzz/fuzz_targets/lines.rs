//! Drives the properties of `lines` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/lines.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
