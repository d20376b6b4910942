//! Drives the properties of `timestamp` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/timestamp.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
