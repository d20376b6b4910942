//! Key-value: `user=root src="10.0.0.1" took=(3 ms)` to pairs, with the options of Logstash's kv filter. A line comes in,
//! keys and values come out, as slices of it wherever no option changes their text.
//!
//! What a pair is, is told by the expression that the filter builds of its options (its documentation, chapter "Kv
//! filter plugin"), with the choices that Ruby makes in it:
//!
//! - A key runs up to a value separator; text that meets a field separator first is no key and is left out. With
//!   `whitespace` lenient, blanks around the value separator belong to it; all others belong to the key.
//! - A value in quotes (`"` `'`) or, with `include_brackets`, in brackets (`(` `[` `<`) ends at the closing one that a
//!   field separator or the end of a line follows. Without such an end the quote is text like any other.
//! - Any other value runs up to a field separator. A lenient `a= b=c` therefore is one pair, `a` and `b=c`.
//! - A backslash protects the next character from being a separator or a closing quote, and stays in the text. Where the
//!   line makes sense only if it does not protect, it does not: `"C:\"` is a value.
//!
//! Each text is then trimmed, rid of characters and transformed, in this order; keys are chosen, and prefixed last.
//! [`KeyValue::pairs`] walks over the pairs and allocates only where a text is changed; [`KeyValue::fields`] gathers
//! repeated keys to lists, looks into values (`recursive`) and adds `default_keys`.
//!
//! Three things differ from Logstash by intent: `allow_duplicate_values => false` drops equal values and not those that
//! are part of an earlier one; a pair whose key is empty once it is trimmed is left out; in a text of many lines only its
//! two ends are trimmed, not those of each line.
//!
//! Time is linear in the line. For this the separators of an expression are found [`SEPARATOR_BYTES_MAX`] bytes long at
//! most, or little more; a longer one is several.
//!
//! Not here: `source`, `target`, `tag_on_failure`, `tag_on_timeout` and `timeout_millis`, and references such as
//! `%{host}` in `prefix`, `include_keys`, `exclude_keys` and `default_keys`: the caller writes their values.
//!
//! ```
//! use sawlog_parsers::key_value::{KeyValue, Options};
//!
//! let kv = KeyValue::compile(&Options { trim_value: Some(",".to_owned()), ..Options::default() })?;
//! let line = br#"id=17, from=<a b>, subject="no \" end" text"#;
//! let pairs: Vec<_> = kv.pairs(line).map(|pair| (pair.key, pair.value)).collect();
//! assert_eq!(pairs[0], (b"id".as_slice().into(), b"17".as_slice().into()));
//! assert_eq!(pairs[1], (b"from".as_slice().into(), b"<a".as_slice().into()));
//! assert_eq!(pairs[2], (b"subject".as_slice().into(), br#"no \" end"#.as_slice().into()));
//! # Ok::<(), sawlog_parsers::Error>(())
//! ```

mod fields;
mod index;
mod pattern;
mod scan;
mod separators;
mod set;
mod shape;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashSet;

pub use self::fields::{Field, Fields, Value};
pub use self::pattern::PATTERN_BYTES_MAX;
pub use self::separators::SEPARATOR_BYTES_MAX;
pub use self::shape::Transform;

use crate::error::Error;

use self::scan::Scan;
use self::separators::Separators;
use self::shape::Shape;

/// Pairs of a line at most, those found inside of values included; the rest of the line is not looked at. It is four
/// times the fields that Elasticsearch allows an index by default.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, PAIRS_MAX};
///
/// let kv = KeyValue::compile(&Options::default())?;
/// let line = "a=1 ".repeat(PAIRS_MAX + 1);
/// assert_eq!(kv.pairs(line.as_bytes()).count(), PAIRS_MAX);
/// assert!(kv.fields(line.as_bytes()).is_cut_short());
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
pub const PAIRS_MAX: usize = 4096;

/// How deep values are looked into by `recursive`; text that is deeper stays as it is.
///
/// ```
/// use sawlog_parsers::key_value::{DEPTH_MAX, KeyValue, Options, Value};
///
/// let kv = KeyValue::compile(&Options { recursive: true, ..Options::default() })?;
/// let line = "a=".repeat(DEPTH_MAX + 9) + "1";
/// let mut value = kv.fields(line.as_bytes()).by_key(b"a").expect("the outermost").first().clone();
/// let mut depth = 0;
/// while let Value::Fields(inner) = value {
///     value = inner.by_key(b"a").expect("one within").first().clone();
///     depth += 1;
/// }
/// assert_eq!(depth, DEPTH_MAX);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
pub const DEPTH_MAX: usize = 16;

