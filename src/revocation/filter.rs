//! Tells quickly that something is not there.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fingerprint::Fingerprint;

/// Three bits of one word for each fingerprint that was put in, of so many words that hardly any other finds its three set: whoever does
/// not is not there, and needs no look at the map, whose locks and memory cost several times as much.
///
/// A bit of what is there is never cleared, not for a moment: that would let a revoked token pass.
pub(super) struct Filter {
    words: Box<[AtomicU64]>,
}

/// The bits that are to be kept, of a [`Filter`] of the same size.
pub(super) struct Kept(Box<[u64]>);

impl Filter {
    /// For about so many; then one of a hundred that are not there seems to be. At most 2 MiB.
    pub(super) fn of(most: u64) -> Self {
        let bits = most.clamp(64, 1 << 20).next_power_of_two() * 16;
        let words = (0..bits / 64).map(|_| AtomicU64::new(0)).collect();
        Self { words }
    }

    pub(super) fn may_hold(&self, fingerprint: Fingerprint) -> bool {
        let (at, bits) = place(fingerprint, self.words.len());
        // If there is no such word, which cannot be, the map is asked.
        self.words
            .get(at)
            .is_none_or(|word| word.load(Ordering::Acquire) & bits == bits)
    }

    pub(super) fn put(&self, fingerprint: Fingerprint) {
        let (at, bits) = place(fingerprint, self.words.len());
        if let Some(word) = self.words.get(at) {
            word.fetch_or(bits, Ordering::Release);
        }
    }

    pub(super) fn none_kept(&self) -> Kept {
        Kept(self.words.iter().map(|_| 0).collect())
    }

    /// Clears all bits but those. Nothing may be put in from [`none_kept`](Self::none_kept) until this is done.
    pub(super) fn keep(&self, kept: &Kept) {
        for (word, kept) in self.words.iter().zip(&kept.0) {
            word.fetch_and(*kept, Ordering::Release);
        }
    }
}

impl Kept {
    pub(super) fn put(&mut self, fingerprint: Fingerprint) {
        let (at, bits) = place(fingerprint, self.0.len());
        if let Some(word) = self.0.get_mut(at) {
            *word |= bits;
        }
    }
}

/// Which bits of which word: by octets that the map does not go by.
fn place(fingerprint: Fingerprint, words: usize) -> (usize, u64) {
    let [.., first, second, third, a, b, c, d, _] = fingerprint.octets();
    let bit = |octet: u8| 1_u64 << (octet % 64);
    let word = u32::from_be_bytes([a, b, c, d]) as usize % words;
    (word, bit(first) | bit(second) | bit(third))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn name(number: u64) -> Fingerprint {
        Fingerprint::token_id("https://id.example.com", &number.to_string())
    }

    #[test]
    fn what_was_put_in_is_held_and_most_of_the_rest_is_not() {
        let filter = Filter::of(1000);
        for number in 0..1000 {
            filter.put(name(number));
        }
        assert!((0..1000).all(|number| filter.may_hold(name(number))));
        let seeming = (1000..101_000).filter(|number| filter.may_hold(name(*number)));
        let seeming = seeming.count();
        assert!(seeming < 3000, "{seeming} of 100 000");
    }

    #[test]
    fn what_is_kept_is_held_and_the_rest_is_forgotten() {
        let filter = Filter::of(1000);
        for number in 0..1000 {
            filter.put(name(number));
        }
        let mut kept = filter.none_kept();
        for number in 0..100 {
            kept.put(name(number));
        }
        filter.keep(&kept);
        assert!((0..100).all(|number| filter.may_hold(name(number))));
        let left = (100..1000).filter(|number| filter.may_hold(name(*number)));
        assert!(left.count() < 50);
    }

    #[test]
    fn what_is_kept_is_held_at_every_moment() {
        let filter = Filter::of(64);
        let mut kept = filter.none_kept();
        for number in 0..64 {
            filter.put(name(number));
            kept.put(name(number));
        }
        let held: Vec<_> = (0..64).map(name).collect();
        thread::scope(|scope| {
            let keeps = scope.spawn(|| (0..100_000).for_each(|_| filter.keep(&kept)));
            while !keeps.is_finished() {
                assert!(held.iter().all(|name| filter.may_hold(*name)));
            }
        });
    }

    #[test]
    fn a_filter_of_any_size_holds_what_was_put_in() {
        for most in [0, 1, 64, 65, 1 << 20, u64::MAX] {
            let filter = Filter::of(most);
            filter.put(name(1));
            assert!(filter.may_hold(name(1)));
            assert!(!filter.may_hold(name(2)), "{most}");
        }
    }
}
