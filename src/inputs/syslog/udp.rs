//! Datagrams to batches, on a thread of its own. The queue in the kernel is drained until it is empty; then, while the
//! rate is high, the thread naps a moment instead of waking up for every datagram.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::socket::{self, ControlMessageOwned, MsgFlags, sockopt};

use crate::event::{Batch, Provenance};
use crate::inputs::Flow;
use crate::inputs::sockets::{Datagrams, Dropped};
use crate::inputs::syslog::fields::{Fields, Frame, Messages};
use crate::limits;
use crate::metrics::{Counter, Gauge, PluginMetrics};
use crate::queue::ack::Ack;

/// The rate is high when a wake-up found this many datagrams.
const BUSY_DATAGRAMS: usize = 8;

/// Reads one socket.
pub struct Reader {
    socket: UdpSocket,
    fields: Arc<Fields>,
    datagrams: Arc<Counter>,
    bytes: Arc<Counter>,
    drops: Drops,
    stream: u64,
    provenance: Provenance,
    /// Where in the stream the next batch begins.
    offset: u64,
}

impl Reader {
    pub fn new(
        Datagrams { socket, dropped }: Datagrams,
        fields: &Arc<Fields>,
        metrics: &PluginMetrics,
    ) -> Self {
        if let Err(error) = socket::setsockopt(&socket, sockopt::RxqOvfl, &1) {
            tracing::debug!("the kernel does not count dropped datagrams: {error}");
        }
        let port = socket.local_addr().map_or(0, |address| address.port());
        Self {
            socket,
            fields: Arc::clone(fields),
            datagrams: metrics.counter("udp_datagrams"),
            bytes: metrics.counter("udp_bytes"),
            drops: Drops {
                counter: metrics.counter("udp_drops"),
                counted: dropped,
                read: Instant::now(),
            },
            stream: u64::from(port),
            provenance: Provenance::unrepeatable(crate::host::now_nanos()),
            offset: 0,
        }
    }

    /// Reads until the agent stops; what the kernel still holds then is read to its end.
    pub fn run(mut self, flow: &Flow) {
        if let Err(error) = self.socket.set_nonblocking(true) {
            tracing::error!("cannot read syslog over UDP: {error}");
            return;
        }
        loop {
            let stopping = flow.is_stopping();
            match self.drain(flow) {
                // What waited when the input had to stop was read; senders need not pause for it to end.
                Ok(_) if stopping => return,
                Ok(BUSY_DATAGRAMS..) => std::thread::sleep(limits::DATAGRAM_NAP),
                Ok(_) => self.wait(),
                Err(Closed) => return,
            }
        }
    }

    /// Reads what waits, into as many batches as it takes. Gives the number of datagrams.
    fn drain(&mut self, flow: &Flow) -> Result<usize, Closed> {
        let mut total = 0;
        loop {
            let mut gathered = Gathered::default();
            while gathered.has_room() && self.receive(&mut gathered) {}
            let count = gathered.frames.len();
            total += count;
            if count == 0 {
                return Ok(total);
            }
            let full = !gathered.has_room();
            self.datagrams.add(count as u64);
            self.bytes.add(gathered.end as u64);
            self.send(gathered, flow)?;
            if !full {
                return Ok(total);
            }
        }
    }

    /// Receives one datagram. False if none waits.
    fn receive(&mut self, gathered: &mut Gathered) -> bool {
        if limits::DATAGRAM_DROPS_INTERVAL < self.drops.read.elapsed() {
            return self.receive_with_drops(gathered);
        }
        loop {
            match self.socket.recv_from(gathered.space()) {
                Ok((length, sender)) => {
                    gathered.push(length, sender.ip());
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // An ICMP answer to a socket of ours, say: the next datagram may be fine.
                    tracing::debug!("a datagram could not be received: {error}");
                    return false;
                }
            }
        }
    }

