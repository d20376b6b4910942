//! The Docker Engine behind its unix socket. Only GET is ever sent: whoever may write to this socket is root. Paths carry no
//! version, so that every Engine answers with its own newest.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyperlocal::{UnixClientExt, UnixConnector};
use serde_json::Value;

use crate::docker::container::Container;
use crate::docker::events::Events;
use crate::limits;

/// A client of one Engine.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: PathBuf,
    client: Client<UnixConnector, Empty<Bytes>>,
}

/// Why a question was not answered, by what the caller does next.
#[derive(Debug)]
pub enum Fault {
    /// The Engine is not there or went away: try again later.
    Away(String),
    /// We may not use the socket: say what to do, try again later.
    Denied,
    /// There is no such container, or it is about to go: read no more of it.
    Gone,
    /// The container's log driver keeps nothing to read.
    NoLogs,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Away(why) => out.write_str(why),
            Self::Denied => out.write_str("permission denied"),
            Self::Gone => out.write_str("no such container"),
            Self::NoLogs => out.write_str("the log driver keeps nothing that can be read"),
        }
    }
}

/// The socket's path: as configured, else from `DOCKER_HOST`, else Docker's own. An error says why there is none.
pub fn socket_path(configured: Option<&str>, docker_host: Option<&str>) -> Result<PathBuf, String> {
    let text = configured.or(docker_host.filter(|text| !text.is_empty()));
    let text = text.unwrap_or("/var/run/docker.sock");
    let path = text.strip_prefix("unix://").unwrap_or(text);
    if path.starts_with('/') {
        Ok(path.into())
    } else {
        Err(format!(
            "`{text}` is no unix socket; write its path, such as /var/run/docker.sock"
        ))
    }
}

impl Engine {
    pub fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            client: Client::unix(),
        }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    async fn get(&self, path: &str) -> Result<Response<Incoming>, Fault> {
        let uri = hyperlocal::Uri::new(&self.socket, path).into();
        let answer = self
            .client
            .get(uri)
            .await
            .map_err(|error| self.fault(&error))?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_FOUND | StatusCode::CONFLICT => Err(Fault::Gone),
            StatusCode::NOT_IMPLEMENTED => Err(Fault::NoLogs),
            other => Err(Fault::Away(format!("it answers {other}"))),
        }
    }

    fn fault(&self, error: &hyper_util::client::legacy::Error) -> Fault {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        let mut words = error.to_string();
        while let Some(next) = cause {
            words = next.to_string();
            if let Some(error) = next.downcast_ref::<std::io::Error>()
                && error.kind() == std::io::ErrorKind::PermissionDenied
            {
                return Fault::Denied;
            }
            cause = next.source();
        }
        Fault::Away(words)
    }

    /// A whole answer, which must come soon and be JSON.
    async fn json(&self, path: &str) -> Result<Value, Fault> {
        let answer = async {
            let body = self.get(path).await?.into_body();
            let limited = Limited::new(body, limits::DOCKER_ANSWER_BYTES_MAX);
            let bytes = limited
                .collect()
                .await
                .map_err(|error| Fault::Away(error.to_string()))?;
            serde_json::from_slice(&bytes.to_bytes())
                .map_err(|error| Fault::Away(format!("its answer is no JSON: {error}")))
        };
        match tokio::time::timeout(limits::DOCKER_ANSWER_WAIT, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Fault::Away("it does not answer".to_owned())),
        }
    }

    /// Where the Engine keeps its containers.
    pub async fn data_root(&self) -> Result<Option<PathBuf>, Fault> {
        let info = self.json("/info").await?;
        Ok(info
            .get("DockerRootDir")
            .and_then(Value::as_str)
            .map(PathBuf::from))
    }

    /// Ids of all containers, also of those that do not run.
    pub async fn list(&self) -> Result<Vec<String>, Fault> {
        let list = self.json("/containers/json?all=1").await?;
        let containers = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let id = |container: &Value| {
            container
                .get("Id")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Ok(containers.iter().filter_map(id).collect())
    }

    /// The description of a container, by id or name.
    pub async fn inspect(&self, id_or_name: &str) -> Result<Container, Fault> {
        if !is_safe(id_or_name) {
            return Err(Fault::Gone);
        }
        let answer = self.json(&format!("/containers/{id_or_name}/json")).await?;
        Container::from_inspect(&answer)
            .ok_or_else(|| Fault::Away("its answer describes no container".to_owned()))
    }

    /// What happened to containers since a time and what happens from now on. The Engine remembers the last 256 events.
    pub async fn events(&self, since: i64) -> Result<Events, Fault> {
        let filters = "%7B%22type%22%3A%5B%22container%22%5D%7D";
        let path = format!("/events?since={}&filters={filters}", seconds(since));
        Ok(Events::of(self.get(&path).await?.into_body()))
    }

    /// A container's logs from a time on, and what follows. There is no limit to the wait for the answer: Podman sends no
    /// header before the first byte.
    pub async fn logs(&self, id: &str, since: Option<i64>) -> Result<Response<Incoming>, Fault> {
        let since = since
            .map(|nanos| format!("&since={}", seconds(nanos)))
            .unwrap_or_default();
        let path = format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1&timestamps=1{since}");
        self.get(&path).await
    }
}

/// Nanoseconds as the Engine reads them, seconds with nine digits of fraction.
fn seconds(nanos: i64) -> String {
    let (seconds, nanos) = (
        nanos.div_euclid(1_000_000_000),
        nanos.rem_euclid(1_000_000_000),
    );
    format!("{seconds}.{nanos:09}")
}

/// Whether a text from an event may stand in a path: letters, digits and what Docker allows in names.
fn is_safe(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !text.is_empty()
        && text.len() <= limits::CONTAINER_NAME_BYTES_MAX
        && !text.starts_with('.')
        && text.bytes().all(allowed)
}

/// Waits between attempts: twice as long each time, up to a limit.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            next: limits::DOCKER_RETRY_WAIT_MIN,
        }
    }
}

impl Backoff {
    /// How long to wait this time.
    pub fn step(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(limits::DOCKER_RETRY_WAIT_MAX);
        wait
    }

    /// It worked: the next wait is short again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{is_safe, socket_path};

    #[track_caller]
    fn check(configured: Option<&str>, host: Option<&str>, want: Option<&str>) {
        let got = socket_path(configured, host).ok();
        assert_eq!(got.as_deref(), want.map(std::path::Path::new));
    }

    #[test]
    fn the_socket_is_the_configured_one_then_docker_host_then_dockers_own() {
        check(Some("/a"), Some("unix:///b"), Some("/a"));
        check(None, Some("unix:///b"), Some("/b"));
        check(None, Some(""), Some("/var/run/docker.sock"));
        check(None, None, Some("/var/run/docker.sock"));
        check(None, Some("tcp://1.2.3.4:2375"), None);
    }

    #[test]
    fn names_from_events_cannot_leave_their_place_in_a_path() {
        assert!(is_safe("web-1.example_x"));
        for hostile in ["", "..", "a/b", "a?b", "a%2f", "a b", "ä"] {
            assert!(!is_safe(hostile), "{hostile}");
        }
    }
}
