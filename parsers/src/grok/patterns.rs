//! Named definitions: pattern files in, one definition a name out. What a definition means is the
//! parser's affair; here it is text.

mod bank;

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Place};
use crate::spelling;

/// A definition or expression longer than this is refused; the longest published expansion has 9.3 kB.
pub(super) const EXPRESSION_BYTES_MAX: usize = 64 << 10;

/// Named grok patterns, as text: what an expression may refer to by `%{NAME}`.
///
/// A clone shares the texts. Expressions that were compiled keep the definitions of that time.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Options, Patterns};
///
/// let mut patterns = Patterns::ecs_v1();
/// patterns.add_file("shop", b"ORDER A-%{POSINT:[order][id]:int}\n")?;
/// patterns.define("WORD", "[a-z]+")?;
/// let grok = Grok::compile("%{WORD:[event][action]} %{ORDER}", &patterns, Options::default())?;
/// assert_eq!(grok.captures()[1].field, "[order][id]");
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    definitions: HashMap<Arc<str>, Definition>,
}

#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub text: Arc<str>,
    pub place: Place,
}

impl Patterns {
    /// No definitions at all.
    ///
    /// ```
    /// assert_eq!(sawlog_parsers::grok::Patterns::new().names().count(), 0);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The built-in set with Logstash's old field names, such as `clientip`: what `ecs_compatibility => disabled` has.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("%{SYSLOGBASE}", &Patterns::legacy(), Options::default())?;
    /// assert!(grok.captures().iter().any(|capture| capture.field == "logsource"));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn legacy() -> Self {
        Self::of_bank(bank::LEGACY)
    }

    /// The built-in set with the field names of the Elastic Common Schema, such as `[source][address]`: what
    /// `ecs_compatibility => v1` and `v8` have.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let grok = Grok::compile("%{SYSLOGBASE}", &Patterns::ecs_v1(), Options::default())?;
    /// assert!(grok.captures().iter().any(|capture| capture.field == "[host][hostname]"));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn ecs_v1() -> Self {
        Self::of_bank(bank::ECS_V1)
    }

    /// The set with the field names of the Elastic Common Schema whose basic patterns take what the formats allow and no
    /// more. It has every name of [`Patterns::ecs_v1`].
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
    ///
    /// let line = b"peer fe80::1%eth0 up";
    /// let grok = Grok::compile("%{IP:peer}", &Patterns::strict(), Options::default())?;
    /// let mut slots = Slots::new();
    /// assert_eq!(grok.search(line, &mut slots), Outcome::Match);
    /// assert_eq!(slots.span(0).map(|span| &line[span]), Some(&b"fe80::1%eth0"[..]));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn strict() -> Self {
        let mut patterns = Self::ecs_v1();
        patterns.add_bank(bank::STRICT);
        patterns
    }

    fn of_bank(files: &[(&str, &str)]) -> Self {
        let mut patterns = Self::new();
        patterns.add_bank(files);
        patterns
    }

    fn add_bank(&mut self, files: &[(&str, &str)]) {
        for (name, text) in files {
            self.add_file(name, text.as_bytes())
                .expect("the embedded files, which a test reads as well");
        }
    }

    /// Adds the definitions of a pattern file: `NAME`, blanks, the pattern to the end of the line. `file` is its
    /// name, for errors.
    ///
    /// The format is Logstash's. Lines that begin with `#`, and lines without a pattern, are passed over; blanks before
    /// the name are none of it, those at the end belong to the pattern; a later definition wins, also over a built-in
    /// one.
    ///
    /// ```
    /// use sawlog_parsers::grok::Patterns;
    ///
    /// let mut patterns = Patterns::legacy();
    /// patterns.add_file("orders", b"# Our own.\nORDER A-%{POSINT:order:int}\n")?;
    /// assert!(patterns.names().any(|name| name == "ORDER"));
    /// let error = patterns.add_file("orders", b"A b\nB \xFF\n").expect_err("not UTF-8");
    /// assert_eq!((error.file(), error.line(), error.column()), (Some("orders"), Some(2), Some(3)));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A line that is not UTF-8 or a definition longer than 64 KiB, with its place; the definitions before it are added
    /// then. Whether the patterns themselves are right is seen when an expression uses them.
    pub fn add_file(&mut self, file: &str, text: &[u8]) -> Result<(), Error> {
        let file: Arc<str> = Arc::from(file);
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let place = Place {
                file: Some(Arc::clone(&file)),
                line: Some(index + 1),
                characters_before: 0,
            };
            self.add_line(line, place)?;
        }
        Ok(())
    }

    fn add_line(&mut self, line: &[u8], mut place: Place) -> Result<(), Error> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // UTF-16 without a mark is valid UTF-8 where it holds ASCII; no pattern has a NUL.
        if let Some(nul) = memchr::memchr(0, line) {
            let at = std::str::from_utf8(line).map_or_else(|error| error.valid_up_to(), |_| nul);
            return Err(not_utf8(line, at.min(nul)).at_place(&place));
        }
        // The name of an author in Latin-1 harms nobody.
        if line.trim_ascii_start().starts_with(b"#") {
            return Ok(());
        }
        let line = std::str::from_utf8(line)
            .map_err(|error| not_utf8(line, error.valid_up_to()).at_place(&place))?;
        let text = line.trim_ascii_start();
        match text.split_once(|letter: char| letter.is_ascii_whitespace()) {
            Some((name, rest)) if !rest.trim_ascii_start().is_empty() => {
                let rest = rest.trim_ascii_start();
                place.characters_before = line.chars().count() - rest.chars().count();
                self.insert(name, rest, place)
            }
            _ => Ok(()),
        }
    }

    /// Defines one pattern, as Logstash's option `pattern_definitions` does. It wins over those there were.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Patterns};
    ///
    /// let mut patterns = Patterns::new();
    /// patterns.define("ORDER", "[A-Z]-[0-9]+")?;
    /// assert!(Grok::compile("%{ORDER:order}", &patterns, Options::default()).is_ok());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A definition longer than 64 KiB.
    pub fn define(&mut self, name: &str, expression: &str) -> Result<(), Error> {
        self.insert(name, expression, Place::default())
    }

    fn insert(&mut self, name: &str, text: &str, place: Place) -> Result<(), Error> {
        if EXPRESSION_BYTES_MAX < text.len() {
            return Err(Error::new(format!(
                "the definition of {name} is longer than {EXPRESSION_BYTES_MAX} bytes"
            ))
            .at_place(&place));
        }
        self.definitions.insert(
            Arc::from(name),
            Definition {
                text: Arc::from(text),
                place,
            },
        );
        Ok(())
    }

    /// All names, in no particular order.
    ///
    /// ```
    /// use sawlog_parsers::grok::Patterns;
    ///
    /// assert!(Patterns::legacy().names().any(|name| name == "HTTPDATE"));
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions.keys().map(|name| &**name)
    }

    pub(super) fn definition(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name)
    }

    /// The name that is most like a mistyped one, if any is near.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        spelling::nearest(name, self.names())
    }
}

