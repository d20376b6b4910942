//! What lies between the stages: acknowledgements, positions, queues in front of outputs.

pub mod ack;
pub mod in_step;
pub mod positions;
pub mod whole_file;
