//! Drives the properties of `docker_json` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/docker_json.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
