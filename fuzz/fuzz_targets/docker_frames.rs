//! Drives the properties of `docker_frames` with inputs of the fuzzer.

#![no_main]

#[path = "../properties/docker_frames.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| property::check(data));
