//! Passwords and keys: they come from the text, the environment or a file, reach the server, and are printed nowhere.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use super::running::{Ended, Start, WAIT_MAX};
use crate::services::free_port;

const SECRET: &str = "hunter2correcthorse";

/// What a login of `me` with the secret looks like on the wire.
const ENCODED: &str = "bWU6aHVudGVyMmNvcnJlY3Rob3JzZQ==";

/// An output with these options, to a port of loopback; `PORT` stands for it.
fn pipeline(port: u16, options: &str) -> String {
    let hosts = match options.contains("hosts") {
        true => String::new(),
        false => "hosts => \"http://127.0.0.1:PORT\"".to_owned(),
    };
    let text = format!(
        "input {{ generator {{ count => 1 message => \"hello\" }} }}\n\
         output {{ elasticsearch {{ {hosts} {options} }} }}\n"
    );
    text.replace("PORT", &port.to_string())
}

/// The request that an agent with this pipeline sends first. There is no server here that knows users: what counts is the
/// header.
fn first_request(options: &str, prepare: impl FnOnce(Start) -> Start) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        // The agent may first look whether somebody listens.
        let (mut stream, request) = loop {
            let (mut stream, _) = listener.accept().expect("an agent connects");
            if let Some(request) = request_of(&mut stream) {
                break (stream, request);
            }
        };
        // Servers quote what they were sent, in an error or on a page.
        let length = request.len();
        let head = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {length}\r\n\r\n");
        stream
            .write_all(&[head.as_bytes(), &request].concat())
            .expect("the agent reads");
        tell.send(String::from_utf8_lossy(&request).into_owned())
            .expect("the test waits");
    });
    let start = Start::new(&["-f", "pipeline.conf", "--log.level", "trace"])
        .file("pipeline.conf", &pipeline(port, options));
    let mut agent = prepare(start).spawn();
    let request = told.recv_timeout(WAIT_MAX).expect("a request comes");
    agent.wait_for_log("does not accept us");
    agent.signal("TERM");
    check_silence(&agent.end());
    request
}

/// The head of a request; nothing if the connection ends without one.
fn request_of(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(count) if 0 < count => request.extend_from_slice(&part[..count]),
            _ if request.is_empty() => return None,
            end => panic!("the request ended early: {end:?}"),
        }
    }
    Some(request)
}

/// Nothing that was printed holds the secret.
#[track_caller]
fn check_silence(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains(SECRET) && !text.contains(ENCODED), "{text}");
    }
}

#[track_caller]
fn check_login(options: &str, prepare: impl FnOnce(Start) -> Start) {
    let request = first_request(options, prepare);
    let login = format!("basic {ENCODED}").to_lowercase();
    assert!(request.to_lowercase().contains(&login), "{request}");
}

#[test]
fn a_password_may_stand_in_a_file() {
    check_login("user => me password_file => \"secret\"", |start| {
        start.file("secret", &format!("{SECRET}\n"))
    });
}

#[test]
fn a_password_may_stand_in_a_credential_of_systemd() {
    let options = "user => me password_file => \"${CREDENTIALS_DIRECTORY}/elastic\"";
    check_login(options, |start| {
        start
            .file("credentials/elastic", SECRET)
            .env("CREDENTIALS_DIRECTORY", "credentials")
    });
}

#[test]
fn a_password_may_stand_in_the_environment() {
    check_login("user => me password => \"${PASSWORD_OF_ME}\"", |start| {
        start.env("PASSWORD_OF_ME", SECRET)
    });
}

#[test]
fn a_password_in_the_text_is_not_printed_at_run() {
    check_login(&format!("user => me password => \"{SECRET}\""), |start| {
        start
    });
}

#[test]
fn an_api_key_may_stand_in_a_file() {
    let request = first_request("api_key_file => \"key\"", |start| {
        start.file("key", &format!("id:{SECRET}\r\n"))
    });
    assert!(request.to_lowercase().contains("apikey "), "{request}");
}

/// What `check` says of an output with these options.
fn check(options: &str) -> Ended {
    let text = pipeline(free_port(), options);
    let start = Start::new(&["check", "-f", "pipeline.conf"]);
    let ended = start
        .file("pipeline.conf", &text)
        .file("empty", "\n")
        .file("secret", SECRET)
        .env("PASSWORD_OF_ME", SECRET)
        .run(b"");
    check_silence(&ended);
    ended
}

