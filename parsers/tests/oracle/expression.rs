//! Small expressions of all constructs over few letters, where anything can match anything: what the published patterns
//! do not ask of an engine.

use crate::mutation::Dice;

const LEAVES: [&str; 52] = [
    "a",
    "b",
    "ab",
    "-",
    " ",
    "\\.",
    ".",
    "\\w",
    "\\W",
    "\\s",
    "\\S",
    "\\d",
    "\\h",
    "[ab]",
    "[^a]",
    "[[:alpha:]]",
    "[a-c&&[^b]]",
    "[[ab]-]",
    "é",
    "^",
    "$",
    "\\b",
    "\\B",
    "\\A",
    "\\z",
    "\\Z",
    "%{WORD:w}",
    "%{INT:i}",
    "%{NUMBER:n}",
    "%{NOTSPACE:s}",
    "%{DATA:d}",
    "%{HOSTNAME:h}",
    "(?<!a)",
    "(?!b)",
    "(?<=[a-])",
    "(?=ab|-)",
    "(?<!ab|b)",
    "(?i:AB)",
    "(?i:[ac]k)",
    "(?i:[^a-c])",
    "(?i:\\W)",
    "(?i:s|\u{3C3})",
    "\\p{Alpha}",
    "\\p{^Lu}",
    "\\P{Ll}",
    "\\p{Greek}",
    "[\\p{Lu}b]",
    "\\101",
    "\\x{62}",
    "(?x: a b # x\n | - )",
    "(?x:a *)",
    "a(?#x\\)y)",
];
const SIGNS: [&str; 12] = [
    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}", "{2,}", "{1,2}?", "*+",
];
const PIECES: [&str; 19] = [
    "a", "b", "-", " ", "1", ".", "\n", "é", "ab", "1.5", "A", "c", "10.0.0.1", "k", "\u{212A}",
    "\u{17F}", "S", "\u{3C2}", "\u{3A3}",
];

/// An expression; one in four ends with a back reference.
pub fn whole(dice: &mut Dice) -> String {
    let inner = expression(dice, 3);
    // HOSTNAME has a group without a name, with which joni mistakes what a reference means.
    if dice.roll(4) != 0 || inner.contains("HOSTNAME") {
        return inner;
    }
    let quoted = ["a|b", "[^a]", "\\w+?", "\\S*", "(?i:k|é)"][dice.roll(5)];
    let reference = ["\\k<k>", "\\k'k'"][dice.roll(2)];
    format!("(?<k>{quoted})(?:{inner}){reference}")
}

/// An expression, and it may be nested this much deeper.
fn expression(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 || dice.roll(4) == 0 {
        return LEAVES[dice.roll(LEAVES.len())].to_owned();
    }
    let mut inner = || expression(dice, depth - 1);
    let parts = [inner(), inner(), inner()];
    let [one, other, third] = &parts;
    match dice.roll(9) {
        0..3 => parts.concat(),
        3 => format!("(?:{one}|{other}|{third})"),
        4 => format!("(?:{one}){}", SIGNS[dice.roll(SIGNS.len())]),
        5 => format!("(?<c>{one}){other}"),
        6 => format!("(?>{one}|{other})"),
        7 => format!("(?={one}){other}"),
        _ => format!("(?!{one}){other}"),
    }
}

/// A line of the letters that the expressions are about.
pub fn line(dice: &mut Dice) -> String {
    (0..dice.roll(10))
        .map(|_| PIECES[dice.roll(PIECES.len())])
        .collect()
}
