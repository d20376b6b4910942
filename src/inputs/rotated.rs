//! Names that rotation gives to the predecessors of a log: `.1`, `.2.gz`, `-20261128`, `.2026-11-28`, and with the date before
//! the ending. Names come in; nothing is opened here.

/// What the name of a predecessor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    pub packing: Packing,
    /// The higher it is, the older the file. A date is none.
    pub number: Option<u32>,
}

/// How a file was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    /// Nothing here unpacks it.
    Foreign,
}

/// Digits of the shortest date, `20261128`. Before the ending a shorter number may be that of another log.
const DATE_DIGITS: usize = 8;

impl Rotated {
    /// Nothing, if the name is not one that rotation gives to a predecessor of `live`.
    pub fn of(name: &[u8], live: &[u8]) -> Option<Self> {
        let (plain, packing) = unpacked(name);
        let mark = match plain.strip_prefix(live) {
            Some(mark) => mark,
            None => before_ending(plain, live)?,
        };
        let (separator, mark) = mark.split_first()?;
        let is_mark = b".-_".contains(separator)
            && mark.first().is_some_and(u8::is_ascii_digit)
            && mark
                .iter()
                .all(|byte| byte.is_ascii_digit() || b".-_:TZ".contains(byte));
        let number = std::str::from_utf8(mark).ok();
        is_mark.then(|| Self {
            packing,
            number: number
                .filter(|mark| mark.len() < DATE_DIGITS)
                .and_then(|mark| mark.parse().ok()),
        })
    }
}

/// What a name is without the ending that a packer gave it.
pub fn unpacked(name: &[u8]) -> (&[u8], Packing) {
    const ENDINGS: [(&[u8], Packing); 6] = [
        (b".gz", Packing::Gzip),
        (b".gzip", Packing::Gzip),
        (b".bz2", Packing::Foreign),
        (b".xz", Packing::Foreign),
        (b".zst", Packing::Foreign),
        (b".Z", Packing::Foreign),
    ];
    let mut fitting = ENDINGS.iter().filter_map(|(ending, packing)| {
        let plain = name.strip_suffix(*ending)?;
        Some((plain, *packing))
    });
    fitting.next().unwrap_or((name, Packing::Plain))
}

/// The date in `app-20261128.log`, which was `app.log`, with what separates it.
fn before_ending<'a>(name: &'a [u8], live: &[u8]) -> Option<&'a [u8]> {
    let dot = live.iter().rposition(|byte| *byte == b'.');
    let dot = dot.filter(|dot| 0 < *dot)?;
    let (stem, ending) = live.split_at(dot);
    let mark = name.strip_prefix(stem)?.strip_suffix(ending)?;
    let digits = mark.iter().filter(|byte| byte.is_ascii_digit()).count();
    (DATE_DIGITS <= digits).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::{Packing, Rotated};

    #[track_caller]
    fn check(name: &str, want: Option<(Packing, Option<u32>)>) {
        let found = Rotated::of(name.as_bytes(), b"app.log");
        assert_eq!(
            found.map(|found| (found.packing, found.number)),
            want,
            "{name}"
        );
    }

    #[test]
    fn predecessors_are_known_by_their_names() {
        check("app.log.1", Some((Packing::Plain, Some(1))));
        check("app.log.12.gz", Some((Packing::Gzip, Some(12))));
        check("app.log-20261128", Some((Packing::Plain, None)));
        check(
            "app.log-20261128-1795906800.gz",
            Some((Packing::Gzip, None)),
        );
        check("app.log.2026-11-28", Some((Packing::Plain, None)));
        check("app-20261128.log.gz", Some((Packing::Gzip, None)));
        check("app.log.1.xz", Some((Packing::Foreign, Some(1))));
    }

    #[test]
    fn other_files_beside_a_log_are_not_its_predecessors() {
        for name in [
            "app.log",
            "app.log.gz",
            "app.log.bak",
            "app.log.1.swp",
            "app.log2",
            "app.log-debug",
            "app-1.log",
            "other.log.1",
            "app-2026.log",
            ".log",
        ] {
            check(name, None);
        }
    }
}
