//! One joiner for each stream that has a line open: chunks with their keys in, whole lines out.
//!
//! What is open is bounded in number and in bytes. Where a limit is reached, the line that has waited
//! longest for its next chunk is given out as it is.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::{Joiner, Line};

/// What may be open at one time.
///
/// ```
/// use sawlog_parsers::joiner::{Joiners, Limits};
///
/// // 200 streams, each of which may have a line of a megabyte open, in 32 MiB together.
/// let limits = Limits { line_bytes_max: 1 << 20, open_lines_max: 200, bytes_max: 32 << 20 };
/// let mut joiners = Joiners::new(limits);
/// assert!(joiners.push(&"web-17", b"half", true, None).displaced.is_empty());
/// assert_eq!((joiners.open_lines(), joiners.open_bytes()), (1, 4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line; what lies beyond is dropped and the line marked as truncated. Not more than
    /// `bytes_max`, which is taken instead if it is less.
    pub line_bytes_max: usize,
    /// Lines that wait for their end, which is streams that have one; at least 1 is taken. A machine has
    /// some hundred containers at most and two streams each.
    pub open_lines_max: usize,
    /// Bytes of all open lines together. Up to twice as many are taken from the machine, since buffers
    /// grow by doubling.
    pub bytes_max: usize,
}

impl Default for Limits {
    /// Lines of 1 MiB, 1,000 of them open in 64 MiB together.
    fn default() -> Self {
        Self {
            line_bytes_max: 1 << 20,
            open_lines_max: 1000,
            bytes_max: 64 << 20,
        }
    }
}

/// Joiners for any number of streams, each known by a key: a container's id and one of its streams, say.
///
/// A stream needs no memory while it has no line open, so keys need not be removed. A line of one
/// chunk is not copied and its key not kept.
///
/// The lines of a stream are those that a [`Joiner`] of its own would give, whatever comes in between
/// on other streams, as long as no limit is reached. Where one is, [`Pushed::displaced`] has the lines
/// that had to make room; further chunks of such a line begin a line of their own.
///
/// ```
/// use sawlog_parsers::joiner::{Joiners, Limits};
///
/// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 2, bytes_max: 1000 });
/// assert!(joiners.push(&"a", b"first of a, ", true, Some(1)).line.is_none());
/// assert!(joiners.push(&"b", b"first of b, ", true, Some(2)).line.is_none());
/// let pushed = joiners.push(&"a", b"second of a", false, Some(3));
/// assert_eq!(pushed.line.map(|line| line.bytes), Some(&b"first of a, second of a"[..]));
/// let rest = joiners.flush(&"b").expect("b waits for its end");
/// assert_eq!((rest.line().bytes, rest.line().unfinished), (&b"first of b, "[..], true));
/// ```
#[derive(Debug)]
pub struct Joiners<K> {
    limits: Limits,
    open: HashMap<K, Open>,
    /// The keys by the turn of their last chunk: the first has waited longest.
    waiting: BTreeMap<u64, K>,
    turn: u64,
    open_bytes: usize,
    /// It holds the line that was given out last and gives its buffer to the next that is opened.
    spare: Joiner,
}

#[derive(Debug)]
struct Open {
    joiner: Joiner,
    /// Of the last chunk.
    turn: u64,
}

/// What became of a chunk.
///
/// ```
/// use sawlog_parsers::joiner::{Joiners, Limits};
///
/// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 1, bytes_max: 1000 });
/// assert!(joiners.push(&"a", b"half a line", true, None).displaced.is_empty());
/// let pushed = joiners.push(&"b", b"half another", true, None);
/// assert_eq!(pushed.displaced[0].key, "a");
/// assert_eq!(pushed.displaced[0].line().bytes, b"half a line");
/// assert_eq!(pushed.line, None);
/// ```
#[derive(Debug)]
#[must_use = "lines that had to make room are in here"]
#[non_exhaustive]
pub struct Pushed<'a, K> {
    /// Lines of other streams that had to make room, those first that waited longest; empty unless a
    /// limit is reached.
    pub displaced: Vec<Unfinished<K>>,
    /// The line that the chunk ends; `None` if the line goes on.
    pub line: Option<Line<'a>>,
}

/// A line whose end did not come: its stream ended, the caller did not wait longer, or it had to make
/// room.
///
/// ```
/// use sawlog_parsers::joiner::{Joiners, Limits};
///
/// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
/// assert!(joiners.push(&"web-17", b"half a li", true, Some(5)).displaced.is_empty());
/// let unfinished = joiners.flush(&"web-17").expect("its end did not come");
/// assert_eq!(unfinished.key, "web-17");
/// let line = unfinished.line();
/// assert_eq!((line.bytes, line.time, line.unfinished), (&b"half a li"[..], Some(5), true));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Unfinished<K> {
    /// The stream that the line belongs to.
    pub key: K,
    joiner: Joiner,
}

