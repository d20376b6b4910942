//! Values of options: strings, numbers, barewords, lists, hashes, and codecs with options of their own.

use std::collections::HashMap;

use crate::lang::diagnostic::Diagnostic;
use crate::lang::parse::{Broken, Parsed, Parser};
use crate::lang::source::Span;
use crate::lang::syntax::{Entry, Value, ValueKind};
use crate::plugin::Word;

impl Parser<'_, '_> {
    pub(super) fn value(&mut self) -> Parsed<Value> {
        let start = self.cursor.at();
        let kind = match self.cursor.peek() {
            Some(quote @ ('"' | '\'')) => {
                let (text, span) = self.quoted(quote)?;
                if self.after_blank_is("{") {
                    self.cursor.skip_blank();
                    ValueKind::Plugin(self.plugin(Word { text, span })?)
                } else {
                    ValueKind::Quoted(text)
                }
            }
            Some('[') => ValueKind::List(self.list()?),
            Some('{') => ValueKind::Hash(self.hash()?),
            Some(character) if character == '-' || character.is_ascii_digit() => {
                ValueKind::Number(self.number()?)
            }
            Some(character) if character == '_' || character.is_ascii_alphabetic() => {
                self.bareword()?
            }
            _ => return Err(self.no_value()),
        };
        Ok(Value {
            kind,
            span: self.cursor.span_from(start),
        })
    }

    fn no_value(&mut self) -> Broken {
        match self.cursor.peek() {
            None | Some('}' | ']' | ',' | ')') => {
                let here = self.cursor.here();
                self.error_help(
                    here,
                    "a value is missing here",
                    "a value is text in quotes, a number, a word, `[ ... ]` or `{ ... }`",
                )
            }
            Some(_) => self.unquoted(self.cursor.at()),
        }
    }

    /// Reports a run of characters that only a quoted string may hold, and takes it all.
    pub(super) fn unquoted(&mut self, start: usize) -> Broken {
        self.cursor.rewind(start);
        let (text, span) = self.cursor.take_while(|character| {
            !matches!(
                character,
                ' ' | '\t' | '\r' | '\n' | '"' | '\'' | '[' | ']' | '{' | '}' | ',' | '#' | ')'
            )
        });
        // `${PORT}` holds braces of its own.
        let (text, span) = if text == "$" && self.cursor.peek() == Some('{') {
            self.cursor
                .take_while(|character| !matches!(character, '}' | '\n'));
            self.cursor.eat("}");
            let span = self.cursor.span_from(start);
            (self.cursor.since(start), span)
        } else {
            (text, span)
        };
        if text.is_empty() {
            let here = self.cursor.here();
            self.cursor.advance();
            return self.error_help(
                here,
                "a value is expected here",
                "a value is text in quotes, a number, a word, `[ ... ]` or `{ ... }`",
            );
        }
        let shown = shortened(text);
        self.error_help(
            span,
            format!("`{shown}` must stand in quotes"),
            format!("write `\"{shown}\"`"),
        )
    }

    /// A string; its text without the quotes, and the span with them.
    pub(super) fn quoted(&mut self, quote: char) -> Parsed<(String, Span)> {
        let start = self.cursor.at();
        self.cursor.advance();
        match self.cursor.until_unescaped(quote) {
            Some(text) => Ok((text.to_owned(), self.cursor.span_from(start))),
            None => {
                let escaped = self.cursor.rest().contains(&format!("\\{quote}"));
                let span = self.cursor.span_from(start);
                let help = if escaped {
                    format!(
                        "add the closing `{quote}`; after a backslash it does not close, so no string can end in a backslash"
                    )
                } else {
                    format!("add the closing `{quote}`")
                };
                let broken = self.error_help(span, "this string is not closed", help);
                self.cursor.finish();
                self.cut_off = true;
                Err(broken)
            }
        }
    }

