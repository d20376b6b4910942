//! Log parsers: bytes in, fields out.
pub mod timestamp;
