//! What a match found: the fields of a line with their names and values, borrowed from the line where they lie in it as
//! they are.

use std::borrow::Cow;

use super::target::{Part, Source};
use super::{Cuts, Dissect, Target};

/// A line that has all delimiters.
///
/// ```
/// use sawlog_parsers::dissect::{Cuts, Dissect};
///
/// let dissect = Dissect::compile("%{host} %{?pid}: %{text}")?;
/// let mut cuts = Cuts::new();
/// let found = dissect.parse(b"web-17 4711: ready", &mut cuts).expect("all delimiters are there");
/// let values: Vec<_> = found.fields().map(|field| field.value()).collect();
/// assert_eq!(values, [&b"web-17"[..], b"ready"]);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Match<'m, 'l> {
    pub(super) dissect: &'m Dissect,
    pub(super) line: &'l [u8],
    pub(super) cuts: &'m Cuts,
}

impl<'m, 'l> Match<'m, 'l> {
    /// The fields in the order of [`Dissect::targets`]; one whose name would be empty is left out.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Cuts, Dissect};
    ///
    /// let dissect = Dissect::compile("%{host} %{?pid}: %{text}")?;
    /// let mut cuts = Cuts::new();
    /// let found = dissect.parse(b"web-17 4711: ready", &mut cuts).expect("all delimiters are there");
    /// let values: Vec<_> = found.fields().map(|field| field.value()).collect();
    /// assert_eq!(values, [&b"web-17"[..], b"ready"]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn fields(&self) -> impl Iterator<Item = Field<'m, 'l>> + use<'m, 'l> {
        let found = *self;
        let numbered = found.dissect.targets.iter().enumerate();
        let fields = numbered.map(move |(index, target)| Field {
            found,
            index,
            target,
        });
        fields.filter(move |field| !found.is_nameless(field.target))
    }

    /// Joined values have text between them, so that only a single one can be empty.
    fn is_nameless(&self, target: &Target) -> bool {
        match &target.source {
            Source::Line(parts) => match parts.as_slice() {
                [part] => self.value(part.index).is_empty(),
                _ => false,
            },
            Source::Mapping | Source::Event => false,
        }
    }

    fn value(&self, index: usize) -> &'l [u8] {
        let range = self.cuts.values.get(index).cloned();
        range
            .and_then(|range| self.line.get(range))
            .unwrap_or_default()
    }

    fn joined(&self, parts: &[Part]) -> Cow<'l, [u8]> {
        match self.slice(parts) {
            Some(slice) => Cow::Borrowed(slice),
            None => {
                let mut joined = Vec::new();
                self.write(parts, &mut joined);
                Cow::Owned(joined)
            }
        }
    }

    /// The parts as one piece of the line, if they lie in it just as they are to be joined.
    fn slice(&self, parts: &[Part]) -> Option<&'l [u8]> {
        let mut whole = self.cuts.values.get(parts.first()?.index)?.clone();
        for part in parts.iter().skip(1) {
            let next = self.cuts.values.get(part.index)?;
            let between = self.line.get(whole.end..next.start)?;
            if between != &*part.joint {
                return None;
            }
            whole.end = next.end;
        }
        self.line.get(whole)
    }

    fn write(&self, parts: &[Part], out: &mut Vec<u8>) {
        for (number, part) in parts.iter().enumerate() {
            if number != 0 {
                out.extend_from_slice(&part.joint);
            }
            out.extend_from_slice(self.value(part.index));
        }
    }
}

/// One field of a match.
///
/// ```
/// use sawlog_parsers::dissect::{Cuts, Dissect, Name, Naming};
///
/// let dissect = Dissect::compile("%{host} %{?unit}=%{&unit}")?;
/// let mut cuts = Cuts::new();
/// let found = dissect.parse(b"web-17 disk=93", &mut cuts).expect("all delimiters are there");
/// let field = found.fields().nth(1).expect("the second field");
/// assert_eq!((field.index(), field.target().naming()), (1, Naming::OfLine));
/// assert_eq!(field.name(), Name::OfLine(b"disk".as_slice().into()));
/// assert_eq!(field.value(), b"93".as_slice());
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Field<'m, 'l> {
    found: Match<'m, 'l>,
    index: usize,
    target: &'m Target,
}

