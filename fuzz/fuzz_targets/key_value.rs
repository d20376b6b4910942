//! Drives the properties of `key_value` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/key_value.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
