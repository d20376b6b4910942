//! Connections of syslog: they are accepted, shake hands where TLS is asked for, and get a task each, which `reader` is.

mod reader;

use std::net::{IpAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sawlog_parsers::framing::{Decoder, Limits};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;

use crate::inputs::Flow;
use crate::inputs::sockets::Connection;
use crate::inputs::stream::Stream;
use crate::inputs::syslog::fields::Fields;
use crate::inputs::tls::{Looked, Tls};
use crate::inputs::unfinished::Unfinished;
use crate::limits;
use crate::metrics::{Counter, PluginMetrics};
use crate::quiet::Quiet;
use reader::{Reader, Surroundings};

/// Accepts until the input has to stop. At a reload its connections go to the next input; else they hand over what was
/// sent.
pub async fn run(
    listener: StdListener,
    tls: Option<Arc<Tls>>,
    flow: &Flow,
    fields: &Arc<Fields>,
    metrics: &Arc<PluginMetrics>,
) {
    let address = listener.local_addr();
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(listener));
    let (listener, address) = match (listener, address) {
        (Ok(listener), Ok(address)) => (listener, address),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!("cannot read syslog over TCP: {error}");
            return;
        }
    };
    let mut service = Service {
        tls,
        connections: JoinSet::new(),
        surroundings: Surroundings {
            address,
            generation: flow.sockets.generation(),
            number: 0,
            flow: flow.clone(),
            fields: Arc::clone(fields),
            shared: Arc::new(Shared::new(metrics)),
        },
    };
    service.accept(&listener).await;
    service.take_last(&listener).await;
    while service.connections.join_next().await.is_some() {}
}

struct Service {
    tls: Option<Arc<Tls>>,
    connections: JoinSet<()>,
    /// Of the connection that was begun last.
    surroundings: Surroundings,
}

/// What all connections of an input have in common: their limits, counters and complaints.
struct Shared {
    permits: Arc<Semaphore>,
    unfinished: Arc<Unfinished>,
    broken: Arc<Counter>,
    refused: Arc<Counter>,
    idle: Arc<Counter>,
    cut: Arc<Counter>,
    tls_failed: Arc<Counter>,
    accept_fault: Quiet,
    refusal: Quiet,
    count_fault: Quiet,
    cut_fault: Quiet,
    tls_fault: Quiet,
}

impl Shared {
    fn new(metrics: &PluginMetrics) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limits::SYSLOG_CONNECTIONS_MAX)),
            unfinished: Unfinished::new(limits::SYSLOG_UNFINISHED_BYTES_MAX),
            broken: metrics.counter("tcp_connections_broken"),
            refused: metrics.counter("tcp_connections_refused"),
            idle: metrics.counter("tcp_connections_idle"),
            cut: metrics.counter("tcp_connections_cut"),
            tls_failed: metrics.counter("tls_failed"),
            accept_fault: Quiet::default(),
            refusal: Quiet::default(),
            count_fault: Quiet::default(),
            cut_fault: Quiet::default(),
            tls_fault: Quiet::default(),
        }
    }

    /// Whether silent connections have to make room.
    fn is_crowded(&self) -> bool {
        self.permits.available_permits() < limits::SYSLOG_CONNECTIONS_MAX / 4
    }

    fn tls_fault(&self, sender: IpAddr, why: &str) {
        self.tls_failed.add(1);
        if self.tls_fault.passes(Instant::now()) {
            tracing::warn!("the TLS handshake with {sender} failed: {why}");
        }
    }
}