    pub(super) fn number(&mut self) -> Parsed<String> {
        let start = self.cursor.at();
        self.cursor.eat("-");
        let digits = |character: char| character.is_ascii_digit();
        let (integer, _) = self.cursor.take_while(digits);
        if integer.is_empty() {
            return Err(self.unquoted(start));
        }
        if self.cursor.eat(".") {
            self.cursor.take_while(digits);
        }
        let text = self.cursor.since(start);
        self.boundary(start)?;
        self.octal(start, text)
    }

    /// A leading zero makes a number octal, as in Ruby; it goes on as a decimal one.
    fn octal(&mut self, start: usize, text: &str) -> Parsed<String> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text),
        };
        if digits.len() < 2 || !digits.starts_with('0') || digits.contains('.') {
            return Ok(text.to_owned());
        }
        let span = self.cursor.span_from(start);
        let Ok(value) = u64::from_str_radix(digits, 8) else {
            return Err(self.error_help(
                span,
                format!("`{text}` is no number: a leading zero makes it octal"),
                "remove the zero, or put it in quotes",
            ));
        };
        let decimal = format!("{sign}{value}");
        self.diagnostics.push(
            Diagnostic::notice(
                span,
                format!("a leading zero makes this the octal number {decimal}"),
            )
            .help("remove the zero for a decimal number"),
        );
        Ok(decimal)
    }

    /// A word as a value, or the name of a codec with options.
    fn bareword(&mut self) -> Parsed<ValueKind> {
        let start = self.cursor.at();
        let (text, span) = self.cursor.name();
        if self.after_blank_is("{") {
            self.cursor.skip_blank();
            let name = Word {
                text: text.to_owned(),
                span,
            };
            return Ok(ValueKind::Plugin(self.plugin(name)?));
        }
        if text.len() < 2 || text.contains('-') {
            return Err(self.unquoted(start));
        }
        self.boundary(start)?;
        Ok(ValueKind::Bareword(text.to_owned()))
    }

    /// Whether the value that began at `start` ends here, and not in the midst of something longer.
    fn boundary(&mut self, start: usize) -> Parsed<()> {
        match self.cursor.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '}' | ']' | ',' | '#' | ')' | '"' | '\'') => {
                Ok(())
            }
            Some('=' | '!' | '<' | '>') => Ok(()),
            Some(_) => Err(self.unquoted(start)),
        }
    }

    fn list(&mut self) -> Parsed<Vec<Value>> {
        let opened = self.cursor.at();
        self.deeper()?;
        self.cursor.eat("[");
        let items = self.items(opened);
        self.depth -= 1;
        items
    }

    fn items(&mut self, opened: usize) -> Parsed<Vec<Value>> {
        let mut items: Vec<Value> = Vec::new();
        loop {
            self.cursor.skip_blank();
            if self.cursor.eat("]") {
                return Ok(items);
            }
            self.list_goes_on(opened)?;
            let item = self.value()?;
            if let ValueKind::Plugin(plugin) = &item.kind {
                let span = plugin.name.span;
                self.error_help(
                    span,
                    "a plugin cannot be an element of a list",
                    "put the name in quotes",
                );
            }
            items.push(item);
            let before = self.cursor.at();
            self.cursor.skip_blank();
            let comma = self.cursor.at();
            if self.cursor.eat(",") {
                let span = self.cursor.span_from(comma);
                self.cursor.skip_blank();
                if self.cursor.peek() == Some(']') {
                    self.error_help(span, "a comma after the last element", "remove it");
                }
            } else if self.cursor.peek() != Some(']') {
                self.list_goes_on(opened)?;
                let here = self.cursor.here();
                self.error_help(
                    here,
                    "`,` is missing between two elements of a list",
                    "lists are written `[\"a\", \"b\"]`; if the list ends here, `]` is missing",
                );
                // What follows is an option: the bracket is missing, not the comma.
                if self.cursor.sees_attribute() {
                    self.cursor.rewind(before);
                    return Ok(items);
                }
            }
        }
    }

    /// Refuses the end of the text, of the plugin, or of the section inside a list.
    fn list_goes_on(&mut self, opened: usize) -> Parsed<()> {
        if !self.cursor.is_end() && self.cursor.peek() != Some('}') && !self.cursor.sees_section() {
            return Ok(());
        }
        Err(self.not_closed_value(opened, "list", "]"))
    }

    fn hash(&mut self) -> Parsed<Vec<Entry>> {
        let opened = self.cursor.at();
        self.deeper()?;
        self.cursor.eat("{");
        let entries = self.entries(opened);
        self.depth -= 1;
        entries
    }

    fn entries(&mut self, opened: usize) -> Parsed<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashMap::new();
        let mut broken = false;
        loop {
            self.cursor.skip_blank();
            if self.cursor.eat("}") {
                return if broken { Err(Broken) } else { Ok(entries) };
            }
            if self.cursor.is_end() || self.cursor.sees_section() {
                return Err(self.not_closed_value(opened, "hash", "}"));
            }
            if self.cursor.peek() == Some(',') {
                let here = self.cursor.here();
                self.cursor.advance();
                self.error_help(
                    here,
                    "a comma between the entries of a hash",
                    "entries are separated by white space: remove the comma",
                );
                continue;
            }
            match self.entry() {
                Ok(entry) => {
                    self.only_once(&mut seen, &entry.key);
                    entries.push(entry);
                }
                Err(Broken) => {
                    broken = true;
                    self.skip_to_attribute();
                }
            }
        }
    }

    /// Reports a key that stands in the hash already; `seen` holds where.
    fn only_once(&mut self, seen: &mut HashMap<String, Span>, key: &Word) {
        let Some(first) = seen.insert(key.text.clone(), key.span) else {
            return;
        };
        let line = self.line_of(first);
        self.error_help(
            key.span,
            format!("the key `{}` stands twice in one hash", key.text),
            format!(
                "it stands in line {line} already; give several values as a list: `[\"a\", \"b\"]`"
            ),
        );
    }

    /// The text ends inside a list or hash; said once, not for all that are open.
    fn not_closed_value(&mut self, opened: usize, what: &str, close: &str) -> Broken {
        let span = self.cursor.span(opened, opened + 1);
        if self.cut_off {
            return Broken;
        }
        self.cut_off = self.cursor.is_end();
        self.error_help(
            span,
            format!("this {what} is not closed"),
            format!("add the missing `{close}`"),
        )
    }

    fn entry(&mut self) -> Parsed<Entry> {
        let start = self.cursor.at();
        let quoted = matches!(self.cursor.peek(), Some('"' | '\''));
        let key = match self.cursor.peek() {
            Some(quote @ ('"' | '\'')) => {
                let (text, span) = self.quoted(quote)?;
                Word { text, span }
            }
            Some(character) if character == '-' || character.is_ascii_digit() => {
                let text = self.number()?;
                Word {
                    text,
                    span: self.cursor.span_from(start),
                }
            }
            Some(character) if character == '_' || character.is_ascii_alphabetic() => {
                let (text, span) = self.cursor.name();
                if text.len() < 2 || text.contains('-') {
                    return Err(self.unquoted(start));
                }
                self.boundary(start)?;
                Word {
                    text: text.to_owned(),
                    span,
                }
            }
            Some('[') => return Err(self.reference_as_key()),
            _ => return Err(self.unquoted(start)),
        };
        self.cursor.skip_blank();
        self.arrow(&key)?;
        self.cursor.skip_blank();
        let value = self.value()?;
        if let ValueKind::Plugin(plugin) = &value.kind {
            let span = plugin.name.span;
            self.error_help(
                span,
                "a plugin cannot be a value in a hash",
                "put the name in quotes, or a key and `=>` before `{`",
            );
        }
        Ok(Entry { key, quoted, value })
    }

    /// `[a][b] =>` in a hash: the brackets need quotes.
    fn reference_as_key(&mut self) -> Broken {
        let (text, span) = self
            .cursor
            .take_while(|character| !matches!(character, ' ' | '\t' | '\r' | '\n' | '=' | '}'));
        let shown = shortened(text);
        self.error_help(
            span,
            format!("the key `{shown}` must stand in quotes"),
            format!("write `\"{shown}\" => ...`"),
        )
    }
}

/// The start of a text that is quoted in a message.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}
