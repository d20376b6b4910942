//! The way to a host: a body goes in, status and bytes come out. Behind the one trait stands the HTTP client on which the
//! official one is built, since that one follows redirects; what an answer means, and what is tried again, is decided
//! elsewhere.

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use elasticsearch::cert::Certificate;
use elasticsearch::http::Url;
use elasticsearch::http::headers::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION,
};
use reqwest::redirect::Policy;
use tokio::net::TcpStream;

use crate::limits;

/// Status and body of an answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Bytes,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Where a redirect leads. Nobody goes there.
    pub location: Option<String>,
}

/// No answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Why, in words for a user.
    pub reason: String,
    /// The server was there and took too long.
    pub is_late: bool,
}

impl Unreachable {
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_late: false,
        }
    }
}

pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Reply, Unreachable>> + Send + 'a>>;

/// Sends bulk requests to hosts, which are named by their places in the list.
pub trait Transport: Send + Sync + 'static {
    fn bulk(&self, host: usize, body: Bytes) -> Sending<'_>;
}

/// One host as it was configured.
#[derive(Clone)]
pub struct Host {
    /// Without user, password and query.
    pub url: Url,
    pub login: Login,
    /// The query of its address, which goes with every request.
    pub query: Vec<(String, String)>,
    /// Our own certificate and its key, PEM.
    pub certificate: Option<Vec<u8>>,
}

/// How an agent shows who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    Anonymous,
    Password {
        user: String,
        password: String,
    },
    /// Already encoded.
    ApiKey(String),
    ApiKeyPair {
        id: String,
        key: String,
    },
}

/// Whom the agent trusts.
#[derive(Clone, PartialEq, Eq)]
pub enum Trust {
    /// The system's authorities and these, PEM.
    Authorities(Option<Vec<u8>>),
    /// Any certificate.
    Anyone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// What the environment says.
    System,
    None,
    Url(Url),
}

impl Proxy {
    /// Whether somebody may stand between us and the hosts.
    fn is_there(&self) -> bool {
        const VARIABLES: [&str; 6] = [
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
        ];
        match self {
            Self::System => VARIABLES
                .iter()
                .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())),
            Self::None => false,
            Self::Url(_) => true,
        }
    }
}

/// What all requests have in common.
#[derive(Clone)]
pub struct Requests {
    pub hosts: Vec<Host>,
    pub trust: Trust,
    pub proxy: Proxy,
    /// The bulk interface's path.
    pub path: String,
    pub parameters: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub timeout: Duration,
    pub connect_timeout: Duration,
    /// Of gzip; 0 sends plain bodies.
    pub compression_level: u32,
}

/// A client for each host, renewed from time to time.
pub struct Client {
    requests: Requests,
    /// How long a client is used.
    age_max: Duration,
    clients: Mutex<Vec<Option<(Instant, reqwest::Client)>>>,
}

impl Client {
    pub fn new(requests: Requests) -> Self {
        let clients = requests.hosts.iter().map(|_| None).collect();
        Self {
            requests,
            age_max: limits::TRANSPORT_AGE_MAX,
            clients: Mutex::new(clients),
        }
    }

    /// The host's client, made anew when it is old.
    fn client(&self, host: usize) -> Result<reqwest::Client, Unreachable> {
        let mut clients = self.clients.lock().expect("no holder of this lock panics");
        let (Some(slot), Some(config)) = (clients.get_mut(host), self.requests.hosts.get(host))
        else {
            return Err(Unreachable::new("there is no such host"));
        };
        if let Some((made, client)) = slot
            && made.elapsed() < self.age_max
        {
            return Ok(client.clone());
        }
        let client = self.requests.build(config).map_err(Unreachable::new)?;
        *slot = Some((Instant::now(), client.clone()));
        Ok(client)
    }

    /// Whether the host's client can be used again.
    fn has_client(&self, host: usize) -> bool {
        let clients = self.clients.lock().expect("no holder of this lock panics");
        let slot = clients.get(host).and_then(Option::as_ref);
        slot.is_some_and(|(made, _)| made.elapsed() < self.age_max)
    }