impl<'m, 'l> Field<'m, 'l> {
    /// Which of [`Dissect::targets`] it is.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Cuts, Dissect};
    ///
    /// let dissect = Dissect::compile("%{?a}=%{&a} %{?b}=%{&b}")?;
    /// let mut cuts = Cuts::new();
    /// let found = dissect.parse(b"=4 disk=93", &mut cuts).expect("all delimiters are there");
    /// // The first target has no name on this line.
    /// let field = found.fields().next().expect("a field");
    /// assert_eq!(field.index(), 1);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn index(&self) -> usize {
        self.index
    }

    /// What is known of it from the mapping.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Cuts, Dissect};
    ///
    /// let dissect = Dissect::compile("%{host} %{text}")?;
    /// let mut cuts = Cuts::new();
    /// let found = dissect.parse(b"web-17 ready", &mut cuts).expect("all delimiters are there");
    /// let field = found.fields().next().expect("a field");
    /// assert_eq!(field.target().name(), "host");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn target(&self) -> &'m Target {
        self.target
    }

    /// The name to set.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Cuts, Dissect, Name};
    ///
    /// let dissect = Dissect::compile("%{?unit}=%{&unit}")?;
    /// let mut cuts = Cuts::new();
    /// let found = dissect.parse(b"disk=93", &mut cuts).expect("all delimiters are there");
    /// let field = found.fields().next().expect("a field");
    /// assert_eq!(field.name(), Name::OfLine(b"disk".as_slice().into()));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn name(&self) -> Name<'m, 'l> {
        match &self.target.source {
            Source::Mapping => Name::Fixed(&self.target.name),
            Source::Event => Name::OfField(&self.target.name),
            Source::Line(parts) => Name::OfLine(self.found.joined(parts)),
        }
    }

    /// The text. It is a slice of the line, unless parts were appended that do not lie side by side in it.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Cuts, Dissect};
    ///
    /// let dissect = Dissect::compile("%{+text}: %{+text}")?;
    /// let mut cuts = Cuts::new();
    /// let found = dissect.parse(b"disk: full", &mut cuts).expect("all delimiters are there");
    /// let field = found.fields().next().expect("a field");
    /// assert_eq!(field.value(), b"disk: full".as_slice());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn value(&self) -> Cow<'l, [u8]> {
        self.found.joined(&self.target.parts)
    }

    /// Appends the text to a buffer, for callers that collect values and want no allocation for joined ones.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Cuts, Dissect};
    ///
    /// let dissect = Dissect::compile("%{when} %{host} %{+when}")?;
    /// let mut cuts = Cuts::new();
    /// let found = dissect.parse(b"20.11. web-17 16:46", &mut cuts).expect("all delimiters are there");
    /// let mut when = Vec::new();
    /// found.fields().next().expect("two fields").write_value(&mut when);
    /// assert_eq!(when, b"20.11. 16:46");
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn write_value(&self, out: &mut Vec<u8>) {
        self.found.write(&self.target.parts, out);
    }
}

/// The name of a field.
///
/// ```
/// use sawlog_parsers::dissect::{Cuts, Dissect, Name};
///
/// let mut cuts = Cuts::new();
/// for (mapping, want) in [
///     ("%{[disk][used]} %{}", Name::Fixed("[disk][used]")),
///     ("%{&key} %{}", Name::OfField("key")),
///     ("%{&key} %{?key}", Name::OfLine(b"percent".as_slice().into())),
/// ] {
///     let dissect = Dissect::compile(mapping)?;
///     let found = dissect.parse(b"93 percent", &mut cuts).expect("it has its delimiter");
///     assert_eq!(found.fields().next().map(|field| field.name()), Some(want));
/// }
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name<'m, 'l> {
    /// It stands in the mapping: `client` or `[source][ip]`.
    Fixed(&'m str),
    /// It stands in the line; never empty.
    OfLine(Cow<'l, [u8]>),
    /// It is the value of this field, which the mapping does not cut: the event may have it already. If it has not,
    /// nothing is to be set.
    OfField(&'m str),
}
