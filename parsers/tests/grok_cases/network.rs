//! Lines of network monitors and firewalls, each with all of its fields.

use serde_json::json;

use super::{ecs, legacy};

const FLOW: &str = "RT_FLOW_SESSION_CREATE: session created 192.0.2.7/5001->198.51.100.8/443 junos-https \
                    203.0.113.9/6001->198.51.100.8/443 snat None 6 web trust untrust 4711";

#[test]
fn sessions_of_junos() {
    legacy(
        "RT_FLOW2",
        FLOW,
        json!({
            "event": "RT_FLOW_SESSION_CREATE", "src-ip": "192.0.2.7", "src-port": "5001", "dst-ip": "198.51.100.8",
            "dst-port": "443", "service": "junos-https", "nat-src-ip": "203.0.113.9", "nat-src-port": "6001",
            "nat-dst-ip": "198.51.100.8", "nat-dst-port": "443", "src-nat-rule-name": "snat",
            "dst-nat-rule-name": "None", "protocol-id": "6", "policy-name": "web", "from-zone": "trust",
            "to-zone": "untrust", "session-id": "4711",
        }),
    );
    ecs(
        "RT_FLOW2",
        FLOW,
        json!({
            "[juniper][srx][tag]": "RT_FLOW_SESSION_CREATE", "[source][ip]": "192.0.2.7", "[source][port]": 5001,
            "[destination][ip]": "198.51.100.8", "[destination][port]": 443,
            "[juniper][srx][service_name]": "junos-https", "[source][nat][ip]": "203.0.113.9",
            "[source][nat][port]": 6001, "[destination][nat][ip]": "198.51.100.8", "[destination][nat][port]": 443,
            "[juniper][srx][src_nat_rule_name]": "snat", "[network][iana_number]": "6", "[rule][name]": "web",
            "[observer][ingress][zone]": "trust", "[observer][egress][zone]": "untrust",
            "[juniper][srx][session_id]": "4711",
        }),
    );
    legacy(
        "RT_FLOW3",
        "RT_FLOW_SESSION_DENY: session denied 192.0.2.7/5001->198.51.100.8/22 junos-ssh 6(0) drop-all untrust trust",
        json!({
            "event": "RT_FLOW_SESSION_DENY", "src-ip": "192.0.2.7", "src-port": "5001", "dst-ip": "198.51.100.8",
            "dst-port": "22", "service": "junos-ssh", "protocol-id": "6", "policy-name": "drop-all",
            "from-zone": "untrust", "to-zone": "trust",
        }),
    );
    ecs(
        "RT_FLOW1",
        &FLOW
            .replace("CREATE: session created", "CLOSE: session closed TCP FIN:")
            .replace("4711", "4711 9(812) 7(5120) 12"),
        json!({
            "[juniper][srx][tag]": "RT_FLOW_SESSION_CLOSE", "[juniper][srx][reason]": "session closed TCP FIN",
            "[source][ip]": "192.0.2.7", "[source][port]": 5001, "[destination][ip]": "198.51.100.8",
            "[destination][port]": 443, "[juniper][srx][service_name]": "junos-https",
            "[source][nat][ip]": "203.0.113.9", "[source][nat][port]": 6001,
            "[destination][nat][ip]": "198.51.100.8", "[destination][nat][port]": 443,
            "[juniper][srx][src_nat_rule_name]": "snat", "[network][iana_number]": "6", "[rule][name]": "web",
            "[observer][ingress][zone]": "trust", "[observer][egress][zone]": "untrust",
            "[juniper][srx][session_id]": "4711", "[source][bytes]": 812, "[destination][bytes]": 5120,
            "[juniper][srx][elapsed_time]": 12,
        }),
    );
}

/// The cells of a line, parted by tabs.
fn cells(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join("\t")
}

const BRO_DNS: &str = "1795200981.5 CqL1 192.0.2.7 5053 198.51.100.8 53 udp 4711 www.example.org 1 C_INTERNET 28 AAAA \
                       0 NOERROR F F T T 0 2001:db8::7 60.0 F";