    /// The next request makes a new client: its name is resolved again, no old connection is used.
    fn forget(&self, host: usize) {
        let mut clients = self.clients.lock().expect("no holder of this lock panics");
        if let Some(slot) = clients.get_mut(host) {
            *slot = None;
        }
    }

    /// Whether the host takes connections, asked before a new client is used: the client itself has one time-out for
    /// everything, and a host that is gone without a word would cost all of it.
    async fn knock(&self, host: usize) -> Result<(), Unreachable> {
        let url = self.requests.hosts.get(host).map(|host| &host.url);
        let (Some(url), false, false) =
            (url, self.has_client(host), self.requests.proxy.is_there())
        else {
            return Ok(());
        };
        let (Some(name), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Ok(());
        };
        let name = name.trim_matches(['[', ']']);
        let connecting = TcpStream::connect((name, port));
        match tokio::time::timeout(self.requests.connect_timeout, connecting).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Unreachable::new(format!("cannot connect: {error}"))),
            Err(_) => {
                let seconds = self.requests.connect_timeout.as_secs_f32();
                let reason = format!("cannot connect within {seconds} s");
                Err(Unreachable::new(reason))
            }
        }
    }

    async fn send(&self, host: usize, body: Bytes) -> Result<Reply, Unreachable> {
        self.knock(host).await?;
        let client = self.client(host)?;
        let request = client.post(self.url(host)?).query(&self.parameters(host));
        let request = match self.requests.compression_level {
            0 => request.body(body),
            level => request
                .header(CONTENT_ENCODING, "gzip")
                .body(compress(body, level).await?),
        };
        let sending = async {
            let sent = request.send().await;
            let response = sent.map_err(|error| self.explain(host, &error))?;
            let (status, headers) = (response.status().as_u16(), response.headers());
            let (retry_after, location) = (retry_after(headers), location(headers));
            Ok(Reply {
                status,
                body: self.body(host, response).await?,
                retry_after,
                location,
            })
        };
        match tokio::time::timeout(self.requests.timeout, sending).await {
            Ok(result) => result,
            Err(_) => {
                self.forget(host);
                let seconds = self.requests.timeout.as_secs_f32();
                Err(Unreachable {
                    reason: format!("no answer within {seconds} s"),
                    is_late: true,
                })
            }
        }
    }

    /// The body of an answer, unpacked, as far as one may be long.
    async fn body(
        &self,
        host: usize,
        mut response: reqwest::Response,
    ) -> Result<Bytes, Unreachable> {
        let mut body = BytesMut::new();
        loop {
            let part = response.chunk().await;
            let Some(part) = part.map_err(|error| self.explain(host, &error))? else {
                return Ok(body.freeze());
            };
            if limits::BULK_ANSWER_BYTES_MAX < body.len() + part.len() {
                return Err(Unreachable::new("the answer is too long to be one"));
            }
            body.extend_from_slice(&part);
        }
    }

    /// Where a host takes bulk requests.
    fn url(&self, host: usize) -> Result<Url, Unreachable> {
        let config = self.requests.hosts.get(host);
        let mut url = config
            .map(|host| host.url.clone())
            .ok_or_else(|| Unreachable::new("there is no such host"))?;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        url.join(&self.requests.path)
            .map_err(|error| Unreachable::new(format!("`bulk_path` is no path: {error}")))
    }

    /// The query of a request to a host.
    fn parameters(&self, host: usize) -> Vec<&(String, String)> {
        let own = self.requests.hosts.get(host).map(|host| &host.query);
        let own = own.into_iter().flatten();
        own.chain(&self.requests.parameters).collect()
    }

    /// The innermost cause, in words; a connection that failed is not used again.
    fn explain(&self, host: usize, error: &reqwest::Error) -> Unreachable {
        self.forget(host);
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let during = if error.is_connect() {
            "cannot connect"
        } else {
            "the connection broke"
        };
        Unreachable::new(format!("{during}: {cause}"))
    }
}

impl Transport for Client {
    fn bulk(&self, host: usize, body: Bytes) -> Sending<'_> {
        Box::pin(self.send(host, body))
    }
}

