//! One container's logs through the Engine's API: the answer's bytes come in, batches with their acknowledgement go out.
//! An answer can end at any time; reading goes on from the last line of each stream, and what comes twice is left out.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame, Incoming};
use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
use sawlog_parsers::docker_json::Text;
use tokio::sync::watch;

use crate::docker::engine::{Backoff, Engine, Fault};
use crate::inputs::docker::api::Scope;
use crate::inputs::docker::known::{Known, describe};
use crate::inputs::docker::lines::{Lines, Record, Returns};
use crate::inputs::docker::place::{Last, Position};
use crate::inputs::docker::reading::{Missing, Reading};
use crate::inputs::docker::seen::{Recent, is_new, slot_of};
use crate::limits;
use crate::queue::positions;

/// Follows one container.
pub struct Follower {
    engine: Engine,
    reading: Arc<Reading>,
    scope: Scope,
    tell: Arc<watch::Sender<Known>>,
    known: watch::Receiver<Known>,
    stop: watch::Receiver<bool>,
    stream: positions::Stream,
    lines: Lines,
    last: [Option<Last>; 2],
    /// Of a stream that was read before: its last line is looked for, and lines up to it are left out.
    catching_up: [Option<Last>; 2],
    recent: [Recent; 2],
    has_read: bool,
    /// Batches of new lines that the present answer gave.
    news: u64,
    /// How long an answer may be silent before it is asked for anew: an Engine can lose the file after a rotation, and
    /// says nothing.
    patience: Duration,
}

/// Why reading an answer ended.
#[derive(Debug)]
enum End {
    Stopped,
    Unwanted,
    /// Nothing came for a while.
    Silent,
    /// The answer is complete: the container has ended, or the Engine.
    Complete,
    Failed(Fault),
}

/// What to do after reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The container may start again.
    Wait,
    /// It is gone for good, or we have to stop.
    End,
}

impl Follower {
    pub fn new(
        engine: Engine,
        reading: Arc<Reading>,
        scope: Scope,
        tell: Arc<watch::Sender<Known>>,
    ) -> Self {
        let known = tell.subscribe();
        let id = known.borrow().container.id.clone();
        let (stream, position) = reading.resume(&id);
        let last = position.map(|position| position.last).unwrap_or_default();
        Self {
            lines: Lines::new(Arc::clone(&reading.shape), Returns::AreText),
            stream,
            stop: reading.flow.stop.clone(),
            engine,
            reading,
            scope,
            tell,
            known,
            last,
            catching_up: [None, None],
            recent: Default::default(),
            has_read: false,
            news: 0,
            patience: limits::DOCKER_SILENCE_MIN,
        }
    }

    /// Reads until the container is gone or the input has to stop. Gives what tells whether all is acknowledged.
    pub async fn run(mut self) -> (String, positions::Stream) {
        let id = self.known.borrow().container.id.clone();
        let mut backoff = Backoff::default();
        self.learn(&id).await;
        let mut done = 0;
        while let Some(starts) = self.wait_for_start(done).await {
            done = starts;
            if !self.may_ask(&id).await {
                self.reading.counters.containers_missed.add(1);
                break;
            }
            if self.read_until_it_ends(&id, &mut backoff).await == Next::End {
                break;
            }
        }
        (id, self.stream)
    }

