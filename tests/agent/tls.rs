//! Syslog over TLS with a client of another make: what is encrypted arrives, who is not who he should be does not get in,
//! and new certificates are shown without a restart.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::api;
use super::running::{Agent, Start, connect, messages};
use crate::services::process::output_of;
use crate::services::{Scratch, free_port, udp_is_bound};

/// An authority that issues certificates, with its files.
struct Authority {
    folder: Scratch,
}

const CURVE: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

impl Authority {
    fn new() -> Authority {
        let folder = Scratch::new("authority");
        let mut make = Command::new("openssl");
        make.current_dir(&folder.0)
            .args(["req", "-x509", "-days", "2"])
            .args(CURVE);
        make.args([
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=authority",
        ]);
        output_of(make.stderr(Stdio::null()));
        Authority { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// Makes `NAME.pem` and `NAME.key` for a host on loopback.
    fn issue(&self, name: &str) {
        let folder = &self.folder.0;
        let mut ask = Command::new("openssl");
        ask.current_dir(folder).arg("req").args(CURVE);
        ask.args(["-keyout", &format!("{name}.key"), "-out", "request.pem"]);
        ask.args([
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ]);
        output_of(&mut ask);
        let mut sign = Command::new("openssl");
        sign.current_dir(folder)
            .args(["x509", "-req", "-in", "request.pem", "-days", "2"]);
        sign.args([
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-copy_extensions",
            "copy",
        ]);
        sign.args(["-out", &format!("{name}.pem")]);
        output_of(&mut sign);
    }
}

/// A pipeline from TLS to stdout, with the certificate of that name and further options.
fn pipeline(authority: &Authority, port: u16, name: &str, options: &str) -> String {
    let folder = authority.folder.0.display();
    format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} ssl_enabled => true\n\
         ssl_certificate => \"{folder}/{name}.pem\" ssl_key => \"{folder}/{name}.key\" {options} }} }}\n\
         output {{ stdout {{ codec => json_lines }} }}\n"
    )
}

/// The options that ask for clients' certificates.
fn clients(authority: &Authority, authentication: &str) -> String {
    let ca = authority.file("ca.pem");
    let ca = ca.display();
    format!(
        "ssl_certificate_authorities => [\"{ca}\"] ssl_client_authentication => {authentication}"
    )
}

fn start(pipeline: &str, port: u16) -> (Agent, u16) {
    let (mut agent, api) = api::start(pipeline);
    agent.wait_for_log(&format!("INFO syslog over TLS on 127.0.0.1 port {port}"));
    (agent, api)
}

/// A client that sends what is written to its stdin and checks the server's certificate.
fn client(ca: &Path, port: u16, certificate: Option<PathBuf>) -> Child {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-connect",
        &format!("127.0.0.1:{port}"),
        "-verify_return_error",
    ]);
    command.args(["-quiet", "-no_ign_eof", "-CAfile"]).arg(ca);
    if let Some(certificate) = certificate {
        command.arg("-key").arg(certificate.with_extension("key"));
        command.arg("-cert").arg(certificate);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("openssl is installed")
}

/// Sends text over a connection of its own, to its end. Whether it was taken is seen at the agent.
fn send(ca: &Path, port: u16, certificate: Option<PathBuf>, text: &[u8]) {
    let mut client = client(ca, port, certificate);
    let mut stdin = client.stdin.take().expect("it is piped");
    // A client that was refused may be gone already.
    let written = stdin.write_all(text);
    drop(stdin);
    let ended = client.wait().expect("it is our child");
    eprintln!("the client wrote {written:?} and ended with {ended}");
}

/// The subject of the certificate that is shown to new connections.
fn shown_subject(port: u16) -> String {
    let script = format!(
        "openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null | openssl x509 -noout -subject"
    );
    let output = Command::new("sh").args(["-c", &script]).output();
    String::from_utf8_lossy(&output.expect("there is a shell").stdout).into_owned()
}

