//! The limits of the pipeline language, each with its reason.

/// Blocks, values and parentheses inside each other. People write five; the parser calls itself once a level, and this
/// many fit the smallest stack that a thread gets.
pub const NESTING_MAX: usize = 100;

/// Expressions joined by `and` and `or` in one condition, those in parentheses included. A condition becomes a tree this deep, which is walked
/// recursively; generated files have some dozens.
pub const TERMS_MAX: usize = 1000;

/// Bytes of one configuration file. The largest published ones have 0.3 MB; more is a wrong file.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// Files of one pipeline; a folder with more is a wrong folder.
pub const FILES_MAX: usize = 1000;

/// Bytes of all files of one pipeline.
pub const ALL_BYTES_MAX: u64 = 32 << 20;

/// Folder levels that `**` in a file name goes down, so that a link in a circle ends.
pub const GLOB_DEPTH_MAX: usize = 16;

/// Remarks that one run prints; a text that is no pipeline at all makes one a line.
pub const DIAGNOSTICS_MAX: usize = 500;

/// Plugins of one pipeline, codecs included. Large ones have some hundreds.
pub const PLUGINS_MAX: usize = 10_000;

/// Bytes of a line that are looked at on each side of a place, to show and to mask it. Terminals show 140.
pub const EXCERPT_BYTES_MAX: usize = 1000;

/// Characters of a message or of help that are printed; what it quotes may be as long as a file.
pub const MESSAGE_CHARACTERS_MAX: usize = 1000;

/// Mistakes after which the reading and the check of a text end: it is no pipeline.
pub const MISTAKES_MAX: usize = 2_000;

/// Bytes of a string that is looked for on its line while skipping what could not be read.
pub const SKIPPED_STRING_BYTES_MAX: usize = 512;

/// Bytes of a compiled regular expression; the regex crate's own default, written down.
pub const REGEX_BYTES_MAX: usize = 10 << 20;

/// A file that holds a password or a key: one line.
pub const SECRET_FILE_BYTES_MAX: u64 = 64 << 10;
