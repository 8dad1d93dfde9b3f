//! The second good form of an ECDSA signature on P-256, which anyone can compute.

#![expect(clippy::indexing_slicing, reason = "both numbers have 32 octets")]

use tower_bearer::testing::RawToken;

/// The order of P-256 (FIPS 186-4 §D.1.2.3), big-endian.
pub(crate) const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The same token with R and the negative of S.
pub(crate) fn twin(token: &RawToken) -> RawToken {
    token.clone().map_signature(|signature| {
        let (r, s) = signature.split_at(32);
        [r, &subtract(P256_ORDER, s)].concat()
    })
}

fn subtract(from: [u8; 32], number: &[u8]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let digit = 256 + i32::from(from[at]) - i32::from(number[at]) - borrow;
        difference[at] = digit.to_le_bytes()[0];
        borrow = i32::from(digit < 256);
    }
    difference
}