impl<K> Unfinished<K> {
    /// What there is of the line; it is marked as unfinished.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
    /// assert!(joiners.push(&"web-17", b"half", true, Some(5)).line.is_none());
    /// let unfinished = joiners.flush(&"web-17").expect("its end did not come");
    /// assert_eq!((unfinished.line().bytes, unfinished.line().time), (&b"half"[..], Some(5)));
    /// ```
    pub fn line(&self) -> Line<'_> {
        self.joiner.line(true)
    }
}

impl<K: Clone + Eq + Hash> Joiners<K> {
    /// Joiners within limits, with no line open.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 4 });
    /// // A line may not have more bytes than all of them together.
    /// let line = joiners.push(&"web-17", b"ready", false, None).line.expect("a line of one chunk");
    /// assert_eq!((line.bytes, line.truncated), (&b"read"[..], true));
    /// ```
    pub fn new(limits: Limits) -> Joiners<K> {
        let limits = Limits {
            line_bytes_max: limits.line_bytes_max.min(limits.bytes_max),
            open_lines_max: limits.open_lines_max.max(1),
            bytes_max: limits.bytes_max,
        };
        Joiners {
            limits,
            open: HashMap::new(),
            waiting: BTreeMap::new(),
            turn: 0,
            open_bytes: 0,
            spare: Joiner::new(limits.line_bytes_max),
        }
    }

