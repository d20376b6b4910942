//! Every limit of the agent, with the reason for its number. `sawlog check --limits` and the documentation print this
//! table: `table` reads it from these lines, each of which stays on one.

mod graphite;
pub mod table;

pub use graphite::*;

/// One batch's bytes, the input's and the filters' together. Far above what a batch needs, far below where the spans'
/// 32 bits end: only a pipeline that multiplies its text without end meets it. What finds no room is left out and counted by the
/// filter as `texts_without_room`; the batch's events get the tag `_batchfull`.
pub const BATCH_BYTES_MAX: usize = 256 << 20;

/// Events that `split` makes of one. As many as a list that JSON brings can have items, and as a text of `LINE_BYTES_MAX` has lines
/// of a hundred bytes; one of more parts stays whole, with the tag `_split_too_many`.
pub const SPLIT_PARTS_MAX: usize = 10_000;

/// What `clone` and `split` copy in one batch: fields, members of maps and items of lists, 24 bytes each, and as much as
/// `COPY_NODES` for each event. A batch of `READ_BYTES` has some ten thousand. Events that would go beyond it stay as they are, with the
/// tag `_split_too_many` or `_clone_too_many`.
pub const BATCH_COPIES_MAX: usize = 4 << 20;

/// The same for the bytes of their texts, which copies share but an output writes with each: as much as a batch may hold.
pub const BATCH_COPIED_BYTES_MAX: usize = 256 << 20;

/// Fields, members of maps and items of lists in one batch, 24 bytes each, when `mutate` splits a text. A text that would go beyond it
/// stays as it is, is counted as `texts_without_room`, and the event has the tags `_mutate_error` and `_batchfull`.
pub const BATCH_NODES_MAX: usize = 8 << 20;

/// What an event that a filter makes counts for in `BATCH_COPIES_MAX` besides its fields: later filters give it more of them.
pub const COPY_NODES: usize = 16;

/// One line or record. Elasticsearch refuses no such document, and ten at once still fit a small agent.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What an input reads at once: some 600 lines, which stay in the processor's cache from reading to encoding.
pub const READ_BYTES: usize = 64 << 10;

/// Levels of objects and lists within each other in JSON that is read. Data of people has ten, and each level costs stack.
pub const JSON_DEPTH_MAX: usize = 128;

/// Members and elements of one JSON document, and parameters of one syslog message. Elasticsearch refuses indexes of more than
/// 1000 fields by default; ten times that bounds the time that a hostile line can cost.
pub const FIELDS_MAX: usize = 10_000;

/// What one compressed file may unpack to. It is read piece by piece, so this bounds time and not memory: a file made to
/// unpack without end. The rest is not read; `docker` counts it as `archives_cut`, `file` as `read_errors`.
pub const ARCHIVE_BYTES_MAX: u64 = 64 << 30;

/// Batches waiting for one worker. With batches of `READ_BYTES` a queue stays below a megabyte.
pub const BATCHES_WAITING_MAX: usize = 8;

/// Batches of one pipeline that were read and wait for their acknowledgement; inputs that can be read again wait beyond it. Each
/// costs some 500 bytes besides its events, and an output that holds single documents of many batches must not fill the memory.
pub const BATCHES_UNDER_WAY_MAX: usize = 32 << 10;

/// A segment of dead letters: small enough to be read at once, and dropping the oldest loses no more than this.
pub const DEAD_LETTER_SEGMENT_BYTES: u64 = 10 << 20;

/// Newest dead letters that a started output reads, to know what it had kept when it died: two segments, one at a time.
pub const DEAD_LETTERS_KNOWN_BYTES: u64 = 20 << 20;

/// Newest dead letters that an output knows by their ids: more than two segments mostly have, in five megabytes.
pub const DEAD_LETTERS_KNOWN_MAX: usize = 64 << 10;

/// The least that may be given to the dead letters of a pipeline: room for a few, since each holds its document.
pub const DEAD_LETTERS_BYTES_MIN: u64 = 64 << 10;

/// The most of an event's `[@metadata]` that a dead letter keeps; of more it keeps nothing.
pub const DEAD_LETTER_METADATA_BYTES_MAX: usize = 64 << 10;

