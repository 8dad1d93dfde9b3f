//! Which octets are a sound Ed25519 public key (RFC 8032 §5.1.3, RFC 8725 §3.4).
//!
//! Backends differ in what they refuse, and some look at a point no sooner than at the first signature. Under a point
//! of small order one signature verifies for many messages, so such keys must never come in.

use curve25519_dalek::edwards::CompressedEdwardsY;

/// Why octets are no sound key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsound {
    /// Not the canonical encoding of a point on the curve.
    OffCurve,
    /// A point of order 1, 2, 4 or 8.
    SmallOrder,
}

/// Checks the encoding of a point.
pub(super) fn check(encoded: &[u8; 32]) -> Result<(), Unsound> {
    let compressed = CompressedEdwardsY(*encoded);
    let point = compressed.decompress().ok_or(Unsound::OffCurve)?;
    if point.is_small_order() {
        return Err(Unsound::SmallOrder);
    }
    // Decompression reduces a y beyond the prime; RFC 8032 §5.1.3 has such an encoding refused.
    if point.compress() != compressed {
        return Err(Unsound::OffCurve);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(y: u8) -> [u8; 32] {
        let mut octets = [0; 32];
        octets[0] = y;
        octets
    }

    #[test]
    fn a_small_y_is_on_the_curve_or_not() {
        // Computed with big integers, by trying the square root.
        let on_curve = [
            3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 19, 21, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 35,
            37, 39,
        ];
        for y in 2..40 {
            let want = if on_curve.contains(&y) {
                Ok(())
            } else {
                Err(Unsound::OffCurve)
            };
            assert_eq!(check(&encoded(y)), want, "{y}");
            let mut negative = encoded(y);
            negative[31] |= 0x80;
            assert_eq!(check(&negative), want, "-{y}");
        }
    }

    #[test]
    fn a_real_key_passes() {
        // RFC 8032 §7.1, test 1 (the key of RFC 8037 appendix A), and test 2.
        for key in [
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
        ] {
            let key = crate::jose::base64url::decode(key).and_then(|key| key.try_into().ok());
            assert_eq!(key.as_ref().map(check), Some(Ok(())));
        }
    }

    #[test]
    fn small_order_is_refused_in_every_encoding() {
        let minus_one = {
            let mut octets = [0xff; 32];
            octets[0] = 0xec;
            octets[31] = 0x7f;
            octets
        };
        let order_8 = [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ];
        let order_8_negative = [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ];
        for y in [encoded(0), encoded(1), minus_one, order_8, order_8_negative] {
            for sign in [0, 0x80] {
                let mut octets = y;
                octets[31] |= sign;
                assert_eq!(check(&octets), Err(Unsound::SmallOrder), "{octets:02x?}");
            }
        }
    }

    #[test]
    fn a_y_beyond_the_prime_is_refused() {
        // 2²⁵⁵ - 19 to 2²⁵⁵ - 1 stand for 0 to 18 once more.
        for lowest in 0xed..=0xff {
            for sign in [0, 0x80] {
                let mut octets = [0xff; 32];
                octets[0] = lowest;
                octets[31] = 0x7f | sign;
                assert!(check(&octets).is_err(), "{octets:02x?}");
            }
        }
    }
}
