//! The nearest of some names to a misspelt one. Words come in, at most one comes out.

/// Longer words are not compared: nobody misspells them by accident.
const LENGTH_MAX: usize = 64;

/// The candidate that takes the fewest edits to reach, if those are few for the word's length.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if LENGTH_MAX < word.len() {
        return None;
    }
    let word = plain(word);
    candidates
        .map(|candidate| (distance(&word, &plain(candidate)), candidate))
        .filter(|(edits, candidate)| *edits <= 1 + word.len().min(candidate.len()) / 5)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Case and the choice between `-` and `_` are slips of their own, which cost nothing.
fn plain(word: &str) -> Vec<char> {
    word.chars()
        .map(|character| match character {
            '-' => '_',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// Edits between two words: a character put in, left out or changed, or two neighbours swapped.
fn distance(one: &[char], other: &[char]) -> usize {
    let width = other.len() + 1;
    let mut before = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, &a) in one.iter().enumerate() {
        let mut now = vec![row + 1; width];
        for (column, &b) in other.iter().enumerate() {
            let changed = last[column] + usize::from(a != b);
            let mut least = changed.min(last[column + 1] + 1).min(now[column] + 1);
            let swapped = 0 < row && 0 < column && a == other[column - 1] && b == one[row - 1];
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            now[column + 1] = least;
        }
        before = std::mem::replace(&mut last, now);
    }
    last[width - 1]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[track_caller]
    fn check(word: &str, want: Option<&str>) {
        let names = ["grok", "mutate", "date", "json", "split_at", "syslog_pri"];
        assert_eq!(nearest(word, names.into_iter()), want, "{word}");
    }

    #[test]
    fn a_slip_finds_its_word() {
        check("grk", Some("grok"));
        check("gork", Some("grok"));
        check("Grok", Some("grok"));
        check("mutat", Some("mutate"));
        check("syslog-pri", Some("syslog_pri"));
        check("syslogpri", Some("syslog_pri"));
    }

    #[test]
    fn a_different_word_finds_nothing() {
        check("ruby", None);
        check("", None);
        check("elasticsearch", None);
        check(&"x".repeat(1000), None);
    }
}
