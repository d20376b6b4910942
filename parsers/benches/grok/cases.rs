//! What is measured: expressions of everyday use, each with a line that matches, one that fails at its end
//! and one of another kind; and what the measurement has to show.

use crate::scanners::{self, Span};

pub type Scanner = fn(&[u8], &mut [Span]) -> Option<()>;

pub struct Case {
    pub name: &'static str,
    /// For our engine and for the `grok` crate.
    pub expression: &'static str,
    pub line: &'static str,
    /// Takes turns with the first one; then the figures are for the mean of both.
    pub other_line: Option<&'static str>,
    /// Whether the first line does.
    pub matches: bool,
    pub scanner: Option<Scanner>,
    /// The same fields for the `regex` crate, in the same order.
    pub regex: Option<&'static str>,
    /// At most so many times the scanner's time.
    pub scanner_times_max: Option<f64>,
    /// The `grok` crate takes at least so many times our time.
    pub grok_times_min: Option<f64>,
}

impl Case {
    /// The line of a turn.
    pub fn line_of(&self, turn: u32) -> &'static str {
        match self.other_line {
            Some(other) if turn % 2 == 1 => other,
            _ => self.line,
        }
    }
}

/// The definitions of a user's own file.
pub const FILE: &[(&str, &str)] = &[
    (
        "REQUESTPATH",
        r#"\"%{WORD:method} %{URIPATHPARAM} HTTP.*\""#,
    ),
    ("HTTPREQUEST", "%{REQUESTPATH} %{NUMBER:response_code}"),
    (
        "WEBMETRICS",
        "%{NUMBER:bytes_sent:int} %{NUMBER:response_time:float}",
    ),
    ("NGINXSOURCE", r"%{IP:client} \[%{HTTPDATE:requested_at}\]"),
    ("NGINXACCESS", "%{NGINXSOURCE} %{HTTPREQUEST} %{WEBMETRICS}"),
];

/// As long as the lines of the agent's benchmarks are in the mean.
const NGINX_LINE: &str = r#"172.16.132.216 [14/Sep/2015:16:31:02 +0000] "GET /cart/items?item=71&n=2 HTTP/1.1" 200 4812 0.002"#;
const NGINX_CUT: &str = r#"172.16.132.216 [14/Sep/2015:16:31:02 +0000] "GET /cart/items?item=71&n=2 HTTP/1.1" 200 4812 -"#;
const APACHE_LINE: &str = concat!(
    r#"192.0.2.216 - - [20/Nov/2026:18:56:21 +0100] "GET /shop/catalogue/2026/images/oak-bench-side-a.png "#,
    r#"HTTP/1.1" 200 193066 "http://example.org/shop/catalogue/2026/in/" "Mozilla/5.0 (Macintosh; Intel Mac OS X)""#
);
const APACHE_CUT: &str = concat!(
    r#"192.0.2.216 - - [20/Nov/2026:18:56:21 +0100] "GET /shop/catalogue/2026/images/oak-bench-side-a.png "#,
    r#"HTTP/1.1" 200 193066 "http://example.org/shop/catalogue/2026/in/" "Mozilla/5.0 (Macintosh; Intel Mac OS X)"#
);
const SYSLOG_LINE: &str = "Nov 20 18:56:21 web-17 sshd[4711]: Accepted publickey for deploy from 10.0.0.7 port 50022 ssh2";
const HAPROXY_LINE: &str = concat!(
    "Nov 20 18:56:21 balancer-2 haproxy[21173]: 192.0.2.61:50214 [20/Nov/2026:18:56:20.871] public-https ",
    "shop/web-17 12/30416/3/21148/51579 200 41722 - - ---- 98/92/44/9/0 0/52 {192.0.2.148} ",
    r#""GET /cart/items/71 HTTP/1.1""#
);

