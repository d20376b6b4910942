//! Log parsers: bytes in, fields out.

mod error;

pub mod cri;
pub mod csv;
pub mod dissect;
pub mod docker_frames;
pub mod docker_json;
pub mod framing;
pub mod grok;
pub mod joiner;
pub mod key_value;
pub mod syslog;
pub mod timestamp;

pub use self::error::Error;
