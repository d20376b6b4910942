//! What holds for every line that the syslog parser is given.

use sawlog_parsers::syslog::{Format, Message, Reference, parse, unescape_value};

/// Checks a line around New Year and in summer.
pub fn check(line: &[u8]) {
    for month in [1, 6, 12] {
        let reference = Reference {
            year: 2026,
            month,
            utc_offset_seconds: -3600,
        };
        let message = parse(line, &reference);
        fields_lie_inside(&message, line);
        fields_are_of_their_kind(&message);
        text_ends_the_line(&message, line);
        line_end_changes_nothing(&message, line, &reference);
    }
}

fn fields(message: &Message<'_>) -> Vec<Vec<u8>> {
    let options = [
        message.timestamp_text,
        message.host,
        message.program,
        message.pid,
        message.message_id,
        message.sequence,
    ];
    let mut fields: Vec<Vec<u8>> = options
        .into_iter()
        .map(|field| field.unwrap_or(b"\0absent").to_vec())
        .collect();
    fields.push(message.structured_data.raw().to_vec());
    fields.push(message.message.to_vec());
    fields.push(
        format!(
            "{:?}",
            (message.priority, message.timestamp, message.format)
        )
        .into(),
    );
    fields
}

fn lies_inside(part: &[u8], whole: &[u8]) -> bool {
    part.is_empty()
        || (whole.as_ptr_range().start <= part.as_ptr_range().start
            && part.as_ptr_range().end <= whole.as_ptr_range().end)
}

fn fields_lie_inside(message: &Message<'_>, line: &[u8]) {
    let fields = [
        message.timestamp_text,
        message.host,
        message.program,
        message.pid,
        message.message_id,
        message.sequence,
    ];
    for field in fields.into_iter().flatten() {
        assert!(!field.is_empty(), "an empty field should be absent");
        assert!(lies_inside(field, line));
    }
    assert!(lies_inside(message.message, line));
    let data = message.structured_data;
    assert!(lies_inside(data.raw(), line));
    let mut walked = 0;
    for (id, name, value) in data {
        assert!(!id.is_empty());
        assert!(
            [id, name, value]
                .iter()
                .all(|part| lies_inside(part, data.raw()))
        );
        let mut unescaped = Vec::new();
        unescape_value(value, &mut unescaped);
        assert!(unescaped.len() <= value.len());
        walked += 1;
    }
    assert_eq!(walked == 0, data.is_empty());
}

fn fields_are_of_their_kind(message: &Message<'_>) {
    assert!(message.priority.is_none_or(|priority| priority <= 191));
    assert!(message.facility() < 24 && message.severity() < 8);
    let ours = message.format != Format::SecondOpinion;
    if ours && message.format != Format::Rfc5424 {
        assert!(
            message
                .pid
                .is_none_or(|pid| pid.iter().all(u8::is_ascii_digit))
        );
        assert!(message.pid.is_none() || message.program.is_some());
        assert!(message.structured_data.is_empty() && message.message_id.is_none());
    }
    if ours {
        assert!(message.timestamp.is_none() || message.timestamp_text.is_some());
    }
    match message.format {
        Format::Kept => {
            assert!(message.host.is_none() && message.program.is_none());
            assert!(message.timestamp_text.is_none() && message.sequence.is_none());
        }
        Format::DockerEmpty => {
            assert!(message.program.is_some() && message.timestamp_text.is_some());
        }
        Format::Untimed => {
            assert!(message.program.is_some() && message.timestamp_text.is_none());
        }
        Format::Rfc5424 => assert!(message.priority.is_some() || message.sequence.is_none()),
        Format::Rfc3164 | Format::Cisco | Format::SecondOpinion => {}
    }
}

/// Only line ends and NULs may follow the text, so nothing of a line is lost behind it.
fn text_ends_the_line(message: &Message<'_>, line: &[u8]) {
    if message.format == Format::SecondOpinion {
        return;
    }
    let ends: Vec<usize> = (0..=line.len())
        .rev()
        .take_while(|end| {
            line[*end..]
                .iter()
                .all(|byte| matches!(byte, b'\n' | b'\r' | 0))
        })
        .collect();
    assert!(
        ends.iter()
            .any(|end| line[..*end].ends_with(message.message)),
        "the text does not end where the line does"
    );
}

fn line_end_changes_nothing(message: &Message<'_>, line: &[u8], reference: &Reference) {
    if matches!(line.last(), Some(b'\n' | b'\r' | 0)) {
        return;
    }
    for end in ["\n", "\r\n", "\0", "\n\0", "\0\0\r\n"] {
        let mut ended = line.to_vec();
        ended.extend_from_slice(end.as_bytes());
        assert_eq!(fields(&parse(&ended, reference)), fields(message));
    }
}
