use super::*;
use crate::lang::functions::digest::Kind;

/// Bytes that come in runs and come again, from a generator that needs no other.
fn sample(length: usize, mut state: u32, letters: u32) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let mut next = |range: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % range
    };
    while out.len() < length {
        if next(4) == 0 && out.len() > 300 {
            let distance = 1 + next(u32::try_from(out.len().min(40_000)).unwrap()) as usize;
            let start = out.len() - distance;
            for at in 0..next(300) as usize {
                out.push(out[start + at]);
            }
        } else {
            for _ in 0..=letters / 8 {
                out.push(u8::try_from(next(letters)).unwrap());
            }
        }
    }
    out.truncate(length);
    out
}

#[test]
fn streams_are_gos() {
    for (text, expected) in [
        ("", "H4sIAAAAAAAA/wAAAP//AQAA//8AAAAAAAAAAA=="),
        ("hello", "H4sIAAAAAAAA/8pIzcnJBwAAAP//AQAA//+GphA2BQAAAA=="),
    ] {
        assert_eq!(encode(&gzip(text.as_bytes())), expected, "{text}");
    }
}

/// The digests are of what Go's `compress/gzip` writes: short texts, several blocks, a window that moves, bytes that
/// cannot be compressed.
#[test]
fn long_streams_are_gos() {
    for (length, seed, letters, expected) in [
        (300, 1, 20, "c2de1de8165b27e17093903c628747c1"),
        (20_000, 2, 20, "3e229a34c36bb832f82e843bae37a537"),
        (65_536, 1, 20, "54d364eea62c1240f5d77dbdefa5b020"),
        (70_000, 3, 2, "b1d3a235d5d4d777cd18eb304e9982dd"),
        (150_000, 1, 256, "7fedd9e206ca3ff0b07b9cda1cddd994"),
        (150_000, 2, 20, "4f96dbf373e9f77be027aab1398293a2"),
    ] {
        let stream = gzip(&sample(length, seed, letters));
        assert_eq!(Kind::Md5.digest(&stream), expected, "{length} {seed} {letters}");
    }
}
