//! How long grok takes for a line: expressions of everyday use, with lines that match and lines that do
//! not. Run with `cargo run --release -p sawlog-parsers --example grok_speed`; arguments pick by name.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sawlog_parsers::grok::{Grok, Options, Patterns, Slots};

const NGINX: &str = concat!(
    r#"^%{IPORHOST:client} \[%{HTTPDATE:requested_at}\] "%{WORD:method} %{NOTSPACE:path} HTTP/%{NUMBER}" "#,
    r"%{NUMBER:response_code} %{NUMBER:bytes_sent:int} %{NUMBER:response_time:float}$"
);
const NGINX_LINE: &str =
    r#"172.16.132.216 [14/Sep/2015:16:31:02 +0000] "GET /cart?item=7&n=2 HTTP/1.1" 304 0 0.002"#;
const CUT_LINE: &str =
    r#"172.16.132.216 [14/Sep/2015:16:31:02 +0000] "GET /cart?item=7&n=2 HTTP/1.1" 304 0 -"#;
const APACHE_LINE: &str = concat!(
    r#"83.149.9.216 - - [24/Feb/2015:23:13:42 +0000] "GET /presentations/logstash/images/kibana-search.png "#,
    r#"HTTP/1.1" 200 203023 "http://example.com/presentations/logstash/" "Mozilla/5.0 (Macintosh; Intel Mac OS X)""#
);
const SYSLOG_LINE: &str = "Nov 20 18:56:21 web-17 sshd[4711]: Accepted publickey for deploy from 10.0.0.7 port 50022 ssh2";

/// The definitions of a user's own file.
const FILE: &str = r#"REQUESTPATH \"%{WORD:method} %{URIPATHPARAM} HTTP.*\"
HTTPREQUEST %{REQUESTPATH} %{NUMBER:response_code}
WEBMETRICS %{NUMBER:bytes_sent:int} %{NUMBER:response_time:float}
NGINXSOURCE %{IP:client} \[%{HTTPDATE:requested_at}\]
NGINXACCESS %{NGINXSOURCE} %{HTTPREQUEST} %{WEBMETRICS}
"#;

const HAPROXY_LINE: &str = concat!(
    "Dec  9 13:01:26 localhost haproxy[28029]: 127.0.0.1:39759 [09/Dec/2013:12:59:46.633] loadbalancer ",
    "default/instance8 0/51536/1/48082/99627 200 83285 - - ---- 87/87/87/1/0 0/67 {77.24.148.74} ",
    r#""GET /path/to/image HTTP/1.1""#
);
const LEVEL_LINE: &str =
    "2026-11-20T18:56:21.123+01:00 WARN something is about to happen in module x";

/// Name, expression, line.
const CASES: &[(&str, &str, &str)] = &[
    ("nginx anchored", NGINX, NGINX_LINE),
    ("nginx anchored, cut", NGINX, CUT_LINE),
    ("nginx anchored, other line", NGINX, SYSLOG_LINE),
    ("nginx by file", "%{NGINXACCESS}", NGINX_LINE),
    ("nginx by file, cut", "%{NGINXACCESS}", CUT_LINE),
    ("nginx by file, other line", "%{NGINXACCESS}", SYSLOG_LINE),
    ("common apache", "%{COMMONAPACHELOG}", APACHE_LINE),
    ("combined apache", "%{COMBINEDAPACHELOG}", APACHE_LINE),
    (
        "combined apache, other line",
        "%{COMBINEDAPACHELOG}",
        SYSLOG_LINE,
    ),
    (
        "syslog base",
        "%{SYSLOGBASE} %{GREEDYDATA:message}",
        SYSLOG_LINE,
    ),
    ("syslog line", "%{SYSLOGLINE}", SYSLOG_LINE),
    ("syslog line, other line", "%{SYSLOGLINE}", APACHE_LINE),
    ("haproxy", "%{HAPROXYHTTP}", HAPROXY_LINE),
    (
        "time and level",
        "^%{TIMESTAMP_ISO8601:at} %{LOGLEVEL:level} +%{GREEDYDATA:text}",
        LEVEL_LINE,
    ),
];

fn main() {
    let mut patterns = Patterns::legacy();
    patterns
        .add_file("nginx", FILE.as_bytes())
        .expect("the file above is sound");
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (name, expression, line) in CASES {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
        match Grok::compile(expression, &patterns, Options::default()) {
            Ok(grok) => measure(name, &grok, line.as_bytes()),
            Err(error) => println!("{name:30} {error}"),
        }
    }
}

fn measure(name: &str, grok: &Grok, line: &[u8]) {
    const ROUNDS: u32 = 20_000;
    let mut slots = Slots::new();
    let mut best = Duration::MAX;
    for _ in 0..15 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(grok.search(black_box(line), &mut slots));
        }
        best = best.min(start.elapsed());
    }
    let outcome = grok.search(line, &mut slots);
    let nanoseconds = best.as_secs_f64() * 1e9 / f64::from(ROUNDS);
    let tier = (grok.tier(), grok.tier_reason());
    println!(
        "{name:30} {nanoseconds:8.1} ns  {outcome:?}  {:?}: {}",
        tier.0, tier.1
    );
}
