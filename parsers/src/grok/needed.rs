//! Texts of which every match holds at least one. A line without any of them is no match, whatever the engine; so one
//! pass over a line can rule out many expressions. See [`super::GrokSet`].

use super::class::{Class, REPLACEMENT};
use super::tree::{Node, Repeat};

/// More texts than this are not told apart: a search for many finds one of them nearly everywhere.
const TEXTS_MAX: usize = 96;
/// So many are compared with each other, which takes a millisecond.
const COMPARED_TEXTS_MAX: usize = 4 * TEXTS_MAX;
/// A longer text is not joined with what is behind, which would rule out few lines more.
const TEXT_BYTES_MAX: usize = 32;
/// A text that weighs less stands in most lines, so looking for it would only cost time.
const WEIGHT_MIN: usize = 4;
/// A text that weighs this much, such as a word of six letters, is in few lines but those that are meant.
const RARE_MIN: usize = 12;
/// So many groups of texts are kept of an expression.
pub(super) const GROUPS_MAX: usize = 3;

/// Texts of which a match holds one.
#[derive(Debug, Clone)]
pub(super) struct Needed {
    pub texts: Vec<Box<[u8]>>,
    /// Whether most lines of other kinds lack all of them, so that no further texts are worth the search.
    pub is_rare: bool,
}

/// Groups of texts, the rarest first: a match holds one text of each group. None when nothing worth a search is known.
pub(super) fn needed(tree: &Node) -> Vec<Needed> {
    let groups = facts(tree).needed.into_iter();
    groups
        .filter(|texts| WEIGHT_MIN <= lightest(texts))
        .map(|texts| Needed {
            is_rare: RARE_MIN <= lightest(&texts),
            texts: texts.into_iter().map(Vec::into_boxed_slice).collect(),
        })
        .collect()
}

/// What is known of a piece.
struct Facts {
    /// Texts of which it begins with one, where more can follow.
    starts: Option<Vec<Vec<u8>>>,
    /// All texts that it can take, when they are few.
    texts: Option<Vec<Vec<u8>>>,
    /// Groups of texts, of each of which it holds one; the best first.
    needed: Vec<Vec<Vec<u8>>>,
}

impl Facts {
    const UNKNOWN: Self = Self {
        starts: None,
        texts: None,
        needed: Vec::new(),
    };

    /// A piece that takes one of these texts.
    fn of_texts(mut texts: Vec<Vec<u8>>) -> Self {
        texts.sort_unstable();
        texts.dedup();
        match texts.len() <= TEXTS_MAX {
            true => Self {
                starts: None,
                needed: with(Vec::new(), texts.clone()),
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
    let (mut run, mut needed, mut is_whole) = (empty(), Vec::new(), true);
    for part in parts {
        let Some(texts) = part.texts else {
            let starts = part
                .starts
                .filter(|starts| run.len() * starts.len() <= TEXTS_MAX);
            let run_to_there = starts.map_or(run.clone(), |starts| joined(&run, &starts));
            needed = with(needed, run_to_there);
            needed = part.needed.into_iter().fold(needed, with);
            (run, is_whole) = (empty(), false);
            continue;
        };
        let is_long = run.iter().any(|text| TEXT_BYTES_MAX <= text.len());
        if is_long || TEXTS_MAX < run.len() * texts.len() {
            needed = with(needed, run);
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
            needed: with(needed, run),
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
    // A match holds a text of the best group of one of them; where these are too many, of the smallest.
    let best = |one: &Facts| one.needed.first().cloned();
    let smallest = |one: &Facts| {
        let useful = one
            .needed
            .iter()
            .filter(|texts| WEIGHT_MIN <= lightest(texts));
        useful.min_by_key(|texts| texts.len()).cloned()
    };
    let mut needed = with_union(all.iter().map(best));
    if needed.is_empty() {
        needed = with_union(all.iter().map(smallest));
    }
    Facts {
        needed,
        ..Facts::UNKNOWN
    }
}

/// One group of all these texts; none when one of the alternatives has none.
fn with_union(groups: impl Iterator<Item = Option<Vec<Vec<u8>>>>) -> Vec<Vec<Vec<u8>>> {
    let groups: Option<Vec<Vec<Vec<u8>>>> = groups.collect();
    groups.map_or(Vec::new(), |groups| with(Vec::new(), groups.concat()))
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

/// The groups and a further one; the best of them first.
fn with(mut groups: Vec<Vec<Vec<u8>>>, texts: Vec<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
    if COMPARED_TEXTS_MAX < texts.len() {
        return groups;
    }
    let texts = shortest(texts);
    let is_empty = texts.iter().any(Vec::is_empty);
    if !is_empty && texts.len() <= TEXTS_MAX && !groups.contains(&texts) {
        groups.push(texts);
        groups.sort_by_key(|texts| std::cmp::Reverse(worth(texts)));
        groups.truncate(GROUPS_MAX);
    }
    groups
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
    // Beyond a word of some length nothing is gained.
    (lightest(texts).min(16), std::cmp::Reverse(texts.len()))
}

fn lightest(texts: &[Vec<u8>]) -> usize {
    texts.iter().map(|text| weight(text)).min().unwrap_or(0)
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
    use super::super::{CaptureMode, Patterns};
    use super::*;

    #[track_caller]
    fn check(expression: &str, want: &[&str]) {
        let parsed = parse(expression, &Patterns::legacy(), CaptureMode::Named).unwrap();
        let groups = needed(&parsed.tree);
        let found: Vec<&str> = groups
            .iter()
            .take(1)
            .flat_map(|group| &group.texts)
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
    fn each_group_of_texts_is_needed() {
        let parsed = parse(
            "%{WORD} for %{INT} (?:from|via) %{INT} to",
            &Patterns::legacy(),
            CaptureMode::Named,
        );
        let groups = needed(&parsed.unwrap().tree);
        let first = |group: &Needed| String::from_utf8(group.texts[0].to_vec()).unwrap();
        let found: Vec<String> = groups.iter().map(first).collect();
        assert_eq!(found, [" for ", " from ", " to"]);
        assert!(groups.iter().all(|group| !group.is_rare));
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
