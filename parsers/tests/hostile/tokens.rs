//! Lines on which the parsers of known patterns look far ahead at every place, and in vain.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sawlog_parsers::grok::{Grok, Options, Patterns, Slots};

/// What is repeated: addresses, names and quotes that are none in the end.
const PIECES: [&str; 14] = [
    "a.", "a..", "a-", "a:", "1:2:", "1.", "1.2.3.", "a=", "a@", "'", "\\'", "/a?", "a", "0",
];

/// Expressions, and the texts without which they would not even be tried.
const EXPRESSIONS: [(&str, &str); 13] = [
    ("%{IP}", ""),
    ("%{IP:client} %{INT:n}", " 1"),
    ("%{IPORHOST} zz$", " zz"),
    ("%{IPORHOST:h} %{INT:n}x", " 1"),
    ("%{HOSTNAME:h} %{INT:n}x", " 1"),
    ("%{HOSTPORT:h} x", " x"),
    ("%{SYSLOGHOST:h} %{INT:n}x", " 1"),
    ("%{HTTPDUSER:u} %{INT:n}x", " 1"),
    ("%{QS:q} %{INT:n}x", " 1"),
    ("%{URIPATHPARAM:p} %{INT:n}x", " 1"),
    ("%{NUMBER:a}x%{NUMBER:b}y", " 1x"),
    ("[a-z]{5000} %{INT:n}x", " 1"),
    (
        "%{COMBINEDAPACHELOG}",
        " - - [20/Nov/2026:18:56:21 +0100] \"GET / HTTP/1.1\" 200 5 \"-\" -",
    ),
];

/// How often times are compared: other work on the machine may stand in the way of some.
const LOOKS: usize = 10;

/// The quickest of three searches.
fn search_time(grok: &Grok, line: &str, slots: &mut Slots) -> Duration {
    let one = |_| {
        let start = Instant::now();
        black_box(grok.search(black_box(line.as_bytes()), slots));
        start.elapsed()
    };
    (0..3).map(one).min().unwrap_or_default()
}

#[test]
fn four_times_the_line_takes_about_four_times_as_long() {
    let patterns = Patterns::legacy();
    let mut slots = Slots::new();
    for (expression, tail) in EXPRESSIONS {
        let grok = Grok::compile(expression, &patterns, Options::default())
            .expect("the expression is sound");
        for piece in PIECES {
            let line = |bytes: usize| piece.repeat(bytes / piece.len()) + tail;
            // The budget bounds the time of longer lines, so they would show nothing.
            let (short, long) = (line(4_000), line(16_000));
            // The automaton is built once, at the first line that needs it.
            search_time(&grok, &short, &mut slots);
            // Quadratic time has a ratio of sixteen, however often it is looked at. What ends at once is not worth measuring.
            let mut best = [Duration::MAX; 2];
            let is_linear = (0..LOOKS).any(|_| {
                for (best, line) in best.iter_mut().zip([&short, &long]) {
                    *best = search_time(&grok, line, &mut slots).min(*best);
                }
                best[1] < 10 * best[0] || best[1] < Duration::from_millis(5)
            });
            assert!(is_linear, "{expression} on {piece:?}: {best:?}");
        }
    }
}
