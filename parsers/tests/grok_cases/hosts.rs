//! Lines of mail, names, backups and of hosts themselves, each with all of its fields.

use serde_json::{Value, json};

use super::{ecs, legacy};

const MAIL: &str = concat!(
    "2026-11-20 18:56:21 [811] 1aBcDe-000Fgh-2J <= ann@example.org H=mail.example.org (mx) [192.0.2.7]:5001 ",
    "I=[198.51.100.8]:25 P=esmtps S=4711 id=7@example.org T=\"a \\\"b\\\"\" from <ann@example.org> for bob@example.net"
);

#[test]
fn arrivals_of_mail() {
    legacy(
        "EXIM",
        MAIL,
        json!({
            "timestamp": "2026-11-20 18:56:21", "exim_year": "2026", "exim_month": "11", "exim_day": "20",
            "exim_time": "18:56:21", "pid": "811", "exim_msgid": "1aBcDe-000Fgh-2J", "exim_flags": "<=",
            "exim_sender_email": "ann@example.org", "remote_hostname": "mail.example.org", "remote_heloname": "mx",
            "remote_host": "192.0.2.7", "remote_port": "5001", "exim_interface": "198.51.100.8",
            "exim_interface_port": "25", "protocol": "esmtps", "exim_msg_size": "4711",
            "exim_header_id": "7@example.org", "exim_subject": "\"a \\\"b\\\"\"",
            "exim_recipient_email": "bob@example.net",
        }),
    );
    ecs(
        "EXIM",
        MAIL,
        json!({
            "timestamp": "2026-11-20 18:56:21", "[process][pid]": 811,
            "[exim][log][message][id]": "1aBcDe-000Fgh-2J", "[exim][log][flags]": "<=",
            "[exim][log][sender][email]": "ann@example.org", "[source][address]": "mail.example.org",
            "[exim][log][remote_address]": "mx", "[source][ip]": "192.0.2.7", "[source][port]": 5001,
            "[destination][ip]": "198.51.100.8", "[destination][port]": 25, "[network][protocol]": "esmtps",
            "[exim][log][message][size]": 4711, "[exim][log][header_id]": "7@example.org",
            "[exim][log][message][subject]": "a \\\"b\\\"", "[exim][log][sender][original]": "ann@example.org",
            "[exim][log][recipient][email]": "bob@example.net",
        }),
    );
    for check in [legacy, ecs] {
        check(
            "EXIM_EXCLUDE_TERMS",
            "1aBcDe-000Fgh-2J no host name found for IP address 192.0.2.7",
            json!({}),
        );
        check(
            "EXIM_EXCLUDE_TERMS",
            "1aBcDe-000Fgh-2J Completed",
            Value::Null,
        );
    }
}

const QUERY: &str = concat!(
    "20-Nov-2026 18:56:21.123 queries: info: client @0x7f11 192.0.2.7#5053 (www.example.org): ",
    "query: www.example.org IN AAAA +E(0)K (198.51.100.8)"
);

#[test]
fn queries_of_names() {
    legacy(
        "BIND9",
        QUERY,
        json!({
            "timestamp": "20-Nov-2026 18:56:21.123", "loglevel": "info", "clientip": "192.0.2.7",
            "clientport": "5053", "query": ["www.example.org", "www.example.org"], "querytype": "AAAA +E(0)K",
            "dns": "198.51.100.8",
        }),
    );
    ecs(
        "BIND9",
        QUERY,
        json!({
            "timestamp": "20-Nov-2026 18:56:21.123", "[bing][log][category]": "queries", "[log][level]": "info",
            "[client][ip]": "192.0.2.7", "[client][port]": 5053, "[bind][log][question][name]": "www.example.org",
            "[dns][question][name]": "www.example.org", "[dns][question][class]": "IN",
            "[dns][question][type]": "AAAA", "[bind][log][question][flags]": "+E(0)K", "[server][ip]": "198.51.100.8",
        }),
    );
}

