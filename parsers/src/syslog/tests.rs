//! Lines as devices and daemons send them, all of our own making, and what they are read as.

use super::{FACILITY_LABELS, Format, Message, Reference, SEVERITY_LABELS, parse, unescape_value};

/// Friday 20 November 2026, an hour east of UTC.
const NOVEMBER: Reference = Reference {
    year: 2026,
    month: 11,
    utc_offset_seconds: 3600,
};
const NOVEMBER_UTC: Reference = Reference {
    year: 2026,
    month: 11,
    utc_offset_seconds: 0,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `PRIORITY FORMAT TIME key=value … | message`, absent fields left out.
fn show(message: &Message<'_>) -> String {
    let mut out = match message.priority {
        Some(priority) => format!("{priority} {:?}", message.format),
        None => format!("- {:?}", message.format),
    };
    match message.timestamp {
        Some(nanos) => {
            let mut time = Vec::new();
            crate::timestamp::write_iso8601_nanos(nanos, &mut time);
            out = format!("{out} {}", text(&time));
        }
        None => out.push_str(" -"),
    }
    let fields = [
        ("host", message.host),
        ("program", message.program),
        ("pid", message.pid),
        ("id", message.message_id),
        ("sequence", message.sequence),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            out = format!("{out} {name}={}", text(value));
        }
    }
    for (id, name, value) in message.structured_data {
        out = format!("{out} {}.{}={}", text(id), text(name), text(value));
    }
    format!("{out} | {}", text(message.message))
}

#[track_caller]
fn check(line: &[u8], want: &str) {
    assert_eq!(
        show(&parse(line, &NOVEMBER_UTC)),
        want,
        "for the line {:?}",
        text(line)
    );
}

#[track_caller]
fn check_at(line: &[u8], reference: &Reference, want: &str) {
    assert_eq!(
        show(&parse(line, reference)),
        want,
        "for the line {:?}",
        text(line)
    );
}

// What Docker's log driver sends.

#[test]
fn docker_without_host_gives_program_and_pid() {
    check(
        b"<30>Nov 20 16:44:52 71ecc687f4f8[25336]: hello\n",
        "30 DockerEmpty 2026-11-20T16:44:52.000Z program=71ecc687f4f8 pid=25336 | hello",
    );
}

#[test]
fn docker_tag_with_a_slash_is_the_program() {
    check(
        b"<30>Nov 20 16:44:52 docker/nginx[7]: GET /\n",
        "30 DockerEmpty 2026-11-20T16:44:52.000Z program=docker/nginx pid=7 | GET /",
    );
}

#[test]
fn docker_tag_with_colons_and_slashes_is_the_program() {
    check(
        b"<158>Nov 20 16:45:08 bb:1.25/sl2/77faf7d2a7bc/y[25336]: tagged",
        "158 DockerEmpty 2026-11-20T16:45:08.000Z program=bb:1.25/sl2/77faf7d2a7bc/y pid=25336 | tagged",
    );
}

#[test]
fn docker_tag_with_brackets_keeps_them() {
    check(
        b"<30>Nov 20 16:44:52 web[blue][25336]: x",
        "30 DockerEmpty 2026-11-20T16:44:52.000Z program=web[blue] pid=25336 | x",
    );
}

#[test]
fn docker_tag_that_looks_like_a_pid_is_kept() {
    check(
        b"<30>Nov 20 16:44:52 web[2][25336]: x",
        "30 DockerEmpty 2026-11-20T16:44:52.000Z program=web[2] pid=25336 | x",
    );
}

#[test]
fn docker_rfc3164_gives_host_and_program() {
    check(
        b"<27>Nov 20 16:44:56 vm 541af639d1c4[25336]: err line\n",
        "27 Rfc3164 2026-11-20T16:44:56.000Z host=vm program=541af639d1c4 pid=25336 | err line",
    );
}

#[test]
fn docker_rfc3164_with_a_colon_in_the_tag() {
    check(
        b"<27>Nov 20 16:44:56 vm nginx:1.25/a[1]: x: y\n",
        "27 Rfc3164 2026-11-20T16:44:56.000Z host=vm program=nginx:1.25/a pid=1 | x: y",
    );
}

#[test]
fn docker_rfc5424_keeps_leading_blanks() {
    check(
        b"<30>1 2026-11-20T16:45:00Z vm 0cd666dd5348 25336 0cd666dd5348 -   at indented\n",
        "30 Rfc5424 2026-11-20T16:45:00.000Z host=vm program=0cd666dd5348 pid=25336 id=0cd666dd5348 |   at indented",
    );
}

