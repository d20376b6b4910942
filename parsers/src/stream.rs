//! Which of a container's streams a text is of; every format of containers' logs names it.

/// A container's stream.
///
/// ```
/// use sawlog_parsers::Stream;
/// use sawlog_parsers::docker_json::parse;
///
/// let record = parse(br#"{"log":"x\n","stream":"stderr","time":"2026-11-20T16:46:09Z"}"#).expect("a record");
/// assert_eq!((record.stream, record.stream.as_str()), (Stream::Stderr, "stderr"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// What the API shows of a terminal's input.
    Stdin,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// `stdin`, `stdout` or `stderr`.
    ///
    /// ```
    /// assert_eq!(sawlog_parsers::Stream::Stdout.as_str(), "stdout");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Stdin => "stdin",
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }

    pub(crate) fn named(name: &[u8]) -> Option<Stream> {
        match name {
            b"stdin" => Some(Stream::Stdin),
            b"stdout" => Some(Stream::Stdout),
            b"stderr" => Some(Stream::Stderr),
            _ => None,
        }
    }
}
