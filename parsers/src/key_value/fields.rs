//! Pairs gathered by their keys: repeated keys as lists, pairs within values, default keys. Pairs come in, fields go out.

use std::borrow::Cow;

use super::{DEPTH_MAX, KeyValue, PAIRS_MAX, Pairs};

use super::index::{Index, MANY};
use super::scan::Scan;

/// The fields of a line, in the order of their first pairs; default keys come first.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options};
///
/// let kv = KeyValue::compile(&Options {
///     default_keys: vec![("level".to_owned(), "info".to_owned())],
///     ..Options::default()
/// })?;
/// let line = b"host=web-17 port=80".to_vec();
/// let fields = kv.fields(&line).into_owned();
/// drop(line);
/// let keys: Vec<_> = fields.iter().map(|field| field.key()).collect();
/// assert_eq!(keys, [&b"level"[..], b"host", b"port"]);
/// assert!(!fields.is_empty() && !fields.is_cut_short());
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields<'l> {
    fields: Vec<Field<'l>>,
    cut_short: bool,
}

/// One key and all its values.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, Value};
///
/// let kv = KeyValue::compile(&Options::default())?;
/// let fields = kv.fields(b"to=ann to=bob");
/// let to = fields.iter().next().expect("one field");
/// assert_eq!((to.key(), to.is_list(), to.values().count()), (&b"to"[..], true, 2));
/// assert_eq!(to.first(), &Value::Text(b"ann".as_slice().into()));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'l> {
    key: Cow<'l, [u8]>,
    first: Value<'l>,
    /// Most keys have one value, which needs no list.
    others: Vec<Value<'l>>,
}