#[test]
fn docker_rfc5424micro_keeps_microseconds() {
    check(
        b"<30>1 2026-11-20T17:45:04.214837+01:00 vm f119ed761f9c 25336 f119ed761f9c - hello\n",
        "30 Rfc5424 2026-11-20T16:45:04.214837Z host=vm program=f119ed761f9c pid=25336 id=f119ed761f9c | hello",
    );
}

// RFC 3164 and its relatives.

#[test]
fn a_stack_trace_keeps_its_blanks() {
    check(
        b"<27>Nov 20 16:44:56 vm app[5]:     at Main.run(Main.java:5)",
        "27 Rfc3164 2026-11-20T16:44:56.000Z host=vm program=app pid=5 |     at Main.run(Main.java:5)",
    );
    check(
        b"<27>Nov 20 16:44:56 vm    at Main.run(Main.java:5)",
        "27 Rfc3164 2026-11-20T16:44:56.000Z host=vm |    at Main.run(Main.java:5)",
    );
}

#[test]
fn a_program_without_pid() {
    check(
        b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed on /dev/pts/8",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=mymachine program=su | 'su root' failed on /dev/pts/8",
    );
}

#[test]
fn a_program_without_host_or_pid() {
    check(
        b"<34>Oct 11 22:14:15 su: denied",
        "34 DockerEmpty 2026-10-11T22:14:15.000Z program=su | denied",
    );
}

#[test]
fn a_program_with_parentheses() {
    check(
        b"<34>Oct 11 22:14:15 h su(pam_unix)[99]: denied",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=h program=su(pam_unix) pid=99 | denied",
    );
}

#[test]
fn a_text_right_after_the_pid() {
    check(
        b"<34>Oct 11 22:14:15 h app[99]:text here",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=h program=app pid=99 | text here",
    );
}

#[test]
fn a_colon_inside_the_text_makes_no_program() {
    check(
        b"<34>Oct 11 22:14:15 h http://x/y is down",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=h | http://x/y is down",
    );
}

#[test]
fn a_body_in_json_is_the_message() {
    check(
        br#"<34>Oct 11 22:14:15 h {"a": 1}"#,
        r#"34 Rfc3164 2026-10-11T22:14:15.000Z host=h | {"a": 1}"#,
    );
    check(
        br#"<34>Oct 11 22:14:15 {"a": 1}"#,
        r#"34 Rfc3164 2026-10-11T22:14:15.000Z | {"a": 1}"#,
    );
}

#[test]
fn a_body_that_looks_like_structured_data_is_the_message() {
    check(
        br#"<34>Oct 11 22:14:15 h app: [x k="v"] text"#,
        r#"34 Rfc3164 2026-10-11T22:14:15.000Z host=h program=app | [x k="v"] text"#,
    );
}

#[test]
fn addresses_are_hosts() {
    check(
        b"<34>Oct 11 22:14:15 10.1.2.3 app[1]: x",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=10.1.2.3 program=app pid=1 | x",
    );
    check(
        b"<34>Oct 11 22:14:15 2001:db8::1 app[1]: x",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=2001:db8::1 program=app pid=1 | x",
    );
    check(
        b"<34>Oct 11 22:14:15 2001:db8:: app[1]: x",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=2001:db8:: program=app pid=1 | x",
    );
}

#[test]
fn more_blanks_after_the_time() {
    check(
        b"<34>Oct 11 22:14:15  h app[1]: x",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=h program=app pid=1 | x",
    );
    check(
        b"<34>Oct 11 22:14:15    at Main.run",
        "34 Rfc3164 2026-10-11T22:14:15.000Z |    at Main.run",
    );
}

#[test]
fn words_after_a_shorter_form_of_brackets() {
    check(
        b"<34>Oct 11 22:14:15 h app[web.1]: x",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=h program=app[web.1] | x",
    );
}

#[test]
fn a_single_word_is_the_message() {
    check(
        b"<34>Oct 11 22:14:15 hello",
        "34 Rfc3164 2026-10-11T22:14:15.000Z | hello",
    );
}

#[test]
fn an_empty_text_after_the_program() {
    check(
        b"<34>Oct 11 22:14:15 h app[1]:",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=h program=app pid=1 | ",
    );
}

#[test]
fn a_brackets_pid_without_colon_and_host() {
    check(
        b"<34>Oct 11 22:14:15 app[1] text",
        "34 DockerEmpty 2026-10-11T22:14:15.000Z program=app pid=1 | text",
    );
}

#[test]
fn days_may_be_padded_or_not() {
    check(
        b"<181> Sep 8 01:02:03 h a: x",
        "181 Rfc3164 2026-09-08T01:02:03.000Z host=h program=a | x",
    );
    check(
        b"<181>Sep  8 01:02:03 h a: x",
        "181 Rfc3164 2026-09-08T01:02:03.000Z host=h program=a | x",
    );
    check(
        b"<181>Sep 08 01:02:03 h a: x",
        "181 Rfc3164 2026-09-08T01:02:03.000Z host=h program=a | x",
    );
}

