//! `types.db`, collectd's list of data sets: text in, the names and kinds of their values out.
//!
//! A line is `if_octets rx:DERIVE:0:U, tx:DERIVE:0:U`: the data set, then its data sources, each a name,
//! a kind, the smallest and the largest value, `U` for none. Blank lines and those that begin with `#`
//! say nothing (types.db(5)). Reading the file is the caller's.

use std::collections::HashMap;

use nom::bytes::complete::take_till1;
use nom::character::complete::char;
use nom::combinator::{rest, verify};
use nom::error::Error as Failure;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::Kind;
use crate::error::{Error, Place};

/// Bytes of a file: collectd's own has 16 KiB, so a file far beyond is another one.
const FILE_BYTES_MAX: usize = 4 << 20;

/// Data sources of a data set: a part's length has 16 bits and a value takes nine bytes, so no packet can
/// hold more values.
const SOURCES_MAX: usize = (65_535 - 6) / 9;

/// What the values of a data set are.
///
/// ```
/// use sawlog_parsers::collectd::{DataSource, Kind, TypesDb};
///
/// let mut types = TypesDb::new();
/// types.add_file("types.db", b"if_errors rx:DERIVE:0:U, tx:DERIVE:0:U")?;
/// let want = DataSource { name: "rx".to_owned(), kind: Kind::Derive, min: Some(0.0), max: None };
/// assert_eq!(types.sources(b"if_errors").and_then(|sources| sources.first()), Some(&want));
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DataSource {
    /// The name of the value: `rx`.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// The smallest value that makes sense; `None` if any does. For all kinds but gauges it is that of
    /// the rate per second.
    pub min: Option<f64>,
    /// The largest value that makes sense, as `min`.
    pub max: Option<f64>,
}

/// The name of a data set and what its values are.
type Set = (Vec<u8>, Vec<DataSource>);

/// The data sets of one or several files.
///
/// ```
/// use sawlog_parsers::collectd::TypesDb;
///
/// let mut types = TypesDb::new();
/// types.add_file("types.db", b"# own types\nload  shortterm:GAUGE:0:5000, midterm:GAUGE:0:5000\n")?;
/// let names: Vec<_> = types.sources(b"load").unwrap_or_default().iter().map(|source| &source.name).collect();
/// assert_eq!(names, ["shortterm", "midterm"]);
///
/// let error = types.add_file("types.db", b"load value:GUAGE:0:U").expect_err("no such kind");
/// assert_eq!(
///     error.to_string(),
///     "types.db:1:12: unknown kind GUAGE of a data source; write ABSOLUTE, COUNTER, DERIVE or GAUGE"
/// );
/// # Ok::<(), sawlog_parsers::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TypesDb {
    sets: HashMap<Vec<u8>, Vec<DataSource>>,
}

impl TypesDb {
    /// No data sets at all.
    ///
    /// ```
    /// use sawlog_parsers::collectd::TypesDb;
    ///
    /// let types = TypesDb::new();
    /// assert_eq!((types.len(), types.is_empty()), (0, true));
    /// ```
    pub fn new() -> TypesDb {
        TypesDb::default()
    }

    /// Adds the data sets of a file; the name of the file is for messages alone. A data set that is
    /// there already is replaced, as collectd and Logstash do it.
    ///
    /// # Errors
    ///
    /// The first line that is none of types.db, with its place; then nothing of the file was added.
    ///
    /// ```
    /// use sawlog_parsers::collectd::TypesDb;
    ///
    /// let mut types = TypesDb::new();
    /// types.add_file("types.db", b"load value:GAUGE:0:U\nusers value:GAUGE:0:65535\n")?;
    /// let error = types.add_file("own.db", b"queue value:GAUGE:0:U\nusers").expect_err("a set without sources");
    /// assert_eq!((error.file(), error.line()), (Some("own.db"), Some(2)));
    /// assert_eq!((types.len(), types.sources(b"queue")), (2, None));
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn add_file(&mut self, file: &str, text: &[u8]) -> Result<(), Error> {
        let mut place = Place {
            file: Some(file.into()),
            line: None,
            characters_before: 0,
        };
        if FILE_BYTES_MAX < text.len() {
            let message = format!("more than {FILE_BYTES_MAX} bytes; this is no types.db");
            place.line = Some(1);
            return Err(Error::new(message).at_place(&place));
        }
        let mut sets = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            place.line = Some(index + 1);
            let set = std::str::from_utf8(line)
                .map_err(|_| Error::new("the line is not UTF-8; save the file in UTF-8"))
                .and_then(data_set)
                .map_err(|error| error.at_place(&place))?;
            sets.extend(set);
        }
        self.sets.extend(sets);
        Ok(())
    }

    /// The data sources of a data set; `None` if no file has it.
    ///
    /// ```
    /// use sawlog_parsers::collectd::{Kind, TypesDb};
    ///
    /// let mut types = TypesDb::new();
    /// types.add_file("types.db", b"percent value:GAUGE:0:100.1")?;
    /// let source = &types.sources(b"percent").expect("it was just added")[0];
    /// assert_eq!((source.kind, source.min, source.max), (Kind::Gauge, Some(0.0), Some(100.1)));
    /// assert_eq!(types.sources(b"load"), None);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn sources(&self, type_name: &[u8]) -> Option<&[DataSource]> {
        self.sets.get(type_name).map(Vec::as_slice)
    }

    /// How many data sets there are.
    ///
    /// ```
    /// use sawlog_parsers::collectd::TypesDb;
    ///
    /// let mut types = TypesDb::new();
    /// types.add_file("types.db", b"load value:GAUGE:0:U\nusers value:GAUGE:0:65535\n")?;
    /// assert_eq!(types.len(), 2);
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there are no data sets.
    ///
    /// ```
    /// use sawlog_parsers::collectd::TypesDb;
    ///
    /// let mut types = TypesDb::new();
    /// assert!(types.is_empty());
    /// types.add_file("types.db", b"load value:GAUGE:0:U\n")?;
    /// assert!(!types.is_empty());
    /// # Ok::<(), sawlog_parsers::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

