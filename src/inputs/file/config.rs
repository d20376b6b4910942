//! The checked options of the input. What was written comes in; what is to be done goes out, without options and texts.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::codecs::framing;
use crate::event::Reference;
use crate::glob::{self, Glob};
use crate::inputs::file::identity;
use crate::inputs::origin::Origin;
use crate::lang::units;
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options};

/// What is to be read, and how.
pub struct Config {
    pub globs: Vec<Glob>,
    exclude: Vec<Vec<u8>>,
    pub start: StartPosition,
    pub mode: Mode,
    /// The file of positions; nothing if none are kept.
    pub positions: Option<PathBuf>,
    /// Which it is of the inputs of the pipeline that name the file of positions alike, from 1 on.
    pub number: usize,
    /// The file was named in the pipeline: it may be one of Logstash's.
    pub is_path_given: bool,
    /// Between two looks at everything, where the kernel tells what happens in between.
    pub rescan: Duration,
    /// The same where it does not.
    pub poll: Duration,
    pub close_older: Duration,
    pub ignore_older: Option<Duration>,
    pub open_max: usize,
    pub clean_after: Duration,
    pub order: Order,
    pub origin: Origin,
    /// The field that holds a file's path.
    pub path_field: Reference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPosition {
    Beginning,
    End,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It grows, and is followed.
    Tail,
    /// It is complete, and something is done when it has been read.
    Read {
        delete: bool,
        log: Option<PathBuf>,
        /// The input ends when all files are read.
        exit: bool,
        /// Broken archives are not begun.
        check_archives: bool,
    },
}

/// In which order new files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub by: OrderBy,
    pub descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderBy {
    Modified,
    Path,
}

impl Config {
    /// What is changed besides the data folder: positions and paths in files of their own, and folders whose files are
    /// deleted.
    pub fn written(&self) -> Vec<PathBuf> {
        let folder_of = |path: &PathBuf| path.parent().map(Path::to_path_buf);
        let mut all: Vec<PathBuf> = self.positions.iter().filter_map(folder_of).collect();
        if let Mode::Read { delete, log, .. } = &self.mode {
            all.extend(log.iter().filter_map(folder_of));
            if *delete {
                all.extend(self.globs.iter().map(Glob::fixed_folder));
            }
        }
        all
    }
}

/// The options of the input.
pub const OPTIONS: &[Opt] = &[
    Opt::new(
        "path",
        Kind::List,
        "Absolute paths of files; `*`, `?`, `[a-z]` and `{a,b}` within a name, `**` for any folders.",
    )
    .required(),
    Opt::new(
        "exclude",
        Kind::List,
        "Patterns of file names, without folders, that are left out.",
    ),
    Opt::new(
        "mode",
        Kind::Text,
        "`tail` follows files that grow, and leaves archives of gzip out; `read` reads complete files, archives among them, and \
         then does what `file_completed_action` says. A file has to be complete when it appears, also an empty one: write it under another \
         name and rename it.",
    )
    .default("tail")
    .allowed(&["tail", "read"]),
    Opt::new(
        "start_position",
        Kind::Text,
        "Where to begin in files that are there at the very first start. All that is found later, also after a restart or a \
         reload, is read from its beginning; so are all files in mode `read`.",
    )
    .default("end")
    .allowed(&["beginning", "end"]),
    Opt::new(
        "sincedb_path",
        Kind::Path,
        "The file of positions, in place of one in the data folder; with `/dev/null` none are kept. If it \
         is one of Logstash's, reading goes on from there, and the agent's own is kept beside it under the name with \
         `.sawlog` behind.",
    ),
    Opt::new(
        "sincedb_clean_after",
        Kind::Text,
        "How long the position of a file that is gone is kept after the last line; that of a file that is there is always kept. \
         A number means days.",
    )
    .default("2 weeks"),
    Opt::new(
        "delimiter",
        Kind::Text,
        "What ends a line; a line feed if not written. Before a line feed one carriage return is stripped as well.",
    ),
    Opt::new(
        "stat_interval",
        Kind::Duration,
        "How often files are looked at where the kernel does not tell of changes.",
    )
    .default("1"),
    Opt::new(
        "discover_interval",
        Kind::Integer,
        "Every how many `stat_interval`s everything is looked at anew, in case the kernel did not tell of a change.",
    )
    .default("15"),
    Opt::new(
        "close_older",
        Kind::Duration,
        "How long a file stays open that does not grow. It is opened again when it does.",
    )
    .default("1 hour"),
    Opt::new(
        "ignore_older",
        Kind::Duration,
        "Files that were last written to before that time are not read, unless they grow: then what is new is.",
    ),
    Opt::new(
        "max_open_files",
        Kind::Integer,
        "How many files are open at once. More can be read, in turn. At most half of what the system allows the agent.",
    )
    .default("4095"),
    Opt::new(
        "file_completed_action",
        Kind::Text,
        "What is done in mode `read` with a file when all outputs have everything of it: `delete` it, `log` its path, or \
         both.",
    )
    .default("delete")
    .allowed(&["delete", "log", "log_and_delete"]),
    Opt::new(
        "file_completed_log_path",
        Kind::Path,
        "The file to which `file_completed_action` appends paths.",
    ),
    Opt::new(
        "file_sort_by",
        Kind::Text,
        "The order in which new files are read.",
    )
    .default("last_modified")
    .allowed(&["last_modified", "path"]),
    Opt::new("file_sort_direction", Kind::Text, "Ascending or descending.")
        .default("asc")
        .allowed(&["asc", "desc"]),
    Opt::new(
        "exit_after_read",
        Kind::Boolean,
        "Whether the input ends in mode `read` when the files that are there at the start are read.",
    )
    .default("false"),
    Opt::new(
        "check_archive_validity",
        Kind::Boolean,
        "Whether archives are unpacked on trial before they are read; a broken one is then left alone.",
    )
    .default("false"),
    Opt::new("sincedb_write_interval", Kind::Duration, "How often positions are written.")
        .without_effect("positions are written twice a second, and when the agent stops"),
    Opt::new("file_chunk_size", Kind::Bytes, "How much is read at once.")
        .without_effect("64 KiB are read at once, which suits the processor's cache"),
    Opt::new("file_chunk_count", Kind::Integer, "How often before the next file's turn.")
        .without_effect("files that grow take turns of 1 MiB; in mode `read` one is read after the other"),
];

impl Config {
    /// Checks the options; everything that is wrong with them is reported.
    pub fn compile(options: &Options, building: &mut Building<'_>) -> Option<Self> {
        let delimiter = framing::delimiter(options, building);
        let origin = Origin::of_stream(options, delimiter.clone().unwrap_or_default(), building);
        let ecs = building.ecs(options);
        let host = building.known(ecs.pick("host", "[host][name]"));
        let path_field = building.known(ecs.pick("path", "[log][file][path]"));
        let globs = globs(options, building);
        let mode = mode(options, building);
        let open_max = counted(options, "max_open_files", building);
        let looks = counted(options, "discover_interval", building);
        let clean_after = clean_after(options, building);
        let poll = options.duration("stat_interval").unwrap_or_default();
        let poll = poll.max(Duration::from_millis(10));
        Some(Self {
            globs: globs?,
            exclude: bytes_of(options, "exclude"),
            start: match options.text("start_position") {
                Some("beginning") => StartPosition::Beginning,
                _ => StartPosition::End,
            },
            mode: mode?,
            positions: positions(options, building),
            number: 1,
            is_path_given: options.text("sincedb_path").is_some(),
            rescan: poll * u32::try_from(looks?).unwrap_or(u32::MAX),
            poll,
            close_older: options.duration("close_older").unwrap_or_default(),
            ignore_older: options.duration("ignore_older"),
            open_max: open_max?,
            clean_after: clean_after?,
            order: Order {
                by: match options.text("file_sort_by") {
                    Some("path") => OrderBy::Path,
                    _ => OrderBy::Modified,
                },
                descending: options.text("file_sort_direction") == Some("desc"),
            },
            origin: delimiter
                .and(origin)?
                .with_text(&host, building.surroundings.host_name.as_bytes()),
            path_field,
        })
    }

