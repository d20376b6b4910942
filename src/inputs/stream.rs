//! A connection that came in, with or without TLS: bytes are read from it, and nothing is ever written but what TLS itself
//! sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::limits;

#[derive(Debug)]
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Returns when there may be something to read: so a silent connection needs no buffer. TLS cannot tell without reading.
    async fn ready(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.readable().await,
            Self::Tls(_) => Ok(()),
        }
    }

    /// How many bytes wait in the kernel, those of TLS itself among them.
    pub fn waiting(&self) -> usize {
        let socket = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        rustix::io::ioctl_fionread(socket)
            .ok()
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(0)
    }

    /// Appends what comes next, at most so many bytes; 0 at the end. May be dropped at any await: then nothing was read, but
    /// the buffer may have grown and is to be cut to the length it had.
    pub async fn read_into(&mut self, bytes: &mut Vec<u8>, bytes_max: usize) -> io::Result<usize> {
        self.ready().await?;
        let start = bytes.len();
        bytes.resize(start + bytes_max, 0);
        let read = self.read(bytes.get_mut(start..).unwrap_or_default()).await;
        bytes.truncate(start + read.as_ref().copied().unwrap_or(0));
        read
    }

    /// The same of what is there already; 0 if nothing is.
    pub async fn read_waiting(&mut self, bytes: &mut Vec<u8>, bytes_max: usize) -> usize {
        let start = bytes.len();
        bytes.resize(start + bytes_max, 0);
        let mut space = ReadBuf::new(bytes.get_mut(start..).unwrap_or_default());
        std::future::poll_fn(|context| {
            // Whatever it says, what is in the buffer then was read.
            let _said = Pin::new(&mut *self)
                .poll_read(context, &mut space)
                .is_ready();
            Poll::Ready(())
        })
        .await;
        let length = space.filled().len();
        bytes.truncate(start + length);
        length
    }

    /// Says goodbye, which TLS needs; a peer that is gone does not hear it.
    pub async fn close(&mut self) {
        if let Self::Tls(stream) = self {
            let closed = tokio::time::timeout(limits::TLS_GOODBYE_WAIT, stream.shutdown()).await;
            if !matches!(closed, Ok(Ok(()))) {
                tracing::debug!("a connection with TLS ended before it was closed");
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, space),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, space),
        }
    }
}
