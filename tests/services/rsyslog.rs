//! rsyslog with a log socket of its own, into which `logger` writes, and forwarding as the test asks.

use std::path::PathBuf;
use std::process::Command;

use super::process::{Service, output_of};
use super::{START_MAX, Scratch, folder, write};

/// A running rsyslogd.
pub struct Rsyslog {
    socket: PathBuf,
    _service: Service,
}

impl Rsyslog {
    /// Starts it with these rules, for instance `*.* @127.0.0.1:1514`.
    pub fn start(rules: &str) -> Rsyslog {
        let folder = folder("rsyslog");
        let socket = folder.join("log.sock");
        let settings = format!(
            "global(workDirectory=\"{}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{}\" CreatePath=\"off\" RateLimit.Interval=\"0\")\n\
             {rules}\n",
            folder.display(),
            socket.display()
        );
        let settings = write(&folder, "rsyslog.conf", &settings);
        let mut command = Command::new("rsyslogd");
        command
            .arg("-n")
            .arg("-f")
            .arg(settings)
            .arg("-i")
            .arg(folder.join("pid"));
        let mut service = Service::spawn("rsyslogd", &folder, &command);
        service.wait_until_ready(START_MAX, || match socket.exists() {
            true => Ok(()),
            false => Err(format!("no {}", socket.display())),
        });
        Rsyslog {
            socket,
            _service: service,
        }
    }

    /// Runs `logger` with these arguments against this server's socket.
    #[track_caller]
    pub fn logger(&self, arguments: &[&str]) {
        output_of(
            Command::new("logger")
                .arg("-u")
                .arg(&self.socket)
                .args(arguments),
        );
    }

    /// The same with one message a line of `text`.
    #[track_caller]
    pub fn logger_from(&self, arguments: &[&str], text: &str) {
        let messages = Scratch::new("messages");
        let file = messages.write("lines", text);
        self.logger(&[arguments, &["-f", &file.to_string_lossy()]].concat());
    }
}

/// A rule that forwards all by TCP, each message behind its length.
pub fn octet_counted(port: u16) -> String {
    format!(
        "*.* action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" \
         TCP_Framing=\"octet-counted\" action.resumeInterval=\"1\" action.resumeRetryCount=\"-1\")"
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};
    use std::time::Duration;

    use super::*;

    /// `<13>Nov 20 17:27:50 host test: hello`: the time is rsyslog's and the name this machine's.
    #[track_caller]
    fn check_line(line: &str) {
        let host =
            std::fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux names itself");
        let host = host.trim().split('.').next().unwrap_or_default();
        let (head, tail) = line.split_at_checked(19).unwrap_or((line, ""));
        assert_eq!(head.get(..4), Some("<13>"), "{line}");
        assert!(
            tail.starts_with(&format!(" {host}")) && tail.ends_with(" test: hello"),
            "{line}"
        );
    }

    #[test]
    fn a_message_is_forwarded_by_udp() {
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        receiver
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a time-out can be set");
        let port = receiver
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let rsyslog = Rsyslog::start(&format!("*.* @127.0.0.1:{port}"));
        rsyslog.logger(&["-t", "test", "hello"]);
        let mut bytes = [0; 2048];
        // rsyslog tells of its own start first.
        let line = loop {
            let size = receiver.recv(&mut bytes).expect("rsyslog forwards");
            let line = String::from_utf8_lossy(bytes.get(..size).unwrap_or_default()).into_owned();
            if line.contains(" test: ") {
                break line;
            }
        };
        check_line(&line);
    }

    #[test]
    fn a_message_is_forwarded_by_tcp_with_its_length_in_front() {
        let receiver =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = receiver
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        let rsyslog = Rsyslog::start(&super::octet_counted(port));
        rsyslog.logger(&["-t", "test", "hello"]);
        let (mut stream, _) = receiver.accept().expect("rsyslog connects");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a time-out can be set");
        let mut text = String::new();
        while !text.contains(" test: hello") {
            let mut bytes = [0; 2048];
            let size = stream.read(&mut bytes).expect("rsyslog sends");
            assert_ne!(size, 0, "the connection ended after {text:?}");
            text.push_str(&String::from_utf8_lossy(
                bytes.get(..size).unwrap_or_default(),
            ));
        }
        let frame = &text[text.find("<13>").expect("the priority of user.notice")..];
        check_line(frame);
        assert!(
            text.ends_with(&format!("{} {frame}", frame.len())),
            "{text}"
        );
    }
}
