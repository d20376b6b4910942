//! Many streams at a time, and what becomes of lines at the limits.

use proptest::prelude::*;

use super::*;

const WIDE: Limits = Limits {
    line_bytes_max: 1000,
    open_lines_max: 100,
    bytes_max: 10_000,
};

fn joiners(limits: Limits) -> Joiners<&'static str> {
    Joiners::new(limits)
}

/// Pushes a chunk that ends no line and displaces none.
#[track_caller]
fn open(joiners: &mut Joiners<&'static str>, key: &'static str, chunk: &str) {
    let pushed = joiners.push(&key, chunk.as_bytes(), true, None);
    assert_eq!(pushed.line, None);
    assert!(pushed.displaced.is_empty());
}

/// Pushes a chunk that ends no line; tells which lines it displaced.
fn displaced_by(
    joiners: &mut Joiners<&'static str>,
    key: &'static str,
    chunk: &str,
) -> Vec<String> {
    let pushed = joiners.push(&key, chunk.as_bytes(), true, None);
    assert_eq!(pushed.line, None);
    pushed.displaced.iter().map(shown).collect()
}

/// Pushes the end of a line, which displaces none.
#[track_caller]
fn close(joiners: &mut Joiners<&'static str>, key: &'static str, chunk: &str) -> String {
    let pushed = joiners.push(&key, chunk.as_bytes(), false, None);
    assert!(pushed.displaced.is_empty());
    let line = pushed.line.expect("the chunk ends the line");
    assert!(!line.unfinished);
    String::from_utf8(line.bytes.to_vec()).expect("text")
}

fn shown(unfinished: &Unfinished<&'static str>) -> String {
    let line = unfinished.line();
    assert!(line.unfinished);
    format!("{}={}", unfinished.key, String::from_utf8_lossy(line.bytes))
}

#[test]
fn streams_do_not_mix() {
    let mut joiners = joiners(WIDE);
    open(&mut joiners, "a", "a1 ");
    open(&mut joiners, "b", "b1 ");
    open(&mut joiners, "a", "a2 ");
    assert_eq!(close(&mut joiners, "b", "b2"), "b1 b2");
    assert_eq!(close(&mut joiners, "a", "a3"), "a1 a2 a3");
    assert_eq!((joiners.open_lines(), joiners.open_bytes()), (0, 0));
}

#[test]
fn a_line_of_one_chunk_is_not_copied() {
    let mut joiners = joiners(WIDE);
    open(&mut joiners, "b", "waits");
    let chunk = b"whole".to_vec();
    let pushed = joiners.push(&"a", &chunk, false, Some(7));
    let line = pushed.line.expect("the line is whole");
    assert_eq!(line.bytes.as_ptr(), chunk.as_ptr());
    assert_eq!(line.time, Some(7));
    assert_eq!(joiners.open_lines(), 1);
}

#[test]
fn a_line_has_the_time_of_its_first_chunk() {
    let mut joiners = joiners(WIDE);
    assert!(joiners.push(&"a", b"1", true, Some(10)).line.is_none());
    assert!(joiners.push(&"b", b"1", true, Some(20)).line.is_none());
    let pushed = joiners.push(&"a", b"2", false, Some(30));
    assert_eq!(pushed.line.map(|line| line.time), Some(Some(10)));
}

#[test]
fn a_line_over_its_limit_is_cut() {
    let mut joiners = joiners(Limits {
        line_bytes_max: 3,
        ..WIDE
    });
    open(&mut joiners, "a", "ab");
    open(&mut joiners, "a", "cd");
    let line = joiners
        .push(&"a", b"e", false, None)
        .line
        .expect("the line ends");
    assert_eq!(
        (line.bytes, line.truncated, line.unfinished),
        (&b"abc"[..], true, false)
    );
    assert_eq!(joiners.open_bytes(), 0);
    let line = joiners
        .push(&"a", b"xyz", false, None)
        .line
        .expect("a line of its own");
    assert_eq!((line.bytes, line.truncated), (&b"xyz"[..], false));
}

