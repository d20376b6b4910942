//! One container's logs through the Engine's API: the answer's bytes come in, batches with their acknowledgement go out.
//! An answer can end at any time; reading goes on from the last line of each stream, and what comes twice is left out.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming};
use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
use sawlog_parsers::docker_json::{Stream, Text};
use tokio::sync::watch;

use crate::docker::container::Container;
use crate::docker::engine::{Backoff, Engine, Fault};
use crate::inputs::docker::lines::{Line, Lines, Record, Returns};
use crate::inputs::docker::place::{self, Last, Position};
use crate::inputs::docker::reading::{Missing, Reading};
use crate::inputs::docker::tail::note_last;
use crate::limits;
use crate::queue::positions;

/// What is known of a container that is followed; whoever hears of a change sends a new one.
#[derive(Clone, Debug)]
pub struct Known {
    pub container: Arc<Container>,
    /// How often it was heard to start.
    pub starts: u64,
    pub gone: bool,
    /// False once it is left out by the options, after a rename for example.
    pub wanted: bool,
}

/// Follows one container.
pub struct Follower {
    engine: Engine,
    reading: Arc<Reading>,
    known: watch::Receiver<Known>,
    stop: watch::Receiver<bool>,
    stream: positions::Stream,
    lines: Lines,
    last: [Option<Last>; 2],
    /// Of a stream that was read before: its last line is looked for, and lines up to it are left out.
    catching_up: [Option<Last>; 2],
    has_read: bool,
    /// Batches of new lines that the present answer gave.
    news: u64,
}

/// Why reading an answer ended.
#[derive(Debug)]
enum End {
    Stopped,
    /// The answer is complete: the container has ended, or the Engine.
    Complete,
    Failed(Fault),
}

impl Follower {
    pub fn new(engine: Engine, reading: Arc<Reading>, known: watch::Receiver<Known>) -> Self {
        let id = known.borrow().container.id.clone();
        let last = reading
            .position(&id)
            .map(|position| position.last)
            .unwrap_or_default();
        Self {
            lines: Lines::new(Arc::clone(&reading.shape), Returns::AreText),
            stream: reading.positions.stream(&id),
            stop: reading.flow.stop.clone(),
            engine,
            reading,
            known,
            last,
            catching_up: [None, None],
            has_read: false,
            news: 0,
        }
    }

    /// Reads until the container is gone or the input has to stop. Gives what tells whether all is acknowledged.
    pub async fn run(mut self) -> (String, positions::Stream) {
        let id = self.known.borrow().container.id.clone();
        let mut backoff = Backoff::default();
        loop {
            let now = self.known.borrow_and_update().clone();
            if now.container.started || 0 < now.starts {
                if !self.read_until_it_ends(&id, &mut backoff).await {
                    break;
                }
            } else if now.gone {
                break;
            }
            if !self.wait_for_news(now.starts).await {
                break;
            }
        }
        (id, self.stream)
    }