/// One line; `None` if it says nothing.
fn data_set(line: &str) -> Result<Option<Set>, Error> {
    let mut fields = fields(line);
    let Some((_, name)) = fields.next() else {
        return Ok(None);
    };
    if name.starts_with('#') {
        return Ok(None);
    }
    let mut sources: Vec<DataSource> = Vec::new();
    for (offset, field) in fields {
        let source = data_source(field)
            .map_err(|(within, message)| Error::new(message).at_offset(line, offset + within))?;
        if sources.iter().any(|other| other.name == source.name) {
            let message = format!(
                "the data source {} is there already; names differ within a data set",
                source.name
            );
            return Err(Error::new(message).at_offset(line, offset));
        }
        if sources.len() == SOURCES_MAX {
            let message = format!("more than {SOURCES_MAX} data sources, which fit in no packet");
            return Err(Error::new(message).at_offset(line, offset));
        }
        sources.push(source);
    }
    if sources.is_empty() {
        let message =
            format!("the data set {name} has no data sources; write {name} value:GAUGE:U:U");
        return Err(Error::new(message).at_offset(line, line.len()));
    }
    Ok(Some((name.as_bytes().to_vec(), sources)))
}

/// What stands between blanks and commas, and where it begins.
fn fields(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let separates = |sign: char| sign.is_ascii_whitespace() || sign == ',';
    let mut offset = 0;
    let pieces = line.split(separates).map(move |piece| {
        let begin = offset;
        offset += piece.len() + 1;
        (begin, piece)
    });
    pieces.filter(|(_, piece)| !piece.is_empty())
}

/// `rx:DERIVE:0:U`; what is wrong comes with the place in the text.
fn data_source(text: &str) -> Result<DataSource, (usize, String)> {
    let (_, (name, kind, min, max)) = data_source_fields(text).map_err(|_| {
        let message = format!(
            "{text} is no data source; write NAME:KIND:MIN:MAX, for instance value:GAUGE:0:U"
        );
        (0, message)
    })?;
    let offset_of = |field: &str| field.as_ptr() as usize - text.as_ptr() as usize;
    let bound = |field: &str| {
        bound(field).ok_or_else(|| {
            let message =
                format!("{field} is no bound of a data source; write a number, or U for none");
            (offset_of(field), message)
        })
    };
    let kind_of = |field: &str| {
        kind_named(field).ok_or_else(|| {
            let message = format!(
                "unknown kind {field} of a data source; write ABSOLUTE, COUNTER, DERIVE or GAUGE"
            );
            (offset_of(field), message)
        })
    };
    Ok(DataSource {
        name: name.to_owned(),
        kind: kind_of(kind)?,
        min: bound(min)?,
        max: bound(max)?,
    })
}

/// Four texts between colons. A fifth would stand in the last one, where it is no bound.
fn data_source_fields(text: &str) -> IResult<&str, (&str, &str, &str, &str)> {
    let field = || take_till1::<_, &str, Failure<&str>>(|sign| sign == ':');
    (
        field(),
        preceded(char(':'), field()),
        preceded(char(':'), field()),
        preceded(char(':'), verify(rest, |text: &str| !text.is_empty())),
    )
        .parse(text)
}

fn kind_named(name: &str) -> Option<Kind> {
    let kinds = [Kind::Absolute, Kind::Counter, Kind::Derive, Kind::Gauge];
    kinds
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(name))
}

