//! Arguments to settings to agent to exit code.

mod agent;
mod api;
mod cli;
mod codecs;
mod docker;
#[cfg(test)]
mod documentation;
mod durable;
mod event;
mod filters;
mod glob;
mod host;
mod inputs;
mod lang;
mod limits;
mod metrics;
mod outputs;
mod pipeline;
mod plugin;
mod printable;
mod queue;
mod quiet;
mod settings;
#[cfg(test)]
mod simulation;
mod small_file;

fn main() -> std::process::ExitCode {
    queue::crash::arm();
    cli::run()
}
