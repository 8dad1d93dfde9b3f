//! The one `Authorization` header of a request (RFC 6750 §2.1).

use std::str;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::grammar::is_b64token;
use crate::error::VerifyErrorKind;

const SCHEME: &[u8] = b"bearer";

/// What the `Authorization` header says.
pub(super) enum Authorization<'r> {
    /// There is none.
    Absent,
    /// The token of the scheme `Bearer`.
    Bearer(&'r str),
    /// One of another scheme.
    Other(&'r [u8]),
}

/// Reads the header. Two of them are two credentials, whatever their schemes.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Authorization<'_>, VerifyErrorKind> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(Authorization::Absent);
    };
    if values.next().is_some() {
        return Err(VerifyErrorKind::CredentialRepeated);
    }
    let value = value.as_bytes();
    match strip_scheme(value, SCHEME) {
        Some(credentials) => read_credentials(credentials).map(Authorization::Bearer),
        None => check_other_scheme(value).map(|()| Authorization::Other(value)),
    }
}

/// What follows `Bearer` and its spaces in the only `Authorization` header, whether it is a token or not.
pub(super) fn sole_bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let rest = strip_scheme(values.next()?.as_bytes(), SCHEME)?;
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    let sole = values.next().is_none() && spaces > 0;
    rest.get(spaces..).filter(|_| sole)
}

/// What follows the scheme, if the value begins with it (RFC 9110 §11.1: in any case).
pub(super) fn strip_scheme<'v>(value: &'v [u8], scheme: &[u8]) -> Option<&'v [u8]> {
    let (begin, rest) = value.split_at_checked(scheme.len())?;
    begin.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Reads 1*SP b64token.
fn read_credentials(credentials: &[u8]) -> Result<&str, VerifyErrorKind> {
    let spaces = credentials.iter().take_while(|&&byte| byte == b' ').count();
    let token = credentials.get(spaces..).unwrap_or_default();
    if spaces > 0 && is_b64token(token) {
        return str::from_utf8(token).map_err(|_| VerifyErrorKind::CredentialMalformed);
    }
    if token.contains(&b',') {
        return Err(VerifyErrorKind::CredentialRepeated);
    }
    Err(VerifyErrorKind::CredentialMalformed)
}

/// Another scheme is none of `Bearer`, unless a bearer credential hides behind a comma (RFC 9110 §5.3), or there is no
/// scheme at all.
fn check_other_scheme(value: &[u8]) -> Result<(), VerifyErrorKind> {
    let begins_bearer = |part: &[u8]| {
        strip_scheme(part.trim_ascii_start(), SCHEME)
            .is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t')))
    };
    if value.split(|&byte| byte == b',').skip(1).any(begins_bearer) {
        return Err(VerifyErrorKind::CredentialRepeated);
    }
    if value.first().is_some_and(u8::is_ascii_alphanumeric) {
        Ok(())
    } else {
        Err(VerifyErrorKind::CredentialMalformed)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn find(headers: &HeaderMap) -> Result<String, VerifyErrorKind> {
        match authorization(headers)? {
            Authorization::Bearer(token) => Ok(token.to_owned()),
            Authorization::Absent | Authorization::Other(_) => {
                Err(VerifyErrorKind::CredentialMissing)
            }
        }
    }

    fn outcome(value: &[u8]) -> Result<String, VerifyErrorKind> {
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_bytes(value).expect("a header value"),
        );
        find(&headers)
    }

    #[test]
    fn a_bearer_token_is_read_whatever_the_case_and_number_of_spaces() {
        for value in ["Bearer a.b.c", "bEaReR a.b.c", "BEARER   a.b.c"] {
            assert_eq!(outcome(value.as_bytes()), Ok("a.b.c".to_owned()), "{value}");
        }
        assert_eq!(
            outcome(b"Bearer aZ09-._~+/=="),
            Ok("aZ09-._~+/==".to_owned())
        );
    }

    #[test]
    fn what_is_not_one_bearer_token_is_refused() {
        use VerifyErrorKind::{CredentialMalformed, CredentialMissing, CredentialRepeated};
        let table: [(&[u8], VerifyErrorKind); 19] = [
            (b"", CredentialMalformed),
            (b"Bearer", CredentialMalformed),
            (b"Bearer ", CredentialMalformed),
            (b"Bearer\ta.b.c", CredentialMalformed),
            (b"Bearer\xA0a.b.c", CredentialMalformed),
            (b"Bearer \ta.b.c", CredentialMalformed),
            (b"Bearera.b.c", CredentialMalformed),
            (b"Bearer a.b.c ", CredentialMalformed),
            (b"Bearer a b", CredentialMalformed),
            (b"Bearer =", CredentialMalformed),
            (b"Bearer a=b", CredentialMalformed),
            (b"Bearer \xC3\xA9", CredentialMalformed),
            (b"Bearer a, Bearer b", CredentialRepeated),
            (b"Bearer a,b", CredentialRepeated),
            (b"Basic dTpw, Bearer a", CredentialRepeated),
            (b"Basic dTpw,Bearer\ta", CredentialRepeated),
            (b"Basic dTpw,bearer", CredentialRepeated),
            (b"Basic dTpw", CredentialMissing),
            (b"Digest username=\"x\", realm=\"y\"", CredentialMissing),
        ];
        for (value, kind) in table {
            assert_eq!(
                outcome(value),
                Err(kind),
                "{}",
                String::from_utf8_lossy(value)
            );
        }
    }

    #[test]
    fn two_authorization_headers_are_refused_in_either_order() {
        for (first, second) in [
            ("Bearer a.b.c", "Basic dTpw"),
            ("Basic dTpw", "Bearer a.b.c"),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, HeaderValue::from_static(first));
            headers.append(AUTHORIZATION, HeaderValue::from_static(second));
            assert_eq!(find(&headers), Err(VerifyErrorKind::CredentialRepeated));
        }
    }
}
