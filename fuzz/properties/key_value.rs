//! What holds for every line of pairs: the first two bytes choose options, the rest is the line; with a NUL in it, what
//! stands before is a set and an expression, too. A backtracking matcher of the filter's expression, written down here as
//! plainly as can be, is the judge.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use sawlog_parsers::key_value::{
    DEPTH_MAX, Fields, KeyValue, Options, PAIRS_MAX, Transform, Value, Whitespace,
};

/// Longer lines are not judged: the judge goes a level deeper for every byte.
const JUDGED_BYTES_MAX: usize = 512;

/// Field separators, value separators, and whether they are expressions.
const SEPARATORS: [(&[&str], &[&str], bool); 8] = [
    (&[" "], &["="], false),
    (&[" ", ",", "\n"], &[":", "="], false),
    (&["&", "?"], &["="], false),
    (&[","], &[" "], false),
    (&["::"], &["=", "->"], true),
    (&[", ", ";"], &[":="], true),
    (&["é"], &["→"], false),
    (&[" "], &["=>", "="], true),
];

/// Checks the line with one choice of options.
pub fn check(data: &[u8]) {
    let [separators, flags, line @ ..] = data else {
        return;
    };
    let (field, value, are_patterns) = SEPARATORS[usize::from(*separators) % SEPARATORS.len()];
    let judge = Judge {
        text: line,
        field,
        value,
        are_patterns,
        is_lenient: flags & 1 == 0,
        has_brackets: flags & 2 == 0,
        failed: HashSet::new(),
    };
    let compiled = compiled([*separators % SEPARATORS.len() as u8, *flags], &judge);
    let pairs = pairs(&compiled.plain, line);
    gathered_fields_are_the_pairs(&compiled.plain, line, &pairs);
    if line.len() <= JUDGED_BYTES_MAX {
        assert_eq!(pairs, judge.pairs());
    }
    shapes_hold(&compiled.options, &compiled.shaped, line);
    written_pairs_come_back(line);
    options_as_written(line);
}

/// One choice of options, compiled.
struct Compiled {
    plain: KeyValue,
    /// The same with others besides, which change texts.
    options: Options,
    shaped: KeyValue,
}

/// Compiling expressions takes longer than all the rest, and there are few choices.
fn compiled(choice: [u8; 2], judge: &Judge<'_>) -> Rc<Compiled> {
    thread_local! {
        static COMPILED: RefCell<HashMap<[u8; 2], Rc<Compiled>>> = RefCell::default();
    }
    let compile = |options: &Options| KeyValue::compile(options).expect("good options");
    let new = || {
        let plain = options(judge);
        let options = shaped(&plain, choice[1]);
        Rc::new(Compiled {
            plain: compile(&plain),
            shaped: compile(&options),
            options,
        })
    };
    COMPILED.with_borrow_mut(|all| Rc::clone(all.entry(choice).or_insert_with(new)))
}

/// Any text is a set or an expression, or it is refused with a place inside of it.
fn options_as_written(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let written = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let Some(line) = parts.next() else {
        return;
    };
    let set = Options {
        field_split: written.clone(),
        trim_value: Some(written.clone()),
        ..Options::default()
    };
    let pattern = Options {
        field_split_pattern: Some(written.clone()),
        ..Options::default()
    };
    for options in [set, pattern] {
        match KeyValue::compile(&options) {
            Ok(kv) => assert!(kv.pairs(line).count() <= PAIRS_MAX),
            Err(error) => {
                assert!(!error.message().is_empty());
                assert!(
                    error
                        .column()
                        .is_none_or(|column| column <= written.chars().count() + 1)
                );
            }
        }
    }
}

fn options(judge: &Judge<'_>) -> Options {
    let set = |texts: &[&str]| texts.concat();
    let pattern = |texts: &[&str]| judge.are_patterns.then(|| texts.join("|"));
    let or_default = |text: String, default: &str| {
        if judge.are_patterns {
            default.to_owned()
        } else {
            text
        }
    };
    Options {
        field_split: or_default(set(judge.field), " "),
        value_split: or_default(set(judge.value), "="),
        field_split_pattern: pattern(judge.field),
        value_split_pattern: pattern(judge.value),
        whitespace: if judge.is_lenient {
            Whitespace::Lenient
        } else {
            Whitespace::Strict
        },
        include_brackets: judge.has_brackets,
        allow_empty_values: true,
        ..Options::default()
    }
}

/// The pairs; each is a slice of the line, behind the one before.
fn pairs(kv: &KeyValue, line: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut last = line.as_ptr();
    let mut pairs = Vec::new();
    for pair in kv.pairs(line) {
        let (Cow::Borrowed(key), Cow::Borrowed(value)) = (&pair.key, &pair.value) else {
            panic!("text was copied and no option changes it");
        };
        let (key, value) = (key.as_ptr_range(), value.as_ptr_range());
        assert!(last <= key.start && key.start < key.end && key.end < value.start);
        assert!(value.end <= line.as_ptr_range().end);
        last = value.end;
        pairs.push((pair.key.into_owned(), pair.value.into_owned()));
    }
    pairs
}

