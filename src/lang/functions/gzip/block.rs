//! Tokens to the bits of a block (RFC 1951), in the form that takes fewest.

use super::huffman::{Code, Encoder, fixed_distances, fixed_literals};

/// Symbols of literals and lengths.
pub(super) const LITERALS: usize = 286;
/// Symbols of distances.
const DISTANCES: usize = 30;
/// Symbols that the lengths of codes are written with.
const LENGTH_SYMBOLS: usize = 19;
const END_OF_BLOCK: usize = 256;
/// The symbol of the shortest length.
const FIRST_LENGTH: usize = 257;
/// What a length and a distance begin at.
const LENGTH_BASE: usize = 3;
/// Bytes of a stored block.
const STORED_MAX: usize = 65_535;
/// The order in which the lengths of the codes of lengths are written.
const ORDER: [usize; LENGTH_SYMBOLS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// One step of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A byte.
    Literal(u8),
    /// Bytes that stood before, so long and so far back.
    Match {
        /// Bytes.
        length: usize,
        /// Bytes.
        distance: usize,
    },
}

/// A symbol, and the bits after it with their number.
type Symbol = (usize, u32, u32);

fn length_symbol(length: usize) -> Symbol {
    let rest = length - LENGTH_BASE;
    if length == 258 {
        return (28, 0, 0);
    }
    split(rest, 2)
}

fn distance_symbol(distance: usize) -> Symbol {
    split(distance - 1, 1)
}

/// Numbers are in classes of a power of two, each of `1 << fine` symbols; those of the first two classes have no bits.
fn split(number: usize, fine: u32) -> Symbol {
    let bits = usize::BITS - number.leading_zeros();
    if bits <= fine + 1 {
        return (number, 0, 0);
    }
    let extra = bits - fine - 1;
    let symbol = ((extra as usize) << fine) + (number >> extra);
    let rest = u32::try_from(number & ((1 << extra) - 1)).unwrap_or(0);
    (symbol, rest, extra)
}

/// Bits after each other, the first one lowest.
pub(super) struct Writer {
    out: Vec<u8>,
    bits: u64,
    count: u32,
}

/// How the lengths of the codes of a block are written: symbols with the bits after them.
struct Lengths {
    symbols: Vec<(usize, u32)>,
    encoder: Encoder,
    /// Of [`ORDER`], the lengths that are written.
    written: usize,
    /// Bits of all of it.
    size: u64,
}

