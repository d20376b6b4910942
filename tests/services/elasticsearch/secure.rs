//! The same server with TLS, users and roles, which wants a certificate of its clients. It is asked by curl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::{give_away, install, program, settings};
use crate::services::process::{Service, output_of};
use crate::services::{ARRIVAL_MAX, START_MAX, folder, free_port, wait_until, write};

/// Of the user who may do everything.
const PASSWORD: &str = "changeme123";

/// What the role of log writers may do from the start.
pub const INDICES: &str = "secure-*";

/// A running node.
pub struct SecureElasticsearch {
    port: u16,
    home: PathBuf,
    /// Held by whoever changes the files of users: the tool reads them whole and writes them anew.
    users: Mutex<()>,
    _service: Service,
}

/// The node that tests share. It ends with the process.
pub fn shared() -> &'static SecureElasticsearch {
    static SHARED: OnceLock<SecureElasticsearch> = OnceLock::new();
    SHARED.get_or_init(SecureElasticsearch::start)
}

impl SecureElasticsearch {
    fn start() -> SecureElasticsearch {
        let (folder, port) = (folder("secure"), free_port());
        let cluster = format!("sawlog-secure-{}-{port}", std::process::id());
        let security = "xpack.security.enabled: true\n\
            xpack.security.http.ssl.enabled: true\n\
            xpack.security.http.ssl.key: certificates/server.key\n\
            xpack.security.http.ssl.certificate: certificates/server.crt\n\
            xpack.security.http.ssl.certificate_authorities: certificates/ca.crt\n\
            xpack.security.http.ssl.client_authentication: required\n";
        let home = install(&folder, &(settings(&cluster, port) + security));
        make_certificates(&home.join("config/certificates"));
        write(&home, "config/roles.yml", &roles(&[INDICES]));
        give_away(&home);
        output_of(program(&home, "bin/elasticsearch-keystore").arg("create"));
        let add = "printf %s \"$1\" | \"$0\" add -x bootstrap.password";
        let mut keystore = Command::new("setpriv");
        keystore.args(program(&home, "").get_args().take(4));
        keystore.args(["sh", "-c", add]);
        keystore
            .arg(home.join("bin/elasticsearch-keystore"))
            .arg(PASSWORD);
        for (name, value) in program(&home, "").get_envs() {
            keystore.env(name, value.unwrap_or_default());
        }
        output_of(&mut keystore);
        let service = Service::spawn("secure elasticsearch", &folder, &super::command(&home));
        let mut server = SecureElasticsearch {
            port,
            home,
            users: Mutex::default(),
            _service: service,
        };
        server.wait_until_ready(&cluster);
        server
    }

    #[track_caller]
    fn wait_until_ready(&mut self, cluster: &str) {
        let arguments = self.arguments("GET", "/_cluster/health", None);
        self._service.wait_until_ready(START_MAX, || {
            let (status, health) = ask(&arguments)?;
            match status == 200 && health["status"] == "green" && health["cluster_name"] == cluster
            {
                true => Ok(()),
                false => Err(format!("{status} {health}")),
            }
        });
    }

    /// What a pipeline writes behind `hosts =>`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A file of a certificate or key: `ca.crt`, `client.crt`, `client.key`, and `other.crt` of another authority.
    pub fn certificate(&self, name: &str) -> String {
        let path = self.home.join("config/certificates").join(name);
        path.display().to_string()
    }

    /// Adds a log writer, or changes its password; the server notices within some seconds.
    #[track_caller]
    pub fn add_user(&self, name: &str, password: &str) {
        let mut command = program(&self.home, "bin/elasticsearch-users");
        command.args(["useradd", name, "-p", password, "-r", "log_writer"]);
        let _turn = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        output_of(&mut command);
    }

    /// Changes what log writers may write to; the server notices within some seconds.
    pub fn allow(&self, indices: &[&str]) {
        write(&self.home, "config/roles.yml", &roles(indices));
    }

    /// Waits until `index` holds exactly so many documents.
    #[track_caller]
    pub fn wait_for_count(&self, index: &str, want: u64, within: Duration) {
        wait_until(
            within,
            &format!("{want} documents in {index}"),
            || match self.count(index) {
                Ok(count) if count == want => Ok(()),
                Ok(count) => Err(format!("{count} documents")),
                Err(fault) => Err(fault),
            },
        );
    }

    /// How many documents lie in `index`; none if there is no such index.
    pub fn count(&self, index: &str) -> Result<u64, String> {
        let refresh = format!("/{index}/_refresh?ignore_unavailable=true");
        ask(&self.arguments("POST", &refresh, None))?;
        let count = format!("/{index}/_count?ignore_unavailable=true");
        let (status, answer) = ask(&self.arguments("GET", &count, None))?;
        answer["count"]
            .as_u64()
            .ok_or_else(|| format!("{status} {answer}"))
    }

    fn arguments(&self, method: &str, path: &str, body: Option<&Value>) -> Vec<String> {
        let (url, user) = (self.url() + path, format!("elastic:{PASSWORD}"));
        let mut arguments: Vec<String> =
            ["-sS", "-X", method, "-u", &user].map(str::to_owned).into();
        for (flag, file) in [
            ("--cacert", "ca.crt"),
            ("--cert", "client.crt"),
            ("--key", "client.key"),
        ] {
            arguments.extend([flag.to_owned(), self.certificate(file)]);
        }
        if let Some(body) = body {
            let content = "content-type: application/json".to_owned();
            arguments.extend(["-H".to_owned(), content, "-d".to_owned(), body.to_string()]);
        }
        arguments.extend(["-w".to_owned(), "\n%{http_code}".to_owned(), url]);
        arguments
    }
}

/// Status and JSON of an answer.
fn ask(arguments: &[String]) -> Result<(u16, Value), String> {
    let output = Command::new("curl")
        .args(arguments)
        .output()
        .map_err(|fault| fault.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", ""));
    let status = status
        .parse()
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

fn roles(indices: &[&str]) -> String {
    let indices = json!(indices);
    format!(
        "log_writer:\n  cluster: [monitor]\n  indices:\n    - names: {indices}\n      \
         privileges: [create_doc, create_index, auto_configure]\n"
    )
}

/// An authority with certificates for the server and a client, and another authority that nobody trusts.
fn make_certificates(folder: &Path) {
    fs::create_dir_all(folder).expect("the copy can be written to");
    let openssl = |arguments: &str| {
        let words = arguments.split_whitespace();
        output_of(Command::new("openssl").current_dir(folder).args(words));
    };
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["ca", "other"] {
        openssl(&format!(
            "req -x509 {KEY} -days 30 -subj /CN={name} -keyout {name}.key -out {name}.crt"
        ));
    }
    write(
        folder,
        "names",
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n",
    );
    for name in ["server", "client"] {
        openssl(&format!(
            "req {KEY} -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out {name}.crt"
        ));
    }
}

#[test]
fn the_secure_server_knows_its_users() {
    let server = shared();
    assert_eq!(server.count("secure-selftest"), Ok(0));
    let body = json!({"a": 1});
    let arguments = server.arguments("POST", "/secure-selftest/_doc/1", Some(&body));
    assert_eq!(ask(&arguments).map(|(status, _)| status), Ok(201));
    server.wait_for_count("secure-selftest", 1, ARRIVAL_MAX);
}