/// Dead letters that `sawlog dlq replay` sends before it writes down what is left: if it is ended, so many are sent again.
pub const DEAD_LETTER_REPLAY_COUNT: usize = 1000;

/// How often positions are written: what a crash reads again is at most this much.
pub const POSITIONS_SAVE_INTERVAL: std::time::Duration = std::time::Duration::from_millis(500);

/// How long a reload waits for the old pipelines to end before it says that it is done; enough for a request under way. New
/// inputs do not wait for it.
pub const RELOAD_DRAIN_WAIT: std::time::Duration = std::time::Duration::from_secs(3);

/// How long an output that has to end may finish what it has under way, a request or a write, before it is cut: what is cut is
/// sent again.
pub const OUTPUT_END_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// How long an output that a new configuration does not have any more may go without getting rid of anything before it gives up
/// what it still has: ten times a slow request.
pub const DISMISSED_OUTPUT_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// How often it is looked whether outputs have ended: no wait that anybody feels.
pub const OUTPUT_LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_millis(20);

/// Earlier configurations of a pipeline whose outputs are away and still hold events; with more of them a reload is refused. Each
/// may hold some ten megabytes, and nobody reloads that often while a server is away, but for a script.
pub const RELOADS_BEHIND_MAX: usize = 4;

/// Connections to the API at once: scrapers, a person, and probes that leave some open.
pub const API_CONNECTIONS_MAX: usize = 64;

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

/// Datagrams of one batch: empty ones add no bytes to it.
pub const DATAGRAMS_GATHERED_MAX: usize = 8 << 10;

/// How long datagrams gather under load: at 100,000 a second a hundred, far below any buffer.
pub const DATAGRAM_NAP: std::time::Duration = std::time::Duration::from_millis(1);

/// How long a datagram is waited for before it is looked whether the input has to stop.
pub const DATAGRAM_WAIT: std::time::Duration = std::time::Duration::from_millis(200);

/// How often the kernel is asked how many datagrams it dropped.
pub const DATAGRAM_DROPS_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// Connections that one syslog input serves at once; each holds a buffer of `READ_BYTES` and a file descriptor.
pub const SYSLOG_CONNECTIONS_MAX: usize = 1024;

/// How long a connection for syslog may be silent once three quarters of all connections are in use: then those who say
/// nothing make room. While there is room, silence is no fault: a sender would lose its next message.
pub const SYSLOG_IDLE_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// Silence after which the kernel asks whether the other end of a connection still exists.
pub const SYSLOG_KEEPALIVE_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// After a connection that could not be accepted, which usually means that there are no file descriptors left.
pub const SYSLOG_ACCEPT_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// How long it takes until a port in use is tried again.
pub const SYSLOG_BIND_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

/// Unfinished messages of all connections of one syslog input together. A message has some hundred bytes and mostly arrives
/// whole; the connection that goes beyond this gives what it has, cut, and is closed.
pub const SYSLOG_UNFINISHED_BYTES_MAX: usize = 16 << 20;

/// The same for all files of one `file` input: lines without an end. Beyond it such a line is put back, and read again from the file
/// when it has its end.
pub const FILE_UNFINISHED_BYTES_MAX: usize = 16 << 20;

/// The same for all containers of one `docker` input: lines of which Docker made pieces. Beyond it a line is cut behind its first
/// piece of 16 KiB or later, and counted as `lines_truncated`.
pub const DOCKER_UNFINISHED_BYTES_MAX: usize = 16 << 20;

/// How long a TLS handshake may take: a few round trips around the world.
pub const TLS_HANDSHAKE_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// How long saying goodbye to a peer may take, which TLS needs.
pub const TLS_GOODBYE_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// A file of certificates or a key. The bundle of all authorities of the web has 0.3 MB.
pub const TLS_FILE_BYTES_MAX: u64 = 4 << 20;

/// The shortest secret that is taken out of what servers say: the shorter ones stand in every text by chance.
pub const SECRET_BYTES_MIN: usize = 4;

/// How often it is looked whether a certificate's file has changed: they are renewed days before they end.
pub const TLS_LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_secs(2);

/// How much of a file's beginning its fingerprint covers: two or three log lines, or a record of Docker's, which hold a time.
pub const FINGERPRINT_BYTES: usize = 256;

