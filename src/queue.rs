//! What lies between the stages: acknowledgements, positions, queues in front of outputs, and what no output can deliver.

pub mod ack;
pub mod dead_letters;
pub mod positions;
