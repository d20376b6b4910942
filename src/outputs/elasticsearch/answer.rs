//! The answer to a bulk request, scanned as bytes. A good answer costs a few comparisons, whatever its length; only one
//! with errors is read item by item.

use std::fmt;

use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::outputs::elasticsearch::action::Action;
use crate::outputs::elasticsearch::verdict::{ItemStatus, Outcome, Rules, quoted_beginning};

/// What a request asks of its answer: the statuses keep the items' positions, the rest is left out.
pub const FILTER_PATH: &str = "errors,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason,items.*.status,items.*.failure_store";

/// Where `"errors"` must stand in the answer; before it there is at most a `took`.
const HEAD_BYTES: usize = 128;

/// Reads the answer, of status 200, to a request of so many documents.
pub fn read(body: &[u8], documents: usize, rules: &Rules) -> Outcome {
    if let Some(stored) = all_stored(body, documents) {
        return stored;
    }
    let Some(items) = parse(body) else {
        return unexpected(body);
    };
    if items.len() != documents {
        return miscounted(items.len(), documents);
    }
    let verdicts = items.into_iter().map(|item| item.verdict(rules));
    Outcome::Items(verdicts.collect())
}

/// The outcome of an answer without errors that has a good status for each document. There may be others: to delete what is
/// not there is no error for the server.
fn all_stored(body: &[u8], documents: usize) -> Option<Outcome> {
    let head = body.get(..HEAD_BYTES).unwrap_or(body);
    memmem::find(head, b"\"errors\":false")?;
    let mut in_failure_store = 0;
    if !has_usual_length(body, documents) {
        if good_statuses(body)? != documents {
            return None;
        }
        in_failure_store = memmem::find_iter(body, b"\"failure_store\":\"used\"").count() as u64;
    }
    Some(Outcome::AllStored { in_failure_store })
}

/// How many statuses there are, if all of them are from 200 to 299.
fn good_statuses(body: &[u8]) -> Option<usize> {
    let status = b"\"status\":";
    memmem::find_iter(body, status).try_fold(0, |count, place| {
        let value = body.get(place + status.len()..).unwrap_or(b"");
        let is_good = matches!(value, [b'2', b'0'..=b'9', b'0'..=b'9', b',' | b'}', ..]);
        is_good.then_some(count + 1)
    })
}

/// Whether the body has the length that so many items like the last one need: then nothing has to be counted.
fn has_usual_length(body: &[u8], documents: usize) -> bool {
    let list = b"\"items\":[";
    let Some(start) = memmem::find(body.get(..HEAD_BYTES).unwrap_or(body), list) else {
        return false;
    };
    let Some(items) = body
        .get(start + list.len()..)
        .and_then(|rest| rest.strip_suffix(b"]}"))
    else {
        return false;
    };
    let usual = [
        &b"{\"index\":{\"status\":201}}"[..],
        b"{\"create\":{\"status\":201}}",
    ];
    usual.iter().any(|item| {
        items.starts_with(item)
            && items.ends_with(item)
            && items.len() + 1 == documents * (item.len() + 1)
    })
}

fn miscounted(found: usize, documents: usize) -> Outcome {
    Outcome::Away {
        reason: format!("the answer has {found} items for {documents} documents"),
    }
}

fn unexpected(body: &[u8]) -> Outcome {
    Outcome::Away {
        reason: format!(
            "the answer is not that of a bulk request (is this Elasticsearch?){}",
            quoted_beginning(body)
        ),
    }
}

/// The status of each item; nothing if this is no answer to a bulk request.
fn parse(body: &[u8]) -> Option<Vec<ItemStatus>> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let answer = Answer.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    answer
}

/// `{"errors":…,"items":[…]}`.
struct Answer;

impl<'de> DeserializeSeed<'de> for Answer {
    type Value = Option<Vec<ItemStatus>>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Answer {
    type Value = Option<Vec<ItemStatus>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the answer to a bulk request")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut has_errors, mut items) = (false, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "errors" => {
                    map.next_value::<bool>()?;
                    has_errors = true;
                }
                "items" => items = Some(map.next_value_seed(Items)?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(items.filter(|_| has_errors))
    }
}

struct Items;

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<ItemStatus>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<ItemStatus>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of items")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Item)? {
            items.push(item);
        }
        Ok(items)
    }
}

/// `{"create":{"status":…,"error":{…}}}`.
struct Item;

impl<'de> DeserializeSeed<'de> for Item {
    type Value = ItemStatus;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Item {
    type Value = ItemStatus;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("one item by its action")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut item = ItemStatus::default();
        while let Some(action) = map.next_key::<String>()? {
            item = map.next_value_seed(Status)?;
            item.action = Action::parse(action.as_bytes());
        }
        Ok(item)
    }
}

struct Status;

impl<'de> DeserializeSeed<'de> for Status {
    type Value = ItemStatus;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Status {
    type Value = ItemStatus;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the status of an item")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut item = ItemStatus::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "status" => item.status = map.next_value()?,
                "error" => describe(&map.next_value()?, &mut item),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(item)
    }
}

/// The type and the words of an error. The cause below it says what was wrong with the value.
fn describe(error: &serde_json::Value, item: &mut ItemStatus) {
    let text = |pointer: &str| error.pointer(pointer).and_then(serde_json::Value::as_str);
    item.error_type = text("/type").unwrap_or("").to_owned();
    let reason = text("/reason").or(error.as_str()).unwrap_or("");
    item.error_reason = match text("/caused_by/reason") {
        Some(cause) => format!("{reason}: {cause}"),
        None => reason.to_owned(),
    };
}

