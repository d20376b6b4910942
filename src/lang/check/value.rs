//! Values: texts get their escapes and variables, and every value the type that its option asks for.

use std::collections::HashMap;

use crate::lang::check::Checker;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Span;
use crate::lang::syntax::{Entry, Value, ValueKind};
use crate::lang::{nearest, units, variables};
use crate::plugin::{Arg, ArgValue, Kind, Opt, Plugin, Secret, Setting, Word};

impl Checker<'_> {
    /// A value as it was written, with escapes and variables put in. Reports what is wrong in it.
    pub(super) fn arg(&mut self, plugin: &Plugin, opt: &Opt, value: &Value) -> Option<Arg> {
        if opt.kind == Kind::Password {
            self.secrets.push(value.span);
        }
        if opt.has_secrets
            && let ValueKind::Hash(entries) = &value.kind
        {
            let values = entries.iter().map(|entry| entry.value.span);
            self.secrets.extend(values);
        }
        if opt.kind == Kind::Uris || opt.has_secrets {
            self.hide_passwords(value);
        }
        if let ValueKind::Plugin(node) = &value.kind {
            let message = format!(
                "the option `{}` of {} `{}` takes no plugin",
                opt.name,
                plugin.section.name(),
                plugin.name
            );
            self.diagnostics
                .push(Diagnostic::error(node.name.span, message).help(expectation(opt.kind)));
            return None;
        }
        let arg = self.plain_arg(value)?;
        let several = matches!(opt.kind, Kind::List | Kind::Uris);
        if several && let Some(list) = self.list_in_variable(value, &arg) {
            return Some(list);
        }
        Some(arg)
    }

    pub(super) fn plain_arg(&mut self, value: &Value) -> Option<Arg> {
        let span = value.span;
        let value = match &value.kind {
            ValueKind::Bareword(word) => ArgValue::Text(word.clone()),
            ValueKind::Quoted(text) => {
                self.warn_of_week_year(text, span);
                ArgValue::Text(self.text(text, span)?)
            }
            ValueKind::Number(number) => ArgValue::Number(number.clone()),
            ValueKind::List(values) => {
                let items: Vec<_> = values.iter().map(|value| self.plain_arg(value)).collect();
                ArgValue::List(items.into_iter().collect::<Option<_>>()?)
            }
            ValueKind::Hash(entries) => {
                let pairs: Vec<_> = entries.iter().map(|entry| self.pair(entry)).collect();
                ArgValue::Hash(pairs.into_iter().collect::<Option<_>>()?)
            }
            // Reported where the option is known, or by the parser.
            ValueKind::Plugin(_) => return None,
        };
        Some(Arg { value, span })
    }

    fn pair(&mut self, entry: &Entry) -> Option<(Word, Arg)> {
        let span = entry.key.span;
        self.warn_of_week_year(&entry.key.text, span);
        if variables::expand(&entry.key.text, &|_| None).replaced {
            self.diagnostics.push(
                Diagnostic::warning(span, "variables are not put into the keys of a hash")
                    .help("the key stays as it is; put the variable into a value"),
            );
        }
        let text = if entry.quoted {
            self.unescaped(&entry.key.text)
        } else {
            entry.key.text.clone()
        };
        let value = self.plain_arg(&entry.value)?;
        Some((Word { text, span }, value))
    }

    /// `"${HOSTS}"` where the variable holds `[a, b]` is a list.
    fn list_in_variable(&self, value: &Value, arg: &Arg) -> Option<Arg> {
        let ValueKind::Quoted(written) = &value.kind else {
            return None;
        };
        if !variables::expand(written, self.language.variables).whole {
            return None;
        }
        let span = arg.span;
        let items = variables::elements(arg.text()?)?
            .into_iter()
            .map(|text| Arg {
                value: ArgValue::Text(text),
                span,
            })
            .collect();
        Some(Arg {
            value: ArgValue::List(items),
            span,
        })
    }

    /// A quoted text with its escapes and variables put in; `None`, and a report, when a variable is missing.
    pub(super) fn text(&mut self, text: &str, span: Span) -> Option<String> {
        let text = self.unescaped(text);
        self.variables(&text, span)
    }

    pub(super) fn variables(&mut self, text: &str, span: Span) -> Option<String> {
        let expanded = variables::expand(text, self.language.variables);
        let same = self
            .written(span)
            .get(1..)
            .is_some_and(|written| written.starts_with(text));
        let within = |place: &std::ops::Range<usize>| {
            let offset = |at: usize| {
                span.start
                    .saturating_add(1 + u32::try_from(at).unwrap_or(0))
            };
            Span {
                source: span.source,
                start: if same {
                    offset(place.start)
                } else {
                    span.start
                },
                end: if same { offset(place.end) } else { span.end },
            }
        };
        for (name, place) in &expanded.missing {
            self.diagnostics.push(
                Diagnostic::error(
                    within(place),
                    format!("the environment variable `{name}` is not set and has no default"),
                )
                .help(format!("set it, or write `${{{name}:default}}`")),
            );
        }
        for place in &expanded.malformed {
            self.diagnostics.push(
                Diagnostic::warning(within(place), "this is not a variable and stays as it is")
                    .help("a variable is written `${NAME}` or `${NAME:default}`, of letters, digits, `_` and `.`"),
            );
        }
        expanded.missing.is_empty().then_some(expanded.text)
    }

    /// With `config.support_escapes`, the escapes that Logstash knows; otherwise the text itself.
    fn unescaped(&self, text: &str) -> String {
        if !self.language.support_escapes {
            return text.to_owned();
        }
        let mut unescaped = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '\\' {
                unescaped.push(character);
                continue;
            }
            match characters.next() {
                Some(quote @ ('"' | '\'' | '\\')) => unescaped.push(quote),
                Some('n') => unescaped.push('\n'),
                Some('r') => unescaped.push('\r'),
                Some('t') => unescaped.push('\t'),
                Some('0') => unescaped.push('\0'),
                Some(other) => unescaped.extend(['\\', other]),
                None => unescaped.push('\\'),
            }
        }
        unescaped
    }

    /// In `%{{...}}`, a Java time format, `Y` is the year of the week: wrong for days around New Year.
    fn warn_of_week_year(&mut self, text: &str, span: Span) {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once("%{{") {
            let Some((format, behind)) = after.split_once("}}") else {
                return;
            };
            let mut quoted = false;
            let week_year = format.chars().any(|character| {
                quoted ^= character == '\'';
                !quoted && character == 'Y'
            });
            if week_year {
                let right = format.replace('Y', "y");
                self.diagnostics.push(
                    Diagnostic::warning(
                        span,
                        format!("`Y` in `%{{{{{format}}}}}` is the year of the week, which is another year for some days around New Year"),
                    )
                    .help(format!("write `%{{{{{right}}}}}`")),
                );
            }
            rest = behind;
        }
    }

    /// The value as its option's kind.
    pub(super) fn converted(&mut self, opt: &Opt, arg: Arg) -> Result<Setting, Diagnostic> {
        let texts = if opt.allowed.is_empty() {
            Vec::new()
        } else {
            arg.words()
        };
        let setting = match opt.kind {
            Kind::List => Setting::List(self.words(opt, arg)?),
            Kind::Uris => Setting::List(split_at_blanks(self.words(opt, arg)?)),
            Kind::Hash => Setting::Hash(self.pairs(opt, arg)?),
            Kind::Codec => return Err(self.mismatch(opt, arg.span)),
            Kind::Boolean
            | Kind::Integer
            | Kind::Number
            | Kind::Text
            | Kind::Field
            | Kind::Bytes
            | Kind::Password
            | Kind::Path
            | Kind::Duration => self.single(opt, arg)?,
        };
        self.allowed(opt, &texts)?;
        Ok(setting)
    }

    /// A kind that takes one value; a list of one is taken as its element.
    fn single(&mut self, opt: &Opt, mut arg: Arg) -> Result<Setting, Diagnostic> {
        let span = arg.span;
        while let ArgValue::List(items) = &mut arg.value {
            match (items.pop(), items.is_empty()) {
                (Some(item), true) => arg = item,
                _ => return Err(self.mismatch(opt, span)),
            }
        }
        let place = arg.span;
        let (ArgValue::Text(text) | ArgValue::Number(text)) = arg.value else {
            return Err(self.mismatch(opt, span));
        };
        let setting = match opt.kind {
            Kind::Boolean => match text.as_str() {
                "true" => Some(Setting::Boolean(true)),
                "false" => Some(Setting::Boolean(false)),
                _ => None,
            },
            Kind::Integer => integer(&text).map(Setting::Integer),
            Kind::Number => number(&text).map(Setting::Number),
            Kind::Bytes => units::parse_bytes(&text).map(Setting::Bytes),
            Kind::Duration => units::parse_duration(&text).map(Setting::Duration),
            Kind::Field => {
                self.field(&text, place)?;
                Some(Setting::Text(text))
            }
            Kind::Text | Kind::Path => Some(Setting::Text(text)),
            Kind::Password => Some(Setting::Secret(Secret(text))),
            Kind::List | Kind::Uris | Kind::Hash | Kind::Codec => None,
        };
        setting.ok_or_else(|| self.mismatch(opt, place))
    }

    /// A field reference must be one, unless it is only known once a template is filled in.
    fn field(&self, text: &str, span: Span) -> Result<(), Diagnostic> {
        if text.contains("%{") {
            return Ok(());
        }
        match crate::lang::field::parse(text) {
            Ok(_) => Ok(()),
            // The message says what is right.
            Err(message) => Err(Diagnostic::error(span, message)),
        }
    }

    /// A list of texts; one text is a list of one.
    fn words(&self, opt: &Opt, arg: Arg) -> Result<Vec<Word>, Diagnostic> {
        let items = match arg.value {
            ArgValue::List(items) => items,
            ArgValue::Text(_) | ArgValue::Number(_) => vec![arg],
            ArgValue::Hash(_) => return Err(self.mismatch(opt, arg.span)),
        };
        items
            .into_iter()
            .map(|item| match item.value {
                ArgValue::Text(text) | ArgValue::Number(text) => Ok(Word {
                    text,
                    span: item.span,
                }),
                ArgValue::List(_) | ArgValue::Hash(_) => Err(self.mismatch(opt, item.span)),
            })
            .collect()
    }

    /// A hash, or a list of keys and values in turn.
    fn pairs(&self, opt: &Opt, arg: Arg) -> Result<Vec<(Word, Arg)>, Diagnostic> {
        let items = match arg.value {
            ArgValue::Hash(pairs) => return Ok(pairs),
            ArgValue::List(items) if items.len() % 2 == 0 => items,
            ArgValue::List(_) => {
                return Err(Diagnostic::error(
                    arg.span,
                    format!("the list for `{}` has a key without a value", opt.name),
                )
                .help("write a hash: `{ \"key\" => \"value\" }`"));
            }
            ArgValue::Text(_) | ArgValue::Number(_) => return Err(self.mismatch(opt, arg.span)),
        };
        let mut pairs = Pairs::default();
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            let Some(text) = key.text().map(str::to_owned) else {
                return Err(self.mismatch(opt, key.span));
            };
            let span = key.span;
            pairs.add(Word { text, span }, value, collected);
        }
        Ok(pairs.all)
    }

    /// Refuses texts that are not among those the option allows.
    fn allowed(&self, opt: &Opt, words: &[Word]) -> Result<(), Diagnostic> {
        let stranger = words
            .iter()
            .find(|word| !opt.allowed.contains(&word.text.as_str()));
        let Some(stranger) = stranger else {
            return Ok(());
        };
        let written = self.shown(stranger.span);
        let near = nearest::nearest(&stranger.text, opt.allowed.iter().copied());
        let all: Vec<_> = opt.allowed.iter().map(|word| format!("`{word}`")).collect();
        let mut help = format!("it takes one of {}", all.join(", "));
        if let Some(near) = near {
            help = format!("did you mean `{near}`? {help}");
        }
        let message = format!("`{written}` is no value for the option `{}`", opt.name);
        Err(Diagnostic::error(stranger.span, message).help(help))
    }

    /// The value does not fit the option.
    fn mismatch(&self, opt: &Opt, span: Span) -> Diagnostic {
        let takes = takes(opt.kind);
        let message = if opt.kind == Kind::Password {
            format!("the option `{}` takes {takes}", opt.name)
        } else {
            format!(
                "the option `{}` takes {takes}, not `{}`",
                opt.name,
                self.shown(span)
            )
        };
        Diagnostic::error(span, message).help(expectation(opt.kind))
    }
}

