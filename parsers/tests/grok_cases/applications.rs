//! Lines of programs in Java and Ruby, of build tools and databases, each with all of its fields.

use serde_json::{Value, json};

use super::{ecs, legacy};

const FRAME: &str = "\tat org.example.Shop.pay(Shop.java:42)";

#[test]
fn stack_traces_of_java() {
    legacy(
        "JAVASTACKTRACEPART",
        FRAME,
        json!({ "class": "org.example.Shop", "method": "pay", "file": "Shop.java", "line": "42" }),
    );
    ecs(
        "JAVASTACKTRACEPART",
        FRAME,
        json!({
            "[java][log][origin][class][name]": "org.example.Shop", "[log][origin][function]": "pay",
            "[log][origin][file][name]": "Shop.java", "[log][origin][file][line]": 42,
        }),
    );
    ecs(
        "JAVASTACKTRACEPART",
        "  at org.example.Shop.<init>(Native Method)",
        json!({
            "[java][log][origin][class][name]": "org.example.Shop", "[log][origin][function]": "<init>",
            "[log][origin][file][name]": "Native Method",
        }),
    );
}

#[test]
fn logs_of_tomcat() {
    legacy(
        "CATALINALOG",
        "Nov 20, 2026 6:56:21 PM org.example.Shop start",
        json!({ "timestamp": "Nov 20, 2026 6:56:21 PM", "class": "org.example.Shop", "logmessage": "start" }),
    );
    let old = "2026-11-20 18:56:21,269 +0100 | ERROR | org.example.Shop - no stock";
    legacy(
        "TOMCATLOG",
        old,
        json!({
            "timestamp": "2026-11-20 18:56:21,269 +0100", "level": "ERROR", "class": "org.example.Shop",
            "logmessage": "no stock",
        }),
    );
    ecs(
        "TOMCATLOG",
        old,
        json!({
            "timestamp": "2026-11-20 18:56:21,269 +0100", "[log][level]": "ERROR",
            "[java][log][origin][class][name]": "org.example.Shop", "message": "no stock",
        }),
    );
    ecs(
        "CATALINALOG",
        "20-Nov-2026 18:56:21.451 INFO [main] org.example.Shop.start ready in 12 ms",
        json!({
            "timestamp": "20-Nov-2026 18:56:21.451", "[log][level]": "INFO",
            "[java][log][origin][thread][name]": "main", "[java][log][origin][class][name]": "org.example.Shop",
            "[log][origin][function]": "start", "message": "ready in 12 ms",
        }),
    );
    ecs(
        "CATALINALOG",
        "Nov 20, 2026 6:56:21 PM org.example.Shop start\nINFO: ready",
        json!({
            "timestamp": "Nov 20, 2026 6:56:21 PM", "[java][log][origin][class][name]": "org.example.Shop",
            "[log][origin][function]": "start", "[log][level]": "INFO", "message": "ready",
        }),
    );
}

#[test]
fn versions_of_maven() {
    for check in [legacy, ecs] {
        for version in ["1.4.0", "1.4.0-SNAPSHOT", "2.RELEASE"] {
            check("MAVEN_VERSION:v", version, json!({ "v": version }));
        }
        check("MAVEN_VERSION:v", "latest", Value::Null);
    }
}

#[test]
fn logs_of_mcollective() {
    let line = "I, [2026-11-20T18:56:21.345678 #811]  INFO -- : running";
    legacy(
        "MCOLLECTIVE",
        line,
        json!({ "timestamp": "2026-11-20T18:56:21.345678", "pid": "811", "event_level": "INFO" }),
    );
    ecs(
        "MCOLLECTIVE",
        line,
        json!({ "timestamp": "2026-11-20T18:56:21.345678", "[process][pid]": 811, "[log][level]": "INFO" }),
    );
    for check in [legacy, ecs] {
        check(
            "MCOLLECTIVEAUDIT",
            "2026-11-20T18:56:21.345678: reqid=7: caller=ann@example.org",
            json!({ "timestamp": "2026-11-20T18:56:21.345678" }),
        );
    }
}

#[test]
fn loggers_of_ruby() {
    ecs(
        "RUBY_LOGGER",
        "E, [2026-11-20T18:56:21.000001 #77] ERROR -- Shop::Worker: no connection",
        json!({
            "timestamp": "2026-11-20T18:56:21.000001", "[process][pid]": 77, "[log][level]": "ERROR",
            "[process][name]": "Shop::Worker", "message": "no connection",
        }),
    );
}

const SLOW: &str = concat!(
    "query shop.orders query: { user: 7, $orderby: { day: -1 } } ntoreturn:10 ntoskip:20 nscanned:4711 keyUpdates:0 ",
    "nreturned:9 reslen:512 182ms"
);

#[test]
fn logs_of_mongodb() {
    legacy(
        "MONGO_LOG",
        "Nov 20 18:56:21 [conn7] end connection 192.0.2.7:5001",
        json!({
            "timestamp": "Nov 20 18:56:21", "component": "conn7", "message": "end connection 192.0.2.7:5001",
        }),
    );
    legacy(
        "MONGO3_LOG",
        "2026-11-20T18:56:21.450+0000 I NETWORK  [listener] connection accepted",
        json!({
            "timestamp": "2026-11-20T18:56:21.450+0000", "severity": "I", "component": "NETWORK",
            "context": "listener", "message": "connection accepted",
        }),
    );
    legacy(
        "MONGO_SLOWQUERY",
        SLOW,
        json!({
            "database": "shop", "collection": "orders", "query": "{ user: 7, $orderby: { day: -1 } }",
            "ntoreturn": "10", "ntoskip": "20", "nscanned": "4711", "nreturned": "9", "duration": "182",
        }),
    );
    ecs(
        "MONGO_SLOWQUERY",
        SLOW,
        json!({
            "[mongodb][profile][op]": "query", "[mongodb][database]": "shop", "[mongodb][collection]": "orders",
            "[mongodb][query][original]": "{ user: 7, $orderby: { day: -1 } }",
            "[mongodb][profile][ntoreturn]": 10, "[mongodb][profile][ntoskip]": 20,
            "[mongodb][profile][nscanned]": 4711, "[mongodb][profile][nreturned]": 9,
            "[mongodb][profile][duration]": 182,
        }),
    );
}

#[test]
fn logs_of_postgresql() {
    ecs(
        "POSTGRESQL",
        "20-11-2026 18:56:21 UTC shop 5bc.1 4711",
        json!({
            "timestamp": "20-11-2026 18:56:21", "[event][timezone]": "UTC", "[user][name]": "shop",
            "[postgresql][log][connection_id]": "5bc.1", "[process][pid]": 4711,
        }),
    );
}

#[test]
fn logs_of_redis() {
    ecs(
        "REDISLOG",
        "[811] 20 Nov 18:56:21.119 * Background saving started",
        json!({ "[process][pid]": 811, "timestamp": "20 Nov 18:56:21.119" }),
    );
    ecs(
        "REDISMONLOG",
        r#"1795200981.123456 [3 192.0.2.7:60866] "lpush" "jobs" "7""#,
        json!({
            "timestamp": "1795200981.123456", "[redis][database][id]": "3", "[client][ip]": "192.0.2.7",
            "[client][port]": 60866, "[redis][command][name]": "lpush", "[redis][command][args]": "\"jobs\" \"7\"",
        }),
    );
}
