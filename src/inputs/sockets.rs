//! Bound sockets by protocol and address, outside the pipelines: a reload takes the same socket again, so that nothing
//! that waits in it is lost. Inputs get duplicates; the table keeps the originals. Sockets that systemd opened before the
//! start are found here too. Accepted connections pass through here from the input that a reload stops to the one that it
//! starts.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use sawlog_parsers::framing::Decoder;
use tokio::sync::watch;

use crate::inputs::stream::Stream;

/// An accepted connection, with what was read of it and is no whole message yet.
#[derive(Debug)]
pub struct Connection {
    pub stream: Stream,
    pub sender: IpAddr,
    pub decoder: Decoder,
    pub rest: Vec<u8>,
}

/// A socket for datagrams, with what is known of those that the kernel dropped there.
#[derive(Debug)]
pub struct Datagrams {
    pub socket: UdpSocket,
    pub dropped: Arc<Dropped>,
}

impl Datagrams {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        UdpSocket::bind(address).map(Self::from)
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            dropped: Arc::clone(&self.dropped),
        })
    }
}

impl From<UdpSocket> for Datagrams {
    fn from(socket: UdpSocket) -> Self {
        Self {
            socket,
            dropped: Arc::default(),
        }
    }
}

/// How many datagrams the kernel has dropped at a socket, as far as somebody has counted them: its sum goes on when another
/// input takes the socket.
#[derive(Debug, Default)]
pub struct Dropped(AtomicU32);

impl Dropped {
    /// Takes the kernel's sum, which wraps; gives how many are new in it.
    pub fn note(&self, sum: u32) -> u32 {
        // A sum that another reader has gone beyond is an old one.
        let new = |counted: u32| {
            sum.wrapping_sub(counted)
                .cast_signed()
                .max(0)
                .cast_unsigned()
        };
        let counted = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |counted| {
                (0 < new(counted)).then_some(sum)
            });
        counted.map_or(0, new)
    }
}

/// Which reload an input belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

/// Sockets of one protocol.
#[derive(Debug)]
struct Table<S> {
    /// By the address that inputs name, with the reload that last asked for them.
    bound: HashMap<SocketAddr, (S, u64)>,
    /// Opened by systemd, by the address that they have. They stay open: it holds them as well.
    held: Vec<Held<S>>,
}

#[derive(Debug)]
struct Held<S> {
    address: SocketAddr,
    socket: S,
    is_used: bool,
}

impl<S> Default for Table<S> {
    fn default() -> Self {
        Self {
            bound: HashMap::new(),
            held: Vec::new(),
        }
    }
}

impl<S> Table<S> {
    /// The socket of systemd that receives what is sent to an address.
    fn held_for(&mut self, address: SocketAddr) -> Option<&mut Held<S>> {
        let exact = self.held.iter().position(|held| held.address == address);
        let place = exact.or_else(|| self.held.iter().position(|held| held.covers(address)))?;
        self.held.get_mut(place)
    }

    /// Sockets for those of the addresses that have none. What a socket of ours stands in the way of is left out: that one may
    /// be closed by then.
    fn missing(
        &mut self,
        addresses: &[SocketAddr],
        bind: impl Fn(SocketAddr) -> io::Result<S>,
    ) -> Result<Vec<(SocketAddr, S)>, (SocketAddr, io::Error)> {
        let mut sockets = Vec::new();
        for &address in addresses {
            let is_ours = |other: &SocketAddr| other.port() == address.port();
            if address.port() == 0
                || self.bound.keys().any(is_ours)
                || self.held_for(address).is_some()
            {
                continue;
            }
            let socket = bind(address).map_err(|error| (address, error))?;
            sockets.push((address, socket));
        }
        Ok(sockets)
    }

    fn keep(&mut self, sockets: Vec<(SocketAddr, S)>, generation: u64) {
        let with_generation = |(address, socket)| (address, (socket, generation));
        self.bound.extend(sockets.into_iter().map(with_generation));
    }
}

impl<S> Held<S> {
    /// `ListenDatagram=514` opens `[::]:514`, which is `0.0.0.0:514` besides.
    fn covers(&self, address: SocketAddr) -> bool {
        self.address.port() == address.port()
            && self.address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            && address.ip().is_unspecified()
    }
}

/// Connections of inputs that a reload ends.
#[derive(Debug, Default)]
struct Left {
    /// Addresses at which somebody takes them.
    taken_at: Vec<SocketAddr>,
    connections: HashMap<SocketAddr, Vec<Connection>>,
}

/// All sockets that inputs have bound.
#[derive(Debug, Default)]
pub struct Sockets {
    udp: Mutex<Table<Datagrams>>,
    tcp: Mutex<Table<TcpListener>>,
    /// Counts reloads; a socket that was not asked for since the last one is closed.
    generation: AtomicU64,
    /// Connections that wait for the next input of the address at which they were accepted.
    left: Mutex<Left>,
    /// Changes whenever a connection is left.
    leaving: watch::Sender<()>,
}