    /// Has the container described, unless it starts before: the Engine may hold the answer back until then.
    async fn learn(&mut self, id: &str) {
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => {}
            _ = self.known.wait_for(|known| 0 < known.starts) => {}
            described = describe(&self.engine, &self.reading, self.scope, &self.tell) => {
                if let Err(fault) = described {
                    // It is looked at again when it starts or when the Engine is back.
                    tracing::debug!("docker: the description of {id}: {fault}");
                }
            }
        }
    }

    /// Waits until there is a start that was not read. `None` if there is none to come.
    async fn wait_for_start(&mut self, done: u64) -> Option<u64> {
        let news = self
            .known
            .wait_for(|known| known.gone || (known.wanted && done < known.starts));
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => None,
            known = news => known.ok().filter(|known| known.wanted && done < known.starts).map(|known| known.starts),
        }
    }

    /// Whether asking for the logs does no harm. An Engine makes a log file for a container that has ended, if it has none:
    /// where the container is being removed at that moment, the removal fails.
    async fn may_ask(&self, id: &str) -> bool {
        let known = self.known.borrow().clone();
        if !known.ended {
            return true;
        }
        let container = match known.described {
            true => known.container,
            false => match self.engine.inspect(id).await {
                Ok(container) => Arc::new(container),
                Err(_) => return false,
            },
        };
        !container.removes_itself
    }

    /// Reads the logs again and again until the container has ended.
    async fn read_until_it_ends(&mut self, id: &str, backoff: &mut Backoff) -> Next {
        loop {
            let fault = match self.read_once(id, backoff).await {
                End::Stopped => return Next::End,
                End::Unwanted => return Next::Wait,
                End::Silent => continue,
                End::Complete => match self.engine.inspect(id).await {
                    // An Engine that is stopped ends its answers too, in the middle: the end is only believed when
                    // nothing new comes.
                    Ok(container) if !container.running => {
                        if self.news == 0 || container.removes_itself || !self.stays().await {
                            return self.finish_lines().await;
                        }
                        continue;
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
                    return Next::End;
                }
                Fault::NoLogs => {
                    let name = self.known.borrow().container.name.clone();
                    self.reading
                        .say_once(Missing::Log, &format!("container {name}: {fault}"));
                    return Next::Wait;
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
                return Next::End;
            }
        }
    }

    /// Waits a little after the end of a container; false if it is removed meanwhile, or we have to stop.
    async fn stays(&mut self) -> bool {
        let gone = self.known.wait_for(|known| known.gone);
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => false,
            _ = gone => false,
            () = tokio::time::sleep(limits::DOCKER_END_WAIT) => true,
        }
    }

    /// The container has ended: what waits for its end goes on as it is.
    async fn finish_lines(&mut self) -> Next {
        self.lines.flush();
        if self.hand_over(Vec::new()).await {
            Next::Wait
        } else {
            Next::End
        }
    }

    async fn read_once(&mut self, id: &str, backoff: &mut Backoff) -> End {
        let since = since(&self.last, crate::host::now_nanos());
        let since = since.map(|since| self.lines.open_time().map_or(since, |open| open.min(since)));
        // Both at once: a container can be gone before the second question.
        let questions = async {
            tokio::join!(
                self.engine.logs(id, since),
                describe(&self.engine, &self.reading, self.scope, &self.tell),
            )
        };
        let (answer, described) = tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => return End::Stopped,
            answers = questions => answers,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => return End::Failed(fault),
        };
        match described {
            Ok(()) | Err(Fault::Gone | Fault::NoLogs) => {}
            Err(fault) => return End::Failed(fault),
        }
        let known = self.known.borrow().clone();
        if !known.wanted {
            return End::Unwanted;
        }
        let framed = answer
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes() == b"application/vnd.docker.multiplexed-stream");
        let terminal = known.container.terminal;
        let returns = if terminal {
            Returns::OfJoinedLines
        } else {
            Returns::AreText
        };
        // A line that is not whole yet comes again from its beginning.
        self.lines = Lines::new(Arc::clone(&self.reading.shape), returns);
        self.catching_up.clone_from(&self.last);
        self.news = 0;
        let mode = if terminal && !framed {
            Mode::Terminal
        } else {
            Mode::Multiplexed
        };
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
            let frame = tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => return End::Stopped,
                _ = self.known.wait_for(|known| !known.wanted) => return End::Unwanted,
                frame = body.frame() => frame,
                () = tokio::time::sleep(self.patience) => {
                    let longer = if self.news == 0 { self.patience * 2 } else { self.patience };
                    self.patience = longer.min(limits::DOCKER_SILENCE_MAX);
                    return End::Silent;
                }
            };
            let mut answer = take(frame, &mut buffer);
            // The Engine sends each line by itself: what comes within a moment becomes one batch.
            let moment = tokio::time::sleep(limits::DOCKER_NAP);
            let mut moment = pin!(moment);
            while matches!(answer, Answer::GoesOn) && buffer.len() < limits::READ_BYTES {
                tokio::select! {
                    biased;
                    frame = body.frame() => answer = take(frame, &mut buffer),
                    () = &mut moment => break,
                }
            }
            backoff.reset();
            self.has_read = true;
            match self.decode(&mut decoder, buffer).await {
                Ok(rest) => buffer = rest,
                Err(end) => return end,
            }
            match answer {
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
        let (catching_up, recent) = (&mut self.catching_up, &mut self.recent);
        self.lines.retain(&bytes, |line, text| {
            is_new(catching_up, line, text) && recent[slot_of(line)].is_new(line.time, text)
        });
        self.reading
            .count_lines(std::mem::take(&mut self.lines.counts));
        if self.lines.is_empty() {
            return true;
        }
        self.news += 1;
        self.patience = limits::DOCKER_SILENCE_MIN;
        self.lines.note_last(&mut self.last, &bytes);
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

/// Where the Engine has to begin so that no line behind the last ones is missed.
fn since(last: &[Option<Last>; 2], now: i64) -> Option<i64> {
    let apart = limits::DOCKER_STREAMS_APART.as_nanos() as i64;
    let times = last.iter().flatten().map(|last| last.time);
    let latest = times.clone().max()?;
    if now < latest {
        // The clock was set back, some time after it was asked last.
        let asked = limits::DOCKER_SILENCE_MAX.as_nanos() as i64;
        return Some(now - asked - apart);
    }
    // Lines of two streams can stand in another order than their times, but not far apart.
    let earliest = times.min().unwrap_or(latest);
    Some(earliest.max(latest - apart))
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

#[cfg(test)]
mod tests {
    use super::since;
    use crate::inputs::docker::place::Last;

    const SECOND: i64 = 1_000_000_000;

    #[track_caller]
    fn check(last: [Option<i64>; 2], now: i64, want: Option<i64>) {
        let last = last.map(|seconds| {
            seconds.map(|seconds| Last {
                time: seconds * SECOND,
                ..Last::default()
            })
        });
        let want = want.map(|seconds| seconds * SECOND);
        assert_eq!(since(&last, now * SECOND), want);
    }

    #[test]
    fn the_engine_begins_at_the_last_line_of_the_stream_that_is_behind() {
        check([None, None], 9000, None);
        check([Some(8000), None], 9000, Some(8000));
        check([Some(8000), Some(7998)], 9000, Some(7998));
        check([Some(8000), Some(7000)], 9000, Some(7995));
    }

    #[test]
    fn after_the_clock_was_set_back_it_begins_before_what_was_written_since() {
        check([Some(8000), None], 7970, Some(7970 - 3600 - 5));
    }
}
