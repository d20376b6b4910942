//! Verdicts: what the status of one document, or of a whole request, means for it. Statuses and errors come in, what the
//! sender does next goes out.

/// The end of one document's way, or the reason to go it once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Stored,
    /// It was there before: an earlier try had come through, or the user's own id is taken.
    Duplicate,
    TryAgain(Trouble),
    Refused(Refusal),
}

/// Why a document has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server has too much to do.
    Busy,
    /// Waiting alone does not help: somebody has to act.
    Blocked { reason: String },
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

/// What an answer says of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemStatus {
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
            409 => Verdict::Duplicate,
            403 => Verdict::TryAgain(Trouble::Blocked {
                reason: format!("{}: {}", self.error_type, self.error_reason),
            }),
            400 | 404 | 413 => Verdict::Refused(self.refusal()),
            _ => Verdict::TryAgain(Trouble::Busy),
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
        let reason = format!(
            "status {}, {}: {}",
            self.status, self.error_type, self.error_reason
        );
        Refusal {
            kind,
            status: Some(self.status),
            error_type: self.error_type,
            reason,
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
    /// Credentials, rights or licence: somebody has to act.
    Denied { reason: String },
    /// Nobody answered as expected: later, or elsewhere.
    Away { reason: String },
}

impl Outcome {
    /// The meaning of a status other than 200, with the beginning of the body.
    pub fn of_status(status: u16, body: &[u8]) -> Self {
        let reason = || format!("status {status}{}", quoted_beginning(body));
        match status {
            400 => Self::Malformed { reason: reason() },
            401 | 403 => Self::Denied { reason: reason() },
            413 => Self::TooLarge,
            _ => Self::Away { reason: reason() },
        }
    }
}

/// The start of a body for a message, on one line.
pub fn quoted_beginning(body: &[u8]) -> String {
    const SHOWN: usize = 300;
    let text: String = String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body))
        .chars()
        .map(|character| {
            if character.is_control() {
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
    use super::{ItemStatus, Outcome, RefusalKind, Rules, Trouble, Verdict};

    fn verdict(status: u16, error_type: &str) -> Verdict {
        verdict_by(&Rules::default(), status, error_type)
    }

    fn verdict_by(rules: &Rules, status: u16, error_type: &str) -> Verdict {
        ItemStatus {
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
        for busy in [429, 500, 503] {
            assert_eq!(verdict(busy, "x"), Verdict::TryAgain(Trouble::Busy));
        }
    }

    #[test]
    fn a_block_on_an_index_is_waited_for() {
        for error in ["cluster_block_exception", "security_exception"] {
            let Verdict::TryAgain(Trouble::Blocked { reason }) = verdict(403, error) else {
                panic!("403 {error} must wait");
            };
            assert!(reason.starts_with(error));
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
    fn whole_requests_end_as_the_table_says() {
        assert_eq!(Outcome::of_status(413, b""), Outcome::TooLarge);
        assert!(matches!(
            Outcome::of_status(400, b"x"),
            Outcome::Malformed { .. }
        ));
        for denied in [401, 403] {
            assert!(matches!(
                Outcome::of_status(denied, b""),
                Outcome::Denied { .. }
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
