//! Drives the properties of `collectd` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/collectd.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
