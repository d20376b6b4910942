//! Drives the properties of `grok_tiers` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/grok.rs"]
mod grok;
#[path = "../properties/grok_tiers.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
