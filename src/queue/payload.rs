//! What a record of an output's queue holds: documents of a bulk body, and where each begins. The log itself does not
//! look inside.
//!
//! u8 version, u32 count, that many u32 starts in the body, the body; little endian.

/// The only version there is.
const VERSION: u8 = 1;

/// Appends a payload to `into`. The starts are offsets in `body`, ascending.
pub fn encode(starts: &[u32], body: &[u8], into: &mut Vec<u8>) {
    into.reserve(5 + 4 * starts.len() + body.len());
    into.push(VERSION);
    // A start has four bytes and a place of its own in a body of at most 4 GiB.
    into.extend_from_slice(&(starts.len() as u32).to_le_bytes());
    for start in starts {
        into.extend_from_slice(&start.to_le_bytes());
    }
    into.extend_from_slice(body);
}

/// The starts and the body; nothing if it is no payload. Each start lies inside the body and behind the one before.
pub fn decode(payload: &[u8]) -> Option<(impl Iterator<Item = u32>, &[u8])> {
    let (version, rest) = payload.split_first()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let bytes = usize::try_from(u32::from_le_bytes(*count))
        .ok()?
        .checked_mul(4)?;
    let (starts, body) = rest.split_at_checked(bytes)?;
    let (starts, _) = starts.as_chunks::<4>();
    let starts = || starts.iter().map(|start| u32::from_le_bytes(*start));
    let inside = starts().all(|start| (start as usize) < body.len());
    let known = *version == VERSION && inside && starts().is_sorted_by(|a, b| a < b);
    known.then(|| (starts(), body))
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn what_was_encoded_is_decoded() {
        let mut payload = Vec::new();
        encode(&[0, 5], b"{1}\n\n{2}\n", &mut payload);
        let (starts, body) = decode(&payload).unwrap();
        assert_eq!(starts.collect::<Vec<_>>(), [0, 5]);
        assert_eq!(body, b"{1}\n\n{2}\n");
    }

    #[test]
    fn no_document_at_all_is_a_payload() {
        let mut payload = Vec::new();
        encode(&[], b"", &mut payload);
        assert!(
            decode(&payload).is_some_and(|(starts, body)| starts.count() == 0 && body.is_empty())
        );
    }

    #[track_caller]
    fn refused(payload: &[u8]) {
        assert!(decode(payload).is_none());
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        refused(b"");
        refused(b"\x02\0\0\0\0");
        refused(b"\x01\x02\0\0\0\0\0\0\0");
        refused(b"\x01\xff\xff\xff\xff{}\n");
    }

    #[test]
    fn starts_outside_of_the_body_or_out_of_order_are_refused() {
        let mut payload = Vec::new();
        encode(&[3], b"{}\n", &mut payload);
        refused(&payload);
        payload.clear();
        encode(&[1, 0], b"{}\n", &mut payload);
        refused(&payload);
    }
}