#[test]
fn names_that_bro_saw() {
    legacy(
        "BRO_DNS",
        &cells(BRO_DNS),
        json!({
            "ts": "1795200981.5", "uid": "CqL1", "orig_h": "192.0.2.7", "orig_p": "5053", "resp_h": "198.51.100.8",
            "resp_p": "53", "proto": "udp", "trans_id": "4711", "query": "www.example.org", "qclass": "1",
            "qclass_name": "C_INTERNET", "qtype": "28", "qtype_name": "AAAA", "rcode": "0", "rcode_name": "NOERROR",
            "AA": "F", "TC": "F", "RD": "T", "RA": "T", "Z": "0", "answers": "2001:db8::7", "TTLs": "60.0",
            "rejected": "F",
        }),
    );
    let mut want = json!({
        "timestamp": "1795200981.5", "[zeek][session_id]": "CqL1", "[source][ip]": "192.0.2.7",
        "[source][port]": 5053, "[destination][ip]": "198.51.100.8", "[destination][port]": 53,
        "[network][transport]": "udp", "[dns][id]": 4711, "[dns][question][name]": "www.example.org",
        "[zeek][dns][qclass]": 1, "[zeek][dns][qclass_name]": "C_INTERNET", "[zeek][dns][qtype]": 28,
        "[dns][question][type]": "AAAA", "[zeek][dns][rcode]": 0, "[dns][response_code]": "NOERROR",
        "[zeek][dns][AA]": "F", "[zeek][dns][TC]": "F", "[zeek][dns][RD]": "T", "[zeek][dns][RA]": "T",
        "[zeek][dns][Z]": 0, "[zeek][dns][answers]": "2001:db8::7", "[zeek][dns][TTLs]": "60.0",
        "[zeek][dns][rejected]": "F",
    });
    ecs("BRO_DNS", &cells(BRO_DNS), want.clone());
    want["[zeek][dns][rtt]"] = json!(0.25);
    ecs(
        "ZEEK_DNS",
        &cells(&BRO_DNS.replace(" 4711 ", " 4711 0.25 ")),
        want,
    );
}

const ZEEK_HTTP: &str = "1795200981.5 CqL1 192.0.2.7 5001 198.51.100.8 80 1 GET www.example.org /cart - 1.1 Browser/1.0 - \
                         0 5120 200 OK - - (empty) - - - - - - Fx7 cart.html text/html";

#[test]
fn requests_that_zeek_saw() {
    let mut want = json!({
        "timestamp": "1795200981.5", "[zeek][session_id]": "CqL1", "[source][ip]": "192.0.2.7",
        "[source][port]": 5001, "[destination][ip]": "198.51.100.8", "[destination][port]": 80,
        "[zeek][http][trans_depth]": 1, "[http][request][method]": "GET", "[url][domain]": "www.example.org",
        "[url][original]": "/cart", "[http][version]": "1.1", "[user_agent][original]": "Browser/1.0",
        "[http][request][body][bytes]": 0, "[http][response][body][bytes]": 5120,
        "[http][response][status_code]": 200, "[zeek][http][status_msg]": "OK", "[zeek][http][resp_fuids]": "Fx7",
        "[zeek][http][resp_filenames]": "cart.html", "[http][response][mime_type]": "text/html",
    });
    ecs("ZEEK_HTTP", &cells(ZEEK_HTTP), want.clone());
    let fields = want.as_object_mut().expect("fields are an object");
    fields.retain(|name, _| !name.contains("[version]") && !name.contains("filenames"));
    let bro = ZEEK_HTTP
        .replace(" 1.1 Browser/1.0 - ", " Browser/1.0 ")
        .replace(
            "(empty) - - - - - - Fx7 cart.html",
            "- (empty) - - - - - Fx7",
        );
    ecs("BRO_HTTP", &cells(&bro), want);
}

const ZEEK_CONN: &str = "1795200981.5 CqL1 192.0.2.7 5001 198.51.100.8 443 tcp ssl 1.5 812 5120 SF T F 0 ShADadFf \
                         9 1200 7 5600 (empty)";

