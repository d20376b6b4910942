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

/// How often positions are written: what a crash reads again is at most this much.
pub const POSITIONS_SAVE_INTERVAL: std::time::Duration = std::time::Duration::from_millis(500);

/// How long a reload waits for the old pipeline's outputs before it starts the new inputs; enough for a request under
/// way, too short to be felt when an output is away.
pub const RELOAD_DRAIN_WAIT: std::time::Duration = std::time::Duration::from_secs(3);

/// Connections to the API at once: a few scrapers and a person.
pub const API_CONNECTIONS_MAX: usize = 16;

/// How long a client of the API may take to send its request.
pub const API_REQUEST_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// A request's line and headers; hyper wants at least this much.
pub const API_REQUEST_BYTES_MAX: usize = 16 << 10;

/// A grok pattern file; the largest published one has 20 kB.
pub const PATTERN_FILE_BYTES_MAX: u64 = 4 << 20;

/// Threads of one generator. More than a machine has processors make nothing faster.
pub const GENERATOR_THREADS_MAX: usize = 64;

/// Patterns that one pattern with `{a,b}` can stand for. Each is walked on its own; people write a handful.
pub const GLOB_ALTERNATIVES_MAX: usize = 1000;

/// The largest datagram there is: a read never cuts one.
pub const DATAGRAM_BYTES_MAX: usize = 64 << 10;

/// Connections that one syslog input serves at once; each holds a buffer of `READ_BYTES` and a file descriptor.
pub const SYSLOG_CONNECTIONS_MAX: usize = 1024;

/// How much of a file's beginning its fingerprint covers: two or three log lines, which hold a time.
pub const FINGERPRINT_BYTES: usize = 256;

/// How soon it is tried again to open a file when no more could be opened.
pub const CROWDED_WAIT: std::time::Duration = std::time::Duration::from_secs(1);