/// A number or `U`; the inner `None` is no bound.
fn bound(text: &str) -> Option<Option<f64>> {
    if text == "U" {
        return Some(None);
    }
    let number: f64 = text.parse().ok()?;
    (!number.is_nan()).then_some(Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(line: &str) -> Vec<(String, Kind, Option<f64>, Option<f64>)> {
        let mut types = TypesDb::new();
        types.add_file("t", line.as_bytes()).expect("a good line");
        let sources = types.sources(b"x").expect("the line defines x");
        sources
            .iter()
            .map(|one| (one.name.clone(), one.kind, one.min, one.max))
            .collect()
    }

    #[track_caller]
    fn check_refused(text: &str, message: &str) {
        let error = TypesDb::new()
            .add_file("t", text.as_bytes())
            .expect_err("a faulty line");
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn a_single_source_has_its_bounds() {
        assert_eq!(
            sources("x value:GAUGE:-1.5:U"),
            [("value".into(), Kind::Gauge, Some(-1.5), None)]
        );
    }

    #[test]
    fn blanks_tabs_and_commas_separate_sources() {
        let want = [
            ("a".to_owned(), Kind::Counter, None, None),
            ("b".to_owned(), Kind::Derive, Some(0.0), Some(5000.0)),
            (
                "c".to_owned(),
                Kind::Absolute,
                Some(0.0),
                Some(18_446_744_073_709_551_615.0),
            ),
        ];
        let text = "x\t a:COUNTER:U:U, b:DERIVE:0:5000,c:ABSOLUTE:0:18446744073709551615 \r";
        assert_eq!(sources(text), want);
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        let mut types = TypesDb::new();
        types
            .add_file("t", b"# x value:GAUGE:0:U\n\n \t\n#\n")
            .expect("nothing is wrong");
        assert!(types.is_empty());
    }

    #[test]
    fn the_last_definition_wins_over_files() {
        let mut types = TypesDb::new();
        types
            .add_file("a", b"x a:GAUGE:0:U\ny y:GAUGE:0:U")
            .expect("good");
        types.add_file("b", b"x b:GAUGE:0:U").expect("good");
        assert_eq!(
            types.sources(b"x").map(|all| all[0].name.as_str()),
            Some("b")
        );
        assert_eq!(types.len(), 2);
        assert_eq!(types.sources(b"z"), None);
    }

    #[test]
    fn a_faulty_file_adds_nothing() {
        let mut types = TypesDb::new();
        assert!(types.add_file("t", b"x a:GAUGE:0:U\ny a").is_err());
        assert!(types.is_empty());
    }

    #[test]
    fn a_set_without_sources_is_refused() {
        check_refused(
            "x\n",
            "t:1:2: the data set x has no data sources; write x value:GAUGE:U:U",
        );
    }

    #[test]
    fn a_source_with_three_fields_is_refused() {
        check_refused(
            "x a:GAUGE:0:",
            "t:1:3: a:GAUGE:0: is no data source; write NAME:KIND:MIN:MAX, for instance value:GAUGE:0:U",
        );
        check_refused(
            "\n x a:GAUGE:0",
            "t:2:4: a:GAUGE:0 is no data source; write NAME:KIND:MIN:MAX, for instance value:GAUGE:0:U",
        );
    }

    #[test]
    fn a_bound_that_is_no_number_is_refused() {
        check_refused(
            "x a:GAUGE:0:many",
            "t:1:13: many is no bound of a data source; write a number, or U for none",
        );
        check_refused(
            "x a:GAUGE:NaN:U",
            "t:1:11: NaN is no bound of a data source; write a number, or U for none",
        );
        check_refused(
            "x a:GAUGE:0:U:1",
            "t:1:13: U:1 is no bound of a data source; write a number, or U for none",
        );
    }

    #[test]
    fn a_name_twice_is_refused() {
        check_refused(
            "x a:GAUGE:0:U a:GAUGE:0:U",
            "t:1:15: the data source a is there already; names differ within a data set",
        );
    }

    #[test]
    fn a_line_in_another_encoding_is_refused_by_its_number() {
        let error = TypesDb::new()
            .add_file("t", b"\nx \xE9:GAUGE:0:U")
            .expect_err("Latin-1");
        assert_eq!(
            error.to_string(),
            "t:2: the line is not UTF-8; save the file in UTF-8"
        );
    }

    #[test]
    fn a_huge_file_is_refused() {
        let text = vec![b'\n'; FILE_BYTES_MAX + 1];
        let error = TypesDb::new().add_file("t", &text).expect_err("too large");
        assert_eq!(
            error.message(),
            "more than 4194304 bytes; this is no types.db"
        );
    }
}
