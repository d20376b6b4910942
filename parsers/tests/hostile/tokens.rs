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
            let short = search_time(&grok, &short, &mut slots);
            let long = search_time(&grok, &long, &mut slots);
            // Quadratic time has a ratio of sixteen. What ends at once is not worth measuring.
            assert!(
                long < 10 * short || long < Duration::from_millis(5),
                "{expression} on {piece:?}: {short:?}, then {long:?}"
            );
        }
    }
}
