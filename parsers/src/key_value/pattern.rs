//! Expressions of `field_split_pattern` and `value_split_pattern`: Ruby's syntax in, an automaton of the crate
//! regex-automata out, whose time is linear. What such an automaton has not is refused with its name.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use regex_automata::dfa::{dense, regex};
use regex_automata::nfa::thompson;
use regex_automata::nfa::thompson::pikevm::{Cache, PikeVM};
use regex_automata::util::syntax;
use regex_automata::{Input, Match, MatchKind};
use regex_syntax::ast::ErrorKind;

use crate::error::Error;

/// Bytes of an expression at most; separators have a few.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, PATTERN_BYTES_MAX};
///
/// let of_bytes = |bytes| {
///     KeyValue::compile(&Options { field_split_pattern: Some(";".repeat(bytes)), ..Options::default() })
/// };
/// assert!(of_bytes(PATTERN_BYTES_MAX).is_ok());
/// assert!(of_bytes(PATTERN_BYTES_MAX + 1).is_err());
/// ```
pub const PATTERN_BYTES_MAX: usize = 1024;

/// Bytes of a compiled expression at most, so that a large repetition does not take the memory of the process.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Bytes that the tables of an automaton may take, and four times that to make them.
const TABLE_BYTES_MAX: usize = 1 << 20;

/// A compiled expression. Its tables need no memory for a search, so it needs none of the caller and no lock.
#[derive(Debug, Clone)]
pub(super) struct Regex {
    /// `None` when it would be too large.
    tables: Option<Arc<regex::Regex>>,
    /// Whether the tables can tell of ASCII only.
    has_borders: bool,
    /// For what the tables cannot tell: `\b` beside letters beyond ASCII. Its memory is the thread's.
    slow: PikeVM,
}

thread_local! {
    /// What the slow engine notes down in a search, for whichever expression is at work.
    static NOTES: RefCell<Option<Cache>> = const { RefCell::new(None) };
}

/// Classes that are ASCII in Ruby and Unicode in the crate.
const CLASSES: [(char, &str); 8] = [
    ('d', "0-9"),
    ('D', "[^0-9]"),
    ('w', "0-9A-Za-z_"),
    ('W', "[^0-9A-Za-z_]"),
    ('s', r"\t-\r\x20"),
    ('S', r"[^\t-\r\x20]"),
    ('h', "0-9A-Fa-f"),
    ('H', "[^0-9A-Fa-f]"),
];

/// The expression in the crate's syntax, checked.
pub(super) fn translate(option: &str, text: &str) -> Result<String, Error> {
    let named = |message: &str| Error::new(format!("{option}: {message}"));
    if text.is_empty() {
        return Err(named(
            "it is empty; leave the option out to split at the set of characters",
        ));
    }
    if PATTERN_BYTES_MAX < text.len() {
        return Err(named(&format!(
            "it has more than {PATTERN_BYTES_MAX} bytes"
        )));
    }
    let mut translation = Translation::default();
    let mut unread = text;
    while let Some(letter) = unread.chars().next() {
        let place = (translation.out.len(), text.len() - unread.len());
        translation.places.push(place);
        let length = translation.step(letter, unread).map_err(|what| {
            let message = format!(
                "{what} is not known here, since time must stay linear; split at a plainer expression"
            );
            named(&message).at_offset(text, text.len() - unread.len())
        })?;
        unread = unread.get(length..).unwrap_or_default();
    }
    if let Err(error) = syntax::parse_with(&translation.out, &syntax_config()) {
        let (message, at) = fault(&error);
        return Err(named(&message).at_offset(text, translation.place(at)));
    }
    let regex = compile(&translation.out).map_err(|message| named(&message))?;
    if regex.find_at(b"", 0).is_some() {
        return Err(named("it matches empty text, which separates nothing"));
    }
    Ok(translation.out)
}

/// `^` and `$` are the bounds of lines and `.` stops at them, as in Ruby.
fn syntax_config() -> syntax::Config {
    syntax::Config::new().multi_line(true).utf8(false)
}

/// What is wrong with an expression in the crate's syntax, and behind how many bytes.
fn fault(error: &regex_syntax::Error) -> (String, usize) {
    let (at, known) = match error {
        regex_syntax::Error::Parse(error) => (error.span().start.offset, remedy(error.kind())),
        regex_syntax::Error::Translate(error) => (error.span().start.offset, None),
        _ => (0, None),
    };
    // The crate draws the place first; its last line says what is wrong.
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let message = known.unwrap_or(last.trim_start_matches("error: "));
    (message.to_owned(), at)
}

/// The usual faults, each with what to write.
fn remedy(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::GroupUnclosed => Some(r"( without its ) ; write \( for a parenthesis"),
        ErrorKind::GroupUnopened => Some(r"unmatched ) ; write \) for a parenthesis"),
        ErrorKind::ClassUnclosed => Some(r"[ without its ] ; write \[ for a bracket"),
        ErrorKind::RepetitionMissing => {
            Some("nothing to repeat; write a backslash before the character")
        }
        _ => None,
    }
}

