//! From an answer's header fields to how long it stays fresh (RFC 9111 §4.2).

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES};

/// How long the answer with these fields says that it is still fresh; `None` if it does not say.
///
/// `max-age`, or else `Expires` less `Date`; and less `Age`. We are a private cache: `s-maxage` does not concern us.
pub(super) fn stated_freshness(fields: &HeaderMap) -> Option<Duration> {
    let lifetime = cache_control(fields).or_else(|| expires(fields))?;
    Some(lifetime.saturating_sub(age(fields)))
}

/// What `Cache-Control` says. Of two answers the shorter; one that cannot be read is no reason to wait (RFC 9111 §4.2.1).
fn cache_control(fields: &HeaderMap) -> Option<Duration> {
    let mut shortest = None;
    for value in fields.get_all(CACHE_CONTROL) {
        let Ok(value) = value.to_str() else {
            return Some(Duration::ZERO);
        };
        for directive in value.split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            let lifetime = match name.trim() {
                name if name.eq_ignore_ascii_case("max-age") => delta_seconds(argument),
                name if name.eq_ignore_ascii_case("no-store") => Duration::ZERO,
                name if name.eq_ignore_ascii_case("no-cache") => Duration::ZERO,
                _ => continue,
            };
            shortest = Some(shortest.map_or(lifetime, |shortest: Duration| shortest.min(lifetime)));
        }
    }
    shortest
}

/// Reads delta-seconds, quoted or not (RFC 9111 §1.2.2, §5.2). Too large a number is very long; anything else nothing.
fn delta_seconds(text: &str) -> Duration {
    let text = text.trim();
    let digits = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Duration::ZERO;
    }
    Duration::from_secs(digits.parse().unwrap_or(u64::MAX))
}

/// What `Expires` says. An invalid one, such as `0`, is in the past (RFC 9111 §5.3); without `Date` it says nothing.
fn expires(fields: &HeaderMap) -> Option<Duration> {
    let seconds = |name| {
        fields
            .get(name)
            .map(|value| value.to_str().ok().and_then(imf_fixdate))
    };
    let date = seconds(DATE)??;
    let expires = seconds(EXPIRES)?.unwrap_or(0);
    Some(Duration::from_secs(expires.saturating_sub(date)))
}

fn age(fields: &HeaderMap) -> Duration {
    fields
        .get(AGE)
        .and_then(|age| age.to_str().ok())
        .map_or(Duration::ZERO, delta_seconds)
}

/// Reads the one date format that may be sent, `Sun, 06 Nov 1994 08:49:37 GMT`, as seconds since 1970 (RFC 9110 §5.6.7).
fn imf_fixdate(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.trim().split_once(", ")?.1.split(' ');
    let number = |word: Option<&str>, digits: usize| -> Option<u64> {
        word.filter(|word| word.len() == digits && word.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok()
    };
    let day = number(words.next(), 2).filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = number(words.next(), 4).filter(|year| *year >= 1970)?;
    let mut time = words.next()?.split(':');
    let hour = number(time.next(), 2).filter(|hour| *hour < 24)?;
    let minute = number(time.next(), 2).filter(|minute| *minute < 60)?;
    let second = number(time.next(), 2).filter(|second| *second <= 60)?;
    if words.next() != Some("GMT") || words.next().is_some() || time.next().is_some() {
        return None;
    }
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let leaps: u64 = (1970..year).map(|year| u64::from(is_leap(year))).sum();
    let before_month: u64 = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        .iter()
        .take(month)
        .sum();
    let leap_day = u64::from(is_leap(year) && month > 1);
    let days = (year - 1970) * 365 + leaps + before_month + leap_day + (day - 1);
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn freshness_is_what_the_fields_say() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let later = ("expires", "Sun, 06 Nov 1994 09:49:37 GMT");
        type Fields<'f> = &'f [(&'f str, &'f str)];
        let table: &[(Fields<'_>, Option<u64>)] = &[
            (&[], None),
            (&[("cache-control", "public")], None),
            (&[("cache-control", "max-age=300")], Some(300)),
            (&[("cache-control", "public, Max-Age = \"300\"")], Some(300)),
            (
                &[("cache-control", "max-age=300"), ("age", "100")],
                Some(200),
            ),
            (&[("cache-control", "max-age=300"), ("age", "400")], Some(0)),
            (
                &[("cache-control", "max-age=300"), ("age", "soon")],
                Some(300),
            ),
            (&[("cache-control", "max-age=300, max-age=60")], Some(60)),
            (
                &[
                    ("cache-control", "max-age=300"),
                    ("cache-control", "no-store"),
                ],
                Some(0),
            ),
            (&[("cache-control", "max-age=300, no-cache")], Some(0)),
            (&[("cache-control", "no-cache=\"x\"")], Some(0)),
            (&[("cache-control", "s-maxage=300")], None),
            (&[("cache-control", "max-age=-1")], Some(0)),
            (&[("cache-control", "max-age=")], Some(0)),
            (&[("cache-control", "max-age")], Some(0)),
            (&[("cache-control", "max-age=1.5")], Some(0)),
            (
                &[("cache-control", "max-age=99999999999999999999999")],
                Some(u64::MAX),
            ),
            (&[("cache-control", "max-age=\u{e9}")], Some(0)),
            (&[("cache-control", "max-age=300"), date, later], Some(300)),
            (&[date, later], Some(3600)),
            (&[date, later, ("age", "600")], Some(3000)),
            (&[date, ("expires", "0")], Some(0)),
            (
                &[date, ("expires", "Sat, 05 Nov 1994 08:49:37 GMT")],
                Some(0),
            ),
            (&[later], None),
            (&[("date", "yesterday"), later], None),
            (&[("age", "100")], None),
        ];
        for (fields, want) in table {
            let mut map = HeaderMap::new();
            for (name, value) in *fields {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
            assert_eq!(
                stated_freshness(&map),
                want.map(Duration::from_secs),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn a_date_is_read_exactly_or_not_at_all() {
        for (text, want) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
            ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800)),
            ("Sun, 22 Nov 2026 12:00:00 GMT", Some(1_795_348_800)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37 1994", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT GMT", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sun, 06 Nov 1969 08:49:37 GMT", None),
            ("Sun, 06 nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("Sun, +6 Nov 1994 08:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(imf_fixdate(text), want, "{text}");
        }
    }
}
