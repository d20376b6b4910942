//! What lies between the stages: acknowledgements, positions, and the queue in front of an output, in memory or on disk.

pub mod ack;
pub mod block;
pub mod crash;
pub mod disk;
pub mod ends;
pub mod folders;
pub mod in_order;
pub mod keeper;
pub mod log;
pub mod payload;
pub mod policy;
pub mod positions;
pub mod queues;
