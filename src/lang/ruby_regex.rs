//! Regular expressions as Ruby, and so Logstash, reads them, written anew for the regex crate. Ruby's text comes in; a text
//! of the same meaning that compiles, or what is wrong and where, goes out. Patterns of grok are elsewhere.
//!
//! What differs: in Ruby `^` and `$` always stand at line ends and `(?m)` lets the dot match a line end; `\d`, `\w`, `\s`
//! and `\h` are ASCII and `[[:alpha:]]` is Unicode; a brace that begins no count is a plain character.

use std::ops::Range;

use crate::lang::limits;

/// Why a regular expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub message: String,
    /// Bytes in the text as given.
    pub place: Range<usize>,
    pub help: Option<&'static str>,
}

const NO_LOOK_AROUND: &str = "look-around, back references and atomic groups are not supported here; split the test in two: `[f] =~ /a/ and [f] !~ /b/`";

/// The same expression for `regex::Regex::new`, which is certain to take it.
pub fn translate(ruby: &str) -> Result<String, Refusal> {
    let mut translation = Translation {
        ruby,
        at: 0,
        // Ruby's `^` and `$`.
        rust: "(?m)".to_owned(),
        origins: Vec::new(),
        class_depth: 0,
    };
    translation.run()?;
    translation.validated()
}

