//! The agent's own API: `/health` and Prometheus' `/metrics`, GET only, on loopback by default. Request bodies are not
//! read.

mod prometheus;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::limits;
use crate::metrics::Metrics;
use crate::pipeline::worker::Waiting;
use crate::settings::ApiSettings;

/// What the API shows.
pub struct State {
    pub metrics: Arc<Metrics>,
    waiting: Mutex<Vec<Waiting>>,
}

impl State {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            waiting: Mutex::default(),
        }
    }

    /// Shows the queues of these pipelines from now on.
    pub fn show(&self, waiting: Vec<Waiting>) {
        *self.waiting.lock().expect("no holder of this lock panics") = waiting;
    }

    /// Batches that wait for workers.
    pub fn batches_waiting(&self) -> usize {
        let waiting = self.waiting.lock().expect("no holder of this lock panics");
        waiting.iter().map(Waiting::count).sum()
    }
}

/// Takes the first free port and serves. Without a free port the agent runs on, and says so.
pub async fn spawn(settings: &ApiSettings, state: Arc<State>) {
    let mut last_error = None;
    for port in settings.ports.clone() {
        match TcpListener::bind((settings.host.as_str(), port)).await {
            Ok(listener) => {
                let address = listener
                    .local_addr()
                    .map_or(String::new(), |a| a.to_string());
                tracing::info!("figures at http://{address}/metrics, health at /health");
                tokio::spawn(run(listener, state));
                return;
            }
            Err(error) => last_error = Some(error),
        }
    }
    if let Some(error) = last_error {
        let (host, ports) = (&settings.host, &settings.ports);
        tracing::warn!(
            "no API: cannot listen on {host}, ports {}-{}: {error}; choose others with --api.http.port",
            ports.start(),
            ports.end()
        );
    }
}

async fn run(listener: TcpListener, state: Arc<State>) {
    let connections = Arc::new(Semaphore::new(limits::API_CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    serve(stream, state).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!("a connection to the API failed: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, &state);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::API_REQUEST_WAIT)
        .max_buf_size(limits::API_REQUEST_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!("a connection to the API ended: {error}");
    }
}

fn answer(request: &Request<Incoming>, state: &State) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        let mut refused = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            "GET only\n".into(),
        );
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET"));
        return refused;
    }
    match request.uri().path() {
        "/health" => text(
            StatusCode::OK,
            "application/json",
            "{\"status\":\"green\"}\n".into(),
        ),
        "/metrics" => text(
            StatusCode::OK,
            "text/plain; version=0.0.4",
            prometheus::encode(state),
        ),
        "/" => {
            let version = env!("CARGO_PKG_VERSION");
            let body = format!("{{\"name\":\"sawlog\",\"version\":\"{version}\"}}\n");
            text(StatusCode::OK, "application/json", body)
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "text/plain",
            "there are /health and /metrics\n".into(),
        ),
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
