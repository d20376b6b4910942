//! Verdicts: what the status of one document, or of a whole request, means for it. Statuses and errors come in, what the
//! sender does next goes out.

use serde_json::Value;

use crate::outputs::elasticsearch::action::Action;
use crate::outputs::elasticsearch::secrets::Secrets;
use crate::printable::is_harmful;

/// The end of one document's way, or the reason to go it once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Stored,
    /// It was there before: an earlier try had come through, or the user's own id is taken.
    Duplicate,
    TryAgain(Trouble),
    Refused(Refusal),
}

impl Verdict {
    /// The server's words.
    fn words(&mut self) -> Option<&mut String> {
        match self {
            Self::Stored | Self::Duplicate | Self::TryAgain(Trouble::Conflict) => None,
            Self::TryAgain(
                Trouble::Busy { reason } | Trouble::Blocked { reason } | Trouble::Denied { reason },
            )
            | Self::Refused(Refusal { reason, .. }) => Some(reason),
        }
    }
}

/// Why a document has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server has too much to do, or a fault of its own.
    Busy { reason: String },
    /// Somebody else changed the document at the same time.
    Conflict,
    /// Waiting alone does not help: somebody has to act.
    Blocked { reason: String },
    /// Nor here: the login lacks a right. That time is not the document's age.
    Denied { reason: String },
}

/// Why a document can never be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// The server's status, if it saw the document.
    pub status: Option<u16>,
    /// The server's name for the error; empty if there is none.
    pub error_type: String,
    /// The server's words, or ours.
    pub reason: String,
}

impl Refusal {
    /// Of a document that the server did not judge by itself.
    pub fn of(kind: RefusalKind, status: Option<u16>, reason: impl Into<String>) -> Self {
        Self {
            kind,
            status,
            error_type: String::new(),
            reason: reason.into(),
        }
    }
}

/// What the user wants of some answers, other than the table says.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Statuses that refuse a document, besides the usual ones.
    pub refusing: Vec<u16>,
    /// Errors whose documents are dropped, never tried again and never kept.
    pub dropping: Vec<String>,
}

/// The kinds that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// A field does not fit the mapping.
    Mapping,
    /// The index is missing, closed or badly named.
    Index,
    /// A rendered name, id or pipeline is not one: it was never sent.
    Confinement,
    TooLarge,
    /// It was tried again for as long as the user wants.
    TooOld,
    /// The user has such documents dropped.
    Unwanted,
    Other,
}

impl RefusalKind {
    pub const ALL: [Self; 7] = [
        Self::Mapping,
        Self::Index,
        Self::Confinement,
        Self::TooLarge,
        Self::TooOld,
        Self::Unwanted,
        Self::Other,
    ];

    /// The counter's name.
    pub fn counter(self) -> &'static str {
        match self {
            Self::Mapping => "refused_mapping",
            Self::Index => "refused_index",
            Self::Confinement => "confinement_failed",
            Self::TooLarge => "refused_too_large",
            Self::TooOld => "retry_age_exceeded",
            Self::Unwanted => "documents_dropped",
            Self::Other => "refused_other",
        }
    }
}

/// The error of a document whose id is there, or that was changed meanwhile. Another one with the same status says nothing of
/// the kind.
const CONFLICT: &str = "version_conflict_engine_exception";

/// What an answer says of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemStatus {
    /// What was to be done with the document, if the answer says so.
    pub action: Option<Action>,
    pub status: u16,
    pub error_type: String,
    pub error_reason: String,
}

impl ItemStatus {
    pub fn verdict(self, rules: &Rules) -> Verdict {
        if 300 <= self.status && rules.dropping.contains(&self.error_type) {
            let mut refusal = self.refusal();
            refusal.kind = RefusalKind::Unwanted;
            return Verdict::Refused(refusal);
        }
        match self.status {
            custom if rules.refusing.contains(&custom) => Verdict::Refused(self.refusal()),
            200..=299 => Verdict::Stored,
            // An update that lost a race changed nothing; whatever else is there already came through before.
            409 if self.error_type == CONFLICT => match self.action {
                Some(Action::Update) => Verdict::TryAgain(Trouble::Conflict),
                Some(Action::Index | Action::Create | Action::Delete) | None => Verdict::Duplicate,
            },
            400 | 404 | 413 => Verdict::Refused(self.refusal()),
            status => {
                let reason = self.words();
                Verdict::TryAgain(match (status, self.error_type.as_str()) {
                    (403, "security_exception") => Trouble::Denied { reason },
                    // Since version 7.7 a full disk is told by 429.
                    (403, _) | (429, "cluster_block_exception") => Trouble::Blocked { reason },
                    _ => Trouble::Busy {
                        reason: format!("status {status}, {reason}"),
                    },
                })
            }
        }
    }