#[test]
fn months_may_be_in_capitals() {
    check(
        b"<13>NOV 20 01:02:03 h a: x",
        "13 Rfc3164 2026-11-20T01:02:03.000Z host=h program=a | x",
    );
}

#[test]
fn the_year_may_stand_after_the_time() {
    check(
        b"<166>Apr 15 21:28:13 2007 fw a[3]: x",
        "166 Rfc3164 2007-04-15T21:28:13.000Z host=fw program=a pid=3 | x",
    );
}

#[test]
fn a_weekday_and_a_year_around_the_time() {
    check(
        b"<13>Fri Nov 20 16:46:09 2026 web sshd[22]: Accepted",
        "13 Rfc3164 2026-11-20T16:46:09.000Z host=web program=sshd pid=22 | Accepted",
    );
    check(
        b"Fri Nov 20 16:46:09 2026 web sshd[22]: Accepted",
        "- Rfc3164 2026-11-20T16:46:09.000Z host=web program=sshd pid=22 | Accepted",
    );
    check(
        b"<13>Fri Nov 20 16:46:09 web a: x",
        "13 Rfc3164 2026-11-20T16:46:09.000Z host=web program=a | x",
    );
}

#[test]
fn a_zone_and_a_year_after_the_time() {
    check(
        b"<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% begun",
        "165 Rfc3164 1987-08-24T11:34:00.000Z host=mymachine program=myproc pid=10 | %% begun",
    );
}

#[test]
fn a_zone_after_the_time_is_no_host_if_a_host_and_a_program_follow() {
    check_at(
        b"<34>Oct 11 22:14:15 UTC web app[1]: x",
        &NOVEMBER,
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=web program=app pid=1 | x",
    );
    check(
        b"<34>Oct 11 22:14:15 UTC app[1]: x",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=UTC program=app pid=1 | x",
    );
}

#[test]
fn an_address_is_no_year() {
    check(
        b"<34>Oct 11 22:14:15 2001:db8::1 app: x",
        "34 Rfc3164 2026-10-11T22:14:15.000Z host=2001:db8::1 program=app | x",
    );
}

#[test]
fn a_time_without_seconds() {
    check(
        b"<13>Nov 20 16:46 web sshd[22]: Accepted",
        "13 Rfc3164 2026-11-20T16:46:00.000Z host=web program=sshd pid=22 | Accepted",
    );
    check(
        b"<13>2026-11-20T16:46Z web sshd[22]: Accepted",
        "13 Rfc3164 2026-11-20T16:46:00.000Z host=web program=sshd pid=22 | Accepted",
    );
    check(
        b"<13>2026-11-20 16:46 web sshd[22]: Accepted",
        "13 Rfc3164 2026-11-20T16:46:00.000Z host=web program=sshd pid=22 | Accepted",
    );
}

#[test]
fn a_time_with_one_digit_of_hour() {
    check(
        b"<13>Nov 20 4:44:52 nginx:1.25[1234]: x",
        "13 DockerEmpty 2026-11-20T04:44:52.000Z program=nginx:1.25 pid=1234 | x",
    );
    check(
        b"<13>Nov 20 4:44:52.123 h a:    at Main.run",
        "13 Rfc3164 2026-11-20T04:44:52.123Z host=h program=a |    at Main.run",
    );
}

#[test]
fn an_iso_time_with_a_blank_in_the_middle() {
    check(
        b"<34>2026-10-11 22:14:15,5 h a: x",
        "34 Rfc3164 2026-10-11T22:14:15.500Z host=h program=a | x",
    );
}

#[test]
fn fractions_of_any_length_are_read() {
    check(
        b"<34>Oct 11 22:14:15.123 h a: x",
        "34 Rfc3164 2026-10-11T22:14:15.123Z host=h program=a | x",
    );
    check(
        b"<34>2026-10-11T22:14:15.123456789012Z h a: x",
        "34 Rfc3164 2026-10-11T22:14:15.123456789Z host=h program=a | x",
    );
}

#[test]
fn iso_times_with_and_without_zone() {
    check_at(
        b"<34>2026-10-11T22:14:15.5+02:00 h a: x",
        &NOVEMBER,
        "34 Rfc3164 2026-10-11T20:14:15.500Z host=h program=a | x",
    );
    check_at(
        b"<34>2026-10-11T22:14:15 h a: x",
        &NOVEMBER,
        "34 Rfc3164 2026-10-11T21:14:15.000Z host=h program=a | x",
    );
}

