//! What the agent knows of Docker: containers' descriptions, the Engine behind its socket, and the fields that events carry
//! of a container. Reading logs is the input's.

pub mod container;
pub mod containers;
pub mod engine;
pub mod events;
pub mod fields;
