//! Log parsers: bytes in, fields out.

pub mod cri;
pub mod docker_frames;
pub mod docker_json;
pub mod framing;
pub mod grok;
pub mod joiner;
pub mod syslog;
pub mod timestamp;
