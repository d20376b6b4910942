//! Addresses and logins: `hosts` in all the ways in which they are written, `cloud_id`, `user`, `api_key`, certificates.

use elasticsearch::http::Url;
use elasticsearch::http::transport::CloudId;

use crate::limits;
use crate::outputs::elasticsearch::transport::{Host, Login};
use crate::pipeline::Building;
use crate::plugin::{Options, Word};
use crate::small_file;

/// The port when none is written, as Logstash has it.
const PORT: u16 = 9200;

pub fn check(options: &Options, building: &mut Building<'_>) -> Option<Vec<Host>> {
    let login = login(options, building)?;
    let certificate = match is_with_certificate(options) {
        true => Some(certificate(options, building)?),
        false => None,
    };
    if let Some(word) = options.word("cloud_id") {
        return match CloudId::parse(&word.text) {
            Ok(cloud) => Some(vec![Host {
                url: cloud.url,
                login,
                query: Vec::new(),
                certificate,
            }]),
            Err(error) => {
                building.refuse(word.span, format!("this is no cloud id: {error}"));
                None
            }
        };
    }
    let tls = options
        .setting("ssl_enabled")
        .map(|_| options.boolean("ssl_enabled"));
    let mut hosts = Vec::new();
    for word in options.list("hosts") {
        match parse(&word.text, tls) {
            Ok((mut url, own)) => {
                let query = url.query_pairs().into_owned().collect();
                url.set_query(None);
                hosts.push(Host {
                    url,
                    login: own.unwrap_or_else(|| login.clone()),
                    query,
                    certificate: certificate.clone(),
                });
            }
            Err(why) => {
                building.refuse(word.span, why);
                return None;
            }
        }
    }
    if hosts.is_empty() {
        building.refuse(
            options.span_of("hosts"),
            "`hosts` names at least one server",
        );
        return None;
    }
    Some(hosts)
}

/// Reads one address. User and password in it are taken out.
fn parse(text: &str, tls: Option<bool>) -> Result<(Url, Option<Login>), String> {
    let scheme = if tls == Some(true) { "https" } else { "http" };
    let full = match text {
        _ if text.contains("://") => text.to_owned(),
        _ if text.starts_with("//") => format!("{scheme}:{text}"),
        _ => format!("{scheme}://{text}"),
    };
    let mut url = Url::parse(&full).map_err(|error| format!("this is no address: {error}"))?;
    match (url.scheme(), tls) {
        ("http", Some(true)) => return Err("`ssl_enabled => true` needs `https://`".to_owned()),
        ("https", Some(false)) => return Err("`ssl_enabled => false` needs `http://`".to_owned()),
        ("http" | "https", _) => {}
        (other, _) => {
            return Err(format!(
                "`{other}` is no way to Elasticsearch; write `http://` or `https://`"
            ));
        }
    }
    let wrong = |()| "this is no address of a server".to_owned();
    if url.port().is_none() && !has_port(&full) {
        url.set_port(Some(PORT)).map_err(wrong)?;
    }
    let login = Login::of(&url);
    url.set_username("").map_err(wrong)?;
    url.set_password(None).map_err(wrong)?;
    Ok((url, login))
}

/// Whether a port is written, even the scheme's own, which the parsed address leaves out.
fn has_port(full: &str) -> bool {
    let authority = full.split_once("://").map_or(full, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn login(options: &Options, building: &mut Building<'_>) -> Option<Login> {
    let given = [
        options.setting("user").is_some(),
        options.setting("api_key").is_some(),
        options.setting("cloud_auth").is_some(),
    ];
    if 1 < given.iter().filter(|given| **given).count() {
        let why = "write one of `user`, `api_key` and `cloud_auth`";
        building.refuse(options.span, why);
        return None;
    }
    if let Some(user) = options.text("user").filter(|user| !user.is_empty()) {
        return Some(Login::Password {
            user: user.to_owned(),
            password: options.text("password").unwrap_or("").to_owned(),
        });
    }
    if let Some(word) = options
        .word("api_key")
        .filter(|word| !word.text.trim().is_empty())
    {
        return api_key(&word, building);
    }
    if let Some(word) = options.word("cloud_auth") {
        let Some((user, password)) = word.text.split_once(':') else {
            building.refuse(word.span, "`cloud_auth` is written `user:password`");
            return None;
        };
        return Some(Login::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        });
    }
    Some(Login::Anonymous)
}

fn is_with_certificate(options: &Options) -> bool {
    options.setting("ssl_certificate").is_some() || options.setting("ssl_key").is_some()
}

fn api_key(word: &Word, building: &mut Building<'_>) -> Option<Login> {
    let key = word.text.trim();
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        building.refuse(word.span, "an API key has no blanks or control characters");
        return None;
    }
    Some(match key.split_once(':') {
        Some((id, key)) => Login::ApiKeyPair {
            id: id.to_owned(),
            key: key.to_owned(),
        },
        None => Login::ApiKey(key.to_owned()),
    })
}

/// Our own certificate and its key. A server can ask for it besides a login.
fn certificate(options: &Options, building: &mut Building<'_>) -> Option<Vec<u8>> {
    let mut pem = Vec::new();
    for name in ["ssl_certificate", "ssl_key"] {
        let Some(word) = options.word(name) else {
            building.refuse(
                options.span,
                "`ssl_certificate` and `ssl_key` belong together",
            );
            return None;
        };
        match small_file::read(word.text.as_ref(), limits::TLS_FILE_BYTES_MAX) {
            Ok(text) => pem.extend_from_slice(&text),
            Err(error) => {
                building.refuse(word.span, format!("cannot read `{}`: {error}", word.text));
                return None;
            }
        }
        pem.push(b'\n');
    }
    if let Err(error) = reqwest::Identity::from_pem(&pem) {
        let why = format!("certificate and key are not to be used: {error}");
        building.refuse(options.span_of("ssl_certificate"), why);
        return None;
    }
    Some(pem)
}

#[cfg(test)]
mod tests {
    use super::{Login, parse};

    #[track_caller]
    fn check(text: &str, tls: Option<bool>, want: &str) {
        let got = parse(text, tls).map(|(url, _)| url.to_string());
        assert_eq!(got.as_deref(), Ok(want), "{text}");
    }

    #[test]
    fn addresses_are_written_in_many_ways() {
        check("//127.0.0.1", None, "http://127.0.0.1:9200/");
        check("localhost", None, "http://localhost:9200/");
        check("es:9201", None, "http://es:9201/");
        check("es", Some(true), "https://es:9200/");
        check("https://es", None, "https://es:9200/");
        check("https://es:443", None, "https://es/");
        check("http://es:80/prefix", None, "http://es/prefix");
        check("[::1]:9200", None, "http://[::1]:9200/");
        check("http://[::1]", None, "http://[::1]:9200/");
    }

    #[test]
    fn a_login_is_taken_out_of_the_address() {
        let (url, login) =
            parse("http://elastic:p%40ss@es:9200", None).expect("this is an address");
        assert_eq!(url.as_str(), "http://es:9200/");
        let want = Login::Password {
            user: "elastic".to_owned(),
            password: "p@ss".to_owned(),
        };
        assert!(login == Some(want));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert!(parse("http://es", Some(true)).is_err());
        assert!(parse("https://es", Some(false)).is_err());
        assert!(parse("ftp://es", None).is_err());
        assert!(parse("", None).is_err());
    }
}