#[test]
fn a_line_too_many_displaces_the_one_that_waited_longest() {
    let mut joiners = joiners(Limits {
        open_lines_max: 2,
        ..WIDE
    });
    open(&mut joiners, "a", "a1");
    open(&mut joiners, "b", "b1");
    open(&mut joiners, "a", "a2");
    assert_eq!(displaced_by(&mut joiners, "c", "c1"), ["b=b1"]);
    assert_eq!(displaced_by(&mut joiners, "d", "d1"), ["a=a1a2"]);
    assert_eq!(close(&mut joiners, "c", "c2"), "c1c2");
    assert_eq!(close(&mut joiners, "a", "a3"), "a3");
    assert_eq!(close(&mut joiners, "d", ""), "d1");
}

#[test]
fn whole_lines_displace_none() {
    let mut joiners = joiners(Limits {
        open_lines_max: 1,
        ..WIDE
    });
    open(&mut joiners, "a", "a1");
    assert_eq!(close(&mut joiners, "b", "b"), "b");
    assert_eq!(close(&mut joiners, "a", "a2"), "a1a2");
}

#[test]
fn bytes_too_many_displace_as_many_lines_as_must_go() {
    let mut joiners = joiners(Limits {
        line_bytes_max: 10,
        bytes_max: 10,
        ..WIDE
    });
    open(&mut joiners, "a", "aaa");
    open(&mut joiners, "b", "bbb");
    open(&mut joiners, "c", "ccc");
    assert_eq!(joiners.open_bytes(), 9);
    assert_eq!(displaced_by(&mut joiners, "a", "aaaa"), ["b=bbb"]);
    assert_eq!(
        displaced_by(&mut joiners, "d", "dddddddd"),
        ["c=ccc", "a=aaaaaaa"]
    );
    assert_eq!(close(&mut joiners, "d", "dd"), "dddddddddd");
}

#[test]
fn an_open_line_never_displaces_itself() {
    let mut joiners = joiners(Limits {
        line_bytes_max: 1000,
        open_lines_max: 0,
        bytes_max: 5,
    });
    open(&mut joiners, "a", "123");
    open(&mut joiners, "a", "4567");
    let line = joiners
        .push(&"a", b"8", false, None)
        .line
        .expect("the line ends");
    assert_eq!((line.bytes, line.truncated), (&b"12345"[..], true));
}

#[test]
fn a_displaced_line_that_was_cut_says_so() {
    let mut joiners = joiners(Limits {
        line_bytes_max: 2,
        open_lines_max: 1,
        ..WIDE
    });
    open(&mut joiners, "a", "123");
    let pushed = joiners.push(&"b", b"b", true, None);
    let line = pushed.displaced[0].line();
    assert_eq!(
        (line.bytes, line.truncated, line.unfinished),
        (&b"12"[..], true, true)
    );
}

#[test]
fn a_flush_gives_a_line_once() {
    let mut joiners = joiners(WIDE);
    assert!(joiners.flush(&"a").is_none());
    open(&mut joiners, "a", "a1");
    assert!(joiners.is_open(&"a"));
    assert_eq!(
        joiners.flush(&"a").as_ref().map(shown).as_deref(),
        Some("a=a1")
    );
    assert!(!joiners.is_open(&"a"));
    assert!(joiners.flush(&"a").is_none());
    assert_eq!(close(&mut joiners, "a", "next"), "next");
}

#[test]
fn a_flush_of_all_gives_the_longest_waiting_first() {
    let mut joiners = joiners(WIDE);
    open(&mut joiners, "a", "a1");
    open(&mut joiners, "b", "b1");
    open(&mut joiners, "c", "c1");
    open(&mut joiners, "a", "a2");
    let all: Vec<_> = joiners.flush_all().iter().map(shown).collect();
    assert_eq!(all, ["b=b1", "c=c1", "a=a1a2"]);
    assert!(joiners.flush_all().is_empty());
    assert_eq!((joiners.open_lines(), joiners.open_bytes()), (0, 0));
}

#[test]
fn lines_before_a_time_are_flushed() {
    let mut joiners = joiners(WIDE);
    for (key, time) in [("a", Some(5)), ("b", None), ("c", Some(4)), ("d", Some(6))] {
        assert!(joiners.push(&key, b"x", true, time).line.is_none());
    }
    assert!(joiners.flush_before(4).is_empty());
    let late: Vec<_> = joiners.flush_before(6).iter().map(shown).collect();
    assert_eq!(late, ["a=x", "c=x"]);
    assert_eq!(joiners.open_lines(), 2);
}