struct Translation<'a> {
    ruby: &'a str,
    at: usize,
    rust: String,
    /// For each piece written: where it starts in `rust`, and the place it came from.
    origins: Vec<(usize, Range<usize>)>,
    /// How many `[` are open.
    class_depth: usize,
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), Refusal> {
        while let Some(character) = self.peek() {
            let start = self.at;
            self.origins
                .push((self.rust.len(), start..start + character.len_utf8()));
            if self.class_depth == 0 {
                self.outside_class(character, start)?;
            } else {
                self.in_class(character, start);
            }
            let end = self.at;
            if let Some((_, place)) = self.origins.last_mut() {
                place.end = end;
            }
        }
        Ok(())
    }

    fn rest(&self) -> &str {
        self.ruby.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    /// Takes the next character as it is.
    fn keep(&mut self) {
        if let Some(character) = self.peek() {
            self.rust.push(character);
            self.bump();
        }
    }

    fn refusal(&self, start: usize, message: &str, help: Option<&'static str>) -> Refusal {
        Refusal {
            message: message.to_owned(),
            place: start..self.at.max(start),
            help,
        }
    }

    fn outside_class(&mut self, character: char, start: usize) -> Result<(), Refusal> {
        match character {
            '\\' => self.escape(start),
            '[' => {
                self.open_class();
                Ok(())
            }
            '(' => self.group(start),
            '{' => {
                self.brace();
                Ok(())
            }
            '*' | '+' | '?' => self.repetition(start),
            _ => {
                self.keep();
                Ok(())
            }
        }
    }

    /// `*`, `+`, `?`, and the marks behind them.
    fn repetition(&mut self, start: usize) -> Result<(), Refusal> {
        self.keep();
        match self.peek() {
            Some('?') => self.keep(),
            Some('+') => {
                self.bump();
                return Err(self.refusal(
                    start,
                    "a possessive repetition is not supported here",
                    Some("write it without the last `+`"),
                ));
            }
            _ => {}
        }
        Ok(())
    }

    /// `{2,3}` is a count; any other brace stands for itself.
    fn brace(&mut self) {
        let rest = self.rest();
        let digits_end = rest
            .char_indices()
            .skip(1)
            .find(|(_, character)| !character.is_ascii_digit() && *character != ',');
        let inner = match digits_end {
            Some((end, '}')) => rest.get(1..end).unwrap_or(""),
            _ => "",
        };
        let (least, most) = inner.split_once(',').unwrap_or((inner, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_count = digits(least) && digits(most) && !inner.is_empty() && inner != ",";
        if !is_count {
            self.rust.push_str("\\{");
            self.bump();
            return;
        }
        let length = "{".len() + inner.len() + "}".len();
        let count = if least.is_empty() {
            format!("{{0{inner}}}")
        } else {
            format!("{{{inner}}}")
        };
        self.rust.push_str(&count);
        self.at += length;
    }

    fn escape(&mut self, start: usize) -> Result<(), Refusal> {
        self.bump();
        let Some(character) = self.peek() else {
            return Err(self.refusal(start, "a backslash at the end", Some("write `\\\\`")));
        };
        self.bump();
        let written = match character {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'h' | 'H' => {
                let set = ascii_set(character.to_ascii_lowercase());
                let not = if character.is_ascii_uppercase() {
                    "^"
                } else {
                    ""
                };
                format!("[{not}{set}]")
            }
            'Z' => "(?:\\n?\\z)".to_owned(),
            'R' => "(?:\\r\\n|[\\n\\x0B\\f\\r\\x{85}\\x{2028}\\x{2029}])".to_owned(),
            'e' => "\\x1B".to_owned(),
            '0' => "\\x00".to_owned(),
            'k' | 'g' | '1'..='9' => {
                return Err(self.refusal(
                    start,
                    "a back reference is not supported here",
                    Some(NO_LOOK_AROUND),
                ));
            }
            'K' | 'G' | 'X' => {
                return Err(self.refusal(start, "this escape is not supported here", None));
            }
            // Ruby has no word boundaries of these names.
            '<' | '>' => character.to_string(),
            'b' if self.peek() == Some('{') => "\\b".to_owned(),
            _ => escaped(character),
        };
        self.rust.push_str(&written);
        Ok(())
    }

    fn open_class(&mut self) {
        if let Some((name, negated, length)) =
            posix_class(self.rest()).filter(|_| 0 < self.class_depth)
        {
            self.rust.push_str(&posix_set(name, negated));
            self.at += length;
            return;
        }
        self.keep();
        self.class_depth += 1;
        if self.peek() == Some('^') {
            self.keep();
        }
        // As the first character these stand for themselves in both languages, but not at all times in ours.
        if self.peek() == Some(']') {
            self.rust.push_str("\\]");
            self.bump();
        }
        if self.peek() == Some('-') {
            self.rust.push_str("\\-");
            self.bump();
        }
    }

    fn in_class(&mut self, character: char, _start: usize) {
        match character {
            '\\' => self.escape_in_class(),
            '[' => self.open_class(),
            ']' => {
                self.keep();
                self.class_depth -= 1;
            }
            '-' if self.rest().starts_with("--") => {
                self.rust.push_str("-\\-");
                self.at += 2;
            }
            '~' => {
                self.rust.push_str("\\~");
                self.bump();
            }
            _ => self.keep(),
        }
    }

    fn escape_in_class(&mut self) {
        self.bump();
        let Some(character) = self.peek() else {
            self.rust.push('\\');
            return;
        };
        self.bump();
        let written = match character {
            'd' | 'w' | 's' | 'h' => ascii_set(character).to_owned(),
            'D' | 'W' | 'S' | 'H' => format!("[^{}]", ascii_set(character.to_ascii_lowercase())),
            'b' => "\\x08".to_owned(),
            'e' => "\\x1B".to_owned(),
            '0' => "\\x00".to_owned(),
            '<' | '>' => character.to_string(),
            _ => escaped(character),
        };
        self.rust.push_str(&written);
    }

    /// `(`, with what tells its kind.
    fn group(&mut self, start: usize) -> Result<(), Refusal> {
        let rest = self.rest();
        let refused = [
            ("(?=", "look-ahead"),
            ("(?!", "look-ahead"),
            ("(?<=", "look-behind"),
            ("(?<!", "look-behind"),
            ("(?>", "an atomic group"),
            ("(?~", "an absence operator"),
            ("(?(", "a condition in a regular expression"),
        ];
        if let Some((opening, what)) = refused
            .iter()
            .find(|(opening, _)| rest.starts_with(opening))
        {
            self.at += opening.len();
            let message = format!("{what} is not supported here");
            return Err(self.refusal(start, &message, Some(NO_LOOK_AROUND)));
        }
        if rest.starts_with("(?#") {
            self.at += rest.find(')').map_or(rest.len(), |end| end + 1);
            return Ok(());
        }
        if let Some(name) = rest.strip_prefix("(?'") {
            let length = name.find('\'').unwrap_or(name.len());
            let name = name.get(..length).unwrap_or("").to_owned();
            self.rust.push_str(&format!("(?<{name}>"));
            self.at = (self.at + "(?'".len() + length + 1).min(self.ruby.len());
            return Ok(());
        }
        if rest.starts_with("(?") && !rest.starts_with("(?<") {
            self.flags();
            return Ok(());
        }
        self.keep();
        Ok(())
    }

    /// `(?mix-mix)` or `(?mix-mix:`: Ruby's `m` is the regex crate's `s`.
    fn flags(&mut self) {
        self.rust.push_str("(?");
        self.at += "(?".len();
        while let Some(flag) = self.peek() {
            match flag {
                'm' => {
                    self.rust.push('s');
                    self.bump();
                }
                // How \d and \w are read; they are written out already.
                'a' | 'd' | 'u' => self.bump(),
                'i' | 'x' | '-' => self.keep(),
                ':' | ')' => {
                    self.keep();
                    // `(?)` is nothing in Ruby.
                    if self.rust.ends_with("(?)") {
                        self.rust.truncate(self.rust.len() - "(?)".len());
                    }
                    return;
                }
                _ => return,
            }
        }
    }

    /// The translation, if it compiles.
    fn validated(self) -> Result<String, Refusal> {
        let compiled = regex::RegexBuilder::new(&self.rust)
            .size_limit(limits::REGEX_BYTES_MAX)
            .build();
        let whole = 0..self.ruby.len();
        match compiled {
            Ok(_) => Ok(self.rust),
            Err(regex::Error::Syntax(report)) => {
                let reason = report
                    .lines()
                    .rev()
                    .find_map(|line| line.strip_prefix("error: "))
                    .unwrap_or("it cannot be read");
                let place = caret(&report).and_then(|column| self.origin(column));
                Err(Refusal {
                    message: reason.to_owned(),
                    place: place.unwrap_or(whole),
                    help: None,
                })
            }
            Err(_) => Err(Refusal {
                message: "it grows too large".to_owned(),
                place: whole,
                help: Some("make the counts in braces smaller"),
            }),
        }
    }

    /// The place in Ruby's text of a character of ours.
    fn origin(&self, column: usize) -> Option<Range<usize>> {
        let (at, _) = self.rust.char_indices().nth(column)?;
        let after = self.origins.partition_point(|(start, _)| *start <= at);
        let (_, place) = self.origins.get(after.checked_sub(1)?)?;
        Some(place.clone())
    }
}

/// The column of the caret in the regex crate's report on a text of one line.
fn caret(report: &str) -> Option<usize> {
    const INDENT: usize = 4;
    let line = report.lines().nth(2)?;
    let column = line.find('^')?;
    let only_caret = line.chars().all(|character| matches!(character, ' ' | '^'));
    only_caret.then(|| column.checked_sub(INDENT))?
}

/// An escaped character as the regex crate writes it: letters keep their meaning, the rest stands for itself.
fn escaped(character: char) -> String {
    if character.is_ascii_alphanumeric() || character.is_ascii_punctuation() && character != '_' {
        format!("\\{character}")
    } else if character == ' ' {
        // Also where blanks do not count.
        "\\x20".to_owned()
    } else {
        character.to_string()
    }
}

/// What stands between the brackets for `\d`, `\w`, `\s`, `\h`.
fn ascii_set(letter: char) -> &'static str {
    match letter {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => "\\t\\n\\x0B\\f\\r\\x20",
        _ => "0-9A-Fa-f",
    }
}

/// `[:name:]` at the start of a text: name, whether negated, and length.
fn posix_class(text: &str) -> Option<(&str, bool, usize)> {
    let inner = text.strip_prefix("[:")?;
    let name_end =
        inner.find(|character: char| !character.is_ascii_lowercase() && character != '^')?;
    let (name, after) = inner.split_at(name_end);
    if !after.starts_with(":]") {
        return None;
    }
    let length = "[:".len() + name.len() + ":]".len();
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    plain.then_some((name, negated, length))
}

fn posix_set(name: &str, negated: bool) -> String {
    let not = if negated { "^" } else { "" };
    let set = match name {
        "alpha" => "\\p{Alphabetic}",
        "digit" => "\\p{Nd}",
        "alnum" => "\\p{Alphabetic}\\p{Nd}",
        "upper" => "\\p{Uppercase}",
        "lower" => "\\p{Lowercase}",
        "space" => "\\s",
        "blank" => "\\p{Zs}\\t",
        "punct" => "\\p{P}$+<=>\\^`|\\~",
        "cntrl" => "\\p{Cc}",
        "xdigit" => "0-9A-Fa-f",
        "word" => "\\w",
        "graph" => "[^\\s\\p{Cc}]",
        "print" => "[^\\p{Cc}]",
        "ascii" => "\\x00-\\x7F",
        // The regex crate names what it does not know.
        _ => return format!("[:{not}{name}:]"),
    };
    format!("[{not}{set}]")
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[track_caller]
    fn check(ruby: &str, text: &str, want: bool) {
        let rust = translate(ruby).expect(ruby);
        let regex = regex::Regex::new(&rust).expect(&rust);
        assert_eq!(regex.is_match(text), want, "{ruby} as {rust} on {text:?}");
    }

    #[track_caller]
    fn check_refused(ruby: &str, place: std::ops::Range<usize>, message: &str) {
        let refusal = translate(ruby).expect_err(ruby);
        assert_eq!((refusal.place, refusal.message.as_str()), (place, message));
    }

    #[test]
    fn line_anchors_stand_at_every_line() {
        check("^b$", "a\nb\nc", true);
        check("\\Ab", "a\nb", false);
        check("b\\Z", "a\nb\n", true);
        check("b\\z", "a\nb\n", false);
    }

    #[test]
    fn the_dot_stops_at_a_line_end_unless_told() {
        check("a.b", "a\nb", false);
        check("(?m)a.b", "a\nb", true);
        check("(?m:a.)b.c", "a\nb\nc", false);
        check("(?mi)A.b", "a\nb", true);
        check("(?-m)a.b", "a\nb", false);
    }

    #[test]
    fn classes_are_ascii_and_posix_ones_unicode() {
        check("^\\d$", "٣", false);
        check("^\\w$", "é", false);
        check("^[[:alpha:]]$", "é", true);
        check("^[^[:alpha:]]$", "é", false);
        check("^[[:^alpha:]]$", "1", true);
        check("^\\h+$", "c0ffee", true);
        check("^[\\h-]+$", "c0-ff", true);
        check("^[\\H]$", "g", true);
        check("\\s", "\u{a0}", false);
    }

    #[test]
    fn a_brace_without_count_is_itself() {
        check("^{", "{\"a\":1}", true);
        check("^\\{.*}$", "{a}", true);
        check("a{2}", "aa", true);
        check("^a{,2}$", "aa", true);
        check("^a{,2}$", "aaa", false);
        check("a{x}", "a{x}", true);
        check("{,}", "{,}", true);
    }

    #[test]
    fn what_means_something_else_to_the_regex_crate_is_written_out() {
        check("\\<b\\>", "a<b>", true);
        check("\\<b\\>", "a b c", false);
        check("[a~~b]", "~", true);
        check("^[+--]$", ",", true);
        check("[]a]", "]", true);
        check("^[-a]$", "-", true);
        check("a\\/b", "a/b", true);
        check("a\\-b\\ c\\\"", "a-b c\"", true);
        check("a(?#not this)b", "ab", true);
        check("(?'n'a)", "a", true);
        check("(?<n>a)", "a", true);
    }

    #[test]
    fn what_needs_backtracking_is_refused_by_name() {
        check_refused("a(?=b)", 1..4, "look-ahead is not supported here");
        check_refused("(?<!b)", 0..4, "look-behind is not supported here");
        check_refused("(a)\\1", 3..5, "a back reference is not supported here");
        check_refused("(?>a)", 0..3, "an atomic group is not supported here");
        check_refused("a++", 1..3, "a possessive repetition is not supported here");
    }

    #[test]
    fn a_mistake_is_shown_in_its_place() {
        check_refused("ab(c", 2..3, "unclosed group");
        check_refused("é[a", 2..3, "unclosed character class");
        check_refused("\\d\\d*a)b", 6..7, "unopened group");
        check_refused("a\\", 1..2, "a backslash at the end");
        check_refused("x\\y", 1..3, "unrecognized escape sequence");
    }

    #[test]
    fn a_count_too_large_is_refused() {
        let refusal = translate("(a{1000}){1000}").expect_err("too large");
        assert_eq!(refusal.message, "it grows too large");
    }
}
