//! A match as the fields that Logstash's filter makes of it: captured texts in their types, those of one name together.
//! Spans and a line come in, names and values come out.

use super::number::{parse_boolean, parse_float, parse_int};
use super::{Capture, Grok, Kind, Slots};

/// What becomes of captures that are empty or took no part; Logstash's option `keep_empty_captures`.
///
/// ```
/// use sawlog_parsers::grok::{Empty, Grok, Options, Outcome, Patterns, Slots};
///
/// let grok = Grok::compile("<%{DATA:a}>(?:%{INT:b})?", &Patterns::legacy(), Options::default())?;
/// let mut slots = Slots::new();
/// assert_eq!(grok.search(b"<>", &mut slots), Outcome::Match);
/// assert_eq!(grok.fields(b"<>", &slots, Empty::Drop).count(), 0);
/// assert_eq!(grok.fields(b"<>", &slots, Empty::Keep).count(), 2);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// They make no field: what Logstash does by default.
    Drop,
    /// An empty text is an empty text, and what took no part is [`Value::Null`].
    Keep,
}

/// What a capture is worth, in the type that the expression asks for.
///
/// ```
/// use sawlog_parsers::grok::{Kind, Value};
///
/// assert_eq!(Value::of(Kind::Int, b"17"), Value::Int(17));
/// assert_eq!(Value::of(Kind::Float, b"1e999"), Value::Text(b"1e999"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'l> {
    /// The text as it stands in the line.
    Text(&'l [u8]),
    /// Of `int` and `long`.
    Int(i64),
    /// Of `float` and `double`; always finite.
    Float(f64),
    /// Of `boolean`.
    Boolean(bool),
    /// The capture took no part in the match; only with [`Empty::Keep`].
    Null,
}

/// A field of a match.
///
/// ```
/// use sawlog_parsers::grok::{Empty, Grok, Options, Outcome, Patterns, Slots, Value};
///
/// let grok = Grok::compile("%{IP:hop} via %{IP:hop} in %{INT:ms:int}", &Patterns::legacy(), Options::default())?;
/// let (line, mut slots) = (b"10.0.0.1 via 10.0.0.2 in 3", Slots::new());
/// assert_eq!(grok.search(line, &mut slots), Outcome::Match);
/// let fields: Vec<_> = grok.fields(line, &slots, Empty::Drop).collect();
/// assert_eq!((fields[0].name(), fields[0].is_list()), ("hop", true));
/// assert!(fields[0].values().eq([Value::Text(b"10.0.0.1"), Value::Text(b"10.0.0.2")]));
/// assert_eq!((fields[1].name(), fields[1].first()), ("ms", Value::Int(3)));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Field<'g, 'l> {
    found: Found<'g, 'l>,
    /// The capture that the first value is of.
    index: usize,
    first: Value<'l>,
}

/// What all fields of a match are made of.
#[derive(Debug, Clone, Copy)]
struct Found<'g, 'l> {
    grok: &'g Grok,
    slots: &'g Slots,
    line: &'l [u8],
    empty: Empty,
}

/// Which captures have one field, worked out once so that no line costs a comparison of names.
#[derive(Debug)]
pub(super) struct Homonyms {
    /// For each capture whether it is the first one of its field, and the next one.
    links: Vec<(bool, Option<usize>)>,
}

impl Homonyms {
    pub fn new(captures: &[Capture]) -> Self {
        let mut last = std::collections::HashMap::new();
        let mut links: Vec<(bool, Option<usize>)> = Vec::with_capacity(captures.len());
        for (index, capture) in captures.iter().enumerate() {
            let before = last.insert(&capture.field, index);
            links.push((before.is_none(), None));
            if let Some((_, next)) = before.and_then(|before| links.get_mut(before)) {
                *next = Some(index);
            }
        }
        Self { links }
    }

    /// The captures of a field from one of them on.
    fn from(&self, index: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(index), |index| self.links.get(*index)?.1)
    }
}

