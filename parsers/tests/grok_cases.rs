//! Known answers for the built-in patterns: lines of our own, and those of a file of cases, one JSON object
//! a line, that `SAWLOG_GROK_CASES` names: `pattern`, `ecs` (`disabled` or `v1`), `line`, `match`, `fields`
//! that must be there with their JSON types, `absent` fields that must not.

#[path = "grok_cases/applications.rs"]
mod applications;
#[path = "grok_cases/hosts.rs"]
mod hosts;
#[path = "grok_cases/network.rs"]
mod network;
#[path = "grok_cases/web.rs"]
mod web;

use std::collections::BTreeMap;
use std::io::Write as _;

use sawlog_parsers::grok::{self, Empty, Grok, Options, Outcome, Patterns, Slots};
use serde_json::{Value, json};

/// The fields that the filter would set.
fn fields(grok: &Grok, line: &str) -> Option<BTreeMap<String, Value>> {
    let mut slots = Slots::new();
    if grok.search(line.as_bytes(), &mut slots) != Outcome::Match {
        return None;
    }
    let fields = grok.fields(line.as_bytes(), &slots, Empty::Drop);
    let fields = fields.map(|field| {
        let value = match field.is_list() {
            true => field.values().map(json).collect(),
            false => json(field.first()),
        };
        (field.name().to_owned(), value)
    });
    Some(fields.collect())
}

fn json(value: grok::Value<'_>) -> Value {
    match value {
        grok::Value::Text(text) => json!(std::str::from_utf8(text).expect("lines are UTF-8")),
        grok::Value::Int(number) => json!(number),
        grok::Value::Float(number) => json!(number),
        grok::Value::Boolean(truth) => json!(truth),
        grok::Value::Null => Value::Null,
    }
}

