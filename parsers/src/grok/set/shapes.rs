//! The search for the shapes of all expressions in one pass. Each has a bit; for each byte and each place within a
//! shape a table tells the shapes that admit it there. A second pass, for as many shapes more, is made only on lines
//! that the first one did not rule out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::set_bit;
use crate::grok::shape::{LENGTH, Shape, Variant};

/// The shapes of a pass: one for each bit of a word.
const WORD: usize = 64;
/// Those of both passes.
const SHAPES_MAX: usize = 2 * WORD;
/// The row of the table for the end of the line.
const END: usize = 256;

type Table = Box<[[u64; LENGTH]; END + 1]>;

pub(super) struct Shapes {
    tables: Vec<Table>,
    /// For each shape the variants whose rarest one it is.
    owners: Vec<Vec<Owner>>,
    /// The expressions of which nothing is looked for, a bit for each.
    always: Vec<u64>,
}

/// An expression: its variants, and how much is known of its matches besides, in the unit of a shape's weight.
pub(super) struct Expression<'a> {
    pub variants: &'a [Variant],
    pub weight: u32,
}

/// A variant: all shapes that it needs, and its expression.
struct Owner {
    needed: u128,
    index: usize,
    /// Whether nothing else rules it out soon, so that a further pass is worth it.
    is_dear: bool,
}

impl Shapes {
    /// `None` when there is nothing to look for. One list of variants for each expression.
    pub fn new(expressions: &[Expression]) -> Option<Self> {
        let mut shapes: Vec<Shape> = Vec::new();
        let each = || {
            let all = expressions.iter().enumerate();
            all.flat_map(|(index, one)| one.variants.iter().map(move |variant| (index, variant)))
        };
        let weight = |index: usize| expressions.get(index).map_or(0, |one| one.weight);
        let all: Vec<(u32, &Variant)> = each()
            .map(|(index, variant)| (weight(index), variant))
            .collect();
        let needed = shared_out(&all, &mut shapes);
        let mut owners: Vec<Vec<Owner>> = shapes.iter().map(|_| Vec::new()).collect();
        let mut always = vec![0; expressions.len().div_ceil(64)];
        for (needed, (index, _)) in needed.iter().zip(each()) {
            let rarest = needed.first().and_then(|bit| owners.get_mut(*bit));
            match rarest {
                Some(owners) => owners.push(Owner {
                    needed: needed.iter().fold(0, |all, bit| all | 1 << bit),
                    index,
                    is_dear: weight(index) == 0,
                }),
                None => set_bit(&mut always, index),
            }
        }
        // Only shapes that are some variant's rarest one have owners.
        let length = owners.iter().rposition(|owners| !owners.is_empty());
        owners.truncate(length.map_or(0, |last| last + 1));
        (!shapes.is_empty()).then(|| Self {
            tables: shapes.chunks(WORD).map(table).collect(),
            owners,
            always,
        })
    }

    /// Whether the expression is passed over where its shapes are not.
    pub fn is_filtered(&self, index: usize) -> bool {
        !super::has_bit(&self.always, index)
    }

    /// Puts down the expressions that may match.
    pub fn mark(&self, line: &[u8], candidates: &mut Vec<u64>) {
        let (mut found, mut known) = (0, 0);
        for (table, place) in self.tables.iter().zip([0, WORD]) {
            found |= u128::from(found_by(table, line)) << place;
            known |= u128::from(u64::MAX) << place;
            candidates.clear();
            candidates.extend(&self.always);
            if !self.mark_found(found, known, candidates) {
                return;
            }
        }
    }

    /// Puts down the expressions whose shapes are found, as far as that is known; false when a further pass is not
    /// worth it.
    fn mark_found(&self, found: u128, known: u128, candidates: &mut [u64]) -> bool {
        let mut is_worth_more = self.owners.len() > known.count_ones() as usize;
        let mut bits = found;
        while bits != 0 {
            let owners = self.owners.get(bits.trailing_zeros() as usize);
            for owner in owners.into_iter().flatten() {
                if owner.needed & known & !found == 0 {
                    set_bit(candidates, owner.index);
                    is_worth_more |= owner.is_dear;
                }
            }
            bits &= bits - 1;
        }
        is_worth_more
    }
}

/// The shapes of a table that are in the line.
fn found_by(table: &Table, line: &[u8]) -> u64 {
    let (mut found, mut once, mut twice) = (0, 0, 0);
    let mut take = |[first, second, third]: [u64; LENGTH]| {
        found |= twice & third;
        twice = once & second;
        once = first;
    };
    for byte in line {
        take(table[usize::from(*byte)]);
    }
    take(table[END]);
    take(table[END]);
    found
}

/// The bits of each variant. The next one is always for the variant of which is known least, until none is left.
fn shared_out(variants: &[(u32, &Variant)], shapes: &mut Vec<Shape>) -> Vec<Vec<usize>> {
    let mut bits = vec![Vec::new(); variants.len()];
    let mut open: BinaryHeap<Reverse<(u32, usize)>> = (0..variants.len())
        .map(|index| Reverse((0, index)))
        .collect();
    while let Some(Reverse((weight, index))) = open.pop() {
        if let (Some(bits), Some((_, variant))) = (bits.get_mut(index), variants.get(index))
            && let Some(shape) = variant.get(bits.len())
            && let Some(bit) = number(shapes, shape)
        {
            bits.push(bit);
            open.push(Reverse((weight + shape.weight, index)));
        }
    }
    bits
}

/// The bit of a shape, a new one if there is one left.
fn number(shapes: &mut Vec<Shape>, shape: &Shape) -> Option<usize> {
    let known = shapes.iter().position(|other| other == shape);
    known.or_else(|| {
        (shapes.len() < SHAPES_MAX).then(|| {
            shapes.push(*shape);
            shapes.len() - 1
        })
    })
}

fn table(shapes: &[Shape]) -> Table {
    let mut table = Box::new([[0; LENGTH]; END + 1]);
    for (row, byte) in table.iter_mut().zip((0..=u8::MAX).map(Some).chain([None])) {
        for (bit, shape) in shapes.iter().enumerate() {
            for (entry, set) in row.iter_mut().zip(&shape.sets) {
                *entry |= u64::from(set.admits(byte.as_ref())) << bit;
            }
        }
    }
    table
}
