//! `file`: events as text in files, whose names may hold fields. Encoders gather text by file; one thread writes it,
//! has it on disk, and only then acknowledges.

mod opened;
mod overflow;
mod path;
mod text;
mod turn;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use crate::codecs::Codec;
use crate::event::{Batch, EventId};
use crate::limits;
use crate::metrics::{Counter, DOCUMENTS_LOST, PluginMetrics};
use crate::outputs::{Encoder, Opening, Output, OutputPlugin, Queue, Started};
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use crate::queue::ack::Ack;
use crate::queue::block::Spares;
use opened::{Behavior, Modes};
use overflow::Inlet;
use path::PathPlan;
use text::{Chunk, Text};
use writer::Writer;

pub use writer::Way;

pub const PLUGIN: OutputPlugin = OutputPlugin {
    plugin: &Plugin {
        section: Section::Output,
        name: "file",
        summary: "Writes events to files. A field in `path` chooses files below the path's fixed folder only; what would \
                  leave it goes to the file that `filename_failure` names.",
        options: &[
            Opt::new(
                "path",
                Kind::Path,
                "The file; `%{field}` and `%{+yyyy-MM-dd}` are filled in.",
            )
            .required(),
            Opt::new("codec", Kind::Codec, "How events are written.").default("json_lines"),
            Opt::new(
                "create_if_deleted",
                Kind::Boolean,
                "A file that was deleted is made anew; else its events go to \
                     the file that `filename_failure` names.",
            )
            .default("true"),
            Opt::new(
                "dir_mode",
                Kind::Text,
                "Rights of new folders, such as `0750`; -1 means the system's.",
            )
            .default("-1"),
            Opt::new(
                "file_mode",
                Kind::Text,
                "Rights of new files, such as `0640`; -1 means the system's.",
            )
            .default("-1"),
            Opt::new(
                "filename_failure",
                Kind::Text,
                "The file, in the path's fixed folder, for events whose path would lead out of it or to no file.",
            )
            .default("_filepath_failures"),
            Opt::new(
                "write_behavior",
                Kind::Text,
                "`overwrite` keeps only the newest event in a file.",
            )
            .default("append")
            .allowed(&["append", "overwrite"]),
            Opt::new("flush_interval", Kind::Number, "Seconds between writes.")
                .without_effect("text is written whenever the input pauses"),
            Opt::new(
                "stale_cleanup_interval",
                Kind::Number,
                "Seconds after which unused files are closed.",
            )
            .without_effect("the files that were used least lately are closed"),
        ],
        absent: &["gzip"],
    },
    build,
};

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Output>> {
    let codec = Codec::build(options.codec("codec"), building);
    let path = path::check(options, building);
    let modes = Modes {
        folder: mode(options, "dir_mode", building)?,
        file: mode(options, "file_mode", building)?,
    };
    let behavior = match options.text("write_behavior") {
        Some("overwrite") => Behavior::Overwrite,
        _ => Behavior::Append,
    };
    Some(Box::new(File {
        codec: codec?,
        way: Way {
            plan: path?,
            modes,
            behavior,
            recreate: options.boolean("create_if_deleted"),
            turn: Arc::default(),
        },
        metrics: building.metrics.plugin(options),
    }))
}

/// Rights as Ruby reads them: octal with a leading zero. Nothing inside means the system's.
fn mode(options: &Options, name: &str, building: &mut Building<'_>) -> Option<Option<u32>> {
    let text = options.text(name).unwrap_or("-1");
    let read = match text {
        "-1" => return Some(None),
        text if text.starts_with('0') => u32::from_str_radix(text, 8).ok(),
        text => text.parse().ok(),
    };
    match read.filter(|mode| *mode <= 0o7777) {
        Some(mode) => Some(Some(mode)),
        None => {
            let why = format!("`{name}` is a number such as 0640, or -1");
            building.refuse(options.span_of(name), why);
            None
        }
    }
}

struct File {
    codec: Codec,
    way: Way,
    metrics: Arc<PluginMetrics>,
}

