//! Why a line does not match, for people: the line, carets below it, what was expected there by each alternative, what was
//! captured until then and what is left. Expressions and a line come in, text goes out; control characters and bytes
//! that are no text are written out, and of a long line only the part around the carets is shown.

use std::fmt::Write as _;
use std::ops::{Range, RangeInclusive};

use sawlog_parsers::grok::{Alternative, Explanation, Grok, Outcome};

use crate::printable::is_harmful;

/// Columns of a line that are shown before and behind the place of failure; with the rest a line fits a wide terminal.
const BEFORE_MAX: usize = 80;
const BEHIND_MAX: usize = 60;
/// Columns of a captured text or of the rest of a line.
const TEXT_MAX: usize = 100;
/// Alternatives that are printed; more would hide what matters.
const ALTERNATIVES_MAX: usize = 12;
/// What is told of an alternative's captures: so many, in so many columns each, all in the line of its carets.
const BRIEF_CAPTURES_MAX: usize = 4;
const BRIEF_TEXT_MAX: usize = 24;

/// One explanation for each expression.
pub fn explained(groks: &[Grok], line: &[u8]) -> String {
    let mut text = String::new();
    for (index, grok) in groks.iter().enumerate() {
        if 1 < groks.len() {
            line_of(
                &mut text,
                format_args!("pattern {} of {}:", index + 1, groks.len()),
            );
        }
        explain(grok, line, &mut text);
    }
    text
}

fn line_of(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "  {what}").expect("a String takes all text");
}

fn explain(grok: &Grok, line: &[u8], text: &mut String) {
    let told = grok.explain(line);
    match told.outcome {
        Outcome::Match => return line_of(text, format_args!("matches")),
        Outcome::BudgetSpent => line_of(
            text,
            format_args!(
                "gave up after {} steps; furthest until then:",
                grok.steps_max()
            ),
        ),
        Outcome::NoMatch => {}
    }
    let shown = Shown::around(line, told.offset);
    line_of(text, format_args!("{}", shown.text));
    if carets(grok, line, &told, &shown, text) == Captured::Untold {
        captured(grok, line, &told, text);
    }
    let rest = line.get(told.rest.clone()).unwrap_or_default();
    match rest {
        [] => line_of(text, format_args!("nothing is left of the line")),
        rest => line_of(text, format_args!("rest: {}", cut(rest, TEXT_MAX))),
    }
}

/// Whether the captures were told beside the carets.
#[derive(PartialEq, Eq)]
enum Captured {
    Told,
    Untold,
}

/// A line of carets for what got furthest, or one for each place where alternatives failed, with what they had captured.
fn carets(
    grok: &Grok,
    line: &[u8],
    told: &Explanation,
    shown: &Shown,
    text: &mut String,
) -> Captured {
    let groups = groups(&told.alternatives);
    if groups.len() < 2 {
        let mut expected = vec![&told.expected];
        expected.extend(told.alternatives.iter().map(|one| &one.expected));
        line_of(
            text,
            format_args!(
                "{} expected {}",
                shown.carets(told.offset..=told.reached),
                either(expected)
            ),
        );
        return Captured::Untold;
    }
    for group in groups.iter().take(ALTERNATIVES_MAX) {
        let Some(first) = group.first() else { continue };
        let reached = group.iter().map(|one| one.reached).max();
        let reached = reached.unwrap_or(first.reached);
        line_of(
            text,
            format_args!(
                "{} {}: expected {}{}",
                shown.carets(first.offset..=reached),
                numbers(group),
                either(group.iter().map(|one| &one.expected)),
                briefly(grok, line, &first.captured)
            ),
        );
    }
    let more: usize = groups.iter().skip(ALTERNATIVES_MAX).map(Vec::len).sum();
    if 0 < more {
        line_of(text, format_args!("and {more} alternatives more"));
    }
    // The one that got furthest need not be among those that were printed.
    match groups.len() <= ALTERNATIVES_MAX {
        true => Captured::Told,
        false => Captured::Untold,
    }
}

