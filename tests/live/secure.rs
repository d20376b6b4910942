//! Elasticsearch behind TLS, certificates and logins: whom the agent trusts, how it shows who it is, and that trouble with
//! either is told and waited for, and costs no line.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::services::elasticsearch::secure::{self, INDICES, SecureElasticsearch};
use crate::services::sawlog::Sawlog;
use crate::services::{ARRIVAL_MAX, Scratch, wait_until};

const LINES: u64 = 500;

/// A file of users or roles is read anew every five seconds, and the agent tries again after two at most.
const NOTICED_MAX: Duration = Duration::from_secs(120);

/// A file with numbered lines and a data folder.
struct Rig {
    server: &'static SecureElasticsearch,
    folder: Scratch,
    data: Scratch,
}

impl Rig {
    fn new() -> Rig {
        let folder = Scratch::new("secure");
        let mut text = String::new();
        for number in 0..LINES {
            let kind = if number % 2 == 0 { "even" } else { "odd" };
            writeln!(text, "{{\"number\":{number},\"kind\":\"{kind}\"}}").expect("it takes text");
        }
        folder.write("numbers.log", &text);
        Rig {
            server: secure::shared(),
            folder,
            data: Scratch::new("secure-data"),
        }
    }

    /// Starts an agent that has the server's authority and a client's certificate, unless `other` says otherwise.
    #[track_caller]
    fn start(&self, index: &str, login: &str, other: &str) -> Sawlog {
        let server = self.server;
        let file = self.folder.0.join("numbers.log");
        let certificates = match other {
            "" => format!(
                "ssl_certificate_authorities => [\"{}\"] {}",
                server.certificate("ca.crt"),
                self.own_certificate()
            ),
            other => other.to_owned(),
        };
        let pipeline = format!(
            "input {{ file {{ path => \"{}\" start_position => \"beginning\" codec => \"json\" }} }}\n\
             output {{ elasticsearch {{ hosts => [\"{}\"] index => \"{index}\" {login} {certificates}\n\
             retry_initial_interval => 1 retry_max_interval => 2 resurrect_delay => 1 }} }}\n",
            Path::display(&file),
            server.url()
        );
        Sawlog::start_in(&self.data.0, &pipeline)
    }

    fn own_certificate(&self) -> String {
        format!(
            "ssl_certificate => \"{}\" ssl_key => \"{}\"",
            self.server.certificate("client.crt"),
            self.server.certificate("client.key")
        )
    }

    fn authority(&self, name: &str) -> String {
        format!(
            "ssl_certificate_authorities => [\"{}\"]",
            self.server.certificate(name)
        )
    }
}

fn login(user: &str, password: &str) -> String {
    format!("user => \"{user}\" password => \"{password}\"")
}

#[track_caller]
fn wait_for_word(agent: &Sawlog, words: &[&str]) {
    wait_until(ARRIVAL_MAX, &format!("{words:?} in the log"), || {
        let told = agent.stderr();
        match words.iter().all(|word| told.contains(word)) {
            true => Ok(()),
            false => Err(told),
        }
    });
}

#[test]
fn a_login_and_a_certificate_open_the_door() {
    let rig = Rig::new();
    rig.server.add_user("writer", "writer-pass");
    let agent = rig.start("secure-login", &login("writer", "writer-pass"), "");
    rig.server
        .wait_for_count("secure-login", LINES, NOTICED_MAX);
    let told = agent.stop();
    assert!(!told.contains("writer-pass"), "{told}");
}

#[test]
fn a_server_of_another_authority_gets_nothing_and_nothing_is_lost() {
    let rig = Rig::new();
    rig.server.add_user("careful", "careful-pass");
    let login = login("careful", "careful-pass");
    let other = format!("{} {}", rig.authority("other.crt"), rig.own_certificate());
    let agent = rig.start("secure-trust", &login, &other);
    wait_for_word(&agent, &["is not to be had", "certificate"]);
    assert_eq!(rig.server.count("secure-trust"), Ok(0));
    agent.stop();
    let agent = rig.start("secure-trust", &login, "");
    rig.server
        .wait_for_count("secure-trust", LINES, NOTICED_MAX);
    agent.stop();
}

#[test]
fn a_renewed_authority_is_trusted_without_a_restart() {
    let rig = Rig::new();
    rig.server.add_user("renewed", "renewed-pass");
    let authority = rig.folder.0.join("authority.crt");
    let put = |name: &str| {
        let new = rig.folder.0.join("new.crt");
        fs::copy(rig.server.certificate(name), &new).expect("the folder is ours");
        fs::rename(new, &authority).expect("the folder is ours");
    };
    put("other.crt");
    let certificates = format!(
        "ssl_certificate_authorities => [\"{}\"] {}",
        authority.display(),
        rig.own_certificate()
    );
    let login = login("renewed", "renewed-pass");
    let agent = rig.start("secure-renewed", &login, &certificates);
    wait_for_word(&agent, &["is not to be had", "certificate"]);
    assert_eq!(rig.server.count("secure-renewed"), Ok(0));
    put("ca.crt");
    rig.server
        .wait_for_count("secure-renewed", LINES, NOTICED_MAX);
    wait_for_word(&agent, &["a certificate was renewed", "reloaded"]);
    agent.stop();
}

#[test]
fn without_the_certificate_that_the_server_wants_lines_wait() {
    let rig = Rig::new();
    rig.server.add_user("bare", "bare-pass");
    let login = login("bare", "bare-pass");
    let agent = rig.start("secure-bare", &login, &rig.authority("ca.crt"));
    wait_for_word(&agent, &["is not to be had"]);
    assert_eq!(rig.server.count("secure-bare"), Ok(0));
    agent.stop();
    let agent = rig.start("secure-bare", &login, "");
    rig.server.wait_for_count("secure-bare", LINES, NOTICED_MAX);
    agent.stop();
}

#[test]
fn a_login_that_is_wrong_is_told_and_tried_until_it_is_right() {
    let rig = Rig::new();
    let agent = rig.start("secure-late", &login("late", "late-pass"), "");
    wait_for_word(&agent, &["does not accept us", "401"]);
    rig.server.add_user("late", "late-pass");
    rig.server.wait_for_count("secure-late", LINES, NOTICED_MAX);
    wait_for_word(&agent, &["answers again"]);
    agent.stop();
}

#[test]
fn documents_for_an_index_without_the_right_to_it_wait_alone() {
    let rig = Rig::new();
    rig.server.add_user("narrow", "narrow-pass");
    rig.server.allow(&[INDICES, "narrow-even"]);
    let agent = rig.start("narrow-%{kind}", &login("narrow", "narrow-pass"), "");
    rig.server
        .wait_for_count("narrow-even", LINES / 2, NOTICED_MAX);
    wait_for_word(&agent, &["does not let them in", "security_exception"]);
    assert_eq!(rig.server.count("narrow-odd"), Ok(0));
    rig.server.allow(&[INDICES, "narrow-*"]);
    rig.server
        .wait_for_count("narrow-odd", LINES / 2, NOTICED_MAX);
    rig.server
        .wait_for_count("narrow-even", LINES / 2, ARRIVAL_MAX);
    agent.stop();
}
