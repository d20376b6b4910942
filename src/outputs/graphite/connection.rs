//! Connections to carbon. Nothing ever comes back from it but the end of a connection, and that is the proof: each flush has a
//! connection of its own, which is closed for writing and then read to its end. The next one is opened at once and rests
//! until the next flush: if it ends before, carbon was restarted and may have lost what it had read.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::limits;
use crate::outputs::graphite::outside::Outside;

/// The way to one carbon.
pub struct Connection<O: Outside> {
    host: String,
    port: u16,
    /// Open for the next flush.
    resting: Option<O::Stream>,
    /// Something was written before.
    is_used: bool,
}

impl<O: Outside> Connection<O> {
    pub fn new(host: String, port: u16) -> Self {
        Self {
            host,
            port,
            resting: None,
            is_used: false,
        }
    }

    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether carbon may have lost what it once read: its end of the resting connection is gone.
    pub fn is_doubtful(&mut self) -> bool {
        self.is_used && self.resting.as_mut().is_none_or(O::is_ended)
    }

    /// Writes a flush; returns once carbon has read all of it.
    pub async fn write(&mut self, flush: &Bytes, wait: Duration) -> io::Result<()> {
        let result = timeout(wait, self.write_now(flush)).await;
        let result = result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        self.is_used = true;
        if result.is_ok() {
            // Should it fail, the next flush finds carbon doubtful and sends everything again.
            self.resting = timeout(
                limits::GRAPHITE_REST_WAIT,
                O::connect(&self.host, self.port),
            )
            .await
            .ok()
            .and_then(Result::ok);
        }
        result
    }

    async fn write_now(&mut self, flush: &Bytes) -> io::Result<()> {
        let rested = self.resting.take();
        let mut stream = match rested.and_then(still_open::<O>) {
            Some(stream) => stream,
            None => O::connect(&self.host, self.port).await?,
        };
        for part in flush.chunks(limits::GRAPHITE_PART_BYTES) {
            if O::is_ended(&mut stream) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            stream.write_all(part).await?;
        }
        // An end that came before all was written would look like the one that proves the reading.
        if O::is_ended(&mut stream) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        stream.shutdown().await?;
        let mut answer = [0; 64];
        while stream.read(&mut answer).await? != 0 {}
        Ok(())
    }
}

fn still_open<O: Outside>(mut stream: O::Stream) -> Option<O::Stream> {
    (!O::is_ended(&mut stream)).then_some(stream)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use crate::outputs::graphite::outside::Real;

    type Connection = super::Connection<Real>;

    const WAIT: Duration = Duration::from_secs(60);
    const FLUSH: Bytes = Bytes::from_static(b"a 1 10\n");

    async fn listening() -> (TcpListener, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("ports are free");
        let port = listener.local_addr().expect("it is bound").port();
        (listener, Connection::new("127.0.0.1".to_owned(), port))
    }

    async fn accepted(listener: &TcpListener) -> TcpStream {
        listener.accept().await.expect("it connects").0
    }

    #[tokio::test]
    async fn a_flush_is_delivered_when_carbon_has_read_to_its_end() {
        let (listener, mut connection) = listening().await;
        let writing = tokio::spawn(async move {
            let result = connection.write(&FLUSH, WAIT).await;
            (connection, result)
        });
        let mut stream = accepted(&listener).await;
        let mut text = String::new();
        stream
            .read_to_string(&mut text)
            .await
            .expect("it is closed for writing");
        assert_eq!(text, "a 1 10\n");
        assert!(!writing.is_finished());
        drop(stream);
        let (mut connection, result) = writing.await.expect("it ends");
        assert!(result.is_ok());
        let resting = accepted(&listener).await;
        assert!(!connection.is_doubtful());
        drop(resting);
        crate::outputs::graphite::tests::until(|| connection.is_doubtful()).await;
    }

    #[tokio::test]
    async fn a_carbon_that_closes_before_it_has_all_is_an_error() {
        let (listener, mut connection) = listening().await;
        let much = Bytes::from(vec![b'a'; 64 << 20]);
        let writing = tokio::spawn(async move { connection.write(&much, WAIT).await });
        let mut stream = accepted(&listener).await;
        let mut some = [0; 1000];
        stream.read_exact(&mut some).await.expect("it writes");
        drop(stream);
        assert!(writing.await.expect("it ends").is_err());
    }

    #[tokio::test]
    async fn a_carbon_that_reads_nothing_is_an_error() {
        let (_listener, mut connection) = listening().await;
        let result = connection.write(&FLUSH, Duration::from_millis(1)).await;
        assert!(result.is_err());
        assert!(connection.is_doubtful());
    }

    #[tokio::test]
    async fn nobody_there_is_an_error() {
        let (listener, mut connection) = listening().await;
        drop(listener);
        assert!(connection.write(&FLUSH, WAIT).await.is_err());
    }
}
