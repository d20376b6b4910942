//! Shapes that every match holds: a few neighbouring bytes, each out of a set, such as a digit, `/` and a digit. They
//! rule out lines for expressions that need no text. A tree comes in, alternatives of shapes come out; how many of
//! them are looked for in one pass is told by [`super::GrokSet`].

use super::first::First;
use super::tree::{Node, Repeat};

/// Bytes of a shape. Each one more costs every byte of a line another look.
pub(super) const LENGTH: usize = 3;
/// So many ways to match are told apart; beyond, only what they begin and end with is known of them.
const VARIANTS_MAX: usize = 4;
/// So many shapes are kept of a variant.
const SHAPES_MAX: usize = 6;
/// A repeated piece is written out so many times.
const COPIES_MAX: u32 = 3;
/// Alternatives are told apart where each has a shape that weighs this much.
const APART_MIN: u32 = 12 * 8;
/// A word of one letter is rarer than its three bytes are by themselves.
const SHORT_WORD: u32 = 3 * 8;
/// A shape that weighs less is in most lines.
const WEIGHT_MIN: u32 = 6 * 8;

/// Neighbouring bytes. Those behind its end admit all, and the end of the line too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub sets: [First; LENGTH],
    /// How seldom it is in lines of logs, in eighths of a bit.
    pub weight: u32,
}

/// Shapes all of which a match holds, the rarest first.
pub(super) type Variant = Vec<Shape>;

/// Every match holds all shapes of one of the variants.
pub(super) fn variants(tree: &Node) -> Vec<Variant> {
    let mut variants = facts(tree).variants;
    for shapes in &mut variants {
        shapes.retain(|shape| WEIGHT_MIN <= shape.weight);
    }
    variants
}

/// Whether the line lacks a shape of each variant, so that it is no match.
pub(super) fn lacks(variants: &[Variant], line: &[u8]) -> bool {
    let is_absent = |shape: &Shape| !(0..line.len()).any(|at| shape.is_at(line, at));
    variants.iter().all(|shapes| shapes.iter().any(is_absent))
}

impl Shape {
    /// Of one to three sets.
    fn new(sets: &[First]) -> Self {
        let blank = First::of_byte(b' ');
        let is_short_word = matches!(sets, [first, _, last] if *first == blank && *last == blank);
        let set_at = |at: usize| sets.get(at).copied().unwrap_or(First::ALL);
        Self {
            sets: std::array::from_fn(set_at),
            weight: sets.iter().map(weight).sum::<u32>() + u32::from(is_short_word) * SHORT_WORD,
        }
    }

    /// Whether it is the other one, or the same text one byte further.
    fn overlaps(&self, other: &Self) -> bool {
        let (one, other) = (&self.sets, &other.sets);
        one == other || one[1..] == other[..LENGTH - 1] || other[1..] == one[..LENGTH - 1]
    }

    fn is_at(&self, line: &[u8], at: usize) -> bool {
        (at..)
            .zip(&self.sets)
            .all(|(at, set)| set.admits(line.get(at)))
    }
}

/// What is known of a piece.
#[derive(Clone)]
struct Facts {
    /// The bytes that it begins with, and those that it ends with; at most as many as a shape has.
    start: Vec<First>,
    end: Vec<First>,
    /// Whether it is no longer than that.
    is_whole: bool,
    variants: Vec<Variant>,
}

impl Facts {
    fn of_sets(sets: Vec<First>) -> Self {
        Self {
            start: sets.clone(),
            end: sets,
            is_whole: true,
            variants: vec![Vec::new()],
        }
    }

    fn unknown() -> Self {
        Self {
            is_whole: false,
            ..Self::of_sets(Vec::new())
        }
    }

    /// This piece and then the other one.
    fn then(self, next: &Self) -> Self {
        let joint = [&self.end[..], &next.start[..]].concat();
        let mut variants = product(self.variants, &next.variants);
        for sets in joint.windows(joint.len().clamp(1, LENGTH)) {
            let shape = Shape::new(sets);
            variants.iter_mut().for_each(|shapes| add(shapes, shape));
        }
        let length = self.start.len() + next.start.len();
        let is_whole = self.is_whole && next.is_whole && length <= LENGTH;
        let mut start = self.start;
        if self.is_whole {
            start.extend(&next.start);
            start.truncate(LENGTH);
        }
        let mut end = next.end.clone();
        if next.is_whole {
            end = [self.end, end].concat();
            end.drain(..end.len().saturating_sub(LENGTH));
        }
        Self {
            start,
            end,
            is_whole,
            variants,
        }
    }
}

