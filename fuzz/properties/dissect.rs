//! What holds for every mapping and line: up to the first NUL the mapping, behind it the line.

use sawlog_parsers::dissect::{
    Conversion, Cuts, Dissect, Match, Name, Naming, parse_float, parse_int,
};

/// Checks the mapping as it is, then one of plain fields between the delimiters that its text holds, which a search
/// written down here judges.
pub fn check(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let mapping = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let line = parts.next().unwrap_or_default();
    as_written(&mapping, line);
    plain_fields_give_the_line_back(&mapping, line);
    numbers_agree(line);
}

fn as_written(mapping: &str, line: &[u8]) {
    let dissect = match Dissect::compile(mapping) {
        Ok(dissect) => dissect,
        Err(error) => {
            assert!(!error.message().is_empty());
            assert!(
                error
                    .column()
                    .is_none_or(|column| column <= mapping.chars().count() + 1)
            );
            return;
        }
    };
    let mut cuts = Cuts::new();
    let answer = dissect
        .parse(line, &mut cuts)
        .map(|found| told(&found, line));
    assert_eq!(dissect.explain(line).is_none(), answer.is_some());
    // Other lines in between leave nothing behind.
    let _matched = dissect.parse(b"a b c d, e: f", &mut cuts).is_some();
    let again = dissect
        .parse(line, &mut cuts)
        .map(|found| told(&found, line));
    assert_eq!(again, answer);
    if let Some(fields) = answer {
        let certain = dissect
            .targets()
            .iter()
            .filter(|target| target.naming() != Naming::OfLine);
        assert!(certain.count() <= fields.len() && fields.len() <= dissect.targets().len());
    }
}

/// The fields, after each was looked at.
fn told(found: &Match<'_, '_>, line: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for field in found.fields() {
        let name = match field.name() {
            Name::Fixed(name) | Name::OfField(name) => name.as_bytes().to_vec(),
            Name::OfLine(name) => {
                assert!(!name.is_empty(), "a field without a name");
                name.into_owned()
            }
        };
        let value = field.value();
        if let std::borrow::Cow::Borrowed(value) = value {
            assert!(lies_inside(value, line));
        }
        let mut written = Vec::new();
        field.write_value(&mut written);
        assert_eq!(written, *value);
        all.push((name, written));
    }
    all
}

fn lies_inside(part: &[u8], whole: &[u8]) -> bool {
    part.is_empty()
        || (whole.as_ptr_range().start <= part.as_ptr_range().start
            && part.as_ptr_range().end <= whole.as_ptr_range().end)
}

/// The delimiters are what the mapping's words leave; every other field is skipped and must not appear.
fn plain_fields_give_the_line_back(mapping: &str, line: &[u8]) {
    let delimiters: Vec<&str> = mapping
        .split(|letter: char| letter.is_ascii_alphanumeric() || "%{}".contains(letter))
        .filter(|delimiter| !delimiter.is_empty())
        .take(20)
        .collect();
    let mut plain = "%{f}".to_owned();
    let mut skipping = "%{f}".to_owned();
    for (number, delimiter) in delimiters.iter().enumerate() {
        plain += &format!("{delimiter}%{{f{number}}}");
        let prefix = if number % 2 == 0 { "?" } else { "" };
        skipping += &format!("{delimiter}%{{{prefix}f{number}}}");
    }
    let plain = Dissect::compile(&plain).expect("a good mapping");
    let skipping = Dissect::compile(&skipping).expect("a good mapping");
    let mut cuts = Cuts::new();
    let values: Option<Vec<Vec<u8>>> = plain.parse(line, &mut cuts).map(|found| {
        found
            .fields()
            .map(|field| field.value().into_owned())
            .collect()
    });
    let judged = searched(&delimiters, line);
    assert_eq!(values.as_deref(), judged.as_deref());
    let kept: Option<Vec<Vec<u8>>> = skipping.parse(line, &mut cuts).map(|found| {
        found
            .fields()
            .map(|field| field.value().into_owned())
            .collect()
    });
    let every_other = values.map(|values| {
        let numbered = values.into_iter().enumerate();
        numbered
            .filter(|(number, _)| number % 2 == 0)
            .map(|(_, value)| value)
            .collect()
    });
    assert_eq!(kept, every_other, "a skipped field appeared");
    if let Some(values) = judged {
        let mut joined = values[0].clone();
        for (delimiter, value) in delimiters.iter().zip(&values[1..]) {
            joined.extend_from_slice(delimiter.as_bytes());
            joined.extend_from_slice(value);
        }
        assert_eq!(joined, line, "delimiters and values are the line");
    }
}

/// The plainest way to cut.
fn searched(delimiters: &[&str], line: &[u8]) -> Option<Vec<Vec<u8>>> {
    if line.is_empty() {
        return None;
    }
    let mut rest = line;
    let mut values = Vec::new();
    for delimiter in delimiters {
        let at = rest
            .windows(delimiter.len())
            .position(|window| window == delimiter.as_bytes())?;
        values.push(rest[..at].to_vec());
        rest = &rest[at + delimiter.len()..];
    }
    values.push(rest.to_vec());
    Some(values)
}

/// The two conversions take the same texts, and mean the same number.
fn numbers_agree(text: &[u8]) {
    let (int, float) = (parse_int(text), parse_float(text));
    assert_eq!(int == Conversion::NoNumber, float == Conversion::NoNumber);
    if let (Conversion::Number(int), Conversion::Number(float)) = (int, float) {
        let far = (int as f64 - float).abs();
        assert!(far <= 1.0 + float.abs() * 1e-15, "{int} and {float}");
    }
    if let Conversion::Number(float) = float {
        let text = std::str::from_utf8(text).expect("digits");
        assert_eq!(text.parse(), Ok(float));
    }
}