impl Output for File {
    fn queue(&self) -> Queue {
        Queue::Overflow
    }

    fn written(&self) -> Vec<PathBuf> {
        self.way.plan.written()
    }

    fn start(self: Box<Self>, opening: &Opening<'_>) -> Started {
        let disk = opening.disk(&self.metrics.id, &Spares::default());
        let (inlet, outlet) = overflow::queue(opening.policy.kind, disk);
        let confinement_failed = self.metrics.counter("confinement_failed");
        let abandoned = self.metrics.counter("documents_abandoned");
        let lost = self.metrics.counter(DOCUMENTS_LOST);
        let name = opening.name(&self.metrics.id);
        let mut way = self.way;
        let newer = opening.successions.files.succeed(name, |before| {
            way = way.clone().after(before);
            way.clone()
        });
        let path = way.plan.clone();
        let writer = Writer::new(way, self.metrics, outlet)
            .told_by(opening.notice.clone())
            .going(newer);
        let encoder = FileEncoder {
            codec: self.codec,
            path,
            rendered: Vec::new(),
            open: Open::default(),
            inlet,
            confinement_failed,
            abandoned,
            lost,
        };
        Started {
            encoder: Box::new(encoder),
            task: tokio::task::spawn_blocking(move || writer.run()),
        }
    }
}

/// Text that gathers.
#[derive(Default)]
struct Open {
    chunks: Vec<Chunk>,
    acks: Vec<Ack>,
    bytes: usize,
}

struct FileEncoder {
    codec: Codec,
    path: PathPlan,
    rendered: Vec<u8>,
    open: Open,
    inlet: Inlet,
    confinement_failed: Arc<Counter>,
    abandoned: Arc<Counter>,
    lost: Arc<Counter>,
}

impl FileEncoder {
    /// The place of the chunk for an event's file. The last one is asked first: neighbours mostly share their file.
    fn chunk(&mut self, batch: &Batch, id: EventId) -> usize {
        self.rendered.clear();
        if !self.path.render(batch, id, &mut self.rendered) {
            self.confinement_failed.add(1);
        }
        let chunks = &mut self.open.chunks;
        match chunks.iter().rposition(|chunk| chunk.path == self.rendered) {
            Some(place) => place,
            None => {
                chunks.push(Chunk {
                    path: self.rendered.clone(),
                    ..Chunk::default()
                });
                chunks.len() - 1
            }
        }
    }
}

impl Encoder for FileEncoder {
    fn encode(&mut self, batch: &mut Batch, selected: &[EventId]) {
        let mut shares = false;
        for &id in selected {
            let place = self.chunk(batch, id);
            let Some(chunk) = self.open.chunks.get_mut(place) else {
                continue;
            };
            let start = chunk.bytes.len();
            chunk.starts.push(start as u32);
            self.codec.encode(batch, id, &mut chunk.bytes);
            self.open.bytes += chunk.bytes.len() - start;
            if !shares {
                self.open.acks.push(batch.ack.clone());
                shares = true;
            }
            let full = limits::TEXT_BYTES < self.open.bytes
                || limits::FILES_OPEN_MAX <= self.open.chunks.len();
            if full {
                self.flush();
                shares = false;
            }
        }
    }

    fn flush(&mut self) {
        if self.open.chunks.is_empty() {
            return;
        }
        let open = std::mem::take(&mut self.open);
        let text = Text {
            chunks: open.chunks.into_iter().map(Arc::new).collect(),
            acks: open.acks,
        };
        let (events, lost) = (text.events(), text.alone_here());
        if self.inlet.put(text).is_err() {
            self.abandoned.add(events);
            self.lost.add(lost);
            tracing::error!("a file output has stopped: its events stay unacknowledged");
        }
    }

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            codec: self.codec.clone(),
            path: self.path.clone(),
            rendered: Vec::new(),
            open: Open::default(),
            inlet: self.inlet.clone(),
            confinement_failed: Arc::clone(&self.confinement_failed),
            abandoned: Arc::clone(&self.abandoned),
            lost: Arc::clone(&self.lost),
        })
    }
}