impl Sockets {
    /// The UDP socket at an address, bound now if it is not yet. Port 0 is always bound anew.
    pub fn udp(&self, address: SocketAddr) -> io::Result<Datagrams> {
        self.take(&self.udp, address, Datagrams::bind, Datagrams::try_clone)
    }

    /// The TCP listener at an address, bound now if it is not yet.
    pub fn tcp(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let bound = |listener: &TcpListener| listener.try_clone();
        self.take(&self.tcp, address, TcpListener::bind, bound)
    }

    /// Binds what the inputs of the next reload will ask for, or nothing; gives the address that cannot be had then.
    pub fn reserve(
        &self,
        udp: &[SocketAddr],
        tcp: &[SocketAddr],
    ) -> Result<(), (SocketAddr, io::Error)> {
        let generation = self.generation.load(Ordering::Acquire);
        let mut udp_table = self.udp.lock().expect("no holder of this lock panics");
        let mut tcp_table = self.tcp.lock().expect("no holder of this lock panics");
        let udp = udp_table.missing(udp, Datagrams::bind)?;
        let tcp = tcp_table.missing(tcp, TcpListener::bind)?;
        udp_table.keep(udp, generation);
        tcp_table.keep(tcp, generation);
        Ok(())
    }

    fn take<S>(
        &self,
        table: &Mutex<Table<S>>,
        address: SocketAddr,
        bind: impl Fn(SocketAddr) -> io::Result<S>,
        duplicate: impl Fn(&S) -> io::Result<S>,
    ) -> io::Result<S> {
        let generation = self.generation.load(Ordering::Acquire);
        let mut table = table.lock().expect("no holder of this lock panics");
        if let Some((socket, asked)) = table.bound.get_mut(&address)
            && address.port() != 0
        {
            *asked = generation;
            return duplicate(socket);
        }
        let socket = match table.held_for(address) {
            Some(held) => {
                held.is_used = true;
                duplicate(&held.socket)?
            }
            None => bind(address)?,
        };
        let given = duplicate(&socket)?;
        if address.port() != 0 {
            table.bound.insert(address, (socket, generation));
        }
        Ok(given)
    }

    /// Takes a socket that systemd opened; gives its address.
    pub fn hold_udp(&mut self, socket: UdpSocket) -> io::Result<SocketAddr> {
        let address = socket.local_addr()?;
        hold(&mut self.udp, socket.into(), address);
        Ok(address)
    }

    /// The same for one that listens.
    pub fn hold_tcp(&mut self, socket: TcpListener) -> io::Result<SocketAddr> {
        let address = socket.local_addr()?;
        hold(&mut self.tcp, socket, address);
        Ok(address)
    }

    /// Says which sockets of systemd no input asked for: what is sent to them is read by nobody.
    pub fn report_unused(&self) {
        let unused = [("UDP", unused(&self.udp)), ("TCP", unused(&self.tcp))];
        for (protocol, addresses) in unused {
            for address in addresses {
                tracing::warn!(
                    "systemd holds a socket of {protocol} at {address} that no input reads: give an input this address"
                );
            }
        }
    }

    /// The generation of an input that starts now.
    pub fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Leaves a connection to the next input of its address. Without such an input, because the agent stops or nobody listens
    /// at the address any more, it is given back.
    pub fn leave(
        &self,
        address: SocketAddr,
        input: Generation,
        connection: Connection,
    ) -> Result<(), Connection> {
        let mut left = self.left();
        if !self.has_successor(&left, address, input) {
            return Err(connection);
        }
        left.connections
            .entry(address)
            .or_default()
            .push(connection);
        drop(left);
        self.leaving.send_replace(());
        Ok(())
    }

    /// The connections that were left at an address.
    pub fn take_left(&self, address: SocketAddr) -> Vec<Connection> {
        let waiting = self.left().connections.remove(&address);
        waiting.unwrap_or_default()
    }

    /// The same for an input that ends; none if another one takes them.
    pub fn take_last(&self, address: SocketAddr, input: Generation) -> Option<Vec<Connection>> {
        let mut left = self.left();
        let is_last = !self.has_successor(&left, address, input);
        is_last.then(|| left.connections.remove(&address).unwrap_or_default())
    }

    fn has_successor(&self, left: &Left, address: SocketAddr, input: Generation) -> bool {
        self.generation() != input && left.taken_at.contains(&address)
    }

    /// Tells when a connection is left, at any address.
    pub fn leaving(&self) -> watch::Receiver<()> {
        self.leaving.subscribe()
    }

