//! The limits of the output `graphite`.

/// A metric's path. Each part becomes a folder's or file's name at carbon, which closes a connection at 16 KiB lines.
pub const METRIC_PATH_BYTES_MAX: usize = 1024;

/// Paths in one interval. Carbon makes 50 new series a minute by default: what needs more than this is a mistake.
pub const METRIC_PATHS_MAX: usize = 10_000;

/// Sums, gauges and timers held for all intervals: some ten megabytes at most, hours of an outage for a usual dashboard.
pub const METRICS_HELD_MAX: usize = 50_000;

/// Values of one timer in one interval that are kept as they are; beyond it percentiles are right to one in a hundred.
pub const TIMER_VALUES_MAX: usize = 4096;

/// Values of all timers together.
pub const TIMER_BYTES_MAX: usize = 8 << 20;

/// Flushes without a sample after which an interval is closed: five minutes of them for late events.
pub const SLOT_IDLE_FLUSHES_MAX: u32 = 30;

/// Closed intervals that are remembered: eleven days of ten seconds.
pub const SLOTS_REMEMBERED_MAX: usize = 100_000;

/// How far an event's time may be ahead of the agent's clock, in seconds, as clocks are that nobody sets. Values of a time further ahead,
/// such as that of another zone, belong to the time of their receipt, and are counted as `samples_too_early`.
pub const SAMPLE_AHEAD_SECONDS_MAX: i64 = 600;

/// How long a counter that nothing is heard of is reported as zero, in seconds.
pub const COUNTER_ZEROS_SECONDS: i64 = 3600;

/// Blocks of samples between the workers and the task of a Graphite output.
pub const SAMPLE_BLOCKS_WAITING_MAX: usize = 8;

/// Samples in one block.
pub const SAMPLE_BLOCK_MAX: usize = 4096;

/// Samples that are counted and sent, but would be read again after a restart because another output still holds their
/// batches. Beyond it they are saved with the rest: better counted twice after a restart than memory without a limit.
pub const SAMPLES_WAITING_BYTES_MAX: usize = 16 << 20;

/// How often it is asked whether those batches are done.
pub const SAMPLES_WAITING_LOOK: std::time::Duration = std::time::Duration::from_millis(100);

/// The same once the agent stops: it waits for this.
pub const SAMPLES_ENDING_LOOK: std::time::Duration = std::time::Duration::from_millis(10);

/// How often the sums of a Graphite output are saved.
pub const SUMS_SAVE_INTERVAL: std::time::Duration = std::time::Duration::from_millis(500);

/// The pause after a save, in times of what it took: the disk is busy with it for a tenth of the time at most.
pub const SUMS_SAVE_PAUSE_FACTOR: u32 = 9;

/// How often they are saved while they hold what nobody can send again: with the gathering and the saving itself that is what a
/// crash may lose of it.
pub const SUMS_PUSHED_SAVE_INTERVAL: std::time::Duration = std::time::Duration::from_millis(20);

/// A file that is larger than what this writes in that time is saved less often, but each `SUMS_SAVE_INTERVAL`: it is written as a
/// whole, 86 GB a day at most.
pub const SUMS_PUSHED_BYTES_A_SECOND_MAX: usize = 1 << 20;

/// The pause after such a save, in times of what it took: the disk is busy with it for a fifth of the time at most.
pub const SUMS_PUSHED_SAVE_PAUSE_FACTOR: u32 = 4;

/// A line's path. Carbon ends a connection at 16 KiB lines; value and time take a part of them.
pub const METRIC_LINE_BYTES_MAX: usize = 16_000;

/// Points in one pickle: carbon's own relay sends no more, and its limit is 1 MiB a frame.
pub const PICKLE_POINTS_MAX: usize = 500;

/// Bytes written to carbon before it is asked whether it ended the connection.
pub const GRAPHITE_PART_BYTES: usize = 64 << 10;

/// How long connecting to carbon or writing a flush may take.
pub const GRAPHITE_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// The same for the last flush of an agent that stops: sums are saved already, and carbon can get them after the next start.
pub const GRAPHITE_END_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// How long opening the connection for the next flush may take: it is of use, but not needed.
pub const GRAPHITE_REST_WAIT: std::time::Duration = std::time::Duration::from_secs(1);
