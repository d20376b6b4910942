//! Drives the properties of `access_log` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/access_log.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
