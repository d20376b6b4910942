//! How long grok takes for a line: expressions of everyday use, with lines that match and lines that do
//! not. Run with `cargo run --release -p sawlog-parsers --example grok_speed`; arguments pick by name.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sawlog_parsers::grok::{Grok, Options, Patterns, Slots};

struct Case {
    name: &'static str,
    expression: &'static str,
    line: &'static str,
}

const NGINX: &str = concat!(
    r#"^%{IPORHOST:client} \[%{HTTPDATE:requested_at}\] "%{WORD:method} %{NOTSPACE:path} HTTP/%{NUMBER}" "#,
    r"%{NUMBER:response_code} %{NUMBER:bytes_sent:int} %{NUMBER:response_time:float}$"
);
const NGINX_LINE: &str =
    r#"172.16.132.216 [14/Sep/2015:16:31:02 +0000] "GET /cart?item=7&n=2 HTTP/1.1" 304 0 0.002"#;
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

const CASES: &[Case] = &[
    Case {
        name: "nginx anchored",
        expression: NGINX,
        line: NGINX_LINE,
    },
    Case {
        name: "nginx anchored, no match at end",
        expression: NGINX,
        line: concat!(
            "172.16.132.216 [14/Sep/2015:16:31:02 +0000] \"GET /cart?item=7&n=2 HTTP/1.1\" 304 0 -"
        ),
    },
    Case {
        name: "nginx anchored, no match at start",
        expression: NGINX,
        line: SYSLOG_LINE,
    },
    Case {
        name: "nginx by file",
        expression: "%{NGINXACCESS}",
        line: NGINX_LINE,
    },
    Case {
        name: "nginx by file, no match at end",
        expression: "%{NGINXACCESS}",
        line: "172.16.132.216 [14/Sep/2015:16:31:02 +0000] \"GET /cart?item=7&n=2 HTTP/1.1\" 304 0 -",
    },
    Case {
        name: "nginx by file, no match at start",
        expression: "%{NGINXACCESS}",
        line: SYSLOG_LINE,
    },
    Case {
        name: "combined apache",
        expression: "%{COMBINEDAPACHELOG}",
        line: APACHE_LINE,
    },
    Case {
        name: "common apache",
        expression: "%{COMMONAPACHELOG}",
        line: APACHE_LINE,
    },
    Case {
        name: "combined apache, no match",
        expression: "%{COMBINEDAPACHELOG}",
        line: SYSLOG_LINE,
    },
    Case {
        name: "syslog base",
        expression: "%{SYSLOGBASE} %{GREEDYDATA:message}",
        line: SYSLOG_LINE,
    },
    Case {
        name: "syslog line",
        expression: "%{SYSLOGLINE}",
        line: SYSLOG_LINE,
    },
    Case {
        name: "syslog line, no match",
        expression: "%{SYSLOGLINE}",
        line: APACHE_LINE,
    },
    Case {
        name: "iso time and level",
        expression: "^%{TIMESTAMP_ISO8601:at} %{LOGLEVEL:level} +%{GREEDYDATA:text}",
        line: "2026-11-20T18:56:21.123+01:00 WARN something is about to happen in module x",
    },
];

fn main() {
    let mut patterns = Patterns::legacy();
    patterns
        .add_file(FILE.as_bytes())
        .expect("the file above is sound");
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for case in CASES {
        if !wanted.is_empty() && !wanted.iter().any(|name| case.name.contains(name)) {
            continue;
        }
        match Grok::compile(case.expression, &patterns, Options::default()) {
            Ok(grok) => measure(case, &grok),
            Err(error) => println!("{:35} {error}", case.name),
        }
    }
}

fn measure(case: &Case, grok: &Grok) {
    const ROUNDS: u32 = 20_000;
    let mut slots = Slots::new();
    let mut best = Duration::MAX;
    for _ in 0..15 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(grok.search(black_box(case.line.as_bytes()), &mut slots));
        }
        best = best.min(start.elapsed());
    }
    let outcome = grok.search(case.line.as_bytes(), &mut slots);
    let nanoseconds = best.as_secs_f64() * 1e9 / f64::from(ROUNDS);
    println!(
        "{:35} {nanoseconds:8.1} ns  {outcome:?}  {:?}  {}",
        case.name,
        grok.tier(),
        grok.tier_reason()
    );
}