    /// Waits for another start. False if there is none to come.
    async fn wait_for_news(&mut self, starts: u64) -> bool {
        let news = self
            .known
            .wait_for(|known| known.gone || !known.wanted || starts < known.starts);
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => false,
            known = news => known.is_ok_and(|known| known.wanted && starts < known.starts),
        }
    }

    /// Reads the logs again and again until the container has ended. False if it is gone for good or we have to stop.
    async fn read_until_it_ends(&mut self, id: &str, backoff: &mut Backoff) -> bool {
        loop {
            let fault = match self.read_once(id, backoff).await {
                End::Stopped => return false,
                End::Complete => match self.engine.inspect(id).await {
                    // An Engine that is stopped ends its answers too, in the middle: the end is only believed when
                    // nothing new comes.
                    Ok(container) if !container.running && 0 < self.news => continue,
                    Ok(container) if !container.running => {
                        return self.finish_lines().await;
                    }
                    Ok(_) => Fault::Away("the answer ended".to_owned()),
                    Err(fault) => fault,
                },
                End::Failed(fault) => fault,
            };
            match fault {
                Fault::Gone => {
                    if !self.has_read {
                        self.reading.counters.containers_missed.add(1);
                    }
                    self.finish_lines().await;
                    return false;
                }
                Fault::NoLogs => {
                    let name = self.known.borrow().container.name.clone();
                    self.reading.say_once(
                        Missing::Log,
                        &format!(
                            "container {name} has a log driver that keeps nothing to read: {fault}"
                        ),
                    );
                    return false;
                }
                Fault::Away(_) | Fault::Denied => {
                    tracing::debug!("docker: the logs of {id}: {fault}; trying again");
                    self.reading.counters.reconnects.add(1);
                }
            }
            let wait = backoff.step();
            if tokio::time::timeout(wait, self.stop.wait_for(|stop| *stop))
                .await
                .is_ok()
            {
                return false;
            }
        }
    }

    /// The container has ended: what waits for its end goes on as it is. False if we have to stop.
    async fn finish_lines(&mut self) -> bool {
        self.lines.flush();
        self.hand_over(Vec::new()).await
    }

    /// Where the Engine has to begin so that no line is missed.
    fn since(&self) -> Option<i64> {
        let times = self.last.iter().flatten().map(|last| last.time);
        let Some(latest) = times.clone().max() else {
            return None;
        };
        // Lines of two streams can stand in another order than their times, but not far apart.
        let latest = latest - limits::DOCKER_STREAMS_APART.as_nanos() as i64;
        let since = times.min().map_or(latest, |earliest| earliest.max(latest));
        Some(self.lines.open_time().map_or(since, |open| open.min(since)))
    }

    async fn read_once(&mut self, id: &str, backoff: &mut Backoff) -> End {
        let since = self.since();
        let answer = tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => return End::Stopped,
            answer = self.engine.logs(id, since) => answer,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => return End::Failed(fault),
        };
        let terminal = self.known.borrow().container.terminal;
        let framed = answer
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes() == b"application/vnd.docker.multiplexed-stream");
        let mode = if terminal && !framed {
            Mode::Terminal
        } else {
            Mode::Multiplexed
        };
        let returns = if terminal {
            Returns::OfJoinedLines
        } else {
            Returns::AreText
        };
        // A line that is not whole yet comes again from its beginning.
        self.lines = Lines::new(Arc::clone(&self.reading.shape), returns);
        self.catching_up.clone_from(&self.last);
        self.news = 0;
        let limits = Limits {
            record_bytes_max: limits::LINE_BYTES_MAX,
        };
        self.read_answer(answer.into_body(), Decoder::new(mode, limits), backoff)
            .await
    }

    async fn read_answer(
        &mut self,
        body: Incoming,
        mut decoder: Decoder,
        backoff: &mut Backoff,
    ) -> End {
        let mut body = pin!(body);
        let mut buffer = Vec::new();
        loop {
            let mut frame = tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => return End::Stopped,
                _ = self.known.wait_for(|known| !known.wanted) => return End::Stopped,
                frame = body.frame() => Some(frame),
            };
            let mut answer = Answer::GoesOn;
            while let Some(piece) = frame.take() {
                answer = take(piece, &mut buffer);
                if matches!(answer, Answer::GoesOn) && buffer.len() < limits::READ_BYTES {
                    frame = present(body.as_mut()).await;
                }
            }
            backoff.reset();
            self.has_read = true;
            let small = buffer.len() < limits::READ_BYTES;
            match self.decode(&mut decoder, buffer).await {
                Ok(rest) => buffer = rest,
                Err(end) => return end,
            }
            match answer {
                Answer::GoesOn if small => tokio::time::sleep(limits::DOCKER_NAP).await,
                Answer::GoesOn => {}
                Answer::Complete => return self.end_answer(&mut decoder, buffer).await,
                Answer::Broken(fault) => return End::Failed(fault),
            }
        }
    }

    /// Makes lines of what the buffer holds and hands them over. Gives what is no whole record yet.
    async fn decode(&mut self, decoder: &mut Decoder, mut buffer: Vec<u8>) -> Result<Vec<u8>, End> {
        let mut at = 0;
        loop {
            let rest = buffer.get(at..).unwrap_or_default();
            match decoder.decode(rest) {
                Step::NeedMore { consumed } => {
                    at += consumed;
                    break;
                }
                Step::Invalid => return Err(self.invalid()),
                step => at += self.take_step(step, &buffer, at),
            }
        }
        let rest = buffer.split_off(at.min(buffer.len()));
        if self.hand_over(buffer).await {
            Ok(rest)
        } else {
            Err(End::Stopped)
        }
    }

    async fn end_answer(&mut self, decoder: &mut Decoder, mut buffer: Vec<u8>) -> End {
        let mut at = 0;
        loop {
            let rest = buffer.get(at..).unwrap_or_default();
            match decoder.finish(rest) {
                Step::NeedMore { .. } => break,
                Step::Invalid => return self.invalid(),
                step => at += self.take_step(step, &buffer, at),
            }
        }
        buffer.truncate(at);
        if self.hand_over(buffer).await {
            End::Complete
        } else {
            End::Stopped
        }
    }

    fn invalid(&self) -> End {
        self.reading.counters.read_errors.add(1);
        End::Failed(Fault::Away("its answer has no frames of logs".to_owned()))
    }

    /// Takes one record of the buffer; gives the bytes that it used.
    fn take_step(&mut self, step: Step, buffer: &[u8], at: usize) -> usize {
        match step {
            Step::Record {
                stream,
                time,
                payload,
                partial,
                truncated,
                consumed,
            } => {
                let text = buffer
                    .get(payload.start + at..payload.end + at)
                    .unwrap_or_default();
                let record = Record {
                    stream,
                    time,
                    partial,
                    truncated,
                };
                self.lines.push(buffer, Text::Plain(text), record, None);
                consumed
            }
            Step::DaemonError { payload, consumed } => {
                let words = buffer
                    .get(payload.start + at..payload.end + at)
                    .unwrap_or_default();
                let words = String::from_utf8_lossy(words);
                tracing::warn!(
                    "docker: the Engine says: {}",
                    words.trim_end().escape_debug()
                );
                self.reading.counters.read_errors.add(1);
                consumed
            }
            Step::NeedMore { consumed } => consumed,
            Step::Invalid => buffer.len() - at,
        }
    }

    /// Hands over what was found and is new. False if nobody takes it: the agent stops.
    async fn hand_over(&mut self, bytes: Vec<u8>) -> bool {
        let catching_up = &mut self.catching_up;
        if catching_up.iter().any(Option::is_some) {
            self.lines
                .retain(&bytes, |line, text| is_new(catching_up, line, text));
        }
        self.reading
            .count_lines(std::mem::take(&mut self.lines.counts));
        if self.lines.is_empty() {
            return true;
        }
        self.news += 1;
        note_last(&mut self.last, &self.lines, &bytes);
        let position = Position {
            last: self.last.clone(),
            open_time: self.lines.open_time(),
            ..Position::default()
        };
        let ack = self.stream.ack(position.to_json());
        let container = Arc::clone(&self.known.borrow().container);
        let batch = self
            .lines
            .take_batch(bytes, &container, &self.reading.flow.names, ack);
        self.reading.send(batch).await.is_ok()
    }
}

