//! The pipeline language, Logstash's: text comes in, a checked configuration or diagnostics go out.

pub mod diagnostic;
pub mod source;