/// The options of a kv filter that concern texts; each field has the name and the default of Logstash's option.
///
/// `field_split`, `value_split`, `trim_key`, `trim_value`, `remove_char_key` and `remove_char_value` are sets of
/// characters as they stand between the brackets of a Ruby expression: `\[\]`, `\t`, `\s` and `a-z` mean what they mean
/// there.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, Transform};
///
/// let kv = KeyValue::compile(&Options {
///     field_split: ";".to_owned(),
///     value_split: ":".to_owned(),
///     transform_key: Some(Transform::Lowercase),
///     prefix: "db_".to_owned(),
///     exclude_keys: vec!["password".to_owned()],
///     ..Options::default()
/// })?;
/// let pairs: Vec<_> = kv.pairs(b"Host:db-3;Password:x;Port:5432").map(|pair| (pair.key, pair.value)).collect();
/// assert_eq!(pairs[0], (b"db_host".as_slice().into(), b"db-3".as_slice().into()));
/// assert_eq!(pairs[1], (b"db_port".as_slice().into(), b"5432".as_slice().into()));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The characters that end a pair.
    pub field_split: String,
    /// An expression that takes the place of `field_split`, in Ruby's syntax.
    pub field_split_pattern: Option<String>,
    /// The characters that end a key.
    pub value_split: String,
    /// An expression that takes the place of `value_split`, in Ruby's syntax.
    pub value_split_pattern: Option<String>,
    /// Whether blanks around the value separator belong to it.
    pub whitespace: Whitespace,
    /// Whether brackets enclose a value as quotes do.
    pub include_brackets: bool,
    /// Characters taken off both ends of keys.
    pub trim_key: Option<String>,
    /// Characters taken off both ends of values.
    pub trim_value: Option<String>,
    /// Characters taken out of keys.
    pub remove_char_key: Option<String>,
    /// Characters taken out of values.
    pub remove_char_value: Option<String>,
    /// The case that keys get.
    pub transform_key: Option<Transform>,
    /// The case that values get.
    pub transform_value: Option<Transform>,
    /// Stands before every key, but not before those of `default_keys`.
    pub prefix: String,
    /// If there are any, only these keys are taken; compared without the prefix.
    pub include_keys: Vec<String>,
    /// These keys are not taken; compared without the prefix.
    pub exclude_keys: Vec<String>,
    /// Keys and values to add where a line has not the key; [`KeyValue::fields`] alone does.
    pub default_keys: Vec<(String, String)>,
    /// Whether a value that its key has already is added again; [`KeyValue::fields`] alone drops them.
    pub allow_duplicate_values: bool,
    /// Whether pairs without a value are taken.
    pub allow_empty_values: bool,
    /// Whether values are looked into for pairs; [`KeyValue::fields`] alone does.
    pub recursive: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            field_split: " ".to_owned(),
            field_split_pattern: None,
            value_split: "=".to_owned(),
            value_split_pattern: None,
            whitespace: Whitespace::Lenient,
            include_brackets: true,
            trim_key: None,
            trim_value: None,
            remove_char_key: None,
            remove_char_value: None,
            transform_key: None,
            transform_value: None,
            prefix: String::new(),
            include_keys: Vec::new(),
            exclude_keys: Vec::new(),
            default_keys: Vec::new(),
            allow_duplicate_values: true,
            allow_empty_values: false,
            recursive: false,
        }
    }
}

/// What blanks around a value separator are: the option `whitespace`, whose values are `lenient` and `strict`.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, Whitespace};
///
/// let count = |whitespace| -> Result<usize, sawlog_parsers::Error> {
///     let kv = KeyValue::compile(&Options { whitespace, ..Options::default() })?;
///     Ok(kv.pairs(b"host = web-17 port=80").count())
/// };
/// assert_eq!(count(Whitespace::Lenient)?, 2);
/// assert_eq!(count(Whitespace::Strict)?, 1);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whitespace {
    /// Part of the separator.
    Lenient,
    /// Text, or field separators if they are among these: `a= b` is an empty value then.
    Strict,
}

/// Compiled options; they can be used from many threads at once.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options};
///
/// let kv = KeyValue::compile(&Options::default())?;
/// std::thread::scope(|scope| {
///     for line in ["host=web-17 port=80", "host=web-18 port=81"] {
///         let kv = &kv;
///         scope.spawn(move || assert_eq!(kv.pairs(line.as_bytes()).count(), 2));
///     }
/// });
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeyValue {
    separators: Separators,
    key: Shape,
    value: Shape,
    prefix: String,
    include_keys: HashSet<Vec<u8>>,
    exclude_keys: HashSet<Vec<u8>>,
    default_keys: Vec<(String, String)>,
    allow_duplicate_values: bool,
    allow_empty_values: bool,
    recursive: bool,
}

