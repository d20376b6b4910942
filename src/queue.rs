//! What lies between the stages: acknowledgements, positions, the queue in front of an output, in memory or on disk, and
//! what no output can deliver.

pub mod ack;
pub mod block;
pub mod crash;
pub mod dead_letters;
pub mod disk;
pub mod ends;
pub mod folders;
pub mod in_step;
pub mod keeper;
pub mod log;
pub mod payload;
pub mod policy;
pub mod positions;
pub mod queues;
pub mod whole_file;
