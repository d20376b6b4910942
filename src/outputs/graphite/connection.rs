//! The connection to carbon. Lines go out; nothing ever comes back, so a dead connection is found by asking whether its
//! end was read, and what was last sent is sent once more over the next one.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits;

/// A connection that is made when it is needed.
pub struct Connection {
    host: String,
    port: u16,
    stream: Option<TcpStream>,
    /// The last flushes that were written.
    kept: VecDeque<Bytes>,
}

impl Connection {
    pub fn new(host: String, port: u16) -> Self {
        Self {
            host,
            port,
            stream: None,
            kept: VecDeque::new(),
        }
    }

    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Writes a flush, over a new connection if need be. After a fault the next call connects anew.
    pub async fn write(&mut self, flush: &Bytes) -> io::Result<()> {
        let result = timeout(limits::GRAPHITE_WAIT, self.write_now(flush)).await;
        let result = result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match &result {
            Ok(()) => self.keep(flush),
            Err(_) => self.stream = None,
        }
        result
    }

    async fn write_now(&mut self, flush: &Bytes) -> io::Result<()> {
        if self.stream.as_ref().is_some_and(is_closed) {
            self.stream = None;
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
                stream.set_nodelay(true)?;
                // What the old connection took may never have been read; the same line twice does no harm.
                for kept in &self.kept {
                    stream.write_all(kept).await?;
                }
                self.stream.insert(stream)
            }
        };
        stream.write_all(flush).await?;
        stream.flush().await
    }

    fn keep(&mut self, flush: &Bytes) {
        self.kept.push_back(flush.clone());
        let bytes = |kept: &VecDeque<Bytes>| kept.iter().map(Bytes::len).sum::<usize>();
        while limits::FLUSHES_KEPT_MAX < self.kept.len()
            || (limits::FLUSHES_KEPT_BYTES_MAX < bytes(&self.kept) && 1 < self.kept.len())
        {
            self.kept.pop_front();
        }
    }

    /// Ends the connection so that carbon reads all of it.
    pub async fn close(&mut self) -> io::Result<()> {
        match self.stream.take() {
            Some(mut stream) => stream.shutdown().await,
            None => Ok(()),
        }
    }
}

/// Whether the other side has ended the connection: carbon does so on a line that it cannot read.
fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0];
    match stream.try_read(&mut byte) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use super::Connection;

    async fn line(stream: &mut BufReader<TcpStream>) -> String {
        let mut line = String::new();
        stream
            .read_line(&mut line)
            .await
            .expect("the connection is good");
        line
    }

    #[tokio::test]
    async fn what_was_sent_last_is_sent_again_over_a_new_connection() {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("ports are free");
        let port = listener.local_addr().expect("it is bound").port();
        let mut connection = Connection::new("127.0.0.1".to_owned(), port);
        connection
            .write(&Bytes::from_static(b"a 1 10\n"))
            .await
            .expect("carbon is there");
        let (first, _) = listener.accept().await.expect("it connected");
        drop(first);
        let mut tries = 0;
        // The end of the connection takes its time to arrive; until then writes may go into it.
        let second = loop {
            tries += 1;
            assert!(tries < 1000, "the closed connection is noticed");
            if connection
                .write(&Bytes::from_static(b"b 2 20\n"))
                .await
                .is_err()
            {
                continue;
            }
            let accepted =
                tokio::time::timeout(std::time::Duration::from_millis(10), listener.accept());
            if let Ok(accepted) = accepted.await {
                break accepted.expect("it connected").0;
            }
        };
        let mut reader = BufReader::new(second);
        assert!(["a 1 10\n", "b 2 20\n"].contains(&line(&mut reader).await.as_str()));
        assert_eq!(line(&mut reader).await, "b 2 20\n");
    }

    #[tokio::test]
    async fn nobody_there_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("ports are free");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut connection = Connection::new("127.0.0.1".to_owned(), port);
        assert!(
            connection
                .write(&Bytes::from_static(b"a 1 10\n"))
                .await
                .is_err()
        );
    }
}
