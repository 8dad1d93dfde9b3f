//! Just enough of gzip (RFC 1952) and deflate (RFC 1951) to pack a document and very much white space.

/// Packs `document` followed by at least `spaces` spaces, at about 1:158.
pub(super) fn bomb(document: &[u8], spaces: usize) -> Vec<u8> {
    let mut deflate = Deflate::default();
    deflate.bits(1, 1); // the last block
    deflate.bits(1, 2); // with fixed Huffman codes
    for &byte in document {
        deflate.literal(byte);
    }
    deflate.literal(b' ');
    let repeats = spaces.div_ceil(LONGEST_MATCH);
    for _ in 0..repeats {
        deflate.code(0b1100_0101, 8); // the longest match,
        deflate.code(0, 5); // at distance 1
    }
    deflate.code(0, 7); // end of block
    let packed = deflate.finish();

    let spaces = 1 + repeats * LONGEST_MATCH;
    let length = document.len() + spaces;
    // RFC 1952 §2.3.1: the length counts modulo 2^32.
    let length = u32::try_from(length % (1 << 32)).unwrap_or_default();
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    out.extend(packed);
    out.extend(crc32(document, spaces).to_le_bytes());
    out.extend(length.to_le_bytes());
    out
}

const LONGEST_MATCH: usize = 258;

#[derive(Default)]
struct Deflate {
    out: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Deflate {
    /// RFC 1951 §3.1.1: values are packed starting with the least significant bit.
    fn bits(&mut self, value: u32, count: u32) {
        self.pending |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.pending.to_le_bytes()[0]);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// RFC 1951 §3.1.1: Huffman codes are packed starting with the most significant bit.
    fn code(&mut self, code: u32, length: u32) {
        self.bits(code.reverse_bits() >> (32 - length), length);
    }

    /// RFC 1951 §3.2.6.
    fn literal(&mut self, byte: u8) {
        match u32::from(byte) {
            value @ 0..=143 => self.code(0x30 + value, 8),
            value => self.code(0x190 + value - 144, 9),
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.bits(0, (8 - self.count) % 8);
        self.out
    }
}

/// The checksum of `document` followed by so many spaces.
fn crc32(document: &[u8], spaces: usize) -> u32 {
    let crc = document.iter().fold(u32::MAX, |crc, &byte| step(crc, byte));
    !repeat(crc, b' ', spaces)
}

fn step(crc: u32, byte: u8) -> u32 {
    const TABLE: [u32; 256] = table();
    let entry = TABLE.get(usize::from(crc.to_le_bytes()[0] ^ byte));
    (crc >> 8) ^ entry.copied().unwrap_or_default()
}

/// `count` times `step`, in a number of operations that grows with the logarithm of `count`.
///
/// A step is an affine map over bits; so is a step done twice. Fifty million of them, one by one, would hold up the
/// runtime of a debug build for seconds.
fn repeat(mut crc: u32, byte: u8, mut count: usize) -> u32 {
    let mut constant = step(0, byte);
    let mut columns: [u32; 32] = std::array::from_fn(|bit| step(1 << bit, byte) ^ constant);
    while count > 0 {
        let linear = |vector: u32| {
            let chosen = columns
                .iter()
                .enumerate()
                .filter(|(bit, _)| vector >> bit & 1 == 1);
            chosen.fold(0, |sum, (_, column)| sum ^ column)
        };
        if count % 2 == 1 {
            crc = linear(crc) ^ constant;
        }
        constant ^= linear(constant);
        columns = columns.map(linear);
        count /= 2;
    }
    crc
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated while compiling"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut entry = index as u32;
        let mut bit = 0;
        while bit < 8 {
            entry = (entry >> 1) ^ (0xedb8_8320 * (entry & 1));
            bit += 1;
        }
        table[index] = entry;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_standard_s_check_value() {
        assert_eq!(crc32(b"123456789", 0), 0xcbf4_3926);
    }

    #[test]
    fn repeated_steps_are_the_steps_one_by_one() {
        for spaces in [0, 1, 2, 3, 258, 1_000] {
            let plain = [b"{}".to_vec(), vec![b' '; spaces]].concat();
            assert_eq!(crc32(b"{}", spaces), crc32(&plain, 0), "{spaces}");
        }
    }

    #[test]
    fn a_bomb_is_small_and_names_its_true_length() {
        let bomb = bomb(b"{}", 1_000_000);
        assert!(bomb.len() < 7_000, "{}", bomb.len());
        let length = bomb.last_chunk().copied().map(u32::from_le_bytes);
        assert_eq!(length, Some(3 + 1_000_008));
    }
}
