//! The notes that `explain` asks for: which piece failed furthest, and what else failed at its place.

use super::{Frame, Machine, UNSET};
use crate::grok::explain::ALTERNATIVES_MAX;
use crate::grok::program::{Op, UNTOLD};

/// What is noted of a search.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Of the attempts before the present one.
    before: Option<Furthest>,
    present: Option<Furthest>,
    /// Where the present attempt began.
    start: usize,
    /// The piece that runs, and where it began.
    current: (u32, usize),
    /// When set: only the pieces that fail where they begin at this place are noted, in `beside`.
    beside_at: Option<usize>,
    beside: Vec<Failed>,
}

/// The piece that failed furthest.
#[derive(Debug, Default)]
pub(in crate::grok) struct Furthest {
    /// How far the attempt had come in the expression.
    progress: usize,
    /// Bytes that the attempt had behind it, but for those that a run of any text took: they tell nothing of the line.
    length: usize,
    /// Where the attempt began.
    pub attempt_at: usize,
    /// Where the piece began.
    pub piece_at: usize,
    pub piece: u32,
    /// How far the piece had come itself.
    pub reached: usize,
    pub spans: Vec<usize>,
}

/// A piece that failed, how far it had come, and the spans by then.
#[derive(Debug)]
pub(in crate::grok) struct Failed {
    pub piece: u32,
    pub reached: usize,
    pub spans: Vec<usize>,
}

impl Machine<'_> {
    /// Asks for the furthest place of failure.
    pub fn note_furthest(&mut self) {
        self.notes = Some(Box::default());
    }

    pub fn into_furthest(self) -> Furthest {
        let mut notes = self.notes.unwrap_or_default();
        notes.begin(0);
        notes.before.unwrap_or_default()
    }

    /// Where the attempt began that was noted last.
    pub fn attempt_at(&self) -> usize {
        self.notes.as_ref().map_or(0, |notes| notes.start)
    }

    /// Asks for every piece that fails where it begins at this place.
    pub fn note_beside(&mut self, place: usize) {
        self.notes.get_or_insert_default().beside_at = Some(place);
    }

    pub fn into_beside(self) -> Vec<Failed> {
        self.notes.unwrap_or_default().beside
    }

    pub(super) fn enter_piece(&mut self) {
        let piece = self.piece();
        if let Some(notes) = &mut self.notes
            && notes.current.0 != piece
            && piece != UNTOLD
        {
            notes.current = (piece, self.at);
        }
    }

    /// The piece of the next operation.
    fn piece(&self) -> u32 {
        let piece = self.program.origins.get(self.pc);
        piece.copied().unwrap_or_default()
    }

    /// Counts a piece, in the first round of a repetition only.
    pub(super) fn pass(&mut self, piece: u32) -> bool {
        if let Some(counter) = self.program.passed
            && let Some((register, weight)) = self.first_round(piece)
        {
            let passed = self.register(counter).at;
            self.set_register(counter);
            self.scratch.registers[usize::from(counter)].at = passed + weight;
            self.set_register(register);
        }
        self.advance()
    }

    /// The register and the weight of a piece that was not passed yet.
    fn first_round(&self, piece: u32) -> Option<(u16, usize)> {
        let piece = self.program.pieces.get((piece as usize).checked_sub(1)?)?;
        // A register that is set has at least its own frame below.
        (self.register(piece.register).height == 0).then_some((piece.register, piece.weight))
    }

    /// How far the attempt came in the expression, with as much of the piece that failed as fits.
    fn progress(&self, piece: u32, bytes: usize) -> usize {
        let passed = self.program.passed;
        let passed = passed.map_or(0, |counter| self.register(counter).at);
        let weight = self.first_round(piece).map_or(0, |(_, weight)| weight);
        passed + bytes.min(weight)
    }

    pub(super) fn note(&mut self) {
        let (piece, at) = (self.piece(), self.misfit());
        let Some(notes) = self.notes.as_ref().filter(|_| piece != UNTOLD) else {
            return;
        };
        let progress = self.progress(piece, at.saturating_sub(notes.current.1));
        let (bounds, set, stack) = (&self.scratch.spans, self.set, &self.scratch.stack);
        let spans = || {
            let mut spans = bounds.clone();
            if let Some(void) = spans.get_mut(set..) {
                void.fill(UNSET);
            }
            complete(&mut spans, stack);
            spans
        };
        let Some(notes) = &mut self.notes else {
            return;
        };
        match notes.beside_at {
            Some(place) => notes.note_beside(place, at, spans),
            None => {
                let runs = bounds.len() - 2 * self.program.any_runs;
                let any_text = any_text(bounds.get(runs..).unwrap_or_default(), at);
                let length = at.saturating_sub(notes.start).saturating_sub(any_text);
                notes.note(at, (progress, length), spans);
            }
        }
    }

    /// The place that does not fit the operation that failed: of a run that is too short, the one behind its members; of a
    /// look-around its own.
    fn misfit(&self) -> usize {
        match self.program.ops.get(self.pc) {
            Some(
                Op::Run { set, min, .. } | Op::Greedy { set, min, .. } | Op::Lazy { set, min, .. },
            ) => {
                let set = &self.program.sets[usize::from(*set)];
                set.counted_run(self.line, self.at, *min).0
            }
            Some(Op::Refuse(register)) => self.register(*register).at,
            _ => self.at,
        }
    }
}

