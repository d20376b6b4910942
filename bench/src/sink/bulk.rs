//! The body of a bulk request in, in parts; its answer and its place in the record out. Lines are found by memchr; an
//! action line is told from a document by its place, blank lines are nobody's.

use std::io;
use std::io::Write as _;
use std::time::Instant;

use super::Shared;
use super::filter_path::Shown;
use super::http::{Connection, Request};
use super::record::Record;

/// The answer starts at the size that a thousand full items need.
const ANSWER_BYTES: usize = 256 * 1024;

/// Reads one bulk request to its end and answers it.
pub fn run(connection: &mut Connection, request: &mut Request, record: &Shared) -> io::Result<()> {
    let started = Instant::now();
    let mut bulk = Bulk::new(
        Shown::of_query(&request.query),
        index_in_path(&request.path),
    );
    while let Some(part) = connection.read_part(&mut request.body)? {
        bulk.push(
            part,
            &mut record
                .lock()
                .expect("no thread panics while it holds the record"),
        );
    }
    let took = started.elapsed().as_millis();
    let is_whole = bulk.finish(&mut record.lock().expect("as above"));
    if is_whole {
        connection.write_answer(200, &bulk.answer(took), true)
    } else {
        let body = b"{\"error\":{\"type\":\"illegal_argument_exception\",\"reason\":\
            \"The bulk request must be terminated by a newline [\\\\n]\"},\"status\":400}";
        connection.write_answer(400, body, true)
    }
}

fn index_in_path(path: &str) -> &str {
    path.strip_suffix("/_bulk")
        .unwrap_or_default()
        .trim_start_matches('/')
}

/// One bulk request while it is read.
struct Bulk<'a> {
    shown: Shown,
    /// The index that actions without one mean.
    index: &'a str,
    /// A line whose end has not come yet.
    carried: Vec<u8>,
    expects_document: bool,
    items: Vec<u8>,
}

impl<'a> Bulk<'a> {
    fn new(shown: Shown, index: &'a str) -> Self {
        let items = Vec::with_capacity(if shown.has_items() { ANSWER_BYTES } else { 0 });
        Self {
            shown,
            index,
            carried: Vec::new(),
            expects_document: false,
            items,
        }
    }

    fn push(&mut self, part: &[u8], record: &mut Record) {
        record.body_bytes += part.len() as u64;
        let mut rest = part;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let line = &rest[..at];
            rest = &rest[at + 1..];
            if self.carried.is_empty() {
                self.take_line(line, record);
            } else {
                let mut whole = std::mem::take(&mut self.carried);
                whole.extend_from_slice(line);
                self.take_line(&whole, record);
                whole.clear();
                self.carried = whole;
            }
        }
        self.carried.extend_from_slice(rest);
    }

    /// Counts the request; false when its last line has no end, which Elasticsearch refuses.
    fn finish(&mut self, record: &mut Record) -> bool {
        record.requests += 1;
        let is_whole = self.carried.is_empty() && !self.expects_document;
        if !is_whole {
            record.fault("a bulk body breaks off in mid-line".to_owned());
        }
        is_whole
    }

    fn take_line(&mut self, line: &[u8], record: &mut Record) {
        if line.is_empty() || line == b"\r" {
            record.blank_lines += 1;
        } else if self.expects_document {
            self.expects_document = false;
            record.document(line);
        } else {
            self.take_action(line, record);
        }
    }

    fn take_action(&mut self, line: &[u8], record: &mut Record) {
        let Some(verb) = verb(line) else {
            record.fault(format!("no action line: {}", String::from_utf8_lossy(line)));
            return;
        };
        self.expects_document = verb != "delete";
        record.actions += 1;
        if !self.shown.has_items() {
            return;
        }
        if !self.items.is_empty() {
            self.items.push(b',');
        }
        match (verb, self.shown.is_status_only()) {
            ("create", true) => self
                .items
                .extend_from_slice(b"{\"create\":{\"status\":201}}"),
            ("index", true) => self
                .items
                .extend_from_slice(b"{\"index\":{\"status\":201}}"),
            _ => self.write_item(verb, line, record.actions),
        }
    }

    /// An item with what the filter leaves of it; `number` makes the id and the sequence number.
    fn write_item(&mut self, verb: &str, line: &[u8], number: u64) {
        let mut fields: Vec<String> = Vec::with_capacity(8);
        let mut add = |is_shown: bool, field: &dyn Fn() -> String| {
            if is_shown {
                fields.push(field());
            }
        };
        let named = |name| text_after(line, name);
        let index = || named("\"_index\"").unwrap_or_else(|| self.index.to_owned());
        let id = || named("\"_id\"").unwrap_or_else(|| format!("sink{number:016}"));
        add(self.shown.index, &|| format!("\"_index\":\"{}\"", index()));
        add(self.shown.id, &|| format!("\"_id\":\"{}\"", id()));
        add(self.shown.version, &|| "\"_version\":1".to_owned());
        add(self.shown.result, &|| "\"result\":\"created\"".to_owned());
        let shards = "\"_shards\":{\"total\":2,\"successful\":1,\"failed\":0}";
        add(self.shown.shards, &|| shards.to_owned());
        add(self.shown.seq_no, &|| format!("\"_seq_no\":{}", number - 1));
        add(self.shown.primary_term, &|| {
            "\"_primary_term\":1".to_owned()
        });
        add(self.shown.status, &|| "\"status\":201".to_owned());
        write!(self.items, "{{\"{verb}\":{{{}}}}}", fields.join(","))
            .expect("writing to a Vec cannot fail");
    }

    fn answer(&self, took: u128) -> Vec<u8> {
        let mut answer = Vec::with_capacity(self.items.len() + 64);
        answer.push(b'{');
        if self.shown.errors {
            answer.extend_from_slice(b"\"errors\":false,");
        }
        if self.shown.took {
            write!(answer, "\"took\":{took},").expect("writing to a Vec cannot fail");
        }
        if self.shown.has_items() {
            answer.extend_from_slice(b"\"items\":[");
            answer.extend_from_slice(&self.items);
            answer.extend_from_slice(b"],");
        }
        if answer.last() == Some(&b',') {
            answer.pop();
        }
        answer.push(b'}');
        answer
    }
}

/// The first key of an action line, if it is one of the four.
fn verb(line: &[u8]) -> Option<&'static str> {
    if line.starts_with(b"{\"create\":") {
        return Some("create");
    }
    if line.starts_with(b"{\"index\":") {
        return Some("index");
    }
    let inner = line
        .trim_ascii_start()
        .strip_prefix(b"{")?
        .trim_ascii_start()
        .strip_prefix(b"\"")?;
    ["create", "index", "update", "delete"]
        .into_iter()
        .find(|verb| {
            let rest = inner
                .strip_prefix(verb.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"\""));
            rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
        })
}

/// The text that a quoted name stands for, escapes left as they are.
fn text_after(line: &[u8], name: &str) -> Option<String> {
    let rest = &line[memchr::memmem::find(line, name.as_bytes())? + name.len()..];
    let rest = rest
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start()
        .strip_prefix(b"\"")?;
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}
