//! What a match sets: the fields of a mapping gathered by their names. Parsed fields in, targets out; no line is seen
//! here.

use crate::error::Error;

use super::mapping::{Field, Kind};

/// A field that a match gives.
///
/// ```
/// use sawlog_parsers::dissect::{Dissect, Naming};
///
/// let dissect = Dissect::compile("%{host} %{+tags}, %{+tags}")?;
/// let [host, tags] = dissect.targets() else { panic!("two targets") };
/// assert_eq!((host.name(), host.naming(), host.joint()), ("host", Naming::Fixed, None));
/// assert_eq!((tags.name(), tags.joint()), ("tags", Some(&b" "[..])));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) name: Box<str>,
    pub(super) source: Source,
    pub(super) parts: Vec<Part>,
    /// No plain field begins it.
    only_appended: bool,
}

impl Target {
    /// The name in the mapping, without prefix and suffix. What it means is told by [`Target::naming`].
    ///
    /// ```
    /// use sawlog_parsers::dissect::Dissect;
    ///
    /// let dissect = Dissect::compile("%{host->} %{+[log][level]}")?;
    /// let names: Vec<_> = dissect.targets().iter().map(|target| target.name()).collect();
    /// assert_eq!(names, ["host", "[log][level]"]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the field's name comes from.
    ///
    /// ```
    /// use sawlog_parsers::dissect::{Dissect, Naming};
    ///
    /// let dissect = Dissect::compile("%{?unit}=%{&unit}")?;
    /// assert_eq!(dissect.targets()[0].naming(), Naming::OfLine);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn naming(&self) -> Naming {
        match self.source {
            Source::Mapping => Naming::Fixed,
            Source::Line(_) => Naming::OfLine,
            Source::Event => Naming::OfField,
        }
    }

    /// For a field that the mapping only appends to (`%{+name}` without a `%{name}`): the text that stands between the
    /// value which the event has already, if it has one, and the new one. Else `None`: the value replaces what is there.
    ///
    /// ```
    /// use sawlog_parsers::dissect::Dissect;
    ///
    /// let dissect = Dissect::compile("%{host} %{+tags}")?;
    /// let joints: Vec<_> = dissect.targets().iter().map(|target| target.joint()).collect();
    /// assert_eq!(joints, [None, Some(&b" "[..])]);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn joint(&self) -> Option<&[u8]> {
        let first = self.parts.first()?;
        self.only_appended.then_some(&*first.joint)
    }
}

/// Where a field's name comes from.
///
/// ```
/// use sawlog_parsers::dissect::{Dissect, Naming};
///
/// let dissect = Dissect::compile("%{host} %{?unit}=%{&unit} %{&kind}")?;
/// let namings: Vec<_> = dissect.targets().iter().map(|target| target.naming()).collect();
/// assert_eq!(namings, [Naming::Fixed, Naming::OfLine, Naming::OfField]);
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The name stands in the mapping.
    Fixed,
    /// The name is a value that the mapping cuts from the line.
    OfLine,
    /// The name is the value of a field that the event must have already.
    OfField,
}

/// Where a field's name comes from, with what it takes to find it.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Mapping,
    Line(Vec<Part>),
    Event,
}

/// One value of a target.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Which value of the line.
    pub index: usize,
    /// What stands before it when something does.
    pub joint: Box<[u8]>,
}

impl Part {
    fn new(index: usize, field: &Field<'_>) -> Self {
        // Without a delimiter before it a blank joins, as the filter's documentation says.
        let joint = match field.before {
            "" => " ",
            before => before,
        };
        Self {
            index,
            joint: joint.as_bytes().into(),
        }
    }
}

/// The targets of a mapping's fields.
pub(super) fn of(fields: &[Field<'_>], mapping: &str) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    add_plain(fields, &mut targets);
    add_appended(fields, &mut targets);
    let named = targets.len();
    for (index, field) in fields.iter().enumerate() {
        if field.kind == Kind::Naming {
            needs_its_value(field, fields)
                .map_err(|error| error.at_offset(mapping, field.offset))?;
        }
        if field.kind == Kind::Indirect {
            let source = naming_parts(field.name, fields, targets.get(..named).unwrap_or_default());
            targets.push(Target {
                name: field.name.into(),
                source: source.map_or(Source::Event, Source::Line),
                parts: vec![Part::new(index, field)],
                only_appended: false,
            });
        }
    }
    Ok(targets)
}

fn add_plain(fields: &[Field<'_>], targets: &mut Vec<Target>) {
    for (index, field) in fields.iter().enumerate() {
        if field.kind != Kind::Plain {
            continue;
        }
        let parts = vec![Part::new(index, field)];
        match targets
            .iter_mut()
            .find(|target| &*target.name == field.name)
        {
            Some(target) => target.parts = parts,
            None => targets.push(Target {
                name: field.name.into(),
                source: Source::Mapping,
                parts,
                only_appended: false,
            }),
        }
    }
}

fn add_appended(fields: &[Field<'_>], targets: &mut Vec<Target>) {
    let mut appended: Vec<_> = fields
        .iter()
        .enumerate()
        .filter_map(|(index, field)| match field.kind {
            Kind::Append(order) => Some((order, index, field)),
            Kind::Plain | Kind::Skip | Kind::Naming | Kind::Indirect => None,
        })
        .collect();
    // The sort is stable: equal orders keep the order of the mapping.
    appended.sort_by_key(|(order, _, _)| *order);
    for (_, index, field) in appended {
        let part = Part::new(index, field);
        match targets
            .iter_mut()
            .find(|target| &*target.name == field.name)
        {
            Some(target) => target.parts.push(part),
            None => targets.push(Target {
                name: field.name.into(),
                source: Source::Mapping,
                parts: vec![part],
                only_appended: true,
            }),
        }
    }
}

/// `%{*name}` alone would be a value lost.
fn needs_its_value(naming: &Field<'_>, fields: &[Field<'_>]) -> Result<(), Error> {
    let name = naming.name;
    let is_value = |field: &Field<'_>| field.kind == Kind::Indirect && field.name == name;
    if fields.iter().any(is_value) {
        return Ok(());
    }
    Err(Error::new(format!(
        "%{{*{name}}} names a field and %{{&{name}}}, its value, is missing; write %{{?{name}}} to skip it"
    )))
}

/// The values that make a name: those of a field, joined, else the first one skipped under that name.
fn naming_parts(name: &str, fields: &[Field<'_>], named: &[Target]) -> Option<Vec<Part>> {
    if let Some(target) = named.iter().find(|target| &*target.name == name) {
        return Some(target.parts.clone());
    }
    let skipped =
        |field: &Field<'_>| matches!(field.kind, Kind::Skip | Kind::Naming) && field.name == name;
    let index = fields.iter().position(skipped)?;
    Some(vec![Part::new(index, fields.get(index)?)])
}
