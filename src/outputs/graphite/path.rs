//! Metric paths. A template is cut into the user's own text and `%{...}`; what a field puts in is made safe, so that no
//! value can add a level, a line or a second word to a path.

use crate::event::{Batch, EventId, Template};
use crate::limits;
use crate::pipeline::Building;
use crate::plugin::Word;

/// A compiled path.
#[derive(Clone, Debug, Default)]
pub struct PathTemplate {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Literal(Box<[u8]>),
    Field(Template),
    /// The `*` of `metrics_format`.
    Name,
}

/// Whether `*` stands for a metric's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Star {
    IsName,
    IsText,
}

impl PathTemplate {
    /// Compiles a path, or refuses it.
    pub fn compile(word: &Word, star: Star, building: &mut Building<'_>) -> Option<Self> {
        let mut path = Self::default();
        let mut rest = word.text.as_str();
        while let Some(start) = rest.find("%{") {
            let (literal, from) = rest.split_at(start);
            let close = if from.starts_with("%{{") { "}}" } else { "}" };
            let Some(end) = from.find(close).map(|end| end + close.len()) else {
                break;
            };
            path.push_literal(literal, word, star, building)?;
            let (field, after) = from.split_at(end);
            path.pieces.push(Piece::Field(building.template(&Word {
                text: field.to_owned(),
                span: word.span,
            })?));
            rest = after;
        }
        path.push_literal(rest, word, star, building)?;
        Some(path)
    }

    fn push_literal(
        &mut self,
        text: &str,
        word: &Word,
        star: Star,
        building: &mut Building<'_>,
    ) -> Option<()> {
        let is_allowed = |character: char| {
            !character.is_whitespace() && !character.is_control() && character != ';'
        };
        if !text.chars().all(is_allowed) {
            let why = "a metric's path has no blanks, control characters or `;`";
            building.refuse(word.span, why);
            return None;
        }
        let mut rest = text;
        while star == Star::IsName
            && let Some((before, after)) = rest.split_once('*')
        {
            self.push_text(before);
            self.pieces.push(Piece::Name);
            rest = after;
        }
        self.push_text(rest);
        Some(())
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Literal(text.as_bytes().into()));
        }
    }

    /// Whether it begins with the user's own text, where `name` stands for the `*` of `metrics_format`.
    pub fn begins_with_text(&self, name: Option<&Self>) -> bool {
        match self.pieces.first() {
            Some(Piece::Literal(_)) => true,
            Some(Piece::Name) => name.is_some_and(|name| name.begins_with_text(None)),
            Some(Piece::Field(_)) | None => false,
        }
    }

    pub fn has_name(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Name))
    }

    /// Appends the path for an event. False if a field is missing or empty, or the path too long: then it is not used.
    pub fn write(
        &self,
        batch: &Batch,
        id: EventId,
        name: &[u8],
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text),
                Piece::Name => out.extend_from_slice(name),
                Piece::Field(template) => {
                    scratch.clear();
                    if !template.write(batch, id, scratch) || scratch.is_empty() {
                        return false;
                    }
                    push_safe(scratch, out);
                }
            }
        }
        out.len() - start <= limits::METRIC_PATH_BYTES_MAX
    }
}

/// Appends a text as one part of a path: whatever is not a letter, digit, `_` or `-` becomes `_`.
pub fn push_safe(text: &[u8], out: &mut Vec<u8>) {
    let safe = |&byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => byte,
        _ => b'_',
    };
    out.extend(text.iter().map(safe));
}

#[cfg(test)]
mod tests {
    use super::push_safe;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let mut out = Vec::new();
        push_safe(text.as_bytes(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), want);
    }

    #[test]
    fn a_value_is_one_part_of_a_path() {
        check("200", "200");
        check("web-01.example.org", "web-01_example_org");
        check("a b\nevil 1 2\n", "a_b_evil_1_2_");
        check("x;tag=1", "x_tag_1");
        check("é", "__");
    }
}