const FAILED: &str = "sawlog_plugin_tls_failed_total";

#[test]
fn a_message_over_tls_arrives_in_both_framings_and_udp_stays_closed() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("server");
    let (mut agent, _) = start(&pipeline(&authority, port, "server", ""), port);
    let text = b"38 <13>Nov 20 18:56:21 web1 app: counted\n<13>Nov 20 18:56:21 web1 app: a line\n";
    send(&authority.file("ca.pem"), port, None, text);
    let events = agent.wait_for_events(2);
    assert_eq!(messages(&events), ["counted", "a line"]);
    assert_eq!(events[0]["host"], "127.0.0.1");
    assert!(udp_is_bound(port).is_err());
    agent.stop();
}

#[test]
fn a_client_that_does_not_know_the_authority_sends_nothing() {
    let (authority, other, port) = (Authority::new(), Authority::new(), free_port());
    authority.issue("server");
    let (mut agent, api) = start(&pipeline(&authority, port, "server", ""), port);
    send(
        &other.file("ca.pem"),
        port,
        None,
        b"<13>Nov 20 18:56:21 web1 app: secret\n",
    );
    api::wait_for(&mut agent, api, FAILED, &[], 1.0);
    assert_eq!(agent.stop().stdout, "");
}

#[test]
fn a_required_certificate_is_checked() {
    let (authority, other, port) = (Authority::new(), Authority::new(), free_port());
    authority.issue("server");
    authority.issue("client");
    other.issue("stranger");
    let ca = authority.file("ca.pem");
    let options = clients(&authority, "required");
    let (mut agent, api) = start(&pipeline(&authority, port, "server", &options), port);
    send(
        &ca,
        port,
        None,
        b"<13>Nov 20 18:56:21 web1 app: from nobody\n",
    );
    api::wait_for(&mut agent, api, FAILED, &[], 1.0);
    send(
        &ca,
        port,
        Some(other.file("stranger.pem")),
        b"<13>Nov 20 18:56:21 web1 app: from a stranger\n",
    );
    api::wait_for(&mut agent, api, FAILED, &[], 2.0);
    send(
        &ca,
        port,
        Some(authority.file("client.pem")),
        b"<13>Nov 20 18:56:21 web1 app: from a friend\n",
    );
    assert_eq!(messages(&agent.wait_for_events(1)), ["from a friend"]);
    let ended = agent.stop();
    assert_eq!(messages(&ended.events()), ["from a friend"]);
    // Said once a minute, with the peer.
    let told = ended
        .stderr
        .matches("the TLS handshake with 127.0.0.1 failed")
        .count();
    assert_eq!(told, 1, "{}", ended.stderr);
}

#[test]
fn an_optional_certificate_may_be_absent_but_not_wrong() {
    let (authority, other, port) = (Authority::new(), Authority::new(), free_port());
    authority.issue("server");
    other.issue("stranger");
    let ca = authority.file("ca.pem");
    let options = clients(&authority, "optional");
    let (mut agent, api) = start(&pipeline(&authority, port, "server", &options), port);
    send(
        &ca,
        port,
        Some(other.file("stranger.pem")),
        b"<13>Nov 20 18:56:21 web1 app: from a stranger\n",
    );
    api::wait_for(&mut agent, api, FAILED, &[], 1.0);
    send(
        &ca,
        port,
        None,
        b"<13>Nov 20 18:56:21 web1 app: from anybody\n",
    );
    assert_eq!(messages(&agent.wait_for_events(1)), ["from anybody"]);
    assert_eq!(agent.stop().events().len(), 1);
}

#[test]
fn authorities_alone_mean_that_a_certificate_is_required() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("server");
    let ca = authority.file("ca.pem");
    let options = format!("ssl_certificate_authorities => \"{}\"", ca.display());
    let (mut agent, api) = start(&pipeline(&authority, port, "server", &options), port);
    send(
        &ca,
        port,
        None,
        b"<13>Nov 20 18:56:21 web1 app: from nobody\n",
    );
    api::wait_for(&mut agent, api, FAILED, &[], 1.0);
    assert_eq!(agent.stop().stdout, "");
}