/// An expression in the crate's syntax.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let syntax = syntax_config();
    let tree = syntax::parse_with(pattern, &syntax).map_err(|error| fault(&error).0)?;
    let limits = thompson::Config::new()
        .utf8(false)
        .nfa_size_limit(Some(COMPILED_BYTES_MAX));
    let too_large = |_| {
        format!(
            "it takes more than {COMPILED_BYTES_MAX} bytes once its repetitions are written out; shorten them"
        )
    };
    let automaton = thompson::Compiler::new()
        .configure(limits.clone())
        .build_from_hir(&tree)
        .map_err(too_large)?;
    let tables = dense::Config::new()
        .match_kind(MatchKind::LeftmostFirst)
        .unicode_word_boundary(true)
        .dfa_size_limit(Some(TABLE_BYTES_MAX))
        .determinize_size_limit(Some(4 * TABLE_BYTES_MAX));
    let tables = regex::Builder::new()
        .syntax(syntax)
        .thompson(limits)
        .dense(tables)
        .build(pattern);
    Ok(Regex {
        tables: tables.ok().map(Arc::new),
        has_borders: automaton.look_set_any().contains_word_unicode(),
        slow: PikeVM::new_from_nfa(automaton).map_err(|error| error.to_string())?,
    })
}

impl Regex {
    /// The leftmost match that begins at a place or behind it.
    pub(super) fn find_at(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let input = Input::new(text).range(from..);
        let seen = text.get(from.saturating_sub(1)..).unwrap_or_default();
        // That they cannot tell is an error of theirs, which takes memory.
        let tables = self
            .tables
            .as_ref()
            .filter(|_| !self.has_borders || seen.is_ascii());
        let found = match tables.map(|tables| tables.try_search(&input)) {
            Some(Ok(found)) => found,
            Some(Err(_)) | None => self.find_slowly(input),
        };
        found.map(|found| found.range())
    }

    fn find_slowly(&self, input: Input<'_>) -> Option<Match> {
        NOTES.with_borrow_mut(|notes| {
            let notes = notes.get_or_insert_with(|| self.slow.create_cache());
            // They may be of another expression; where they fit, nothing is done.
            notes.reset(&self.slow);
            self.slow.find(notes, input)
        })
    }
}

#[derive(Default)]
struct Translation {
    out: String,
    /// How many brackets are open.
    classes: usize,
    /// The last thing written is `*`, `+` or `?`.
    repeats: bool,
    /// Where each step begins in what is written and in the text.
    places: Vec<(usize, usize)>,
}

impl Translation {
    /// The place in the text of one in what was written.
    fn place(&self, at: usize) -> usize {
        let begun = self.places.iter().rev().find(|(out, _)| *out <= at);
        begun.map_or(0, |(_, place)| *place)
    }

    /// Writes what the text begins with; how many bytes that was, or the name of what cannot be.
    fn step(&mut self, letter: char, text: &str) -> Result<usize, &'static str> {
        let repeated = std::mem::take(&mut self.repeats);
        match letter {
            '\\' => return self.escape(text),
            '[' => return Ok(self.open(text)),
            ']' if self.classes != 0 => {
                self.classes -= 1;
                self.out.push(']');
            }
            // Two of these are operators in the crate.
            '-' | '~'
                if self.classes != 0
                    && text.get(1..).is_some_and(|rest| rest.starts_with(letter)) =>
            {
                self.out.push('\\');
                self.out.push(letter);
            }
            '(' if self.classes == 0 => return self.group(text),
            '+' if self.classes == 0 && repeated => return Err("possessive repetition"),
            '*' | '+' | '?' if self.classes == 0 => {
                self.repeats = true;
                self.out.push(letter);
            }
            letter => self.out.push(letter),
        }
        Ok(letter.len_utf8())
    }

    /// The bracket that opens a class; one that would close it at once is a character of it.
    fn open(&mut self, text: &str) -> usize {
        self.classes += 1;
        let beginnings = ["[^]", "[]", "[^"];
        let found = beginnings
            .iter()
            .find(|beginning| text.starts_with(**beginning));
        let opened = found.copied().unwrap_or("[");
        self.out += opened;
        opened.len()
    }

    fn escape(&mut self, text: &str) -> Result<usize, &'static str> {
        let Some(letter) = text.chars().nth(1) else {
            return Err("a backslash at the end");
        };
        if let Some((_, class)) = CLASSES.iter().find(|(name, _)| *name == letter) {
            if self.classes != 0 || class.starts_with('[') {
                self.out += class;
            } else {
                self.out += &format!("[{class}]");
            }
            return Ok(2);
        }
        match letter {
            '1'..='9' | 'k' => return Err("a back reference"),
            'g' => return Err("a subexpression call"),
            'G' | 'K' | 'R' | 'X' | 'Z' => return Err(r"one of \G \K \R \X \Z"),
            '0' => self.out += r"\x00",
            'e' => self.out += r"\x1B",
            '<' | '>' => self.out.push(letter),
            letter if letter.is_ascii() => {
                self.out.push('\\');
                self.out.push(letter);
            }
            letter => self.out.push(letter),
        }
        Ok(1 + letter.len_utf8())
    }

    fn group(&mut self, text: &str) -> Result<usize, &'static str> {
        let starts = |beginnings: &[&str]| {
            beginnings
                .iter()
                .any(|beginning| text.starts_with(beginning))
        };
        if starts(&["(?=", "(?!", "(?<=", "(?<!"]) {
            return Err("look-around");
        }
        if starts(&["(?>"]) {
            return Err("an atomic group");
        }
        if starts(&["(?~", "(?#", "(?("]) {
            return Err("this group");
        }
        let Some(inside) = text.strip_prefix("(?") else {
            self.out.push('(');
            return Ok(1);
        };
        if inside.starts_with('<') {
            self.out += "(?<";
            return Ok(3);
        }
        // Ruby's m lets the point take line breaks, which is the crate's s.
        let flags: String = inside
            .chars()
            .take_while(|letter| letter.is_ascii_alphabetic() || *letter == '-')
            .collect();
        self.out += "(?";
        self.out += &flags.replace('m', "s");
        Ok(2 + flags.len())
    }
}
