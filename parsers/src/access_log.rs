//! Access logs of web servers: one line in, its typed fields out, borrowed.
//!
//! | function | format | who writes it |
//! |---|---|---|
//! | [`common`] | `%h %l %u %t "%r" %>s %b` | Apache's `common`, the log of NCSA httpd |
//! | [`combined`] | the same, `"%{Referer}i" "%{User-agent}i"` | Apache's and Nginx's `combined` |
//! | [`vhost_combined`] | `%v:%p`, then that of `combined` | Apache's `vhost_combined`, Debian's `other_vhosts_access.log` |
//! | [`nginx_timed`] | `$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_time` | Nginx with a format of one's own |
//!
//! The formats are those of Apache's mod_log_config and of Nginx's ngx_http_log_module. What a server had
//! nothing to say about is a `-` in the line and `None` here. A request that is no HTTP request, which
//! anyone may send, is kept as it stands.
//!
//! Servers escape quotes, backslashes and control bytes in what clients send. The fields are still
//! escaped, as they stand in the line; [`unescape`] gives back what the client sent.
//!
//! ```
//! use sawlog_parsers::access_log::combined;
//!
//! let line = br#"2001:db8::17 - alice [20/Nov/2026:16:46:09 +0000] "GET /cart?n=2 HTTP/1.1" 304 - "-" "curl/8.5.0""#;
//! let entry = combined(line).expect("a line of the combined format");
//! assert_eq!(entry.common.client, b"2001:db8::17");
//! assert_eq!(entry.common.user, Some(&b"alice"[..]));
//! assert_eq!(entry.common.requested_at, 1_795_193_169_000_000_000);
//! assert_eq!(entry.common.request.line.map(|line| line.target), Some(&b"/cart?n=2"[..]));
//! assert_eq!((entry.common.response_code, entry.common.bytes_sent), (Some(304), None));
//! assert_eq!((entry.referrer, entry.user_agent), (None, Some(&b"curl/8.5.0"[..])));
//! ```
//!
//! Formats that a user wrote are grok's; what a path or a browser means is not looked into here.

mod escapes;
mod fields;

pub use self::escapes::unescape;

use std::time::Duration;

use nom::character::complete::char;
use nom::combinator::map_opt;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use self::fields::{
    bytes_sent, client, closed_user, entry_end, host_and_port, quoted, response_code,
    response_time, stamp, word,
};

/// A line of the common log format.
///
/// ```
/// use sawlog_parsers::access_log::common;
///
/// let entry = common(br#"192.0.2.7 - jane [20/Nov/2026:16:46:09 +0000] "GET / HTTP/1.1" 200 5120"#).expect("a line");
/// assert_eq!((entry.client, entry.ident, entry.user), (&b"192.0.2.7"[..], None, Some(&b"jane"[..])));
/// assert_eq!(entry.requested_at, 1_795_193_169_000_000_000);
/// assert_eq!(entry.requested_at_text, b"20/Nov/2026:16:46:09 +0000");
/// assert_eq!((entry.response_code, entry.bytes_sent, entry.rest), (Some(200), Some(5120), &b""[..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Common<'a> {
    /// Who asked: an address of IPv4 or IPv6, or a host's name if the server looks names up; never with a port.
    pub client: &'a [u8],
    /// Who the client's machine says it is (RFC 1413); hardly any server asks.
    pub ident: Option<&'a [u8]>,
    /// As whom the client logged in; it may hold blanks.
    pub user: Option<&'a [u8]>,
    /// When the request came, in nanoseconds since 1970; the line has whole seconds.
    pub requested_at: i64,
    /// The same as it stands in the line, without brackets, with the server's offset.
    pub requested_at_text: &'a [u8],
    /// What was asked for.
    pub request: Request<'a>,
    /// The status of the response.
    pub response_code: Option<u16>,
    /// Bytes of the response's body. Apache's `%b` says `-` where Nginx says 0.
    pub bytes_sent: Option<u64>,
    /// What follows in the line behind a blank: nothing, unless the format says more than this one.
    pub rest: &'a [u8],
}

/// A line of the combined log format.
///
/// ```
/// use sawlog_parsers::access_log::combined;
///
/// let line = br#"192.0.2.7 - - [20/Nov/2026:16:46:09 +0000] "GET / HTTP/1.1" 200 17 "https://example.org/" "-" tls"#;
/// let entry = combined(line).expect("a line of a longer format");
/// assert_eq!(entry.common.response_code, Some(200));
/// assert_eq!((entry.referrer, entry.user_agent), (Some(&b"https://example.org/"[..]), None));
/// assert_eq!(entry.rest, b"tls");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Combined<'a> {
    /// The fields that the common format has too; its `rest` is all that follows them.
    pub common: Common<'a>,
    /// The page that led to the request, as the client says.
    pub referrer: Option<&'a [u8]>,
    /// The client's program, as it says.
    pub user_agent: Option<&'a [u8]>,
    /// What follows behind a blank: nothing, unless the format was made longer, as is often done.
    pub rest: &'a [u8],
}