/// Pairs in order, found by key.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) all: Vec<(Word, Arg)>,
    places: HashMap<String, usize>,
}

impl Pairs {
    /// Adds a pair; `both` makes one value of two for a key that is there.
    pub(super) fn add(&mut self, key: Word, value: Arg, both: fn(Arg, Arg) -> Arg) {
        let place = *self
            .places
            .entry(key.text.clone())
            .or_insert(self.all.len());
        match self.all.get_mut(place) {
            Some((_, before)) => {
                let span = before.span;
                let empty = ArgValue::List(Vec::new());
                let first = std::mem::replace(before, Arg { value: empty, span });
                *before = both(first, value);
            }
            None => self.all.push((key, value)),
        }
    }
}

/// The values of a key that stands several times in a list of keys and values.
fn collected(one: Arg, other: Arg) -> Arg {
    let span = one.span;
    let items = match one.value {
        ArgValue::List(mut items) => {
            items.push(other);
            items
        }
        ArgValue::Text(_) | ArgValue::Number(_) | ArgValue::Hash(_) => vec![one, other],
    };
    Arg {
        value: ArgValue::List(items),
        span,
    }
}

fn split_at_blanks(words: Vec<Word>) -> Vec<Word> {
    let mut split = Vec::new();
    for word in words {
        let parts = word.text.split_whitespace().map(|part| Word {
            text: part.to_owned(),
            span: word.span,
        });
        split.extend(parts);
    }
    split
}

