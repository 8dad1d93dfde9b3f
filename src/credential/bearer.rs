//! The one `Authorization` header of a request (RFC 6750 §2.1, RFC 9449 §7.1).

use std::str;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::grammar::is_b64token;
use crate::dpop::Scheme;
use crate::error::VerifyErrorKind;

const BEARER: &[u8] = b"bearer";
const DPOP: &[u8] = b"dpop";

/// What the `Authorization` header says.
pub(crate) enum Authorization<'r> {
    /// There is none.
    Absent,
    /// What stands there in a scheme by which tokens are sent.
    Token(Unread<'r>),
    /// One of another scheme.
    Other(&'r [u8]),
}

/// What follows the scheme, which is not looked at yet.
pub(crate) struct Unread<'r> {
    pub(super) scheme: Scheme,
    spaces: usize,
    token: &'r [u8],
}

/// Reads the header, and `DPoP` as a scheme of tokens if `dpop` says so. Two of them are two credentials, whatever their schemes.
pub(super) fn authorization(
    headers: &HeaderMap,
    dpop: bool,
) -> Result<Authorization<'_>, VerifyErrorKind> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(Authorization::Absent);
    };
    if values.next().is_some() {
        return Err(VerifyErrorKind::CredentialRepeated);
    }
    let value = value.as_bytes();
    if let Some(credentials) = strip_scheme(value, BEARER) {
        return Ok(Authorization::Token(Unread::new(
            Scheme::Bearer,
            credentials,
        )));
    }
    match dpop_credentials(value).filter(|_| dpop) {
        Some(credentials) => Ok(Authorization::Token(Unread::new(Scheme::Dpop, credentials))),
        None => check_other_scheme(value, dpop).map(|()| Authorization::Other(value)),
    }
}

/// What follows the scheme `DPoP`, and not that of another one whose name begins so.
fn dpop_credentials(value: &[u8]) -> Option<&[u8]> {
    strip_scheme(value, DPOP).filter(|rest| matches!(rest.first(), None | Some(b' ' | b'\t')))
}

/// By which scheme a token is sent in the header, if there is one.
pub(super) fn scheme(headers: &HeaderMap) -> Scheme {
    let value = headers.get(AUTHORIZATION);
    match value.and_then(|value| dpop_credentials(value.as_bytes())) {
        Some(_) => Scheme::Dpop,
        None => Scheme::Bearer,
    }
}

impl<'r> Unread<'r> {
    fn new(scheme: Scheme, credentials: &'r [u8]) -> Self {
        let spaces = credentials.iter().take_while(|&&byte| byte == b' ').count();
        Self {
            scheme,
            spaces,
            token: credentials.get(spaces..).unwrap_or_default(),
        }
    }

    /// What stands where the token should, whether it is one or not.
    pub(super) fn unread(&self) -> Option<&'r [u8]> {
        (self.spaces > 0).then_some(self.token)
    }

    /// Reads 1*SP b64token.
    pub(super) fn read(self) -> Result<&'r str, VerifyErrorKind> {
        let token = self.token;
        if self.spaces > 0 && is_b64token(token) {
            return str::from_utf8(token).map_err(|_| VerifyErrorKind::CredentialMalformed);
        }
        if token.contains(&b',') {
            return Err(VerifyErrorKind::CredentialRepeated);
        }
        Err(VerifyErrorKind::CredentialMalformed)
    }
}

/// What follows the scheme, if the value begins with it (RFC 9110 §11.1: in any case).
pub(super) fn strip_scheme<'v>(value: &'v [u8], scheme: &[u8]) -> Option<&'v [u8]> {
    let (begin, rest) = value.split_at_checked(scheme.len())?;
    begin.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Another scheme is none of ours, unless a token hides behind a comma (RFC 9110 §5.3), or there is no scheme at all.
fn check_other_scheme(value: &[u8], dpop: bool) -> Result<(), VerifyErrorKind> {
    let is_token = |part: &[u8]| {
        let part = part.trim_ascii_start();
        let bearer = strip_scheme(part, BEARER)
            .is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t')));
        bearer || (dpop && dpop_credentials(part).is_some())
    };
    if value.split(|&byte| byte == b',').skip(1).any(is_token) {
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
        match authorization(headers, false)? {
            Authorization::Token(token) => token.read().map(str::to_owned),
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
