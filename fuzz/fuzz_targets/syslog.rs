//! Drives the properties of `syslog` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/syslog.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
