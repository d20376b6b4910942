//! The compiled pipeline: conditions, filter steps and output steps, and the workers that run batches through them.

pub mod building;
pub mod compile;
pub mod condition;
pub mod decoration;
pub mod program;
pub mod worker;

pub use building::{Building, Ecs};
