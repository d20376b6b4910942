//! The way to a host: a body goes in, status and bytes come out. Behind the one trait stands the official client, which
//! brings TLS and authentication; what an answer means, and what is tried again, is decided elsewhere.

use std::error::Error as _;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use elasticsearch::auth::{ClientCertificate, Credentials};
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use elasticsearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use elasticsearch::http::{Method, Url};

use crate::limits;

/// Status and body of an answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Bytes,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// No answer came: why, in words for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable(pub String);

pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Reply, Unreachable>> + Send + 'a>>;

/// Sends bulk requests to hosts, which are named by their places in the list.
pub trait Transport: Send + Sync + 'static {
    fn bulk(&self, host: usize, body: Bytes) -> Sending<'_>;
}

/// One host as it was configured.
#[derive(Clone)]
pub struct Host {
    /// Without user and password.
    pub url: Url,
    pub login: Login,
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
    /// A certificate and its key, PEM.
    Certificate(Vec<u8>),
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
    Url(String),
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
    /// Of gzip; 0 sends plain bodies.
    pub compression_level: u32,
}

/// The official client, one for each host, renewed from time to time.
pub struct Client {
    requests: Requests,
    clients: Mutex<Vec<Option<(Instant, elasticsearch::http::transport::Transport)>>>,
}

impl Client {
    pub fn new(requests: Requests) -> Self {
        let clients = requests.hosts.iter().map(|_| None).collect();
        Self {
            requests,
            clients: Mutex::new(clients),
        }
    }

    /// The host's client, made anew when it is old.
    fn client(
        &self,
        host: usize,
    ) -> Result<elasticsearch::http::transport::Transport, Unreachable> {
        let mut clients = self.clients.lock().expect("no holder of this lock panics");
        let (Some(slot), Some(config)) = (clients.get_mut(host), self.requests.hosts.get(host))
        else {
            return Err(Unreachable("there is no such host".to_owned()));
        };
        if let Some((made, client)) = slot
            && made.elapsed() < limits::TRANSPORT_AGE_MAX
        {
            return Ok(client.clone());
        }
        let client = self.requests.build(config).map_err(Unreachable)?;
        *slot = Some((Instant::now(), client.clone()));
        Ok(client)
    }

    /// The next request makes a new client: its name is resolved again, no old connection is used.
    fn forget(&self, host: usize) {
        let mut clients = self.clients.lock().expect("no holder of this lock panics");
        if let Some(slot) = clients.get_mut(host) {
            *slot = None;
        }
    }

    async fn send(&self, host: usize, body: Bytes) -> Result<Reply, Unreachable> {
        let client = self.client(host)?;
        let mut headers = HeaderMap::with_capacity(3);
        // Answers are short beside requests: to pack and unpack them costs both sides more than it saves.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson"),
        );
        let body = match self.requests.compression_level {
            0 => body,
            level => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                compress(body, level).await?
            }
        };
        let sending = async {
            let sent = client.send(
                Method::Post,
                &self.requests.path,
                headers,
                Some(&self.requests.parameters),
                Some(body),
                None,
            );
            let response = sent.await.map_err(|error| self.explain(host, &error))?;
            let status = response.status_code().as_u16();
            let retry_after = retry_after(response.headers());
            let too_long = limits::BULK_ANSWER_BYTES_MAX as u64;
            if response
                .content_length()
                .is_some_and(|bytes| too_long < bytes)
            {
                return Err(Unreachable("the answer is too long to be one".to_owned()));
            }
            let body = response
                .bytes()
                .await
                .map_err(|error| self.explain(host, &error))?;
            Ok(Reply {
                status,
                body,
                retry_after,
            })
        };
        match tokio::time::timeout(self.requests.timeout, sending).await {
            Ok(result) => result,
            Err(_) => {
                self.forget(host);
                let seconds = self.requests.timeout.as_secs_f32();
                Err(Unreachable(format!("no answer within {seconds} s")))
            }
        }
    }

    /// The innermost cause, in words; a connection that failed is not used again.
    fn explain(&self, host: usize, error: &elasticsearch::Error) -> Unreachable {
        self.forget(host);
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let connects = error
            .source()
            .and_then(|source| source.downcast_ref::<reqwest::Error>())
            .is_some_and(reqwest::Error::is_connect);
        let during = if connects {
            "cannot connect"
        } else {
            "the connection broke"
        };
        Unreachable(format!("{during}: {cause}"))
    }
}

impl Transport for Client {
    fn bulk(&self, host: usize, body: Bytes) -> Sending<'_> {
        Box::pin(self.send(host, body))
    }
}

impl Requests {
    fn build(&self, host: &Host) -> Result<elasticsearch::http::transport::Transport, String> {
        let pool = SingleNodeConnectionPool::new(host.url.clone());
        let mut builder = TransportBuilder::new(pool)
            .enable_meta_header(false)
            .headers(self.headers.clone());
        if let Some(credentials) = host.login.credentials()? {
            builder = builder.auth(credentials);
        }
        builder = match &self.trust {
            Trust::Authorities(None) => builder,
            Trust::Authorities(Some(pem)) => {
                builder.cert_validation(CertificateValidation::Full(authorities(pem)?))
            }
            Trust::Anyone => builder.cert_validation(CertificateValidation::None),
        };
        builder = match &self.proxy {
            Proxy::System => builder,
            Proxy::None => builder.disable_proxy(),
            Proxy::Url(url) => {
                let url = Url::parse(url).map_err(|error| format!("the proxy: {error}"))?;
                builder.proxy(url, None, None)
            }
        };
        builder.build().map_err(|error| error.to_string())
    }
}

/// Reads certificates, PEM.
pub fn authorities(pem: &[u8]) -> Result<Certificate, String> {
    Certificate::from_pem(pem).map_err(|error| error.to_string())
}

/// A header of the user's.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{name}` is not a header's name"))?;
    let value =
        HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` is no text"))?;
    Ok((name, value))
}

impl Login {
    fn credentials(&self) -> Result<Option<Credentials>, String> {
        Ok(match self {
            Self::Anonymous => None,
            Self::Password { user, password } => {
                Some(Credentials::Basic(user.clone(), password.clone()))
            }
            Self::ApiKey(key) => Some(Credentials::EncodedApiKey(key.clone())),
            Self::ApiKeyPair { id, key } => Some(Credentials::ApiKey(id.clone(), key.clone())),
            Self::Certificate(pem) => Some(Credentials::Certificate(ClientCertificate::Pem(
                pem.clone(),
            ))),
        })
    }
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
        Ok(Err(error)) => Err(Unreachable(format!("cannot compress: {error}"))),
        Err(error) => Err(Unreachable(format!("cannot compress: {error}"))),
    }
}

/// A transport for an output.
pub fn open(requests: Requests) -> Arc<dyn Transport> {
    Arc::new(Client::new(requests))
}