#[test]
fn a_stamp_without_zone_has_the_senders_offset() {
    check_at(
        b"<34>Nov 20 00:30:00 h a: x",
        &NOVEMBER,
        "34 Rfc3164 2026-11-19T23:30:00.000Z host=h program=a | x",
    );
}

#[test]
fn the_year_turns_with_the_month() {
    let january = Reference {
        year: 2027,
        month: 1,
        utc_offset_seconds: 0,
    };
    let december = Reference {
        year: 2026,
        month: 12,
        utc_offset_seconds: 0,
    };
    check_at(
        b"<3>Dec 31 23:59:59 h a: x",
        &january,
        "3 Rfc3164 2026-12-31T23:59:59.000Z host=h program=a | x",
    );
    check_at(
        b"<3>Jan  1 00:00:00 h a: x",
        &december,
        "3 Rfc3164 2027-01-01T00:00:00.000Z host=h program=a | x",
    );
    check_at(
        b"<3>Dec 31 23:59:59 h a: x",
        &december,
        "3 Rfc3164 2026-12-31T23:59:59.000Z host=h program=a | x",
    );
    check_at(
        b"<3>Feb  1 00:00:00 h a: x",
        &december,
        "3 Rfc3164 2026-02-01T00:00:00.000Z host=h program=a | x",
    );
}

#[test]
fn a_leap_day_in_a_guessed_year_without_one_is_the_day_before() {
    check(
        b"<3>Feb 29 01:02:03 h a: x",
        "3 Rfc3164 2026-02-28T01:02:03.000Z host=h program=a | x",
    );
    let leap = Reference {
        year: 2028,
        month: 3,
        utc_offset_seconds: 0,
    };
    check_at(
        b"<3>Feb 29 01:02:03 h a: x",
        &leap,
        "3 Rfc3164 2028-02-29T01:02:03.000Z host=h program=a | x",
    );
}

#[test]
fn a_line_without_priority_but_with_a_time() {
    check(
        b"Nov 20 16:45:08 vm sshd[22]: Accepted",
        "- Rfc3164 2026-11-20T16:45:08.000Z host=vm program=sshd pid=22 | Accepted",
    );
}

#[test]
fn a_priority_out_of_range_is_none_and_the_rest_is_read() {
    check(
        b"<999>Nov 20 16:45:08 vm sshd[22]: Accepted",
        "- Rfc3164 2026-11-20T16:45:08.000Z host=vm program=sshd pid=22 | Accepted",
    );
    check(
        b"<192>Nov 20 16:45:08 vm a: x",
        "- Rfc3164 2026-11-20T16:45:08.000Z host=vm program=a | x",
    );
    check(
        b"<191>Nov 20 16:45:08 vm a: x",
        "191 Rfc3164 2026-11-20T16:45:08.000Z host=vm program=a | x",
    );
    check(
        b"<0>Nov 20 16:45:08 vm a: x",
        "0 Rfc3164 2026-11-20T16:45:08.000Z host=vm program=a | x",
    );
}

#[test]
fn a_program_without_time() {
    check(
        b"<15> openvpn[2499]: PTHREAD support",
        "15 Untimed - program=openvpn pid=2499 | PTHREAD support",
    );
    check(b"<15>openvpn: up", "15 Untimed - program=openvpn | up");
    check(
        b"<15>gw openvpn[2499]: up",
        "15 Untimed - host=gw program=openvpn pid=2499 | up",
    );
}

#[test]
fn aix_forwards_under_the_senders_name() {
    check(
        b"<13>Nov 20 16:45:08 Message forwarded from aix1: sshd[22]: Accepted",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=aix1 program=sshd pid=22 | Accepted",
    );
    check(
        b"<13>Nov 20 16:45:08 Message forwarded from aix1: a sentence",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=aix1 | a sentence",
    );
}

#[test]
fn a_repetition_note_without_host_is_the_message() {
    check(
        b"<13>Nov 20 16:45:08 last message repeated 3 times",
        "13 Rfc3164 2026-11-20T16:45:08.000Z | last message repeated 3 times",
    );
}

#[test]
fn a_relays_header_gives_way_to_the_senders() {
    check(
        b"<13>Nov 20 16:45:09 relay Nov 20 16:45:08 web sshd[22]: Accepted",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=web program=sshd pid=22 | Accepted",
    );
    check(
        b"<13>Nov 20 16:45:09 relay <38>Nov 20 16:45:08 web sshd[22]: Accepted",
        "38 Rfc3164 2026-11-20T16:45:08.000Z host=web program=sshd pid=22 | Accepted",
    );
    check(
        b"<13>Nov 20 16:45:09 vm <30>Nov 20 16:45:08 docker/nginx[7]: x",
        "30 DockerEmpty 2026-11-20T16:45:08.000Z host=vm program=docker/nginx pid=7 | x",
    );
}