impl Grok {
    /// The fields of the last match, in the order of the expression, by the rules of Logstash's filter.
    ///
    /// Each name comes once. If its first value is a text, those of further captures of that name follow it, and the
    /// filter makes a list of them; any other first value stays alone. Nothing takes the place of [`Value::Null`] but a
    /// value. A text that cannot be of its type stays a text.
    ///
    /// `line` and `slots` are those of the search, by this expression; without a match there are no fields. Nothing is
    /// copied or allocated.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Empty, Grok, Options, Outcome, Patterns, Slots, Value};
    ///
    /// let grok = Grok::compile("%{WORD:verb} %{NUMBER:took:float}", &Patterns::legacy(), Options::default())?;
    /// let (line, mut slots) = (b"GET 0.25", Slots::new());
    /// assert_eq!(grok.search(line, &mut slots), Outcome::Match);
    /// let fields: Vec<_> = grok.fields(line, &slots, Empty::Drop).map(|field| (field.name(), field.first())).collect();
    /// assert_eq!(fields, [("verb", Value::Text(b"GET")), ("took", Value::Float(0.25))]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn fields<'g, 'l>(
        &'g self,
        line: &'l [u8],
        slots: &'g Slots,
        empty: Empty,
    ) -> impl Iterator<Item = Field<'g, 'l>> {
        let found = Found {
            grok: self,
            slots,
            line,
            empty,
        };
        let links = self.homonyms.links.iter().enumerate();
        let firsts = links.filter(|(_, (is_first, _))| slots.is_match && *is_first);
        firsts.filter_map(move |(index, _)| found.field(index))
    }
}

impl<'g, 'l> Found<'g, 'l> {
    /// The field whose first capture this is, if it has a value.
    fn field(self, index: usize) -> Option<Field<'g, 'l>> {
        let mut null = None;
        for index in self.grok.homonyms.from(index) {
            match self.value(index) {
                None => {}
                Some(Value::Null) => null = null.or(Some(index)),
                Some(first) => {
                    return Some(Field {
                        found: self,
                        index,
                        first,
                    });
                }
            }
        }
        null.map(|index| Field {
            found: self,
            index,
            first: Value::Null,
        })
    }

    fn value(&self, index: usize) -> Option<Value<'l>> {
        let text = self.slots.span(index).and_then(|span| self.line.get(span));
        match (text, self.empty) {
            (Some([]) | None, Empty::Drop) => None,
            (None, Empty::Keep) => Some(Value::Null),
            (Some([]), Empty::Keep) => Some(Value::Text(b"")),
            (Some(text), _) => Some(Value::of(self.grok.captures.get(index)?.kind, text)),
        }
    }
}

impl<'g, 'l> Field<'g, 'l> {
    /// The field as written: `client` or `[source][ip]`.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Empty, Grok, Options, Patterns, Slots};
    ///
    /// let grok = Grok::compile("%{IP:[source][ip]}", &Patterns::legacy(), Options::default())?;
    /// let (line, mut slots) = (b"192.0.2.7", Slots::new());
    /// grok.search(line, &mut slots);
    /// let field = grok.fields(line, &slots, Empty::Drop).next().expect("a field");
    /// assert_eq!(field.name(), "[source][ip]");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn name(&self) -> &'g str {
        let capture = self.found.grok.captures.get(self.index);
        capture.map_or("", |capture| &capture.field)
    }

    /// The first value, which is the only one unless the field is a list.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Empty, Grok, Options, Patterns, Slots, Value};
    ///
    /// let grok = Grok::compile("%{INT:port:int}", &Patterns::legacy(), Options::default())?;
    /// let (line, mut slots) = (b"port 8080", Slots::new());
    /// grok.search(line, &mut slots);
    /// let field = grok.fields(line, &slots, Empty::Drop).next().expect("a field");
    /// assert_eq!(field.first(), Value::Int(8080));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn first(&self) -> Value<'l> {
        self.first
    }

    /// All values in their order.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Empty, Grok, Options, Patterns, Slots, Value};
    ///
    /// let grok = Grok::compile("%{WORD:tag} %{WORD:tag}", &Patterns::legacy(), Options::default())?;
    /// let (line, mut slots) = (b"slow red", Slots::new());
    /// grok.search(line, &mut slots);
    /// let field = grok.fields(line, &slots, Empty::Drop).next().expect("a field");
    /// assert!(field.values().eq([Value::Text(b"slow"), Value::Text(b"red")]));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn values(&self) -> impl Iterator<Item = Value<'l>> + use<'g, 'l> {
        let found = self.found;
        let is_text = matches!(self.first, Value::Text(_));
        let all = found.grok.homonyms.from(self.index);
        let others = all.skip(1).filter(move |_| is_text);
        std::iter::once(self.first).chain(others.filter_map(move |index| found.value(index)))
    }

    /// Whether there are several values, of which the filter makes a list.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Empty, Grok, Options, Patterns, Slots};
    ///
    /// let grok = Grok::compile("%{WORD:tag} %{WORD:tag}", &Patterns::legacy(), Options::default())?;
    /// let (line, mut slots) = (b"slow red", Slots::new());
    /// grok.search(line, &mut slots);
    /// let field = grok.fields(line, &slots, Empty::Drop).next().expect("a field");
    /// assert!(field.is_list());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_list(&self) -> bool {
        self.values().nth(1).is_some()
    }
}