/// A number as the language writes it, also in quotes.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    !integer.is_empty() && all_digits(integer) && all_digits(fraction)
}

fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_whole = is_number(text) && fraction.bytes().all(|byte| byte == b'0');
    is_whole.then(|| whole.parse().ok())?
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    is_number(text)
        .then(|| text.parse::<f64>().ok())?
        .filter(|number| number.is_finite())
}

/// A value without variables, every part in the same place.
pub(super) fn literal(value: &Value, span: Span) -> Option<Arg> {
    let value = match &value.kind {
        ValueKind::Bareword(text) | ValueKind::Quoted(text) => ArgValue::Text(text.clone()),
        ValueKind::Number(number) => ArgValue::Number(number.clone()),
        ValueKind::List(values) => {
            let items: Option<Vec<_>> = values.iter().map(|value| literal(value, span)).collect();
            ArgValue::List(items?)
        }
        ValueKind::Hash(entries) => {
            let pairs: Option<Vec<_>> = entries
                .iter()
                .map(|entry| {
                    let key = Word {
                        text: entry.key.text.clone(),
                        span,
                    };
                    Some((key, literal(&entry.value, span)?))
                })
                .collect();
            ArgValue::Hash(pairs?)
        }
        ValueKind::Plugin(_) => return None,
    };
    Some(Arg { value, span })
}