#[test]
fn a_buffer_serves_one_line_after_another() {
    let mut joiners = joiners(WIDE);
    open(&mut joiners, "a", "a rather long chunk");
    let first = joiners
        .push(&"a", b"", false, None)
        .line
        .map(|line| line.bytes.as_ptr());
    open(&mut joiners, "b", "a short one");
    let second = joiners
        .push(&"b", b"", false, None)
        .line
        .map(|line| line.bytes.as_ptr());
    assert_eq!(first, second);
}

/// What a joiner of its own makes of the chunks of one stream.
fn alone(chunks: &[(u8, Vec<u8>, bool)], key: u8, line_bytes_max: usize) -> Vec<(Vec<u8>, bool)> {
    let mut joiner = Joiner::new(line_bytes_max);
    let mut lines = Vec::new();
    for (_, chunk, partial) in chunks.iter().filter(|(of, _, _)| *of == key) {
        let line = joiner.push(chunk, *partial, None);
        lines.extend(line.map(|line| (line.bytes.to_vec(), line.truncated)));
    }
    lines.extend(
        joiner
            .flush()
            .map(|line| (line.bytes.to_vec(), line.truncated)),
    );
    lines
}

proptest! {
    #[test]
    fn each_stream_gives_the_lines_that_it_gives_alone(
        chunks in prop::collection::vec((0_u8..4, prop::collection::vec(any::<u8>(), 0..6), any::<bool>()), 0..40),
        line_bytes_max in 0_usize..12,
    ) {
        let mut joiners = Joiners::new(Limits { line_bytes_max, ..WIDE });
        let mut lines: HashMap<u8, Vec<(Vec<u8>, bool)>> = HashMap::new();
        for (key, chunk, partial) in &chunks {
            let pushed = joiners.push(key, chunk, *partial, None);
            prop_assert!(pushed.displaced.is_empty());
            let line = pushed.line.map(|line| (line.bytes.to_vec(), line.truncated));
            lines.entry(*key).or_default().extend(line);
        }
        for rest in joiners.flush_all() {
            let line = (rest.line().bytes.to_vec(), rest.line().truncated);
            lines.entry(rest.key).or_default().push(line);
        }
        for key in 0..4 {
            let together = lines.remove(&key).unwrap_or_default();
            prop_assert_eq!(together, alone(&chunks, key, line_bytes_max));
        }
    }

    #[test]
    fn at_the_limits_nothing_is_lost(
        chunks in prop::collection::vec((0_u8..6, prop::collection::vec(any::<u8>(), 0..6), any::<bool>()), 0..60),
        open_lines_max in 1_usize..4,
        bytes_max in 0_usize..16,
    ) {
        // No line is cut short of what all lines may have, and chunks are small against it.
        let limits = Limits { line_bytes_max: usize::MAX, open_lines_max, bytes_max: bytes_max + 400 };
        let tight = Limits { bytes_max: limits.bytes_max / 20, ..limits };
        for limits in [limits, tight] {
            let mut joiners = Joiners::new(limits);
            let mut texts: HashMap<u8, Vec<u8>> = HashMap::new();
            let mut truncated = false;
            for (key, chunk, partial) in &chunks {
                let pushed = joiners.push(key, chunk, *partial, None);
                for rest in &pushed.displaced {
                    prop_assert!(rest.key != *key);
                    truncated |= rest.line().truncated;
                    texts.entry(rest.key).or_default().extend(rest.line().bytes);
                }
                if let Some(line) = pushed.line {
                    truncated |= line.truncated;
                    texts.entry(*key).or_default().extend(line.bytes);
                }
                prop_assert!(joiners.open_lines() <= open_lines_max);
                prop_assert!(joiners.open_bytes() <= limits.bytes_max);
            }
            for rest in joiners.flush_all() {
                truncated |= rest.line().truncated;
                texts.entry(rest.key).or_default().extend(rest.line().bytes);
            }
            for key in 0..6 {
                let all: Vec<u8> = chunks.iter().filter(|(of, _, _)| *of == key)
                    .flat_map(|(_, chunk, _)| chunk.clone()).collect();
                let text = texts.remove(&key).unwrap_or_default();
                prop_assert!(truncated || text == all);
            }
        }
    }
}