/// A path that a file output makes of an event; Linux takes no longer ones.
pub const FILE_PATH_BYTES_MAX: usize = 4096;

/// Each name in such a path; file systems take no longer ones.
pub const FILE_NAME_BYTES_MAX: usize = 255;

/// What an input that stops still reads of a TCP connection whose sender goes on and on; more if more waited then.
pub const STREAM_LAST_BYTES_MAX: usize = 1 << 20;

/// How soon it is tried again to open a file when no more could be opened.
pub const CROWDED_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// How often a file that grows is read before the next one's turn, `READ_BYTES` each time: a mebibyte.
pub const FILE_TURN_READS: usize = 16;

/// Changes of files are taken at least that far apart, so that a writer of single lines does not have each of them fetched singly.
pub const FILE_NAP: std::time::Duration = std::time::Duration::from_millis(2);

/// How often it is asked whether the outputs have all of a completed file.
pub const FILE_COMPLETION_INTERVAL: std::time::Duration = std::time::Duration::from_millis(100);

/// How often a folder is listed until two listings agree: names that change meanwhile hide files.
pub const FOLDER_LISTINGS_MAX: usize = 8;

/// What is read at once of what the kernel tells of files: some hundred changes.
pub const WATCH_READ_BYTES: usize = 16 << 10;
/// A block of documents on its way to Elasticsearch, and so the usual request: some 3000 lines of a web server. Larger
/// requests make Elasticsearch no faster and would cost an agent its small memory.
pub const BULK_BLOCK_BYTES: usize = 1 << 20;

/// What a block's buffer has room for beyond that: the document that fills it.
pub const BULK_BLOCK_SLACK_BYTES: usize = 64 << 10;

/// Blocks waiting between the workers and the sender of an Elasticsearch output.
pub const BULK_BLOCKS_WAITING_MAX: usize = 2;

/// Used buffers kept for new blocks: as many as there are requests under way, usually.
pub const BULK_SPARES_MAX: usize = 4;

/// Documents that an Elasticsearch output holds, under way and waiting to be tried again, before it takes no more.
pub const BULK_HELD_BYTES_MAX: usize = 12 << 20;

/// The smallest request that a server's "too large" can lead to.
pub const BULK_LEARNED_BYTES_MIN: usize = 64 << 10;

/// Requests of an Elasticsearch output under way at once, whatever it is told.
pub const BULK_REQUESTS_MAX: usize = 64;

/// An answer, unpacked: some 300 bytes for each of the most documents that a request can have. What is longer is no answer, and is
/// read no further.
pub const BULK_ANSWER_BYTES_MAX: usize = 32 << 20;

/// How long a client with its connections is used: a name that moved, or a new node, is found after this time.
pub const TRANSPORT_AGE_MAX: std::time::Duration = std::time::Duration::from_secs(300);

/// An index's name: Elasticsearch's own limit.
pub const INDEX_NAME_BYTES_MAX: usize = 255;

/// A document's id: Elasticsearch's own limit.
pub const DOCUMENT_ID_BYTES_MAX: usize = 512;

/// How often a warning of one kind is repeated.
pub const WARNING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(60);

/// A container's name; Docker itself sets no limit, a host name has 253.
pub const CONTAINER_NAME_BYTES_MAX: usize = 256;

/// An image's name with registry and digest.
pub const CONTAINER_IMAGE_BYTES_MAX: usize = 1024;

/// Labels of one container: each becomes a field of the index.
pub const LABELS_MAX: usize = 128;

/// A label's name. Docker recommends reversed domain names, which have at most 253.
pub const LABEL_NAME_BYTES_MAX: usize = 256;

/// A label's value: routing rules and descriptions fit.
pub const LABEL_VALUE_BYTES_MAX: usize = 4 << 10;

/// All labels of a container together: every event carries them.
pub const LABELS_BYTES_MAX: usize = 16 << 10;

/// One answer of the Docker Engine, or one file of its descriptions. A list of 10 000 containers has about 10 MB.
pub const DOCKER_ANSWER_BYTES_MAX: usize = 32 << 20;

/// How long the Docker Engine may take for a description; under load it takes seconds.
pub const DOCKER_ANSWER_WAIT: std::time::Duration = std::time::Duration::from_secs(15);

