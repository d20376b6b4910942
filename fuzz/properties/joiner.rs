//! What holds for every interleaving of streams: the bytes are a script of chunks, flushes and expiries.

use std::collections::HashMap;

use sawlog_parsers::joiner::{Joiner, Joiners, Limits, Line};

/// Streams that the script knows.
const STREAMS: u8 = 8;

/// Bytes of a chunk at most.
const CHUNK_BYTES_MAX: usize = 31;

/// One step of the script.
enum Step<'a> {
    Chunk {
        stream: u8,
        chunk: &'a [u8],
        partial: bool,
    },
    Flush(u8),
    FlushBefore(i64),
}

/// A line and its time, kept beyond the next step.
type Kept = (Vec<u8>, Option<i64>, bool, bool);

/// Checks that streams do not feel each other within wide limits, and that narrow limits hold and lose
/// nothing.
pub fn check(data: &[u8]) {
    let Some(([lines, bytes, line_bytes], script)) = data.split_first_chunk() else {
        return;
    };
    let steps = steps(script);
    let line_bytes_max = usize::from(*line_bytes);
    streams_do_not_feel_each_other(&steps, line_bytes_max);
    let narrow = Limits {
        line_bytes_max,
        open_lines_max: usize::from(*lines % STREAMS),
        bytes_max: usize::from(*bytes),
    };
    narrow_limits_hold(&steps, narrow);
}

/// Two bytes tell what is done, and how many of the following are a chunk.
fn steps(mut script: &[u8]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    while let Some(([what, length], rest)) = script.split_first_chunk() {
        let stream = *what % STREAMS;
        let (chunk, rest) =
            rest.split_at((usize::from(*length) % (CHUNK_BYTES_MAX + 1)).min(rest.len()));
        steps.push(match *what / STREAMS {
            0..16 => Step::Chunk {
                stream,
                chunk,
                partial: true,
            },
            16..30 => Step::Chunk {
                stream,
                chunk,
                partial: false,
            },
            30 => Step::Flush(stream),
            _ => Step::FlushBefore(i64::from(*length)),
        });
        script = rest;
    }
    steps
}

fn kept(line: Line<'_>) -> Kept {
    (
        line.bytes.to_vec(),
        line.time,
        line.truncated,
        line.unfinished,
    )
}

/// What the joiners give for each stream. Each step's number is its time.
fn together(steps: &[Step<'_>], limits: Limits) -> HashMap<u8, Vec<Kept>> {
    let mut joiners = Joiners::new(limits);
    let mut lines: HashMap<u8, Vec<Kept>> = HashMap::new();
    for (time, step) in steps.iter().enumerate() {
        let before = joiners.open_lines();
        let unfinished = match step {
            Step::Chunk {
                stream,
                chunk,
                partial,
            } => {
                let pushed = joiners.push(stream, chunk, *partial, Some(time as i64));
                assert_eq!(pushed.line.is_some(), !partial);
                assert!(pushed.displaced.iter().all(|line| line.key != *stream));
                assert!(*partial || pushed.displaced.is_empty());
                lines
                    .entry(*stream)
                    .or_default()
                    .extend(pushed.line.map(kept));
                pushed.displaced
            }
            Step::Flush(stream) => joiners.flush(stream).into_iter().collect(),
            Step::FlushBefore(time) => {
                let late = joiners.flush_before(*time);
                assert!(late.iter().all(|line| line.line().time < Some(*time)));
                assert_eq!(joiners.open_lines() + late.len(), before);
                late
            }
        };
        for line in unfinished {
            assert!(line.line().unfinished);
            lines.entry(line.key).or_default().push(kept(line.line()));
        }
        assert!(joiners.open_lines() <= limits.open_lines_max.max(1));
        assert!(joiners.open_bytes() <= limits.bytes_max);
    }
    let open = joiners.open_lines();
    let rest = joiners.flush_all();
    assert_eq!(rest.len(), open);
    for line in rest {
        lines.entry(line.key).or_default().push(kept(line.line()));
    }
    assert_eq!((joiners.open_lines(), joiners.open_bytes()), (0, 0));
    lines
}

/// What a joiner of its own gives for one stream.
fn alone(steps: &[Step<'_>], of: u8, line_bytes_max: usize) -> Vec<Kept> {
    let mut joiner = Joiner::new(line_bytes_max);
    let mut begun = None;
    let mut lines = Vec::new();
    for (time, step) in steps.iter().enumerate() {
        match step {
            Step::Chunk {
                stream,
                chunk,
                partial,
            } if *stream == of => {
                if !joiner.is_open() {
                    begun = Some(time as i64);
                }
                lines.extend(joiner.push(chunk, *partial, Some(time as i64)).map(kept));
            }
            Step::Flush(stream) if *stream == of => lines.extend(joiner.flush().map(kept)),
            Step::FlushBefore(time) if begun < Some(*time) => {
                lines.extend(joiner.flush().map(kept))
            }
            Step::Chunk { .. } | Step::Flush(_) | Step::FlushBefore(_) => {}
        }
    }
    lines.extend(joiner.flush().map(kept));
    lines
}

fn streams_do_not_feel_each_other(steps: &[Step<'_>], line_bytes_max: usize) {
    let wide = Limits {
        line_bytes_max,
        open_lines_max: usize::from(STREAMS),
        bytes_max: usize::from(STREAMS) * line_bytes_max,
    };
    let mut lines = together(steps, wide);
    for stream in 0..STREAMS {
        let found = lines.remove(&stream).unwrap_or_default();
        assert_eq!(
            found,
            alone(steps, stream, line_bytes_max),
            "stream {stream}"
        );
    }
}

/// The lines of a stream, one after another, are its chunks, but for what is marked as truncated.
fn narrow_limits_hold(steps: &[Step<'_>], limits: Limits) {
    let mut lines = together(steps, limits);
    for stream in 0..STREAMS {
        let found = lines.remove(&stream).unwrap_or_default();
        let of_stream = steps.iter().filter_map(|step| match step {
            Step::Chunk {
                stream: of, chunk, ..
            } if *of == stream => Some(*chunk),
            Step::Chunk { .. } | Step::Flush(_) | Step::FlushBefore(_) => None,
        });
        let sent: Vec<u8> = of_stream.flatten().copied().collect();
        let truncated = found.iter().any(|(_, _, truncated, _)| *truncated);
        let text: Vec<u8> = found
            .iter()
            .flat_map(|(bytes, _, _, _)| bytes.clone())
            .collect();
        assert!(text.len() <= sent.len());
        assert!(truncated || text == sent, "stream {stream} has lost bytes");
        assert!(
            found
                .iter()
                .all(|(bytes, _, _, _)| bytes.len() <= limits.line_bytes_max)
        );
        let times: Vec<_> = found.iter().map(|(_, time, _, _)| *time).collect();
        assert!(
            times.is_sorted(),
            "lines of stream {stream} have changed places"
        );
    }
}
