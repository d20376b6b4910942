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
        r#"(?i)([a-z0-9_-]*(?:(?:pass|pasw|pwd|secret|api[_-]?key|token|credential|authorization|cookie)[a-z0-9_-]*|auth))["']?\s*(?:=>|=|:)\s*("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\[[^\]]*\]?|[^\s"'{}\[\],>][^\s"'{}\[\],]*)"#,
    )
    .expect("a constant that the tests compile")
});

/// An address with its scheme, to the end of the text that it stands in.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("(?s)[A-Za-z0-9+.-]*//.*").expect("a constant that the tests compile")
});

/// A whole text that is an address without a scheme: `user:password@host:port/path`.
static BARE_ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)^\s*[^\s:@%{}\[\]]+:.*@[A-Za-z0-9.:_\[\]-]+(/\S*)?\s*$")
        .expect("a constant that the tests compile")
});

/// What stands before user and password.
static SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^(?:[A-Za-z0-9+.-]+:)?//").expect("a constant that the tests compile")
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
    let userinfo = texts_in(line)
        .into_iter()
        .filter_map(|text| password_in_text(line, text));
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

/// Where the password of an address stands: from the first `:` behind the scheme to the last `@`. No narrower: a `/`, a
/// blank or an `@` in a password is just what makes an address wrong, and has it shown.
pub fn password_in(address: &str) -> Option<Range<usize>> {
    let authority = SCHEME.find(address).map_or(0, |scheme| scheme.end());
    let start = authority + address.get(authority..)?.find(':')? + 1;
    let end = address.rfind('@')?;
    (start < end).then_some(start..end)
}

/// The same in a text of which it is not known what it is.
fn password_in_text(line: &str, text: Range<usize>) -> Option<Range<usize>> {
    let shown = line.get(text.clone())?;
    let with_scheme = ADDRESS.find_iter(shown).filter(|_| shown.contains("://"));
    let bare = BARE_ADDRESS.find_iter(shown);
    let found = |address: regex::Match<'_>| {
        let start = text.start + address.start();
        let password = password_in(address.as_str())?;
        Some(start + password.start..start + password.end)
    };
    with_scheme.chain(bare).find_map(found)
}

/// The texts in quotes and what stands between them. A quote ends a text only where a value can end: one inside a password
/// does not.
fn texts_in(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    let ends_value = |at: usize| match bytes.get(at + 1) {
        None => true,
        Some(next) => next.is_ascii_whitespace() || b",]})=#{".contains(next),
    };
    let (mut texts, mut start, mut quote, mut at) = (Vec::new(), 0, None, 0);
    while let Some(&byte) = bytes.get(at) {
        let turn = match quote {
            None => matches!(byte, b'"' | b'\''),
            Some(open) => byte == open && ends_value(at),
        };
        if turn {
            texts.push(start..at);
            start = at + 1;
            quote = quote.is_none().then_some(byte);
        }
        // What is escaped ends nothing.
        at += if byte == b'\\' && quote.is_some() {
            2
        } else {
            1
        };
    }
    texts.push(start..line.len());
    texts
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
        for name in ["pass", "pasword", "ssl_pwd", "http_auth", "api-key"] {
            check(&format!("{name} => 'x'"), &format!("{name} => '***'"));
        }
    }

    #[test]
    fn passwords_in_addresses_are_hidden() {
        for (line, want) in [
            (r#""http://me:pw@h:9200""#, r#""http://me:***@h:9200""#),
            (r#"["http://u:a/b@h:9200"]"#, r#"["http://u:***@h:9200"]"#),
            (r#"["http://u:a b@h:9200"]"#, r#"["http://u:***@h:9200"]"#),
            (r#""http://u:a@b:c?#d@h/x""#, r#""http://u:***@h/x""#),
            (r#"'http://u:a"b@h' x => 1"#, "'http://u:***@h' x => 1"),
            (r#""http://u:a"b@h" x => 1"#, r#""http://u:***@h" x => 1"#),
            (r#""//u:pw@h""#, r#""//u:***@h""#),
            (r#""u:pw@h:9200" x => 1"#, r#""u:***@h:9200" x => 1"#),
            (r#""u:a/b c@h""#, r#""u:***@h""#),
            (r#""u:a://b@h""#, r#""u:***@h""#),
            (r#""http://u:open@h"#, r#""http://u:***@h"#),
            (
                r#"["http://a:9200", "http://u:x@b:9200", "http://u:y@c"]"#,
                r#"["http://a:9200", "http://u:***@b:9200", "http://u:***@c"]"#,
            ),
            (
                "it's http://u:pw@h, isn't it",
                "it's http://u:***@h, isn't it",
            ),
        ] {
            check(line, want);
        }
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
        for line in [
            r#"host => "a" # no secrets"#,
            r#"ssl_certificate_authorities => "a" ssl_client_authentication => "none""#,
            r#"hosts => ["http://a:9200", "b:9200"] # me@example.com"#,
            r#"match => { "m" => "%{TIME:t} %{USER:u}@%{HOST:h}" }"#,
            r#"match => { "m" => "from: %{EMAIL:u} at x@%{HOST:h}" }"#,
            r#"url => "http://u:${PW}@h""#,
        ] {
            check(line, line);
        }
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