#[test]
fn a_connection_without_tls_does_not_get_through() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("server");
    let (mut agent, api) = start(&pipeline(&authority, port, "server", ""), port);
    connect(port)
        .write_all(b"<13>Nov 20 18:56:21 web1 app: in the clear\n")
        .expect("the agent listens");
    api::wait_for(&mut agent, api, FAILED, &[], 1.0);
    assert_eq!(agent.stop().stdout, "");
}

#[test]
fn a_handshake_that_never_comes_ends_in_time() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("server");
    let (mut agent, _) = start(&pipeline(&authority, port, "server", ""), port);
    let silent = connect(port);
    agent.wait_for_log("the TLS handshake with 127.0.0.1 failed: it took too long");
    drop(silent);
    agent.stop();
}

/// Puts the files of one certificate in the place of another's, as tools that renew them do.
fn renew(authority: &Authority, from: &str, to: &str) {
    for ending in ["key", "pem"] {
        let new = authority.file(&format!("{from}.{ending}"));
        let place = authority.file(&format!("{to}.{ending}"));
        fs::rename(new, place).expect("the folder is ours");
    }
}

#[test]
fn a_changed_certificate_is_shown_to_new_connections_and_the_old_ones_go_on() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("server");
    authority.issue("renewed");
    let ca = authority.file("ca.pem");
    let (mut agent, _) = start(&pipeline(&authority, port, "server", ""), port);
    let mut old = client(&ca, port, None);
    let mut stdin = old.stdin.take().expect("it is piped");
    stdin
        .write_all(b"<13>Nov 20 18:56:21 web1 app: before\n")
        .expect("it reads");
    agent.wait_for_events(1);
    assert!(shown_subject(port).contains("server"));
    renew(&authority, "renewed", "server");
    agent.wait("the new certificate", |_| match shown_subject(port) {
        subject if subject.contains("renewed") => Ok(()),
        subject => Err(subject),
    });
    stdin
        .write_all(b"<13>Nov 20 18:56:21 web1 app: after\n")
        .expect("it reads");
    assert_eq!(messages(&agent.wait_for_events(2)), ["before", "after"]);
    drop(stdin);
    old.wait().expect("it is our child");
    assert!(agent.stop().stderr.contains("shows the new certificate"));
}

#[test]
fn a_broken_certificate_is_told_and_the_old_one_stays() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("server");
    let (mut agent, _) = start(&pipeline(&authority, port, "server", ""), port);
    fs::write(authority.file("server.pem"), "no certificate").expect("the folder is ours");
    agent.wait_for_log("the certificate read before stays in use");
    send(
        &authority.file("ca.pem"),
        port,
        None,
        b"<13>Nov 20 18:56:21 web1 app: still here\n",
    );
    assert_eq!(messages(&agent.wait_for_events(1)), ["still here"]);
    agent.stop();
}

#[test]
fn a_reload_keeps_encrypted_connections() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("server");
    let (mut agent, _) = start(&pipeline(&authority, port, "server", ""), port);
    let mut client = client(&authority.file("ca.pem"), port, None);
    let mut stdin = client.stdin.take().expect("it is piped");
    stdin
        .write_all(b"<13>Nov 20 18:56:21 web1 app: before\n<13>Nov 20 18:56:21 web1 app: half a")
        .expect("it reads");
    agent.wait_for_events(1);
    agent.signal("HUP");
    agent.wait_for_log("INFO reloaded");
    stdin.write_all(b" message\n").expect("it reads");
    assert_eq!(
        messages(&agent.wait_for_events(2)),
        ["before", "half a message"]
    );
    drop(stdin);
    client.wait().expect("it is our child");
    agent.stop();
}