    /// Whether a path is one of those to be read.
    pub fn wants(&self, path: &Path) -> bool {
        self.globs.iter().any(|glob| glob.fits(path)) && !self.is_excluded(path)
    }

    /// Whether a path's file name is left out.
    pub fn is_excluded(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().as_bytes();
        self.exclude
            .iter()
            .any(|pattern| glob::name_fits(pattern, name))
    }
}

fn bytes_of(options: &Options, name: &str) -> Vec<Vec<u8>> {
    let words = options.list(name).iter();
    words.map(|word| word.text.as_bytes().to_vec()).collect()
}

fn globs(options: &Options, building: &mut Building<'_>) -> Option<Vec<Glob>> {
    let mut all = Some(Vec::new());
    for word in options.list("path") {
        match (Glob::compile(&word.text), &mut all) {
            (Ok(mut more), Some(globs)) => globs.append(&mut more),
            (Ok(_), None) => {}
            (Err(error), _) => {
                building.refuse(word.span, error);
                all = None;
            }
        }
    }
    all
}

/// A number of at least one.
fn counted(options: &Options, name: &str, building: &mut Building<'_>) -> Option<usize> {
    let number = options.integer(name).unwrap_or(1);
    let counted = usize::try_from(number).ok().filter(|number| 0 < *number);
    if counted.is_none() {
        let message = format!("`{name}` is at least 1");
        building.refuse(options.span_of(name), message);
    }
    counted
}

/// A number means days here, and seconds elsewhere.
fn clean_after(options: &Options, building: &mut Building<'_>) -> Option<Duration> {
    let text = options.text("sincedb_clean_after").unwrap_or("2 weeks");
    let days = text.parse::<f64>().ok().map(|days| days * 24.0 * 3600.0);
    let parsed = match days {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => units::parse_duration(text),
    };
    if parsed.is_none() {
        let message = format!("`{text}` is no span of time such as `2 weeks`");
        building.refuse(options.span_of("sincedb_clean_after"), message);
    }
    parsed
}

fn mode(options: &Options, building: &mut Building<'_>) -> Option<Mode> {
    if options.text("mode") != Some("read") {
        return Some(Mode::Tail);
    }
    let action = options.text("file_completed_action").unwrap_or("delete");
    let log = options.text("file_completed_log_path").map(PathBuf::from);
    if action != "delete" && log.is_none() {
        let message =
            format!("`file_completed_action => {action}` needs `file_completed_log_path`");
        building.refuse(options.span_of("file_completed_action"), message);
        return None;
    }
    Some(Mode::Read {
        delete: action != "log",
        log: log.filter(|_| action != "delete"),
        exit: options.boolean("exit_after_read"),
        check_archives: options.boolean("check_archive_validity"),
    })
}

/// Named by the paths, so that a position is found again whatever else changes in the pipeline.
fn positions(options: &Options, building: &Building<'_>) -> Option<PathBuf> {
    match options.text("sincedb_path") {
        Some("/dev/null" | "NUL") => None,
        Some(path) => Some(path.into()),
        None => {
            let paths: Vec<&str> = options
                .list("path")
                .iter()
                .map(|word| word.text.as_str())
                .collect();
            let hash = identity::hash(paths.join("\n").as_bytes());
            let folder = building.surroundings.path_data.join("positions");
            Some(folder.join(format!("file-{hash:016x}.json")))
        }
    }
}
