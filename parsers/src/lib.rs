//! Log parsers: bytes in, fields out.

mod error;

pub mod access_log;
pub mod collectd;
pub mod cri;
pub mod docker_frames;
pub mod docker_json;
pub mod framing;
pub mod grok;
pub mod joiner;
pub mod syslog;
pub mod timestamp;

pub use self::error::Error;
