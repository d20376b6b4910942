//! Drives the properties of `grok_automaton` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/grok.rs"]
mod grok;
#[path = "../properties/grok_automaton.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
