//! Hand-written parsers of the basic patterns. A token stands in for a definition only where its end is
//! certain: because the definition allows one end alone, or because what follows begins with a byte that
//! the token cannot hold. A line on which that is not so gets `Unsure`, and another engine takes it.
//!
//! They are put together from nom's combinators. By hand are runs of bytes, numbers, addresses of version 4, the
//! usual date of access logs, and what is found by `memchr`: these run for most lines, several times for many.

mod address;
mod date;
mod text;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::CaptureMode;
use super::class::Class;
use super::first::First;
use super::parse;
use super::patterns::Patterns;
use super::tree::Node;

/// A pattern that has a parser here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// `closed`: no part of an address can follow it.
    Ip {
        closed: bool,
    },
    Ipv4,
    /// `colon`: a colon can follow it, as before a port.
    IpOrHost {
        colon: bool,
    },
    Hostname,
    HttpdUser,
    Number,
    /// An integer with its sign.
    Int,
    Word,
    /// `\b\d+\b`; `positive`: without leading zero.
    WholeNumber {
        positive: bool,
    },
    QuotedString,
    Month,
    Time,
    HttpDate,
    SyslogTimestamp,
    Iso8601,
    UriPath,
    UriPathParam,
}

/// What a token says of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// It ends there, and cannot end anywhere else.
    End(usize),
    /// It is not there.
    Fail,
    /// It is not there, which was seen at this place only: looking so far has its price.
    FailAt(usize),
    /// Not for a token to say.
    Unsure,
}

/// A byte that a token has near its start, for searches: from the start to it are so many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sign {
    pub byte: u8,
    pub nearest: usize,
    pub furthest: usize,
}

/// What nom's parsers give back here; the kind of a fault is of no use.
type Parsed<'a, T> = nom::IResult<&'a [u8], T, ()>;

/// Where the match of a parser from a place on ends.
#[inline]
fn end_of<'a, T>(
    line: &'a [u8],
    at: usize,
    mut parser: impl nom::Parser<&'a [u8], Output = T, Error = ()>,
) -> Option<usize> {
    let (rest, _) = parser.parse(line.get(at..)?).ok()?;
    Some(line.len() - rest.len())
}

/// A parser of a token: a line and a place in.
pub(super) type Parser = fn(&[u8], usize) -> Scan;

impl From<Option<usize>> for Scan {
    #[inline]
    fn from(end: Option<usize>) -> Self {
        end.map_or(Scan::Fail, Scan::End)
    }
}

impl Token {
    /// The token for a definition in force, if it is the built-in one and what follows lets it be certain.
    pub fn known(name: &str, body: &Node, follow: &First) -> Option<Self> {
        let ends_before =
            |bytes: &[(u8, u8)]| First::of_class(&Class::ascii(bytes)).is_disjoint(follow);
        let letters = [(b'0', b'9'), (b'A', b'Z'), (b'a', b'z'), (b'-', b'.')];
        let token = match name {
            "IP" => {
                let zone = [(b'%', b'%'), (b'_', b'_'), (b'~', b'~'), (b':', b':')];
                Token::Ip {
                    closed: ends_before(&letters) && ends_before(&zone),
                }
            }
            "IPV4" => Token::Ipv4,
            "IPORHOST" if ends_before(&letters) => {
                let zone = [(b'%', b'%'), (b'_', b'_'), (b'~', b'~')];
                Token::IpOrHost {
                    colon: !ends_before(&[(b':', b':')]) || !ends_before(&zone),
                }
            }
            "HOSTNAME" if ends_before(&letters) => Token::Hostname,
            "HTTPDUSER" if ends_before(&letters) && ends_before(&[(b'_', b'_'), (b'@', b'@')]) => {
                Token::HttpdUser
            }
            "BASE10NUM" => Token::Number,
            "INT" if ends_before(&[(b'0', b'9')]) => Token::Int,
            "WORD" => Token::Word,
            "POSINT" => Token::WholeNumber { positive: true },
            "NONNEGINT" => Token::WholeNumber { positive: false },
            "QUOTEDSTRING" => Token::QuotedString,
            "MONTH" => Token::Month,
            "TIME" if ends_before(&[(b'0', b':'), (b',', b','), (b'.', b'.')]) => Token::Time,
            "SYSLOGTIMESTAMP" if ends_before(&[(b'0', b':'), (b',', b','), (b'.', b'.')]) => {
                Token::SyslogTimestamp
            }
            "HTTPDATE" if ends_before(&[(b'0', b'9')]) => Token::HttpDate,
            "TIMESTAMP_ISO8601" if ends_before(&[(b'0', b':'), (b'+', b'.'), (b'Z', b'Z')]) => {
                Token::Iso8601
            }
            "URIPATH" if ends_before(&text::path_bytes()) => Token::UriPath,
            "URIPATHPARAM" if ends_before(&text::param_bytes()) => Token::UriPathParam,
            _ => return None,
        };
        (built_in().get(name) == Some(body)).then_some(token)
    }

