//! What a proxy tells of the request that it was sent (RFC 7239, and what was there before).

use std::borrow::Cow;

use http::HeaderMap;
use http::header::FORWARDED;

/// The request as the proxy next to us got it, as far as it tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told<'r> {
    /// The host and port that were asked for.
    pub(super) host: Option<Cow<'r, str>>,
    /// The scheme by which it was sent.
    pub(super) scheme: Option<Cow<'r, str>>,
}

/// A header that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Reads `Forwarded`. Of several elements the last counts: it is the one that the proxy next to us wrote, and those before it are
/// whatever that proxy was sent.
pub(super) fn forwarded(headers: &HeaderMap) -> Result<Told<'_>, Unreadable> {
    let Some(last) = headers.get_all(FORWARDED).iter().next_back() else {
        return Ok(Told::default());
    };
    let mut rest = last.to_str().map_err(|_| Unreadable)?;
    let mut told = Told::default();
    loop {
        let (name, after) = token(rest);
        if !name.is_empty() {
            let (value, after) = value(after.strip_prefix('=').ok_or(Unreadable)?)?;
            let place = match name {
                name if name.eq_ignore_ascii_case("host") => Some(&mut told.host),
                name if name.eq_ignore_ascii_case("proto") => Some(&mut told.scheme),
                _ => None,
            };
            if place.is_some_and(|place| place.replace(value).is_some()) {
                return Err(Unreadable);
            }
            rest = after;
        }
        rest = spaces(rest);
        if rest.is_empty() {
            return Ok(told);
        }
        if let Some(after) = rest.strip_prefix(',') {
            told = Told::default();
            rest = spaces(after);
        } else {
            rest = spaces(rest.strip_prefix(';').ok_or(Unreadable)?);
        }
    }
}

/// Reads `X-Forwarded-Host` and `X-Forwarded-Proto`, of each the last value.
pub(super) fn x_forwarded(headers: &HeaderMap) -> Result<Told<'_>, Unreadable> {
    Ok(Told {
        host: last_value(headers, "x-forwarded-host")?,
        scheme: last_value(headers, "x-forwarded-proto")?,
    })
}

fn last_value<'r>(headers: &'r HeaderMap, name: &str) -> Result<Option<Cow<'r, str>>, Unreadable> {
    let Some(last) = headers.get_all(name).iter().next_back() else {
        return Ok(None);
    };
    let text = last.to_str().map_err(|_| Unreadable)?;
    let value = text.rsplit(',').next().unwrap_or_default();
    match value.trim_matches([' ', '\t']) {
        "" => Err(Unreadable),
        value => Ok(Some(Cow::Borrowed(value))),
    }
}

/// RFC 9110 §5.6.2, and what follows it.
fn token(text: &str) -> (&str, &str) {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = text.bytes().position(|byte| !in_token(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// A token or a quoted string (RFC 9110 §5.6.4), and what follows it.
fn value(text: &str) -> Result<(Cow<'_, str>, &str), Unreadable> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = token(text);
        return if value.is_empty() {
            Err(Unreadable)
        } else {
            Ok((Cow::Borrowed(value), rest))
        };
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let rest = quoted.get(at + 1..).unwrap_or_default();
                return Ok((Cow::Owned(value), rest));
            }
            '\\' => value.push(characters.next().ok_or(Unreadable)?.1),
            other => value.push(other),
        }
    }
    Err(Unreadable)
}

fn spaces(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn told(host: &str, scheme: &str) -> Result<(String, String), Unreadable> {
        Ok((host.to_owned(), scheme.to_owned()))
    }

    fn shown(outcome: Result<Told<'_>, Unreadable>) -> Result<(String, String), Unreadable> {
        let text = |part: Option<Cow<'_, str>>| part.unwrap_or_default().into_owned();
        outcome.map(|outcome| (text(outcome.host), text(outcome.scheme)))
    }

    #[test]
    fn the_last_element_of_forwarded_counts() {
        for (value, want) in [
            ("host=h;proto=https", told("h", "https")),
            ("for=1.2.3.4;Host=h;PROTO=https;by=_x", told("h", "https")),
            ("host=\"h:8443\"", told("h:8443", "")),
            (
                "host=\"[::1]:8443\"; proto=http",
                told("[::1]:8443", "http"),
            ),
            ("host=\"a\\\"b\"", told("a\"b", "")),
            ("proto=https", told("", "https")),
            ("for=\"[2001:db8::1]:4711\"", told("", "")),
            ("host=evil, for=1.2.3.4;host=h", told("h", "")),
            ("host=evil;proto=http , proto=https", told("", "https")),
            ("host=\"evil,x\",host=h", told("h", "")),
            ("host=h,for=\"a,host=evil\"", told("", "")),
            (";;host=h;;", told("h", "")),
            (", ,host=h", told("h", "")),
            ("host=h,", told("", "")),
            ("", told("", "")),
        ] {
            let headers = headers(&[("forwarded", value)]);
            assert_eq!(shown(forwarded(&headers)), want, "{value}");
        }
        let two = headers(&[
            ("forwarded", "host=evil;proto=http"),
            ("forwarded", "host=h"),
        ]);
        assert_eq!(shown(forwarded(&two)), told("h", ""));
        assert_eq!(shown(forwarded(&HeaderMap::new())), told("", ""));
    }

    #[test]
    fn a_forwarded_that_cannot_be_read_is_not_guessed_at() {
        for value in [
            "host",
            "host=",
            "host=;proto=https",
            "=h",
            "host = h",
            "host=h:8443",
            "host=[::1]",
            "host=\"h",
            "host=\"h\\",
            "host=\"h\"x",
            "host=h;host=h",
            "host=h;HOST=i",
            "proto=https;proto=http",
            "host=h proto=https",
            "host=evil;host=i, host=h",
        ] {
            let headers = headers(&[("forwarded", value)]);
            assert_eq!(forwarded(&headers), Err(Unreadable), "{value}");
        }
    }

    #[test]
    fn the_last_value_of_x_forwarded_counts() {
        for (fields, want) in [
            (&[("x-forwarded-host", "h:8443")][..], told("h:8443", "")),
            (&[("x-forwarded-host", "evil , h")], told("h", "")),
            (
                &[("x-forwarded-host", "evil"), ("x-forwarded-host", "h")],
                told("h", ""),
            ),
            (
                &[
                    ("x-forwarded-host", "h"),
                    ("x-forwarded-proto", "http,https"),
                ],
                told("h", "https"),
            ),
            (&[("x-forwarded-proto", "https")], told("", "https")),
            (&[], told("", "")),
            (&[("forwarded", "host=h")], told("", "")),
            (&[("x-forwarded-host", "")], Err(Unreadable)),
            (&[("x-forwarded-host", "h,")], Err(Unreadable)),
            (&[("x-forwarded-proto", " ")], Err(Unreadable)),
        ] {
            assert_eq!(shown(x_forwarded(&headers(fields))), want, "{fields:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_client_put_before_it_the_last_element_counts(before in r#"[ -~]{0,40}"#) {
            let value = format!("{before}, host=h;proto=https");
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED, value.parse().expect("printable"));
            // Or nothing does, where what comes before cannot be read; an open quotation would hide the rest.
            if let Ok(outcome) = shown(forwarded(&headers)) {
                prop_assert_eq!(Ok(outcome), told("h", "https"));
            }
        }
    }
}
