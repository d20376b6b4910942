//! Lines that an expression can match, made from its tree: for tests of pipelines and of patterns. What
//! stands in a line is chosen by a number, so that the same number gives the same line.

use super::Grok;
use super::class::Class;
use super::tree::{Direction, Look, Node, Repeat};

/// A line ends growing here: repetitions in repetitions could make it any length.
const LENGTH_MAX: usize = 8192;
/// Characters that logs are made of; a wide set is asked for these first.
const USUAL: &str =
    "etaoinsrhldcumfpgwybvkxjqz0123456789EAWINOR   ..--//::__,=\"'()[]<>@#%&+;?\\|~!$*^`{}\té漢";

impl Grok {
    /// A line that the expression likely matches; another seed gives another line. What an assertion asks of its
    /// surroundings is not looked at, so a line may fail: [`Grok::search`] tells.
    ///
    /// ```
    /// use sawlog_parsers::grok::{Grok, Options, Outcome, Patterns, Slots};
    ///
    /// let grok = Grok::compile("^took %{POSINT:ms:int} ms$", &Patterns::legacy(), Options::default())?;
    /// let line = grok.example(17);
    /// assert!(line.starts_with("took "));
    /// assert_eq!(grok.search(line.as_bytes(), &mut Slots::new()), Outcome::Match);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn example(&self, seed: u64) -> String {
        let mut writer = Writer {
            line: String::new(),
            dice: seed,
        };
        writer.write(&self.tree);
        writer.line
    }
}

struct Writer {
    line: String,
    dice: u64,
}

impl Writer {
    /// A number below the bound, by Steele's and others' SplitMix64.
    fn roll(&mut self, bound: usize) -> usize {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let bound = bound.max(1) as u64;
        usize::try_from(mixed % bound).unwrap_or_default()
    }

    fn write(&mut self, node: &Node) {
        if LENGTH_MAX < self.line.len() {
            return;
        }
        match node {
            Node::Empty | Node::Assert(_) | Node::Look(_) | Node::Back { .. } => {}
            Node::Literal(bytes) => self.line.push_str(&String::from_utf8_lossy(bytes)),
            Node::Class(class) => self.character(class),
            Node::Concat(nodes) => self.sequence(nodes),
            Node::Alternate(nodes) => {
                let chosen = self.roll(nodes.len());
                nodes
                    .get(chosen)
                    .into_iter()
                    .for_each(|node| self.write(node));
            }
            Node::Repeat(repeat) => self.repeat(repeat),
            Node::Atomic(body) | Node::Capture { body, .. } | Node::Named { body, .. } => {
                self.write(body);
            }
        }
    }

    /// The text that a look-ahead wants is written when nothing else is, or when it goes on as the rest does.
    fn sequence(&mut self, nodes: &[Node]) {
        let mut wanted = None;
        for node in nodes {
            match node {
                Node::Look(Look {
                    direction: Direction::Ahead,
                    negative: false,
                    body,
                }) => {
                    let from = self.line.len();
                    self.write(body);
                    wanted = Some((from, self.line.split_off(from)));
                }
                _ => self.write(node),
            }
        }
        if let Some((from, text)) = wanted
            && self
                .line
                .get(from..)
                .is_some_and(|rest| text.starts_with(rest))
        {
            self.line.truncate(from);
            self.line.push_str(&text);
        }
    }

    fn repeat(&mut self, repeat: &Repeat) {
        let most = repeat.max.unwrap_or(u32::MAX);
        let mut count = repeat.min;
        let is_class = repeat.body.as_class().is_some();
        // Runs of characters are words; groups are repeated less often.
        let odds = if is_class && 1 < most { 6 } else { 2 };
        while count < most && self.roll(odds) != 0 {
            count += 1;
        }
        for _ in 0..count {
            self.write(&repeat.body);
        }
    }

    fn character(&mut self, class: &Class) {
        let total: usize = class
            .ranges()
            .iter()
            .map(|&(low, high)| (high - low) as usize + 1)
            .sum();
        // A wide set is the negation of a few characters.
        if 128 < total && self.roll(64) != 0 {
            for _ in 0..8 {
                let at = self.roll(USUAL.chars().count());
                let usual = USUAL.chars().nth(at);
                if let Some(letter) = usual.filter(|letter| class.contains(u32::from(*letter))) {
                    self.line.push(letter);
                    return;
                }
            }
        }
        let bound = if self.roll(16) == 0 {
            total
        } else {
            total.min(96)
        };
        let mut nth = self.roll(bound);
        for &(low, high) in class.ranges() {
            let size = (high - low) as usize + 1;
            if nth < size {
                let code = low + u32::try_from(nth).unwrap_or_default();
                // Control characters are left to those who ask for them alone.
                let code = if total > 40 && code < 0x20 {
                    code.max(high.min(u32::from('a')))
                } else {
                    code
                };
                self.line.extend(char::from_u32(code));
                return;
            }
            nth -= size;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use crate::grok::{Grok, Options, Outcome, Patterns, Slots};

    #[track_caller]
    fn check(expression: &str) {
        let grok = Grok::compile(expression, &Patterns::legacy(), Options::default()).unwrap();
        let mut slots = Slots::new();
        for seed in 0..50 {
            let line = grok.example(seed);
            assert_eq!(
                grok.search(line.as_bytes(), &mut slots),
                Outcome::Match,
                "{line:?}"
            );
        }
    }

    #[test]
    fn an_example_matches() {
        check("^%{WORD:a} %{NUMBER:b} %{HTTPDATE:c}$");
        check("^(?:a|b[^c]|Ma[iy]){2,5}$");
        check("^[[:alpha:]]+,\\S*$");
    }

    #[test]
    fn what_a_look_ahead_wants_is_written() {
        check("^a(?=bcd)bc");
        check("^x-(?=%{WORD:w})|^y$");
    }

    #[test]
    fn a_seed_gives_one_line_and_another_seed_another() {
        let grok =
            Grok::compile("%{DATA}x%{UUID}", &Patterns::legacy(), Options::default()).unwrap();
        assert_eq!(grok.example(1), grok.example(1));
        assert_ne!(grok.example(1), grok.example(2));
    }

    #[test]
    fn repetitions_in_repetitions_end() {
        let grok = Grok::compile(
            "(?:(?:a{100}){100}){100}",
            &Patterns::legacy(),
            Options::default(),
        );
        if let Ok(grok) = grok {
            assert!(grok.example(0).len() < 20_000);
        }
    }
}