    /// Whether a definition in force is a built-in one that has a parser, whatever follows it.
    pub fn is_name(name: &str, body: &Node) -> bool {
        built_in().get(name) == Some(body)
    }

    /// The byte that tells where it may be, where lines have few of them.
    pub fn sign(self) -> Option<Sign> {
        let (byte, nearest, furthest) = match self {
            // Behind a year of two or four digits.
            Token::Iso8601 => (b'-', 2, 4),
            // Behind a day, and behind an hour.
            Token::HttpDate => (b'/', 1, 2),
            Token::Time => (b':', 1, 2),
            Token::Ip { .. }
            | Token::Ipv4
            | Token::IpOrHost { .. }
            | Token::Hostname
            | Token::HttpdUser
            | Token::Number
            | Token::Int
            | Token::Word
            | Token::WholeNumber { .. }
            | Token::QuotedString
            | Token::Month
            | Token::SyslogTimestamp
            | Token::UriPath
            | Token::UriPathParam => return None,
        };
        Some(Sign {
            byte,
            nearest,
            furthest,
        })
    }

    /// A quick look at a few bytes, for searches: whether it is worth trying. It may say yes too often; the
    /// first byte is known to fit.
    #[inline]
    pub fn can_start(self, line: &[u8], at: usize) -> bool {
        match self {
            Token::Ip { .. } => address::ip_can_start(line, at),
            Token::Hostname
            | Token::Word
            | Token::WholeNumber { .. }
            | Token::Month
            | Token::SyslogTimestamp => text::starts_word(line, at),
            Token::Iso8601 => {
                let is_dash = |place: usize| line.get(at + place) == Some(&b'-');
                is_dash(4) && (is_dash(7) || is_dash(6)) || is_dash(2) && (is_dash(5) || is_dash(4))
            }
            Token::HttpDate => [1, 2]
                .into_iter()
                .any(|day| line.get(at + day) == Some(&b'/')),
            Token::Time => [1, 2]
                .into_iter()
                .any(|hour| line.get(at + hour) == Some(&b':')),
            Token::Ipv4
            | Token::IpOrHost { .. }
            | Token::HttpdUser
            | Token::Number
            | Token::Int
            | Token::QuotedString
            | Token::UriPath
            | Token::UriPathParam => true,
        }
    }

    /// The function that parses the token at a place of a line.
    pub fn parser(self) -> Parser {
        match self {
            Token::Ip { closed: true } => |line, at| address::ip(line, at, true),
            Token::Ip { closed: false } => |line, at| address::ip(line, at, false),
            Token::Ipv4 => |line, at| address::ipv4(line, at).into(),
            Token::IpOrHost { colon: true } => |line, at| address::ip_or_host(line, at, true),
            Token::IpOrHost { colon: false } => |line, at| address::ip_or_host(line, at, false),
            Token::Hostname => address::hostname,
            Token::HttpdUser => address::httpd_user,
            Token::Number => |line, at| text::number(line, at).into(),
            Token::Int => |line, at| end_of(line, at, text::int).into(),
            Token::Word => |line, at| text::word(line, at).into(),
            Token::WholeNumber { positive: true } => |line, at| text::positive(line, at).into(),
            Token::WholeNumber { positive: false } => {
                |line, at| text::whole_number(line, at).into()
            }
            Token::QuotedString => text::quoted_string,
            Token::Month => date::month,
            Token::Time => |line, at| end_of(line, at, date::time).into(),
            Token::HttpDate => date::http_date,
            Token::SyslogTimestamp => date::syslog_timestamp,
            Token::Iso8601 => date::iso8601,
            Token::UriPath => |line, at| text::uri_path(line, at).into(),
            Token::UriPathParam => |line, at| text::uri_path_param(line, at).into(),
        }
    }
}

/// The built-in definitions that have a parser here, as trees to compare with.
fn built_in() -> &'static HashMap<&'static str, Node> {
    const NAMES: [&str; 18] = [
        "IP",
        "IPV4",
        "IPORHOST",
        "HOSTNAME",
        "HTTPDUSER",
        "BASE10NUM",
        "INT",
        "WORD",
        "POSINT",
        "NONNEGINT",
        "QUOTEDSTRING",
        "MONTH",
        "TIME",
        "SYSLOGTIMESTAMP",
        "HTTPDATE",
        "TIMESTAMP_ISO8601",
        "URIPATH",
        "URIPATHPARAM",
    ];
    static TREES: OnceLock<HashMap<&'static str, Node>> = OnceLock::new();
    TREES.get_or_init(|| {
        let patterns = Patterns::legacy();
        NAMES
            .into_iter()
            .filter_map(|name| Some((name, definition(name, &patterns)?)))
            .collect()
    })
}

fn definition(name: &str, patterns: &Patterns) -> Option<Node> {
    let parsed = parse::parse(&format!("%{{{name}}}"), patterns, CaptureMode::Named).ok()?;
    match parsed.tree {
        Node::Named { body, .. } => Some(*body),
        _ => None,
    }
}