#[test]
fn a_text_that_begins_with_a_time_stays_whole() {
    check(
        b"<13>Nov 20 16:45:09 vm Nov 20 16:45:08 we met",
        "13 Rfc3164 2026-11-20T16:45:09.000Z host=vm | Nov 20 16:45:08 we met",
    );
}

// Network devices.

#[test]
fn a_router_with_sequence_number_and_unset_clock() {
    check(
        b"<189>237: *Jan  8 19:46:03.295: %SYS-5-CONFIG_I: Configured from console",
        "189 Cisco 2026-01-08T19:46:03.295Z program=%SYS-5-CONFIG_I sequence=237 | Configured from console",
    );
}

#[test]
fn a_switch_with_host_and_zone_word() {
    check_at(
        b"<188>179767: sw1: Nov 23 22:27:23.833 NewYork: %SW_MATM-4-MACFLAP: Host flaps",
        &NOVEMBER,
        "188 Cisco 2026-11-23T21:27:23.833Z host=sw1 program=%SW_MATM-4-MACFLAP sequence=179767 | Host flaps",
    );
}

#[test]
fn a_device_whose_administrator_named_the_zone() {
    for (zone, hour) in [
        ("GMT+1", 15),
        ("-03", 19),
        ("UTC+2", 14),
        ("MET-DST", 16),
        ("EST5EDT", 16),
    ] {
        let line = format!("<189>45: *Nov 20 16:45:08.123 {zone}: %SYS-5-CONFIG_I: x");
        let want = format!(
            "189 Cisco 2026-11-20T{hour}:45:08.123Z program=%SYS-5-CONFIG_I sequence=45 | x"
        );
        check(line.as_bytes(), &want);
    }
    check(
        b"<189>45: *Nov 20 16:45:08.123 CET:%SYS-5-CONFIG_I: x",
        "189 Cisco 2026-11-20T15:45:08.123Z program=%SYS-5-CONFIG_I sequence=45 | x",
    );
}

#[test]
fn a_device_with_a_dot_and_greenwich_time() {
    check_at(
        b"<189>.Nov 18 20:20:20.123 GMT: %LINK-3-UPDOWN: Interface up",
        &NOVEMBER,
        "189 Cisco 2026-11-18T20:20:20.123Z program=%LINK-3-UPDOWN | Interface up",
    );
}

#[test]
fn a_device_with_a_known_zone_and_no_mark() {
    check(
        b"<189>Nov 18 20:20:20.123 CET: %LINK-3-UPDOWN: Interface up",
        "189 Cisco 2026-11-18T19:20:20.123Z program=%LINK-3-UPDOWN | Interface up",
    );
}

#[test]
fn a_firewall_with_the_year_before_the_time() {
    check(
        b"<190>Apr 15 2007 21:28:13: %PIX-6-302013: Built outbound",
        "190 Cisco 2007-04-15T21:28:13.000Z program=%PIX-6-302013 | Built outbound",
    );
    check(
        b"<166>Jan 01 2013 12:00:00 asa : %ASA-6-302013: Built",
        "166 Rfc3164 2013-01-01T12:00:00.000Z host=asa program=%ASA-6-302013 | Built",
    );
}

#[test]
fn a_device_without_time() {
    check(
        b"<189>237: %SYS-5-CONFIG_I: Configured",
        "189 Cisco - program=%SYS-5-CONFIG_I sequence=237 | Configured",
    );
}

#[test]
fn a_device_that_knows_only_how_long_it_runs() {
    check(
        b"<189>29: 00:01:02: %LINK-3-UPDOWN: Interface up",
        "189 Cisco - program=%LINK-3-UPDOWN sequence=29 | Interface up",
    );
    check(
        b"<189>2w5d: %LINK-3-UPDOWN: Interface up",
        "189 Cisco - program=%LINK-3-UPDOWN | Interface up",
    );
    let message = parse(b"<189>2w5d: %LINK-3-UPDOWN: Interface up", &NOVEMBER_UTC);
    assert_eq!(message.timestamp_text, Some(&b"2w5d"[..]));
}

#[test]
fn a_device_with_two_sequence_numbers_and_a_host() {
    check(
        b"<189>29: sw1: 30: Mar  1 00:00:22.111: %LINK-3-UPDOWN: Interface up",
        "189 Cisco 2026-03-01T00:00:22.111Z host=sw1 program=%LINK-3-UPDOWN sequence=29 | Interface up",
    );
}

