//! All tests of the agent, in one binary.