/// Whether a line comes behind the last one that was handed over.
fn is_new(catching_up: &mut [Option<Last>; 2], line: &Line, text: &[u8]) -> bool {
    let slot = match line.stream {
        Some(Stream::Stderr) => 1,
        Some(Stream::Stdin | Stream::Stdout) | None => 0,
    };
    let (Some(slot), Some(time)) = (catching_up.get_mut(slot), line.time) else {
        return true;
    };
    let Some(last) = slot else { return true };
    if time < last.time {
        return false;
    }
    if last.time < time {
        *slot = None;
        return true;
    }
    let hash = place::hash(text);
    match last.lines.iter().position(|&known| known == hash) {
        Some(index) => {
            last.lines.remove(index);
            false
        }
        None => true,
    }
}

/// What a piece of an answer says of the rest.
enum Answer {
    GoesOn,
    Complete,
    Broken(Fault),
}

/// Adds a piece of the answer to the buffer.
fn take(frame: Option<hyper::Result<Frame<Bytes>>>, buffer: &mut Vec<u8>) -> Answer {
    match frame {
        None => Answer::Complete,
        Some(Err(error)) => Answer::Broken(Fault::Away(error.to_string())),
        Some(Ok(frame)) => {
            if let Some(data) = frame.data_ref() {
                buffer.extend_from_slice(data);
            }
            Answer::GoesOn
        }
    }
}

/// The next piece of the answer if it is there already; the Engine sends each line by itself.
async fn present(mut body: Pin<&mut Incoming>) -> Option<Option<hyper::Result<Frame<Bytes>>>> {
    poll_fn(|context| match body.as_mut().poll_frame(context) {
        Poll::Ready(frame) => Poll::Ready(Some(frame)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
