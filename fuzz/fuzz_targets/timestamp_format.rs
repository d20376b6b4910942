//! Drives the properties of `timestamp_format` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/timestamp_format.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