/// A line of the combined log format behind the server that was asked.
///
/// ```
/// use sawlog_parsers::access_log::vhost_combined;
///
/// let line = br#"www.example.org:443 192.0.2.7 - - [20/Nov/2026:16:46:09 +0000] "GET / HTTP/1.1" 200 17 "-" "-""#;
/// let entry = vhost_combined(line).expect("a line of this format");
/// assert_eq!((entry.virtual_host, entry.port), (&b"www.example.org"[..], 443));
/// assert_eq!(entry.combined.common.client, b"192.0.2.7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VhostCombined<'a> {
    /// The name of the virtual host that served the request; an address of IPv6 has its brackets.
    pub virtual_host: &'a [u8],
    /// The port of that host.
    pub port: u16,
    /// The fields that the combined format has too.
    pub combined: Combined<'a>,
}

/// A line of Nginx that has the time the request took, and neither user nor browser.
///
/// ```
/// use std::time::Duration;
/// use sawlog_parsers::access_log::nginx_timed;
///
/// let line = br#"unix: [20/Nov/2026:16:46:09 +0000] "GET /health HTTP/1.1" 204 0 1.250"#;
/// let entry = nginx_timed(line).expect("a line of this format");
/// assert_eq!((entry.client, entry.requested_at), (&b"unix:"[..], 1_795_193_169_000_000_000));
/// assert_eq!((entry.response_code, entry.bytes_sent), (Some(204), Some(0)));
/// assert_eq!(entry.response_time, Some(Duration::from_millis(1250)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timed<'a> {
    /// Who asked: an address of IPv4 or IPv6, or `unix:` on a local socket.
    pub client: &'a [u8],
    /// When the request was answered, in nanoseconds since 1970; the line has whole seconds.
    pub requested_at: i64,
    /// The same as it stands in the line, without brackets, with the server's offset.
    pub requested_at_text: &'a [u8],
    /// What was asked for.
    pub request: Request<'a>,
    /// The status of the response.
    pub response_code: Option<u16>,
    /// Bytes of the response's body.
    pub bytes_sent: Option<u64>,
    /// From the first byte read to the last byte sent. The line has seconds with three decimals.
    pub response_time: Option<Duration>,
    /// What follows in the line behind a blank: nothing, unless the format says more than this one.
    pub rest: &'a [u8],
}

/// The request as the client sent it.
///
/// ```
/// use sawlog_parsers::access_log::{RequestLine, nginx_timed};
///
/// let line = br#"::1 [20/Nov/2026:16:46:09 +0000] "HEAD /health HTTP/1.0" 204 0 0.001"#;
/// let request = nginx_timed(line).expect("a line of this format").request;
/// let parts = RequestLine { method: b"HEAD", target: b"/health", version: Some(b"1.0") };
/// assert_eq!((request.raw, request.line), (&b"HEAD /health HTTP/1.0"[..], Some(parts)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// All of it, still escaped: `GET /index.html HTTP/1.1`, or whatever came instead.
    pub raw: &'a [u8],
    /// Its parts, if it is a request line: not if TLS came to a port without, if a target holds blanks, or
    /// if nothing came, which is `-` with Apache and empty with Nginx.
    pub line: Option<RequestLine<'a>>,
}

/// The parts of a request line (RFC 9112, section 3).
///
/// ```
/// use sawlog_parsers::access_log::common;
///
/// let entry = common(br#"192.0.2.7 - - [20/Nov/2026:16:46:09 +0000] "GET /old" 200 17"#).expect("a line");
/// let request = entry.request.line.expect("a request of HTTP 0.9");
/// assert_eq!((request.method, request.target, request.version), (&b"GET"[..], &b"/old"[..], None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// `GET`, `M-SEARCH`.
    pub method: &'a [u8],
    /// The path with its query; all of an address for a proxy; `*`; never empty and without blanks.
    pub target: &'a [u8],
    /// `1.1`, `2.0`, `2`; none came with the requests of HTTP 0.9.
    pub version: Option<&'a [u8]>,
}

/// Cuts a line of the common log format; `None` if it is no such line.
///
/// A line of a longer format that begins like this one is taken, and what is longer is `rest`. The line may
/// end with LF or CR LF.
///
/// ```
/// use sawlog_parsers::access_log::common;
///
/// let entry = common(br#"10.0.0.7 - - [20/Nov/2026:16:46:09 +0000] "\x16\x03\x01" 400 226"#).expect("a line");
/// assert_eq!(entry.request.raw, br"\x16\x03\x01");
/// assert_eq!(entry.request.line, None);
/// assert_eq!(common(b"no line of an access log"), None);
/// ```
pub fn common(line: &[u8]) -> Option<Common<'_>> {
    let (_, common) = common_entry(without_end(line)).ok()?;
    Some(common)
}