fn facts(node: &Node) -> Facts {
    match node {
        // Without width: what stands before and behind is adjacent.
        Node::Empty | Node::Assert(_) | Node::Look(_) => Facts::of_sets(Vec::new()),
        Node::Literal(bytes) => in_turn(
            bytes
                .iter()
                .map(|byte| Facts::of_sets(vec![First::of_byte(*byte)])),
        ),
        Node::Class(class) => Facts {
            // A character beyond ASCII has several bytes, and each of them is of the set.
            is_whole: class.is_ascii(),
            ..Facts::of_sets(vec![First::of_class(class)])
        },
        Node::Concat(nodes) => of_concat(nodes),
        Node::Alternate(nodes) => of_alternate(&nodes.iter().map(facts).collect::<Vec<_>>()),
        Node::Repeat(repeat) => of_repeat(repeat),
        Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => facts(body),
        Node::Back { .. } => Facts::unknown(),
    }
}

/// From behind, since what may be absent is told by what follows it.
fn of_concat(nodes: &[Node]) -> Facts {
    let before = |rest: Facts, node: &Node| match node {
        Node::Repeat(Repeat {
            body, min: 0, max, ..
        }) if *max != Some(0) => optional(of_repeated(body, 1, *max), rest),
        _ => facts(node).then(&rest),
    };
    nodes.iter().rev().fold(Facts::of_sets(Vec::new()), before)
}

/// A piece that may be absent, and what follows it.
fn optional(piece: Facts, rest: Facts) -> Facts {
    let both = [piece.then(&rest), rest];
    let either = of_alternate(&both);
    let [_, rest] = both;
    Facts {
        variants: rest.variants,
        ..either
    }
}

fn in_turn(pieces: impl Iterator<Item = Facts>) -> Facts {
    pieces.fold(Facts::of_sets(Vec::new()), |all, next| all.then(&next))
}

fn of_alternate(all: &[Facts]) -> Facts {
    let shortest =
        |ends: fn(&Facts) -> &Vec<First>| all.iter().map(move |one| ends(one).len()).min();
    let starts = shortest(|one| &one.start).unwrap_or(0);
    let ends = shortest(|one| &one.end).unwrap_or(0);
    let union = |sets: &mut dyn Iterator<Item = Option<&First>>| {
        sets.flatten().fold(First::NONE, |all, set| all.union(set))
    };
    let start = |at: usize| union(&mut all.iter().map(|one| one.start.get(at)));
    // What it ends with is counted from behind.
    let end = |at: usize| union(&mut all.iter().map(|one| one.end.iter().rev().nth(at)));
    let count: usize = all.iter().map(|one| one.variants.len()).sum();
    let each = all.iter().flat_map(|one| &one.variants);
    let is_apart = count <= VARIANTS_MAX && each.clone().all(|shapes| APART_MIN <= best(shapes));
    Facts {
        start: (0..starts).map(start).collect(),
        end: (0..ends).rev().map(end).collect(),
        is_whole: all
            .iter()
            .all(|one| one.is_whole && one.start.len() == starts),
        variants: match is_apart {
            true => each.cloned().collect(),
            false => vec![Vec::new()],
        },
    }
}

fn of_repeat(Repeat { body, min, max, .. }: &Repeat) -> Facts {
    if *max == Some(0) {
        return Facts::of_sets(Vec::new());
    }
    if *min == 0 {
        return Facts::unknown();
    }
    of_repeated(body, *min, *max)
}

/// Once at least.
fn of_repeated(body: &Node, min: u32, max: Option<u32>) -> Facts {
    let once = facts(body);
    let copies = (0..min.min(COPIES_MAX)).map(|_| once.clone());
    let all = in_turn(copies);
    Facts {
        is_whole: all.is_whole && max == Some(min) && min <= COPIES_MAX,
        ..all
    }
}