#[test]
fn connections_that_zeek_saw() {
    let mut want = json!({
        "timestamp": "1795200981.5", "[zeek][session_id]": "CqL1", "[source][ip]": "192.0.2.7",
        "[source][port]": 5001, "[destination][ip]": "198.51.100.8", "[destination][port]": 443,
        "[network][transport]": "tcp", "[network][protocol]": "ssl", "[zeek][connection][duration]": 1.5,
        "[zeek][connection][orig_bytes]": 812, "[zeek][connection][resp_bytes]": 5120,
        "[zeek][connection][state]": "SF", "[zeek][connection][local_orig]": "T",
        "[zeek][connection][local_resp]": "F", "[zeek][connection][missed_bytes]": 0,
        "[zeek][connection][history]": "ShADadFf", "[source][packets]": 9, "[source][bytes]": 1200,
        "[destination][packets]": 7, "[destination][bytes]": 5600,
    });
    ecs("BRO_CONN", &cells(ZEEK_CONN), want.clone());
    want["[source][mac]"] = json!("00:16:3e:00:00:01");
    want["[destination][mac]"] = json!("00:16:3e:00:00:02");
    let with_macs = format!("{ZEEK_CONN} 00:16:3e:00:00:01 00:16:3e:00:00:02");
    ecs("ZEEK_CONN", &cells(&with_macs), want);
}

const ZEEK_FILES: &str = "1795200981.5 Fx7 198.51.100.8 192.0.2.7 CqL1 HTTP 0 MD5 text/html cart.html 0.5 F F 5120 5120 0 0 \
                          F - d41d8cd9 - - -";

#[test]
fn files_that_zeek_saw() {
    let mut want = json!({
        "timestamp": "1795200981.5", "[zeek][files][fuid]": "Fx7", "[server][ip]": "198.51.100.8",
        "[client][ip]": "192.0.2.7", "[zeek][files][session_ids]": "CqL1", "[zeek][files][source]": "HTTP",
        "[zeek][files][depth]": 0, "[zeek][files][analyzers]": "MD5", "[file][mime_type]": "text/html",
        "[file][name]": "cart.html", "[zeek][files][duration]": 0.5, "[zeek][files][local_orig]": "F",
        "[zeek][files][is_orig]": "F", "[zeek][files][seen_bytes]": 5120, "[file][size]": 5120,
        "[zeek][files][missing_bytes]": 0, "[zeek][files][overflow_bytes]": 0, "[zeek][files][timedout]": "F",
        "[file][hash][md5]": "d41d8cd9",
    });
    ecs("BRO_FILES", &cells(ZEEK_FILES), want.clone());
    want["[zeek][files][extracted_cutoff]"] = json!("T");
    want["[zeek][files][extracted_size]"] = json!(512);
    ecs("ZEEK_FILES", &cells(&format!("{ZEEK_FILES} T 512")), want);
}

const NETSCREEN: &str = concat!(
    "Nov 20 18:56:21 fw-1 fw-1: NetScreen device_id=fw1  [Root]system-notification-00257(traffic): ",
    "start_time=\"2026-11-20 18:56:20\" duration=3 policy_id=7 service=https proto=6 src zone=Trust dst zone=Untrust ",
    "action=Permit sent=812 rcvd=5120 src=192.0.2.7 dst=198.51.100.8 src_port=5001 dst_port=443 ",
    "src-xlated ip=203.0.113.9 port=6001 dst-xlated ip=198.51.100.8 port=443 session_id=4711 reason=Close - TCP FIN"
);