impl Writer {
    /// Writes after what is there already.
    pub(super) fn new(out: Vec<u8>) -> Self {
        Self { out, bits: 0, count: 0 }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn put(&mut self, bits: u32, count: u32) {
        self.bits |= u64::from(bits) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.bits.to_le_bytes()[0]);
            self.bits >>= 8;
            self.count -= 8;
        }
    }

    fn code(&mut self, code: Code) {
        self.put(u32::from(code.bits), u32::from(code.length));
    }

    /// A block of bytes as they are.
    pub(super) fn stored(&mut self, bytes: &[u8], last: bool) {
        self.put(u32::from(last), 3);
        self.put(0, (8 - self.count) % 8);
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.put(u32::from(length), 16);
        self.put(u32::from(!length), 16);
        self.out.extend(bytes);
    }

    /// A block of tokens, in the smallest of three forms. `plain` is what they stand for, if that is known.
    pub(super) fn block(&mut self, tokens: &[Token], plain: Option<&[u8]>) {
        let mut literals = vec![0; LITERALS];
        let mut distances = vec![0; DISTANCES];
        let mut extra = 0;
        for token in tokens {
            match token {
                Token::Literal(byte) => literals[usize::from(*byte)] += 1,
                Token::Match { length, distance } => {
                    let (length, _, length_bits) = length_symbol(*length);
                    let (distance, _, distance_bits) = distance_symbol(*distance);
                    literals[FIRST_LENGTH + length] += 1;
                    distances[distance] += 1;
                    extra += u64::from(length_bits + distance_bits);
                }
            }
        }
        literals[END_OF_BLOCK] += 1;
        if distances.iter().all(|count| *count == 0) {
            // A tree has at least one leaf.
            distances[0] = 1;
        }
        let literal_encoder = Encoder::new(&literals, 15);
        let distance_encoder = Encoder::new(&distances, 15);
        let lengths = lengths(&literals, &distances, &literal_encoder, &distance_encoder);
        let (fixed_literals, fixed_distances) = (fixed_literals(), fixed_distances());
        let fixed = 3 + fixed_literals.size(&literals) + fixed_distances.size(&distances) + extra;
        let dynamic =
            lengths.size + literal_encoder.size(&literals) + distance_encoder.size(&distances) + extra;
        if let Some(plain) = plain.filter(|plain| plain.len() <= STORED_MAX)
            && (plain.len() as u64 + 5) * 8 < fixed.min(dynamic)
        {
            self.stored(plain, false);
        } else if dynamic < fixed {
            self.dynamic_header(&literals, &distances, &lengths);
            self.tokens(tokens, &literal_encoder, &distance_encoder);
        } else {
            self.put(2, 3);
            self.tokens(tokens, &fixed_literals, &fixed_distances);
        }
    }

    fn dynamic_header(&mut self, literals: &[u32], distances: &[u32], lengths: &Lengths) {
        let count = |used: usize, least: usize| u32::try_from(used - least).unwrap_or(0);
        self.put(4, 3);
        self.put(count(used(literals), FIRST_LENGTH), 5);
        self.put(count(used(distances), 1), 5);
        self.put(count(lengths.written, 4), 4);
        for symbol in ORDER.iter().take(lengths.written) {
            self.put(u32::from(lengths.encoder.code(*symbol).length), 3);
        }
        for (symbol, rest) in &lengths.symbols {
            self.code(lengths.encoder.code(*symbol));
            self.put(*rest, extra_bits(*symbol));
        }
    }

    fn tokens(&mut self, tokens: &[Token], literals: &Encoder, distances: &Encoder) {
        for token in tokens {
            match token {
                Token::Literal(byte) => self.code(literals.code(usize::from(*byte))),
                Token::Match { length, distance } => {
                    let (symbol, rest, bits) = length_symbol(*length);
                    self.code(literals.code(FIRST_LENGTH + symbol));
                    self.put(rest, bits);
                    let (symbol, rest, bits) = distance_symbol(*distance);
                    self.code(distances.code(symbol));
                    self.put(rest, bits);
                }
            }
        }
        self.code(literals.code(END_OF_BLOCK));
    }
}

/// Symbols up to the last one that is used.
fn used(counts: &[u32]) -> usize {
    counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1)
}

/// Bits after a symbol of the lengths of codes.
fn extra_bits(symbol: usize) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

fn lengths(
    literals: &[u32],
    distances: &[u32],
    literal_encoder: &Encoder,
    distance_encoder: &Encoder,
) -> Lengths {
    let all: Vec<usize> = (0..used(literals))
        .map(|symbol| literal_encoder.code(symbol))
        .chain((0..used(distances)).map(|symbol| distance_encoder.code(symbol)))
        .map(|code| usize::from(code.length))
        .collect();
    let mut symbols: Vec<(usize, u32)> = Vec::new();
    for run in all.chunk_by(|one, next| one == next) {
        let (length, mut left) = (run[0], run.len());
        let mut repeat = |left: &mut usize, symbol: usize, least: usize, most: usize| {
            while *left >= least {
                let times = (*left).min(most);
                symbols.push((symbol, u32::try_from(times - least).unwrap_or(0)));
                *left -= times;
            }
        };
        if length == 0 {
            repeat(&mut left, 18, 11, 138);
            repeat(&mut left, 17, 3, 10);
        } else {
            // A length is repeated only after it was written.
            repeat(&mut 1, length, 1, 1);
            left -= 1;
            repeat(&mut left, 16, 3, 6);
        }
        symbols.extend(std::iter::repeat_n((length, 0), left));
    }
    let mut counts = vec![0; LENGTH_SYMBOLS];
    for (symbol, _) in &symbols {
        counts[*symbol] += 1;
    }
    let encoder = Encoder::new(&counts, 7);
    let last = ORDER.iter().rposition(|symbol| counts[*symbol] > 0).map_or(0, |last| last + 1);
    let written = last.max(4);
    let extra: u32 = symbols.iter().map(|(symbol, _)| extra_bits(*symbol)).sum();
    let size = 17 + 3 * written as u64 + encoder.size(&counts) + u64::from(extra);
    Lengths { symbols, encoder, written, size }
}