    /// The same, and reads how many datagrams the kernel had to drop.
    fn receive_with_drops(&mut self, gathered: &mut Gathered) -> bool {
        use std::os::fd::AsRawFd;
        let mut control = nix::cmsg_space!(u32);
        let mut space = [io::IoSliceMut::new(gathered.space())];
        let received = socket::recvmsg::<socket::SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut space,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        );
        let Ok(message) = received else { return false };
        let dropped = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::RxqOvfl(dropped) => Some(dropped),
                _ => None,
            })
        });
        let sender = message.address.as_ref().and_then(address_of);
        let length = message.bytes;
        self.drops.note(dropped);
        gathered.push(length, sender.unwrap_or(IpAddr::from([0, 0, 0, 0])));
        true
    }

    fn send(&mut self, gathered: Gathered, flow: &Flow) -> Result<(), Closed> {
        let messages = Messages {
            fields: Arc::clone(&self.fields),
            frames: gathered.frames,
            senders: gathered.senders,
        };
        let mut bytes = gathered.bytes;
        bytes.truncate(gathered.end);
        let now = crate::host::now_nanos();
        let mut batch = Batch::new(bytes, Arc::clone(&flow.names), now, Ack::pushed());
        batch.stream = self.stream;
        batch.come_from(self.provenance, self.offset);
        self.offset += messages.places();
        batch.decode = Some(Arc::new(messages));
        flow.batches.send_blocking(batch).map_err(|_| Closed)
    }

    /// Sleeps until a datagram comes, at most for `limits::DATAGRAM_WAIT`.
    fn wait(&self) {
        let mut polled = [rustix::event::PollFd::from_borrowed_fd(
            self.socket.as_fd(),
            rustix::event::PollFlags::IN,
        )];
        let wait = rustix::time::Timespec {
            tv_sec: 0,
            tv_nsec: limits::DATAGRAM_WAIT.subsec_nanos().into(),
        };
        if let Err(error) = rustix::event::poll(&mut polled, Some(&wait))
            && error != rustix::io::Errno::INTR
        {
            std::thread::sleep(limits::DATAGRAM_WAIT);
        }
    }
}

/// The workers are gone.
struct Closed;

fn address_of(address: &socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|address| IpAddr::from(address.ip()));
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|address| IpAddr::from(address.ip()))
    })
}

/// Datagrams of one batch.
struct Gathered {
    bytes: Vec<u8>,
    end: usize,
    frames: Vec<Frame>,
    senders: Vec<IpAddr>,
    numbers: HashMap<IpAddr, u16>,
    last: Option<(IpAddr, u16)>,
}

impl Default for Gathered {
    fn default() -> Self {
        Self {
            bytes: vec![0; limits::READ_BYTES + limits::DATAGRAM_BYTES_MAX],
            end: 0,
            frames: Vec::new(),
            senders: Vec::new(),
            numbers: HashMap::new(),
            last: None,
        }
    }
}

impl Gathered {
    fn has_room(&self) -> bool {
        self.end < limits::READ_BYTES && self.frames.len() < limits::DATAGRAMS_GATHERED_MAX
    }

    fn space(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    fn push(&mut self, length: usize, sender: IpAddr) {
        let range = self.end as u32..(self.end + length) as u32;
        self.end += length;
        let sender = self.number(sender);
        self.frames.push(Frame {
            range,
            sender,
            is_truncated: false,
        });
    }

    /// The sender's place in `senders`. One of IPv4 that came to a socket of both is one of IPv4.
    fn number(&mut self, sender: IpAddr) -> u16 {
        let sender = sender.to_canonical();
        if let Some((last, number)) = self.last
            && last == sender
        {
            return number;
        }
        let senders = &mut self.senders;
        let number = *self.numbers.entry(sender).or_insert_with(|| {
            senders.push(sender);
            (senders.len() - 1) as u16
        });
        self.last = Some((sender, number));
        number
    }
}

/// The kernel's count of datagrams that found the receive buffer full.
struct Drops {
    counter: Arc<Counter>,
    counted: Arc<Dropped>,
    read: Instant,
}

impl Drops {
    /// The kernel's sum comes with a datagram once it is not 0.
    fn note(&mut self, sum: Option<u32>) {
        self.read = Instant::now();
        let Some(sum) = sum else { return };
        let new = self.counted.note(sum);
        if 0 < new {
            self.counter.add(new.into());
            tracing::warn!(
                "the kernel dropped {new} datagrams of syslog: the agent or its outputs are too slow, or \
                 `receive_buffer_bytes` is too small"
            );
        }
    }
}

/// Asks for a larger receive buffer: with the right to it beyond the system's limit, else up to it. One that systemd made
/// large enough is left alone: without the right, asking would make it smaller.
pub fn enlarge(socket: &UdpSocket, wanted: usize, gauge: &Gauge) {
    if buffer_of(socket) < wanted
        && rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, wanted).is_err()
        && let Err(error) = rustix::net::sockopt::set_socket_recv_buffer_size(socket, wanted)
    {
        tracing::debug!("the receive buffer stays as it is: {error}");
    }
    let got = buffer_of(socket);
    gauge.set(got as u64);
    if got < wanted {
        tracing::warn!(
            "the receive buffer for syslog has {got} bytes instead of {wanted}: bursts may be lost; run \
             `sysctl -w net.core.rmem_max={wanted}`, or grant CAP_NET_ADMIN"
        );
    }
}

/// The kernel tells twice what was asked for, its own bookkeeping counted in.
fn buffer_of(socket: &UdpSocket) -> usize {
    rustix::net::sockopt::socket_recv_buffer_size(socket).unwrap_or(0) / 2
}