#[test]
fn messages_of_backups() {
    let head = "20-Nov 18:56 backup-dir JobId 12: ";
    let message = |text: &str, mut want: Value| {
        let fields = want.as_object_mut().expect("fields are an object");
        fields.extend([
            ("bts".to_owned(), json!("20-Nov 18:56")),
            ("hostname".to_owned(), json!("backup-dir")),
            ("jobid".to_owned(), json!("12")),
        ]);
        legacy("BACULA_LOGLINE", &format!("{head}{text}"), want);
    };
    message(
        "End of medium on Volume \"Vol-3\" Bytes=1,234,567 Blocks=8 at 20-Nov-2026 18:55.",
        json!({ "volume": "Vol-3" }),
    );
    message(
        "Labeled new Volume \"Vol-4\" on device \"Drive-0\" (/srv/backup).",
        json!({ "volume": "Vol-4", "device": "Drive-0" }),
    );
    message(
        "Pruned 3 Jobs for client db7-fd from catalog.",
        json!({ "client": "db7-fd" }),
    );
    message(
        "Fatal error: bsock.c:133 Unable to connect to Client: db7-fd on db7.example.org:9102. ERR=Connection refused",
        json!({ "client": "db7-fd", "berror": "Connection refused" }),
    );
    message(
        "Start Backup JobId 12, Job=Nightly.2026-11-20_18.56.21_07",
        json!({ "job": "Nightly.2026-11-20_18.56.21_07" }),
    );
    message(
        "Job write elapsed time = 00:10:07, Transfer rate = 8.123 M Bytes/second",
        json!({ "elapsed": "00:10:07" }),
    );
    message(
        "No prior or suitable Full backup found in catalog. Doing FULL backup.",
        json!({}),
    );
}

#[test]
fn basic_patterns_with_fields() {
    ecs(
        "SYSLOGBASE",
        "Nov 20 18:56:21 <4.6> web-17 sshd[811]:",
        json!({
            "timestamp": "Nov 20 18:56:21", "[log][syslog][facility][code]": 4, "[log][syslog][priority]": 6,
            "[host][hostname]": "web-17", "[process][name]": "sshd", "[process][pid]": 811,
        }),
    );
    legacy(
        "SYSLOGPAMSESSION",
        "Nov 20 18:56:21 web-17 sshd[811]: pam_unix(sshd:session): session opened for user ann by (uid=0)",
        json!({
            "timestamp": "Nov 20 18:56:21", "logsource": "web-17", "program": "sshd", "pid": "811",
            "message": "pam_unix(sshd:session): session opened for user ann by (uid=0)", "pam_module": "pam_unix",
            "pam_caller": "sshd:session", "pam_session_state": "opened", "username": "ann", "pam_by": "(uid=0)",
        }),
    );
    let whole = |name: &str, text: &str| {
        for check in [legacy, ecs] {
            check(
                &format!("{name}:whole"),
                &format!("<{text}>"),
                json!({ "whole": text }),
            );
        }
    };
    whole("TIMESTAMP_ISO8601", "2026-11-20T18:56:21.123+01:00");
    whole("HTTPDATE", "20/Nov/2026:18:56:21 +0100");
    whole("DATESTAMP_RFC822", "Fri Nov 20 2026 18:56:21 UTC");
    whole("DATESTAMP_RFC2822", "Fri, 20 Nov 2026 18:56:21 +0100");
    whole("DATESTAMP_OTHER", "Fri Nov 20 18:56:21 UTC 2026");
    whole("DATESTAMP_EVENTLOG", "20261120185621");
    whole("HTTPDERROR_DATE", "Fri Nov 20 18:56:21.123456 2026");
    whole("MAC", "00-1b-44-11-3a-b7");
    whole("URN", "urn:isbn:0451450523");
    whole("LOGLEVEL", "INFORMATION");
    for day in [
        "Mon", "Tuesday", "Wed", "Thursday", "Friday", "Sat", "Sunday",
    ] {
        whole("DAY", day);
    }
}
