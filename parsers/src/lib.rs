//! Log lines in, typed fields out: the parsers of the log agent *sawlog*, as a library that stands alone.
//!
//! Every function here takes bytes and gives values that borrow from them. Nothing reads a file, a clock or the
//! environment, nothing is asynchronous, nothing logs, no line makes it panic. What the world is asked for by others, the
//! time of day or the sender's offset, is an argument here, so the same bytes give the same fields everywhere.
//!
//! | module | goes in | comes out |
//! |---|---|---|
//! | [`grok`] | an expression such as `%{IP:client} %{NUMBER:took:float}`, or many of them, once; lines | typed fields, or spans of the captures; for a line that does not match, how far it got |
//! | [`syslog`] | one message: RFC 5424, RFC 3164, and what devices really send | priority, time, host, program, structured data, text |
//! | [`lines`] | the bytes of a stream whose records end with a newline or another delimiter, as they arrive | where each record lies, and how much can be taken now |
//! | [`framing`] | the bytes of a syslog connection, as they arrive | one message at a time, octet-counted or by line |
//! | [`docker_json`] | a line of Docker's json-file log | text, stream, time |
//! | [`docker_frames`] | the body of the Docker Engine's logs API, as it arrives | one record at a time |
//! | [`cri`] | a line of a Kubernetes container's log | text, stream, time |
//! | [`joiner`] | the pieces of one stream's long lines | whole lines |
//! | [`access_log`] | a line of Apache's or Nginx's access log, without any expression | its typed fields |
//! | [`dissect`] | a mapping such as `%{client} [%{time}] %{message}`, once; lines | names and slices, by Logstash's rules |
//! | [`key_value`] | a line such as `user=root src="10.0.0.1"` | keys and values, with every option of Logstash's kv |
//! | [`csv`] | one row of separated columns | named columns |
//! | [`collectd`] | one packet of collectd's binary network protocol | values and notifications |
//! | [`timestamp`] | a time in one of many shapes, or in a format of Joda or Java | nanoseconds since 1970, and back |
//!
//! # From a line to fields
//!
//! ```
//! use sawlog_parsers::grok::{Empty, Grok, Options, Outcome, Patterns, Slots, Value};
//! use sawlog_parsers::syslog::{self, Reference};
//! use sawlog_parsers::timestamp;
//!
//! // Once: the built-in patterns, one of our own, and an expression that uses both.
//! let mut patterns = Patterns::legacy();
//! patterns.add_file("shop", b"ORDER A-%{POSINT:order:int}\n")?;
//! let expression = "%{ORDER} paid from %{IP:client} in %{NUMBER:took:float} s";
//! let grok = Grok::compile(expression, &patterns, Options::default())?;
//!
//! // Once for each thread: memory that every search uses again.
//! let mut slots = Slots::new();
//!
//! // For each line. Syslog's stamps have no year and no zone: the caller says what they are.
//! let reference = Reference { year: 2026, month: 11, utc_offset_seconds: 3600 };
//! let line = b"<134>Nov 20 18:56:21 web-17 shop[4711]: A-1042 paid from 192.0.2.7 in 0.25 s";
//! let message = syslog::parse(line, &reference);
//! assert_eq!(message.host, Some(&b"web-17"[..]));
//! assert_eq!(message.program, Some(&b"shop"[..]));
//! assert_eq!(syslog::SEVERITY_LABELS[usize::from(message.severity())], "Informational");
//! let mut written = Vec::new();
//! timestamp::write_iso8601_millis(message.timestamp.expect("the line has one"), &mut written);
//! assert_eq!(written, b"2026-11-20T17:56:21.000Z");
//!
//! // Fields come in the order of the expression; `slots.span` says where each capture lies in the text.
//! assert_eq!(grok.search(message.message, &mut slots), Outcome::Match);
//! let fields = grok.fields(message.message, &slots, Empty::Drop);
//! let fields: Vec<_> = fields.map(|field| (field.name(), field.first())).collect();
//! assert_eq!(fields[0], ("order", Value::Int(1042)));
//! assert_eq!(fields[1], ("client", Value::Text(b"192.0.2.7")));
//! assert_eq!(fields[2], ("took", Value::Float(0.25)));
//! assert_eq!(slots.span(2), Some(30..34));
//! # Ok::<(), sawlog_parsers::Error>(())
//! ```
//!
//! # Conventions
//!
//! * **Values borrow.** A parsed value is made of slices of the line, or of ranges of the caller's buffer; nothing is
//!   copied. Where a text must change, escapes for instance, a function of its own writes it to the caller's `Vec`.
//! * **Lines are bytes.** No encoding is demanded. Where characters count, a byte that is not UTF-8 counts as one.
//! * **Times are `i64` nanoseconds** since 1970-01-01T00:00:00Z, which reach from 1678 to 2261. Offsets are seconds east
//!   of UTC.
//! * **Scratch memory is the caller's.** [`grok::Slots`], the decoders and the joiner keep what they need between calls,
//!   so that the usual line allocates nothing.
//! * **Streams are state machines.** A decoder looks at the caller's buffer and says what lies at its head and how much
//!   of it is used up. Reading, waiting and growing the buffer are the caller's.
//!
//! # What is an error
//!
//! What a person writes can be wrong: an expression, a pattern file, a format. That is an [`Error`], told once, with file,
//! line, column and what would be right. What is accepted but likely not meant is a warning
//! ([`grok::Grok::warnings`]).
//!
//! A line of a log is never an error. A parser of one format returns `None` for a line that is not of that format.
//! [`syslog::parse`] has an answer for every line: what no parser understands comes back whole, as
//! [`syslog::Format::Kept`]. A search has three outcomes, since "too much work to tell" must not look like "no match":
//! [`grok::Outcome`]. A decoder that cannot go on says so in a step of its own.
//!
//! # Limits
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | steps of one search | 5,000,000 ([`grok::STEPS_MAX`]), or [`grok::Options::steps_max`] | [`grok::Outcome::BudgetSpent`] |
//! | open choices of one search | 524,288, in 16 MiB a thread | [`grok::Outcome::BudgetSpent`] |
//! | an expression, or one definition | 64 KiB | [`Error`] |
//! | definitions that an expression expands to | 10,000, together 256 KiB | [`Error`] |
//! | nesting of groups and patterns | 120; with repetitions 150 | [`Error`] |
//! | count in `{...}` | 100,000 | [`Error`] |
//! | operations of an expression, its counts written out | 100,000 | [`Error`] |
//! | an automaton | 16 MiB | another engine is taken, see [`grok::Grok::tier_reason`] |
//! | what an automaton remembers of its states | 4 MiB for each direction and thread, 32 MiB for all of a thread | it is forgotten |
//! | alternatives that an explanation tells | 32 | the first ones are told |
//! | a line that an expression makes up | 8 KiB, and what its last piece adds | the line ends |
//! | expressions of a set that are ruled out together | those with the first 20,000 needed texts | the others are tried on every line |
//! | a message, record or line of a stream | the decoder's `Limits`, [`joiner::Joiner::new`]'s `bytes_max` | cut and marked; a counted syslog frame is [`framing::Step::CountTooLarge`], which ends the stream |
//! | the count of a counted syslog frame | 7 digits | it is a line |
//! | keys of a json-file record whose keys are not in Docker's order | 10,000; values of them 128 levels deep | [`docker_json::parse`] gives `None` |
//! | a time before a record of Docker's API | 36 bytes | it is text |
//! | a syslog line that `syslog_loose` is asked for | 64 KiB | kept whole |
//! | pairs of a line | 4,096 ([`key_value::PAIRS_MAX`]) | [`key_value::Fields::is_cut_short`] |
//! | pairs in pairs | 16 deep ([`key_value::DEPTH_MAX`]) | text |
//! | a split expression of pairs | 1 KiB ([`key_value::PATTERN_BYTES_MAX`]), compiled 1 MiB | [`Error`] |
//! | a separator that it finds | 128 bytes ([`key_value::SEPARATOR_BYTES_MAX`]) | several separators |
//! | a mapping of dissect | 64 KiB ([`dissect::MAPPING_BYTES_MAX`]), 1,000 fields ([`dissect::FIELDS_MAX`]) | [`Error`] |
//! | columns of a CSV row | 10,000 ([`csv::COLUMNS_MAX`]) | the row is malformed |
//! | separator of CSV | 32 bytes ([`csv::SEPARATOR_BYTES_MAX`]) | [`Error`] |
//! | a date format | 1024 bytes, 16 ways to leave parts out | [`Error`] |
//! | a letter of a format that writes | 19 times in a row | [`Error`] |
//! | an offset from UTC | 23:59:59 | [`timestamp::Zone::fixed`] takes the bound; a text with more is no time |
//! | a types.db of collectd | 4 MiB, 7,281 data sources of a type | [`Error`] |
//!
//! A line may have any length. Every parser takes time linear in it, but for a search, which takes at most the steps above.
//!
//! # Threads
//!
//! What is compiled ([`grok::Grok`], [`grok::GrokSet`], [`grok::Patterns`], [`dissect::Dissect`], [`csv::Csv`], [`key_value::KeyValue`],
//! [`lines::Delimiter`], [`timestamp::Format`], [`timestamp::Pattern`]) is immutable: any number of threads match through a shared reference,
//! without waiting for each other, but for the first line that needs an expression's automaton or a zone by its name, which is
//! made then. After a thread's first lines, the usual line allocates nothing as long as what the automata remember stays within
//! the limit above. A thread has a [`grok::Slots`] of its own; a stream has a decoder of its own.
//!
//! # Features
//!
//! None: there is one library. The built-in patterns and the time zones are compiled in.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod digits;
mod error;
mod near;
mod spelling;
mod stream;

// One format each, in alphabetical order; each has a row in the table above.
pub mod access_log;
pub mod collectd;
pub mod cri;
pub mod csv;
pub mod dissect;
pub mod docker_frames;
pub mod docker_json;
pub mod framing;
pub mod grok;
pub mod joiner;
pub mod key_value;
pub mod lines;
pub mod syslog;
pub mod timestamp;

pub use self::error::Error;
pub use self::stream::Stream;

/// The examples of the front page run like those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