impl Requests {
    fn build(&self, host: &Host) -> Result<reqwest::Client, String> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("sawlog/", env!("CARGO_PKG_VERSION")))
            .default_headers(self.headers_for(host)?)
            // Whoever answers for the host would choose who else gets the documents.
            .redirect(Policy::none());
        let builder = match &host.certificate {
            Some(pem) => builder.identity(reqwest::Identity::from_pem(pem).map_err(told)?),
            None => builder,
        };
        let builder = match &self.trust {
            Trust::Authorities(None) => builder,
            Trust::Authorities(Some(pem)) => authorities(pem)?
                .into_iter()
                .fold(builder, reqwest::ClientBuilder::add_root_certificate),
            Trust::Anyone => builder.danger_accept_invalid_certs(true),
        };
        let builder = match &self.proxy {
            Proxy::System => builder,
            Proxy::None => builder.no_proxy(),
            Proxy::Url(url) => builder.proxy(reqwest::Proxy::all(url.clone()).map_err(told)?),
        };
        builder.build().map_err(told)
    }

    /// Headers of every request: the user's, and over them those that a bulk request has to have.
    fn headers_for(&self, host: &Host) -> Result<HeaderMap, String> {
        let mut headers = self.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Answers are short beside requests: to pack and unpack them costs both sides more than it saves.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let ndjson = HeaderValue::from_static("application/x-ndjson");
        headers.insert(CONTENT_TYPE, ndjson);
        if let Some(value) = host.login.header()? {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Reads certificates, PEM.
pub fn authorities(pem: &[u8]) -> Result<Certificate, String> {
    Certificate::from_pem(pem).map_err(|error| error.to_string())
}

/// A header of the user's.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{name}` is not a header's name"))?;
    let mut value =
        HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` is no text"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

impl Login {
    /// User and password in an address.
    pub fn of(url: &Url) -> Option<Self> {
        match (url.username(), url.password()) {
            ("", _) => None,
            (user, password) => Some(Self::Password {
                user: decode_percent(user),
                password: decode_percent(password.unwrap_or("")),
            }),
        }
    }

    /// The value of the header `Authorization`.
    pub fn value(&self) -> Option<String> {
        Some(match self {
            Self::Anonymous => return None,
            Self::Password { user, password } => {
                format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
            }
            Self::ApiKey(key) => format!("ApiKey {key}"),
            Self::ApiKeyPair { id, key } => {
                format!("ApiKey {}", base64(format!("{id}:{key}").as_bytes()))
            }
        })
    }

    /// The header itself.
    fn header(&self) -> Result<Option<HeaderValue>, String> {
        let Some(text) = self.value() else {
            return Ok(None);
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| "a login has no control characters".to_owned())?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// `%40` is `@`: a password in an address is written so.
fn decode_percent(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(decoded) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or(b"");
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let mut bits = part
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        bits <<= 8 * (3 - part.len());
        for place in 0..4 {
            let sixth = bits >> (18 - 6 * place) & 63;
            let letter = ALPHABET.get(sixth).copied().unwrap_or(b'=');
            text.push(char::from(if part.len() < place { b'=' } else { letter }));
        }
    }
    text
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get("retry-after")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// Where a redirect leads, whatever bytes that is told in.
fn location(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(LOCATION)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Compresses on a thread where that disturbs no other request.
async fn compress(body: Bytes, level: u32) -> Result<Bytes, Unreachable> {
    let work = move || {
        let out = Vec::with_capacity(body.len() / 4);
        let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(level));
        encoder.write_all(&body)?;
        encoder.finish()
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(compressed)) => Ok(Bytes::from(compressed)),
        Ok(Err(error)) => Err(Unreachable::new(format!("cannot compress: {error}"))),
        Err(error) => Err(Unreachable::new(format!("cannot compress: {error}"))),
    }
}

/// A transport for an output.
pub fn open(requests: Requests) -> Arc<dyn Transport> {
    Arc::new(Client::new(requests))
}

#[cfg(test)]
mod tests;