#[test]
fn sessions_of_netscreen() {
    legacy(
        "NETSCREENSESSIONLOG",
        NETSCREEN,
        json!({
            "date": "Nov 20 18:56:21", "device": "fw-1", "device_id": "fw1",
            "start_time": "\"2026-11-20 18:56:20\"", "duration": "3", "policy_id": "7", "service": "https",
            "proto": "6", "src_zone": "Trust", "dst_zone": "Untrust", "action": "Permit", "sent": "812",
            "rcvd": "5120", "src_ip": "192.0.2.7", "dst_ip": "198.51.100.8", "src_port": "5001", "dst_port": "443",
            "src_xlated_ip": "203.0.113.9", "src_xlated_port": "6001", "dst_xlated_ip": "198.51.100.8",
            "dst_xlated_port": "443", "session_id": "4711", "reason": "Close - TCP FIN",
        }),
    );
    ecs(
        "NETSCREENSESSIONLOG",
        NETSCREEN,
        json!({
            "timestamp": "Nov 20 18:56:21", "[observer][hostname]": "fw-1", "[observer][name]": "fw-1",
            "[observer][product]": "NetScreen", "[netscreen][device_id]": "fw1", "[event][code]": "00257",
            "[netscreen][session][type]": "traffic", "[netscreen][session][start_time]": "2026-11-20 18:56:20",
            "[netscreen][session][duration]": 3, "[netscreen][policy_id]": "7", "[netscreen][service]": "https",
            "[netscreen][protocol_number]": 6, "[observer][ingress][zone]": "Trust",
            "[observer][egress][zone]": "Untrust", "[event][action]": "Permit", "[source][bytes]": 812,
            "[destination][bytes]": 5120, "[source][address]": "192.0.2.7", "[destination][address]": "198.51.100.8",
            "[source][port]": 5001, "[destination][port]": 443, "[source][nat][ip]": "203.0.113.9",
            "[source][nat][port]": 6001, "[destination][nat][ip]": "198.51.100.8", "[destination][nat][port]": 443,
            "[netscreen][session][id]": "4711", "[netscreen][session][reason]": "Close - TCP FIN",
        }),
    );
}

#[test]
fn messages_of_cisco() {
    legacy(
        "CISCOFW302013_302014_302015_302016",
        "Teardown TCP connection 4711 for outside:192.0.2.7/5001(ann) to inside:198.51.100.8/443 duration 0:00:12 \
         bytes 5120 TCP FINs (bob)",
        json!({
            "action": "Teardown", "protocol": "TCP", "connection_id": "4711", "src_interface": "outside",
            "src_ip": "192.0.2.7", "src_port": "5001", "src_fwuser": "ann", "dst_interface": "inside",
            "dst_ip": "198.51.100.8", "dst_port": "443", "duration": "0:00:12", "bytes": "5120",
            "reason": "TCP FINs", "user": "bob",
        }),
    );
    ecs(
        "CISCOFW106100_2_3",
        "access-list edge denied tcp for user 'ann' outside/192.0.2.7(5001) -> inside/198.51.100.8(22) hit-cnt 3 \
         300-second interval [0xa925365e, 0x0]",
        json!({
            "[cisco][asa][rule_name]": "edge", "[cisco][asa][outcome]": "denied",
            "[cisco][asa][network][transport]": "tcp", "[user][name]": "ann",
            "[observer][ingress][interface][name]": "outside", "[source][ip]": "192.0.2.7", "[source][port]": 5001,
            "[observer][egress][interface][name]": "inside", "[destination][ip]": "198.51.100.8",
            "[destination][port]": 22, "[cisco][asa][hit_count]": 3, "[cisco][asa][interval]": 300,
            "[@metadata][cisco][asa][hashcode1]": "0xa925365e", "[@metadata][cisco][asa][hashcode2]": "0x0",
        }),
    );
    legacy(
        "CISCOFW105003",
        "(Primary) Monitoring on interface inside waiting",
        json!({ "interface_name": "inside" }),
    );
    legacy(
        "CISCO_TAGGED_SYSLOG",
        "<164>Nov 20 2026 18:56:21 fw-1: %ASA-4-106023: Deny",
        json!({
            "syslog_pri": "164", "timestamp": "Nov 20 2026 18:56:21", "sysloghost": "fw-1",
            "ciscotag": "ASA-4-106023",
        }),
    );
}
