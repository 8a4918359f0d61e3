//! Codes of few bits for what comes often, none longer than a limit. Which of several best codes is chosen is Go's
//! choice: an algorithm of boundary packages, ties to pairs.

use super::block::LITERALS;

/// No frequency is as large.
const NEVER: u32 = i32::MAX as u32;

/// The bits of one symbol, the first one lowest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) bits: u16,
    pub(super) length: u8,
}

impl Code {
    /// A code whose first bit is its highest.
    fn reversed(bits: u16, length: u8) -> Self {
        Self { bits: if length == 0 { 0 } else { bits.reverse_bits() >> (16 - length) }, length }
    }
}

/// Codes by symbol.
pub(super) struct Encoder(Vec<Code>);

/// What is known of one level of the tree while it grows.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Frequency of the last node.
    last: u32,
    /// Frequency of the next leaf.
    next_leaf: u32,
    /// Frequency of the next pair of the level below.
    next_pair: u32,
    /// Nodes that are still wanted.
    needed: usize,
}

/// Levels of a tree.
const LEVELS: usize = 16;

impl Encoder {
    /// The best codes for symbols that come so often, of at most `bits_max` bits, which is below [`LEVELS`].
    pub(super) fn new(counts: &[u32], bits_max: usize) -> Self {
        let mut codes = vec![Code::default(); counts.len()];
        let mut leaves: Vec<(u32, usize)> = counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(symbol, count)| (*count, symbol))
            .collect();
        if leaves.len() <= 2 {
            for (at, (_, symbol)) in leaves.iter().enumerate() {
                codes[*symbol] = Code { bits: u16::from(at == 1), length: 1 };
            }
            return Self(codes);
        }
        leaves.sort_unstable();
        let mut code = 0_u16;
        let mut rest = leaves.as_mut_slice();
        for (length, with_length) in bit_counts(rest, bits_max).into_iter().enumerate() {
            code <<= 1;
            let (others, chunk) = rest.split_at_mut(rest.len() - with_length);
            chunk.sort_unstable_by_key(|(_, symbol)| *symbol);
            for (_, symbol) in chunk {
                codes[*symbol] = Code::reversed(code, u8::try_from(length).unwrap_or(0));
                code += 1;
            }
            rest = others;
        }
        Self(codes)
    }

    pub(super) fn code(&self, symbol: usize) -> Code {
        self.0[symbol]
    }

    /// Bits that symbols take that come so often.
    pub(super) fn size(&self, counts: &[u32]) -> u64 {
        self.0.iter().zip(counts).map(|(code, count)| u64::from(code.length) * u64::from(*count)).sum()
    }
}

/// How many of three or more leaves, in the order of their frequencies, have codes of 0, 1, 2… bits.
fn bit_counts(leaves: &[(u32, usize)], bits_max: usize) -> Vec<usize> {
    let frequency = |at: usize| leaves.get(at).map_or(NEVER, |leaf| leaf.0);
    let top = bits_max.min(leaves.len() - 1);
    let mut levels = [Level::default(); LEVELS + 1];
    // Of the last node of a level, how many leaves lie to its left on each level below.
    let mut left = [[0_usize; LEVELS]; LEVELS];
    for level in 1..=top {
        let next_pair = if level == 1 { NEVER } else { frequency(0) + frequency(1) };
        levels[level] = Level { last: frequency(1), next_leaf: frequency(2), next_pair, needed: 0 };
        left[level][level] = 2;
    }
    levels[top].needed = 2 * leaves.len() - 4;
    let mut level = top;
    loop {
        let now = levels[level];
        if now.next_pair == NEVER && now.next_leaf == NEVER {
            levels[level].needed = 0;
            levels[level + 1].next_pair = NEVER;
            level += 1;
            continue;
        }
        if now.next_leaf < now.next_pair {
            left[level][level] += 1;
            levels[level].last = now.next_leaf;
            levels[level].next_leaf = frequency(left[level][level]);
        } else {
            levels[level].last = now.next_pair;
            let below = left[level - 1];
            left[level][..level].copy_from_slice(&below[..level]);
            levels[level - 1].needed = 2;
        }
        levels[level].needed -= 1;
        if levels[level].needed == 0 {
            if level == top {
                break;
            }
            levels[level + 1].next_pair = now.last + levels[level].last;
            level += 1;
        } else {
            while levels[level - 1].needed > 0 {
                level -= 1;
            }
        }
    }
    let mut counts = vec![0];
    counts.extend((1..=top).rev().map(|level| left[top][level] - left[top][level - 1]));
    counts
}

/// The codes of literals and lengths that every reader knows.
pub(super) fn fixed_literals() -> Encoder {
    let code = |symbol: u16| match symbol {
        0..144 => Code::reversed(symbol + 48, 8),
        144..256 => Code::reversed(symbol + 400 - 144, 9),
        256..280 => Code::reversed(symbol - 256, 7),
        _ => Code::reversed(symbol + 192 - 280, 8),
    };
    Encoder((0..LITERALS).map(|symbol| code(u16::try_from(symbol).unwrap_or(0))).collect())
}

/// The codes of distances that every reader knows.
pub(super) fn fixed_distances() -> Encoder {
    Encoder((0..30).map(|symbol| Code::reversed(symbol, 5)).collect())
}
