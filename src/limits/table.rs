//! The limits as a table for people, read from the files that define them: a limit cannot be missing from it, and its
//! reason cannot differ. The source's text comes in, names, values with units and reasons go out.

/// What the table has not.
pub const OF_OPTIONS: &str = "What an option or a setting bounds, such as `max_open_files`, `batch_events`, `timeout` or `queue.max_bytes`, \
     stands with its default on the page of its plugin or of the settings.";

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub name: &'static str,
    /// With its unit, such as `64 KiB`; as written in the source where it is no plain number.
    pub value: String,
    pub why: String,
}

/// The files that hold nothing but limits.
const SOURCES: [&str; 3] = [
    include_str!("../limits.rs"),
    include_str!("graphite.rs"),
    include_str!("../lang/limits.rs"),
];

/// The page on which the parser library tells its own.
const PARSERS: &str = include_str!("../../parsers/src/lib.rs");

/// A limit of the parser library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParserLimit {
    pub what: String,
    pub value: String,
    /// What becomes of more.
    pub beyond: String,
}

/// Every limit of the agent, in the order of the source.
pub fn all() -> Vec<Limit> {
    SOURCES.into_iter().flat_map(limits_in).collect()
}

/// Every limit of the parser library, in the order of its page.
pub fn of_parsers() -> Vec<ParserLimit> {
    let (_, rest) = PARSERS.split_once("//! # Limits\n").unwrap_or_default();
    let rows = rest
        .lines()
        .skip_while(|line| !line.starts_with("//! |---"));
    let cells = rows
        .skip(1)
        .map_while(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
    let limit = |row: &str| {
        // Links are of the library's documentation.
        let row = row.replace("[`", "`").replace("`]", "`");
        let mut cells = row.splitn(3, " | ").map(str::to_owned);
        Some(ParserLimit {
            what: cells.next()?,
            value: cells.next()?,
            beyond: cells.next()?,
        })
    };
    cells.filter_map(limit).collect()
}

/// The table as plain text: a limit and its value in a line, the reason below.
pub fn text() -> String {
    let limits = all();
    let width = limits.iter().map(|limit| limit.name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for Limit { name, value, why } in &limits {
        text.push_str(&format!("{name:width$}  {value}\n    {why}\n"));
    }
    text.push_str(&format!("\n{}\n", OF_OPTIONS.replace('`', "")));
    text.push_str("\nOf the parsers, sawlog-parsers:\n");
    for ParserLimit {
        what,
        value,
        beyond,
    } in of_parsers()
    {
        let line = format!("{what}: {value}\n    beyond it: {beyond}\n");
        text.push_str(&line.replace('`', ""));
    }
    text
}

fn limits_in(source: &'static str) -> Vec<Limit> {
    let mut all = Vec::new();
    let mut why: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(comment) = line.strip_prefix("/// ") {
            why.push(comment);
            continue;
        }
        if let Some((name, value)) = definition(line) {
            let (value, why) = (shown(name, value), why.join(" "));
            all.push(Limit { name, value, why });
        }
        why.clear();
    }
    all
}

/// Name and value of a line such as `pub const NAME: usize = 1 << 20;`.
fn definition(line: &'static str) -> Option<(&'static str, &'static str)> {
    let prefixes = ["pub const ", "pub(crate) const ", "pub(super) const "];
    let constant = prefixes
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix))?;
    let (name, rest) = constant.split_once(": ")?;
    let (_, value) = rest.split_once(" = ")?;
    Some((name, value.trim_end_matches(';')))
}

/// A value as a person reads it.
fn shown(name: &str, written: &str) -> String {
    if let Some((least, most)) = written.split_once("..=") {
        return format!("{} to {}", shown(name, least), shown(name, most));
    }
    let within = |function: &str| {
        let (_, rest) = written.split_once(function)?;
        number(rest.strip_suffix(')')?)
    };
    if let Some(seconds) = within("Duration::from_secs(") {
        return format!("{seconds} s");
    }
    if let Some(millis) = within("Duration::from_millis(") {
        return format!("{millis} ms");
    }
    match number(written) {
        Some(bytes) if name.contains("BYTES") => size(bytes),
        Some(seconds) if name.ends_with("SECONDS") => format!("{seconds} s"),
        Some(number) => number.to_string(),
        None => written.to_owned(),
    }
}

/// `1 << 20`, `10_000` or `7`.
fn number(written: &str) -> Option<u64> {
    let plain = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    match written.split_once("<<") {
        Some((base, shift)) => plain(base)?.checked_shl(plain(shift)?.try_into().ok()?),
        None => plain(written),
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = |(shift, _): &&(u32, &str)| 0 < bytes && *shift <= bytes.trailing_zeros();
    match UNITS.iter().find(whole) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::{all, of_parsers, shown, text};

    #[test]
    fn values_have_units() {
        for (name, written, want) in [
            ("LINE_BYTES_MAX", "1 << 20", "1 MiB"),
            ("NAME_BYTES_MAX", "255", "255 bytes"),
            ("ARCHIVE_BYTES_MAX", "64 << 30", "64 GiB"),
            ("PATHS_MAX", "10_000", "10000"),
            ("ZEROS_SECONDS", "3600", "3600 s"),
            ("PAGE_BYTES", "4 << 20..=1 << 30", "4 MiB to 1 GiB"),
            ("WAIT", "std::time::Duration::from_millis(500)", "500 ms"),
            ("WAIT", "std::time::Duration::from_secs(3)", "3 s"),
        ] {
            assert_eq!(shown(name, written), want, "{written}");
        }
    }

    #[test]
    fn every_limit_has_a_reason_and_a_value_that_can_be_read() {
        let limits = all();
        assert!(100 < limits.len());
        for limit in limits {
            assert!(10 < limit.why.len(), "{} has no reason", limit.name);
            let first = limit.value.chars().next();
            let is_number = first.is_some_and(|first| first.is_ascii_digit());
            assert!(is_number, "{}: {}", limit.name, limit.value);
            assert!(!limit.value.contains("<<"), "{}", limit.value);
        }
    }

    #[test]
    fn those_of_the_parsers_are_whole() {
        let limits = of_parsers();
        assert!(15 < limits.len(), "{limits:?}");
        for limit in limits {
            let cells = [&limit.what, &limit.value, &limit.beyond];
            assert!(cells.iter().all(|cell| !cell.is_empty()), "{limit:?}");
            assert!(
                limit.value.contains(|letter: char| letter.is_ascii_digit())
                    || limit.value.contains("Limits"),
                "{limit:?} has no number"
            );
        }
    }

    #[test]
    fn the_text_has_them_all() {
        let text = text();
        for name in [
            "LINE_BYTES_MAX",
            "JSON_DEPTH_MAX",
            "NESTING_MAX",
            "steps of one search",
            "QUEUE_VIEW_TRIES_MAX",
            "max_open_files",
        ] {
            assert!(text.contains(name), "{name}");
        }
    }
}
