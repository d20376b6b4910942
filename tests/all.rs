//! All tests of the agent, in one binary: real services (`services`) and the harness around them.

mod services;