    fn refusal(self) -> Refusal {
        let kind = match self.error_type.as_str() {
            "document_parsing_exception"
            | "mapper_parsing_exception"
            | "strict_dynamic_mapping_exception" => RefusalKind::Mapping,
            "index_not_found_exception"
            | "invalid_index_name_exception"
            | "index_closed_exception" => RefusalKind::Index,
            _ if self.status == 413 => RefusalKind::TooLarge,
            _ => RefusalKind::Other,
        };
        Refusal {
            kind,
            status: Some(self.status),
            reason: format!("status {}, {}", self.status, self.words()),
            error_type: self.error_type,
        }
    }

    /// What is wrong, by the server's words or without any.
    fn words(&self) -> String {
        match (self.error_type.as_str(), self.error_reason.as_str()) {
            ("", "") if (self.status, self.action) == (404, Some(Action::Delete)) => {
                "there is no such document".to_owned()
            }
            ("", "") => "without a reason".to_owned(),
            ("", reason) => reason.to_owned(),
            (error_type, reason) => format!("{error_type}: {reason}"),
        }
    }
}

/// What the answer to a whole request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every document is stored; so many of them in the failure store of a data stream.
    AllStored { in_failure_store: u64 },
    /// One verdict for each document, in order.
    Items(Vec<Verdict>),
    /// The body is longer than the server takes.
    TooLarge,
    /// The server could not read the request: one of its documents is at fault.
    Malformed { reason: String },
    /// Somebody has to act, and nothing was looked at.
    Denied { reason: String, fault: Fault },
    /// Nobody answered as expected: later, or elsewhere.
    Away { reason: String },
}

/// What is wrong with our requests, whatever documents they bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Credentials, rights or licence.
    Login,
    /// Their form, or whom they go to.
    Form,
}

impl Outcome {
    /// The same, without what nobody may read in the words that a server gives.
    pub fn without(mut self, secrets: &Secrets) -> Self {
        match &mut self {
            Self::AllStored { .. } | Self::TooLarge => {}
            Self::Items(verdicts) => {
                let words = verdicts.iter_mut().filter_map(Verdict::words);
                words.for_each(|words| secrets.blank(words));
            }
            Self::Malformed { reason } | Self::Denied { reason, .. } | Self::Away { reason } => {
                secrets.blank(reason);
            }
        }
        self
    }

    /// The meaning of a redirect. It is not followed: somebody has to look where it leads, and to write that as the host.
    pub fn redirected(status: u16, location: Option<&str>) -> Self {
        let reason = match location {
            Some(location) => format!("status {status}, a redirect to {location}"),
            None => format!("status {status}, a redirect"),
        };
        let fault = Fault::Form;
        Self::Denied { reason, fault }
    }

    /// The meaning of any other status but 200, with the body.
    pub fn of_status(status: u16, body: &[u8]) -> Self {
        let reason = format!("status {status}{}", quoted_beginning(body));
        let denied = |reason, fault| Self::Denied { reason, fault };
        match status {
            400 if is_about_documents(body) => Self::Malformed { reason },
            400 => denied(reason, Fault::Form),
            401 | 403 => denied(reason, Fault::Login),
            413 => Self::TooLarge,
            _ => Self::Away { reason },
        }
    }
}

/// Whether the body of a 400 blames the documents. A proxy that does not know what to do with us gives no error of
/// Elasticsearch's; and what is wrong in the request's own parameters is wrong in every request.
fn is_about_documents(body: &[u8]) -> bool {
    const ABOUT_PARAMETERS: [&str; 5] = [
        "unrecognized parameter",
        "Unknown value for refresh",
        "failed to parse setting [timeout]",
        "cannot parse ActiveShardCount",
        "as only [true] or [false] are allowed",
    ];
    let Ok(Value::Object(answer)) = serde_json::from_slice(body) else {
        return false;
    };
    let reason = match answer.get("error") {
        Some(Value::Object(error)) if error.contains_key("type") => error.get("reason"),
        // With `http.detailed_errors.enabled: false` there is no more than this; other servers say more beside it.
        Some(error) if answer.len() == 2 && answer.contains_key("status") => Some(error),
        _ => return false,
    };
    let reason = reason.and_then(Value::as_str).unwrap_or("");
    !ABOUT_PARAMETERS.iter().any(|words| reason.contains(words))
}