fn takes(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "`true` or `false`",
        Kind::Integer => "an integer",
        Kind::Number => "a number",
        Kind::Text => "one text",
        Kind::Field => "one field",
        Kind::List => "a list of texts",
        Kind::Hash => "a hash",
        Kind::Bytes => "a size",
        Kind::Password => "one text",
        Kind::Path => "one path",
        Kind::Uris => "a list of addresses",
        Kind::Duration => "a span of time",
        Kind::Codec => "a codec",
    }
}

fn expectation(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "write `true` or `false`, in lower case",
        Kind::Integer => "write digits only, such as `514`",
        Kind::Number => "write a number such as `10` or `0.5`",
        Kind::Text | Kind::Password => "write one text in quotes",
        Kind::Field => "write a field such as `\"message\"` or `\"[outer][inner]\"`",
        Kind::List => "write a list such as `[\"a\", \"b\"]`",
        Kind::Hash => "write a hash: `{ \"key\" => \"value\" }`",
        Kind::Bytes => "write bytes as an integer, or with a unit: `\"10 MiB\"`, `\"500 kb\"`",
        Kind::Path => "write one path in quotes",
        Kind::Uris => "write a list such as `[\"http://one:9200\", \"http://two:9200\"]`",
        Kind::Duration => {
            "write seconds as a number, or with a unit: `\"5 m\"`, `\"1 hour\"`, `\"500 ms\"`"
        }
        Kind::Codec => "write a codec's name, or `name { option => value }`",
    }
}
