//! What a line costs that matches none of fifty expressions, beside one that matches none of one. Two sets: whole lines of
//! the built-in bank, and messages of one application. `cargo bench -p sawlog-parsers --bench grok_set`; with `list` as
//! argument it also names the expressions that nothing rules out, and those that are slow alone.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sawlog_parsers::grok::{Grok, GrokSet, Options, Patterns, SetOutcome, Slots};

/// Names of the bank that stand for whole lines, of every file.
const BANK: [&str; 50] = [
    "COMBINEDAPACHELOG",
    "HTTPD24_ERRORLOG",
    "HTTPD20_ERRORLOG",
    "S3_ACCESS_LOG",
    "ELB_ACCESS_LOG",
    "CLOUDFRONT_ACCESS_LOG",
    "HAPROXYHTTP",
    "HAPROXYTCP",
    "SYSLOG5424LINE",
    "SYSLOGPAMSESSION",
    "CRONLOG",
    "BIND9",
    "POSTGRESQL",
    "MONGO3_LOG",
    "REDISLOG",
    "REDISMONLOG",
    "RUBY_LOGGER",
    "SQUID3",
    "RAILS3",
    "NETSCREENSESSIONLOG",
    "SHOREWALL",
    "SFW2",
    "CISCO_TAGGED_SYSLOG",
    "CISCOFW104001",
    "CISCOFW104003",
    "CISCOFW105003",
    "CISCOFW105005",
    "CISCOFW106001",
    "CISCOFW106014",
    "CISCOFW106015",
    "CISCOFW106021",
    "CISCOFW106023",
    "CISCOFW106100",
    "CISCOFW110002",
    "CISCOFW302013_302014_302015_302016",
    "CISCOFW302020_302021",
    "CISCOFW305011",
    "CISCOFW313005",
    "CISCOFW321001",
    "CISCOFW402117",
    "CISCOFW500004",
    "CISCOFW710001_710002_710003_710005_710006",
    "CISCOFW733100",
    "RT_FLOW1",
    "RT_FLOW2",
    "RT_FLOW3",
    "CATALINALOG",
    "TOMCATLOG",
    "JAVASTACKTRACEPART",
    "NAGIOSLOGLINE",
];

/// What a shop's service logs, behind its time, level and thread.
const MESSAGES: [&str; 50] = [
    "OrderService - order %{INT:order} created for %{WORD:customer}",
    "OrderService - order %{INT:order} cancelled: %{GREEDYDATA:reason}",
    "OrderService - order %{INT:order} shipped with %{WORD:carrier} as %{NOTSPACE:parcel}",
    "OrderService - total %{NUMBER:total:float} of order %{INT:order} differs from %{NUMBER:sum:float}",
    "PaymentGateway - charged %{NUMBER:amount:float} %{WORD:currency} to card ending %{INT:card}",
    "PaymentGateway - declined: %{WORD:code} for order %{INT:order}",
    "PaymentGateway - timeout after %{INT:ms:int} ms calling %{URI:url}",
    "PaymentGateway - refund %{INT:refund} of %{NUMBER:amount:float}",
    "Mailer - sent %{WORD:template} to %{EMAILADDRESS:to}",
    "Mailer - bounce from %{EMAILADDRESS:from}: %{GREEDYDATA:reason}",
    "Login - user %{USER:user} logged in from %{IP:client}",
    "Login - user %{USER:user} failed password from %{IP:client}",
    "Login - user %{USER:user} locked for %{INT:minutes:int} minutes",
    "Login - token %{UUID:token} expired",
    "HttpClient - %{WORD:verb} %{URI:url} answered %{INT:status:int} in %{INT:ms:int} ms",
    "HttpClient - retry %{INT:attempt:int} of %{URI:url}",
    "HttpServer - %{IP:client} %{WORD:verb} %{URIPATHPARAM:path} %{INT:status:int} %{INT:bytes:int}",
    "HttpServer - slow request %{URIPATH:path}: %{INT:ms:int} ms",
    "Database - query took %{INT:ms:int} ms: %{GREEDYDATA:sql}",
    "Database - deadlock on table %{WORD:table}, attempt %{INT:attempt:int}",
    "Database - pool %{WORD:pool} has %{INT:idle:int} idle of %{INT:size:int}",
    "Database - connected to %{HOSTPORT:server}",
    "Database - lost connection to %{HOSTPORT:server}: %{GREEDYDATA:reason}",
    "Cache - hit ratio %{NUMBER:ratio:float} over %{INT:keys:int} keys",
    "Cache - flush of region %{WORD:region} requested by %{USER:user}",
    "Cache - node %{IPORHOST:node} joined",
    "Cache - node %{IPORHOST:node} left",
    "Queue - published %{INT:count:int} messages to %{NOTSPACE:topic}",
    "Queue - consumer %{NOTSPACE:group} lags %{INT:lag:int} behind",
    "Queue - dead letter %{UUID:message} from %{NOTSPACE:topic}",
    "Scheduler - job %{WORD:job} started",
    "Scheduler - job %{WORD:job} finished in %{INT:seconds:int} s",
    "Scheduler - job %{WORD:job} skipped, still running since %{TIMESTAMP_ISO8601:since}",
    "Importer - file %{UNIXPATH:file} read, %{INT:rows:int} rows",
    "Importer - row %{INT:row:int} of %{UNIXPATH:file} rejected: %{GREEDYDATA:reason}",
    "Exporter - wrote %{INT:bytes:int} bytes to %{UNIXPATH:file}",
    "Stock - article %{NOTSPACE:article} below %{INT:limit:int} in %{WORD:store}",
    "Stock - article %{NOTSPACE:article} reserved %{INT:count:int}",
    "Stock - inventory of %{WORD:store} differs by %{INT:difference:int}",
    "Search - indexed %{INT:count:int} articles in %{NUMBER:seconds:float} s",
    "Search - no results for %{QS:query} from %{IP:client}",
    "Session - created %{UUID:session} for %{IP:client}",
    "Session - destroyed %{UUID:session} after %{INT:seconds:int} s",
    "Gc - pause %{NUMBER:ms:float} ms, heap %{INT:before:int}M to %{INT:after:int}M",
    "Health - check %{WORD:check} is %{WORD:state}",
    "Config - reloaded from %{UNIXPATH:file}",
    "Config - unknown key %{NOTSPACE:key} ignored",
    "Feature - flag %{NOTSPACE:flag} switched to %{WORD:value} by %{USER:user}",
    "Audit - %{USER:user} changed %{NOTSPACE:object} from %{QS:old} to %{QS:new}",
    "Shutdown - waiting for %{INT:open:int} requests",
];