/// The start of a body for a message, on one line.
pub fn quoted_beginning(body: &[u8]) -> String {
    const SHOWN: usize = 300;
    let text: String = String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body))
        .chars()
        .map(|character| {
            if is_harmful(character) {
                ' '
            } else {
                character
            }
        })
        .collect();
    match text.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, ItemStatus, Outcome, RefusalKind, Rules, Trouble, Verdict};
    use crate::outputs::elasticsearch::action::Action;
    use crate::outputs::elasticsearch::secrets::Secrets;

    fn verdict(status: u16, error_type: &str) -> Verdict {
        verdict_by(&Rules::default(), status, error_type)
    }

    fn verdict_by(rules: &Rules, status: u16, error_type: &str) -> Verdict {
        ItemStatus {
            action: Some(Action::Create),
            status,
            error_type: error_type.to_owned(),
            error_reason: String::new(),
        }
        .verdict(rules)
    }

    #[test]
    fn the_user_may_have_other_answers_refuse_or_drop() {
        let rules = Rules {
            refusing: vec![403],
            dropping: vec!["unwanted_exception".to_owned()],
        };
        let kind = |status, error| match verdict_by(&rules, status, error) {
            Verdict::Refused(refusal) => Some(refusal.kind),
            _ => None,
        };
        assert_eq!(kind(403, "x"), Some(RefusalKind::Other));
        for status in [400, 409, 429, 503] {
            let dropped = Some(RefusalKind::Unwanted);
            assert_eq!(kind(status, "unwanted_exception"), dropped, "{status}");
        }
        assert_eq!(kind(429, "x"), None);
        assert_eq!(kind(201, ""), None);
    }

    #[test]
    fn documents_end_as_the_table_says() {
        assert_eq!(verdict(201, ""), Verdict::Stored);
        assert_eq!(verdict(200, ""), Verdict::Stored);
        assert_eq!(
            verdict(409, "version_conflict_engine_exception"),
            Verdict::Duplicate
        );
        for busy in [409, 429, 500, 503] {
            let reason = format!("status {busy}, x: ");
            assert_eq!(
                verdict(busy, "x"),
                Verdict::TryAgain(Trouble::Busy { reason })
            );
        }
        for blocked in [403, 429] {
            let reason = "cluster_block_exception: ".to_owned();
            let want = Verdict::TryAgain(Trouble::Blocked { reason });
            assert_eq!(verdict(blocked, "cluster_block_exception"), want);
        }
    }

    #[test]
    fn an_update_that_lost_a_race_is_tried_again() {
        let verdict = |action| {
            let item = ItemStatus {
                action,
                status: 409,
                error_type: "version_conflict_engine_exception".to_owned(),
                error_reason: String::new(),
            };
            item.verdict(&Rules::default())
        };
        let conflict = Verdict::TryAgain(Trouble::Conflict);
        assert_eq!(verdict(Some(Action::Update)), conflict);
        for other in [Action::Create, Action::Index, Action::Delete] {
            assert_eq!(verdict(Some(other)), Verdict::Duplicate);
        }
        assert_eq!(verdict(None), Verdict::Duplicate);
    }

    #[test]
    fn a_block_on_an_index_and_a_missing_right_are_waited_for() {
        let blocked = Trouble::Blocked {
            reason: "cluster_block_exception: ".to_owned(),
        };
        let denied = Trouble::Denied {
            reason: "security_exception: ".to_owned(),
        };
        for (error, trouble) in [
            ("cluster_block_exception", blocked),
            ("security_exception", denied),
        ] {
            assert_eq!(verdict(403, error), Verdict::TryAgain(trouble));
        }
    }

    #[test]
    fn what_can_never_be_stored_is_refused_by_kind() {
        let kind = |status, error| match verdict(status, error) {
            Verdict::Refused(refusal) => refusal.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            kind(400, "document_parsing_exception"),
            RefusalKind::Mapping
        );
        assert_eq!(kind(400, "mapper_parsing_exception"), RefusalKind::Mapping);
        assert_eq!(kind(404, "index_not_found_exception"), RefusalKind::Index);
        assert_eq!(kind(400, "illegal_argument_exception"), RefusalKind::Other);
    }

    #[test]
    fn a_request_that_the_server_cannot_read_is_the_documents_fault() {
        for body in [
            r#"{"error":{"root_cause":[],"type":"illegal_argument_exception",
                "reason":"Malformed action/metadata line [3], expected FIELD_NAME but found [VALUE_STRING]"},"status":400}"#,
            r#"{"error":{"type":"action_request_validation_exception","reason":"Validation Failed: 1: id is too long"},"status":400}"#,
            r#"{"error":{"type":"x_content_parse_exception","reason":null},"status":400}"#,
            r#"{"error":"no details here","status":400}"#,
        ] {
            let outcome = Outcome::of_status(400, body.as_bytes());
            assert!(matches!(outcome, Outcome::Malformed { .. }), "{body}");
        }
    }

    #[test]
    fn a_request_that_nobody_would_take_is_not() {
        for body in [
            "",
            "<html><h1>400 Bad Request</h1>The plain HTTP request was sent to HTTPS port</html>",
            "{}",
            r#"{"message":"Bad Request"}"#,
            r#"{"timestamp":"2026-11-20","status":400,"error":"Bad Request","path":"/_bulk"}"#,
            r#"{"error":{"message":"Invalid host"}}"#,
            r#"{"error":"no handler found for uri [/es/_bulk] and method [POST]"}"#,
            r#"{"error":{"type":"illegal_argument_exception",
                "reason":"request [/_bulk] contains unrecognized parameter: [colour]"},"status":400}"#,
            r#"{"error":{"type":"illegal_argument_exception","reason":"Unknown value for refresh: [soon]."},"status":400}"#,
        ] {
            let Outcome::Denied { fault, .. } = Outcome::of_status(400, body.as_bytes()) else {
                panic!("{body}: nothing is refused for it");
            };
            assert_eq!(fault, Fault::Form);
        }
    }

    #[test]
    fn no_outcome_tells_a_secret() {
        let of_item = |status, error_type: &str| {
            let item = ItemStatus {
                status,
                error_type: error_type.to_owned(),
                error_reason: "not [s3cret]".to_owned(),
                ..ItemStatus::default()
            };
            item.verdict(&Rules::default())
        };
        let items = [
            of_item(400, "document_parsing_exception"),
            of_item(403, "security_exception"),
            of_item(429, "cluster_block_exception"),
            of_item(500, "x"),
        ];
        let malformed = br#"{"error":{"type":"x","reason":"not [s3cret]"},"status":400}"#;
        let secrets = Secrets::new(vec!["s3cret".to_owned()]);
        for outcome in [
            Outcome::Items(items.to_vec()),
            Outcome::of_status(400, malformed),
            Outcome::of_status(401, b"not [s3cret]"),
            Outcome::of_status(502, b"not [s3cret]"),
            Outcome::redirected(302, Some("/?s=s3cret")),
        ] {
            let words = format!("{:?}", outcome.without(&secrets));
            assert!(
                !words.contains("s3cret") && words.contains("***"),
                "{words}"
            );
        }
    }

    #[test]
    fn a_redirect_waits_for_somebody_to_look_where_it_leads() {
        let outcome = Outcome::redirected(307, Some("http://other/_bulk"));
        let Outcome::Denied { reason, fault } = outcome else {
            panic!("it is not followed");
        };
        assert_eq!(reason, "status 307, a redirect to http://other/_bulk");
        assert_eq!(fault, Fault::Form);
    }

    #[test]
    fn whole_requests_end_as_the_table_says() {
        assert_eq!(Outcome::of_status(413, b""), Outcome::TooLarge);
        for denied in [401, 403] {
            assert!(matches!(
                Outcome::of_status(denied, b""),
                Outcome::Denied {
                    fault: Fault::Login,
                    ..
                }
            ));
        }
        for away in [404, 405, 429, 500, 502, 503, 504] {
            assert!(matches!(
                Outcome::of_status(away, b""),
                Outcome::Away { .. }
            ));
        }
    }
}
