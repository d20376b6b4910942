//! What holds for every row: the first two bytes choose separator and quote, the rest is the line.

use sawlog_parsers::csv::{Csv, Cuts, Options, Parsed};

const SEPARATORS: [&str; 6] = [",", ";", "\t", "||", " → ", "ab"];
const QUOTES: [Option<char>; 4] = [Some('"'), Some('\''), Some('»'), None];

/// Checks the line, and a row written from its words.
pub fn check(data: &[u8]) {
    let [separator, quote, line @ ..] = data else {
        return;
    };
    let separator = SEPARATORS[usize::from(*separator) % SEPARATORS.len()];
    let quote = QUOTES[usize::from(*quote) % QUOTES.len()];
    let options = Options {
        separator: separator.to_owned(),
        quote,
        ..Options::default()
    };
    let csv = Csv::compile(options).expect("good options");
    as_it_stands(&csv, separator, quote, line);
    written_rows_come_back(&csv, separator, quote, line);
}

/// The columns' texts, missing ones as `None`; checks the answer on the way.
fn texts(csv: &Csv, line: &[u8]) -> Option<(Vec<Option<Vec<u8>>>, usize)> {
    let mut cuts = Cuts::new();
    let row = match csv.parse(line, &mut cuts) {
        Parsed::Row(row) => row,
        Parsed::Whole(malformed) => {
            assert_eq!(malformed.line, line);
            assert!(malformed.at <= line.len());
            return None;
        }
    };
    assert!(row.length() <= line.len());
    let mut last = line.as_ptr();
    let mut texts = Vec::new();
    for column in row.columns() {
        let raw = column.raw().as_ptr_range();
        assert!(
            last <= raw.start && raw.end <= line.as_ptr_range().end,
            "columns in order"
        );
        last = raw.end;
        let mut written = Vec::new();
        column.write_text(&mut written);
        assert_eq!(column.text(), written);
        texts.push((!column.is_missing()).then_some(written));
    }
    assert_eq!(row.named().count(), texts.len());
    Some((texts, row.length()))
}

/// What is read is what was written, once it is written again; bytes behind the row change nothing.
fn as_it_stands(csv: &Csv, separator: &str, quote: Option<char>, line: &[u8]) {
    let Some((columns, length)) = texts(csv, line) else {
        return;
    };
    assert_eq!(texts(csv, &line[..length]), Some((columns.clone(), length)));
    if let (Some(quote), false) = (quote, columns.is_empty()) {
        let row = written(&columns, separator, quote);
        assert_eq!(texts(csv, &row).map(|(columns, _)| columns), Some(columns));
    }
}

/// Rows of any bytes; an empty word is a missing column or an empty one.
fn written_rows_come_back(csv: &Csv, separator: &str, quote: Option<char>, data: &[u8]) {
    let Some(quote) = quote else {
        return;
    };
    let columns: Vec<Option<Vec<u8>>> = data
        .split(|byte| *byte == 0)
        .enumerate()
        .map(|(number, word)| (number % 2 == 0 || !word.is_empty()).then(|| word.to_vec()))
        .collect();
    let mut row = written(&columns, separator, quote);
    row.extend_from_slice(b"\r\nx\"");
    assert_eq!(texts(csv, &row), Some((columns, row.len() - 2)));
}

fn written(columns: &[Option<Vec<u8>>], separator: &str, quote: char) -> Vec<u8> {
    let quote = quote.to_string();
    let mut row = Vec::new();
    for (number, column) in columns.iter().enumerate() {
        if number != 0 {
            row.extend_from_slice(separator.as_bytes());
        }
        let Some(text) = column else { continue };
        row.extend_from_slice(quote.as_bytes());
        let mut rest = text.as_slice();
        while let Some(at) = rest
            .windows(quote.len())
            .position(|window| window == quote.as_bytes())
        {
            row.extend_from_slice(&rest[..at]);
            row.extend_from_slice(quote.repeat(2).as_bytes());
            rest = &rest[at + quote.len()..];
        }
        row.extend_from_slice(rest);
        row.extend_from_slice(quote.as_bytes());
    }
    row
}