#[test]
fn a_switch_of_the_nexus_kind_begins_with_the_year() {
    check(
        b"<189>2026 Nov 20 16:46:09 UTC: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
        "189 Cisco 2026-11-20T16:46:09.000Z program=%ETHPORT-5-IF_UP | Interface Ethernet1/1 is up",
    );
    check(
        b"<189>: 2026 Nov 20 16:46:09 CST: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
        "189 Cisco 2026-11-20T22:46:09.000Z program=%ETHPORT-5-IF_UP | Interface Ethernet1/1 is up",
    );
    check(
        b"2026 Nov  2 16:46:09.123 sw-7 %DAEMON-3-SYSTEM_MSG: ntp lost",
        "- Rfc3164 2026-11-02T16:46:09.123Z host=sw-7 program=%DAEMON-3-SYSTEM_MSG | ntp lost",
    );
}

#[test]
fn a_router_with_a_year_in_its_time() {
    check(
        b"<189>45: *Nov 20 2026 16:46:09.123 CET: %SYS-5-CONFIG_I: Configured",
        "189 Cisco 2026-11-20T15:46:09.123Z program=%SYS-5-CONFIG_I sequence=45 | Configured",
    );
    check(
        b"<189>45: .Nov 20 16:46:09: %SYS-5-CONFIG_I: Configured",
        "189 Cisco 2026-11-20T16:46:09.000Z program=%SYS-5-CONFIG_I sequence=45 | Configured",
    );
}

#[test]
fn a_firewall_with_a_colon_before_its_time() {
    check(
        b"<166>:Nov 20 16:46:09 UTC: %ASA-session-6-302013: Built outbound",
        "166 Cisco 2026-11-20T16:46:09.000Z program=%ASA-session-6-302013 | Built outbound",
    );
}

#[test]
fn a_router_names_its_node_right_before_the_time() {
    check(
        b"<189>93: RP/0/RP0/CPU0:Nov 20 16:46:09.123 UTC: ifmgr[212]: %PKT_INFRA-LINK-3-UPDOWN : down",
        "189 Cisco 2026-11-20T16:46:09.123Z host=RP/0/RP0/CPU0 program=ifmgr pid=212 sequence=93 | %PKT_INFRA-LINK-3-UPDOWN : down",
    );
}

#[test]
fn a_router_whose_node_shows_no_zone() {
    check(
        b"<187>RP/0/RSP0/CPU0:Nov 20 16:45:08.123 : ifmgr[257]: %PKT_INFRA-LINK-3-UPDOWN : x",
        "187 Cisco 2026-11-20T16:45:08.123Z host=RP/0/RSP0/CPU0 program=ifmgr pid=257 | %PKT_INFRA-LINK-3-UPDOWN : x",
    );
    check(
        b"<187>93: RP/0/RSP0/CPU0:2026 Nov 20 16:45:08.123 : ifmgr[257]: x",
        "187 Cisco 2026-11-20T16:45:08.123Z host=RP/0/RSP0/CPU0 program=ifmgr pid=257 sequence=93 | x",
    );
}

#[test]
fn a_relays_header_gives_way_to_a_devices() {
    check(
        b"<189>Nov 20 16:46:10 10.1.1.1 237: *Nov 20 16:46:09.295: %SYS-5-CONFIG_I: Configured",
        "189 Cisco 2026-11-20T16:46:09.295Z host=10.1.1.1 program=%SYS-5-CONFIG_I sequence=237 | Configured",
    );
    check(
        b"<189>Nov 20 16:46:10 10.1.1.1 237: %SYS-5-CONFIG_I: Configured",
        "189 Cisco 2026-11-20T16:46:10.000Z host=10.1.1.1 program=%SYS-5-CONFIG_I sequence=237 | Configured",
    );
    check(
        b"<189>Nov 20 16:46:10 web 42: the answer",
        "189 Rfc3164 2026-11-20T16:46:10.000Z host=web program=42 | the answer",
    );
}

// Other times.

#[test]
fn a_firewall_with_seconds_since_1970_behind_a_version() {
    check_at(
        b"<134>1 1700000000.123456789 MX84 flows src=1.2.3.4 dst=5.6.7.8",
        &NOVEMBER,
        "134 Rfc3164 2023-11-14T22:13:20.123456789Z host=MX84 program=flows | src=1.2.3.4 dst=5.6.7.8",
    );
    check(
        b"<134>1 1700000000.5 office_AP1 airmarshal_events type=rogue_ssid_detected ssid=''\n",
        "134 Rfc3164 2023-11-14T22:13:20.500Z host=office_AP1 program=airmarshal_events | type=rogue_ssid_detected ssid=''",
    );
    let message = parse(b"<134>1 1700000000.5 MX84 urls", &NOVEMBER_UTC);
    let time = (message.timestamp_text, message.timestamp_is_iso);
    assert_eq!(time, (Some(&b"1700000000.5"[..]), false));
    assert_eq!(
        (message.program, message.message),
        (Some(&b"urls"[..]), &b""[..])
    );
}