/// First wait before Docker is asked again; a restarting daemon is back in about a second.
pub const DOCKER_RETRY_WAIT_MIN: std::time::Duration = std::time::Duration::from_millis(100);

/// Longest wait before Docker is asked again.
pub const DOCKER_RETRY_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// One record of a json-file log: 16 KiB of text, each byte escaped to six, and attributes.
pub const DOCKER_RECORD_BYTES_MAX: usize = 256 << 10;

/// Rotated files of one container that are looked for; a warning tells of others.
pub const ROTATED_FILES_MAX: u32 = 1000;

/// Room behind what an input reads at once, for texts whose escapes are undone: no second allocation follows.
pub const READ_SPARE_BYTES: usize = 48 << 10;

/// Lines of one stream with the same time that are told apart by their hashes. The clock ticks in nanoseconds.
pub const LINES_AT_ONE_TIME_MAX: usize = 16;

/// Containers whose log is tried before reading files is chosen.
pub const CONTAINERS_TRIED_MAX: usize = 50;

/// A pause after little was read: lines that are written one by one become batches, at a price of 1 % of a processor.
pub const DOCKER_NAP: std::time::Duration = std::time::Duration::from_millis(2);

/// Reads of one container before the others have their turn.
pub const DOCKER_READS_AT_ONCE: usize = 16;

/// How often a container is looked at that cannot be watched.
pub const DOCKER_LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// How long the rest of a line may take after its container has ended.
pub const DOCKER_END_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// Rotated files of one container that are held open until they are read.
pub const OPEN_ROTATED_FILES_MAX: usize = 64;

/// How far the times of neighbouring lines of two streams can lie apart in a container's log. They are milliseconds apart
/// where two writers took turns.
pub const DOCKER_STREAMS_APART: std::time::Duration = std::time::Duration::from_secs(5);

/// Events of Docker that are asked for again after a list, in case the clock of the list was behind.
pub const DOCKER_EVENTS_OVERLAP: std::time::Duration = std::time::Duration::from_secs(1);

/// Lines of one stream that are known again if the Engine sends them twice: more than were seen to come twice after a
/// rotation. 16 bytes each.
pub const RECENT_LINES_MAX: usize = 4096;

/// How long the Engine's answer with a container's logs may be silent before it is asked for anew, first and at most: after
/// a rotation some Engines send nothing more. Each time they search their log for the place, so the waits grow.
pub const DOCKER_SILENCE_MIN: std::time::Duration = std::time::Duration::from_secs(10);

/// See `DOCKER_SILENCE_MIN`.
pub const DOCKER_SILENCE_MAX: std::time::Duration = std::time::Duration::from_secs(3600);

/// How often positions of removed containers are looked at.
pub const DOCKER_TIDY_INTERVAL: std::time::Duration = std::time::Duration::from_secs(5);

/// Text that is written to the standard output or a file at once, if the input does not pause before.
pub const TEXT_BYTES: usize = 256 << 10;

/// Dead letters of events without a document that travel together to where they are kept.
pub const REFUSED_BYTES_MAX: usize = 1 << 20;

/// Texts that wait to be written; with `TEXT_BYTES` this is two mebibytes.
pub const TEXTS_WAITING_MAX: usize = 8;

/// How long the outputs `file` and `stdout` wait before they try a failed write again.
pub const TEXT_RETRY_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// How often a file that is written is compared with what its path names, so that rotation and deletion are noticed.
pub const FILE_IDENTITY_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// How often room in the queue on disk is looked for, and while a file cannot be written also what waits for it in memory.
pub const FILE_ROOM_INTERVAL: std::time::Duration = std::time::Duration::from_millis(10);

/// How often a writer that waits for room in a pipe looks whether it has to leave.
pub const PIPE_LOOK_INTERVAL: std::time::Duration = std::time::Duration::from_millis(20);

/// How often a writer to the standard output looks whether it is its turn.
pub const STDOUT_TURN_INTERVAL: std::time::Duration = std::time::Duration::from_millis(1);

/// A reader of the standard output that takes nothing for so long is not waited for at the end, if what it does not take is safe.
pub const STDOUT_STALLED_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

/// So much is written to a pipe at once: what has room takes that without waiting for its reader.
pub const STDOUT_PIPE_BYTES: usize = 4096;