/// What is wrong with a case, if anything.
fn fault(grok: &Grok, case: &Value) -> Option<String> {
    let line = case["line"].as_str().expect("a case has a line");
    let found = fields(grok, line);
    if found.is_some()
        != case["match"]
            .as_bool()
            .expect("a case says whether it matches")
    {
        return Some(format!(
            "match: {}, {:?}",
            found.is_some(),
            grok.explain(line.as_bytes())
        ));
    }
    let found = found?;
    for (name, want) in case["fields"].as_object().into_iter().flatten() {
        if found.get(name) != Some(want) {
            return Some(format!(
                "{name}: {:?} instead of {want}; all: {found:?}",
                found.get(name)
            ));
        }
    }
    let absent = case["absent"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    absent
        .into_iter()
        .find(|name| found.contains_key(*name))
        .map(|name| format!("{name} is there"))
}

#[test]
fn published_cases_hold() {
    let Some(path) = std::env::var_os("SAWLOG_GROK_CASES") else {
        // Not by `eprintln!`, which the test runner keeps to itself where a test passes.
        let told = "SAWLOG_GROK_CASES IS NOT SET: no published case was compared, only our own lines are tested";
        writeln!(std::io::stderr(), "{told}").expect("the standard error can be written");
        return;
    };
    let text = std::fs::read_to_string(&path).expect("SAWLOG_GROK_CASES names a readable file");
    let (legacy, ecs) = (Patterns::legacy(), Patterns::ecs_v1());
    let (mut passed, mut failed, mut missing) = (0, Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        let case: Value = serde_json::from_str(line).expect("each line is a JSON object");
        let patterns = if case["ecs"] == "disabled" {
            &legacy
        } else {
            &ecs
        };
        let expression = case["pattern"].as_str().expect("a case has a pattern");
        let name = expression.trim_start_matches("%{").trim_end_matches('}');
        if !patterns.names().any(|known| known == name) {
            missing.push(name.to_owned());
            continue;
        }
        let grok = Grok::compile(expression, patterns, Options::default())
            .expect("built-in patterns compile");
        match fault(&grok, &case) {
            None => passed += 1,
            Some(fault) => failed.push(format!(
                "{expression} {}: {}\n  {fault}",
                case["ecs"], case["line"]
            )),
        }
    }
    missing.dedup();
    println!("grok cases: {passed} passed, {} failed", failed.len());
    assert!(missing.is_empty(), "patterns that no bank has: {missing:?}");
    assert_ne!(passed, 0, "the file has no case that holds");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The fields of a line of our own making must be exactly these; `null` is no match.
#[track_caller]
fn check(patterns: &Patterns, name: &str, line: &str, want: Value) {
    let grok = Grok::compile(&format!("%{{{name}}}"), patterns, Options::default());
    let got = json!(fields(&grok.expect("built-in patterns compile"), line));
    assert_eq!(got, want, "{name}: {line}");
}

#[track_caller]
fn legacy(name: &str, line: &str, want: Value) {
    check(&Patterns::legacy(), name, line, want);
}

#[track_caller]
fn ecs(name: &str, line: &str, want: Value) {
    check(&Patterns::ecs_v1(), name, line, want);
}

const ACCESS: &str = concat!(
    r#"198.51.100.7 - jane [20/Nov/2026:18:56:21 +0100] "GET /shop?page=2 HTTP/1.1" 200 5120 "#,
    r#""https://example.org/" "Browser/1.0 (X11)""#
);

#[test]
fn access_logs_of_apache() {
    legacy(
        "COMBINEDAPACHELOG",
        ACCESS,
        json!({
            "clientip": "198.51.100.7", "ident": "-", "auth": "jane", "timestamp": "20/Nov/2026:18:56:21 +0100",
            "verb": "GET", "request": "/shop?page=2", "httpversion": "1.1", "response": "200", "bytes": "5120",
            "referrer": "\"https://example.org/\"", "agent": "\"Browser/1.0 (X11)\"",
        }),
    );
    ecs(
        "COMBINEDAPACHELOG",
        ACCESS,
        json!({
            "[source][address]": "198.51.100.7", "[user][name]": "jane", "timestamp": "20/Nov/2026:18:56:21 +0100",
            "[http][request][method]": "GET", "[url][original]": "/shop?page=2", "[http][version]": "1.1",
            "[http][response][status_code]": 200, "[http][response][body][bytes]": 5120,
            "[http][request][referrer]": "https://example.org/", "[user_agent][original]": "Browser/1.0 (X11)",
        }),
    );
    legacy(
        "COMMONAPACHELOG",
        r#"host.example.org - - [20/Nov/2026:18:56:21 +0100] "\x16\x03" 400 -"#,
        json!({
            "clientip": "host.example.org", "ident": "-", "auth": "-", "timestamp": "20/Nov/2026:18:56:21 +0100",
            "rawrequest": "\\x16\\x03", "response": "400",
        }),
    );
    legacy("COMBINEDAPACHELOG", "GET / HTTP/1.1", Value::Null);
}

#[test]
fn error_logs_of_apache() {
    let line = "[Fri Nov 20 18:56:21.042 2026] [core:error] [pid 12:tid 34] [client 198.51.100.7:5001] AH00037: no link";
    legacy(
        "HTTPD_ERRORLOG",
        line,
        json!({
            "timestamp": "Fri Nov 20 18:56:21.042 2026", "module": "core", "loglevel": "error", "pid": "12",
            "tid": "34", "clientip": "198.51.100.7", "clientport": "5001", "errorcode": "AH00037", "message": "no link",
        }),
    );
    ecs(
        "HTTPD_ERRORLOG",
        "[Fri Nov 20 18:56:21 2026] [error] [client 198.51.100.7] file does not exist: /x",
        json!({
            "timestamp": "Fri Nov 20 18:56:21 2026", "[log][level]": "error", "[source][address]": "198.51.100.7",
            "message": "file does not exist: /x",
        }),
    );
}

#[test]
fn syslog_of_files() {
    let line = "Nov 20 18:56:21 web-17 sshd[4711]: session opened";
    legacy(
        "SYSLOGLINE",
        line,
        json!({
            "timestamp": "Nov 20 18:56:21", "logsource": "web-17", "program": "sshd", "pid": "4711",
            "message": "session opened",
        }),
    );
    ecs(
        "SYSLOGLINE",
        line,
        json!({
            "timestamp": "Nov 20 18:56:21", "[host][hostname]": "web-17", "[process][name]": "sshd",
            "[process][pid]": 4711, "message": "session opened",
        }),
    );
    legacy(
        "SYSLOGLINE",
        "2026-11-20T18:56:21.5Z 10.0.0.1 text without a program",
        json!({
            "timestamp8601": "2026-11-20T18:56:21.5Z", "logsource": "10.0.0.1", "message": "text without a program",
        }),
    );
    legacy(
        "CRONLOG",
        "Nov 20 18:57:01 web-17 CRON[9]: (root) CMD (run-parts /etc/cron.hourly)",
        json!({
            "timestamp": "Nov 20 18:57:01", "logsource": "web-17", "program": "CRON", "pid": "9", "user": "root",
            "action": "CMD", "message": "run-parts /etc/cron.hourly",
        }),
    );
}

#[test]
fn syslog_of_the_protocol() {
    legacy(
        "SYSLOG5424LINE",
        "<165>1 2026-11-20T18:56:21.003Z web-17 shop 88 ID7 [order@1 note=\"a]b\"] paid",
        json!({
            "syslog5424_pri": "165", "syslog5424_ver": "1", "syslog5424_ts": "2026-11-20T18:56:21.003Z",
            "syslog5424_host": "web-17", "syslog5424_app": "shop", "syslog5424_proc": "88",
            "syslog5424_msgid": "ID7", "syslog5424_sd": "[order@1 note=\"a]b\"]", "syslog5424_msg": "paid",
        }),
    );
    ecs(
        "SYSLOG5424LINE",
        "<13>1 - - - - - - text",
        json!({ "[log][syslog][priority]": 13, "[system][syslog][version]": "1", "message": "text" }),
    );
}

#[test]
fn databases_and_caches() {
    legacy(
        "REDISMONLOG",
        r#"1795200981.123456 [0 127.0.0.1:60866] "get" "key:1""#,
        json!({
            "timestamp": "1795200981.123456", "database": "0", "client": "127.0.0.1", "port": "60866",
            "command": "get", "params": "\"key:1\"",
        }),
    );
    ecs(
        "MONGO3_LOG",
        "2026-11-20T18:56:21.450+0000 I NETWORK  [listener] connection accepted",
        json!({
            "timestamp": "2026-11-20T18:56:21.450+0000", "[log][level]": "I", "[mongodb][component]": "NETWORK",
            "[mongodb][context]": "listener", "message": "connection accepted",
        }),
    );
    legacy(
        "POSTGRESQL",
        "20-11-2026 18:56:21 UTC shop 5bc.1 4711",
        json!({ "timestamp": "20-11-2026 18:56:21", "user_id": "shop", "connection_id": "5bc.1", "pid": "4711" }),
    );
}

#[test]
fn programs_that_log_in_their_own_way() {
    legacy(
        "RUBY_LOGGER",
        "E, [2026-11-20T18:56:21.000001 #77] ERROR -- worker: no connection",
        json!({
            "timestamp": "2026-11-20T18:56:21.000001", "pid": "77", "loglevel": "ERROR", "progname": "worker",
            "message": "no connection",
        }),
    );
    legacy(
        "NAGIOSLOGLINE",
        "[1795200981] SERVICE ALERT: web-17;disk;CRITICAL;HARD;3;5 % left",
        json!({
            "nagios_epoch": "1795200981", "nagios_type": "SERVICE ALERT", "nagios_hostname": "web-17",
            "nagios_service": "disk", "nagios_state": "CRITICAL", "nagios_statelevel": "HARD", "nagios_attempt": "3",
            "nagios_message": "5 % left",
        }),
    );
    ecs(
        "NAGIOSLOGLINE",
        "[1795200981] HOST EVENT HANDLER: web-17;DOWN;SOFT;1;restart it",
        json!({
            "timestamp": "1795200981", "[nagios][log][type]": "HOST EVENT HANDLER", "[host][hostname]": "web-17",
            "[service][state]": "DOWN", "[nagios][log][state_type]": "SOFT",
            "[nagios][log][event_handler_name]": "restart it",
        }),
    );
    ecs(
        "BACULA_LOGLINE",
        "20-Nov 18:56 backup-dir JobId 12: Created new Volume \"Vol-0003\" in catalog.",
        json!({
            "timestamp": "20-Nov 18:56", "[host][hostname]": "backup-dir", "[bacula][job][id]": "12",
            "[bacula][volume][name]": "Vol-0003",
        }),
    );
    ecs(
        "SQUID3",
        "1795200981.123    250 10.0.0.9 TCP_MISS/200 4512 GET http://example.org/ - HIER_DIRECT/198.51.100.7 text/html",
        json!({
            "timestamp": "1795200981.123", "[squid][request][duration]": 250, "[source][ip]": "10.0.0.9",
            "[event][action]": "TCP_MISS", "[http][response][status_code]": 200, "[http][response][bytes]": 4512,
            "[http][request][method]": "GET", "[url][original]": "http://example.org/",
            "[squid][hierarchy_code]": "HIER_DIRECT", "[destination][address]": "198.51.100.7",
            "[http][response][mime_type]": "text/html",
        }),
    );
}

#[test]
fn firewalls() {
    let line = "Deny tcp src outside:198.51.100.7/4711 dst inside:10.0.0.5/22 by access-group \"edge\" [0x0, 0x1f]";
    legacy(
        "CISCOFW106023",
        line,
        json!({
            "action": "Deny", "protocol": "tcp", "src_interface": "outside", "src_ip": "198.51.100.7",
            "src_port": "4711", "dst_interface": "inside", "dst_ip": "10.0.0.5", "dst_port": "22",
            "policy_id": "edge", "hashcode1": "0x0", "hashcode2": "0x1f",
        }),
    );
    ecs(
        "IPTABLES",
        concat!(
            "IN=eth0 OUT= MAC=00:16:3e:00:00:01:00:16:3e:00:00:02:08:00 SRC=198.51.100.7 DST=10.0.0.5 LEN=60 TOS=0x00 ",
            "PREC=0x00 TTL=53 ID=4711 DF PROTO=TCP SPT=40000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0"
        ),
        json!({
            "[observer][ingress][interface][name]": "eth0", "[destination][mac]": "00:16:3e:00:00:01",
            "[source][mac]": "00:16:3e:00:00:02", "[source][ip]": "198.51.100.7", "[destination][ip]": "10.0.0.5",
            "[iptables][length]": 60, "[iptables][tos]": "00", "[iptables][precedence_bits]": "00",
            "[iptables][ttl]": 53, "[iptables][id]": "4711", "[iptables][fragment_flags]": "DF",
            "[network][transport]": "TCP", "[source][port]": 40000, "[destination][port]": 22,
            "[iptables][tcp][window]": 64240, "[iptables][tcp_reserved_bits]": "00", "[iptables][tcp][flags]": "SYN",
        }),
    );
}

#[test]
fn basic_patterns_take_what_they_name() {
    let whole = |name: &str| format!("^%{{{name}:x}}$");
    let patterns = Patterns::legacy();
    let cases = [
        ("IPV6", "::", true),
        ("IPV6", "1:2:3:4:5:6:7::", true),
        ("IPV6", "::ffff:10.1.2.3", true),
        ("IPV6", "fe80::1%eth0", true),
        ("IPV6", "1:2:3:4:5:6:7", false),
        ("IPV6", "1::2::3", false),
        ("IPV4", "255.255.255.255", true),
        ("IPV4", "1.2.3.256", false),
        ("HOSTNAME", "a-1.example.org.", true),
        ("HOSTNAME", "-a.example.org", false),
        ("MAC", "00:1b:44:11:3a:b7", true),
        ("MAC", "001b.4411.3ab7", true),
        ("UUID", "123e4567-e89b-12d3-a456-426614174000", true),
        ("URN", "urn:isbn:0451450523", true),
        ("EMAILADDRESS", "a.b+c@example.org", true),
        ("URI", "https://u:p@example.org:8443/a/b?c=d", true),
        ("WINPATH", r"C:\\Users\\x", true),
        ("UNIXPATH", "/var/log/ä.log", true),
        ("TTY", "/dev/pts/3", true),
        ("QUOTEDSTRING", r#""a \"b\" c""#, true),
        ("QUOTEDSTRING", r#""a"#, false),
        ("MONTH", "März", true),
        ("MONTH", "Smarch", false),
        ("TIMESTAMP_ISO8601", "2026-11-20 18:56", true),
        ("TIMESTAMP_ISO8601", "20261120T185621Z", false),
        ("DATESTAMP_RFC2822", "Fri, 20 Nov 2026 18:56:21 +0100", true),
        ("DATESTAMP_OTHER", "Fri Nov 20 18:56:21 UTC 2026", true),
        ("DATESTAMP_EVENTLOG", "20261120185621", true),
        ("BASE16FLOAT", "0x1F.8", true),
        ("LOGLEVEL", "Warning", true),
        ("LOGLEVEL", "WarNing", false),
    ];
    for (name, text, want) in cases {
        let grok = Grok::compile(&whole(name), &patterns, Options::default())
            .expect("built-in patterns compile");
        let got = grok.search(text.as_bytes(), &mut Slots::new()) == Outcome::Match;
        assert_eq!(got, want, "{name}: {text}");
    }
}
