//! How an expression is compiled, and what it captures: what the caller says, and what is told to the caller.

use super::Tier;

/// How an expression is compiled.
///
/// ```
/// use sawlog_parsers::grok::{CaptureMode, Grok, Options, Outcome, Patterns, STEPS_MAX, Slots};
///
/// let patterns = Patterns::legacy();
/// let options = Options { captures: CaptureMode::All, steps_max: STEPS_MAX / 10, ..Options::default() };
/// let grok = Grok::compile("%{INT} %{WORD:unit}", &patterns, options)?;
/// let fields: Vec<&str> = grok.captures().iter().map(|capture| capture.field.as_str()).collect();
/// assert_eq!(fields, ["INT", "unit"]);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which references capture.
    pub captures: CaptureMode,
    /// The budget of the backtracking machine for one line. It counts steps, not time, so that the same
    /// line has the same result everywhere. A step is one operation of the expression, or 16 bytes that one
    /// operation passes; some 10 ns.
    pub steps_max: u64,
    /// No better engine than this one, to compare the engines with each other: their results are the same,
    /// their times are not. An expression that the engine cannot take goes to the next one. It is for the tests of this
    /// library and may go.
    #[doc(hidden)]
    pub best_tier: Tier,
}

impl Default for Options {
    /// Named captures only, [`STEPS_MAX`], and the best engine that can take the expression.
    fn default() -> Self {
        Self {
            captures: CaptureMode::Named,
            steps_max: STEPS_MAX,
            best_tier: Tier::Scanner,
        }
    }
}

/// The usual budget in steps: some 50 to 130 ms on a slow core, and more than a thousand times what a line needs.
///
/// ```
/// use sawlog_parsers::grok::{Options, STEPS_MAX};
///
/// assert_eq!(Options::default().steps_max, STEPS_MAX);
/// ```
pub const STEPS_MAX: u64 = 5_000_000;

/// Which references capture; Logstash's option `named_captures_only`.
///
/// Groups with a name, `(?<name>...)`, capture in both cases.
///
/// ```
/// use sawlog_parsers::grok::{CaptureMode, Grok, Options, Patterns};
///
/// let count = |captures| {
///     let options = Options { captures, ..Options::default() };
///     Grok::compile("%{YEAR}-%{MONTHNUM:month}", &Patterns::legacy(), options).map(|grok| grok.captures().len())
/// };
/// assert_eq!((count(CaptureMode::Named)?, count(CaptureMode::All)?), (1, 2));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureMode {
    /// Those with a field: `%{WORD:verb}`, not `%{WORD}`.
    Named,
    /// All; `%{WORD}` is captured as `WORD`.
    All,
}

/// What an expression captures in one place.
///
/// Several captures may have the same field: in alternatives of which one takes part, or side by side, when their
/// values make a list in Logstash.
///
/// ```
/// use sawlog_parsers::grok::{Capture, Grok, Kind, Options, Patterns};
///
/// let grok = Grok::compile("%{IP:[source][ip]}(?: %{INT:port:int})?", &Patterns::legacy(), Options::default())?;
/// assert_eq!(grok.captures()[0], Capture { field: "[source][ip]".to_owned(), kind: Kind::Text });
/// assert_eq!(grok.captures()[1], Capture { field: "port".to_owned(), kind: Kind::Int });
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The field as written: `client` or `[source][ip]`.
    pub field: String,
    /// What its text is to become.
    pub kind: Kind,
}

/// The type that a captured text is to be converted to, by the caller: `%{NUMBER:took:float}` asks for
/// [`Kind::Float`].
///
/// `int` and `float` are Logstash's; `long`, `double` and `boolean` are Elasticsearch's. An unknown type is
/// [`Kind::Text`], with a warning, as in Logstash.
///
/// ```
/// use sawlog_parsers::grok::{Grok, Kind, Options, Patterns};
///
/// let grok = Grok::compile("%{INT:a:int} %{WORD:b:boolean} %{WORD:c:inet}", &Patterns::legacy(), Options::default())?;
/// let kinds: Vec<Kind> = grok.captures().iter().map(|capture| capture.kind).collect();
/// assert_eq!(kinds, [Kind::Int, Kind::Boolean, Kind::Text]);
/// assert!(grok.warnings()[0].starts_with("field c: unknown type inet"));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Stays as it is.
    Text,
    /// By [`parse_int`](super::parse_int).
    Int,
    /// By [`parse_float`](super::parse_float).
    Float,
    /// By [`parse_int`](super::parse_int); the name that other products have for it.
    Long,
    /// By [`parse_float`](super::parse_float); the name that other products have for it.
    Double,
    /// By [`parse_boolean`](super::parse_boolean).
    Boolean,
}
