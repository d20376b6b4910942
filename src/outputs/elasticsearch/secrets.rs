//! What must not be told: servers and proxies quote what they were sent, with everything that stood in its address and
//! headers. Their words come in, and go out without it.

use std::fmt;

use crate::limits;
use crate::outputs::elasticsearch::answer::FILTER_PATH;
use crate::outputs::elasticsearch::transport::{Login, Proxy, Requests};

/// In the place of a secret.
const BLANK: &str = "***";

/// Values that are known to nobody but us and the servers.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Vec<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} secrets", self.values.len())
    }
}

/// How a secret can be written.
#[derive(Clone, Copy)]
enum Spelling {
    Plain,
    /// As in an address.
    Percent,
    /// As in a text of JSON.
    Json,
}

impl Secrets {
    /// Everything secret that goes with requests: logins, headers and queries.
    pub fn of(requests: &Requests) -> Self {
        let mut values = Vec::new();
        for host in &requests.hosts {
            values.extend(host.query.iter().map(|(_, value)| value.clone()));
            values.extend(of_login(&host.login));
        }
        let parameters = requests.parameters.iter().map(|(_, value)| value);
        values.extend(parameters.filter(|value| *value != FILTER_PATH).cloned());
        let headers = requests.headers.values();
        values.extend(headers.filter_map(|value| value.to_str().ok().map(str::to_owned)));
        if let Proxy::Url(url) = &requests.proxy {
            values.extend(Login::of(url).iter().flat_map(of_login));
        }
        Self::new(values)
    }

    /// Shorter values would tear every text to pieces.
    pub fn new(mut values: Vec<String>) -> Self {
        values.retain(|value| limits::SECRET_BYTES_MIN <= value.len());
        values.sort_unstable();
        values.dedup();
        Self { values }
    }

    /// Takes them out of a text, also the beginning of one at the text's end, where it was cut.
    pub fn blank(&self, text: &mut String) {
        if self.values.is_empty() {
            return;
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let length = match self.length_at(rest.as_bytes()) {
                0 => {
                    out.push(first);
                    first.len_utf8()
                }
                length => {
                    out.push_str(BLANK);
                    length
                }
            };
            rest = rest.get(length..).unwrap_or("");
        }
        *text = out;
    }

    /// How many bytes at the start of a text are a secret.
    fn length_at(&self, text: &[u8]) -> usize {
        let lengths = self.values.iter().flat_map(|value| {
            [Spelling::Plain, Spelling::Percent, Spelling::Json]
                .map(|spelling| spelling.length_at(text, value.as_bytes()))
        });
        lengths.max().unwrap_or(0)
    }
}

fn of_login(login: &Login) -> Vec<String> {
    let value = login.value();
    let sent = value.iter().filter_map(|value| value.split_once(' '));
    let sent = sent.map(|(_, encoded)| encoded.to_owned());
    let own = match login {
        Login::Anonymous | Login::ApiKey(_) => None,
        Login::Password { password, .. } => Some(password.clone()),
        Login::ApiKeyPair { key, .. } => Some(key.clone()),
    };
    sent.chain(own).collect()
}

impl Spelling {
    /// How many bytes at the start of a text are this value; 0 if it is another.
    fn length_at(self, text: &[u8], value: &[u8]) -> usize {
        let mut rest = text;
        for (place, byte) in value.iter().enumerate() {
            match self.read(rest) {
                Some((read, after)) if read == *byte => rest = after,
                // The text was cut in the middle of it.
                None if limits::SECRET_BYTES_MIN <= place => return text.len(),
                Some(_) | None => return 0,
            }
        }
        text.len() - rest.len()
    }

    /// The next byte that is meant, and what follows; none where the text ends.
    fn read(self, text: &[u8]) -> Option<(u8, &[u8])> {
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match (self, text) {
            (Self::Percent, [b'+', after @ ..]) => Some((b' ', after)),
            (Self::Percent, [b'%', high, low, after @ ..]) => Some((hex(&[*high, *low])?, after)),
            (Self::Json, [b'\\', b'u', b'0', b'0', high, low, after @ ..]) => {
                Some((hex(&[*high, *low])?, after))
            }
            (Self::Percent, [b'%', ..]) | (Self::Json, [b'\\'] | [b'\\', b'u', ..]) => None,
            (Self::Json, [b'\\', byte, after @ ..]) => Some((*byte, after)),
            (_, [byte, after @ ..]) => Some((*byte, after)),
            (_, []) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[track_caller]
    fn check(secret: &str, text: &str, want: &str) {
        let mut text = text.to_owned();
        Secrets::new(vec![secret.to_owned()]).blank(&mut text);
        assert_eq!(text, want);
    }

    #[test]
    fn a_secret_is_known_however_it_is_written() {
        check(
            "s3cret",
            "uri [/_bulk?token=s3cret&x]",
            "uri [/_bulk?token=***&x]",
        );
        check("a b&c%ü", "?t=a+b%26c%25%c3%BC and", "?t=*** and");
        check("a b&c%ü", "?t=a%20b%26c%25%C3%bc", "?t=***");
        check(
            r#"a"b\c/d"#,
            r#"{"reason":"[a\"b\\c\/d]"}"#,
            r#"{"reason":"[***]"}"#,
        );
        check("a&b=c", r"[a\u0026b\u003dc]", "[***]");
        check(r"a\\b", r"a\\b", "***");
        check("50%2B", "50%2B 50%252B", "*** ***");
        check("twice", "twicetwice twic", "****** ***");
    }

    #[test]
    fn the_beginning_of_one_at_a_cut_is_blanked_too() {
        check("p@ssword", "t=p%40sswo", "t=***");
        check("pass@word", "t=pass%4", "t=***");
        check("pass@word", "t=pas", "t=pas");
    }

    #[test]
    fn other_words_stay() {
        check(
            "s3cret",
            "s3cre7 is no s3cre, nor ü",
            "s3cre7 is no s3cre, nor ü",
        );
        check(
            "no",
            "no short value is blanked",
            "no short value is blanked",
        );
    }
}