/// Brackets within brackets of a field reference. Logstash's composite references nest twice; data can hold anything.
pub const REFERENCE_DEPTH_MAX: usize = 32;

/// Files that one `file` output keeps open: enough for the hosts or days of a usual path, far below a process's limit.
pub const FILES_OPEN_MAX: usize = 128;

/// Maps that all events of a batch can share, such as their container's: an input has one or two.
pub const SHARED_MAPS_MAX: usize = 16;
/// Questions to Docker for one name waiting at once.
pub const DOCKER_ASKS_WAITING_MAX: usize = 64;

/// Names a second that Docker is asked for, besides those that it tells of by itself. Whoever sends events chooses them.
pub const DOCKER_ASKS_PER_SECOND_MAX: u32 = 50;

/// How long the first event waits until all containers are listed.
pub const DOCKER_FIRST_LIST_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// Containers that are known after they were removed: their last lines may come late.
pub const REMOVED_CONTAINERS_KEPT: usize = 1000;

/// Names that no container has, kept so that they are not asked for again.
pub const MISSING_NAMES_MAX: usize = 10_000;

/// How long a name counts as missing.
pub const MISSING_NAME_KEPT: std::time::Duration = std::time::Duration::from_secs(10);

/// A signal to stop that follows another sooner than this is the same wish: `timeout` and shells signal a process and its
/// group. A person who means it presses twice more slowly, or three times.
pub const STOP_AGAIN: std::time::Duration = std::time::Duration::from_millis(200);

/// A file of a queue on disk: at least a few blocks, at most what is read through quickly after a crash.
pub const QUEUE_SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 4 << 20..=1 << 30;

/// The least that a queue on disk may be given: room for a few blocks of documents, and for segments that are given back
/// one by one.
pub const QUEUE_BYTES_MIN: u64 = 8 << 20;

/// How long workers may take to end once the outputs are gone: a few batches and a sync of a queue.
pub const WORKERS_END_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// How long closing the queues on disk may take: a sync, on a disk that is busy.
pub const QUEUE_CLOSE_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// A block of this age goes to the queue on disk however small it is: until then its documents are in memory alone. The
/// sender joins small ones again.
pub const QUEUE_BLOCK_AGE: std::time::Duration = std::time::Duration::from_millis(8);

/// What one sync of a queue on disk covers at most: more would not make a byte cheaper.
pub const QUEUE_COMMIT_BYTES: usize = 4 << 20;

/// How often it is written down what an output has delivered: a crash sends again at most what was delivered since, under
/// the same ids.
pub const QUEUE_SAVE_INTERVAL: std::time::Duration = std::time::Duration::from_millis(500);

/// How long text for a file waits for room in memory before it goes to the queue on disk, if it may: longer than a disk takes to
/// sync, shorter than a socket's buffer is full.
pub const FILE_OVERFLOW_WAIT: std::time::Duration = std::time::Duration::from_millis(50);

/// A record of a queue on disk: a block of documents, with room for the largest that Elasticsearch takes by default.
pub const QUEUE_RECORD_BYTES_MAX: usize = 128 << 20;

/// What a queue leaves free on its disk: others log there too, and a full disk stops more than logs.
pub const QUEUE_FREE_RESERVE_BYTES: u64 = 64 << 20;

/// How often `sawlog queue` begins anew to look at a queue whose agent saves its state. It does so twice a second; a look takes
/// milliseconds.
pub const QUEUE_VIEW_TRIES_MAX: u32 = 20;

/// What is read at once of a queue on disk while a whole record is looked for, or the end behind the last.
pub const QUEUE_WINDOW_BYTES: usize = 64 << 10;

/// What may be read in vain of a damaged segment, besides four times its size: a start must end.
pub const QUEUE_VAIN_BYTES: u64 = 1 << 20;

/// What is passed over of a segment where the disk cannot be read: its own block.
pub const QUEUE_UNREADABLE_BYTES: usize = 4096;

/// What is freed at once of a removed segment: a disk that frees more keeps others waiting.
pub const QUEUE_RECLAIM_STEP_BYTES: u64 = 1 << 20;

/// Removed segments that wait to be freed so. More are freed as a whole.
pub const QUEUE_RECLAIM_FILES_MAX: usize = 4;
