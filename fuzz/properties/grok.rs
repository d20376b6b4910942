//! What the grok targets share: how an input is read, how it is compiled and searched.

#![allow(dead_code, reason = "each target takes what it needs")]

#[path = "grok/agreement.rs"]
pub mod agreement;
#[path = "grok/engines.rs"]
pub mod engines;
#[path = "grok/input.rs"]
pub mod input;
#[path = "grok/tiers.rs"]
pub mod tiers;
