//! Connections to carbon. Nothing ever comes back from it but the end of a connection, and that is the proof: each flush has a
//! connection of its own, which is closed for writing and then read to its end. The next one is opened before that, while
//! carbon still waits for more, and rests until the next flush: if it ends before, carbon was restarted and may have lost what
//! it had read.

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
        if self.resting.as_mut().is_some_and(O::is_ended) {
            self.resting = None;
        }
        self.is_used && self.resting.is_none()
    }

    /// Writes a flush; returns once carbon has read all of it.
    pub async fn write(&mut self, flush: &Bytes, wait: Duration) -> io::Result<()> {
        self.is_used = true;
        let result = timeout(wait, self.write_now(flush)).await;
        let result = result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if result.is_err() {
            self.resting = None;
        }
        result
    }

    async fn connect(&mut self) -> io::Result<O::Stream> {
        O::connect(&self.host, self.port).await
    }

    async fn write_now(&mut self, flush: &Bytes) -> io::Result<()> {
        let mut stream = match self.resting.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        // Of a flush that fails or is given up nothing must come after a later one, whose values are newer: its connection is
        // reset with all that the network holds. One that carbon has read to its end holds nothing.
        O::reset_when_dropped(&stream)?;
        for part in flush.chunks(limits::GRAPHITE_PART_BYTES) {
            // Also if the resting connection ended after carbon was last found undoubtful: then more than this is to be sent.
            if O::is_ended(&mut stream) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            stream.write_all(part).await?;
        }
        // Before carbon's end can be had: one that dies after it has read the flush then ends this one too. Should it not open,
        // the next flush finds carbon doubtful and sends everything again.
        self.resting = timeout(limits::GRAPHITE_REST_WAIT, self.connect())
            .await
            .ok()
            .and_then(Result::ok);
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
    async fn what_was_on_its_way_when_a_flush_failed_never_arrives() {
        let (listener, mut connection) = listening().await;
        let much = Bytes::from(vec![b'a'; 64 << 20]);
        let result = connection.write(&much, Duration::from_millis(200)).await;
        assert!(result.is_err());
        let read = accepted(&listener).await.read_to_end(&mut Vec::new()).await;
        assert!(read.is_err(), "{read:?}");
    }

    #[tokio::test]
    async fn what_was_on_its_way_when_a_flush_was_given_up_never_arrives() {
        let (listener, mut connection) = listening().await;
        let writing = tokio::spawn(async move {
            let much = Bytes::from(vec![b'a'; 64 << 20]);
            connection.write(&much, WAIT).await
        });
        let mut stream = accepted(&listener).await;
        stream.read_exact(&mut [0; 1000]).await.expect("it writes");
        writing.abort();
        assert!(writing.await.is_err());
        let read = stream.read_to_end(&mut Vec::new()).await;
        assert!(read.is_err(), "{read:?}");
    }

    #[tokio::test]
    async fn the_next_connection_is_there_before_a_flush_ends() {
        let (listener, mut connection) = listening().await;
        let writing = tokio::spawn(async move { connection.write(&FLUSH, WAIT).await });
        let _first = accepted(&listener).await;
        // Carbon has ended nothing yet.
        let resting = tokio::time::timeout(WAIT, accepted(&listener)).await;
        assert!(resting.is_ok() && !writing.is_finished());
        writing.abort();
    }

    #[tokio::test]
    async fn nobody_there_is_an_error() {
        let (listener, mut connection) = listening().await;
        drop(listener);
        assert!(connection.write(&FLUSH, WAIT).await.is_err());
    }
}
