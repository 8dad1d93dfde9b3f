//! Certificates for the unit tests of this module.

use proptest::prelude::*;

/// RFC 8705 appendix A.
pub(super) const RFC_8705: &str = "\
-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
";
pub(super) const RFC_8705_THUMBPRINT: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
/// The same in hexadecimal digits.
pub(super) const RFC_8705_HASH: &str =
    "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";

/// What nginx 1.22 wrote as `$ssl_client_escaped_cert` of a certificate that openssl had made.
pub(super) const NGINX: &str = concat!(
    "-----BEGIN%20CERTIFICATE-----%0AMIIBpDCCAUmgAwIBAgIUPwJzP9t2qOn15pf67%2Bl90VzDGVIwCgYIKoZIzj0EAwIw%0AJzELMAkGA",
    "1UECgwCw4QxGDAWBgNVBAMMD2NsaWVudCAieCIsIHk7ejAeFw0yNjEx%0AMjIyMjAzMzFaFw0yNjExMjQyMjAzMzFaMCcxCzAJBgNVBAoMAsOE",
    "MRgwFgYDVQQD%0ADA9jbGllbnQgIngiLCB5O3owWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATrD8Ei%0AH9eaVgFuaaIxtdZVkS0GkN0wophL",
    "%2BKIItvd%2Bv7v6YnWIu75Nb27Id7N6YkRmUACP%0A%2FATqJt4YmQ9UbYMEo1MwUTAdBgNVHQ4EFgQU1bD87HRqgLyZZGZq5MAi5%2BlO2qk",
    "w%0AHwYDVR0jBBgwFoAU1bD87HRqgLyZZGZq5MAi5%2BlO2qkwDwYDVR0TAQH%2FBAUwAwEB%0A%2FzAKBggqhkjOPQQDAgNJADBGAiEA2ZLnj",
    "%2B6zwC8VBB9kD7YNyozVlDO8IEAvN%2Fm5%0AAGvOlgMCIQDmfD6xSrvg3MECXjMrEis2hJxiPrbbrY7Mzw0ePpRZAA%3D%3D%0A-----END%",
    "20CERTIFICATE-----%0A",
);
/// By `openssl x509 -outform der | openssl dgst -sha256 -binary | basenc --base64url`.
pub(super) const NGINX_THUMBPRINT: &str = "-1n3ljBmaJwuNmo-DGkBh99GvKMRVkSQM0UPyhbBpLY";

/// DER of a certificate's shape, another one for each number.
pub(super) fn der(number: u8) -> Vec<u8> {
    certificate(&[number; 300])
}

/// DER of a certificate's shape, with a signature of these octets.
pub(super) fn certificate(signature: &[u8]) -> Vec<u8> {
    let parts = [
        tagged(0x30, b"to be signed"),
        tagged(0x30, b"algorithm"),
        tagged(0x03, signature),
    ];
    tagged(0x30, &parts.concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let octets = content.len().to_be_bytes();
    let zeros = octets.iter().take_while(|&&octet| octet == 0).count();
    let length = octets.get(zeros..).unwrap_or_default();
    let length = match length {
        [] => vec![0],
        [short @ 0..0x80] => vec![*short],
        long => [&[0x80 | u8::try_from(long.len()).unwrap_or_default()], long].concat(),
    };
    [&[tag][..], &length, content].concat()
}

/// PEM as nginx and Envoy write it into a header.
pub(super) fn escaped(pem: &str) -> String {
    let mut escaped = pem.to_owned();
    for (character, escape) in [
        ('\n', "%0A"),
        (' ', "%20"),
        ('+', "%2B"),
        ('/', "%2F"),
        ('=', "%3D"),
    ] {
        escaped = escaped.replace(character, escape);
    }
    escaped
}

/// Text of the pieces that the forms of a header are made of.
pub(super) fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        "[ -~]{0,4}",
        prop::sample::select(vec![
            "Hash=",
            "Cert=",
            "URI=",
            "=",
            ",",
            ";",
            "\"",
            "\\",
            "%",
            "%0A",
            "%2",
            ":",
            "MIIB",
            "==",
            "-----BEGIN CERTIFICATE-----",
            "-----END CERTIFICATE-----",
            RFC_8705_HASH,
        ])
        .prop_map(str::to_owned),
        Just(escaped(RFC_8705)),
    ];
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}
