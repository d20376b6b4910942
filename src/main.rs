//! Arguments to settings to agent to exit code.

mod event;
mod lang;
mod plugin;

fn main() {}
