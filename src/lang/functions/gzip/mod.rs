//! `base64gzip`: the bytes that Go's `compress/gzip` writes at its default level, so that the text is Terraform's.
//!
//! Goes in: bytes. Comes out: a gzip stream (RFC 1952) of one member. Never happens: work that grows faster than the
//! input: the chains that are searched are short.
//!
//! Any compressor would give a stream that unpacks to the same text; but another text is another value, and a changed
//! value is a changed resource.

#![expect(
    clippy::indexing_slicing,
    reason = "tables and windows whose sizes are constants, as in the algorithm's source"
)]

mod block;
mod huffman;

use super::encoding::encode;
use super::string::string;
use super::{Function, Param, string_result, text};
use block::{Token, Writer};

pub(super) const FUNCTIONS: &[Function] = &[Function::new(
    "base64gzip",
    &[Param::string("str")],
    "A string compressed with gzip, in Base64.",
    string_result,
    |args, _| Ok(string(&encode(&gzip(text(args, 0).as_bytes())))),
)];

/// How far back a match may lie.
const WINDOW: usize = 1 << 15;
const HASH_BITS: u32 = 17;
/// What is looked for is at least and at most so long.
const MATCH_MIN: usize = 4;
const MATCH_MAX: usize = 258;
/// Tokens of one block.
const TOKENS_MAX: usize = 1 << 14;
/// Level 6: a match of this length is not improved upon,
const LAZY: usize = 16;
/// one of this length ends a search,
const NICE: usize = 128;
/// and so many places are looked at.
const CHAIN: usize = 128;

/// A gzip stream, flushed once before its end as Terraform does.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    // No name, no time, an unknown system.
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut writer = Writer::new(header.to_vec());
    Deflater::new(bytes).run(&mut writer);
    writer.stored(&[], false);
    writer.stored(&[], true);
    let mut out = writer.finish();
    out.extend(crc32(bytes).to_le_bytes());
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0);
    out.extend(length.to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// The search for matches. Positions are those in the input; [`NONE`] is before all of them.
struct Deflater<'b> {
    bytes: &'b [u8],
    /// The last position of each hash, plus 1.
    heads: Vec<usize>,
    /// The position before each one, of the same hash, plus 1.
    previous: Vec<usize>,
    /// Where the window begins: Go's holds twice [`WINDOW`], and forgets half of it at a time.
    base: usize,
    /// How far the input has come into the window.
    end: usize,
    block_start: usize,
    tokens: Vec<Token>,
}

impl<'b> Deflater<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            heads: vec![0; 1 << HASH_BITS],
            previous: vec![0; WINDOW],
            base: 0,
            end: bytes.len().min(2 * WINDOW),
            block_start: 0,
            tokens: Vec::new(),
        }
    }

    /// Puts a position into its chain, and gives the one before it, plus 1.
    fn insert(&mut self, at: usize) -> usize {
        let four = [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]];
        let hash = u32::from_be_bytes(four).wrapping_mul(0x1e35_a7bd) >> (32 - HASH_BITS);
        let before = std::mem::replace(&mut self.heads[hash as usize], at + 1);
        self.previous[at % WINDOW] = before;
        before
    }

    /// More input comes into the window. Whether there was more.
    fn fill(&mut self, index: usize) -> bool {
        if self.end >= self.bytes.len() {
            return false;
        }
        if index - self.base >= 2 * WINDOW - (MATCH_MIN + MATCH_MAX) {
            self.base += WINDOW;
        }
        self.end = self.bytes.len().min(self.base + 2 * WINDOW);
        true
    }

    fn run(mut self, writer: &mut Writer) {
        let (mut index, mut head) = (0, 0);
        // The match of the position before: its length and distance.
        let (mut length, mut distance) = (MATCH_MIN - 1, 0);
        // Whether the byte before is not written yet.
        let mut pending = false;
        loop {
            let lookahead = self.end - index;
            if lookahead < MATCH_MIN + MATCH_MAX && self.fill(index) {
                continue;
            }
            if lookahead == 0 {
                break;
            }
            if index + MATCH_MIN <= self.end {
                head = self.insert(index);
            }
            let (previous_length, previous_distance) = (length, distance);
            (length, distance) = (MATCH_MIN - 1, 0);
            let oldest = self.base.max(index.saturating_sub(WINDOW));
            if head > oldest && lookahead > previous_length && previous_length < LAZY {
                (length, distance) = self.longest(index, head - 1, lookahead);
            }
            if previous_length >= MATCH_MIN && length <= previous_length {
                self.tokens.push(Token::Match { length: previous_length, distance: previous_distance });
                let after = index + previous_length - 1;
                for inside in index + 1..after {
                    if inside + MATCH_MIN <= self.end {
                        self.insert(inside);
                    }
                }
                index = after;
                pending = false;
                length = MATCH_MIN - 1;
                if self.tokens.len() == TOKENS_MAX {
                    self.flush(index, writer);
                }
            } else {
                if pending {
                    self.tokens.push(Token::Literal(self.bytes[index - 1]));
                    if self.tokens.len() == TOKENS_MAX {
                        self.flush(index, writer);
                    }
                }
                index += 1;
                pending = true;
            }
        }
        if pending {
            self.tokens.push(Token::Literal(self.bytes[index - 1]));
        }
        if !self.tokens.is_empty() {
            self.flush(index, writer);
        }
    }

    /// The longest match of what stands at a position, along the chain of its hash.
    fn longest(&self, at: usize, head: usize, lookahead: usize) -> (usize, usize) {
        let most = MATCH_MAX.min(lookahead);
        let nice = NICE.min(most);
        let (mut length, mut distance) = (MATCH_MIN - 1, 0);
        let mut candidate = head;
        for _ in 0..CHAIN {
            if self.bytes[candidate + length] == self.bytes[at + length] {
                let same = (0..most).take_while(|n| self.bytes[candidate + n] == self.bytes[at + n]).count();
                if same > length && (same > MATCH_MIN || at - candidate <= 4096) {
                    (length, distance) = (same, at - candidate);
                    if same >= nice {
                        break;
                    }
                }
            }
            if candidate + WINDOW == at {
                break;
            }
            let next = self.previous[candidate % WINDOW];
            // Before the window, or nothing.
            if next <= self.base || next - 1 + WINDOW < at {
                break;
            }
            candidate = next - 1;
        }
        (length, distance)
    }

    fn flush(&mut self, index: usize, writer: &mut Writer) {
        // What has left the window cannot be stored as it is.
        let plain = (self.block_start >= self.base).then(|| &self.bytes[self.block_start..index]);
        writer.block(&self.tokens, plain);
        self.block_start = index;
        self.tokens.clear();
    }
}

#[cfg(test)]
mod tests;