/// A key and its value.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, Pair};
///
/// let kv = KeyValue::compile(&Options { prefix: "app_".to_owned(), ..Options::default() })?;
/// let want = Pair { key: b"app_user".as_slice().into(), value: b"Jane Doe".as_slice().into() };
/// assert_eq!(kv.pairs(br#"user="Jane Doe""#).next(), Some(want));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<'l> {
    /// The key, with the prefix; never empty without it.
    pub key: Cow<'l, [u8]>,
    /// The value, without the quotes or brackets around it.
    pub value: Cow<'l, [u8]>,
}

impl KeyValue {
    /// Compiles the options.
    ///
    /// # Errors
    /// A set that is empty, holds a backslash as separator, or is no set in Ruby's syntax; an expression that is empty,
    /// matches empty text, is longer than [`PATTERN_BYTES_MAX`], or has what does not run in linear time: look-around,
    /// back references, atomic groups, possessive repetition.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options};
    ///
    /// let pattern = Some(r"(?<=;) ".to_owned());
    /// let error = KeyValue::compile(&Options { field_split_pattern: pattern, ..Options::default() });
    /// let message = error.expect_err("it looks behind itself").to_string();
    /// assert!(message.starts_with("column 1: field_split_pattern: look-around is not known here"));
    /// ```
    pub fn compile(options: &Options) -> Result<Self, Error> {
        let shape =
            |names: [&str; 2], trim: &Option<String>, remove: &Option<String>, transform| {
                Shape::compile(names, trim.as_deref(), remove.as_deref(), transform)
            };
        let bytes = |keys: &[String]| keys.iter().map(|key| key.clone().into_bytes()).collect();
        Ok(Self {
            separators: Separators::compile(options)?,
            key: shape(
                ["trim_key", "remove_char_key"],
                &options.trim_key,
                &options.remove_char_key,
                options.transform_key,
            )?,
            value: shape(
                ["trim_value", "remove_char_value"],
                &options.trim_value,
                &options.remove_char_value,
                options.transform_value,
            )?,
            prefix: options.prefix.clone(),
            include_keys: bytes(&options.include_keys),
            exclude_keys: bytes(&options.exclude_keys),
            default_keys: options.default_keys.clone(),
            allow_duplicate_values: options.allow_duplicate_values,
            allow_empty_values: options.allow_empty_values,
            recursive: options.recursive,
        })
    }

    /// Walks over the pairs of a line, in their order and with repeated keys, [`PAIRS_MAX`] at most.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options};
    ///
    /// let ampersands = Options { field_split: "&?".to_owned(), ..Options::default() };
    /// let kv = KeyValue::compile(&ampersands)?;
    /// let keys: Vec<_> = kv.pairs(b"/find?q=dog&page=2&q=cat").map(|pair| pair.key).collect();
    /// assert_eq!(keys, [b"q".as_slice(), b"page", b"q"]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn pairs<'k, 'l>(&'k self, line: &'l [u8]) -> Pairs<'k, 'l> {
        Pairs {
            kv: self,
            scan: Scan::new(&self.separators, line),
            left: PAIRS_MAX,
        }
    }

    /// The key that a pair is known by; `None` if it is not to be taken.
    fn taken_key<'l>(&self, raw: &'l [u8]) -> Option<Cow<'l, [u8]>> {
        let key = self.key.apply(raw);
        let is_included = self.include_keys.is_empty() || self.include_keys.contains(&*key);
        let is_excluded = !self.exclude_keys.is_empty() && self.exclude_keys.contains(&*key);
        if key.is_empty() || !is_included || is_excluded {
            return None;
        }
        if self.prefix.is_empty() {
            return Some(key);
        }
        Some(Cow::Owned([self.prefix.as_bytes(), &key].concat()))
    }
}

/// The pairs of a line, as [`KeyValue::pairs`] finds them.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options};
///
/// let kv = KeyValue::compile(&Options::default())?;
/// let took = kv.pairs(b"host=web-17 took=3ms").find(|pair| *pair.key == *b"took");
/// assert_eq!(took.map(|pair| pair.value), Some(b"3ms".as_slice().into()));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug)]
pub struct Pairs<'k, 'l> {
    kv: &'k KeyValue,
    scan: Scan<'k, 'l>,
    /// How many pairs may still be looked at.
    left: usize,
}

impl<'l> Iterator for Pairs<'_, 'l> {
    type Item = Pair<'l>;

    fn next(&mut self) -> Option<Pair<'l>> {
        while self.left != 0 {
            let (key, value) = self.scan.next()?;
            self.left -= 1;
            if value.is_empty() && !self.kv.allow_empty_values {
                continue;
            }
            if let Some(key) = self.kv.taken_key(key) {
                let value = self.kv.value.apply(value);
                return Some(Pair { key, value });
            }
        }
        None
    }
}