    /// A reload begins: sockets that its inputs ask for are kept, and connections at these addresses are taken over.
    pub fn begin_reload(&self, taken_at: Vec<SocketAddr>) {
        self.left().taken_at = taken_at;
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// The agent stops: nobody takes connections over any more.
    pub fn leave_no_more(&self) {
        self.left().taken_at.clear();
    }

    /// The reload is done, and its inputs have asked for their sockets: closes the others.
    pub fn end_reload(&self) {
        let generation = self.generation.load(Ordering::Acquire);
        let current = |asked: u64| asked == generation;
        self.udp
            .lock()
            .expect("no holder of this lock panics")
            .bound
            .retain(|_, s| current(s.1));
        self.tcp
            .lock()
            .expect("no holder of this lock panics")
            .bound
            .retain(|_, s| current(s.1));
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().expect("no holder of this lock panics")
    }
}

fn hold<S>(table: &mut Mutex<Table<S>>, socket: S, address: SocketAddr) {
    let table = table.get_mut().expect("no holder of this lock panics");
    let is_used = false;
    table.held.push(Held {
        address,
        socket,
        is_used,
    });
}

fn unused<S>(table: &Mutex<Table<S>>) -> Vec<SocketAddr> {
    let table = table.lock().expect("no holder of this lock panics");
    let unused = table.held.iter().filter(|held| !held.is_used);
    unused.map(|held| held.address).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use super::Sockets;

    /// An address that was free a moment ago.
    fn free() -> SocketAddr {
        let probe = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        probe.local_addr().expect("it is bound")
    }

    #[test]
    fn what_waits_in_a_socket_outlives_a_reload() {
        let (sockets, address) = (Sockets::default(), free());
        drop(sockets.udp(address).expect("the port is free"));
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        sender.send_to(b"kept", address).expect("loopback takes it");
        sockets.begin_reload(Vec::new());
        let again = sockets.udp(address).expect("it is still bound");
        sockets.end_reload();
        let mut buffer = [0; 16];
        assert_eq!(again.socket.recv(&mut buffer).expect("it waits"), 4);
    }

    #[test]
    fn drops_that_were_counted_before_a_reload_are_not_counted_again() {
        let (sockets, address) = (Sockets::default(), free());
        let udp = || sockets.udp(address).expect("the port is free").dropped;
        let reload = || {
            sockets.begin_reload(Vec::new());
            let dropped = udp();
            sockets.end_reload();
            dropped
        };
        assert_eq!(udp().note(70), 70);
        let dropped = reload();
        assert_eq!(dropped.note(70), 0);
        assert_eq!(dropped.note(100), 30);
        // The old input's reader comes late.
        assert_eq!(dropped.note(90), 0);
        assert_eq!(reload().note(101), 1);
        // The sum wraps.
        let quarter = 1 << 30;
        assert_eq!(dropped.note(quarter), quarter - 101);
        assert_eq!(dropped.note(2 * quarter), quarter);
        assert_eq!(dropped.note(3 * quarter), quarter);
        assert_eq!(dropped.note(4), quarter + 4);
        // A socket that is bound anew begins at 0.
        sockets.begin_reload(Vec::new());
        sockets.end_reload();
        assert_eq!(udp().note(3), 3);
    }

    #[test]
    fn a_socket_nobody_asks_for_is_closed() {
        let (sockets, address) = (Sockets::default(), free());
        drop(sockets.udp(address).expect("the port is free"));
        assert!(UdpSocket::bind(address).is_err());
        sockets.begin_reload(Vec::new());
        sockets.end_reload();
        assert!(UdpSocket::bind(address).is_ok());
    }

    #[test]
    fn a_socket_of_systemd_is_taken_where_it_is_asked_for_and_never_closed() {
        let socket = UdpSocket::bind("[::]:0").expect("a port is free");
        let port = socket.local_addr().expect("it is bound").port();
        let mut sockets = Sockets::default();
        sockets.hold_udp(socket).expect("it is bound");
        let address = SocketAddr::from(([0, 0, 0, 0], port));
        let taken = sockets.udp(address).expect("it is held");
        let taken = taken.socket.local_addr().expect("it is bound");
        assert_eq!(taken.port(), port);
        sockets.begin_reload(Vec::new());
        sockets.end_reload();
        assert!(UdpSocket::bind(address).is_err());
        assert!(sockets.udp(address).is_ok());
    }

    #[test]
    fn a_socket_of_systemd_at_another_address_is_left_alone() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        let held = socket.local_addr().expect("it is bound");
        let mut sockets = Sockets::default();
        sockets.hold_udp(socket).expect("it is bound");
        let other = SocketAddr::from(([127, 0, 0, 2], held.port()));
        let bound = sockets.udp(other).expect("the port is free there");
        assert_eq!(bound.socket.local_addr().expect("it is bound"), other);
        assert_eq!(super::unused(&sockets.udp), [held]);
    }
}