impl Service {
    async fn accept(&mut self, listener: &TcpListener) {
        let mut stop = self.surroundings.flow.stop.clone();
        let mut leaving = self.surroundings.flow.sockets.leaving();
        leaving.mark_changed();
        let mut looks = interval(limits::TLS_LOOK_INTERVAL);
        loop {
            let accepted = tokio::select! {
                // First of all: a stopped input must not take back what it has left.
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => accepted,
                _ = leaving.changed() => {
                    for connection in self.surroundings.flow.sockets.take_left(self.surroundings.address) {
                        self.take_over(connection);
                    }
                    continue;
                }
                _ = looks.tick(), if self.tls.is_some() => {
                    self.look_at_certificates();
                    continue;
                }
            };
            while self.connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, sender)) => self.serve(stream, sender.ip().to_canonical()),
                Err(error) => {
                    if self.surroundings.shared.accept_fault.passes(Instant::now()) {
                        tracing::warn!("a connection for syslog could not be accepted: {error}");
                    }
                    tokio::time::sleep(limits::SYSLOG_ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Unless another one comes, an input that ends reads out what an earlier one has left, and what waits to be accepted.
    async fn take_last(&mut self, listener: &TcpListener) {
        let Surroundings {
            address,
            generation,
            ref flow,
            ..
        } = self.surroundings;
        let Some(left) = flow.sockets.take_last(address, generation) else {
            return;
        };
        for connection in left {
            self.take_over(connection);
        }
        while let Ok(Ok((stream, sender))) = timeout(Duration::ZERO, listener.accept()).await {
            self.serve(stream, sender.ip().to_canonical());
        }
    }

    fn look_at_certificates(&self) {
        let Some(tls) = &self.tls else { return };
        match tls.look() {
            Ok(Looked::Unchanged) => {}
            Ok(Looked::Renewed) => tracing::info!("syslog over TLS shows the new certificate"),
            Err(why) => tracing::warn!("{why}; the certificate read before stays in use"),
        }
    }

    /// Takes a place among the connections, if there is one.
    fn permit(&self, sender: IpAddr) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.surroundings.shared.permits)
            .try_acquire_owned()
            .ok();
        if permit.is_none() {
            self.surroundings.shared.refused.add(1);
            if self.surroundings.shared.refusal.passes(Instant::now()) {
                tracing::warn!(
                    "a connection for syslog from {sender} is refused: {} are open",
                    limits::SYSLOG_CONNECTIONS_MAX
                );
            }
        }
        permit
    }

    /// Begins with a connection of the input before. One that is not encrypted does not get through where TLS is asked for
    /// now.
    fn take_over(&mut self, connection: Connection) {
        if connection.stream.is_tls() != self.tls.is_some() {
            self.surroundings.shared.broken.add(1);
            return;
        }
        if let Some(permit) = self.permit(connection.sender) {
            let reader = Reader::new(connection, self.next());
            self.connections.spawn(reader.run(permit));
        }
    }

    /// Begins with a new connection.
    fn serve(&mut self, stream: TcpStream, sender: IpAddr) {
        let Some(permit) = self.permit(sender) else {
            return;
        };
        keep_alive(&stream);
        let surroundings = self.next();
        let Some(tls) = &self.tls else {
            let connection = connection(Stream::Plain(stream), sender);
            let reader = Reader::new(connection, surroundings);
            self.connections.spawn(reader.run(permit));
            return;
        };
        let acceptor = tls.acceptor();
        let mut stop = surroundings.flow.stop.clone();
        self.connections.spawn(async move {
            let stream = tokio::select! {
                stream = shake_hands(acceptor, stream, sender, &surroundings.shared) => stream,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            if let Some(stream) = stream {
                let connection = connection(stream, sender);
                Reader::new(connection, surroundings).run(permit).await;
            }
        });
    }

    /// What the next connection works with.
    fn next(&mut self) -> Surroundings {
        self.surroundings.number += 1;
        self.surroundings.clone()
    }
}

fn connection(stream: Stream, sender: IpAddr) -> Connection {
    let limits = Limits {
        frame_bytes_max: limits::LINE_BYTES_MAX,
    };
    Connection {
        stream,
        sender,
        decoder: Decoder::new(limits),
        rest: Vec::new(),
    }
}

/// A connection with TLS, or none: then it was counted and said why.
async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    sender: IpAddr,
    shared: &Shared,
) -> Option<Stream> {
    match timeout(limits::TLS_HANDSHAKE_WAIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => shared.tls_fault(sender, &error.to_string()),
        Err(_) => shared.tls_fault(sender, "it took too long"),
    }
    None
}

/// Has the kernel find out when the other end is gone without a word.
fn keep_alive(stream: &TcpStream) {
    use rustix::net::sockopt;
    let asked = sockopt::set_socket_keepalive(stream, true)
        .and_then(|()| sockopt::set_tcp_keepidle(stream, limits::SYSLOG_KEEPALIVE_WAIT));
    if let Err(error) = asked {
        tracing::debug!("a connection is not watched by the kernel: {error}");
    }
}
