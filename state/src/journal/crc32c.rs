//! CRC-32C (Castagnoli), as iSCSI has it: RFC 3720, section 12.1.
//!
//! In: bytes. Out: 32 bits that differ for any burst of up to 32 changed bits.

/// The generator polynomial 0x1EDC6F41 with its bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// What one byte does to the sum, for each byte.
const TABLE: [u32; 256] = table();

#[expect(clippy::indexing_slicing, reason = "the loop's bound is the array's length")]
const fn table() -> [u32; 256] {
    let mut table = [0_u32; 256];
    let mut index = 0;
    let mut byte = 0_u32;
    while index < table.len() {
        let mut sum = byte;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
        byte += 1;
    }
    table
}

/// The checksum of the parts one after the other.
pub(super) fn crc32c(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    !bytes.fold(!0, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        let entry = TABLE.get(usize::from(low ^ byte)).copied().expect("a byte is below 256");
        entry ^ (sum >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn sums_are_those_of_the_standard() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        for (bytes, sum) in [
            (&b"123456789"[..], 0xE306_9283),
            (b"", 0),
            (&[0; 32], 0x8A91_36AA), // RFC 3720, B.4
            (&[0xFF; 32], 0x62A8_AB43),
            (&ascending, 0x46DD_794E),
            (&descending, 0x113F_DB5C),
        ] {
            assert_eq!(crc32c(&[bytes]), sum, "{bytes:?}");
        }
    }

    #[test]
    fn parts_sum_as_their_whole() {
        assert_eq!(crc32c(&[b"1234", b"", b"56789"]), crc32c(&[b"123456789"]));
    }
}
