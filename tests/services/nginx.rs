//! nginx: on this machine with its access log sent as syslog, and as the root filesystem of a container.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::process::{Service, output_of};
use super::{START_MAX, folder, http, write};

/// The access log's format in the book's pipelines.
pub const LOG_FORMAT: &str = "log_format book '$remote_addr [$time_local] \"$request\" $status \
                              $body_bytes_sent $request_time';";

/// A running nginx.
pub struct Nginx {
    _service: Service,
}

impl Nginx {
    /// Serves `hello world` on loopback's `port`; `access_log` is that directive, semicolon and all.
    pub fn start(port: u16, access_log: &str) -> Nginx {
        let folder = folder("nginx");
        let settings = settings(&folder.display().to_string(), port, access_log);
        let settings = write(&folder, "nginx.conf", &settings);
        let mut command = Command::new("nginx");
        command
            .arg("-c")
            .arg(settings)
            .arg("-e")
            .arg(folder.join("error.log"));
        let mut service = Service::spawn("nginx", &folder, &command);
        service.wait_until_ready(START_MAX, || answers(port));
        Nginx { _service: service }
    }
}

/// Whether something answers on `port` as these settings say.
pub fn answers(port: u16) -> Result<(), String> {
    let server = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port));
    let answer = http::request(server, "GET", "/ready", None).map_err(|fault| fault.to_string())?;
    match answer.body == b"hello world\n" {
        true => Ok(()),
        false => Err(format!("{answer:?}")),
    }
}

/// One worker, since it writes its lines in order; `/ready` is not logged. The hundredth request of a connection, and each
/// hundredth after it, waits for those of other connections, so that times differ from zero.
fn settings(folder: &str, port: u16, access_log: &str) -> String {
    format!(
        "user root;\nworker_processes 1;\ndaemon off;\npid {folder}/pid;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n  {LOG_FORMAT}\n  keepalive_requests 1000000;\n\
         client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n\
         fastcgi_temp_path {folder}/fastcgi;\n  uwsgi_temp_path {folder}/uwsgi;\n\
         scgi_temp_path {folder}/scgi;\n\
         map $connection_requests $waits {{ default ''; ~00$ yes; }}\n\
         limit_req_zone $waits zone=waits:1m rate=200r/s;\n\
         server {{\n    listen 127.0.0.1:{port};\n\
         location = /ready {{ access_log off; return 200 \"hello world\\n\"; }}\n\
         location / {{ {access_log} limit_req zone=waits burst=1000; try_files /none @logged; }}\n\
         location @logged {{ {access_log} return 200 \"hello world\\n\"; }}\n  }}\n}}\n"
    )
}

/// Fills `root` with nginx, the libraries it needs and `/etc/nginx/book.conf`, as the root of an image.
pub fn fill_root(root: &Path, port: u16, access_log: &str) {
    let program = output_of(Command::new("sh").args(["-c", "command -v nginx"]));
    let program = Path::new(program.trim());
    let libraries = output_of(Command::new("ldd").arg(program));
    let libraries = libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    for file in libraries.map(Path::new).chain([program]) {
        let inside = root.join(
            file.strip_prefix("/")
                .expect("ldd names files from the root"),
        );
        let parent = inside.parent().expect("a file has a folder");
        fs::create_dir_all(parent).expect("a fresh folder can be written to");
        fs::copy(file, &inside).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
    }
    for folder in ["tmp", "run", "var/log/nginx", "var/lib/nginx"] {
        fs::create_dir_all(root.join(folder)).expect("a fresh folder can be written to");
    }
    write(root, "etc/passwd", "root:x:0:0:root:/:/bin/false\n");
    write(root, "etc/group", "root:x:0:\n");
    write(
        root,
        "etc/nginx/book.conf",
        &settings("/tmp", port, access_log),
    );
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    use super::super::free_port;
    use super::*;

    #[test]
    fn a_request_is_told_by_syslog() {
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        receiver
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a time-out can be set");
        let syslog = receiver
            .local_addr()
            .expect("a bound socket has an address");
        let port = free_port();
        let log = format!("access_log syslog:server={syslog},tag=nginx,nohostname book;");
        let _nginx = Nginx::start(port, &log);
        let url = format!("http://127.0.0.1:{port}/cart?item=7");
        output_of(Command::new("curl").args(["-sS", "--max-time", "10", &url]));
        let mut bytes = [0; 2048];
        let size = receiver.recv(&mut bytes).expect("nginx sends a line");
        let line = String::from_utf8_lossy(bytes.get(..size).unwrap_or_default()).into_owned();
        assert!(line.starts_with("<190>"), "{line}");
        assert!(line.contains(" nginx: 127.0.0.1 ["), "{line}");
        assert!(
            line.contains("] \"GET /cart?item=7 HTTP/1.1\" 200 12 0.00"),
            "{line}"
        );
    }
}
