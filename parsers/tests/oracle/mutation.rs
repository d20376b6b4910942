//! Lines that are nearly right: small changes to a line, chosen by dice, so that a seed gives the same lines.

/// Characters that decide where tokens end.
const EDGES: &str = "  ..::--//01259aAfzZ_\"'[]()\\%+,=<>@#?&;\t\u{e9}\u{6f22}";

/// Numbers without end from a seed.
pub struct Dice(pub u64);

impl Dice {
    /// A number below the bound.
    pub fn roll(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = usize::try_from(self.0 >> 33).expect("31 bits fit");
        high % bound.max(1)
    }

    fn edge(&mut self) -> char {
        let at = self.roll(EDGES.chars().count());
        EDGES.chars().nth(at).unwrap_or(' ')
    }
}

/// Changes a line in one place or a few.
pub fn mutate(line: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = line.chars().collect();
    for _ in 0..=dice.roll(3) {
        change(&mut letters, dice);
    }
    letters.into_iter().collect()
}

fn change(letters: &mut Vec<char>, dice: &mut Dice) {
    let at = dice.roll(letters.len() + 1);
    let end = (at + 1 + dice.roll(4)).min(letters.len());
    match dice.roll(11) {
        0 => letters.insert(at, dice.edge()),
        1 => drop(letters.drain(at.min(end)..end)),
        2 => letters
            .splice(at.min(end)..end, [dice.edge()])
            .for_each(drop),
        3 if dice.roll(4) == 0 => letters.truncate(at),
        4 => drop(letters.drain(..at.min(dice.roll(8)))),
        // A piece stands twice.
        5 => {
            let piece = letters[at.min(end)..end].to_vec();
            letters.splice(end..end, piece).for_each(drop);
        }
        6 => swap_fields(letters, dice),
        7 => {
            if let Some(letter) = letters.get_mut(at) {
                *letter = other_case(*letter);
            }
        }
        // Neighbours that are no part of it.
        8 => letters.insert(0, dice.edge()),
        9 => letters.push(dice.edge()),
        _ => {
            let from = dice.roll(letters.len() + 1);
            let letter = letters.get(from).copied();
            if let (Some(letter), Some(place)) = (letter, letters.get_mut(at)) {
                *place = letter;
            }
        }
    }
}

fn swap_fields(letters: &mut Vec<char>, dice: &mut Dice) {
    let text: String = letters.iter().collect();
    let mut fields: Vec<&str> = text.split(' ').collect();
    let (one, other) = (dice.roll(fields.len()), dice.roll(fields.len()));
    fields.swap(one, other);
    *letters = fields.join(" ").chars().collect();
}

fn other_case(letter: char) -> char {
    if letter.is_ascii_uppercase() {
        letter.to_ascii_lowercase()
    } else {
        letter.to_ascii_uppercase()
    }
}
