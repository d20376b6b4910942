//! The name that was likely meant: a mistyped one and those that are known come in, the nearest comes out.

/// A name longer than this is not compared with all others; the longest published one has 45 letters.
const NAME_BYTES_MAX: usize = 200;

/// The name that is most like a mistyped one, if any is near.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if NAME_BYTES_MAX < name.len() {
        return None;
    }
    let allowed = (name.len() / 3).max(1);
    names
        // Each letter that one has more is an edit.
        .filter(|known| name.len().abs_diff(known.len()) <= allowed)
        .map(|known| (distance(name.as_bytes(), known.as_bytes()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// Edits from one word to the other: letters put in, left out, replaced, or two neighbours exchanged.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut rows = [Vec::new(), Vec::new(), (0..=to.len()).collect()];
    let mut before = None;
    for (index, byte) in from.iter().enumerate() {
        rows.rotate_left(1);
        let [earlier, above, row] = &mut rows;
        row.clear();
        row.push(index + 1);
        let mut left = index + 1;
        let mut other_before = None;
        for (column, other) in to.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX);
            let replaced = cell(above, column) + usize::from(!is_same(byte, other));
            left = replaced.min(cell(above, column + 1) + 1).min(left + 1);
            let is_exchanged = before.is_some_and(|before| is_same(before, other))
                && other_before.is_some_and(|before| is_same(byte, before));
            if is_exchanged {
                left = left.min(cell(earlier, column - 1) + 1);
            }
            row.push(left);
            other_before = Some(other);
        }
        before = Some(byte);
    }
    rows[2].last().copied().unwrap_or_default()
}

fn is_same(byte: &u8, other: &u8) -> bool {
    byte.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_one_edit() {
        assert_eq!(distance(b"ODRER", b"ORDER"), 1);
        assert_eq!(distance(b"odrer", b"ORDER"), 1);
        assert_eq!(distance(b"ORDR", b"ORDER"), 1);
        assert_eq!(distance(b"ORRDER", b"ORDER"), 1);
        assert_eq!(distance(b"order", b"ORDEX"), 1);
        assert_eq!(distance(b"", b"ORDER"), 5);
        assert_eq!(distance(b"ORDER", b""), 5);
    }
}