/// A file in UTF-16 has a NUL beside each letter; other encodings betray themselves by single bytes only.
fn not_utf8(line: &[u8], at: usize) -> Error {
    let wide = line.contains(&0) || line.starts_with(b"\xFF\xFE") || line.starts_with(b"\xFE\xFF");
    let seen = match wide {
        true => "the file looks like UTF-16".to_owned(),
        false => format!(
            "the byte {:#04X} is not UTF-8",
            line.get(at).copied().unwrap_or_default()
        ),
    };
    let text = String::from_utf8_lossy(line.get(..at).unwrap_or_default());
    Error::new(format!("{seen}; save the pattern file as UTF-8")).at_offset(&text, at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use super::*;

    #[track_caller]
    fn text_of(file: &str, name: &str) -> Option<String> {
        let mut patterns = Patterns::new();
        patterns.add_file("f", file.as_bytes()).unwrap();
        patterns
            .definition(name)
            .map(|definition| definition.text.to_string())
    }

    #[test]
    fn a_line_is_a_name_and_a_pattern_with_its_trailing_blanks() {
        assert_eq!(text_of("  A \t x y \n", "A").as_deref(), Some("x y "));
    }

    #[test]
    fn comments_and_lines_without_pattern_are_passed_over() {
        assert_eq!(text_of("# A b\n\nA\nA   \n", "A"), None);
        assert_eq!(text_of("#A b\nB c # d", "B").as_deref(), Some("c # d"));
    }

    #[test]
    fn the_later_definition_wins() {
        assert_eq!(text_of("A 1\nA 2\n", "A").as_deref(), Some("2"));
    }

    #[test]
    fn a_fault_has_its_line() {
        let error = Patterns::new().add_file("f", b"A b\nB \xFF\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "f:2:3: the byte 0xFF is not UTF-8; save the pattern file as UTF-8"
        );
    }

    #[test]
    fn the_nearest_name_is_found() {
        let mut patterns = Patterns::new();
        patterns
            .add_file("f", b"NGINXSOURCE a\nNGINXACCESS b\nX c")
            .unwrap();
        assert_eq!(patterns.nearest("NGINXSORCE"), Some("NGINXSOURCE"));
        assert_eq!(patterns.nearest("COMPLETELY"), None);
        assert_eq!(patterns.nearest(&"X".repeat(60_000)), None);
    }
}
