//! `syslog`: UDP and TCP on one port, or TLS alone (RFC 5425). RFC 3164, RFC 5424, Docker's log driver and what devices send; framing on TCP is told
//! apart by itself. A line that no parser understands is kept whole, with a tag.

mod fields;
mod tcp;
mod udp;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::inputs::origin::Origin;
use crate::inputs::sockets::Datagrams;
use crate::inputs::tls::{self, Tls};
use crate::inputs::{Flow, Input, InputPlugin, Source};
use crate::limits;
use crate::metrics::PluginMetrics;
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options, Plugin, Section};
use fields::Fields;

pub const PLUGIN: InputPlugin = InputPlugin {
    plugin: &DESCRIPTION,
    build,
};

static DESCRIPTION: Plugin = Plugin {
    section: Section::Input,
    name: "syslog",
    summary: "Receives syslog over UDP and TCP on one port: RFC 3164, RFC 5424, the formats of Docker's log driver, \
              and their relatives. On TCP octet counting and newlines are told apart message by message.",
    options: &[
        Opt::new("host", Kind::Text, "Address to listen on.").default("\"0.0.0.0\""),
        Opt::new(
            "port",
            Kind::Integer,
            "Port to listen on, for UDP and TCP; with `ssl_enabled` for TCP alone. RFC 5425 has 6514 for TLS.",
        )
        .default("514"),
        Opt::new(
            "codec",
            Kind::Codec,
            "How a message is read before its syslog header is.",
        )
        .default("\"plain\""),
        Opt::new(
            "use_labels",
            Kind::Boolean,
            "Add the names of facility and severity.",
        )
        .default("true"),
        Opt::new(
            "facility_labels",
            Kind::List,
            "Names of the facilities, from 0; Logstash's by default.",
        )
        .default("[]"),
        Opt::new(
            "severity_labels",
            Kind::List,
            "Names of the severities, from 0; Logstash's by default.",
        )
        .default("[]"),
        Opt::new(
            "timezone",
            Kind::Text,
            "Zone of times that name none; by default the host's.",
        ),
        Opt::new("locale", Kind::Text, "")
            .without_effect("names of months are read in English only"),
        Opt::new(
            "receive_buffer_bytes",
            Kind::Bytes,
            "The socket's receive buffer: what the kernel keeps while the agent is busy.",
        )
        .default("\"64 MiB\""),
        tls::ENABLED,
        tls::CERTIFICATE,
        tls::KEY,
        tls::KEY_PASSPHRASE,
        tls::AUTHORITIES,
        tls::CLIENT_AUTHENTICATION,
    ],
    absent: &["grok_pattern", "syslog_field", "proxy_protocol"],
};

/// A checked syslog input.
struct Syslog {
    address: (String, u16),
    receive_buffer_bytes: usize,
    tls: Option<Arc<Tls>>,
    fields: Arc<Fields>,
    metrics: Arc<PluginMetrics>,
}

fn build(options: &Options, building: &mut Building<'_>) -> Option<Box<dyn Input>> {
    let port = options.integer("port").unwrap_or(514);
    let port = match u16::try_from(port) {
        Ok(port) => Some(port),
        Err(_) => {
            building.refuse(
                options.span_of("port"),
                format!("`port` is {port}; ports end at 65535"),
            );
            None
        }
    };
    let zone = building.zone(options);
    let tls = tls::check(options, building);
    let origin = Origin::of_messages(options, building);
    let fields = Fields::compile(options, origin?, zone?, building);
    Some(Box::new(Syslog {
        address: (options.text("host").unwrap_or("0.0.0.0").to_owned(), port?),
        receive_buffer_bytes: options.bytes("receive_buffer_bytes").unwrap_or(0) as usize,
        tls: tls?,
        fields: Arc::new(fields),
        metrics: building.metrics.plugin(options),
    }))
}

impl Input for Syslog {
    fn source(&self) -> Source {
        Source::Pushed
    }

