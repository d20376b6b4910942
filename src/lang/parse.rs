//! Recursive descent over one text: characters come in, a syntax tree and diagnostics go out. After a mistake reading goes
//! on at the next option, plugin or section, so that one run reports them all. Whether names exist is not known here.

mod condition;
mod value;

use crate::lang::cursor::Cursor;
use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::Span;
use crate::lang::syntax::{Attribute, Branch, IfNode, Node, PluginNode, Section, Value};
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
}

/// The sections of one text.
pub fn parse(source: usize, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Section> {
    let mut parser = Parser {
        cursor: Cursor::new(source, text),
        diagnostics,
        depth: 0,
        cut_off: false,
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
        let (name, span) = self.cursor.name();
        let section = match name {
            "input" => plugin::Section::Input,
            "filter" => plugin::Section::Filter,
            "output" => plugin::Section::Output,
            _ => return Err(self.not_a_section(name, span)),
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

    /// Reports what stands where a section should, and skips it.
    fn not_a_section(&mut self, name: &str, span: Span) -> Broken {
        if name.is_empty() {
            let here = self.cursor.here();
            let found = self.cursor.advance();
            let broken = match found {
                Some('}') => self.error_help(
                    here,
                    "this `}` closes nothing",
                    "remove it, or look for a `}` too many above",
                ),
                _ => self.error_help(
                    here,
                    "a section is expected here",
                    "a pipeline has the sections `input { ... }`, `filter { ... }` and `output { ... }`",
                ),
            };
            if found != Some('}') {
                self.skip_to_section();
            }
            return broken;
        }
        let near = nearest::nearest(name, ["input", "filter", "output"].into_iter());
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.after_blank_is("{") => {
                format!("put it into a section: `filter {{ {name} {{ ... }} }}`")
            }
            None => "a pipeline has the sections `input`, `filter` and `output`".to_owned(),
        };
        let broken = self.error_help(span, format!("`{name}` is not a section"), help);
        self.skip_to_section();
        broken
    }

    fn after_blank_is(&self, expected: &str) -> bool {
        let mut probe = self.cursor;
        probe.skip_blank();
        probe.rest().starts_with(expected)
    }

    /// Skips to the next section that is not inside braces, or to the end.
    fn skip_to_section(&mut self) {
        let mut depth = 0_usize;
        loop {
            self.cursor.skip_blank();
            if self.cursor.is_end() || depth == 0 && self.cursor.sees_section() {
                return;
            }
            match self.cursor.peek() {
                Some('{') => depth += 1,
                Some('}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.skip_token();
        }
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
        before.bytes().filter(|&byte| byte == b'\n').count() + 1
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

    /// After `if`: the condition, its block, and all `else` blocks.
    fn branches(&mut self, span: Span) -> Parsed<IfNode> {
        let mut node = IfNode {
            span,
            branches: vec![self.branch(span)?],
            otherwise: Vec::new(),
        };
        loop {
            let before = self.cursor.at();
            self.cursor.skip_blank();
            let (word, span) = self.cursor.name();
            match word {
                "else" => {}
                "elsif" | "elseif" | "elif" => {
                    self.error_help(
                        span,
                        format!("`{word}` is not a word here"),
                        "write `else if`",
                    );
                    node.branches.push(self.branch(span)?);
                    continue;
                }
                _ => {
                    self.cursor.rewind(before);
                    return Ok(node);
                }
            }
            self.cursor.skip_blank();
            let start = self.cursor.at();
            if self.cursor.name().0 == "if" {
                let span = self.cursor.span_from(start);
                node.branches.push(self.branch(span)?);
                continue;
            }
            self.cursor.rewind(start);
            self.open_block("else")?;
            node.otherwise = self.body(span, "else");
            return Ok(node);
        }
    }

    fn branch(&mut self, keyword: Span) -> Parsed<Branch> {
        self.cursor.skip_blank();
        let condition = match self.condition() {
            Ok(condition) => Some(condition),
            Err(Broken) => {
                self.skip_to_block();
                None
            }
        };
        self.cursor.skip_blank();
        self.open_block("the condition")?;
        let body = self.body(keyword, "if");
        Ok(Branch { condition, body })
    }

    fn open_block(&mut self, after: &str) -> Parsed<()> {
        if self.cursor.eat("{") {
            return Ok(());
        }
        if self.cut_off {
            return Err(Broken);
        }
        let here = self.cursor.here();
        let broken = self.error_help(
            here,
            format!("`{{` is missing after {after}"),
            "a block is written `if [field] == \"value\" { ... } else { ... }`",
        );
        self.skip_to_node();
        Err(broken)
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
        Broken
    }

    /// One step of skipping: a string that ends on its line, a name, or a character.
    fn skip_token(&mut self) {
        match self.cursor.peek() {
            Some(quote @ ('"' | '\'')) => {
                let mut probe = self.cursor;
                probe.advance();
                match probe.until_unescaped(quote) {
                    Some(text) if !text.contains('\n') => self.cursor = probe,
                    _ => {
                        self.cursor.advance();
                    }
                }
            }
            Some(character) if crate::lang::cursor::is_name(character) => {
                self.cursor.name();
            }
            _ => {
                self.cursor.advance();
            }
        }
    }

    /// To the next `name =>` of this plugin, or to its closing brace.
    fn skip_to_attribute(&mut self) {
        let mut depth = 0_usize;
        loop {
            let blank = self.cursor.skip_blank();
            if self.cursor.is_end() || self.cursor.sees_section() {
                return;
            }
            if depth == 0 && blank && self.cursor.sees_attribute() {
                return;
            }
            match self.cursor.peek() {
                Some('{' | '[') => depth += 1,
                Some('}') if depth == 0 => return,
                Some('}' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.skip_token();
        }
    }

    /// To the next plugin, condition or closing brace of this body.
    fn skip_to_node(&mut self) {
        let mut depth = 0_usize;
        loop {
            let blank = self.cursor.skip_blank();
            if self.cursor.is_end() || self.cursor.sees_section() {
                return;
            }
            if depth == 0 && blank && self.cursor.sees_block() {
                return;
            }
            match self.cursor.peek() {
                Some('{') => depth += 1,
                Some('}') if depth == 0 => return,
                Some('}') => depth -= 1,
                _ => {}
            }
            self.skip_token();
        }
    }

    /// To the `{` that follows a condition.
    fn skip_to_block(&mut self) {
        loop {
            self.cursor.skip_blank();
            if self.cursor.is_end() || matches!(self.cursor.peek(), Some('{' | '}')) {
                return;
            }
            self.skip_token();
        }
    }

    /// Past the next block, braces in it counted.
    fn skip_past_block(&mut self) {
        self.skip_to_block();
        if self.cursor.eat("{") {
            let mut depth = 1_usize;
            while 0 < depth && !self.cursor.is_end() && !self.cursor.sees_section() {
                match self.cursor.peek() {
                    Some('{') => depth += 1,
                    Some('}') => depth -= 1,
                    _ => {}
                }
                self.skip_token();
                self.cursor.skip_blank();
            }
        }
    }
}
