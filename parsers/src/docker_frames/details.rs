//! What `details=1` of the logs API puts before a record's text: labels, environment and tag of the
//! container as `key=value,key=value `, URL-encoded.
//!
//! The daemon writes them behind the time, for the keys that the log driver's options `labels`, `env`
//! and `tag` choose, and a blank alone where there are none. Checked once, then walked; keys and values
//! stay encoded, since most need no decoding.

use nom::bytes::complete::{tag, take_while, take_while1};
use nom::combinator::{opt, recognize};
use nom::multi::many0_count;
use nom::sequence::{preceded, separated_pair, terminated};
use nom::{IResult, Parser};

use crate::digits::hexadecimal_pair;

/// The keys and values before a record's text.
///
/// It iterates over pairs of key and value, both still encoded, see [`unescape_detail`].
///
/// ```
/// use sawlog_parsers::docker_frames::{Details, unescape_detail};
///
/// let (mut details, text) = Details::split(b"com.example%2Fteam=shop+floor,tag=j1 GET /").expect("details");
/// assert_eq!(text, b"GET /");
/// let (key, value) = details.next().expect("the first pair");
/// let mut decoded = Vec::new();
/// unescape_detail(key, &mut decoded);
/// decoded.push(b' ');
/// unescape_detail(value, &mut decoded);
/// assert_eq!(decoded, b"com.example/team shop floor");
/// assert_eq!(details.next(), Some((&b"tag"[..], &b"j1"[..])));
/// assert_eq!(details.next(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details<'a> {
    rest: &'a [u8],
}

impl<'a> Details<'a> {
    /// Takes the details and their blank off the head of a record's text, which is the payload that a
    /// [`Decoder`](super::Decoder) gives; what follows is what the container wrote.
    ///
    /// `None` if the text does not begin with details; then it was not asked for them. Whether it was
    /// is the caller's to know: a container may itself write what looks like some.
    ///
    /// ```
    /// use sawlog_parsers::docker_frames::Details;
    ///
    /// let (details, text) = Details::split(b"tag=shop ready in 3 s").expect("details");
    /// assert_eq!((details.raw(), details.is_empty()), (&b"tag=shop"[..], false));
    /// assert_eq!(text, b"ready in 3 s");
    /// // The container has none of the attributes that were asked for.
    /// assert!(Details::split(b" ready").is_some_and(|(details, text)| details.is_empty() && text == b"ready"));
    /// assert_eq!(Details::split(b"ready in 3 s"), None);
    /// ```
    pub fn split(text: &'a [u8]) -> Option<(Details<'a>, &'a [u8])> {
        let (text, rest) = terminated(list, tag(" ")).parse(text).ok()?;
        Some((Details { rest }, text))
    }

    /// The text of what was not walked yet, still encoded and without the blank behind it.
    ///
    /// ```
    /// use sawlog_parsers::docker_frames::Details;
    ///
    /// let (mut details, _) = Details::split(b"env=prod,tag=shop ready").expect("details");
    /// assert_eq!(details.raw(), b"env=prod,tag=shop");
    /// details.next();
    /// assert_eq!(details.raw(), b"tag=shop");
    /// ```
    pub fn raw(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether none are left.
    ///
    /// ```
    /// use sawlog_parsers::docker_frames::Details;
    ///
    /// let (mut details, _) = Details::split(b"tag=shop ready").expect("details");
    /// assert!(!details.is_empty());
    /// details.next();
    /// assert!(details.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Details<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (rest, found) = pair(self.rest).ok()?;
        self.rest = rest.strip_prefix(b",").unwrap_or(rest);
        Some(found)
    }
}

/// Without an error type: what are no details is text.
type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

fn list(text: &[u8]) -> Parsed<'_, &[u8]> {
    recognize(opt((pair, many0_count(preceded(tag(","), pair))))).parse(text)
}

fn pair(text: &[u8]) -> Parsed<'_, (&[u8], &[u8])> {
    separated_pair(take_while1(is_encoded), tag("="), take_while(is_encoded)).parse(text)
}

/// What the encoding of a query leaves as it is, its blank and its escapes.
fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~+%".contains(&byte)
}

/// Appends a key or a value as it was before it was encoded: `%2C` is a comma, `+` a blank
/// (`application/x-www-form-urlencoded` of the URL standard).
///
/// What is no escape stays as it is; the result may be no UTF-8.
///
/// ```
/// let mut value = Vec::new();
/// sawlog_parsers::docker_frames::unescape_detail(b"a%2Cb+100%", &mut value);
/// assert_eq!(value, b"a,b 100%");
/// ```
pub fn unescape_detail(encoded: &[u8], out: &mut Vec<u8>) {
    let mut rest = encoded;
    while let [byte, after @ ..] = rest {
        let escape = match after {
            [high, low, ..] if *byte == b'%' => hexadecimal_pair(*high, *low),
            _ => None,
        };
        rest = match escape {
            Some(byte) => {
                out.push(byte);
                after.get(2..).unwrap_or_default()
            }
            None => {
                out.push(if *byte == b'+' { b' ' } else { *byte });
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Details, unescape_detail};

    #[track_caller]
    fn check(text: &str, want: Option<(&[(&str, &str)], &str)>) {
        let found = Details::split(text.as_bytes()).map(|(details, text)| {
            let decoded = |text: &[u8]| {
                let mut out = Vec::new();
                unescape_detail(text, &mut out);
                String::from_utf8_lossy(&out).into_owned()
            };
            let pairs: Vec<(String, String)> = details
                .map(|(key, value)| (decoded(key), decoded(value)))
                .collect();
            (pairs, decoded_text(text))
        });
        let want = want.map(|(pairs, text)| {
            let owned = pairs
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()));
            (owned.collect(), text.to_owned())
        });
        assert_eq!(found, want, "for {text:?}");
    }

    fn decoded_text(text: &[u8]) -> String {
        String::from_utf8_lossy(text).into_owned()
    }

    #[test]
    fn labels_and_tag_are_cut_off_the_text() {
        check(
            "app=web,tag=j1 hello world",
            Some((&[("app", "web"), ("tag", "j1")], "hello world")),
        );
    }

    #[test]
    fn a_container_without_attributes_gives_a_blank() {
        check(" hello", Some((&[], "hello")));
        check("   at Main.run", Some((&[], "  at Main.run")));
    }

    #[test]
    fn commas_equals_signs_and_blanks_in_values_are_encoded() {
        check(
            "k=a%2Cb%3Dc+d%C3%A9%25 x",
            Some((&[("k", "a,b=c dé%")], "x")),
        );
    }

    #[test]
    fn an_empty_value_and_an_empty_text() {
        check("k=,l=2 ", Some((&[("k", ""), ("l", "2")], "")));
    }

    #[test]
    fn what_is_no_escape_stays() {
        check(
            "k=100%,l=%zz,m=%4 x",
            Some((&[("k", "100%"), ("l", "%zz"), ("m", "%4")], "x")),
        );
    }

    #[test]
    fn other_texts_hold_no_details() {
        check("hello world", None);
        check("", None);
        check("k=v", None);
        check("k=v,hello world", None);
        check("=v x", None);
        check("path=/a/b x", None);
    }
}