const LINES: [&str; 4] = [
    "2026-11-20T18:56:21.123+01:00 WARN  [worker-7] SessionCache - evicted 42 entries, 17 left; oldest 3 hours",
    r#"{"time":"2026-11-20T18:56:21Z","level":"info","msg":"evicted 42 entries","left":17,"host":"web-17"}"#,
    "level=info ts=2026-11-20T18:56:21Z caller=main.go:42 msg=started version=1.7.3 revision=abcdef",
    "kernel: usb 1-1: new high-speed USB device number 4 using xhci_hcd, product 0x1234 from vendor 0x5678",
];

fn main() {
    let patterns = Patterns::ecs_v1();
    let compile = |expression: &String| {
        Grok::compile(expression, &patterns, Options::default())
            .expect("the expressions above are sound")
    };
    let bank: Vec<String> = BANK.iter().map(|name| format!("%{{{name}}}")).collect();
    let prefix = r"^%{TIMESTAMP_ISO8601:at} +%{LOGLEVEL:level} +\[%{DATA:thread}\] ";
    let messages: Vec<String> = MESSAGES
        .iter()
        .map(|message| format!("{prefix}{message}"))
        .collect();
    let listed = std::env::args().any(|argument| argument == "list");
    println!(
        "| expressions | line | one: median | mean | fifty | fifty / median | at most {RATIO_MAX} | fifty / mean | at most {RATIO_MAX} |"
    );
    println!("|---|---|---:|---:|---:|---:|---|---:|---|");
    let mut all_hold = true;
    for (name, expressions) in [("bank", &bank), ("application", &messages)] {
        let fifty = GrokSet::new(expressions.iter().map(compile).collect());
        for line in LINES {
            all_hold &= compare(name, line, &fifty);
        }
        if listed {
            list(&fifty, expressions);
        }
    }
    println!(
        "\n{}",
        if all_hold {
            "All that is promised holds."
        } else {
            "Not all that is promised holds."
        }
    );
}

/// What a set of fifty may cost, in searches with one of them that does not match. Both are told, beside the median of the
/// fifty and beside their mean; the mean decides. The median is that of expressions with a long text, which one search for it
/// rules out.
const RATIO_MAX: f64 = 2.0;

/// Nanoseconds of a miss that is listed.
const SLOW: f64 = 300.0;

/// Which expressions take long to say no.
fn list(set: &GrokSet, expressions: &[String]) {
    for (index, expression) in expressions.iter().enumerate() {
        if !set.is_filtered(index) {
            println!("  tried on every line: {expression}");
        }
    }
    let mut slots = Slots::new();
    for line in LINES {
        for (grok, expression) in set.groks().iter().zip(expressions) {
            let alone = nanoseconds(|| grok.search(line.as_bytes(), &mut slots));
            if SLOW < alone {
                println!(
                    "  {alone:9.1} ns {expression}: {} ({})",
                    grok.tier(),
                    grok.tier_reason()
                );
            }
        }
    }
}

/// A row of the report; whether what is promised holds.
fn compare(name: &str, line: &str, fifty: &GrokSet) -> bool {
    let mut slots = Slots::new();
    let start = line.get(..22).unwrap_or(line);
    let line = line.as_bytes();
    let mut alone: Vec<f64> = fifty
        .groks()
        .iter()
        .map(|grok| nanoseconds(|| grok.search(black_box(line), &mut slots)))
        .collect();
    let mean = alone.iter().sum::<f64>() / alone.len() as f64;
    alone.sort_by(f64::total_cmp);
    let median = alone.get(alone.len() / 2).copied().unwrap_or(f64::NAN);
    let set = nanoseconds(|| fifty.search(black_box(line), &mut slots));
    let is_miss = fifty.search(line, &mut slots) == SetOutcome::NoMatch;
    let ratio = set / mean;
    let holds = is_miss && ratio <= RATIO_MAX;
    let word = |holds| if holds { "yes" } else { "**no**" };
    let beside_median = set / median;
    let by_median = word(is_miss && beside_median <= RATIO_MAX);
    let by_mean = word(holds);
    println!(
        "| {name} | `{start}` | {median:.0} | {mean:.0} | {set:.0} | {beside_median:.1} | {by_median} | {ratio:.1} | {by_mean} |"
    );
    holds
}

/// The best of several rounds, for one call.
fn nanoseconds<T>(mut call: impl FnMut() -> T) -> f64 {
    const CALLS: u32 = 2_000;
    let mut best = Duration::MAX;
    for _ in 0..15 {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        best = best.min(start.elapsed());
    }
    best.as_secs_f64() * 1e9 / f64::from(CALLS)
}