    fn listens_at(&self) -> Vec<SocketAddr> {
        let (host, port) = &self.address;
        resolve(host, *port).into_iter().collect()
    }

    fn receives_at(&self) -> Vec<SocketAddr> {
        match self.tls {
            Some(_) => Vec::new(),
            None => self.listens_at(),
        }
    }

    fn start(self: Box<Self>, flow: Flow) -> JoinHandle<()> {
        // Asked for here, so that a reload knows which sockets are still wanted.
        let udp = match self.tls {
            Some(_) => None,
            None => Some(self.bind_udp(&flow)),
        };
        let tcp = self.bind(|address| flow.sockets.tcp(address));
        tokio::spawn(self.run(flow, udp, tcp))
    }
}

impl Syslog {
    fn bind<S>(&self, bind: impl Fn(SocketAddr) -> io::Result<S>) -> io::Result<S> {
        let (host, port) = &self.address;
        resolve(host, *port).and_then(bind)
    }

    /// The buffer is enlarged at once: what comes before the reader runs has to fit it.
    fn bind_udp(&self, flow: &Flow) -> io::Result<Datagrams> {
        let datagrams = self.bind(|address| flow.sockets.udp(address))?;
        let gauge = self.metrics.gauge("udp_receive_buffer_bytes");
        udp::enlarge(&datagrams.socket, self.receive_buffer_bytes, &gauge);
        Ok(datagrams)
    }

    /// Waits for the sockets, if they are not bound yet, and reads them until the end.
    async fn run(
        self: Box<Self>,
        flow: Flow,
        udp: Option<io::Result<Datagrams>>,
        tcp: io::Result<TcpListener>,
    ) {
        let bind_udp = || self.bind_udp(&flow);
        let bind_tcp = || self.bind(|address| flow.sockets.tcp(address));
        let protocol = if self.tls.is_some() { "TLS" } else { "TCP" };
        let tcp = self.open(&flow, protocol, tcp, bind_tcp);
        let udp = async {
            let Some(udp) = udp else { return };
            let udp = self.open(&flow, "UDP", udp, bind_udp);
            let Some(socket) = udp.await else { return };
            let reader = udp::Reader::new(socket, &self.fields, &self.metrics);
            let (reader, flow) = (reader, flow.clone());
            let read = tokio::task::spawn_blocking(move || reader.run(&flow)).await;
            if let Err(error) = read {
                tracing::error!("the reader of syslog over UDP ended by a fault: {error}");
            }
        };
        let tcp = async {
            let Some(listener) = tcp.await else { return };
            let tls = self.tls.clone();
            tcp::run(listener, tls, &flow, &self.fields, &self.metrics).await;
        };
        tokio::join!(udp, tcp);
    }

    /// Takes what the first try gave. If it failed, says once why, and tries until it can or has to stop.
    async fn open<S>(
        &self,
        flow: &Flow,
        protocol: &str,
        mut tried: io::Result<S>,
        bind: impl Fn() -> io::Result<S>,
    ) -> Option<S> {
        let (host, port) = &self.address;
        let mut stop = flow.stop.clone();
        let mut told = false;
        loop {
            match tried {
                Ok(socket) => {
                    tracing::info!("syslog over {protocol} on {host} port {port}");
                    return Some(socket);
                }
                Err(error) if !told => {
                    told = true;
                    tracing::warn!(
                        "cannot listen for syslog over {protocol} on {host} port {port}: {error}; {}; \
                         tried again until it works",
                        advice(&error)
                    );
                }
                Err(_) => {}
            }
            let stopped =
                tokio::time::timeout(limits::SYSLOG_BIND_AGAIN, stop.wait_for(|stop| *stop));
            if stopped.await.is_ok() {
                return None;
            }
            tried = bind();
        }
    }
}

fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let mut addresses = (host, port).to_socket_addrs()?;
    addresses
        .next()
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// What to do about a port that cannot be had.
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "stop the program that has the port, or choose another `port`",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose a higher `port` or grant it"
        }
        _ => "check `host` and `port`",
    }
}
