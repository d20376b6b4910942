//! What is done to the operations at last.
//!
//! Gates: short texts that every match passes, each once, outside of atomic groups and look-around. What
//! comes behind one depends on the place alone, not on the way there. So a place from where the rest failed
//! fails again; and a line without a further place of the text has no further match.

use super::{NO_GATE, Needle, Op, Tail};

/// Gates of one program. Each costs a little on lines that match; with a few all that can be saved is saved.
pub(in crate::grok) const GATES_MAX: usize = 4;
/// Texts that are less rare, such as a blank, are met too often to tell anything.
const RARITY_MIN: u32 = 3;

/// Turns the rarest texts into gates.
pub(super) fn place(ops: &mut [Op]) -> Vec<Needle> {
    let is_on_all_ways = on_all_ways(ops);
    let mut found: Vec<(usize, Needle)> = ops
        .iter()
        .enumerate()
        .filter(|(at, _)| is_on_all_ways.get(*at) == Some(&true))
        .filter_map(|(at, op)| match op {
            Op::Short(text) => Some((at, Needle::new(text.text()))),
            _ => None,
        })
        .filter(|(_, needle)| RARITY_MIN <= needle.rarity())
        .collect();
    found.sort_by_key(|(_, needle)| std::cmp::Reverse(needle.rarity()));
    found.truncate(GATES_MAX);
    for ((at, _), gate) in found.iter().zip(0..) {
        if let Some(op) = ops.get_mut(*at)
            && let Op::Short(text) = *op
        {
            *op = Op::Gate { text, gate };
        }
    }
    found.into_iter().map(|(_, needle)| needle).collect()
}

/// The shortest tail that can fail and has spans of its own.
pub(super) fn tail(ops: &[Op]) -> Option<Tail> {
    let tail = |(at, op): (usize, &Op)| {
        let Op::Gate { gate, text } = op else {
            return None;
        };
        let (head, tail) = ops.split_at_checked(at + 1)?;
        let bound = head.iter().filter_map(bound_behind).max().unwrap_or(0);
        let is_apart = tail.iter().filter_map(bound_behind).all(|end| bound < end);
        (is_apart && tail.iter().any(can_fail)).then(|| Tail {
            gate: *gate,
            gate_bytes: text.text().len(),
            search: search_before(ops, at),
            address: at + 1,
            bound,
            is_decided: !tail.iter().any(is_choice),
        })
    };
    ops.iter().enumerate().rev().find_map(tail)
}

/// The operation that looks for the last place of the text at an address, if there is one.
fn search_before(ops: &[Op], text: usize) -> Option<usize> {
    let is_save = |op: &Op| matches!(op, Op::Save(_));
    let search = ops.get(..text)?.iter().rposition(|op| !is_save(op))?;
    matches!(ops.get(search), Some(Op::FindLast { .. })).then_some(search)
}

/// The bound behind those that an operation sets.
fn bound_behind(op: &Op) -> Option<usize> {
    match op {
        Op::Save(bound) => Some(*bound as usize + 1),
        Op::CapturedToken { slot, .. } | Op::CapturedRun { slot, .. } => Some(*slot as usize + 2),
        _ => None,
    }
}

/// Whether it fails on some lines; not so what takes any text to the end.
fn can_fail(op: &Op) -> bool {
    !matches!(
        op,
        Op::Save(_)
            | Op::Jump(_)
            | Op::Split { .. }
            | Op::Run { min: 0, .. }
            | Op::CapturedRun { min: 0, .. }
            | Op::Mark(_)
            | Op::Cut(_)
            | Op::Match
    )
}

/// Whether it can go on in several ways, or in a way of its own.
fn is_choice(op: &Op) -> bool {
    !matches!(
        op,
        Op::Literal(_)
            | Op::Short(_)
            | Op::Gate { .. }
            | Op::One(_)
            | Op::Run { .. }
            | Op::Save(_)
            | Op::Assert(_)
            | Op::Token { .. }
            | Op::CapturedToken { .. }
            | Op::CapturedRun { .. }
            | Op::Match
    )
}

/// Lets each token check the text behind it: one operation less on the way.
pub(super) fn add_texts(ops: &mut [Op]) {
    for at in 1..ops.len() {
        let (text, gate) = match ops.get(at) {
            Some(Op::Short(text)) => (*text, NO_GATE),
            Some(Op::Gate { text, gate }) => (*text, *gate),
            _ => continue,
        };
        if let Some(
            Op::Token {
                text: behind,
                gate: gate_behind,
                ..
            }
            | Op::CapturedToken {
                text: behind,
                gate: gate_behind,
                ..
            },
        ) = ops.get_mut(at - 1)
        {
            (*behind, *gate_behind) = (text, gate);
        }
    }
}

/// For each operation whether every match passes it, once.
fn on_all_ways(ops: &[Op]) -> Vec<bool> {
    let mut is_on_all_ways = vec![true; ops.len()];
    let mut clear = |from: usize, to: usize| {
        if let Some(part) = is_on_all_ways.get_mut(from..to) {
            part.fill(false);
        }
    };
    for (at, op) in ops.iter().enumerate() {
        let targets = match op {
            Op::Split { first, second, .. } => [Some(*first), Some(*second)],
            Op::Jump(target)
            | Op::Unless {
                otherwise: target, ..
            }
            | Op::NonEmpty { exit: target, .. } => [Some(*target), None],
            Op::Mark(register) => [group_end(ops, at, *register), None],
            _ => [None, None],
        };
        for target in targets.into_iter().flatten() {
            let target = target as usize;
            // Forwards operations are left out, backwards they are repeated.
            match at < target {
                true => clear(at + 1, target),
                false => clear(target, at + 1),
            }
        }
    }
    is_on_all_ways
}

fn group_end(ops: &[Op], at: usize, register: u16) -> Option<u32> {
    let is_end = |op: &Op| matches!(op, Op::Cut(end) | Op::Return(end) if *end == register);
    let length = ops.get(at..)?.iter().position(is_end)?;
    u32::try_from(at + length + 1).ok()
}
