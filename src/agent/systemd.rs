//! What systemd holds for the agent and wants to be told: sockets that it opened before, when inputs are ready, when a
//! reload begins, and that the agent is alive. Started by anything else, none of this does anything.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::inputs::sockets::Sockets;

/// Takes over the sockets that came with the start. To be called before any thread exists, since it changes the environment.
pub fn sockets() -> Sockets {
    let mut held = ListenFd::from_env();
    let mut sockets = Sockets::default();
    for index in 0..held.len() {
        if let Some(socket) = udp(&mut held, index) {
            adopted("UDP", sockets.hold_udp(socket));
        } else if let Some(listener) = tcp(&mut held, index) {
            adopted("TCP", sockets.hold_tcp(listener));
        } else {
            tracing::warn!(
                "socket {index} of systemd is neither of UDP nor listens for TCP: nobody uses it"
            );
        }
    }
    sockets
}

fn udp(held: &mut ListenFd, index: usize) -> Option<UdpSocket> {
    held.take_udp_socket(index).ok().flatten()
}

fn tcp(held: &mut ListenFd, index: usize) -> Option<TcpListener> {
    held.take_tcp_listener(index).ok().flatten()
}

fn adopted(protocol: &str, address: std::io::Result<std::net::SocketAddr>) {
    match address {
        Ok(address) => tracing::info!("systemd holds a socket of {protocol} at {address}"),
        Err(error) => tracing::warn!("a socket of systemd cannot be used: {error}"),
    }
}

/// The inputs have their sockets, or a reload is over.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A reload begins.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The agent drains and ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("systemd cannot be told of the agent's state: {error}");
    }
}

/// Tells systemd that the runtime is alive, twice in the time that it allows, where it asks for it.
pub fn keep_telling() {
    let Some(within) = sd_notify::watchdog_enabled().filter(|within| !within.is_zero()) else {
        return;
    };
    let every = (within / 2).max(Duration::from_millis(1));
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    });
}
