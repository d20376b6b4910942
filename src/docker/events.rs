//! The Engine's events, as they arrive: the body of its answer comes in, one JSON object a line; events go out.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use sawlog_parsers::lines::Delimiter;
use serde_json::Value;

use crate::docker::engine::Fault;
use crate::limits;

/// An answer that goes on for as long as the Engine is there.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    /// Begins where an event does.
    buffer: Vec<u8>,
}

impl Events {
    pub fn of(body: Incoming) -> Self {
        Self {
            body,
            buffer: Vec::new(),
        }
    }

    /// Waits for more, and gives the events that are whole then: often one, sometimes none. Nothing is lost if it is
    /// dropped while it waits.
    pub async fn next(&mut self) -> Result<Vec<Value>, Fault> {
        if limits::DOCKER_RECORD_BYTES_MAX < self.buffer.len() {
            return Err(Fault::Away("an event has no end".to_owned()));
        }
        match self.body.frame().await {
            None => Err(Fault::Away("the events ended".to_owned())),
            Some(Err(error)) => Err(Fault::Away(error.to_string())),
            Some(Ok(frame)) => {
                let data = frame.data_ref().map(|data| &**data);
                self.buffer.extend_from_slice(data.unwrap_or_default());
                Ok(take_whole(&mut self.buffer))
            }
        }
    }
}

/// Takes the events whose lines are whole. A line that is no JSON tells nothing.
fn take_whole(buffer: &mut Vec<u8>) -> Vec<Value> {
    let newline = Delimiter::newline();
    let whole = newline.whole(buffer);
    let lines = buffer.get(..whole).unwrap_or_default();
    let event = |line| serde_json::from_slice(lines.get(line)?).ok();
    let events = newline.lines(lines).filter_map(event).collect();
    buffer.drain(..whole);
    events
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::take_whole;

    #[test]
    fn events_are_taken_when_their_lines_are_whole() {
        let mut buffer =
            b"{\"Action\":\"start\"}\r\n\nno event\n{\"Action\":\"die\"}\n{\"Act".to_vec();
        let want = [json!({"Action": "start"}), json!({"Action": "die"})];
        assert_eq!(take_whole(&mut buffer), want);
        assert!(take_whole(&mut buffer).is_empty());
        buffer.extend_from_slice(b"ion\":\"rename\"}\n");
        assert_eq!(take_whole(&mut buffer), [json!({"Action": "rename"})]);
        assert!(buffer.is_empty());
    }
}
