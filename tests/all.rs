//! All tests of the agent, in one binary.
//!
//! `agent` asks the binary for its behaviour; `services` starts real servers; `live` puts the agent between them, `faults`
//! strikes them and it under load; `cases` walks a folder of pipelines from stdin to stdout, `pipelines` those that are ready
//! to use; `tidy` reads the source tree. `tests/run` installs what they need and runs them.

mod agent;
mod cases;
mod faults;
mod live;
mod pipelines;
mod services;
mod tidy;