const NGINX_REGEX: &str = concat!(
    r"((?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)|[0-9A-Fa-f:.]{3,39}) ",
    r"\[((?:0[1-9]|[12][0-9]|3[01]|[1-9])/[A-Z][a-z]{2}/[0-9]{4}:(?:2[0-3]|[01]?[0-9]):[0-5][0-9]:(?:[0-5]?[0-9]|60) ",
    r#"[-+]?[0-9]+)\] "([0-9A-Za-z_]+) (?:/[0-9A-Za-z$.+!*'(){},~:;=@#%&_-]*)+(?:\?[0-9A-Za-z$.+!*'|(){},~@#%&/=:;_?<>\[\]-]*)?"#,
    r#" HTTP(?s-u:.)*" ([-+]?[0-9]+(?:\.[0-9]+)?) ([-+]?[0-9]+(?:\.[0-9]+)?) ([-+]?[0-9]+(?:\.[0-9]+)?)"#
);
const COMMON_REGEX: &str = concat!(
    r"([0-9A-Za-z][0-9A-Za-z.:-]*) ([0-9A-Za-z_.@-]+) ([0-9A-Za-z_.@-]+) ",
    r"\[((?:0[1-9]|[12][0-9]|3[01]|[1-9])/[A-Z][a-z]{2}/[0-9]{4}:(?:2[0-3]|[01]?[0-9]):[0-5][0-9]:(?:[0-5]?[0-9]|60) ",
    r#"[-+]?[0-9]+)\] "(?:([0-9A-Za-z_]+) ([^ \t-\r]+)(?: HTTP/([-+]?[0-9]+(?:\.[0-9]+)?))?|((?s-u:.)*?))" "#,
    r"(?:-|([-+]?[0-9]+(?:\.[0-9]+)?)) (?:-|([-+]?[0-9]+(?:\.[0-9]+)?))"
);
const COMBINED_REGEX: &str = concat!(
    r"([0-9A-Za-z][0-9A-Za-z.:-]*) ([0-9A-Za-z_.@-]+) ([0-9A-Za-z_.@-]+) ",
    r"\[((?:0[1-9]|[12][0-9]|3[01]|[1-9])/[A-Z][a-z]{2}/[0-9]{4}:(?:2[0-3]|[01]?[0-9]):[0-5][0-9]:(?:[0-5]?[0-9]|60) ",
    r#"[-+]?[0-9]+)\] "(?:([0-9A-Za-z_]+) ([^ \t-\r]+)(?: HTTP/([-+]?[0-9]+(?:\.[0-9]+)?))?|((?s-u:.)*?))" "#,
    r"(?:-|([-+]?[0-9]+(?:\.[0-9]+)?)) (?:-|([-+]?[0-9]+(?:\.[0-9]+)?)) ",
    r#"("(?:[^"\\]|\\(?s-u:.))*") ("(?:[^"\\]|\\(?s-u:.))*")"#
);
const SYSLOG_REGEX: &str = concat!(
    r"(?:([A-Z][a-z]{2} +(?:0[1-9]|[12][0-9]|3[01]|[1-9]) (?:2[0-3]|[01]?[0-9]):[0-5][0-9]:(?:[0-5]?[0-9]|60))",
    r"|([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:?[0-9]{2})?)) ",
    r"(?:<([0-9]+)(?s-u:.)([0-9]+)> )?([0-9A-Za-z][0-9A-Za-z.:-]*)",
    r"(?: ([!-Z\\^-~]+)(?:\[([1-9][0-9]*)\])?:|) ((?s-u:.)*)"
);

const PLAIN: Case = Case {
    name: "",
    expression: "",
    line: "",
    other_line: None,
    matches: true,
    scanner: None,
    regex: None,
    scanner_times_max: None,
    grok_times_min: None,
};
const NGINX: Case = Case {
    expression: "%{NGINXACCESS}",
    scanner: Some(scanners::nginx_access),
    regex: Some(NGINX_REGEX),
    ..PLAIN
};
const COMBINED: Case = Case {
    expression: "%{COMBINEDAPACHELOG}",
    scanner: Some(scanners::combined_log),
    regex: Some(COMBINED_REGEX),
    ..PLAIN
};
const SYSLOG: Case = Case {
    expression: "%{SYSLOGLINE}",
    regex: Some(SYSLOG_REGEX),
    ..PLAIN
};

pub const CASES: &[Case] = &[
    Case {
        name: "NGINXACCESS",
        line: NGINX_LINE,
        scanner_times_max: Some(2.5),
        grok_times_min: Some(10.0),
        ..NGINX
    },
    Case {
        name: "NGINXACCESS, fails at its end",
        line: NGINX_CUT,
        matches: false,
        grok_times_min: Some(100.0),
        ..NGINX
    },
    Case {
        name: "NGINXACCESS, by turns a match and a failure at the end",
        line: NGINX_LINE,
        other_line: Some(NGINX_CUT),
        ..NGINX
    },
    Case {
        name: "NGINXACCESS, another kind of line",
        line: SYSLOG_LINE,
        matches: false,
        ..NGINX
    },
    Case {
        name: "COMBINEDAPACHELOG",
        line: APACHE_LINE,
        scanner_times_max: Some(2.5),
        grok_times_min: Some(10.0),
        ..COMBINED
    },
    Case {
        name: "COMBINEDAPACHELOG, fails at its end",
        line: APACHE_CUT,
        matches: false,
        grok_times_min: Some(100.0),
        ..COMBINED
    },
    Case {
        name: "COMBINEDAPACHELOG, another kind of line",
        line: SYSLOG_LINE,
        matches: false,
        ..COMBINED
    },
    Case {
        name: "SYSLOGLINE",
        line: SYSLOG_LINE,
        grok_times_min: Some(5.0),
        ..SYSLOG
    },
    Case {
        name: "SYSLOGLINE, another kind of line",
        line: APACHE_LINE,
        matches: false,
        grok_times_min: Some(5.0),
        ..SYSLOG
    },
    Case {
        name: "COMMONAPACHELOG",
        expression: "%{COMMONAPACHELOG}",
        line: APACHE_LINE,
        scanner: Some(scanners::common_apache),
        regex: Some(COMMON_REGEX),
        ..PLAIN
    },
    Case {
        name: "HAPROXYHTTP",
        expression: "%{HAPROXYHTTP}",
        line: HAPROXY_LINE,
        ..PLAIN
    },
];