/// A value.
///
/// ```
/// use sawlog_parsers::key_value::{KeyValue, Options, Value};
///
/// let kv = KeyValue::compile(&Options { recursive: true, ..Options::default() })?;
/// let fields = kv.fields(b"took=3ms peer=[host=db-3]");
/// let told: Vec<_> = fields.iter().map(|field| match field.first() {
///     Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
///     Value::Fields(inner) => format!("{} within", inner.iter().len()),
/// }).collect();
/// assert_eq!(told, ["3ms", "1 within"]);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'l> {
    /// A text.
    Text(Cow<'l, [u8]>),
    /// The pairs that `recursive` found in it.
    Fields(Fields<'l>),
}

impl KeyValue {
    /// The fields of a line: repeated keys are lists, `allow_duplicate_values`, `recursive` and `default_keys` are
    /// heeded.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options, Value};
    ///
    /// let kv = KeyValue::compile(&Options { recursive: true, ..Options::default() })?;
    /// let fields = kv.fields(b"to=a to=b peer=(host=x port=25)");
    /// let to = fields.by_key(b"to").expect("it is there");
    /// assert!(to.is_list());
    /// let peer = fields.by_key(b"peer").expect("it is there");
    /// let Value::Fields(peer) = peer.first() else { panic!("pairs within") };
    /// assert_eq!(peer.by_key(b"port").map(|port| port.first()), Some(&Value::Text(b"25".as_slice().into())));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn fields<'l>(&self, line: &'l [u8]) -> Fields<'l> {
        let mut fields = Fields::default();
        self.fields_into(line, &mut fields);
        fields
    }

    /// The same into fields that were used before: their memory is used again. Besides, memory is taken for the list of a
    /// key that comes again, for pairs within values, for texts that an option changes or adds, and to look keys up in a
    /// line of 32 pairs or more.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{Fields, KeyValue, Options};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let mut fields = Fields::default();
    /// for line in ["host=web-17 port=80", "host=web-18 port=81"] {
    ///     kv.fields_into(line.as_bytes(), &mut fields);
    ///     assert_eq!(fields.iter().len(), 2);
    /// }
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn fields_into<'l>(&self, line: &'l [u8], fields: &mut Fields<'l>) {
        let mut left = PAIRS_MAX;
        fields.fields.clear();
        fields.cut_short = false;
        self.gather(line, fields, 0, &mut left);
        if !self.default_keys.is_empty() {
            self.add_defaults(fields);
        }
    }

    fn gather<'l>(&self, text: &'l [u8], fields: &mut Fields<'l>, depth: usize, left: &mut usize) {
        let mut pairs = Pairs {
            kv: self,
            scan: Scan::new(&self.separators, text),
            left: *left,
        };
        let Fields {
            fields: gathered,
            cut_short,
        } = fields;
        let mut gathering = Gathering {
            fields: gathered,
            pairs: 0,
            index: None,
        };
        while let Some(pair) = pairs.next() {
            if !self.allow_duplicate_values && gathering.has(&pair.key, &pair.value) {
                continue;
            }
            let value = if self.recursive && depth < DEPTH_MAX {
                let (value, is_cut_short) = self.looked_into(pair.value, depth, &mut pairs.left);
                *cut_short |= is_cut_short;
                value
            } else {
                Value::Text(pair.value)
            };
            gathering.add(pair.key, value);
        }
        *left = pairs.left;
        *cut_short |= *left == 0 && pairs.scan.next().is_some();
    }

    /// The pairs within a value, or the value if it has none; and whether it has some that were not looked at.
    fn looked_into<'l>(
        &self,
        text: Cow<'l, [u8]>,
        depth: usize,
        left: &mut usize,
    ) -> (Value<'l>, bool) {
        match text {
            Cow::Borrowed(text) => {
                let mut inner = Fields::default();
                self.gather(text, &mut inner, depth + 1, left);
                let is_cut_short = inner.cut_short;
                if inner.is_empty() {
                    return (Value::Text(Cow::Borrowed(text)), is_cut_short);
                }
                (Value::Fields(inner), is_cut_short)
            }
            Cow::Owned(text) => {
                let mut inner = Fields::default();
                self.gather(&text, &mut inner, depth + 1, left);
                let is_cut_short = inner.cut_short;
                if inner.is_empty() {
                    return (Value::Text(Cow::Owned(text)), is_cut_short);
                }
                (Value::Fields(inner.into_owned()), is_cut_short)
            }
        }
    }

    fn add_defaults(&self, fields: &mut Fields<'_>) {
        let mut found = std::mem::take(&mut fields.fields);
        for (key, value) in &self.default_keys {
            let key = key.as_bytes();
            match found.iter().position(|field| *field.key == *key) {
                Some(index) => fields.fields.push(found.remove(index)),
                None => fields.fields.push(Field {
                    key: Cow::Owned(key.to_vec()),
                    first: Value::Text(Cow::Owned(value.clone().into_bytes())),
                    others: Vec::new(),
                }),
            }
        }
        fields.fields.append(&mut found);
    }
}

impl<'l> Fields<'l> {
    /// The fields.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let fields = kv.fields(b"host=web-17 port=80");
    /// let keys: Vec<_> = fields.iter().map(|field| field.key()).collect();
    /// assert_eq!(keys, [b"host", b"port"]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Field<'l>> {
        self.fields.iter()
    }

    /// Whether there is none.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let fields = kv.fields(b"a line without pairs");
    /// assert!(fields.is_empty());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field of a key.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let fields = kv.fields(b"host=web-17 port=80");
    /// assert!(fields.by_key(b"port").is_some_and(|port| !port.is_list()));
    /// assert!(fields.by_key(b"Port").is_none());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn by_key(&self, key: &[u8]) -> Option<&Field<'l>> {
        self.fields.iter().find(|field| *field.key == *key)
    }

    /// Whether the line had more pairs than [`PAIRS_MAX`], those within values included: the rest was not looked at.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options, PAIRS_MAX};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let line = "a=1 ".repeat(PAIRS_MAX);
    /// assert!(!kv.fields(line.as_bytes()).is_cut_short());
    /// assert!(kv.fields((line + "a=1").as_bytes()).is_cut_short());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// The fields on memory of their own.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{Fields, KeyValue, Options};
    ///
    /// fn kept(kv: &KeyValue, line: String) -> Fields<'static> {
    ///     kv.fields(line.as_bytes()).into_owned()
    /// }
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// assert!(kept(&kv, "host=web-17".to_owned()).by_key(b"host").is_some());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn into_owned(self) -> Fields<'static> {
        let fields = self.fields.into_iter().map(|field| Field {
            key: Cow::Owned(field.key.into_owned()),
            first: field.first.into_owned(),
            others: field.others.into_iter().map(Value::into_owned).collect(),
        });
        Fields {
            fields: fields.collect(),
            cut_short: self.cut_short,
        }
    }
}

