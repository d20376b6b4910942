//! Recursive descent over one text: characters come in, a syntax tree and diagnostics go out. After a mistake reading goes
//! on at the next option, plugin or section, so that one run reports them all. Whether names exist is not known here.

mod branches;
mod condition;
mod recovery;
mod value;

use crate::lang::cursor::Cursor;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Span;
use crate::lang::syntax::{Attribute, Node, PluginNode, Section, Value};
use crate::lang::{limits, nearest};
use crate::plugin::{self, Word};

/// A mistake that is already reported.
struct Broken;

type Parsed<T> = Result<T, Broken>;

struct Parser<'a, 'd> {
    cursor: Cursor<'a>,
    diagnostics: &'d mut Vec<Diagnostic>,
    depth: usize,
    /// The text ended inside a block or string; the blocks around it are open too and say nothing.
    cut_off: bool,
    /// How many parts the condition has, those in parentheses included.
    terms: usize,
    /// How many mistakes were found.
    mistakes: usize,
}

/// The sections of one text.
pub fn parse(source: usize, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Section> {
    let mut parser = Parser {
        cursor: Cursor::new(source, text),
        diagnostics,
        depth: 0,
        cut_off: false,
        mistakes: 0,
        terms: 0,
    };
    parser.file()
}

/// A value by itself, as a table of options has it for a default; `None` when it is not one.
pub fn value_of(text: &str) -> Option<Value> {
    let mut diagnostics = Vec::new();
    let mut parser = Parser {
        cursor: Cursor::new(0, text),
        diagnostics: &mut diagnostics,
        depth: 0,
        cut_off: false,
        mistakes: 0,
        terms: 0,
    };
    let value = parser.value().ok()?;
    let complete = parser.cursor.is_end();
    (complete && diagnostics.is_empty()).then_some(value)
}

impl Parser<'_, '_> {
    fn file(&mut self) -> Vec<Section> {
        let start = self.cursor.at();
        if self.cursor.eat("\u{feff}") {
            let span = self.cursor.span_from(start);
            self.diagnostics.push(
                Diagnostic::notice(span, "a byte order mark stands before the text")
                    .help("save the file as UTF-8 without one"),
            );
        }
        if let Some(nul) = self.cursor.rest().find('\0') {
            let nul = nul + self.cursor.at();
            let span = self.cursor.span(nul, nul + 1);
            self.error_help(
                span,
                "a NUL byte",
                "it is no text, or saved as UTF-16; save it as UTF-8",
            );
            return Vec::new();
        }
        let mut sections = Vec::new();
        loop {
            self.cursor.skip_blank();
            if self.cursor.is_end() {
                return sections;
            }
            if let Ok(section) = self.section() {
                sections.push(section);
            }
        }
    }

    fn section(&mut self) -> Parsed<Section> {
        let (written, span) = self.cursor.name();
        let name = match written {
            "input" | "filter" | "output" => written,
            _ => self.not_a_section(written, span)?,
        };
        let section = match name {
            "input" => plugin::Section::Input,
            "filter" => plugin::Section::Filter,
            _ => plugin::Section::Output,
        };
        self.cursor.skip_blank();
        if !self.cursor.eat("{") {
            let here = self.cursor.here();
            return Err(self.error_help(
                here,
                format!("`{{` is missing after `{name}`"),
                format!("a section is written `{name} {{ ... }}`"),
            ));
        }
        let body = self.body(span, name);
        Ok(Section { section, body })
    }

    /// Reports what stands where a section should. A slip is read as what was meant; anything else is skipped.
    fn not_a_section(&mut self, name: &str, span: Span) -> Parsed<&'static str> {
        if name.is_empty() {
            return Err(self.no_section());
        }
        let opens = self.after_blank_is("{");
        let near = nearest::nearest(name, ["input", "filter", "output"].into_iter());
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if opens => format!("put it into a section: `filter {{ {name} {{ ... }} }}`"),
            None => "a pipeline has the sections `input`, `filter` and `output`".to_owned(),
        };
        let broken = self.error_help(span, format!("`{name}` is not a section"), help);
        match near {
            Some(near) if opens => Ok(near),
            _ => {
                self.skip_to_section();
                Err(broken)
            }
        }
    }

    fn no_section(&mut self) -> Broken {
        let here = self.cursor.here();
        if self.cursor.eat("}") {
            let help = "remove it, or look for a `}` too many above";
            return self.error_help(here, "this `}` closes nothing", help);
        }
        let help =
            "a pipeline has the sections `input { ... }`, `filter { ... }` and `output { ... }`";
        let broken = self.error_help(here, "a section is expected here", help);
        self.cursor.advance();
        self.skip_to_section();
        broken
    }

    fn after_blank_is(&self, expected: &str) -> bool {
        let mut probe = self.cursor;
        probe.skip_blank();
        probe.rest().starts_with(expected)
    }

    /// Plugins and conditions up to the closing brace; `opened` is what the brace belongs to.
    fn body(&mut self, opened: Span, what: &str) -> Vec<Node> {
        let mut nodes = Vec::new();
        if self.deeper().is_err() {
            self.skip_to_section();
            return nodes;
        }
        loop {
            self.cursor.skip_blank();
            if self.cursor.is_end() {
                self.not_closed(opened, what);
                break;
            }
            if self.cursor.eat("}") {
                break;
            }
            if self.cursor.sees_section() {
                self.section_inside(opened, what);
                break;
            }
            if let Ok(node) = self.node() {
                nodes.push(node);
            }
        }
        self.depth -= 1;
        nodes
    }

    /// A section starts where a block should have ended: the block counts as closed.
    fn section_inside(&mut self, opened: Span, what: &str) {
        if self.cut_off {
            return;
        }
        self.cut_off = self.depth > 1;
        let (name, here) = {
            let mut probe = self.cursor;
            probe.name()
        };
        let line = self.line_of(opened);
        self.error_help(
            here,
            format!("the section `{name}` begins inside `{what}`"),
            format!("close `{what}` of line {line} with a `}}` before it"),
        );
        if self.depth == 1 {
            self.cut_off = false;
        }
    }

    fn line_of(&self, span: Span) -> usize {
        let before = self.cursor.before(span.start as usize);
        memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1
    }

    fn not_closed(&mut self, opened: Span, what: &str) {
        if !self.cut_off {
            self.cut_off = true;
            self.error_help(
                opened,
                format!("`{what}` is not closed before the text ends"),
                "add the missing `}`",
            );
        }
    }

    fn node(&mut self) -> Parsed<Node> {
        let start = self.cursor.at();
        let (word, span) = self.cursor.name();
        match word {
            "if" => self.branches(span).map(Node::If),
            "else" | "elsif" | "elseif" | "elif" => {
                self.error_help(
                    span,
                    format!("`{word}` without an `if` before it"),
                    "it stands directly after the `}` of an `if` block",
                );
                self.skip_past_block();
                Err(Broken)
            }
            "" if !matches!(self.cursor.peek(), Some('"' | '\'')) => {
                let here = self.cursor.here();
                self.error_help(
                    here,
                    "a plugin or `if` is expected here",
                    "a plugin is written `name { option => value }`",
                );
                self.skip_to_node();
                Err(Broken)
            }
            _ => {
                self.cursor.rewind(start);
                let name = self.quotable_name()?;
                self.plugin_in_body(name).map(Node::Plugin)
            }
        }
    }

    fn plugin_in_body(&mut self, name: Word) -> Parsed<PluginNode> {
        self.cursor.skip_blank();
        if self.cursor.peek() == Some('{') {
            return self.plugin(name);
        }
        let here = self.cursor.here();
        let text = name.text;
        if self.cursor.rest().starts_with("=>") {
            self.error_help(
                name.span,
                format!("the option `{text}` stands outside of a plugin"),
                "an option belongs between the braces of a plugin; look for a `}` too many above",
            );
        } else {
            self.error_help(
                here,
                format!("`{{` is missing after `{text}`"),
                format!("a plugin is written `{text} {{ option => value }}`"),
            );
        }
        self.skip_to_node();
        Err(Broken)
    }

    /// A name, or a string in its place.
    fn quotable_name(&mut self) -> Parsed<Word> {
        if let Some(quote @ ('"' | '\'')) = self.cursor.peek() {
            let (text, span) = self.quoted(quote)?;
            return Ok(Word { text, span });
        }
        let (text, span) = self.cursor.name();
        Ok(Word {
            text: text.to_owned(),
            span,
        })
    }

    /// `{ attributes }` after a plugin's name. Never fails: what could be read is in the node.
    fn plugin(&mut self, name: Word) -> Parsed<PluginNode> {
        let mut node = PluginNode {
            name,
            attributes: Vec::new(),
            broken: false,
        };
        self.deeper()?;
        self.cursor.eat("{");
        self.attributes(&mut node);
        self.depth -= 1;
        Ok(node)
    }

    fn attributes(&mut self, node: &mut PluginNode) {
        let mut separated = true;
        loop {
            separated |= self.cursor.skip_blank();
            if self.cursor.is_end() {
                node.broken = true;
                return self.not_closed(node.name.span, &node.name.text.clone());
            }
            if self.cursor.eat("}") {
                return;
            }
            if self.cursor.peek() == Some(',') {
                let here = self.cursor.here();
                self.cursor.advance();
                self.error_help(
                    here,
                    "a comma between options",
                    "options are separated by white space: remove the comma",
                );
                continue;
            }
            if self.condition_inside(node) {
                separated = true;
                continue;
            }
            if self.ends_early(node) {
                node.broken = true;
                return;
            }
            if !separated {
                let here = self.cursor.here();
                self.error_help(
                    here,
                    "two options without white space between them",
                    "put each option on a line of its own",
                );
            }
            match self.attribute() {
                Ok(attribute) => {
                    node.attributes.push(attribute);
                    separated = false;
                }
                Err(Broken) => {
                    node.broken = true;
                    self.skip_to_attribute();
                    separated = true;
                }
            }
        }
    }

    /// Whether `if ... { option => value }` stands here, as people write it to choose an option's value; skips it all.
    fn condition_inside(&mut self, node: &mut PluginNode) -> bool {
        let mut probe = self.cursor;
        let (word, span) = probe.name();
        if !matches!(word, "if" | "else") || self.cursor.sees_attribute() {
            return false;
        }
        let mut inside = self.skipped_to_block();
        inside.eat("{");
        inside.skip_blank();
        if !inside.sees_attribute() {
            return false;
        }
        node.broken = true;
        // An `else` goes with its `if`, which is reported already.
        if word == "if" {
            let plugin = &node.name.text;
            self.error_help(
                span,
                format!("a condition cannot stand inside the plugin `{plugin}`"),
                format!("write the condition around it: `if ... {{ {plugin} {{ ... }} }} else {{ {plugin} {{ ... }} }}`"),
            );
        }
        self.skip_past_block();
        true
    }

    /// Whether something stands here that only makes sense after this plugin's missing brace; reports that.
    fn ends_early(&mut self, node: &PluginNode) -> bool {
        let mut probe = self.cursor;
        let (word, span) = probe.name();
        let condition =
            matches!(word, "if" | "else" | "elsif" | "elseif") && !self.cursor.sees_attribute();
        if !condition && !self.cursor.sees_block() {
            return false;
        }
        let plugin = &node.name.text;
        let message = if condition {
            format!("`{word}` cannot stand inside the plugin `{plugin}`")
        } else {
            format!("`=>` is missing after `{word}`, or a `}}` before it")
        };
        let line = self.line_of(node.name.span);
        let help = format!("close `{plugin}` of line {line} with a `}}` before `{word}`");
        if !self.cut_off {
            self.error_help(span, message, help);
        }
        true
    }

    fn attribute(&mut self) -> Parsed<Attribute> {
        let name = match self.cursor.peek() {
            Some(character) if crate::lang::cursor::is_name(character) => self.quotable_name()?,
            Some('"' | '\'') => self.quotable_name()?,
            _ => {
                let here = self.cursor.here();
                return Err(self.error_help(
                    here,
                    "an option or `}` is expected here",
                    "an option is written `name => value`",
                ));
            }
        };
        self.cursor.skip_blank();
        self.arrow(&name)?;
        self.cursor.skip_blank();
        let value = self.value()?;
        Ok(Attribute { name, value })
    }

    /// `=>`; what people write instead is reported and taken as meant.
    fn arrow(&mut self, name: &Word) -> Parsed<()> {
        if self.cursor.eat("=>") {
            return Ok(());
        }
        let start = self.cursor.at();
        let wrong = ["==", "->", "=", ":"]
            .into_iter()
            .find(|wrong| self.cursor.eat(wrong));
        let message = format!("`=>` is missing after `{}`", name.text);
        let help = format!("write `{} => value`", name.text);
        let span = if wrong.is_some() {
            self.cursor.span_from(start)
        } else {
            self.cursor.here()
        };
        let broken = self.error_help(span, message, help);
        if wrong.is_some() { Ok(()) } else { Err(broken) }
    }

    fn deeper(&mut self) -> Parsed<()> {
        if self.depth < limits::NESTING_MAX {
            self.depth += 1;
            return Ok(());
        }
        let here = self.cursor.here();
        Err(self.error_help(
            here,
            format!("nested more than {} levels deep", limits::NESTING_MAX),
            "take the parts apart",
        ))
    }

    fn error_help(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Broken {
        self.diagnostics
            .push(Diagnostic::error(span, message).help(help));
        self.mistakes += 1;
        if limits::MISTAKES_MAX <= self.mistakes {
            self.cursor.finish();
            self.cut_off = true;
        }
        Broken
    }
}
