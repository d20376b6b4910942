//! What must not be printed of a line of configuration: values of options known to be secret, values of options with a
//! telling name, and passwords in addresses. A line and places come in, a line with `***` in their stead goes out.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::lang::diagnostic::Diagnostic;
use crate::lang::source::{Sources, Span};

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// `name => value` whose name tells of a secret. This also holds where the text could not be read to its end, and where
/// the plugin is unknown.
static TELLING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)([a-z0-9_-]*(?:passw|passphrase|secret|api_?key|token|cloud_auth|credential|authorization|cookie)[a-z0-9_-]*)["']?\s*(?:=>|=|:)\s*("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\[[^\]]*\]?|[^\s"'{}\[\],>][^\s"'{}\[\],]*)"#,
    )
    .expect("a constant that the tests compile")
});

/// `://user:password@`.
static USERINFO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"://[^\s/@:"']*:([^\s/@"']+)@"#).expect("a constant that the tests compile")
});

/// A variable without a default gives nothing away, and is what the reader looks for.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^["']?\$\{[A-Za-z_.][A-Za-z0-9_.]*\}["']?$"#)
        .expect("a constant that the tests compile")
});

/// Tells diagnostics which places of the lines that they show are secret.
pub fn hide(diagnostics: &mut [Diagnostic], secrets: &[Span], sources: &Sources) {
    for diagnostic in diagnostics {
        let Some(line) = sources.line_of(diagnostic.span) else {
            continue;
        };
        let source = diagnostic.span.source;
        let shown = secrets.iter().filter(|secret| {
            secret.source == source
                && (secret.start as usize) < line.end
                && line.start < secret.end as usize
        });
        diagnostic.secrets.extend(shown);
    }
}

/// A line with its secrets replaced, and where a range of it has gone.
pub fn masked(line: &str, known: &[Range<usize>], range: Range<usize>) -> (String, Range<usize>) {
    let mut shown = String::new();
    let mut moved = range.clone();
    let mut done = 0;
    for secret in secrets_in(line, known) {
        let start = secret.start.max(done);
        let (Some(before), Some(_)) = (line.get(done..start), line.get(start..secret.end)) else {
            continue;
        };
        shown.push_str(before);
        for (edge, end) in [(&mut moved.start, false), (&mut moved.end, true)] {
            let written = if end { range.end } else { range.start };
            if secret.end <= written {
                *edge = shown.len() + MASK.len() + (written - secret.end);
            } else if start < written {
                *edge = shown.len() + if end { MASK.len() } else { 0 };
            } else if done <= written {
                *edge = shown.len() - (start - written);
            }
        }
        shown.push_str(MASK);
        done = secret.end;
    }
    shown.push_str(line.get(done..).unwrap_or(""));
    (shown, moved)
}

/// The places to hide in a line, in order, without quotes.
pub fn secrets_in(line: &str, known: &[Range<usize>]) -> Vec<Range<usize>> {
    // The path of a file that holds a secret is none.
    let names_file = |name: regex::Match<'_>| name.as_str().to_ascii_lowercase().ends_with("_file");
    let telling = TELLING
        .captures_iter(line)
        .filter(|found| !found.get(1).is_some_and(names_file))
        .filter_map(|found| found.get(2).map(|value| value.range()));
    let userinfo = USERINFO
        .captures_iter(line)
        .filter_map(|found| found.get(1).map(|value| value.range()));
    let mut places: Vec<_> = known
        .iter()
        .cloned()
        .chain(telling)
        .chain(userinfo)
        .filter(|place| {
            line.get(place.clone())
                .is_some_and(|value| !VARIABLE.is_match(value))
        })
        .map(|place| without_quotes(line, place))
        .filter(|place| place.start < place.end)
        .collect();
    places.sort_by_key(|place| (place.start, place.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for place in places {
        match joined.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => joined.push(place),
        }
    }
    joined
}

fn without_quotes(line: &str, place: Range<usize>) -> Range<usize> {
    let is_quote = |at: usize| matches!(line.as_bytes().get(at), Some(b'"' | b'\''));
    let start = place.start + usize::from(is_quote(place.start));
    let closes = start < place.end && is_quote(place.end - 1);
    start..place.end - usize::from(closes)
}

#[cfg(test)]
mod tests {
    use super::{MASK, masked};

    #[track_caller]
    fn check(line: &str, want: &str) {
        assert_eq!(masked(line, &[], 0..0).0, want);
    }

    #[test]
    fn values_of_telling_names_are_hidden() {
        check(r#"password => "hunter2""#, r#"password => "***""#);
        check(
            "  ssl_key_passphrase => 'x' port => 1",
            "  ssl_key_passphrase => '***' port => 1",
        );
        check("api_key => abc:def", "api_key => ***");
        check(r#""password" => "a\"b" c"#, r#""password" => "***" c"#);
        check("tokens => [\"a\", \"b\"] x", "tokens => *** x");
        check(
            r#"{ "Authorization" => "Bearer x" "Cookie" => 'y' }"#,
            r#"{ "Authorization" => "***" "Cookie" => '***' }"#,
        );
        check(r#"password => "open"#, r#"password => "***"#);
    }

    #[test]
    fn passwords_in_addresses_are_hidden() {
        check("\"http://me:pw@h:9200\"", "\"http://me:***@h:9200\"");
    }

    #[test]
    fn a_variable_stays_but_its_default_does_not() {
        check(r#"password => "${PW}""#, r#"password => "${PW}""#);
        check(r#"password => "${PW:hunter2}""#, r#"password => "***""#);
    }

    #[test]
    fn the_path_of_a_file_with_a_secret_stays() {
        let line = r#"password_file => "/run/secrets/x" password => "y""#;
        check(line, &line.replace('y', MASK));
    }

    #[test]
    fn other_values_stay() {
        check(r#"host => "a" # no secrets"#, r#"host => "a" # no secrets"#);
    }

    #[test]
    fn known_places_are_hidden_whatever_their_name() {
        let (line, _) = masked("key => 'abc' x", std::slice::from_ref(&(7..12)), 0..0);
        assert_eq!(line, "key => '***' x");
    }

    #[test]
    fn a_range_moves_with_the_text() {
        let line = r#"a password => "hunter2" x"#;
        for (range, want) in [
            (0..1, 0..1),
            (24..25, 20..21),
            (2..10, 2..10),
            (14..23, 14..19),
            (15..22, 15..18),
        ] {
            assert_eq!(masked(line, &[], range.clone()).1, want, "{range:?}");
        }
    }
}