fn gathered_fields_are_the_pairs(kv: &KeyValue, line: &[u8], pairs: &[(Vec<u8>, Vec<u8>)]) {
    let fields = kv.fields(line);
    let mut values = 0;
    for field in fields.iter() {
        let gathered: Vec<&[u8]> = field
            .values()
            .map(|value| match value {
                Value::Text(text) => &**text,
                Value::Fields(_) => panic!("values are not looked into"),
            })
            .collect();
        let mine = pairs.iter().filter(|(key, _)| key == field.key());
        let mine: Vec<&[u8]> = mine.map(|(_, value)| value.as_slice()).collect();
        assert_eq!(gathered, mine);
        values += mine.len();
    }
    assert_eq!(values, pairs.len());
}

/// The options with others besides, which change texts and choose keys.
fn shaped(options: &Options, flags: u8) -> Options {
    let transforms = [
        None,
        Some(Transform::Lowercase),
        Some(Transform::Uppercase),
        Some(Transform::Capitalize),
    ];
    Options {
        trim_key: Some("<_".to_owned()),
        trim_value: Some(r"\[\],é".to_owned()),
        remove_char_value: Some("x-z".to_owned()),
        transform_key: transforms[usize::from(flags >> 2) % 4],
        transform_value: transforms[usize::from(flags >> 4) % 4],
        prefix: "p.".to_owned(),
        exclude_keys: vec!["b".to_owned()],
        default_keys: vec![("p.a".to_owned(), "none".to_owned())],
        allow_duplicate_values: flags & 64 == 0,
        allow_empty_values: flags & 128 == 0,
        recursive: true,
        ..options.clone()
    }
}

fn shapes_hold(options: &Options, kv: &KeyValue, line: &[u8]) {
    for pair in kv.pairs(line) {
        assert!(pair.key.starts_with(b"p.") && 2 < pair.key.len() && *pair.key != *b"p.b");
        let is_free = options.transform_value.is_some()
            || !pair.value.iter().any(|byte| b"xyz".contains(byte));
        assert!(is_free, "a character was not removed");
        if options.transform_key == Some(Transform::Lowercase) {
            assert!(!pair.key.iter().any(u8::is_ascii_uppercase));
        }
    }
    let mut fields = Fields::default();
    kv.fields_into(b"a=b c=(d=e)", &mut fields);
    kv.fields_into(line, &mut fields);
    assert_eq!(fields, kv.fields(line));
    assert_eq!(fields.clone().into_owned(), fields);
    assert!(fields.by_key(b"p.a").is_some(), "a default key");
    assert!(depth(&fields) <= DEPTH_MAX);
}

fn depth(fields: &Fields<'_>) -> usize {
    let values = fields.iter().flat_map(|field| field.values());
    let depths = values.map(|value| match value {
        Value::Text(_) => 0,
        Value::Fields(inner) => 1 + depth(inner),
    });
    depths.max().unwrap_or(0)
}

/// Words become keys and quoted values.
fn written_pairs_come_back(data: &[u8]) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = data
        .split(|byte| *byte == b'\n')
        .take(100)
        .enumerate()
        .map(|(number, word)| {
            let key = word.iter().copied().filter(is_word).take(9);
            let value = word.iter().copied().filter(|byte| !b"\"\\".contains(byte));
            (
                [b'k'].into_iter().chain(key).collect(),
                [number as u8 | 128].into_iter().chain(value).collect(),
            )
        })
        .collect();
    let mut line = Vec::new();
    for (key, value) in &pairs {
        line.extend_from_slice(&[key, b"=\"".as_slice(), value, b"\" "].concat());
    }
    let kv = KeyValue::compile(&Options::default()).expect("good options");
    assert_eq!(self::pairs(&kv, &line), pairs);
}

/// The expression as it stands, with the choices of a backtracking matcher in their order.
struct Judge<'t> {
    text: &'t [u8],
    field: &'static [&'static str],
    value: &'static [&'static str],
    are_patterns: bool,
    is_lenient: bool,
    has_brackets: bool,
    /// Parts of the expression and places from which the rest of it does not match.
    failed: HashSet<(u8, usize)>,
}

/// A value and where the match ends.
type Rest = ((usize, usize), usize);

