//! Drives the properties of `cri` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/cri.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
