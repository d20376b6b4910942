//! Small expressions of all constructs over few letters, where anything can match anything: what the published patterns
//! do not ask of an engine.

use crate::mutation::Dice;

const LEAVES: [&str; 38] = [
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
];
const SIGNS: [&str; 12] = [
    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}", "{2,}", "{1,2}?", "*+",
];
const PIECES: [&str; 13] = [
    "a", "b", "-", " ", "1", ".", "\n", "é", "ab", "1.5", "A", "c", "10.0.0.1",
];

/// An expression, and it may be nested this much deeper.
pub fn expression(dice: &mut Dice, depth: usize) -> String {
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
