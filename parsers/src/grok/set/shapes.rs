//! The search for the shapes of all expressions in one pass. Each has a bit; for each byte and each place within a shape a
//! table tells the shapes that admit it there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::set_bit;
use crate::grok::shape::{LENGTH, Shape, Variant};

/// A bit for each shape. Two words are what a processor takes at once.
type Bits = [u64; WORDS];
const WORDS: usize = 2;
const SHAPES_MAX: usize = 64 * WORDS;
/// The row of the table for the end of the line.
const END: usize = 256;

type Table = Box<[[Bits; LENGTH]; END + 1]>;

pub(super) struct Shapes {
    table: Table,
    /// For each shape the variants whose rarest one it is.
    owners: Vec<Vec<Owner>>,
    /// The shapes that have such variants.
    owned: Bits,
    /// The expressions of which nothing is looked for, a bit for each.
    always: Vec<u64>,
}

/// A variant: all shapes that it needs, and its expression.
struct Owner {
    needed: Bits,
    index: usize,
}

impl Shapes {
    /// `None` when there is nothing to look for. One list of variants for each expression.
    pub fn new(expressions: &[&[Variant]]) -> Option<Self> {
        let mut shapes: Vec<Shape> = Vec::new();
        let variants: Vec<(usize, &Variant)> = expressions
            .iter()
            .enumerate()
            .flat_map(|(index, variants)| variants.iter().map(move |variant| (index, variant)))
            .collect();
        let needed = shared_out(&variants, &mut shapes);
        let mut owners: Vec<Vec<Owner>> = shapes.iter().map(|_| Vec::new()).collect();
        let mut owned = [0; WORDS];
        let mut always = vec![0; expressions.len().div_ceil(64)];
        for (needed, (index, _)) in needed.into_iter().zip(variants) {
            let mut bits = [0; WORDS];
            needed.iter().for_each(|bit| set_bit(&mut bits, *bit));
            let rarest = needed.first().copied();
            match rarest.and_then(|bit| owners.get_mut(bit)) {
                Some(owners) => owners.push(Owner {
                    needed: bits,
                    index,
                }),
                None => set_bit(&mut always, index),
            }
            rarest.iter().for_each(|bit| set_bit(&mut owned, *bit));
        }
        (!shapes.is_empty()).then(|| Self {
            table: table(&shapes),
            owners,
            owned,
            always,
        })
    }

    /// Whether the expression is passed over where its shapes are not.
    pub fn is_filtered(&self, index: usize) -> bool {
        !super::has_bit(&self.always, index)
    }

    /// Puts down the expressions that may match.
    pub fn mark(&self, line: &[u8], candidates: &mut Vec<u64>) {
        let found = found_by(&self.table, line);
        candidates.clear();
        candidates.extend(&self.always);
        for (word, mut bits) in and(found, self.owned).into_iter().enumerate() {
            while bits != 0 {
                let owners = self.owners.get(64 * word + bits.trailing_zeros() as usize);
                for owner in owners.into_iter().flatten() {
                    if and(owner.needed, found) == owner.needed {
                        set_bit(candidates, owner.index);
                    }
                }
                bits &= bits - 1;
            }
        }
    }
}

/// The shapes of a table that are in the line. It is by itself, so that the compiler takes both words of the bits at once.
#[inline(never)]
fn found_by(table: &Table, line: &[u8]) -> Bits {
    let (mut found, mut once, mut twice) = ([0; WORDS], [0; WORDS], [0; WORDS]);
    let mut take = |[first, second, third]: &[Bits; LENGTH]| {
        found = or(found, and(twice, *third));
        twice = and(once, *second);
        once = *first;
    };
    for byte in line {
        take(&table[usize::from(*byte)]);
    }
    take(&table[END]);
    take(&table[END]);
    found
}

fn and(one: Bits, other: Bits) -> Bits {
    std::array::from_fn(|word| one[word] & other[word])
}

fn or(one: Bits, other: Bits) -> Bits {
    std::array::from_fn(|word| one[word] | other[word])
}

/// The bits of each variant. The next one is always for the variant of which is known least, until none is left.
fn shared_out(variants: &[(usize, &Variant)], shapes: &mut Vec<Shape>) -> Vec<Vec<usize>> {
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
    let mut table = Box::new([[[0; WORDS]; LENGTH]; END + 1]);
    for (row, byte) in table.iter_mut().zip((0..=u8::MAX).map(Some).chain([None])) {
        for (bit, shape) in shapes.iter().enumerate() {
            for (entry, set) in row.iter_mut().zip(&shape.sets) {
                if set.admits(byte.as_ref()) {
                    set_bit(entry, bit);
                }
            }
        }
    }
    table
}