    /// Takes a chunk of a stream; gives the line that it ends, if it ends one, and the lines of others
    /// that had to make room for it. A line of one chunk displaces none. `partial` and `time` are as in
    /// [`Joiner::push`].
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
    /// assert!(joiners.push(&("web-17", 1), b"GET /sh", true, None).line.is_none());
    /// let other = joiners.push(&("web-17", 2), b"slow", false, None);
    /// assert_eq!(other.line.map(|line| line.bytes), Some(&b"slow"[..]));
    /// let end = joiners.push(&("web-17", 1), b"op", false, None);
    /// assert_eq!(end.line.map(|line| line.bytes), Some(&b"GET /shop"[..]));
    /// ```
    pub fn push<'a>(
        &'a mut self,
        key: &K,
        chunk: &'a [u8],
        partial: bool,
        time: Option<i64>,
    ) -> Pushed<'a, K> {
        let mut displaced = Vec::new();
        let Some(open) = self.open.get_mut(key) else {
            if partial {
                self.make_room_for_line(&mut displaced);
                self.begin(key.clone(), chunk, time);
                self.make_room_for_bytes(&mut displaced);
                return Pushed {
                    displaced,
                    line: None,
                };
            }
            let line = self.spare.push(chunk, false, time);
            return Pushed { displaced, line };
        };
        let before = open.joiner.open_bytes();
        open.joiner.append(chunk);
        // A character that did not fit may have gone.
        self.open_bytes = self.open_bytes - before + open.joiner.open_bytes();
        if partial {
            self.turn += 1;
            if let Some(key) = self.waiting.remove(&open.turn) {
                self.waiting.insert(self.turn, key);
            }
            open.turn = self.turn;
            self.make_room_for_bytes(&mut displaced);
            return Pushed {
                displaced,
                line: None,
            };
        }
        let line = self.remove(key).map(|unfinished| {
            self.spare = unfinished.joiner;
            self.spare.close(false)
        });
        Pushed { displaced, line }
    }

    /// Gives the line of a stream whose end will not come, as when the container has ended.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
    /// assert!(joiners.push(&"web-17", b"half", true, None).displaced.is_empty());
    /// assert!(joiners.flush(&"web-17").is_some_and(|line| line.line().bytes == b"half"));
    /// assert!(joiners.flush(&"web-17").is_none());
    /// ```
    pub fn flush(&mut self, key: &K) -> Option<Unfinished<K>> {
        self.remove(key)
    }

    /// Gives all lines that are open, those first that waited longest for a chunk.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
    /// for key in ["b", "a"] {
    ///     assert!(joiners.push(&key, b"half", true, None).displaced.is_empty());
    /// }
    /// let keys: Vec<_> = joiners.flush_all().iter().map(|line| line.key).collect();
    /// assert_eq!((keys, joiners.open_bytes()), (vec!["b", "a"], 0));
    /// ```
    pub fn flush_all(&mut self) -> Vec<Unfinished<K>> {
        let mut all = Vec::with_capacity(self.open.len());
        while let Some(unfinished) = self.remove_oldest() {
            all.push(unfinished);
        }
        all
    }

    /// Gives the lines that began before a time, those first that waited longest for a chunk. The times
    /// compared are those of the first chunks, so `time` must be of the same clock; a line without
    /// a time stays. It looks at every open line, so once a second is often enough.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 2, bytes_max: 1000 });
    /// for (key, time) in [("a", 10), ("b", 20)] {
    ///     assert!(joiners.push(&key, b"half", true, Some(time)).displaced.is_empty());
    /// }
    /// let late = joiners.flush_before(15);
    /// assert_eq!(late.iter().map(|line| line.key).collect::<Vec<_>>(), ["a"]);
    /// assert_eq!(joiners.open_lines(), 1);
    /// ```
    pub fn flush_before(&mut self, time: i64) -> Vec<Unfinished<K>> {
        let is_late = |key: &&K| self.open_time(key).is_some_and(|begun| begun < time);
        let late: Vec<K> = self.waiting.values().filter(is_late).cloned().collect();
        late.iter().filter_map(|key| self.remove(key)).collect()
    }

    /// How many lines wait for their end.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
    /// assert!(joiners.push(&"web-17", b"half", true, Some(5)).line.is_none());
    /// assert_eq!(joiners.open_lines(), 1);
    /// ```
    pub fn open_lines(&self) -> usize {
        self.open.len()
    }

    /// Bytes of all lines that wait for their end.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
    /// assert!(joiners.push(&"web-17", b"half", true, Some(5)).line.is_none());
    /// assert_eq!(joiners.open_bytes(), 4);
    /// ```
    pub fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Whether a stream has a line that waits for its end.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
    /// assert!(joiners.push(&"web-17", b"half", true, None).displaced.is_empty());
    /// assert!(joiners.is_open(&"web-17") && !joiners.is_open(&"web-18"));
    /// ```
    pub fn is_open(&self, key: &K) -> bool {
        self.open.contains_key(key)
    }

    /// The time of the first chunk of a stream's open line; `None` if no line is open or it has no time.
    ///
    /// Docker gives all chunks of a line the time of the first. A chunk with another time tells that the
    /// end of the line before got lost, which [`Joiners::flush`] then gives out.
    ///
    /// ```
    /// use sawlog_parsers::joiner::{Joiners, Limits};
    ///
    /// let mut joiners = Joiners::new(Limits { line_bytes_max: 100, open_lines_max: 9, bytes_max: 1000 });
    /// assert!(joiners.push(&"a", b"half", true, Some(7)).line.is_none());
    /// assert_eq!((joiners.open_time(&"a"), joiners.open_time(&"b")), (Some(7), None));
    /// ```
    pub fn open_time(&self, key: &K) -> Option<i64> {
        self.open.get(key)?.joiner.time
    }

    /// Opens a line with its first chunk.
    fn begin(&mut self, key: K, chunk: &[u8], time: Option<i64>) {
        let empty = Joiner::new(self.limits.line_bytes_max);
        let mut joiner = std::mem::replace(&mut self.spare, empty);
        let line = joiner.push(chunk, true, time);
        debug_assert!(line.is_none(), "the chunk is partial");
        self.open_bytes += joiner.open_bytes();
        self.turn += 1;
        let turn = self.turn;
        self.waiting.insert(turn, key.clone());
        self.open.insert(key, Open { joiner, turn });
    }

    /// One more line is about to be opened.
    fn make_room_for_line(&mut self, displaced: &mut Vec<Unfinished<K>>) {
        if self.open.len() == self.limits.open_lines_max {
            displaced.extend(self.remove_oldest());
        }
    }

    /// The newest line never has to go: it has at most `line_bytes_max` bytes, which fit.
    fn make_room_for_bytes(&mut self, displaced: &mut Vec<Unfinished<K>>) {
        while self.limits.bytes_max < self.open_bytes {
            displaced.extend(self.remove_oldest());
        }
    }

    fn remove_oldest(&mut self) -> Option<Unfinished<K>> {
        let key = self.waiting.first_key_value()?.1.clone();
        self.remove(&key)
    }

    fn remove(&mut self, key: &K) -> Option<Unfinished<K>> {
        let (key, open) = self.open.remove_entry(key)?;
        self.waiting.remove(&open.turn);
        self.open_bytes -= open.joiner.open_bytes();
        Some(Unfinished {
            key,
            joiner: open.joiner,
        })
    }
}

#[cfg(test)]
mod tests;
