//! Texts of which every match holds at least one. A line without any of them is no match, whatever the engine; so one
//! pass over a line can rule out many expressions. See [`super::GrokSet`].

use super::class::{Class, REPLACEMENT};
use super::tree::{Node, Repeat};

/// More texts than this are not told apart: a search for many finds one of them nearly everywhere.
const TEXTS_MAX: usize = 96;
/// So many are compared with each other, which takes a millisecond.
const COMPARED_TEXTS_MAX: usize = 4 * TEXTS_MAX;
/// A longer text is cut: what is behind rules out few lines more.
const TEXT_BYTES_MAX: usize = 32;
/// A text that weighs less stands in most lines, so looking for it would only cost time.
const WEIGHT_MIN: usize = 4;

/// The best such texts; none when nothing worth a search is known.
pub(super) fn needed(tree: &Node) -> Vec<Box<[u8]>> {
    let texts = facts(tree).needed.unwrap_or_default();
    if texts.iter().map(|text| weight(text)).min() < Some(WEIGHT_MIN) {
        return Vec::new();
    }
    texts.into_iter().map(Vec::into_boxed_slice).collect()
}

/// What is known of a piece.
struct Facts {
    /// Texts of which it begins with one, where more can follow.
    starts: Option<Vec<Vec<u8>>>,
    /// All texts that it can take, when they are few.
    texts: Option<Vec<Vec<u8>>>,
    /// Texts of which it holds one.
    needed: Option<Vec<Vec<u8>>>,
}

impl Facts {
    const UNKNOWN: Self = Self {
        starts: None,
        texts: None,
        needed: None,
    };

    /// A piece that takes one of these texts.
    fn of_texts(mut texts: Vec<Vec<u8>>) -> Self {
        texts.sort_unstable();
        texts.dedup();
        match texts.len() <= TEXTS_MAX {
            true => Self {
                starts: None,
                needed: better(None, Some(texts.clone())),
                texts: Some(texts),
            },
            false => Self::UNKNOWN,
        }
    }
}

fn facts(node: &Node) -> Facts {
    match node {
        // Without width: what stands before and behind is adjacent.
        Node::Empty | Node::Assert(_) | Node::Look(_) => Facts::of_texts(vec![Vec::new()]),
        Node::Literal(bytes) => Facts::of_texts(vec![bytes.clone()]),
        Node::Class(class) => of_class(class),
        Node::Concat(nodes) => of_concat(nodes.iter().map(facts)),
        Node::Alternate(nodes) => of_alternate(nodes),
        Node::Repeat(repeat) => of_repeat(repeat),
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => facts(body),
        Node::Back { .. } => Facts::UNKNOWN,
    }
}

/// A few characters are as many texts, unless a stray byte counts as one of them.
fn of_class(class: &Class) -> Facts {
    let count: u32 = class
        .ranges()
        .iter()
        .map(|(low, high)| high - low + 1)
        .sum();
    if 4 < count || class.contains(REPLACEMENT) {
        return Facts::UNKNOWN;
    }
    let codes = class.ranges().iter().flat_map(|(low, high)| *low..=*high);
    let letters = codes.filter_map(char::from_u32);
    Facts::of_texts(
        letters
            .map(|letter| letter.to_string().into_bytes())
            .collect(),
    )
}

/// Neighbours whose texts are known are joined, so that `[Gg]et ` gives `Get ` and `get `.
fn of_concat(parts: impl Iterator<Item = Facts>) -> Facts {
    let empty = || vec![Vec::new()];
    let (mut run, mut best, mut is_whole) = (empty(), None, true);
    for part in parts {
        let Some(texts) = part.texts else {
            let starts = part
                .starts
                .filter(|starts| run.len() * starts.len() <= TEXTS_MAX);
            let run_to_there = starts.map_or(run.clone(), |starts| joined(&run, &starts));
            best = better(better(best, Some(run_to_there)), part.needed);
            (run, is_whole) = (empty(), false);
            continue;
        };
        let is_long = run.iter().any(|text| TEXT_BYTES_MAX <= text.len());
        if is_long || TEXTS_MAX < run.len() * texts.len() {
            best = better(best, Some(run));
            (run, is_whole) = (texts, false);
            continue;
        }
        run = joined(&run, &texts);
    }
    match is_whole {
        true => Facts::of_texts(run),
        false => Facts {
            starts: None,
            texts: None,
            needed: better(best, Some(run)),
        },
    }
}

fn joined(left: &[Vec<u8>], right: &[Vec<u8>]) -> Vec<Vec<u8>> {
    left.iter()
        .flat_map(|start| right.iter().map(move |end| [&start[..], &end[..]].concat()))
        .collect()
}