#[cfg(test)]
mod tests {
    use crate::outputs::elasticsearch::verdict::{Outcome, Rules, Trouble, Verdict};

    fn read(body: &[u8], documents: usize) -> Outcome {
        super::read(body, documents, &Rules::default())
    }

    fn good(documents: usize, item: &str) -> String {
        let items = vec![item; documents].join(",");
        format!(r#"{{"errors":false,"items":[{items}]}}"#)
    }

    #[track_caller]
    fn check_stored(body: &str, documents: usize) {
        let want = Outcome::AllStored {
            in_failure_store: 0,
        };
        assert_eq!(read(body.as_bytes(), documents), want, "{body}");
    }

    #[track_caller]
    fn check_away(body: &str, documents: usize) {
        let got = read(body.as_bytes(), documents);
        assert!(matches!(got, Outcome::Away { .. }), "{body}: {got:?}");
    }

    #[test]
    fn good_answers_store_everything() {
        for documents in [1, 2, 1000] {
            check_stored(&good(documents, r#"{"index":{"status":201}}"#), documents);
            check_stored(&good(documents, r#"{"create":{"status":201}}"#), documents);
            check_stored(&good(documents, r#"{"update":{"status":200}}"#), documents);
        }
        let whole = r#"{"took":3,"errors":false,"items":[{"index":{"_index":"a","status":201}}]}"#;
        check_stored(whole, 1);
    }

    #[test]
    fn another_number_of_items_is_no_success() {
        check_away(&good(2, r#"{"index":{"status":201}}"#), 3);
        check_away(&good(4, r#"{"index":{"status":201}}"#), 3);
        check_away(&good(2, r#"{"update":{"status":200}}"#), 3);
        check_away(r#"{"errors":false}"#, 3);
        check_away(r#"{"errors":true,"items":[{"index":{"status":201}}]}"#, 2);
    }

    #[test]
    fn what_is_no_bulk_answer_is_no_success() {
        for body in [
            "",
            "{}",
            "<html>moved</html>",
            r#"{"items":[{"index":{"status":201}}]}"#,
            r#"{"errors":true,"items":[{"index":{"sta"#,
            r#"{"cluster_name":"x"}"#,
            "[]",
        ] {
            check_away(body, 1);
        }
    }

    #[test]
    fn each_item_has_its_verdict() {
        let body = r#"{"errors":true,"items":[{"create":{"status":201}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}},
            {"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}},
            {"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"failed to parse field [a]",
             "caused_by":{"type":"number_format_exception","reason":"For input string: \"x\""}}}}]}"#;
        let Outcome::Items(verdicts) = read(body.as_bytes(), 4) else {
            panic!("this answer has items");
        };
        assert_eq!(
            verdicts[..3],
            [
                Verdict::Stored,
                Verdict::TryAgain(Trouble::Busy {
                    reason: "status 429, es_rejected_execution_exception: full".to_owned()
                }),
                Verdict::Duplicate
            ]
        );
        let Verdict::Refused(refusal) = &verdicts[3] else {
            panic!("a mapping error is refused");
        };
        assert!(
            refusal
                .reason
                .contains("failed to parse field [a]: For input string")
        );
    }

    #[test]
    fn what_was_to_be_done_decides_on_a_conflict() {
        let body = r#"{"errors":true,"items":[
            {"update":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}},
            {"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}}]}"#;
        let want = Outcome::Items(vec![
            Verdict::TryAgain(Trouble::Conflict),
            Verdict::Duplicate,
        ]);
        assert_eq!(read(body.as_bytes(), 2), want);
    }

    #[test]
    fn to_delete_what_is_not_there_ends_the_same_way_beside_errors_and_without() {
        let deleted = r#"{"delete":{"status":404}}"#;
        let alone = good(1, deleted);
        let beside = format!(
            r#"{{"errors":true,"items":[{deleted},{{"create":{{"status":429,"error":{{"type":"a","reason":"b"}}}}}}]}}"#
        );
        for (body, documents) in [(alone, 1), (beside, 2)] {
            let Outcome::Items(verdicts) = read(body.as_bytes(), documents) else {
                panic!("{body}: it has items");
            };
            let Verdict::Refused(refusal) = &verdicts[0] else {
                panic!("{body}: it is refused");
            };
            let want = "status 404, there is no such document";
            assert_eq!(refusal.reason, want);
        }
    }

    #[test]
    fn a_status_counts_whatever_the_answer_says_of_errors() {
        let body = good(2, r#"{"create":{"status":429}}"#);
        let Outcome::Items(verdicts) = read(body.as_bytes(), 2) else {
            panic!("these are not stored");
        };
        let is_repeated = |verdict: &_| matches!(verdict, Verdict::TryAgain(Trouble::Busy { .. }));
        assert!(verdicts.iter().all(is_repeated), "{verdicts:?}");
        check_stored(
            &good(2, r#"{"create":{"_index":"a","status":299,"x":1}}"#),
            2,
        );
        check_away(&good(2, r#"{"create":{"status":"201"}}"#), 2);
    }

    #[test]
    fn documents_in_the_failure_store_are_counted() {
        let body = r#"{"errors":false,"items":[{"create":{"status":201,"failure_store":"used"}}]}"#;
        let want = Outcome::AllStored {
            in_failure_store: 1,
        };
        assert_eq!(read(body.as_bytes(), 1), want);
    }
}
