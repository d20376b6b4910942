//! Every limit of the agent, with the reason for its number. The documentation prints this table.

/// One batch's bytes, the input's and the filters' together. Far above what a batch needs, far below where the spans'
/// 32 bits end: only a pipeline that multiplies its text without end meets it.
pub const BATCH_BYTES_MAX: usize = 256 << 20;

/// One line or record. Elasticsearch refuses no such document, and ten at once still fit a small agent.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What an input reads at once: some 600 lines, which stay in the processor's cache from reading to encoding.
pub const READ_BYTES: usize = 64 << 10;

/// Batches waiting for one worker. With batches of `READ_BYTES` a queue stays below a megabyte.
pub const BATCHES_WAITING_MAX: usize = 8;

/// Depth of nested JSON, as serde_json has it.
pub const JSON_DEPTH_MAX: usize = 128;
