//! HMAC with SHA-256, for codes that we make ourselves (RFC 2104).

use super::backend::sha256;

/// What SHA-256 takes at a time.
const BLOCK: usize = 64;

/// The authentication code of `message` under `secret`.
///
/// For whatever is made once in a while: over both backends alike, and not at the speed of either.
pub(crate) fn hmac_sha256(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let hashed;
    let key = if secret.len() > BLOCK {
        hashed = sha256(secret);
        &hashed[..]
    } else {
        secret
    };
    let keyed = |pad: u8, text: &[u8]| {
        let mut block = vec![pad; BLOCK];
        for (octet, key) in block.iter_mut().zip(key) {
            *octet ^= key;
        }
        block.extend_from_slice(text);
        sha256(&block)
    };
    keyed(0x5c, &keyed(0x36, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn rfc_4231_section_4() {
        let long = [0xaa; 131];
        for (secret, message, code) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(&hmac_sha256(secret, message)), code);
        }
    }
}
