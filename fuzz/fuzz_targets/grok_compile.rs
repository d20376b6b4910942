//! Drives the properties of `grok_compile` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/grok.rs"]
mod grok;
#[path = "../properties/grok_compile.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