/// Cuts a line of the combined log format, Apache's or Nginx's; `None` if it is no such line.
///
/// A line of a longer format that begins like this one is taken, and what is longer is `rest`.
///
/// ```
/// use sawlog_parsers::access_log::{combined, unescape};
///
/// let line = br#"10.0.0.7 - - [20/Nov/2026:16:46:09 +0000] "GET / HTTP/2.0" 200 17 "-" "a \"b\" \x22c\x22" 0.003"#;
/// let entry = combined(line).expect("a line of a longer format");
/// let mut agent = Vec::new();
/// unescape(entry.user_agent.unwrap_or_default(), &mut agent);
/// assert_eq!(agent, br#"a "b" "c""#);
/// assert_eq!(entry.rest, b"0.003");
/// ```
pub fn combined(line: &[u8]) -> Option<Combined<'_>> {
    let (_, combined) = combined_entry(without_end(line)).ok()?;
    Some(combined)
}

/// Cuts a line of Apache's format `vhost_combined`; `None` if it is no such line.
///
/// A line of a longer format that begins like this one is taken, and what is longer is the `rest` of
/// [`VhostCombined::combined`]. As Debian configures it, the bytes sent are those of the headers too (`%O`).
///
/// ```
/// use sawlog_parsers::access_log::{combined, vhost_combined};
///
/// let line = br#"[2001:db8::1]:80 ::1 - - [20/Nov/2026:16:46:09 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8.5.0""#;
/// let entry = vhost_combined(line).expect("a line of this format");
/// assert_eq!((entry.virtual_host, entry.port), (&b"[2001:db8::1]"[..], 80));
/// assert_eq!(entry.combined.user_agent, Some(&b"curl/8.5.0"[..]));
/// assert_eq!(combined(line), None);
/// ```
pub fn vhost_combined(line: &[u8]) -> Option<VhostCombined<'_>> {
    let (_, entry) = vhost_entry(without_end(line)).ok()?;
    Some(entry)
}

/// Cuts a line of Nginx's format
/// `$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_time`; `None` if it is no such
/// line.
///
/// ```
/// use std::time::Duration;
/// use sawlog_parsers::access_log::nginx_timed;
///
/// let line = br#"192.0.2.7 [20/Nov/2026:16:46:09 +0000] "GET /cart HTTP/1.1" 200 20 0.003"#;
/// let entry = nginx_timed(line).expect("a line of this format");
/// assert_eq!(entry.bytes_sent, Some(20));
/// assert_eq!(entry.response_time, Some(Duration::from_millis(3)));
/// ```
pub fn nginx_timed(line: &[u8]) -> Option<Timed<'_>> {
    let (_, timed) = timed_entry(without_end(line)).ok()?;
    Some(timed)
}

/// What the line says, without LF or CR LF.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn common_entry(input: &[u8]) -> IResult<&[u8], Common<'_>> {
    let (input, client) = client(input)?;
    let (input, ident) = word(input)?;
    let (input, (user, stamp)) = closed_user(input)?;
    let (input, raw) = preceded(char(' '), quoted).parse(input)?;
    let (input, response_code) = preceded(char(' '), response_code).parse(input)?;
    let (input, bytes_sent) = preceded(char(' '), bytes_sent).parse(input)?;
    let (input, rest) = entry_end(input)?;
    let common = Common {
        client,
        ident: said(ident),
        user: said(user),
        requested_at: stamp.nanos,
        requested_at_text: stamp.text,
        request: fields::request(raw),
        response_code,
        bytes_sent,
        rest,
    };
    Ok((input, common))
}

fn combined_entry(input: &[u8]) -> IResult<&[u8], Combined<'_>> {
    let (input, common) = common_entry(input)?;
    let (rest, (referrer, user_agent)) =
        (terminated(quoted, char(' ')), quoted).parse(common.rest)?;
    let (_, rest) = entry_end(rest)?;
    let combined = Combined {
        common,
        referrer: said(referrer),
        user_agent: said(user_agent),
        rest,
    };
    Ok((input, combined))
}

fn vhost_entry(input: &[u8]) -> IResult<&[u8], VhostCombined<'_>> {
    let (input, (virtual_host, port)) = map_opt(word, host_and_port).parse(input)?;
    let (input, combined) = combined_entry(input)?;
    let entry = VhostCombined {
        virtual_host,
        port,
        combined,
    };
    Ok((input, entry))
}

fn timed_entry(input: &[u8]) -> IResult<&[u8], Timed<'_>> {
    let (input, client) = word(input)?;
    let (input, stamp) = stamp(input)?;
    let (input, raw) = preceded(char(' '), quoted).parse(input)?;
    let (input, response_code) = preceded(char(' '), response_code).parse(input)?;
    let (input, bytes_sent) = preceded(char(' '), bytes_sent).parse(input)?;
    let (input, response_time) = preceded(char(' '), response_time).parse(input)?;
    let (input, rest) = entry_end(input)?;
    let timed = Timed {
        client,
        requested_at: stamp.nanos,
        requested_at_text: stamp.text,
        request: fields::request(raw),
        response_code,
        bytes_sent,
        response_time,
        rest,
    };
    Ok((input, timed))
}

/// A dash says that there is nothing to say.
fn said(field: &[u8]) -> Option<&[u8]> {
    (field != b"-").then_some(field)
}

#[cfg(test)]
mod tests;
