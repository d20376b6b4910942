//! A plugin's options against its table: names, old names, repeated options, required ones and defaults. What type a value
//! has is decided next door.

use crate::lang::check::Checker;
use crate::lang::check::value::Pairs;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Span;
use crate::lang::syntax::{Attribute, PluginNode, Value, ValueKind};
use crate::lang::{nearest, section_options};
use crate::plugin::{Arg, ArgValue, Kind, Opt, Options, Plugin, Section, Setting, Word};

impl Checker<'_> {
    pub(super) fn options(&mut self, plugin: &'static Plugin, node: &PluginNode) -> Options {
        let table: Vec<&'static Opt> = section_options::all(plugin).collect();
        let mut written: Vec<(&'static Opt, &Attribute)> = Vec::new();
        for attribute in &node.attributes {
            if self.stops(attribute.name.span) {
                break;
            }
            match self.option_named(plugin, &table, &attribute.name) {
                Some(opt) => written.push((opt, attribute)),
                // The misspelt name of a secret does not tell that it is one.
                None if table.iter().any(|opt| opt.kind == Kind::Password) => {
                    self.secrets.push(attribute.value.span);
                }
                None => {}
            }
        }
        let mut options = Options {
            plugin,
            id: String::new(),
            span: node.name.span,
            settings: Vec::new(),
        };
        for opt in table {
            let uses: Vec<&Attribute> = written
                .iter()
                .filter(|(other, _)| other.name == opt.name)
                .map(|(_, attribute)| *attribute)
                .collect();
            let setting = match uses.as_slice() {
                [] => self
                    .unwritten(plugin, opt, node)
                    .map(|setting| (setting, node.name.span)),
                [first, ..] => self
                    .setting(plugin, opt, &uses)
                    .map(|setting| (setting, first.value.span)),
            };
            options
                .settings
                .extend(setting.map(|(setting, span)| (opt.name, setting, span)));
        }
        let written_id = uses_id(node).and_then(|_| options.word("id"));
        options.id = self.id(plugin, written_id, node.name.span);
        options
    }

    /// The option that is meant by a name, or a report.
    fn option_named(
        &mut self,
        plugin: &'static Plugin,
        table: &[&'static Opt],
        name: &Word,
    ) -> Option<&'static Opt> {
        let word = name.text.as_str();
        if let Some(opt) = table.iter().find(|opt| opt.name == word) {
            if let Some(why) = opt.without_effect {
                self.diagnostics.push(
                    Diagnostic::notice(name.span, format!("`{word}` is accepted without effect"))
                        .help(why),
                );
            }
            return Some(opt);
        }
        if let Some(opt) = table.iter().find(|opt| opt.old_names.contains(&word)) {
            let new = opt.name;
            self.diagnostics.push(
                Diagnostic::notice(name.span, format!("`{word}` is the old name of `{new}`"))
                    .help(format!("write `{new}`")),
            );
            return Some(opt);
        }
        if let Some(opt) = table.iter().find(|opt| opt.is_file_form(word)) {
            return Some(opt);
        }
        let diagnostic = unknown_option(plugin, table, name);
        self.diagnostics.push(diagnostic);
        None
    }

    /// The value of an option that was not written.
    fn unwritten(
        &mut self,
        plugin: &'static Plugin,
        opt: &'static Opt,
        node: &PluginNode,
    ) -> Option<Setting> {
        if let Some(default) = opt.default {
            return self.default(opt, default, node.name.span);
        }
        if opt.required && !node.broken {
            let section = plugin.section.name();
            let message = format!(
                "{section} `{}` needs the option `{}`",
                plugin.name, opt.name
            );
            self.diagnostics.push(
                Diagnostic::error(node.name.span, message)
                    .help(format!("add `{} => ...`: {}", opt.name, opt.doc)),
            );
        }
        None
    }

    fn default(&mut self, opt: &'static Opt, default: &'static str, span: Span) -> Option<Setting> {
        if opt.kind == Kind::Codec {
            // A registry without the default codec has no plugin that asks for one.
            let codec = self.registry.find(Section::Codec, default)?;
            let node = PluginNode {
                name: Word {
                    text: default.to_owned(),
                    span,
                },
                attributes: Vec::new(),
                broken: false,
            };
            return Some(Setting::Codec(Box::new(self.options(codec, &node))));
        }
        let arg = default_arg(opt.kind, default, span);
        // A default that does not fit its kind is a fault in the table; `table_faults` finds it in a test.
        self.converted(opt, arg).ok()
    }

    /// The value of an option that was written, possibly several times.
    fn setting(
        &mut self,
        plugin: &'static Plugin,
        opt: &'static Opt,
        uses: &[&Attribute],
    ) -> Option<Setting> {
        let (first, others) = uses.split_first()?;
        if opt.kind == Kind::Codec {
            if let Some(second) = others.first() {
                self.given_twice(opt, second, first);
                return None;
            }
            return self.codec(opt, &first.value);
        }
        // Every use is read, so that all that is wrong is reported.
        let args: Vec<Option<Arg>> = uses
            .iter()
            .map(|attribute| match opt.is_file_form(&attribute.name.text) {
                true => self.arg_in_file(opt, &attribute.value),
                false => self.arg(plugin, opt, &attribute.value),
            })
            .collect();
        let mut merged: Option<Arg> = None;
        for (attribute, arg) in uses.iter().zip(args) {
            let arg = arg?;
            merged = match merged {
                None => Some(arg),
                Some(before) => match merge(before, arg, opt.kind) {
                    Some(both) => Some(both),
                    None => {
                        self.given_twice(opt, attribute, first);
                        return None;
                    }
                },
            };
        }
        match self.converted(opt, merged?) {
            Ok(setting) => Some(setting),
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn given_twice(&mut self, opt: &Opt, second: &Attribute, first: &Attribute) {
        let (line, _) = self.sources.line_and_column(first.name.span);
        let help = match opt.kind {
            Kind::List | Kind::Uris | Kind::Hash => {
                format!(
                    "it stands in line {line} already, as a value of another form: write both as one"
                )
            }
            _ => format!("it takes one value and stands in line {line} already: remove one"),
        };
        self.diagnostics.push(
            Diagnostic::error(
                second.name.span,
                format!("the option `{}` is given twice", opt.name),
            )
            .help(help),
        );
    }

    /// `json`, `"json"` or `json { ... }`.
    fn codec(&mut self, opt: &'static Opt, value: &Value) -> Option<Setting> {
        let name = match &value.kind {
            ValueKind::Plugin(node) => {
                let options = self.plugin(Section::Codec, node)?;
                return Some(Setting::Codec(Box::new(options)));
            }
            ValueKind::Bareword(word) => word.clone(),
            ValueKind::Quoted(text) => self.text(text, value.span)?,
            ValueKind::Number(_) | ValueKind::List(_) | ValueKind::Hash(_) => {
                let message = format!("the option `{}` takes a codec", opt.name);
                self.diagnostics.push(
                    Diagnostic::error(value.span, message)
                        .help("write a codec's name, or `name { option => value }`"),
                );
                return None;
            }
        };
        let node = PluginNode {
            name: Word {
                text: name,
                span: value.span,
            },
            attributes: Vec::new(),
            broken: false,
        };
        let options = self.plugin(Section::Codec, &node)?;
        Some(Setting::Codec(Box::new(options)))
    }
}

fn uses_id(node: &PluginNode) -> Option<&Attribute> {
    node.attributes
        .iter()
        .find(|attribute| attribute.name.text == "id")
}

fn unknown_option(plugin: &Plugin, table: &[&'static Opt], name: &Word) -> Diagnostic {
    /// More names than this are no help.
    const LISTED_MAX: usize = 16;
    let section = plugin.section.name();
    let word = &name.text;
    if plugin.absent.contains(&word.as_str()) {
        let message = format!(
            "option `{word}` of Logstash's `{}` {section} is not supported by sawlog",
            plugin.name
        );
        return Diagnostic::error(name.span, message)
            .help("remove it; sawlog refuses what it would otherwise ignore");
    }
    let names = table
        .iter()
        .flat_map(|opt| std::iter::once(opt.name).chain(opt.old_names.iter().copied()));
    let help = match nearest::nearest(word, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let own: Vec<_> = plugin
                .options
                .iter()
                .take(LISTED_MAX)
                .map(|opt| format!("`{}`", opt.name))
                .collect();
            let more = if LISTED_MAX < plugin.options.len() {
                ", ..."
            } else {
                ""
            };
            if own.is_empty() {
                format!(
                    "{section} `{}` has no options of its own: remove it",
                    plugin.name
                )
            } else {
                format!("its options are {}{more}", own.join(", "))
            }
        }
    };
    let message = format!("{section} `{}` has no option `{word}`", plugin.name);
    Diagnostic::error(name.span, message).help(help)
}

/// The same option twice, as Logstash puts the values together: hashes merge, and a key of both gets the values of both;
/// lists append; single values become a list unless they are equal. `None` where the kind cannot take the result.
fn merge(one: Arg, other: Arg, kind: Kind) -> Option<Arg> {
    let (span, other_span) = (one.span, other.span);
    let takes_several = matches!(kind, Kind::List | Kind::Uris | Kind::Hash);
    let value = match (one.value, other.value) {
        (ArgValue::Hash(pairs), ArgValue::Hash(more)) => {
            let mut both = Pairs::default();
            for (key, value) in pairs.into_iter().chain(more) {
                both.add(key, value, appended);
            }
            ArgValue::Hash(both.all)
        }
        (ArgValue::Hash(_), _) | (_, ArgValue::Hash(_)) => return None,
        (one, other) if one == other && !matches!(one, ArgValue::List(_)) => one,
        _ if !takes_several => return None,
        (value, other) => {
            let other = Arg {
                value: other,
                span: other_span,
            };
            appended(Arg { value, span }, other).value
        }
    };
    Some(Arg { value, span })
}

/// Two values as one list.
fn appended(one: Arg, other: Arg) -> Arg {
    let span = one.span;
    let mut items = items(one);
    items.extend(self::items(other));
    Arg {
        value: ArgValue::List(items),
        span,
    }
}

fn items(arg: Arg) -> Vec<Arg> {
    match arg.value {
        ArgValue::List(items) => items,
        ArgValue::Text(_) | ArgValue::Number(_) | ArgValue::Hash(_) => vec![arg],
    }
}

/// A default as its table has it: what a pipeline would say, or a plain text without quotes.
fn default_arg(kind: Kind, default: &str, span: Span) -> Arg {
    let several = matches!(kind, Kind::List | Kind::Uris | Kind::Hash);
    let first = default.chars().next();
    let written = match first {
        Some('"' | '\'') => true,
        Some('[' | '{') => several,
        _ => false,
    };
    let value = written
        .then(|| crate::lang::parse::value_of(default))
        .flatten();
    let value = value.and_then(|value| super::value::literal(&value, span));
    value.unwrap_or(Arg {
        value: ArgValue::Text(default.to_owned()),
        span,
    })
}

/// Defaults that do not fit, names that stand twice.
#[cfg(test)]
pub(super) fn table_faults(plugin: &'static Plugin) -> Vec<String> {
    let sources = crate::lang::source::Sources::default();
    let registry = crate::lang::Registry { plugins: &[] };
    let language = crate::lang::Language {
        support_escapes: false,
        variables: &|_| None,
    };
    let mut diagnostics = Vec::new();
    let mut checker = Checker::new(&sources, &registry, &language, &mut diagnostics);
    let mut faults = Vec::new();
    let mut names: Vec<&str> = plugin.absent.to_vec();
    for opt in plugin.options {
        names.push(opt.name);
        names.extend(opt.old_names);
        let Some(default) = opt.default else {
            continue;
        };
        let fits = opt.kind == Kind::Codec
            || checker
                .converted(opt, default_arg(opt.kind, default, Span::default()))
                .is_ok();
        if !fits || opt.required {
            faults.push(format!(
                "`{}` of `{}` cannot have this default",
                opt.name, plugin.name
            ));
        }
    }
    names.sort_unstable();
    for pair in names.windows(2) {
        if let [one, other] = pair
            && one == other
        {
            faults.push(format!(
                "`{one}` stands twice in the table of `{}`",
                plugin.name
            ));
        }
    }
    faults
}