/// What `check` says of options; it must refuse them.
#[track_caller]
fn refusal(options: &str) -> String {
    let text =
        format!("input {{ syslog {{ ssl_enabled => true {options} }} }} output {{ null {{ }} }}");
    let ended = Start::new(&["check", "-f", "pipeline.conf"])
        .file("pipeline.conf", &text)
        .run(b"");
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("pipeline.conf:1:"),
        "{}",
        ended.stderr
    );
    ended.stderr
}

#[test]
fn what_cannot_be_used_is_refused_where_it_stands() {
    let authority = Authority::new();
    authority.issue("server");
    authority.issue("other");
    let folder = authority.folder.0.display();
    assert!(refusal("").contains("TLS needs `ssl_certificate`"));
    let files = |certificate: &str, key: &str| {
        format!("ssl_certificate => \"{folder}/{certificate}\" ssl_key => \"{folder}/{key}\"")
    };
    assert!(refusal(&files("nowhere.pem", "server.key")).contains("No such file"));
    assert!(refusal(&files("server.key", "server.key")).contains("there is none in it"));
    assert!(refusal(&files("server.pem", "server.pem")).contains("cannot read a key"));
    assert!(refusal(&files("server.pem", "other.key")).contains("cannot be used"));
    let required = "ssl_client_authentication => required";
    let all = format!("{} {required}", files("server.pem", "server.key"));
    assert!(refusal(&all).contains("`ssl_certificate_authorities`"));
}

#[test]
fn a_key_with_a_passphrase_is_refused_and_the_passphrase_not_shown() {
    let authority = Authority::new();
    authority.issue("server");
    let mut encrypt = Command::new("openssl");
    encrypt
        .current_dir(&authority.folder.0)
        .args(["pkcs8", "-topk8", "-in", "server.key"]);
    output_of(encrypt.args(["-out", "locked.key", "-passout", "pass:hunter2"]));
    let folder = authority.folder.0.display();
    let files =
        format!("ssl_certificate => \"{folder}/server.pem\" ssl_key => \"{folder}/locked.key\"");
    assert!(refusal(&files).contains("it is encrypted"));
    let said = refusal(&format!("{files} ssl_key_passphrase => \"hunter2\""));
    assert!(
        said.contains("keys with a passphrase are not supported"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

/// A pipeline that sends what it hears to nobody, with the certificate `agent`.
fn pipeline_to_nobody(authority: &Authority, port: u16) -> String {
    let (folder, nobody) = (authority.folder.0.display(), free_port());
    format!(
        "input {{ syslog {{ host => \"127.0.0.1\" port => {port} }} }}\n\
         output {{ elasticsearch {{ hosts => [\"https://127.0.0.1:{nobody}\"]\n\
         ssl_certificate => \"{folder}/agent.pem\" ssl_key => \"{folder}/agent.key\"\n\
         ssl_certificate_authorities => [\"{folder}/ca.pem\"] }} }}\n"
    )
}

#[test]
fn an_output_is_built_anew_when_its_certificate_was_renewed() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("agent");
    let mut agent = Agent::start(&pipeline_to_nobody(&authority, port));
    agent.wait_for_syslog(port);
    // Until both files belong together again the old configuration runs on.
    authority.issue("agent");
    agent.wait_for_log("a certificate was renewed");
    agent.wait_for_log("INFO reloaded");
    agent.stop();
}

#[test]
fn a_certificate_that_was_renewed_while_the_pipeline_was_broken_is_used_once_that_is_mended() {
    let (authority, port) = (Authority::new(), free_port());
    authority.issue("agent");
    let pipeline = pipeline_to_nobody(&authority, port);
    let mut agent = Agent::start(&pipeline);
    agent.wait_for_syslog(port);
    agent.folder.write("pipeline.conf", "input { sys");
    authority.issue("agent");
    agent.wait_for_log("not reloaded");
    agent.folder.write("pipeline.conf", &pipeline);
    agent.wait_for_log("INFO reloaded");
    agent.stop();
}