/// Fields that more pairs come to.
struct Gathering<'f, 'l> {
    fields: &'f mut Vec<Field<'l>>,
    pairs: usize,
    /// Once there are many.
    index: Option<Index>,
}

impl<'l> Gathering<'_, 'l> {
    fn place(&self, key: &[u8]) -> Option<usize> {
        match &self.index {
            Some(index) => index.place(self.fields, key),
            None => self.fields.iter().position(|field| *field.key == *key),
        }
    }

    fn has(&self, key: &[u8], text: &[u8]) -> bool {
        let Some(place) = self.place(key) else {
            return false;
        };
        let values = self.fields.get(place).into_iter().flat_map(Field::values);
        match &self.index {
            Some(index) => index.has(self.fields, place, text),
            None => values.into_iter().any(|value| value.is_text(text)),
        }
    }

    fn add(&mut self, key: Cow<'l, [u8]>, value: Value<'l>) {
        let place = self.place(&key).unwrap_or(self.fields.len());
        let number = match self.fields.get_mut(place) {
            Some(field) => {
                field.others.push(value);
                field.others.len()
            }
            None => {
                self.fields.push(Field {
                    key,
                    first: value,
                    others: Vec::new(),
                });
                0
            }
        };
        self.pairs += 1;
        match &mut self.index {
            Some(index) => index.note(self.fields, place, number),
            None if self.pairs == MANY => self.index = Some(Index::of(self.fields)),
            None => {}
        }
    }
}

impl Value<'_> {
    pub(super) fn is_text(&self, text: &[u8]) -> bool {
        matches!(self, Value::Text(own) if **own == *text)
    }
}

impl<'l> Field<'l> {
    /// The key, with the prefix.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let fields = kv.fields(b"host=web-17");
    /// assert!(fields.iter().all(|field| field.key() == b"host"));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The first value, which is the only one unless the field is a list.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options, Value};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let fields = kv.fields(b"tag=slow tag=red");
    /// let tag = fields.by_key(b"tag").expect("two of them");
    /// assert_eq!(tag.first(), &Value::Text(b"slow".into()));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn first(&self) -> &Value<'l> {
        &self.first
    }

    /// All values in their order.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options, Value};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let fields = kv.fields(b"tag=slow tag=red");
    /// let tag = fields.by_key(b"tag").expect("two of them");
    /// assert!(tag.values().eq(&[Value::Text(b"slow".into()), Value::Text(b"red".into())]));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn values(&self) -> impl Iterator<Item = &Value<'l>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// One of the values.
    pub(super) fn value(&self, number: usize) -> Option<&Value<'l>> {
        match number.checked_sub(1) {
            None => Some(&self.first),
            Some(number) => self.others.get(number),
        }
    }

    /// Whether the key occurred more than once.
    ///
    /// ```
    /// use sawlog_parsers::key_value::{KeyValue, Options};
    ///
    /// let kv = KeyValue::compile(&Options::default())?;
    /// let fields = kv.fields(b"tag=slow tag=red host=web-17");
    /// let lists: Vec<_> = fields.iter().map(|field| field.is_list()).collect();
    /// assert_eq!(lists, [true, false]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_list(&self) -> bool {
        !self.others.is_empty()
    }
}

impl Value<'_> {
    fn into_owned(self) -> Value<'static> {
        match self {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Fields(fields) => Value::Fields(fields.into_owned()),
        }
    }
}
