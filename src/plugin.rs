//! What a plugin tells of itself: its name and a table of its options, from which a configuration is checked and the
//! documentation is written; and the checked options that it is built from. Plugins' own code is elsewhere.

use crate::lang::source::Span;

/// The four kinds of plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Input,
    Codec,
    Filter,
    Output,
}

impl Section {
    /// The word in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Codec => "codec",
            Self::Filter => "filter",
            Self::Output => "output",
        }
    }
}

/// A plugin's description.
#[derive(Debug)]
pub struct Plugin {
    pub section: Section,
    pub name: &'static str,
    /// One or two sentences for the documentation, which a test makes.
    #[cfg_attr(not(test), allow(dead_code))]
    pub summary: &'static str,
    /// The plugin's own options; those common to the section are added by the check.
    pub options: &'static [Opt],
    /// Options of Logstash's plugin of that name which sawlog does not have: refused by name.
    pub absent: &'static [&'static str],
}

/// What an option accepts (`reference`: Logstash's option types).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    /// An integer.
    Integer,
    /// Any number.
    Number,
    Text,
    /// Text that is a field reference.
    Field,
    /// A list of texts; one text is a list of one.
    List,
    /// Key and value pairs.
    Hash,
    /// A size such as `10 MiB`.
    Bytes,
    /// Text that is never printed. The option's name with `_file` behind it names a file that holds it.
    Password,
    Path,
    /// A list of addresses; a text is split at blanks.
    Uris,
    /// A span of time: seconds as a number, or text with a unit such as `5 m`.
    Duration,
    Codec,
}

#[cfg(test)]
impl Kind {
    /// The word in the documentation, which a test writes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "text",
            Self::Field => "field",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Bytes => "bytes",
            Self::Password => "password",
            Self::Path => "path",
            Self::Uris => "addresses",
            Self::Duration => "duration",
            Self::Codec => "codec",
        }
    }
}

/// One option of a plugin. Built by the `const` functions below.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// As it would be written in a pipeline; `None` where the option is simply not set.
    pub default: Option<&'static str>,
    /// The only values allowed, if there are any such.
    pub allowed: &'static [&'static str],
    /// Old spellings, accepted with a notice that names the new one.
    pub old_names: &'static [&'static str],
    /// Accepted and without effect here; the text says why. A notice is printed.
    pub without_effect: Option<&'static str>,
    /// Whether the values of its hash, or the password in its address, may be secret.
    pub has_secrets: bool,
    pub doc: &'static str,
}

/// What stands behind an option's name where a file holds its value.
const IN_FILE: &str = "_file";

impl Opt {
    /// Whether a name is that of this option's form with a file: secrets have one.
    pub fn is_file_form(&self, name: &str) -> bool {
        self.kind == Kind::Password && name.strip_suffix(IN_FILE) == Some(self.name)
    }

    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            required: false,
            default: None,
            allowed: &[],
            old_names: &[],
            without_effect: None,
            has_secrets: false,
            doc,
        }
    }

    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    pub const fn allowed(mut self, allowed: &'static [&'static str]) -> Self {
        self.allowed = allowed;
        self
    }

    pub const fn old_names(mut self, old_names: &'static [&'static str]) -> Self {
        self.old_names = old_names;
        self
    }

    pub const fn with_secrets(mut self) -> Self {
        self.has_secrets = true;
        self
    }

    pub const fn without_effect(mut self, why: &'static str) -> Self {
        self.without_effect = Some(why);
        self
    }
}

/// A text and where it was written. Equal are those with one text.
#[derive(Clone, Debug, Default)]
pub struct Word {
    pub text: String,
    pub span: Span,
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A value as it was written, variables of the environment put in. Equal are those of one value.
#[derive(Clone, Debug)]
pub struct Arg {
    pub value: ArgValue,
    pub span: Span,
}

impl PartialEq for Arg {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum ArgValue {
    Text(String),
    /// A number as written.
    Number(String),
    List(Vec<Arg>),
    Hash(Vec<(Word, Arg)>),
}

impl Arg {
    /// The text of a string or number; `None` for a list or hash.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            ArgValue::Text(text) | ArgValue::Number(text) => Some(text),
            ArgValue::List(_) | ArgValue::Hash(_) => None,
        }
    }

