//! Log parsers: bytes in, fields out.
