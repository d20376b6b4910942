//! One container's logs through the Engine's API: the answer's bytes come in, batches with their acknowledgement go out.
//! An answer can end at any time; reading goes on from the last line of each stream, and what comes twice is left out.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame, Incoming};
use sawlog_parsers::docker_frames::{Decoder, Limits, Mode, Step};
use sawlog_parsers::docker_json::{Stream, Text};
use tokio::sync::watch;

use crate::docker::container::Container;
use crate::docker::engine::{Backoff, Engine, Fault};
use crate::inputs::docker::api::Scope;
use crate::inputs::docker::lines::{Line, Lines, Record, Returns};
use crate::inputs::docker::place::{self, Last, Position};
use crate::inputs::docker::reading::{Missing, Reading};
use crate::inputs::docker::tail::note_last;
use crate::limits;
use crate::queue::positions;

/// What is known of a container that is followed. Whoever learns more says it here.
#[derive(Clone, Debug)]
pub struct Known {
    pub container: Arc<Container>,
    /// The Engine has described it; before that there is what an event said.
    pub described: bool,
    /// How often it was heard to start, or found started.
    pub starts: u64,
    /// It was heard to end, and not to start since.
    pub ended: bool,
    /// It is removed, or will be.
    pub gone: bool,
    /// The options let it be read, through the Engine.
    pub wanted: bool,
}

impl Known {
    /// A container that an event or a list told of.
    pub fn heard_of(container: Container, wanted: bool) -> Self {
        Self {
            container: Arc::new(container),
            described: false,
            starts: 0,
            ended: false,
            gone: false,
            wanted,
        }
    }

    /// Takes the Engine's description.
    pub fn describe(&mut self, container: Container, wanted: bool) {
        let runs_again = container.running && !self.container.running;
        if container.started && (self.starts == 0 || (self.described && runs_again)) {
            self.starts += 1;
        }
        self.container = Arc::new(container);
        self.described = true;
        self.wanted = wanted;
    }
}

/// Asks the Engine for a container's description and says it.
pub async fn describe(
    engine: &Engine,
    reading: &Reading,
    scope: Scope,
    known: &watch::Sender<Known>,
) -> Result<(), Fault> {
    let id = known.borrow().container.id.clone();
    let container = engine.inspect(&id).await?;
    let wanted = scope.takes(reading, &container);
    known.send_modify(|known| known.describe(container, wanted));
    Ok(())
}

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
    let slot = catching_up.get_mut(slot_of(line));
    let (Some(slot), Some(time)) = (slot, line.time) else {
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

/// Standard output's place among the streams, or standard error's.
fn slot_of(line: &Line) -> usize {
    match line.stream {
        Some(Stream::Stderr) => 1,
        Some(Stream::Stdin | Stream::Stdout) | None => 0,
    }
}

/// The lines of a stream that were handed over lately. After a rotation an Engine of version 20 sends the newest file again
/// from its beginning, within one answer.
#[derive(Debug, Default)]
struct Recent {
    /// Times and hashes, in the order of the times.
    lines: VecDeque<(i64, u64)>,
}

impl Recent {
    /// Whether a line was not seen lately; from now on it was.
    fn is_new(&mut self, time: Option<i64>, text: &[u8]) -> bool {
        let Some(time) = time else { return true };
        let hash = foldhash::fast::FixedState::default().hash_one(text);
        let newest = self.lines.back().map_or(i64::MIN, |newest| newest.0);
        if time <= newest {
            let begin = self.lines.partition_point(|line| line.0 < time);
            let mut same = self
                .lines
                .iter()
                .skip(begin)
                .take_while(|line| line.0 == time);
            if same.any(|line| line.1 == hash) {
                return false;
            }
        }
        // What is older than the newest line and unknown was written after someone set the clock back.
        if newest <= time {
            self.lines.push_back((time, hash));
            if limits::RECENT_LINES_MAX < self.lines.len() {
                self.lines.pop_front();
            }
        }
        true
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

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn what_is_sent_again_is_known() {
        let mut recent = Recent::default();
        assert!(recent.is_new(Some(1), b"a"));
        assert!(recent.is_new(Some(2), b"b"));
        assert!(recent.is_new(Some(2), b"c"));
        for (time, text) in [(1, b"a"), (2, b"b"), (2, b"c")] {
            assert!(!recent.is_new(Some(time), text));
        }
        assert!(recent.is_new(Some(3), b"a"));
    }

    #[test]
    fn lines_after_the_clock_was_set_back_are_new() {
        let mut recent = Recent::default();
        assert!(recent.is_new(Some(5), b"a"));
        assert!(recent.is_new(Some(3), b"b"));
        assert!(recent.is_new(None, b"a"));
    }
}
