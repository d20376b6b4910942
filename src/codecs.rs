//! Codecs.
pub struct CodecPlugin { pub plugin: &'static crate::plugin::Plugin }
pub const ALL: &[CodecPlugin] = &[];