/// All pairs of variants; where these are too many, only those of the side that tells more.
fn product(left: Vec<Variant>, right: &[Variant]) -> Vec<Variant> {
    if left.len() * right.len() <= VARIANTS_MAX {
        let pair = |one: &Variant, other: &Variant| {
            let mut shapes = one.clone();
            other.iter().for_each(|shape| add(&mut shapes, *shape));
            shapes
        };
        return left
            .iter()
            .flat_map(|one| right.iter().map(move |other| pair(one, other)))
            .collect();
    }
    let lightest = |variants: &[Variant]| variants.iter().map(best).min();
    match lightest(&left) < lightest(right) {
        true => right.to_vec(),
        false => left,
    }
}

fn best(shapes: &Variant) -> u32 {
    shapes.first().map_or(0, |shape| shape.weight)
}

/// Adds a shape in its place. Of two that overlap, the rarer one stays: where one is in a line by chance, the other
/// one often is too.
fn add(shapes: &mut Variant, shape: Shape) {
    let is_better = |other: &Shape| shape.weight <= other.weight && other.overlaps(&shape);
    if shape.weight == 0 || shapes.iter().any(is_better) {
        return;
    }
    shapes.retain(|other| !other.overlaps(&shape));
    let at = shapes.partition_point(|other| shape.weight <= other.weight);
    if at < SHAPES_MAX {
        shapes.insert(at, shape);
        shapes.truncate(SHAPES_MAX);
    }
}

/// How seldom a byte of lines of logs is in the set, in eighths of a bit, roughly.
fn weight(set: &First) -> u32 {
    let share: u32 = (0..=u8::MAX)
        .filter(|byte| set.admits(Some(byte)))
        .map(share)
        .sum();
    // Of 10000 bytes so many.
    let share = f64::from(share.clamp(1, 10_000));
    ((10_000.0 / share).log2() * 8.0) as u32
}

/// How many of 10000 bytes are this one.
fn share(byte: u8) -> u32 {
    match byte {
        b' ' => 1000,
        b'0'..=b'9' => 220,
        b'a'..=b'z' => 170,
        b'.' | b'-' | b':' | b'/' | b',' | b'=' | b'"' | b'_' => 150,
        b'A'..=b'Z' => 20,
        0x80.. => 1,
        _ => 10,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use super::super::parse::parse;
    use super::super::{CaptureMode, Patterns};
    use super::*;

    /// Whether a line is ruled out.
    #[track_caller]
    fn check(expression: &str, line: &str, want: bool) {
        let parsed = parse(expression, &Patterns::legacy(), CaptureMode::Named).unwrap();
        assert_eq!(lacks(&variants(&parsed.tree), line.as_bytes()), want);
    }

    #[test]
    fn neighbours_of_certain_kinds_are_needed() {
        check(r"\w+/\d+", "GET /index.html", true);
        check(r"\w+/\d+", "TCP_MISS/200", false);
    }

    #[test]
    fn a_set_behind_a_run_is_next_to_its_last_byte() {
        check(r"\[\d+\]", "[worker-7]", true);
        check(r"\[\d+\]", "[17]", false);
        check(r"\[\d+\]", "[1x] y7]", false);
    }

    #[test]
    fn each_alternative_needs_its_own_shapes() {
        check(r"(?:\[\d\S*\]|<\d\S*>)!", "[7>!", true);
        check(r"(?:\[\d\S*\]|<\d\S*>)!", "[7]!", false);
        check(r"(?:\[\d\S*\]|<\d\S*>)!", "<7>!", false);
    }

    #[test]
    fn what_may_be_absent_is_not_needed() {
        check("a(?:<>)?b", "ab", false);
        check("(?:<>)*", "", false);
        check("(?:<>|)", "", false);
    }

    #[test]
    fn what_may_be_absent_is_told_by_what_follows() {
        check(r"\[[-+]?(?:\.\d+|\d+)x", "[worker-7x", true);
        check(r"\[[-+]?\d+x", "[-7x", false);
        check(r"\[[-+]*\d+x", "[--7x", false);
        check(r"\[(?:ab)?\d+x", "[ab7x", false);
        check(r"\[(?:ab)*\d?", "[", false);
        check("(?:<|<>)?a+<", "a<", false);
    }

    #[test]
    fn a_character_beyond_ascii_has_several_bytes() {
        check("<[^a]>", "<\u{e9}>", false);
        check("<[^a]>", "<ab", true);
    }

    #[test]
    fn the_end_of_a_line_is_behind_a_short_shape() {
        check("a+<", "aa<", false);
        check("<", "<", false);
        check("<", "a", true);
    }
}
