//! The agent between real senders and real receivers; what is asserted is what is found at the far end.
//!
//! What comes in: rsyslog, Docker, nginx, files. What goes out: Elasticsearch and carbon, asked by the test. Not here: how
//! those servers are started (`services`) and pipelines from stdin to stdout (`cases`).

mod book;
mod docker;
mod graphite;
mod made;
mod nginx;
mod outage;
mod queue;
mod refusals;
mod rsyslog;
mod secure;
mod sums;
