//! The agent's behaviour, asked of the real binary: how it starts, what it is told by, how it reloads and ends, what it
//! tells of itself, and that hostile bytes do it no harm. Each test has a data folder and ports of its own.
//!
//! Not here: what filters make of events (`cases`), and real servers (`live`).

mod api;
mod bulk_server;
mod confinement;
mod dead_letters;
mod default_pipeline;
mod deploy;
mod endings;
mod handover;
mod hostile;
mod limits;
mod memory;
mod obstacles;
mod overflow;
mod positions;
mod queue;
mod queue_full;
mod reload;
mod reload_away;
mod running;
mod secrets;
mod settings;
mod stalled;
mod stopping;
mod syslog;
mod systemd;
mod tls;
