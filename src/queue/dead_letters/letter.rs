//! One dead letter as a line of JSON: the document as it was sent, why it was refused, when, and for whom.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::event::encode::{self, Stamp};

/// A document that is refused for good.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The output's id.
    pub plugin: &'a str,
    /// Under which name it is counted.
    pub kind: &'a str,
    /// The server's status for it, if it was sent.
    pub status: Option<u16>,
    pub reason: &'a str,
    /// The action line as it was sent; empty if it could not be made.
    pub action: &'a [u8],
    /// Empty for a `delete`.
    pub document: &'a [u8],
    /// The event's `[@metadata]`, for the templates of an event that has no action; empty if there is none.
    pub metadata: &'a [u8],
}

/// How each line begins. No document's action does.
const BEGINNING: &[u8] = b"{\"time\":";

impl Letter<'_> {
    /// Whether a block that waits for an output holds letters, of events without a document.
    pub fn begins(body: &[u8]) -> bool {
        body.starts_with(BEGINNING)
    }

    /// Appends the letter as a line.
    pub fn write(&self, pipeline: &str, now: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(BEGINNING);
        Stamp::default().write(now, out);
        for (key, text) in [
            ("pipeline", pipeline),
            ("plugin", self.plugin),
            ("kind", self.kind),
            ("reason", self.reason),
        ] {
            member(key, out);
            encode::text(text.as_bytes(), out);
        }
        if let Some(status) = self.status {
            member("status", out);
            encode::write_integer(status.into(), out);
        }
        if is_json(self.action) {
            member("action", out);
            out.extend_from_slice(self.action);
        }
        match self.document {
            [] => {}
            document if is_json(document) => {
                member("document", out);
                out.extend_from_slice(document);
            }
            document => {
                member("document_text", out);
                encode::text(document, out);
            }
        }
        if is_json(self.metadata) {
            member("metadata", out);
            out.extend_from_slice(self.metadata);
        }
        out.extend_from_slice(b"}\n");
    }
}

fn member(key: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Whether a text is one JSON value on one line.
fn is_json(text: &[u8]) -> bool {
    !text.contains(&b'\n') && serde_json::from_slice::<&RawValue>(text).is_ok()
}

/// A letter that was read back.
#[derive(Debug)]
pub struct Kept<'a> {
    members: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

impl<'a> Kept<'a> {
    /// Reads a line. Nothing, if it is none of ours or has no end.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let members: BTreeMap<Cow<'a, str>, &'a RawValue> = serde_json::from_slice(line).ok()?;
        let kept = Self { members };
        let has_texts = ["time", "plugin", "kind", "reason"]
            .iter()
            .all(|key| kept.text(key).is_some());
        has_texts.then_some(kept)
    }

    /// A member that is a text: `time`, `pipeline`, `plugin`, `kind` or `reason`.
    pub fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.members.get(key)?.get()).ok()
    }

    pub fn status(&self) -> Option<u16> {
        self.members.get("status")?.get().parse().ok()
    }

    /// The action line, if there was one.
    pub fn action(&self) -> Option<&'a str> {
        self.members.get("action").map(|raw| raw.get())
    }

    /// The event's `[@metadata]`, if it is kept.
    pub fn metadata(&self) -> Option<&'a str> {
        self.members.get("metadata").map(|raw| raw.get())
    }

    /// The document as it was sent; empty for a `delete`.
    pub fn document(&self) -> Cow<'a, str> {
        match self.members.get("document") {
            Some(raw) => Cow::Borrowed(raw.get()),
            None => Cow::Owned(self.text("document_text").unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, Letter};

    const LETTER: Letter<'static> = Letter {
        plugin: "output_elasticsearch_1",
        kind: "refused_mapping",
        status: Some(400),
        reason: "failed to parse \"x\"\n\u{1b}[31m",
        action: br#"{"create":{"_index":"a"}}"#,
        document: br#"{"n": 12345678901234567890, "a":1.0}"#,
        metadata: b"",
    };

    fn line(letter: Letter<'_>) -> Vec<u8> {
        let mut line = Vec::new();
        letter.write("main", 1_790_000_000_500_000_000, &mut line);
        line
    }

    #[test]
    fn a_letter_is_one_line_of_json() {
        let want = concat!(
            r#"{"time":"2026-09-21T14:13:20.500Z","pipeline":"main","plugin":"output_elasticsearch_1","#,
            r#""kind":"refused_mapping","reason":"failed to parse \"x\"\n\u001b[31m","status":400,"#,
            r#""action":{"create":{"_index":"a"}},"document":{"n": 12345678901234567890, "a":1.0}}"#,
            "\n"
        );
        assert_eq!(String::from_utf8_lossy(&line(LETTER)), want);
    }

    #[test]
    fn what_was_sent_is_read_back_to_the_byte() {
        let line = line(LETTER);
        let kept = Kept::parse(&line).expect("it is a letter");
        assert_eq!(kept.action().map(str::as_bytes), Some(LETTER.action));
        assert_eq!(kept.document().as_bytes(), LETTER.document);
        assert_eq!(kept.status(), Some(400));
        assert_eq!(kept.text("reason").as_deref(), Some(LETTER.reason));
    }

    #[test]
    fn metadata_stands_beside_the_document() {
        let metadata = br#"{"ix":"a"}"#;
        let line = line(Letter { metadata, ..LETTER });
        assert!(line.ends_with(b"\"a\":1.0},\"metadata\":{\"ix\":\"a\"}}\n"));
        let kept = Kept::parse(&line).expect("it is a letter");
        assert_eq!(kept.metadata(), Some(r#"{"ix":"a"}"#));
        assert_eq!(kept.document().as_bytes(), LETTER.document);
    }

    #[test]
    fn a_document_that_is_no_json_is_kept_as_text() {
        let document = b"{\"broken\": \xff\n";
        let line = line(Letter { document, ..LETTER });
        let kept = Kept::parse(&line).expect("it is a letter");
        assert_eq!(kept.document(), "{\"broken\": \u{fffd}\n");
    }

    #[test]
    fn a_torn_line_is_no_letter() {
        let line = line(LETTER);
        for end in 0..line.len() - 1 {
            assert!(Kept::parse(&line[..end]).is_none(), "{end}");
        }
        assert!(Kept::parse(b"{\"time\":1}").is_none());
    }
}
