//! What lies between the stages: acknowledgements, positions, queues in front of outputs.

pub mod ack;
pub mod crash;
#[allow(dead_code, reason = "outputs are wired to it in a step of its own")]
pub mod disk;
pub mod folders;
#[allow(dead_code, reason = "outputs are wired to it in a step of its own")]
pub mod log;
#[allow(dead_code, reason = "outputs are wired to it in a step of its own")]
pub mod payload;
pub mod positions;