#[test]
fn a_secret_is_masked_in_everything_that_is_refused() {
    for options in [
        format!("user => me password => \"{SECRET}\" nonsense => 1"),
        format!("user => me password => [\"{SECRET}\", \"other\"]"),
        format!("user => me password => \"{SECRET}\" password => \"x{SECRET}\""),
        format!("user => me password => {{ \"{SECRET}\" => 1 }}"),
        format!("user => me password => \"{SECRET}"),
        format!("api_key => \"{SECRET}\" user => me password => \"{SECRET}\""),
        format!("passwort => \"{SECRET}\""),
        format!("pw => \"{SECRET}\""),
        format!("pasword => {SECRET}"),
        format!("logins => {{ me => \"{SECRET}\" }}"),
        format!("cloud_auth => \"{SECRET}\""),
        format!("hosts => \"http://me:{SECRET}@127.0.0.1:99999\""),
        format!("hosts => [\"http://me:ab/{SECRET}@127.0.0.1:9200\"]"),
        format!("hosts => [\"http://me:a b-{SECRET}@127.0.0.1:9200\"]"),
        format!("hosts => [\"http://me:a\"{SECRET}@127.0.0.1:9200\"]"),
        format!("hosts => \"me:{SECRET}@127.0.0.1:9200\" nonsense => 1"),
        format!("hosts => \"me:{SECRET}@bad host:x\" nonsense => 1"),
        format!("proxy => \"me:{SECRET}@bad host:x\" nonsense => 1"),
        "user => me password => \"${PASSWORD_OF_ME}\" port => \"${PASSWORD_OF_ME}\"".to_owned(),
        "user => me retry_initial_interval => \"${PASSWORD_OF_ME}\"".to_owned(),
        "user => me password_file => \"secret\" password => \"other\"".to_owned(),
    ] {
        let ended = check(&options);
        assert_eq!(ended.status, Some(1), "{options}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("pipeline.conf:2:"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_file_that_holds_no_secret_is_refused_by_its_path() {
    for (path, why) in [
        ("nowhere", "No such file"),
        ("empty", "it is empty"),
        (".", "no regular file"),
    ] {
        let stderr = check(&format!("user => me password_file => \"{path}\"")).stderr;
        assert!(
            stderr.contains(&format!("`password`: {path}: ")),
            "{stderr}"
        );
        assert!(stderr.contains(why), "{stderr}");
    }
}

#[test]
fn a_file_that_has_no_end_is_refused() {
    for options in [
        "user => me password_file => \"/dev/zero\"",
        "ssl_certificate_authorities => \"/dev/zero\"",
        "ssl_certificate => \"/dev/zero\" ssl_key => \"/dev/zero\"",
    ] {
        let stderr = check(options).stderr;
        assert!(stderr.contains("it is no regular file"), "{stderr}");
    }
}

#[test]
fn what_a_server_quotes_is_not_printed() {
    let coded = SECRET.replace('2', "%32");
    for options in [
        format!("parameters => {{ \"token\" => \"{SECRET}\" }}"),
        format!("hosts => \"http://127.0.0.1:PORT?token={coded}\""),
        format!("custom_headers => {{ \"X-Token\" => \"{SECRET}\" }}"),
    ] {
        let request = first_request(&options, |start| start);
        assert!(request.contains(SECRET), "{request}");
    }
}

#[test]
fn only_secrets_have_a_form_with_a_file() {
    let stderr = check("user_file => \"secret\"").stderr;
    assert!(stderr.contains("has no option `user_file`"), "{stderr}");
}

#[test]
fn a_login_in_an_address_is_not_printed_when_the_server_is_away() {
    let port = free_port();
    let text = format!(
        "input {{ generator {{ count => 1 }} }}\n\
         output {{ elasticsearch {{ hosts => \"http://me:{SECRET}@127.0.0.1:{port}\" }} }}\n"
    );
    let start = Start::new(&["-f", "pipeline.conf", "--log.level", "trace"]);
    let mut agent = start
        .file("pipeline.conf", &text)
        .env("SAWLOG_SHUTDOWN_GRACE", "100ms")
        .spawn();
    agent.wait_for_log("Elasticsearch at ");
    agent.signal("TERM");
    check_silence(&agent.end());
}