/// Alternatives that failed alike: at one place, with the same captures.
fn groups(alternatives: &[Alternative]) -> Vec<Vec<&Alternative>> {
    let mut groups: Vec<Vec<&Alternative>> = Vec::new();
    // What got one byte far is not told apart from what got nowhere: the first letters of texts are alike by chance.
    let place = |one: &Alternative| (one.offset, one.reached.max(one.offset + 1));
    for one in alternatives.iter().filter(|one| !one.branch.is_empty()) {
        let is_alike =
            |other: &&Alternative| place(other) == place(one) && other.captured == one.captured;
        match groups
            .iter_mut()
            .find(|group| group.first().is_some_and(is_alike))
        {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// `alternative 2`, `alternatives 1, 3.2`: counted from 1, with a point before one inside another.
fn numbers(group: &[&Alternative]) -> String {
    let number = |one: &&Alternative| {
        let numbers: Vec<String> = one
            .branch
            .iter()
            .map(|index| (index + 1).to_string())
            .collect();
        numbers.join(".")
    };
    let numbers: Vec<String> = group.iter().map(number).collect();
    let word = match numbers.len() {
        1 => "alternative",
        _ => "alternatives",
    };
    format!("{word} {}", numbers.join(", "))
}

/// Each of them once.
fn either<'a>(expected: impl IntoIterator<Item = &'a String>) -> String {
    let mut texts = Vec::new();
    let mut more = 0;
    for one in expected {
        let text = named(one);
        match texts.len() {
            _ if texts.contains(&text) => {}
            ALTERNATIVES_MAX.. => more += 1,
            _ => texts.push(text),
        }
    }
    let texts = texts.join(" or ");
    match more {
        0 => texts,
        more => format!("{texts} or {more} others"),
    }
}

/// What an alternative had captured, behind what it expected.
fn briefly(grok: &Grok, line: &[u8], captured: &[(usize, Range<usize>)]) -> String {
    let told = captured.iter().take(BRIEF_CAPTURES_MAX);
    let told: Vec<String> = told
        .map(|(index, range)| {
            let value = line.get(range.clone()).unwrap_or_default();
            format!("{} = {}", field(grok, *index), cut(value, BRIEF_TEXT_MAX))
        })
        .collect();
    let more = captured.len().saturating_sub(BRIEF_CAPTURES_MAX);
    match (told.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!("; until there: {}", told.join(", ")),
        (false, more) => format!("; until there: {} and {more} more", told.join(", ")),
    }
}

fn captured(grok: &Grok, line: &[u8], told: &Explanation, text: &mut String) {
    for (index, range) in &told.captured {
        let field = field(grok, *index);
        let value = cut(line.get(range.clone()).unwrap_or_default(), TEXT_MAX);
        line_of(text, format_args!("until there: {field} = {value}"));
    }
}

fn field(grok: &Grok, index: usize) -> String {
    let name = grok
        .captures()
        .get(index)
        .map_or("", |capture| &capture.field);
    printable(name.as_bytes())
}

/// A piece that has no name is the end of the expression or a choice without text.
fn named(expected: &str) -> String {
    match expected {
        "" => "something else".to_owned(),
        expected => printable(expected.as_bytes()),
    }
}

/// The part of a line around a place, and the column of each byte.
struct Shown {
    text: String,
    /// For each byte of the part its column, and one more for the end.
    columns: Vec<usize>,
    /// The part of the line.
    part: Range<usize>,
}

impl Shown {
    fn around(line: &[u8], place: usize) -> Self {
        let place = place.min(line.len());
        let start = boundary(line, place.saturating_sub(BEFORE_MAX));
        let end = boundary(line, (place + BEHIND_MAX).min(line.len()));
        let mut text = String::from(if 0 < start { "..." } else { "" });
        let mut columns = Vec::with_capacity(end - start + 1);
        let mut width = text.chars().count();
        for (length, letter) in letters(line.get(start..end).unwrap_or_default()) {
            columns.extend(std::iter::repeat_n(width, length));
            width += letter.chars().count();
            text.push_str(&letter);
        }
        columns.push(width);
        if end < line.len() {
            text.push_str("...");
        }
        let part = start..end;
        Self {
            text,
            columns,
            part,
        }
    }

    /// Blanks, and carets from where a piece begins to the byte that does not fit. Where these lie outside of what is shown,
    /// the column of the whole line instead.
    fn carets(&self, range: RangeInclusive<usize>) -> String {
        let (start, end) = range.into_inner();
        if start < self.part.start || self.part.end < start {
            return format!("at byte {}:", start + 1);
        }
        let column = |place: usize| {
            let index = place.min(self.part.end) - self.part.start;
            self.columns.get(index).copied().unwrap_or_default()
        };
        // Behind the line's last byte is nothing that could be marked.
        let last = self.part.end.saturating_sub(1);
        let (start, end) = (column(start), column(end.min(last).max(start)));
        format!("{}{}", " ".repeat(start), "^".repeat(end - start + 1))
    }
}

/// The start of the character that a place lies in.
fn boundary(line: &[u8], place: usize) -> usize {
    let is_inside = |at: usize| line.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    (place.saturating_sub(3)..=place)
        .rev()
        .find(|at| !is_inside(*at))
        .unwrap_or(place)
}

/// Each character as it is printed, with its length in bytes: control characters and stray bytes are written out.
fn letters(bytes: &[u8]) -> impl Iterator<Item = (usize, String)> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let sound = chunk.valid().chars().map(|letter| {
            let shown = match is_harmful(letter) {
                true => letter.escape_default().to_string(),
                false => letter.to_string(),
            };
            (letter.len_utf8(), shown)
        });
        let stray = chunk
            .invalid()
            .iter()
            .map(|byte| (1, format!("\\x{byte:02X}")));
        sound.chain(stray)
    })
}

fn printable(bytes: &[u8]) -> String {
    letters(bytes).map(|(_, letter)| letter).collect()
}

/// A text that is not longer than can be read.
fn cut(bytes: &[u8], letters_max: usize) -> String {
    let mut letters = letters(bytes).map(|(_, letter)| letter);
    let mut text: String = letters.by_ref().take(letters_max).collect();
    if letters.next().is_some() {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests;
