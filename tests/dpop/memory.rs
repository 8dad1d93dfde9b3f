//! What remembering used proofs takes.

use tower_bearer::NumericDate;
use tower_bearer::dpop::{InMemoryReplays, ProofUse, Replay, ReplayStore, Thumbprint};

/// The `number`th of `keys` keys uses a proof of its own.
fn used(number: u32, keys: u32) -> ProofUse {
    let mut key = [0; 32];
    let mut id = [0; 16];
    // Spread over all octets, as those of a digest are.
    let spread =
        |number: u32, salt: u64| (u64::from(number) ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for (at, octets) in key.chunks_exact_mut(8).enumerate() {
        octets.copy_from_slice(&spread(number % keys, at as u64).to_be_bytes());
    }
    for (at, octets) in id.chunks_exact_mut(8).enumerate() {
        octets.copy_from_slice(&spread(number, 7 + at as u64).to_be_bytes());
    }
    // Made within a minute, as they come in.
    let made = i64::from(number / 2_000);
    let at = NumericDate::from_seconds;
    ProofUse::new(Thumbprint::from(key), id, at(made), at(made + 60))
}

#[test]
fn a_hundred_thousand_proofs_take_at_most_32_mib() {
    for keys in [1, 100, 100_000] {
        let taken = allocation_counter::measure(|| {
            let store = InMemoryReplays::new().max_proofs_per_key(100_000);
            for number in 0..100_000 {
                assert!(matches!(store.record(&used(number, keys)), Replay::Fresh));
            }
            assert_eq!(store.size(), 100_000);
            for number in (0..100_000).step_by(997) {
                assert!(matches!(
                    store.record(&used(number, keys)),
                    Replay::Replayed
                ));
            }
        });
        println!("{keys} keys: {} bytes", taken.bytes_max);
        assert!(
            taken.bytes_max <= 32 << 20,
            "{keys} keys: {} bytes",
            taken.bytes_max
        );
    }
}