impl<'l> Value<'l> {
    /// A text in the type that a capture asks for; it stays a text where it cannot be of that type.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Kind, Value};
    ///
    /// assert_eq!(Value::of(Kind::Boolean, b"yes"), Value::Boolean(true));
    /// assert_eq!(Value::of(Kind::Boolean, b"perhaps"), Value::Text(b"perhaps"));
    /// ```
    pub fn of(kind: Kind, text: &'l [u8]) -> Self {
        let value = match kind {
            Kind::Text => None,
            Kind::Int | Kind::Long => parse_int(text).map(Value::Int),
            Kind::Float | Kind::Double => parse_float(text).map(Value::Float),
            Kind::Boolean => parse_boolean(text).map(Value::Boolean),
        };
        value.unwrap_or(Value::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grok::{Options, Patterns};

    #[track_caller]
    fn check(expression: &str, line: &str, empty: Empty, want: &[(&str, &[Value<'_>])]) {
        let grok = Grok::compile(expression, &Patterns::legacy(), Options::default());
        let grok = grok.expect("the expression is sound");
        let mut slots = Slots::new();
        grok.search(line.as_bytes(), &mut slots);
        let fields = grok.fields(line.as_bytes(), &slots, empty);
        let got: Vec<(&str, Vec<Value<'_>>)> = fields
            .map(|field| (field.name(), field.values().collect()))
            .collect();
        let want: Vec<_> = want
            .iter()
            .map(|(name, values)| (*name, values.to_vec()))
            .collect();
        assert_eq!(got, want);
    }

    #[test]
    fn texts_of_one_name_are_a_list() {
        let list: &[_] = &[Value::Text(b"1"), Value::Int(2), Value::Text(b"3")];
        let expression = "%{INT:a} %{INT:b} %{INT:a:int} %{INT:a}";
        check(expression, "1 x 2 3", Empty::Drop, &[]);
        check(
            expression,
            "1 9 2 3",
            Empty::Drop,
            &[("a", list), ("b", &[Value::Text(b"9")])],
        );
    }

    #[test]
    fn a_first_number_stays_alone() {
        let expression = "%{INT:a:int} %{INT:a}";
        check(expression, "1 2", Empty::Drop, &[("a", &[Value::Int(1)])]);
    }

    #[test]
    fn empty_captures_are_dropped_or_kept() {
        let expression = "^(?<a>)(?<b>x)?(?<b>y)?(?<c>z)?$";
        check(expression, "y", Empty::Drop, &[("b", &[Value::Text(b"y")])]);
        let kept: [(&str, &[Value<'_>]); 3] = [
            ("a", &[Value::Text(b"")]),
            ("b", &[Value::Text(b"y")]),
            ("c", &[Value::Null]),
        ];
        check(expression, "y", Empty::Keep, &kept);
        let none: [(&str, &[Value<'_>]); 3] = [
            ("a", &[Value::Text(b"")]),
            ("b", &[Value::Null]),
            ("c", &[Value::Null]),
        ];
        check(expression, "", Empty::Keep, &none);
        let list: &[_] = &[Value::Text(b"x"), Value::Null];
        let kept: [(&str, &[Value<'_>]); 3] = [
            ("a", &[Value::Text(b"")]),
            ("b", list),
            ("c", &[Value::Null]),
        ];
        check(expression, "x", Empty::Keep, &kept);
    }

    #[test]
    fn without_a_match_there_are_no_fields() {
        check("%{INT:a}", "none", Empty::Keep, &[]);
    }
}
