//! Which `and` and `or` belong together. Terms with operators between them come in, a tree goes out, grouped exactly as
//! Logstash's compiler does it, quirk included.

use crate::lang::syntax::Operator;

/// How terms are joined; a leaf is the number of a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Leaf(usize),
    Pair(Operator, Box<Tree>, Box<Tree>),
}

/// `and` binds tighter than `or`, and equal operators group to the right. But where an operator binds less than the one
/// before, only that one is completed, not all that wait: `a and b and c or d` is `a and ((b and c) or d)`.
pub fn group(operators: &[Operator]) -> Tree {
    let mut trees = vec![Tree::Leaf(0)];
    let mut waiting: Vec<Operator> = Vec::new();
    for (index, &operator) in operators.iter().enumerate() {
        if waiting
            .last()
            .is_some_and(|&last| strength(operator) < strength(last))
        {
            complete(&mut trees, &mut waiting);
        }
        waiting.push(operator);
        trees.push(Tree::Leaf(index + 1));
    }
    while !waiting.is_empty() {
        complete(&mut trees, &mut waiting);
    }
    trees.pop().unwrap_or(Tree::Leaf(0))
}

fn strength(operator: Operator) -> u8 {
    match operator {
        Operator::And => 2,
        Operator::Or | Operator::Xor | Operator::Nand => 1,
    }
}

fn complete(trees: &mut Vec<Tree>, waiting: &mut Vec<Operator>) {
    if let (Some(right), Some(left), Some(operator)) = (trees.pop(), trees.pop(), waiting.pop()) {
        trees.push(Tree::Pair(operator, Box::new(left), Box::new(right)));
    }
}

/// The number of the `or` that takes up only the last of two or more `and`s before it, if there is one.
pub fn surprising(operators: &[Operator]) -> Option<usize> {
    let mut ands = 0;
    for (index, operator) in operators.iter().enumerate() {
        match operator {
            Operator::And => ands += 1,
            Operator::Or if 2 <= ands => return Some(index),
            Operator::Or | Operator::Xor | Operator::Nand => ands = 0,
        }
    }
    None
}

/// The tree in words, with parentheses where the operator changes.
pub fn spelt(tree: &Tree, terms: &[String]) -> String {
    match tree {
        Tree::Leaf(index) => terms.get(*index).cloned().unwrap_or_default(),
        Tree::Pair(operator, left, right) => {
            let side = |tree: &Tree| match tree {
                Tree::Pair(inner, ..) if inner != operator => format!("({})", spelt(tree, terms)),
                _ => spelt(tree, terms),
            };
            format!("{} {} {}", side(left), operator.word(), side(right))
        }
    }
}

/// What a reader expects: every `and` before any `or`.
pub fn expected(operators: &[Operator], terms: &[String]) -> String {
    let mut groups: Vec<Vec<&str>> = vec![Vec::new()];
    for (index, term) in terms.iter().enumerate() {
        let joined = index
            .checked_sub(1)
            .and_then(|before| operators.get(before));
        if joined.is_some_and(|operator| *operator != Operator::And) {
            groups.push(Vec::new());
        }
        if let Some(group) = groups.last_mut() {
            group.push(term);
        }
    }
    let groups: Vec<_> = groups
        .iter()
        .map(|group| match group.as_slice() {
            [one] => (*one).to_owned(),
            several => format!("({})", several.join(" and ")),
        })
        .collect();
    groups.join(" or ")
}

impl Operator {
    pub fn word(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Xor => "xor",
            Self::Nand => "nand",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{expected, group, spelt, surprising};
    use crate::lang::syntax::Operator;

    fn operators(text: &str) -> Vec<Operator> {
        text.split(' ')
            .filter_map(|word| match word {
                "and" => Some(Operator::And),
                "or" => Some(Operator::Or),
                "xor" => Some(Operator::Xor),
                _ => None,
            })
            .collect()
    }

    fn terms(text: &str) -> Vec<String> {
        text.split(' ').step_by(2).map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(spelt(&group(&operators(text)), &terms(text)), want);
    }

    #[test]
    fn and_binds_tighter_than_or() {
        check("a", "a");
        check("a and b or c", "(a and b) or c");
        check("a or b and c", "a or (b and c)");
        check("a and b or c and d", "(a and b) or (c and d)");
        check("a xor b", "a xor b");
    }

    #[test]
    fn two_ands_before_an_or_group_as_in_logstash() {
        check("a and b and c or d", "a and ((b and c) or d)");
        check("x or a and b and c or d", "x or (a and ((b and c) or d))");
        check("a and b and c and d or e", "a and b and ((c and d) or e)");
    }

    #[test]
    fn the_quirk_is_found_where_it_makes_a_difference() {
        for (text, want) in [
            ("a and b and c or d", Some(2)),
            ("a or b and c and d", None),
            ("a and b or c and d", None),
            ("a or b and c and d or e", Some(3)),
        ] {
            assert_eq!(surprising(&operators(text)), want, "{text}");
        }
    }

    #[test]
    fn the_expected_grouping_is_spelt_out() {
        let text = "a and b and c or d or e and f";
        assert_eq!(
            expected(&operators(text), &terms(text)),
            "(a and b and c) or d or (e and f)"
        );
    }
}
