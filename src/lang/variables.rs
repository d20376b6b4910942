//! `${VAR}` and `${VAR:default}`: a text and the environment come in, the text with values put in comes out, and what
//! could not be found. Whether a text may hold variables at all is decided by whoever asks.

use std::ops::Range;

/// Missing and malformed variables that are reported of one text.
const REPORTED_MAX: usize = 20;

/// Bytes of a malformed variable that are shown.
const SHOWN_BYTES_MAX: usize = 100;

/// A text with its variables put in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    pub text: String,
    /// Whether anything was put in: such a text is never shown, it may be a secret.
    pub replaced: bool,
    /// Whether the text was one variable and nothing else.
    pub whole: bool,
    /// Variables without value and default: name, and place in the text as written.
    pub missing: Vec<(String, Range<usize>)>,
    /// What looks like a variable but is none, and stays as it is.
    pub malformed: Vec<Range<usize>>,
}

/// A variable as written.
struct Variable<'a> {
    name: &'a str,
    default: Option<&'a str>,
    /// From `$` to `}`.
    length: usize,
}

/// Puts the values in, once: a value that holds `${...}` itself stays as it is.
pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Expanded {
    let mut expanded = Expanded::default();
    // Behind the last brace no variable can end; looking for one each time would take long.
    let last_brace = text.rfind('}').unwrap_or(0);
    let mut rest = text;
    while let Some(start) = rest
        .find("${")
        .filter(|start| text.len() - rest.len() + start < last_brace)
    {
        let (before, from) = rest.split_at(start);
        expanded.text.push_str(before);
        let at = text.len() - from.len();
        let Some(variable) = variable(from) else {
            if expanded.malformed.len() < REPORTED_MAX
                && let Some(length) = malformed_length(from)
            {
                expanded.malformed.push(at..at + length);
            }
            let (kept, after) = from.split_at(2);
            expanded.text.push_str(kept);
            rest = after;
            continue;
        };
        let value = lookup(variable.name).or(variable.default.map(str::to_owned));
        match value {
            Some(value) => expanded.text.push_str(&value),
            None if expanded.missing.len() < REPORTED_MAX => expanded
                .missing
                .push((variable.name.to_owned(), at..at + variable.length)),
            // There are enough to refuse the text.
            None => {}
        }
        expanded.replaced = true;
        expanded.whole = variable.length == text.len();
        rest = from.get(variable.length..).unwrap_or("");
    }
    expanded.text.push_str(rest);
    if expanded.whole {
        expanded.text = without_quotes(&expanded.text).to_owned();
    }
    expanded
}

/// How long something is that starts as a variable and has a closing brace not far behind.
fn malformed_length(text: &str) -> Option<usize> {
    let near = text.as_bytes().get(..SHOWN_BYTES_MAX.min(text.len()))?;
    let end = near.iter().position(|&byte| byte == b'}')?;
    ("${".len() < end).then_some(end + 1)
}

/// Reads `${NAME}` or `${NAME:default}` at the start of a text.
fn variable(text: &str) -> Option<Variable<'_>> {
    let inner = text.strip_prefix("${")?;
    let name_end = inner.find(|character: char| {
        !(character.is_ascii_alphanumeric() || matches!(character, '_' | '.'))
    })?;
    let (name, after) = inner.split_at(name_end);
    let starts_well = !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit());
    if !starts_well {
        return None;
    }
    if after.starts_with('}') {
        return Some(Variable {
            name,
            default: None,
            length: "${".len() + name.len() + "}".len(),
        });
    }
    let after = after.strip_prefix(':')?;
    let (default, _) = after.split_once('}')?;
    Some(Variable {
        name,
        default: Some(default),
        length: "${".len() + name.len() + ":".len() + default.len() + "}".len(),
    })
}

/// A value in quotes, as environment files hold it, without them.
fn without_quotes(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text
            .strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    text
}

/// The elements of a value such as `[a, "b"]`; `None` for any other text.
pub fn elements(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    Some(
        inner
            .split(',')
            .map(|element| without_quotes(element.trim()).to_owned())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::{elements, expand};

    fn lookup(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("db".to_owned()),
            "EMPTY" => Some(String::new()),
            "QUOTED" => Some("\"a b\"".to_owned()),
            "a.b" => Some("${HOST}".to_owned()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(expand(text, &lookup).text, want, "{text}");
    }

    #[test]
    fn variables_are_put_in() {
        check("${HOST}", "db");
        check("http://${HOST}:9200/${HOST}", "http://db:9200/db");
        check("${EMPTY:x}", "");
    }

    #[test]
    fn a_default_is_taken_where_nothing_is_set() {
        check("${PORT:514}", "514");
        check("${PORT:}", "");
        check("${PORT:a:b}", "a:b");
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        check("${a.b}", "${HOST}");
    }

    #[test]
    fn a_value_that_is_the_whole_text_loses_its_quotes() {
        check("${QUOTED}", "a b");
        check("x${QUOTED}", "x\"a b\"");
    }

    #[test]
    fn what_is_no_variable_stays() {
        for text in [
            "$HOST", "${}", "${1}", "${a-b}", "${HOST", "%{HOST}", "$", "${",
        ] {
            check(text, text);
        }
        let malformed = expand("x ${a-b}", &lookup).malformed;
        assert_eq!(malformed.first(), Some(&(2..8)));
        let malformed = expand("é${a é}", &lookup).malformed;
        assert_eq!(malformed.first(), Some(&(2..9)));
        assert!(expand("${}", &lookup).malformed.is_empty());
        assert_eq!(
            expand("${-}".repeat(50).as_str(), &lookup).malformed.len(),
            20
        );
    }

    #[test]
    fn a_missing_variable_is_named_with_its_place() {
        let expanded = expand("a ${NONE} b", &lookup);
        assert_eq!(expanded.missing, [("NONE".to_owned(), 2..9)]);
    }

    #[test]
    fn a_bracketed_value_has_elements() {
        let want = vec!["a".to_owned(), "b c".to_owned()];
        assert_eq!(elements("[a, \"b c\"]"), Some(want));
        assert_eq!(elements("[]"), Some(Vec::new()));
        assert_eq!(elements("a, b"), None);
    }
}
