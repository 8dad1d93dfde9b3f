//! Where a token is read from: the one `Authorization` header of a request (RFC 6750 §2.1).
//!
//! A request passes if it has exactly one `Authorization` header, whose scheme is `Bearer` in any case, followed by
//! one or more spaces and one b64token, and no `access_token` in the query beside it. No such header, or one of another scheme, is no credential (401 without an
//! error code); two of them, or two credentials joined by a comma, or a malformed one, are an invalid request (400):
//! whoever picks one of several lets a client show one identity to us and another to the next server.

use std::str;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use url::form_urlencoded;

use crate::error::VerifyErrorKind;

const SCHEME: &[u8] = b"bearer";

/// The token of a request, as it was sent.
///
/// A token in the query as well is two credentials (RFC 6750 §2): a server behind us may read the other one. Alone it is
/// none, since it would stand in every log on the way (RFC 9700 §4.3.2).
pub(crate) fn bearer_token<'r>(
    headers: &'r HeaderMap,
    uri: &Uri,
) -> Result<&'r str, VerifyErrorKind> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(VerifyErrorKind::CredentialMissing)?;
    if values.next().is_some() {
        return Err(VerifyErrorKind::CredentialRepeated);
    }
    let value = value.as_bytes();
    let Some(credentials) = strip_scheme(value) else {
        return Err(judge_other_scheme(value));
    };
    let token = read_credentials(credentials)?;
    if uri.query().is_some_and(holds_token) {
        return Err(VerifyErrorKind::CredentialRepeated);
    }
    Ok(token)
}

/// RFC 6750 §2.3: the parameter `access_token`.
fn holds_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// What follows `Bearer`, if the value begins so.
fn strip_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
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

/// RFC 6750 §2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|&&byte| byte == b'=').count();
    let (text, _) = token.split_at(token.len() - padding);
    // Every byte of every token passes here: without a branch between two bytes, many are judged at once.
    let all_allowed = text.iter().fold(true, |all, &byte| {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit_or_dash_dot_slash = byte.wrapping_sub(b'-') <= b'9' - b'-';
        all & (letter | digit_or_dash_dot_slash | (byte == b'_') | (byte == b'~') | (byte == b'+'))
    });
    all_allowed && !text.is_empty()
}

/// Another scheme is not for us, unless a bearer credential hides behind a comma (RFC 9110 §5.3), or there is none.
fn judge_other_scheme(value: &[u8]) -> VerifyErrorKind {
    let begins_bearer = |part: &[u8]| {
        strip_scheme(part.trim_ascii_start())
            .is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t')))
    };
    if value.split(|&byte| byte == b',').skip(1).any(begins_bearer) {
        return VerifyErrorKind::CredentialRepeated;
    }
    if value.first().is_some_and(u8::is_ascii_alphanumeric) {
        VerifyErrorKind::CredentialMissing
    } else {
        VerifyErrorKind::CredentialMalformed
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn outcome(value: &[u8]) -> Result<String, VerifyErrorKind> {
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_bytes(value).expect("a header value"),
        );
        bearer_token(&headers, &Uri::default()).map(str::to_owned)
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
    fn a_b64token_is_of_the_characters_of_rfc_6750_alone() {
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_b64token(&[byte]), allowed, "{byte:#04x}");
            assert_eq!(
                is_b64token(&[b"abc", &[byte][..], b"xyz"].concat()),
                allowed,
                "{byte:#04x}"
            );
        }
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
            assert_eq!(
                bearer_token(&headers, &Uri::default()),
                Err(VerifyErrorKind::CredentialRepeated)
            );
        }
    }
}
