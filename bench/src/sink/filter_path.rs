//! The `filter_path` of a request in, the parts of a bulk answer that it lets through out. Patterns are as in
//! Elasticsearch: names joined by dots, `*` within a name, `**` for any depth, a leading `-` to exclude.

/// Which parts of the answer are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub took: bool,
    pub errors: bool,
    pub index: bool,
    pub id: bool,
    pub version: bool,
    pub result: bool,
    pub shards: bool,
    pub seq_no: bool,
    pub primary_term: bool,
    pub status: bool,
}

impl Shown {
    /// What the query of a request asks for; all of it where there is no `filter_path`.
    pub fn of_query(query: &str) -> Self {
        let text = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("filter_path="));
        let text = text
            .unwrap_or_default()
            .replace("%2C", ",")
            .replace("%2c", ",")
            .replace("%2A", "*");
        let (without, with): (Vec<&str>, Vec<&str>) = text
            .split(',')
            .filter(|pattern| !pattern.is_empty())
            .partition(|pattern| pattern.starts_with('-'));
        let shows = |path: &str| {
            let path: Vec<&str> = path.split('.').collect();
            let is_asked = with.is_empty() || with.iter().any(|pattern| covers(pattern, &path));
            is_asked && !without.iter().any(|pattern| covers(&pattern[1..], &path))
        };
        Self {
            took: shows("took"),
            errors: shows("errors"),
            index: shows("items.create._index"),
            id: shows("items.create._id"),
            version: shows("items.create._version"),
            result: shows("items.create.result"),
            shards: shows("items.create._shards"),
            seq_no: shows("items.create._seq_no"),
            primary_term: shows("items.create._primary_term"),
            status: shows("items.create.status"),
        }
    }

    /// Whether an item has anything left in it; empty items vanish, and with them the list.
    pub fn has_items(&self) -> bool {
        self.index
            || self.id
            || self.version
            || self.result
            || self.shards
            || self.seq_no
            || self.primary_term
            || self.status
    }

    /// Whether an item is its status alone, which needs no look at the action line.
    pub fn is_status_only(&self) -> bool {
        let status_alone = Self {
            took: self.took,
            errors: self.errors,
            index: false,
            id: false,
            version: false,
            result: false,
            shards: false,
            seq_no: false,
            primary_term: false,
            status: true,
        };
        *self == status_alone
    }
}

/// Whether a pattern names this path or something above it.
fn covers(pattern: &str, path: &[&str]) -> bool {
    match pattern.split_once('.') {
        Some(("**", rest)) => (0..path.len()).any(|from| covers(rest, &path[from..])),
        Some((name, rest)) => {
            path.first().is_some_and(|first| is_like(name, first)) && covers(rest, &path[1..])
        }
        None if pattern == "**" => true,
        None => path.first().is_some_and(|first| is_like(pattern, first)),
    }
}

/// A name with at most one `*`, which is all that clients send, against a name.
fn is_like(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, tail)) => {
            head.len() + tail.len() <= name.len() && name.starts_with(head) && name.ends_with(tail)
        }
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::Shown;

    #[track_caller]
    fn check(query: &str, took: bool, errors: bool, status: bool, index: bool) {
        let shown = Shown::of_query(query);
        assert_eq!(
            (shown.took, shown.errors, shown.status, shown.index),
            (took, errors, status, index)
        );
    }

    #[test]
    fn without_a_filter_all_is_shown() {
        check("", true, true, true, true);
        check("refresh=false", true, true, true, true);
    }

    #[test]
    fn status_and_errors_alone() {
        check(
            "filter_path=errors,items.*.error,items.*.status",
            false,
            true,
            true,
            false,
        );
        check(
            "timeout=1m&filter_path=took,errors,items.*.status",
            true,
            true,
            true,
            false,
        );
        check(
            "filter_path=took%2Cerrors%2Citems.%2A.status",
            true,
            true,
            true,
            false,
        );
        assert!(Shown::of_query("filter_path=errors,items.*.status").is_status_only());
        assert!(!Shown::of_query("").is_status_only());
    }

    #[test]
    fn items_without_a_shown_part_vanish() {
        assert!(!Shown::of_query("filter_path=errors,items.*.error").has_items());
    }

    #[test]
    fn a_pattern_shows_what_lies_below_it() {
        check("filter_path=items", false, false, true, true);
        check("filter_path=**.status", false, false, true, false);
        check("filter_path=items.*._*", false, false, false, true);
    }

    #[test]
    fn a_minus_hides() {
        check(
            "filter_path=-items.*._index,-took",
            false,
            true,
            true,
            false,
        );
    }
}