impl Notes {
    /// Begins an attempt: the one before it counts if it is ahead of all others.
    pub fn begin(&mut self, start: usize) {
        if let Some(present) = self.present.take()
            && self.is_ahead(present.progress, present.length)
        {
            self.before = Some(present);
        }
        self.start = start;
        self.current = (0, start);
    }

    /// Whether no attempt before came as far in the expression, nor as far in the line with as much of the expression.
    fn is_ahead(&self, progress: usize, length: usize) -> bool {
        let before = self.before.as_ref();
        before.is_none_or(|before| (before.progress, before.length) < (progress, length))
    }

    /// Keeps the failure if none in this attempt came further in the line. Of two at one place, the piece that began
    /// later: the other one had been got through by then.
    fn note(
        &mut self,
        reached: usize,
        (progress, length): (usize, usize),
        spans: impl FnOnce() -> Vec<usize>,
    ) {
        let (piece, piece_at) = self.current;
        let present = self.present.as_ref();
        if present.is_some_and(|known| (length, piece_at) <= (known.length, known.piece_at)) {
            return;
        }
        // Most attempts come nowhere; what they captured is never told.
        let spans = match self.is_ahead(progress, length) {
            true => spans(),
            false => Vec::new(),
        };
        self.present = Some(Furthest {
            progress,
            length,
            attempt_at: self.start,
            piece_at,
            piece,
            reached,
            spans,
        });
    }

    /// Keeps each piece that begins at the place once, where it came furthest.
    fn note_beside(&mut self, place: usize, at: usize, spans: impl FnOnce() -> Vec<usize>) {
        let (piece, began) = self.current;
        if began != place {
            return;
        }
        let reached = at.max(place);
        let known = self.beside.iter().position(|known| known.piece == piece);
        let index = known.unwrap_or(self.beside.len());
        let is_further = self
            .beside
            .get(index)
            .is_none_or(|known| known.reached < reached);
        if !is_further || index == ALTERNATIVES_MAX {
            return;
        }
        let failed = Failed {
            piece,
            reached,
            spans: spans(),
        };
        match self.beside.get_mut(index) {
            Some(known) => *known = failed,
            None => self.beside.push(failed),
        }
    }
}

/// A capture in a repetition that was entered again has its new start and its old end: the old start, which is kept to be
/// restored, is that of the last whole one.
fn complete(spans: &mut [usize], stack: &[Frame]) {
    let (pairs, _) = spans.as_chunks_mut::<2>();
    let last_change = |bound: usize| {
        stack
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, frame)| match frame {
                Frame::Span { index, value } if *index == bound => Some((at, *value)),
                _ => None,
            })
    };
    for (number, [start, end]) in pairs.iter_mut().enumerate() {
        if *end == UNSET {
            continue;
        }
        if let Some((started, old)) = last_change(2 * number)
            && last_change(2 * number + 1).is_none_or(|(ended, _)| ended < started)
        {
            *start = old;
        }
    }
}

/// Bytes in runs of any text; a run that goes on has its new start and no end, or its old one.
fn any_text(bounds: &[usize], at: usize) -> usize {
    let length = |pair: &[usize]| match pair {
        [UNSET, _] => 0,
        [start, end] if *end == UNSET || end < start => at.saturating_sub(*start),
        [start, end] => end - start,
        _ => 0,
    };
    bounds.chunks(2).map(length).sum()
}
