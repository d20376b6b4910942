//! The network around a sender. In a simulation it is another one.

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// What a sender needs of the network.
pub trait Outside: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    fn connect(host: &str, port: u16) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Whether the other side has ended the connection: carbon does so on what it cannot read, and when it ends itself.
    fn is_ended(stream: &mut Self::Stream) -> bool;

    /// From now on a connection that is dropped is reset with all that the network still holds of it.
    fn reset_when_dropped(stream: &Self::Stream) -> io::Result<()>;
}

/// The network of this machine.
pub struct Real;

impl Outside for Real {
    type Stream = TcpStream;

    async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn is_ended(stream: &mut TcpStream) -> bool {
        let mut byte = [0];
        match stream.try_read(&mut byte) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    fn reset_when_dropped(stream: &TcpStream) -> io::Result<()> {
        stream.set_zero_linger()
    }
}