#[test]
fn other_numbers_behind_a_version_are_kept_whole() {
    for line in [
        "<134>1 1700000000 MX84 flows x",
        "<134>1 170000000.5 MX84 flows x",
        "<134>1 1700000000.5.5 MX84 flows x",
        "<134>1 9999999999.5 MX84 flows x",
        "<134>1 1700000000.5 MX84",
        "<134>1 1700000000.5 MX84 src=1.2.3.4",
        "<134>2 1700000000.5 MX84 flows x",
    ] {
        check(line.as_bytes(), &format!("134 Kept - | {line}"));
    }
    let line = "1 1700000000.5 MX84 flows x";
    check(line.as_bytes(), &format!("- Kept - | {line}"));
}

#[test]
fn a_date_with_slashes() {
    check(
        b"<13>2026/11/20 16:45:08 host app: x",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=host program=app | x",
    );
    check(
        b"<13>2026/11/02 16:45:08.5+01:00 host app[7]: x",
        "13 Rfc3164 2026-11-02T15:45:08.500Z host=host program=app pid=7 | x",
    );
}

#[test]
fn texts_of_programs_that_begin_with_such_a_date_are_kept_whole() {
    for line in [
        "<13>2026/11/20 16:45:08 [error] 7#7: *1 open() failed",
        "<13>2026/11/20 16:45:08 http: TLS handshake error",
        "<13>2026/11/20 16:45:08 main.go:7: ready",
        "<13>2026/11/20 16:45:08 ready",
        "<13>2026/13/20 16:45:08 host app: x",
    ] {
        check(line.as_bytes(), &format!("13 Kept - | {line}"));
    }
    let line = "2026/11/20 16:45:08 host app: x";
    check(line.as_bytes(), &format!("- Kept - | {line}"));
    check(
        b"<13>shop: 2026/11/20 16:45:08 http: TLS handshake error",
        "13 Untimed - program=shop | 2026/11/20 16:45:08 http: TLS handshake error",
    );
    check(
        b"<13>Nov 20 16:45:09 vm 2026/11/20 16:45:08 [error] 7#7: *1 open() failed",
        "13 Rfc3164 2026-11-20T16:45:09.000Z host=vm | 2026/11/20 16:45:08 [error] 7#7: *1 open() failed",
    );
}

// RFC 5424.

#[test]
fn structured_data_is_walked() {
    check(
        br#"<165>1 2003-10-11T22:14:15.003Z h app - ID47 [a@1 k="v" l="\"x\]"][b][c z=""] text"#,
        r#"165 Rfc5424 2003-10-11T22:14:15.003Z host=h program=app id=ID47 a@1.k=v a@1.l=\"x\] b.= c.z= | text"#,
    );
}

#[test]
fn a_byte_order_mark_before_the_text_goes() {
    check(
        b"<165>1 2003-10-11T22:14:15.003Z h app - - - \xEF\xBB\xBFtext",
        "165 Rfc5424 2003-10-11T22:14:15.003Z host=h program=app | text",
    );
    check(
        b"\xEF\xBB\xBF<13>Nov 20 16:45:08 h a: \xEF\xBB\xBFx",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=h program=a | x",
    );
}

#[test]
fn absent_fields_and_an_absent_message() {
    check(b"<0>1 - - - - - -", "0 Rfc5424 - | ");
    check(b"<0>1 - - - - - - ", "0 Rfc5424 - | ");
    check(b"<0>1 - - - - - [x]", "0 Rfc5424 - x.= | ");
}

#[test]
fn broken_structured_data_is_part_of_the_message() {
    check(
        br#"<0>1 - h a - - [x k="v text"#,
        r#"0 Rfc5424 - host=h program=a | [x k="v text"#,
    );
    check(
        b"<0>1 - h a - - no data",
        "0 Rfc5424 - host=h program=a | no data",
    );
    check(
        br#"<0>1 - h a - - [x k="v"]text"#,
        r#"0 Rfc5424 - host=h program=a | [x k="v"]text"#,
    );
}

#[test]
fn nine_digits_and_a_missing_zone_pass_in_rfc5424_too() {
    check_at(
        b"<0>1 2026-11-20T17:45:04.123456789 h a - - - x",
        &NOVEMBER,
        "0 Rfc5424 2026-11-20T16:45:04.123456789Z host=h program=a | x",
    );
}

