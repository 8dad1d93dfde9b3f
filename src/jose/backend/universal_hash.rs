//! NH, the universal hash of UMAC (RFC 4418 §5.2), with words of 64 bits.
//!
//! Under a secret that nobody else knows, two texts of one length have the same hash with a probability of at most 2^-128,
//! whoever chose them, and however: this is proven, and rests on no assumption (Black, Halevi, Krawczyk, Krovetz, Rogaway:
//! "UMAC: Fast and Secure Message Authentication", CRYPTO '99; NH with the Toeplitz construction, of two rows). It is no more
//! than that. Whoever knows the secret, or sees hashes, can make texts with the hash of another: a hash goes into a one-way
//! function, and nowhere else.

/// Hashes texts of a bounded length, under a secret that is as long as the longest.
pub(super) struct UniversalHash {
    /// Two words for each two of the text, and two more.
    secret: Box<[[u64; 2]]>,
}

/// What is hashed in one step.
pub(super) type Block = [u8; 16];

impl UniversalHash {
    /// For texts of at most `longest` octets; `fill` fills with random octets.
    pub(super) fn new(longest: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let steps = longest / size_of::<Block>() + 1;
        let mut octets = vec![Block::default(); steps + 1];
        fill(octets.as_flattened_mut());
        Self {
            secret: octets.iter().map(words).collect(),
        }
    }

    /// The hash of `text` by each row, and its length; `None` if it is too long.
    pub(super) fn hash(&self, text: &[u8]) -> Option<[Block; 3]> {
        let (blocks, rest) = text.as_chunks();
        // Zeros fill it up: a text that ends in them has another length.
        let mut last = Block::default();
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let key_of_last = (
            self.secret.get(blocks.len())?,
            self.secret.get(blocks.len() + 1)?,
        );

        let second_row = self.secret.get(1..).unwrap_or_default();
        let keys = self.secret.iter().zip(second_row);
        let mut rows = keys
            .zip(blocks)
            .fold([0; 2], |rows, (key, block)| add(rows, key, block));
        rows = add(rows, key_of_last, &last);

        let [first, second] = rows;
        Some([first, second, text.len() as u128].map(u128::to_le_bytes))
    }
}

/// One step of both rows; the key of the second is that of the first, two words further on.
fn add(rows: [u128; 2], key: (&[u64; 2], &[u64; 2]), block: &Block) -> [u128; 2] {
    let ([first, second], [low, high]) = (rows, words(block));
    let product = |[key_low, key_high]: &[u64; 2]| {
        u128::from(low.wrapping_add(*key_low)) * u128::from(high.wrapping_add(*key_high))
    };
    [
        first.wrapping_add(product(key.0)),
        second.wrapping_add(product(key.1)),
    ]
}

fn words(block: &Block) -> [u64; 2] {
    let mut words = [0; 2];
    let (octets, _) = block.as_chunks();
    words
        .iter_mut()
        .zip(octets)
        .for_each(|(word, octets)| *word = u64::from_le_bytes(*octets));
    words
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "the lengths are in sight")]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A secret that anyone can compute again: 1, 2, 3 and so on, spread over all bits.
    fn counted(longest: usize) -> UniversalHash {
        UniversalHash::new(longest, |octets| {
            for (number, word) in (1_u64..).zip(octets.as_chunks_mut::<8>().0) {
                *word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
            }
        })
    }

    #[test]
    fn it_is_what_the_definition_says() {
        let key = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for length in [0, 1, 8, 15, 16, 17, 31, 32, 33, 48, 100] {
            let text: Vec<u8> = (0..length).map(|at: u8| at.wrapping_mul(7)).collect();
            let mut padded = text.clone();
            padded.resize((text.len() / 16 + 1) * 16, 0);
            let words: Vec<u64> = padded
                .chunks(8)
                .map(|word| u64::from_le_bytes(word.try_into().expect("eight")))
                .collect();
            let mut want = Vec::new();
            for shift in [1, 3] {
                let mut sum = 0_u128;
                for at in (0..words.len()).step_by(2) {
                    let number = at as u64 + shift;
                    let one = words[at].wrapping_add(key(number));
                    let other = words[at + 1].wrapping_add(key(number + 1));
                    sum = sum.wrapping_add(u128::from(one) * u128::from(other));
                }
                want.extend(sum.to_le_bytes());
            }
            want.extend(u128::from(length).to_le_bytes());
            let hash = counted(100).hash(&text).map(|hash| hash.concat());
            assert_eq!(hash, Some(want), "{length}");
        }
    }

    #[test]
    fn one_octet_more_or_less_or_changed_makes_another_hash() {
        let hasher = counted(64);
        let text = [b'a'; 63];
        let mut seen = HashSet::from([hasher.hash(&text)]);
        for at in 0..text.len() {
            assert!(seen.insert(hasher.hash(&text[..at])), "{at}");
            for bit in 0..8 {
                let mut changed = text;
                changed[at] ^= 1 << bit;
                assert!(seen.insert(hasher.hash(&changed)), "{bit} of {at}");
            }
        }
        for zeros in 1..64 {
            assert!(seen.insert(hasher.hash(&vec![0; zeros])), "{zeros}");
        }
    }

    #[test]
    fn a_text_beyond_the_secret_has_no_hash() {
        for longest in [0, 1, 15, 16, 17, 100] {
            let hasher = counted(longest);
            assert!(hasher.hash(&vec![b'a'; longest]).is_some(), "{longest}");
            assert!(
                hasher.hash(&vec![b'a'; longest + 16]).is_none(),
                "{longest}"
            );
        }
    }

    #[test]
    fn another_secret_makes_another_hash() {
        let other = UniversalHash::new(64, |octets| octets.fill(7));
        assert_ne!(other.hash(b"text"), counted(64).hash(b"text"));
    }
}