fn of_alternate(nodes: &[Node]) -> Facts {
    let all: Vec<Facts> = nodes.iter().map(facts).collect();
    let texts: Option<Vec<&Vec<Vec<u8>>>> = all.iter().map(|one| one.texts.as_ref()).collect();
    if let Some(texts) = texts {
        let facts = Facts::of_texts(texts.into_iter().flatten().cloned().collect());
        if facts.texts.is_some() {
            return facts;
        }
    }
    let needed: Option<Vec<Vec<Vec<u8>>>> = all.into_iter().map(|one| one.needed).collect();
    let needed = needed.map(|sets| sets.into_iter().flatten().collect());
    Facts {
        starts: None,
        texts: None,
        needed: better(None, needed),
    }
}

fn of_repeat(Repeat { body, min, max, .. }: &Repeat) -> Facts {
    let once = facts(body);
    match (*min, *max) {
        (_, Some(0)) => Facts::of_texts(vec![Vec::new()]),
        (0, Some(1)) => match once.texts {
            Some(mut texts) => {
                texts.push(Vec::new());
                Facts::of_texts(texts)
            }
            None => Facts::UNKNOWN,
        },
        (0, _) => Facts::UNKNOWN,
        (1, Some(1)) => once,
        _ => Facts {
            starts: once.texts,
            texts: None,
            needed: once.needed,
        },
    }
}

/// The set that rules out more lines.
fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let other = other
        .filter(|texts| texts.len() <= COMPARED_TEXTS_MAX)
        .map(shortest)
        .filter(|texts| texts.len() <= TEXTS_MAX && texts.iter().all(|text| !text.is_empty()));
    match (one, other) {
        (Some(one), Some(other)) if worth(&one) < worth(&other) => Some(other),
        (None, other) => other,
        (one, _) => one,
    }
}

/// The texts without those that hold another one: where they are, that one is too.
fn shortest(mut texts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    texts.sort_unstable_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for text in texts {
        if kept
            .iter()
            .all(|short| memchr::memmem::find(&text, short).is_none())
        {
            kept.push(text);
        }
    }
    kept.sort_unstable();
    kept
}

/// The lightest text decides; then, the fewer the better.
fn worth(texts: &[Vec<u8>]) -> (usize, std::cmp::Reverse<usize>) {
    let lightest = texts.iter().map(|text| weight(text)).min();
    (
        // Beyond a word of some length nothing is gained.
        lightest.unwrap_or(0).min(16),
        std::cmp::Reverse(texts.len()),
    )
}

/// How seldom a text is in lines of logs, roughly: by the bytes that it is made of.
fn weight(text: &[u8]) -> usize {
    let of_byte = |byte: &u8| match byte {
        b'0'..=b'9' | b' ' => 1,
        b'a'..=b'z' | b'.' | b':' | b'-' | b'/' | b',' => 2,
        0..b' ' | b'<' | b'>' | b'{' | b'}' | b'|' => 4,
        _ => 3,
    };
    text.iter().map(of_byte).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use super::super::parse::parse;
    use super::super::{Captures, Patterns};
    use super::*;

    #[track_caller]
    fn check(expression: &str, want: &[&str]) {
        let parsed = parse(expression, &Patterns::legacy(), Captures::Named).unwrap();
        let found = needed(&parsed.tree);
        let found: Vec<&str> = found
            .iter()
            .map(|text| std::str::from_utf8(text).unwrap())
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn a_text_between_other_pieces_is_needed() {
        check(r"%{IP} \[error\] %{GREEDYDATA}", &[" [error] "]);
    }

    #[test]
    fn one_of_several_texts_is_needed() {
        check("%{IP} (?:opened|closed)", &[" closed", " opened"]);
        check("a=%{INT:a}|bcd %{INT}", &["a=", "bcd "]);
    }

    #[test]
    fn each_case_of_a_letter_is_a_text() {
        check("[Ee]rror", &["Error", "error"]);
        check(
            "(?i)bye",
            &["BYE", "BYe", "ByE", "Bye", "bYE", "bYe", "byE", "bye"],
        );
    }

    #[test]
    fn what_may_be_absent_is_not_needed() {
        check("%{WORD}(?: refused)?", &[]);
        check("(?:refused)*", &[]);
        check("refused|", &[]);
    }

    #[test]
    fn a_text_with_an_optional_end_is_needed_without_it() {
        check("%{INT}errors?", &["error"]);
    }

    #[test]
    fn a_repeated_text_stands_there_once_at_least() {
        check("%{INT}up +%{INT}", &["up "]);
        check("[Mm][a\u{e4}]y", &["May", "M\u{e4}y", "may", "m\u{e4}y"]);
    }

    #[test]
    fn conditions_without_width_stand_in_no_texts_way() {
        check(r"user\b(?= )name", &["username"]);
    }

    #[test]
    fn texts_that_stand_in_every_line_are_no_help() {
        check("%{WORD}: %{WORD}", &[]);
    }
}
