//! Arguments to settings to agent to exit code.

mod event;
mod filters;
mod inputs;
mod lang;
mod limits;
mod metrics;
mod outputs;
mod pipeline;
mod plugin;
mod queue;

fn main() {}