impl Judge<'_> {
    fn pairs(mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut pairs = Vec::new();
        let mut begin = 0;
        while begin < self.text.len() {
            self.failed.clear();
            let Some((end, ((from, to), next))) = self.key(begin, begin) else {
                begin += self.character(begin);
                continue;
            };
            pairs.push((self.text[begin..end].to_vec(), self.text[from..to].to_vec()));
            begin = next;
        }
        pairs
    }

    /// The bytes of the character that begins here: a search starts at whole ones.
    fn character(&self, at: usize) -> usize {
        let is_whole = |length: &usize| {
            let bytes = self.text.get(at..at + length);
            bytes.is_some_and(|bytes| {
                std::str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1)
            })
        };
        (1..=4).find(is_whole).unwrap_or(1)
    }

    fn separator(texts: &[&str], text: &[u8]) -> Option<usize> {
        let found = texts
            .iter()
            .find(|separator| text.starts_with(separator.as_bytes()));
        found.map(|separator| separator.len())
    }

    fn field_at(&self, at: usize) -> Option<usize> {
        Self::separator(self.field, &self.text[at..])
    }

    /// Ends of the value separator here, the best one first.
    fn values_at(&self, at: usize) -> Vec<usize> {
        let blanks = |from: usize| {
            self.text[from..]
                .iter()
                .take_while(|byte| **byte == b' ')
                .count()
        };
        if !self.is_lenient {
            return Self::separator(self.value, &self.text[at..])
                .map(|length| at + length)
                .into_iter()
                .collect();
        }
        let mut ends = Vec::new();
        for before in (0..=blanks(at)).rev() {
            let from = at + before;
            if let Some(length) = Self::separator(self.value, &self.text[from..]) {
                ends.extend(
                    (0..=blanks(from + length))
                        .rev()
                        .map(|after| from + length + after),
                );
            }
        }
        ends
    }

    /// The length of a protected character, if a backslash stands here and protects one.
    fn protected(&self, at: usize) -> Option<usize> {
        let is_pair = self.text[at..].starts_with(b"\\") && at + 1 < self.text.len();
        (is_pair && self.text[at + 1] != b'\n').then_some(2)
    }

    fn key(&mut self, begin: usize, at: usize) -> Option<(usize, Rest)> {
        if self.failed.contains(&(0, at)) {
            return None;
        }
        if let Some(length) = self.protected(at)
            && let Some(found) = self.key(begin, at + length)
        {
            return Some(found);
        }
        let is_free = at < self.text.len()
            && self.field_at(at).is_none()
            && if self.are_patterns {
                self.values_at(at).is_empty() && self.text[at] != b'\n'
            } else {
                Self::separator(self.value, &self.text[at..]).is_none()
            };
        if is_free && let Some(found) = self.key(begin, at + 1) {
            return Some(found);
        }
        if begin < at {
            for value in self.values_at(at) {
                if let Some(found) = self.value(value) {
                    return Some((at, found));
                }
            }
        }
        self.failed.insert((0, at));
        None
    }

    fn value(&mut self, begin: usize) -> Option<Rest> {
        let kinds = [
            (b'"', b'"'),
            (b'\'', b'\''),
            (b'(', b')'),
            (b'[', b']'),
            (b'<', b'>'),
        ];
        let kinds = &kinds[..if self.has_brackets { 5 } else { 2 }];
        for (open, close) in kinds {
            if self.text[begin..].first() == Some(open)
                && let Some((to, next)) = self.enclosed(*close, begin + 1)
            {
                return Some(((begin + 1, to), next));
            }
        }
        self.bare(begin, begin)
            .or_else(|| self.end(begin).map(|next| (begin, next)))
            .map(|(to, next)| ((begin, to), next))
    }

    fn enclosed(&mut self, close: u8, at: usize) -> Option<(usize, usize)> {
        if self.failed.contains(&(close, at)) {
            return None;
        }
        let mut found = self
            .protected(at)
            .and_then(|length| self.enclosed(close, at + length));
        let byte = self.text[at..].first().copied();
        if found.is_none() && byte.is_some_and(|byte| byte != close) {
            found = self.enclosed(close, at + 1);
        }
        if found.is_none() && byte == Some(close) {
            found = self.end(at + 1).map(|next| (at, next));
        }
        if found.is_none() {
            self.failed.insert((close, at));
        }
        found
    }

    fn bare(&mut self, begin: usize, at: usize) -> Option<(usize, usize)> {
        let mut found = self
            .protected(at)
            .and_then(|length| self.bare(begin, at + length));
        let is_break = self.are_patterns && self.text[at..].starts_with(b"\n");
        if found.is_none() && at < self.text.len() && self.field_at(at).is_none() && !is_break {
            found = self.bare(begin, at + 1);
        }
        if found.is_none() && begin < at {
            found = self.end(at).map(|next| (at, next));
        }
        found
    }

    fn end(&self, at: usize) -> Option<usize> {
        let is_end = at == self.text.len() || self.text[at] == b'\n';
        self.field_at(at)
            .map(|length| at + length)
            .or(is_end.then_some(at))
    }
}