#[test]
fn values_of_parameters_unescape() {
    let mut out = Vec::new();
    unescape_value(br#"a\"b\\c\]d\n\"#, &mut out);
    assert_eq!(text(&out), r#"a"b\c]d\n\"#);
}

// What only the second parser takes.

#[test]
fn blanks_before_the_priority_are_left_to_the_second_parser() {
    check(
        b" <13>Nov 20 16:44:52 h app[3]: x",
        "13 SecondOpinion 2026-11-20T16:44:52.000Z host=h program=app pid=3 | x",
    );
    check(
        b" <13>Nov 20 16:44:52 h a: x",
        "13 SecondOpinion 2026-11-20T16:44:52.000Z host=h program=a | x",
    );
}

#[test]
fn misreadings_of_the_second_parser_are_kept_whole() {
    // A tag for a host, a year for a host, blanks that were eaten.
    for line in [
        " <13>Nov 20 16:44:52 nginx:1.25[1234]: x",
        " <13>Nov 20 16:44:52 su: x",
        " <13>Nov 20 16:44:52 2007 h a: x",
        " <13>Nov 20 16:44:52 h a:    at Main.run",
        " <13>Nov 20 16:44:52 h a: [x k=\"v\"] text",
        " <13>Nov 20 16:44:52 h nginx:1.25[1234]: x",
        " <13>Nov 20 16:44:52.123 h a: x",
    ] {
        check(line.as_bytes(), &format!("- Kept - | {line}"));
    }
}

// Ends of lines, and lines of no format.

#[test]
fn one_line_end_and_nuls_are_stripped() {
    check(
        b"<13>Nov 20 16:45:08 h a: x\r\n",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=h program=a | x",
    );
    check(
        b"<13>Nov 20 16:45:08 h a: x\n\n",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=h program=a | x\n",
    );
    check(
        b"<13>Nov 20 16:45:08 h a: x\0\0\n",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=h program=a | x",
    );
    check(
        b"<13>Nov 20 16:45:08 h a: x\n\0",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=h program=a | x",
    );
    check(
        b"<13>Nov 20 16:45:08 h a: x\r",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=h program=a | x",
    );
    check(
        b"<13>Nov 20 16:45:08 h a: x ",
        "13 Rfc3164 2026-11-20T16:45:08.000Z host=h program=a | x ",
    );
}

#[test]
fn bytes_that_are_no_utf8_are_kept() {
    let line = b"<13>Nov 20 16:45:08 h a: \xFF\xFE";
    assert_eq!(parse(line, &NOVEMBER_UTC).message, b"\xFF\xFE");
}

#[test]
fn other_lines_are_kept_whole() {
    check(b"just words", "- Kept - | just words");
    check(b"", "- Kept - | ");
    check(b"<11>just words\n", "11 Kept - | <11>just words");
    check(b"{\"a\": 1}", "- Kept - | {\"a\": 1}");
    check(
        b"<13>Feb 30 01:02:03 h a: x",
        "13 Kept - | <13>Feb 30 01:02:03 h a: x",
    );
    check(b"app: x", "- Kept - | app: x");
}

#[test]
fn a_kept_message_borrows_the_line() {
    let line = b"<1>words of no format";
    let message = parse(line, &NOVEMBER_UTC);
    assert_eq!(
        (message.format, message.message.as_ptr()),
        (Format::Kept, line.as_ptr())
    );
}

#[test]
fn codes_of_a_missing_priority_are_user_and_notice() {
    let message = parse(b"just words", &NOVEMBER_UTC);
    assert_eq!((message.facility(), message.severity()), (1, 5));
    let message = parse(b"<158>Nov 20 16:45:08 a[1]: x", &NOVEMBER_UTC);
    let labels = (
        FACILITY_LABELS[message.facility() as usize],
        SEVERITY_LABELS[message.severity() as usize],
    );
    assert_eq!(labels, ("local3", "Informational"));
}

#[test]
fn the_time_text_is_what_was_written() {
    let shown = |line: &'static [u8]| {
        let message = parse(line, &NOVEMBER_UTC);
        (message.timestamp_text.map(text), message.timestamp_is_iso)
    };
    assert_eq!(
        shown(b"<1>Nov  2 16:45:08 h a: x"),
        (Some("Nov  2 16:45:08".into()), false)
    );
    assert_eq!(
        shown(b"<1>2026-11-20T16:45:08Z h a: x"),
        (Some("2026-11-20T16:45:08Z".into()), true)
    );
    assert_eq!(
        shown(b"<1>1 2026-11-20T16:45:08Z h a - - - x"),
        (Some("2026-11-20T16:45:08Z".into()), true)
    );
    assert_eq!(
        shown(b"<1>5: *Nov  2 16:45:08.1: %A-1-B: x"),
        (Some("Nov  2 16:45:08.1".into()), false)
    );
    assert_eq!(shown(b"<1> a[1]: x"), (None, false));
}

#[test]
fn a_reference_is_made_of_an_instant() {
    // One second before 2027 in UTC is 2027 an hour further east.
    let reference = Reference::at(1_798_761_599_000_000_000, 3600);
    assert_eq!((reference.year, reference.month), (2027, 1));
}