    /// One text, or each text of a list.
    pub fn words(&self) -> Vec<Word> {
        match &self.value {
            ArgValue::Text(text) | ArgValue::Number(text) => {
                vec![Word {
                    text: text.clone(),
                    span: self.span,
                }]
            }
            ArgValue::List(items) => items.iter().flat_map(Arg::words).collect(),
            ArgValue::Hash(_) => Vec::new(),
        }
    }
}

/// A text that is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// The checked value of one option.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    /// Also fields and paths.
    Text(String),
    /// A password or key.
    Secret(Secret),
    /// Also addresses.
    List(Vec<Word>),
    Hash(Vec<(Word, Arg)>),
    Bytes(u64),
    Duration(std::time::Duration),
    Codec(Box<Options>),
}

/// A plugin's options after the check: every value has its type, every default is filled in, nothing unknown is left.
#[derive(Clone, Debug)]
pub struct Options {
    pub plugin: &'static Plugin,
    /// The `id` option, or one derived from section, name and order such as `filter_grok_2`; stable over a reload.
    pub id: String,
    /// The plugin's name in the text.
    pub span: Span,
    pub settings: Vec<(&'static str, Setting, Span)>,
}

impl Options {
    /// Whether it is the same but for its id.
    pub fn is_same_by_another_id(&self, other: &Self) -> bool {
        let without_id = |options: &Self| {
            let mut settings = options.settings.clone();
            settings.retain(|(name, _, _)| *name != "id");
            Self {
                settings,
                ..options.clone()
            }
        };
        without_id(self) == without_id(other)
    }

    /// Whether the user gave it its id.
    pub fn is_named(&self) -> bool {
        let derived = format!("{}_{}_", self.plugin.section.name(), self.plugin.name);
        let number = self.id.strip_prefix(&derived);
        number.is_none_or(|number| number.parse::<u32>().is_err())
    }
}

#[cfg(test)]
impl Options {
    /// Those of a plugin of which nothing is set.
    pub fn bare(plugin: &'static Plugin, id: &str) -> Self {
        Self {
            plugin,
            id: id.to_owned(),
            span: Span::default(),
            settings: Vec::new(),
        }
    }
}

impl PartialEq for Options {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.plugin, other.plugin)
            && self
                .settings
                .iter()
                .map(|(name, value, _)| (name, value))
                .eq(other.settings.iter().map(|(name, value, _)| (name, value)))
    }
}

impl Options {
    /// The value of an option, written or default.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings
            .iter()
            .find(|(option, ..)| *option == name)
            .map(|(_, value, _)| value)
    }

    /// Where an option was written; the plugin's name when it was not.
    pub fn span_of(&self, name: &str) -> Span {
        self.settings
            .iter()
            .find(|(option, ..)| *option == name)
            .map_or(self.span, |found| found.2)
    }

    pub fn boolean(&self, name: &str) -> bool {
        matches!(self.setting(name), Some(Setting::Boolean(true)))
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.setting(name)? {
            Setting::Integer(value) => Some(*value),
            _ => None,
        }
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        match self.setting(name)? {
            Setting::Number(value) => Some(*value),
            Setting::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.setting(name)? {
            Setting::Text(text) | Setting::Secret(Secret(text)) => Some(text),
            _ => None,
        }
    }

    /// The text of an option with its place.
    pub fn word(&self, name: &str) -> Option<Word> {
        self.text(name).map(|text| Word {
            text: text.to_owned(),
            span: self.span_of(name),
        })
    }

    pub fn list(&self, name: &str) -> &[Word] {
        match self.setting(name) {
            Some(Setting::List(words)) => words,
            _ => &[],
        }
    }

    pub fn hash(&self, name: &str) -> &[(Word, Arg)] {
        match self.setting(name) {
            Some(Setting::Hash(pairs)) => pairs,
            _ => &[],
        }
    }

    pub fn bytes(&self, name: &str) -> Option<u64> {
        match self.setting(name)? {
            Setting::Bytes(bytes) => Some(*bytes),
            _ => None,
        }
    }

    pub fn duration(&self, name: &str) -> Option<std::time::Duration> {
        match self.setting(name)? {
            Setting::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    pub fn codec(&self, name: &str) -> Option<&Options> {
        match self.setting(name)? {
            Setting::Codec(options) => Some(options),
            _ => None,
        }
    }
}
