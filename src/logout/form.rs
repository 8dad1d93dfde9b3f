//! The form that a logout request carries: which body is one, and the one logout token in it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

/// The longest body that is read, in bytes: four times the longest token.
const LONGEST: usize = 64 * 1024;

/// How long a body may take: a provider sends it in one piece.
const SLOWEST: Duration = Duration::from_secs(5);

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

const FIELD: &str = "logout_token";

/// Why a request is no logout request (OpenID Connect Back-Channel Logout 1.0 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FormError {
    /// The body is not said, once, to be `application/x-www-form-urlencoded`.
    ContentType,
    /// The body is longer than is read.
    TooLong {
        /// The most that is read, in bytes.
        limit: usize,
    },
    /// The body broke off, or did not come in time.
    Incomplete,
    /// The body is no form: an octet that must be encoded is not, or an encoding is broken.
    Malformed,
    /// The form has no `logout_token`.
    TokenMissing,
    /// The form has more than one `logout_token`.
    TokenRepeated,
}

impl FormError {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ContentType => "form_content_type",
            Self::TooLong { .. } => "form_too_long",
            Self::Incomplete => "form_incomplete",
            Self::Malformed => "form_malformed",
            Self::TokenMissing => "form_token_missing",
            Self::TokenRepeated => "form_token_repeated",
        }
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentType => write!(f, "content type is not {MEDIA_TYPE}"),
            Self::TooLong { limit } => write!(f, "body of more than {limit} bytes"),
            Self::Incomplete => f.write_str("body did not come whole, or not in time"),
            Self::Malformed => f.write_str("body is not one well-formed form"),
            Self::TokenMissing => write!(f, "form has no \"{FIELD}\""),
            Self::TokenRepeated => write!(f, "form has more than one \"{FIELD}\""),
        }
    }
}

impl Error for FormError {}

/// The logout token that a request carries.
pub(super) async fn logout_token<B>(headers: &HeaderMap, body: B) -> Result<String, FormError>
where
    B: BodyExt,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if !is_form(headers) {
        return Err(FormError::ContentType);
    }
    let body = Limited::new(body, LONGEST).collect();
    let body = match timeout(SLOWEST, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(FormError::TooLong { limit: LONGEST });
        }
        Ok(Err(_)) | Err(_) => return Err(FormError::Incomplete),
    };
    sole_token(&body)
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    // A charset changes nothing: what is no ASCII is encoded.
    let media_type = only.to_str().ok().and_then(|it| it.split(';').next());
    media_type.is_some_and(|it| {
        it.trim_end_matches([' ', '\t'])
            .eq_ignore_ascii_case(MEDIA_TYPE)
    })
}

/// The value of the only field of this name; fields of other names are ignored (§2.5), but all must be well formed.
fn sole_token(body: &[u8]) -> Result<String, FormError> {
    let mut token = None;
    for field in body
        .split(|&octet| octet == b'&')
        .filter(|it| !it.is_empty())
    {
        let end = field.iter().position(|&octet| octet == b'=');
        let (name, value) = field.split_at(end.unwrap_or(field.len()));
        let name = decode(name).ok_or(FormError::Malformed)?;
        let value =
            decode(value.strip_prefix(b"=").unwrap_or(value)).ok_or(FormError::Malformed)?;
        if name == FIELD && token.replace(value).is_some() {
            return Err(FormError::TokenRepeated);
        }
    }
    let token = token.ok_or(FormError::TokenMissing)?;
    Ok(token.into_owned())
}

/// What was encoded as `application/x-www-form-urlencoded`; `None` if it was not.
fn decode(encoded: &[u8]) -> Option<Cow<'_, str>> {
    if encoded
        .iter()
        .all(|&octet| octet.is_ascii_graphic() && !b"%+".contains(&octet))
    {
        return std::str::from_utf8(encoded).ok().map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        decoded.push(match octet {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_first_chunk()?;
                rest = after;
                let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
                u8::try_from(high? * 16 + low?).ok()?
            }
            plain if plain.is_ascii_graphic() => plain,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_token_is_found_among_other_fields() {
        for form in [
            "logout_token=a.b-c_d",
            "logout%5Ftoken=a%2eb%2Dc_d",
            "other=%C3%A9&logout_token=a.b-c_d&more",
            "&logout_token=a.b-c_d&",
            "Logout_Token=x&logout_token=a.b-c_d&=&logout_token%00=y",
        ] {
            assert_eq!(
                sole_token(form.as_bytes()).as_deref(),
                Ok("a.b-c_d"),
                "{form}"
            );
        }
        assert_eq!(sole_token(b"logout_token=a+b=c").as_deref(), Ok("a b=c"));
    }

    #[test]
    fn every_other_body_is_refused_for_its_own_reason() {
        use FormError::{Malformed, TokenMissing, TokenRepeated};
        for (body, want) in [
            (b"".as_slice(), TokenMissing),
            (b"token=a", TokenMissing),
            (b"LOGOUT_TOKEN=a", TokenMissing),
            (b"+logout_token=a", TokenMissing),
            (b"{\"logout_token\":\"a\"}", TokenMissing),
            (b"logout_token=a&logout_token=a", TokenRepeated),
            (b"logout_token=a&logout%5ftoken=b", TokenRepeated),
            (b"logout_token=a&logout_token", TokenRepeated),
            (b"logout_token=%", Malformed),
            (b"logout_token=%4", Malformed),
            (b"logout_token=%4g", Malformed),
            (b"logout_token=%+1", Malformed),
            (b"logout_token=%%41", Malformed),
            (b"logout_token=%ff", Malformed),
            (b"logout_token=\xc3\xa9", Malformed),
            (b"logout_token=a b", Malformed),
            (b"logout_token=a\r\n", Malformed),
            (b"logout_token=a\0", Malformed),
            (b"logout_token=a&other=%zz", Malformed),
            (b"logout_token=a&%zz", Malformed),
            (b"\xef\xbb\xbflogout_token=a", Malformed),
        ] {
            assert_eq!(sole_token(body), Err(want), "{}", body.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn what_others_wrote_as_a_form_is_read(
            token in ".*",
            others in vec((".*", ".*").prop_filter("another field", |(name, _)| name != FIELD), 0..4),
        ) {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(&others).append_pair(FIELD, &token);
            prop_assert_eq!(sole_token(form.finish().as_bytes()), Ok(token));
        }

        #[test]
        fn whatever_is_read_is_what_others_read(body in vec(0u8.., 0..64)) {
            let body = [b"logout_token=".as_slice(), &body].concat();
            if let Ok(token) = sole_token(&body) {
                let mut fields = url::form_urlencoded::parse(&body).filter(|(name, _)| name == FIELD);
                prop_assert_eq!(fields.next().map(|(_, token)| token.into_owned()), Some(token));
                prop_assert_eq!(fields.next(), None);
            }
        }
    }

    #[test]
    fn the_content_type_is_named_once_and_knows_no_case() {
        let typed = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for each in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(each));
            }
            is_form(&headers)
        };
        assert!(typed(&[MEDIA_TYPE]));
        assert!(typed(&[
            "Application/X-WWW-Form-URLencoded ; charset=UTF-8"
        ]));
        for types in [
            &[][..],
            &[""],
            &["application/json"],
            &["multipart/form-data; boundary=x"],
            &["application/x-www-form-urlencodedx"],
            &[MEDIA_TYPE, MEDIA_TYPE],
            &["application/x-www-form-urlencoded, text/plain"],
        ] {
            assert!(!typed(types), "{types:?}");
        }
    }
}
